//! EVAL, EVALSHA and their variants that change nothing.

use smallvec::SmallVec;

use crate::args::Args;
use crate::command::{Access, Command, Flags, Group, Handler, Keys, Outcome};
use crate::context::Context;
use crate::error::Error;
use crate::execute::announce;
use crate::reply::Reply;
use crate::scripting::{Compiled, Job, Program, run};
use crate::tips;

/// They take the locks of their keys by themselves, for they may have to take all.
const FLAGS: Flags = Flags::NOSCRIPT
    .and(Flags::STALE)
    .and(Flags::SKIP_MONITOR)
    .and(Flags::NO_MANDATORY_KEYS)
    .and(Flags::ALONE)
    .and(Flags::RUNS_SCRIPTS);
pub(super) const WRITES: Flags = FLAGS.and(Flags::MAY_REPLICATE);
pub(super) const READS: Flags = FLAGS.and(Flags::READONLY);
pub(super) const COMPLEXITY: &str = "Depends on the script";
/// The length of a script's name: the digits of a SHA-1.
const NAME_BYTES: usize = 40;

/// Nobody can tell what a script does with its keys.
pub(super) const fn keys(access: Access) -> Keys {
    Keys::Counted { at: 2, step: 1, access }
}

/// The row of SCRIPT HELP and FUNCTION HELP.
pub(super) const fn help(since: &'static str, handler: Handler) -> Command {
    Command::new("HELP", Group::Scripting, 2, handler).flags(Flags::LOADING.and(Flags::STALE)).doc(
        since,
        "O(1)",
        "Returns the subcommands.",
        "",
    )
}

/// The row of SCRIPT KILL and FUNCTION KILL.
pub(super) const fn kill(since: &'static str, summary: &'static str, handler: Handler) -> Command {
    Command::new("KILL", Group::Scripting, 2, handler)
        .flags(Flags::NOSCRIPT.and(Flags::ALLOW_BUSY))
        .tips(tips::ALL_SHARDS_ONE)
        .doc(since, "O(1)", summary, "")
}

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command::new("EVAL", Group::Scripting, -3, eval)
        .flags(WRITES)
        .keys(keys(Access::Update))
        .key_note("We cannot tell how the keys will be used so we assume the worst, RW and UPDATE")
        .doc("2.6.0", COMPLEXITY, "Runs a script.", "script numkeys [key [key ...]] [arg [arg ...]]"),
    Command::new("EVALSHA", Group::Scripting, -3, evalsha).flags(WRITES).keys(keys(Access::Update)).doc(
        "2.6.0",
        COMPLEXITY,
        "Runs a script that is known, by its SHA1 digest.",
        "sha1 numkeys [key [key ...]] [arg [arg ...]]",
    ),
    Command::new("EVAL_RO", Group::Scripting, -3, eval_ro)
        .flags(READS)
        .keys(keys(Access::Read))
        .key_note("We cannot tell how the keys will be used so we assume the worst, RO and ACCESS")
        .doc(
            "7.0.0",
            COMPLEXITY,
            "Runs a script that changes nothing.",
            "script numkeys [key [key ...]] [arg [arg ...]]",
        ),
    Command::new("EVALSHA_RO", Group::Scripting, -3, evalsha_ro).flags(READS).keys(keys(Access::Read)).doc(
        "7.0.0",
        COMPLEXITY,
        "Runs a script that is known and changes nothing, by its SHA1 digest.",
        "sha1 numkeys [key [key ...]] [arg [arg ...]]",
    ),
];

/// Arguments; few scripts have more.
pub(super) type Words<'a> = SmallVec<[&'a [u8]; 8]>;

fn eval(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    by_text(ctx, args, reply, false)
}

fn eval_ro(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    by_text(ctx, args, reply, true)
}

fn evalsha(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    by_name(ctx, args, reply, false)
}

fn evalsha_ro(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    by_name(ctx, args, reply, true)
}

fn by_text(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>, read_only: bool) -> Outcome {
    announce(ctx, args);
    let (words, count) = words(args, args.integer(2)?)?;
    let compiled = ctx.interpreters.by_text(&ctx.shared.scripts, args.get(1), false)?;
    run_script(ctx, &compiled, args, words.split_at(count), read_only, reply)
}

fn by_name(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>, read_only: bool) -> Outcome {
    announce(ctx, args);
    let unknown = Error::Static("NOSCRIPT No matching script. Please use EVAL.");
    if args.get(1).len() != NAME_BYTES {
        return Err(unknown); // no script has such a name, whatever stands behind it
    }
    let (words, count) = words(args, args.integer(2)?)?;
    let compiled = ctx.interpreters.by_name(&ctx.shared.scripts, args.get(1)).ok_or(unknown)?;
    run_script(ctx, &compiled, args, words.split_at(count), read_only, reply)
}

fn run_script(
    ctx: &mut Context<'_, '_>,
    compiled: &Compiled,
    command: &Args<'_>,
    (keys, arguments): (&[&[u8]], &[&[u8]]),
    read_only: bool,
    reply: &mut Reply<'_>,
) -> Outcome {
    let interpreter = ctx.interpreters.interpreter(&ctx.shared.scripts);
    let source = &compiled.source;
    source.touch();
    let job = Job {
        interpreter: &interpreter,
        program: Program::Script(&compiled.script),
        name: &source.name,
        flags: source.flags,
        needs_everything: &source.needs_everything,
        command,
        keys,
        arguments,
        read_only,
    };
    run(ctx, &job, reply)
}

/// The keys, the other arguments behind them, and how many keys there are.
pub(super) fn words<'a>(args: &Args<'a>, count: i64) -> Result<(Words<'a>, usize), Error> {
    if count > (args.len() - 3) as i64 {
        return Err(Error::Static("ERR Number of keys can't be greater than number of args"));
    }
    let count = usize::try_from(count).map_err(|_| Error::Static("ERR Number of keys can't be negative"))?;
    Ok((args.from(3).collect(), count))
}
