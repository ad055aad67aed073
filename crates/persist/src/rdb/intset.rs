//! Intset: the packed block of Redis for sets of integers.
//!
//! ```text
//! block = width (u32 le: 2, 4 or 8)  count (u32 le)  integers of that width, little endian, ascending
//! ```

use super::block::{Block, signed};
use super::error::Problem;

const WIDTHS: [usize; 3] = [2, 4, 8];

/// The integers of an intset, after checking every part of it.
pub(crate) fn integers(bytes: &[u8]) -> Result<Vec<i64>, Problem> {
    parse(bytes).ok_or(Problem::Block("an intset is broken"))
}

fn parse(bytes: &[u8]) -> Option<Vec<i64>> {
    let mut block = Block::new(bytes);
    let width = block.u32_le()? as usize;
    let count = block.u32_le()? as usize;
    let integers = block.take(count.checked_mul(width)?)?;
    if !WIDTHS.contains(&width) || block.position() != bytes.len() {
        return None;
    }
    let integers: Vec<i64> = integers.chunks_exact(width).map(signed).collect();
    integers.windows(2).all(|pair| pair[0] < pair[1]).then_some(integers)
}

/// The intset of different integers, which take less than 4 GB.
pub(crate) fn block(mut integers: Vec<i64>) -> Vec<u8> {
    integers.sort_unstable();
    let fits = |width: &usize| {
        let bits = 8 * *width as u32 - 1;
        integers.iter().all(|integer| integer >> bits == integer >> 63)
    };
    let width = WIDTHS.into_iter().find(fits).unwrap_or(8);
    let mut block = Vec::with_capacity(8 + integers.len() * width);
    block.extend_from_slice(&(width as u32).to_le_bytes());
    block.extend_from_slice(&(integers.len() as u32).to_le_bytes());
    for integer in &integers {
        block.extend_from_slice(&integer.to_le_bytes()[..width]);
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_in_order() {
        for (edge, width) in [
            (0, 2),
            (32_767, 2),
            (-32_768, 2),
            (32_768, 4),
            (-32_769, 4),
            (i64::from(i32::MIN), 4),
            (i64::from(i32::MAX) + 1, 8),
            (i64::MIN, 8),
            (i64::MAX, 8),
        ] {
            let block = block(vec![7, edge, -1]);
            assert_eq!(block.len(), 8 + 3 * width, "{edge}");
            let mut sorted = vec![7, edge, -1];
            sorted.sort_unstable();
            assert_eq!(integers(&block), Ok(sorted));
        }
        assert_eq!(integers(&block(Vec::new())), Ok(Vec::new()));
    }

    #[test]
    fn every_truncation_and_what_is_not_in_order_is_refused() {
        let good = block(vec![1, 2, 3]);
        for end in 0..good.len() {
            assert!(integers(&good[..end]).is_err(), "{end}");
        }
        for (place, value) in [(0, 1), (0, 3), (0, 4), (3, 0x80), (4, 2), (4, 4), (7, 0xff), (8, 2), (8, 3)] {
            let mut bad = good.clone();
            bad[place] = value;
            assert!(integers(&bad).is_err(), "byte {place}");
        }
        assert!(integers(&[&good[..], b"x"].concat()).is_err());
    }
}
