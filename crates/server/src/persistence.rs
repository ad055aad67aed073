//! The persistence thread: everything about data files that must not keep a worker waiting.
//!
//! It syncs the append-only file, switches to new files when it is rewritten, begins the rewrites and saves that the
//! parameters ask for, and installs what the saver thread has written. It is woken by letters and by workers whose
//! replies wait, and looks round once a second, at the allocator's figures too.

mod clearing;
mod reloading;
mod replicas;
mod rewrite;
mod sealing;

use std::sync::Arc;
use std::time::Duration;

use config::{Config, Param};
use disk::Disk;
use engine::Host;
use engine::errand::Lending;
use engine::sealing::Step;
use engine::tracking::Place;
use keyspace::Access;
use node::{Node, PersistenceFigures, Side};
use persist::aof::Files;
use tracing::{info, warn};

use crate::clock;
use crate::lending;
use crate::machine::{ServerMachine, note_saved};
use crate::progress::SaveEnd;
use crate::snapshot_file::Form;
use clearing::{Cleared, Clearing};
use sealing::OwnLog;

const SECOND_NS: u64 = 1_000_000_000;
/// How long a save that failed is not tried again by itself.
const SAVE_RETRY_NS: u64 = 5 * SECOND_NS;
/// What is said of a rewrite while the append-only file waits for room.
pub const NO_ROOM: &str =
    "There is no room for the append-only file, and a rewrite needs more: make room first";
/// What is said at the end while the first base is being written.
const NO_BASE: &str = "the append-only file has been switched on, but its first base has not been written to its end: a start with \
`appendonly yes` finds what the file held before. Restart with `appendonly no` from a snapshot, if there is one";

/// What the thread is told.
#[derive(Debug)]
pub enum Task {
    /// Begin a rewrite, which has been noted as begun.
    Rewrite,
    /// The saver has written the base of a rewrite, or has not.
    BaseWritten(Result<(), String>),
    /// The saver has ended a save.
    Saved(SaveEnd),
    /// A client waits for something that is done with files.
    Lend {
        /// What.
        what: Lending,
        /// Who waits.
        to: Place,
        /// The number of the wait.
        waiter: u64,
    },
    /// A client waits for a step of the backup.
    Backup {
        /// Which.
        step: Step,
        /// Who waits.
        to: Place,
        /// The number of the wait.
        waiter: u64,
    },
    /// A client waits until all data has been loaded anew.
    LoadAof {
        /// Who waits.
        to: Place,
        /// The number of the wait.
        waiter: u64,
    },
    /// Files of a backup are gone, or are not.
    Cleared(Cleared),
    /// A replica waits for a snapshot.
    Synchronise,
    /// The saver has ended one, which the replicas that wait for it have been given, or has not.
    Snapshot(Result<(), String>),
    /// Parameters have changed.
    Configured,
    /// Write everything, sync it and end.
    Finish,
}

/// The files of the append-only set: its folder, which is made if need be, and what the manifest in it says.
pub fn open_files(disk: &Disk, config: &Config) -> Result<Files, String> {
    let name = config.text_lossy(Param::Appenddirname).into_owned();
    let path = std::env::current_dir().unwrap_or_default().join(name);
    disk.make_folder(&path).map_err(|error| {
        let remedy = "The append-only file needs a folder of this name that the server may write";
        format!("{}: {error}. {remedy}", path.display())
    })?;
    let prefix = config.text_lossy(Param::Appendfilename);
    let files = Files::open(disk.clone(), path.clone(), &prefix).map_err(|error| error.within(&path))?;
    for name in files.unnamed() {
        warn!(
            "{}/{name} holds data, but the manifest does not name it, so it is not loaded; a step that was interrupted may have left it. If \
             no data is missed, delete it",
            path.display()
        );
    }
    Ok(files)
}

/// See the module's text.
pub struct Persistence<'n> {
    node: &'n Node,
    machine: Arc<ServerMachine>,
    access: Access<'n>,
    /// The form of the base that is being written.
    form: Form,
    /// Whether that is only to see whether it can be written.
    is_trial: bool,
    /// What is written for a backup alone.
    own_log: Option<OwnLog>,
    /// Files of a backup that go.
    clearing: Clearing,
    /// Whether it has been told that a backup has become large.
    is_growth_told: bool,
    /// Rewrites that failed in a row, and when the last one did.
    failed_rewrites: u32,
    failed_rewrite_ns: u64,
    next_save_ns: u64,
    next_look_ns: u64,
    finishing: bool,
}

impl<'n> Persistence<'n> {
    /// The thread's state.
    pub fn new(node: &'n Node, machine: Arc<ServerMachine>) -> Self {
        let access = Access::new(&node.shared.keyspace, node.side(Side::Persistence), clock::entropy());
        let form = Form::base(&node.shared.config.read());
        Self {
            node,
            machine,
            access,
            form,
            is_trial: false,
            own_log: None,
            clearing: Clearing::default(),
            is_growth_told: false,
            failed_rewrites: 0,
            failed_rewrite_ns: 0,
            next_save_ns: 0,
            next_look_ns: 0,
            finishing: false,
        }
    }

    /// The thread's body. `Err`: not everything is on disk at its end.
    pub fn run(mut self) -> Result<(), String> {
        loop {
            self.turn();
            if self.finishing {
                return self.finish();
            }
            // Whoever has a task for it ends the pause, or it does not begin.
            let left = self.next_turn_ns().saturating_sub(clock::monotonic_ns());
            std::thread::park_timeout(Duration::from_nanos(left));
        }
    }

    /// Everything is written and synced. `Err`: it is not, and why.
    pub fn finish(&mut self) -> Result<(), String> {
        self.machine.journal.finish(&self.node.shared)?;
        let is_wanted = self.node.shared.config.read().yes(Param::Appendonly);
        if is_wanted && !self.machine.progress.is_whole() {
            return Err(NO_BASE.to_owned());
        }
        Ok(())
    }

    /// Does what there is to do now.
    pub fn turn(&mut self) {
        let mut tasks = Vec::new();
        self.machine.tasks(&mut tasks);
        for task in tasks {
            self.perform(task);
        }
        self.machine.journal.advance(&self.node.shared);
        if clock::monotonic_ns() >= self.next_look_ns {
            self.next_look_ns = clock::monotonic_ns() + SECOND_NS;
            self.node.look_at_memory();
            lending::clear_up(self.node, &self.machine);
            self.machine.courier.close_old_connections();
            self.look_after_replicas();
            self.look_round();
        } else if self.machine.journal.needs_rewrite() {
            self.look_round();
        }
    }

    /// When the next turn is due, if nobody has a task.
    pub fn next_turn_ns(&self) -> u64 {
        let next = self.machine.journal.next_advance_ns();
        next.map_or(self.next_look_ns, |next| next.min(self.next_look_ns))
    }

    fn perform(&mut self, task: Task) {
        match task {
            Task::Rewrite => self.rewrite(),
            Task::BaseWritten(result) => self.finish_rewrite(result),
            Task::Saved(result) => self.finish_save(result),
            Task::Lend { what, to, waiter } => {
                lending::perform(self.node, &self.machine, what, to, waiter);
            }
            Task::Backup { step, to, waiter } => self.step_backup(step, to, waiter),
            Task::LoadAof { to, waiter } => self.load_aof(to, waiter),
            Task::Cleared(cleared) => self.note_cleared(cleared),
            Task::Synchronise => self.synchronise(),
            Task::Snapshot(result) => self.finish_snapshot(result),
            Task::Configured => self.configure(),
            Task::Finish => self.finishing = true,
        }
    }

    fn configure(&mut self) {
        let is_on = self.node.shared.config.read().yes(Param::Appendonly);
        let was_on = self.machine.journal.is_on();
        if is_on && !was_on {
            if self.own_log.is_some() {
                self.end_backup_at_switch();
            }
            self.failed_rewrites = 0;
            self.look_round();
        } else if !is_on && was_on {
            // First: if the parameter says yes again meanwhile, the file has to be written anew.
            self.machine.progress.set_whole(false);
            self.machine.journal.close(&self.node.shared);
            self.end_backup_at_switch();
            self.stop_recording();
            info!("the append-only file is off");
            // A backup may have waited for that.
            self.look_round();
        }
    }

    /// What the parameters ask for.
    fn look_round(&mut self) {
        self.look_at_backup();
        let now_ns = clock::monotonic_ns();
        let figures = self.machine.progress.figures(now_ns);
        if figures.aof_rewriting || figures.saving {
            return;
        }
        let wants_rewrite = || {
            figures.aof_rewrite_scheduled
                || self.may_rewrite(now_ns) && self.wants_rewrite(figures.aof_base_size)
        };
        let is_due = !self.machine.defers_rewrites() && wants_rewrite();
        if self.backup_may_begin() || is_due {
            if self.machine.progress.begin_rewrite(now_ns) == Ok(true) {
                self.rewrite();
            }
        } else if figures.save_scheduled || now_ns >= self.next_save_ns && self.wants_save(&figures) {
            self.save();
        }
    }

    /// Whether a save point has been reached.
    fn wants_save(&self, figures: &PersistenceFigures) -> bool {
        let shared = &self.node.shared;
        let changes = shared.changes().saturating_sub(figures.saved_changes);
        let last = figures.last_save.0.max(shared.identity.started.0);
        let seconds = (clock::now().unix.0 - last) / 1000;
        let config = shared.config.read();
        let reached = |point: &&config::SavePoint| {
            changes > 0 && changes >= point.changes as u64 && seconds > point.seconds
        };
        let Some(point) = config.save_points().iter().find(reached) else { return false };
        info!("{} changes in {} seconds. Saving...", point.changes, point.seconds);
        true
    }

    fn save(&mut self) {
        self.access.begin(clock::now().unix);
        let begun = self.node.save_in_background(&mut self.access, false);
        self.access.end();
        if let Err(reason) = begun {
            warn!("saving cannot begin: {reason}");
        }
    }

    fn finish_save(&mut self, end: SaveEnd) {
        if matches!(end, SaveEnd::Failed(_)) {
            self.next_save_ns = clock::monotonic_ns() + SAVE_RETRY_NS;
        }
        note_saved(&self.node.shared, end);
        self.look_round();
    }
}
