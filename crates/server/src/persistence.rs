//! The persistence thread: everything about data files that must not keep a worker waiting.
//!
//! It syncs the append-only file, switches to new files when it is rewritten, begins the rewrites and saves that the
//! parameters ask for, and installs what the saver thread has written. It is woken by letters and by workers whose
//! replies wait, and looks round once a second, at the allocator's figures too.

mod clearing;
mod replicas;
mod sealing;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use config::{Config, Param};
use disk::Disk;
use engine::Host;
use engine::errand::Lending;
use engine::sealing::Step;
use engine::tracking::Place;
use keyspace::Access;
use node::{Image, Node, PersistenceFigures, Side};
use persist::aof::Files;
use tracing::{error, info, warn};

use crate::clock;
use crate::increment::Increment;
use crate::lending;
use crate::machine::{ServerMachine, note_saved};
use crate::progress::SaveEnd;
use crate::saver::Job;
use crate::snapshot_file::Form;
use clearing::{Cleared, Clearing};
use sealing::OwnLog;

const SECOND_NS: u64 = 1_000_000_000;
/// How long a save that failed is not tried again by itself.
const SAVE_RETRY_NS: u64 = 5 * SECOND_NS;
/// How long a rewrite that failed is not tried again by itself: doubled with every failure, up to this power of two.
const MAX_REWRITE_BACKOFF: u32 = 10;
/// The most of that while writes are refused until a rewrite ends well.
const MAX_PAUSE_IN_TROUBLE_NS: u64 = 10 * SECOND_NS;
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
        /// Who waits, and the number of the wait.
        to: Place,
        /// See there.
        waiter: u64,
    },
    /// A client waits for a step of the backup.
    Backup {
        /// Which.
        step: Step,
        /// Who waits, and the number of the wait.
        to: Place,
        /// See there.
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
    let files = Files::open(disk.clone(), path.clone(), &prefix)
        .map_err(|error| format!("{}/{error}", path.display()))?;
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

    /// Whether a rewrite may begin by itself, after those that failed.
    fn may_rewrite(&self, now_ns: u64) -> bool {
        let pause_ns = pause_ns(self.failed_rewrites, self.machine.journal.needs_rewrite());
        now_ns >= self.failed_rewrite_ns.saturating_add(pause_ns)
    }

    /// Whether the append-only file has to be written anew: because it was switched on, because it cannot be trusted, or
    /// because it has grown.
    fn wants_rewrite(&self, base: u64) -> bool {
        let journal = &self.machine.journal;
        let config = self.node.shared.config.read();
        if !config.yes(Param::Appendonly) {
            return false;
        }
        if !self.machine.progress.is_whole() || journal.needs_rewrite() {
            return true;
        }
        if journal.is_full() {
            return false; // it would take more room
        }
        let (size, _) = journal.sizes();
        let percentage = config.integer(Param::AutoAofRewritePercentage) as u64;
        let growth = size.saturating_mul(100) / base.max(1);
        let is_due = percentage > 0
            && size > config.size(Param::AutoAofRewriteMinSize)
            && growth >= percentage.saturating_add(100);
        if is_due {
            info!("starting automatic rewriting of the append-only file on {}% growth", growth - 100);
        }
        is_due
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

    /// Begins a rewrite: the next increment begins where the snapshot is taken.
    fn rewrite(&mut self) {
        if self.wants_own_log() {
            return self.begin_own_log();
        }
        if self.machine.defers_rewrites() && self.may_wait() {
            // Its base has come in between.
            return self.machine.progress.put_off_rewrite();
        }
        if self.wants_log() {
            self.note_rewrite();
        }
        if let Err(reason) = self.try_rewrite() {
            self.end_rewrite(SaveEnd::Failed(reason));
        }
    }

    fn try_rewrite(&mut self) -> Result<(), String> {
        let is_wanted = self.wants_log();
        self.form = Form::base(&self.node.shared.config.read());
        self.is_trial = is_wanted && self.wants_trial();
        if self.is_trial { self.begin_trial() } else { self.begin_rewrite(is_wanted) }
    }

    /// Whether the journal goes over to the increment of a rewrite that begins now. It must if it is on: until it has been closed, for the
    /// parameter changes first, it would go on in a file that the rewrite replaces.
    fn wants_log(&self) -> bool {
        self.node.shared.config.read().yes(Param::Appendonly) || self.machine.journal.is_on()
    }

    /// Whether the append-only file is well without a rewrite.
    fn may_wait(&self) -> bool {
        self.machine.progress.is_whole() && !self.machine.journal.needs_rewrite()
    }

    /// After a rewrite that failed, while the log itself is well: then each rewrite begins with a trial, since it cannot be undone, and
    /// one that fails leaves an increment behind.
    fn wants_trial(&self) -> bool {
        self.may_wait()
            && (self.failed_rewrites > 0 || self.machine.progress.was_unfinished.load(Ordering::Relaxed))
    }

    /// Writes the base of a rewrite that does not begin yet.
    fn begin_trial(&mut self) -> Result<(), String> {
        if self.machine.journal.is_full() {
            return Err(NO_ROOM.to_owned());
        }
        let path = {
            let guard = self.machine.append_only.lock();
            let files = guard.as_ref().expect("a set that is whole is open");
            files.path(&files.temporary_base())
        };
        let image = self.image(false);
        self.machine.begin_job(Job::Base { image, form: self.form, path });
        Ok(())
    }

    /// The trial has ended: the rewrite begins, or has failed.
    fn finish_trial(&mut self, written: Result<(), String>) -> Result<(), String> {
        {
            let guard = self.machine.append_only.lock();
            if let Some(files) = guard.as_ref() {
                // What stays will be written over.
                let _ = self.machine.disk.remove(&files.path(&files.temporary_base()));
            }
        }
        written?;
        self.begin_rewrite(self.wants_log())
    }

    fn begin_rewrite(&mut self, is_wanted: bool) -> Result<(), String> {
        let (shared, form) = (&self.node.shared, self.form);
        let is_whole = self.machine.progress.is_whole();
        if is_whole && self.machine.journal.is_full() {
            // What waits for room would be given up, and nothing acknowledged before the new base is there.
            return Err(NO_ROOM.to_owned());
        }
        // Held until the increment is exchanged, so that nobody reads the files in between. Workers wait for it outside of
        // batches only, and so the gate can be closed.
        let machine = Arc::clone(&self.machine);
        let mut guard = machine.append_only.lock();
        if guard.is_none() {
            *guard = Some(open_files(&machine.disk, &shared.config.read())?);
        }
        let files = guard.as_mut().expect("just opened");
        let begin = if is_whole { Files::begin_rewrite } else { Files::begin_anew };
        let name = begin(files).map_err(|error| format!("{}/{error}", files.folder().display()))?;
        let temporary = files.temporary_base();
        let increment = Increment::open(&machine.disk, files.path(&name))
            .inspect_err(|_| files.abandon_rewrite(&temporary, true))?;
        let path = files.path(&temporary);
        let image = self.image(is_wanted);
        if is_wanted && !machine.journal.switch(shared, increment) {
            files.abandon_rewrite(&temporary, true);
            return Err(NO_ROOM.to_owned());
        }
        machine.begin_job(Job::Base { image, form, path });
        Ok(())
    }

    /// All data, and the place in the log where the new increment begins.
    fn image(&mut self, cuts: bool) -> Image {
        let keyspace = &self.node.shared.keyspace;
        self.access.begin(clock::now().unix);
        let image = self.node.image(&mut self.access, || {
            if cuts {
                keyspace.set_recording(true);
                self.machine.journal.cut(keyspace.log());
            }
        });
        self.access.end();
        image
    }

    /// The new base is there: from now on the manifest names it.
    fn finish_rewrite(&mut self, written: Result<(), String>) {
        if self.finish_own_base(&written) {
            return;
        }
        if std::mem::take(&mut self.is_trial) {
            if let Err(reason) = self.finish_trial(written) {
                self.end_rewrite(self.end_of_failed(reason));
            }
            return;
        }
        let installed = {
            let mut guard = self.machine.append_only.lock();
            let files = guard.as_mut().expect("a rewrite has opened them");
            let temporary = files.temporary_base();
            let installed = written.and_then(|()| {
                files
                    .finish_rewrite(&temporary, self.form.is_rdb)
                    .map_err(|error| format!("{}/{error}", files.folder().display()))
            });
            match installed {
                Err(reason) if files.is_rewriting() => {
                    files.abandon_rewrite(&temporary, self.machine.journal.abandon_switch());
                    Err(reason)
                }
                // The new base is in force, but what it replaces could not be removed.
                Err(reason) => {
                    warn!("old files are left behind: {reason}");
                    Ok(())
                }
                Ok(()) => Ok(()),
            }
        };
        self.end_rewrite(match installed {
            Ok(()) => SaveEnd::Saved,
            Err(reason) => self.end_of_failed(reason),
        });
    }

    /// How a rewrite has ended that did not end well.
    fn end_of_failed(&self, reason: String) -> SaveEnd {
        let is_given_up = self.machine.progress.rewrite_given_up.load(Ordering::Acquire);
        if is_given_up { SaveEnd::GivenUp } else { SaveEnd::Failed(reason) }
    }

    fn end_rewrite(&mut self, end: SaveEnd) {
        let now_ns = clock::monotonic_ns();
        let size =
            self.machine.append_only.lock().as_ref().map_or(0, |files| files.data_bytes().unwrap_or(0));
        // Before another rewrite may begin.
        self.note_rewritten(&end);
        self.machine.progress.end_rewrite(&end, size, now_ns);
        match end {
            SaveEnd::Saved => {
                self.failed_rewrites = 0;
                self.machine.progress.was_unfinished.store(false, Ordering::Relaxed);
                self.machine.progress.set_whole(self.machine.journal.is_on());
                self.machine.journal.trust(&self.node.shared, size);
                info!("the append-only file has been rewritten");
            }
            SaveEnd::GivenUp => {
                info!("the rewrite of the append-only file was given up, for the file is off");
            }
            SaveEnd::Failed(reason) => {
                self.failed_rewrites += 1;
                self.failed_rewrite_ns = now_ns;
                error!(
                    "rewriting the append-only file failed: {reason}. The files that were there stay in force: make room, or mend the disk"
                );
            }
        }
        self.look_round();
    }
}

/// How long no rewrite begins by itself after so many have failed in a row.
fn pause_ns(failures: u32, is_in_trouble: bool) -> u64 {
    let Some(power) = failures.checked_sub(1) else { return 0 };
    let pause = SECOND_NS << power.min(MAX_REWRITE_BACKOFF);
    if is_in_trouble { pause.min(MAX_PAUSE_IN_TROUBLE_NS) } else { pause }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rewrites_that_fail_are_tried_ever_more_rarely_but_often_while_writes_are_refused() {
        let pauses = |is_in_trouble| {
            [0, 1, 2, 4, 5, 100].map(|failures| pause_ns(failures, is_in_trouble) / SECOND_NS)
        };
        assert_eq!(pauses(false), [0, 1, 2, 8, 16, 1024]);
        assert_eq!(pauses(true), [0, 1, 2, 8, 10, 10]);
    }
}
