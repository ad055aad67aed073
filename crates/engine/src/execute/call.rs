//! Calling a handler, and what becomes of its errors and of ours.

use std::panic::{AssertUnwindSafe, catch_unwind};

use keyspace::Busy;

use crate::args::Args;
use crate::command::{Flags, Outcome};
use crate::context::Context;
use crate::reply::Reply;

/// Calls a handler and writes its error, if it returns one. True if it failed.
///
/// A panic in a handler is our error. The client is told, the connection closed, and the server goes on: the shard's
/// table is changed in steps that each leave it whole, so other keys are not in danger.
pub(crate) fn call(context: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> bool {
    let handler = context.row.command.handler;
    guarded(context, reply, |context, reply| handler(context, args, reply))
}

/// The same for what a handler has put off.
pub(super) fn guarded<'c, 'k>(
    context: &mut Context<'c, 'k>,
    reply: &mut Reply<'_>,
    body: impl FnOnce(&mut Context<'c, 'k>, &mut Reply<'_>) -> Outcome,
) -> bool {
    let begin = reply.buffer().len();
    let touching = !context.session.no_touch || context.row.command.flags.has(Flags::TOUCHES);
    context.access.set_touching(touching);
    context.want_events();
    context.error_is_counted = false;
    let outcome = catch_unwind(AssertUnwindSafe(|| body(context, reply)));
    let failed = match outcome {
        Ok(Ok(())) => reply.buffer().get(begin) == Some(&b'-'),
        Ok(Err(error)) => {
            reply.truncate(begin);
            reply.error(error.to_string());
            true
        }
        // No panic: the command wanted a lock that a busy script holds. It has done nothing.
        Err(payload) if payload.is::<Busy>() => {
            reply.truncate(begin);
            reply.error(context.shared.running.busy_text());
            true
        }
        Err(_) => {
            reply.truncate(begin);
            context.session.closing = true;
            reply.error("ERR internal error; the connection is closed");
            true
        }
    };
    if failed
        && !context.error_is_counted
        && let Some(statistics) = context.shared.statistics.get(context.access.worker().0)
    {
        statistics.answered_error(&reply.buffer()[begin..]);
    }
    failed
}
