//! How a value that nobody needs any more is freed bit by bit, so that whoever frees it can let others go first.
//!
//! Only the last holder of something has work with it: what somebody else holds as well is let go of at once.

use std::convert::Infallible;

use triomphe::{Arc, UniqueArc};

use crate::Value;

/// What can be freed bit by bit.
pub trait Dismantle {
    /// Frees it. `between` is called each time some dozens of blocks of memory have been given back.
    fn dismantle(self, between: &mut dyn FnMut());
}

/// What was held, if nobody else holds it.
pub(crate) fn last_of<T>(held: Arc<T>) -> Option<T> {
    Arc::into_unique(held).map(UniqueArc::into_inner)
}

impl Dismantle for Infallible {
    fn dismantle(self, _: &mut dyn FnMut()) {
        match self {}
    }
}

impl Dismantle for Value {
    fn dismantle(self, between: &mut dyn FnMut()) {
        match self {
            Self::String(blob) => blob.dismantle(between),
            Self::Hash(hash) => hash.dismantle(between),
            Self::List(list) => list.dismantle(between),
            Self::Set(set) => set.dismantle(between),
            Self::ZSet(zset) => zset.dismantle(between),
            Self::Stream(stream) => stream.dismantle(between),
        }
    }
}

#[cfg(test)]
mod tests {
    use stdx::hash::HashKey;

    use super::*;
    use crate::page::{Meta, NewPayload, Options};
    use crate::table::Table;
    use crate::{Blob, list, zset};

    const SEED: HashKey = HashKey([1, 2]);
    /// The most that is freed at a time: sixty-four pages of a string.
    const BYTES_AT_ONCE: usize = 64 * 8192;

    /// How often others could go first.
    fn pauses(value: impl Dismantle) -> usize {
        let mut pauses = 0;
        value.dismantle(&mut || pauses += 1);
        pauses
    }

    fn string() -> Value {
        Value::String(Blob::from_bytes(&vec![1; 8 * BYTES_AT_ONCE]))
    }

    fn list() -> Value {
        let mut builder = list::Builder::new();
        (0..200_000_u32).for_each(|number| builder.push(&number.to_be_bytes()));
        Value::List(builder.finish(list::Settings::of_parameter(-2)))
    }

    fn zset() -> Value {
        let elements: zset::Builder =
            (0..100_000_u32).map(|number| (number.to_be_bytes(), f64::from(number))).collect();
        Value::ZSet(elements.finish(zset::Settings::of_redis(SEED)).expect("numbers differ"))
    }

    /// A table of keys, of which each hundredth has a string of eight pieces.
    fn table() -> Table<Value> {
        let mut table = Table::new(SEED, Options::default());
        for number in 0..1000_u32 {
            let key = number.to_be_bytes();
            let payload =
                if number % 100 == 0 { NewPayload::Object(string()) } else { NewPayload::Inline(&[7; 90]) };
            table.insert(table.hash(&key), &key, payload, Meta::default());
        }
        table
    }

    #[test]
    fn a_large_value_goes_in_parts_of_half_a_megabyte_at_most() {
        for value in [string(), list(), zset()] {
            let parts = value.weight() / BYTES_AT_ONCE;
            assert!(parts >= 1);
            let pauses = pauses(value);
            assert!(pauses >= parts, "{pauses} of {parts}");
        }
    }

    #[test]
    fn so_do_the_values_of_a_table() {
        assert!(pauses(table()) > 10 * 8);
    }

    #[test]
    fn what_somebody_else_holds_stays_and_costs_nothing() {
        let (held, kept) = (string(), zset());
        assert_eq!((pauses(held.clone()), pauses(kept.clone())), (0, 0));
        assert!(pauses(held) >= 8);
        assert!(pauses(kept) >= 1);
    }
}
