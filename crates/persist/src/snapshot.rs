//! A snapshot of all data becomes a file, one shard of one database at a time.
//!
//! The caller writes each piece where it belongs and asks for the next. A shard that has been written is given back, so
//! that writers need not copy its pages any longer. The libraries of functions stand before all keys.

use keyspace::{DbIndex, Effect, Snapshot};
use resp::write_command;
use stdx::number::write_i64;
use stdx::time::UnixMs;

use crate::aof::{BATCH_BYTES, Framer};
use crate::effect::{encode_effect, encode_value};
use crate::rdb::{Encoder, Notes, WriteOptions};

/// See the module's text.
#[derive(Debug)]
pub struct SnapshotWriter {
    form: Form,
    /// The libraries have been written.
    has_libraries: bool,
    databases: Vec<DbIndex>,
    /// The place of the database at hand.
    database: usize,
    /// The shard to write next.
    shard: usize,
}

/// What the file is made of.
#[derive(Debug)]
enum Form {
    Rdb(Box<Encoder>),
    Commands(Batches),
    Finished,
}

/// Commands that become batches, as in an increment.
#[derive(Debug)]
struct Batches {
    framer: Framer,
    /// The commands of the batch at hand.
    commands: Vec<u8>,
    created: UnixMs,
}

impl Batches {
    /// A batch that selects no database is about database 0, as in an increment.
    fn select(&mut self, database: DbIndex) {
        let mut number = Vec::new();
        write_i64(&mut number, database.0.into());
        write_command(&mut self.commands, &[b"SELECT", &number[..]]);
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        if !self.commands.is_empty() {
            self.framer.frame(&self.commands, self.created, 0, out);
            self.commands.clear();
        }
    }
}

impl SnapshotWriter {
    /// Begins an RDB file; its head is appended to `out`.
    pub fn rdb(
        snapshot: &Snapshot,
        compression: bool,
        checksum: bool,
        notes: &Notes<'_>,
        out: &mut Vec<u8>,
    ) -> Self {
        let options = WriteOptions { compression, checksum, field_expiry: snapshot.has_field_expiry() };
        Self::new(Form::Rdb(Box::new(Encoder::new(options, notes, out))), snapshot)
    }

    /// Begins a file of commands, which tells when it was made if that is wanted.
    pub fn commands(snapshot: &Snapshot, created: UnixMs, notes_time: bool, out: &mut Vec<u8>) -> Self {
        let mut framer = Framer::default();
        if notes_time {
            framer.annotate_time(created, out);
        }
        Self::new(Form::Commands(Batches { framer, commands: Vec::new(), created }), snapshot)
    }

    fn new(form: Form, snapshot: &Snapshot) -> Self {
        Self { form, has_libraries: false, databases: snapshot.databases(), database: 0, shard: 0 }
    }

    /// Appends the next piece to `out`. False when that was the last one.
    pub fn write_next(&mut self, snapshot: &mut Snapshot, out: &mut Vec<u8>) -> bool {
        if !std::mem::replace(&mut self.has_libraries, true) {
            self.write_libraries(snapshot, out);
        }
        let Some(&database) = self.databases.get(self.database) else {
            match std::mem::replace(&mut self.form, Form::Finished) {
                Form::Rdb(encoder) => encoder.finish(out),
                Form::Commands(mut batches) => batches.finish(out),
                Form::Finished => {}
            }
            return false;
        };
        if self.shard == 0 {
            self.begin_database(snapshot, database, out);
        }
        self.write_shard(snapshot, database, out);
        snapshot.release(self.shard, database);
        self.shard += 1;
        if self.shard == snapshot.shards() {
            self.shard = 0;
            self.database += 1;
        }
        true
    }

    fn write_libraries(&mut self, snapshot: &Snapshot, out: &mut Vec<u8>) {
        for library in snapshot.libraries().iter() {
            match &mut self.form {
                Form::Rdb(encoder) => encoder.library(&library.text, out),
                Form::Commands(batches) => {
                    encode_effect(&Effect::AddLibrary { text: &library.text }, &mut batches.commands);
                }
                Form::Finished => {}
            }
        }
    }

    fn begin_database(&mut self, snapshot: &Snapshot, database: DbIndex, out: &mut Vec<u8>) {
        match &mut self.form {
            Form::Rdb(encoder) => {
                let (keys, expiring) = snapshot.len(database);
                encoder.database(database, keys, expiring, out);
            }
            Form::Commands(batches) => batches.select(database),
            Form::Finished => {}
        }
    }

    fn write_shard(&mut self, snapshot: &Snapshot, database: DbIndex, out: &mut Vec<u8>) {
        match &mut self.form {
            Form::Rdb(encoder) => encoder.entries(out, |entries| {
                snapshot.for_each(self.shard, database, &mut |seen| {
                    entries.push_used(seen.key, seen.value, seen.expiry, seen.usage);
                });
            }),
            Form::Commands(batches) => {
                snapshot.for_each(self.shard, database, &mut |seen| {
                    encode_value(seen.key, &seen.value, seen.expiry, &mut batches.commands);
                    if batches.commands.len() >= BATCH_BYTES {
                        batches.finish(out);
                        if database != DbIndex(0) {
                            batches.select(database);
                        }
                    }
                });
            }
            Form::Finished => {}
        }
    }
}
