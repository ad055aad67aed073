//! The scripts that run now, one a worker at most: since when, whether they are busy, and whether somebody wants them killed.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use crossbeam_utils::CachePadded;

use crate::command::Outcome;
use crate::error::Error;

/// What a worker's script does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum State {
    /// There is none.
    None,
    /// It runs.
    Runs,
    /// It has run for longer than others are to wait.
    Busy,
}

/// A worker's script. Written by the worker, except for `killed`.
#[derive(Debug)]
struct Entry {
    state: AtomicU8,
    started_ns: AtomicU64,
    wrote: AtomicBool,
    killed: AtomicBool,
}

/// See the module's text.
#[derive(Debug)]
pub struct Running {
    entries: Box<[CachePadded<Entry>]>,
    /// The server ends, and no script goes on.
    ending: AtomicBool,
}

impl Running {
    pub(crate) fn new(workers: usize) -> Self {
        let entry = |_| {
            CachePadded::new(Entry {
                state: AtomicU8::new(State::None as u8),
                started_ns: AtomicU64::new(0),
                wrote: AtomicBool::new(false),
                killed: AtomicBool::new(false),
            })
        };
        Self { entries: (0..workers).map(entry).collect(), ending: AtomicBool::new(false) }
    }

    /// A worker begins a script.
    pub(crate) fn begin(&self, worker: usize, now_ns: u64) {
        let Some(entry) = self.entries.get(worker) else { return };
        entry.started_ns.store(now_ns, Ordering::Relaxed);
        entry.wrote.store(false, Ordering::Relaxed);
        entry.killed.store(false, Ordering::Relaxed);
        entry.state.store(State::Runs as u8, Ordering::Release);
    }

    /// It has ended; true if it was busy.
    pub(crate) fn end(&self, worker: usize) -> bool {
        let Some(entry) = self.entries.get(worker) else { return false };
        entry.state.swap(State::None as u8, Ordering::AcqRel) == State::Busy as u8
    }

    /// It writes, and cannot be killed any more.
    pub(crate) fn wrote(&self, worker: usize) {
        if let Some(entry) = self.entries.get(worker) {
            entry.wrote.store(true, Ordering::SeqCst);
        }
    }

    /// How long it has run, in nanoseconds, if it becomes busy with this look at the clock.
    pub(crate) fn becomes_busy(&self, worker: usize, now_ns: u64, threshold_ns: u64) -> Option<u64> {
        let entry = self.entries.get(worker)?;
        let took = now_ns.saturating_sub(entry.started_ns.load(Ordering::Relaxed));
        if took < threshold_ns || entry.state.load(Ordering::Relaxed) != State::Runs as u8 {
            return None;
        }
        entry.state.store(State::Busy as u8, Ordering::SeqCst);
        Some(took)
    }

    /// Whether somebody wants it killed.
    pub(crate) fn is_killed(&self, worker: usize) -> bool {
        self.ending.load(Ordering::Relaxed)
            || self.entries.get(worker).is_some_and(|entry| entry.killed.load(Ordering::Relaxed))
    }

    /// Whether a worker's script is busy, so that new clients should go elsewhere.
    pub fn is_busy(&self, worker: usize) -> bool {
        self.entries.get(worker).is_some_and(|entry| entry.state.load(Ordering::Relaxed) == State::Busy as u8)
    }

    /// The error for commands that want what a busy script holds.
    #[expect(clippy::unused_self, reason = "functions will have a text of their own")]
    pub(crate) fn busy_text(&self) -> &'static str {
        "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
    }

    /// The server ends without saving: every script does too, whatever it has written.
    pub fn end_all(&self) {
        self.ending.store(true, Ordering::SeqCst);
    }

    /// Kills the scripts that are busy and have not written. A script that has not run for long is left alone, as Redis cannot be
    /// asked to kill one.
    pub(crate) fn kill(&self) -> Outcome {
        let is_busy = |entry: &&CachePadded<Entry>| entry.state.load(Ordering::SeqCst) == State::Busy as u8;
        let mut busy = self.entries.iter().filter(is_busy).peekable();
        if busy.peek().is_none() {
            return Err(Error::Static("NOTBUSY No scripts in execution right now."));
        }
        let mut killed = false;
        for entry in busy.filter(|entry| !entry.wrote.load(Ordering::SeqCst)) {
            entry.killed.store(true, Ordering::SeqCst);
            killed = true;
        }
        if killed {
            return Ok(());
        }
        Err(Error::Static(
            "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the \
             script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_busy_scripts_that_have_not_written_are_killed() {
        let running = Running::new(2);
        running.begin(1, 1000);
        assert!(running.kill().is_err(), "it has only begun");
        assert_eq!(running.becomes_busy(1, 1500, 1000), None);
        assert_eq!(running.becomes_busy(1, 2000, 1000), Some(1000));
        assert_eq!(running.becomes_busy(1, 2100, 1000), None, "it is already");
        assert!(running.is_busy(1) && !running.is_busy(0));
        running.wrote(1);
        assert!(running.kill().expect_err("it wrote").to_string().starts_with("UNKILLABLE"));
        running.begin(0, 0);
        running.becomes_busy(0, 5000, 1000);
        assert_eq!(running.kill(), Ok(()));
        assert!(running.is_killed(0) && !running.is_killed(1));
        assert!(running.end(0) && running.end(1) && !running.end(1));
        running.begin(0, 0);
        assert!(!running.is_killed(0), "the next one is not");
    }
}
