//! The names under which clients find commands: those of the table, but for what `rename-command` gives another name or
//! takes away.
//!
//! The look-up hashes a name without regard to case into a sparse array. A command that is called by another name stays
//! the command that it is: users' rules, figures and files know it by its own.

use stdx::word::{to_lower_case, word};

use super::{Row, table};
use crate::args::Args;
use crate::error::Error;

/// Names of commands without subcommands.
#[derive(Debug)]
pub struct Names {
    known: Vec<Known>,
    /// Places in `known` plus one, by hash; 0 = free.
    slots: Vec<u16>,
}

#[derive(Debug)]
struct Known {
    name: Name,
    text: Box<[u8]>,
    row: Row,
}

/// A name in a form that is hashed and compared at once: its first and last eight bytes in lower case, and its length.
/// Longer names than 16 bytes are not told apart by what lies between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Name {
    head: u64,
    tail: u64,
    length: usize,
}

impl Name {
    /// The longest name that is wholly in here.
    const WHOLE: usize = 16;

    #[inline]
    fn new(name: &[u8]) -> Self {
        let part = |bytes| to_lower_case(word(bytes));
        let length = name.len();
        match (name.first_chunk::<8>(), name.last_chunk::<8>()) {
            (Some(head), Some(tail)) => Self { head: part(head), tail: part(tail), length },
            _ => Self { head: part(name), tail: 0, length },
        }
    }

    /// The first slot in which it may be: the product with a large odd number carries every byte into the top bits.
    #[inline]
    fn slot(self) -> usize {
        let mixed = (self.head ^ self.tail.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> (64 - SLOTS.ilog2())) as usize
    }
}

/// Slots of the look-up, several times the number of commands so that most are found at the first try.
const SLOTS: usize = 2048;

/// Why a command is not renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadName {
    /// No command has the old name.
    Unknown,
    /// Another command has the new name.
    Taken,
}

impl Default for Names {
    /// The names that the commands have by themselves.
    fn default() -> Self {
        Self::of(table().commands())
    }
}

impl Names {
    pub(super) fn of<'r>(rows: impl Iterator<Item = &'r Row>) -> Self {
        let known = rows.map(|&row| {
            let text = row.command.name.as_bytes();
            Known { name: Name::new(text), text: text.into(), row }
        });
        let mut names = Self { known: known.collect(), slots: Vec::new() };
        names.index();
        names
    }

    /// Gives a command another name, or takes it away if that is empty.
    pub fn rename(&mut self, old: &[u8], new: &[u8]) -> Result<(), BadName> {
        let at = self.find(old).ok_or(BadName::Unknown)?;
        if self.find(new).is_some_and(|other| other != at) {
            return Err(BadName::Taken);
        }
        if new.is_empty() {
            self.known.remove(at);
        } else {
            let known = &mut self.known[at];
            (known.name, known.text) = (Name::new(new), new.into());
        }
        self.index();
        Ok(())
    }

    fn index(&mut self) {
        self.slots = vec![0; SLOTS];
        for (at, known) in self.known.iter().enumerate() {
            let mut slot = known.name.slot();
            while self.slots[slot] != 0 {
                slot = (slot + 1) % SLOTS;
            }
            self.slots[slot] = at as u16 + 1;
        }
    }

    /// The commands that have a name.
    pub fn commands(&self) -> impl Iterator<Item = Row> + '_ {
        self.known.iter().map(|known| known.row)
    }

    #[inline]
    fn find(&self, name: &[u8]) -> Option<usize> {
        let wanted = Name::new(name);
        let mut slot = wanted.slot();
        loop {
            let at = usize::from(self.slots[slot].checked_sub(1)?);
            let known = &self.known[at];
            if known.name == wanted && (name.len() <= Name::WHOLE || known.text.eq_ignore_ascii_case(name)) {
                return Some(at);
            }
            slot = (slot + 1) % SLOTS;
        }
    }

    /// The command with a name.
    #[inline]
    pub fn get(&self, name: &[u8]) -> Option<Row> {
        self.find(name).map(|at| self.known[at].row)
    }

    /// A command by its full name, `config|get` or `get`.
    pub fn by_full_name(&self, name: &[u8]) -> Option<Row> {
        match name.iter().position(|&byte| byte == b'|') {
            None => self.get(name),
            Some(bar) => table().subcommand(self.get(&name[..bar])?.command, &name[bar + 1..]),
        }
    }

    /// The row that a request means, its subcommand if it has one; or why there is none.
    #[inline]
    pub fn look_up(&self, args: &Args<'_>) -> Result<Row, Error> {
        let Some(row) = self.get(args.get(0)) else { return Err(unknown(args)) };
        match args.get_optional(1) {
            Some(name) if !row.command.subcommands.is_empty() => table()
                .subcommand(row.command, name)
                .ok_or_else(|| Error::UnknownSubcommand(printable(name, 128), row.command.name)),
            _ => Ok(row),
        }
    }
}

/// The error for a name that nobody has, with the beginning of its arguments as Redis prints them.
#[cold]
fn unknown(args: &Args<'_>) -> Error {
    let mut text = format!("'{}', with args beginning with: ", printable(args.get(0), 128));
    let mut shown = 0;
    for argument in args.from(1) {
        if shown >= 128 {
            break;
        }
        let word = printable(argument, 128 - shown);
        shown += word.len();
        text.push_str(&format!("'{word}' "));
    }
    Error::UnknownCommand(text)
}

/// At most `limit` bytes of an argument as text; the encoder takes care of line ends.
fn printable(argument: &[u8], limit: usize) -> String {
    String::from_utf8_lossy(&argument[..argument.len().min(limit)]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &Names, name: &str) -> Option<&'static str> {
        names.get(name.as_bytes()).map(|row| row.command.name)
    }

    #[test]
    fn a_command_has_its_new_name_only() {
        let mut names = Names::default();
        assert_eq!(names.rename(b"config", b"a-name-that-is-longer-than-sixteen"), Ok(()));
        assert_eq!(found(&names, "CONFIG"), None);
        assert_eq!(found(&names, "A-name-that-is-longer-than-sixteen"), Some("CONFIG"));
        assert_eq!(found(&names, "A-name-that-was-longer-than-sixteen"), None);
        assert!(names.by_full_name(b"a-name-that-is-longer-than-sixteen|get").is_some());
        // What is free now may be taken.
        assert_eq!(names.rename(b"get", b"CONFIG"), Ok(()));
        assert_eq!(found(&names, "config"), Some("GET"));
        assert_eq!(names.commands().count(), table().commands().count());
    }

    #[test]
    fn a_command_without_a_name_is_gone() {
        let mut names = Names::default();
        assert_eq!(names.rename(b"FLUSHALL", b""), Ok(()));
        assert_eq!(found(&names, "FLUSHALL"), None);
        assert_eq!(names.rename(b"FLUSHALL", b"other"), Err(BadName::Unknown));
        assert!(names.commands().all(|row| row.command.name != "FLUSHALL"));
        for row in names.commands() {
            assert!(names.get(row.command.name.as_bytes()).is_some(), "{} is still found", row.command.name);
        }
    }

    #[test]
    fn a_name_that_is_taken_stays_where_it_is() {
        let mut names = Names::default();
        assert_eq!(names.rename(b"GET", b"set"), Err(BadName::Taken));
        assert_eq!(names.rename(b"GET", b"get"), Ok(()), "its own name is no other's");
        assert_eq!((found(&names, "GET"), found(&names, "SET")), (Some("GET"), Some("SET")));
    }
}
