//! Why a step from one set of files to the next failed, and what is said of that.

use std::fmt;
use std::io;
use std::path::Path;

use super::super::manifest::ManifestError;

/// What is said of a base that is not the one of its manifest.
pub const OTHER_BASE: &str = "this is not the base that the manifest names: its length or its end is another, as if an older file were in its \
                              place, or it was changed. Restore the one that belongs to the increments, or have `rustypotato-check --salvage` make \
                              a new set with this one";

/// Why a step failed.
#[derive(Debug)]
pub enum FilesError {
    /// The file system refused something about this file (or the folder, if empty).
    Io(String, io::Error),
    /// The manifest of this name cannot be used.
    Manifest(String, ManifestError),
    /// The manifest and its file of checksums do not fit; the file of this name is at fault.
    Checksums(String, &'static str),
    /// The manifest names a file that is not there.
    Missing(String),
    /// There is no manifest, but this file holds data.
    Orphan(String),
    /// The base, whose name says that it is RDB, is empty.
    Empty(String),
    /// The lines of a manifest have no room for this name of a set.
    LongName(String),
    /// Another process uses the set.
    Locked,
    /// Another process has the whole folder to itself.
    FolderLocked,
    /// Whether another process uses this file (or the folder, if empty) cannot be found out.
    NotLocked(String, io::Error),
    /// This base is another file than the one that the manifest means.
    OtherBase(String),
    /// This closed increment does not end where it did; how that is said.
    OtherEnd(String, String),
    /// This file of a sealed backup has so many bytes, and had so many when it was sealed.
    Short(String, u64, u64),
}

impl FilesError {
    /// The error as it is told, with the path of the file that it is about, or that of the folder.
    pub fn within(&self, folder: &Path) -> String {
        let folder = folder.display();
        match self {
            Self::Locked | Self::FolderLocked | Self::LongName(_) => format!("{folder}: {self}"),
            Self::Io(name, _) if name.is_empty() => format!("{folder}{self}"),
            Self::NotLocked(name, _) if name.is_empty() => format!("{folder}: {self}"),
            _ => format!("{folder}/{self}"),
        }
    }
}

impl fmt::Display for FilesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(name, error) if name.is_empty() => error.fmt(f),
            Self::Io(name, error) => {
                write!(
                    f,
                    "{name}: {error}. See that it is a file, that the server may read and write it, and that there is room"
                )
            }
            Self::Manifest(name, error) => {
                write!(f, "{name}: {error}. Repair the manifest or restore it from a backup")
            }
            Self::Checksums(name, reason) => write!(f, "{name}: {reason}"),
            Self::Missing(name) => {
                write!(
                    f,
                    "{name} is named by the manifest, but not there: No such file or directory. Restore it from a backup"
                )
            }
            Self::Short(name, length, sealed) => write!(
                f,
                "{name}: it has {length} bytes, and had {sealed} when the backup was sealed: the copy is not whole. Copy it again"
            ),
            Self::OtherBase(name) => write!(f, "{name}: {OTHER_BASE}"),
            Self::OtherEnd(name, complaint) => write!(
                f,
                "{name}: {complaint}. Restore it from a backup, or let `rustypotato-check --fix` take what there is if no data follows"
            ),
            Self::LongName(name) => write!(
                f,
                "`appendfilename` is too long for the lines of a manifest, in which a byte that is no ASCII text takes four characters: '{}'. Choose a shorter \
                 one",
                name.escape_debug()
            ),
            Self::Locked => f.write_str(
                "another server uses this folder with the same `appendfilename`. Give each its own `dir` or its own name, or end the other one first",
            ),
            Self::NotLocked(name, error) => {
                let gap = if name.is_empty() { "" } else { ": " };
                write!(
                    f,
                    "{name}{gap}the lock that keeps other servers off cannot be taken: {error}. Without it two servers \
                     may write to the same files. See that the server may read and write what is to be locked, and that \
                     the disk is well"
                )
            }
            Self::FolderLocked => f.write_str(
                "somebody has the whole folder to himself, as `rustypotato-check --fix` does, and a server of an older version. Wait until he has \
                 ended, or end him first",
            ),
            Self::Empty(name) => write!(
                f,
                "{name}: the file is empty, and the manifest names it as RDB of all data, which never is. Restore it from a backup"
            ),
            Self::Orphan(name) => write!(
                f,
                "{name}: the file holds data, but there is no manifest that names it. Restore the manifest, have `rustypotato-check --salvage` make \
                 a new set of what the files hold, or move them away to start empty"
            ),
        }
    }
}

impl std::error::Error for FilesError {}
