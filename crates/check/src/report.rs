//! What is told of files, in the sentences of redis-check-aof where it has some.

use std::io::Write;

use persist::aof::{FileKind, LastBatch};

use crate::check::{self, Checked, State};
use crate::target::{self, DataFile, Target};
use crate::{Failure, Verdict};
use backup::moment;

/// Before all files.
pub(crate) fn begin(target: &Target, out: &mut dyn Write) -> Result<(), Failure> {
    match target {
        Target::Set(_) => writeln!(out, "Start checking Multi Part AOF")?,
        Target::Commands(_) => writeln!(out, "Start checking Old-Style AOF")?,
        Target::Rdb(path) => writeln!(out, "Start checking RDB file {}", path.display())?,
    }
    Ok(())
}

/// Before a file; `before` is the one before it.
pub(crate) fn begin_file(
    file: &DataFile,
    before: Option<&Checked>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let is_first_increment = before.is_none_or(|before| before.file.kind == Some(FileKind::Base));
    match file.kind {
        Some(FileKind::Base) => {
            let form = if target::is_rdb(&file.path) { "RDB" } else { "RESP" };
            writeln!(out, "Start to check BASE AOF ({form} format).")?;
        }
        Some(FileKind::Increment) if is_first_increment => writeln!(out, "Start to check INCR files.")?,
        _ => {}
    }
    Ok(())
}

/// Behind a file.
pub(crate) fn end_file(
    checked: &Checked,
    last_lost: Option<LastBatch>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let Checked { file, state, length, whole, is_last } = checked;
    let path = file.path.display();
    let what = kind(file);
    if *state == State::Missing {
        writeln!(out, "{path}: the manifest names it, but it is not there. Restore it from a backup")?;
        return Ok(());
    }
    if *length == 0 && *state == State::Sound && !file.is_rdb_alone {
        writeln!(out, "{what} {path} is empty")?;
        return Ok(());
    }
    if !file.is_rdb_alone && *whole > Some(0) && target::is_rdb(&file.path) {
        writeln!(out, "RDB preamble is OK, proceeding with AOF tail...")?;
    }
    if let (Some(whole), false) = (whole, file.is_rdb_alone) {
        let (line, rest) = (check::line_of(checked)?, length - whole);
        writeln!(
            out,
            "AOF analyzed: filename={path}, size={length}, ok_up_to={whole}, ok_up_to_line={line}, diff={rest}"
        )?;
    }
    if let (State::Sound, true, Some(whole)) = (state, file.is_rdb_alone, whole)
        && whole < length
    {
        writeln!(
            out,
            "{path}: at byte {whole}: {} bytes follow the end of the data; a server passes over them",
            length - whole
        )?;
    }
    match state {
        State::Sound => writeln!(out, "{what} {path} is valid")?,
        State::Torn => {
            let torn = whole.unwrap_or(0);
            writeln!(out, "{path}: at byte {torn}: it is torn there, as by a crash{}", lost(last_lost))?;
            writeln!(
                out,
                "{what} {path} is not valid. Use the --fix option to try fixing it. A server with \
                 `aof-load-truncated yes` does the same at its start"
            )?;
        }
        State::Damaged(damage) => {
            writeln!(out, "{path}: {damage}")?;
            let can_cut = *is_last && whole.is_some() && !file.is_rdb_alone;
            let remedy = if can_cut {
                "Use the --fix option to try fixing it: it cuts there. --salvage FOLDER saves also what is whole behind it"
            } else {
                "Restore it from a backup, or use --salvage FOLDER to save what can be read"
            };
            writeln!(out, "{what} {path} is not valid. {remedy}")?;
        }
        State::Missing => {}
    }
    Ok(())
}

/// Behind all files.
pub(crate) fn end(target: &Target, verdict: Verdict, out: &mut dyn Write) -> Result<(), Failure> {
    match (target, verdict) {
        (Target::Set(_), Verdict::Sound) => writeln!(out, "All AOF files and manifest are valid")?,
        (Target::Set(set), Verdict::Damaged) => {
            writeln!(out, "The set of {} is not valid", set.folder.join(&set.manifest_name).display())?;
        }
        (Target::Commands(_) | Target::Rdb(_), _) => {}
    }
    Ok(())
}

/// What redis-check-aof calls a file.
pub(crate) fn kind(file: &DataFile) -> &'static str {
    match file.kind {
        Some(FileKind::Base) => "BASE AOF",
        Some(FileKind::Increment | FileKind::History) => "INCR AOF",
        None if file.is_rdb_alone => "RDB file",
        None => "AOF",
    }
}

fn lost(last: Option<LastBatch>) -> String {
    last.map_or(String::new(), |batch| {
        format!("; batch {} of {} is the last that is lost", batch.number, moment::show(batch.time))
    })
}
