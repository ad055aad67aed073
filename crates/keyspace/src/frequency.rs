//! How often a key is used, for policies that evict the least used.
//!
//! The 24 bits that otherwise hold the time of the last access hold 16 bits of minutes and a counter of 8 bits. The counter
//! is logarithmic: the larger it is, the less probably an access raises it; and it falls with time in which nothing happens.
//! This is Redis's scheme, so that `lfu-log-factor` and `lfu-decay-time` mean the same.

use stdx::rng::Rng;
use stdx::time::UnixMs;

/// Where a new key begins, so that it is not evicted before it is used.
const FRESH: u32 = 5;
const MOST: u32 = 255;

/// How accesses are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frequency {
    /// How slowly the counter grows.
    pub log_factor: u32,
    /// Minutes without access that take one from the counter; 0 = it never falls.
    pub decay_minutes: u32,
}

/// How a key has been used, in the terms of the policy by which it is evicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// Seconds since it was last used (policies with LRU).
    IdleSeconds(u32),
    /// Its counter (policies with LFU).
    Count(u8),
}

/// What the keys of a snapshot have noted of their use, and when it was taken.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Noted {
    /// Nothing that anybody goes by.
    Nothing,
    /// The access clock, which stood here.
    Times(u32),
    /// Counters.
    Counts(Frequency, UnixMs),
}

impl Noted {
    /// What the bits of a key say.
    pub(crate) fn usage(self, access: Option<u32>) -> Option<Usage> {
        match self {
            Self::Nothing => None,
            Self::Times(clock) => {
                access.map(|then| Usage::IdleSeconds(clock.wrapping_sub(then) & 0x00ff_ffff))
            }
            Self::Counts(frequency, now) => access.map(|bits| Usage::Count(frequency.count(bits, now) as u8)),
        }
    }
}

impl Frequency {
    /// The bits of a new key.
    pub fn fresh(now: UnixMs) -> u32 {
        minutes(now) << 8 | FRESH
    }

    /// The counter as it stands at a time.
    pub fn count(self, access: u32, now: UnixMs) -> u32 {
        let idle = minutes(now).wrapping_sub(access >> 8) & 0xffff;
        let lost = idle.checked_div(self.decay_minutes).unwrap_or(0);
        (access & MOST).saturating_sub(lost)
    }

    /// The bits after one more access.
    pub fn touched(self, access: u32, now: UnixMs, rng: &mut Rng) -> u32 {
        let count = self.count(access, now);
        let above = f64::from(count.saturating_sub(FRESH));
        let raises = count < MOST && rng.f64() < 1.0 / (above * f64::from(self.log_factor) + 1.0);
        minutes(now) << 8 | (count + u32::from(raises))
    }

    /// The bits of a key whose counter is given (RESTORE with FREQ).
    pub fn counted(count: u8, now: UnixMs) -> u32 {
        minutes(now) << 8 | u32::from(count)
    }
}

/// Minutes, as far as 16 bits go.
fn minutes(now: UnixMs) -> u32 {
    (now.0 / 60_000) as u32 & 0xffff
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREQUENCY: Frequency = Frequency { log_factor: 10, decay_minutes: 1 };

    fn after_minutes(minutes: i64) -> UnixMs {
        UnixMs(minutes * 60_000)
    }

    #[test]
    fn a_counter_grows_like_a_logarithm_of_the_accesses() {
        let mut rng = Rng::from_seed(1);
        let mut access = Frequency::fresh(after_minutes(0));
        let mut counts = Vec::new();
        for number in 1..=1_000_000 {
            access = FREQUENCY.touched(access, after_minutes(0), &mut rng);
            if [100, 1000, 100_000, 1_000_000].contains(&number) {
                counts.push(FREQUENCY.count(access, after_minutes(0)));
            }
        }
        // What redis.conf tells of this factor: about 10, 18, 142 and 255.
        assert!((7..=13).contains(&counts[0]) && (14..=24).contains(&counts[1]), "{counts:?}");
        assert!((120..=165).contains(&counts[2]) && counts[3] == 255, "{counts:?}");
    }

    #[test]
    fn a_counter_falls_with_idle_time_and_through_the_end_of_the_minutes() {
        let access = Frequency::counted(20, after_minutes(65_530));
        assert_eq!(FREQUENCY.count(access, after_minutes(65_530)), 20);
        assert_eq!(FREQUENCY.count(access, after_minutes(65_540)), 10);
        assert_eq!(FREQUENCY.count(access, after_minutes(65_600)), 0);
        assert_eq!(Frequency { decay_minutes: 0, ..FREQUENCY }.count(access, after_minutes(65_600)), 20);
    }
}
