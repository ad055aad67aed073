//! Runs of keys: pieces of RDB data that hold whole keys and nothing else, to be decoded elsewhere than they are read.
//!
//! ```text
//!   250 note  254 database  │ key value │ key value │ key value │ ..  255 crc64
//!                           └──────── run ──────────┘
//! ```
//! Where a run ends is found by passing over the values. The checksum is that of the
//! bytes, and so the reader's business.

use std::borrow::Cow;

use stdx::time::UnixMs;

use super::cursor::{Cursor, Fault};
use super::decoder::{self, Entry, Item, ReadOptions};
use super::error::{Error, Problem};
use super::skip::skip;
use super::tag::{self, Format};

/// Undecoded keys.
#[derive(Debug, Clone)]
pub struct Run<'a> {
    /// All of them.
    pub bytes: &'a [u8],
    /// Where they begin, from the first byte of the data.
    pub offset: u64,
    /// The format of the data.
    pub format: Format,
    /// The first of the keys.
    pub first_key: Cow<'a, [u8]>,
}

/// The keys of a run, decoded one by one. After an error there are no more.
#[derive(Debug)]
pub struct Keys<'a> {
    bytes: &'a [u8],
    /// Where the next key begins.
    at: usize,
    offset: u64,
    format: Format,
    options: ReadOptions,
}

impl<'a> Keys<'a> {
    /// The keys of a run.
    pub fn new(bytes: &'a [u8], offset: u64, format: Format, options: ReadOptions) -> Self {
        Self { bytes, at: 0, offset, format, options }
    }

    /// Where the next key begins, from the first byte of the data.
    pub fn offset(&self) -> u64 {
        self.offset + self.at as u64
    }

    /// The next key, not decoded, if it takes no more than so many bytes.
    pub fn next_small(&mut self, limit: usize) -> Option<RawKey<'a>> {
        let rest = &self.bytes[self.at..];
        let window = &rest[..rest.len().min(limit)];
        let mut cursor = Cursor::new(window, self.options.max_string_bytes);
        let Skipped { mut name, expiry } = skip_key(&mut cursor).ok()??;
        let name = name.string().ok()?;
        let raw = RawKey { bytes: &window[..cursor.position()], offset: self.offset(), name, expiry };
        self.at += raw.bytes.len();
        Some(raw)
    }
}

impl<'a> Iterator for Keys<'a> {
    type Item = Result<Entry<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = &self.bytes[self.at..];
        if rest.is_empty() {
            return None;
        }
        let mut cursor = Cursor::new(rest, self.options.max_string_bytes);
        let mut key = None;
        let problem = match decoder::parse(&mut cursor, self.format, self.options, &mut key) {
            Ok(decoder::Parsed { item: Item::Entry(entry), .. }) => {
                self.at += cursor.position();
                return Some(Ok(entry));
            }
            Ok(_) => unreachable!("a run holds keys only"),
            Err(Fault::Short { .. }) => Problem::Truncated,
            Err(Fault::Bad(problem)) => problem,
        };
        let offset = self.offset();
        self.at = self.bytes.len();
        Some(Err(Error { offset, key: key.map(Cow::into_owned), problem }))
    }
}

/// A key that is not decoded.
#[derive(Debug, Clone)]
pub struct RawKey<'a> {
    /// Its attributes, its name and its value.
    pub bytes: &'a [u8],
    /// Where it begins, from the first byte of the data.
    pub offset: u64,
    /// Its name.
    pub name: Cow<'a, [u8]>,
    /// When it is due.
    pub expiry: Option<UnixMs>,
}

/// How far a run reaches.
#[derive(Debug)]
pub(super) struct Extent<'a> {
    /// Its bytes.
    pub(super) length: usize,
    pub(super) first_key: Cow<'a, [u8]>,
}

/// How far the run reaches that begins at the cursor. `None`: something else lies there. Whatever is wrong behind the
/// first key ends the run before it.
pub(super) fn measure(mut cursor: Cursor<'_>, limit: usize) -> Result<Option<Extent<'_>>, Fault> {
    let Some(mut first) = skip_key(&mut cursor)? else { return Ok(None) };
    let first_key = first.name.string()?;
    let mut end = cursor.position();
    while end < limit
        && let Ok(Some(_)) = skip_key(&mut cursor)
    {
        end = cursor.position();
    }
    Ok(Some(Extent { length: end, first_key }))
}

/// What is known of a key that has been passed over.
struct Skipped<'a> {
    /// Where its name stands.
    name: Cursor<'a>,
    expiry: Option<UnixMs>,
}

/// Passes over a key with its attributes and its value. None: there is something else, or a value of a
/// kind that cannot be passed over.
fn skip_key<'a>(cursor: &mut Cursor<'a>) -> Result<Option<Skipped<'a>>, Fault> {
    let mut expiry = None;
    loop {
        match cursor.byte()? {
            tag::EXPIRE_MS => expiry = Some(UnixMs(cursor.u64_le()?.cast_signed())),
            tag::EXPIRE_SECONDS => expiry = Some(UnixMs::from_secs_saturating(cursor.i32_le()?.into())),
            tag::IDLE => drop(cursor.length()?),
            tag::FREQUENCY => drop(cursor.byte()?),
            kind => {
                let name = cursor.clone();
                // An opcode is no type that can be passed over; what it is followed by may be anything.
                if kind >= tag::SLOT_INFO {
                    return Ok(None);
                }
                cursor.skip_string()?;
                return Ok(skip(kind, cursor)?.then_some(Skipped { name, expiry }));
            }
        }
    }
}
