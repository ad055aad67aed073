//! The ID of an entry: milliseconds and a number among those of the same millisecond, in the forms that clients write.

use std::fmt;

/// The longest text that is read as an ID.
const MAX_TEXT: usize = 127;

/// See the module's text. IDs are ordered by their milliseconds, then by their number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// Unix time in milliseconds, or whatever the client counts.
    pub ms: u64,
    /// The number among those of the same millisecond.
    pub seq: u64,
}

/// The ID that a new entry is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewId {
    /// The next one, by the clock: `*`.
    Next,
    /// The next one of this millisecond: `ms-*`.
    NextOf(u64),
    /// This one.
    Exact(Id),
}

/// An end of a range of IDs, as clients write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The ID.
    pub id: Id,
    /// Whether it belongs to the range itself.
    pub is_open: bool,
}

impl Id {
    /// The least.
    pub const MIN: Self = Self { ms: 0, seq: 0 };
    /// The greatest.
    pub const MAX: Self = Self { ms: u64::MAX, seq: u64::MAX };
    /// Bytes of an ID as a key.
    pub(super) const BYTES: usize = 16;

    /// An ID of its two numbers.
    pub const fn new(ms: u64, seq: u64) -> Self {
        Self { ms, seq }
    }

    /// The one behind it.
    pub fn next(self) -> Option<Self> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(Self { seq, ..self }),
            None => Some(Self { ms: self.ms.checked_add(1)?, seq: 0 }),
        }
    }

    /// The one before it.
    pub fn previous(self) -> Option<Self> {
        match self.seq.checked_sub(1) {
            Some(seq) => Some(Self { seq, ..self }),
            None => Some(Self { ms: self.ms.checked_sub(1)?, seq: u64::MAX }),
        }
    }

    /// Whether it is `0-0`, which stands for none in many places.
    pub fn is_zero(self) -> bool {
        self == Self::MIN
    }

    /// Bytes in the order of IDs.
    pub(super) fn to_bytes(self) -> [u8; Self::BYTES] {
        (u128::from(self.ms) << 64 | u128::from(self.seq)).to_be_bytes()
    }

    /// The ID that bytes begin with.
    pub(super) fn of_bytes(bytes: &[u8]) -> Self {
        let both = u128::from_be_bytes(*bytes.first_chunk().expect("an ID stands there"));
        Self { ms: (both >> 64) as u64, seq: both as u64 }
    }

    /// Reads `ms-seq`, or `ms` alone, which gets the number `seq`.
    pub fn parse(text: &[u8], seq: u64) -> Option<Self> {
        if text.len() > MAX_TEXT {
            return None;
        }
        match text.iter().position(|&byte| byte == b'-') {
            Some(at) => Some(Self { ms: parse_number(&text[..at])?, seq: parse_number(&text[at + 1..])? }),
            None => Some(Self { ms: parse_number(text)?, seq }),
        }
    }
}

impl NewId {
    /// Reads `*`, `ms-*`, `ms-seq` or `ms`, which means `ms-0`.
    pub fn parse(text: &[u8]) -> Option<Self> {
        match text.strip_suffix(b"-*") {
            _ if text == b"*" => Some(Self::Next),
            Some(ms) if text.len() <= MAX_TEXT => parse_number(ms).map(Self::NextOf),
            _ => Id::parse(text, 0).map(Self::Exact),
        }
    }
}

impl Bound {
    /// Reads the first ID of a range: `-`, an ID, or `(` and an ID.
    pub fn parse_first(text: &[u8]) -> Option<Self> {
        Self::parse(text, 0)
    }

    /// Reads the last ID of a range: `+`, an ID, or `(` and an ID. Milliseconds alone stand for all of their IDs.
    pub fn parse_last(text: &[u8]) -> Option<Self> {
        Self::parse(text, u64::MAX)
    }

    fn parse(text: &[u8], seq: u64) -> Option<Self> {
        let closed = |id| Self { id, is_open: false };
        match text {
            b"-" => Some(closed(Id::MIN)),
            b"+" => Some(closed(Id::MAX)),
            [b'(', rest @ ..] if !rest.is_empty() => {
                Id::parse(rest, seq).map(|id| Self { id, is_open: true })
            }
            _ => Id::parse(text, seq).map(closed),
        }
    }

    /// The first ID of the range that begins here, if there is one.
    pub fn first(self) -> Option<Id> {
        if self.is_open { self.id.next() } else { Some(self.id) }
    }

    /// The last ID of the range that ends here, if there is one.
    pub fn last(self) -> Option<Id> {
        if self.is_open { self.id.previous() } else { Some(self.id) }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// An unsigned number as C's `strtoull` reads it, which takes blanks and a plus in front and as many zeros as come.
fn parse_number(text: &[u8]) -> Option<u64> {
    let digits = text.trim_ascii_start();
    let digits = digits.strip_prefix(b"+").unwrap_or(digits);
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let value = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_in_their_forms() {
        for (text, id) in [
            ("5", Some(Id::new(5, 9))),
            ("5-3", Some(Id::new(5, 3))),
            ("0005-003", Some(Id::new(5, 3))),
            ("18446744073709551615-18446744073709551615", Some(Id::MAX)),
            ("18446744073709551616-0", None),
            ("", None),
            ("-", None),
            ("+", None),
            ("5-", None),
            ("-5", None),
            ("5-3-1", None),
            ("5-*", None),
            ("a-1", None),
            ("1-a", None),
        ] {
            assert_eq!(Id::parse(text.as_bytes(), 9), id, "{text}");
        }
        assert_eq!(Id::parse(&[b'0'; MAX_TEXT + 1], 0), None);
        assert_eq!(NewId::parse(b"*"), Some(NewId::Next));
        assert_eq!(NewId::parse(b"7-*"), Some(NewId::NextOf(7)));
        assert_eq!(NewId::parse(b"7"), Some(NewId::Exact(Id::new(7, 0))));
        assert_eq!(NewId::parse(b"-*"), None);
        assert_eq!(NewId::parse(b"**"), None);
    }

    #[test]
    fn ranges_have_open_and_closed_ends() {
        let first = |text: &str| Bound::parse_first(text.as_bytes()).and_then(Bound::first);
        let last = |text: &str| Bound::parse_last(text.as_bytes()).and_then(Bound::last);
        assert_eq!(first("-"), Some(Id::MIN));
        assert_eq!(last("+"), Some(Id::MAX));
        assert_eq!([first("3"), last("3")], [Some(Id::new(3, 0)), Some(Id::new(3, u64::MAX))]);
        assert_eq!([first("(3-1"), last("(3-1")], [Some(Id::new(3, 2)), Some(Id::new(3, 0))]);
        assert_eq!([first("(3"), last("(3")], [Some(Id::new(3, 1)), Some(Id::new(3, u64::MAX - 1))]);
        assert_eq!([first("(-"), last("(+"), first("(")], [None; 3]);
        assert_eq!(first("(18446744073709551615-18446744073709551615"), None);
        assert_eq!(last("(0-0"), None);
        assert_eq!(last("(1-0"), Some(Id::new(0, u64::MAX)));
    }

    #[test]
    fn bytes_keep_the_order() {
        let ids = [Id::MIN, Id::new(0, 1), Id::new(0, u64::MAX), Id::new(1, 0), Id::new(256, 1), Id::MAX];
        assert!(ids.is_sorted_by_key(|id| id.to_bytes()));
        assert!(ids.iter().all(|&id| Id::of_bytes(&id.to_bytes()) == id));
    }
}
