//! `backup`: the files of a running server are copied over the connection.
//!
//! Over the connection and not from the server's folder, because that works from another machine and out of a container, needs no
//! rights on files, and a rewrite cannot delete what is being copied: the server holds the files open.

use std::io::Write;
use std::process::ExitCode;

use backup::{Backup, Keep, Kind, Origin, Place, Role, Series, Writer};
use client::Client;
use disk::Disk;
use indicatif::ProgressBar;
use stdx::time::UnixMs;

use super::server::{self, Files, ServerFile};
use super::{progress, prune};
use crate::clock;
use crate::failure::Failure;
use crate::options::{self, Options};
use crate::session::Session;

/// The longest name that a server keeps a log for.
const MAX_NAME_BYTES: usize = 64;

/// Makes a backup and tells its name.
pub(super) fn run(options: &Options, wanted: &options::Backup) -> Result<ExitCode, Failure> {
    let disk = Disk::native();
    // Before the server does anything.
    backup::prepare(&disk, &wanted.dir).map_err(Failure::message)?;
    let after = wanted.incremental.then(|| last_place(&disk, wanted)).transpose()?;
    let mut client = Session::connect(options.target.clone())?.into_client()?;
    let files = open(&mut client, wanted)?;
    let now = server::now(&mut client)?;
    let task = Task { options, wanted, disk: &disk, files: &files, now, started: clock::Stopwatch::start() };
    let made = task.make(&mut client, after);
    let outcome = match &made {
        Ok(Some(_)) => Some("DONE"),
        // Or what the next one needs would be kept no longer on a server to which nobody writes.
        Ok(None) => Some("UNCHANGED"),
        Err(_) => None,
    };
    let closed = server::close(&mut client, &files, outcome);
    let Some(backup) = made? else {
        writeln!(std::io::stdout(), "Nothing has changed since the last backup, and none was made")?;
        return Ok(ExitCode::SUCCESS);
    };
    writeln!(std::io::stdout(), "{backup}")?;
    if let Err(failure) = closed {
        // The backup is there, and the server forgets by itself.
        let _ = writeln!(std::io::stderr(), "The backup is whole, but the server was not told: {failure}");
    }
    match wanted.keep_last {
        Some(last) => {
            // Asked anew, for others may have made backups meanwhile.
            let keep = Keep { last, made: Some(&backup.id), latest: server::now(&mut client)? };
            prune::run(&disk, &wanted.dir, &keep, false)
        }
        None => Ok(ExitCode::SUCCESS),
    }
}

/// Opens the files of the server, which saves its data first if it has no log.
fn open(client: &mut Client, wanted: &options::Backup) -> Result<Files, Failure> {
    let mut has_log = server::has_log(client)?;
    loop {
        if !has_log {
            if wanted.incremental {
                return Err(Failure::message(
                    "An incremental backup is made of the log, and this server has none (appendonly no): \
                     without --incremental a snapshot is taken",
                ));
            }
            server::save(client)?;
        }
        let name = wanted.name.clone().unwrap_or_else(|| name_of(wanted));
        let keep = (has_log && wanted.keep > 0).then_some((&*name, wanted.keep));
        let files = server::open(client, keep)?;
        if !has_log || !files.is_snapshot() {
            return Ok(files);
        }
        // The log was switched off meanwhile, and what was saved before may be old.
        server::close(client, &files, None)?;
        has_log = false;
    }
}

/// Where the last backup in the folder ends, or why nothing can follow on that.
fn last_place(disk: &Disk, wanted: &options::Backup) -> Result<Result<Place, String>, Failure> {
    let series = Series::open(disk, &wanted.dir).map_err(Failure::message)?;
    Ok(series.last_place(disk).cloned())
}

/// The folder's path, or the end of it.
fn name_of(wanted: &options::Backup) -> String {
    let path = std::path::absolute(&wanted.dir).unwrap_or_else(|_| wanted.dir.clone());
    let path: String = path.to_string_lossy().chars().filter(|char| !char.is_control()).collect();
    let begin = path.char_indices().map(|(at, _)| at).find(|at| path.len() - at <= MAX_NAME_BYTES);
    path[begin.unwrap_or(0)..].to_owned()
}

fn explain(why: &str) -> Result<(), Failure> {
    Ok(writeln!(std::io::stdout(), "No incremental backup is possible: {why}. A full one is made")?)
}

/// What is made, and of what.
struct Task<'a> {
    options: &'a Options,
    wanted: &'a options::Backup,
    disk: &'a Disk,
    files: &'a Files,
    /// The server's time.
    now: UnixMs,
    started: clock::Stopwatch,
}

/// Files, each from an offset on.
type Parts<'f> = Vec<(&'f ServerFile, u64)>;

impl Task<'_> {
    /// Makes the backup, an incremental one if it is told what to follow on or why that cannot be; none if there is nothing new.
    fn make(
        &self,
        client: &mut Client,
        after: Option<Result<Place, String>>,
    ) -> Result<Option<Backup>, Failure> {
        let after = match after.filter(|_| !self.files.is_snapshot()) {
            Some(Ok(place)) => place,
            none => {
                none.and_then(Result::err).map_or(Ok(()), |reason| explain(&reason))?;
                return self.copy(client, &self.everything(), None).map(|(backup, _)| backup);
            }
        };
        let Some(parts) = self.since(&after) else {
            explain("the server does not have the log since the last one any more")?;
            return self.copy(client, &self.everything(), None).map(|(backup, _)| backup);
        };
        let (backup, does_not_fit) = self.copy(client, &parts, Some(after))?;
        match does_not_fit {
            None => Ok(backup),
            Some(reason) => {
                explain(&format!("the log does not go on where the last one ends ({reason})"))?;
                self.copy(client, &self.everything(), None).map(|(backup, _)| backup)
            }
        }
    }

    fn everything(&self) -> Parts<'_> {
        self.files.list.iter().filter(|file| !file.is_history).map(|file| (file, 0)).collect()
    }

    /// What was appended behind a place; none if the server has not all of it any more. If it has not the increment of the place, the
    /// batches of the next ones prove whether they follow.
    fn since(&self, after: &Place) -> Option<Parts<'_>> {
        let increments = self.files.list.iter().filter(|file| file.role != Role::Base);
        let rest: Vec<_> = increments.skip_while(|file| file.sequence < after.sequence).collect();
        let first = rest.first()?;
        let fits =
            first.sequence > after.sequence || first.name == after.name && first.length >= after.offset;
        let offset = |file: &ServerFile| if file.sequence == after.sequence { after.offset } else { 0 };
        fits.then(|| rest.into_iter().map(|file| (file, offset(file))).collect())
    }

    /// Copies parts of files. Gives the backup, if there was something new, or why what there is does not follow on `after`.
    fn copy(
        &self,
        client: &mut Client,
        parts: &[(&ServerFile, u64)],
        after: Option<Place>,
    ) -> Result<(Option<Backup>, Option<String>), Failure> {
        let kind = match &after {
            _ if self.files.is_snapshot() => Kind::Snapshot,
            Some(_) => Kind::Incremental,
            None => Kind::Full,
        };
        let origin =
            Origin { server: self.files.version.clone(), set: self.files.set.clone(), now: self.now };
        let options::Backup { dir, compress, .. } = self.wanted;
        let mut writer =
            Writer::begin(self.disk, dir, kind, origin, *compress, after).map_err(Failure::message)?;
        let bytes = parts.iter().map(|(file, offset)| file.length.saturating_sub(*offset)).sum();
        let bar = progress::bar(self.options, kind.name(), bytes);
        let copied = parts
            .iter()
            .try_for_each(|&(file, offset)| self.copy_file(client, &mut writer, &bar, file, offset));
        bar.finish_and_clear();
        match copied {
            Err(failure) if kind == Kind::Incremental && writer.has_found_damage() => {
                return Ok((None, Some(failure.to_string())));
            }
            copied => copied?,
        }
        if kind == Kind::Incremental && !writer.has_batches() {
            let is_known = parts.first().is_some_and(|(_, offset)| *offset > 0);
            return Ok((None, (!is_known).then(|| "no batch tells that it does".to_owned())));
        }
        let backup = writer.finish().map_err(Failure::message)?;
        if self.options.terminal {
            let seconds = self.started.elapsed().as_secs_f64();
            writeln!(std::io::stdout(), "{} in {seconds:.1} s", indicatif::HumanBytes(bytes))?;
        }
        Ok((Some(backup), None))
    }

    fn copy_file(
        &self,
        client: &mut Client,
        writer: &mut Writer,
        bar: &ProgressBar,
        file: &ServerFile,
        offset: u64,
    ) -> Result<(), Failure> {
        writer.begin_file(file.role, file.sequence, &file.name, offset).map_err(Failure::message)?;
        server::read(client, self.files, file, offset, &mut |bytes| {
            bar.inc(bytes.len() as u64);
            writer.write(bytes).map_err(Failure::message)
        })?;
        writer.end_file().map_err(Failure::message)
    }
}
