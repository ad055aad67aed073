//! How large the values of a database are, for INFO KEYSIZES: histograms by powers of two, one a type.
//!
//! Nothing is counted while commands run. The figures come from a bounded look at the database: a small one is seen
//! whole, of a large one some pages of shards all over it, and what they hold is scaled to the number of keys.

use value::ValueRef;

use crate::access::Access;
use crate::db::value_of;
use crate::key::DbIndex;

/// Keys that are looked at, about; a database with fewer is seen whole.
const KEYS: usize = 4096;
/// Keys of one shard that are looked at in a large database, about, and the way from shard to shard.
const KEYS_OF_SHARD: usize = 64;
const STRIDE: usize = 389;
/// Classes of sizes: none, and each power of two.
const CLASSES: usize = 65;

/// The sizes of one type's values: for each class how many values it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SizeFigures {
    /// What is counted: `strings_sizes`, `hashes_items`.
    pub name: &'static str,
    classes: [u64; CLASSES],
}

impl SizeFigures {
    /// The least size of each class that has values, and how many.
    pub fn classes(&self) -> impl Iterator<Item = (u64, u64)> {
        let numbered = self.classes.iter().enumerate();
        numbered
            .filter(|(_, count)| **count > 0)
            .map(|(class, &count)| (class.checked_sub(1).map_or(0, |power| 1 << power), count))
    }
}

/// The class of a size: 0, 1, 2-3, 4-7 and so on.
fn class(size: usize) -> usize {
    size.checked_ilog2().map_or(0, |power| power as usize + 1)
}

/// The figures that a value belongs to, in the order in which they are shown, and its size. Streams have none, as in Redis.
fn measure(value: &ValueRef<'_>) -> Option<(usize, usize)> {
    Some(match value {
        ValueRef::String(string) => (0, string.len()),
        ValueRef::List(list) => (1, list.len()),
        ValueRef::Set(set) => (2, set.len()),
        ValueRef::ZSet(zset) => (3, zset.len()),
        ValueRef::Hash(hash) => (4, hash.len()),
        ValueRef::Stream(_) => return None,
    })
}

const NAMES: [&str; 5] = ["strings_sizes", "lists_items", "sets_items", "zsets_items", "hashes_items"];

impl Access<'_> {
    /// The sizes of the values of a database, type by type. Called inside a batch, with nothing locked or everything.
    pub fn size_figures(&self, database: DbIndex) -> Vec<SizeFigures> {
        let mut figures = NAMES.map(|name| SizeFigures { name, classes: [0; CLASSES] });
        let (shards, keys) = (self.keyspace().shards(), self.keyspace().len(database));
        let is_large = keys > KEYS;
        let limit = if is_large { KEYS_OF_SHARD } else { usize::MAX };
        let mut seen = 0;
        // An odd stride meets each of the shards, whose number is a power of two, and soon has been all over.
        for shard in (0..shards).map(|step| step * STRIDE % shards) {
            seen += self.measure_shard(shard, database, limit, &mut figures);
            if is_large && seen >= KEYS {
                break;
            }
        }
        if is_large && seen > 0 {
            let scale = |count: u64| (u128::from(count) * keys as u128).div_ceil(seen as u128) as u64;
            let counts = figures.iter_mut().flat_map(|figures| &mut figures.classes);
            counts.for_each(|count| *count = scale(*count));
        }
        figures.into_iter().filter(|figures| figures.classes().next().is_some()).collect()
    }

    /// Counts values of a shard, about `limit` at most; returns how many they were.
    fn measure_shard(
        &self,
        shard: usize,
        database: DbIndex,
        limit: usize,
        figures: &mut [SizeFigures; NAMES.len()],
    ) -> usize {
        self.with_partition(shard, database, |partition| {
            let Some(partition) = partition else { return 0 };
            let (mut cursor, mut seen) = (0, 0);
            loop {
                cursor = partition.table.scan(cursor, &mut |entry| {
                    if entry.meta.expiry.is_none_or(|expiry| expiry > self.now) {
                        if let Some((index, size)) = measure(&value_of(&entry, self.now)) {
                            figures[index].classes[class(size)] += 1;
                        }
                        seen += 1;
                    }
                });
                if cursor == 0 || seen >= limit {
                    return seen;
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_named_by_their_least_size() {
        let mut figures = SizeFigures { name: "", classes: [0; CLASSES] };
        for size in [0, 1, 2, 3, 4, 1023, 1024, usize::MAX] {
            figures.classes[class(size)] += 1;
        }
        let classes: Vec<_> = figures.classes().collect();
        assert_eq!(classes, [(0, 1), (1, 1), (2, 2), (4, 1), (512, 1), (1024, 1), (1 << 63, 1)]);
    }
}
