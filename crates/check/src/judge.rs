//! The judgement of files: persist's reader says what is torn or damaged, and commands run as in a server, whose
//! refusal is damage as well. Beside it is counted what the files hold.
//!
//! Keys of RDB data are kept only where commands follow that may need them; else each is counted and goes, so that a
//! file of any size is checked in the memory of its largest key.

use std::path::Path;

use engine::scripting::LibraryCompiler;
use node::{Loader, Node, Side};
use persist::aof::{Chain, FileReader, LastBatch, Mark, Part};
use persist::rdb::{Item, ReadOptions};
use persist::{Placement, Reason};
use stdx::time::UnixMs;

use crate::duplicates::Keys;
use crate::read::{self, Read, WHOLE};
use crate::summary::{Counted, Size, Summary};
use crate::{clock, world};
use backup::moment;

/// See the module's text.
pub(crate) struct Judge<'n> {
    options: ReadOptions,
    loader: Loader<'n>,
    compiler: LibraryCompiler,
    /// Whether keys are kept, for commands to be run.
    loads: bool,
    /// Whether commands are run: not behind damage, for they may need what it has cost.
    runs: bool,
    /// What the files held so far.
    pub(crate) tally: Tally,
    /// The keys that were not kept.
    counted: Summary,
}

/// What files hold beside keys.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Commands.
    pub(crate) commands: u64,
    /// Batches of increments, or of the one file.
    pub(crate) batches: u64,
    /// The first and the last of them.
    pub(crate) first: Option<LastBatch>,
    pub(crate) last: Option<LastBatch>,
    /// The first and the last second that an annotation of Redis names.
    pub(crate) noted: Option<(UnixMs, UnixMs)>,
    /// Who wrote RDB data, and when, as it says itself.
    pub(crate) writers: Vec<String>,
    /// Libraries of functions in RDB data.
    pub(crate) libraries: u64,
    /// Keys in RDB data whose value had no element.
    pub(crate) empty: u64,
    /// Whether a file had more keys than could be looked for a second time.
    pub(crate) has_unknown_keys: bool,
    /// Modules whose data a server passes over.
    pub(crate) modules: Vec<String>,
}

impl Tally {
    fn mark(&mut self, mark: &Mark<'_>) {
        match mark {
            Mark::Batch(batch) => {
                self.batches += 1;
                let batch = LastBatch { number: batch.number, time: batch.time };
                self.first.get_or_insert(batch);
                self.last = Some(batch);
            }
            Mark::Annotation { .. } => {
                if let Some(time) = mark.time() {
                    self.noted = Some((self.noted.map_or(time, |(first, _)| first), time));
                }
            }
            Mark::EndOfBatch | Mark::Transaction(_) | Mark::Announcement => {}
        }
    }

    fn note(&mut self, name: &[u8], value: &[u8]) {
        let value = String::from_utf8_lossy(value);
        let said = match (name, value.parse()) {
            (b"ctime", Ok(second)) => {
                format!("made at {}", moment::show(UnixMs::from_secs_saturating(second)))
            }
            (b"redis-ver" | b"valkey-ver" | b"rustypotato-ver", _) => {
                format!("{} {}", name.escape_ascii(), value.escape_default())
            }
            _ => return,
        };
        self.writers.push(said);
    }
}

impl<'n> Judge<'n> {
    /// A judge who has seen nothing; `loads` says whether keys are kept and commands run.
    pub(crate) fn new(node: &'n Node, loads: bool, largest: usize) -> Self {
        let now = clock::now();
        Self {
            options: world::read_options(node),
            loader: Loader::new(node, Side::Main, now),
            compiler: LibraryCompiler::default(),
            loads,
            runs: loads,
            tally: Tally::default(),
            counted: Summary::new(largest, now.unix),
        }
    }

    /// Whether all data is in memory.
    pub(crate) fn loads(&self) -> bool {
        self.loads
    }

    /// Runs no more commands, since what they need may be missing.
    pub(crate) fn stop_running(&mut self) {
        self.runs = false;
    }

    /// Judges a file whose batches follow on others. An error is one of the system.
    pub(crate) fn file(
        &mut self,
        path: &Path,
        before: Option<Chain>,
        is_rdb_alone: bool,
    ) -> Result<Read, String> {
        let reader = FileReader::new(self.options).following(before);
        let reader = if is_rdb_alone { reader.of_snapshot() } else { reader };
        let Self { loader, compiler, loads, runs, tally, counted, .. } = self;
        loader.begin_file();
        let mut compile = |text: &[u8]| compiler.compile(text);
        let mut placement = Placement::new(None, &mut compile);
        let (mut database, mut keys, now) = (0, Keys::default(), clock::now().unix);
        let read = read::read(path, reader, WHOLE, &mut |part| match part {
            Part::Item(Item::Entry(entry)) if !*loads => {
                // A server leaves out what has no element, and what is due in an RDB file alone: in a
                // base later commands may need it.
                let is_empty = entry.value.is_empty_collection();
                let is_due = entry.expiry.is_some_and(|at| at <= now);
                let is_left_out = is_empty || is_rdb_alone && is_due;
                if is_empty {
                    tally.empty += 1;
                } else {
                    let size = Size::of_object(&entry.key, entry.value);
                    counted.add(Counted { database, name: &entry.key, size, expiry: entry.expiry });
                }
                if is_left_out { Ok(()) } else { keys.add(database, &entry.key).map_err(Reason::from) }
            }
            Part::Item(item) => {
                match &item {
                    Item::Database(number) => database = *number,
                    Item::Note { name, value } => tally.note(name, value),
                    _ => {}
                }
                placement.take(item, loader.access()).map_err(Reason::from)
            }
            Part::Command(..) | Part::Mark(_) if is_rdb_alone => {
                Err("commands follow the data, as in an append-only file".into())
            }
            Part::Run(_) => unreachable!("nobody has asked for keys in runs"),
            Part::Command(buffer, args) => {
                tally.commands += 1;
                if *runs { loader.apply(buffer, args) } else { Ok(()) }
            }
            Part::Mark(mark) => {
                tally.mark(&mark);
                Ok(())
            }
        })?;
        let mut loaded = placement.finish();
        tally.has_unknown_keys |= keys.are_too_many;
        tally.libraries += loaded.libraries;
        tally.empty += loaded.empty;
        tally.modules.append(&mut loaded.modules);
        Ok(read)
    }

    /// The keys: those that commands have left, or those that were counted in RDB data.
    pub(crate) fn summary(self) -> Summary {
        let Self { mut loader, loads, counted: mut summary, .. } = self;
        if !loads {
            return summary;
        }
        let access = loader.access();
        let snapshot = access.snapshot(|_| ());
        access.with_everything(|access| {
            for database in snapshot.databases() {
                for shard in 0..snapshot.shards() {
                    snapshot.for_each(shard, database, &mut |seen| {
                        let key = access.keyspace().key(seen.key);
                        let bytes = access.db(database).memory_bytes(&key).unwrap_or(0);
                        let size = Size::of(seen.kind, seen.value, bytes);
                        let database = database.0.into();
                        summary.add(Counted { database, name: seen.key, size, expiry: seen.expiry });
                    });
                }
            }
        });
        summary
    }
}
