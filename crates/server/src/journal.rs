//! The journal: how the log of effects gets into the append-only file, and when replies may go.
//!
//! ```text
//!   log ─► Writer (SELECT, MULTI) ─► buffer ─► increment ─► released        everysec, no: at the end of a worker's turn
//!                                                  └─► fsync ─► released    always: there, too, or on the persistence thread
//! ```
//! With `everysec` and `no` a worker writes whatever the log holds at the end of its turn, its own effects and those
//! of others, and its replies go in the same turn: the bytes outlive the process. If another worker is writing, that
//! one writes for it, too (`pen`), and a letter tells when its replies may go. The sync that lets the bytes outlive
//! the machine is left to the persistence thread. With `always` whoever writes syncs as well, and one sync serves all
//! workers that wait (group commit). That is a worker, as long as syncs take no longer than it would take to have
//! another thread do it; else the persistence thread writes and syncs, and workers read and execute meanwhile.
//!
//! While a rewrite switches to its increment, what lies before the snapshot must be on disk before anything behind it
//! is written, so workers leave the writing to the persistence thread for the time of that one sync.
//!
//! If there is no room, the append is tried again every second; meanwhile writes are refused and nothing that was
//! acknowledged is given up, because it stays in the buffer. What gathers there is bounded: if it becomes too much,
//! it is as after a failed sync. If only the file must not grow any more, a rewrite makes shorter ones: it goes on
//! with them when its base is there, and if that fails, with what there was. After any other failed append, and after
//! a failed sync, the file cannot be trusted: nothing more is written to it or acknowledged until a rewrite that
//! began after it has put all data into new files. What changes meanwhile waits in the buffer, for in the new
//! increment it would stand behind a gap as long as the old base is in force.
//!
//! What a rewrite wants of the journal is in `rewrite`, and what backups want in `backup`.
//!
//! With `everysec` a sync begins half a second after the oldest effect that waits for one, and if the disk does not
//! answer within the other half, replies wait for it: what was acknowledged within one second is the most that a
//! power cut can cost.

mod backup;
mod pen;
mod promises;
mod rewrite;
mod state;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use config::AppendFsync;
use engine::Shared;
use engine::latency::Cause;
use engine::shared::WriteBlock;
use keyspace::LogPosition;
use keyspace::log::Log;
use node::Mailbox;
use parking_lot::{Condvar, Mutex};
use persist::aof::{ANNOUNCEMENT, Chain, Writer};
use tracing::{error, info, warn};

use crate::clock::{monotonic_ns, now};
use crate::increment::{Fault, Increment};
use crate::replication::Replication;
use crate::shared::Letter;
use pen::{Effort, Outcome, Pen};
use promises::Promises;
pub use rewrite::Switched;
pub use state::Closed;
use state::{Late, State, Trouble};

/// Buffers that grew beyond this many bytes are given back once they are written.
const KEPT_BYTES: usize = 1 << 20;

const NS_PER_MS: u64 = 1_000_000;

/// See the module's text.
pub struct Journal {
    promises: Promises,
    /// Which of the workers writes.
    pen: Pen,
    state: Mutex<State>,
    /// Held while syncing and while the increment is exchanged: of two syncs of one file at a time the system would tell
    /// an error to one only, and the other would promise what is not on disk.
    syncing: Mutex<()>,
    /// Whether workers write; else the persistence thread does.
    workers_write: AtomicBool,
    /// Bytes of all files.
    size: AtomicU64,
    /// Bytes that could not be written yet.
    buffered: AtomicU64,
    /// Whether the persistence thread has something to do, or has to learn when the next sync is due.
    thread_wanted: AtomicBool,
    /// How long an append is made to take longer, for tests.
    delay_us: AtomicU64,
}

/// Where an increment goes on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Place {
    /// What its first batch follows on.
    pub chain: Chain,
    /// How much of it is known to be on disk.
    pub synced_bytes: u64,
    /// Whether it says that it has batches; that of Redis does not.
    pub is_announced: bool,
}

/// What INFO tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Whether there is an append-only file.
    pub is_on: bool,
    /// Whether writing fails.
    pub has_trouble: bool,
    /// Failed writes and syncs since the start.
    pub failures: u64,
    /// How long the oldest effect that is not on disk has been waiting.
    pub unsynced_ms: u64,
    /// Whether a sync is being made.
    pub is_syncing: bool,
}

/// Interface of workers.
impl Journal {
    /// A journal that is off.
    pub fn new(mailboxes: Vec<Arc<Mailbox<Letter>>>, replication: Arc<Replication>) -> Self {
        Self {
            promises: Promises::new(mailboxes),
            pen: Pen::new(),
            state: Mutex::new(State::new(replication)),
            syncing: Mutex::new(()),
            workers_write: AtomicBool::new(true),
            size: AtomicU64::new(0),
            buffered: AtomicU64::new(0),
            thread_wanted: AtomicBool::new(false),
            delay_us: AtomicU64::new(0),
        }
    }

    /// The place up to which replies may go.
    pub fn released(&self) -> LogPosition {
        self.promises.released()
    }

    /// A worker needs the log to be released up to a position. False: it will be told to look again.
    pub fn release(&self, shared: &Shared, worker: usize, position: LogPosition) -> bool {
        if self.workers_write.load(Ordering::Acquire) {
            let write = || self.write_as_worker(shared);
            match self.pen.write_or_ask(&self.promises, worker, position, write) {
                Outcome::Reached => return true,
                Outcome::Asked => return false,
                Outcome::Wrote => {}
            }
        }
        let is_there = self.promises.await_release(worker, position);
        // If workers cannot write any more, others may have asked in vain.
        if !is_there || !self.workers_write.load(Ordering::Acquire) {
            self.thread_wanted.store(true, Ordering::Release);
        }
        is_there
    }

    /// How far the file has been synced; `None` while there is none.
    pub fn synced(&self) -> Option<LogPosition> {
        self.promises.synced()
    }

    /// A worker has clients that wait for the next sync.
    pub fn await_sync(&self, worker: usize) {
        self.promises.await_sync(worker);
    }

    /// Bytes of all files, and bytes that could not be written yet.
    pub fn sizes(&self) -> (u64, u64) {
        (self.size.load(Ordering::Relaxed), self.buffered.load(Ordering::Relaxed))
    }

    /// What INFO tells.
    pub fn figures(&self) -> Figures {
        let state = self.state.lock();
        Figures {
            is_on: state.is_on(),
            has_trouble: state.trouble.is_some(),
            failures: state.failures,
            unsynced_ms: state.unsynced_ns() / NS_PER_MS,
            is_syncing: state.is_syncing,
        }
    }

    /// Whether the persistence thread has to be woken, because it has something to do or to learn when the next sync is due; true
    /// once.
    pub fn wants_thread(&self) -> bool {
        self.thread_wanted.load(Ordering::Relaxed) && self.thread_wanted.swap(false, Ordering::AcqRel)
    }

    /// Whether there is an append-only file.
    pub fn is_on(&self) -> bool {
        self.state.lock().is_on()
    }

    /// From now on whoever appends waits so long before (DEBUG AOF-FLUSH-SLEEP).
    pub fn delay_appends(&self, us: u64) {
        self.delay_us.store(us, Ordering::Relaxed);
    }
}

/// Interface of the persistence thread.
impl Journal {
    /// Begins to append to an increment of files that have so many bytes. What of it may not be on disk is synced with what follows.
    pub fn open(&self, increment: Increment, place: Place, size: u64) {
        let mut state = self.state.lock();
        state.set_increment(Some(increment), place.synced_bytes);
        state.is_announced = place.is_announced;
        state.writer = Writer::new(place.chain);
        self.show(&state);
        self.tell_synced(&state);
        self.set_size(size);
    }

    /// The files have so many bytes, since some were added or removed.
    pub fn set_size(&self, size: u64) {
        self.size.store(size, Ordering::Relaxed);
    }

    /// Ends appending; nothing is recorded any more.
    pub fn close(&self, shared: &Shared) {
        let _turn = self.syncing.lock();
        self.write_at_once_in_turn(shared);
        self.sync_in_turn(shared);
        let mut state = self.state.lock();
        let had_trouble = state.trouble.take().is_some();
        state.set_increment(None, 0);
        state.next = None;
        state.buffer.clear();
        if had_trouble {
            self.accept(&state, shared);
        }
        self.write(&mut state, shared);
        // What changes while it is off stands nowhere.
        state.writer.break_chain();
        self.tell_synced(&state);
    }

    /// The server ends: everything is written and synced. `Err`: it is not, and why.
    pub fn finish(&self, shared: &Shared) -> Result<(), String> {
        self.abandon_switch();
        {
            let _turn = self.syncing.lock();
            self.write_at_once_in_turn(shared);
            self.sync_in_turn(shared);
        }
        let state = self.state.lock();
        match state.trouble {
            None => Ok(()),
            Some(Trouble::Full | Trouble::TooLong) => Err(format!(
                "the append-only file lacks the last {} bytes, for which there was no room. They were never acknowledged",
                state.buffer.len()
            )),
            Some(Trouble::Untrusted) => Err("the append-only file may lack the last changes, since it could not be \
                 written or synced, and no rewrite has ended well after that. What has not been acknowledged may be lost, and unless \
                 `appendfsync` is `always`, what was acknowledged after the last sync"
                .to_owned()),
        }
    }

    /// How often syncs are made, and whether times are noted, has changed.
    pub fn configure(&self, policy: AppendFsync, notes_times: bool) {
        let mut state = self.state.lock();
        state.policy = policy;
        state.notes_times = notes_times;
        self.show(&state);
    }

    /// Writes what is there and syncs it if that is due.
    pub fn advance(&self, shared: &Shared) {
        if !self.state.lock().is_announced {
            let _turn = self.syncing.lock();
            self.announce_in_turn(shared);
        }
        let is_due = {
            let mut state = self.state.lock();
            self.write(&mut state, shared);
            match state.policy() {
                AppendFsync::Always => true,
                AppendFsync::EverySecond => state.next_sync_ns().is_some_and(|due| monotonic_ns() >= due),
                AppendFsync::Never => false,
            }
        };
        if is_due {
            self.sync(shared);
        }
    }

    /// When [`Journal::advance`] has to be called at the latest, if anything waits for it.
    pub fn next_advance_ns(&self) -> Option<u64> {
        let state = self.state.lock();
        state.next_sync_ns().into_iter().chain(state.next_try()).min()
    }

    /// Syncs what has been written. Workers go on writing meanwhile.
    pub fn sync(&self, shared: &Shared) {
        let _turn = self.syncing.lock();
        self.sync_in_turn(shared);
    }

    /// Takes what the log holds, so that replicas get it; it is written later. Gives the place behind it.
    pub fn drain(&self, log: &Log) -> LogPosition {
        let mut state = self.state.lock();
        state.encode(log);
        state.encoded
    }
}

impl Journal {
    /// Writes, and syncs if replies wait for that.
    fn write_as_worker(&self, shared: &Shared) -> Effort {
        {
            let mut state = self.state.lock();
            // A snapshot may have been taken meanwhile, or an append may have failed.
            if !state.workers_write() {
                return Effort::Small;
            }
            self.write(&mut state, shared);
            if state.policy() != AppendFsync::Always {
                return Effort::Small;
            }
        }
        match self.syncing.try_lock() {
            Some(_turn) => self.sync_in_turn(shared),
            // The persistence thread is at it, perhaps since before this was written.
            None => self.thread_wanted.store(true, Ordering::Release),
        }
        Effort::Large
    }

    fn write_at_once_in_turn(&self, shared: &Shared) {
        self.state.lock().try_at_once();
        self.announce_in_turn(shared);
        self.write(&mut self.state.lock(), shared);
    }

    /// Takes what the log holds, and appends it.
    fn write(&self, state: &mut State, shared: &Shared) {
        if !state.is_switching {
            let had_timer = state.next_sync_ns().is_some();
            state.encode(shared.keyspace.log());
            if state.forgets_what_gathered() {
                error!(
                    "what has changed while the append-only file could not be written is too much to be kept for it. {}",
                    Trouble::Untrusted.remedy()
                );
            }
            self.append(state, shared);
            self.publish(state, shared);
            if !had_timer && state.next_sync_ns().is_some() {
                self.thread_wanted.store(true, Ordering::Release);
            }
        }
    }

    fn append(&self, state: &mut State, shared: &Shared) {
        let may_write = state.is_to_append();
        let result = match &mut state.increment {
            Some(increment) if !state.buffer.is_empty() => may_write.then(|| {
                let began_ns = shared.latency_clock();
                self.wait_before_append();
                let result = increment.append(&state.buffer);
                if let Some(began_ns) = began_ns {
                    note_append(shared, state.is_syncing, monotonic_ns().saturating_sub(began_ns));
                }
                result
            }),
            _ => Some(Ok(())),
        };
        self.buffered.store(state.buffer.len() as u64, Ordering::Relaxed);
        let Some(result) = result else { return };
        match result {
            Ok(()) => {
                self.size.fetch_add(state.buffer.len() as u64, Ordering::Relaxed);
                state.buffer.clear();
                state.buffer.shrink_to(KEPT_BYTES);
                state.written = state.encoded;
                if state.is_waiting() {
                    state.trouble = None;
                    self.accept(state, shared);
                }
            }
            Err(fault) => self.refuse(state, shared, Trouble::of(fault.kind), &fault),
        }
        self.buffered.store(state.buffer.len() as u64, Ordering::Relaxed);
    }

    fn wait_before_append(&self) {
        let delay_us = self.delay_us.load(Ordering::Relaxed);
        if delay_us > 0 {
            // Whoever parks takes the wake-up that the persistence thread gets for what comes next; this event never comes.
            let (never, mutex) = (Condvar::new(), Mutex::new(()));
            let mut guard = mutex.lock();
            let until_ns = monotonic_ns() + delay_us * 1000;
            while let Some(left) = until_ns.checked_sub(monotonic_ns()).filter(|&left| left > 0) {
                never.wait_for(&mut guard, std::time::Duration::from_nanos(left));
            }
        }
    }

    fn sync_in_turn(&self, shared: &Shared) {
        let (handle, position) = {
            let mut state = self.state.lock();
            let Some(handle) = state.unsynced().map(Increment::sync_handle) else { return };
            state.begin_sync();
            (handle, state.written)
        };
        let begin_ns = monotonic_ns();
        let result = handle.sync();
        let took_ns = monotonic_ns().saturating_sub(begin_ns);
        let mut state = self.state.lock();
        let late = state.end_sync(result.is_ok(), took_ns);
        if state.policy() == AppendFsync::Always {
            shared.note_latency(Cause::AofFsyncAlways, now().unix, took_ns);
        }
        match result {
            Ok(()) => {
                state.synced = position;
                state.synced_bytes = handle.length();
            }
            Err(fault) => self.refuse(&mut state, shared, Trouble::Untrusted, &fault),
        }
        self.show(&state);
        self.publish(&mut state, shared);
        self.tell_synced(&state);
        drop(state);
        if let Some(late) = late {
            tell_late(shared, late, took_ns);
        }
    }

    /// Has an increment that Redis has begun say that batches follow, before the first one: else nobody would know what a power cut
    /// leaves of that. Until then nothing else is written. Whoever calls it has the turn to sync.
    fn announce_in_turn(&self, shared: &Shared) {
        let handle = {
            let mut state = self.state.lock();
            if !state.is_switching {
                state.encode(shared.keyspace.log());
            }
            if !state.is_to_announce() {
                return;
            }
            let Some(increment) = &mut state.increment else { return };
            if let Err(fault) = increment.append(ANNOUNCEMENT) {
                return self.refuse(&mut state, shared, Trouble::of(fault.kind), &fault);
            }
            increment.sync_handle()
        };
        // Workers go on meanwhile. With every policy, for it must be the last thing in the file that a power cut can tear.
        let result = handle.sync();
        let mut state = self.state.lock();
        match result {
            Ok(()) => state.is_announced = true,
            Err(fault) => self.refuse(&mut state, shared, Trouble::Untrusted, &fault),
        }
        self.show(&state);
    }

    /// Lets go what may go. While the files cannot be trusted nothing may.
    fn publish(&self, state: &mut State, shared: &Shared) {
        if !state.may_write() {
            return;
        }
        let reached = state.reached();
        self.promises.release(reached);
        if state.becomes_late(reached) {
            warn!(
                "the AOF fsync is taking too long (is the disk busy?): changes have waited for it for {} ms. Replies to what writes wait \
                 until it has ended",
                state.unsynced_ns() / NS_PER_MS
            );
            shared.delayed_syncs.fetch_add(1, Ordering::Relaxed); // who sees it finds the line in the log
        }
    }

    /// Tells how far the file has been synced.
    fn tell_synced(&self, state: &State) {
        self.promises.set_synced(state.is_on().then_some(state.synced));
    }

    fn refuse(&self, state: &mut State, shared: &Shared, trouble: Trouble, fault: &Fault) {
        if state.is_aside {
            state.lost = Some(fault.text.clone());
            state.end_aside();
            return self.show(state);
        }
        if state.may_write() && state.trouble != Some(trouble) {
            error!("{}. {}", fault.text, trouble.remedy());
            state.begin_trouble(trouble);
        }
        if state.is_waiting() {
            state.put_off();
        }
        state.failures += 1;
        state.is_doubted |= trouble == Trouble::Untrusted;
        self.show(state);
        let refusal = format!("MISCONF Errors writing to the AOF file: {}", fault.cause);
        shared.refuse_writes(WriteBlock::Log, Some(refusal));
        // Replies that only show data need not wait for the disk.
        self.promises.wake_all();
    }

    /// There was trouble, and there is none any more.
    fn accept(&self, state: &State, shared: &Shared) {
        self.show(state);
        info!("the append-only file can be written again");
        shared.refuse_writes(WriteBlock::Log, None);
    }

    /// Lets the workers see who writes.
    fn show(&self, state: &State) {
        self.workers_write.store(state.workers_write(), Ordering::Release);
    }
}

/// An append took so long. Redis has two names for each.
fn note_append(shared: &Shared, is_syncing: bool, took_ns: u64) {
    let circumstance = if is_syncing { Cause::AofWritePendingFsync } else { Cause::AofWriteAlone };
    for cause in [Cause::AofWrite, circumstance] {
        shared.note_latency(cause, now().unix, took_ns);
    }
}

/// A sync came too late; it took so long. Once for each, whether or not replies have waited.
fn tell_late(shared: &Shared, late: Late, took_ns: u64) {
    let (took_ms, unsynced_ms) = (took_ns / NS_PER_MS, late.unsynced_ns / NS_PER_MS);
    let text = format!("{took_ms} ms, and changes were not on disk for up to {unsynced_ms} ms");
    if late.was_told {
        info!(
            "the AOF fsync that took too long has ended: it took {text}. Replies do not wait for it any more"
        );
    } else {
        warn!("the AOF fsync has taken too long (is the disk busy?): {text}");
        shared.delayed_syncs.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
