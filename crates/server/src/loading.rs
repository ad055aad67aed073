//! Data files are read into the keyspace.
//!
//! Whatever is wrong with a file is one line with the file, the place and what to do, and leaves every file as it is.
//! Only the end of the last file of an append-only set may be cut off, if `aof-load-truncated` allows it, and then the
//! bytes that are cut are kept beside it.

mod crew;
mod gathering;

use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat};
use disk::{Disk, around};
use engine::scripting::LibraryCompiler;
use keyspace::Access;
use node::{Loader, Node};
use persist::aof::{Chain, Damage, FileKind, FileReader, Files, LastBatch, ManifestEntry, Part, Tail, Take};
use persist::rdb::{MAX_STRING_BYTES, ReadOptions};
use persist::{Loaded, Placement, Reason};
use stdx::time::UnixMs;
use tracing::{info, warn};

use crate::storage::at;
pub use crew::{Board, Crew};
use crew::{Failure, PIECE_BYTES};

/// Why there is a crew where keys come undecoded.
const RUNS_ARE_FOR_CREWS: &str = "keys are left undecoded only where there is a crew";
/// Bytes read at once.
const READ_STEP: usize = 1 << 20;
/// Bytes between two lines about the progress.
const PROGRESS_STEP: u64 = 256 << 20;

/// How to read RDB.
pub fn read_options(shared: &engine::Shared) -> ReadOptions {
    ReadOptions {
        settings: shared.keyspace.settings(),
        max_string_bytes: MAX_STRING_BYTES,
        verify_checksum: shared.config.read().yes(config::Param::Rdbchecksum),
        // Data is left out only by those who were asked to save the rest.
        skips_modules: false,
    }
}

/// What an append-only set held.
#[derive(Debug, Default)]
pub struct Recovered {
    /// How many commands there were.
    pub commands: u64,
    /// What came of the data before them.
    pub loaded: Loaded,
    /// What the next batch has to follow on; none if there was no batch.
    pub chain: Option<Chain>,
    /// Whether the last file says that it has batches.
    pub is_announced: bool,
}

/// Whose the files are that are loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The server's own, which it goes on with: a torn end is cut off.
    Server,
    /// Somebody else's, which stay as they are.
    Other,
}

/// Loads all files of an append-only set, with a crew if there is one.
pub fn append_only(
    disk: &Disk,
    (files, owner): (&Files, Owner),
    node: &Node,
    loader: &mut Loader<'_>,
    mut crew: Option<&mut Crew<'_>>,
) -> Result<Recovered, String> {
    let options = read_options(&node.shared);
    let entries: Vec<ManifestEntry> = files.data().cloned().collect();
    let mut recovered = Recovered::default();
    for entry in entries {
        let ManifestEntry { name, kind, .. } = &entry;
        let path = files.path(name);
        loader.begin_file();
        // Keys that are due count: later commands were recorded when they were not.
        let mut compiler = LibraryCompiler::default();
        let mut compile = |text: &[u8]| compiler.compile(text);
        let mut placement = Placement::new(None, &mut compile);
        let begin = || FileReader::new(options).following(recovered.chain);
        let result = read(disk, &path, in_runs(begin(), crew.is_some()), &mut |part| match part {
            Part::Item(item) => placement.take(item, loader.access()).map_err(Reason::from),
            Part::Run(run) => {
                let crew = crew.as_deref_mut().expect(RUNS_ARE_FOR_CREWS);
                crew.take_run(&run, loader.access(), placement.for_run())
            }
            Part::Command(buffer, args) => {
                recovered.commands += 1;
                match crew.as_deref_mut() {
                    Some(crew) => crew.take_command(loader, buffer, args),
                    None => loader.apply(buffer, args),
                }
            }
            Part::Mark(_) => Ok(()),
        });
        let (end, loaded) = settle(disk, &path, &begin, result, crew.as_deref_mut(), placement.finish())?;
        // The batches of a base are counted on their own.
        recovered.chain = end.chain.filter(|_| *kind == FileKind::Increment);
        recovered.is_announced = end.is_announced;
        files
            .see_meant(&entry)
            .and_then(|()| files.see_end(&entry, end.tail.place(end.length), end.chain))
            .map_err(|error| error.within(files.folder()))?;
        if let Tail::Torn(whole) = end.tail {
            if files.is_sealed() {
                return Err(torn_in_backup(&path, whole));
            }
            let is_last = files.may_be_torn(name).map_err(|error| error.within(files.folder()))?;
            let allowed = node.shared.config.read().yes(config::Param::AofLoadTruncated);
            if owner == Owner::Other && is_last && allowed {
                let lost = lost(&end, end.length - whole);
                warn!("{}: loaded up to byte {whole}, behind the last whole command; {lost}", path.display());
            } else {
                cut(disk, &path, whole, &end, is_last, allowed)?;
            }
        }
        tell_more(&path, &loaded);
        recovered.loaded.keys += loaded.keys;
        recovered.loaded.expired += loaded.expired;
    }
    Ok(recovered)
}

/// Loads an RDB file, if it is there, with a crew if there is one. Keys that are due are left out. See [`Placement::merges`].
pub fn rdb(
    disk: &Disk,
    path: &Path,
    options: ReadOptions,
    now: UnixMs,
    access: &mut Access<'_>,
    merges: bool,
    mut crew: Option<&mut Crew<'_>>,
) -> Result<Option<Loaded>, String> {
    if disk.length(path).map_err(|error| unreadable(path, 0, &error))?.is_none() {
        return Ok(None);
    }
    let mut compiler = LibraryCompiler::default();
    let mut compile = |text: &[u8]| compiler.compile(text);
    let mut placement = Placement::new(Some(now), &mut compile).merges(merges);
    let begin = || FileReader::new(options).of_snapshot();
    let result = read(disk, path, in_runs(begin(), crew.is_some()), &mut |part| match part {
        Part::Item(item) => placement.take(item, access).map_err(Reason::from),
        Part::Run(run) => {
            let crew = crew.as_deref_mut().expect(RUNS_ARE_FOR_CREWS);
            crew.take_run(&run, access, placement.for_run())
        }
        Part::Command(..) | Part::Mark(_) => {
            Err("commands follow the data, as in an append-only file".into())
        }
    })
    .inspect(|end| {
        let behind = end.length - end.rdb_length.unwrap_or(end.length);
        if behind > 0 {
            warn!("{}: {behind} bytes behind the end of the data are passed over", path.display());
        }
    });
    let (_, loaded) = settle(disk, path, &begin, result, crew, placement.finish())?;
    tell_more(path, &loaded);
    Ok(Some(loaded))
}

fn in_runs(reader: FileReader, are_wanted: bool) -> FileReader {
    if are_wanted { reader.in_runs(PIECE_BYTES) } else { reader }
}

/// A file has been read, or not: waits until the crew has done what it got of it. What went wrong there comes before what the reader has
/// found, as the reader was ahead. `begin` makes a reader at the beginning of the file, `loaded` is what has come of it without the crew.
fn settle(
    disk: &Disk,
    path: &Path,
    begin: &dyn Fn() -> FileReader,
    result: Result<End, String>,
    crew: Option<&mut Crew<'_>>,
    mut loaded: Loaded,
) -> Result<(End, Loaded), String> {
    match crew.map(Crew::end_file) {
        None => {}
        Some(Ok(of_crew)) => loaded.add(of_crew),
        Some(Err(Failure::Key(damage))) => return Err(complain(path, &damage, None)),
        Some(Err(Failure::Command(number, reason))) => {
            return Err(place_of_command(disk, path, begin(), number, &reason));
        }
    }
    result.map(|end| (end, loaded))
}

/// One line about a command that is refused. Its place is looked up in the file, because commands do not carry it about.
fn place_of_command(disk: &Disk, path: &Path, reader: FileReader, number: u64, reason: &Reason) -> String {
    let mut seen = 0;
    let result = read(disk, path, reader, &mut |part| {
        seen += u64::from(matches!(part, Part::Command(..)));
        if seen == number { Err(reason.clone()) } else { Ok(()) }
    });
    result.err().unwrap_or_else(|| reason.to_string())
}

/// What is known of a file when it has been read.
struct End {
    tail: Tail,
    length: u64,
    /// The length of the RDB data at its beginning, if it has been read to its end.
    rdb_length: Option<u64>,
    /// What the next batch has to follow on; none if there was no batch.
    chain: Option<Chain>,
    /// Whether it says that it has batches.
    is_announced: bool,
    /// The last batch of a torn tail.
    last_lost: Option<LastBatch>,
}

/// Reads a file and hands its parts over.
fn read(disk: &Disk, path: &Path, mut reader: FileReader, take: &mut Take<'_>) -> Result<End, String> {
    let open = || {
        let file = disk.open(path)?;
        let length = file.length()?;
        Ok((file, length))
    };
    let (file, length) = open().map_err(|error| unreadable(path, 0, &error))?;
    let mut buffer = vec![0; READ_STEP];
    let (mut seen, mut told) = (0, 0);
    loop {
        let count = file.read_at(seen, &mut buffer).map_err(|error| unreadable(path, seen, &error))?;
        let result = if count == 0 {
            reader.end(take)
        } else {
            reader.read(&buffer[..count], take).map(|()| Tail::Whole)
        };
        let tail = result.map_err(|damage| complain(path, &damage, Some(reader.applied())))?;
        if count == 0 {
            return Ok(End {
                tail,
                length: seen,
                rdb_length: reader.commands_from(),
                chain: reader.chain(),
                is_announced: reader.is_announced(),
                last_lost: reader.last_lost(),
            });
        }
        seen += count as u64;
        if seen - told >= PROGRESS_STEP {
            told = seen;
            info!("loading {}: {} of {} MB", path.display(), seen >> 20, length >> 20);
        }
    }
}

/// One line about a file that cannot be read from some place on.
fn unreadable(path: &Path, offset: u64, error: &io::Error) -> String {
    format!(
        "{}: at byte {offset}: it cannot be read: {error}. Nothing has been changed. Make it a file that the server may read, \
         or restore it from a backup",
        path.display()
    )
}

/// What Redis says of such a file, as programs look for it that watch logs.
const BAD_FORMAT: &str = "Bad file format reading the append only file ";
const UNEXPECTED_END: &str = "Unexpected end of file reading the append only file ";

/// One line about damage; `applied` is where a file of commands could be cut.
fn complain(path: &Path, damage: &Damage, applied: Option<u64>) -> String {
    if let Reason::TooFewDatabases { .. } = damage.reason {
        return format!("{}: {damage}. Nothing has been changed", path.display());
    }
    let whole = to_be_checked(path);
    let what = if applied.is_some() { BAD_FORMAT } else { "" };
    let remedy = match applied.filter(|&applied| applied > 0) {
        Some(applied) => format!(
            "or cut it at byte {applied} to keep what lies before, as `rustypotato-check --fix {whole}` does if no file follows"
        ),
        None => "or move it away to start without it".to_owned(),
    };
    format!(
        "{what}{}: {damage}. Nothing has been changed. Restore the file from a backup, {remedy}. \
         `rustypotato-check --salvage NEW-FOLDER {whole}` saves what can be read, also behind the damage",
        path.display()
    )
}

/// What rustypotato-check is to look at: the folder of a set, or the one file.
fn to_be_checked(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_of_set = name.contains(".base.") || name.contains(".incr.");
    let whole = if is_of_set { around(path) } else { path };
    // The reader of the log stands elsewhere.
    std::path::absolute(whole).as_deref().unwrap_or(whole).display().to_string()
}

/// One line about a file of a sealed backup that is torn, which no crash has done.
fn torn_in_backup(path: &Path, whole: u64) -> String {
    format!(
        "{}: at byte {whole}: the file ends inside a command or is damaged there, and it was whole when the backup was sealed. \
         Nothing has been changed. Copy it again, or let `rustypotato-check --fix {}` cut it there",
        path.display(),
        to_be_checked(path)
    )
}

/// The file ends inside a command or a transaction, as a crash leaves it: what lies behind the last whole one is kept in
/// a file of its own and cut off.
fn cut(disk: &Disk, path: &Path, whole: u64, end: &End, is_last: bool, allowed: bool) -> Result<(), String> {
    if !is_last || !allowed {
        let set = to_be_checked(path);
        let remedy = if is_last {
            format!(
                "Set aof-load-truncated yes to cut it there, or let `rustypotato-check --fix {set}` do so"
            )
        } else {
            format!(
                "Other files follow it, so it must not be cut: restore it from a backup, or save what can be read with \
                 `rustypotato-check --salvage NEW-FOLDER {set}`"
            )
        };
        return Err(format!(
            "{UNEXPECTED_END}{}: at byte {whole}: the file ends inside a command or is damaged there. Nothing has been changed. {remedy}",
            path.display()
        ));
    }
    let cut = || {
        let kept = disk::keep_end(disk, path, whole, "torn")?;
        disk.truncate(path, whole)?;
        disk.sync(path)?;
        Ok(kept)
    };
    let kept: PathBuf = cut().map_err(|error| at(path, &error))?;
    let kept = kept.file_name().unwrap_or_default().display();
    warn!(
        "{}: cut from {} to {whole} bytes, behind the last whole command; {}; what was cut is in {kept}",
        path.display(),
        end.length,
        lost(end, end.length - whole)
    );
    Ok(())
}

/// What is cut off, as far as it is known.
fn lost(end: &End, bytes: u64) -> String {
    let Some(LastBatch { number, time }) = end.last_lost else { return format!("{bytes} bytes are lost") };
    let time = DateTime::from_timestamp_millis(time.0)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Millis, true);
    let last = format!("batch {number}, which was written at {time}");
    match end.chain.map(|chain| chain.number.saturating_add(1)) {
        Some(first) if first < number => format!("{bytes} bytes are lost, from batch {first} to {last}"),
        _ => format!("{bytes} bytes are lost, up to {last}"),
    }
}

fn tell_more(path: &Path, loaded: &Loaded) {
    let path = path.display();
    if loaded.libraries > 0 {
        info!("{path}: {} libraries of functions", loaded.libraries);
    }
    if !loaded.modules.is_empty() {
        warn!("{path}: data of modules is left out: {}", loaded.modules.join(", "));
    }
    if loaded.expired > 0 {
        info!("{path}: {} keys were due and are left out", loaded.expired);
    }
    for name in &loaded.empty_names {
        warn!("{path}: skipping empty key: {}", String::from_utf8_lossy(name));
    }
    if loaded.empty > 0 {
        warn!("{path}: empty keys skipped: {}", loaded.empty);
    }
}
