//! What is noted of a command: figures, the logs of those that cost much, and lines for clients that run MONITOR.

use std::sync::atomic::Ordering;

use keyspace::DbIndex;
use stdx::quote::write_quoted;
use stdx::time::UnixMs;

use crate::args::{Args, OwnedArgs};
use crate::command::Flags;
use crate::commandlog::{Noted, Topic, Unfinished};
use crate::context::Context;
use crate::host::Host;
use crate::latency::Cause;
use crate::secrets;
use crate::session::{ReplyMode, Session};
use crate::shared::Shared;
use crate::slices::Slices;
use crate::table::Row;

/// How it went.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ran {
    /// Nanoseconds that it took, or that those took that are timed with it.
    pub(crate) took: u64,
    /// Whether it answers an error.
    pub(crate) failed: bool,
    /// How many are timed with it, itself included; 0: it is timed with the one behind it. See [`super::Together`].
    pub(crate) calls: u64,
}

impl Ran {
    /// Timed by itself.
    pub(crate) fn alone(took: u64, failed: bool) -> Self {
        Self { took, failed, calls: 1 }
    }
}

/// How much a command has written.
pub(crate) struct Written<'s> {
    /// What is there already.
    pub(super) bytes: usize,
    /// Where the rest comes from, and the first of its own.
    pub(super) later: Option<(&'s mut Slices, usize)>,
}

impl<'s> Written<'s> {
    /// What was written from `begin` to `end`, and the slices from the first on.
    #[inline]
    pub(crate) fn since(begin: usize, end: usize, slices: &'s mut Slices, first: usize) -> Self {
        let bytes = end.saturating_sub(begin);
        if slices.len() <= first {
            return Self::whole(bytes);
        }
        let bytes = bytes + slices.made_bytes(first);
        Self { bytes, later: (slices.producers(first) > 0).then_some((slices, first)) }
    }

    /// All that is written at once.
    pub(crate) fn whole(bytes: usize) -> Self {
        Self { bytes, later: None }
    }
}

/// What is noted of every command that has run, alone or in a transaction: figures, slowness, MONITOR. The commands of a
/// transaction come before their EXEC, which is the order in which Redis shows them.
#[inline]
pub(crate) fn account(context: &Context<'_, '_>, row: &Row, args: &Args<'_>, ran: Ran, written: Written<'_>) {
    if !context.session.is_suspended() {
        account_ended(context, row, args, ran, written);
    }
    if !row.command.flags.has(Flags::SKIP_MONITOR) {
        show(context, row, args);
    }
}

/// What is noted of a command when it has an answer, which for one that waits is later than when it came.
#[inline]
pub(crate) fn account_ended(
    context: &Context<'_, '_>,
    row: &Row,
    args: &Args<'_>,
    Ran { took, failed, calls }: Ran,
    written: Written<'_>,
) {
    let (shared, session) = (context.shared, &*context.session);
    if calls > 0
        && let Some(statistics) = shared.statistics.get(context.access.worker().0)
    {
        let tracked = shared.hot.latency_tracking.load(Ordering::Relaxed);
        statistics.ran(row.index, calls, took, failed, tracked);
    }
    let now = context.access.now();
    if !row.command.flags.has(Flags::SKIP_SLOWLOG) {
        if shared.hot_keys.is_on(now) {
            note_hot_keys(context, row, args, took, &written);
        }
        note(shared, row, args, Some(session), (now, took), written);
    }
    if took >= shared.hot.latency_nanoseconds.load(Ordering::Relaxed) {
        let is_fast = row.command.flags.has(Flags::FAST);
        shared.note_latency(if is_fast { Cause::FastCommand } else { Cause::Command }, now, took);
    }
}

/// Tells MONITOR clients of a command that they would not be told of behind it: a script comes before what it calls.
pub(crate) fn announce(context: &Context<'_, '_>, args: &Args<'_>) {
    show(context, &context.row, args);
}

/// Tells MONITOR clients of a client's command.
#[inline]
fn show(context: &Context<'_, '_>, row: &Row, args: &Args<'_>) {
    if context.shared.clients.monitors.load(Ordering::Relaxed) > 0 {
        let session = &*context.session;
        let source = if session.record.is_unix { "unix:" } else { "" };
        let origin = (session.database, source, &*session.record.address);
        feed_monitors(context.host, row, args, origin);
    }
}

/// What is noted of a command that a script has called, before the script's own command. As in Redis it has no client in the logs.
/// A run of a script that is abandoned has been noted, too: it took its time.
#[inline]
pub(crate) fn account_called(
    context: &Context<'_, '_>,
    row: &Row,
    args: &Args<'_>,
    (took, failed): (u64, bool),
    bytes: usize,
) {
    let (shared, session) = (context.shared, &*context.session);
    if let Some(statistics) = shared.statistics.get(session.record.worker) {
        statistics.ran(row.index, 1, took, failed, shared.hot.latency_tracking.load(Ordering::Relaxed));
    }
    if !row.command.flags.has(Flags::SKIP_SLOWLOG) {
        note(shared, row, args, None, (context.access.now(), took), Written::whole(bytes));
    }
    if shared.clients.monitors.load(Ordering::Relaxed) > 0 {
        feed_monitors(context.host, row, args, (session.database, "", "lua"));
    }
}

/// Notes a command of a client or a script that took long or was large.
#[inline]
fn note(
    shared: &Shared,
    row: &Row,
    args: &Args<'_>,
    client: Option<&Session>,
    (now, took): (UnixMs, u64),
    written: Written<'_>,
) {
    let [slow, request, answer] = Topic::ALL.map(|topic| shared.command_log.of(topic));
    let is_read = client.is_none_or(|session| matches!(session.reply_mode, ReplyMode::On));
    let is_long = || written.later.is_some() && answer.is_on() || answer.wants(written.bytes as u64);
    let is_wanted = is_read && is_long();
    // The exact size of a request takes a look at each argument; most are far from any limit.
    let may_be_large = request.wants(args.most_request_bytes() as u64);
    if !slow.wants(took) && !is_wanted && !may_be_large {
        return;
    }
    let hidden = secrets::hide(row, args);
    let shown = hidden.as_ref().map_or(*args, OwnedArgs::as_args);
    let time_s = now.0 / 1000;
    let noted = || match client.map(|session| &session.record) {
        Some(record) => Noted::new(&shown, time_s, &record.address, &record.names.lock().name),
        None => Noted::new(&shown, time_s, "", ""),
    };
    if slow.wants(took) {
        slow.add(took / 1000, noted());
    }
    let request_bytes = args.request_bytes() as u64;
    if request.wants(request_bytes) {
        request.add(request_bytes, noted());
    }
    match written.later {
        _ if !is_wanted => {}
        None => answer.add(written.bytes as u64, noted()),
        Some((slices, first)) => {
            slices.count(
                first,
                &Unfinished::new(&shared.command_log, written.bytes, slices.producers(first), noted()),
            );
        }
    }
}

/// Counts a command for its keys. Of a reply that is written later about as many bytes are counted as are still to come.
fn note_hot_keys(context: &Context<'_, '_>, row: &Row, args: &Args<'_>, took: u64, written: &Written<'_>) {
    if context.session.is_loader {
        return;
    }
    let later = written.later.as_ref().map_or(0, |(slices, first)| slices.remaining_bytes(*first));
    let bytes = (args.request_bytes() + written.bytes + later) as u64;
    let shared = context.shared;
    shared.hot_keys.note(context.access.worker().0, (took, bytes), |each| {
        row.command.for_each_key(args, |at, _| each(shared.keyspace.key(args.get(at)).hash, args.get(at)));
    });
}

/// Tells MONITOR clients of a command. Commands of administrators and passwords are not shown.
fn feed_monitors(
    host: &dyn Host,
    row: &Row,
    args: &Args<'_>,
    (database, source, address): (DbIndex, &str, &str),
) {
    if row.command.flags.has(Flags::ADMIN) {
        return;
    }
    let now = host.unix_us();
    let mut line =
        format!("{}.{:06} [{} {source}{address}]", now / 1_000_000, now % 1_000_000, database.0).into_bytes();
    let hidden = secrets::hide(row, args);
    let args = &hidden.as_ref().map_or(*args, OwnedArgs::as_args);
    for argument in args.from(0) {
        line.push(b' ');
        write_quoted(&mut line, argument);
    }
    host.feed_monitors(&line);
}
