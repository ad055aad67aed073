//! How much happens a second just now: `instantaneous_*` in INFO.
//!
//! Totals are read about every tenth of a second, and each reading gives a rate since the one before; what is told is the
//! mean of the last 16, so a burst is seen for a second and a half.

use std::collections::VecDeque;

/// Readings that count.
const WINDOW: usize = 16;
/// Nanoseconds between two readings, at least.
const INTERVAL_NS: u64 = 100_000_000;

/// What is read.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Totals {
    /// Commands.
    pub commands: u64,
    /// Bytes received.
    pub received: u64,
    /// Bytes sent.
    pub sent: u64,
    /// Turns of event loops.
    pub turns: u64,
    /// Nanoseconds spent in them.
    pub turn_ns: u64,
}

/// What a second brings.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PerSecond {
    /// Commands.
    pub commands: f64,
    /// Bytes received.
    pub received: f64,
    /// Bytes sent.
    pub sent: f64,
    /// Turns of event loops.
    pub turns: f64,
    /// Nanoseconds of a turn.
    pub turn_ns: f64,
}

/// See the module's text.
#[derive(Debug, Default)]
pub struct Rates {
    last: Option<(u64, Totals)>,
    recent: VecDeque<PerSecond>,
}

impl Rates {
    /// Whether it is time for a reading.
    pub fn is_due(&self, now_ns: u64) -> bool {
        self.last.is_none_or(|(at, _)| now_ns.saturating_sub(at) >= INTERVAL_NS)
    }

    /// Takes a reading.
    pub fn read(&mut self, now_ns: u64, totals: Totals) {
        let Some((at, before)) = self.last.replace((now_ns, totals)) else { return };
        let seconds = now_ns.saturating_sub(at) as f64 / 1e9;
        if seconds <= 0.0 {
            return;
        }
        // Totals shrink when they are reset.
        let grown = |of: fn(&Totals) -> u64| of(&totals).saturating_sub(of(&before)) as f64;
        let turns = grown(|totals| totals.turns);
        if self.recent.len() == WINDOW {
            self.recent.pop_front();
        }
        self.recent.push_back(PerSecond {
            commands: grown(|totals| totals.commands) / seconds,
            received: grown(|totals| totals.received) / seconds,
            sent: grown(|totals| totals.sent) / seconds,
            turns: turns / seconds,
            turn_ns: grown(|totals| totals.turn_ns) / turns.max(1.0),
        });
    }

    /// The mean of the last readings.
    pub fn per_second(&self) -> PerSecond {
        let mean = |of: fn(&PerSecond) -> f64| {
            self.recent.iter().map(of).sum::<f64>() / self.recent.len().max(1) as f64
        };
        PerSecond {
            commands: mean(|rate| rate.commands),
            received: mean(|rate| rate.received),
            sent: mean(|rate| rate.sent),
            turns: mean(|rate| rate.turns),
            turn_ns: mean(|rate| rate.turn_ns),
        }
    }

    /// Forgets everything (CONFIG RESETSTAT).
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(commands: u64) -> Totals {
        Totals {
            commands,
            received: commands * 30,
            sent: commands * 5,
            turns: commands / 2,
            turn_ns: commands * 500,
        }
    }

    #[test]
    fn a_steady_rate_is_told_as_it_is_and_ends_within_the_window() {
        let mut rates = Rates::default();
        let mut now = 0;
        for tenth in 0..=20 {
            assert!(rates.is_due(now));
            rates.read(now, totals(tenth * 100));
            now += INTERVAL_NS;
        }
        let rate = rates.per_second();
        assert!((rate.commands - 1000.0).abs() < 0.01, "{rate:?}");
        assert!((rate.received - 30_000.0).abs() < 0.01 && (rate.turn_ns - 1000.0).abs() < 0.01, "{rate:?}");
        for _ in 0..WINDOW {
            rates.read(now, totals(2000));
            now += INTERVAL_NS;
        }
        assert_eq!(rates.per_second(), PerSecond::default());
    }

    #[test]
    fn a_reset_of_the_totals_is_no_rate() {
        let mut rates = Rates::default();
        rates.read(0, totals(1000));
        rates.read(INTERVAL_NS, totals(0));
        assert_eq!(rates.per_second(), PerSecond::default());
        assert!(!rates.is_due(INTERVAL_NS + 1));
    }
}
