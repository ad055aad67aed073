//! Strings.

use crate::args::Args;
use crate::command::{Access, Command, Flags, Group, Outcome};
use crate::context::Context;
use crate::reply::Reply;

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command::new("GET", Group::String, 2, get)
    .flags(Flags::READONLY.and(Flags::FAST))
    .key(Access::Read)
    .doc("1.0.0", "O(1)", "Returns the string value of a key.", "key")];

fn get(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    match ctx.db().string(&key)? {
        Some(value) => reply.string(value),
        None => reply.null(),
    }
    Ok(())
}
