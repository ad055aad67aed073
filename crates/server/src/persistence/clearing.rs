//! Files of a backup go on another thread: removing large ones takes a while, for which syncs, and so replies, would wait.
//!
//! Until they are gone no other backup begins, and none is cleaned up: whoever asks for that waits.

use std::sync::Arc;

use engine::sealing::{Stage, Step};
use engine::tracking::Place;
use tracing::{info, warn};

use super::{Persistence, SECOND_NS, Task};
use crate::clock;
use crate::sealing::{Folder, Found};

/// How long a sealed backup that cannot be removed is not tried again by itself.
const PAUSE_NS: u64 = 60 * SECOND_NS;

/// What has come of it.
#[derive(Debug)]
pub enum Cleared {
    /// They are gone.
    Gone,
    /// Some are left, and the manifest may be one of them: then what was a whole backup still is.
    Whole(String),
    /// Some are left, and are no backup.
    Left(String),
}

/// Who waits for it: a client, and the number of the wait.
pub(super) type Waiter = (Place, u64);

/// What follows.
pub(super) enum Then {
    /// Nothing: the backup has failed.
    Rest,
    /// Another one begins.
    Start(Waiter),
    /// There is no backup any more; nobody waits if its time was over.
    CleanUp(Option<Waiter>),
}

/// What has to do with files that go.
#[derive(Default)]
pub(super) struct Clearing {
    /// What follows when they are gone.
    then: Option<Then>,
    /// What clients have asked for meanwhile.
    waiting: Vec<(Step, Waiter)>,
    /// Before that no sealed backup goes by itself.
    next_ns: u64,
}

impl Clearing {
    /// Whether a sealed backup may be removed because its time is over.
    pub(super) fn may_begin(&self) -> bool {
        self.then.is_none() && clock::monotonic_ns() >= self.next_ns
    }

    /// Whether a step has to wait; then it does.
    pub(super) fn holds_up(&mut self, step: Step, waiter: Waiter) -> bool {
        let waits = self.then.is_some() && matches!(step, Step::Start | Step::Cleanup);
        if waits {
            self.waiting.push((step, waiter));
        }
        waits
    }
}

impl Persistence<'_> {
    /// The files of the backup go.
    pub(super) fn clear(&mut self, then: Then) {
        debug_assert!(self.clearing.then.is_none(), "one thing is cleared at a time");
        self.clearing.then = Some(then);
        let folder = self.folder();
        // The machine must not live longer for it: threads end when it does.
        let machine = Arc::downgrade(&self.machine);
        let work = move || {
            let cleared = remove(&folder);
            if let Some(machine) = machine.upgrade() {
                machine.tell(Task::Cleared(cleared));
            }
        };
        if !self.machine.reader.run(work) {
            self.machine.tell(Task::Cleared(remove(&self.folder())));
        }
    }

    /// They are gone, or are not.
    pub(super) fn note_cleared(&mut self, cleared: Cleared) {
        match self.clearing.then.take() {
            None => {}
            Some(Then::Rest) => {
                if let Cleared::Whole(reason) | Cleared::Left(reason) = cleared {
                    warn!("files of the failed backup are left behind: {reason}");
                }
            }
            Some(Then::Start(waiter)) => {
                let begun = match cleared {
                    Cleared::Gone => self.start_backup(),
                    // Where they are stays known.
                    Cleared::Whole(reason) | Cleared::Left(reason) => {
                        self.machine.sealing.fail(&reason);
                        Err(reason)
                    }
                };
                self.answer_step(waiter, begun);
            }
            Some(Then::CleanUp(waiter)) => {
                let result = self.end_cleaned(cleared);
                self.tell_cleaned(waiter, result);
            }
        }
        for (step, (to, waiter)) in std::mem::take(&mut self.clearing.waiting) {
            self.step_backup(step, to, waiter);
        }
    }

    fn end_cleaned(&self, cleared: Cleared) -> Result<(), String> {
        let sealing = &self.machine.sealing;
        match cleared {
            Cleared::Gone => {
                sealing.forget();
                Ok(())
            }
            // As the next server would find it.
            Cleared::Whole(reason) if sealing.stage() == Stage::Sealed => Err(reason),
            Cleared::Whole(reason) | Cleared::Left(reason) => {
                sealing.fail(&reason);
                Err(reason)
            }
        }
    }

    fn tell_cleaned(&mut self, waiter: Option<Waiter>, result: Result<(), String>) {
        match (waiter, result) {
            (Some(waiter), result) => self.answer_step(waiter, result),
            (None, Ok(())) => info!("the sealed backup has been removed (backup-sealed-ttl)"),
            (None, Err(reason)) => {
                warn!("the sealed backup cannot be removed: {reason}");
                self.clearing.next_ns = clock::monotonic_ns() + PAUSE_NS;
            }
        }
    }
}

fn remove(folder: &Folder) -> Cleared {
    match folder.clear() {
        Ok(()) => Cleared::Gone,
        Err(reason) => match folder.look() {
            Ok(Found::Sealed { .. }) | Err(_) => Cleared::Whole(reason),
            Ok(_) => Cleared::Left(reason),
        },
    }
}
