//! The file system of the machine.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, chown};
use std::path::Path;
use std::sync::Arc;

use crate::system::{Lock, System, SystemFile};

/// See the module's text.
#[derive(Debug, Clone, Copy, Default)]
pub struct Native;

fn to_append(path: &Path) -> io::Result<Arc<dyn SystemFile>> {
    Ok(Arc::new(OpenOptions::new().append(true).open(path)?))
}

/// On NFS only who may write has a file to himself. A folder cannot be opened so, nor perhaps somebody else's file.
fn open_to_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path).or_else(|_| File::open(path))
}

impl System for Native {
    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
        // A name that is no text is none of ours.
        Ok(entries.into_iter().filter_map(|entry| entry.file_name().into_string().ok()).collect())
    }

    fn length(&self, path: &Path) -> io::Result<Option<u64>> {
        match fs::metadata(path) {
            Ok(data) => Ok(Some(data.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn is_folder(&self, path: &Path) -> io::Result<bool> {
        match fs::metadata(path) {
            Ok(data) => Ok(data.is_dir()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn SystemFile>> {
        let kind = fs::metadata(path)?.file_type();
        if kind.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if kind.is_fifo() || kind.is_socket() {
            return Err(io::Error::other("it is no file"));
        }
        Ok(Arc::new(File::open(path)?))
    }

    fn open_to_append(&self, path: &Path) -> io::Result<Arc<dyn SystemFile>> {
        to_append(path)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn SystemFile>> {
        // The standard library does not empty and append at a time.
        drop(File::create(path)?);
        to_append(path)
    }

    fn create_new(&self, path: &Path) -> io::Result<Arc<dyn SystemFile>> {
        Ok(Arc::new(OpenOptions::new().append(true).create_new(true).open(path)?))
    }

    fn take_after(&self, path: &Path, model: &Path) -> io::Result<()> {
        let (old, new) = (fs::metadata(path)?, fs::metadata(model)?);
        if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
            chown(path, Some(new.uid()), Some(new.gid())).map_err(|error| {
                io::Error::new(error.kind(), format!("its owner cannot be kept: {error}"))
            })?;
        }
        // The other way round the owner would take some bits with him.
        fs::set_permissions(path, new.permissions())
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Lock>> {
        let file = open_to_lock(path)?;
        file.try_lock()?;
        // The system lets go of the lock when the file is closed.
        Ok(Some(Lock(Box::new(file))))
    }

    fn share(&self, path: &Path) -> io::Result<Option<Lock>> {
        let file = File::open(path)?;
        file.try_lock_shared()?;
        Ok(Some(Lock(Box::new(file))))
    }
}

impl SystemFile for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        FileExt::read_at(self, into, offset)
    }

    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        (&*self).write(bytes)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        // With everything that is needed to read the content again, its length above all.
        self.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::Path;
    use std::sync::Arc;

    use super::open_to_lock;
    use crate::{Disk, Double};

    #[test]
    fn a_file_is_opened_for_writing_to_be_locked_and_a_folder_as_it_can_be() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("lock");
        std::fs::write(&path, "").expect("the folder can be written");
        // Not even nothing is written to what is open for reading alone.
        let may_be_written = |path| open_to_lock(path).expect("it is there").write(b"").is_ok();
        assert!(may_be_written(&path));
        assert!(!may_be_written(folder.path()));
        open_to_lock(&folder.path().join("none")).expect_err("it is not there");
    }

    #[test]
    fn a_folder_is_locked_once_at_a_time_and_shared_by_many() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        for disk in [Disk::native(), locking_double(folder.path())] {
            let is_taken = |result: std::io::Result<_>| {
                result.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
            };
            let lock = disk.lock(folder.path()).expect("nobody has it");
            assert!(is_taken(disk.lock(folder.path())));
            assert!(is_taken(disk.share(folder.path())));
            drop(lock);
            let shared = [(); 2].map(|()| disk.share(folder.path()).expect("it is free again"));
            assert!(is_taken(disk.lock(folder.path())));
            let [first, second] = shared;
            drop(first);
            assert!(is_taken(disk.lock(folder.path())));
            drop(second);
            disk.lock(folder.path()).expect("it is free again");
        }
    }

    fn locking_double(folder: &Path) -> Disk {
        let double = Double::new(folder, 1);
        double.begin_locking();
        Disk::new(Arc::new(double))
    }
}
