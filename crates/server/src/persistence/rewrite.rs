//! Rewrites of the append-only file, on the persistence thread: when one begins by itself, its steps, and what follows its end.
//!
//! The next increment begins where the snapshot is taken; the saver writes the base, and when that is there the manifest names
//! both. After a rewrite that failed the next one begins with a trial: a base alone, which shows whether there is room.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use config::Param;
use node::Image;
use persist::aof::Files;
use tracing::{error, info, warn};

use super::{NO_ROOM, Persistence, SECOND_NS, open_files};
use crate::clock;
use crate::increment::Increment;
use crate::journal::{Closed, Switched};
use crate::progress::SaveEnd;
use crate::saver::Job;
use crate::snapshot_file::Form;

/// How long a rewrite that failed is not tried again by itself: doubled with every failure, up to this power of two.
const MAX_REWRITE_BACKOFF: u32 = 10;
/// The most of that while writes are refused until a rewrite ends well.
const MAX_PAUSE_IN_TROUBLE_NS: u64 = 10 * SECOND_NS;

impl Persistence<'_> {
    /// Begins a rewrite: the next increment begins where the snapshot is taken.
    pub(super) fn rewrite(&mut self) {
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
        let name = begin(files).map_err(|error| error.within(files.folder()))?;
        let temporary = files.temporary_base();
        let increment = Increment::open(&machine.disk, files.path(&name))
            .inspect_err(|_| files.abandon_rewrite(&temporary, true))?;
        let path = files.path(&temporary);
        let image = self.image(is_wanted);
        let switched = is_wanted.then(|| machine.journal.switch(shared, increment));
        if matches!(switched, Some(Switched::NoRoom)) {
            files.abandon_rewrite(&temporary, true);
            return Err(NO_ROOM.to_owned());
        }
        machine.begin_job(Job::Base { image, form, path });
        if let Some(Switched::Done(Some(closed))) = switched {
            note_end(files, &closed);
        }
        Ok(())
    }

    /// All data, and the place in the log where the new increment begins.
    pub(super) fn image(&mut self, cuts: bool) -> Image {
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
    pub(super) fn finish_rewrite(&mut self, written: Result<(), String>) {
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
                    .map_err(|error| error.within(files.folder()))
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
                    "rewriting the append-only file failed: {reason}. The files that were there stay in force: make room, mend the disk, or let the server write there"
                );
            }
        }
        self.look_round();
    }

    /// Whether a rewrite may begin by itself, after those that failed.
    pub(super) fn may_rewrite(&self, now_ns: u64) -> bool {
        let pause_ns = pause_ns(self.failed_rewrites, self.machine.journal.needs_rewrite());
        now_ns >= self.failed_rewrite_ns.saturating_add(pause_ns)
    }

    /// Whether the append-only file has to be written anew: because it was switched on, because it cannot be trusted, or
    /// because it has grown.
    pub(super) fn wants_rewrite(&self, base: u64) -> bool {
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

    /// Whether the journal goes over to the increment of a rewrite that begins now. It must if it is on: until it has been closed, for the
    /// parameter changes first, it would go on in a file that the rewrite replaces.
    pub(super) fn wants_log(&self) -> bool {
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
}

/// Nobody writes to an increment any more: where it ends is noted.
pub(super) fn note_end(files: &mut Files, Closed { path, end }: &Closed) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if let Err(error) = files.note_end(&name, *end) {
        let error = error.within(files.folder());
        warn!(
            "{name}: where it ends cannot be noted, so that only the next batch proves that its end is there: {error}"
        );
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
