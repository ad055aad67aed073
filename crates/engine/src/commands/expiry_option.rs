//! The options that say when a key is due: `EX`, `PX`, `EXAT`, `PXAT`, `KEEPTTL`, `PERSIST`.
//!
//! Redis reads all options before it looks at the number of any, so parsing keeps the text and [`ExpiryOption::resolve`]
//! judges it later. The same option may stand twice, the last one counts; two different ones are a syntax error.

use keyspace::Expiry;
use stdx::number::parse_i64;
use stdx::time::UnixMs;

use crate::args::Cursor;
use crate::error::Error;

/// How a number says when a key is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Seconds from now.
    Seconds,
    /// Milliseconds from now.
    Millis,
    /// Seconds since the epoch.
    UnixSeconds,
    /// Milliseconds since the epoch.
    UnixMillis,
}

/// What the options say about the expiry of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum ExpiryOption<'a> {
    /// Nothing.
    #[default]
    Absent,
    /// It stays.
    Keep,
    /// It goes.
    Persist,
    /// A number in some unit, not judged yet.
    Due(Unit, &'a [u8]),
}

/// What is wished for, judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// Nothing was said.
    Absent,
    /// It stays.
    Keep,
    /// It goes.
    Persist,
    /// The key is due at this time, which may have passed.
    At(UnixMs),
}

impl Wish {
    /// The same for a string that is written anew.
    pub(super) fn expiry(self) -> Expiry {
        match self {
            Self::At(at) => Expiry::At(at),
            Self::Keep => Expiry::Keep,
            Self::Absent | Self::Persist => Expiry::Clear,
        }
    }
}

impl Unit {
    const WORDS: [(&'static str, Self); 4] = [
        ("EX", Self::Seconds),
        ("PX", Self::Millis),
        ("EXAT", Self::UnixSeconds),
        ("PXAT", Self::UnixMillis),
    ];

    /// The time that a positive number of this unit means.
    pub(super) fn deadline(self, number: i64, now: UnixMs, command: &'static str) -> Result<UnixMs, Error> {
        let at = match self {
            _ if number <= 0 => None,
            Self::Seconds => number.checked_mul(1000).and_then(|millis| now.checked_add_millis(millis)),
            Self::Millis => now.checked_add_millis(number),
            Self::UnixSeconds => UnixMs::from_secs_checked(number),
            Self::UnixMillis => Some(UnixMs(number)),
        };
        at.ok_or(Error::InvalidExpire(command))
    }
}

impl<'a> ExpiryOption<'a> {
    /// Reads one option if the next word is one of these. `KEEPTTL` and `PERSIST` belong to some commands only.
    pub(super) fn read(
        &mut self,
        cursor: &mut Cursor<'a>,
        alone: &[ExpiryOption<'a>],
    ) -> Result<bool, Error> {
        for option in alone {
            let word = if *option == Self::Keep { "KEEPTTL" } else { "PERSIST" };
            if cursor.take(word) {
                return self.settle(*option);
            }
        }
        for (word, unit) in Unit::WORDS {
            if cursor.take(word) {
                return self.settle(Self::Due(unit, cursor.next_required()?));
            }
        }
        Ok(false)
    }

    fn settle(&mut self, option: Self) -> Result<bool, Error> {
        let fits = match (*self, option) {
            (Self::Absent, _) => true,
            (Self::Due(before, _), Self::Due(now, _)) => before == now,
            (before, now) => before == now,
        };
        *self = option;
        if fits { Ok(true) } else { Err(Error::Syntax) }
    }

    /// Judges the number, if there is one.
    pub(super) fn resolve(self, now: UnixMs, command: &'static str) -> Result<Wish, Error> {
        Ok(match self {
            Self::Absent => Wish::Absent,
            Self::Keep => Wish::Keep,
            Self::Persist => Wish::Persist,
            Self::Due(unit, text) => {
                let number = parse_i64(text).ok_or(Error::NotInteger)?;
                Wish::At(unit.deadline(number, now, command)?)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_outside_the_range_are_refused() {
        let now = UnixMs(1_000_000);
        let due = |unit: Unit, number| unit.deadline(number, now, "set").ok();
        assert_eq!(due(Unit::Seconds, 5), Some(UnixMs(1_005_000)));
        assert_eq!(due(Unit::Millis, 5), Some(UnixMs(1_000_005)));
        assert_eq!(due(Unit::UnixSeconds, 5), Some(UnixMs(5_000)));
        assert_eq!(due(Unit::UnixMillis, i64::MAX), Some(UnixMs::MAX));
        for (unit, number) in [
            (Unit::Seconds, 0),
            (Unit::Millis, -1),
            (Unit::Seconds, i64::MAX),
            (Unit::Seconds, i64::MAX / 1000),
            (Unit::UnixSeconds, i64::MAX / 1000 + 1),
            (Unit::Millis, i64::MAX),
            (Unit::UnixMillis, i64::MIN),
        ] {
            assert_eq!(due(unit, number), None, "{unit:?} {number}");
        }
    }
}
