//! What the journal changes under its lock: the places the log has come to, the bytes in between, and how old they are.

use std::path::PathBuf;
use std::sync::Arc;

use config::AppendFsync;
use keyspace::LogPosition;
use keyspace::log::{Log, Run};
use persist::aof::{End, Writer};

use crate::clock::{monotonic_ns, now};
use crate::increment::{FaultKind, Increment};
use crate::replication::Replication;

/// With `everysec`, how old an effect may become before it is on disk: nothing more is acknowledged then.
const MAX_UNSYNCED_NS: u64 = 1_000_000_000;
/// When a sync is begun, so that it has ended by then even if the disk takes its time.
const SYNC_AFTER_NS: u64 = MAX_UNSYNCED_NS / 2;

/// With `always`, workers sync what they write as long as a sync takes less than this. Up to here it costs no more to wait than to
/// hand it over and be told of its end, and a worker's other clients wait for half as long as a turn may take.
pub(super) const QUICK_SYNC_NS: u64 = 100_000;
/// The part of the newest sync in how long they take.
const SYNC_WEIGHT: u64 = 8;

/// How long an append for which there was no room is not tried again.
const RETRY_NS: u64 = 1_000_000_000;
/// Bytes that may gather while nothing can be written. Commands that write are refused then, but keys and fields that are due go,
/// and so do those that are evicted.
const MAX_GATHERED_BYTES: usize = 64 << 20;

/// What has to be changed together.
pub(super) struct State {
    /// Who gets everything that is taken from the log.
    replication: Arc<Replication>,
    pub(super) policy: AppendFsync,
    /// Whether the file tells when its commands were executed.
    pub(super) notes_times: bool,
    /// None while the append-only file is off.
    pub(super) increment: Option<Increment>,
    /// Whether it is there for a backup alone, while the append-only file is off: nothing is promised of it, and if it cannot be
    /// written, it is let go.
    pub(super) is_aside: bool,
    /// Why that had to be done.
    pub(super) lost: Option<String>,
    /// Whether it says that it has batches.
    pub(super) is_announced: bool,
    /// What takes the place of that when the new base is there, if it must not grow until then.
    pub(super) next: Option<NextIncrement>,
    /// Effects that were just taken from the log; kept for its memory.
    pub(super) taken: Run,
    pub(super) writer: Writer,
    /// Bytes to append.
    pub(super) buffer: Vec<u8>,
    /// The places behind what is in the buffer, in the file and on disk.
    pub(super) encoded: LogPosition,
    pub(super) written: LogPosition,
    pub(super) synced: LogPosition,
    /// The place of the last snapshot, and when it was taken.
    pub(super) cut: LogPosition,
    pub(super) cut_ns: u64,
    /// How much of the increment is on disk.
    pub(super) synced_bytes: u64,
    /// Since when something has been waiting for the next sync, and for the one that is being made.
    pub(super) unsynced_since_ns: Option<u64>,
    syncing_since_ns: Option<u64>,
    /// Whether one is being made.
    pub(super) is_syncing: bool,
    /// Whether the second is over and replies wait for the disk, which has been told.
    is_late: bool,
    /// How long syncs take, the last ones above all.
    pub(super) sync_ns: u64,
    /// Between a snapshot and the first write behind it.
    pub(super) is_switching: bool,
    pub(super) trouble: Option<Trouble>,
    /// Bytes that waited when it began, and how many more may.
    waited_bytes: usize,
    pub(super) max_gathered_bytes: usize,
    /// When an append for which there was no room is tried again.
    next_try_ns: u64,
    /// Whether the increment at hand cannot be trusted, so that a rewrite which it follows does not help.
    pub(super) is_doubted: bool,
    /// Failed writes and syncs.
    pub(super) failures: u64,
}

impl State {
    /// Of a journal that is off.
    pub(super) fn new(replication: Arc<Replication>) -> Self {
        Self {
            replication,
            policy: AppendFsync::EverySecond,
            notes_times: false,
            increment: None,
            is_aside: false,
            lost: None,
            is_announced: true,
            next: None,
            taken: Run::default(),
            writer: Writer::default(),
            synced_bytes: 0,
            buffer: Vec::new(),
            encoded: LogPosition(0),
            written: LogPosition(0),
            synced: LogPosition(0),
            cut: LogPosition(0),
            cut_ns: 0,
            unsynced_since_ns: None,
            syncing_since_ns: None,
            is_syncing: false,
            is_late: false,
            sync_ns: 0,
            is_switching: false,
            trouble: None,
            waited_bytes: 0,
            max_gathered_bytes: MAX_GATHERED_BYTES,
            next_try_ns: 0,
            is_doubted: false,
            failures: 0,
        }
    }

    /// Whether there is an append-only file.
    pub(super) fn is_on(&self) -> bool {
        self.increment.is_some() && !self.is_aside
    }

    /// When what is written is synced.
    pub(super) fn policy(&self) -> AppendFsync {
        if self.is_on() { self.policy } else { AppendFsync::Never }
    }

    /// Whether workers write; else the persistence thread does.
    pub(super) fn workers_write(&self) -> bool {
        let is_slow = self.policy() == AppendFsync::Always && self.sync_ns >= QUICK_SYNC_NS;
        !is_slow && !self.is_switching && self.trouble.is_none() && self.is_announced
    }

    /// Encodes what the log holds, behind what could not be written.
    pub(super) fn encode(&mut self, log: &Log) {
        self.encoded = log.take(&mut self.taken);
        self.replication.feed(&self.taken, self.encoded);
        if self.increment.is_some() && !self.taken.is_empty() {
            let now = now().unix;
            if self.notes_times {
                self.writer.note_time(now, &mut self.buffer);
            }
            let synced_bytes = if self.next.is_some() { 0 } else { self.synced_bytes };
            self.writer.push_all(&self.taken, now, synced_bytes, &mut self.buffer);
            self.unsynced_since_ns.get_or_insert_with(monotonic_ns);
        }
        self.taken.clear();
    }

    /// What could not be written has been so much that it is not kept any longer: only a new generation of files holds it, one
    /// that begins from now on. True if it was.
    pub(super) fn forgets_what_gathered(&mut self) -> bool {
        let gathered = self.buffer.len().saturating_sub(self.waited_bytes);
        if self.trouble.is_none() || gathered <= self.max_gathered_bytes {
            return false;
        }
        self.buffer = Vec::new();
        self.next = None;
        self.begin_trouble(Trouble::Untrusted);
        self.is_doubted = true;
        true
    }

    /// From now on writes are refused.
    pub(super) fn begin_trouble(&mut self, trouble: Trouble) {
        self.trouble = Some(trouble);
        self.waited_bytes = self.buffer.len();
    }

    /// Nothing may be written behind what is not safe: what follows would stand behind a gap.
    pub(super) fn may_write(&self) -> bool {
        self.trouble != Some(Trouble::Untrusted)
    }

    /// Whether an append is to be tried now: a full disk is not asked at every turn.
    pub(super) fn is_to_append(&self) -> bool {
        self.is_announced && self.may_try()
    }

    /// Whether the announcement of batches is to be appended now, since there are some.
    pub(super) fn is_to_announce(&self) -> bool {
        !self.is_announced && !self.buffer.is_empty() && self.may_try()
    }

    fn may_try(&self) -> bool {
        self.may_write() && self.next.is_none() && self.next_try().is_none_or(|next| monotonic_ns() >= next)
    }

    /// Whether an append that failed may be tried again.
    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.trouble, Some(Trouble::Full | Trouble::TooLong))
    }

    /// When that is done; a rewrite that goes on is waited for.
    pub(super) fn next_try(&self) -> Option<u64> {
        (self.is_waiting() && self.next.is_none()).then_some(self.next_try_ns)
    }

    /// There was no room.
    pub(super) fn put_off(&mut self) {
        self.next_try_ns = monotonic_ns() + RETRY_NS;
    }

    /// Whether there is room or not is to be seen at once.
    pub(super) fn try_at_once(&mut self) {
        self.next_try_ns = 0;
    }

    /// How far the log has come, as the policy promises. Without a file it promises nothing.
    pub(super) fn reached(&self) -> LogPosition {
        let must_be_synced = match self.policy() {
            AppendFsync::Always => true,
            // A disk that is slow must not make the second longer.
            AppendFsync::EverySecond => self.unsynced_ns() > MAX_UNSYNCED_NS,
            AppendFsync::Never => false,
        };
        if must_be_synced && self.increment.is_some() { self.synced } else { self.written }
    }

    /// How long the oldest effect that is not on disk has been waiting.
    pub(super) fn unsynced_ns(&self) -> u64 {
        let oldest = self.syncing_since_ns.or(self.unsynced_since_ns);
        oldest.map_or(0, |since| monotonic_ns().saturating_sub(since))
    }

    /// The increment that is at hand, if some of it may not be on disk and a sync could be believed.
    pub(super) fn unsynced(&self) -> Option<&Increment> {
        let has_more =
            |increment: &&Increment| self.synced < self.written || self.synced_bytes < increment.length();
        self.increment.as_ref().filter(has_more).filter(|_| self.may_write())
    }

    /// With `everysec`: when the next sync is due, if anything waits for it.
    pub(super) fn next_sync_ns(&self) -> Option<u64> {
        let is_timed = self.policy() == AppendFsync::EverySecond && self.unsynced().is_some();
        self.unsynced_since_ns.filter(|_| is_timed).map(|since| since + SYNC_AFTER_NS)
    }

    /// Replies up to here may go. Whether this is the first time that some have to wait for a late sync.
    pub(super) fn becomes_late(&mut self, reached: LogPosition) -> bool {
        let is_timed = self.policy() == AppendFsync::EverySecond && self.trouble.is_none();
        is_timed && reached < self.written && !std::mem::replace(&mut self.is_late, true)
    }

    /// A sync begins: what is written from now on waits for the next one.
    pub(super) fn begin_sync(&mut self) {
        self.is_syncing = true;
        self.syncing_since_ns = self.unsynced_since_ns;
        if self.buffer.is_empty() {
            self.unsynced_since_ns = None;
        }
    }

    /// It has ended, after so long. If it was too late: how.
    pub(super) fn end_sync(&mut self, is_ok: bool, ns: u64) -> Option<Late> {
        self.sync_ns = (self.sync_ns * (SYNC_WEIGHT - 1) + ns) / SYNC_WEIGHT;
        self.is_syncing = false;
        let is_timed = self.policy() == AppendFsync::EverySecond && self.trouble.is_none();
        let unsynced_ns = self.unsynced_ns();
        let was_told = std::mem::take(&mut self.is_late);
        let late = (is_timed && unsynced_ns > MAX_UNSYNCED_NS).then_some(Late { unsynced_ns, was_told });
        let since = self.syncing_since_ns.take();
        if !is_ok {
            self.unsynced_since_ns = since.or(self.unsynced_since_ns);
        }
        late
    }

    /// An increment begins, or there is none any more. What it holds may not be on disk yet, and what could not be trusted before
    /// is not until the new base is there.
    pub(super) fn set_increment(&mut self, increment: Option<Increment>, synced_bytes: u64) {
        let has_unsynced = increment.as_ref().is_some_and(|increment| increment.length() > synced_bytes);
        let untrusted = self.unsynced_since_ns.filter(|_| !self.may_write());
        self.unsynced_since_ns = untrusted.or_else(|| has_unsynced.then(monotonic_ns));
        self.synced_bytes = synced_bytes;
        self.increment = increment;
        self.is_announced = true; // all that are made here do
        self.is_doubted = false;
    }

    /// The increment of a backup is let go: nothing waits for it any more.
    pub(super) fn end_aside(&mut self) {
        self.buffer = Vec::new();
        self.trouble = None;
        self.set_increment(None, 0);
        self.is_aside = false;
        self.written = self.encoded;
        // What changes from now on stands nowhere.
        self.writer.break_chain();
    }

    /// Where the increment at hand ends, if it is sound and all of it is on disk, and everything stands in it that is to.
    pub(super) fn end(&self) -> Option<Closed> {
        let is_there = |increment: &&Increment| self.synced_bytes >= increment.length();
        let is_all = self.trouble.is_none() && self.buffer.is_empty();
        let increment = self.increment.as_ref().filter(is_there).filter(|_| is_all)?;
        let end = End { length: increment.length(), chain: self.writer.chain() };
        Some(Closed { path: increment.path().to_owned(), end })
    }

    /// The new base holds what could not be trusted; what has changed behind it is no older than it.
    pub(super) fn trust(&mut self) {
        self.trouble = None;
        self.catch_up();
        let has_more = !self.buffer.is_empty() || self.unsynced().is_some();
        self.unsynced_since_ns = has_more.then_some(self.cut_ns);
    }

    /// The new base is there: the increment begins that has waited for it.
    pub(super) fn take_next(&mut self) {
        if let Some(NextIncrement { increment, covered }) = self.next.take() {
            self.buffer.drain(..covered);
            let synced_bytes = increment.length();
            self.set_increment(Some(increment), synced_bytes);
            self.begin_trouble(Trouble::Untrusted); // until what is in the buffer follows
        }
    }

    /// Everything up to the last snapshot is on disk, wherever.
    pub(super) fn catch_up(&mut self) {
        self.written = self.written.max(self.cut);
        self.synced = self.synced.max(self.cut);
    }
}

/// A sync that has ended too late for what is promised with `everysec`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Late {
    /// How long the oldest change has waited.
    pub(super) unsynced_ns: u64,
    /// Whether it was told while replies waited.
    pub(super) was_told: bool,
}

/// An increment to which nobody writes any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// Its file.
    pub path: PathBuf,
    /// Where it ends; all of it is on disk.
    pub end: End,
}

/// An increment for what lies behind a snapshot, while what lies before it cannot be appended.
pub(super) struct NextIncrement {
    pub(super) increment: Increment,
    /// So many bytes of the buffer are in the snapshot.
    pub(super) covered: usize,
}

/// Why writes are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// There is no room.
    Full,
    /// The increment must not grow any more: a new generation of files is shorter.
    TooLong,
    /// An append or a sync failed, so that nobody knows what is on disk: only a new generation of files helps.
    Untrusted,
}

impl Trouble {
    /// What a failed append leads to.
    pub(super) fn of(kind: FaultKind) -> Self {
        match kind {
            FaultKind::NoRoom => Self::Full,
            FaultKind::TooLong => Self::TooLong,
            FaultKind::Unknown => Self::Untrusted,
        }
    }

    /// What follows from it, and what to do.
    pub(super) fn remedy(self) -> &'static str {
        match self {
            Self::Full => {
                "Writes are refused, and what could not be written is kept and tried again every second: make room, or mend \
                 the disk"
            }
            Self::TooLong => {
                "Writes are refused until a rewrite has made shorter files, or the limit of file sizes (ulimit -f, or that of the file \
                 system) is raised"
            }
            Self::Untrusted => {
                "Writes are refused, and nothing is acknowledged until all data is in new files, which are being written: \
                 look after the disk"
            }
        }
    }
}
