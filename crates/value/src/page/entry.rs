//! The bytes of one entry: reading and writing its head.

use stdx::time::UnixMs;

/// What a table's entries have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Whether entries carry an access clock of 24 bits.
    pub access: bool,
}

/// What is stored with a key besides its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Meta {
    /// The caller's tag, 0 to 15.
    pub kind: u8,
    /// When the entry is due, if ever.
    pub expiry: Option<UnixMs>,
    /// The access clock, 24 bits, in tables that keep one.
    pub access: Option<u32>,
}

/// A payload as it is read.
#[derive(Debug, PartialEq, Eq)]
pub enum Payload<'a, V> {
    /// Bytes.
    Inline(&'a [u8]),
    /// An object.
    Object(&'a V),
}

impl<V> Clone for Payload<'_, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for Payload<'_, V> {}

/// A payload as it is given.
#[derive(Debug)]
pub enum NewPayload<'a, V> {
    /// Bytes, which are copied.
    Inline(&'a [u8]),
    /// An object, which is taken.
    Object(V),
}

/// One entry of a table.
#[derive(Debug)]
pub struct Entry<'a, V> {
    /// The key.
    pub key: &'a [u8],
    /// What is stored with it.
    pub meta: Meta,
    /// Its payload.
    pub payload: Payload<'a, V>,
}

const KIND: u8 = 0x0f;
const SHORT_EXPIRY: u8 = 0x10;
const LONG_EXPIRY: u8 = 0x20;
const KEY_BESIDE: u8 = 0x40;
const VALUE_BESIDE: u8 = 0x80;
/// The first time that does not fit six bytes (in the year 10889).
const SHORT_LIMIT: i64 = 1 << 48;

/// Where the parts of an entry lie, relative to its first byte.
pub(super) struct Plan {
    pub(super) meta: Meta,
    pub(super) key_at: usize,
    pub(super) value_at: usize,
    pub(super) end: usize,
    pub(super) key_side: Option<u16>,
    pub(super) value_side: Option<u16>,
}

impl Plan {
    /// Reads the head of the entry that begins at `bytes`.
    #[inline]
    pub(super) fn read(bytes: &[u8], options: Options) -> Self {
        let flags = bytes[0];
        let mut at = 1;
        let mut access = None;
        if options.access {
            access = Some(u32::from_le_bytes([bytes[1], bytes[2], bytes[3], 0]));
            at = 4;
        }
        let mut expiry = None;
        if flags & SHORT_EXPIRY != 0 {
            let mut wide = [0; 8];
            wide[..6].copy_from_slice(&bytes[at..at + 6]);
            expiry = Some(UnixMs(i64::from_le_bytes(wide)));
            at += 6;
        } else if flags & LONG_EXPIRY != 0 {
            expiry = Some(UnixMs(i64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))));
            at += 8;
        }
        let (key_number, at) = read_number(bytes, at);
        let (value_number, key_at) = read_number(bytes, at);
        let key_side = (flags & KEY_BESIDE != 0).then_some(key_number as u16);
        let value_side = (flags & VALUE_BESIDE != 0).then_some(value_number as u16);
        let value_at = key_at + if key_side.is_some() { 0 } else { key_number };
        let end = value_at + if value_side.is_some() { 0 } else { value_number };
        Self {
            meta: Meta { kind: flags & KIND, expiry, access },
            key_at,
            value_at,
            end,
            key_side,
            value_side,
        }
    }

    /// Bytes that an expiry takes in an entry.
    pub(super) fn expiry_bytes(expiry: Option<UnixMs>) -> usize {
        match expiry {
            None => 0,
            Some(UnixMs(at)) if (0..SHORT_LIMIT).contains(&at) => 6,
            Some(_) => 8,
        }
    }

    /// Writes flags, access clock and expiry over those of an entry with an inline value.
    pub(super) fn write_meta(bytes: &mut [u8], meta: Meta, key_beside: bool, options: Options) {
        write_head(bytes, meta, key_beside, false, options);
    }

    /// Writes flags, access clock and expiry over those of the entry that `old` describes.
    pub(super) fn write_flags(bytes: &mut [u8], meta: Meta, old: &Self, options: Options) {
        write_head(bytes, meta, old.key_side.is_some(), old.value_side.is_some(), options);
    }
}

/// An entry to be written.
pub(super) struct NewEntry<'a> {
    pub(super) key: &'a [u8],
    pub(super) key_side: Option<u16>,
    pub(super) value: &'a [u8],
    pub(super) value_side: Option<u16>,
    pub(super) meta: Meta,
}

impl NewEntry<'_> {
    /// Its bytes in the page.
    pub(super) fn length(&self, options: Options) -> usize {
        let key = if self.key_side.is_some() { 0 } else { self.key.len() };
        let value = if self.value_side.is_some() { 0 } else { self.value.len() };
        head_bytes(self.meta, options)
            + number_bytes(self.key_number())
            + number_bytes(self.value_number())
            + key
            + value
    }

    /// Writes it into exactly its length.
    pub(super) fn write(&self, bytes: &mut [u8], options: Options) {
        let at = write_head(bytes, self.meta, self.key_side.is_some(), self.value_side.is_some(), options);
        let at = write_number(bytes, at, self.key_number());
        let mut at = write_number(bytes, at, self.value_number());
        if self.key_side.is_none() {
            bytes[at..at + self.key.len()].copy_from_slice(self.key);
            at += self.key.len();
        }
        if self.value_side.is_none() {
            bytes[at..at + self.value.len()].copy_from_slice(self.value);
        }
    }

    fn key_number(&self) -> usize {
        self.key_side.map_or(self.key.len(), usize::from)
    }

    fn value_number(&self) -> usize {
        self.value_side.map_or(self.value.len(), usize::from)
    }
}

fn head_bytes(meta: Meta, options: Options) -> usize {
    1 + if options.access { 3 } else { 0 } + Plan::expiry_bytes(meta.expiry)
}

/// Writes flags, access clock and expiry; returns how many bytes that took.
fn write_head(bytes: &mut [u8], meta: Meta, key_beside: bool, value_beside: bool, options: Options) -> usize {
    let expiry_bytes = Plan::expiry_bytes(meta.expiry);
    let mut flags = meta.kind & KIND;
    flags |= match expiry_bytes {
        0 => 0,
        6 => SHORT_EXPIRY,
        _ => LONG_EXPIRY,
    };
    flags |= if key_beside { KEY_BESIDE } else { 0 };
    flags |= if value_beside { VALUE_BESIDE } else { 0 };
    bytes[0] = flags;
    let mut at = 1;
    if options.access {
        bytes[1..4].copy_from_slice(&meta.access.unwrap_or(0).to_le_bytes()[..3]);
        at = 4;
    }
    if let Some(UnixMs(expiry)) = meta.expiry {
        bytes[at..at + expiry_bytes].copy_from_slice(&expiry.to_le_bytes()[..expiry_bytes]);
    }
    at + expiry_bytes
}

/// A number of at most 15 bits: one byte below 128, else two, high bits first.
fn number_bytes(number: usize) -> usize {
    if number < 128 { 1 } else { 2 }
}

fn write_number(bytes: &mut [u8], at: usize, number: usize) -> usize {
    debug_assert!(number < 1 << 15, "inline lengths and side indices fit 15 bits");
    if number < 128 {
        bytes[at] = number as u8;
        at + 1
    } else {
        bytes[at] = 0x80 | (number >> 8) as u8;
        bytes[at + 1] = number as u8;
        at + 2
    }
}

#[inline]
fn read_number(bytes: &[u8], at: usize) -> (usize, usize) {
    let first = bytes[at];
    if first < 128 {
        (usize::from(first), at + 1)
    } else {
        (usize::from(first & 0x7f) << 8 | usize::from(bytes[at + 1]), at + 2)
    }
}
