//! What backups want of the journal: an increment that ends behind a batch and is on disk, or one of their own.
//!
//! While the append-only file is off, a backup may have an increment *aside*: nothing is promised of it, no reply
//! waits for it, and the first fault lets it go.

use std::sync::atomic::Ordering;

use engine::Shared;

use super::Journal;
use super::state::Closed;
use crate::increment::Increment;

/// Why nothing can be copied.
const TROUBLE: &str =
    "the append-only file cannot be written now, so it does not hold all data: see the log of the server";

impl Journal {
    /// Writes and syncs everything. Gives how many bytes of the increment are on disk then, all of them whole batches.
    pub fn settle(&self, shared: &Shared) -> Result<u64, String> {
        let _turn = self.syncing.lock();
        self.write_at_once_in_turn(shared);
        let length = {
            let state = self.state.lock();
            let is_written = state.trouble.is_none() && state.buffer.is_empty();
            state.increment.as_ref().filter(|_| is_written).map(Increment::length).ok_or(TROUBLE)?
        };
        self.sync_in_turn(shared);
        let state = self.state.lock();
        let is_synced = state.trouble.is_none() && state.synced_bytes >= length;
        if is_synced { Ok(length) } else { Err(TROUBLE.to_owned()) }
    }

    /// Ends the increment behind a batch, with all of it on disk, and another one takes its place. Gives where it has ended. `Err`: it goes on.
    pub fn rotate(&self, shared: &Shared, next: Increment) -> Result<Closed, String> {
        let _turn = self.syncing.lock();
        self.write_at_once_in_turn(shared);
        {
            let mut state = self.state.lock();
            let is_written = state.trouble.is_none() && state.buffer.is_empty();
            if !is_written || state.increment.is_none() {
                return Err(TROUBLE.to_owned());
            }
            // Nobody writes until it has been exchanged.
            state.is_switching = true;
            self.show(&state);
        }
        self.sync_in_turn(shared);
        let mut state = self.state.lock();
        let closed = state.end();
        if closed.is_some() {
            let synced_bytes = next.length();
            self.size.fetch_add(synced_bytes, Ordering::Relaxed);
            state.set_increment(Some(next), synced_bytes);
            state.writer.restart();
        }
        state.is_switching = false;
        self.show(&state);
        self.write(&mut state, shared);
        self.tell_synced(&state);
        closed.ok_or_else(|| TROUBLE.to_owned())
    }

    /// After [`Journal::cut`]: what lies behind it goes into an increment of a backup, while the append-only file is off.
    pub fn open_aside(&self, shared: &Shared, increment: Increment) {
        let _turn = self.syncing.lock();
        let mut state = self.state.lock();
        debug_assert!(state.increment.is_none() && state.buffer.is_empty(), "the append-only file is off");
        let synced_bytes = increment.length();
        state.set_increment(Some(increment), synced_bytes);
        (state.is_aside, state.lost) = (true, None);
        state.writer.restart();
        (state.written, state.is_switching) = (state.encoded, false);
        self.show(&state);
        self.write(&mut state, shared);
    }

    /// The increment of a backup ends behind a batch. What changes while it is synced stands nowhere, and so does not gather.
    /// `Err`: it is not on disk.
    pub fn finish_aside(&self, shared: &Shared) -> Result<(), String> {
        let _turn = self.syncing.lock();
        self.write_at_once_in_turn(shared);
        let handle = {
            let mut state = self.state.lock();
            let increment = state.increment.as_ref().filter(|_| state.is_aside && state.buffer.is_empty());
            let Some(handle) = increment.map(Increment::sync_handle) else {
                return Err(state.lost.take().unwrap_or_else(|| TROUBLE.to_owned()));
            };
            state.end_aside();
            self.show(&state);
            handle
        };
        handle.sync().map_err(|fault| fault.text)
    }

    /// The increment of a backup, if there is one, is wanted no more.
    pub fn end_aside(&self, shared: &Shared) {
        let _turn = self.syncing.lock();
        let mut state = self.state.lock();
        state.lost = None;
        if state.is_aside {
            state.end_aside();
            self.show(&state);
            self.write(&mut state, shared);
        }
    }

    /// Why the increment of a backup had to be let go, if that has happened and not been told yet.
    pub fn lost(&self) -> Option<String> {
        self.state.lock().lost.take()
    }
}
