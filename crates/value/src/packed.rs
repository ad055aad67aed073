//! A small hash as one packed block of bytes: two bytes for the block, one length byte a string, and nothing else.
//!
//! ```text
//! block  = head entry*
//! head   = u16 little endian: number of entries in 15 bits, the top bit set in an expiring block
//! entry  = [expiry] field-length value-length field value
//! expiry = 6 bytes little endian, Unix time in ms, 0 = never; present in every entry of an expiring block, else in none
//! length = LEB128: one byte up to 127
//! ```
//!
//! Entries stand in the order of insertion. In an expiring block those that expire come first, soonest first, and the
//! ones that never expire follow in the order of insertion; this is the order in which Redis's `listpackex` answers, and it makes
//! the next expiry the first entry's and the expired entries a prefix. A block that became expiring stays so.
//!
//! Reading is done by [`Packed`], changing by the functions of [`edit`]. Both trust the block: a block from outside the
//! process has to pass [`Packed::validate`] first. Walking a block that did not can give wrong answers or panic, but
//! never reads outside of it.

pub mod edit;
mod length;
#[cfg(test)]
mod tests;

use stdx::time::UnixMs;

/// The most entries that a block can count.
pub const MAX_ENTRIES: usize = 0x7fff;
/// The longest block. A larger hash is kept as a table, whatever the configured thresholds say, so that the cost of a write
/// (a copy of the block at worst) stays bounded.
pub const MAX_BYTES: usize = 128 * 1024;
/// The last point in time that an entry's expiry can express (year 10889).
pub const MAX_EXPIRY: UnixMs = UnixMs((1 << 48) - 1);

const HEAD_BYTES: usize = 2;
const EXPIRY_BYTES: usize = 6;
const EXPIRING: u16 = 0x8000;

/// A packed block to read from.
#[derive(Clone, Copy, Debug)]
pub struct Packed<'a> {
    bytes: &'a [u8],
}

/// One field of a hash with its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The field's name.
    pub field: &'a [u8],
    /// The field's value.
    pub value: &'a [u8],
    /// When the field expires, if ever.
    pub expiry: Option<UnixMs>,
}

/// Why bytes are not a packed block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// The bytes end inside of the head or of an entry, or go on after the last one.
    Length,
    /// A length is written in more bytes than it needs.
    Encoding,
    /// Two entries have the same field.
    DuplicateField,
    /// Entries of an expiring block are not in the order of their expiry.
    Order,
}

/// Where the parts of one entry begin and end, as offsets into the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: usize,
    field: usize,
    value: usize,
    end: usize,
}

impl<'a> Packed<'a> {
    /// Reads `bytes` as a block that this process made.
    pub fn trusted(bytes: &'a [u8]) -> Self {
        debug_assert!(bytes.len() >= HEAD_BYTES, "a block has a head");
        Self { bytes }
    }

    /// Reads `bytes` of unknown origin as a block, after checking every part of it.
    pub fn validate(bytes: &'a [u8]) -> Result<Self, Invalid> {
        let head = bytes.first_chunk().ok_or(Invalid::Length)?;
        let head = u16::from_le_bytes(*head);
        let expiring = head & EXPIRING != 0;
        let mut fields = Vec::new();
        let mut last_expiry = 0;
        let mut at = HEAD_BYTES;
        for _ in 0..head & !EXPIRING {
            if expiring {
                let expiry = bytes.get(at..at + EXPIRY_BYTES).ok_or(Invalid::Length)?;
                let order = read_expiry(expiry).map_or(u64::MAX, |expiry| expiry.0 as u64);
                if order < last_expiry {
                    return Err(Invalid::Order);
                }
                last_expiry = order;
                at += EXPIRY_BYTES;
            }
            let (field_length, next) = length::read_checked(bytes, at)?;
            let (value_length, field) = length::read_checked(bytes, next)?;
            fields.push(bytes.get(field..field + field_length).ok_or(Invalid::Length)?);
            at = field + field_length + value_length;
        }
        if at != bytes.len() {
            return Err(Invalid::Length);
        }
        fields.sort_unstable();
        if fields.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Invalid::DuplicateField);
        }
        Ok(Self { bytes })
    }

    /// The block's own bytes.
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The number of entries, expired ones included.
    pub fn len(self) -> usize {
        usize::from(self.head() & !EXPIRING)
    }

    /// Whether there is no entry.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Whether entries have room for an expiry (Redis calls the encoding `listpackex` then).
    pub fn is_expiring(self) -> bool {
        self.head() & EXPIRING != 0
    }

    /// When the next entry expires, if one ever does.
    pub fn next_expiry(self) -> Option<UnixMs> {
        self.iter().next().and_then(|entry| entry.expiry)
    }

    /// The number of entries that are expired at `now`: they are the first ones.
    pub fn count_expired(self, now: UnixMs) -> usize {
        if !self.is_expiring() {
            return 0;
        }
        self.iter().take_while(|entry| entry.expiry.is_some_and(|at| at <= now)).count()
    }

    /// The entry of `field`.
    pub fn find(self, field: &[u8]) -> Option<Entry<'a>> {
        self.span_of(field).map(|span| self.entry(span))
    }

    /// The entry at `index` in the block's order.
    pub fn nth(self, index: usize) -> Option<Entry<'a>> {
        self.iter().nth(index)
    }

    /// All entries in the block's order.
    pub fn iter(self) -> impl Iterator<Item = Entry<'a>> + Clone {
        self.spans().map(move |span| self.entry(span))
    }

    fn head(self) -> u16 {
        u16::from_le_bytes([self.bytes[0], self.bytes[1]])
    }

    fn span_of(self, field: &[u8]) -> Option<Span> {
        self.spans().find(|span| {
            span.value - span.field == field.len() && &self.bytes[span.field..span.value] == field
        })
    }

    fn spans(self) -> impl Iterator<Item = Span> + Clone {
        let expiry_bytes = if self.is_expiring() { EXPIRY_BYTES } else { 0 };
        let mut at = HEAD_BYTES;
        std::iter::from_fn(move || {
            if at >= self.bytes.len() {
                return None;
            }
            let start = at;
            let (field_length, next) = length::read(self.bytes, start + expiry_bytes);
            let (value_length, field) = length::read(self.bytes, next);
            let value = field + field_length;
            at = value + value_length;
            Some(Span { start, field, value, end: at })
        })
    }

    fn entry(self, span: Span) -> Entry<'a> {
        let expiry = if self.is_expiring() { read_expiry(&self.bytes[span.start..]) } else { None };
        Entry { field: &self.bytes[span.field..span.value], value: &self.bytes[span.value..span.end], expiry }
    }
}

fn read_expiry(bytes: &[u8]) -> Option<UnixMs> {
    let mut wide = [0; 8];
    wide[..EXPIRY_BYTES].copy_from_slice(&bytes[..EXPIRY_BYTES]);
    match i64::from_le_bytes(wide) {
        0 => None,
        at => Some(UnixMs(at)),
    }
}

fn write_expiry(expiry: Option<UnixMs>) -> [u8; EXPIRY_BYTES] {
    let at = expiry.map_or(0, |at| at.0.clamp(1, MAX_EXPIRY.0));
    let wide = at.to_le_bytes();
    std::array::from_fn(|index| wide[index])
}
