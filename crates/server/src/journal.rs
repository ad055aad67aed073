//! The journal: one thread that puts the effects of all workers into the append-only file.
//!
//! ```text
//!   runs of workers ─► Merger (by stamp) ─► Writer (SELECT, MULTI) ─► increment ─► fsync ─► released
//! ```
//! With `appendfsync always` one sync serves everything that had arrived (group commit), and only then the position is
//! published and the workers let their replies go. With `everysec` and `no` it is published as soon as the bytes are
//! written: they outlive the process, and the sync, within a second or when the system likes, lets them outlive the
//! machine.
//!
//! A failed append is tried again every second; meanwhile writes are refused and nothing that was acknowledged is given
//! up, because it stays in the buffer. After a failed sync the file cannot be trusted: writes are refused until a
//! rewrite has put all data into new files.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use config::{AppendFsync, Param};
use keyspace::LogPosition;
use keyspace::log::Merger;
use node::{JournalLetter, Mail, Node};
use persist::aof::Writer;
use tracing::{error, info};

use crate::aof::{AofFolder, Increment};
use crate::clock::monotonic_ns;
use crate::machine::ServerMachine;

const SECOND_NS: u64 = 1_000_000_000;

/// See the module's text.
pub struct Journal {
    node: Arc<Node>,
    machine: Arc<ServerMachine>,
    folder: AofFolder,
    /// None while the append-only file is off.
    increment: Option<Increment>,
    merger: Merger,
    writer: Writer,
    /// Bytes to append.
    buffer: Vec<u8>,
    /// Positions at which a new increment begins.
    cuts: VecDeque<LogPosition>,
    /// The first increment that a rewrite in progress keeps.
    first_kept: u64,
    policy: AppendFsync,
    /// When the oldest append was made that is not synced.
    unsynced_since_ns: Option<u64>,
    /// A sync failed: only a rewrite helps.
    distrusted: bool,
    finishing: bool,
}

impl Journal {
    /// A journal that goes on with a folder whose data has been loaded.
    pub fn new(node: Arc<Node>, machine: Arc<ServerMachine>, mut folder: AofFolder) -> Result<Self, String> {
        let is_on = node.shared.config.read().yes(Param::Appendonly);
        let increment = is_on.then(|| folder.continue_increment()).transpose()?;
        let workers = node.shared.statistics.len();
        let merger = Merger::new(workers, node.shared.keyspace.position());
        machine.set_aof_sizes(folder.data_bytes(), folder.data_bytes());
        let policy = node.shared.config.read().append_fsync();
        Ok(Self {
            node,
            machine,
            folder,
            increment,
            merger,
            writer: Writer::new(),
            buffer: Vec::new(),
            cuts: VecDeque::new(),
            first_kept: 0,
            policy,
            unsynced_since_ns: None,
            distrusted: false,
            finishing: false,
        })
    }

    /// The thread's body.
    pub fn run(mut self) {
        let mut letters = Vec::new();
        while !self.finishing {
            self.machine.journal_letters(&mut letters);
            if letters.is_empty() {
                std::thread::park_timeout(self.patience());
            }
            for letter in letters.drain(..) {
                self.take(letter);
            }
            self.advance();
        }
        self.finish();
    }

    /// How long to wait for letters: until the next sync or retry is due.
    fn patience(&self) -> Duration {
        let second = Duration::from_secs(1);
        match self.unsynced_since_ns {
            Some(since) if self.policy == AppendFsync::EverySecond => {
                Duration::from_nanos((since + SECOND_NS).saturating_sub(monotonic_ns()))
            }
            _ => second,
        }
    }

    fn take(&mut self, letter: JournalLetter) {
        match letter {
            JournalLetter::Run { worker, run } => self.merger.push(worker, run),
            JournalLetter::Cut(position) => self.cuts.push_back(position),
            JournalLetter::Base(result) => self.finish_rewrite(result),
            JournalLetter::Configured => self.configure(),
            JournalLetter::Finish => self.finishing = true,
        }
    }

    fn configure(&mut self) {
        let config = self.node.shared.config.read();
        self.policy = config.append_fsync();
        if !config.yes(Param::Appendonly) && self.cuts.is_empty() {
            self.increment = None;
        }
    }

    /// Writes what is complete, up to and across cuts, and syncs if the policy says so.
    fn advance(&mut self) {
        loop {
            let limit = self.cuts.front().copied().unwrap_or(LogPosition(u64::MAX));
            let (writer, buffer) = (&mut self.writer, &mut self.buffer);
            self.merger.drain(limit, &mut |record, text| writer.push(record, text, buffer));
            self.writer.finish_unit(&mut self.buffer);
            self.append();
            if self.cuts.is_empty() || self.merger.position() < limit || !self.begin_increment() {
                break;
            }
        }
        self.sync_if_due();
    }

    /// The log has reached a cut: what follows goes into a new increment.
    fn begin_increment(&mut self) -> bool {
        self.sync();
        match self.folder.next_increment() {
            Ok(increment) => {
                self.cuts.pop_front();
                // What could not be written before the cut is in the snapshot that is being saved.
                self.buffer.clear();
                self.increment = Some(increment);
                self.first_kept = self.folder.last_sequence();
                self.writer.restart();
                true
            }
            Err(reason) => {
                self.refuse(&reason);
                false
            }
        }
    }

    fn append(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        let Some(increment) = &mut self.increment else {
            self.buffer.clear();
            return;
        };
        match increment.append(&self.buffer) {
            Ok(()) => {
                self.machine.add_aof_bytes(self.buffer.len() as u64);
                self.buffer.clear();
                self.buffer.shrink_to(1 << 20);
                self.unsynced_since_ns.get_or_insert_with(monotonic_ns);
                self.accept();
            }
            Err(reason) => self.refuse(&reason),
        }
    }

    fn sync_if_due(&mut self) {
        let due = match self.policy {
            AppendFsync::Always => true,
            AppendFsync::EverySecond => {
                self.unsynced_since_ns.is_some_and(|since| monotonic_ns() >= since + SECOND_NS)
            }
            AppendFsync::Never => false,
        };
        if due {
            self.sync();
        }
        let is_safe = self.unsynced_since_ns.is_none() && self.buffer.is_empty();
        if self.policy != AppendFsync::Always || is_safe {
            self.publish();
        }
    }

    fn sync(&mut self) {
        if self.unsynced_since_ns.is_none() {
            return;
        }
        let Some(increment) = &mut self.increment else { return };
        match increment.sync() {
            Ok(()) => self.unsynced_since_ns = None,
            Err(reason) => {
                self.distrusted = true;
                self.refuse(&format!("{reason}. The file cannot be trusted any more; run BGREWRITEAOF"));
            }
        }
    }

    /// Tells the workers how far the log has come.
    fn publish(&mut self) {
        if self.distrusted || !self.machine.set_released(self.merger.position()) {
            return;
        }
        for worker in 0..self.node.shared.identity.threads {
            node::Machine::post(&*self.machine, worker, Mail::Released);
        }
    }

    /// The new base is there: from now on the manifest names it.
    fn finish_rewrite(&mut self, result: Result<String, String>) {
        self.advance();
        let installed = result.and_then(|name| self.folder.install_base(&name, self.first_kept));
        let is_ok = installed.is_ok();
        match installed {
            Ok(()) => {
                info!("the append-only file has been rewritten");
                self.distrusted = false;
                self.accept();
            }
            Err(reason) => error!("rewriting the append-only file failed: {reason}"),
        }
        let bytes = self.folder.data_bytes();
        self.machine.finish_rewrite(is_ok, bytes);
    }

    fn refuse(&self, reason: &str) {
        if self.machine.set_aof_ok(false) {
            error!("writing the append-only file failed: {reason}. Writes are refused until it works again");
        }
        self.node.refuse_writes(Some(reason.to_owned()));
    }

    fn accept(&self) {
        if !self.distrusted && self.machine.set_aof_ok(true) {
            info!("the append-only file can be written again");
            self.node.refuse_writes(None);
        }
    }

    /// Everything is written and synced before the process ends.
    fn finish(&mut self) {
        self.advance();
        self.sync();
        if !self.buffer.is_empty() {
            error!("{} bytes of the append-only file could not be written", self.buffer.len());
        }
    }
}
