//! RDB bytes become items, however the bytes arrive in pieces.
//!
//! An item is parsed when all of it is there: what is not whole is tried again after more has come, twice as much at
//! least, so the work is linear in the size of an item. Memory is taken for bytes that have come, never for bytes that
//! were announced.

use std::borrow::Cow;

use stdx::checksum::Crc64;
use stdx::hash::HashKey;
use stdx::time::UnixMs;
use value::{Settings, hash, list, set, stream, zset};

use super::cursor::{Cursor, Fault};
use super::error::{Error, Problem};
use super::module;
use super::object::{self, Object};
use super::producers;
use super::run::{self, Extent, Run};
use super::tag::{self, Format};

/// The longest string to read unless told otherwise, in bytes.
pub const MAX_STRING_BYTES: u64 = 4 << 30;
/// Items that are not longer are tried again as soon as their next part has come.
const DOUBLING_FROM: usize = 64 * 1024;
/// A buffer that grew beyond this for one item is given back.
const KEPT_CAPACITY: usize = 8 << 20;
/// Bytes of signature and version.
const HEAD_BYTES: usize = 9;

/// How to read.
#[derive(Debug, Clone, Copy)]
pub struct ReadOptions {
    /// When a hash becomes a table, and the hash's secret.
    pub settings: Settings,
    /// The longest string to believe in, in bytes.
    pub max_string_bytes: u64,
    /// Whether the checksum at the end counts.
    pub verify_checksum: bool,
    /// Whether values of modules are passed over; else they are errors.
    pub skips_modules: bool,
}

impl ReadOptions {
    /// For those who keep no value and only tell keys apart: the thresholds of a server do not matter to them.
    pub const WITHOUT_SERVER: Self = {
        const SEED: HashKey = HashKey([0, 0]);
        Self {
            settings: Settings {
                hash: hash::Settings { max_packed_entries: 128, max_packed_value: 64, seed: SEED },
                list: list::Settings::of_parameter(-2),
                set: set::Settings::of_redis(SEED),
                zset: zset::Settings::of_redis(SEED),
                stream: stream::Settings::of_parameters(4096, 100),
            },
            max_string_bytes: MAX_STRING_BYTES,
            verify_checksum: true,
            skips_modules: false,
        }
    };
}

/// A key with its value and what is known of it.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// The key.
    pub key: Cow<'a, [u8]>,
    /// The value.
    pub value: Object<'a>,
    /// When the key is due.
    pub expiry: Option<UnixMs>,
    /// Seconds since it was last used.
    pub idle_seconds: Option<u64>,
    /// Its counter under the LFU policies.
    pub frequency: Option<u8>,
}

/// One part of the data.
#[derive(Debug, Clone)]
pub enum Item<'a> {
    /// The signature.
    Head(Format),
    /// A note, such as `redis-ver` or `ctime`.
    Note {
        /// Its name.
        name: Cow<'a, [u8]>,
        /// What it says.
        value: Cow<'a, [u8]>,
    },
    /// What follows belongs to this database.
    Database(u64),
    /// How many keys the database will have, and how many of them are due at some time.
    Sizes {
        /// Keys.
        keys: u64,
        /// Those that are due.
        expiring: u64,
    },
    /// The same for one hash slot; nothing needs it.
    SlotSizes,
    /// The source of a function library.
    Function(Cow<'a, [u8]>),
    /// What a module keeps beside the keys, by the module's name.
    ModuleData(String),
    /// A key whose value is a module's, which has been passed over, and the name of the module's type.
    ModuleValue(Cow<'a, [u8]>, String),
    /// A key.
    Entry(Entry<'a>),
    /// The end; the checksum is right, or there is none.
    End,
}

/// See the module's text.
#[derive(Debug)]
pub struct Decoder {
    options: ReadOptions,
    buffer: Vec<u8>,
    /// Bytes of the buffer that are read.
    at: usize,
    /// Bytes of the buffer that are in the checksum.
    summed: usize,
    /// Bytes before the buffer.
    before: u64,
    /// Bytes behind `at` without which another try is useless.
    needed: usize,
    is_ended: bool,
    checksum: Crc64,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Head,
    Items(Format),
    Done,
}

/// A parsed item, and the checksum behind the end.
pub(super) struct Parsed<'a> {
    pub(super) item: Item<'a>,
    checksum: Option<u64>,
}

impl Decoder {
    /// A decoder at the first byte of the data.
    pub fn new(options: ReadOptions) -> Self {
        Self {
            options,
            buffer: Vec::new(),
            at: 0,
            summed: 0,
            before: 0,
            needed: 1,
            is_ended: false,
            checksum: Crc64::new(),
            state: State::Head,
        }
    }

    /// Takes bytes that have come.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.at > 0 {
            self.sum_up_to(self.at);
            self.buffer.drain(..self.at);
            self.before += self.at as u64;
            (self.at, self.summed) = (0, 0);
            if self.buffer.len() < KEPT_CAPACITY / 2 {
                self.buffer.shrink_to(KEPT_CAPACITY);
            }
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// No more bytes will come: an item that is not whole is an error from now on.
    pub fn end_input(&mut self) {
        self.is_ended = true;
    }

    /// Bytes read, from the first byte of the data.
    pub fn offset(&self) -> u64 {
        self.before + self.at as u64
    }

    /// Whether the end was read.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// The bytes that have come and are not read; behind the end they are none of the data.
    pub fn rest(&self) -> &[u8] {
        &self.buffer[self.at..]
    }

    /// The next item; none when more bytes are needed, or when the end was read.
    pub fn next_item(&mut self) -> Result<Option<Item<'_>>, Error> {
        let offset = self.offset();
        let available = self.buffer.len() - self.at;
        if self.is_done() || (available < self.needed && !self.is_ended) {
            return Ok(None);
        }
        let mut cursor = Cursor::new(&self.buffer[self.at..], self.options.max_string_bytes);
        let mut key = None;
        let parsed = match self.state {
            State::Items(format) => parse(&mut cursor, format, self.options, &mut key),
            State::Head | State::Done => head(&mut cursor),
        };
        let problem = match parsed {
            Ok(parsed) => {
                self.at += cursor.position();
                self.needed = 1;
                match parsed.item {
                    Item::Head(format) => self.state = State::Items(format),
                    Item::End => {
                        self.state = State::Done;
                        let trailer = if parsed.checksum.is_some() { size_of::<u64>() } else { 0 };
                        self.checksum.update(&self.buffer[self.summed..self.at - trailer]);
                        self.summed = self.at;
                        let stored = parsed.checksum.filter(|_| self.options.verify_checksum);
                        compare(stored, self.checksum.value()).map_err(|problem| Error {
                            offset,
                            key: None,
                            problem,
                        })?;
                    }
                    _ => {}
                }
                return Ok(Some(parsed.item));
            }
            Err(Fault::Short { needed }) if !self.is_ended => {
                self.needed = next_try(available, needed);
                return Ok(None);
            }
            Err(Fault::Short { .. }) => Problem::Truncated,
            Err(Fault::Bad(problem)) => problem,
        };
        Err(Error { offset, key: key.map(Cow::into_owned), problem })
    }

    /// The keys that lie next, as many as have come and up to about `limit` bytes of them, undecoded. None: what lies
    /// next is no key, or not whole, or wrong, and [`Decoder::next_item`] has to look at it.
    pub fn next_run(&mut self, limit: usize) -> Option<Run<'_>> {
        let State::Items(format) = self.state else { return None };
        let offset = self.offset();
        let available = self.buffer.len() - self.at;
        if available < self.needed {
            return None;
        }
        let cursor = Cursor::new(&self.buffer[self.at..], self.options.max_string_bytes);
        match run::measure(cursor, limit) {
            Ok(Some(Extent { length, first_key })) => {
                let bytes = &self.buffer[self.at..self.at + length];
                self.at += length;
                self.needed = 1;
                Some(Run { bytes, offset, format, first_key })
            }
            Err(Fault::Short { needed }) => {
                self.needed = next_try(available, needed);
                None
            }
            Ok(None) | Err(Fault::Bad(_)) => None,
        }
    }

    fn sum_up_to(&mut self, end: usize) {
        self.checksum.update(&self.buffer[self.summed..end]);
        self.summed = end;
    }
}

/// How many bytes have to be there before an item is tried again that needs at least so many,
/// and not all of which has come.
fn next_try(available: usize, needed: usize) -> usize {
    let doubled = if available >= DOUBLING_FROM { available * 2 } else { 0 };
    needed.max(doubled)
}

/// Compares checksums; a stored zero says that whoever wrote the data computed none.
fn compare(stored: Option<u64>, computed: u64) -> Result<(), Problem> {
    match stored {
        Some(stored) if stored != 0 && stored != computed => Err(Problem::Checksum { stored, computed }),
        _ => Ok(()),
    }
}

/// The signature and the version.
fn head<'a>(cursor: &mut Cursor<'a>) -> Result<Parsed<'a>, Fault> {
    let bytes = cursor.take(HEAD_BYTES)?;
    let (is_valkey, digits) = match (bytes.strip_prefix(b"REDIS"), bytes.strip_prefix(b"VALKEY")) {
        (Some(digits), _) => (false, digits),
        (None, Some(digits)) => (true, digits),
        (None, None) => return Err(Problem::Signature.into()),
    };
    let version =
        std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let version: u32 = version.and_then(|text| text.parse().ok()).ok_or(Problem::Signature)?;
    let format =
        Format::of_version(version).filter(|format| matches!(format, Format::Valkey(_)) == is_valkey);
    Ok(Parsed { item: Item::Head(format.ok_or(Problem::Version(version))?), checksum: None })
}

/// One item, with whatever attributes stand before a key. `key` is left behind for the report of an error.
pub(super) fn parse<'a>(
    cursor: &mut Cursor<'a>,
    format: Format,
    options: ReadOptions,
    key: &mut Option<Cow<'a, [u8]>>,
) -> Result<Parsed<'a>, Fault> {
    let (mut expiry, mut idle_seconds, mut frequency, mut noted) = (None, None, None, None);
    let item = loop {
        break match cursor.byte()? {
            tag::EXPIRE_MS => {
                expiry = Some(UnixMs(cursor.u64_le()?.cast_signed()));
                continue;
            }
            tag::EXPIRE_SECONDS => {
                expiry = Some(UnixMs::from_secs_saturating(cursor.i32_le()?.into()));
                continue;
            }
            tag::IDLE => {
                idle_seconds = Some(cursor.length()?);
                continue;
            }
            tag::FREQUENCY => {
                frequency = Some(cursor.byte()?);
                continue;
            }
            tag::AUX => {
                let (name, value) = (cursor.string()?, cursor.string()?);
                if &*name == producers::NOTE {
                    noted = Some(producers::read(&value, cursor.max_string_bytes())?);
                    continue;
                }
                Item::Note { name, value }
            }
            tag::SELECT_DB => Item::Database(cursor.length()?),
            tag::RESIZE_DB => Item::Sizes { keys: cursor.length()?, expiring: cursor.length()? },
            tag::SLOT_INFO => {
                for _ in ["slot", "keys", "expiring"] {
                    cursor.length()?;
                }
                Item::SlotSizes
            }
            tag::SLOT_IMPORT if matches!(format, Format::Valkey(_)) => {
                let what = "slots that a node of Valkey was taking over";
                return Err(Problem::Unsupported(what, tag::SLOT_IMPORT).into());
            }
            tag::FUNCTION2 => Item::Function(cursor.string()?),
            tag::FUNCTION_OLD => {
                let what = "functions as release candidates of Redis 7.0 wrote them";
                return Err(Problem::Unsupported(what, tag::FUNCTION_OLD).into());
            }
            tag::MODULE_AUX => Item::ModuleData(module::skip_data(cursor)?),
            tag::EOF => {
                let checksum = if format.has_checksum() { Some(cursor.u64_le()?) } else { None };
                return Ok(Parsed { item: Item::End, checksum });
            }
            tag::MODULE if options.skips_modules => {
                let name = key.insert(cursor.string()?).clone();
                Item::ModuleValue(name, module::skip_value(cursor)?)
            }
            kind => {
                let name = key.insert(cursor.string()?).clone();
                let mut value = object::read(kind, format, cursor, options.settings)?;
                if let (Object::Stream(stream), Some(producers)) = (&mut value, noted) {
                    stream.set_producers(producers);
                }
                Item::Entry(Entry { key: name, value, expiry, idle_seconds, frequency })
            }
        };
    };
    Ok(Parsed { item, checksum: None })
}
