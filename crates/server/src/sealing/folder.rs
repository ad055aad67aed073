//! The folder of the backup, the manifest that seals it, and the list of what an unfinished one has made.
//!
//! ```text
//!   START    the folder is empty: a list is put into it
//!   ..       whatever is made is in the list first
//!   SEAL     the manifest with its seal is there, durable, and the list goes
//!   CLEANUP  the manifest becomes the list, then what it names goes, and the list last
//! ```
//! So a folder holds a whole backup or none, whenever the power goes, and the next server knows which. Nothing is removed that is
//! not in the list: neither what others have put there, nor a set of an append-only file that somebody has led this path to.
//!
//! The manifest is that of an append-only set, in the checked form ([`Seal`]). The list has its form, too, and everything stands there as
//! history.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use config::{Config, Param};
use disk::Disk;
use persist::aof::{FileKind, Manifest, ManifestEntry, Seal, name_beside};

use crate::storage::at;

/// How the names of unfinished files begin.
const TEMPORARY: &str = "temp-";
/// See the module's text.
#[derive(Debug, Clone)]
pub struct Folder {
    disk: Disk,
    path: PathBuf,
    /// Where the append-only set is.
    live: PathBuf,
    /// How the names of its files begin.
    prefix: String,
}

/// What is in it.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// No backup.
    Nothing,
    /// Files of a backup that was not sealed.
    Leftovers,
    /// A whole one.
    Sealed {
        /// Its files.
        entries: Vec<ManifestEntry>,
        /// When it was begun, in unix seconds.
        started_s: i64,
        /// When it was sealed, in unix seconds.
        ended_s: i64,
    },
}

impl Folder {
    /// The one that the parameters name. The process is in the folder `dir`.
    pub fn of(disk: &Disk, config: &Config) -> Self {
        let place = std::env::current_dir().unwrap_or_default();
        let path_of = |param| place.join(config.text_lossy(param).into_owned());
        Self {
            disk: disk.clone(),
            path: path_of(Param::Backupdirname),
            live: path_of(Param::Appenddirname),
            prefix: config.text_lossy(Param::Appendfilename).into_owned(),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// How the names of its files begin.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The path of the manifest.
    pub fn manifest(&self) -> PathBuf {
        self.path.join(self.manifest_name())
    }

    fn manifest_name(&self) -> String {
        format!("{}.manifest", self.prefix)
    }

    /// That beside the manifest, as long as the files are a set that grows.
    fn checksums_name(&self) -> String {
        name_beside(&self.manifest_name())
    }

    fn list_name(&self) -> String {
        format!("{}.unsealed", self.prefix)
    }

    /// Whether it is the folder of the append-only set, by whatever way.
    pub fn is_live(&self) -> bool {
        let identity = |path: &Path| fs::metadata(path).map(|found| (found.dev(), found.ino())).ok();
        let found = identity(&self.path);
        self.path == self.live || found.is_some() && found == identity(&self.live)
    }

    /// Why no backup can begin here, if something stands against it.
    pub fn refusal(&self) -> Result<Option<String>, String> {
        let place = self.path.display();
        Ok(if self.is_live() {
            Some(format!("{place} is the folder of the append-only file"))
        } else if self.is_there()? && !self.names()?.is_empty() {
            Some(format!("{place} is not empty"))
        } else {
            None
        })
    }

    /// A backup begins: the folder is there, and nothing is in it but the list of what will be.
    pub fn claim(&self) -> Result<(), String> {
        self.disk.make_folder(&self.path).map_err(|error| at(&self.path, &error))?;
        self.announce(Vec::new())
    }

    /// Puts files into the list that will be made, beside those that are there. None of them may be there already: it would be somebody's.
    pub fn announce(&self, files: Vec<ManifestEntry>) -> Result<(), String> {
        let (names, mut entries) = (self.names()?, self.listed()?.unwrap_or_default());
        let is_listed = |entry: &ManifestEntry| entries.iter().any(|listed| listed.name == entry.name);
        let new: Vec<_> = files.into_iter().filter(|entry| !is_listed(entry)).collect();
        if let Some(entry) = new.iter().find(|entry| names.contains(&entry.name)) {
            return Err(format!("{} is there already", self.file(&entry.name).display()));
        }
        // All of it is to go, if nothing comes of it.
        entries.extend(new.into_iter().map(|entry| ManifestEntry { kind: FileKind::History, ..entry }));
        self.put(&self.list_name(), &Manifest { entries, ..Manifest::default() }.format_checked())
    }

    /// Puts the files into the list that [`persist::aof::Files`] makes for a set in an empty folder.
    pub fn announce_own(&self, is_rdb: bool) -> Result<(), String> {
        let prefix = &self.prefix;
        let made = |name: String| ManifestEntry::new(name, 1, FileKind::History);
        self.announce(vec![
            ManifestEntry::base(prefix, 1, is_rdb),
            ManifestEntry::increment(prefix, 1),
            made(format!("{TEMPORARY}rewriteaof-1.{prefix}")),
            made(format!("{TEMPORARY}rewriteaof-increment.{prefix}")),
            made(format!("{TEMPORARY}{}", self.manifest_name())),
            made(format!("{TEMPORARY}{}", self.checksums_name())),
            made(self.checksums_name()),
            made(self.manifest_name()),
        ])
    }

    /// Gives a file that is durable, and in the list, a second name here, durably.
    pub fn take(&self, from: &Path, name: &str) -> Result<(), String> {
        let to = self.path.join(name);
        let link = || {
            self.disk.link(from, &to)?;
            self.disk.sync_folder(&self.path)
        };
        link().map_err(|error| format!("linking {} to {failed}", from.display(), failed = at(&to, &error)))
    }

    /// All files are here, and durable: the manifest says so.
    pub fn seal(&self, entries: &[ManifestEntry], started_s: i64, ended_s: i64) -> Result<(), String> {
        let mut manifest = Manifest { entries: entries.to_vec(), ..Manifest::default() };
        let lengths = manifest.data().map(|entry| self.length(&entry.name)).collect::<Result<_, _>>()?;
        manifest.seal = Some(Seal { started_s, ended_s, lengths });
        // If the files were a set of their own, the manifest of that had checksums, which are none of the backup's.
        self.remove(&self.checksums_name())?;
        self.put(&self.manifest_name(), &manifest.format_checked())?;
        // What the manifest says counts, whether the list is there or not.
        let _ = self.disk.remove(&self.file(&self.list_name()));
        Ok(())
    }

    fn length(&self, name: &str) -> Result<u64, String> {
        let path = self.file(name);
        let length = self.disk.length(&path).map_err(|error| at(&path, &error))?;
        length.ok_or_else(|| format!("{} is not there any more", path.display()))
    }

    /// Gives a small file its content, durably and at once.
    fn put(&self, name: &str, text: &str) -> Result<(), String> {
        let (path, temporary) = (self.file(name), self.file(&format!("{TEMPORARY}{name}")));
        let write = || {
            self.disk.write(&temporary, text.as_bytes())?;
            self.disk.sync(&temporary)?;
            self.disk.rename(&temporary, &path)?;
            self.disk.sync_folder(&self.path)
        };
        write().map_err(|error| at(&path, &error))
    }

    /// What is sealed is so no more, durably: its manifest becomes the list. That needs no room.
    pub fn unseal(&self) -> Result<(), String> {
        if self.sealed()?.is_some() {
            let manifest = self.manifest();
            let rename = || {
                self.disk.rename(&manifest, &self.file(&self.list_name()))?;
                self.disk.sync_folder(&self.path)
            };
            rename().map_err(|error| at(&manifest, &error))?;
        }
        Ok(())
    }

    /// Removes the files of a backup, and nothing else.
    pub fn clear(&self) -> Result<(), String> {
        if !self.is_there()? {
            return Ok(());
        }
        if self.is_live() {
            return Err(format!(
                "{} is the folder of the append-only file: nothing is removed",
                self.path.display()
            ));
        }
        self.unseal()?;
        let listed = self.listed()?.unwrap_or_default();
        let names = listed.into_iter().map(|entry| entry.name);
        // These are nobody else's.
        let (list, manifest) = (self.list_name(), self.manifest_name());
        let temporary = [format!("{TEMPORARY}{list}"), format!("{TEMPORARY}{manifest}")];
        for name in names.chain(temporary) {
            self.remove(&name)?;
        }
        self.sync()?;
        self.remove(&list)?;
        self.sync()
    }

    fn remove(&self, name: &str) -> Result<(), String> {
        let path = self.file(name);
        self.disk.remove(&path).map_err(|error| at(&path, &error))
    }

    fn sync(&self) -> Result<(), String> {
        self.disk.sync_folder(&self.path).map_err(|error| at(&self.path, &error))
    }

    /// What an earlier server has left.
    pub fn look(&self) -> Result<Found, String> {
        if !self.is_there()? || self.is_live() {
            return Ok(Found::Nothing);
        }
        let names = self.names()?;
        let Some(manifest) = self.sealed()? else {
            let list = self.list_name();
            let has_list = names.contains(&list) || names.contains(&format!("{TEMPORARY}{list}"));
            return Ok(if has_list { Found::Leftovers } else { Found::Nothing });
        };
        for ManifestEntry { name, .. } in &manifest.entries {
            let is_whole = names.contains(name) && Some(self.length(name)?) >= manifest.sealed_length(name);
            if !is_whole {
                return Ok(Found::Leftovers);
            }
        }
        let Manifest { entries, seal, .. } = manifest;
        Ok(seal.map_or(Found::Nothing, |Seal { started_s, ended_s, .. }| Found::Sealed {
            entries,
            started_s,
            ended_s,
        }))
    }

    /// The manifest, if it is there and has a seal.
    fn sealed(&self) -> Result<Option<Manifest>, String> {
        let text = self.read(&self.manifest_name())?;
        let manifest = text.and_then(|text| Manifest::parse(&text).ok());
        Ok(manifest.filter(|manifest| manifest.seal.is_some() && manifest.history().next().is_none()))
    }

    /// What is in the list, if there is one.
    fn listed(&self) -> Result<Option<Vec<ManifestEntry>>, String> {
        let Some(text) = self.read(&self.list_name())? else { return Ok(None) };
        // What is removed is told by it, so a bit that has changed must not count.
        let manifest = Manifest::parse_checked(&text)
            .map_err(|error| format!("{}: {error}", self.file(&self.list_name()).display()))?;
        Ok(Some(manifest.entries))
    }

    fn read(&self, name: &str) -> Result<Option<String>, String> {
        let path = self.file(name);
        let read = || match self.disk.length(&path)? {
            Some(_) => self.disk.read(&path).map(Some),
            None => Ok(None),
        };
        let bytes = read().map_err(|error| at(&path, &error))?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn is_there(&self) -> Result<bool, String> {
        self.disk.is_folder(&self.path).map_err(|error| at(&self.path, &error))
    }

    fn names(&self) -> Result<Vec<String>, String> {
        self.disk.list(&self.path).map_err(|error| at(&self.path, &error))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use disk::Double;

    use super::*;

    fn world() -> (Double, Folder) {
        let double = Double::new(Path::new("/data"), 1);
        let disk = Disk::new(Arc::new(double.clone()));
        let (path, live) = ("/data/backup".into(), "/data/appendonlydir".into());
        (double, Folder { disk, path, live, prefix: "appendonly.aof".to_owned() })
    }

    fn file(folder: &Folder, name: &str) {
        let path = folder.path.join(name);
        folder.disk.write(&path, b"bytes").and_then(|()| folder.disk.sync(&path)).expect("nothing fails");
    }

    fn names(folder: &Folder) -> Vec<String> {
        let mut names = folder.names().expect("it is there");
        names.sort_unstable();
        names
    }

    #[test]
    fn only_files_of_a_backup_are_removed() {
        let (_, folder) = world();
        folder.clear().expect("there is no folder yet");
        assert_eq!(folder.look(), Ok(Found::Nothing));
        folder.claim().expect("nothing fails");
        assert_eq!(folder.look(), Ok(Found::Leftovers));
        folder.announce_own(true).expect("nothing fails");
        folder.announce(vec![ManifestEntry::base("appendonly.aof", 12, false)]).expect("nothing fails");
        let ours = [
            "appendonly.aof.1.base.rdb",
            "appendonly.aof.1.incr.aof",
            "appendonly.aof.12.base.aof",
            "appendonly.aof.manifest",
            "appendonly.aof.manifest.checksums",
            "temp-appendonly.aof.manifest",
            "temp-appendonly.aof.manifest.checksums",
            "temp-appendonly.aof.unsealed",
            "temp-rewriteaof-1.appendonly.aof",
            "temp-rewriteaof-increment.appendonly.aof",
        ];
        let others = [
            "appendonly.aof",
            "appendonly.aof.1.base.aof",
            "appendonly.aof.3.incr.aof",
            "copy-of-server2.appendonly.aof",
            "monday.appendonly.aof",
            "notes",
            "temp-rewriteaof-2.appendonly.aof",
        ];
        ours.iter().chain(&others).for_each(|name| file(&folder, name));
        folder.clear().expect("nothing fails");
        assert_eq!(names(&folder), others);
        assert_eq!(folder.look(), Ok(Found::Nothing));
        assert_eq!(folder.refusal(), Ok(Some("/data/backup is not empty".to_owned())));
        folder.clear().expect("nothing fails");
        assert_eq!(names(&folder), others);
    }

    #[test]
    fn what_somebody_else_has_put_there_is_not_announced() {
        let (_, folder) = world();
        folder.claim().expect("nothing fails");
        let entry = ManifestEntry::increment("appendonly.aof", 3);
        file(&folder, &entry.name);
        let refused = folder.announce(vec![entry.clone()]).expect_err("it is there");
        assert!(refused.ends_with("appendonly.aof.3.incr.aof is there already"), "{refused}");
        folder.clear().expect("nothing fails");
        assert_eq!(names(&folder), [entry.name]);
    }

    #[test]
    fn the_folder_of_the_append_only_set_is_never_taken_nor_cleared() {
        let (_, folder) = world();
        let folder = Folder { live: folder.path.clone(), ..folder };
        folder.disk.make_folder(&folder.path).expect("nothing fails");
        let base = ManifestEntry::base("appendonly.aof", 1, true);
        file(&folder, &base.name);
        folder.seal(&[base], 1, 2).expect("somebody has copied a sealed backup there");
        let before = names(&folder);
        assert_eq!(folder.look(), Ok(Found::Nothing));
        let reason = "/data/backup is the folder of the append-only file";
        assert_eq!(folder.refusal(), Ok(Some(reason.to_owned())));
        assert_eq!(folder.clear(), Err(format!("{reason}: nothing is removed")));
        assert_eq!(names(&folder), before);
    }

    #[test]
    fn another_way_to_the_set_is_seen() {
        let place = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| place.path().join(name);
        fs::create_dir(path("live")).expect("it can be made");
        std::os::unix::fs::symlink(path("live"), path("link")).expect("it can be made");
        fs::create_dir(path("other")).expect("it can be made");
        for (name, is_live) in [("link", true), ("live", true), ("other", false), ("missing", false)] {
            let disk = Disk::native();
            let folder = Folder { disk, path: path(name), live: path("live"), prefix: String::new() };
            assert_eq!(folder.is_live(), is_live, "{name}");
        }
    }

    #[test]
    fn a_backup_is_whole_when_its_manifest_says_so_and_names_files_that_are_there_to_their_ends() {
        let (_, folder) = world();
        folder.claim().expect("nothing fails");
        let base = ManifestEntry::base("appendonly.aof", 3, true);
        let entries = vec![base.clone(), ManifestEntry::increment("appendonly.aof", 4)];
        folder.announce(entries.clone()).expect("nothing fails");
        file(&folder, &base.name);
        let refused = folder.seal(&entries, 5, 6).expect_err("the increment is not there");
        assert!(refused.ends_with("appendonly.aof.4.incr.aof is not there any more"), "{refused}");
        file(&folder, &entries[1].name);
        assert_eq!(folder.look(), Ok(Found::Leftovers));
        folder.seal(&entries, 5, 6).expect("nothing fails");
        assert_eq!(names(&folder), [&*base.name, &*entries[1].name, "appendonly.aof.manifest"]);
        let found = || Ok(Found::Sealed { entries: entries.clone(), started_s: 5, ended_s: 6 });
        assert_eq!(folder.look(), found());
        let bytes = folder.disk.read(&folder.manifest()).expect("it is there");
        let text = String::from_utf8(bytes).expect("it is a text");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[..3],
            [
                "file appendonly.aof.3.base.rdb seq 3 type b",
                "file appendonly.aof.4.incr.aof seq 4 type i",
                "#backup started 5 sealed 6 lengths 5 5"
            ]
        );
        let increment = folder.file(&entries[1].name);
        folder.disk.write(&increment, b"more bytes").expect("nothing fails");
        assert_eq!(folder.look(), found(), "a server has gone on with it");
        folder.disk.write(&increment, b"byte").expect("nothing fails");
        assert_eq!(folder.look(), Ok(Found::Leftovers), "it was cut");
        // Without a seal it is a set like others, and nobody says that a backup of this server has made it.
        for broken in [&text[..text.len() - 3], &text[..90]] {
            folder.disk.write(&folder.manifest(), broken.as_bytes()).expect("nothing fails");
            assert_eq!(folder.look(), Ok(Found::Nothing), "{broken}");
            folder.clear().expect("nothing fails");
            assert_eq!(names(&folder).len(), 3, "{broken}");
        }
    }

    #[test]
    fn what_was_sealed_goes_even_if_that_is_interrupted() {
        let (_, folder) = world();
        folder.claim().expect("nothing fails");
        let entries = vec![
            ManifestEntry::base("appendonly.aof", 3, true),
            ManifestEntry::increment("appendonly.aof", 4),
        ];
        folder.announce(entries.clone()).expect("nothing fails");
        entries.iter().for_each(|entry| file(&folder, &entry.name));
        folder.seal(&entries, 5, 6).expect("nothing fails");
        folder.unseal().expect("nothing fails");
        assert_eq!(folder.look(), Ok(Found::Leftovers));
        folder.disk.remove(&folder.file(&entries[0].name)).expect("nothing fails");
        assert_eq!(folder.look(), Ok(Found::Leftovers));
        folder.clear().expect("nothing fails");
        assert_eq!(names(&folder), Vec::<String>::new());
    }
}
