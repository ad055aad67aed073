//! Whoever changes files keeps servers off them meanwhile.

use std::io;
use std::path::Path;

use disk::{Disk, Lock, around};

use crate::target::DEFAULT_FOLDER;

/// Keeps servers off the files that a path may mean, as long as the locks are kept; an error where one uses them.
pub(crate) fn take(path: &Path) -> Result<Vec<Lock>, String> {
    let folder = if path.is_dir() { path } else { around(path) };
    let mut locks = Vec::new();
    for folder in [folder.to_owned(), folder.join(DEFAULT_FOLDER)] {
        if folder.is_dir() {
            locks.extend(Disk::native().lock(&folder).map_err(|error| refusal(&folder, &error))?);
        }
    }
    Ok(locks)
}

/// Why a folder cannot be had alone.
fn refusal(folder: &Path, error: &io::Error) -> String {
    let folder = folder.display();
    match error.kind() {
        io::ErrorKind::WouldBlock => {
            format!("{folder}: a running server uses this folder; nothing is changed before it has ended")
        }
        _ => format!(
            "{folder}: the lock that keeps servers off cannot be taken: {error}; nothing is changed while nobody knows \
             whether one uses this folder"
        ),
    }
}
