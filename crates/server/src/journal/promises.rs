//! What the workers are promised: how far the log has come as `appendfsync` wants it, and how far it is on disk; and who is
//! told when that changes.
//!
//! A worker says what it waits for before it looks at the place once more, and whoever moves the place looks for those who
//! wait afterwards. So one of the two sees the other, and no worker sleeps over its clients' replies. Between saying and looking both pass
//! a fence, because loom checks fences only, not sequentially consistent accesses.

use std::sync::Arc;

use keyspace::LogPosition;
use node::{Mail, Mailbox};

use crate::shared::Letter;
use sync::{AtomicBool, AtomicU64, Ordering, fence};

#[cfg(loom)]
mod sync {
    pub(super) use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
}
#[cfg(not(loom))]
mod sync {
    pub(super) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
}

/// See the module's text.
pub(super) struct Promises {
    mailboxes: Vec<Arc<Mailbox<Letter>>>,
    /// Up to where replies may go.
    released: AtomicU64,
    /// The place each worker waits for; 0 = none.
    awaited: Vec<AtomicU64>,
    /// How far the file has been synced, plus one; 0 = there is none.
    synced: AtomicU64,
    /// Workers with clients that wait for the next sync.
    awaited_sync: Vec<AtomicBool>,
}

impl Promises {
    /// Nothing is promised yet to the workers with these mailboxes.
    pub(super) fn new(mailboxes: Vec<Arc<Mailbox<Letter>>>) -> Self {
        let awaited = mailboxes.iter().map(|_| AtomicU64::new(0)).collect();
        let awaited_sync = mailboxes.iter().map(|_| AtomicBool::new(false)).collect();
        Self { mailboxes, released: AtomicU64::new(0), awaited, synced: AtomicU64::new(0), awaited_sync }
    }

    /// Up to where replies may go.
    pub(super) fn released(&self) -> LogPosition {
        LogPosition(self.released.load(Ordering::Acquire))
    }

    /// Whether a worker's replies up to a place may go. False: it will be told.
    pub(super) fn await_release(&self, worker: usize, position: LogPosition) -> bool {
        if self.released() >= position {
            return true;
        }
        let awaited = &self.awaited[worker];
        let waits_already = awaited.fetch_max(position.0, Ordering::AcqRel) > 0;
        fence(Ordering::SeqCst);
        let is_there = self.released() >= position;
        if is_there && !waits_already {
            // If this fails, it is told of what it knows.
            let _ = awaited.compare_exchange(position.0, 0, Ordering::AcqRel, Ordering::Relaxed);
        }
        is_there
    }

    /// Lets go what lies before a place, and tells the workers that wait.
    pub(super) fn release(&self, position: LogPosition) {
        if self.released() >= position {
            return;
        }
        self.released.store(position.0, Ordering::Release);
        fence(Ordering::SeqCst);
        for (mailbox, awaited) in self.mailboxes.iter().zip(&self.awaited) {
            let wanted = awaited.load(Ordering::Acquire);
            if wanted == 0 {
                continue;
            }
            if wanted <= position.0 {
                // If this fails, the worker waits for more by now.
                let _ = awaited.compare_exchange(wanted, 0, Ordering::AcqRel, Ordering::Relaxed);
            }
            mailbox.send(Letter::Node(Mail::Released));
        }
    }

    /// Has those workers look again that wait for more than what may go.
    pub(super) fn wake_waiting(&self) {
        let released = self.released().0;
        for (mailbox, awaited) in self.mailboxes.iter().zip(&self.awaited) {
            if awaited.load(Ordering::Acquire) > released {
                mailbox.send(Letter::Node(Mail::Released));
            }
        }
    }

    /// Has every worker look again what may go.
    pub(super) fn wake_all(&self) {
        self.mailboxes.iter().for_each(|mailbox| mailbox.send(Letter::Node(Mail::Released)));
    }

    /// How far the file has been synced; `None` while there is none.
    pub(super) fn synced(&self) -> Option<LogPosition> {
        self.synced.load(Ordering::SeqCst).checked_sub(1).map(LogPosition)
    }

    /// A worker has clients that wait for the next sync.
    pub(super) fn await_sync(&self, worker: usize) {
        self.awaited_sync[worker].store(true, Ordering::SeqCst);
    }

    /// The file has been synced up to a place, or there is none any more; tells the workers whose clients wait for it.
    pub(super) fn set_synced(&self, synced: Option<LogPosition>) {
        self.synced.store(synced.map_or(0, |position| position.0 + 1), Ordering::SeqCst);
        for (mailbox, awaited) in self.mailboxes.iter().zip(&self.awaited_sync) {
            if awaited.swap(false, Ordering::SeqCst) {
                mailbox.send(Letter::Node(Mail::Synced));
            }
        }
    }
}
