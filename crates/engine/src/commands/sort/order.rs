//! Putting elements in order, at once or in steps.
//!
//! ```text
//!   gather  element ─► text, and an item: a key of eight bytes, and which text it is of
//!   sort    items by their keys; where those are equal, by what they stand for
//! ```
//! The key is a number in an order that keeps that of the numbers, or the first eight bytes, so most comparisons look at no
//! text. Of many elements of which few are shown, those are chosen while they are gathered, and only they are sorted.
//! Elements that compare as equal stay in the order in which they came, so that the result is the same each time.

use std::cmp::Ordering;
use std::ops::Range;

use stdx::merge_sort::MergeSort;

use super::elements::{Source, Texts};
use super::lookup::Lookup;
use super::options::Options;
use super::pattern::Pattern;
use crate::computing::STEP_ELEMENTS;
use crate::error::Error;
use crate::shortlist;
use crate::slices::Progress;

/// Items that a step merges: they are quick.
const STEP_ITEMS: usize = 4 * STEP_ELEMENTS;
/// The sign of a number.
const SIGN: u64 = 1 << 63;

/// See the module's text.
#[derive(Debug)]
pub(super) struct Sorting {
    source: Source,
    pub(super) options: Options,
    /// What is shown of all elements in order.
    shown: Range<usize>,
    rule: Rule,
    elements: Texts,
    /// Their weights, if those are compared by their bytes.
    weights: Texts,
    phase: Phase,
    /// Some weight is no number.
    is_refused: bool,
}

/// An element that is sorted.
#[derive(Debug, Clone, Copy)]
struct Item {
    key: u64,
    /// Its text.
    index: usize,
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// Nothing; the elements stay in the order of the source.
    Place,
    /// The numbers that elements or weights are, then the elements' bytes.
    Numbers,
    /// The elements' bytes.
    Bytes,
    /// The weights' bytes; an element without a weight comes before all others.
    Weights,
}

#[derive(Debug)]
enum Phase {
    Gather {
        items: Vec<Item>,
        cursor: u64,
        /// Elements that have been visited.
        seen: usize,
    },
    Sort(MergeSort<Item>),
    Done(Vec<Item>),
}

impl Sorting {
    /// Begins with the elements of a source.
    pub(super) fn new(source: Source, options: Options) -> Self {
        let (shown, count) = (options.shown(source.len()), source.len());
        let is_arbitrary = options.keeps_order && options.is_repeatable && !source.is_ordered();
        let rule = match options.by {
            _ if is_arbitrary => Rule::Bytes,
            _ if options.keeps_order => Rule::Place,
            Some(_) if options.by_bytes => Rule::Weights,
            None if options.by_bytes => Rule::Bytes,
            _ => Rule::Numbers,
        };
        let mut sorting = Self {
            source,
            options,
            shown,
            rule,
            elements: Texts::default(),
            weights: Texts::default(),
            phase: Phase::Gather { items: Vec::new(), cursor: 0, seen: 0 },
            is_refused: false,
        };
        sorting.expect(count);
        sorting
    }

    /// Makes room for so many elements, so that none is moved while others come.
    fn expect(&mut self, count: usize) {
        let gathered = if self.rule == Rule::Place { self.shown.len() } else { count };
        self.elements.expect(gathered);
        if self.rule == Rule::Weights {
            self.weights.expect(gathered);
        }
        let kept = if self.chooses() { shortlist::ROOM } else { gathered };
        if let Phase::Gather { items, .. } = &mut self.phase {
            items.reserve_exact(kept.min(gathered));
        }
    }

    /// Whether only the first few items are kept.
    fn chooses(&self) -> bool {
        self.rule != Rule::Place && self.shown.end <= shortlist::FEW
    }

    /// Looks at some elements, or brings some items nearer to their places.
    pub(super) fn step(&mut self, lookup: &mut Lookup<'_, '_>) -> Progress {
        match &mut self.phase {
            Phase::Gather { .. } => self.gather(lookup),
            Phase::Sort(sort) => {
                let Self { rule, elements, weights, options, .. } = self;
                let comparison = Comparison { rule: *rule, elements, weights, descends: options.descends };
                if !sort.step(STEP_ITEMS, |one, other| comparison.of(one, other)) {
                    let sort = std::mem::replace(sort, MergeSort::new(Vec::new()));
                    self.phase = Phase::Done(sort.finish());
                }
            }
            Phase::Done(_) => return Progress::Done,
        }
        Progress::More
    }

    /// Does all that is left.
    pub(super) fn complete(&mut self, lookup: &mut Lookup<'_, '_>) {
        while self.step(lookup) == Progress::More {}
    }

    /// How many elements are shown, after the last step.
    pub(super) fn len(&self) -> Result<usize, Error> {
        if self.is_refused {
            return Err(Error::Static("ERR One or more scores can't be converted into double"));
        }
        Ok(self.shown.len())
    }

    /// The element at a position of those that are shown, after the last step.
    pub(super) fn get(&self, position: usize) -> &[u8] {
        let Phase::Done(items) = &self.phase else { return &[] };
        self.elements.get(items[self.shown.start + position].index).unwrap_or_default()
    }

    /// Bytes of an element, on average.
    pub(super) fn element_bytes(&self) -> usize {
        self.elements.bytes() / self.elements.len().max(1)
    }

    /// Shows some elements, or what is to be got for them, in order; none where there is nothing.
    pub(super) fn show(
        &self,
        positions: Range<usize>,
        lookup: &mut Lookup<'_, '_>,
        each: &mut dyn FnMut(Option<&[u8]>),
    ) {
        for element in positions.map(|position| self.get(position)) {
            if self.options.gets.is_empty() {
                each(Some(element));
            }
            for get in &self.options.gets {
                each(lookup.find(get, element).as_deref());
            }
        }
    }

    fn gather(&mut self, lookup: &mut Lookup<'_, '_>) {
        let Self { source, options, shown, rule, elements, weights, phase, is_refused } = self;
        let Phase::Gather { items, cursor, seen } = phase else { return };
        if *rule == Rule::Place && source.is_ordered() {
            let end = shown.end.min(shown.start + elements.len() + STEP_ELEMENTS);
            source.visit(shown.start + elements.len()..end, options.descends, &mut |element| {
                items.push(Item { key: 0, index: elements.len() });
                elements.push(element);
            });
            *cursor = u64::from(end != shown.end);
        } else {
            *cursor = source.walk(*cursor, STEP_ELEMENTS, &mut |element| {
                *seen += 1;
                if *rule == Rule::Place && !shown.contains(&(*seen - 1)) {
                    return;
                }
                match key_of(*rule, options.by.as_ref(), element, weights, lookup) {
                    Some(key) => items.push(Item { key, index: elements.len() }),
                    None => *is_refused = true,
                }
                elements.push(element);
            });
        }
        self.end_gathering();
    }

    /// Gives up items that will not be shown, and goes on to sorting when all have come.
    fn end_gathering(&mut self) {
        let chooses = self.chooses();
        let Self { options, shown, rule, elements, weights, phase, is_refused, .. } = self;
        let Phase::Gather { items, cursor, .. } = phase else { return };
        if chooses {
            let comparison = Comparison { rule: *rule, elements, weights, descends: options.descends };
            shortlist::thin_out(items, |one, other| comparison.of(one, other));
        }
        if *is_refused {
            self.phase = Phase::Done(Vec::new());
        } else if *cursor == 0 {
            let items = std::mem::take(items);
            if *rule == Rule::Place {
                // Only what is shown was gathered.
                *shown = 0..items.len();
                self.phase = Phase::Done(items);
            } else {
                self.phase = Phase::Sort(MergeSort::new(items));
            }
        }
    }
}

/// The key of an element; `None`: it should be a number and is none. A weight of its own is kept.
fn key_of(
    rule: Rule,
    by: Option<&Pattern>,
    element: &[u8],
    weights: &mut Texts,
    lookup: &mut Lookup<'_, '_>,
) -> Option<u64> {
    match (rule, by) {
        (Rule::Place, _) => Some(0),
        (Rule::Bytes, _) => Some(prefix(element)),
        (Rule::Weights, by) => {
            let weight = by.and_then(|by| lookup.find(by, element));
            weights.push_optional(weight.as_deref());
            Some(prefix(weight.as_deref().unwrap_or_default()))
        }
        (Rule::Numbers, None) => parse_weight(element).map(number_key),
        (Rule::Numbers, Some(by)) => {
            // One without a weight has none of its own and counts as 0.
            let weight = lookup.find(by, element);
            weight.map_or(Some(0.0), |weight| parse_weight(&weight)).map(number_key)
        }
    }
}

/// The first eight bytes, or fewer with zeros behind them, as a number that keeps their order.
fn prefix(text: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    let length = text.len().min(8);
    bytes[..length].copy_from_slice(&text[..length]);
    u64::from_be_bytes(bytes)
}

/// A number in an order that is that of the numbers; both zeros are one.
fn number_key(number: f64) -> u64 {
    let bits = (number + 0.0).to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

/// The number of a text, as Redis 8 reads it here: nothing is 0, what is too large or too small is infinite or 0.
fn parse_weight(text: &[u8]) -> Option<f64> {
    if text.is_empty() {
        return Some(0.0);
    }
    let number: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (!number.is_nan()).then_some(number)
}

/// How items are compared.
struct Comparison<'s> {
    rule: Rule,
    elements: &'s Texts,
    weights: &'s Texts,
    descends: bool,
}

impl Comparison<'_> {
    /// Never equal but for an item and itself.
    fn of(&self, one: &Item, other: &Item) -> Ordering {
        let texts = if self.rule == Rule::Weights { self.weights } else { self.elements };
        let compared =
            one.key.cmp(&other.key).then_with(|| texts.get(one.index).cmp(&texts.get(other.index)));
        (if self.descends { compared.reverse() } else { compared }).then(one.index.cmp(&other.index))
    }
}

#[cfg(test)]
mod tests {
    use value::list;

    use super::*;

    #[test]
    fn numbers_are_read_as_redis_8_reads_weights() {
        for (text, number) in [
            ("", 0.0),
            ("1", 1.0),
            ("+1", 1.0),
            ("1.", 1.0),
            (".5", 0.5),
            ("1e5", 1e5),
            ("-inf", f64::NEG_INFINITY),
            ("INFINITY", f64::INFINITY),
            ("1e400", f64::INFINITY),
            ("1e-400", 0.0),
        ] {
            assert_eq!(parse_weight(text.as_bytes()), Some(number), "{text}");
        }
        for text in ["nan", " 1", "1 ", "0x10", "1abc", "abc", "-", "."] {
            assert_eq!(parse_weight(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn keys_are_in_the_order_of_what_they_stand_for() {
        let numbers = [f64::NEG_INFINITY, -1e9, -2.5, -1e-300, 0.0, 1e-300, 1.0, 1e9, f64::INFINITY];
        assert!(numbers.map(number_key).is_sorted_by(|one, next| one < next));
        assert_eq!(number_key(-0.0), number_key(0.0));
        let texts: [&[u8]; 6] = [b"", b"a", b"a\x01", b"ab", b"abcdefgh", b"b"];
        assert!(texts.map(prefix).is_sorted_by(|one, next| one < next));
        assert_eq!(prefix(b"abcdefgh1"), prefix(b"abcdefgh2"));
    }

    /// What is shown of a list.
    fn sorted(elements: &[String], shown: Range<usize>, descends: bool, by_bytes: bool) -> Vec<String> {
        let mut builder = list::Builder::new();
        elements.iter().for_each(|element| builder.push(element.as_bytes()));
        let options = Options::of_range(shown, descends, by_bytes);
        let source = Source::List(builder.finish(list::Settings::of_parameter(-2)));
        let mut sorting = Sorting::new(source, options);
        sorting.complete(&mut Lookup::Nowhere);
        let count = sorting.len().expect("all are numbers");
        (0..count).map(|at| String::from_utf8_lossy(sorting.get(at)).into_owned()).collect()
    }

    #[test]
    fn a_part_of_an_order_is_that_part_of_the_whole() {
        for count in [9, 5000] {
            let numbers: Vec<String> = (0..count).map(|at| (at * 7919 % 1009).to_string()).collect();
            for (descends, by_bytes) in [(false, false), (false, true), (true, false), (true, true)] {
                let mut expected = numbers.clone();
                if by_bytes {
                    expected.sort();
                } else {
                    expected.sort_by_key(|text| text.parse::<u32>().expect("a number"));
                }
                if descends {
                    expected.reverse();
                }
                for (start, end) in [(0, 1), (2, 7), (3, 3), (5, 1000), (4000, 4100), (0, count)] {
                    let part = start.min(count)..end.min(count);
                    let shown = sorted(&numbers, start..end, descends, by_bytes);
                    assert_eq!(shown, expected[part], "{start}..{end} of {count}");
                }
            }
        }
    }
}
