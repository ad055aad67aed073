//! SLOWLOG.

use crate::args::Args;
use crate::command::{Command, Flags, Group, Outcome};
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;
use crate::tips;

const FLAGS: Flags = Flags::ADMIN.and(Flags::LOADING).and(Flags::STALE);

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command::new("SLOWLOG", Group::Server, -2, container)
    .doc("2.2.12", "Depends on subcommand.", "A container for slow log commands.", "")
    .subcommands(SUBCOMMANDS)];

const SUBCOMMANDS: &[Command] = &[
    Command::new("GET", Group::Server, -2, get).tips(tips::ALL_NODES_LISTS).flags(FLAGS).doc(
        "2.2.12",
        "O(N) in the number of entries returned",
        "Returns the newest slow commands.",
        "[count]",
    ),
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

fn get(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let count = match args.len() {
        2 => 10,
        3 => match args.integer(2) {
            Ok(-1) => i64::MAX,
            Ok(count) if count >= 0 => count,
            _ => return Err(Error::Static("ERR count should be greater than or equal to -1")),
        },
        _ => {
            let name = String::from_utf8_lossy(args.get(1)).into_owned();
            return Err(Error::SubcommandArguments(name, "SLOWLOG"));
        }
    };
    let entries = ctx.shared.slow_log.lock().newest(usize::try_from(count).unwrap_or(usize::MAX));
    reply.array(entries.len());
    for entry in entries {
        reply.array(6);
        reply.integer(entry.id as i64);
        reply.integer(entry.time_s);
        reply.integer(entry.duration_us as i64);
        reply.array(entry.arguments.len());
        for argument in entry.arguments {
            reply.bulk(argument);
        }
        reply.bulk(entry.address);
        reply.bulk(entry.name);
    }
    Ok(())
}

fn len(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.integer(ctx.shared.slow_log.lock().len() as i64);
    Ok(())
}

fn reset(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    ctx.shared.slow_log.lock().reset();
    reply.ok();
    Ok(())
}

fn help(_: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    super::help(reply, "SLOWLOG", SUBCOMMANDS);
    Ok(())
}
