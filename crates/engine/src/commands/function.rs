//! FUNCTION: libraries of functions; FCALL and FCALL_RO, which call one.

use std::collections::HashSet;

use keyspace::{Access as Keyspace, Libraries, Library};
use stdx::glob::{Case, matches};

use super::scripting::{self, COMPLEXITY, READS, WRITES, keys, words};
use crate::args::Args;
use crate::command::{Access, Command, Flags, Group, Outcome};
use crate::context::Context;
use crate::error::Error;
use crate::execute::announce;
use crate::host::BadLibraries;
use crate::reply::Reply;
use crate::scripting::{BusyRun, Job, Kind, Loading, Program, ScriptFlags, read_head, run};
use crate::tips;

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command::new("FCALL", Group::Scripting, -3, fcall).flags(WRITES).keys(keys(Access::Update)).doc(
        "7.0.0",
        COMPLEXITY,
        "Calls a function.",
        "function numkeys [key [key ...]] [arg [arg ...]]",
    ),
    Command::new("FCALL_RO", Group::Scripting, -3, fcall_ro).flags(READS).keys(keys(Access::Read)).doc(
        "7.0.0",
        COMPLEXITY,
        "Calls a function that changes nothing.",
        "function numkeys [key [key ...]] [arg [arg ...]]",
    ),
    Command::new("FUNCTION", Group::Scripting, -2, help)
        .doc("7.0.0", "Depends on the subcommand", "A container for commands about functions.", "")
        .subcommands(SUBCOMMANDS),
];

/// Changes of libraries are changes of data, made with everything locked.
const CHANGES: Flags = Flags::NOSCRIPT.and(Flags::WRITE).and(Flags::ALONE);

const SUBCOMMANDS: &[Command] = &[
    Command::new("DELETE", Group::Scripting, 3, delete).flags(CHANGES).tips(tips::ALL_SHARDS).doc(
        "7.0.0",
        "O(N) in the number of libraries",
        "Removes a library.",
        "library-name",
    ),
    Command::new("DUMP", Group::Scripting, 2, dump).flags(Flags::NOSCRIPT).doc(
        "7.0.0",
        "O(N) in the length of the libraries",
        "Returns all libraries in a form that FUNCTION RESTORE takes.",
        "",
    ),
    Command::new("FLUSH", Group::Scripting, -2, flush).flags(CHANGES).tips(tips::ALL_SHARDS).doc(
        "7.0.0",
        "O(N) in the number of libraries",
        "Removes all libraries.",
        "[ASYNC | SYNC]",
    ),
    scripting::help("7.0.0", help),
    scripting::kill("7.0.0", "Ends a function that has run for long and has written nothing.", kill),
    Command::new("LIST", Group::Scripting, -2, list).flags(Flags::NOSCRIPT).tips(tips::ORDER_VARIES).doc(
        "7.0.0",
        "O(N) in the number of functions",
        "Returns the libraries and their functions.",
        "[LIBRARYNAME library-name-pattern] [WITHCODE]",
    ),
    Command::new("LOAD", Group::Scripting, -3, load)
        .flags(CHANGES.and(Flags::DENYOOM))
        .tips(tips::ALL_SHARDS)
        .doc(
            "7.0.0",
            "O(N) in the length of the library and the number of libraries",
            "Adds a library.",
            "[REPLACE] function-code",
        ),
    Command::new("RESTORE", Group::Scripting, -3, restore)
        .flags(CHANGES.and(Flags::DENYOOM))
        .tips(tips::ALL_SHARDS)
        .doc(
            "7.0.0",
            "O(N) in the length of the libraries",
            "Adds the libraries that FUNCTION DUMP has returned.",
            "serialized-value policy=[FLUSH | APPEND | REPLACE]",
        ),
    Command::new("STATS", Group::Scripting, 2, stats)
        .flags(Flags::NOSCRIPT.and(Flags::ALLOW_BUSY))
        .tips(tips::ALL_SHARDS_REPORT)
        .doc("7.0.0", "O(1)", "Returns which function is busy, and how many there are.", ""),
];

fn fcall(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    call(ctx, args, reply, false)
}

fn fcall_ro(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    call(ctx, args, reply, true)
}

fn call(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>, read_only: bool) -> Outcome {
    announce(ctx, args);
    let function = ctx.interpreters.functions.get(ctx.shared, args.get(1))?;
    let count = args.integer(2).map_err(|_| Error::Static("ERR Bad number of keys provided"))?;
    let (words, count) = words(args, count)?;
    let (keys, arguments) = words.split_at(count);
    let interpreter = ctx.interpreters.functions.interpreter();
    let job = Job {
        interpreter: &interpreter,
        program: Program::Function(&function.callback),
        name: function.name.as_bytes(),
        flags: Some(function.flags),
        needs_everything: &function.needs_everything,
        command: args,
        keys,
        arguments,
        read_only,
    };
    run(ctx, &job, reply)
}

fn load(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let text = args.get(args.len() - 1);
    for at in 2..args.len() - 1 {
        if !args.is(at, "REPLACE") {
            return Err(general(&format!("Unknown option given: {}", printed(args.get(at)))));
        }
    }
    let replaces = args.len() > 3;
    let head = read_head(text).map_err(|reason| general(&reason))?;
    check_new(&ctx.shared.keyspace.libraries(), &head.name, replaces)?;
    let library = compile(ctx, text)?;
    let name = library.name.clone();
    // Other workers may have changed the libraries meanwhile.
    ctx.with_everything(|access| -> Outcome {
        let all = access.keyspace().libraries();
        check_new(&all, &library.name, replaces)?;
        check_functions(&all, &library)?;
        access.add_library(library);
        Ok(())
    })?;
    reply.bulk(name);
    Ok(())
}

/// The library of a text, with nothing locked but what a transaction has.
fn compile(ctx: &mut Context<'_, '_>, text: &[u8]) -> Result<Library, Error> {
    let mut loading =
        if ctx.session.is_loader { Loading::unlimited() } else { Loading::of_client(ctx.shared, ctx.host) };
    ctx.interpreters.functions.read(text, &mut loading).map_err(|reason| general(&reason))
}

fn check_new(all: &Libraries, name: &[u8], replaces: bool) -> Outcome {
    if !replaces && all.get(name).is_some() {
        return Err(general(&format!("Library '{}' already exists", printed(name))));
    }
    Ok(())
}

fn check_functions(all: &Libraries, library: &Library) -> Outcome {
    match all.collision(library) {
        Some(function) => Err(general(&format!("Function {} already exists", printed(&function.name)))),
        None => Ok(()),
    }
}

fn delete(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    ctx.with_everything(|access| -> Outcome {
        if access.keyspace().libraries().get(args.get(2)).is_none() {
            return Err(Error::Static("ERR Library not found"));
        }
        access.remove_library(args.get(2));
        Ok(())
    })?;
    reply.ok();
    Ok(())
}

fn flush(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    // Both are the same here: workers drop what they have compiled by themselves.
    match args.len() {
        2 => {}
        3 if args.is(2, "SYNC") || args.is(2, "ASYNC") => {}
        3 => return Err(Error::Static("ERR FUNCTION FLUSH only supports SYNC|ASYNC option")),
        _ => return Err(wrong_arguments(args)),
    }
    ctx.with_everything(Keyspace::clear_libraries);
    reply.ok();
    Ok(())
}

fn dump(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.bulk(ctx.host.dump_libraries(&ctx.shared.keyspace.libraries()));
    Ok(())
}

/// What becomes of the libraries that are there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Policy {
    /// They go.
    Flush,
    /// They stay, and none of the payload has the name of one.
    Append,
    /// Those that the payload has too are replaced.
    Replace,
}

fn restore(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let policy = match args.len() {
        3 => Policy::Append,
        4 if args.is(3, "APPEND") => Policy::Append,
        4 if args.is(3, "REPLACE") => Policy::Replace,
        4 if args.is(3, "FLUSH") => Policy::Flush,
        4 => {
            return Err(Error::Static(
                "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.",
            ));
        }
        _ => return Err(wrong_arguments(args)),
    };
    let texts = ctx.host.restore_libraries(args.get(2)).map_err(|bad| {
        Error::Static(match bad {
            BadLibraries::Checksum => "ERR DUMP payload version or checksum are wrong",
            BadLibraries::Kind => "ERR given type is not a function",
            BadLibraries::Format => "ERR Failed loading library payload",
        })
    })?;
    let libraries = texts.iter().map(|text| compile(ctx, text)).collect::<Result<Vec<_>, _>>()?;
    ctx.with_everything(|access| -> Outcome {
        check_restored(&access.keyspace().libraries(), &libraries, policy)?;
        install(access, libraries, policy);
        Ok(())
    })?;
    reply.ok();
    Ok(())
}

/// Whether the libraries of a payload fit to each other and to those that stay.
fn check_restored(all: &Libraries, libraries: &[Library], policy: Policy) -> Outcome {
    let exists = |what: &str, name: &[u8]| Err(general(&format!("{what} {} already exists", printed(name))));
    let mut seen = (HashSet::new(), HashSet::new());
    for library in libraries {
        if !seen.0.insert(&*library.name) {
            return exists("Library", &library.name);
        }
        if let Some(twice) =
            library.functions.iter().find(|function| !seen.1.insert(function.name.to_ascii_lowercase()))
        {
            return exists("Function", &twice.name);
        }
    }
    if policy == Policy::Flush {
        return Ok(());
    }
    if policy == Policy::Append
        && let Some(there) = libraries.iter().find(|library| all.get(&library.name).is_some())
    {
        return exists("Library", &there.name);
    }
    let stays = |name: &[u8]| all.function(name).is_some_and(|(holder, _)| !seen.0.contains(&*holder.name));
    let functions = libraries.iter().flat_map(|library| &library.functions);
    match functions.into_iter().find(|function| stays(&function.name)) {
        Some(taken) => exists("Function", &taken.name),
        None => Ok(()),
    }
}

/// Replaces first what is replaced, so that a function may have moved from one library to another.
fn install(access: &mut Keyspace<'_>, libraries: Vec<Library>, policy: Policy) {
    if policy == Policy::Flush {
        access.clear_libraries();
    }
    for library in &libraries {
        if access.keyspace().libraries().get(&library.name).is_some() {
            access.remove_library(&library.name);
        }
    }
    libraries.into_iter().for_each(|library| access.add_library(library));
}

fn list(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (mut pattern, mut with_code) = (None, false);
    let mut cursor = args.cursor(2);
    while !cursor.is_done() {
        if !with_code && cursor.take("WITHCODE") {
            with_code = true;
        } else if pattern.is_none() && cursor.take("LIBRARYNAME") {
            let given = cursor.next_optional();
            pattern = Some(given.ok_or(Error::Static("ERR library name argument was not given"))?);
        } else {
            return Err(general(&format!(
                "Unknown argument {}",
                printed(cursor.next_optional().unwrap_or_default())
            )));
        }
    }
    let all = ctx.shared.keyspace.libraries();
    let is_meant = |library: &&std::sync::Arc<Library>| {
        pattern.is_none_or(|pattern| matches(pattern, &library.name, Case::Insensitive))
    };
    let meant: Vec<_> = all.iter().filter(is_meant).collect();
    reply.array(meant.len());
    for library in meant {
        reply.map(if with_code { 4 } else { 3 });
        reply.bulk("library_name");
        reply.bulk(&library.name);
        reply.bulk("engine");
        reply.bulk("LUA");
        reply.bulk("functions");
        show_functions(library, reply);
        if with_code {
            reply.bulk("library_code");
            reply.bulk(&library.text);
        }
    }
    Ok(())
}

fn show_functions(library: &Library, reply: &mut Reply<'_>) {
    reply.array(library.functions.len());
    for function in &library.functions {
        reply.map(3);
        reply.bulk("name");
        reply.bulk(&function.name);
        reply.bulk("description");
        reply.optional(function.description.as_deref());
        reply.bulk("flags");
        let flags: Vec<&str> = ScriptFlags::from_bits(function.flags).names().collect();
        reply.set(flags.len());
        flags.into_iter().for_each(|flag| reply.simple(flag));
    }
}

fn stats(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let busy = ctx.shared.running.busy();
    if busy.as_ref().is_some_and(|busy| busy.kind == Kind::Script) {
        return Err(Error::Static(ctx.shared.running.busy_text()));
    }
    let libraries = ctx.shared.keyspace.libraries();
    reply.map(2);
    reply.bulk("running_script");
    match busy {
        None => reply.null(),
        Some(busy) => show_busy(&busy, (ctx.shared.clock)(), reply),
    }
    reply.bulk("engines");
    reply.map(1);
    reply.bulk("LUA");
    reply.map(2);
    reply.bulk("libraries_count");
    reply.integer(libraries.len() as i64);
    reply.bulk("functions_count");
    reply.integer(libraries.functions() as i64);
    Ok(())
}

fn show_busy(busy: &BusyRun, now_ns: u64, reply: &mut Reply<'_>) {
    reply.map(3);
    reply.bulk("name");
    reply.bulk(&busy.name);
    reply.bulk("command");
    reply.array(busy.command.len());
    busy.command.iter().for_each(|word| reply.bulk(word));
    reply.bulk("duration_ms");
    reply.integer((now_ns.saturating_sub(busy.started_ns) / 1_000_000) as i64);
}

fn kill(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    ctx.shared.running.kill(Kind::Function)?;
    reply.ok();
    Ok(())
}

fn help(_: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.help("FUNCTION", super::help::FUNCTION);
    Ok(())
}

fn wrong_arguments(args: &Args<'_>) -> Error {
    Error::SubcommandArguments(String::from_utf8_lossy(args.get(1)).into_owned(), "FUNCTION")
}

fn general(reason: &str) -> Error {
    Error::Text(format!("ERR {reason}"))
}

/// A word of a client for an error.
fn printed(word: &[u8]) -> String {
    String::from_utf8_lossy(word).replace(['\r', '\n'], " ")
}
