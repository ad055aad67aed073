//! The increment of the append-only file that is being written.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use crate::storage::at;

/// See the module's text.
#[derive(Debug)]
pub struct Increment {
    file: Arc<File>,
    /// Bytes that are known to be whole commands.
    length: u64,
    path: PathBuf,
}

/// A file that can be synced while others append to it.
#[derive(Debug, Clone)]
pub struct SyncHandle {
    file: Arc<File>,
    path: PathBuf,
}

impl Increment {
    /// Opens the file, which is there, to append to it.
    pub fn open(path: PathBuf) -> Result<Self, String> {
        let open = || {
            let file = OpenOptions::new().append(true).open(&path)?;
            let length = file.metadata()?.len();
            Ok((file, length))
        };
        let (file, length) = open().map_err(|error| at(&path, &error))?;
        Ok(Self { file: Arc::new(file), length, path })
    }

    /// Appends whole commands. After an error the file is as it was before.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), String> {
        if let Err(error) = (&*self.file).write_all(bytes) {
            let told = at(&self.path, &error);
            // Half a command must not stay: the next append would follow it.
            return match self.file.set_len(self.length) {
                Ok(()) => Err(told),
                Err(second) => Err(format!(
                    "{told}; and cutting the file back to {} bytes failed: {second}",
                    self.length
                )),
            };
        }
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// For syncing without holding what owns this.
    pub fn sync_handle(&self) -> SyncHandle {
        SyncHandle { file: Arc::clone(&self.file), path: self.path.clone() }
    }
}

impl SyncHandle {
    /// Waits until everything appended is on disk.
    pub fn sync(&self) -> Result<(), String> {
        self.file.sync_data().map_err(|error| at(&self.path, &error))
    }
}
