//! LCS: the longest common subsequence of two strings.
//!
//! Row `i` of the usual matrix differs by 0 or 1 from one column to the next, so a row is kept as one bit a column and
//! computed a word at a time: with `v` a row of inverted differences and `m` the columns that equal the row's byte,
//! the next row is `(v + (v & m)) | (v & !m)` (Crochemore, Iliopoulos, Pinzon and Reid, 2001). That takes from a
//! sixteenth to a thirty-second of the memory of a matrix of counts, so Redis's limit for that one is enough. The bits
//! are all that the way back needs: where the bytes differ and the difference is 1, the row above has the greater count.
//!
//! Long strings are clones, and all of it is done in steps without locks; see [`mod@crate::computing`]:
//!
//! ```text
//!   copy   both strings, each in one piece
//!   mark   for each byte of the first the columns that hold it
//!   rows   one after the other; all are kept, unless only the length is asked for
//!   back   from the last row and column to the first
//! ```

use std::ops::Range;

use resp::write::Aggregate;
use stdx::number::parse_i64;

use super::Text;
use crate::args::Args;
use crate::command::Outcome;
use crate::computing::Answer;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;
use crate::slices::Progress;

/// Bytes that Redis takes for a cell of its matrix; its limit is kept.
const REDIS_CELL_BYTES: u64 = 4;
/// Redis compares no strings of so many bytes.
const TOO_LONG: usize = u32::MAX as usize - 1;
/// Bytes that a step copies.
const STEP_BYTES: usize = 64 * 1024;
/// Columns that a step marks, and steps of the way back that it takes.
const STEP_COLUMNS: usize = 16 * 1024;
/// Words of rows that a step computes.
const STEP_WORDS: usize = 16 * 1024;
/// Up to so many bytes of both strings, and words of all rows, everything is done at once.
const FEW: usize = 32 * 1024;

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
    let (rows, columns) = (first.as_ref().len(), second.as_ref().len());
    if rows.max(columns) >= TOO_LONG {
        return Err(Error::Static("ERR String too long for LCS"));
    }
    let cells = (rows as u64 + 1) * (columns as u64 + 1);
    if cells.saturating_mul(REDIS_CELL_BYTES) > super::max_length(ctx) as u64 {
        return Err(Error::Static(
            "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
        ));
    }
    let is_small = rows + columns <= FEW && rows.saturating_mul(columns.div_ceil(64)) <= FEW;
    reply.answer(Comparing::new([first, second], options), is_small)
}

fn text(ctx: &mut Context<'_, '_>, args: &Args<'_>, index: usize) -> Result<Text, Error> {
    let text = Text::of_key(ctx, &ctx.key(args, index));
    text.map(Option::unwrap_or_default)
        .map_err(|_| Error::Static("ERR The specified keys must contain string values"))
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

/// The subsequence in the making.
#[derive(Debug)]
struct Comparing {
    sources: [Text; 2],
    options: Options,
    /// Of each source what has been copied.
    texts: [Vec<u8>; 2],
    masks: Masks,
    /// Columns that are marked.
    marked: usize,
    rows: Option<Rows>,
    back: WayBack,
}

impl Comparing {
    fn new(mut sources: [Text; 2], options: Options) -> Self {
        if sources.iter().any(|source| source.as_ref().is_empty()) {
            sources = Default::default(); // they have nothing in common, whatever the other is
        }
        Self {
            sources,
            options,
            texts: Default::default(),
            masks: Masks::new(),
            marked: 0,
            rows: None,
            back: WayBack::default(),
        }
    }

    /// Copies some bytes; false when all are copied.
    fn copy(&mut self) -> bool {
        for (at, (source, text)) in self.sources.iter().zip(&mut self.texts).enumerate() {
            let (source, start) = (source.as_ref(), text.len());
            if start < source.len() {
                text.reserve_exact(source.len() - start);
                source.chunks(start..start + STEP_BYTES).for_each(|piece| text.extend_from_slice(piece));
                if at == 0 {
                    self.masks.expect(&text[start..]);
                }
                return true;
            }
        }
        false
    }

    /// Marks some columns; false when all are marked.
    fn mark(&mut self) -> bool {
        let [first, second] = &self.texts;
        if self.rows.is_some() {
            return false;
        }
        if self.masks.bits.is_empty() {
            self.masks.make_room(second.len().div_ceil(64));
        }
        let end = second.len().min(self.marked + STEP_COLUMNS);
        self.masks.mark(self.marked, &second[self.marked..end]);
        self.marked = end;
        if end == second.len() {
            let kept = (!self.options.length).then_some(first.len());
            self.rows = Some(Rows::new(second.len(), kept));
            self.back = WayBack { row: first.len(), column: second.len(), ..WayBack::default() };
        }
        true
    }
}

impl Answer for Comparing {
    fn step(&mut self) -> Progress {
        if self.copy() || self.mark() {
            return Progress::More;
        }
        let ([first, second], Some(rows)) = (&self.texts, &mut self.rows) else { return Progress::Done };
        let goes_on = rows.advance(first, &self.masks)
            || !self.options.length && self.back.advance(rows, first, second);
        if goes_on { Progress::More } else { Progress::Done }
    }

    fn write(&mut self, reply: &mut Reply<'_>) -> Outcome {
        let Self { options, back, rows, .. } = self;
        if options.length {
            reply.integer(rows.as_ref().map_or(0, Rows::length) as i64);
            return Ok(());
        }
        back.common.reverse();
        if options.matches {
            write_matches(reply, options, &back.matches, back.common.len());
        } else {
            reply.bulk(&back.common);
        }
        Ok(())
    }
}

/// Rows of differences: bit `j` of row `i` is 1 where column `j + 1` counts one more than column `j`. Of the row before the
/// first all are 0.
#[derive(Debug)]
struct Rows {
    /// All rows so far one behind the other, if they are kept.
    kept: Option<Vec<u64>>,
    /// Bits that a row takes there: whole words, or a part of one that divides it.
    width: usize,
    /// The last row; up to `word`, the one that is computed.
    row: Vec<u64>,
    word: usize,
    /// What goes over into that word.
    carry: bool,
    /// How many rows are computed.
    done: usize,
}

impl Rows {
    /// No rows of so many columns, and room for so many if they are to be kept.
    fn new(columns: usize, kept: Option<usize>) -> Self {
        let words = columns.div_ceil(64);
        let width = if words > 1 { words * 64 } else { columns.next_power_of_two() };
        let kept = kept.map(|rows| Vec::with_capacity((rows * width).div_ceil(64)));
        Self { kept, width, row: vec![0; words], word: 0, carry: false, done: 0 }
    }

    /// Computes some words; false when there is a row for each byte of the first string.
    fn advance(&mut self, first: &[u8], masks: &Masks) -> bool {
        let mut left = STEP_WORDS;
        while let Some(&byte) = first.get(self.done).filter(|_| left > 0) {
            let words = self.word..self.row.len().min(self.word + left);
            left -= words.len();
            for (grows, &equal) in self.row[words.clone()].iter_mut().zip(&masks.of(byte)[words.clone()]) {
                let bits = !*grows;
                let (sum, first_carry) = bits.overflowing_add(bits & equal);
                let (sum, second_carry) = sum.overflowing_add(u64::from(self.carry));
                self.carry = first_carry | second_carry;
                *grows = !(sum | (bits & !equal));
            }
            self.keep(words.clone());
            self.word = words.end;
            if self.word == self.row.len() {
                (self.word, self.carry) = (0, false);
                self.done += 1;
            }
        }
        self.done < first.len()
    }

    /// Keeps some words of the row that is computed.
    fn keep(&mut self, words: Range<usize>) {
        let Some(kept) = &mut self.kept else { return };
        let shift = self.done * self.width % 64;
        match kept.last_mut() {
            Some(last) if shift > 0 => *last |= self.row[0] << shift,
            _ => kept.extend_from_slice(&self.row[words]),
        }
    }

    /// Whether the count grows from column `column` to the next one in row `row`, counted from 1, if the rows are kept.
    fn grows(&self, row: usize, column: usize) -> bool {
        let bit = (row - 1) * self.width + column;
        self.kept.as_ref().is_some_and(|kept| kept[bit / 64] >> (bit % 64) & 1 == 1)
    }

    /// The length, after the last row.
    fn length(&self) -> usize {
        self.row.iter().map(|bits| bits.count_ones() as usize).sum()
    }
}

/// The way back through the rows, with Redis's choice among equals.
#[derive(Debug, Default)]
struct WayBack {
    row: usize,
    column: usize,
    /// The subsequence, from its end.
    common: Vec<u8>,
    /// The matches, from the last one.
    matches: Vec<Match>,
}

impl WayBack {
    /// Goes some steps; false at the end.
    fn advance(&mut self, rows: &Rows, first: &[u8], second: &[u8]) -> bool {
        let Self { row, column, common, matches } = self;
        for _ in 0..STEP_COLUMNS {
            if *row == 0 || *column == 0 {
                return false;
            }
            if first[*row - 1] == second[*column - 1] {
                (*row, *column) = (*row - 1, *column - 1);
                common.push(first[*row]);
                match matches.last_mut() {
                    Some(last) if last.first.start == *row + 1 && last.second.start == *column + 1 => {
                        (last.first.start, last.second.start) = (*row, *column);
                    }
                    _ => matches.push(Match { first: *row..*row + 1, second: *column..*column + 1 }),
                }
            } else if rows.grows(*row, *column - 1) {
                *row -= 1;
            } else {
                *column -= 1;
            }
        }
        true
    }
}

/// For every byte of the first string, which columns of the second hold it.
#[derive(Debug)]
struct Masks {
    place: [u16; 256],
    /// Bytes that have a place.
    count: u16,
    bits: Vec<u64>,
    words: usize,
}

impl Masks {
    fn new() -> Self {
        Self { place: [u16::MAX; 256], count: 0, bits: Vec::new(), words: 0 }
    }

    /// Some bytes of the first string. Only those that it has get a mask, so the masks are never larger than the rows.
    fn expect(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            let place = &mut self.place[usize::from(byte)];
            if *place == u16::MAX {
                *place = self.count;
                self.count += 1;
            }
        }
    }

    /// Makes room for so many words of columns.
    fn make_room(&mut self, words: usize) {
        self.words = words;
        self.bits = vec![0; usize::from(self.count) * words];
    }

    /// Marks columns from one on, which hold these bytes.
    fn mark(&mut self, from: usize, bytes: &[u8]) {
        for (column, &byte) in (from..).zip(bytes) {
            let at = self.place[usize::from(byte)];
            if at != u16::MAX {
                self.bits[usize::from(at) * self.words + column / 64] |= 1 << (column % 64);
            }
        }
    }

    fn of(&self, byte: u8) -> &[u64] {
        let start = usize::from(self.place[usize::from(byte)]) * self.words;
        &self.bits[start..start + self.words]
    }
}

#[cfg(test)]
mod tests {
    use stdx::rng::Rng;
    use value::StringRef;

    use super::*;

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

    fn comparing(first: &[u8], second: &[u8], length: bool) -> Comparing {
        let sources = [first, second].map(|text| Text::of(StringRef::Inline(text)));
        Comparing::new(sources, Options { length, ..Options::default() })
    }

    /// The length alone, the subsequence, and its matches from the first on.
    fn compared(first: &[u8], second: &[u8]) -> (usize, Vec<u8>, Vec<Match>) {
        let run = |length| {
            let mut comparing = comparing(first, second, length);
            comparing.complete();
            comparing
        };
        let length = run(true).rows.map_or(0, |rows| rows.length());
        let WayBack { mut common, mut matches, .. } = run(false).back;
        common.reverse();
        matches.reverse();
        (length, common, matches)
    }

    #[test]
    fn bits_give_what_the_matrix_gives() {
        let mut rng = Rng::from_seed(5);
        for round in 0..301 {
            let scale = if round == 300 { 20 } else { 1 };
            let mut text = |limit: u64| -> Vec<u8> {
                (0..rng.below(limit) * scale).map(|_| b'a' + rng.below(1 + round % 5) as u8).collect()
            };
            let (first, second) = (text(90), text(200));
            let (length, common, matches) = compared(&first, &second);
            assert_eq!(common, reference(&first, &second), "{first:?} {second:?}");
            assert_eq!(length, common.len());
            let joined: Vec<u8> =
                matches.iter().flat_map(|found| &first[found.first.clone()]).copied().collect();
            assert_eq!(joined, common);
            assert!(matches.iter().all(|found| first[found.first.clone()] == second[found.second.clone()]));
        }
    }

    #[test]
    fn a_row_goes_on_where_a_step_has_left_it() {
        let second =
            [b"b".as_slice(), &b"x".repeat(64 * STEP_WORDS + 5), b"a", &b"x".repeat(70), b"b"].concat();
        // In the shorter one the carry of an "ab" goes from the first word to the last.
        for second in [&second[..], &second[..second.len() - 1]] {
            for first in [b"ab", b"ba", b"bb"] {
                let (length, common, _) = compared(first, second);
                assert_eq!(common, reference(first, second));
                assert_eq!(length, common.len());
            }
        }
    }

    #[test]
    fn narrow_rows_share_words() {
        let first = b"abcd".repeat(1000);
        for second in [b"d".as_slice(), b"dc", b"acd", b"abcda"] {
            let mut comparing = comparing(&first, second, false);
            comparing.complete();
            let kept = comparing.rows.and_then(|rows| rows.kept).map_or(0, |kept| kept.len());
            assert_eq!(kept, (first.len() * second.len().next_power_of_two()).div_ceil(64));
            assert_eq!(compared(&first, second).1, reference(&first, second));
        }
    }

    #[test]
    fn empty_strings_have_nothing_in_common() {
        for (first, second) in [(&b""[..], &b"abc"[..]), (b"abc", b""), (b"", b"")] {
            assert_eq!(compared(first, second), (0, Vec::new(), Vec::new()));
        }
    }
}
