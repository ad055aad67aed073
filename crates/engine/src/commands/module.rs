//! MODULE: there are none, and none can be loaded.

use crate::args::Args;
use crate::command::{Command, Flags, Group, Outcome};
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;
use crate::tips;

const FLAGS: Flags = Flags::ADMIN.and(Flags::NOSCRIPT);
/// Of what would change the process; see [`crate::admission`].
const LOADS: Flags = FLAGS.and(Flags::NO_ASYNC_LOADING).and(Flags::PROTECTED);

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command::new("MODULE", Group::Server, -2, container)
    .doc("4.0.0", "Depends on subcommand.", "A container for commands about modules.", "")
    .subcommands(SUBCOMMANDS)];

const SUBCOMMANDS: &[Command] = &[
    Command::new("HELP", Group::Server, 2, help).flags(Flags::LOADING.and(Flags::STALE)).doc(
        "5.0.0",
        "O(1)",
        "Returns the subcommands.",
        "",
    ),
    Command::new("LIST", Group::Server, 2, list).tips(tips::ORDER_VARIES).flags(FLAGS).doc(
        "4.0.0",
        "O(N) where N is the number of loaded modules.",
        "Returns the modules that are loaded: none.",
        "",
    ),
    Command::new("LOAD", Group::Server, -3, load).flags(LOADS).doc(
        "4.0.0",
        "O(1)",
        "Loads a module, which fails: modules for Redis are not supported.",
        "path [arg [arg ...]]",
    ),
    Command::new("LOADEX", Group::Server, -3, load).flags(LOADS).doc(
        "7.0.0",
        "O(1)",
        "Loads a module with parameters, which fails: modules for Redis are not supported.",
        "path [configs=CONFIG name value [configs=CONFIG name value ...]] [ARGS args [args ...]]",
    ),
    Command::new("UNLOAD", Group::Server, 3, unload).flags(LOADS).doc(
        "4.0.0",
        "O(1)",
        "Unloads a module, of which there is none.",
        "name",
    ),
];

fn container(_: &mut Context<'_, '_>, _: &Args<'_>, _: &mut Reply<'_>) -> Outcome {
    Err(Error::WrongArity("module".into()))
}

fn list(_: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.array(0);
    Ok(())
}

fn load(_: &mut Context<'_, '_>, _: &Args<'_>, _: &mut Reply<'_>) -> Outcome {
    Err(Error::Static("ERR Error loading the extension. Please check the server logs."))
}

fn unload(_: &mut Context<'_, '_>, _: &Args<'_>, _: &mut Reply<'_>) -> Outcome {
    Err(Error::Static("ERR Error unloading module: no such module with that name"))
}

fn help(_: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.help("MODULE", super::help::MODULE);
    Ok(())
}
