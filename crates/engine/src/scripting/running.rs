//! The scripts and functions that run now, one a worker at most: since when, whether they are busy, and whether somebody wants
//! them killed.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use crossbeam_utils::CachePadded;
use parking_lot::Mutex;

use crate::args::Args;
use crate::command::Outcome;
use crate::error::Error;

/// What runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A script of EVAL and the like.
    Script,
    /// A function of a library.
    Function,
}

impl Kind {
    /// The command that kills it.
    pub(crate) fn killer(self) -> &'static str {
        match self {
            Self::Script => "SCRIPT KILL",
            Self::Function => "FUNCTION KILL",
        }
    }

    /// The error with which it ends when it is killed.
    pub(crate) fn killed_text(self) -> &'static str {
        match self {
            Self::Script => "Script killed by user with SCRIPT KILL.",
            Self::Function => "Script killed by user with FUNCTION KILL.",
        }
    }

    /// The error for those who want what it holds.
    fn busy_text(self) -> &'static str {
        match self {
            Self::Script => {
                "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
            }
            Self::Function => {
                "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE."
            }
        }
    }
}

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

/// Who is busy, for those who ask.
#[derive(Debug, Clone)]
pub(crate) struct BusyRun {
    pub(crate) kind: Kind,
    /// The function's name, or the digest of the script's text.
    pub(crate) name: String,
    /// The command that runs it.
    pub(crate) command: Vec<Vec<u8>>,
    /// When it began, by the monotonic clock.
    pub(crate) started_ns: u64,
}

/// A worker's script. Written by the worker, except for `killed`.
#[derive(Debug)]
struct Entry {
    state: AtomicU8,
    wrote: AtomicBool,
    killed: AtomicBool,
    /// Told when it becomes busy; that costs too much for scripts that end at once.
    busy: Mutex<Option<BusyRun>>,
}

impl Entry {
    fn is_busy(&self) -> bool {
        self.state.load(Ordering::SeqCst) == State::Busy as u8
    }
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
                wrote: AtomicBool::new(false),
                killed: AtomicBool::new(false),
                busy: Mutex::new(None),
            })
        };
        Self { entries: (0..workers).map(entry).collect(), ending: AtomicBool::new(false) }
    }

    /// A worker begins a script.
    pub(crate) fn begin(&self, worker: usize) {
        let Some(entry) = self.entries.get(worker) else { return };
        entry.wrote.store(false, Ordering::Relaxed);
        entry.killed.store(false, Ordering::Relaxed);
        entry.state.store(State::Runs as u8, Ordering::Release);
    }

    /// It has ended; true if it was busy.
    pub(crate) fn end(&self, worker: usize) -> bool {
        let Some(entry) = self.entries.get(worker) else { return false };
        let was_busy = entry.state.swap(State::None as u8, Ordering::AcqRel) == State::Busy as u8;
        if was_busy {
            *entry.busy.lock() = None;
        }
        was_busy
    }

    /// It writes, and cannot be killed any more.
    pub(crate) fn wrote(&self, worker: usize) {
        if let Some(entry) = self.entries.get(worker) {
            entry.wrote.store(true, Ordering::SeqCst);
        }
    }

    /// How long it has run, in nanoseconds, and its name, if it becomes busy with this look at the clock. `started_ns` is when it
    /// began.
    pub(crate) fn becomes_busy(
        &self,
        worker: usize,
        (started_ns, now_ns, threshold_ns): (u64, u64, u64),
        (kind, name, command): (Kind, &[u8], &Args<'_>),
    ) -> Option<(u64, String)> {
        let entry = self.entries.get(worker)?;
        let took = now_ns.saturating_sub(started_ns);
        if took < threshold_ns || entry.state.load(Ordering::Relaxed) != State::Runs as u8 {
            return None;
        }
        let command = command.from(0).map(<[u8]>::to_vec).collect();
        let name = String::from_utf8_lossy(name).into_owned();
        *entry.busy.lock() = Some(BusyRun { kind, name: name.clone(), command, started_ns });
        entry.state.store(State::Busy as u8, Ordering::SeqCst);
        Some((took, name))
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

    /// One of those that are busy; of several kinds, a function.
    pub(crate) fn busy(&self) -> Option<BusyRun> {
        let busy = |entry: &CachePadded<Entry>| entry.is_busy().then(|| entry.busy.lock().clone()).flatten();
        let all = self.entries.iter().filter_map(busy);
        all.reduce(|one, other| if other.kind == Kind::Function { other } else { one })
    }

    /// The error for commands that want what a busy script holds.
    pub(crate) fn busy_text(&self) -> &'static str {
        self.busy().map_or(Kind::Script, |busy| busy.kind).busy_text()
    }

    /// The server ends without saving: every script does too, whatever it has written.
    pub fn end_all(&self) {
        self.ending.store(true, Ordering::SeqCst);
    }

    /// Kills those of a kind that are busy and have not written. One that has not run for long is left alone, as Redis cannot be
    /// asked to kill one.
    pub(crate) fn kill(&self, kind: Kind) -> Outcome {
        let (mut other, mut wrote, mut killed) = (None, false, false);
        for entry in self.entries.iter().filter(|entry| entry.is_busy()) {
            let Some(is) = entry.busy.lock().as_ref().map(|busy| busy.kind) else { continue };
            if entry.wrote.load(Ordering::SeqCst) {
                wrote = true;
            } else if is != kind {
                other = Some(is);
            } else {
                entry.killed.store(true, Ordering::SeqCst);
                killed = true;
            }
        }
        if killed {
            return Ok(());
        }
        Err(Error::Static(match (wrote, other) {
            (true, _) => {
                "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait \
                 the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command."
            }
            (false, Some(other)) => other.busy_text(),
            (false, None) => "NOTBUSY No scripts in execution right now.",
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::OwnedArgs;

    fn becomes_busy(running: &Running, worker: usize, times: (u64, u64), kind: Kind) -> Option<u64> {
        let command: OwnedArgs = ["FCALL"].into_iter().collect();
        let busy =
            running.becomes_busy(worker, (times.0, times.1, 1000), (kind, b"name", &command.as_args()));
        busy.map(|(took, _)| took)
    }

    fn refusal(running: &Running, kind: Kind) -> String {
        running.kill(kind).expect_err("nothing to kill").to_string()
    }

    #[test]
    fn only_busy_scripts_that_have_not_written_are_killed() {
        let running = Running::new(2);
        running.begin(1);
        assert!(refusal(&running, Kind::Script).starts_with("NOTBUSY"), "it has only begun");
        assert_eq!(becomes_busy(&running, 1, (1000, 1500), Kind::Script), None);
        assert_eq!(becomes_busy(&running, 1, (1000, 2000), Kind::Script), Some(1000));
        assert_eq!(becomes_busy(&running, 1, (1000, 2100), Kind::Script), None, "it is already");
        assert!(running.is_busy(1) && !running.is_busy(0));
        running.wrote(1);
        assert!(refusal(&running, Kind::Script).starts_with("UNKILLABLE"));
        running.begin(0);
        becomes_busy(&running, 0, (0, 5000), Kind::Script);
        assert_eq!(running.kill(Kind::Script), Ok(()));
        assert!(running.is_killed(0) && !running.is_killed(1));
        assert!(running.end(0) && running.end(1) && !running.end(1));
        running.begin(0);
        assert!(!running.is_killed(0), "the next one is not");
    }

    #[test]
    fn functions_are_killed_by_a_command_of_their_own() {
        let running = Running::new(2);
        running.begin(0);
        becomes_busy(&running, 0, (0, 5000), Kind::Function);
        assert!(refusal(&running, Kind::Script).contains("You can only call FUNCTION KILL"));
        let busy = running.busy().expect("it is busy");
        assert_eq!((busy.name.as_str(), busy.command, busy.started_ns), ("name", vec![b"FCALL".to_vec()], 0));
        assert_eq!(running.kill(Kind::Function), Ok(()));
        running.end(0);
        assert!(running.busy().is_none());
        running.begin(1);
        becomes_busy(&running, 1, (0, 5000), Kind::Script);
        assert!(refusal(&running, Kind::Function).contains("You can only call SCRIPT KILL"));
        assert!(running.busy_text().contains("SCRIPT KILL"));
    }
}
