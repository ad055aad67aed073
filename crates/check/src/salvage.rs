//! `--salvage`: new files of everything that can be read, before and behind damage.
//!
//! ```text
//!   plan      each file is read up to what cannot be read; behind it batches are looked for, and read on from there
//!   rescue    what was found goes through the commands, in order, and into new files:
//!             what a server would refuse is left out
//!   check     the new files are checked as any others
//! ```
//! Batches get new lines, because their chain has gaps now; numbers go on without one, times stay. RDB data
//! that is whole is copied as it is; of damaged data the keys that came before the damage are written anew.
//! All data is loaded into memory.
//!
//! What is left out, and why, is told: bytes, batches and times that are missing, commands that make no sense without
//! them, and batches that may have been part of a value (`plan.rs`). What is there can differ from what ever was, since
//! it lacks changes in between; that is why no server does this by itself.

mod plan;
mod rescue;

use std::fs;
use std::io::Write;
use std::path::Path;

use node::Node;
use persist::aof::{FileKind, Manifest, ManifestEntry};
use persist::rdb::ReadOptions;

use crate::options::Options;
use crate::target::{self, DataFile, Set, Target};
use crate::{Failure, Verdict, check, durable, lost, report, world};
use backup::moment;
use plan::{Gap, Plan};
use rescue::{LeftOut, Rescue};

/// Of what was left out so much is told one by one.
const TOLD: usize = 20;

/// Saves what can be read into a new folder.
pub(crate) fn run(
    options: &Options,
    folder: &Path,
    node: &Node,
    out: &mut dyn Write,
) -> Result<Verdict, Failure> {
    let target = match target::find(&options.path) {
        Ok(target) => target,
        Err(reason) => Target::Set(without_manifest(options, reason, out)?),
    };
    let is_missing = |file: &DataFile| fs::symlink_metadata(&file.path).is_err();
    if target.files().iter().all(is_missing) {
        return Err(format!(
            "{}: none of its files is there, so nothing can be saved",
            options.path.display()
        )
        .into());
    }
    report::begin(&target, out)?;
    durable::new_folder(&disk::Disk::native(), folder)?;
    let read_options = ReadOptions { skips_modules: true, ..world::read_options(node) };
    let mut rescue = Rescue::new(node);
    let mut before = None;
    let mut saved = Vec::new();
    let mut verdict = Verdict::Sound;
    for file in target.files() {
        if is_missing(&file) {
            writeln!(out, "{}: it is missing, and with it all that it held", file.path.display())?;
            before = None;
            continue;
        }
        let is_increment = file.kind == Some(FileKind::Increment);
        let follows = before.filter(|_| is_increment);
        let plan = Plan::make(&file.path, read_options, follows, options.doubtful)?;
        before = plan.chain.filter(|_| is_increment);
        rescue.file(&file, &plan, &folder.join(file.name()))?;
        tell(&file, &plan, &rescue.take_left_out(), out)?;
        if plan.given_up.is_some() {
            verdict = Verdict::Damaged;
        }
        saved.push(file.name());
    }
    let new = finish(&target, &saved, folder)?;
    writeln!(out, "\nThe new files are in {}\n", folder.display())?;
    let checked = check::run(&target::find(&new)?, options, &world::node(), out)?.verdict();
    Ok(if checked == Verdict::Sound { verdict } else { checked })
}

/// The set whose manifest is lost or damaged, for this reason.
fn without_manifest(options: &Options, reason: String, out: &mut dyn Write) -> Result<Set, Failure> {
    if let Some(set) = lost::noted(&options.path)? {
        writeln!(out, "{reason}. Its file of checksums tells what it should say")?;
        return Ok(set);
    }
    match lost::guessed(&options.path) {
        Ok(Some(set)) => {
            writeln!(out, "{reason}. The names of the files tell what it should say")?;
            Ok(set)
        }
        Ok(None) => Err(reason.into()),
        Err(doubt) => Err(format!("{reason}; {doubt}").into()),
    }
}

/// Writes the manifest, if there is to be one, and gives what is to be checked.
fn finish(target: &Target, saved: &[String], folder: &Path) -> Result<std::path::PathBuf, Failure> {
    let Target::Set(set) = target else {
        return Ok(folder.join(saved.first().map_or("", String::as_str)));
    };
    let is_saved = |entry: &&ManifestEntry| saved.contains(&entry.name);
    // The new base is another file.
    let renewed = |entry: &ManifestEntry| ManifestEntry { fingerprint: None, end: None, ..entry.clone() };
    let entries = set.manifest.data().filter(is_saved).map(renewed).collect();
    let path = folder.join(&set.manifest_name);
    let mut manifest = durable::NewFile::create(&disk::Disk::native(), path.clone())?;
    manifest.write(Manifest { entries, ..Manifest::default() }.format_checked().as_bytes())?;
    manifest.finish()?;
    Ok(path)
}

/// What was found in a file and what was not.
fn tell(file: &DataFile, plan: &Plan, left_out: &LeftOut, out: &mut dyn Write) -> Result<(), Failure> {
    let path = file.path.display();
    if let Some(problem) = &plan.rdb_problem {
        // Where it is wrong can only be told of what has a checksum of its own.
        writeln!(
            out,
            "{path}: {problem}. The {} keys that could be read are saved; any of them may be damaged",
            left_out.keys_saved
        )?;
    }
    for Gap { from, until, reason, after, before } in &plan.gaps {
        if from < until {
            writeln!(out, "{path}: bytes {from} to {until} are missing ({}): {reason}", until - from)?;
        }
        let show = |batch: &persist::aof::LastBatch| {
            format!("batch {} of {}", batch.number, moment::show(batch.time))
        };
        match (after, before) {
            (Some(after), Some(before)) => {
                let count = before.number.saturating_sub(after.number).saturating_sub(1);
                let count = if count == 0 { "no".to_owned() } else { count.to_string() };
                writeln!(out, "  {count} batches are missing, between {} and {}", show(after), show(before))?;
            }
            (Some(after), None) => writeln!(out, "  what came behind {} is missing", show(after))?,
            (None, Some(before)) => writeln!(out, "  what came before {} is missing", show(before))?,
            (None, None) => {}
        }
    }
    if let Some(offset) = plan.given_up {
        writeln!(
            out,
            "{path}: at byte {offset}: the search for batches was given up, since too much looks like batches and is none. What is \
             whole behind it is not saved: cut off what lies before by hand and save the rest"
        )?;
    }
    for run in plan.doubtful.iter().take(TOLD) {
        writeln!(
            out,
            "{path}: batches {} to {}, bytes {} to {}, look whole, but may be part of a value; they are left out \
             (--doubtful takes them)",
            run.first.number, run.last.number, run.from, run.until
        )?;
    }
    if plan.doubtful.len() > TOLD {
        writeln!(out, "{path}: {} such runs of batches altogether", plan.doubtful.len())?;
    }
    if plan.gaps.is_empty() && plan.rdb_problem.is_none() {
        writeln!(out, "{path}: everything can be read")?;
    }
    for reason in left_out.reasons.iter().take(TOLD) {
        writeln!(out, "{path}: left out: {reason}")?;
    }
    if left_out.count > 1 {
        writeln!(out, "{path}: left out: {} altogether", left_out.count)?;
    }
    Ok(())
}
