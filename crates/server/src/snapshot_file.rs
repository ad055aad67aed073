//! A snapshot becomes a file: written under a temporary name, synced, renamed, the folder synced. At any moment the
//! file of the final name is the old one or the new one, whole.
//!
//! In the background several threads encode, at low priority, and so do the workers, before they change what has not been encoded
//! ([`keyspace::Cut`]). One thread puts into the file what comes ([`desk`]): until it is there it takes memory.

mod aside;
mod desk;
mod large;
pub mod leftovers;
mod pieces;
mod sequence;

pub use aside::Place;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use config::{Config, Param};
use disk::{Disk, DiskFile, around};
use keyspace::Snapshot;
use node::Image;
use persist::rdb::Notes;
use persist::{SnapshotWriter, Step};
use stdx::time::UnixMs;

use crate::clock;
use crate::progress::KeyProgress;
use crate::storage::at;

/// How the names of files in the making begin and end.
const PREFIX: &str = "temp-";
const ENDING: &str = ".rdb";
/// Fewer bytes are not written by themselves.
const LEAST_STEP: usize = 64 << 10;

/// What the file is made of.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// RDB; else commands.
    pub is_rdb: bool,
    /// Whether it is the base of an append-only file.
    pub is_aof_base: bool,
    /// Whether commands tell when they were written.
    notes_time: bool,
    compression: bool,
    checksum: bool,
    /// How long to wait behind each key (`rdb-key-save-delay`).
    key_delay: Duration,
}

impl Form {
    /// The form of a `dump.rdb`.
    pub fn dump(config: &Config) -> Self {
        let key_delay = u64::try_from(config.integer(Param::RdbKeySaveDelay)).unwrap_or(0);
        Self {
            is_rdb: true,
            is_aof_base: false,
            notes_time: false,
            compression: config.yes(Param::Rdbcompression),
            checksum: config.yes(Param::Rdbchecksum),
            key_delay: Duration::from_micros(key_delay),
        }
    }

    /// The form of a base of the append-only file.
    pub fn base(config: &Config) -> Self {
        Self {
            is_rdb: config.yes(Param::AofUseRdbPreamble),
            is_aof_base: true,
            notes_time: config.yes(Param::AofTimestampEnabled),
            ..Self::dump(config)
        }
    }

    /// Waits behind so many keys as long as the parameters say, or until nobody wants more.
    fn rest(self, keys: usize, is_over: impl Fn() -> bool) {
        const STEP: Duration = Duration::from_millis(10);
        let mut left = self.key_delay * keys as u32;
        while !left.is_zero() && !is_over() {
            let step = left.min(STEP);
            thread::park_timeout(step);
            left -= step;
        }
    }
}

/// Who encodes the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// The caller's thread, which holds locks or waits for nobody else: whatever changes is copied.
    Alone,
    /// So many threads, or the caller's if there are none, and whoever is about to change what has not been encoded.
    Helped(usize),
}

/// What everybody at work on a file looks at.
#[derive(Debug, Clone, Copy)]
pub struct Watch<'a> {
    /// Nobody wants the file any more.
    pub given_up: &'a AtomicBool,
    /// How far it is.
    pub progress: &'a KeyProgress,
}

/// Writes all data into a file of this path, which is durable then; its name is not yet. Stops early when it is given up.
/// After an error there is no file.
pub fn write(
    disk: &Disk,
    path: &Path,
    image: Image,
    form: Form,
    manner: Manner,
    watch: Watch<'_>,
) -> Result<(), String> {
    let mut written = 0;
    let result = disk.create(path).map_err(|error| not_made(path, &error)).and_then(|file| {
        fill((&file, Place::beside(disk, path)), &mut written, image, form, manner, watch)
            .map_err(|error| not_filled(path, written, &error))
    });
    if result.is_err() {
        // It was to be incomplete anyway; if it cannot be removed, the error that is told says why.
        let _ = disk.remove(path);
    }
    result
}

/// A file of this path could not be made.
pub fn not_made(path: &Path, error: &io::Error) -> String {
    format!("{}: the file could not be made: {error}", path.display())
}

/// It could not be filled beyond so many bytes.
pub fn not_filled(path: &Path, written: u64, error: &io::Error) -> String {
    format!("{}: at byte {written}: {error}", path.display())
}

/// Writes all data into an empty file, which is durable then, and notes how many bytes are in it. Stops early when it is given up.
pub fn fill(
    (file, place): (&DiskFile, Place<'_>),
    written: &mut u64,
    image: Image,
    form: Form,
    manner: Manner,
    watch: Watch<'_>,
) -> io::Result<()> {
    let total = keys(&image.snapshot);
    watch.progress.set(0, total);
    let mut sheet = Sheet { file, place, written, small: Vec::new(), total, watch };
    let result = match manner {
        Manner::Alone => write_alone(&mut sheet, image, form),
        Manner::Helped(encoders) => desk::write(&mut sheet, image, form, encoders),
    };
    let result = result.and_then(|()| sheet.flush()).and_then(|()| file.sync());
    watch.progress.set(0, 0);
    result
}

/// Gives a written file its final name.
pub fn install(disk: &Disk, temporary: &Path, path: &Path) -> Result<(), String> {
    disk.rename(temporary, path)
        .and_then(|()| disk.sync_folder(around(path)))
        .map_err(|error| at(path, &error))
}

/// The name under which an image is written before its file gets its own.
pub fn temporary(path: &Path, purpose: &str, image: u64) -> PathBuf {
    path.with_file_name(format!("{PREFIX}{purpose}-{}-{image}{ENDING}", std::process::id()))
}

/// A file in the making.
struct Sheet<'a> {
    file: &'a DiskFile,
    /// Where other files may be made.
    place: Place<'a>,
    /// Bytes that are in it.
    written: &'a mut u64,
    /// Bytes that belong behind these.
    small: Vec<u8>,
    /// Keys of the image.
    total: usize,
    watch: Watch<'a>,
}

impl Sheet<'_> {
    /// Appends to the file; what is short is collected.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.small.len() + bytes.len() < LEAST_STEP {
            self.small.extend_from_slice(bytes);
            return Ok(());
        }
        self.flush()?;
        self.write(bytes)
    }

    /// Puts what was collected into the file.
    fn flush(&mut self) -> io::Result<()> {
        let small = std::mem::take(&mut self.small);
        if small.is_empty() { Ok(()) } else { self.write(&small) }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.append(bytes)?;
        *self.written += bytes.len() as u64;
        Ok(())
    }

    /// Nothing but all keys is a file. Whoever encodes may have panicked over one of them, and have gone on serving clients.
    fn check_whole(&self, keys: usize) -> io::Result<()> {
        if keys != self.total {
            return Err(io::Error::other(format!("{keys} of {} keys have been encoded", self.total)));
        }
        Ok(())
    }

    /// Tells how far it is, and whether anybody wants the rest.
    fn go_on(&self, keys: usize) -> io::Result<()> {
        self.watch.progress.set(keys, self.total);
        if self.watch.is_given_up() {
            return Err(io::Error::other("given up, since the server ends or newer data is saved"));
        }
        Ok(())
    }
}

fn write_alone(sheet: &mut Sheet<'_>, image: Image, form: Form) -> io::Result<()> {
    let writer = begin(sheet, &image, form)?;
    let mut keys = 0;
    writer.write_all(image.snapshot, |step| {
        match step {
            Step::Encoded(count) => {
                keys += count;
                form.rest(count, || sheet.watch.is_given_up());
            }
            Step::Bytes(bytes) => sheet.append(bytes)?,
        }
        sheet.go_on(keys)
    })?;
    sheet.check_whole(keys)
}

/// Begins the file with its head.
fn begin(sheet: &mut Sheet<'_>, image: &Image, form: Form) -> io::Result<SnapshotWriter> {
    let snapshot = &image.snapshot;
    let created = clock::now().unix;
    let mut head = Vec::new();
    let writer = if form.is_rdb {
        SnapshotWriter::rdb(
            snapshot,
            form.compression,
            form.checksum,
            &notes(image, form, created),
            &mut head,
        )
    } else {
        SnapshotWriter::commands(snapshot, created, form.notes_time, &mut head)
    };
    sheet.append(&head)?;
    Ok(writer)
}

/// The bytes of a file with no keys, in the form of RDB, and with the libraries of functions if these are wanted.
pub fn without_keys(image: &Image, form: Form, has_libraries: bool) -> Vec<u8> {
    let notes = notes(image, form, clock::now().unix);
    let libraries = has_libraries.then(|| image.snapshot.libraries());
    let mut bytes = Vec::new();
    SnapshotWriter::rdb_without_keys(libraries, form.checksum, &notes, &mut bytes).finish(&mut bytes);
    bytes
}

fn notes(image: &Image, form: Form, created: UnixMs) -> Notes<'static> {
    Notes {
        redis_version: engine::REDIS_VERSION,
        own_version: engine::VERSION,
        created,
        used_memory: image.used_memory,
        is_aof_base: form.is_aof_base,
    }
}

/// Keys to write.
fn keys(snapshot: &Snapshot) -> usize {
    snapshot.databases().into_iter().map(|database| snapshot.len(database).0).sum()
}

impl Watch<'_> {
    fn is_given_up(self) -> bool {
        self.given_up.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod practice;
