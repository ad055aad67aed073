//! The command logs: the last commands that took long, that were large, and that were answered at length.
//!
//! The thresholds stand beside their logs, so what a command pays when nothing is noted is a load and a comparison for each.
//! A long reply is written while its client reads it (see [`mod@crate::slices`]); what is known of its command waits in an
//! `Unfinished` entry, which is noted when the last part has been made, or when the client has gone and nobody wants the rest.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::args::Args;

/// Arguments kept of a command; the last place tells how many more there were.
const MAX_ARGUMENTS: usize = 32;
/// Bytes kept of an argument.
const MAX_BYTES: usize = 128;

/// What a log is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// Commands that took long; the threshold is in nanoseconds, the noted value in microseconds.
    Slow,
    /// Requests of many bytes.
    LargeRequest,
    /// Replies of many bytes.
    LargeReply,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Slow, Self::LargeRequest, Self::LargeReply];

    /// Its name in COMMANDLOG.
    pub fn name(self) -> &'static str {
        match self {
            Self::Slow => "slow",
            Self::LargeRequest => "large-request",
            Self::LargeReply => "large-reply",
        }
    }
}

/// A command that was noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number in the log.
    pub id: u64,
    /// How long it took, in microseconds, or how large it was, in bytes.
    pub value: u64,
    /// The command.
    pub command: Noted,
}

/// What is kept of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// When it ran, in unix seconds.
    pub time_s: i64,
    /// Its arguments, cut.
    pub arguments: Vec<Vec<u8>>,
    /// The client's address.
    pub address: String,
    /// The client's name.
    pub name: String,
}

impl Noted {
    /// What is kept of a command with these arguments.
    pub fn new(args: &Args<'_>, time_s: i64, address: &str, name: &str) -> Self {
        Self { time_s, arguments: cut(args), address: address.to_owned(), name: name.to_owned() }
    }
}

/// One log: the newest commands, newest first.
#[derive(Debug)]
pub struct Log {
    /// From where on a command is noted; `u64::MAX` = never.
    threshold: AtomicU64,
    /// Entries that are kept.
    length: AtomicUsize,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    list: VecDeque<Entry>,
    next: u64,
}

impl Default for Log {
    fn default() -> Self {
        Self { threshold: AtomicU64::new(u64::MAX), length: AtomicUsize::new(128), entries: Mutex::default() }
    }
}

impl Log {
    /// Notes from `threshold` on, at most so many.
    pub fn configure(&self, threshold: u64, length: usize) {
        self.threshold.store(threshold, Ordering::Relaxed);
        self.length.store(length, Ordering::Relaxed);
    }

    /// Whether a command of this value is noted.
    #[inline]
    pub fn wants(&self, value: u64) -> bool {
        value >= self.threshold.load(Ordering::Relaxed)
    }

    /// Whether any command is noted.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.threshold.load(Ordering::Relaxed) != u64::MAX
    }

    /// Notes a command and forgets the oldest beyond the limit.
    pub fn add(&self, value: u64, command: Noted) {
        let length = self.length.load(Ordering::Relaxed);
        if length == 0 {
            return;
        }
        let mut entries = self.entries.lock();
        let id = entries.next;
        entries.next += 1;
        entries.list.push_front(Entry { id, value, command });
        entries.list.truncate(length);
    }

    /// Forgets all.
    pub fn reset(&self) {
        self.entries.lock().list.clear();
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.lock().list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The newest, at most `count`.
    pub fn newest(&self, count: usize) -> Vec<Entry> {
        self.entries.lock().list.iter().take(count).cloned().collect()
    }
}

/// The three logs.
#[derive(Debug, Default)]
pub struct CommandLog {
    logs: [Log; 3],
}

impl CommandLog {
    /// The log about something.
    #[inline]
    pub fn of(&self, topic: Topic) -> &Log {
        &self.logs[topic as usize]
    }
}

/// A command whose reply is still being written, in parts.
#[derive(Debug)]
pub(crate) struct Unfinished {
    log: Arc<CommandLog>,
    /// What has been written so far.
    bytes: AtomicU64,
    /// Parts that are still to be finished.
    parts: AtomicUsize,
    /// Taken when it is noted.
    command: Mutex<Option<Noted>>,
}

impl Unfinished {
    /// A command that has written so much, and whose other parts are written later.
    pub(crate) fn new(log: &Arc<CommandLog>, bytes: usize, parts: usize, command: Noted) -> Arc<Self> {
        Arc::new(Self {
            log: Arc::clone(log),
            bytes: AtomicU64::new(bytes as u64),
            parts: AtomicUsize::new(parts),
            command: Mutex::new(Some(command)),
        })
    }

    /// More was written.
    pub(crate) fn wrote(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// A part is whole. The parts of a reply are written one after the other.
    pub(crate) fn finished_part(&self) {
        if self.parts.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.note();
        }
    }

    fn note(&self) {
        let (log, bytes) = (self.log.of(Topic::LargeReply), self.bytes.load(Ordering::Relaxed));
        if let Some(command) = self.command.lock().take()
            && log.wants(bytes)
        {
            log.add(bytes, command);
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        self.note(); // nobody wants the rest: what was written counts
    }
}

/// The arguments as they are kept, in Redis's words.
fn cut(args: &Args<'_>) -> Vec<Vec<u8>> {
    let count = args.len();
    let shown = if count > MAX_ARGUMENTS { MAX_ARGUMENTS - 1 } else { count };
    let mut kept: Vec<Vec<u8>> = args.from(0).take(shown).map(cut_argument).collect();
    if count > shown {
        kept.push(format!("... ({} more arguments)", count - shown).into_bytes());
    }
    kept
}

fn cut_argument(argument: &[u8]) -> Vec<u8> {
    if argument.len() <= MAX_BYTES {
        return argument.to_vec();
    }
    let mut kept = argument[..MAX_BYTES].to_vec();
    kept.extend_from_slice(format!("... ({} more bytes)", argument.len() - MAX_BYTES).as_bytes());
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::OwnedArgs;

    fn noted(words: impl IntoIterator<Item = String>) -> Noted {
        Noted::new(&words.into_iter().collect::<OwnedArgs>().as_args(), 1, "a", "n")
    }

    #[test]
    fn long_commands_are_cut_and_old_ones_forgotten() {
        let log = Log::default();
        log.configure(0, 3);
        for _ in 0..5 {
            log.add(
                2,
                noted((0..40).map(|number| if number == 1 { "x".repeat(200) } else { number.to_string() })),
            );
        }
        let newest = log.newest(10);
        assert_eq!(newest.iter().map(|entry| entry.id).collect::<Vec<_>>(), [4, 3, 2]);
        let arguments = &newest[0].command.arguments;
        assert_eq!(arguments.len(), 32);
        assert_eq!(arguments[31], b"... (9 more arguments)");
        assert!(arguments[1].ends_with(b"... (72 more bytes)"));
    }

    #[test]
    fn a_log_of_no_length_counts_nothing() {
        let log = Log::default();
        log.configure(0, 0);
        log.add(1, noted(["PING".into()]));
        log.configure(0, 1);
        log.add(1, noted(["PING".into()]));
        assert_eq!(log.newest(9)[0].id, 0);
    }

    #[test]
    fn a_reply_in_parts_is_noted_once_with_all_its_bytes() {
        let log = Arc::new(CommandLog::default());
        let large = log.of(Topic::LargeReply);
        large.configure(100, 10);
        for (parts, wrote, expected) in [(2, 60, Some(130)), (1, 10, None)] {
            let unfinished = Unfinished::new(&log, 10, parts, noted(["KEYS".into()]));
            for _ in 0..parts {
                assert!(large.is_empty());
                unfinished.wrote(wrote);
                unfinished.finished_part();
            }
            drop(unfinished);
            assert_eq!(large.newest(9).iter().map(|entry| entry.value).next(), expected);
            large.reset();
        }
        let given_up = Unfinished::new(&log, 10, 2, noted(["KEYS".into()]));
        given_up.wrote(500);
        drop(given_up);
        assert_eq!(large.newest(9)[0].value, 510, "what was written before the client went");
    }
}
