//! Producers that write the elements of a collection: by position, as a cursor walks, or chosen at random.

use std::fmt;
use std::ops::Range;

use resp::Protocol;
use stdx::rng::Rng;

use super::{Producer, Progress, SLICE_BYTES};
use crate::reply::Reply;

/// A slice ends when so many steps have written less.
const SLICE_STEPS: usize = 16;
/// Elements of one step.
const STEP_ELEMENTS: usize = 64;
/// How many elements a slice chooses at random, each in another part of memory.
const SLICE_CHOICES: usize = 128;
/// The most bytes that a producer tells are still to come, so that those of several can be added up.
const MOST_REMAINING: usize = 1 << 48;

/// Writes some elements of a value, those of a range of positions.
type WriteRange<V> = fn(&mut V, Range<usize>, &mut Reply<'_>);

/// Writes a range of positions of a value that finds a position quickly.
pub(crate) struct ByPosition<V> {
    value: V,
    rest: Range<usize>,
    /// Bytes of an element, about.
    element_bytes: usize,
    protocol: Protocol,
    write: WriteRange<V>,
}

impl<V> ByPosition<V> {
    /// The positions of `range`, each written as `write` does it, in about so many bytes.
    pub(crate) fn new(
        value: V,
        range: Range<usize>,
        element_bytes: usize,
        protocol: Protocol,
        write: WriteRange<V>,
    ) -> Self {
        Self { value, rest: range, element_bytes, protocol, write }
    }
}

impl<V: Send> Producer for ByPosition<V> {
    fn produce(&mut self, out: &mut Vec<u8>) -> Progress {
        let begin = out.len();
        for _ in 0..SLICE_STEPS {
            let next = self.rest.start + STEP_ELEMENTS.min(self.rest.len());
            (self.write)(&mut self.value, self.rest.start..next, &mut Reply::new(out, self.protocol));
            self.rest.start = next;
            if self.rest.is_empty() {
                return Progress::Done;
            }
            if out.len() - begin >= SLICE_BYTES {
                break;
            }
        }
        Progress::More
    }

    fn remaining_bytes(&self) -> usize {
        self.rest.len() * self.element_bytes
    }
}

/// Writes some elements of a value, those behind a cursor, and returns the cursor to go on with, 0 at the end.
type WriteFrom<V> = fn(&mut V, u64, usize, &mut Reply<'_>) -> u64;

/// Writes all elements of a value that is walked with a cursor.
pub(crate) struct ByCursor<V> {
    value: V,
    cursor: u64,
    /// About how many bytes are still to come.
    remaining: usize,
    protocol: Protocol,
    write: WriteFrom<V>,
}

impl<V> ByCursor<V> {
    /// All elements, each written as `write` does it, in about so many bytes.
    pub(crate) fn new(value: V, bytes: usize, protocol: Protocol, write: WriteFrom<V>) -> Self {
        Self { value, cursor: 0, remaining: bytes, protocol, write }
    }
}

impl<V: Send> Producer for ByCursor<V> {
    fn produce(&mut self, out: &mut Vec<u8>) -> Progress {
        let begin = out.len();
        let mut progress = Progress::More;
        for _ in 0..SLICE_STEPS {
            let mut reply = Reply::new(out, self.protocol);
            self.cursor = (self.write)(&mut self.value, self.cursor, STEP_ELEMENTS, &mut reply);
            if self.cursor == 0 {
                progress = Progress::Done;
                break;
            }
            if out.len() - begin >= SLICE_BYTES {
                break;
            }
        }
        self.remaining = self.remaining.saturating_sub(out.len() - begin);
        progress
    }

    fn remaining_bytes(&self) -> usize {
        self.remaining
    }
}

/// Chooses so many elements of a value at random and writes them, but for some that it rejects; returns how many it has written.
type WriteRandom<V> = fn(&mut V, usize, &mut Rng, &mut Reply<'_>) -> usize;

/// Writes elements of a value that are chosen at random, one by one.
pub(crate) struct ByChance<V> {
    value: V,
    left: usize,
    /// Bytes of an element, about.
    element_bytes: usize,
    rng: Rng,
    protocol: Protocol,
    write: WriteRandom<V>,
}

impl<V> ByChance<V> {
    /// So many elements of a value that has some, each written as `write` does it, in about so many bytes.
    pub(crate) fn new(
        value: V,
        count: usize,
        element_bytes: usize,
        rng: Rng,
        protocol: Protocol,
        write: WriteRandom<V>,
    ) -> Self {
        Self { value, left: count, element_bytes, rng, protocol, write }
    }
}

impl<V: Send> Producer for ByChance<V> {
    fn produce(&mut self, out: &mut Vec<u8>) -> Progress {
        let count = self.left.min(SLICE_CHOICES);
        self.left -= (self.write)(&mut self.value, count, &mut self.rng, &mut Reply::new(out, self.protocol));
        if self.left == 0 { Progress::Done } else { Progress::More }
    }

    fn remaining_bytes(&self) -> usize {
        self.left.saturating_mul(self.element_bytes).min(MOST_REMAINING)
    }
}

impl<V> fmt::Debug for ByPosition<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByPosition").field("rest", &self.rest).finish_non_exhaustive()
    }
}

impl<V> fmt::Debug for ByChance<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByChance").field("left", &self.left).finish_non_exhaustive()
    }
}

impl<V> fmt::Debug for ByCursor<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByCursor").field("cursor", &self.cursor).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use value::List;

    use super::*;

    /// Everything that a producer writes, and in how many slices.
    fn drain(producer: &mut dyn Producer) -> (Vec<u8>, usize) {
        let (mut all, mut slices) = (Vec::new(), 1);
        loop {
            let mut out = Vec::new();
            let progress = producer.produce(&mut out);
            all.extend_from_slice(&out);
            if progress == Progress::Done {
                return (all, slices);
            }
            slices += 1;
        }
    }

    #[test]
    fn positions_come_in_order_whatever_their_size() {
        let mut builder = value::list::Builder::new();
        (0..5000).for_each(|number: usize| builder.push(number.to_string().as_bytes()));
        let list: List = builder.finish(value::list::Settings::of_parameter(-2));
        let mut producer = ByPosition::new(list, 1..4999, 10, Protocol::Resp3, |list, range, reply| {
            list.as_ref().range(range).for_each(|element| reply.bulk(element));
        });
        let mut expected = Vec::new();
        let mut reply = Reply::new(&mut expected, Protocol::Resp3);
        (1..4999).for_each(|number: usize| reply.bulk(number.to_string()));
        let (written, slices) = drain(&mut producer);
        assert_eq!(written, expected);
        assert_eq!(slices, 5, "a slice has 16 steps of 64 elements");
        assert_eq!(producer.remaining_bytes(), 0);
    }
}
