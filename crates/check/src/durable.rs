//! New files, and copies of what is to go: with their names they are on disk before anything depends on them.

use std::io;
use std::path::{Path, PathBuf};

use disk::{Disk, DiskFile, about, around, make_folders};

/// Makes a folder for new files, and those around it. One that is there must be empty.
pub(crate) fn new_folder(disk: &Disk, path: &Path) -> Result<(), String> {
    if disk.is_folder(path).map_err(about(path))? && !disk.list(path).map_err(about(path))?.is_empty() {
        return Err(format!("{}: it is there already and not empty; name a new folder", path.display()));
    }
    make_folders(disk, path)
}

/// A new file, written piece by piece. It is durable when it has been finished.
pub(crate) struct NewFile {
    disk: Disk,
    path: PathBuf,
    file: DiskFile,
    /// Bytes so far.
    pub(crate) length: u64,
}

impl NewFile {
    /// Makes it; there must be none of this name.
    pub(crate) fn create(disk: &Disk, path: PathBuf) -> Result<Self, String> {
        let file = disk.create_new(&path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => format!("{}: it is there already", path.display()),
            _ => about(&path)(error),
        })?;
        Ok(Self { disk: disk.clone(), path, file, length: 0 })
    }

    /// Appends bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.file.append(bytes).map_err(about(&self.path))?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Appends a part of another file.
    pub(crate) fn copy(&mut self, source: &Path, from: u64, until: u64) -> Result<(), String> {
        let Self { disk, path, file, length } = self;
        // An error of the new file is told as one.
        let mut failed = None;
        let copied = disk::copy(disk, source, from..until, &mut |bytes| {
            file.append(bytes).inspect(|()| *length += bytes.len() as u64).map_err(|error| {
                failed = Some(about(path)(error));
                io::ErrorKind::Other.into()
            })
        });
        failed.map_or_else(|| copied.map_err(about(source)), Err)
    }

    /// Makes content and name durable.
    pub(crate) fn finish(self) -> Result<(), String> {
        self.file.sync().map_err(about(&self.path))?;
        self.disk.sync_folder(around(&self.path)).map_err(about(&self.path))
    }
}

/// Copies the end of a file, from some place on, to a file beside it, and gives its path. Nothing is written over.
pub(crate) fn keep_end(disk: &Disk, path: &Path, from: u64, ending: &str) -> Result<PathBuf, String> {
    disk::keep_end(disk, path, from, ending).map_err(about(path))
}

/// Gives a file new content: a new file beside it takes its place, with its owner and mode.
pub(crate) fn replace(disk: &Disk, path: &Path, content: &[u8]) -> Result<(), String> {
    let replace = || {
        let (temporary, file) = disk::create_beside(disk, path, "new")?;
        file.append(content)?;
        file.sync()?;
        disk.rename(&temporary, path)?;
        disk.sync_folder(around(path))
    };
    replace().map_err(about(path))
}
