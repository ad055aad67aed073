//! The only place of this program that reads a clock or waits for time to pass.

#![expect(clippy::disallowed_types, reason = "time is read here and nowhere below")]

use std::time::Duration;

use stdx::time::UnixMs;

/// A point in time to measure from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch {
    start: std::time::Instant,
}

impl Stopwatch {
    /// Starts now.
    pub(crate) fn start() -> Self {
        Self { start: std::time::Instant::now() }
    }

    /// The time since the start.
    pub(crate) fn elapsed(self) -> Duration {
        self.start.elapsed()
    }
}

/// What time it is.
pub(crate) fn now() -> UnixMs {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    UnixMs(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Waits, for the interval that the user asked for.
#[expect(clippy::disallowed_methods, reason = "the pause between two samples is the function")]
pub(crate) fn pause(interval: Duration) {
    if !interval.is_zero() {
        std::thread::sleep(interval);
    }
}
