//! All commands.
//!
//! The rows of `commands/*` are joined once, subcommands behind their containers, and every row gets an index, under
//! which it is counted. By what names clients find them is in `names`.

mod names;

use std::sync::LazyLock;

use crate::command::Command;
use crate::commands;

pub use names::{BadName, Names};

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

impl Row {
    /// It and, if it is a container, what it contains.
    pub fn with_subcommands(self) -> impl Iterator<Item = Self> {
        std::iter::once(self).chain(self.subcommands())
    }

    /// What a container contains.
    pub fn subcommands(self) -> impl Iterator<Item = Self> {
        let is_inside =
            move |other: &&Self| other.container.is_some_and(|other| std::ptr::eq(other, self.command));
        table().rows.iter().filter(is_inside).copied()
    }
}

/// The joined rows.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Row>,
    /// The names that the commands have by themselves.
    names: Names,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::join(commands::ALL));

/// The table.
pub fn table() -> &'static Table {
    &TABLE
}

impl Table {
    fn join(groups: &[&'static [Command]]) -> Self {
        let mut rows = Vec::new();
        let mut add = |command, container| rows.push(Row { index: rows.len(), command, container });
        let commands = || groups.iter().copied().flatten();
        commands().for_each(|command| add(command, None));
        for container in commands() {
            container.subcommands.iter().for_each(|command| add(command, Some(container)));
        }
        Self { names: Names::of(rows.iter().filter(|row| row.container.is_none())), rows }
    }

    /// All rows: commands first, then subcommands.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Commands without subcommands.
    pub fn commands(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.container.is_none())
    }

    /// The names that the commands have by themselves.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The command with a name of its own.
    pub fn get(&self, name: &[u8]) -> Option<Row> {
        self.names.get(name)
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

    /// A name as statistics print it: `config|get`.
    pub fn full_name(row: &Row) -> String {
        match row.container {
            Some(container) => format!("{}|{}", container.name, row.command.name).to_lowercase(),
            None => row.command.name.to_lowercase(),
        }
    }
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
