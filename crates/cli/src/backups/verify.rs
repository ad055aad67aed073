//! `verify`: every byte of backups is read and judged.

use std::io::Write;
use std::process::ExitCode;

use backup::{Finding, Series};
use disk::Disk;

use super::progress;
use crate::failure::Failure;
use crate::options::{self, Options};

/// Verifies, and tells for each backup whether it is whole. The exit status is 0 only if all are.
pub(super) fn run(options: &Options, wanted: &options::Verify) -> Result<ExitCode, Failure> {
    let disk = Disk::native();
    let series = Series::open(&disk, &wanted.dir).map_err(Failure::message)?;
    let bytes = series.backups.iter().map(|backup| backup.list.stored_bytes()).fold(0, u64::saturating_add);
    let bar = progress::bar(options, "verifying", bytes);
    let mut tell = |finding: Finding<'_>| {
        bar.suspend(|| {
            let mut out = std::io::stdout();
            match finding {
                Finding::Whole(backup) => writeln!(out, "whole   {backup}"),
                Finding::Damaged(reason) => writeln!(out, "DAMAGED {reason}"),
                Finding::Strays(names) => {
                    writeln!(out, "These files belong to no backup: {}", names.join(", "))
                }
            }
        })?;
        Ok::<(), Failure>(())
    };
    let mut count = |bytes| bar.inc(bytes);
    let is_sound = backup::verify(&disk, &series, wanted.backup.as_deref(), &mut count, &mut tell);
    bar.finish_and_clear();
    Ok(if is_sound? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
