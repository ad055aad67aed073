//! One request: admission, the queue of a transaction, the command, and what follows its reply.

use std::sync::atomic::Ordering;

use super::{Environment, Prepared, Ran, Worker, Written, account, call};
use crate::admission::{self, Request};
use crate::args::Args;
use crate::command::Flags;
use crate::commands::abandon;
use crate::context::Context;
use crate::error::Error;
use crate::permission;
use crate::reply::Reply;
use crate::session::{ReplyMode, Session};
use crate::shared::Shared;
use crate::statistics::{WorkerStatistics, add};
use crate::table::Row;

impl Worker<'_> {
    /// Runs one request; its shards are locked. `started` is the clock before it; returns the clock after it.
    pub fn run(
        &mut self,
        prepared: &Prepared,
        args: &Args<'_>,
        session: &mut Session,
        out: &mut Vec<u8>,
        mut environment: Environment<'_>,
        started: u64,
    ) -> u64 {
        let (shared, begin) = (environment.shared, out.len());
        session.record.active.store(self.access.now().0, Ordering::Relaxed);
        add(&session.record.commands, 1);
        let statistics = &shared.statistics[self.index];
        let row = match &prepared.row {
            Ok(row) => *row,
            Err(error) => {
                refuse(None, error, session, out, begin, shared, statistics);
                return started;
            }
        };
        if session.login.is_outdated(&shared.accounts) {
            session.login.refresh(&shared.accounts);
        }
        if self.is_refused(&row, args, session, out, begin, shared) {
            return started;
        }
        session.record.command.store(row.index + 1, Ordering::Relaxed);
        if session.transaction.is_open() && !row.command.flags.has(Flags::NOT_QUEUED) {
            session.transaction.push(row, args, prepared.first_key);
            session.record.queued_bytes.fetch_add(args.bytes(), Ordering::Relaxed);
            session.record.queued.store(session.transaction.queued().unwrap_or(0) as i64, Ordering::Relaxed);
            Reply::new(out, session.protocol).simple("QUEUED");
            finish(session, out, begin);
            return started;
        }
        self.access.start_unit();
        let before = self.together.take(&row, statistics);
        let group = std::mem::take(&mut self.wanted.hashed);
        let (first_key, hashed) = (prepared.first_key, &group[prepared.hashed.clone()]);
        let (tools, slices) = self.tools(&mut environment);
        let mut context = Context { first_key, hashed, ..Context::new(tools, session, row) };
        let mut reply = Reply::sliced(out, context.session.protocol, slices);
        let failed = call(&mut context, args, &mut reply);
        // In this order: what the command has found due was read before, and what it has read is read from now on.
        context.tell_observers();
        context.remember_keys(args);
        if prepared.alone {
            context.access.unlock(); // a handler that panicked may have left locks behind
        }
        context.feed();
        let written = Written::since(begin, out.len(), slices, 0);
        let is_timed_with_next = !failed && prepared.is_timed_with_next(&context, &row, args, &written);
        let mut ended = started;
        if !is_timed_with_next {
            ended = (shared.clock)();
            let took = ended.saturating_sub(started);
            account(&context, &row, args, Ran { took, failed, calls: before + 1 }, written);
        }
        self.wanted.hashed = group;
        let reply_begin = if row.command.flags.has(Flags::PUSHES) { out.len() } else { begin };
        if !finish(session, out, reply_begin) {
            self.slices.truncate(reply_begin);
        }
        end_caching(session, Some(&row));
        if is_timed_with_next {
            self.together.add(&row, before);
        }
        self.invalidations.write_own(session, out, shared);
        ended
    }

    /// Whether a request is refused; then it is answered.
    #[inline]
    pub(super) fn is_refused(
        &self,
        row: &Row,
        args: &Args<'_>,
        session: &mut Session,
        out: &mut Vec<u8>,
        begin: usize,
        shared: &Shared,
    ) -> bool {
        let Self { out_of_memory, beside_script, .. } = *self;
        let request = Request { row, args, session, shared, out_of_memory, beside_script };
        let Err(error) = admission::check(&request) else {
            return false;
        };
        if let Error::NoPermission(denial, _) = error {
            let place = permission::place_of(session);
            session.record.command.store(row.index + 1, Ordering::Relaxed);
            permission::note_refusal(session, shared, (row, args), denial, place, self.access.now());
        }
        refuse(Some(*row), &error, session, out, begin, shared, &shared.statistics[self.index]);
        true
    }
}

/// Answers a request that the look-up or admission refused. A refused EXEC ends its transaction.
pub(super) fn refuse(
    row: Option<Row>,
    error: &Error,
    session: &mut Session,
    out: &mut Vec<u8>,
    begin: usize,
    shared: &Shared,
    statistics: &WorkerStatistics,
) {
    let mut text = error.to_string();
    if row.is_some_and(|row| row.command.name == "EXEC") {
        abandon(session, shared);
        let reason = text.strip_prefix("ERR ").unwrap_or(&text);
        text = format!("EXECABORT Transaction discarded because of: {reason}");
    }
    session.transaction.break_it();
    if let Some(row) = row {
        statistics.rejected(row.index);
    }
    Reply::new(out, session.protocol).error(text);
    statistics.answered_error(&out[begin..]);
    finish(session, out, begin);
    end_caching(session, row.as_ref());
}

/// CLIENT CACHING holds for the command behind it, or for the transaction behind it.
#[inline]
fn end_caching(session: &mut Session, row: Option<&Row>) {
    if let Some(mode) = &mut session.tracking
        && !session.transaction.is_open()
        && row.is_none_or(|row| row.container.is_none_or(|container| container.name != "CLIENT"))
    {
        mode.caching_given = false;
    }
}

/// Takes the reply back if the client does not want it; then it is false.
#[inline]
fn finish(session: &mut Session, out: &mut Vec<u8>, begin: usize) -> bool {
    session.reply_mode = match session.reply_mode {
        ReplyMode::On => return true,
        ReplyMode::Off => {
            // What it is sent is the stream, in which there is no place for a reply.
            session.closing |= session.is_replica && out.len() > begin;
            ReplyMode::Off
        }
        ReplyMode::SkipNext => ReplyMode::Skip,
        ReplyMode::Skip => ReplyMode::On,
    };
    out.truncate(begin);
    false
}
