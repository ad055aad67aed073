//! BACKUP START, SEAL, ABORT and CLEANUP ([`sealing`](crate::sealing)), on the persistence thread.
//!
//! ```text
//!   appendonly yes   START ─► a rewrite, or the one in progress ─► its base is linked ─► SEAL: the increment ends, and is linked
//!   appendonly no    START ─► a base and an increment in the backup's folder, which the journal writes aside ─► SEAL: it ends
//! ```
//! Rewrites wait while the increments of a backup go on, unless only a rewrite helps the append-only file: then the backup has failed, for
//! data comes first. What fails for the backup alone, such as a full disk, is nobody else's trouble.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use config::Param;
use engine::errand::{Done, Ended};
use engine::sealing::{Stage, Step};
use engine::tracking::Place;
use node::{Machine, Mail};
use persist::aof::{FileKind, Files, FilesError, ManifestEntry};
use tracing::{info, warn};

use super::Persistence;
use super::clearing::{Then, Waiter};
use super::rewrite::note_end;
use crate::clock;
use crate::increment::Increment;
use crate::progress::SaveEnd;
use crate::saver::Job;
use crate::sealing::Folder;

const IN_PROGRESS: &str = "a backup is in progress already";
const IS_SEALED: &str = "a sealed backup is there already: remove it with BACKUP CLEANUP";
const IS_ENDING: &str = "a backup that was given up is still ending: try again soon";
// As Redis says it.
const NOT_READY: &str = "No backup ready to seal (must be in the incrementing state)";
const NOTHING_TO_ABORT: &str = "No backup in progress";
const ABORTED: &str = "aborted by user";
const SWITCHED: &str = "the append-only file was switched on or off";
const REPLACED: &str = "the append-only file had to be written anew, since it could not be written or synced";
const GIVEN_UP: &str = "the rewrite that was to make its base was given up";

const GROWN: &str = "what has changed since its base was written has become too much before it was sealed";

/// What is appended until a backup is sealed may be so many times its base, or `auto-aof-rewrite-min-size`.
const MAX_GROWTH: u64 = 10;

/// A log that is written for a backup alone, while there is no append-only file.
pub(super) struct OwnLog {
    files: Files,
    /// Whether its base is still being written.
    is_writing: bool,
    /// How much there was when the base was there.
    base_bytes: u64,
}

impl Persistence<'_> {
    /// Does what a client asks for, and tells his worker.
    pub(super) fn step_backup(&mut self, step: Step, to: Place, waiter: u64) {
        if self.clearing.holds_up(step, (to, waiter)) {
            return;
        }
        let leaves_files = self.machine.sealing.stage() == Stage::Failed && self.own_log.is_none();
        let result = match step {
            Step::Start if leaves_files => return self.clear(Then::Start((to, waiter))),
            Step::Start => self.start_backup(),
            Step::Seal => self.seal_backup(),
            Step::Abort => self.abort_backup(),
            Step::Cleanup => match self.may_clean_up() {
                Ok(true) => return self.clear(Then::CleanUp(Some((to, waiter)))),
                Ok(false) => Ok(()),
                Err(reason) => Err(reason),
            },
        };
        self.answer_step((to, waiter), result);
    }

    /// Tells a client's worker.
    pub(super) fn answer_step(&self, (to, waiter): Waiter, result: Result<(), String>) {
        let ended = Ended { result: result.map(|()| Done::Ok), to, waiter };
        self.machine.post(to.worker, Mail::Errand(Box::new(ended)));
    }

    /// Where the backup is, or will be.
    pub(super) fn folder(&self) -> Folder {
        let known = self.machine.sealing.folder();
        known.unwrap_or_else(|| Folder::of(&self.machine.disk, &self.node.shared.config.read()))
    }

    pub(super) fn start_backup(&mut self) -> Result<(), String> {
        let machine = Arc::clone(&self.machine);
        match machine.sealing.stage() {
            Stage::Idle | Stage::Failed if self.own_log.is_some() => return Err(IS_ENDING.to_owned()),
            Stage::Idle | Stage::Failed => {}
            Stage::Sealed => return Err(IS_SEALED.to_owned()),
            _ => return Err(IN_PROGRESS.to_owned()),
        }
        let old = self.folder();
        let folder = Folder::of(&machine.disk, &self.node.shared.config.read());
        let prepare = || -> Result<Option<String>, String> {
            if machine.sealing.stage() == Stage::Failed {
                old.clear()?;
            }
            let refusal = folder.refusal()?;
            if refusal.is_none() {
                folder.claim()?;
            }
            Ok(refusal)
        };
        match prepare() {
            Ok(None) => {}
            Ok(Some(reason)) => return Err(reason),
            Err(reason) => {
                machine.sealing.begin(&folder, clock::now().unix.0 / 1000);
                machine.sealing.fail(&reason);
                return Err(reason);
            }
        }
        machine.sealing.begin(&folder, clock::now().unix.0 / 1000);
        self.is_growth_told = false;
        if machine.journal.is_on() && machine.progress.figures(clock::monotonic_ns()).aof_rewriting {
            machine.sealing.set_snapshotting();
        }
        self.look_round();
        Ok(())
    }

    fn seal_backup(&mut self) -> Result<(), String> {
        if self.machine.sealing.stage() != Stage::Incrementing {
            return Err(NOT_READY.to_owned());
        }
        let sealed = if self.own_log.is_some() { self.end_own_log() } else { self.end_increment() };
        let folder = self.folder();
        let now_s = clock::now().unix.0 / 1000;
        let sealed = sealed.and_then(|entries| {
            folder.seal(&entries, self.machine.sealing.status().started_s, now_s)?;
            Ok(entries)
        });
        match sealed {
            Ok(entries) => {
                self.machine.sealing.seal(&folder, entries, now_s);
                info!("a backup has been sealed in {}", folder.path().display());
            }
            Err(reason) => {
                self.fail_backup(&reason);
                return Err(reason);
            }
        }
        self.look_round();
        Ok(())
    }

    /// The increment ends, another one begins, and all of them behind the base are linked into the folder.
    fn end_increment(&mut self) -> Result<Vec<ManifestEntry>, String> {
        let machine = Arc::clone(&self.machine);
        let mut guard = machine.append_only.lock();
        let files = guard.as_mut().ok_or(SWITCHED)?;
        let mut entries = machine.sealing.entries();
        let increments: Vec<_> =
            files.data().filter(|entry| entry.kind == FileKind::Increment).cloned().collect();
        let name = files.rotate().map_err(|error| error.within(files.folder()))?;
        let rotated = Increment::open(&machine.disk, files.path(&name))
            .and_then(|next| machine.journal.rotate(&self.node.shared, next));
        match rotated {
            Ok(closed) => note_end(files, &closed),
            Err(reason) => {
                files.abandon_rotation();
                return Err(reason);
            }
        }
        let folder = self.folder();
        folder.announce(increments.clone())?;
        for entry in increments {
            folder.take(&files.path(&entry.name), &entry.name)?;
            entries.push(entry);
        }
        Ok(entries)
    }

    /// The log that is there for the backup alone ends.
    fn end_own_log(&mut self) -> Result<Vec<ManifestEntry>, String> {
        self.machine.journal.finish_aside(&self.node.shared)?;
        let own = self.own_log.take().ok_or(SWITCHED)?;
        self.stop_recording();
        Ok(own.files.data().cloned().collect())
    }

    fn abort_backup(&mut self) -> Result<(), String> {
        match self.machine.sealing.stage() {
            Stage::Pending | Stage::Snapshotting | Stage::Incrementing => {
                self.fail_backup(ABORTED);
                self.look_round();
                Ok(())
            }
            Stage::Sealed => Err(IS_SEALED.to_owned()),
            Stage::Idle | Stage::Failed => Err(NOTHING_TO_ABORT.to_owned()),
        }
    }

    /// Whether there is something to clean up.
    fn may_clean_up(&self) -> Result<bool, String> {
        match self.machine.sealing.stage() {
            Stage::Sealed | Stage::Failed if self.own_log.is_some() => Err(IS_ENDING.to_owned()),
            Stage::Sealed | Stage::Failed => Ok(true),
            // Scripts begin with it.
            Stage::Idle => Ok(false),
            _ => Err(IN_PROGRESS.to_owned()),
        }
    }

    /// The backup has failed; nothing of it is left, as far as that can be done.
    pub(super) fn fail_backup(&mut self, reason: &str) {
        warn!("the backup has failed: {reason}");
        self.machine.sealing.fail(reason);
        if self.own_log.is_some() {
            self.machine.journal.end_aside(&self.node.shared);
        }
        if self.own_log.as_ref().is_some_and(|own| own.is_writing) {
            // Its files go when nobody writes them any more.
            self.machine.progress.rewrite_given_up.store(true, Ordering::Release);
            return;
        }
        if self.own_log.take().is_some() {
            self.stop_recording();
        }
        self.clear(Then::Rest);
    }
}

/// What rewrites, saves and parameters have to do with it.
impl Persistence<'_> {
    /// Whether one waits for a rewrite to begin.
    pub(super) fn backup_is_pending(&self) -> bool {
        self.machine.sealing.stage() == Stage::Pending
    }

    /// Whether it can begin now: not while the parameter says already that there is no append-only file and there still is one.
    pub(super) fn backup_may_begin(&self) -> bool {
        let is_wanted = self.node.shared.config.read().yes(Param::Appendonly);
        self.backup_is_pending() && (is_wanted || !self.machine.journal.is_on())
    }

    /// Once a second: what ends it by itself.
    pub(super) fn look_at_backup(&mut self) {
        let lost = self.machine.journal.lost();
        if let Some(reason) = lost.filter(|_| self.own_log.is_some()) {
            self.fail_backup(&reason);
        }
        match self.machine.sealing.stage() {
            Stage::Incrementing if self.own_log.is_none() && self.machine.journal.needs_rewrite() => {
                self.fail_backup(REPLACED);
            }
            Stage::Incrementing => self.look_at_growth(),
            Stage::Sealed => self.end_sealed(),
            _ => {}
        }
    }

    /// What changes is appended for as long as a backup is not sealed; but who was to seal it may have gone.
    fn look_at_growth(&mut self) {
        let (percentage, least) = {
            let config = self.node.shared.config.read();
            (config.integer(Param::AutoAofRewritePercentage), config.size(Param::AutoAofRewriteMinSize))
        };
        if percentage == 0 {
            return; // no file is too long
        }
        let (base, size) = if let Some(own) = &self.own_log {
            (own.base_bytes, own.files.data_bytes().unwrap_or(0))
        } else {
            let base = self.machine.progress.figures(clock::monotonic_ns()).aof_base_size;
            (base, self.machine.journal.sizes().0)
        };
        let most = base.max(least).saturating_mul(MAX_GROWTH);
        if size > most {
            self.fail_backup(GROWN);
        } else if size > most / 4 && !std::mem::replace(&mut self.is_growth_told, true) {
            warn!(
                "the backup is not sealed, and what changes is appended for it: {size} bytes. It is given up when it is {most}"
            );
        }
    }

    /// Removes a sealed one whose time is over.
    fn end_sealed(&mut self) {
        let seconds = self.node.shared.config.read().integer(Param::BackupSealedTtl);
        let age_s = clock::now().unix.0 / 1000 - self.machine.sealing.status().ended_s;
        if seconds > 0 && age_s >= seconds && self.clearing.may_begin() && self.may_clean_up() == Ok(true) {
            self.clear(Then::CleanUp(None));
        }
    }

    /// The append-only file is switched on or off: no backup goes on over that.
    pub(super) fn end_backup_at_switch(&mut self) {
        if matches!(self.machine.sealing.stage(), Stage::Snapshotting | Stage::Incrementing) {
            self.fail_backup(SWITCHED);
        }
    }

    /// A rewrite of the append-only file begins.
    pub(super) fn note_rewrite(&mut self) {
        match self.machine.sealing.stage() {
            Stage::Pending => self.machine.sealing.set_snapshotting(),
            // One that could wait has been put off.
            Stage::Incrementing if self.machine.journal.is_on() => self.fail_backup(REPLACED),
            Stage::Incrementing => self.fail_backup(SWITCHED),
            _ => {}
        }
    }

    /// It has ended.
    pub(super) fn note_rewritten(&mut self, end: &SaveEnd) {
        if self.machine.sealing.stage() != Stage::Snapshotting {
            return;
        }
        let pinned = match end {
            SaveEnd::Saved => self.pin_base(),
            SaveEnd::GivenUp => Err(GIVEN_UP.to_owned()),
            SaveEnd::Failed(reason) => Err(reason.clone()),
        };
        match pinned {
            Ok(base) => self.machine.sealing.set_incrementing(base),
            Err(reason) => self.fail_backup(&reason),
        }
    }

    fn pin_base(&self) -> Result<ManifestEntry, String> {
        let guard = self.machine.append_only.lock();
        let files = guard.as_ref().ok_or(SWITCHED)?;
        let base = files.data().find(|entry| entry.kind == FileKind::Base).ok_or(SWITCHED)?;
        let folder = self.folder();
        folder.announce(vec![base.clone()])?;
        folder.take(&files.path(&base.name), &base.name)?;
        Ok(base.clone())
    }

    /// Whether what begins now is a log for the backup alone, since there is no append-only file.
    pub(super) fn wants_own_log(&self) -> bool {
        self.backup_is_pending() && !self.wants_log()
    }

    /// The base of that is to be written, and what changes goes to its increment.
    pub(super) fn begin_own_log(&mut self) {
        self.machine.sealing.set_snapshotting();
        if let Err(reason) = self.try_begin_own_log() {
            self.fail_backup(&reason);
            self.end_own_rewrite(&SaveEnd::Failed(reason));
        }
    }

    fn try_begin_own_log(&mut self) -> Result<(), String> {
        let (machine, folder) = (Arc::clone(&self.machine), self.folder());
        if machine.journal.is_on() {
            return Err(SWITCHED.to_owned()); // its increment would be lost
        }
        let form = crate::snapshot_file::Form::base(&self.node.shared.config.read());
        let place = |error: FilesError| error.within(folder.path());
        folder.announce_own(form.is_rdb)?;
        let mut files = Files::new(machine.disk.clone(), folder.path().to_owned(), folder.prefix());
        let name = files.begin_anew().map_err(place)?;
        let increment = Increment::open(&machine.disk, files.path(&name))?;
        let path = files.path(&files.temporary_base());
        let image = self.image(true);
        machine.journal.open_aside(&self.node.shared, increment);
        self.form = form;
        self.own_log = Some(OwnLog { files, is_writing: true, base_bytes: 0 });
        machine.begin_job(Job::Base { image, form, path });
        Ok(())
    }

    /// The base that the saver has written, or has not, is that of such a log. False: it is not.
    pub(super) fn finish_own_base(&mut self, written: &Result<(), String>) -> bool {
        let is_rdb = self.form.is_rdb;
        let Some(own) = self.own_log.as_mut().filter(|own| own.is_writing) else { return false };
        own.is_writing = false;
        let temporary = own.files.temporary_base();
        if self.machine.sealing.stage() != Stage::Snapshotting {
            // It has failed meanwhile.
            self.own_log = None;
            self.stop_recording();
            self.clear(Then::Rest);
            self.end_own_rewrite(&SaveEnd::GivenUp);
            return true;
        }
        let installed = written.clone().and_then(|()| {
            let place = own.files.folder().display().to_string();
            own.files.finish_rewrite(&temporary, is_rdb).map_err(|error| format!("{place}/{error}"))?;
            own.base_bytes = own.files.data_bytes().unwrap_or(0);
            let base = own.files.data().find(|entry| entry.kind == FileKind::Base);
            base.cloned().ok_or_else(|| SWITCHED.to_owned())
        });
        let end = match installed {
            Ok(base) => {
                self.machine.sealing.set_incrementing(base);
                SaveEnd::Saved
            }
            Err(reason) => {
                self.fail_backup(&reason);
                SaveEnd::Failed(reason)
            }
        };
        self.end_own_rewrite(&end);
        true
    }

    fn end_own_rewrite(&mut self, end: &SaveEnd) {
        self.machine.progress.end_rewrite(end, 0, clock::monotonic_ns());
        self.look_round();
    }
}
