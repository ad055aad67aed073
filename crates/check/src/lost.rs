//! A set whose manifest is lost or damaged, as far as what is left tells what it said: its file of
//! checksums, or the names of files.

use std::path::Path;

use disk::{Disk, about, around};
use persist::aof::{FileKind, Manifest, ManifestEntry};

use crate::doubt::{self, Doubt};
use crate::target::{DEFAULT_FOLDER, MANIFEST, Set, manifests};

/// As the file of checksums tells it; none if there is no such file, or nothing is wrong.
pub(crate) fn noted(path: &Path) -> Result<Option<Set>, String> {
    let Some(Doubt::Manifest(path, manifest)) = doubt::find(path)? else { return Ok(None) };
    let (folder, name) = (around(&path).to_owned(), path.file_name().unwrap_or_default());
    Ok(Some(Set { folder, manifest_name: name.to_string_lossy().into_owned(), manifest }))
}

/// As the names of files tell it without a doubt: one base and one increment, or any number of increments
/// alone. Several of them may be what a rewrite was about to delete, and must not be loaded over a newer base.
/// None if the path is that of no set.
pub(crate) fn guessed(path: &Path) -> Result<Option<Set>, String> {
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
    let names = Disk::native().list(folder).map_err(about(folder))?;
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

#[cfg(test)]
mod tests {
    use std::fs;

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
            let guessed = guessed(folder.path()).ok().flatten().map(sequences);
            assert_eq!(guessed.as_deref(), found, "{names:?}");
        }
    }
}
