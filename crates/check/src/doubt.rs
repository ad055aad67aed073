//! A manifest and its file of checksums that do not fit: which of them is at fault.

use std::path::{Path, PathBuf};

use disk::{Disk, about, around};
use persist::aof::{Checksums, FilesError, Manifest, name_beside};

use crate::read;
use crate::target::{DEFAULT_FOLDER, is_manifest};

/// What is wrong between a manifest and its file of checksums.
#[derive(Debug)]
pub(crate) enum Doubt {
    /// The manifest of this path is lost, cannot be read, or is not what it was: it said this.
    Manifest(PathBuf, Manifest),
    /// This file of checksums cannot be read.
    Checksums(PathBuf),
}

/// Looks whether something is wrong between the manifest that a path means and its file of checksums.
pub(crate) fn find(path: &Path) -> Result<Option<Doubt>, String> {
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

/// The manifests in a folder that have a file of checksums, whether they are there or not.
fn with_checksums(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let names = Disk::native().list(folder).map_err(about(folder))?;
    let is_manifest = |name: &&str| is_manifest(name);
    let of_checksums =
        |name: &String| name.strip_suffix(&name_beside("")).filter(is_manifest).map(|name| folder.join(name));
    Ok(names.iter().filter_map(of_checksums).collect())
}
