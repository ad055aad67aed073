//! The calls of an operating system that data files need, one method each.

use std::any::Any;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Files by their paths. Any call may fail, also with `Interrupted`, and then has done nothing.
pub trait System: fmt::Debug + Send + Sync {
    /// The names in a folder.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;
    /// A file's length in bytes; none if there is nothing of this path.
    fn length(&self, path: &Path) -> io::Result<Option<u64>>;
    /// Whether there is a folder of this path.
    fn is_folder(&self, path: &Path) -> io::Result<bool>;
    /// Opens a file to read it. A folder is none, and neither is a pipe, which might keep us waiting for ever.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn SystemFile>>;
    /// Opens a file, which is there, to append to it.
    fn open_to_append(&self, path: &Path) -> io::Result<Arc<dyn SystemFile>>;
    /// Makes an empty file, or empties the one that is there, to append to it.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn SystemFile>>;
    /// Makes an empty file to append to it; an error if something has its name already.
    fn create_new(&self, path: &Path) -> io::Result<Arc<dyn SystemFile>>;
    /// Gives a file the owner and the mode of another.
    fn take_after(&self, path: &Path, model: &Path) -> io::Result<()>;
    /// Makes a folder.
    fn create_folder(&self, path: &Path) -> io::Result<()>;
    /// Gives a file another path, at once and over whatever was there.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Gives a file a second path, where there is nothing.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
    /// Keeps a file or a folder from other processes that lock it, until the lock is dropped or the process ends;
    /// `WouldBlock`: one of them has it. None where nobody else can have it.
    fn lock(&self, path: &Path) -> io::Result<Option<Lock>>;
    /// The same beside others that share it: whoever has it to himself keeps them off, and they him.
    fn share(&self, path: &Path) -> io::Result<Option<Lock>>;
}

/// A lock that lasts until this is dropped.
#[derive(Debug)]
pub struct Lock(
    #[expect(dead_code, reason = "who has it is told when this is dropped")] pub(crate) Box<dyn Any + Send>,
);

/// A file that is open.
pub trait SystemFile: fmt::Debug + Send + Sync {
    /// Its length in bytes.
    fn length(&self) -> io::Result<u64>;
    /// Reads from a place on; returns how many bytes there were, at least one unless the file ends there.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize>;
    /// Adds bytes to the end; returns how many were taken.
    fn append(&self, bytes: &[u8]) -> io::Result<usize>;
    /// Cuts the end off.
    fn truncate(&self, length: u64) -> io::Result<()>;
    /// Makes the content durable. After an error nobody knows what is, whatever later calls say.
    fn sync(&self) -> io::Result<()>;
}
