//! Latency events: spikes by cause, as LATENCY LATEST and HISTORY show them.

use std::collections::{BTreeMap, VecDeque};

/// Samples kept of an event.
const KEPT: usize = 160;

/// The spikes of one event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// Unix seconds and milliseconds, oldest first.
    pub samples: VecDeque<(i64, u64)>,
    /// The longest ever, in milliseconds.
    pub longest_ms: u64,
}

/// All events by name.
#[derive(Debug, Default)]
pub struct Latency {
    events: BTreeMap<&'static str, Event>,
}

impl Latency {
    /// Adds a spike. Of several in the same second the longest is kept.
    pub fn add(&mut self, event: &'static str, time_s: i64, duration_ms: u64) {
        let event = self.events.entry(event).or_default();
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
        let found = self.events.keys().find(|event| event.as_bytes().eq_ignore_ascii_case(name)).copied();
        found.is_some_and(|event| self.events.remove(event).is_some())
    }

    /// Forgets all; returns how many there were.
    pub fn reset_all(&mut self) -> usize {
        std::mem::take(&mut self.events).len()
    }

    /// All events.
    pub fn events(&self) -> impl ExactSizeIterator<Item = (&'static str, &Event)> {
        self.events.iter().map(|(name, event)| (*name, event))
    }

    /// One event.
    pub fn event(&self, name: &[u8]) -> Option<&Event> {
        self.events
            .iter()
            .find(|(event, _)| event.as_bytes().eq_ignore_ascii_case(name))
            .map(|(_, event)| event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_spike_of_a_second_is_kept() {
        let mut latency = Latency::default();
        for (second, duration) in [(1, 5), (1, 9), (1, 7), (2, 3)] {
            latency.add("command", second, duration);
        }
        let event = latency.event(b"COMMAND").expect("there is one");
        assert_eq!(event.samples, [(1, 9), (2, 3)]);
        assert_eq!(event.longest_ms, 9);
        assert!(latency.reset(b"command"));
        assert!(!latency.reset(b"command"));
    }
}
