//! A snapshot becomes a file: written under a temporary name, synced, renamed, the folder synced. At any moment the
//! file of the final name is the old one or the new one, whole.
//!
//! In the background several threads encode, at low priority, and so do the workers, before they change what has not been encoded
//! ([`keyspace::Cut`]). One thread, at the priority of the workers, puts into the file what comes ([`Pieces`]): until it is there it
//! takes memory.

mod pieces;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use config::{Config, Param};
use disk::{Disk, DiskFile, around};
use keyspace::{Cut, Snapshot};
use node::Image;
use persist::rdb::Notes;
use persist::{LargeHash, SnapshotWriter, Step};

use crate::clock;
use crate::progress::KeyProgress;
use crate::storage::at;
use pieces::{HashBench, Next, Pieces, Seat};

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
    let result = disk.create(path).and_then(|file| {
        let total = keys(&image.snapshot);
        watch.progress.set(0, total);
        let mut sheet = Sheet { file: &file, written: &mut written, small: Vec::new(), total, watch };
        match manner {
            Manner::Alone => write_alone(&mut sheet, image, form),
            Manner::Helped(encoders) => write_helped(&mut sheet, image, form, encoders),
        }?;
        sheet.flush()?;
        file.sync()
    });
    watch.progress.set(0, 0);
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

/// A file in the making.
struct Sheet<'a> {
    file: &'a DiskFile,
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
                sheet.watch.rest(form, count);
            }
            Step::Bytes(bytes) => sheet.append(bytes)?,
        }
        sheet.go_on(keys)
    })
}

fn write_helped(sheet: &mut Sheet<'_>, image: Image, form: Form, encoders: usize) -> io::Result<()> {
    let mut writer = begin(sheet, &image, form)?;
    // Whoever has access to the keyspace has one of the first benches, each his own.
    let first = image.keyspace.workers();
    let pieces = Arc::new(Pieces::new(&writer, first + encoders + 1));
    let witness = Arc::clone(&pieces);
    let cut = image.snapshot.lend(image.keyspace, witness);
    let mut desk = Desk { sheet, writer: &mut writer, pieces: &pieces, cut: &cut, bench: first + encoders };
    if encoders == 0 {
        desk.encode_and_put(form)?;
    } else {
        desk.put_what_comes(form, first, encoders)?;
    }
    // Whatever a worker has taken is at its bench by now.
    drop(cut);
    for mut piece in pieces.rest() {
        writer.seal(&mut piece);
        sheet.append(&piece)?;
    }
    let mut end = Vec::new();
    writer.finish(&mut end);
    sheet.append(&end)
}

/// Where pieces are put into the file.
struct Desk<'d, 'a> {
    sheet: &'d mut Sheet<'a>,
    writer: &'d mut SnapshotWriter,
    pieces: &'d Pieces,
    cut: &'d Cut,
    bench: usize,
}

impl Desk<'_, '_> {
    /// All is done by this thread.
    fn encode_and_put(&mut self, form: Form) -> io::Result<()> {
        while let Some(pages) = self.pieces.next_pages(self.cut) {
            self.pieces.encode(self.bench, &pages);
            self.sheet.watch.rest(form, pages.len());
            while let Some(next) = self.pieces.next() {
                self.perform(next)?;
            }
            self.sheet.go_on(self.pieces.keys())?;
        }
        Ok(())
    }

    /// Other threads encode, if there can be any.
    fn put_what_comes(&mut self, form: Form, first: usize, encoders: usize) -> io::Result<()> {
        let (pieces, cut, watch) = (self.pieces, self.cut, self.sheet.watch);
        thread::scope(|scope| {
            let spawn = |bench| {
                let seat = pieces.join();
                let thread = thread::Builder::new().name("encoder".to_owned());
                thread.spawn_scoped(scope, move || encode((seat, pieces), bench, cut, form, watch)).is_ok()
            };
            let spawned = (first..first + encoders).filter(|&bench| spawn(bench)).count();
            let result = if spawned == 0 { self.encode_and_put(form) } else { self.put_all() };
            pieces.stop();
            result
        })
    }

    fn put_all(&mut self) -> io::Result<()> {
        while let Some(next) = self.pieces.await_next(self.sheet.watch.given_up) {
            self.perform(next)?;
            self.sheet.go_on(self.pieces.keys())?;
        }
        self.sheet.go_on(self.pieces.keys())
    }

    fn perform(&mut self, next: Next) -> io::Result<()> {
        match next {
            Next::Piece(mut piece) => {
                self.put(&mut piece)?;
                self.pieces.give_back(piece);
            }
            Next::Hash(hash) => self.put_hash(hash)?,
            Next::Pages(pages) => self.pieces.encode(self.bench, &pages),
        }
        Ok(())
    }

    /// Encodes a hash into the file. Whoever is about to change fields that are not there yet encodes them.
    fn put_hash(&mut self, hash: LargeHash) -> io::Result<()> {
        let LargeHash { database, key, head: mut piece, fields } = hash;
        let bench = Arc::new(HashBench::new(self.writer));
        let witness = Arc::clone(&bench);
        let fields = self.cut.lend_fields(database, &key, fields, witness);
        let mut scribe = self.writer.scribe();
        let mut buffers = Vec::new();
        loop {
            let taken = fields.take();
            if taken.is_empty() {
                break;
            }
            for pages in taken {
                scribe.encode_fields(&pages, &mut piece);
                drop(pages);
                if piece.len() >= SnapshotWriter::PIECE_BYTES {
                    self.put(&mut piece)?;
                }
            }
            for mut piece in bench.exchange(&mut buffers) {
                self.put(&mut piece)?;
                buffers.push(piece);
            }
            self.sheet.go_on(self.pieces.keys())?;
        }
        drop(fields);
        self.put(&mut piece)?;
        bench.rest().into_iter().try_for_each(|mut piece| self.put(&mut piece))
    }

    /// Puts bytes into the file, and leaves none.
    fn put(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        self.writer.seal(bytes);
        self.sheet.append(bytes)?;
        bytes.clear();
        Ok(())
    }
}

/// What a thread does that encodes.
fn encode((_seat, pieces): (Seat<'_>, &Pieces), bench: usize, cut: &Cut, form: Form, watch: Watch<'_>) {
    crate::saver::step_back();
    while pieces.await_room(watch.given_up) {
        let Some(pages) = pieces.next_pages(cut) else { break };
        pieces.encode(bench, &pages);
        watch.rest(form, pages.len());
    }
}

/// Begins the file with its head.
fn begin(sheet: &mut Sheet<'_>, image: &Image, form: Form) -> io::Result<SnapshotWriter> {
    let Image { snapshot, used_memory, .. } = image;
    let created = clock::now().unix;
    let mut head = Vec::new();
    let writer = if form.is_rdb {
        let notes = Notes {
            redis_version: engine::REDIS_VERSION,
            own_version: engine::VERSION,
            created,
            used_memory: *used_memory,
            is_aof_base: form.is_aof_base,
        };
        SnapshotWriter::rdb(snapshot, form.compression, form.checksum, &notes, &mut head)
    } else {
        SnapshotWriter::commands(snapshot, created, form.notes_time, &mut head)
    };
    sheet.append(&head)?;
    Ok(writer)
}

/// Keys to write.
fn keys(snapshot: &Snapshot) -> usize {
    snapshot.databases().into_iter().map(|database| snapshot.len(database).0).sum()
}

impl Watch<'_> {
    fn is_given_up(self) -> bool {
        self.given_up.load(Ordering::Acquire)
    }

    /// Waits behind so many keys as long as the parameters say, or until the work is given up.
    fn rest(self, form: Form, keys: usize) {
        const STEP: Duration = Duration::from_millis(10);
        let mut left = form.key_delay * keys as u32;
        while !left.is_zero() && !self.is_given_up() {
            let step = left.min(STEP);
            thread::park_timeout(step);
            left -= step;
        }
    }
}
