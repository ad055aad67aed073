//! Backups: made of a server over the connection, verified, and restored.

mod make;
mod progress;
mod prune;
mod restore;
mod server;
mod verify;

use backup::Keep;

use crate::failure::Failure;
use crate::options::{Options, Work};
use std::process::ExitCode;

/// Does what the user asked for.
pub(crate) fn run(options: &Options, work: &Work) -> Result<ExitCode, Failure> {
    match work {
        Work::Backup(wanted) => make::run(options, wanted),
        Work::Prune(wanted) => {
            let keep = Keep { last: wanted.keep_last, made: None, latest: prune::latest_time() };
            prune::run(&disk::Disk::native(), &wanted.dir, &keep, wanted.dry_run)
        }
        Work::Restore(wanted) => restore::run(options, wanted),
        Work::Verify(wanted) => verify::run(options, wanted),
    }
}
