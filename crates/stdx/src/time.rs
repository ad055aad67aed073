//! Unix time in milliseconds, as a value that is passed around instead of a clock that is read.
//!
//! Redis counts every deadline in signed 64-bit milliseconds since 1970, so a deadline may lie before the epoch, and
//! client arithmetic near the ends of the range must be checked: use `checked_add_millis` for what a client sends and
//! `saturating_add_millis` for what the server computes.

use std::fmt;

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMs(pub i64);

impl UnixMs {
    /// The earliest instant that can be written down.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest instant that can be written down; as a deadline it means "never".
    pub const MAX: Self = Self(i64::MAX);

    /// The instant `seconds` after the epoch, held at the ends of the range.
    pub const fn from_secs_saturating(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// The instant `seconds` after the epoch, or `None` when it cannot be written in milliseconds.
    pub const fn from_secs_checked(seconds: i64) -> Option<Self> {
        match seconds.checked_mul(1000) {
            Some(millis) => Some(Self(millis)),
            None => None,
        }
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Seconds since the epoch, rounded to the nearest as `EXPIRETIME` prints them.
    pub const fn as_secs_rounded(self) -> i64 {
        let rounds_up = self.0.rem_euclid(1000) >= 500;
        if rounds_up { self.as_secs() + 1 } else { self.as_secs() }
    }

    /// This instant plus `millis`, held at the ends of the range.
    #[must_use]
    pub const fn saturating_add_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// This instant plus `millis`, or `None` when the sum leaves the range.
    pub const fn checked_add_millis(self, millis: i64) -> Option<Self> {
        match self.0.checked_add(millis) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// Milliseconds from `earlier` to this instant, negative when `earlier` is the later one, held at the ends.
    pub const fn millis_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for UnixMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::UnixMs;

    #[test]
    fn sums_stop_at_the_ends_of_the_range() {
        assert_eq!(UnixMs::MAX.saturating_add_millis(1), UnixMs::MAX);
        assert_eq!(UnixMs::MIN.saturating_add_millis(-1), UnixMs::MIN);
        assert_eq!(UnixMs::MAX.checked_add_millis(1), None);
        assert_eq!(UnixMs::from_secs_checked(i64::MAX / 1000 + 1), None);
        assert_eq!(UnixMs::from_secs_saturating(i64::MIN), UnixMs::MIN);
        assert_eq!(UnixMs::MAX.millis_since(UnixMs::MIN), i64::MAX);
    }

    #[test]
    fn seconds_round_down_before_and_after_the_epoch() {
        assert_eq!(UnixMs(1999).as_secs(), 1);
        assert_eq!(UnixMs(-1).as_secs(), -1);
        assert_eq!(UnixMs(1500).as_secs_rounded(), 2);
        assert_eq!(UnixMs(i64::MAX).as_secs_rounded(), i64::MAX / 1000 + 1);
        assert_eq!(UnixMs(1499).as_secs_rounded(), 1);
    }
}
