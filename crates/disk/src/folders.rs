//! The folders around files.

use std::path::Path;

use crate::about;
use crate::disk::Disk;

/// The folder that holds a file or folder.
pub fn around(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Sees that there is a folder, and those around it. The error tells which of them cannot be made.
pub fn make_folders(disk: &Disk, path: &Path) -> Result<(), String> {
    if disk.is_folder(path).map_err(about(path))? {
        return Ok(());
    }
    if around(path) != path {
        make_folders(disk, around(path))?;
    }
    disk.make_folder(path).map_err(about(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_made_with_those_around_them_and_may_be_there() {
        let around = tempfile::tempdir().expect("a temporary folder");
        let (disk, path) = (Disk::native(), around.path().join("a/b/c"));
        for _ in 0..2 {
            make_folders(&disk, &path).expect("it can be made");
            assert!(path.is_dir());
        }
    }

    #[test]
    fn the_folder_that_cannot_be_made_is_named() {
        let around = tempfile::tempdir().expect("a temporary folder");
        let (disk, file) = (Disk::native(), around.path().join("file"));
        std::fs::write(&file, b"").expect("the folder can be written");
        let error = make_folders(&disk, &file.join("a")).expect_err("a file stands in the way");
        assert!(error.starts_with(&format!("{}/a: ", file.display())), "{error}");
    }
}
