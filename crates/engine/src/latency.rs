//! Latency events: spikes by cause, as LATENCY LATEST and HISTORY show them.

use std::collections::{BTreeMap, VecDeque};

/// Samples kept of an event.
const KEPT: usize = 160;

/// What may take long, with the names of Redis; in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// Blocks were looked at and moved to give memory back.
    ActiveDefragCycle,
    /// With `appendfsync always`, what was appended was synced.
    AofFsyncAlways,
    /// Bytes were appended to the append-only file.
    AofWrite,
    /// The same, while it was not synced.
    AofWriteAlone,
    /// The same, while it was synced.
    AofWritePendingFsync,
    /// A command that is not always quick.
    Command,
    /// A search for keys to evict, and all that went in it.
    EvictionCycle,
    /// One of them was removed.
    EvictionDel,
    /// A search for due keys, and all that went in it.
    ExpireCycle,
    /// A command that is always quick.
    FastCommand,
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::ActiveDefragCycle,
        Self::AofFsyncAlways,
        Self::AofWrite,
        Self::AofWriteAlone,
        Self::AofWritePendingFsync,
        Self::Command,
        Self::EvictionCycle,
        Self::EvictionDel,
        Self::ExpireCycle,
        Self::FastCommand,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::ActiveDefragCycle => "active-defrag-cycle",
            Self::AofFsyncAlways => "aof-fsync-always",
            Self::AofWrite => "aof-write",
            Self::AofWriteAlone => "aof-write-alone",
            Self::AofWritePendingFsync => "aof-write-pending-fsync",
            Self::Command => "command",
            Self::EvictionCycle => "eviction-cycle",
            Self::EvictionDel => "eviction-del",
            Self::ExpireCycle => "expire-cycle",
            Self::FastCommand => "fast-command",
        }
    }

    /// Whose name this is, in any case.
    fn of(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.name().as_bytes().eq_ignore_ascii_case(name))
    }

    /// Where to look for what to do about it.
    pub fn advice(self) -> &'static str {
        match self {
            Self::ActiveDefragCycle | Self::ExpireCycle => {
                "Work in the background takes a little of each turn: see whether the machine has too few processors for its threads."
            }
            Self::AofFsyncAlways | Self::AofWrite | Self::AofWriteAlone | Self::AofWritePendingFsync => {
                "The disk of the append-only file is slow or busy: see what else writes to it, and aof_delayed_fsync of INFO."
            }
            Self::Command | Self::FastCommand => "SLOWLOG GET names slow commands.",
            Self::EvictionCycle | Self::EvictionDel => {
                "More is written than maxmemory has room for: see maxmemory-eviction-tenacity and the sizes of values."
            }
        }
    }
}

/// The spikes of one event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// Unix seconds and milliseconds, oldest first.
    pub samples: VecDeque<(i64, u64)>,
    /// The longest ever, in milliseconds.
    pub longest_ms: u64,
}

/// All events by cause.
#[derive(Debug, Default)]
pub struct Latency {
    events: BTreeMap<Cause, Event>,
}

impl Latency {
    /// Adds a spike. Of several in the same second the longest is kept.
    pub fn add(&mut self, cause: Cause, time_s: i64, duration_ms: u64) {
        let event = self.events.entry(cause).or_default();
        event.longest_ms = event.longest_ms.max(duration_ms);
        if let Some((last, longest)) = event.samples.back_mut()
            && *last == time_s
        {
            *longest = duration_ms.max(*longest);
            return;
        }
        if event.samples.len() == KEPT {
            event.samples.pop_front();
        }
        event.samples.push_back((time_s, duration_ms));
    }

    /// Forgets an event; true if there was one.
    pub fn reset(&mut self, name: &[u8]) -> bool {
        Cause::of(name).is_some_and(|cause| self.events.remove(&cause).is_some())
    }

    /// Forgets all; returns how many there were.
    pub fn reset_all(&mut self) -> usize {
        std::mem::take(&mut self.events).len()
    }

    /// All events.
    pub fn events(&self) -> impl ExactSizeIterator<Item = (Cause, &Event)> {
        self.events.iter().map(|(cause, event)| (*cause, event))
    }

    /// One event.
    pub fn event(&self, name: &[u8]) -> Option<&Event> {
        self.events.get(&Cause::of(name)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_spike_of_a_second_is_kept() {
        let mut latency = Latency::default();
        for (second, duration) in [(1, 5), (1, 9), (1, 7), (2, 3)] {
            latency.add(Cause::Command, second, duration);
        }
        let event = latency.event(b"COMMAND").expect("there is one");
        assert_eq!(event.samples, [(1, 9), (2, 3)]);
        assert_eq!(event.longest_ms, 9);
        assert!(latency.reset(b"command"));
        assert!(!latency.reset(b"command"));
    }

    #[test]
    fn causes_are_in_the_order_of_their_names() {
        assert!(Cause::ALL.is_sorted() && Cause::ALL.map(Cause::name).is_sorted());
        assert!(Cause::ALL.iter().all(|cause| Cause::of(cause.name().as_bytes()) == Some(*cause)));
    }
}
