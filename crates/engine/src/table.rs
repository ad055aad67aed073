//! All commands, found by name.
//!
//! The rows of `commands/*` are joined once, subcommands behind their containers, and every row gets an index, under
//! which it is counted. The look-up hashes the name without regard to case into a sparse array.

use std::sync::LazyLock;

use stdx::word::{to_lower_case, word};

use crate::args::Args;
use crate::command::Command;
use crate::commands;
use crate::error::Error;

/// A row with its index and its container's name.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Its place in [`Table::rows`].
    pub index: usize,
    /// The row.
    pub command: &'static Command,
    /// The container, for a subcommand.
    pub container: Option<&'static Command>,
}

/// The joined rows.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Row>,
    /// Their names, for the look-up.
    names: Vec<Name>,
    /// Indices of rows plus one, by hash; 0 = free.
    slots: Vec<u16>,
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

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::join(commands::ALL));

/// The table.
pub fn table() -> &'static Table {
    &TABLE
}

impl Table {
    fn join(groups: &[&'static [Command]]) -> Self {
        let mut table = Self { rows: Vec::new(), names: Vec::new(), slots: vec![0; SLOTS] };
        for command in groups.iter().copied().flatten() {
            table.add(command, None);
        }
        for index in 0..table.rows.len() {
            let container = table.rows[index].command;
            for command in container.subcommands {
                table.add(command, Some(container));
            }
        }
        table
    }

    fn add(&mut self, command: &'static Command, container: Option<&'static Command>) {
        let index = self.rows.len();
        let name = Name::new(command.name.as_bytes());
        self.rows.push(Row { index, command, container });
        self.names.push(name);
        if container.is_none() {
            let mut slot = name.slot();
            while self.slots[slot] != 0 {
                slot = (slot + 1) % SLOTS;
            }
            self.slots[slot] = index as u16 + 1;
        }
    }

    /// All rows: commands first, then subcommands.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Commands without subcommands.
    pub fn commands(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.container.is_none())
    }

    /// The command with a name.
    #[inline]
    pub fn get(&self, name: &[u8]) -> Option<Row> {
        let wanted = Name::new(name);
        let mut slot = wanted.slot();
        loop {
            let index = usize::from(self.slots[slot].checked_sub(1)?);
            if self.names[index] == wanted {
                let row = self.rows[index];
                if name.len() <= Name::WHOLE || row.command.name.as_bytes().eq_ignore_ascii_case(name) {
                    return Some(row);
                }
            }
            slot = (slot + 1) % SLOTS;
        }
    }

    /// The subcommand of a container.
    pub fn subcommand(&self, container: &'static Command, name: &[u8]) -> Option<Row> {
        self.rows
            .iter()
            .find(|row| {
                row.container.is_some_and(|other| std::ptr::eq(other, container))
                    && row.command.name.as_bytes().eq_ignore_ascii_case(name)
            })
            .copied()
    }

    /// The row that a request means, its subcommand if it has one; or why there is none.
    #[inline]
    pub fn look_up(&self, args: &Args<'_>) -> Result<Row, Error> {
        let Some(row) = self.get(args.get(0)) else { return Err(unknown(args)) };
        match args.get_optional(1) {
            Some(name) if !row.command.subcommands.is_empty() => self
                .subcommand(row.command, name)
                .ok_or_else(|| Error::UnknownSubcommand(printable(name, 128), row.command.name)),
            _ => Ok(row),
        }
    }

    /// A name as statistics print it: `config|get`.
    pub fn full_name(row: &Row) -> String {
        match row.container {
            Some(container) => format!("{}|{}", container.name, row.command.name).to_lowercase(),
            None => row.command.name.to_lowercase(),
        }
    }

    /// A command by its full name, `config|get` or `get`.
    pub fn by_full_name(&self, name: &[u8]) -> Option<Row> {
        match name.iter().position(|&byte| byte == b'|') {
            None => self.get(name),
            Some(bar) => self.subcommand(self.get(&name[..bar])?.command, &name[bar + 1..]),
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

    #[test]
    fn names_are_unique_and_found_in_any_case() {
        for row in table().commands() {
            let name = row.command.name;
            assert_eq!(name, name.to_uppercase(), "rows are in upper case");
            assert_eq!(
                table().get(name.as_bytes()).map(|found| found.index),
                Some(row.index),
                "{name} is unique"
            );
            assert!(table().get(name.to_lowercase().as_bytes()).is_some());
        }
        assert!(table().get(b"NO SUCH COMMAND").is_none());
    }

    #[test]
    fn every_row_is_documented() {
        for row in table().rows() {
            let name = Table::full_name(row);
            assert!(!row.command.summary.is_empty(), "{name} has a summary");
            assert!(row.command.arity != 0, "{name} has an arity");
        }
    }
}
