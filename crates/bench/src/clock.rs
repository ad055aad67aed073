//! The clock of the load generator.
#![allow(clippy::disallowed_types, reason = "a load generator measures time")]

use std::sync::LazyLock;
use std::time::Instant;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Nanoseconds since the first call.
pub fn now_ns() -> u64 {
    START.elapsed().as_nanos() as u64
}
