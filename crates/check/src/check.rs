//! The check of a set or of one file: each file is judged and told, and then what they hold.
//!
//! Where redis-check-aof says something about the same matter, its sentences are used, for scripts look for them.

use std::fs;
use std::io::Write;

use disk::Disk;
use node::Node;
use persist::aof::{Damage, FileKind, LastBatch, OTHER_BASE, Tail, holds_data};

use crate::judge::{Judge, Tally};
use crate::options::Options;
use crate::read::{self, Read};
use crate::target::{DataFile, Target};
use crate::{Failure, Verdict, report};
use backup::moment;

/// How a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// As it should be.
    Sound,
    /// A crash has cut it, and nothing follows it: a server cuts off what is left of the half, and starts.
    Torn,
    /// A server does not start with it.
    Damaged(Damage),
    /// The manifest names it, but there is none.
    Missing,
}

/// What is known of a file.
#[derive(Debug, Clone)]
pub(crate) struct Checked {
    /// The file.
    pub(crate) file: DataFile,
    /// How it is.
    pub(crate) state: State,
    /// Its bytes.
    pub(crate) length: u64,
    /// What can be kept ends here, of an RDB file its data; none if not even its RDB data can be kept.
    pub(crate) whole: Option<u64>,
    /// Whether nothing follows it.
    pub(crate) is_last: bool,
}

/// What is known of all files.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// In the order in which they are loaded.
    pub(crate) files: Vec<Checked>,
}

impl Report {
    /// Whether all of them are sound.
    pub(crate) fn verdict(&self) -> Verdict {
        let is_sound = self.files.iter().all(|checked| checked.state == State::Sound);
        if is_sound { Verdict::Sound } else { Verdict::Damaged }
    }
}

/// Checks all files and tells how they are and what they hold.
pub(crate) fn run(
    target: &Target,
    options: &Options,
    node: &Node,
    out: &mut dyn Write,
) -> Result<Report, Failure> {
    // What stands in an RDB file alone needs not be kept to be counted.
    let runs = !options.quick && !matches!(target, Target::Rdb(_));
    let mut judge = Judge::new(node, runs, options.largest);
    let mut report = Report::default();
    let mut chain = None;
    report::begin(target, out)?;
    for file in target.files() {
        report::begin_file(&file, report.files.last(), out)?;
        if fs::symlink_metadata(&file.path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
            judge.stop_running();
            chain = None;
            let checked = Checked { file, state: State::Missing, length: 0, whole: None, is_last: false };
            report::end_file(&checked, None, out)?;
            report.files.push(checked);
            continue;
        }
        let read = judge.file(&file.path, chain, file.is_rdb_alone)?;
        // The batches of a base are counted on their own.
        chain = read.chain.filter(|_| file.kind == Some(FileKind::Increment));
        let checked = checked(target, file, &read)?;
        if checked.state != State::Sound {
            judge.stop_running();
            chain = None;
        }
        report::end_file(&checked, read.last_lost, out)?;
        report.files.push(checked);
    }
    report::end(target, report.verdict(), out)?;
    tell_content(target, judge, report.verdict(), out)?;
    Ok(report)
}

fn checked(target: &Target, file: DataFile, read: &Read) -> Result<Checked, Failure> {
    let is_last = match target {
        Target::Set(set) => {
            // What is missing does not follow.
            let holds_data =
                |name: &str| holds_data(&Disk::native(), &set.folder.join(name)).unwrap_or(false);
            set.manifest.may_be_torn(&file.name(), |name| Ok::<bool, std::io::Error>(holds_data(name)))?
        }
        Target::Commands(_) | Target::Rdb(_) => true,
    };
    let sealed = target.sealed_length(&file);
    let state = match (&read.end, sealed) {
        (Ok(Tail::Whole), Some(length)) if read.length < length => State::Damaged(Damage {
            offset: read.length,
            batch: None,
            reason: format!("it had {length} bytes when the backup was sealed: the copy is not whole").into(),
        }),
        (Ok(Tail::Torn(offset)), Some(_)) => State::Damaged(Damage {
            offset: *offset,
            batch: None,
            reason: "it is torn there, and was whole when the backup was sealed".into(),
        }),
        (end, _) => state_of(end, &file, is_last),
    };
    if matches!(state, State::Sound | State::Torn) && !target.is_meant(&file)? {
        let state = State::Damaged(Damage { offset: 0, batch: None, reason: OTHER_BASE.into() });
        return Ok(Checked { file, state, length: read.length, whole: None, is_last });
    }
    let state = match target.complaint_of_end(&file, read.place(), read.chain) {
        Some(reason) if matches!(state, State::Sound | State::Torn) => {
            State::Damaged(Damage { offset: read.place(), batch: None, reason: reason.into() })
        }
        _ => state,
    };
    let whole = if file.is_rdb_alone {
        read.commands_from
    } else {
        read.commands_from.map(|_| read.whole).or((read.length == 0).then_some(0))
    };
    Ok(Checked { file, state, length: read.length, whole, is_last })
}

fn state_of(end: &Result<Tail, Damage>, file: &DataFile, is_last: bool) -> State {
    match end {
        Ok(Tail::Whole) => State::Sound,
        Ok(Tail::Torn(offset)) if file.is_rdb_alone => State::Damaged(Damage {
            offset: *offset,
            batch: None,
            reason: "something follows the data, as in an append-only file".into(),
        }),
        Ok(Tail::Torn(_)) if is_last => State::Torn,
        Ok(Tail::Torn(offset)) => State::Damaged(Damage {
            offset: *offset,
            batch: None,
            reason: "it ends inside a command or is torn there, and other files follow it".into(),
        }),
        Err(damage) => State::Damaged(damage.clone()),
    }
}

/// Tells what the files hold.
fn tell_content(
    target: &Target,
    judge: Judge<'_>,
    verdict: Verdict,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    tell_tally(&judge.tally, out)?;
    let (loads, commands) = (judge.loads(), judge.tally.commands);
    let summary = judge.summary();
    let how = match (target, verdict) {
        (Target::Rdb(_), _) => "bytes are about what keys take in memory",
        (_, Verdict::Sound) if loads => {
            "all data was loaded into memory to count keys; bytes are about what they take there"
        }
        (_, Verdict::Damaged) if loads => "keys are counted as they were before the first damage",
        _ if commands > 0 => "no command was run, so only keys of RDB data are counted, as they were before",
        _ => "bytes are about what keys take in memory",
    };
    writeln!(out, "\n{}({how})", summary.show())?;
    Ok(())
}

fn tell_tally(tally: &Tally, out: &mut dyn Write) -> Result<(), Failure> {
    writeln!(out)?;
    if !tally.writers.is_empty() {
        writeln!(out, "RDB data: {}", tally.writers.join(", "))?;
    }
    if let (Some(first), Some(last)) = (tally.first, tally.last) {
        let show = |batch: LastBatch| format!("{} of {}", batch.number, moment::show(batch.time));
        writeln!(out, "Batches: {}, from {} to {}", tally.batches, show(first), show(last))?;
    }
    if let Some((first, last)) = tally.noted {
        writeln!(out, "Times noted: from {} to {}", moment::show(first), moment::show(last))?;
    }
    writeln!(out, "Commands: {}; libraries of functions in RDB data: {}", tally.commands, tally.libraries)?;
    if tally.empty > 0 {
        writeln!(out, "Keys without an element, which a server leaves out: {}", tally.empty)?;
    }
    if tally.has_unknown_keys {
        let most = crate::duplicates::MAX_KEYS;
        writeln!(
            out,
            "Whether a key stands in RDB data twice was looked at for the first {most} keys of a file"
        )?;
    }
    if !tally.modules.is_empty() {
        writeln!(out, "Data of modules, which a server leaves out: {}", tally.modules.join(", "))?;
    }
    Ok(())
}

/// The number of the line behind what is whole, as redis-check-aof counts.
pub(crate) fn line_of(checked: &Checked) -> Result<u64, String> {
    read::line_at(&checked.file.path, checked.whole.unwrap_or(0))
}
