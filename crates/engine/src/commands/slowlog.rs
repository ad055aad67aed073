//! SLOWLOG: the slow ones of the command logs, under the name that they have in Redis.

use crate::args::Args;
use crate::command::{Command, Flags, Group, Outcome};
use crate::commandlog::{Log, Topic};
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;
use crate::tips;

use super::commandlog;

const FLAGS: Flags = Flags::ADMIN.and(Flags::LOADING).and(Flags::STALE);

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command::new("SLOWLOG", Group::Server, -2, container)
    .doc("2.2.12", "Depends on subcommand.", "A container for slow log commands.", "")
    .subcommands(SUBCOMMANDS)];

const SUBCOMMANDS: &[Command] = &[
    Command::new("GET", Group::Server, -2, get)
        .tips(tips::ALL_NODES_LISTS)
        .flags(FLAGS)
        .doc(
            "2.2.12",
            "O(N) in the number of entries returned",
            "Returns the newest slow commands.",
            "[count]",
        )
        .history(&[("4.0.0", "Entries show the address and the name of the client.")]),
    Command::new("LEN", Group::Server, 2, len).tips(tips::ALL_NODES_LENGTH).flags(FLAGS).doc(
        "2.2.12",
        "O(1)",
        "Returns the number of entries.",
        "",
    ),
    Command::new("RESET", Group::Server, 2, reset).tips(tips::ALL_NODES).flags(FLAGS).doc(
        "2.2.12",
        "O(N) in the number of entries",
        "Forgets all entries.",
        "",
    ),
    Command::new("HELP", Group::Server, 2, help).flags(Flags::LOADING.and(Flags::STALE)).doc(
        "6.2.0",
        "O(1)",
        "Returns the subcommands.",
        "",
    ),
];

fn container(_: &mut Context<'_, '_>, _: &Args<'_>, _: &mut Reply<'_>) -> Outcome {
    Err(Error::WrongArity("slowlog".into()))
}

fn log<'s>(ctx: &Context<'s, '_>) -> &'s Log {
    ctx.shared.command_log.of(Topic::Slow)
}

fn get(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let count = match args.len() {
        2 => 10,
        3 => commandlog::count(args, 2)?,
        _ => {
            let name = String::from_utf8_lossy(args.get(1)).into_owned();
            return Err(Error::SubcommandArguments(name, "SLOWLOG"));
        }
    };
    commandlog::write(log(ctx).newest(count), reply);
    Ok(())
}

fn len(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.integer(log(ctx).len() as i64);
    Ok(())
}

fn reset(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    log(ctx).reset();
    reply.ok();
    Ok(())
}

fn help(_: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.help("SLOWLOG", super::help::SLOWLOG);
    Ok(())
}
