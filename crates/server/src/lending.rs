//! BACKUP OPEN and CLOSE, on the persistence thread: the files are synced and opened while no rewrite exchanges them.

use std::io;

use config::Param;
use disk::DiskFile;
use engine::errand::{Done, Ended, Keep, Lending, OpenFile, Opened, Outcome, Role};
use engine::tracking::Place;
use node::{Machine, Mail, Node};
use persist::aof::{FileKind, Files, FilesError, Kept, Lease, ManifestEntry};
use stdx::time::UnixMs;
use tracing::{info, warn};

use crate::clock;
use crate::copies::{self, Copy, KeptFor, UNKNOWN};
use crate::machine::{ServerMachine, dump_path};
use crate::storage::{at, cause};

/// The most files that are kept although they are history: whoever copies them holds all of them open.
const MAX_KEPT_FILES: usize = 256;
/// The most bytes of them, as a multiple of those that hold the data.
const MAX_KEPT_FACTOR: u64 = 2;
/// So many bytes of them are in nobody's way, however few hold the data.
const ALLOWED_KEPT_BYTES: u64 = 1 << 30;

/// Why there is nothing to copy.
const NO_BASE: &str =
    "the append-only file has been switched on, and its first base is still being written: try again soon";
const NO_SNAPSHOT: &str =
    "there is no append-only file (appendonly is no), and no RDB file either: SAVE first";
const TOO_MANY: &str = "too many copies are being made: try again later";

/// Carries out what a client waits for, and tells its worker.
pub fn perform(node: &Node, machine: &ServerMachine, what: Lending, to: Place, waiter: u64) {
    let result = match what {
        Lending::Open { keep } => open(node, machine, keep.as_ref(), to.id).map(Done::Opened),
        Lending::Close { token, outcome } => close(machine, token, outcome),
    };
    show(machine);
    machine.post(to.worker, Mail::Errand(Box::new(Ended { result, to, waiter })));
}

fn open(node: &Node, machine: &ServerMachine, keep: Option<&Keep>, client: u64) -> Result<Opened, String> {
    forget_those_who_have_gone(node, machine);
    let (is_on, folder, prefix) = {
        let config = node.shared.config.read();
        let text = |param| config.text_lossy(param).into_owned();
        (config.yes(Param::Appendonly), text(Param::Appenddirname), text(Param::Appendfilename))
    };
    let (files, kept_for) =
        if is_on { log_files(node, machine, keep)? } else { (vec![snapshot(node, machine)?], None) };
    let mut token = [0; 8];
    getrandom::fill(&mut token).map_err(|error| error.to_string())?;
    // A client sees it as an integer with a sign.
    let token = u64::from_ne_bytes(token) >> 1;
    let (files, told): (Vec<_>, _) = files.into_iter().unzip();
    machine.copies.hold(token, Copy { files, kept_for, client, used_ns: clock::monotonic_ns() });
    Ok(Opened { token, folder, prefix, files: told })
}

/// An open file, and what is told of it.
type Lent = (copies::OpenFile, OpenFile);

fn lend(file: DiskFile, length: u64, role: Role, entry: &ManifestEntry) -> Lent {
    let ManifestEntry { sequence, name, .. } = entry.clone();
    (copies::OpenFile { file, length }, OpenFile { role, sequence, name, length })
}

/// The append-only set, and what is kept of its history.
fn log_files(
    node: &Node,
    machine: &ServerMachine,
    keep: Option<&Keep>,
) -> Result<(Vec<Lent>, Option<KeptFor>), String> {
    if !machine.progress.is_whole() {
        return Err(NO_BASE.to_owned());
    }
    let written = machine.journal.settle(&node.shared)?;
    let mut guard = machine.append_only.lock();
    let files = guard.as_mut().ok_or(NO_BASE)?;
    if !machine.copies.have_room_for(files.history().len() + files.data().count()) {
        return Err(TOO_MANY.to_owned());
    }
    if let Some(Keep { name, seconds }) = keep {
        let gone = files.keep(name, until(*seconds)).map_err(|error| error.to_string())?;
        tell_ended(gone.as_slice(), "too many others have come");
    }
    let mut lent = Vec::new();
    for entry in files.history() {
        match open_file(machine, files, entry) {
            Ok((file, length)) => lent.push(lend(file, length, Role::History, entry)),
            // Somebody has deleted it: what is before it is of no use.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                warn!("what was kept for backups is lost: {} is not there any more", entry.name);
                lent.clear();
            }
            Err(error) => return Err(at(&files.path(&entry.name), &error)),
        }
    }
    let last = files.data().last().map_or(0, |entry| entry.sequence);
    for entry in files.data() {
        let opened = open_file(machine, files, entry);
        let (file, length) = opened.map_err(|error| at(&files.path(&entry.name), &error))?;
        let is_last = entry.kind == FileKind::Increment && entry.sequence == last;
        let role = if entry.kind == FileKind::Base { Role::Base } else { Role::Increment };
        lent.push(lend(file, if is_last { written } else { length }, role, entry));
    }
    let kept_for = keep.map(|keep| KeptFor { name: keep.name.clone(), from: last, seconds: keep.seconds });
    Ok((lent, kept_for))
}

fn open_file(machine: &ServerMachine, files: &Files, entry: &ManifestEntry) -> io::Result<(DiskFile, u64)> {
    let file = machine.disk.open(&files.path(&entry.name))?;
    let length = file.length()?;
    Ok((file, length))
}

fn until(seconds: u64) -> UnixMs {
    clock::now().unix.saturating_add_millis(seconds.saturating_mul(1000).cast_signed())
}

/// The RDB file.
fn snapshot(node: &Node, machine: &ServerMachine) -> Result<Lent, String> {
    if !machine.copies.have_room_for(1) {
        return Err(TOO_MANY.to_owned());
    }
    let path = dump_path(&node.shared.config.read());
    let open = || {
        let file = machine.disk.open(&path)?;
        Ok((file.length()?, file))
    };
    let (length, file) = open().map_err(|error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => NO_SNAPSHOT.to_owned(),
        _ => format!("{}: {}", path.display(), cause(&error)),
    })?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let entry = ManifestEntry::new(name, 1, FileKind::Base);
    Ok(lend(file, length, Role::Snapshot, &entry))
}

fn close(machine: &ServerMachine, token: u64, outcome: Outcome) -> Result<Done, String> {
    let mut copy = machine.copies.release(token).ok_or(UNKNOWN)?;
    let kept_for = copy.kept_for.take();
    machine.reader.bury(copy);
    let renewed = kept_for.and_then(|kept| match outcome {
        Outcome::GivenUp => None,
        Outcome::Done => Some(kept),
        // A lease never goes back.
        Outcome::Unchanged => Some(KeptFor { from: 0, ..kept }),
    });
    if let Some(KeptFor { name, from, seconds }) = renewed
        && let Some(files) = machine.append_only.lock().as_mut()
    {
        let renewed = Lease { name, until: until(seconds), from };
        files.pass_on(renewed).map_err(|error| error.to_string())?;
    }
    Ok(Done::Ok)
}

/// Ends what is over: copies that nobody makes any more, and the keeping of history, of all of it if there is no room.
pub fn clear_up(node: &Node, machine: &ServerMachine) {
    forget_those_who_have_gone(node, machine);
    // If somebody reads the files just now, there is another time.
    if let Some(mut guard) = machine.append_only.try_lock()
        && let Some(files) = guard.as_mut()
        && let Err(error) = end_leases(files, machine.journal.is_full())
    {
        warn!("what was kept for backups cannot be deleted: {error}");
    }
    show(machine);
}

fn forget_those_who_have_gone(node: &Node, machine: &ServerMachine) {
    let is_there = |client| node.shared.clients.get(client).is_some();
    let gone = machine.copies.forget(clock::monotonic_ns(), is_there);
    if !gone.is_empty() {
        machine.reader.bury(gone);
    }
}

fn end_leases(files: &mut Files, is_full: bool) -> Result<(), FilesError> {
    if files.leases() == 0 {
        return Ok(());
    }
    if is_full {
        tell_ended(&files.end_all_leases()?, "there is no room");
        return Ok(());
    }
    tell_ended(&files.end_leases(clock::now().unix)?, "it has not come back in time");
    let bytes = files.data_bytes()?.saturating_mul(MAX_KEPT_FACTOR).max(ALLOWED_KEPT_BYTES);
    tell_ended(&files.end_leases_beyond(MAX_KEPT_FILES, bytes)?, "that has become too much");
    Ok(())
}

fn tell_ended(names: &[String], why: &str) {
    for name in names {
        info!("no log is kept any more for the backups of {name}: {why}. Its next one will be a full one");
    }
}

/// Has INFO tell what is kept.
fn show(machine: &ServerMachine) {
    let Some(guard) = machine.append_only.try_lock() else { return };
    let kept = guard.as_ref().map_or(Ok(Kept::default()), Files::kept);
    if let Ok(kept) = kept {
        *machine.kept.lock() = kept;
    }
}
