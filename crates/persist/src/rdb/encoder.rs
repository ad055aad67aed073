//! Keys become RDB bytes.
//!
//! The version stands at the front, so who begins must say whether fields of hashes will expire
//! ([`WriteOptions::field_expiry`]); without that the file has the oldest version that holds everything else, and Redis
//! 7.0 reads it.

use keyspace::{DbIndex, Seen, Usage};
use stdx::checksum::Crc64;
use stdx::number::write_i64;
use stdx::time::UnixMs;
use value::ValueRef;
use value::members::Stored;
use value::tree::Group;

use super::large::{Body, Past, Sequence, SequenceForm};
use super::listpack;
use super::lzf::Compressor;
use super::member::MemberForm;
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
    entries: EntryEncoder,
}

/// Encodes keys that an [`Encoder`] will count in.
#[derive(Debug)]
pub struct EntryEncoder {
    compressor: Option<Compressor>,
    block: listpack::Writer,
}

impl Encoder {
    /// Begins with the head and the notes.
    pub fn new(options: WriteOptions, notes: &Notes<'_>, out: &mut Vec<u8>) -> Self {
        let mut encoder = Self {
            checksum: options.checksum.then(Crc64::new),
            entries: EntryEncoder::new(options.compression),
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

    /// Somebody who encodes keys in the same way.
    pub fn entry_encoder(&self) -> EntryEncoder {
        EntryEncoder::new(self.entries.compressor.is_some())
    }

    /// These bytes, which an [`EntryEncoder`] has made, stand next.
    pub fn count_in(&mut self, bytes: &[u8]) {
        if let Some(checksum) = &mut self.checksum {
            checksum.update(bytes);
        }
    }

    /// What follows belongs to this database, which has so many keys, and so many of them are due at some time.
    pub fn database(&mut self, index: DbIndex, keys: usize, expiring: usize, out: &mut Vec<u8>) {
        self.append(out, |output| {
            select(output, index);
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
        write(&mut self.entries.output(out));
        self.count_in(&out[start..]);
    }
}

impl EntryEncoder {
    fn new(compression: bool) -> Self {
        Self { compressor: compression.then(Compressor::default), block: listpack::Writer::default() }
    }

    /// What follows belongs to this database.
    pub fn select(&mut self, database: DbIndex, out: &mut Vec<u8>) {
        select(&mut self.output(out), database);
    }

    /// A key.
    pub fn push(&mut self, seen: &Seen<'_>, out: &mut Vec<u8>) {
        let output = &mut self.output(out);
        Entries { output }.push_used(seen.key, seen.value, seen.expiry, seen.usage);
    }

    /// The beginning of a key with a large value, and what has to follow. None: nothing is to be
    /// written of it, or all at once.
    pub fn begin_large(&mut self, seen: &Seen<'_>, out: &mut Vec<u8>) -> Option<Body> {
        let plan = Plan::of_large(seen.value);
        let body = Body::of(plan)?;
        let output = &mut self.output(out);
        Entries { output: &mut *output }.begin(seen.key, plan, seen.expiry, seen.usage);
        body.write_head(output);
        Some(body)
    }

    /// What stands next of a list or stream; false: there is nothing left.
    pub fn push_next(&mut self, sequence: &mut Sequence, out: &mut Vec<u8>) -> bool {
        sequence.write_next(&mut self.output(out))
    }

    /// A group of leaves of a list or stream.
    pub fn push_group(&mut self, form: &SequenceForm, group: &Group, out: &mut Vec<u8>) {
        form.write(group, &mut self.block, &mut Output::new(out, self.compressor.as_mut()));
    }

    /// What stands next behind all groups; false: there is nothing left.
    pub fn push_past(&mut self, past: &mut Past, out: &mut Vec<u8>) -> bool {
        past.write_next(&mut self.block, &mut Output::new(out, self.compressor.as_mut()))
    }

    /// A member of such a value.
    pub fn push_member(&mut self, form: MemberForm, member: &Stored<'_>, out: &mut Vec<u8>) {
        form.write(member, &mut self.output(out));
    }

    fn output<'a>(&'a mut self, out: &'a mut Vec<u8>) -> Output<'a> {
        Output::new(out, self.compressor.as_mut())
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
        self.begin(key, plan, expiry, usage);
        plan.write(self.output);
    }

    /// What stands before the value of a key.
    fn begin(&mut self, key: &[u8], plan: Plan<'_>, expiry: Option<UnixMs>, usage: Option<Usage>) {
        if let ValueRef::Stream(stream) = plan.value()
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
    }
}

fn select(output: &mut Output<'_>, index: DbIndex) {
    output.tag(tag::SELECT_DB);
    output.length(index.0.into());
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
