//! The slow log: the last commands that took longer than a threshold.

use std::collections::VecDeque;

use crate::args::Args;

/// Arguments kept of a command; the last place tells how many more there were.
const MAX_ARGUMENTS: usize = 32;
/// Bytes kept of an argument.
const MAX_BYTES: usize = 128;

/// One slow command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub id: u64,
    /// When it ran, in unix seconds.
    pub time_s: i64,
    /// How long it took.
    pub duration_us: u64,
    /// Its arguments, cut.
    pub arguments: Vec<Vec<u8>>,
    /// The client's address.
    pub address: String,
    /// The client's name.
    pub name: String,
}

/// The newest slow commands, newest first.
#[derive(Debug, Default)]
pub struct SlowLog {
    entries: VecDeque<Entry>,
    next: u64,
}

impl SlowLog {
    /// Adds a command and forgets the oldest beyond `limit`.
    pub fn add(
        &mut self,
        args: &Args<'_>,
        time_s: i64,
        duration_us: u64,
        address: &str,
        name: &str,
        limit: usize,
    ) {
        self.entries.push_front(Entry {
            id: self.next,
            time_s,
            duration_us,
            arguments: cut(args),
            address: address.to_owned(),
            name: name.to_owned(),
        });
        self.next += 1;
        self.trim(limit);
    }

    /// Forgets the oldest beyond `limit`.
    pub fn trim(&mut self, limit: usize) {
        self.entries.truncate(limit);
    }

    /// Forgets all.
    pub fn reset(&mut self) {
        self.entries.clear();
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The newest, at most `count`.
    pub fn newest(&self, count: usize) -> Vec<Entry> {
        self.entries.iter().take(count).cloned().collect()
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

    #[test]
    fn long_commands_are_cut_and_old_ones_forgotten() {
        let mut log = SlowLog::default();
        let words: OwnedArgs =
            (0..40).map(|number| if number == 1 { "x".repeat(200) } else { number.to_string() }).collect();
        for _ in 0..5 {
            log.add(&words.as_args(), 1, 2, "a", "n", 3);
        }
        let newest = log.newest(10);
        assert_eq!(newest.iter().map(|entry| entry.id).collect::<Vec<_>>(), [4, 3, 2]);
        assert_eq!(newest[0].arguments.len(), 32);
        assert_eq!(newest[0].arguments[31], b"... (9 more arguments)");
        assert!(newest[0].arguments[1].ends_with(b"... (72 more bytes)"));
    }
}
