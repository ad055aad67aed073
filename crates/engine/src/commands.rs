//! The commands, a file a group. Each file has its rows and their functions.

#![allow(clippy::unnecessary_wraps, reason = "all handlers have one signature")]

mod bitmap;
mod connection;
mod dump;
mod expire;
mod expiry_option;
mod generic;
mod object;
mod scan;
mod string;
mod transactions;

use crate::command::Command;

/// The rows of all groups.
pub const ALL: &[&[Command]] = &[
    bitmap::COMMANDS,
    connection::COMMANDS,
    dump::COMMANDS,
    expire::COMMANDS,
    generic::COMMANDS,
    object::COMMANDS,
    scan::COMMANDS,
    string::COMMANDS,
    transactions::COMMANDS,
];

/// A connection has gone: what it began ends with it.
pub fn close(session: &mut crate::Session, shared: &crate::Shared) {
    transactions::abandon(session, shared);
    if std::mem::take(&mut session.monitoring) {
        shared.clients.monitors.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
    }
}
