//! `prune`, and `backup --keep-last`: backups that are not wanted any more are deleted.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use backup::{Keep, Series};
use disk::Disk;
use stdx::time::UnixMs;

use crate::clock;
use crate::failure::Failure;

/// How much later than this machine's clock a server's may be: prune asks no server.
const TOLERANCE_MS: i64 = 24 * 3600 * 1000;

/// What time it is at the latest, as far as this machine knows.
pub(super) fn latest_time() -> UnixMs {
    UnixMs(clock::now().0.saturating_add(TOLERANCE_MS))
}

/// Deletes all but the last backups of a folder and those that they follow on, and tells what goes.
pub(super) fn run(disk: &Disk, folder: &Path, keep: &Keep<'_>, is_trial: bool) -> Result<ExitCode, Failure> {
    let series = Series::open(disk, folder).map_err(Failure::message)?;
    let word = if is_trial { "would be deleted" } else { "deleted" };
    for backup in series.superfluous(disk, keep).map_err(Failure::message)? {
        if !is_trial {
            series.delete(disk, backup).map_err(Failure::message)?;
        }
        writeln!(std::io::stdout(), "{word}: {backup}")?;
    }
    Ok(ExitCode::SUCCESS)
}
