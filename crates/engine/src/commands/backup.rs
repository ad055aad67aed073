//! BACKUP: data files are copied while the server goes on, by whoever is on its machine, or over the connection.
//!
//! START, SEAL, LIST, STATUS, ABORT and CLEANUP are those of Redis 8.10 ([`sealing`](crate::sealing)): the files stand in a folder.
//! OPEN, READ and CLOSE are the server's own. The files are held open, so that a rewrite, which deletes them, takes nothing from
//! whoever copies them, and what is read never changes: it ends where the append-only file was synced.

use crate::args::Args;
use crate::command::{Command, Flags, Group, Outcome};
use crate::context::Context;
use crate::errand::{Errand, Keep, Lending, Outcome as Copied};
use crate::error::Error;
use crate::reply::Reply;
use crate::sealing::Step;

const FLAGS: Flags = Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::ERRAND);

/// Of those that only look at what there is.
const LOOKING: Flags = Flags::ADMIN.and(Flags::STALE);

/// The longest time for which history is kept: a month.
const MAX_KEEP_S: i64 = 31 * 24 * 3600;
/// The longest name of somebody for whom it is.
const MAX_NAME_BYTES: usize = 64;
/// The most that is read at once.
const MAX_READ_BYTES: i64 = 4 << 20;

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command::new("BACKUP", Group::Server, -2, container)
    .doc("8.10.0", "Depends on subcommand.", "A container for commands about backups.", "")
    .subcommands(SUBCOMMANDS)];

const SUBCOMMANDS: &[Command] = &[
    Command::new("START", Group::Server, 2, start).flags(FLAGS).doc(
        "8.10.0",
        "O(1)",
        "Starts a new backup in the folder that `backupdirname` names.",
        "",
    ),
    Command::new("SEAL", Group::Server, 2, seal).flags(FLAGS).doc(
        "8.10.0",
        "O(1), and a sync.",
        "Freezes the files of the backup in progress.",
        "",
    ),
    Command::new("LIST", Group::Server, 2, list).flags(LOOKING).doc(
        "8.10.0",
        "O(1)",
        "Returns the paths of the backup's files that do not change any more.",
        "",
    ),
    Command::new("STATUS", Group::Server, 2, status).flags(LOOKING).doc(
        "8.10.0",
        "O(1)",
        "Returns how far the backup is.",
        "",
    ),
    Command::new("ABORT", Group::Server, 2, abort).flags(FLAGS).doc(
        "8.10.0",
        "O(1)",
        "Gives up a backup that has not been sealed yet.",
        "",
    ),
    Command::new("CLEANUP", Group::Server, 2, cleanup).flags(FLAGS).doc(
        "8.10.0",
        "O(1)",
        "Removes the files of a backup that was sealed or has failed.",
        "",
    ),
    Command::new("OPEN", Group::Server, -2, open).flags(FLAGS).doc(
        "8.10.0",
        "O(N) where N is the number of data files, and a sync.",
        "Syncs the data files and holds them open to be copied.",
        "[KEEP name seconds(integer)]",
    ),
    Command::new("READ", Group::Server, 6, read).flags(FLAGS).doc(
        "8.10.0",
        "O(N) where N is the number of bytes.",
        "Returns bytes of a data file that is held open.",
        "token(integer) file(integer) offset(integer) length(integer)",
    ),
    Command::new("CLOSE", Group::Server, -3, close).flags(FLAGS).doc(
        "8.10.0",
        "O(N) where N is the number of data files.",
        "Holds data files open no longer.",
        "token(integer) [DONE | UNCHANGED]",
    ),
    Command::new("HELP", Group::Server, 2, help).flags(Flags::LOADING.and(Flags::STALE)).doc(
        "8.10.0",
        "O(1)",
        "Returns the subcommands.",
        "",
    ),
];

const HELP: &[&str] = &[
    "START",
    "    Start a new backup in the folder <backupdirname>: a base, and what changes from then on.",
    "SEAL",
    "    Freeze the backup: its files are complete and do not change any more.",
    "LIST",
    "    Return the paths of the files that do not change any more.",
    "STATUS",
    "    Return the state of the backup, why it has failed, when it was started and sealed.",
    "ABORT",
    "    Give up a backup that is not sealed yet.",
    "CLEANUP",
    "    Remove the files of a backup that is sealed or has failed.",
    "OPEN [KEEP <name> <seconds>]",
    "    Sync the data files, hold them open and return a token, and the role, number, name",
    "    and length of each. With KEEP, what is appended from now on is kept for <name> to",
    "    copy later, even if a rewrite replaces it meanwhile.",
    "READ <token> <file> <offset> <length>",
    "    Return bytes of the file at this place of the list, which begins with 0.",
    "CLOSE <token> [DONE|UNCHANGED]",
    "    Hold the files open no longer. With DONE, what they held needs not be kept; with",
    "    UNCHANGED, they held nothing new, and what is kept is kept for longer.",
];

fn container(_: &mut Context<'_, '_>, _: &Args<'_>, _: &mut Reply<'_>) -> Outcome {
    Err(Error::WrongArity("backup".into()))
}

fn start(ctx: &mut Context<'_, '_>, args: &Args<'_>, _: &mut Reply<'_>) -> Outcome {
    run(ctx, args, Errand::Backup(Step::Start))
}

fn seal(ctx: &mut Context<'_, '_>, args: &Args<'_>, _: &mut Reply<'_>) -> Outcome {
    run(ctx, args, Errand::Backup(Step::Seal))
}

fn abort(ctx: &mut Context<'_, '_>, args: &Args<'_>, _: &mut Reply<'_>) -> Outcome {
    run(ctx, args, Errand::Backup(Step::Abort))
}

fn cleanup(ctx: &mut Context<'_, '_>, args: &Args<'_>, _: &mut Reply<'_>) -> Outcome {
    run(ctx, args, Errand::Backup(Step::Cleanup))
}

fn list(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let files = ctx.host.backup().files;
    reply.array(files.len());
    files.iter().for_each(|file| reply.bulk(file));
    Ok(())
}

/// All values are texts, also those of the times.
fn status(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let status = ctx.host.backup();
    reply.map(4);
    for (name, value) in [
        ("state", status.stage.name().to_owned()),
        ("error", status.error),
        ("start_time", status.started_s.to_string()),
        ("end_time", status.ended_s.to_string()),
    ] {
        reply.bulk(name);
        reply.bulk(value);
    }
    Ok(())
}

fn open(ctx: &mut Context<'_, '_>, args: &Args<'_>, _: &mut Reply<'_>) -> Outcome {
    let keep = match args.len() {
        2 => None,
        5 if args.is(2, "KEEP") => Some(keep(args)?),
        _ => return Err(Error::Syntax),
    };
    run(ctx, args, Errand::Lend(Lending::Open { keep }))
}

fn keep(args: &Args<'_>) -> Result<Keep, Error> {
    let name = String::from_utf8_lossy(args.get(3)).into_owned();
    let is_fit = !name.is_empty() && name.len() <= MAX_NAME_BYTES && !name.contains(char::is_control);
    let seconds = args.integer(4)?;
    if !is_fit || !(1..=MAX_KEEP_S).contains(&seconds) {
        return Err(Error::Static(
            "ERR KEEP takes a name of up to 64 bytes and a number of seconds of up to 31 days",
        ));
    }
    Ok(Keep { name, seconds: seconds.unsigned_abs() })
}

fn read(ctx: &mut Context<'_, '_>, args: &Args<'_>, _: &mut Reply<'_>) -> Outcome {
    let number =
        |at| args.integer(at).and_then(|number| u64::try_from(number).map_err(|_| Error::NotInteger));
    let file = usize::try_from(number(3)?).unwrap_or(usize::MAX);
    let length = args.integer(5)?;
    if !(1..=MAX_READ_BYTES).contains(&length) {
        return Err(Error::Static("ERR length must be between 1 and 4194304"));
    }
    let errand =
        Errand::Read { token: number(2)?, file, offset: number(4)?, length: length.unsigned_abs() as usize };
    run(ctx, args, errand)
}

fn close(ctx: &mut Context<'_, '_>, args: &Args<'_>, _: &mut Reply<'_>) -> Outcome {
    let outcome = match args.len() {
        3 => Copied::GivenUp,
        4 if args.is(3, "DONE") => Copied::Done,
        4 if args.is(3, "UNCHANGED") => Copied::Unchanged,
        _ => return Err(Error::Syntax),
    };
    let token = u64::try_from(args.integer(2)?).map_err(|_| Error::NotInteger)?;
    run(ctx, args, Errand::Lend(Lending::Close { token, outcome }))
}

/// Lets the machine do it, and the client wait.
fn run(ctx: &mut Context<'_, '_>, args: &Args<'_>, errand: Errand) -> Outcome {
    if !ctx.may_wait() {
        // Everybody would wait for the disk.
        return Err(Error::Static("ERR BACKUP cannot be run inside a transaction or a script"));
    }
    ctx.run_errand(args, errand);
    Ok(())
}

fn help(_: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.help("BACKUP", HELP);
    Ok(())
}
