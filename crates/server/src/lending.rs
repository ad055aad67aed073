//! BACKUP OPEN and CLOSE, on the persistence thread: the files are synced and opened while no rewrite exchanges them.

use config::Param;
use disk::DiskFile;
use engine::errand::{Done, Ended, Errand, Keep, OpenFile, Opened};
use engine::tracking::Place;
use node::{Machine, Mail, Node};
use persist::aof::{FileKind, ManifestEntry};
use tracing::{info, warn};

use crate::clock;
use crate::copies::{self, Copy, UNKNOWN};
use crate::machine::{ServerMachine, dump_path};
use crate::storage::{at, cause};

/// Why there is nothing to copy.
const NO_BASE: &str =
    "the append-only file has been switched on, and its first base is still being written: try again soon";
const NO_SNAPSHOT: &str =
    "there is no append-only file (appendonly is no), and no RDB file either: SAVE first";
const TOO_MANY: &str = "too many copies are being made: try again later";
const TOO_MANY_LEASES: &str = "history is kept for too many names already";

/// Carries out what a client waits for, and tells its worker.
pub fn perform(node: &Node, machine: &ServerMachine, errand: Errand, to: Place, waiter: u64) {
    let result = match errand {
        Errand::Open { keep } => open(node, machine, keep.as_ref()).map(Done::Opened),
        Errand::Close { token, is_done } => close(machine, token, is_done),
        Errand::Read { .. } => unreachable!("the machine reads elsewhere"),
    };
    machine.post(to.worker, Mail::Errand(Box::new(Ended { result, to, waiter })));
}

fn open(node: &Node, machine: &ServerMachine, keep: Option<&Keep>) -> Result<Opened, String> {
    machine.copies.forget_idle(clock::monotonic_ns());
    if !machine.copies.have_room() {
        return Err(TOO_MANY.to_owned());
    }
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
    machine.copies.hold(token, Copy { files, kept_for, used_ns: clock::monotonic_ns() });
    Ok(Opened { token, folder, prefix, files: told })
}

/// For whom history is kept, and the number of the increment that is being written.
type KeptFor = Option<(String, u64)>;

/// An open file, and what is told of it.
type Lent = (copies::OpenFile, OpenFile);

fn lend(file: DiskFile, length: u64, role: &'static str, entry: &ManifestEntry) -> Lent {
    let ManifestEntry { sequence, name, .. } = entry.clone();
    (copies::OpenFile { file, length }, OpenFile { role, sequence, name, length })
}

/// The append-only set, and what is kept of its history.
fn log_files(
    node: &Node,
    machine: &ServerMachine,
    keep: Option<&Keep>,
) -> Result<(Vec<Lent>, KeptFor), String> {
    if !machine.progress.is_whole() {
        return Err(NO_BASE.to_owned());
    }
    let written = machine.journal.settle(&node.shared)?;
    let mut guard = machine.append_only.lock();
    let files = guard.as_mut().ok_or(NO_BASE)?;
    let tell = |error: persist::aof::FilesError| error.to_string();
    if let Some(Keep { name, seconds }) = keep {
        let until = clock::now().unix.saturating_add_millis(seconds.saturating_mul(1000).cast_signed());
        if !files.keep(name, until).map_err(tell)? {
            return Err(TOO_MANY_LEASES.to_owned());
        }
    }
    let open = |entry: &ManifestEntry| {
        let path = files.path(&entry.name);
        let open = || {
            let file = machine.disk.open(&path)?;
            Ok((file.length()?, file))
        };
        open().map_err(|error| at(&path, &error))
    };
    let mut lent = Vec::new();
    for entry in files.history() {
        match open(entry) {
            Ok((length, file)) => lent.push(lend(file, length, "history", entry)),
            // Somebody has deleted it: what is before it is of no use.
            Err(reason) => {
                warn!("what was kept for backups is lost: {reason}");
                lent.clear();
            }
        }
    }
    let last = files.data().last().map_or(0, |entry| entry.sequence);
    for entry in files.data() {
        let (length, file) = open(entry)?;
        let is_last = entry.kind == FileKind::Increment && entry.sequence == last;
        let role = if entry.kind == FileKind::Base { "base" } else { "increment" };
        lent.push(lend(file, if is_last { written } else { length }, role, entry));
    }
    Ok((lent, keep.map(|keep| (keep.name.clone(), last))))
}

/// The RDB file.
fn snapshot(node: &Node, machine: &ServerMachine) -> Result<Lent, String> {
    let path = dump_path(&node.shared.config.read());
    let open = || {
        let file = machine.disk.open(&path)?;
        Ok((file.length()?, file))
    };
    let (length, file) = open().map_err(|error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => NO_SNAPSHOT.to_owned(),
        _ => format!("{}: {}", path.display(), cause(&error)),
    })?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let entry = ManifestEntry { name, sequence: 1, kind: FileKind::Base };
    Ok(lend(file, length, "snapshot", &entry))
}

fn close(machine: &ServerMachine, token: u64, is_done: bool) -> Result<Done, String> {
    let copy = machine.copies.release(token).ok_or(UNKNOWN)?;
    if let (Some((name, from)), true) = (copy.kept_for, is_done)
        && let Some(files) = machine.append_only.lock().as_mut()
    {
        files.pass_on(&name, from).map_err(|error| error.to_string())?;
    }
    Ok(Done::Ok)
}

/// Ends what is over: copies that nobody makes any more, and the keeping of history, of all of it if there is no room.
pub fn clear_up(machine: &ServerMachine) {
    machine.copies.forget_idle(clock::monotonic_ns());
    // If somebody reads the files just now, there is another time.
    let Some(mut guard) = machine.append_only.try_lock() else { return };
    let Some(files) = guard.as_mut() else { return };
    let is_full = machine.journal.is_full();
    let now = (!is_full).then(|| clock::now().unix);
    match files.end_leases(now) {
        Ok(ended) => {
            for name in ended {
                let why = if is_full { "there is no room" } else { "it has not come back in time" };
                info!(
                    "no log is kept any more for the backups of {name}: {why}. Its next one will be a full one"
                );
            }
        }
        Err(error) => warn!("what was kept for backups cannot be deleted: {error}"),
    }
}
