//! `--fix`: the last file is cut where it cannot be read on, and what is cut off is kept beside it.
//!
//! A torn end goes without a question, since a server does the same at its start. Behind damage somebody's acknowledged
//! writes may stand, so a cut there wants a yes.

use std::io::{self, BufRead, Write};

use disk::Disk;
use node::Node;

use crate::check::{self, Checked, Report, State};
use crate::in_place::Cut;
use crate::options::Options;
use crate::target::{self, Target};
use crate::{Failure, Verdict};

/// Checks, cuts, and checks again.
pub(crate) fn run(
    options: &Options,
    target: &Target,
    node: &Node,
    out: &mut dyn Write,
) -> Result<Verdict, Failure> {
    let report = check::run(target, options, node, out)?;
    let Some(checked) = report.files.iter().find(|checked| checked.state != State::Sound) else {
        writeln!(out, "There is nothing to fix")?;
        return Ok(Verdict::Sound);
    };
    let Some(whole) = place(target, &report, checked, out)? else { return Ok(Verdict::Damaged) };
    if !agrees(options, checked, whole, out)? {
        writeln!(out, "Aborting...")?;
        return Ok(Verdict::Damaged);
    }
    let path = &checked.file.path;
    let ending = if checked.state == State::Torn { "torn" } else { "cut" };
    let manifest = target.manifest_when_cut(path);
    let cut = Cut { file: path.clone(), offset: whole, ending, rest: Vec::new(), manifest };
    for (path, kept) in cut.run(&Disk::native())? {
        let (path, kept) = (path.display(), kept.display());
        writeln!(out, "Successfully truncated AOF {path} to {whole} bytes; what was cut is in {kept}\n")?;
    }
    // Another node, for this one holds what was loaded.
    Ok(check::run(&target.again()?, options, &crate::world::node(), out)?.verdict())
}

/// Where the file may be cut; none if it must not be, which is told.
fn place(
    target: &Target,
    report: &Report,
    checked: &Checked,
    out: &mut dyn Write,
) -> Result<Option<u64>, Failure> {
    let path = checked.file.path.display();
    let is_only = report.files.iter().filter(|checked| checked.state != State::Sound).count() == 1;
    let followed = match target {
        Target::Set(_) => None,
        Target::Commands(path) | Target::Rdb(path) => target::followed_in(path)?,
    };
    match checked.whole.filter(|_| !checked.file.is_rdb_alone && checked.state != State::Missing) {
        None => {
            writeln!(out, "{path} cannot be fixed by cutting it; --salvage FOLDER saves what can be read")?;
        }
        Some(_) if !checked.is_last || !is_only || followed.is_some() => {
            writeln!(
                out,
                "Failed to truncate AOF {path} because it is not the last file; --salvage FOLDER saves what can be read"
            )?;
        }
        whole => return Ok(whole),
    }
    Ok(None)
}

fn agrees(options: &Options, checked: &Checked, whole: u64, out: &mut dyn Write) -> Result<bool, Failure> {
    if checked.state == State::Torn {
        return Ok(true);
    }
    let length = checked.length;
    writeln!(
        out,
        "This will shrink the AOF {} from {length} bytes, with {} bytes, to {whole} bytes",
        checked.file.path.display(),
        length - whole
    )?;
    is_agreed(options, out)
}

/// Whether the user says yes, or has said so on the command line.
pub(crate) fn is_agreed(options: &Options, out: &mut dyn Write) -> Result<bool, Failure> {
    if options.yes {
        return Ok(true);
    }
    write!(out, "Continue? [y/N]: ")?;
    out.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim_start().starts_with(['y', 'Y']))
}
