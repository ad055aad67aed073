//! BITPOS: where the first bit of a kind is.

use std::ops::Range;

use value::{Blob, StringRef};

use super::{STEP_BITS, Unit};
use crate::args::Args;
use crate::command::Outcome;
use crate::commands::string::range::clamp_ends;
use crate::computing::Answer;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;
use crate::slices::Progress;

pub(super) fn bitpos(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let wanted = match args.integer(2)? {
        0 => false,
        1 => true,
        _ => return Err(Error::Static("ERR The bit argument must be 1 or 0.")),
    };
    let unit = Unit::parse(args, 5)?;
    let start = if args.len() > 3 { args.integer(3)? } else { 0 };
    let end = if args.len() > 4 { args.integer(4)? } else { -1 };
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let Some(value) = db.string(&key)? else {
        // A missing key is an endless string of zeros.
        reply.integer(if wanted { -1 } else { 0 });
        return Ok(());
    };
    let range = clamp_ends(start, end, value.len() * unit.per_byte());
    let bits = 8 / unit.per_byte();
    // Zeros follow the string, unless an end was given: then the answer is about the range only.
    let is_open = !wanted && args.len() <= 4 && !range.is_empty();
    let missed = if is_open { value.len() as i64 * 8 } else { -1 };
    let range = range.start * bits..range.end * bits;
    if let StringRef::Blob(blob) = value
        && range.len() > STEP_BITS
    {
        let finding = Finding { blob: blob.clone(), left: range, wanted, found: None, missed };
        return reply.answer(finding, false);
    }
    let found = if range.is_empty() { None } else { first(value, range.start, range.end, wanted) };
    reply.integer(found.map_or(missed, |position| position as i64));
    Ok(())
}

/// The first bit of a kind in a long string, in the making.
#[derive(Debug)]
struct Finding {
    blob: Blob,
    left: Range<usize>,
    wanted: bool,
    found: Option<usize>,
    /// The answer if there is none.
    missed: i64,
}

impl Answer for Finding {
    fn step(&mut self) -> Progress {
        let end = self.left.end.min(self.left.start + STEP_BITS);
        self.found = first(StringRef::Blob(&self.blob), self.left.start, end, self.wanted);
        self.left.start = end;
        if self.left.is_empty() || self.found.is_some() { Progress::Done } else { Progress::More }
    }

    fn write(&mut self, reply: &mut Reply<'_>) -> Outcome {
        reply.integer(self.found.map_or(self.missed, |position| position as i64));
        Ok(())
    }
}

/// The first bit from bit `start` up to bit `end` that is `wanted`.
fn first(value: StringRef<'_>, start: usize, end: usize, wanted: bool) -> Option<usize> {
    // Bytes without the bit are skipped; of the first byte, what lies before `start` counts as without.
    let without = if wanted { 0x00_u8 } else { 0xff };
    let head = 0xff_u8 >> (start % 8);
    let mut at = start / 8;
    let first_byte = (value.byte(at) & head) | (without & !head);
    if first_byte == without {
        at += 1;
        for piece in value.chunks(at..end.div_ceil(8)) {
            let skipped = leading(piece, without);
            at += skipped;
            if skipped < piece.len() {
                break;
            }
        }
        if at * 8 >= end {
            return None;
        }
    }
    let byte = if at == start / 8 { first_byte } else { value.byte(at) };
    let within = (byte ^ without).leading_zeros() as usize;
    let position = at * 8 + within;
    (position < end).then_some(position)
}

/// How many bytes at the front of a piece equal `byte`, counted a word at a time.
fn leading(piece: &[u8], byte: u8) -> usize {
    let (words, _) = piece.as_chunks::<8>();
    let skipped = 8 * words.iter().take_while(|word| **word == [byte; 8]).count();
    skipped + piece[skipped..].iter().take_while(|other| **other == byte).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_range_finds_its_own_first_bit() {
        let mut bytes = vec![0_u8; 30];
        (bytes[3], bytes[4], bytes[5], bytes[25]) = (0x10, 0xff, 0xfe, 0x01);
        bytes[10..20].fill(0xff);
        let value = StringRef::Inline(&bytes);
        let bit = |at: usize| bytes[at / 8] >> (7 - at % 8) & 1 == 1;
        for wanted in [false, true] {
            for start in 0..240 {
                for end in start + 1..=240 {
                    let expected = (start..end).find(|&at| bit(at) == wanted);
                    assert_eq!(first(value, start, end, wanted), expected, "{wanted} {start}..{end}");
                }
            }
        }
    }
}
