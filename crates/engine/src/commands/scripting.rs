//! EVAL, EVALSHA and their variants that change nothing.

use smallvec::SmallVec;

use crate::args::Args;
use crate::command::{Access, Command, Flags, Group, Keys, Outcome};
use crate::context::Context;
use crate::error::Error;
use crate::execute::announce;
use crate::reply::Reply;
use crate::scripting::{Job, run};

/// They take the locks of their keys by themselves, for they may have to take all.
const FLAGS: Flags = Flags::NOSCRIPT
    .and(Flags::STALE)
    .and(Flags::SKIP_MONITOR)
    .and(Flags::NO_MANDATORY_KEYS)
    .and(Flags::ALONE);
const WRITES: Flags = FLAGS.and(Flags::MAY_REPLICATE);
const READS: Flags = FLAGS.and(Flags::READONLY);
const COMPLEXITY: &str = "Depends on the script";

/// Nobody can tell what a script does with its keys.
const fn keys(access: Access) -> Keys {
    Keys::Counted { at: 2, step: 1, access }
}

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command::new("EVAL", Group::Scripting, -3, eval).flags(WRITES).keys(keys(Access::Update)).doc(
        "2.6.0",
        COMPLEXITY,
        "Runs a script.",
        "script numkeys [key [key ...]] [arg [arg ...]]",
    ),
    Command::new("EVALSHA", Group::Scripting, -3, evalsha).flags(WRITES).keys(keys(Access::Update)).doc(
        "2.6.0",
        COMPLEXITY,
        "Runs a script that is known, by its SHA1 digest.",
        "sha1 numkeys [key [key ...]] [arg [arg ...]]",
    ),
    Command::new("EVAL_RO", Group::Scripting, -3, eval_ro).flags(READS).keys(keys(Access::Read)).doc(
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
type Words<'a> = SmallVec<[&'a [u8]; 8]>;

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
    let (keys, arguments) = words(args)?;
    let scripts = &ctx.shared.scripts;
    let interpreter = ctx.interpreters.interpreter(scripts);
    let compiled = ctx.interpreters.by_text(scripts, args.get(1), false)?;
    let (interpreter, compiled) = (&*interpreter, &*compiled);
    run(ctx, &Job { interpreter, compiled, keys: &keys, arguments: &arguments, read_only }, reply)
}

fn by_name(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>, read_only: bool) -> Outcome {
    announce(ctx, args);
    let (keys, arguments) = words(args)?;
    let scripts = &ctx.shared.scripts;
    let interpreter = ctx.interpreters.interpreter(scripts);
    let compiled = ctx
        .interpreters
        .by_name(scripts, args.get(1))
        .ok_or(Error::Static("NOSCRIPT No matching script. Please use EVAL."))?;
    let (interpreter, compiled) = (&*interpreter, &*compiled);
    run(ctx, &Job { interpreter, compiled, keys: &keys, arguments: &arguments, read_only }, reply)
}

/// The keys and the other arguments.
fn words<'a>(args: &Args<'a>) -> Result<(Words<'a>, Words<'a>), Error> {
    let count = args.integer(2)?;
    if count > (args.len() - 3) as i64 {
        return Err(Error::Static("ERR Number of keys can't be greater than number of args"));
    }
    let count = usize::try_from(count).map_err(|_| Error::Static("ERR Number of keys can't be negative"))?;
    Ok((args.from(3).take(count).collect(), args.from(3 + count).collect()))
}
