//! The commands, a file a group. Each file has its rows and their functions.

mod connection;
mod string;
mod transactions;

use crate::command::Command;

/// The rows of all groups.
pub const ALL: &[&[Command]] = &[connection::COMMANDS, string::COMMANDS, transactions::COMMANDS];
