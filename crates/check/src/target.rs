//! What there is to look at: an append-only set, which a manifest names, or one file.

use std::fs;
use std::path::{Path, PathBuf};

use disk::{Disk, about, around};
use persist::aof::{Chain, FileKind, FilesError, Fingerprint, Manifest, ManifestEntry, holds_data};

use crate::read;

/// Where a server keeps its set, and its RDB file, unless told otherwise.
pub(crate) const DEFAULT_FOLDER: &str = "appendonlydir";
const DEFAULT_DUMP: &str = "dump.rdb";
/// Where Redis 6 and older kept theirs, beside the folder. A server takes it over.
const OLD_FILE: &str = "appendonly.aof";
/// How the name of a manifest ends.
pub(crate) const MANIFEST: &str = ".manifest";
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

    /// The manifest with its text as it has to be when a file is cut: that is no sealed backup, and the file is another
    /// one. None if the manifest can stay.
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

/// Finds out what a path means.
pub(crate) fn find(path: &Path) -> Result<Target, String> {
    let data = fs::metadata(path).map_err(about(path))?;
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

/// What a server with `appendonly yes` loads whose data is in this folder, or whose set is: the set, the file of
/// commands of an older Redis, or the RDB file, whichever is there first.
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
    let mut names = disk.list(folder).map_err(about(folder))?;
    names.sort();
    for name in names {
        let path = folder.join(&name);
        let Some((_, entry)) = ManifestEntry::of_name(&name) else { continue };
        if entry.holds_data(&disk, &path).map_err(about(folder))? {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Whether a file of this name is a manifest, and none of an unfinished step.
pub(crate) fn is_manifest(name: &str) -> bool {
    name.ends_with(MANIFEST) && !name.starts_with("temp-")
}

/// The manifests in a folder.
pub(crate) fn manifests(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(about(folder))? {
        let path = entry.map_err(about(folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if is_manifest(&name) {
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

/// Whether a file belongs to a set in which data follows it, so that it must not be cut on its own: the set's manifest.
/// Where that cannot be known for sure nothing may be cut, and that is an error.
pub(crate) fn followed_in(path: &Path) -> Result<Option<PathBuf>, String> {
    let path = fs::canonicalize(path).map_err(about(path))?;
    let folder = around(&path);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    for manifest in manifests(folder)? {
        let set = set(&manifest)?;
        let is_named = set.manifest.data().any(|entry| entry.name == name);
        // What is missing does not follow.
        let holds_data = |name: &str| holds_data(&Disk::native(), &folder.join(name));
        if is_named && !set.manifest.may_be_torn(&name, holds_data).map_err(about(&manifest))? {
            return Ok(Some(manifest));
        }
    }
    Ok(None)
}
