//! The start: data is loaded before any client is served, and the append-only file goes on where it ended.
//!
//! With `appendonly yes` the append-only file is the truth. Only where there is none yet, a `dump.rdb` is taken, so that
//! nothing is lost when the append-only file is switched on at a start; it is the first base then.

use config::Param;
use node::{Loader, Node, Side};
use persist::aof::Chain;
use tracing::info;

use crate::clock;
use crate::increment::Increment;
use crate::loading::{self, Recovered};
use crate::machine::{ServerMachine, dump_path};
use crate::persistence::AppendOnly;
use crate::snapshot_file::{self, Form};

/// Loads what is there, and opens the append-only file if it is on.
pub fn run(node: &Node, machine: &ServerMachine) -> Result<(), String> {
    let is_on = {
        let config = node.shared.config.read();
        machine.journal.configure(config.append_fsync(), config.yes(Param::AofTimestampEnabled));
        config.yes(Param::Appendonly)
    };
    let mut loader = Loader::new(node, Side::Main, clock::now());
    if is_on {
        let mut append_only = AppendOnly::open(&node.shared.config.read())?;
        let mut chain = None;
        if append_only.files.is_empty() {
            load_dump(node, machine, &mut loader)?;
        } else {
            chain = load_append_only(node, machine, &mut loader, &mut append_only)?;
        }
        open_journal(node, machine, &mut loader, &mut append_only, chain.unwrap_or_default())?;
        *machine.append_only.lock() = Some(append_only);
    } else {
        load_dump(node, machine, &mut loader)?;
    }
    drop(loader);
    node.shared.keyspace.set_recording(is_on);
    Ok(())
}

fn load_dump(node: &Node, machine: &ServerMachine, loader: &mut Loader<'_>) -> Result<(), String> {
    let started = clock::now();
    let path = dump_path(&node.shared.config.read());
    let options = loading::read_options(&node.shared);
    if let Some(loaded) = loading::rdb(&path, options, started.unix, loader.access(), false)? {
        info!("loaded {} keys of {} in {:.3} seconds", loaded.keys, path.display(), seconds_since(started));
        machine.progress.set_loaded(&loaded);
    }
    Ok(())
}

/// Returns what the next batch has to follow on, if there was one.
fn load_append_only(
    node: &Node,
    machine: &ServerMachine,
    loader: &mut Loader<'_>,
    append_only: &mut AppendOnly,
) -> Result<Option<Chain>, String> {
    let started = clock::now();
    let AppendOnly { folder, files } = append_only;
    let Recovered { commands, loaded, chain } = loading::append_only(folder, files, node, loader)?;
    let (keys, seconds) = (loaded.keys, seconds_since(started));
    machine.progress.set_loaded(&loaded);
    info!(
        "loaded {keys} keys of the append-only file's base and {commands} commands in {seconds:.3} seconds"
    );
    Ok(chain)
}

/// Opens the increment to go on with. Where there are no files yet, what has been loaded becomes the first base.
fn open_journal(
    node: &Node,
    machine: &ServerMachine,
    loader: &mut Loader<'_>,
    append_only: &mut AppendOnly,
    chain: Chain,
) -> Result<(), String> {
    let form = Form::base(&node.shared.config.read());
    let AppendOnly { folder, files } = &mut *append_only;
    let temporary = files.temporary_base();
    if files.is_empty() {
        let image = node.image(loader.access(), || ());
        let progress = &machine.progress;
        let given_up = &progress.rewrite_given_up;
        snapshot_file::write(&folder.file(&temporary), image, form, given_up, &progress.written)?;
    }
    let name = files
        .start(folder, &temporary, form.is_rdb)
        .map_err(|error| format!("{}/{error}", folder.path().display()))?;
    let increment = Increment::open(folder.file(&name))?;
    let size = append_only.size();
    machine.progress.set_base_size(size);
    machine.journal.open(increment, chain, size);
    if append_only.files.is_unfinished() {
        info!("the last rewrite of the append-only file was interrupted; it begins again");
        machine.progress.schedule_rewrite();
    }
    Ok(())
}

fn seconds_since(started: node::Now) -> f64 {
    (clock::monotonic_ns() - started.monotonic_ns) as f64 / 1e9
}
