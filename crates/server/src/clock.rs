//! The clock: the one place that reads time.
//!
//! Everything else receives a [`Now`]. A worker reads it once a turn.
#![allow(clippy::disallowed_types, reason = "this is the room that reads the clock")]

use std::time::{SystemTime, UNIX_EPOCH};

#[cfg(test)]
pub mod hand;

use node::Now;
use rustix::time::{ClockId, clock_gettime};
use stdx::time::UnixMs;

/// Wall-clock and monotonic time together.
pub fn now() -> Now {
    Now { unix: unix_now(), monotonic_ns: monotonic_ns() }
}

/// Nanoseconds since the system's own starting point; never goes back.
#[inline]
pub fn monotonic_ns() -> u64 {
    #[cfg(test)]
    if let Some(time) = hand::monotonic_ns() {
        return time;
    }
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Wall-clock time; before 1970 counts as 1970.
fn unix_now() -> UnixMs {
    #[cfg(test)]
    if let Some(time) = hand::monotonic_ns() {
        return UnixMs((time / 1_000_000) as i64);
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMs(since.as_millis() as i64)
}

/// The same in microseconds.
pub fn unix_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as u64
}

/// A seed for everything that has to differ between two runs: hash keys, run ids, random picks.
pub fn entropy() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    // The standard library seeds its hasher from the operating system's random source.
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

/// Processor time of the process in microseconds: system, user.
pub fn processor_us() -> (u64, u64) {
    used_us(&std::fs::read_to_string("/proc/self/stat").unwrap_or_default())
}

/// The same of all threads of the process whose names begin so.
pub fn threads_us(name: &str) -> (u64, u64) {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let texts = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("stat")).ok());
    let is_named = |text: &String| text.split_once('(').is_some_and(|(_, behind)| behind.starts_with(name));
    texts
        .filter(is_named)
        .map(|text| used_us(&text))
        .fold((0, 0), |sum, used| (sum.0 + used.0, sum.1 + used.1))
}

/// System and user time in the kernel's line about a process or a thread.
fn used_us(text: &str) -> (u64, u64) {
    let ticks_us = 1_000_000 / rustix::param::clock_ticks_per_second().max(1);
    // The name in parentheses may hold spaces; fields are counted behind it.
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let field = |index: usize| fields.get(index).and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
    (field(12) * ticks_us, field(11) * ticks_us)
}
