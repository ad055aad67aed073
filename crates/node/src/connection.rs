//! One connection: its session, the half request it has sent, the replies it is owed.

use std::sync::atomic::Ordering;

use engine::Session;
use resp::RequestDecoder;

use crate::output::Output;
use crate::unfinished::Unfinished;

/// See the module's text.
#[derive(Debug)]
pub struct Connection {
    pub(crate) session: Session,
    pub(crate) decoder: RequestDecoder,
    pub(crate) unfinished: Unfinished,
    pub(crate) output: Output,
    /// It has something to send and is in the worker's list.
    pub(crate) is_writable: bool,
    /// The peer is gone, or everything it was owed before it is closed has been sent.
    pub(crate) is_finished: bool,
    /// A command of it runs and has its session; the one that is here stands in for it, and the connection must not be closed.
    pub(crate) is_running: bool,
    /// It is owed much, and has sent a request that leads to much more: that waits until it has taken everything.
    pub(crate) is_behind: bool,
    /// When its wait for a key ends, on the monotonic clock.
    pub(crate) wait_ends_ns: Option<u64>,
    /// Since when it is owed as much as the soft limit, on the monotonic clock.
    pub(crate) over_soft_limit_since: Option<u64>,
}

impl Connection {
    pub(crate) fn new(session: Session) -> Self {
        Self {
            session,
            decoder: RequestDecoder::new(),
            unfinished: Unfinished::default(),
            output: Output::default(),
            is_writable: false,
            is_finished: false,
            is_running: false,
            is_behind: false,
            wait_ends_ns: None,
            over_soft_limit_since: None,
        }
    }

    /// Whether more requests should be read: not while replies wait for the log, a command waits, a pause lasts or the end
    /// is near.
    pub(crate) fn wants_input(&self) -> bool {
        self.output.held().is_none() && !self.is_blocked() && !self.is_held_up() && !self.session.closing
    }

    /// Whether its input waits for the end of a pause, or of a command that waits.
    pub(crate) fn is_blocked(&self) -> bool {
        self.session.record.blocked.load(Ordering::Relaxed)
    }

    /// Whether a command of it waits, is computed, or runs for long.
    pub(crate) fn is_waiting(&self) -> bool {
        self.is_running || self.session.is_suspended()
    }

    /// Whether what it has sent cannot go on now: for that, or since it has to take first what it is owed.
    pub(crate) fn is_held_up(&self) -> bool {
        self.is_behind || self.is_waiting()
    }

    /// Whether it has been asked to end and owes nothing more.
    pub(crate) fn is_done(&self) -> bool {
        self.is_finished || self.session.closing && self.output.is_empty()
    }
}
