//! The body of a snapshot on its way to a replica: pieces of the file, read when the socket has room.
//!
//! The file was written a moment ago, so the system has most of it in memory, and a read takes as long as a copy.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use disk::DiskFile;
use engine::replication::{Phase, Replica};
use engine::slices::{Producer, Progress};
use node::{Mail, Mailbox};
use tracing::{error, info};

use super::Written;
use crate::clock;
use crate::shared::Letter;

/// Bytes of one piece.
const PIECE_BYTES: u64 = 64 << 10;

/// See the module's text.
pub struct Body {
    file: Arc<DiskFile>,
    at: u64,
    length: u64,
    replica: Arc<Replica>,
    mailbox: Arc<Mailbox<Letter>>,
    is_broken: bool,
}

impl Body {
    /// All of a file that has been written, for a replica whose worker has this mailbox.
    pub fn new(written: &Written, replica: Arc<Replica>, mailbox: Arc<Mailbox<Letter>>) -> Self {
        let (file, length) = (Arc::clone(&written.file), written.length);
        Self { file, at: 0, length, replica, mailbox, is_broken: false }
    }

    /// The file cannot be read: the replica is closed, for nothing that follows would make sense to it.
    fn break_off(&mut self, reason: &str) {
        self.is_broken = true;
        let record = &self.replica.record;
        error!("the snapshot for the replica (client {}) cannot be read: {reason}. It is closed", record.id);
        record.killed.store(true, Ordering::Relaxed);
        self.mailbox.send(Letter::Node(Mail::Look { number: record.number, id: record.id }));
    }
}

impl Producer for Body {
    fn produce(&mut self, out: &mut Vec<u8>) -> Progress {
        if self.is_broken {
            return Progress::More;
        }
        let begin = out.len();
        let wanted = PIECE_BYTES.min(self.length - self.at) as usize;
        out.resize(begin + wanted, 0);
        match self.file.read_at(self.at, &mut out[begin..]) {
            Ok(count) if count > 0 || wanted == 0 => {
                out.truncate(begin + count);
                self.at += count as u64;
            }
            Ok(_) => self.break_off("it is shorter than it was"),
            Err(reason) => self.break_off(&reason.to_string()),
        }
        if self.is_broken {
            out.truncate(begin);
            return Progress::More;
        }
        if self.at < self.length {
            return Progress::More;
        }
        // It has time to load what it gets.
        self.replica.note_heard(clock::now().unix);
        self.replica.set_phase(Phase::Online);
        info!("the replica (client {}) has been sent its snapshot", self.replica.record.id);
        Progress::Done
    }

    /// What lies in a file takes no memory.
    fn remaining_bytes(&self) -> usize {
        0
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body").field("at", &self.at).field("length", &self.length).finish_non_exhaustive()
    }
}
