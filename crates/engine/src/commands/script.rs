//! SCRIPT: the scripts that are known.

use super::scripting;
use crate::args::Args;
use crate::command::{Command, Flags, Group, Outcome};
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;
use crate::scripting::Kind;
use crate::tips;

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command::new("SCRIPT", Group::Scripting, -2, help)
    .doc("2.6.0", "Depends on the subcommand", "A container for commands about scripts.", "")
    .subcommands(SUBCOMMANDS)];

const SUBCOMMANDS: &[Command] = &[
    Command::new("DEBUG", Group::Scripting, 3, debug).flags(Flags::NOSCRIPT).doc(
        "3.2.0",
        "O(1)",
        "Sets how scripts to come are debugged, which this server does not.",
        "mode=<YES | SYNC | NO>",
    ),
    Command::new("EXISTS", Group::Scripting, -3, exists)
        .flags(Flags::NOSCRIPT)
        .tips(tips::ALL_SHARDS_AND)
        .doc("2.6.0", "O(N) in the number of scripts", "Tells which scripts are known.", "sha1 [sha1 ...]"),
    Command::new("FLUSH", Group::Scripting, -2, flush)
        .flags(Flags::NOSCRIPT)
        .tips(tips::ALL_NODES)
        .doc("2.6.0", "O(N) in the number of scripts", "Forgets all scripts.", "[ASYNC | SYNC]@6.2.0")
        .history(&[("6.2.0", "The options `ASYNC` and `SYNC`.")]),
    scripting::help("5.0.0", help),
    scripting::kill("2.6.0", "Ends a script that has run for long and has written nothing.", kill),
    Command::new("LOAD", Group::Scripting, 3, load)
        .flags(Flags::NOSCRIPT.and(Flags::STALE))
        .tips(tips::ALL_NODES)
        .doc(
            "2.6.0",
            "O(N) in the length of the script",
            "Makes a script known without running it.",
            "script",
        ),
    Command::new("SHOW", Group::Scripting, 3, show).flags(Flags::NOSCRIPT).doc(
        "8.0.0",
        "O(1)",
        "Returns the text of a script that is known. From Valkey.",
        "sha1",
    ),
];

fn load(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let compiled = ctx.interpreters.by_text(&ctx.shared.scripts, args.get(2), true)?;
    reply.bulk(compiled.source.name);
    Ok(())
}

fn exists(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.array(args.len() - 2);
    for name in args.from(2) {
        reply.integer(i64::from(find(ctx, name).is_some()));
    }
    Ok(())
}

fn show(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let source = find(ctx, args.get(2)).ok_or(Error::Static("NOSCRIPT No matching script."))?;
    reply.bulk(&source.text);
    Ok(())
}

/// The script with a name, in any case of letters.
fn find(ctx: &Context<'_, '_>, name: &[u8]) -> Option<std::sync::Arc<crate::scripting::Source>> {
    let mut name: script::Name = name.try_into().ok()?;
    name.make_ascii_lowercase();
    ctx.shared.scripts.get(&name)
}

fn flush(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    // Both are the same here: each worker gives its interpreter up by itself, when it runs the next script.
    if args.len() > 3 || args.len() == 3 && !args.is(2, "SYNC") && !args.is(2, "ASYNC") {
        return Err(Error::Static("ERR SCRIPT FLUSH only support SYNC|ASYNC option"));
    }
    ctx.shared.scripts.clear();
    reply.ok();
    Ok(())
}

fn kill(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    ctx.shared.running.kill(Kind::Script)?;
    reply.ok();
    Ok(())
}

/// There is no debugger: it would hold the keyspace for as long as somebody thinks, or fork, and it reads what a client sends
/// in a protocol of its own. Clients that switch it off are answered.
fn debug(_: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if args.is(2, "NO") {
        reply.ok();
        return Ok(());
    }
    Err(Error::Static(if args.is(2, "YES") || args.is(2, "SYNC") {
        "ERR the Lua debugger is not supported"
    } else {
        "ERR Use SCRIPT DEBUG YES/SYNC/NO"
    }))
}

fn help(_: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.help("SCRIPT", super::help::SCRIPT);
    Ok(())
}
