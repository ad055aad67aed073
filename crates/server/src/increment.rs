//! The increment of the append-only file that is being written.

use std::io;
use std::path::{Path, PathBuf};

use disk::{Disk, DiskFile};

use crate::storage::{at, cause};

/// See the module's text.
#[derive(Debug)]
pub struct Increment {
    file: DiskFile,
    /// Bytes that are known to be whole commands.
    length: u64,
    /// Whether half a command may follow them.
    is_torn: bool,
    path: PathBuf,
}

/// A file that can be synced while others append to it.
#[derive(Debug, Clone)]
pub struct SyncHandle {
    file: DiskFile,
    /// Bytes that will be on disk.
    length: u64,
    path: PathBuf,
}

/// Why bytes could not be brought to the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What was done, where, and what the system said of it: for the log.
    pub text: String,
    /// What the system said alone: for clients.
    pub cause: String,
    /// Of what kind it was.
    pub kind: FaultKind,
}

/// What is the matter with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// There was no room, and nothing else is wrong.
    NoRoom,
    /// This file must not grow any more; others may.
    TooLong,
    /// Nobody knows.
    Unknown,
}

impl Fault {
    fn new(deed: &str, error: &io::Error) -> Self {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        let kind = match error.kind() {
            StorageFull | QuotaExceeded => FaultKind::NoRoom,
            FileTooLarge => FaultKind::TooLong,
            _ => FaultKind::Unknown,
        };
        Self { text: format!("{deed} failed: {error}"), cause: cause(error), kind }
    }
}

impl Increment {
    /// Opens the file, which is there, to append to it.
    pub fn open(disk: &Disk, path: PathBuf) -> Result<Self, String> {
        let open = || {
            let file = disk.open_to_append(&path)?;
            let length = file.length()?;
            Ok((file, length))
        };
        let (file, length) = open().map_err(|error| at(&path, &error))?;
        Ok(Self { file, length, is_torn: false, path })
    }

    /// Appends whole commands: all of them, or none after an error.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let result = self.mend().and_then(|()| {
            self.is_torn = true;
            self.file.append(bytes)
        });
        if let Err(error) = result {
            // If this fails too, it is tried again before anything is appended.
            let _ = self.mend();
            let deed = format!("appending to {} at byte {}", self.path.display(), self.length);
            return Err(Fault::new(&deed, &error));
        }
        self.is_torn = false;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Cuts off half a command, which must not stay: the next append would follow it.
    fn mend(&mut self) -> io::Result<()> {
        if self.is_torn {
            self.file.truncate(self.length)?;
            self.is_torn = false;
        }
        Ok(())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that are known to be whole commands.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// For syncing without holding what owns this.
    pub fn sync_handle(&self) -> SyncHandle {
        SyncHandle { file: self.file.clone(), length: self.length, path: self.path.clone() }
    }
}

impl SyncHandle {
    /// How many bytes will be on disk.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Waits until everything appended is on disk.
    pub fn sync(&self) -> Result<(), Fault> {
        let deed = || format!("syncing {} up to byte {}", self.path.display(), self.length);
        self.file.sync().map_err(|error| Fault::new(&deed(), &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_command_does_not_stay() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("increment");
        std::fs::write(&path, "whole half").expect("the folder can be written");
        let mut increment = Increment::open(&Disk::native(), path.clone()).expect("the file is there");
        // As after an append that failed and could not be undone.
        increment.length = 6;
        increment.is_torn = true;
        increment.append(b"next").expect("the file can be written");
        assert_eq!(std::fs::read(&path).expect("the file is there"), b"whole next");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_fails_is_told_with_its_place_and_leaves_the_length() {
        let mut increment =
            Increment::open(&Disk::native(), "/dev/full".into()).expect("the device is there");
        let fault = increment.append(b"bytes").expect_err("the device is full");
        assert_eq!(
            fault.text,
            "appending to /dev/full at byte 0 failed: No space left on device (os error 28)"
        );
        assert_eq!(fault.cause, "No space left on device");
        assert_eq!(increment.length, 0);
        let fault = increment.sync_handle().sync().expect_err("a device is not synced");
        assert_eq!(fault.text, "syncing /dev/full up to byte 0 failed: Invalid argument (os error 22)");
    }
}
