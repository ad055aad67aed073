//! Memory that nobody can reach any more, which is freed where nobody waits.

use value::{Dismantle, Value};

use super::Access;
use crate::shard::Partition;

/// Memory that nobody can reach any more; dropping it may take long.
#[derive(Debug)]
pub struct Garbage(Gone);

impl Garbage {
    pub(crate) fn value(value: Value) -> Self {
        Self(Gone::Value(value))
    }

    /// Anything else, such as what holds a clone of a value.
    pub fn other(other: Box<dyn std::fmt::Debug + Send>) -> Self {
        Self(Gone::Other(other))
    }

    /// Frees it bit by bit, but for what is of some other kind. `between` is called after each bit.
    pub fn free(self, between: &mut dyn FnMut()) {
        match self.0 {
            Gone::Value(value) => value.dismantle(between),
            Gone::Partition(partition) => partition.table.dismantle(between),
            Gone::Other(other) => drop(other),
        }
    }

    /// About how many bytes it is. What others hold as well counts as nothing.
    pub fn bytes(&self) -> usize {
        match &self.0 {
            Gone::Value(value) => value.weight(),
            Gone::Partition(partition) => partition.table.live_bytes(),
            Gone::Other(_) => 0,
        }
    }
}

/// What is dropped.
#[derive(Debug)]
enum Gone {
    Value(Value),
    Partition(Partition),
    Other(Box<dyn std::fmt::Debug + Send>),
}

impl Access<'_> {
    /// Large values that went, to be freed where nobody waits.
    pub fn take_reclaim(&mut self) -> Vec<Garbage> {
        std::mem::take(&mut self.reclaim)
    }

    /// Whether there are values to free.
    pub fn has_reclaim(&self) -> bool {
        !self.reclaim.is_empty()
    }

    /// Puts aside what a command needs no more, to be freed where nobody waits.
    pub fn free_later(&mut self, garbage: Garbage) {
        self.reclaim.push(garbage);
    }

    /// Puts whole partitions aside to be freed later.
    pub(crate) fn reclaim_partitions(&mut self, partitions: Vec<Partition>) {
        self.reclaim.extend(partitions.into_iter().map(|partition| Garbage(Gone::Partition(partition))));
    }

    /// Puts a value aside to be freed later, unless that is soon done.
    pub(crate) fn reclaim(&mut self, value: Value) {
        if !value.is_light() {
            self.reclaim.push(Garbage::value(value));
        }
    }
}
