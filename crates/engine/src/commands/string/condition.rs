//! The conditions under which SET writes and DELEX deletes.

use value::StringRef;

use super::digest;
use crate::args::Cursor;
use crate::error::Error;

/// A condition on the value that a key has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Condition<'a> {
    /// None.
    #[default]
    Always,
    /// NX: the key is not there.
    Missing,
    /// XX: the key is there.
    Present,
    /// IFEQ: the value is this.
    Equal(&'a [u8]),
    /// IFNE: the value is not this.
    NotEqual(&'a [u8]),
    /// IFDEQ: the value has this digest.
    DigestEqual(&'a [u8]),
    /// IFDNE: the value has another digest.
    DigestNotEqual(&'a [u8]),
}

impl<'a> Condition<'a> {
    /// Reads NX or XX if it is the next word. Two different conditions are a syntax error.
    pub(super) fn read_presence(&mut self, cursor: &mut Cursor<'a>) -> Result<bool, Error> {
        for (word, condition) in [("NX", Self::Missing), ("XX", Self::Present)] {
            if cursor.take(word) {
                return self.settle(condition);
            }
        }
        Ok(false)
    }

    /// Reads a condition on the value if it is next.
    pub(super) fn read_comparison(&mut self, cursor: &mut Cursor<'a>) -> Result<bool, Error> {
        let condition = if cursor.take("IFEQ") {
            Self::Equal(cursor.next_required()?)
        } else if cursor.take("IFNE") {
            Self::NotEqual(cursor.next_required()?)
        } else if cursor.take("IFDEQ") {
            Self::DigestEqual(cursor.next_required()?)
        } else if cursor.take("IFDNE") {
            Self::DigestNotEqual(cursor.next_required()?)
        } else {
            return Ok(false);
        };
        self.settle(condition)
    }

    fn settle(&mut self, condition: Self) -> Result<bool, Error> {
        let fits = *self == Self::Always
            || (matches!(condition, Self::Missing | Self::Present) && *self == condition);
        *self = condition;
        if fits { Ok(true) } else { Err(Error::Syntax) }
    }

    /// Refuses a digest that cannot be one.
    pub(super) fn check(self) -> Result<(), Error> {
        match self {
            Self::DigestEqual(digest) | Self::DigestNotEqual(digest) if digest.len() != 16 => {
                Err(Error::Static("ERR must be exactly 16 hexadecimal characters"))
            }
            _ => Ok(()),
        }
    }

    /// Whether a value fulfils it; `None` is a key that is not there.
    pub(super) fn holds(self, value: Option<StringRef<'_>>) -> bool {
        match self {
            Self::Always => true,
            Self::Missing => value.is_none(),
            Self::Present => value.is_some(),
            Self::Equal(expected) => value.is_some_and(|value| equal(value, expected)),
            Self::NotEqual(unwanted) => !value.is_some_and(|value| equal(value, unwanted)),
            Self::DigestEqual(expected) => value.is_some_and(|value| has_digest(value, expected)),
            Self::DigestNotEqual(unwanted) => !value.is_some_and(|value| has_digest(value, unwanted)),
        }
    }
}

fn has_digest(value: StringRef<'_>, digest: &[u8]) -> bool {
    digest::of(value).eq_ignore_ascii_case(digest)
}

fn equal(value: StringRef<'_>, mut expected: &[u8]) -> bool {
    value.len() == expected.len()
        && value.chunks(0..value.len()).all(|piece| {
            let (head, tail) = expected.split_at(piece.len());
            expected = tail;
            head == piece
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use value::Blob;

    #[test]
    fn paged_strings_compare_like_others() {
        let bytes: Vec<u8> = (0..50_000).map(|n| (n % 251) as u8).collect();
        let blob = Blob::from_bytes(&bytes);
        assert!(Condition::Equal(&bytes).holds(Some(StringRef::Blob(&blob))));
        assert!(Condition::NotEqual(&bytes[1..]).holds(Some(StringRef::Blob(&blob))));
        let digest = digest::of(StringRef::Inline(&bytes));
        assert!(Condition::DigestEqual(&digest).holds(Some(StringRef::Blob(&blob))));
    }

    #[test]
    fn a_missing_key_differs_from_every_value() {
        assert!(!Condition::Equal(b"a").holds(None));
        assert!(Condition::NotEqual(b"a").holds(None));
        assert!(!Condition::DigestEqual(b"0000000000000000").holds(None));
        assert!(Condition::DigestNotEqual(b"0000000000000000").holds(None));
    }
}
