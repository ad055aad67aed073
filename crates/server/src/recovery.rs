//! The start: data is loaded before any client is served, and the append-only file goes on where it ended.
//!
//! With `appendonly yes` the append-only file is the truth. Only where there is none yet, a `dump.rdb` is taken, so that
//! nothing is lost when the append-only file is switched on at a start; it is the first base then. `preload-file` overrides all of
//! that ([`preload`]).

mod preload;

use std::sync::atomic::Ordering;
use std::thread;

use config::Param;
use disk::around;
use node::{Loader, Node, Side};
use persist::aof::{FileKind, Files};
use tracing::{info, warn};

use crate::clock;
use crate::increment::Increment;
use crate::journal::Place;
use crate::loading::{self, Board, Crew, Owner, Recovered};
use crate::machine::{ServerMachine, dump_path};
use crate::persistence::open_files;
use crate::sealing::Folder;
use crate::snapshot_file::{self, Form, Manner, leftovers};
use preload::Preload;

/// Loads what is there, and opens the append-only file if it is on.
pub fn run(node: &Node, machine: &ServerMachine) -> Result<(), String> {
    let board = Board::new(node.shared.keyspace.shards());
    thread::scope(|scope| {
        let options = loading::read_options(&node.shared);
        let mut crew = Crew::start(scope, &board, node, options, clock::now())
            .map_err(|error| format!("the threads that load cannot be started: {error}; lower `threads`"))?;
        load(node, machine, &mut crew)
    })
}

fn load(node: &Node, machine: &ServerMachine, crew: &mut Crew<'_>) -> Result<(), String> {
    let is_on = {
        let config = node.shared.config.read();
        machine.journal.configure(config.append_fsync(), config.yes(Param::AofTimestampEnabled));
        if Folder::of(&machine.disk, &config).is_live() {
            // Neither could be told from the other.
            return Err("backupdirname and appenddirname name the same folder: change one of them".to_owned());
        }
        config.yes(Param::Appendonly)
    };
    let preload = Preload::of(&node.shared.config.read())?;
    let mut loader = Loader::new(node, Side::Main, clock::now());
    if is_on {
        let mut files = open_files(&machine.disk, &node.shared.config.read())?;
        let mut recovered = Recovered::default();
        let own = files.path(&files.manifest_name());
        let is_own = preload.as_ref().map(|preload| preload.is_of(&own)).transpose()?;
        if let Some(preload) = preload.filter(|_| is_own == Some(false)) {
            preload.load(node, machine, &mut loader, crew)?;
            if !files.is_empty() {
                replace(node, machine, &mut loader, &mut files)?;
                recovered.is_announced = true;
            }
        } else if files.is_empty() {
            load_dump(node, machine, &mut loader, crew)?;
        } else {
            recovered = load_append_only(node, machine, &mut loader, crew, &files)?;
        }
        open_journal(node, machine, &mut loader, &mut files, &recovered)?;
        *machine.append_only.lock() = Some(files);
    } else if let Some(preload) = preload {
        preload.load(node, machine, &mut loader, crew)?;
    } else {
        load_dump(node, machine, &mut loader, crew)?;
    }
    drop(loader);
    node.shared.keyspace.set_recording(is_on);
    look_for_backup(node, machine);
    clear_up(node, machine);
    Ok(())
}

/// Removes what servers that were killed have left of snapshots in the making.
fn clear_up(node: &Node, machine: &ServerMachine) {
    let path = dump_path(&node.shared.config.read());
    let folder = around(&path);
    match leftovers::remove(&machine.disk, folder) {
        Ok(names) => names.iter().for_each(|name| info!("{name}, which a killed server left, is removed")),
        Err(error) => warn!("{}: what killed servers left cannot be removed: {error}", folder.display()),
    }
}

/// Finds the backup that an earlier server has sealed, or has not.
fn look_for_backup(node: &Node, machine: &ServerMachine) {
    let folder = Folder::of(&machine.disk, &node.shared.config.read());
    match folder.look() {
        Ok(found) => machine.sealing.recover(&folder, found),
        Err(reason) => warn!("whether there is a backup is not known: {reason}"),
    }
}

/// The files of the set give way to a base of what has been loaded, and an increment behind it.
fn replace(
    node: &Node,
    machine: &ServerMachine,
    loader: &mut Loader<'_>,
    files: &mut Files,
) -> Result<(), String> {
    let folder = files.folder().display().to_string();
    files.begin_anew().map_err(|error| format!("{folder}/{error}"))?;
    let (form, temporary) = (Form::base(&node.shared.config.read()), files.temporary_base());
    write_base(node, machine, loader, files, form)?;
    match files.finish_rewrite(&temporary, form.is_rdb) {
        Err(error) if files.is_rewriting() => Err(format!("{folder}/{error}")),
        Err(error) => {
            warn!("old files are left behind: {folder}/{error}");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// Writes all data under the temporary name of a base.
fn write_base(
    node: &Node,
    machine: &ServerMachine,
    loader: &mut Loader<'_>,
    files: &Files,
    form: Form,
) -> Result<(), String> {
    let image = node.image(loader.access(), || ());
    let path = files.path(&files.temporary_base());
    let watch = machine.progress.of_rewrite();
    snapshot_file::write(&machine.disk, &path, image, form, Manner::Alone, watch)
}

fn load_dump(
    node: &Node,
    machine: &ServerMachine,
    loader: &mut Loader<'_>,
    crew: &mut Crew<'_>,
) -> Result<(), String> {
    let started = clock::now();
    let path = dump_path(&node.shared.config.read());
    let options = loading::read_options(&node.shared);
    let (disk, access) = (&machine.disk, loader.access());
    let loaded = loading::rdb(disk, &path, options, started.unix, access, false, Some(crew))?;
    if let Some(loaded) = loaded {
        info!("loaded {} keys of {} in {:.3} seconds", loaded.keys, path.display(), seconds_since(started));
        machine.progress.set_loaded(&loaded);
    }
    Ok(())
}

fn load_append_only(
    node: &Node,
    machine: &ServerMachine,
    loader: &mut Loader<'_>,
    crew: &mut Crew<'_>,
    files: &Files,
) -> Result<Recovered, String> {
    let started = clock::now();
    let recovered = loading::append_only(&machine.disk, (files, Owner::Server), node, loader, Some(crew))?;
    let (commands, keys, seconds) = (recovered.commands, recovered.loaded.keys, seconds_since(started));
    machine.progress.set_loaded(&recovered.loaded);
    info!(
        "loaded {keys} keys of the append-only file's base and {commands} commands in {seconds:.3} seconds"
    );
    Ok(recovered)
}

/// Opens the increment to go on with. Where there are no files yet, what has been loaded becomes the first base.
fn open_journal(
    node: &Node,
    machine: &ServerMachine,
    loader: &mut Loader<'_>,
    files: &mut Files,
    recovered: &Recovered,
) -> Result<(), String> {
    let form = Form::base(&node.shared.config.read());
    let temporary = files.temporary_base();
    if files.is_empty() {
        write_base(node, machine, loader, files, form)?;
    }
    let goes_on = files.data().any(|entry| entry.kind == FileKind::Increment);
    let name = files.start(&temporary, form.is_rdb).map_err(|error| error.within(files.folder()))?;
    let increment = Increment::open(&machine.disk, files.path(&name))?;
    let size = files.data_bytes().unwrap_or(0);
    machine.progress.set_base_size(size);
    let place = if goes_on {
        // Somebody may have killed the server that has written it.
        Place {
            chain: recovered.chain.unwrap_or_default(),
            synced_bytes: 0,
            is_announced: recovered.is_announced,
        }
    } else {
        let synced_bytes = increment.length();
        Place { chain: recovered.chain.unwrap_or_default(), synced_bytes, is_announced: true }
    };
    machine.journal.open(increment, place, size);
    machine.progress.set_whole(true);
    if files.is_unfinished() {
        info!(
            "the append-only file has several increments, as an interrupted rewrite or a sealed backup leaves them; it will be rewritten"
        );
        machine.progress.was_unfinished.store(true, Ordering::Relaxed);
        machine.progress.schedule_rewrite();
    }
    Ok(())
}

fn seconds_since(started: node::Now) -> f64 {
    (clock::monotonic_ns() - started.monotonic_ns) as f64 / 1e9
}
