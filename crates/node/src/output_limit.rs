//! How much a client may leave unread, and for how long (`client-output-buffer-limit`).
//!
//! A client that is owed as much as the hard limit is closed at once. One that is owed as much as the soft limit is
//! closed when that has been so without a break for longer than the limit's seconds; both are looked at when replies
//! are added, and once a second, so that a client that asks for nothing more is found too.

use std::sync::atomic::{AtomicU64, Ordering};

use config::{Config, Param};

/// Room for the line in front of what a replica has missed.
const CONSENT_BYTES: u64 = 1024;

/// The limits of one class of clients, to be read without a lock. A limit of 0 does not exist.
#[derive(Debug, Default)]
pub struct OutputLimit {
    hard_bytes: AtomicU64,
    soft_bytes: AtomicU64,
    soft_ns: AtomicU64,
}

impl OutputLimit {
    /// Takes over what is configured.
    pub fn set(&self, limit: &config::OutputLimit) {
        self.hard_bytes.store(limit.hard_bytes, Ordering::Relaxed);
        self.soft_bytes.store(limit.soft_bytes, Ordering::Relaxed);
        let soft_ns = (limit.soft_seconds as u64).saturating_mul(1_000_000_000);
        self.soft_ns.store(soft_ns, Ordering::Relaxed);
    }

    /// Takes over what is configured for replicas. As in Redis that is never less than the backlog holds: one that goes on where it was
    /// is owed all that it has missed at once, and would be closed for it every time that it comes back.
    pub fn set_for_replicas(&self, config: &Config) {
        let limit = config.output_limits().replica;
        let missed = config.size(Param::ReplBacklogSize).saturating_add(CONSENT_BYTES);
        let hard_bytes = if limit.hard_bytes > 0 { limit.hard_bytes.max(missed) } else { 0 };
        self.set(&config::OutputLimit { hard_bytes, ..limit });
    }

    /// Whether time alone can make a client exceed the limits.
    pub fn has_soft(&self) -> bool {
        self.soft_bytes.load(Ordering::Relaxed) > 0
    }

    /// Whether `waiting` bytes are too many. `over_since` remembers when the soft limit was reached.
    #[inline]
    pub fn is_exceeded(&self, waiting: usize, over_since: &mut Option<u64>, now_ns: u64) -> bool {
        let reaches = |limit: &AtomicU64| {
            let limit = limit.load(Ordering::Relaxed);
            limit > 0 && waiting as u64 >= limit
        };
        if !reaches(&self.soft_bytes) {
            *over_since = None;
        } else if let Some(since) = *over_since {
            if now_ns.saturating_sub(since) > self.soft_ns.load(Ordering::Relaxed) {
                return true;
            }
        } else {
            *over_since = Some(now_ns);
        }
        reaches(&self.hard_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn limit(hard_bytes: u64, soft_bytes: u64, soft_seconds: i64) -> OutputLimit {
        let limit = OutputLimit::default();
        limit.set(&config::OutputLimit { hard_bytes, soft_bytes, soft_seconds });
        limit
    }

    #[test]
    fn the_hard_limit_counts_at_once_and_zero_is_no_limit() {
        let mut since = None;
        assert!(limit(100, 0, 0).is_exceeded(100, &mut since, 0));
        assert!(!limit(100, 0, 0).is_exceeded(99, &mut since, 0));
        assert!(!limit(0, 0, 0).is_exceeded(usize::MAX, &mut since, 0));
        assert_eq!(since, None);
    }

    #[test]
    fn replicas_may_be_owed_what_the_backlog_holds() {
        let mut config = Config::default();
        for (hard, backlog, expected) in [
            ("100", "20000", 20_000 + CONSENT_BYTES),
            ("50000", "20000", 50_000),
            ("0", "20000", 0),
            ("100", "9223372036854775807", i64::MAX as u64 + CONSENT_BYTES),
        ] {
            let class = format!("replica {hard} 50 10");
            config.set("client-output-buffer-limit", class.as_bytes()).expect("a limit");
            config.set("repl-backlog-size", backlog.as_bytes()).expect("a size");
            let limit = OutputLimit::default();
            limit.set_for_replicas(&config);
            assert_eq!(limit.hard_bytes.into_inner(), expected, "{hard} {backlog}");
            assert_eq!(limit.soft_bytes.into_inner(), 50);
        }
    }

    #[test]
    fn the_soft_limit_counts_after_its_seconds_without_a_break() {
        let (limit, mut since) = (limit(0, 100, 10), None);
        assert!(!limit.is_exceeded(100, &mut since, 5 * SECOND));
        assert!(!limit.is_exceeded(100, &mut since, 15 * SECOND));
        assert!(!limit.is_exceeded(99, &mut since, 15 * SECOND), "a break");
        assert!(!limit.is_exceeded(500, &mut since, 16 * SECOND), "it counts from here");
        assert!(!limit.is_exceeded(500, &mut since, 26 * SECOND));
        assert!(limit.is_exceeded(500, &mut since, 26 * SECOND + 1));
    }
}
