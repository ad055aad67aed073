//! The folder of an append-only set: the calls of its disk by the names of files, whose errors tell the name.

use std::io;
use std::path::{Path, PathBuf};

use disk::{Disk, Lock, around};
use stdx::checksum::crc32c;

use super::batch::{ANNOUNCEMENT, is_left_of_announcement};
use super::checksums::{Checked, text};
use super::files::FilesError;
use super::manifest::{FileKind, Fingerprint, Manifest, ManifestEntry};
use crate::rdb::is_blank;

/// Head and notes of RDB data take less.
const BLANK_MAX_BYTES: u64 = 1024;

/// How the name of the file ends by whose lock a server has a set to itself.
const LOCK: &str = ".lock";

/// The last bytes of a file are summed up: so many that there are the checksum of RDB, or the line of the last batch.
const TAIL_BYTES: u64 = 1 << 20;

/// See the module's text.
#[derive(Debug)]
pub(super) struct Folder {
    disk: Disk,
    path: PathBuf,
}

type Result<T> = std::result::Result<T, FilesError>;

/// Whether an increment holds more than the announcement of what is to come, or what a power cut has left of that. One
/// that is not there holds nothing.
pub fn holds_data(disk: &Disk, path: &Path) -> io::Result<bool> {
    match disk.length(path)?.unwrap_or(0) {
        0 => Ok(false),
        length if length <= ANNOUNCEMENT.len() as u64 => Ok(!is_left_of_announcement(&disk.read(path)?)),
        _ => Ok(true),
    }
}

impl ManifestEntry {
    /// Whether the file, which has this path, holds data.
    pub fn holds_data(&self, disk: &Disk, path: &Path) -> io::Result<bool> {
        match self.kind {
            FileKind::Base => base_holds_data(disk, path),
            FileKind::History | FileKind::Increment => holds_data(disk, path),
        }
    }
}

impl Fingerprint {
    /// Of a file.
    pub fn of(disk: &Disk, path: &Path) -> io::Result<Self> {
        let file = disk.open(path)?;
        let length = file.length()?;
        let mut tail = vec![0; length.min(TAIL_BYTES) as usize];
        let (mut at, mut read) = (length - tail.len() as u64, 0);
        while read < tail.len() {
            match file.read_at(at, &mut tail[read..])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => (at, read) = (at + count as u64, read + count),
            }
        }
        Ok(Self { length, tail: crc32c(&tail) })
    }
}

/// Whether a base holds data. One that is not there, or is blank, holds none; what cannot be read may be data.
fn base_holds_data(disk: &Disk, path: &Path) -> io::Result<bool> {
    match disk.length(path)?.unwrap_or(0) {
        0 => Ok(false),
        length if length <= BLANK_MAX_BYTES => Ok(!is_blank(&disk.read(path)?)),
        _ => Ok(true),
    }
}

/// An error of the file system about a file.
fn about(name: &str) -> impl FnOnce(io::Error) -> FilesError {
    let name = name.to_owned();
    move |error| FilesError::Io(name, error)
}

impl Folder {
    pub(super) fn new(disk: Disk, path: PathBuf) -> Self {
        Self { disk, path }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Keeps others off the set whose files have names that begin so, and off the folder those who want all of it. The
    /// file that is locked stays: if it were removed, two servers might have one each.
    pub(super) fn lock(&self, prefix: &str) -> Result<[Option<Lock>; 2]> {
        let taken = |result: io::Result<_>, name: &str, locked| {
            result.map_err(|error| match error.kind() {
                io::ErrorKind::WouldBlock => locked,
                _ => FilesError::NotLocked(name.to_owned(), error),
            })
        };
        let folder = taken(self.disk.share(&self.path), "", FilesError::FolderLocked)?;
        let name = format!("{prefix}{LOCK}");
        if self.length(&name)?.is_none() {
            self.disk.create(&self.file(&name)).map_err(about(&name))?;
        }
        Ok([folder, taken(self.disk.lock(&self.file(&name)), &name, FilesError::Locked)?])
    }

    /// The names of all files.
    pub(super) fn list(&self) -> Result<Vec<String>> {
        self.disk.list(&self.path).map_err(about(""))
    }

    /// A file's length in bytes; none if there is no such file.
    pub(super) fn length(&self, name: &str) -> Result<Option<u64>> {
        self.disk.length(&self.file(name)).map_err(about(name))
    }

    /// See [`ManifestEntry::holds_data`].
    pub(super) fn holds_data_of(&self, entry: &ManifestEntry) -> Result<bool> {
        entry.holds_data(&self.disk, &self.file(&entry.name)).map_err(about(&entry.name))
    }

    /// See [`holds_data`].
    pub(super) fn holds_data(&self, name: &str) -> Result<bool> {
        holds_data(&self.disk, &self.file(name)).map_err(about(name))
    }

    /// See [`Fingerprint::of`].
    pub(super) fn fingerprint(&self, name: &str) -> Result<Fingerprint> {
        Fingerprint::of(&self.disk, &self.file(name)).map_err(about(name))
    }

    /// The text of a file, if there is one.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>> {
        text(&self.disk, &self.file(name)).map_err(about(name))
    }

    /// See [`Manifest::read`].
    pub(super) fn manifest(&self, name: &str) -> Result<Option<Checked>> {
        Manifest::read(&self.disk, &self.file(name))
    }

    /// Gives a file this content, durably; its name is not durable yet.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let write = || {
            let file = self.disk.create(&self.file(name))?;
            file.append(bytes)?;
            file.sync()
        };
        write().map_err(about(name))
    }

    /// Makes the content of a file durable.
    pub(super) fn sync(&self, name: &str) -> Result<()> {
        self.disk.sync(&self.file(name)).map_err(about(name))
    }

    /// Gives a file another name, over whatever had that name.
    pub(super) fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.disk.rename(&self.file(from), &self.file(to)).map_err(about(to))
    }

    /// Removes a file; it is no error if there is none.
    pub(super) fn remove(&self, name: &str) -> Result<()> {
        self.disk.remove(&self.file(name)).map_err(about(name))
    }

    /// Makes names durable.
    pub(super) fn sync_names(&self) -> Result<()> {
        self.disk.sync_folder(&self.path).map_err(about(""))
    }

    /// Whether there is a file of this name in the folder around this one, where Redis 6 kept it.
    pub(super) fn exists_outside(&self, name: &str) -> Result<bool> {
        let path = self.outside(name);
        let look = || Ok(self.disk.length(&path)?.is_some() && !self.disk.is_folder(&path)?);
        look().map_err(about(name))
    }

    /// Moves that file into the folder; both folders' names are durable afterwards.
    pub(super) fn move_inside(&self, name: &str) -> Result<()> {
        let go = || {
            self.disk.rename(&self.outside(name), &self.file(name))?;
            self.disk.sync_folder(&self.path)?;
            self.disk.sync_folder(around(&self.path))
        };
        go().map_err(about(name))
    }

    fn outside(&self, name: &str) -> PathBuf {
        around(&self.path).join(name)
    }
}
