//! How a rewrite has the journal go over to new files: the cut, where its snapshot is taken; the switch to its
//! increment; and its end.

use engine::Shared;
use keyspace::log::Log;

use super::Journal;
use super::state::{Closed, NextIncrement, Trouble};
use crate::clock::monotonic_ns;
use crate::increment::Increment;

/// What a switch has come to.
#[derive(Debug)]
pub enum Switched {
    /// There is no room for what lies before the snapshot, and the old increment goes on.
    NoRoom,
    /// The new increment is in its place, or waits for its base. Where the old one has ended, if it is sound.
    Done(Option<Closed>),
}

impl Journal {
    /// Whether only new files help.
    pub fn needs_rewrite(&self) -> bool {
        matches!(self.state.lock().trouble, Some(Trouble::TooLong | Trouble::Untrusted))
    }

    /// Whether appends wait for room, so that a rewrite, which takes more of it, is no help.
    pub fn is_full(&self) -> bool {
        self.state.lock().trouble == Some(Trouble::Full)
    }

    /// A snapshot is being taken, and no worker is in a batch: what the log holds is in the snapshot.
    pub fn cut(&self, log: &Log) {
        let mut state = self.state.lock();
        state.encode(log);
        state.cut = state.encoded;
        state.cut_ns = monotonic_ns();
        state.is_switching = true;
        self.show(&state);
    }

    /// After [`Journal::cut`]: everything before it goes to the old increment, and then the new one takes its place. If there is no
    /// room for what lies before it, the old one goes on, so that writes resume as soon as there is some. If the old one
    /// must not grow any more, the new one waits for [`Journal::trust`] or [`Journal::abandon_switch`].
    pub fn switch(&self, shared: &Shared, increment: Increment) -> Switched {
        let _turn = self.syncing.lock();
        self.state.lock().try_at_once();
        self.announce_in_turn(shared);
        {
            let mut state = self.state.lock();
            self.append(&mut state, shared);
            if state.trouble == Some(Trouble::Full) {
                state.is_switching = false;
                self.show(&state);
                return Switched::NoRoom;
            }
            if state.trouble == Some(Trouble::TooLong) {
                let covered = state.buffer.len();
                state.next = Some(NextIncrement { increment, covered });
                state.writer.restart();
                state.is_switching = false;
                return Switched::Done(None);
            }
        }
        self.sync_in_turn(shared);
        let mut state = self.state.lock();
        if !state.buffer.is_empty() {
            // It is in the snapshot; but until that is the base, the files lack it and nothing may follow it.
            state.buffer.clear();
            state.begin_trouble(Trouble::Untrusted);
        }
        let closed = state.end();
        let synced_bytes = increment.length();
        state.set_increment(Some(increment), synced_bytes);
        if state.may_write() {
            state.catch_up();
        }
        state.writer.restart();
        state.is_switching = false;
        self.show(&state);
        self.write(&mut state, shared);
        self.tell_synced(&state);
        Switched::Done(closed)
    }

    /// A rewrite has failed. True: nothing will be written to its increment.
    pub fn abandon_switch(&self) -> bool {
        let mut state = self.state.lock();
        state.next.take().is_some() || !state.may_write()
    }

    /// A rewrite has ended well: the files hold everything, and can be trusted unless the new increment is in doubt too.
    pub fn trust(&self, shared: &Shared, size: u64) {
        let mut state = self.state.lock();
        self.set_size(size);
        state.take_next();
        if state.trouble == Some(Trouble::Untrusted) && !state.is_doubted {
            state.trust();
            self.accept(&state, shared);
            // What has changed since the snapshot.
            self.append(&mut state, shared);
        }
        self.publish(&mut state, shared);
        self.tell_synced(&state);
    }
}
