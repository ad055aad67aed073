//! Files as everybody here uses them: what is interrupted is done again, and what is written is written to its end.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustix::io::Errno;

use crate::around;
use crate::native::Native;
use crate::system::{Lock, System, SystemFile};

/// How often a call may be interrupted until that counts as a failure: a system that interrupts for ever must not stop us.
const MAX_INTERRUPTIONS: u32 = 1000;

/// A file system.
#[derive(Debug, Clone)]
pub struct Disk(Arc<dyn System>);

/// A file that is open. Clones are the same file, so that it can be synced while others append to it.
#[derive(Debug, Clone)]
pub struct DiskFile(Arc<dyn SystemFile>);

/// Does something that may be interrupted.
fn whole<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let mut interruptions = 0;
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted && interruptions < MAX_INTERRUPTIONS => {
                interruptions += 1;
            }
            result => return result,
        }
    }
}

impl Disk {
    /// What callers want, made of what a system gives.
    pub fn new(system: Arc<dyn System>) -> Self {
        Self(system)
    }

    /// The machine's own.
    pub fn native() -> Self {
        Self::new(Arc::new(Native))
    }

    /// The names in a folder.
    pub fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        whole(|| self.0.list(folder))
    }

    /// A file's length in bytes; none if there is nothing of this path.
    pub fn length(&self, path: &Path) -> io::Result<Option<u64>> {
        whole(|| self.0.length(path))
    }

    /// Whether there is a folder of this path.
    pub fn is_folder(&self, path: &Path) -> io::Result<bool> {
        whole(|| self.0.is_folder(path))
    }

    /// Opens a file to read it. A folder is none, and neither is a pipe.
    pub fn open(&self, path: &Path) -> io::Result<DiskFile> {
        whole(|| self.0.open(path)).map(DiskFile)
    }

    /// Opens a file, which is there, to append to it.
    pub fn open_to_append(&self, path: &Path) -> io::Result<DiskFile> {
        whole(|| self.0.open_to_append(path)).map(DiskFile)
    }

    /// Makes an empty file, or empties the one that is there, to append to it.
    pub fn create(&self, path: &Path) -> io::Result<DiskFile> {
        whole(|| self.0.create(path)).map(DiskFile)
    }

    /// Makes an empty file to append to it, where there was none.
    pub fn create_new(&self, path: &Path) -> io::Result<DiskFile> {
        whole(|| self.0.create_new(path)).map(DiskFile)
    }

    /// Makes an empty file that has this name for a moment, to be written and to be read. The name goes before anything is in it, so that
    /// nothing is left of it however the process ends.
    pub fn create_nameless(&self, path: &Path) -> io::Result<(DiskFile, DiskFile)> {
        let file = self.create(path)?;
        let reader = self.open(path);
        self.remove(path)?;
        Ok((file, reader?))
    }

    /// Gives a file the owner and the mode of another.
    pub fn take_after(&self, path: &Path, model: &Path) -> io::Result<()> {
        whole(|| self.0.take_after(path, model))
    }

    /// The content of a file that is small.
    pub fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        const STEP: usize = 64 * 1024;
        let file = self.open(path)?;
        let mut bytes = Vec::new();
        loop {
            let length = bytes.len();
            bytes.resize(length + STEP, 0);
            let count = file.read_at(length as u64, &mut bytes[length..])?;
            bytes.truncate(length + count);
            if count == 0 {
                return Ok(bytes);
            }
        }
    }

    /// Gives a file this content, whether it was there or not.
    pub fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.create(path)?.append(bytes)
    }

    /// Cuts off the end of a file.
    pub fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        self.open_to_append(path)?.truncate(length)
    }

    /// Makes the content of a file durable.
    pub fn sync(&self, path: &Path) -> io::Result<()> {
        self.open(path)?.sync()
    }

    /// Gives a file another path, at once and over whatever was there.
    pub fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        whole(|| self.0.rename(from, to))
    }

    /// Gives a file a second path, where there is nothing: what is written through one is seen through both.
    pub fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        whole(|| self.0.link(from, to))
    }

    /// Removes a file; it is no error if there is none.
    pub fn remove(&self, path: &Path) -> io::Result<()> {
        match whole(|| self.0.remove(path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Sees that there is a folder of this path, in a folder that is there.
    pub fn make_folder(&self, path: &Path) -> io::Result<()> {
        if self.is_folder(path)? {
            return Ok(());
        }
        whole(|| self.0.create_folder(path))?;
        self.sync_folder(around(path))
    }

    /// Keeps a file or a folder from other processes that lock it, as long as the lock is kept; an error of the kind `WouldBlock`: one of them has it.
    /// Some file systems have no locks: there nobody is kept off. Of any other error nobody knows whether one of them has it.
    pub fn lock(&self, path: &Path) -> io::Result<Option<Lock>> {
        if_there_are_locks(whole(|| self.0.lock(path)))
    }

    /// The same beside others that share it: whoever has it to himself keeps them off, and they him.
    pub fn share(&self, path: &Path) -> io::Result<Option<Lock>> {
        if_there_are_locks(whole(|| self.0.share(path)))
    }

    /// Makes the names in a folder durable.
    pub fn sync_folder(&self, path: &Path) -> io::Result<()> {
        whole(|| self.0.sync_folder(path))
    }
}

/// What says that a file system, or the way to it, has no locks.
const NO_LOCKS: [Errno; 4] = [Errno::NOLCK, Errno::NOSYS, Errno::NOTSUP, Errno::OPNOTSUPP];

/// Where a file system has none, nobody is kept off.
fn if_there_are_locks(result: io::Result<Option<Lock>>) -> io::Result<Option<Lock>> {
    match result {
        Err(error) if Errno::from_io_error(&error).is_some_and(|code| NO_LOCKS.contains(&code)) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(None),
        result => result,
    }
}

impl DiskFile {
    /// Its length in bytes.
    pub fn length(&self) -> io::Result<u64> {
        whole(|| self.0.length())
    }

    /// Reads from a place on; returns how many bytes there were, at least one unless the file ends there.
    pub fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        whole(|| self.0.read_at(offset, into))
    }

    /// Reads bytes that are there.
    pub fn read_exact_at(&self, mut offset: u64, mut into: &mut [u8]) -> io::Result<()> {
        while !into.is_empty() {
            let count = self.read_at(offset, into)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            offset += count as u64;
            into = &mut into[count..];
        }
        Ok(())
    }

    /// Adds bytes to the end. After an error some of them may be there.
    pub fn append(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let count = whole(|| self.0.append(bytes))?;
            if count == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            bytes = &bytes[count..];
        }
        Ok(())
    }

    /// Cuts the end off.
    pub fn truncate(&self, length: u64) -> io::Result<()> {
        whole(|| self.0.truncate(length))
    }

    /// Makes the content durable. After an error nobody knows what is, whatever later calls say.
    pub fn sync(&self) -> io::Result<()> {
        whole(|| self.0.sync())
    }
}
