//! The arithmetic of linear hashing (Litwin 1980): which bucket a hash belongs to, while buckets come and go one at a time.
//!
//! With `n = 2^level + split` buckets, a hash belongs to bucket `hash mod 2^(level+1)` if that is below `n`, else to
//! `hash mod 2^level`. A new bucket takes what belongs to it out of one other, and goes back into that one; nothing else
//! moves. A bucket holds one suffix class of hashes, so walking the classes in the order of their reversed bits survives any
//! number of both: they only divide or join neighbours of that order.

/// The mask of the buckets before the current round of divisions.
#[inline]
fn low_mask(buckets: usize) -> usize {
    (1 << buckets.ilog2()) - 1
}

/// The bucket of a hash.
#[inline]
pub(crate) fn bucket_of(hash: u64, buckets: usize) -> usize {
    let low = low_mask(buckets);
    let wide = hash as usize & (low << 1 | 1);
    if wide < buckets { wide } else { wide & low }
}

/// The bucket out of which the next one takes its part, and the bit of a hash that says so.
#[inline]
pub(crate) fn next_split(buckets: usize) -> (usize, usize) {
    let bit = low_mask(buckets) + 1;
    (buckets - bit, bit)
}

/// The bucket into which the last one goes back; there is more than one.
#[inline]
pub(crate) fn next_merge(buckets: usize) -> usize {
    let last = buckets - 1;
    last - (1 << last.ilog2())
}

/// The bucket that a cursor names, and the cursor of the next class; 0 when this was the last.
pub(crate) fn scan_step(cursor: u64, buckets: usize) -> (usize, u64) {
    let bucket = bucket_of(cursor, buckets);
    let low = low_mask(buckets);
    // Buckets that were divided in this round, and those that came of it, have one more bit.
    let is_wide = bucket > low || (bucket | (low + 1)) < buckets;
    let mask = if is_wide { (low << 1 | 1) as u64 } else { low as u64 };
    let next = (cursor | !mask).reverse_bits().wrapping_add(1).reverse_bits();
    (bucket, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_division_moves_hashes_of_one_bucket_only() {
        for buckets in 1..70 {
            let (source, bit) = next_split(buckets);
            assert_eq!(next_merge(buckets + 1), source);
            for hash in 0..1000 {
                let (before, after) = (bucket_of(hash, buckets), bucket_of(hash, buckets + 1));
                assert!(before < buckets);
                let moves = before == source && hash as usize & bit != 0;
                assert_eq!(after, if moves { buckets } else { before });
            }
        }
    }

    #[test]
    fn a_walk_visits_every_bucket_once() {
        for buckets in 1..70 {
            let (mut seen, mut cursor) = (vec![0; buckets], 0);
            loop {
                let (bucket, next) = scan_step(cursor, buckets);
                seen[bucket] += 1;
                cursor = next;
                if cursor == 0 {
                    break;
                }
            }
            assert!(seen.iter().all(|&times| times == 1), "{seen:?}");
        }
    }
}
