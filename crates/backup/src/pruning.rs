//! Which backups nobody needs any more, and how these go, while others are made in the same folder.
//!
//! Whoever makes a backup shows what it follows on, and looks behind that, when the backup counts, whether it is still
//! there. Whoever deletes one hides its list, and looks behind that who follows on it. So one of both sees the other,
//! whoever is first: what was to be deleted comes back, or what was made fails. None is left that follows on nothing.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use disk::{Disk, about};
use stdx::time::UnixMs;

use crate::list::{ENDING, HIDDEN};
use crate::moment;
use crate::series::{Backup, Series, followed_by, id_of_begun, is_being_made};

/// Which backups are to stay.
#[derive(Debug, Clone, Copy)]
pub struct Keep<'k> {
    /// So many, the last ones.
    pub last: NonZeroUsize,
    /// The name of the one that has just been made, if one has.
    pub made: Option<&'k str>,
    /// What time it is at the latest. If a backup is later, a clock was wrong, and which
    /// are the last ones is not known.
    pub latest: UnixMs,
}

impl Series {
    /// The backups that none of those needs which are to stay: what leads to one of these stays, and to one that is
    /// being made. Others follow on none of them.
    pub fn superfluous(&self, disk: &Disk, keep: &Keep<'_>) -> Result<Vec<&Backup>, String> {
        self.complain()?;
        self.complain_of_clocks(keep.latest)?;
        let mut wanted = BTreeSet::new();
        let made = keep.made.map(|id| self.find(id)).transpose()?;
        for backup in self.backups.iter().rev().take(keep.last.get()).chain(made) {
            wanted.extend(self.chain(backup)?.into_iter().map(|backup| &backup.id));
        }
        // Or an older one that is whole would go for one that is not.
        let mut kept = self.backups.iter().filter(|backup| wanted.contains(&backup.id));
        kept.try_for_each(|backup| self.check_stored(disk, backup))?;
        // If they are not whole, what is being made will fail.
        let followed = self.followed.iter().filter_map(|place| self.chain(self.ending_at(place)?).ok());
        wanted.extend(followed.flatten().map(|backup| &backup.id));
        // Who follows on another goes before it.
        Ok(self.backups.iter().rev().filter(|backup| !wanted.contains(&backup.id)).collect())
    }

    fn complain_of_clocks(&self, latest: UnixMs) -> Result<(), String> {
        let time = |backup: &Backup| {
            let last = backup.list.batches.map(|(_, last)| last.time);
            Some(backup.list.made).max(last).filter(|&time| time > latest)
        };
        match self.backups.iter().find_map(|backup| Some((backup, time(backup)?))) {
            Some((backup, time)) => Err(format!(
                "{}: it is of {}, and it is {} at the latest: which backups are the last ones is not known, and none is deleted",
                self.list_path(&backup.id).display(),
                moment::show(time),
                moment::show(latest)
            )),
            None => Ok(()),
        }
    }

    /// Deletes a backup: its list first, so that what is left of it, if that is interrupted, counts as none. It stays,
    /// with an error, if something follows on it that was not there when the folder was looked through.
    pub fn delete(&self, disk: &Disk, backup: &Backup) -> Result<(), String> {
        let list = self.list_path(&backup.id);
        let hidden = self.folder.join(format!("{}{ENDING}{HIDDEN}", backup.id));
        let sync = || disk.sync_folder(&self.folder).map_err(about(&self.folder));
        disk.rename(&list, &hidden).map_err(about(&list))?;
        if let Err(reason) = sync().and_then(|()| self.complain_of_followers(disk, backup)) {
            disk.rename(&hidden, &list).map_err(about(&hidden))?;
            sync()?;
            return Err(reason);
        }
        let files = backup.list.files.iter().map(|file| self.path(backup, file));
        for path in files.chain([hidden]) {
            disk.remove(&path).map_err(about(&path))?;
        }
        sync()
    }

    /// Whether a backup follows on this one that has been begun meanwhile.
    fn complain_of_followers(&self, disk: &Disk, backup: &Backup) -> Result<(), String> {
        let Some(end) = &backup.list.end else { return Ok(()) };
        let is_instead = |other: &Backup| other.id != backup.id && other.list.end.as_ref() == Some(end);
        for other in self.backups.iter().filter(|other| is_instead(other)) {
            let path = self.list_path(&other.id);
            if disk.length(&path).map_err(about(&path))?.is_some() {
                return Ok(());
            }
        }
        let known: BTreeSet<&str> = self.backups.iter().map(|backup| &*backup.id).collect();
        let names = disk.list(&self.folder).map_err(about(&self.folder))?;
        let begun = |name| id_of_begun(name).filter(|_| is_being_made(disk, &self.folder.join(name)));
        let ids = names.iter().filter_map(|name| begun(name).or_else(|| name.strip_suffix(ENDING)));
        let mut new = ids.filter(|id| !known.contains(id));
        match new.find(|id| followed_by(disk, &self.folder, id).as_ref() == Some(end)) {
            Some(id) => Err(format!(
                "{}: it stays, for {id} has been begun meanwhile and follows on it",
                self.list_path(&backup.id).display()
            )),
            None => Ok(()),
        }
    }
}
