//! A snapshot becomes a file: written under a temporary name, synced, renamed, the folder synced. At any moment the
//! file of the final name is the old one or the new one, whole.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use config::{Config, Param};
use disk::{Disk, around};
use keyspace::Snapshot;
use node::Image;
use persist::SnapshotWriter;
use persist::rdb::Notes;

use crate::clock;
use crate::progress::KeyProgress;
use crate::storage::at;

/// Bytes that are written at once.
const WRITE_STEP: usize = 1 << 20;

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
}

/// Writes all data into a file of this path, which is durable then; its name is not yet. Stops early when `given_up`
/// says so, and tells `progress` how far it is. After an error there is no file.
pub fn write(
    disk: &Disk,
    path: &Path,
    image: Image,
    form: Form,
    given_up: &AtomicBool,
    progress: &KeyProgress,
) -> Result<(), String> {
    let mut written = 0;
    let result = write_pieces(disk, path, image, form, given_up, (&mut written, progress));
    progress.set(0, 0);
    if result.is_err() {
        // It was to be incomplete anyway; if it cannot be removed, the error that is told says why.
        let _ = disk.remove(path);
    }
    result.map_err(|error| format!("{}: at byte {written}: {error}", path.display()))
}

/// Gives a written file its final name.
pub fn install(disk: &Disk, temporary: &Path, path: &Path) -> Result<(), String> {
    disk.rename(temporary, path)
        .and_then(|()| disk.sync_folder(around(path)))
        .map_err(|error| at(path, &error))
}

/// The name under which an image is written before its file gets its own.
pub fn temporary(path: &Path, purpose: &str, image: u64) -> PathBuf {
    path.with_file_name(format!("temp-{purpose}-{}-{image}.rdb", std::process::id()))
}

fn write_pieces(
    disk: &Disk,
    path: &Path,
    image: Image,
    form: Form,
    given_up: &AtomicBool,
    (written, progress): (&mut u64, &KeyProgress),
) -> io::Result<()> {
    let file = disk.create(path)?;
    let mut bytes = Vec::new();
    let Image { mut snapshot, used_memory, .. } = image;
    let mut writer = begin(&snapshot, used_memory, form, &mut bytes);
    let total = keys(&snapshot);
    let mut left = total;
    loop {
        progress.set(total - left, total);
        let has_more = writer.write_next(&mut snapshot, &mut bytes);
        if !has_more || bytes.len() >= WRITE_STEP {
            file.append(&bytes)?;
            *written += bytes.len() as u64;
            bytes.clear();
        }
        if !has_more {
            return file.sync();
        }
        let before = std::mem::replace(&mut left, keys(&snapshot));
        wait(form.key_delay * (before - left) as u32, given_up);
        if given_up.load(Ordering::Acquire) {
            return Err(io::Error::other("given up, since the server ends or newer data is saved"));
        }
    }
}

fn begin(snapshot: &Snapshot, used_memory: usize, form: Form, out: &mut Vec<u8>) -> SnapshotWriter {
    if !form.is_rdb {
        return SnapshotWriter::commands(snapshot, clock::now().unix, form.notes_time, out);
    }
    let notes = Notes {
        redis_version: engine::REDIS_VERSION,
        own_version: engine::VERSION,
        created: clock::now().unix,
        used_memory,
        is_aof_base: form.is_aof_base,
    };
    SnapshotWriter::rdb(snapshot, form.compression, form.checksum, &notes, out)
}

/// Keys that are left to write.
fn keys(snapshot: &Snapshot) -> usize {
    snapshot.databases().into_iter().map(|database| snapshot.len(database).0).sum()
}

/// Waits for so long, or until the work is given up.
fn wait(time: Duration, given_up: &AtomicBool) {
    const STEP: Duration = Duration::from_millis(10);
    let mut left = time;
    while !left.is_zero() && !given_up.load(Ordering::Acquire) {
        let step = left.min(STEP);
        std::thread::park_timeout(step);
        left -= step;
    }
}
