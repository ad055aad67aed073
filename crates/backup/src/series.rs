//! The backups in a folder, and which follows on which. Names and times of files do not matter: a backup follows on another if the
//! place in the log where it begins is the one where the other ends.

use std::fmt;
use std::path::{Path, PathBuf};

use disk::Disk;

use crate::list::{ENDING, File, Kind, List, MAX_BYTES, Place};
use crate::moment;
use crate::reading::Until;

/// A backup whose list can be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// How the names of its files begin.
    pub id: String,
    /// What it says of itself.
    pub list: List,
}

impl Backup {
    /// The name of a file on disk.
    pub fn stored_name(&self, file: &File) -> String {
        stored_name(&self.id, &file.name, &self.list)
    }
}

impl fmt::Display for Backup {
    /// A line about it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = &self.list;
        write!(f, "{}: ", self.id)?;
        match list.batches {
            Some((first, last)) => {
                let (from, to) = (moment::show(first.time), moment::show(last.time));
                write!(f, "batches {} to {}, written {from} to {to}", first.number, last.number)?;
            }
            None => write!(f, "data of {}", moment::show(list.made))?,
        }
        let (bytes, stored) = (list.bytes(), list.stored_bytes());
        write!(f, "; {bytes} bytes, {stored} on disk ({})", list.compression.name())
    }
}

/// The name of a file on disk.
pub(crate) fn stored_name(id: &str, name: &str, list: &List) -> String {
    format!("{id}.{name}{}", list.compression.ending())
}

/// See the module's text.
#[derive(Debug)]
pub struct Series {
    /// The folder.
    pub folder: PathBuf,
    /// In the order in which they were made.
    pub backups: Vec<Backup>,
    /// Lists that cannot be used, by their paths, and why.
    pub unusable: Vec<(PathBuf, String)>,
    /// The names of what belongs to no backup: what an interrupted one has left, perhaps.
    pub strays: Vec<String>,
}

impl Series {
    /// Reads all lists in a folder.
    pub fn open(disk: &Disk, folder: &Path) -> Result<Self, String> {
        let names = disk.list(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let mut series =
            Self { folder: folder.to_owned(), backups: Vec::new(), unusable: Vec::new(), strays: Vec::new() };
        for name in &names {
            let Some(id) = name.strip_suffix(ENDING) else { continue };
            let path = folder.join(name);
            match read_list(disk, &path) {
                Ok(list) => series.backups.push(Backup { id: id.to_owned(), list }),
                Err(reason) => series.unusable.push((path, reason)),
            }
        }
        series.backups.sort_by(|one, other| (one.list.made, &one.id).cmp(&(other.list.made, &other.id)));
        series.unusable.sort();
        let is_known = |name: &String| {
            name.ends_with(ENDING)
                || series.backups.iter().any(|backup| {
                    name.starts_with(&backup.id)
                        && backup.list.files.iter().any(|file| backup.stored_name(file) == *name)
                })
        };
        series.strays = names.iter().filter(|name| !is_known(name)).cloned().collect();
        series.strays.sort();
        Ok(series)
    }

    /// Where a file is.
    pub fn path(&self, backup: &Backup, file: &File) -> PathBuf {
        self.folder.join(backup.stored_name(file))
    }

    /// The backup of this name, with or without the ending of lists.
    pub fn find(&self, id: &str) -> Result<&Backup, String> {
        let id = id.strip_suffix(ENDING).unwrap_or(id);
        let path = self.folder.join(format!("{id}{ENDING}"));
        if let Some((_, reason)) = self.unusable.iter().find(|(unusable, _)| *unusable == path) {
            return Err(format!("{}: {reason}", path.display()));
        }
        let found = self.backups.iter().find(|backup| backup.id == id);
        found.ok_or_else(|| format!("{}: there is no such backup", path.display()))
    }

    /// The backup that was made last, if all lists can be used: one that cannot might be the last one.
    pub fn latest(&self) -> Result<&Backup, String> {
        self.complain()?;
        self.backups.last().ok_or_else(|| format!("{}: there is no backup", self.folder.display()))
    }

    fn complain(&self) -> Result<(), String> {
        match self.unusable.first() {
            Some((path, reason)) => Err(format!("{}: {reason}", path.display())),
            None => Ok(()),
        }
    }

    /// Where the last backup of the log ends, which an incremental one may follow on.
    pub fn last_place(&self) -> Option<&Place> {
        self.backups.iter().rev().find_map(|backup| backup.list.end.as_ref())
    }

    /// A full backup and the incremental ones that lead to this one.
    pub fn chain<'s>(&'s self, tip: &'s Backup) -> Result<Vec<&'s Backup>, String> {
        let mut chain = vec![tip];
        // Each begins at a lower batch than it ends, so this comes to its end.
        while let Some(after) = chain.last().and_then(|backup| backup.list.after.as_ref()) {
            let before = self.backups.iter().rev().find(|backup| backup.list.end.as_ref() == Some(after));
            chain.push(before.ok_or_else(|| {
                format!(
                    "{}: what it follows on is not here: a backup that ends with batch {} at byte {} of {}",
                    chain.last().map_or("", |backup| &backup.id),
                    after.chain.number,
                    after.offset,
                    after.name
                )
            })?);
        }
        chain.reverse();
        Ok(chain)
    }

    /// The backups that tell what was at a moment: the last full one that is early enough, and what leads from it up to the
    /// moment or as close as there is something.
    pub fn until(&self, until: Until) -> Result<Vec<&Backup>, String> {
        self.complain()?;
        let is_early = |backup: &&Backup| match (until, backup.list.batches) {
            (Until::Time(time), batches) => {
                let told = [Some(backup.list.made), backup.list.base, batches.map(|(first, _)| first.time)];
                told.into_iter().flatten().any(|told| told <= time)
            }
            (Until::Batch(number), Some((first, _))) => first.number.saturating_sub(1) <= number,
            (Until::Batch(number), None) => {
                backup.list.end.as_ref().is_some_and(|end| end.chain.number <= number)
            }
        };
        let full = self.backups.iter().rev().filter(|backup| backup.list.kind == Kind::Full).find(is_early);
        let full = full.ok_or_else(|| {
            let what = match until {
                Until::Time(time) => moment::show(time),
                Until::Batch(number) => format!("batch {number}"),
            };
            format!("{}: no backup of the log goes back to {what}", self.folder.display())
        })?;
        let mut chain = vec![full];
        loop {
            let last = &chain[chain.len() - 1].list;
            let is_enough = last.batches.is_some_and(|(_, last)| match until {
                Until::Time(time) => last.time > time,
                Until::Batch(number) => last.number >= number,
            });
            let follows = |backup: &&Backup| backup.list.after.is_some() && backup.list.after == last.end;
            match self.backups.iter().rev().find(follows) {
                Some(next) if !is_enough => chain.push(next),
                _ => return Ok(chain),
            }
        }
    }

    /// The backups that nothing here follows on: with what leads to them, they are all.
    pub fn tips(&self) -> impl Iterator<Item = &Backup> {
        self.backups.iter().filter(|backup| {
            let is_after = |other: &Backup| other.list.after.is_some() && other.list.after == backup.list.end;
            !self.backups.iter().any(is_after)
        })
    }
}

fn read_list(disk: &Disk, path: &Path) -> Result<List, String> {
    let length = disk.length(path).map_err(|error| error.to_string())?.unwrap_or(0);
    if length > MAX_BYTES {
        return Err(format!("{length} bytes are too many for a list"));
    }
    let bytes = disk.read(path).map_err(|error| format!("it cannot be read: {error}"))?;
    List::parse(&bytes)
}
