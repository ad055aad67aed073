//! `restore`: backups become data files, in a new folder, as they were at the end or at a moment.

use std::io::Write;
use std::process::ExitCode;

use backup::{Kind, List, Outcome, Reading, Series, Until, moment};
use disk::Disk;

use super::progress;
use crate::failure::Failure;
use crate::options::{self, Options};

/// Restores, and tells what has come of it.
pub(super) fn run(options: &Options, wanted: &options::Restore) -> Result<ExitCode, Failure> {
    let disk = Disk::native();
    let until = match (&wanted.to_time, wanted.to_batch) {
        (Some(text), _) => Some(Until::Time(moment::parse(text).map_err(Failure::message)?)),
        (None, number) => number.map(Until::Batch),
    };
    let series = Series::open(&disk, &wanted.from).map_err(Failure::message)?;
    let chain = match (&wanted.backup, until) {
        (Some(id), _) => series.find(id).and_then(|backup| series.chain(backup)),
        (None, Some(until)) => series.until(until),
        (None, None) => series.latest().and_then(|backup| series.chain(backup)),
    };
    let chain = chain.map_err(Failure::message)?;
    let is_snapshot = chain.iter().any(|backup| backup.list.kind == Kind::Snapshot);
    if is_snapshot && until.is_some() {
        return Err(Failure::message(
            "A snapshot tells of one moment only: leave --to-time and --to-batch out",
        ));
    }
    let bytes = chain.iter().map(|backup| backup.list.stored_bytes()).fold(0, u64::saturating_add);
    let bar = progress::bar(options, "restoring", bytes);
    let mut progress = |bytes| bar.inc(bytes);
    let reading =
        Reading { disk: &disk, series: &series, until, into: Some(&wanted.dir), progress: &mut progress };
    let outcome = reading.run(&chain);
    bar.finish_and_clear();
    let outcome = outcome.map_err(Failure::message)?;
    let names: Vec<&str> = chain.iter().map(|backup| &*backup.id).collect();
    let (dir, names) = (wanted.dir.display(), names.join(", "));
    let mut out = std::io::stdout();
    writeln!(out, "{dir}: restored from {names}: {}", describe(&outcome))?;
    if matches!(until, Some(Until::Time(_))) && !outcome.is_cut {
        writeln!(out, "The backups end before that time: nothing in them is later")?;
    }
    if let Some(last) = chain.last() {
        writeln!(
            out,
            "Start with: rustypotato-server --dir {}{}",
            word(&dir.to_string()),
            flags(&last.list)
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

/// How a server is told what the files are: without the names that are not the usual ones it would start with nothing.
fn flags(list: &List) -> String {
    let is_snapshot = list.kind == Kind::Snapshot;
    let mut line = format!(" --appendonly {}", if is_snapshot { "no" } else { "yes" });
    let names = if is_snapshot {
        list.files.iter().map(|file| ("dbfilename", &*file.name, "dump.rdb")).collect()
    } else {
        vec![
            ("appenddirname", &*list.set.0, "appendonlydir"),
            ("appendfilename", &*list.set.1, "appendonly.aof"),
        ]
    };
    for (name, value, usual) in names {
        if value != usual {
            line += &format!(" --{name} {}", word(value));
        }
    }
    line
}

/// A word as a shell takes it.
fn word(text: &str) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "/._-+,:=@".contains(char);
    if text.chars().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

fn describe(outcome: &Outcome) -> String {
    let bytes = indicatif::HumanBytes(outcome.bytes);
    match outcome.batches {
        Some((_, last)) => {
            format!("{bytes}, up to batch {} of {}", last.number, moment::show(last.time))
        }
        None => format!("{bytes}"),
    }
}
