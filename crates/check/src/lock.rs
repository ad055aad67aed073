//! Whoever changes files keeps servers off them meanwhile.

use std::path::Path;

use disk::{Disk, Lock, around};

use crate::target::DEFAULT_FOLDER;

/// Keeps servers off the files that a path may mean, as long as the locks are kept; an error where one uses them.
pub(crate) fn take(path: &Path) -> Result<Vec<Lock>, String> {
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
