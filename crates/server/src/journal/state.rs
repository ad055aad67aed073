//! What the journal changes under its lock: the places the log has come to, and the bytes in between.

use config::AppendFsync;
use keyspace::LogPosition;
use keyspace::log::{Log, Run};
use persist::aof::Writer;

use crate::clock::now;
use crate::increment::Increment;

/// What has to be changed together.
pub(super) struct State {
    pub(super) policy: AppendFsync,
    /// Whether the file tells when its commands were executed.
    pub(super) notes_times: bool,
    /// None while the append-only file is off.
    pub(super) increment: Option<Increment>,
    /// Effects that were just taken from the log; kept for its memory.
    pub(super) taken: Run,
    pub(super) writer: Writer,
    /// Bytes to append.
    pub(super) buffer: Vec<u8>,
    /// The places behind what is in the buffer, in the file and on disk.
    pub(super) encoded: LogPosition,
    pub(super) written: LogPosition,
    pub(super) synced: LogPosition,
    /// How much of the increment is on disk.
    pub(super) synced_bytes: u64,
    pub(super) last_sync_ns: u64,
    /// Between a snapshot and the first write behind it.
    pub(super) is_switching: bool,
    pub(super) trouble: Option<Trouble>,
    /// Whether a sync of the increment at hand has failed, so that a rewrite which it follows does not help.
    pub(super) is_doubted: bool,
}

impl State {
    /// Of a journal that is off.
    pub(super) fn new() -> Self {
        Self {
            policy: AppendFsync::EverySecond,
            notes_times: false,
            increment: None,
            taken: Run::default(),
            writer: Writer::default(),
            synced_bytes: 0,
            buffer: Vec::new(),
            encoded: LogPosition(0),
            written: LogPosition(0),
            synced: LogPosition(0),
            last_sync_ns: 0,
            is_switching: false,
            trouble: None,
            is_doubted: false,
        }
    }

    /// Whether workers write; else the persistence thread does.
    pub(super) fn workers_write(&self) -> bool {
        self.policy != AppendFsync::Always && !self.is_switching && self.trouble.is_none()
    }

    /// Encodes what the log holds, behind what could not be written.
    pub(super) fn encode(&mut self, log: &Log) {
        self.encoded = log.take(&mut self.taken);
        if self.increment.is_some() && !self.taken.is_empty() {
            let now = now().unix;
            if self.notes_times {
                self.writer.note_time(now, &mut self.buffer);
            }
            self.writer.push_all(&self.taken, now, self.synced_bytes, &mut self.buffer);
        }
        self.taken.clear();
    }

    /// How far the log has come, as the policy promises. Without a file it promises nothing.
    pub(super) fn reached(&self) -> LogPosition {
        let must_be_synced = self.policy == AppendFsync::Always && self.increment.is_some();
        if must_be_synced { self.synced } else { self.written }
    }
}

/// Why writes are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// An append failed.
    Append,
    /// A sync failed: only a rewrite helps.
    Sync,
}

impl Trouble {
    /// What follows from it, and what to do.
    pub(super) fn remedy(self) -> &'static str {
        match self {
            Self::Append => {
                "Writes are refused, and what could not be written is kept and tried again every second: make room, or mend \
                 the disk"
            }
            Self::Sync => {
                "Writes are refused, and nothing is acknowledged until all data is in new files, which are being written: \
                 look after the disk"
            }
        }
    }
}
