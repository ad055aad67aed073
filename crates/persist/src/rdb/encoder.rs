//! Keys become RDB bytes.
//!
//! The version stands at the front, so who begins must say whether fields of hashes will expire
//! ([`WriteOptions::field_expiry`]); without that the file has the oldest version that holds everything else, and Redis
//! 7.0 reads it.

use keyspace::{DbIndex, Usage};
use stdx::checksum::Crc64;
use stdx::number::write_i64;
use stdx::time::UnixMs;
use value::ValueRef;

use super::lzf::Compressor;
use super::object::Plan;
use super::output::Output;
use super::{producers, tag};

/// How to write.
#[derive(Debug, Clone, Copy)]
pub struct WriteOptions {
    /// Whether strings are compressed (`rdbcompression`).
    pub compression: bool,
    /// Whether a checksum is computed (`rdbchecksum`); else it is written as zero.
    pub checksum: bool,
    /// Whether some hash has a field that expires.
    pub field_expiry: bool,
}

/// What the data says of itself.
#[derive(Debug, Clone, Copy)]
pub struct Notes<'a> {
    /// The version of Redis whose behaviour the server has.
    pub redis_version: &'a str,
    /// The server's own version.
    pub own_version: &'a str,
    /// When the data was as it is written.
    pub created: UnixMs,
    /// Memory used then, in bytes.
    pub used_memory: usize,
    /// Whether the data is the base of an append-only file.
    pub is_aof_base: bool,
}

/// See the module's text.
#[derive(Debug)]
pub struct Encoder {
    checksum: Option<Crc64>,
    compressor: Option<Compressor>,
}

impl Encoder {
    /// Begins with the head and the notes.
    pub fn new(options: WriteOptions, notes: &Notes<'_>, out: &mut Vec<u8>) -> Self {
        let mut encoder = Self {
            checksum: options.checksum.then(Crc64::new),
            compressor: options.compression.then(Compressor::default),
        };
        encoder.append(out, |output| {
            let version = if options.field_expiry { tag::FIELD_EXPIRY_VERSION } else { tag::PLAIN_VERSION };
            output.bytes(format!("REDIS{version:04}").as_bytes());
            note(output, "redis-ver", notes.redis_version.as_bytes());
            note(output, "rustypotato-ver", notes.own_version.as_bytes());
            note_number(output, "redis-bits", 64);
            note_number(output, "ctime", notes.created.as_secs());
            note_number(output, "used-mem", notes.used_memory as i64);
            note_number(output, "aof-base", notes.is_aof_base.into());
        });
        encoder
    }

    /// A library of functions. All of them stand before the first database.
    pub fn library(&mut self, text: &[u8], out: &mut Vec<u8>) {
        self.append(out, |output| {
            output.tag(tag::FUNCTION2);
            output.string(text);
        });
    }

    /// What follows belongs to this database, which has so many keys, and so many of them are due at some time.
    pub fn database(&mut self, index: DbIndex, keys: usize, expiring: usize, out: &mut Vec<u8>) {
        self.append(out, |output| {
            output.tag(tag::SELECT_DB);
            output.length(index.0.into());
            output.tag(tag::RESIZE_DB);
            output.length(keys as u64);
            output.length(expiring as u64);
        });
    }

    /// Many keys, written by calls of [`Entries::push`]: the checksum is then computed over all of them at once.
    pub fn entries(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut Entries<'_, '_>)) {
        self.append(out, |output| write(&mut Entries { output }));
    }

    /// The end.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        self.append(out, |output| output.tag(tag::EOF));
        let checksum = self.checksum.map_or(0, |checksum| checksum.value());
        out.extend_from_slice(&checksum.to_le_bytes());
    }

    fn append(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut Output<'_>)) {
        let start = out.len();
        write(&mut Output::new(out, self.compressor.as_mut()));
        if let Some(checksum) = &mut self.checksum {
            checksum.update(&out[start..]);
        }
    }
}

/// Takes keys one by one.
#[derive(Debug)]
pub struct Entries<'o, 'a> {
    output: &'o mut Output<'a>,
}

impl Entries<'_, '_> {
    /// Writes a key of whose use nothing is told.
    pub fn push(&mut self, key: &[u8], value: ValueRef<'_>, expiry: Option<UnixMs>) {
        self.push_used(key, value, expiry, None);
    }

    /// Writes a key. A hash whose fields are all due is no key any more and not written.
    pub fn push_used(
        &mut self,
        key: &[u8],
        value: ValueRef<'_>,
        expiry: Option<UnixMs>,
        usage: Option<Usage>,
    ) {
        let plan = Plan::of(value);
        if plan.is_empty() {
            return;
        }
        if let ValueRef::Stream(stream) = value
            && let Some(producers) = stream.producers()
        {
            self.output.tag(tag::AUX);
            self.output.string(producers::NOTE);
            self.output.string(&producers::write(producers));
        }
        if let Some(at) = expiry {
            self.output.tag(tag::EXPIRE_MS);
            self.output.bytes(&at.0.to_le_bytes());
        }
        match usage {
            None => {}
            Some(Usage::IdleSeconds(seconds)) => {
                self.output.tag(tag::IDLE);
                self.output.length(seconds.into());
            }
            Some(Usage::Count(count)) => {
                self.output.tag(tag::FREQUENCY);
                self.output.bytes(&[count]);
            }
        }
        self.output.tag(plan.tag());
        self.output.string(key);
        plan.write(self.output);
    }
}

fn note(output: &mut Output<'_>, name: &str, value: &[u8]) {
    output.tag(tag::AUX);
    output.string(name.as_bytes());
    output.string(value);
}

fn note_number(output: &mut Output<'_>, name: &str, value: i64) {
    let mut text = Vec::new();
    write_i64(&mut text, value);
    note(output, name, &text);
}
