//! The folder of the backup, and the manifest that seals it.
//!
//! The manifest is that of an append-only set, with the line `#backup started <unix seconds> sealed <unix seconds>` behind it, which
//! other readers take for a comment. It is written last, when all that it names is durable, and removed first. So a folder holds a
//! whole backup or none, whenever the power goes, and the next server knows which.

use std::path::{Path, PathBuf};

use config::{Config, Param};
use disk::Disk;
use persist::aof::{Manifest, ManifestEntry};

use crate::storage::at;

/// How the line begins that says that a backup is whole.
const NOTE: &str = "#backup ";
/// How the names of unfinished files begin.
const TEMPORARY: &str = "temp-";

/// See the module's text.
#[derive(Debug, Clone)]
pub struct Folder {
    disk: Disk,
    path: PathBuf,
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
        /// When it began and was sealed, in unix seconds.
        started_s: i64,
        /// See there.
        ended_s: i64,
    },
}

impl Folder {
    /// The one that the parameters name. The process is in the folder `dir`.
    pub fn of(disk: &Disk, config: &Config) -> Self {
        let name = config.text_lossy(Param::Backupdirname).into_owned();
        let path = std::env::current_dir().unwrap_or_default().join(name);
        Self { disk: disk.clone(), path, prefix: config.text_lossy(Param::Appendfilename).into_owned() }
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
        self.path.join(format!("{}.manifest", self.prefix))
    }

    /// Sees that the folder is there.
    pub fn make(&self) -> Result<(), String> {
        self.disk.make_folder(&self.path).map_err(|error| at(&self.path, &error))
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> Result<bool, String> {
        self.names().map(|names| names.is_empty())
    }

    /// Gives a file that is durable a second name here, durably.
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
        let manifest = Manifest { entries: entries.to_vec(), ..Manifest::default() };
        let text = format!("{}{NOTE}started {started_s} sealed {ended_s}\n", manifest.format());
        let (path, temporary) =
            (self.manifest(), self.path.join(format!("{TEMPORARY}{}.manifest", self.prefix)));
        let write = || {
            self.disk.write(&temporary, text.as_bytes())?;
            self.disk.sync(&temporary)?;
            self.disk.rename(&temporary, &path)?;
            self.disk.sync_folder(&self.path)
        };
        write().map_err(|error| at(&path, &error))
    }

    /// Removes the files of a backup, and nothing else.
    pub fn clear(&self) -> Result<(), String> {
        if !self.is_there()? {
            return Ok(());
        }
        let manifest = self.manifest();
        let sync = || self.disk.sync_folder(&self.path).map_err(|error| at(&self.path, &error));
        self.disk.remove(&manifest).map_err(|error| at(&manifest, &error))?;
        sync()?;
        for name in self.names()?.into_iter().filter(|name| self.is_ours(name)) {
            let path = self.path.join(name);
            self.disk.remove(&path).map_err(|error| at(&path, &error))?;
        }
        sync()
    }

    /// What an earlier server has left.
    pub fn look(&self) -> Result<Found, String> {
        if !self.is_there()? {
            return Ok(Found::Nothing);
        }
        let names = self.names()?;
        let manifest = self.manifest();
        if names.iter().any(|name| self.path.join(name) == manifest) {
            let bytes = self.disk.read(&manifest).map_err(|error| at(&manifest, &error))?;
            let sealed = read_sealed(&String::from_utf8_lossy(&bytes));
            let is_whole = |entry: &ManifestEntry| names.contains(&entry.name);
            if let Some((entries, started_s, ended_s)) = sealed
                && entries.iter().all(is_whole)
            {
                return Ok(Found::Sealed { entries, started_s, ended_s });
            }
        }
        let has_ours = names.iter().any(|name| self.is_ours(name));
        Ok(if has_ours { Found::Leftovers } else { Found::Nothing })
    }

    fn is_there(&self) -> Result<bool, String> {
        self.disk.is_folder(&self.path).map_err(|error| at(&self.path, &error))
    }

    fn names(&self) -> Result<Vec<String>, String> {
        self.disk.list(&self.path).map_err(|error| at(&self.path, &error))
    }

    /// Whether a backup makes files of this name.
    fn is_ours(&self, name: &str) -> bool {
        let name = name.strip_prefix(TEMPORARY).unwrap_or(name);
        let name = name.strip_prefix("rewriteaof-").unwrap_or(name);
        if name.strip_suffix(&self.prefix).is_some_and(|rest| rest.ends_with('.')) {
            return true; // a base or an increment before it has its name
        }
        let Some(rest) = name.strip_prefix(&self.prefix).and_then(|rest| rest.strip_prefix('.')) else {
            return false;
        };
        let kind = rest.trim_start_matches(|letter: char| letter.is_ascii_digit());
        rest == "manifest" || matches!(kind, ".base.rdb" | ".base.aof" | ".incr.aof") && kind != rest
    }
}

/// The files of a whole backup, and when it began and was sealed.
fn read_sealed(text: &str) -> Option<(Vec<ManifestEntry>, i64, i64)> {
    let note = text.lines().last()?.strip_prefix(NOTE)?;
    let words: Vec<&str> = note.split(' ').collect();
    let ["started", started, "sealed", sealed] = words[..] else { return None };
    let (started_s, ended_s) = (started.parse().ok()?, sealed.parse().ok()?);
    let manifest = Manifest::parse(text).ok().filter(|manifest| manifest.base().is_some())?;
    Some((manifest.entries, started_s, ended_s))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use disk::Double;
    use persist::aof::FileKind;

    use super::*;

    fn world() -> (Double, Folder) {
        let double = Double::new(Path::new("/data"), 1);
        let disk = Disk::new(Arc::new(double.clone()));
        (double, Folder { disk, path: "/data/backup".into(), prefix: "appendonly.aof".to_owned() })
    }

    fn file(folder: &Folder, name: &str) {
        let path = folder.path.join(name);
        folder.disk.write(&path, b"bytes").and_then(|()| folder.disk.sync(&path)).expect("nothing fails");
    }

    #[test]
    fn only_files_of_a_backup_are_removed() {
        let (_, folder) = world();
        folder.clear().expect("there is no folder yet");
        assert_eq!(folder.look(), Ok(Found::Nothing));
        folder.make().expect("nothing fails");
        let ours = [
            "appendonly.aof.12.base.rdb",
            "appendonly.aof.1.base.aof",
            "appendonly.aof.3.incr.aof",
            "appendonly.aof.manifest",
            "temp-appendonly.aof.manifest",
            "temp-rewriteaof-1.appendonly.aof",
            "temp-rewriteaof-increment.appendonly.aof",
        ];
        let others = [
            "appendonly.aof..base.rdb",
            "appendonly.aof.1.base.rdb.gz",
            "appendonly.aof.x.incr.aof",
            "appendonly.aof",
            "notes",
        ];
        ours.iter().chain(&others).for_each(|name| file(&folder, name));
        assert_eq!(folder.look(), Ok(Found::Leftovers));
        folder.clear().expect("nothing fails");
        let mut left = folder.names().expect("it is there");
        left.sort_unstable();
        let mut others = others.map(str::to_owned);
        others.sort_unstable();
        assert_eq!(left, others);
        assert_eq!(folder.look(), Ok(Found::Nothing));
        assert_eq!(folder.is_empty(), Ok(false));
    }

    #[test]
    fn a_backup_is_whole_when_its_manifest_says_so_and_names_files_that_are_there() {
        let (_, folder) = world();
        folder.make().expect("nothing fails");
        let base = ManifestEntry::base("appendonly.aof", 3, true);
        assert_eq!(base.kind, FileKind::Base);
        let entries = vec![base.clone(), ManifestEntry::increment("appendonly.aof", 4)];
        file(&folder, &base.name);
        folder.seal(&entries, 5, 6).expect("nothing fails");
        assert_eq!(folder.look(), Ok(Found::Leftovers), "the increment is not there");
        file(&folder, &entries[1].name);
        let found = Found::Sealed { entries: entries.clone(), started_s: 5, ended_s: 6 };
        assert_eq!(folder.look(), Ok(found));
        let bytes = folder.disk.read(&folder.manifest()).expect("it is there");
        let text = String::from_utf8(bytes).expect("it is a text");
        assert_eq!(
            text,
            "file appendonly.aof.3.base.rdb seq 3 type b\nfile appendonly.aof.4.incr.aof seq 4 type i\n\
             #backup started 5 sealed 6\n"
        );
        for broken in [&text[..text.len() - 3], "#backup started 5 sealed 6", &text[..90]] {
            folder.disk.write(&folder.manifest(), broken.as_bytes()).expect("nothing fails");
            let found = folder.look();
            assert!(found == Ok(Found::Leftovers), "{broken}: {found:?}");
        }
    }
}
