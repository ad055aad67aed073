//! What is cut off a file is kept in a file of its own beside it. Nothing is written over: ends that were cut off at
//! the same place before are kept, too.

use std::io;
use std::path::{Path, PathBuf};

use crate::around;
use crate::disk::{Disk, DiskFile};

/// Bytes copied at once.
const STEP: usize = 1 << 20;
/// Files of one name that are kept.
const MAX_KEPT: u32 = 1000;

/// Copies the end of a file, from some place on, to a new file `<name>.<ending>-<place>` beside it, durably and for
/// whoever may read the file. Gives the path.
pub fn keep_end(disk: &Disk, path: &Path, from: u64, ending: &str) -> io::Result<PathBuf> {
    let (kept, file) = create_beside(disk, path, &format!("{ending}-{from}"))?;
    let copied = copy(disk, path, from..u64::MAX, &mut |bytes| file.append(bytes));
    let finished = copied.and_then(|()| file.sync()).and_then(|()| disk.sync_folder(around(path)));
    if finished.is_err() {
        // Half of it is of no use, and would be in the way of room for the next try.
        let _ = disk.remove(&kept);
    }
    finished.map(|()| kept)
}

/// Makes an empty file `<name>.<ending>` beside one, with its owner and mode, or `<name>.<ending>-2`
/// and so on where names are taken.
pub fn create_beside(disk: &Disk, path: &Path, ending: &str) -> io::Result<(PathBuf, DiskFile)> {
    for number in 1..=MAX_KEPT {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{ending}"));
        if number > 1 {
            name.push(format!("-{number}"));
        }
        let new = path.with_file_name(name);
        match disk.create_new(&new) {
            Ok(file) => {
                let taken_after = disk.take_after(&new, path);
                if taken_after.is_err() {
                    // It is empty.
                    let _ = disk.remove(&new);
                }
                return taken_after.map(|()| (new, file));
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other(format!("there are too many files with .{ending}; move them away")))
}

/// Hands over a part of a file, up to its end at most.
pub fn copy(
    disk: &Disk,
    source: &Path,
    part: std::ops::Range<u64>,
    take: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let file = disk.open(source)?;
    let mut buffer = vec![0; STEP];
    let mut at = part.start;
    while at < part.end {
        let step = (part.end - at).min(STEP as u64) as usize;
        let count = file.read_at(at, &mut buffer[..step])?;
        if count == 0 {
            break;
        }
        take(&buffer[..count])?;
        at += count as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::double::{Call, Double, Fault};

    fn world() -> (Double, Disk, PathBuf) {
        let double = Double::new(Path::new("/data"), 1);
        let disk = Disk::new(Arc::new(double.clone()));
        let path = PathBuf::from("/data/file");
        disk.write(&path, b"0123456789").expect("nothing fails");
        (double, disk, path)
    }

    #[test]
    fn every_end_has_a_file_of_its_own() {
        let (_, disk, path) = world();
        for (from, name, content) in [
            (4, "/data/file.torn-4", &b"456789"[..]),
            (4, "/data/file.torn-4-2", b"456789"),
            (9, "/data/file.torn-9", b"9"),
            (4, "/data/file.torn-4-3", b"456789"),
        ] {
            assert_eq!(keep_end(&disk, &path, from, "torn").expect("nothing fails"), PathBuf::from(name));
            assert_eq!(disk.read(Path::new(name)).expect("it is there"), content);
        }
    }

    #[test]
    fn half_of_an_end_does_not_stay() {
        let (double, disk, path) = world();
        for (call, fault) in [(Call::Append, Fault::NoRoom), (Call::Sync, Fault::Error(5))] {
            double.spoil(call, fault);
            keep_end(&disk, &path, 4, "torn").expect_err("it cannot be written");
            double.heal();
            assert_eq!(disk.list(Path::new("/data")).expect("nothing fails"), ["file"]);
        }
    }

    #[test]
    fn the_names_are_not_without_end() {
        let (_, disk, path) = world();
        for _ in 0..MAX_KEPT {
            create_beside(&disk, &path, "x").expect("nothing fails");
        }
        let error = create_beside(&disk, &path, "x").expect_err("there are too many");
        assert_eq!(error.to_string(), "there are too many files with .x; move them away");
    }

    #[test]
    #[cfg(unix)]
    fn what_is_kept_has_the_owner_and_the_mode_of_the_file() {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("file");
        std::fs::write(&path, "0123").expect("the folder can be written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("it is ours");
        // Only root may give a file away.
        let given = std::os::unix::fs::chown(&path, Some(1234), Some(1235)).is_ok();
        let kept = keep_end(&Disk::native(), &path, 2, "cut").expect("nothing fails");
        let data = std::fs::metadata(&kept).expect("it is there");
        assert_eq!(data.mode() & 0o7777, 0o600);
        if given {
            assert_eq!((data.uid(), data.gid()), (1234, 1235));
        }
        assert_eq!(std::fs::read(&kept).expect("it can be read"), b"23");
        // What leads nowhere is there, too.
        std::os::unix::fs::symlink("nowhere", folder.path().join("file.cut-3")).expect("a link");
        let kept = keep_end(&Disk::native(), &path, 3, "cut").expect("nothing fails");
        assert_eq!(kept, folder.path().join("file.cut-3-2"));
    }
}
