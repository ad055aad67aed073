//! The bytes of one entry: reading and writing its head.

use std::ops::Range;

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
    /// The caller's tag, 0 to 7.
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

const KIND: u8 = 0x07;
/// Both lengths are the usual ones of the page, and the entry does not repeat them.
const USUAL: u8 = 0x08;
const SHORT_EXPIRY: u8 = 0x10;
const LONG_EXPIRY: u8 = 0x20;
const KEY_BESIDE: u8 = 0x40;
const VALUE_BESIDE: u8 = 0x80;
/// The first time that does not fit six bytes (in the year 10889).
const SHORT_LIMIT: i64 = 1 << 48;

/// The lengths of key and payload that many entries of a page have. Those need not repeat them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Usual {
    key: u8,
    value: u8,
}

impl Usual {
    /// The lengths, if they are short enough to be usual ones.
    #[inline]
    pub(super) fn of(key: usize, value: usize) -> Option<Self> {
        Some(Self { key: u8::try_from(key).ok()?, value: u8::try_from(value).ok()? })
    }

    #[inline]
    pub(super) fn from_bytes([key, value]: [u8; 2]) -> Self {
        Self { key, value }
    }

    #[inline]
    pub(super) fn to_bytes(self) -> [u8; 2] {
        [self.key, self.value]
    }
}

/// Finds the lengths that more than half of the entries have, if there are such (R. S. Boyer and J. S. Moore, MJRTY, 1991).
#[derive(Debug, Default)]
pub(super) struct Election {
    ahead: Usual,
    /// How many votes more than all others.
    by: usize,
}

impl Election {
    /// An entry's vote.
    #[inline]
    pub(super) fn vote(&mut self, head: Head) {
        let Some(usual) = head.lengths() else { return };
        if usual == self.ahead {
            self.by += 1;
        } else if self.by > 0 {
            self.by -= 1;
        } else {
            *self = Self { ahead: usual, by: 1 };
        }
    }

    /// The winner.
    pub(super) fn usual(&self) -> Usual {
        self.ahead
    }
}

/// The head of an entry as it was read. What it tells of places is relative to the entry's first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    flags: u8,
    key_at: u8,
    /// The key's length, or its index beside the page.
    key_number: u16,
    value_number: u16,
}

impl Head {
    /// Reads the head of the entry that begins at `bytes`, in a page with these usual lengths.
    #[inline]
    pub(super) fn read(bytes: &[u8], usual: Usual, options: Options) -> Self {
        let flags = bytes[0];
        let at = expiry_at(options) + expiry_bytes_of(flags);
        if flags & USUAL != 0 {
            let (key_number, value_number) = (u16::from(usual.key), u16::from(usual.value));
            return Self { flags, key_at: at as u8, key_number, value_number };
        }
        let (key_number, at) = read_number(bytes, at);
        let (value_number, key_at) = read_number(bytes, at);
        Self { flags, key_at: key_at as u8, key_number, value_number }
    }

    /// Where the key is beside the page, if it is there.
    #[inline]
    pub(super) fn key_side(self) -> Option<u16> {
        (self.flags & KEY_BESIDE != 0).then_some(self.key_number)
    }

    /// Where the payload is beside the page, if it is there.
    #[inline]
    pub(super) fn value_side(self) -> Option<u16> {
        (self.flags & VALUE_BESIDE != 0).then_some(self.value_number)
    }

    /// The bytes of the key in the entry; none if it is beside the page.
    #[inline]
    pub(super) fn key(self) -> Range<usize> {
        let at = usize::from(self.key_at);
        at..at + if self.flags & KEY_BESIDE == 0 { usize::from(self.key_number) } else { 0 }
    }

    /// The bytes of the payload in the entry; none if it is beside the page.
    #[inline]
    pub(super) fn value(self) -> Range<usize> {
        let at = self.key().end;
        at..at + if self.flags & VALUE_BESIDE == 0 { usize::from(self.value_number) } else { 0 }
    }

    /// The lengths of key and payload, if both lie in the entry and are short enough to be usual ones.
    #[inline]
    fn lengths(self) -> Option<Usual> {
        let is_here = self.flags & (KEY_BESIDE | VALUE_BESIDE) == 0;
        Usual::of(self.key_number.into(), self.value_number.into()).filter(|_| is_here)
    }

    /// Bytes of the entry.
    #[inline]
    pub(super) fn length(self) -> usize {
        self.value().end
    }

    /// Whether `expiry` takes as many bytes as the one that is there.
    #[inline]
    pub(super) fn has_room_for(self, expiry: Option<UnixMs>) -> bool {
        expiry_bytes(expiry) == expiry_bytes_of(self.flags)
    }

    /// What the entry that begins at `bytes` says besides key and payload.
    #[inline]
    pub(super) fn meta(self, bytes: &[u8], options: Options) -> Meta {
        let access = options.access.then(|| u32::from_le_bytes([bytes[1], bytes[2], bytes[3], 0]));
        Meta { kind: bytes[0] & KIND, expiry: self.expiry(bytes, options), access }
    }

    /// Writes a meta over that of the entry that begins at `bytes`; its expiry has room.
    #[inline]
    pub(super) fn write_meta(self, bytes: &mut [u8], meta: Meta, options: Options) {
        write_meta(bytes, meta, self.flags & (KEY_BESIDE | VALUE_BESIDE | USUAL), options);
    }

    #[inline]
    fn expiry(self, bytes: &[u8], options: Options) -> Option<UnixMs> {
        let bytes = &bytes[expiry_at(options)..];
        let mut wide = [0; 8];
        // Two copies whose lengths are known, each a move or two.
        match self.flags & (SHORT_EXPIRY | LONG_EXPIRY) {
            0 => return None,
            SHORT_EXPIRY => wide[..6].copy_from_slice(&bytes[..6]),
            _ => wide.copy_from_slice(&bytes[..8]),
        }
        Some(UnixMs(i64::from_le_bytes(wide)))
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
    /// The lengths of key and payload, if both lie in the entry and are short enough to be usual ones.
    #[inline]
    pub(super) fn lengths(&self) -> Option<Usual> {
        let is_here = self.key_side.is_none() && self.value_side.is_none();
        Usual::of(self.key.len(), self.value.len()).filter(|_| is_here)
    }

    /// Its bytes in a page with these usual lengths.
    #[inline]
    pub(super) fn length(&self, usual: Usual, options: Options) -> usize {
        let key = if self.key_side.is_some() { 0 } else { self.key.len() };
        let value = if self.value_side.is_some() { 0 } else { self.value.len() };
        let lengths = if self.lengths() == Some(usual) {
            0
        } else {
            number_bytes(self.key_number()) + number_bytes(self.value_number())
        };
        expiry_at(options) + expiry_bytes(self.meta.expiry) + lengths + key + value
    }

    /// Writes it into exactly its length.
    #[inline]
    pub(super) fn write(&self, bytes: &mut [u8], usual: Usual, options: Options) {
        let mut at = if self.lengths() == Some(usual) {
            write_meta(bytes, self.meta, USUAL, options)
        } else {
            let key_flag = if self.key_side.is_some() { KEY_BESIDE } else { 0 };
            let value_flag = if self.value_side.is_some() { VALUE_BESIDE } else { 0 };
            let at = write_meta(bytes, self.meta, key_flag | value_flag, options);
            let at = write_number(bytes, at, self.key_number());
            write_number(bytes, at, self.value_number())
        };
        if self.key_side.is_none() {
            bytes[at..at + self.key.len()].copy_from_slice(self.key);
            at += self.key.len();
        }
        if self.value_side.is_none() {
            bytes[at..at + self.value.len()].copy_from_slice(self.value);
        }
    }

    fn key_number(&self) -> u16 {
        self.key_side.unwrap_or(self.key.len() as u16)
    }

    fn value_number(&self) -> u16 {
        self.value_side.unwrap_or(self.value.len() as u16)
    }
}

/// Where the expiry lies in an entry: behind flags and access clock.
#[inline]
fn expiry_at(options: Options) -> usize {
    if options.access { 4 } else { 1 }
}

/// Bytes of the expiry in an entry with these flags.
#[inline]
fn expiry_bytes_of(flags: u8) -> usize {
    match flags & (SHORT_EXPIRY | LONG_EXPIRY) {
        0 => 0,
        SHORT_EXPIRY => 6,
        _ => 8,
    }
}

/// Bytes that an expiry takes in an entry.
#[inline]
fn expiry_bytes(expiry: Option<UnixMs>) -> usize {
    match expiry {
        None => 0,
        Some(UnixMs(at)) if (0..SHORT_LIMIT).contains(&at) => 6,
        Some(_) => 8,
    }
}

/// Writes flags, access clock and expiry; returns how many bytes that took. `place` are the flags that tell where the lengths,
/// the key and the payload are.
#[inline]
fn write_meta(bytes: &mut [u8], meta: Meta, place: u8, options: Options) -> usize {
    debug_assert!(meta.kind <= KIND, "a tag has three bits");
    let length = expiry_bytes(meta.expiry);
    let expiry_flag = match length {
        0 => 0,
        6 => SHORT_EXPIRY,
        _ => LONG_EXPIRY,
    };
    bytes[0] = meta.kind & KIND | expiry_flag | place;
    if options.access {
        bytes[1..4].copy_from_slice(&meta.access.unwrap_or(0).to_le_bytes()[..3]);
    }
    let at = expiry_at(options);
    if let Some(UnixMs(expiry)) = meta.expiry {
        bytes[at..at + length].copy_from_slice(&expiry.to_le_bytes()[..length]);
    }
    at + length
}

/// A number of at most 15 bits: one byte below 128, else two, high bits first.
fn number_bytes(number: u16) -> usize {
    if number < 128 { 1 } else { 2 }
}

fn write_number(bytes: &mut [u8], at: usize, number: u16) -> usize {
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
fn read_number(bytes: &[u8], at: usize) -> (u16, usize) {
    let first = bytes[at];
    if first < 128 {
        (u16::from(first), at + 1)
    } else {
        (u16::from(first & 0x7f) << 8 | u16::from(bytes[at + 1]), at + 2)
    }
}
