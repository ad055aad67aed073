//! LCS: the longest common subsequence of two strings.
//!
//! Row `i` of the usual matrix differs by 0 or 1 from one column to the next, so a row is kept as one bit a column and
//! computed a word at a time: with `v` a row of inverted differences and `m` the columns that equal the row's byte,
//! the next row is `(v + (v & m)) | (v & !m)` (Crochemore, Iliopoulos, Pinzon and Reid, 2001). That takes a
//! thirty-second of the memory of a matrix of counts. The bits are all that the way back needs: where the bytes
//! differ and the difference is 1, the row above has the greater count.

use std::ops::Range;

use stdx::number::parse_i64;

use crate::args::Args;
use crate::command::Outcome;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;
use resp::write::Aggregate;

/// Bytes that Redis takes for a cell of its matrix; its limit is kept.
const REDIS_CELL_BYTES: u64 = 4;

/// What is to be told.
#[derive(Debug, Default)]
struct Options {
    length: bool,
    matches: bool,
    with_length: bool,
    least: usize,
}

/// A run of equal bytes that belongs to the subsequence.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Match {
    first: Range<usize>,
    second: Range<usize>,
}

pub(super) fn lcs(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let first = text(ctx, args, 1)?;
    let second = text(ctx, args, 2)?;
    let options = parse(args)?;
    let cells = (first.len() as u64 + 1) * (second.len() as u64 + 1);
    if cells.saturating_mul(REDIS_CELL_BYTES) > super::max_length(ctx) as u64 {
        return Err(Error::Static(
            "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
        ));
    }
    if options.length {
        reply.integer(Rows::new(&first, &second).length() as i64);
        return Ok(());
    }
    let rows = Rows::all(&first, &second);
    let (common, matches) = rows.walk_back(&first, &second);
    if options.matches {
        write_matches(reply, &options, &matches, common.len());
    } else {
        reply.bulk(common);
    }
    Ok(())
}

fn text(ctx: &mut Context<'_, '_>, args: &Args<'_>, index: usize) -> Result<Vec<u8>, Error> {
    let key = ctx.key(args, index);
    let mut copy = Vec::new();
    match ctx.db().string(&key) {
        Ok(Some(value)) => value.append_to(&mut copy),
        Ok(None) => {}
        Err(_) => return Err(Error::Static("ERR The specified keys must contain string values")),
    }
    Ok(copy)
}

fn parse(args: &Args<'_>) -> Result<Options, Error> {
    let mut options = Options::default();
    let mut cursor = args.cursor(3);
    while !cursor.is_done() {
        if cursor.take("IDX") {
            options.matches = true;
        } else if cursor.take("LEN") {
            options.length = true;
        } else if cursor.take("WITHMATCHLEN") {
            options.with_length = true;
        } else if cursor.take("MINMATCHLEN") {
            let least = parse_i64(cursor.next_required()?).ok_or(Error::NotInteger)?;
            options.least = least.max(0) as usize;
        } else {
            return Err(Error::Syntax);
        }
    }
    if options.matches && options.length {
        return Err(Error::Static("ERR If you want both the length and indexes, please just use IDX."));
    }
    Ok(options)
}

fn write_matches(reply: &mut Reply<'_>, options: &Options, matches: &[Match], length: usize) {
    let shown = || matches.iter().filter(|found| found.first.len() >= options.least);
    reply.aggregate(Aggregate::Map, 2);
    reply.bulk("matches");
    reply.array(shown().count());
    for found in shown() {
        reply.array(if options.with_length { 3 } else { 2 });
        for range in [&found.first, &found.second] {
            reply.array(2);
            reply.integer(range.start as i64);
            reply.integer(range.end as i64 - 1);
        }
        if options.with_length {
            reply.integer(found.first.len() as i64);
        }
    }
    reply.bulk("len");
    reply.integer(length as i64);
}

/// Rows of inverted differences: bit `j` of row `i` is 0 where column `j + 1` counts one more than column `j`.
struct Rows {
    /// All rows one behind the other, or the last one only.
    bits: Vec<u64>,
    words: usize,
    columns: usize,
}

impl Rows {
    /// The last row: enough for the length.
    fn new(first: &[u8], second: &[u8]) -> Self {
        Self::compute(first, second, false)
    }

    /// All rows.
    fn all(first: &[u8], second: &[u8]) -> Self {
        Self::compute(first, second, true)
    }

    fn compute(first: &[u8], second: &[u8], keep: bool) -> Self {
        let words = second.len().div_ceil(64);
        let masks = Masks::new(first, second, words);
        let mut bits = vec![u64::MAX; words];
        let mut row = bits.clone();
        for &byte in first {
            let mask = masks.of(byte);
            let mut carry = false;
            for (bits, &equal) in row.iter_mut().zip(mask) {
                let (sum, first_carry) = bits.overflowing_add(*bits & equal);
                let (sum, second_carry) = sum.overflowing_add(u64::from(carry));
                carry = first_carry | second_carry;
                *bits = sum | (*bits & !equal);
            }
            if keep {
                bits.extend_from_slice(&row);
            }
        }
        if !keep {
            bits = row;
        }
        Self { bits, words, columns: second.len() }
    }

    /// Whether the count grows from column `column` to the next one in a row.
    fn grows(&self, row: usize, column: usize) -> bool {
        self.bits[row * self.words + column / 64] >> (column % 64) & 1 == 0
    }

    /// The length, when only the last row is kept.
    fn length(&self) -> usize {
        (0..self.columns).filter(|&column| self.grows(0, column)).count()
    }

    /// The subsequence and its matches, the last match first, with Redis's choice among equals.
    fn walk_back(&self, first: &[u8], second: &[u8]) -> (Vec<u8>, Vec<Match>) {
        let (mut row, mut column) = (first.len(), second.len());
        let mut common = Vec::new();
        let mut matches: Vec<Match> = Vec::new();
        while row > 0 && column > 0 {
            if first[row - 1] == second[column - 1] {
                (row, column) = (row - 1, column - 1);
                common.push(first[row]);
                match matches.last_mut() {
                    Some(last) if last.first.start == row + 1 && last.second.start == column + 1 => {
                        (last.first.start, last.second.start) = (row, column);
                    }
                    _ => matches.push(Match { first: row..row + 1, second: column..column + 1 }),
                }
            } else if self.grows(row, column - 1) {
                row -= 1;
            } else {
                column -= 1;
            }
        }
        common.reverse();
        (common, matches)
    }
}

/// For every byte of the first string, which columns of the second hold it.
struct Masks {
    place: [u16; 256],
    bits: Vec<u64>,
    words: usize,
}

impl Masks {
    /// Only bytes that the first string has get a mask, so the masks are never larger than the rows.
    fn new(first: &[u8], second: &[u8], words: usize) -> Self {
        let mut place = [u16::MAX; 256];
        let mut count = 0;
        for &byte in first {
            if place[usize::from(byte)] == u16::MAX {
                place[usize::from(byte)] = count;
                count += 1;
            }
        }
        let mut bits = vec![0; usize::from(count) * words];
        for (column, &byte) in second.iter().enumerate() {
            let at = place[usize::from(byte)];
            if at != u16::MAX {
                bits[usize::from(at) * words + column / 64] |= 1 << (column % 64);
            }
        }
        Self { place, bits, words }
    }

    fn of(&self, byte: u8) -> &[u64] {
        let start = usize::from(self.place[usize::from(byte)]) * self.words;
        &self.bits[start..start + self.words]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stdx::rng::Rng;

    /// The textbook matrix, and Redis's way back through it.
    fn reference(first: &[u8], second: &[u8]) -> Vec<u8> {
        let mut counts = vec![vec![0; second.len() + 1]; first.len() + 1];
        for (i, a) in first.iter().enumerate() {
            for (j, b) in second.iter().enumerate() {
                counts[i + 1][j + 1] =
                    if a == b { counts[i][j] + 1 } else { counts[i][j + 1].max(counts[i + 1][j]) };
            }
        }
        let (mut i, mut j) = (first.len(), second.len());
        let mut common = Vec::new();
        while i > 0 && j > 0 {
            if first[i - 1] == second[j - 1] {
                common.push(first[i - 1]);
                (i, j) = (i - 1, j - 1);
            } else if counts[i - 1][j] > counts[i][j - 1] {
                i -= 1;
            } else {
                j -= 1;
            }
        }
        common.reverse();
        common
    }

    #[test]
    fn bits_give_what_the_matrix_gives() {
        let mut rng = Rng::from_seed(5);
        for round in 0..300 {
            let mut text = |limit: u64| -> Vec<u8> {
                (0..rng.below(limit)).map(|_| b'a' + rng.below(1 + round % 5) as u8).collect()
            };
            let (first, second) = (text(90), text(200));
            let (common, matches) = Rows::all(&first, &second).walk_back(&first, &second);
            assert_eq!(common, reference(&first, &second), "{first:?} {second:?}");
            assert_eq!(Rows::new(&first, &second).length(), common.len());
            let joined: Vec<u8> =
                matches.iter().rev().flat_map(|found| &first[found.first.clone()]).copied().collect();
            assert_eq!(joined, common);
            assert!(matches.iter().all(|found| first[found.first.clone()] == second[found.second.clone()]));
        }
    }

    #[test]
    fn empty_strings_have_nothing_in_common() {
        assert_eq!(Rows::new(b"", b"abc").length(), 0);
        assert_eq!(Rows::new(b"abc", b"").length(), 0);
        assert_eq!(Rows::all(b"", b"").walk_back(b"", b"").0, b"");
    }
}
