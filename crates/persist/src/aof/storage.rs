//! What an append-only file needs of a file system.
//!
//! The server implements it with real files, the tests with two images in memory: the live one, and the one that a
//! power cut leaves. An implementation must not promise more than it keeps: after [`Storage::sync`] the bytes of a file
//! survive a power cut, after [`Storage::sync_folder`] the names do, and nothing else does for sure.

use std::io;

/// A folder of files; names have no path.
pub trait Storage {
    /// The names of all files.
    fn list(&mut self) -> io::Result<Vec<String>>;
    /// A file's length in bytes; none if there is no such file.
    fn length(&mut self, name: &str) -> io::Result<Option<u64>>;
    /// A whole file. Only called for files that are small.
    fn read(&mut self, name: &str) -> io::Result<Vec<u8>>;
    /// Makes a file with this content, over whatever had its name.
    fn write(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// Cuts a file at a length.
    fn truncate(&mut self, name: &str, length: u64) -> io::Result<()>;
    /// Makes the content of a file durable.
    fn sync(&mut self, name: &str) -> io::Result<()>;
    /// Gives a file another name, at once and over whatever had that name.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file; it is no error if there is none.
    fn remove(&mut self, name: &str) -> io::Result<()>;
    /// Makes names durable.
    fn sync_folder(&mut self) -> io::Result<()>;
    /// Whether there is a file of this name in the folder around this one, where Redis 6 kept it.
    fn exists_outside(&mut self, name: &str) -> io::Result<bool>;
    /// Moves that file into the folder; both folders' names are durable afterwards.
    fn move_inside(&mut self, name: &str) -> io::Result<()>;
}
