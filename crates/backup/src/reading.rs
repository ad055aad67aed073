//! Backups are read, one after the other as they follow on each other: to verify them, or to
//! make data files of them again.
//!
//! Everything is judged while it is read: length and SHA-256 of each file, checksums and chain of what it holds, and
//! whether it is what its list says. A restored set counts from the moment its manifest is there, which is written
//! last; if anything is wrong before that, what has been written is removed again.

use std::path::{Path, PathBuf};

use disk::{Disk, DiskFile, about, make_folders};
use persist::aof::{FileKind, LastBatch, Manifest, ManifestEntry};
use stdx::time::UnixMs;

use crate::inspector::Inspector;
use crate::list::{File, Kind, List, Role, UNFINISHED};
use crate::series::{Backup, Series};
use crate::stored;

/// Up to where to restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// What was written up to this millisecond.
    Time(UnixMs),
    /// The batches up to this one.
    Batch(u64),
}

/// What was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The first and the last batch that were kept.
    pub batches: Option<(LastBatch, LastBatch)>,
    /// Bytes of data.
    pub bytes: u64,
    /// Whether something lay beyond what was wanted.
    pub is_cut: bool,
}

/// See the module's text.
pub struct Reading<'a> {
    /// Where everything is.
    pub disk: &'a Disk,
    /// The backups.
    pub series: &'a Series,
    /// Up to where they are wanted.
    pub until: Option<Until>,
    /// The folder of data to write to; it must be empty, or not there. None: they are only verified.
    pub into: Option<&'a Path>,
    /// Is told how many bytes on disk have been read.
    pub progress: &'a mut dyn FnMut(u64),
}

impl Reading<'_> {
    /// Reads backups, the first of which stands for itself, and each other one follows on the one before it.
    pub fn run(mut self, chain: &[&Backup]) -> Result<Outcome, String> {
        let Some(last) = chain.last() else { return Err("there is no backup to read".to_owned()) };
        let target = self.into.map(|folder| Target::begin(self.disk, folder, &last.list)).transpose()?;
        let mut assembly = Assembly {
            inspector: Inspector::new(None, self.until),
            target,
            current: None,
            outcome: Outcome::default(),
        };
        let read = assembly.read(&mut self, chain).and_then(|()| assembly.finish(&last.list));
        if let (Err(_), Some(target)) = (&read, &assembly.target) {
            target.abandon();
        }
        read.map(|()| assembly.outcome)
    }
}

/// The files that come of it.
struct Assembly {
    inspector: Inspector,
    target: Option<Target>,
    current: Option<Current>,
    outcome: Outcome,
}

/// The file that is being put together.
struct Current {
    name: String,
    length: u64,
    file: Option<DiskFile>,
}

impl Assembly {
    fn read(&mut self, reading: &mut Reading<'_>, chain: &[&Backup]) -> Result<(), String> {
        let mut before = None;
        for backup in chain {
            if backup.list.after.as_ref() != before {
                return Err(format!("{}: it does not follow on what is restored before it", backup.id));
            }
            for file in &backup.list.files {
                let path = reading.series.path(backup, file);
                self.file(reading, backup, file, &path)
                    .map_err(|reason| format!("{}: {reason}", path.display()))?;
                if self.outcome.is_cut {
                    return Ok(());
                }
            }
            self.check(backup).map_err(|reason| format!("{}: {reason}", backup.id))?;
            before = backup.list.end.as_ref();
        }
        Ok(())
    }

    fn file(
        &mut self,
        reading: &mut Reading<'_>,
        backup: &Backup,
        file: &File,
        path: &Path,
    ) -> Result<(), String> {
        self.go_to(file)?;
        self.inspector.begin(file.role, file.offset);
        let Reading { disk, progress, .. } = reading;
        let stored = (file, backup.list.compression);
        stored::read(disk, path, stored, &mut |piece| self.take(piece), *progress)?;
        if self.outcome.is_cut { Ok(()) } else { self.inspector.end() }
    }

    /// Begins a file, or goes on with the one at hand.
    fn go_to(&mut self, file: &File) -> Result<(), String> {
        if let Some(current) = &self.current
            && current.name == file.name
        {
            let fits = current.length == file.offset;
            return if fits {
                Ok(())
            } else {
                Err(format!("it begins at byte {}, and {} bytes are there", file.offset, current.length))
            };
        }
        if file.offset > 0 {
            return Err(format!("what is before its byte {} is not there", file.offset));
        }
        self.end_current()?;
        let open = self.target.as_mut().map(|target| target.create(file)).transpose()?;
        self.current = Some(Current { name: file.name.clone(), length: 0, file: open });
        Ok(())
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), String> {
        if self.outcome.is_cut {
            return Ok(());
        }
        let current = self.current.as_mut().expect("a file has begun");
        let beyond = self.inspector.read(piece)?;
        let end = beyond.unwrap_or(current.length + piece.len() as u64);
        if let Some(file) = &current.file {
            let kept = end.saturating_sub(current.length) as usize;
            let complain = |error| format!("{} cannot be written: {error}", current.name);
            file.append(&piece[..kept]).map_err(complain)?;
            if end < current.length {
                file.truncate(end).map_err(complain)?;
            }
        }
        self.outcome.is_cut = beyond.is_some();
        self.outcome.bytes = (self.outcome.bytes + end).saturating_sub(current.length);
        current.length = end;
        self.note_batches_if(beyond.is_some());
        Ok(())
    }

    fn note_batches_if(&mut self, is_end: bool) {
        if is_end {
            let seen = self.inspector.take_batches();
            self.outcome.note(seen);
        }
    }

    /// A backup has been read to its end: it holds what its list says.
    fn check(&mut self, backup: &Backup) -> Result<(), String> {
        let List { batches, end, .. } = &backup.list;
        let seen = self.inspector.take_batches();
        if seen != *batches || end.as_ref().is_some_and(|end| end.chain != self.inspector.chain()) {
            return Err("its files hold other batches than its list says".to_owned());
        }
        self.outcome.note(seen);
        Ok(())
    }

    fn end_current(&mut self) -> Result<(), String> {
        match self.current.take() {
            Some(Current { file: Some(file), name, .. }) => {
                file.sync().map_err(|error| format!("{name} cannot be written: {error}"))
            }
            _ => Ok(()),
        }
    }

    fn finish(&mut self, list: &List) -> Result<(), String> {
        self.end_current()?;
        let last = self.outcome.batches.map(|(_, last)| last);
        if let Some(reason) = self.inspector.untold(last) {
            return Err(reason);
        }
        self.target.as_mut().map_or(Ok(()), |target| target.finish(list))
    }
}

impl Outcome {
    fn note(&mut self, seen: Option<(LastBatch, LastBatch)>) {
        if let Some((first, last)) = seen {
            self.batches = Some((self.batches.map_or(first, |(first, _)| first), last));
        }
    }
}

/// The folder that is written to.
struct Target {
    disk: Disk,
    /// Where the files go.
    folder: PathBuf,
    manifest: Manifest,
    /// What to remove if nothing comes of it.
    written: Vec<PathBuf>,
}

impl Target {
    fn begin(disk: &Disk, data: &Path, list: &List) -> Result<Self, String> {
        let inside = data.join(&list.set.0);
        for folder in [data, &inside] {
            if disk.length(folder).map_err(about(folder))?.is_some()
                && !disk.is_folder(folder).map_err(about(folder))?
            {
                return Err(format!("{}: it is no folder", folder.display()));
            }
            let is_there = disk.is_folder(folder).map_err(about(folder))?;
            let names = if is_there { disk.list(folder).map_err(about(folder))? } else { Vec::new() };
            // What an attempt before this one has left is no data.
            if names.iter().any(|name| folder != data || *name != list.set.0) {
                return Err(format!(
                    "{}: it holds something already; name a new folder, for nothing is written over",
                    folder.display()
                ));
            }
        }
        let folder = if list.kind == Kind::Snapshot { data.to_owned() } else { inside };
        make_folders(disk, &folder)?;
        Ok(Self { disk: disk.clone(), folder, manifest: Manifest::default(), written: Vec::new() })
    }

    fn create(&mut self, file: &File) -> Result<DiskFile, String> {
        let path = self.folder.join(match file.role {
            Role::Snapshot => unfinished(&file.name),
            Role::Base | Role::Increment => file.name.clone(),
        });
        let kind = match file.role {
            Role::Base => Some(FileKind::Base),
            Role::Increment => Some(FileKind::Increment),
            Role::Snapshot => None,
        };
        let (name, sequence) = (file.name.clone(), file.sequence);
        self.manifest.entries.extend(kind.map(|kind| ManifestEntry::new(name, sequence, kind)));
        self.written.push(path.clone());
        self.disk.create(&path).map_err(about(&path))
    }

    /// All files are there: now they count.
    fn finish(&mut self, list: &List) -> Result<(), String> {
        let name = match list.kind {
            Kind::Snapshot => list.files[0].name.clone(),
            Kind::Full | Kind::Incremental => list.manifest_name(),
        };
        let (temporary, path) = (self.folder.join(unfinished(&name)), self.folder.join(name));
        let go = || {
            if list.kind != Kind::Snapshot {
                self.disk.write(&temporary, self.manifest.format_checked().as_bytes())?;
                self.disk.sync(&temporary)?;
            }
            self.disk.sync_folder(&self.folder)?;
            self.disk.rename(&temporary, &path)?;
            self.disk.sync_folder(&self.folder)
        };
        let gone = go();
        if gone.is_err() {
            self.written.extend([temporary, path.clone()]);
        }
        gone.map_err(about(&path))
    }

    fn abandon(&self) {
        // The last first: without its manifest a set is none.
        for path in self.written.iter().rev() {
            let _ = self.disk.remove(path);
        }
    }
}

/// A name that no server looks for, and that no file of a backup has.
fn unfinished(name: &str) -> String {
    format!("{UNFINISHED}{name}")
}
