//! COMMAND: the table about itself.

use stdx::glob::{self, Case};

use super::{documentation, syntax};
use crate::args::{Args, OwnedArgs};
use crate::command::{Channels, Command, Flags, Group, Keys, Outcome, Status};
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;
use crate::table::{Names, Row, Table};
use crate::tips;

const FLAGS: Flags = Flags::LOADING.and(Flags::STALE).and(Flags::SENTINEL);

/// Clients ask at the beginning of a connection.
const CATEGORIES: &[&str] = &["connection"];

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command::new("COMMAND", Group::Server, -1, all)
    .categories(CATEGORIES)
    .tips(tips::ORDER_VARIES)
    .flags(FLAGS)
    .doc("2.8.13", "O(N) in the number of commands", "Returns details about all commands.", "")
    .subcommands(SUBCOMMANDS)];

const SUBCOMMANDS: &[Command] = &[
    Command::new("COUNT", Group::Server, 2, count).categories(CATEGORIES).flags(FLAGS).doc(
        "2.8.13",
        "O(1)",
        "Returns the number of commands.",
        "",
    ),
    Command::new("INFO", Group::Server, -2, info)
        .categories(CATEGORIES)
        .tips(tips::ORDER_VARIES)
        .flags(FLAGS)
        .doc(
            "2.8.13",
            "O(N) in the number of commands asked for",
            "Returns details about commands.",
            "[command-name [command-name ...]]",
        )
        .history(&[("7.0.0", "Without a name it tells of all commands.")]),
    Command::new("DOCS", Group::Server, -2, docs)
        .categories(CATEGORIES)
        .tips(tips::ORDER_VARIES)
        .flags(FLAGS)
        .doc(
            "7.0.0",
            "O(N) in the number of commands asked for",
            "Returns the documentation of commands.",
            "[command-name [command-name ...]]",
        ),
    Command::new("LIST", Group::Server, -2, list)
        .categories(CATEGORIES)
        .tips(tips::ORDER_VARIES)
        .flags(FLAGS)
        .doc(
            "7.0.0",
            "O(N) in the number of commands",
            "Returns the names of commands.",
            "[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]",
        ),
    Command::new("GETKEYS", Group::Server, -3, get_keys).categories(CATEGORIES).flags(FLAGS).doc(
        "2.8.13",
        "O(N) in the number of arguments",
        "Returns the keys of a full command.",
        "command [arg [arg ...]]",
    ),
    Command::new("GETKEYSANDFLAGS", Group::Server, -3, get_keys_and_flags)
        .categories(CATEGORIES)
        .flags(FLAGS)
        .doc(
            "7.0.0",
            "O(N) in the number of arguments",
            "Returns the keys of a full command and what is done with them.",
            "command [arg [arg ...]]",
        ),
    Command::new("HELP", Group::Server, 2, help)
        .categories(CATEGORIES)
        .flags(Flags::LOADING.and(Flags::STALE))
        .doc("5.0.0", "O(1)", "Returns the subcommands.", ""),
];

fn all(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let names = &ctx.shared.names;
    reply.array(names.commands().count());
    names.commands().for_each(|row| write_info(&row, reply));
    Ok(())
}

fn count(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.integer(ctx.shared.names.commands().count() as i64);
    Ok(())
}

fn info(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if args.len() == 2 {
        return all(ctx, args, reply);
    }
    reply.array(args.len() - 2);
    for name in args.from(2) {
        match ctx.shared.names.by_full_name(name) {
            Some(row) => write_info(&row, reply),
            None => reply.null(),
        }
    }
    Ok(())
}

/// The ten fields of a command, its subcommands included.
fn write_info(row: &Row, reply: &mut Reply<'_>) {
    let command = row.command;
    let (first, last, step) = match command.keys {
        Keys::None if matches!(command.channels, Channels::Shard { .. }) => shard_positions(command),
        Keys::None | Keys::Counted { .. } | Keys::Streams { .. } => (0, 0, 0),
        Keys::Range { first, last, step, .. } => (first as i64, i64::from(last), step as i64),
        Keys::Pair { .. } => (1, 2, 1),
        Keys::Migrated => (3, 3, 1),
        Keys::Sorted { .. } => (1, 1, 1),
        Keys::TargetAndSources { target, .. } => (target as i64, -1, 1),
        Keys::TargetAndCounted { .. } | Keys::SourceAndOptions { .. } => (1, 1, 1),
    };
    reply.array(10);
    reply.bulk(Table::full_name(row));
    reply.integer(command.arity.into());
    let mut flags: Vec<&str> = command.flags.names().collect();
    if command.keys.are_movable() {
        flags.push("movablekeys");
    }
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.simple(flag));
    for number in [first, last, step] {
        reply.integer(number);
    }
    let categories = documentation::categories(command);
    reply.set(categories.len());
    categories.iter().for_each(|category| reply.simple(format!("@{category}")));
    reply.set(command.tips.len());
    command.tips.iter().for_each(|tip| reply.bulk(tip));
    documentation::write_key_specs(command, reply);
    let children: Vec<Row> = row.subcommands().collect();
    if children.is_empty() {
        reply.set(0); // Redis has nothing to put in order here
    } else {
        reply.array(children.len());
    }
    children.iter().for_each(|child| write_info(child, reply));
}

/// Channels of shards stand where other commands have keys.
fn shard_positions(command: &Command) -> (i64, i64, i64) {
    let Channels::Shard { last, .. } = command.channels else { return (0, 0, 0) };
    (1, last.into(), 1)
}

fn docs(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let names = &ctx.shared.names;
    let rows: Vec<Row> = if args.len() == 2 {
        names.commands().collect()
    } else {
        args.from(2).filter_map(|name| names.by_full_name(name)).collect()
    };
    reply.map(rows.len());
    for row in &rows {
        reply.bulk(Table::full_name(row));
        write_docs(row, reply);
    }
    Ok(())
}

fn write_docs(row: &Row, reply: &mut Reply<'_>) {
    let command = row.command;
    let children: Vec<Row> = row.subcommands().collect();
    let arguments = syntax::parse(command.syntax);
    let status = match command.status {
        Status::Current => 0,
        Status::Deprecated { .. } => 3,
        Status::System => 1,
    };
    let texts = [
        ("summary", command.summary),
        ("since", command.since),
        ("group", command.group.name()),
        ("complexity", command.complexity),
    ];
    let texts = texts.iter().filter(|(_, text)| !text.is_empty());
    let others = [!command.history.is_empty(), !arguments.is_empty(), !children.is_empty()];
    reply.map(texts.clone().count() + status + others.into_iter().filter(|there| *there).count());
    for (field, text) in texts {
        reply.bulk(field);
        reply.bulk(text);
    }
    write_status(command.status, reply);
    write_history(command.history, reply);
    if !arguments.is_empty() {
        reply.bulk("arguments");
        syntax::write(&arguments, documentation::key_specs(command), reply);
    }
    if !children.is_empty() {
        reply.bulk("subcommands");
        reply.map(children.len());
        for child in &children {
            reply.bulk(Table::full_name(child));
            write_docs(child, reply);
        }
    }
}

fn write_status(status: Status, reply: &mut Reply<'_>) {
    let flag = match status {
        Status::Current => return,
        Status::Deprecated { .. } => "deprecated",
        Status::System => "syscmd",
    };
    reply.bulk("doc_flags");
    reply.set(1);
    reply.simple(flag);
    if let Status::Deprecated { since, replacement } = status {
        for text in ["deprecated_since", since, "replaced_by", replacement] {
            reply.bulk(text);
        }
    }
}

fn write_history(history: &[(&str, &str)], reply: &mut Reply<'_>) {
    if history.is_empty() {
        return;
    }
    reply.bulk("history");
    reply.set(history.len());
    for (version, change) in history {
        reply.array(2);
        reply.bulk(version);
        reply.bulk(change);
    }
}

fn list(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut rows: Vec<Row> = ctx.shared.names.commands().flat_map(Row::with_subcommands).collect();
    match args.len() {
        2 => {}
        5 if args.is(2, "FILTERBY") => {
            let wanted = args.get(4);
            if args.is(3, "MODULE") {
                rows.clear();
            } else if args.is(3, "ACLCAT") {
                let wanted = wanted.to_ascii_lowercase();
                rows.retain(|row| {
                    documentation::categories(row.command)
                        .iter()
                        .any(|category| category.as_bytes() == wanted)
                });
            } else if args.is(3, "PATTERN") {
                rows.retain(|row| glob::matches(wanted, Table::full_name(row).as_bytes(), Case::Insensitive));
            } else {
                return Err(Error::Syntax);
            }
        }
        _ => return Err(Error::Syntax),
    }
    if args.len() == 2 {
        reply.set(rows.len());
    } else {
        reply.array(rows.len()); // Redis counts while it filters
    }
    rows.iter().for_each(|row| reply.bulk(Table::full_name(row)));
    Ok(())
}

/// The row and arguments of the command that is asked about.
fn inner(names: &Names, args: &Args<'_>) -> Result<(Row, OwnedArgs), Error> {
    let words: OwnedArgs = args.from(2).collect();
    let row = names.look_up(&words.as_args()).map_err(|_| Error::Static("ERR Invalid command specified"))?;
    if row.command.keys == Keys::None {
        return Err(Error::Static("ERR The command has no key arguments"));
    }
    if !row.command.accepts(words.as_args().len()) {
        return Err(Error::Static("ERR Invalid number of arguments specified for command"));
    }
    Ok((row, words))
}

fn get_keys(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (row, words) = inner(&ctx.shared.names, args)?;
    let words = words.as_args();
    let mut keys = Vec::new();
    row.command.for_each_key(&words, |at, _| keys.push(at));
    if keys.is_empty() && !row.command.flags.has(Flags::NO_MANDATORY_KEYS) {
        return Err(Error::Static("ERR Invalid arguments specified for command"));
    }
    reply.array(keys.len());
    keys.into_iter().for_each(|at| reply.bulk(words.get(at)));
    Ok(())
}

fn get_keys_and_flags(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (row, words) = inner(&ctx.shared.names, args)?;
    let words = words.as_args();
    let mut keys = Vec::new();
    row.command.for_each_key(&words, |at, access| keys.push((at, access)));
    if keys.is_empty() && !row.command.flags.has(Flags::NO_MANDATORY_KEYS) {
        return Err(Error::Static("ERR Invalid arguments specified for command"));
    }
    reply.array(keys.len());
    for (at, most) in keys {
        let access = row.command.access_by.map_or(most, |access_by| access_by(&words));
        reply.array(2);
        reply.bulk(words.get(at));
        reply.set(access.flags().len());
        access.flags().iter().for_each(|flag| reply.simple(flag));
    }
    Ok(())
}

fn help(_: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.help("COMMAND", super::help::COMMAND);
    Ok(())
}
