//! BITOP: strings combined bit by bit.
//!
//! Sources are folded one after the other into accumulators as long as the longest of them; what a source lacks is
//! zeros. The loops go over equally long slices, which the compiler turns into vector instructions.

use keyspace::Expiry;
use value::StringRef;

use crate::args::Args;
use crate::command::Outcome;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

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

/// What has been seen of the sources so far.
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

    /// Takes in the next source.
    fn add(&mut self, source: StringRef<'_>) {
        let mut at = 0;
        for piece in source.chunks(0..source.len()) {
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

pub(super) fn bitop(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let operation = Operation::parse(args)?;
    let mut length = 0;
    for index in 3..args.len() {
        let key = ctx.key(args, index);
        length = length.max(ctx.db().string(&key)?.map_or(0, StringRef::len));
    }
    let mut accumulator = Accumulator::new(operation, length);
    for index in 3..args.len() {
        let key = ctx.key(args, index);
        let mut db = ctx.db();
        accumulator.add(db.string_to_change(&key)?.unwrap_or(StringRef::Inline(b"")));
    }
    let target = ctx.key(args, 2);
    if length == 0 {
        ctx.db().delete(&target);
    } else {
        ctx.db().set_string(&target, &accumulator.finish(), Expiry::Clear);
    }
    reply.integer(length as i64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(operation: Operation, sources: &[&[u8]], expected: &[u8]) {
        let length = sources.iter().map(|source| source.len()).max().unwrap_or(0);
        let mut accumulator = Accumulator::new(operation, length);
        for source in sources {
            accumulator.add(StringRef::Inline(source));
        }
        assert_eq!(accumulator.finish(), expected, "{operation:?}");
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
