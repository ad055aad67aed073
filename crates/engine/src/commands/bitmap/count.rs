//! BITCOUNT: how many bits are set.

use std::ops::Range;

use value::{Blob, StringRef};

use super::{STEP_BITS, Unit};
use crate::args::Args;
use crate::command::Outcome;
use crate::commands::string::range::clamp;
use crate::computing::Answer;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;
use crate::slices::Progress;

pub(super) fn bitcount(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let unit = Unit::parse(args, 4)?;
    let (start, end) = match args.len() {
        2 => (0, -1),
        3 => return Err(Error::Syntax),
        _ => (args.integer(2)?, args.integer(3)?),
    };
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let Some(value) = db.string(&key)? else {
        reply.integer(0);
        return Ok(());
    };
    let range = clamp(start, end, value.len() * unit.per_byte());
    let bits = match unit {
        Unit::Byte => range.start * 8..range.end * 8,
        Unit::Bit => range,
    };
    if let StringRef::Blob(blob) = value
        && bits.len() > STEP_BITS
    {
        return reply.answer(Counting { blob: blob.clone(), left: bits, count: 0 }, false);
    }
    reply.integer(ones(value, bits.start, bits.end) as i64);
    Ok(())
}

/// The set bits of a long string, in the making.
#[derive(Debug)]
struct Counting {
    blob: Blob,
    left: Range<usize>,
    count: u64,
}

impl Answer for Counting {
    fn step(&mut self) -> Progress {
        let end = self.left.end.min(self.left.start + STEP_BITS);
        self.count += ones(StringRef::Blob(&self.blob), self.left.start, end);
        self.left.start = end;
        if self.left.is_empty() { Progress::Done } else { Progress::More }
    }

    fn write(&mut self, reply: &mut Reply<'_>) -> Outcome {
        reply.integer(self.count as i64);
        Ok(())
    }
}

/// Set bits from bit `start` up to bit `end`.
fn ones(value: StringRef<'_>, start: usize, end: usize) -> u64 {
    if start >= end {
        return 0;
    }
    let (first, last) = (start / 8, (end - 1) / 8);
    let whole: u64 = value.chunks(first..last + 1).map(ones_of).sum();
    let before = value.byte(first) & !(0xff_u8 >> (start % 8));
    let behind = value.byte(last) & (0x7f_u8 >> ((end - 1) % 8));
    whole - u64::from(before.count_ones()) - u64::from(behind.count_ones())
}

/// Set bits of a piece, a word at a time.
fn ones_of(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let words: u64 = words.iter().map(|word| u64::from(u64::from_le_bytes(*word).count_ones())).sum();
    words + rest.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_range_counts_its_own_bits() {
        let bytes: Vec<u8> = (0..40_u32).map(|n| (n * 37) as u8).collect();
        let value = StringRef::Inline(&bytes);
        let bit = |at: usize| u64::from(bytes[at / 8] >> (7 - at % 8) & 1);
        for start in 0..80 {
            for end in start..320 {
                assert_eq!(ones(value, start, end), (start..end).map(bit).sum::<u64>(), "{start}..{end}");
            }
        }
    }

    #[test]
    fn zeros_between_far_bits_take_no_memory() {
        let mut blob = Blob::default();
        blob.write(0, &[1]);
        blob.write(5_000_000, &[0xff]);
        assert_eq!(ones(StringRef::Blob(&blob), 0, 8 * 5_000_001), 9);
    }
}
