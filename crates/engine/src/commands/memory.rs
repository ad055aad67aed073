//! MEMORY: what keys and the server take.

mod stats;

use crate::args::Args;
use crate::command::{Access, Command, Flags, Group, Keys, Outcome};
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;
use crate::tips;

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command::new("MEMORY", Group::Server, -2, container)
    .doc("4.0.0", "Depends on subcommand.", "A container for memory diagnostics commands.", "")
    .subcommands(SUBCOMMANDS)];

const SUBCOMMANDS: &[Command] = &[
    Command::new("USAGE", Group::Server, -3, usage)
        .flags(Flags::READONLY)
        .keys(Keys::Range { first: 2, last: 2, step: 1, access: Access::Look })
        .doc(
            "4.0.0",
            "O(1) for most values",
            "Returns about how many bytes a key takes.",
            "key [SAMPLES count]",
        ),
    Command::new("STATS", Group::Server, 2, stats::stats).tips(tips::ALL_SHARDS_REPORT).doc(
        "4.0.0",
        "O(1)",
        "Returns details about memory.",
        "",
    ),
    Command::new("DOCTOR", Group::Server, 2, doctor).tips(tips::ALL_SHARDS_REPORT).doc(
        "4.0.0",
        "O(1)",
        "Returns a report about memory.",
        "",
    ),
    Command::new("PURGE", Group::Server, 2, purge).tips(tips::ALL_SHARDS).doc(
        "4.0.0",
        "Depends on how much memory is unused",
        "Gives unused memory back to the system.",
        "",
    ),
    Command::new("MALLOC-STATS", Group::Server, 2, allocator).tips(tips::ALL_SHARDS_REPORT).doc(
        "4.0.0",
        "O(1)",
        "Returns the allocator's figures.",
        "",
    ),
    Command::new("HELP", Group::Server, 2, help).flags(Flags::LOADING.and(Flags::STALE)).doc(
        "4.0.0",
        "O(1)",
        "Returns the subcommands.",
        "",
    ),
];

fn container(_: &mut Context<'_, '_>, _: &Args<'_>, _: &mut Reply<'_>) -> Outcome {
    Err(Error::WrongArity("memory".into()))
}

fn usage(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut cursor = args.cursor(3);
    while !cursor.is_done() {
        if !cursor.take("SAMPLES") || cursor.integer()? < 0 {
            return Err(Error::Syntax);
        }
    }
    let key = ctx.key_of(args.get(2));
    match ctx.db().memory_bytes(&key) {
        Some(bytes) => reply.integer(bytes as i64),
        None => reply.null(),
    }
    Ok(())
}

fn doctor(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    /// Below this, ratios say nothing.
    const SMALL: usize = 5 * 1024 * 1024;
    let memory = ctx.host.memory();
    let text = if memory.allocated < SMALL {
        "The data set is empty or small; there is nothing to diagnose yet.\n".to_owned()
    } else if memory.rss > memory.allocated / 10 * 14 {
        format!(
            "The process holds {} bytes but uses {}. MEMORY PURGE gives back what is unused; the page sweep empties \
             sparse blocks over time.\n",
            memory.rss, memory.allocated
        )
    } else {
        "Memory looks healthy.\n".to_owned()
    };
    reply.verbatim(*b"txt", text);
    Ok(())
}

fn purge(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    ctx.host.purge_memory();
    reply.ok();
    Ok(())
}

fn allocator(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.verbatim(*b"txt", ctx.host.allocator_report());
    Ok(())
}

fn help(_: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.help("MEMORY", super::help::MEMORY);
    Ok(())
}
