//! The backups in a folder, and which follows on which. Names and times of files do not matter: a backup follows on
//! another if the place in the log where it begins is the one where the other ends.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use disk::{Disk, about};
use stdx::time::UnixMs;

use crate::list::{BEGUN, ENDING, File, List, MAX_BYTES, Place, SIGNATURE};
use crate::moment;
use crate::reading::Until;
use crate::stored;

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
    /// In the order in which they were made, as far as clocks and the log tell it.
    pub backups: Vec<Backup>,
    /// Lists that cannot be used, by their paths, and why.
    pub unusable: Vec<(PathBuf, String)>,
    /// The names of what belongs to no backup: what an interrupted one has left, perhaps.
    pub strays: Vec<String>,
    /// What is followed on by those that are being made.
    pub(crate) followed: Vec<Place>,
}

impl Series {
    /// Reads all lists in a folder.
    pub fn open(disk: &Disk, folder: &Path) -> Result<Self, String> {
        let names = disk.list(folder).map_err(about(folder))?;
        let mut series = Self {
            folder: folder.to_owned(),
            backups: Vec::new(),
            unusable: Vec::new(),
            strays: Vec::new(),
            followed: Vec::new(),
        };
        for name in &names {
            if let Some(id) = id_of_begun(name)
                && is_being_made(disk, &folder.join(name))
            {
                series.followed.extend(followed_by(disk, folder, id));
            }
            let Some(id) = name.strip_suffix(ENDING) else { continue };
            let path = folder.join(name);
            match read_list(disk, &path) {
                Ok(list) => series.backups.push(Backup { id: id.to_owned(), list }),
                Err(reason) => series.unusable.push((path, reason)),
            }
        }
        series.sort();
        series.unusable.sort();
        let files_of = |backup: &'_ Backup| -> Vec<String> {
            backup.list.files.iter().map(|file| backup.stored_name(file)).collect()
        };
        let known: BTreeSet<String> = series.backups.iter().flat_map(files_of).collect();
        let is_stray = |name: &String| !name.ends_with(ENDING) && !known.contains(name);
        series.strays = names.into_iter().filter(is_stray).collect();
        series.strays.sort();
        Ok(series)
    }

    /// Clocks go wrong: a backup was made no earlier than what it holds was written, and
    /// than the one that it follows on.
    fn sort(&mut self) {
        let number = |list: &List| list.end.as_ref().map_or(0, |end| end.chain.number);
        // What others follow on is first.
        self.backups
            .sort_by(|one, other| (number(&one.list), &one.id).cmp(&(number(&other.list), &other.id)));
        let mut times: Vec<UnixMs> = Vec::new();
        for backup in &self.backups {
            let list = &backup.list;
            let own = Some(list.made).max(list.batches.map(|(_, last)| last.time));
            let is_before =
                |(earlier, _): &(&Backup, &UnixMs)| list.after.is_some() && earlier.list.end == list.after;
            let before = self.backups.iter().zip(&times).filter(is_before).map(|(_, &time)| time).min();
            times.push(own.max(before).unwrap_or(list.made));
        }
        let mut timed: Vec<_> = times.into_iter().zip(std::mem::take(&mut self.backups)).collect();
        // Stable: of one time, the one that ends earlier in the log is first.
        timed.sort_by_key(|(time, _)| *time);
        self.backups = timed.into_iter().map(|(_, backup)| backup).collect();
    }

    /// Where a list is.
    pub(crate) fn list_path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}{ENDING}"))
    }

    /// Where a file is.
    pub fn path(&self, backup: &Backup, file: &File) -> PathBuf {
        self.folder.join(backup.stored_name(file))
    }

    /// The backup of this name, with or without the ending of lists.
    pub fn find(&self, id: &str) -> Result<&Backup, String> {
        let id = id.strip_suffix(ENDING).unwrap_or(id);
        let path = self.list_path(id);
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

    /// Whether all lists can be used.
    pub(crate) fn complain(&self) -> Result<(), String> {
        match self.unusable.first() {
            Some((path, reason)) => Err(format!("{}: {reason}", path.display())),
            None => Ok(()),
        }
    }

    /// Where the last backup of the log ends, if an incremental one can follow on that; or why none can.
    pub fn last_place(&self, disk: &Disk) -> Result<&Place, String> {
        const NONE: &str = "there is no backup in the folder that it could follow on";
        let mut logs = self.backups.iter().rev().filter(|backup| backup.list.end.is_some());
        let last = logs.next().ok_or(NONE)?;
        let end = last.list.end.as_ref().filter(|end| end.is_distinct()).ok_or(NONE)?;
        // What follows on something that cannot be restored would be worth nothing.
        self.chain(last)?.into_iter().try_for_each(|backup| self.check_stored(disk, backup))?;
        Ok(end)
    }

    /// Whether the files of a backup are there and as long as its list says. What they hold is not read.
    pub(crate) fn check_stored(&self, disk: &Disk, backup: &Backup) -> Result<(), String> {
        backup.list.files.iter().try_for_each(|file| {
            let path = self.path(backup, file);
            stored::check_length(disk, &path, file).map_err(|reason| format!("{}: {reason}", path.display()))
        })
    }

    /// The backup that ends at a place, and was made last.
    pub(crate) fn ending_at(&self, place: &Place) -> Option<&Backup> {
        self.backups.iter().rev().find(|backup| backup.list.end.as_ref() == Some(place))
    }

    /// A full backup and the incremental ones that lead to this one.
    pub fn chain<'s>(&'s self, tip: &'s Backup) -> Result<Vec<&'s Backup>, String> {
        let mut chain = vec![tip];
        // Each begins at a lower batch than it ends, so this comes to its end.
        while let Some(after) = chain.last().and_then(|backup| backup.list.after.as_ref()) {
            chain.push(self.ending_at(after).ok_or_else(|| {
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

    /// The backups that tell what was at a moment: the first one that holds something later, and what leads to it. A
    /// server that goes on with restored data writes another log from there on, which later backups tell of: what was
    /// in the one before is told by what was made of it. If nothing is later, the last backup tells what was.
    pub fn until(&self, until: Until) -> Result<Vec<&Backup>, String> {
        self.complain()?;
        let goes_beyond = |backup: &&Backup| match until {
            Until::Time(time) => backup.list.batches.is_some_and(|(_, last)| last.time > time),
            Until::Batch(number) => backup.list.end.as_ref().is_some_and(|end| end.chain.number >= number),
        };
        let mut logs = self.backups.iter().filter(|backup| backup.list.end.is_some());
        let tip = logs.clone().find(goes_beyond).or_else(|| logs.next_back());
        let chain = tip.map_or(Ok(Vec::new()), |tip| self.chain(tip))?;
        if chain.first().is_some_and(|full| full.list.goes_back_to(until)) {
            return Ok(chain);
        }
        let what = match until {
            Until::Time(time) => moment::show(time),
            Until::Batch(number) => format!("batch {number}"),
        };
        Err(format!(
            "{}: no backup of the log goes back to {what} from what is later. If what an earlier one holds will do, name it \
             with --backup",
            self.folder.display()
        ))
    }

    /// The backups that nothing here follows on: with what leads to them, they are all.
    pub fn tips(&self) -> impl Iterator<Item = &Backup> {
        self.backups.iter().filter(|backup| {
            let is_after = |other: &Backup| other.list.after.is_some() && other.list.after == backup.list.end;
            !self.backups.iter().any(is_after)
        })
    }
}

/// Whose list this is, if the backup is being made.
pub(crate) fn id_of_begun(name: &str) -> Option<&str> {
    name.strip_suffix(BEGUN)?.strip_suffix(ENDING)
}

/// Whether somebody still makes the backup of this list. Where file systems have no locks
/// nobody knows, and it may be so.
pub(crate) fn is_being_made(disk: &Disk, path: &Path) -> bool {
    !matches!(disk.lock(path), Ok(Some(_)))
}

/// What is followed on by a backup that is being made, or has been by now. One that does not tell yet will look itself
/// for what it follows on when it has told.
pub(crate) fn followed_by(disk: &Disk, folder: &Path, id: &str) -> Option<Place> {
    let read = |ending: &str| {
        let bytes = first_bytes(disk, &folder.join(format!("{id}{ENDING}{ending}")), MAX_BYTES).ok()?;
        List::parse_begun(&bytes).ok()
    };
    // In this order, for it may have been finished in between.
    read(BEGUN).or_else(|| read(""))?.after
}

fn read_list(disk: &Disk, path: &Path) -> Result<List, String> {
    let bytes =
        first_bytes(disk, path, MAX_BYTES + 1).map_err(|error| format!("it cannot be read: {error}"))?;
    if bytes.len() > MAX_BYTES {
        return Err(format!("more than {MAX_BYTES} bytes are too many for a list"));
    }
    List::parse(&bytes)
}

/// Whether a file is the list of a backup, whole or not: its first line tells.
pub fn is_list(disk: &Disk, path: &Path) -> bool {
    first_bytes(disk, path, SIGNATURE.len()).is_ok_and(|bytes| bytes == SIGNATURE.as_bytes())
}

/// So many bytes of a file, if it has as many. A device may have any number, whatever length it tells.
fn first_bytes(disk: &Disk, path: &Path, most: usize) -> io::Result<Vec<u8>> {
    let file = disk.open(path)?;
    let mut bytes = vec![0; most];
    let mut filled = 0;
    while filled < most {
        match file.read_at(filled as u64, &mut bytes[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}
