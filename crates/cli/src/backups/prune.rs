//! `prune`, and `backup --keep-last`: backups that are not wanted any more are deleted.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::ExitCode;

use backup::Series;
use disk::Disk;

use crate::failure::Failure;

/// Deletes all but the last backups of a folder and those that they follow on, and tells what goes.
pub(super) fn run(
    disk: &Disk,
    folder: &Path,
    keep: NonZeroUsize,
    is_trial: bool,
) -> Result<ExitCode, Failure> {
    let series = Series::open(disk, folder).map_err(Failure::message)?;
    let word = if is_trial { "would be deleted" } else { "deleted" };
    for backup in series.superfluous(keep).map_err(Failure::message)? {
        if !is_trial {
            series.delete(disk, backup).map_err(Failure::message)?;
        }
        writeln!(std::io::stdout(), "{word}: {backup}")?;
    }
    Ok(ExitCode::SUCCESS)
}
