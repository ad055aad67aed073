//! The commands, a file a group. Each file has its rows and their functions.

#![allow(clippy::unnecessary_wraps, reason = "all handlers have one signature")]

mod acl;
mod backup;
mod bitmap;
mod client;
mod client_filter;
mod cluster;
mod command;
mod commandlog;
mod config;
mod connection;
mod debug;
mod documentation;
mod dump;
mod expire;
mod expiry_option;
mod function;
mod generic;
mod geo;
mod hash;
mod help;
mod hotkeys;
mod hyperloglog;
mod info;
mod latency;
mod list;
mod many_keys;
mod memory;
mod migrate;
mod module;
mod object;
mod pubsub;
mod random_picks;
mod replication;
mod scan;
mod scan_options;
mod script;
mod scripting;
mod server;
mod set;
mod slowlog;
mod sort;
mod sorted_set;
mod stream;
mod string;
mod syntax;
mod tracking;
mod transactions;
mod wait;

use crate::command::Command;
pub(crate) use documentation::categories;
pub(crate) use transactions::abandon;

/// The rows of all groups.
pub const ALL: &[&[Command]] = &[
    acl::COMMANDS,
    backup::COMMANDS,
    bitmap::COMMANDS,
    client::COMMANDS,
    cluster::COMMANDS,
    command::COMMANDS,
    commandlog::COMMANDS,
    config::COMMANDS,
    connection::COMMANDS,
    debug::COMMANDS,
    dump::COMMANDS,
    expire::COMMANDS,
    function::COMMANDS,
    generic::COMMANDS,
    geo::COMMANDS,
    hash::COMMANDS,
    hotkeys::COMMANDS,
    hyperloglog::COMMANDS,
    info::COMMANDS,
    latency::COMMANDS,
    list::COMMANDS,
    memory::COMMANDS,
    migrate::COMMANDS,
    module::COMMANDS,
    object::COMMANDS,
    pubsub::COMMANDS,
    replication::COMMANDS,
    scan::COMMANDS,
    script::COMMANDS,
    scripting::COMMANDS,
    server::COMMANDS,
    set::COMMANDS,
    slowlog::COMMANDS,
    sort::COMMANDS,
    sorted_set::COMMANDS,
    stream::COMMANDS,
    string::COMMANDS,
    transactions::COMMANDS,
    wait::COMMANDS,
];

/// A connection has gone: what it began ends with it.
pub(crate) fn close(session: &mut crate::Session, shared: &crate::Shared, desk: &mut crate::pubsub::Desk) {
    abandon(session, shared);
    crate::blocking::abandon(shared, session);
    crate::pubsub::forget(shared, desk, session);
    crate::tracking::disable(shared, session);
    if std::mem::take(&mut session.monitoring) {
        shared.clients.monitors.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
    }
}
