//! COMMANDLOG: the commands that took long, and those whose requests or replies were large. SLOWLOG shows the first of them.

use crate::args::Args;
use crate::command::{Command, Flags, Group, Outcome};
use crate::commandlog::{Entry, Log, Topic};
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;
use crate::tips;

const FLAGS: Flags = Flags::ADMIN.and(Flags::LOADING).and(Flags::STALE);

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command::new("COMMANDLOG", Group::Server, -2, container)
    .doc("8.1.0", "Depends on subcommand.", "A container for command log commands.", "")
    .subcommands(SUBCOMMANDS)];

const SUBCOMMANDS: &[Command] = &[
    Command::new("GET", Group::Server, 4, get).tips(tips::ALL_NODES_LISTS).flags(FLAGS).doc(
        "8.1.0",
        "O(N) in the number of entries returned",
        "Returns the newest commands of a log.",
        "count <slow | large-request | large-reply>",
    ),
    Command::new("LEN", Group::Server, 3, len).tips(tips::ALL_NODES_LENGTH).flags(FLAGS).doc(
        "8.1.0",
        "O(1)",
        "Returns the number of entries of a log.",
        "<slow | large-request | large-reply>",
    ),
    Command::new("RESET", Group::Server, 3, reset).tips(tips::ALL_NODES).flags(FLAGS).doc(
        "8.1.0",
        "O(N) in the number of entries",
        "Forgets all entries of a log.",
        "<slow | large-request | large-reply>",
    ),
    Command::new("HELP", Group::Server, 2, help).flags(Flags::LOADING.and(Flags::STALE)).doc(
        "8.1.0",
        "O(1)",
        "Returns the subcommands.",
        "",
    ),
];

const HELP: &[&str] = &[
    "GET <count> <type>",
    "    Return top <count> entries of the specified <type> from the commandlog (-1 mean all).",
    "    Entries are made of:",
    "    id, timestamp,",
    "        time in microseconds for type of slow,",
    "        or size in bytes for type of large-request,",
    "        or size in bytes for type of large-reply",
    "    arguments array, client IP and port,",
    "    client name",
    "LEN <type>",
    "    Return the length of the specified type of commandlog.",
    "RESET <type>",
    "    Reset the specified type of commandlog.",
];

fn container(_: &mut Context<'_, '_>, _: &Args<'_>, _: &mut Reply<'_>) -> Outcome {
    Err(Error::WrongArity("commandlog".into()))
}

/// The log that an argument names.
fn log<'s>(ctx: &Context<'s, '_>, args: &Args<'_>, at: usize) -> Result<&'s Log, Error> {
    let topic = Topic::ALL.into_iter().find(|topic| args.is(at, topic.name()));
    let unknown = Error::Static("ERR type should be one of the following: slow, large-request, large-reply");
    Ok(ctx.shared.command_log.of(topic.ok_or(unknown)?))
}

/// The number of entries that an argument asks for; -1 stands for all.
pub(super) fn count(args: &Args<'_>, at: usize) -> Result<usize, Error> {
    match args.integer(at) {
        Ok(-1) => Ok(usize::MAX),
        Ok(count) if count >= 0 => Ok(usize::try_from(count).unwrap_or(usize::MAX)),
        _ => Err(Error::Static("ERR count should be greater than or equal to -1")),
    }
}

/// Entries as both commands show them.
pub(super) fn write(entries: Vec<Entry>, reply: &mut Reply<'_>) {
    reply.array(entries.len());
    for Entry { id, value, command } in entries {
        reply.array(6);
        reply.integer(id as i64);
        reply.integer(command.time_s);
        reply.integer(value as i64);
        reply.array(command.arguments.len());
        for argument in command.arguments {
            reply.bulk(argument);
        }
        reply.bulk(command.address);
        reply.bulk(command.name);
    }
}

fn get(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let count = count(args, 2)?;
    write(log(ctx, args, 3)?.newest(count), reply);
    Ok(())
}

fn len(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.integer(log(ctx, args, 2)?.len() as i64);
    Ok(())
}

fn reset(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    log(ctx, args, 2)?.reset();
    reply.ok();
    Ok(())
}

fn help(_: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.help("COMMANDLOG", HELP);
    Ok(())
}
