//! What there is to look at: an append-only set, which a manifest names, or one file.

use std::fs;
use std::path::{Path, PathBuf};

use disk::{Disk, Lock, around};
use persist::aof::{
    Chain, Checksums, FileKind, FilesError, Fingerprint, Manifest, ManifestEntry, holds_data, name_beside,
};

use crate::read;

/// Where a server keeps its set, and its RDB file, unless told otherwise.
const DEFAULT_FOLDER: &str = "appendonlydir";
const DEFAULT_DUMP: &str = "dump.rdb";
/// Where Redis 6 and older kept theirs, beside the folder. A server takes it over.
const OLD_FILE: &str = "appendonly.aof";
/// How the name of a manifest ends.
const MANIFEST: &str = ".manifest";
/// Bytes that tell what a file is.
const HEAD_BYTES: usize = 6;
/// Manifests are small; a file that is larger is none.
const MAX_MANIFEST_BYTES: u64 = 16 << 20;

/// See the module's text.
#[derive(Debug)]
pub(crate) enum Target {
    /// A set.
    Set(Set),
    /// A file of commands, perhaps behind RDB data.
    Commands(PathBuf),
    /// An RDB file, which stands for itself.
    Rdb(PathBuf),
}

/// An append-only set.
#[derive(Debug)]
pub(crate) struct Set {
    /// The folder.
    pub(crate) folder: PathBuf,
    /// The manifest's name.
    pub(crate) manifest_name: String,
    /// What it says.
    pub(crate) manifest: Manifest,
}

impl Set {
    /// The manifest's path.
    pub(crate) fn manifest_path(&self) -> PathBuf {
        self.folder.join(&self.manifest_name)
    }

    /// What a manifest of these files says when one of them has been cut.
    pub(crate) fn manifest_when_cut(&self, mut manifest: Manifest, file: &Path) -> Manifest {
        manifest.seal = None;
        let is_cut = |entry: &&mut ManifestEntry| self.folder.join(&entry.name) == file;
        manifest
            .entries
            .iter_mut()
            .filter(is_cut)
            .for_each(|entry| (entry.fingerprint, entry.end) = (None, None));
        manifest
    }
}

/// A file to be read.
#[derive(Debug, Clone)]
pub(crate) struct DataFile {
    /// Its path.
    pub(crate) path: PathBuf,
    /// What it is in a set; none if it stands alone.
    pub(crate) kind: Option<FileKind>,
    /// Whether commands may not follow the data.
    pub(crate) is_rdb_alone: bool,
}

impl Target {
    /// The length that a file of a sealed backup had; none if it is of no such backup.
    pub(crate) fn sealed_length(&self, file: &DataFile) -> Option<u64> {
        match self {
            Self::Set(set) => set.manifest.sealed_length(&file.name()),
            Self::Commands(_) | Self::Rdb(_) => None,
        }
    }

    /// Whether a file is the one that the manifest means by its name, as far as that says.
    pub(crate) fn is_meant(&self, file: &DataFile) -> Result<bool, String> {
        let Self::Set(set) = self else { return Ok(true) };
        let entry = set.manifest.data().find(|entry| entry.name == file.name());
        let Some(noted) = entry.and_then(|entry| entry.fingerprint) else { return Ok(true) };
        let found = Fingerprint::of(&Disk::native(), &file.path);
        Ok(found.map_err(|error| read::unreadable(&file.path, 0, &error))? == noted)
    }

    /// What is said of a closed increment that ends elsewhere than it did, as far as that was noted.
    pub(crate) fn complaint_of_end(
        &self,
        file: &DataFile,
        length: u64,
        chain: Option<Chain>,
    ) -> Option<String> {
        let Self::Set(set) = self else { return None };
        let entry = set.manifest.data().find(|entry| entry.name == file.name())?;
        entry.end?.complaint(length, chain)
    }

    /// The manifest with its text as it has to be when a file is cut: that is no sealed backup, and the file is another one. None if
    /// the manifest can stay.
    pub(crate) fn manifest_when_cut(&self, file: &Path) -> Option<(PathBuf, String)> {
        let Self::Set(set) = self else { return None };
        let manifest = set.manifest_when_cut(set.manifest.clone(), file);
        (manifest != set.manifest).then(|| (set.manifest_path(), manifest.format_checked()))
    }

    /// As it is on disk by now.
    pub(crate) fn again(&self) -> Result<Self, String> {
        match self {
            Self::Set(set) => find(&set.manifest_path()),
            Self::Commands(path) | Self::Rdb(path) => find(path),
        }
    }

    /// The files in the order in which they are loaded.
    pub(crate) fn files(&self) -> Vec<DataFile> {
        match self {
            Self::Set(set) => set
                .manifest
                .data()
                .map(|entry| {
                    let path = set.folder.join(&entry.name);
                    DataFile { path, kind: Some(entry.kind), is_rdb_alone: false }
                })
                .collect(),
            Self::Commands(path) => vec![DataFile { path: path.clone(), kind: None, is_rdb_alone: false }],
            Self::Rdb(path) => vec![DataFile { path: path.clone(), kind: None, is_rdb_alone: true }],
        }
    }
}

impl DataFile {
    /// Its name without the folder.
    pub(crate) fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// Keeps servers off the files that a path may mean, as long as the locks are kept; an error where one uses them.
pub(crate) fn lock(path: &Path) -> Result<Vec<Lock>, String> {
    let folder = if path.is_dir() { path } else { around(path) };
    let mut locks = Vec::new();
    for folder in [folder.to_owned(), folder.join(DEFAULT_FOLDER)] {
        if folder.is_dir() {
            let lock = Disk::native().lock(&folder).map_err(|_| {
                let folder = folder.display();
                format!("{folder}: a running server uses this folder; nothing is changed before it has ended")
            })?;
            locks.extend(lock);
        }
    }
    Ok(locks)
}

/// Finds out what a path means.
pub(crate) fn find(path: &Path) -> Result<Target, String> {
    let data = fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))?;
    if data.is_dir() {
        return in_folder(path);
    }
    if !data.is_file() {
        return Err(format!("{}: it is no file", path.display()));
    }
    let head = head(path)?;
    let has_ending = |ending| path.extension().is_some_and(|found| found == ending);
    let is_rdb = has_signature(&head);
    if has_ending("manifest") || head.starts_with(b"file ") {
        set(path).map(Target::Set)
    } else if has_ending("rdb") || is_rdb && !has_ending("aof") {
        Ok(Target::Rdb(path.to_owned()))
    } else {
        Ok(Target::Commands(path.to_owned()))
    }
}

/// The set of a folder whose manifest is missing or cannot be read, as far as the names of files tell it without a doubt: one
/// base and one increment, or any number of increments alone. Several of them may be what a rewrite was about to delete, and
/// must not be loaded over a newer base. None if the path is that of no set.
pub(crate) fn guess(path: &Path) -> Result<Option<Set>, String> {
    let inside = path.join(DEFAULT_FOLDER);
    let is_manifest = path.extension().is_some_and(|ending| ending == "manifest");
    let folder = match (path.is_dir(), inside.is_dir()) {
        (true, true) => &inside,
        (true, false) => path,
        (false, _) if is_manifest => around(path),
        (false, _) => return Ok(None),
    };
    if manifests(folder)?.len() > 1 {
        return Err("one of them has to be named".to_owned());
    }
    let names = Disk::native().list(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut entries: Vec<(&str, ManifestEntry)> =
        names.iter().filter_map(|name| ManifestEntry::of_name(name)).collect();
    entries.sort_by_key(|(_, entry)| entry.sequence);
    let is_base = |(_, entry): &&(&str, ManifestEntry)| entry.kind == FileKind::Base;
    let bases = entries.iter().filter(is_base).count();
    let increments = entries.len() - bases;
    let prefix = entries.first().map_or("", |(prefix, _)| *prefix).to_owned();
    let is_clear = bases == 0 && increments > 0 || bases == 1 && increments <= 1;
    if !is_clear || entries.iter().any(|(other, _)| *other != prefix) {
        return Err(format!(
            "the names in {} do not tell which files belong together: write a manifest that names them",
            folder.display()
        ));
    }
    let entries = entries.into_iter().map(|(_, entry)| entry).collect();
    let manifest = Manifest { entries, ..Manifest::default() };
    Ok(Some(Set { folder: folder.to_owned(), manifest_name: format!("{prefix}{MANIFEST}"), manifest }))
}

/// What is wrong between a manifest and its file of checksums.
#[derive(Debug)]
pub(crate) enum Doubt {
    /// The manifest of this path is lost, cannot be read, or is not what it was: it said this.
    Manifest(PathBuf, Manifest),
    /// This file of checksums cannot be read.
    Checksums(PathBuf),
}

/// Looks whether something is wrong between the manifest that a path means and its file of checksums.
pub(crate) fn doubt(path: &Path) -> Result<Option<Doubt>, String> {
    let inside = path.join(DEFAULT_FOLDER);
    let is_manifest = path.extension().is_some_and(|ending| ending == "manifest");
    let found = match (path.is_dir(), inside.is_dir()) {
        (true, has_inside) => {
            let mut found = with_checksums(path)?;
            if found.is_empty() && has_inside {
                found = with_checksums(&inside)?;
            }
            found
        }
        (false, _) if is_manifest => vec![path.to_owned()],
        (false, _) => Vec::new(),
    };
    let [manifest] = &found[..] else { return Ok(None) };
    let beside = Checksums::beside(manifest);
    if !beside.is_file() {
        return Ok(None);
    }
    let bytes = Disk::native().read(&beside).map_err(|error| read::unreadable(&beside, 0, &error))?;
    let Some(noted) = Checksums::parse(&String::from_utf8_lossy(&bytes)) else {
        return Ok(Some(Doubt::Checksums(beside)));
    };
    Ok(match Manifest::read(&Disk::native(), manifest) {
        Ok(Some(_)) => None,
        Ok(None) | Err(FilesError::Manifest(..) | FilesError::Checksums(..)) => {
            Some(Doubt::Manifest(manifest.clone(), noted.manifest))
        }
        Err(error) => return Err(error.within(around(manifest))),
    })
}

/// The set of a folder whose manifest is lost or damaged, as its file of checksums tells it.
pub(crate) fn noted(path: &Path) -> Result<Option<Set>, String> {
    let Some(Doubt::Manifest(path, manifest)) = doubt(path)? else { return Ok(None) };
    let (folder, name) = (around(&path).to_owned(), path.file_name().unwrap_or_default());
    Ok(Some(Set { folder, manifest_name: name.to_string_lossy().into_owned(), manifest }))
}

/// The manifests in a folder that have a file of checksums, whether they are there or not.
fn with_checksums(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let names = Disk::native().list(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let is_manifest = |name: &&str| name.ends_with(MANIFEST) && !name.starts_with("temp-");
    let of_checksums =
        |name: &String| name.strip_suffix(&name_beside("")).filter(is_manifest).map(|name| folder.join(name));
    Ok(names.iter().filter_map(of_checksums).collect())
}

/// The first bytes of a file.
fn head(path: &Path) -> Result<Vec<u8>, String> {
    let (file, _) = read::open(path)?;
    let mut head = vec![0; HEAD_BYTES];
    let count = file.read_at(0, &mut head).map_err(|error| read::unreadable(path, 0, &error))?;
    head.truncate(count);
    Ok(head)
}

fn has_signature(head: &[u8]) -> bool {
    head.starts_with(b"REDIS") || head.starts_with(b"VALKEY")
}

/// Whether a file begins with RDB data.
pub(crate) fn is_rdb(path: &Path) -> bool {
    head(path).is_ok_and(|head| has_signature(&head))
}

/// What a server with `appendonly yes` loads whose data is in this folder, or whose set is: the set, the file of commands of an older
/// Redis, or the RDB file, whichever is there first.
fn in_folder(folder: &Path) -> Result<Target, String> {
    let inside = folder.join(DEFAULT_FOLDER);
    let (old, dump) = (folder.join(OLD_FILE), folder.join(DEFAULT_DUMP));
    if let Some(only) = only_manifest(folder)? {
        return set(&only).map(Target::Set);
    }
    if inside.is_dir()
        && let Some(only) = only_manifest(&inside)?
    {
        return set(&only).map(Target::Set);
    }
    if old.is_file() {
        return Ok(Target::Commands(old));
    }
    for folder in [folder, &inside] {
        if let Some(orphan) = orphan(folder)? {
            return Err(format!(
                "{}: the file holds data, but there is no manifest that names it. Restore the manifest, or move the file away",
                orphan.display()
            ));
        }
    }
    if dump.is_file() {
        return Ok(Target::Rdb(dump));
    }
    Err(format!(
        "{}: there is no manifest, no {OLD_FILE} and no {DEFAULT_DUMP} in this folder",
        folder.display()
    ))
}

/// Whether something in a folder is what a server would look for.
pub(crate) fn is_data_folder(folder: &Path) -> bool {
    let is_there = |name| folder.join(name).exists();
    [DEFAULT_FOLDER, OLD_FILE, DEFAULT_DUMP].into_iter().any(is_there)
        || manifests(folder).map_or(true, |found| !found.is_empty())
}

/// The manifest in a folder, if there is one.
fn only_manifest(folder: &Path) -> Result<Option<PathBuf>, String> {
    let mut found = manifests(folder)?;
    if found.len() < 2 {
        return Ok(found.pop());
    }
    let names: Vec<_> = found.iter().map(|path| path.display().to_string()).collect();
    Err(format!("{}: there are several manifests; name one: {}", folder.display(), names.join(", ")))
}

/// A file in a folder without a manifest that holds data of a set.
fn orphan(folder: &Path) -> Result<Option<PathBuf>, String> {
    if !folder.is_dir() {
        return Ok(None);
    }
    let disk = Disk::native();
    let complain = |error| format!("{}: {error}", folder.display());
    let mut names = disk.list(folder).map_err(complain)?;
    names.sort();
    for name in names {
        let path = folder.join(&name);
        let Some((_, entry)) = ManifestEntry::of_name(&name) else { continue };
        if entry.holds_data(&disk, &path).map_err(complain)? {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// The manifests in a folder, but for those of unfinished steps.
fn manifests(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let complain = |error| format!("{}: {error}", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(complain)? {
        let path = entry.map_err(complain)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(MANIFEST) && !name.starts_with("temp-") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The set that a manifest names.
fn set(path: &Path) -> Result<Set, String> {
    let (_, length) = read::open(path)?;
    if length > MAX_MANIFEST_BYTES {
        return Err(format!("{}: {length} bytes are too many for a manifest", path.display()));
    }
    let manifest = match Manifest::read(&Disk::native(), path) {
        Ok(checked) => checked.map(|checked| checked.manifest).unwrap_or_default(),
        Err(FilesError::Manifest(_, error)) => {
            return Err(format!(
                "{}: {error}. It names the base first and then the increments in order, one line each, such as \
                 'file appendonly.aof.1.incr.aof seq 1 type i': repair it, or restore it from a backup",
                path.display()
            ));
        }
        Err(error) => return Err(error.within(around(path))),
    };
    let folder = around(path);
    let manifest_name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if manifest.entries.iter().any(|entry| entry.name == manifest_name) {
        return Err(format!("{}: it names itself: repair it", path.display()));
    }
    Ok(Set { folder: folder.to_owned(), manifest_name, manifest })
}

/// Whether a file belongs to a set in which data follows it, so that it must not be cut on its own: the set's manifest. Where
/// that cannot be known for sure nothing may be cut, and that is an error.
pub(crate) fn followed_in(path: &Path) -> Result<Option<PathBuf>, String> {
    let path = fs::canonicalize(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let folder = around(&path);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    for manifest in manifests(folder)? {
        let set = set(&manifest)?;
        let is_named = set.manifest.data().any(|entry| entry.name == name);
        // What is missing does not follow.
        let holds_data = |name: &str| holds_data(&Disk::native(), &folder.join(name));
        let complain = |error| format!("{}: {error}", manifest.display());
        if is_named && !set.manifest.may_be_torn(&name, holds_data).map_err(complain)? {
            return Ok(Some(manifest));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_without_a_manifest_is_known_only_where_names_leave_no_doubt() {
        for (names, found) in [
            (&["a.aof.2.base.rdb", "a.aof.3.incr.aof", "a.aof.3.incr.aof.torn-5", "x"][..], Some("23")),
            (&["a.aof.10.incr.aof", "a.aof.9.incr.aof"], Some("910")),
            (&["a.1.base.aof"], Some("1")),
            (&["a.1.base.rdb", "a.1.incr.aof", "a.2.incr.aof"], None),
            (&["a.1.base.rdb", "a.2.base.rdb", "a.2.incr.aof"], None),
            (&["a.1.base.rdb", "b.1.incr.aof"], None),
            (&["a.0.incr.aof", "a.x.incr.aof", "incr.aof"], None),
            (&[], None),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            for name in names {
                fs::write(folder.path().join(name), b"").expect("the folder can be written");
            }
            let sequences = |set: Set| -> String {
                set.manifest.data().map(|entry| entry.sequence.to_string()).collect()
            };
            let guessed = guess(folder.path()).ok().flatten().map(sequences);
            assert_eq!(guessed.as_deref(), found, "{names:?}");
        }
    }
}
