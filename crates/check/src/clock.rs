//! The clock: the one place that reads time.
#![allow(clippy::disallowed_types, reason = "this is the room that reads the clock")]

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use node::Now;
use stdx::time::UnixMs;

/// Both times.
pub(crate) fn now() -> Now {
    Now { unix: UnixMs((unix_us() / 1000) as i64), monotonic_ns: monotonic_ns() }
}

/// Nanoseconds since the first call.
pub(crate) fn monotonic_ns() -> u64 {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    FIRST.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// Microseconds since 1970; a time before it counts as 1970.
pub(crate) fn unix_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as u64
}
