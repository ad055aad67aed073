//! Putting elements in order.
//!
//! Of many elements of which few are shown, those are chosen first and only they are sorted. Elements that compare as
//! equal stay in the order in which they came, so that the result is the same each time.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Range;

use super::elements::{Elements, Source};
use super::lookup::Lookup;
use super::options::Options;
use super::pattern::Pattern;
use crate::error::Error;

/// Elements, and which of them are shown in which order.
pub(super) struct Sorted {
    elements: Elements,
    order: Vec<usize>,
}

impl Sorted {
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// The element at a position of the order.
    pub(super) fn get(&self, position: usize) -> &[u8] {
        self.elements.get(self.order[position])
    }

    /// Bytes of an element, on average.
    pub(super) fn element_bytes(&self) -> usize {
        self.elements.bytes() / self.elements.len().max(1)
    }

    /// Shows each element, or what is to be got for it, in order; none where there is nothing.
    pub(super) fn show(
        &self,
        options: &Options<'_>,
        lookup: &mut Lookup<'_, '_>,
        each: &mut dyn FnMut(Option<&[u8]>),
    ) {
        for element in self.order.iter().map(|&index| self.elements.get(index)) {
            if options.gets.is_empty() {
                each(Some(element));
            }
            for get in &options.gets {
                each(lookup.find(get, element).as_deref());
            }
        }
    }
}

/// Sorts the elements of a source.
pub(super) fn sort(
    source: &Source,
    options: &Options<'_>,
    lookup: &mut Lookup<'_, '_>,
) -> Result<Sorted, Error> {
    let shown = options.shown(source.len());
    let is_arbitrary = options.keeps_order && options.is_repeatable && !source.is_ordered();
    if options.keeps_order && !is_arbitrary {
        let elements = source.elements_at(shown, options.descends);
        let order = (0..elements.len()).collect();
        return Ok(Sorted { elements, order });
    }
    let elements = source.elements();
    let by = options.by.filter(|_| !is_arbitrary);
    let order = if options.by_bytes || is_arbitrary {
        by_bytes(&elements, by, shown, options.descends, lookup)
    } else {
        by_number(&elements, by, shown, options.descends, lookup)?
    };
    Ok(Sorted { elements, order })
}

/// Compares the bytes of the elements, or those of their weights; one without a weight comes before all others.
fn by_bytes(
    elements: &Elements,
    by: Option<Pattern<'_>>,
    shown: Range<usize>,
    descends: bool,
    lookup: &mut Lookup<'_, '_>,
) -> Vec<usize> {
    let Some(by) = by else {
        return arrange(elements.len(), shown, descends, |one, other| {
            elements.get(one).cmp(elements.get(other))
        });
    };
    let weights: Vec<Option<Vec<u8>>> =
        elements.iter().map(|element| lookup.find(&by, element).map(Cow::into_owned)).collect();
    arrange(elements.len(), shown, descends, |one, other| weights[one].cmp(&weights[other]))
}

/// Compares numbers: the elements, or their weights; one without a weight has none of its own and counts as 0. Elements
/// with equal numbers are compared by their bytes.
fn by_number(
    elements: &Elements,
    by: Option<Pattern<'_>>,
    shown: Range<usize>,
    descends: bool,
    lookup: &mut Lookup<'_, '_>,
) -> Result<Vec<usize>, Error> {
    let weight = |element| match by {
        None => parse_weight(element),
        Some(by) => lookup.find(&by, element).map_or(Some(0.0), |weight| parse_weight(&weight)),
    };
    let weights: Option<Vec<f64>> = elements.iter().map(weight).collect();
    let weights = weights.ok_or(Error::Static("ERR One or more scores can't be converted into double"))?;
    Ok(arrange(elements.len(), shown, descends, |one, other| {
        let numbers = weights[one].partial_cmp(&weights[other]).expect("no weight is NaN");
        numbers.then_with(|| elements.get(one).cmp(elements.get(other)))
    }))
}

/// The number of a text, as Redis 8 reads it here: nothing is 0, what is too large or too small is infinite or 0.
fn parse_weight(text: &[u8]) -> Option<f64> {
    if text.is_empty() {
        return Some(0.0);
    }
    let number: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (!number.is_nan()).then_some(number)
}

/// The indices below `count` in order, as far as they are shown.
fn arrange(
    count: usize,
    shown: Range<usize>,
    descends: bool,
    compare: impl Fn(usize, usize) -> Ordering,
) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    let compare = |one: &usize, other: &usize| {
        let compared = compare(*one, *other);
        (if descends { compared.reverse() } else { compared }).then(one.cmp(other))
    };
    if shown.is_empty() {
        return Vec::new();
    }
    if shown.end < count {
        order.select_nth_unstable_by(shown.end, compare);
        order.truncate(shown.end);
    }
    if shown.start > 0 {
        order.select_nth_unstable_by(shown.start, compare);
        order.drain(..shown.start);
    }
    order.sort_unstable_by(compare);
    order
}

#[cfg(test)]
mod tests {
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
    fn a_part_of_an_order_is_that_part_of_the_whole() {
        let values = [5, 3, 5, 1, 9, 3, 7, 2, 5];
        for descends in [false, true] {
            let all = arrange(9, 0..9, descends, |one, other| values[one].cmp(&values[other]));
            let sorted: Vec<i32> = all.iter().map(|&index| values[index]).collect();
            assert!(sorted.is_sorted_by(|one, next| if descends { one >= next } else { one <= next }));
            for start in 0..=9 {
                for end in start..=9 {
                    let part = arrange(9, start..end, descends, |one, other| values[one].cmp(&values[other]));
                    assert_eq!(part, all[start..end]);
                }
            }
        }
    }
}
