//! `backup`: the files of a running server are copied over the connection.
//!
//! Over the connection and not from the server's folder, because that works from another machine and out of a container, needs no
//! rights on files, and a rewrite cannot delete what is being copied: the server holds the files open.

use std::io::Write;
use std::process::ExitCode;

use backup::{Backup, Compression, Kind, Origin, Place, Role, Series, Writer};
use client::Client;
use disk::Disk;
use indicatif::ProgressBar;

use super::progress;
use super::server::{self, Files, ServerFile};
use crate::clock;
use crate::failure::Failure;
use crate::options::{self, Compress, Options};
use crate::session::Session;

/// The longest name that a server keeps a log for.
const MAX_NAME_BYTES: usize = 64;

/// Makes a backup and tells its name.
pub(super) fn run(options: &Options, wanted: &options::Backup) -> Result<ExitCode, Failure> {
    let disk = Disk::native();
    // Before the server does anything.
    let after = if wanted.incremental { last_place(&disk, wanted)? } else { None };
    let mut client = Session::connect(options.target.clone())?.into_client()?;
    let has_log = server::has_log(&mut client)?;
    if !has_log {
        if wanted.incremental {
            return Err(Failure::message(
                "An incremental backup is made of the log, and this server has none (appendonly no): without \
                 --incremental a snapshot is taken",
            ));
        }
        server::save(&mut client)?;
    }
    let name = wanted.name.clone().unwrap_or_else(|| name_of(wanted));
    let keep = (has_log && wanted.keep > 0).then_some((&*name, wanted.keep));
    let files = server::open(&mut client, keep)?;
    let task = Task { options, wanted, disk: &disk, files: &files, started: clock::Stopwatch::start() };
    let made = task.make(&mut client, after);
    let is_done = matches!(made, Ok(Some(_)));
    let closed = server::close(&mut client, &files, is_done);
    let Some(backup) = made? else {
        writeln!(std::io::stdout(), "Nothing has changed since the last backup, and none was made")?;
        return Ok(ExitCode::SUCCESS);
    };
    writeln!(std::io::stdout(), "{backup}")?;
    if let Err(failure) = closed {
        // The backup is there, and the server forgets by itself.
        let _ = writeln!(std::io::stderr(), "The backup is whole, but the server was not told: {failure}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Where the last backup in the folder ends; none if there is none.
fn last_place(disk: &Disk, wanted: &options::Backup) -> Result<Option<Place>, Failure> {
    let is_there = disk.is_folder(&wanted.dir).map_err(|error| Failure::message(error.to_string()))?;
    if !is_there {
        return Ok(None);
    }
    let series = Series::open(disk, &wanted.dir).map_err(Failure::message)?;
    Ok(series.last_place().cloned())
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
    started: clock::Stopwatch,
}

/// Files, each from an offset on.
type Parts<'f> = Vec<(&'f ServerFile, u64)>;

impl Task<'_> {
    /// Makes the backup; none if there is nothing new.
    fn make(&self, client: &mut Client, after: Option<Place>) -> Result<Option<Backup>, Failure> {
        let is_snapshot = self.files.list.iter().any(|file| file.role == "snapshot");
        if !self.wanted.incremental || is_snapshot {
            return self.copy(client, &self.everything(), None).map(|(backup, _)| backup);
        }
        let Some(after) = after else {
            explain("there is no backup in the folder that it could follow on")?;
            return self.copy(client, &self.everything(), None).map(|(backup, _)| backup);
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
        self.files.list.iter().filter(|file| file.role != "history").map(|file| (file, 0)).collect()
    }

    /// What was appended behind a place; none if the server has not all of it any more.
    fn since(&self, after: &Place) -> Option<Parts<'_>> {
        let increments = self.files.list.iter().filter(|file| file.role != "base");
        let rest: Vec<_> = increments.skip_while(|file| file.sequence < after.sequence).collect();
        let first = rest.first()?;
        let fits =
            (first.sequence, &first.name) == (after.sequence, &after.name) && first.length >= after.offset;
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
        let kind = match (parts.first().map(|(file, _)| &*file.role), &after) {
            (Some("snapshot"), _) => Kind::Snapshot,
            (_, Some(_)) => Kind::Incremental,
            (_, None) => Kind::Full,
        };
        let origin =
            Origin { server: self.files.version.clone(), set: self.files.set.clone(), now: clock::now() };
        let compression = match self.wanted.compress {
            Compress::Zstd => Compression::Zstd,
            Compress::Lz4 => Compression::Lz4,
            Compress::Gzip => Compression::Gzip,
            Compress::None => Compression::None,
        };
        let mut writer = Writer::begin(self.disk, &self.wanted.dir, kind, origin, compression, after)
            .map_err(Failure::message)?;
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
            return Ok((None, None));
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
        let role = match &*file.role {
            "base" => Role::Base,
            "snapshot" => Role::Snapshot,
            _ => Role::Increment,
        };
        writer.begin_file(role, file.sequence, &file.name, offset).map_err(Failure::message)?;
        server::read(client, self.files, file, offset, &mut |bytes| {
            bar.inc(bytes.len() as u64);
            writer.write(bytes).map_err(Failure::message)
        })?;
        writer.end_file().map_err(Failure::message)
    }
}
