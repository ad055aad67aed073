//! Which files make up the append-only file, and the steps from one set of files to the next.
//!
//! ```text
//!   start            base 1, increment 1
//!   begin_rewrite    base 1, increment 1, increment 2        increment 2 begins where the snapshot was taken
//!   finish_rewrite   base 2,              increment 2        and the files before are deleted (`rewrite.rs`)
//! ```
//! At any moment the manifest on disk names files that exist and that together hold all data. So every step makes
//! its files durable first, then puts a new manifest in the place of the old one, makes that durable, and only then
//! deletes. A step that fails leaves the old state in force here, although the new manifest may be on disk already;
//! both are right, because a number that was given to a file is never given again, whatever became of the step.
//!
//! Increments that are history stay as long as somebody has a lease on them (`leases.rs`). When the append-only file
//! has been off, what the new set holds does not follow on the old one, and all leases end.

use std::path::{Path, PathBuf};

use super::batch::{ANNOUNCEMENT, Chain};
use super::checksums::{Checked, Checksums, checksum, name_beside};
use super::folder::Folder;
use super::manifest::{End, FileKind, Manifest, ManifestEntry, has_room_for};
use disk::{Disk, Lock};

mod error;
mod leases;
mod rewrite;

pub use error::{FilesError, OTHER_BASE};
pub use leases::Kept;

use rewrite::Rewrite;

/// How the names of unfinished files begin.
const TEMPORARY: &str = "temp-";

/// See the module's text.
#[derive(Debug)]
pub struct Files {
    folder: Folder,
    prefix: String,
    manifest: Manifest,
    /// Whether the file of checksums says the same; one of another server, or none, does not.
    is_noted: bool,
    /// Whether the manifest that can be read is the one that a power cut leaves.
    is_settled: bool,
    /// The largest numbers that were given to a base and to an increment.
    last_base: u64,
    last_increment: u64,
    /// Files in the folder that hold data of such a set, and that the manifest does not name.
    unnamed: Vec<String>,
    rewrite: Option<Rewrite>,
    /// The set is locked as long as these are here: two servers would break each other's chain of batches.
    locks: [Option<Lock>; 2],
}

impl Files {
    /// Locks a set, reads the manifest in it, takes over the single file of Redis 6 if that is all there is, sees that
    /// all files are there, and removes what an interrupted step has left.
    pub fn open(disk: Disk, folder: PathBuf, prefix: &str) -> Result<Self, FilesError> {
        if !has_room_for(prefix) {
            return Err(FilesError::LongName(prefix.to_owned()));
        }
        let mut files = Self::new(disk, folder, prefix);
        files.locks = files.folder.lock(prefix)?;
        if let Some(Checked { manifest, is_noted }) = files.folder.manifest(&files.manifest_name())? {
            (files.manifest, files.is_noted) = (manifest, is_noted);
        }
        files.upgrade()?;
        files.last_base = files.manifest.last_sequence(FileKind::Base);
        files.last_increment = files.manifest.last_sequence(FileKind::Increment);
        files.look_for_unnamed()?;
        if let (true, Some(orphan)) = (files.manifest.entries.is_empty(), files.unnamed.first()) {
            return Err(FilesError::Orphan(orphan.clone()));
        }
        files.see_all()?;
        files.remove_leftovers()?;
        Ok(files)
    }

    /// Files that are only read, as a manifest names them.
    pub fn look_at(disk: Disk, folder: PathBuf, manifest: Manifest) -> Result<Self, FilesError> {
        let files = Self { manifest, ..Self::new(disk, folder, "") };
        files.see_all()?;
        Ok(files)
    }

    /// A set without files, in a folder that holds none. Nothing is read, and the single file of Redis 6 beside the
    /// folder is not taken over: it is none of this set's.
    pub fn new(disk: Disk, folder: PathBuf, prefix: &str) -> Self {
        Self {
            folder: Folder::new(disk, folder),
            prefix: prefix.to_owned(),
            manifest: Manifest::default(),
            is_noted: true,
            is_settled: false,
            last_base: 0,
            last_increment: 0,
            unnamed: Vec::new(),
            rewrite: None,
            locks: [None, None],
        }
    }

    /// All files that hold data are there; those of a sealed backup have at least the length that they had. The last
    /// one may have grown, if a server that knows no seals has gone on with it.
    fn see_all(&self) -> Result<(), FilesError> {
        for ManifestEntry { name, kind, .. } in self.manifest.data() {
            let length = self.folder.length(name)?.ok_or_else(|| FilesError::Missing(name.clone()))?;
            let is_rdb = Path::new(name).extension().is_some_and(|ending| ending == "rdb");
            if length == 0 && *kind == FileKind::Base && is_rdb {
                return Err(FilesError::Empty(name.clone()));
            }
            let sealed = self.manifest.sealed_length(name).unwrap_or(0);
            if length < sealed {
                return Err(FilesError::Short(name.clone(), length, sealed));
            }
        }
        Ok(())
    }

    /// Whether a file is the one that the manifest means, as far as that says. Damage is told with its place by whoever
    /// reads the file: this is for what can be read and is another file.
    pub fn see_meant(&self, entry: &ManifestEntry) -> Result<(), FilesError> {
        match entry.fingerprint {
            Some(noted) if self.folder.fingerprint(&entry.name)? != noted => {
                Err(FilesError::OtherBase(entry.name.clone()))
            }
            _ => Ok(()),
        }
    }

    /// Whether an increment ends where it ended when it was closed, as far as that was noted; see [`End::complaint`].
    pub fn see_end(
        &self,
        entry: &ManifestEntry,
        length: u64,
        chain: Option<Chain>,
    ) -> Result<(), FilesError> {
        match entry.end.and_then(|noted| noted.complaint(length, chain)) {
            Some(complaint) => Err(FilesError::OtherEnd(entry.name.clone(), complaint)),
            None => Ok(()),
        }
    }

    /// Notes where an increment ends to which nobody will write any more, and all of which is durable. It is a proof
    /// more: if this fails, nothing is wrong.
    pub fn note_end(&mut self, name: &str, end: End) -> Result<(), FilesError> {
        let mut manifest = self.manifest.clone();
        let is_closed = |entry: &&mut ManifestEntry| entry.kind == FileKind::Increment && entry.name == name;
        manifest.entries.iter_mut().filter(is_closed).for_each(|entry| entry.end = Some(end));
        self.replace(manifest)
    }

    /// Files that hold data of such a set, in the same folder, and that the manifest did not name when it was read.
    pub fn unnamed(&self) -> &[String] {
        &self.unnamed
    }

    /// Whether the files are a sealed backup, in which nothing is torn.
    pub fn is_sealed(&self) -> bool {
        self.manifest.seal.is_some()
    }

    /// Where the files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The path of a file.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.file(name)
    }

    /// The files to load, in order.
    pub fn data(&self) -> impl Iterator<Item = &ManifestEntry> {
        self.manifest.data()
    }

    /// Whether there is nothing to load.
    pub fn is_empty(&self) -> bool {
        self.manifest.data().next().is_none()
    }

    /// Bytes of all files that hold data.
    pub fn data_bytes(&self) -> Result<u64, FilesError> {
        self.manifest.data().map(|entry| Ok(self.folder.length(&entry.name)?.unwrap_or(0))).sum()
    }

    /// Whether a file may end inside a command: only where nothing follows it.
    pub fn may_be_torn(&self, name: &str) -> Result<bool, FilesError> {
        self.manifest.may_be_torn(name, |name| self.folder.holds_data(name))
    }

    /// Whether the last rewrite did not come to its end: what is to be one increment are several.
    pub fn is_unfinished(&self) -> bool {
        self.manifest.increments().count() > 1
    }

    /// After loading: the name of the increment to append to. Where there was nothing, the file of the temporary name
    /// becomes the first base. A copy of a sealed backup is none from now on, for its last file grows.
    ///
    /// What another server has written gets checksums. All that was loaded is durable afterwards. It may have come from
    /// the cache of the system, where a server that was killed had left it; the increments before the last one will be
    /// synced by nobody else, and what is acknowledged from now on stands behind them.
    pub fn start(&mut self, temporary: &str, is_rdb: bool) -> Result<String, FilesError> {
        self.sync()?;
        let mut manifest = self.manifest.clone();
        if self.is_empty() {
            manifest.entries.push(self.install_base(temporary, is_rdb)?);
        }
        let last = manifest.increments().last().map(|entry| entry.name.clone());
        let name = if let Some(name) = last {
            name
        } else {
            let entry = self.new_increment();
            self.create(&entry.name)?;
            manifest.entries.push(entry.clone());
            entry.name
        };
        if let Some(base) = manifest.entries.iter_mut().find(|entry| entry.kind == FileKind::Base)
            && base.fingerprint.is_none()
        {
            base.fingerprint = Some(self.folder.fingerprint(&base.name)?);
        }
        if manifest != self.manifest || self.is_sealed() || !self.is_noted {
            self.replace(manifest)?;
        }
        Ok(name)
    }

    fn add_increment(&mut self) -> Result<String, FilesError> {
        // If this fails, the next try takes the same name, so that no files pile up.
        let entry = ManifestEntry::increment(&self.prefix, self.last_increment + 1);
        self.create(&entry.name)?;
        let mut manifest = self.manifest.clone();
        manifest.entries.push(entry.clone());
        self.replace(manifest)?;
        self.last_increment = entry.sequence;
        Ok(entry.name)
    }

    /// The increment is to end, and another one to begin behind it with no new base: the name of that. Nobody may write
    /// to it before everything in the old one is durable.
    pub fn rotate(&mut self) -> Result<String, FilesError> {
        self.add_increment()
    }

    /// Nobody will write to the increment that was made last.
    pub fn abandon_rotation(&mut self) {
        // An empty file does no harm.
        let _ = self.remove_empty_increment(self.last_increment);
    }

    fn remove_empty_increment(&mut self, sequence: u64) -> Result<(), FilesError> {
        let Some(entry) = self.manifest.increments().last().cloned() else { return Ok(()) };
        if entry.sequence == sequence && !self.folder.holds_data(&entry.name)? {
            let mut manifest = self.manifest.clone();
            manifest.entries.retain(|other| *other != entry);
            self.replace(manifest)?;
            self.folder.remove(&entry.name)?;
        }
        Ok(())
    }

    /// Makes durable what all files hold.
    fn sync(&self) -> Result<(), FilesError> {
        for entry in self.manifest.data() {
            if self.folder.length(&entry.name)?.unwrap_or(0) > 0 {
                self.folder.sync(&entry.name)?;
            }
        }
        self.folder.sync_names()
    }

    /// Makes an increment that holds nothing but says that batches will come; content and name are durable.
    fn create(&self, name: &str) -> Result<(), FilesError> {
        self.folder.write(name, ANNOUNCEMENT)?;
        self.folder.sync_names()
    }

    /// The name of the manifest.
    pub fn manifest_name(&self) -> String {
        format!("{}.manifest", self.prefix)
    }

    /// Gives a finished file the name of the next base, content and name durable.
    fn install_base(&mut self, temporary: &str, is_rdb: bool) -> Result<ManifestEntry, FilesError> {
        self.folder.sync(temporary)?;
        let fingerprint = Some(self.folder.fingerprint(temporary)?);
        self.last_base += 1;
        let base = ManifestEntry { fingerprint, ..ManifestEntry::base(&self.prefix, self.last_base, is_rdb) };
        self.folder.rename(temporary, &base.name)?;
        self.folder.sync_names()?;
        Ok(base)
    }

    fn new_increment(&mut self) -> ManifestEntry {
        self.last_increment += 1;
        ManifestEntry::increment(&self.prefix, self.last_increment)
    }

    /// Puts a manifest in the place of the one on disk, behind its checksums. A set that changes is no sealed backup.
    ///
    /// The checksums tell the manifest before, so it must be known which one that is: if an earlier step has failed,
    /// what can be read may not be what a power cut leaves, until the names are durable.
    fn replace(&mut self, mut manifest: Manifest) -> Result<(), FilesError> {
        manifest.seal = None;
        manifest.open_last();
        let name = self.manifest_name();
        if !self.is_settled {
            self.folder.sync_names()?;
            self.is_settled = true;
        }
        let before = self.folder.text(&name)?;
        let text = manifest.format();
        let checksums = Checksums { manifest, before: before.as_deref().map(checksum) };
        self.put(&name_beside(&name), &checksums.format())?;
        if before.as_ref() != Some(&text) {
            self.is_settled = false;
            self.put(&name, &text)?;
            self.is_settled = true;
        }
        self.is_noted = true;
        self.manifest = checksums.manifest;
        Ok(())
    }

    /// Gives a small file its content, durably and at once.
    fn put(&self, name: &str, text: &str) -> Result<(), FilesError> {
        let temporary = format!("{TEMPORARY}{name}");
        self.folder.write(&temporary, text.as_bytes())?;
        self.folder.rename(&temporary, name)?;
        self.folder.sync_names()
    }

    /// Deletes files that are history, then the lines that name them.
    fn delete_history(&mut self) -> Result<(), FilesError> {
        let mut manifest = self.manifest.clone();
        for entry in self.manifest.history().filter(|entry| !self.is_kept(entry)) {
            self.folder.remove(&entry.name)?;
        }
        manifest.entries.retain(|entry| entry.kind != FileKind::History || self.is_kept(entry));
        if manifest != self.manifest {
            self.replace(manifest)?;
        }
        Ok(())
    }

    fn remove_leftovers(&mut self) -> Result<(), FilesError> {
        for name in self.folder.list()? {
            if self.is_leftover(&name) {
                self.folder.remove(&name)?;
            }
        }
        self.delete_history()
    }

    /// Whether a step of this set may have left a file of this name. Another set may be in the same folder.
    fn is_leftover(&self, name: &str) -> bool {
        let manifest = format!("{TEMPORARY}{}", self.manifest_name());
        self.is_of_rewrite(name) || name == manifest || name == name_beside(&manifest)
    }

    /// Redis 6 and older had one file beside the folder. It becomes the base: first the manifest names it, then it is
    /// moved; if that is interrupted, it is done again.
    fn upgrade(&mut self) -> Result<(), FilesError> {
        let name = self.prefix.clone();
        if !self.folder.exists_outside(&name)? {
            return Ok(());
        }
        let was_interrupted = match self.manifest.entries.as_slice() {
            [only] => only.kind == FileKind::Base && only.name == name,
            _ => false,
        };
        let is_inside = self.folder.length(&name)?.is_some();
        if self.manifest.entries.is_empty() {
            let base = ManifestEntry::new(name.clone(), 1, FileKind::Base);
            self.replace(Manifest { entries: vec![base], ..Manifest::default() })?;
        } else if !was_interrupted || is_inside {
            return Ok(());
        }
        self.folder.move_inside(&name)
    }

    /// Looks for files of such a set that hold data and have no line. Their numbers are not given again, so
    /// that nothing is written over them.
    fn look_for_unnamed(&mut self) -> Result<(), FilesError> {
        for name in self.folder.list()? {
            let Some((prefix, entry)) = ManifestEntry::of_name(&name) else { continue };
            let is_named = self.manifest.entries.iter().any(|named| named.name == name);
            if prefix != self.prefix || is_named || !self.folder.holds_data_of(&entry)? {
                continue;
            }
            let last =
                if entry.kind == FileKind::Base { &mut self.last_base } else { &mut self.last_increment };
            *last = (*last).max(entry.sequence);
            self.unnamed.push(name);
        }
        self.unnamed.sort_unstable();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
