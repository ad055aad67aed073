//! BITOP: strings combined bit by bit.
//!
//! The result is made part by part. For each part those of the sources are folded one after the other into accumulators;
//! what a source lacks is zeros. The loops go over equally long slices, which the compiler turns into vector instructions.
//! The sources are clones, so nothing is locked meanwhile; see [`mod@crate::computing`].

use std::ops::Range;

use value::{Blob, StringRef, Value};

use crate::args::Args;
use crate::command::Outcome;
use crate::commands::string::Texts;
use crate::computing::{self, Recorded, Stored};
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;
use crate::slices::Progress;

/// Bytes of all sources together that are looked at in one step: some tens of microseconds.
const STEP_BYTES: usize = 256 * 1024;
/// The least bytes of a part.
const LEAST_PART: usize = 1024;

/// What is done with the bits of the sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    /// Set in all.
    And,
    /// Set in any.
    Or,
    /// Set in an odd number.
    Xor,
    /// Not set in the only one.
    Not,
    /// Set in the first and in no other.
    Diff,
    /// Set in another and not in the first.
    Diff1,
    /// Set in the first and in another.
    AndOr,
    /// Set in exactly one.
    One,
}

impl Operation {
    const WORDS: [(&'static str, Self); 8] = [
        ("AND", Self::And),
        ("OR", Self::Or),
        ("XOR", Self::Xor),
        ("NOT", Self::Not),
        ("DIFF", Self::Diff),
        ("DIFF1", Self::Diff1),
        ("ANDOR", Self::AndOr),
        ("ONE", Self::One),
    ];

    /// Whether Redis 7.0 does not know it.
    fn is_new(self) -> bool {
        matches!(self, Self::Diff | Self::Diff1 | Self::AndOr | Self::One)
    }

    fn parse(args: &Args<'_>) -> Result<Self, Error> {
        let found = Self::WORDS.iter().find(|(word, _)| args.is(1, word));
        let operation = found.map(|(_, operation)| *operation).ok_or(Error::Syntax)?;
        let sources = args.len() - 3;
        match operation {
            Self::Not if sources != 1 => {
                Err(Error::Static("ERR BITOP NOT must be called with a single source key."))
            }
            Self::Diff if sources < 2 => {
                Err(Error::Static("ERR BITOP DIFF must be called with at least two source keys."))
            }
            Self::Diff1 if sources < 2 => {
                Err(Error::Static("ERR BITOP DIFF1 must be called with at least two source keys."))
            }
            Self::AndOr if sources < 2 => {
                Err(Error::Static("ERR BITOP ANDOR must be called with at least two source keys."))
            }
            _ => Ok(operation),
        }
    }
}

/// What has been seen of one part of the sources so far.
#[derive(Debug)]
struct Accumulator {
    operation: Operation,
    /// The first source.
    first: Vec<u8>,
    /// The fold of the sources, or of all but the first where that one is special.
    folded: Vec<u8>,
    /// For ONE: set in more than one.
    repeated: Vec<u8>,
    sources: usize,
}

impl Accumulator {
    fn new(operation: Operation, length: usize) -> Self {
        let special = matches!(operation, Operation::Diff | Operation::Diff1 | Operation::AndOr);
        Self {
            operation,
            first: vec![0; if special { length } else { 0 }],
            folded: vec![0; length],
            repeated: vec![0; if operation == Operation::One { length } else { 0 }],
            sources: 0,
        }
    }

    /// Takes in a part of the next source.
    fn add(&mut self, source: StringRef<'_>, part: Range<usize>) {
        let mut at = 0;
        for piece in source.chunks(part) {
            self.add_piece(at, piece);
            at += piece.len();
        }
        if self.operation == Operation::And {
            self.folded[at..].fill(0);
        }
        self.sources += 1;
    }

    fn add_piece(&mut self, at: usize, piece: &[u8]) {
        let range = at..at + piece.len();
        let is_first = self.sources == 0;
        match self.operation {
            Operation::Diff | Operation::Diff1 | Operation::AndOr if is_first => {
                self.first[range].copy_from_slice(piece);
            }
            Operation::And | Operation::Not if is_first => self.folded[range].copy_from_slice(piece),
            Operation::And | Operation::Not => zip(&mut self.folded[range], piece, |a, b| *a &= b),
            Operation::Xor => zip(&mut self.folded[range], piece, |a, b| *a ^= b),
            Operation::Or | Operation::Diff | Operation::Diff1 | Operation::AndOr => {
                zip(&mut self.folded[range], piece, |a, b| *a |= b);
            }
            Operation::One => {
                let folded = &mut self.folded[range.clone()];
                for ((seen, repeated), byte) in folded.iter_mut().zip(&mut self.repeated[range]).zip(piece) {
                    *repeated |= *seen & byte;
                    *seen |= byte;
                }
            }
        }
    }

    fn finish(mut self) -> Vec<u8> {
        match self.operation {
            Operation::And | Operation::Or | Operation::Xor => {}
            Operation::Not => self.folded.iter_mut().for_each(|byte| *byte = !*byte),
            Operation::Diff => zip(&mut self.folded, &self.first, |others, first| *others = first & !*others),
            Operation::Diff1 => zip(&mut self.folded, &self.first, |others, first| *others &= !first),
            Operation::AndOr => zip(&mut self.folded, &self.first, |others, first| *others &= first),
            Operation::One => zip(&mut self.folded, &self.repeated, |seen, repeated| *seen &= !repeated),
        }
        self.folded
    }
}

fn zip(into: &mut [u8], from: &[u8], each: impl Fn(&mut u8, u8)) {
    into.iter_mut().zip(from).for_each(|(a, b)| each(a, *b));
}

/// A combination in the making.
#[derive(Debug)]
struct Combining {
    operation: Operation,
    /// As they were read.
    sources: Texts,
    /// Of the longest of them.
    length: usize,
    /// The beginning of the result.
    result: Blob,
    /// The part behind it, of which some sources have been taken in.
    part: Option<Accumulator>,
}

impl Combining {
    fn new(operation: Operation, sources: Texts) -> Self {
        let length = sources.iter().map(StringRef::len).max().unwrap_or(0);
        Self { operation, sources, length, result: Blob::default(), part: None }
    }

    fn read(ctx: &mut Context<'_, '_>, args: &Args<'_>) -> Result<Self, Error> {
        let operation = Operation::parse(args)?;
        let mut sources = Texts::default();
        sources.read(ctx, args, 3, |_| Ok(()))?;
        Ok(Self::new(operation, sources))
    }
}

impl Stored for Combining {
    fn is_small(&self) -> bool {
        self.length.saturating_mul(self.sources.len()) <= STEP_BYTES
    }

    fn step(&mut self) -> Progress {
        let start = self.result.len();
        let bytes = LEAST_PART.max(STEP_BYTES / self.sources.len().max(1));
        let end = self.length.min(start.saturating_add(bytes));
        let part = self.part.get_or_insert_with(|| Accumulator::new(self.operation, end - start));
        for source in self.sources.iter().skip(part.sources).take(STEP_BYTES / bytes) {
            part.add(source, start..end);
        }
        if part.sources < self.sources.len() {
            return Progress::More;
        }
        let part = self.part.take().map(Accumulator::finish).unwrap_or_default();
        self.result.append(&part);
        if end < self.length { Progress::More } else { Progress::Done }
    }

    fn is_same(&self, now: &Self) -> bool {
        self.sources.is_same(&now.sources)
    }

    fn install(&mut self, ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
        let target = ctx.key(args, 2);
        if self.length == 0 {
            ctx.db().delete(&target);
        } else {
            let recorded = Recorded::value_if(self.operation.is_new());
            let result = Value::String(std::mem::take(&mut self.result));
            ctx.store_result(args, &target, result, recorded);
        }
        reply.integer(self.length as i64);
        Ok(())
    }
}

pub(super) fn bitop(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    computing::store(ctx, args, reply, Combining::read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(operation: Operation, sources: &[&[u8]], expected: &[u8]) {
        let mut combining = Combining::new(operation, sources.iter().copied().collect());
        combining.complete();
        assert_eq!(
            combining.result.chunks(0..usize::MAX).collect::<Vec<_>>().concat(),
            expected,
            "{operation:?}"
        );
    }

    #[test]
    fn parts_of_long_sources_are_put_together() {
        let bytes = |length: u32, factor: u32| -> Vec<u8> {
            (0..length).map(|at| (at.wrapping_mul(factor) >> 9) as u8).collect()
        };
        let (one, other) = (bytes(500_000, 40_503), bytes(300_001, 30_011));
        let expected: Vec<u8> =
            one.iter().zip(other.iter().chain(std::iter::repeat(&0))).map(|(a, b)| a & !b).collect();
        check(Operation::Diff, &[&one, &other], &expected);
        check(Operation::And, &[&other, &[]], &vec![0; other.len()]);
    }

    #[test]
    fn short_sources_are_filled_with_zeros() {
        let (a, b, c): (&[u8], &[u8], &[u8]) =
            (&[0xff, 0x0f, 0x55], &[0x0f, 0x0f], &[0xf0, 0x00, 0x0f, 0x80]);
        check(Operation::And, &[a, b], &[0x0f, 0x0f, 0]);
        check(Operation::And, &[b, a], &[0x0f, 0x0f, 0]);
        check(Operation::Or, &[b, a], &[0xff, 0x0f, 0x55]);
        check(Operation::Xor, &[a, b], &[0xf0, 0, 0x55]);
        check(Operation::Not, &[a], &[0, 0xf0, 0xaa]);
        check(Operation::Diff, &[a, b, c], &[0, 0, 0x50, 0]);
        check(Operation::Diff1, &[a, b, c], &[0, 0, 0x0a, 0x80]);
        check(Operation::AndOr, &[a, b, c], &[0xff, 0x0f, 0x05, 0]);
        check(Operation::One, &[a, b, c], &[0, 0, 0x5a, 0x80]);
        check(Operation::One, &[a, a, a], &[0, 0, 0]);
    }
}
