//! The log file. Whoever moves or removes it finds the next line in a new file of the same name, so logrotate needs no
//! signal; and with `logfile-max-size` the server rotates by itself: `log` becomes `log.1`, that `log.2`, and so on.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

/// See the module's text.
pub struct LogFile {
    path: PathBuf,
    open: Mutex<File>,
    /// 0 = never rotated.
    max_bytes: AtomicU64,
    /// Files that are kept besides the one that is written.
    kept: AtomicU64,
}

impl LogFile {
    /// Opens a file to append to.
    pub fn open(path: &Path) -> io::Result<Self> {
        // The server's working directory may change after this.
        let path = std::path::absolute(path)?;
        let open = Mutex::new(append(&path)?);
        Ok(Self { path, open, max_bytes: AtomicU64::new(0), kept: AtomicU64::new(0) })
    }

    /// From now on the file is rotated before it grows beyond `max_bytes` (0 = never); `kept` old ones stay.
    pub fn rotate_at(&self, max_bytes: u64, kept: u64) {
        self.max_bytes.store(max_bytes, Ordering::Relaxed);
        self.kept.store(kept, Ordering::Relaxed);
    }

    /// Something that writes lines into the file.
    pub fn writer(self: &Arc<Self>) -> LineWriter {
        LineWriter(Arc::clone(self))
    }

    fn write_line(&self, line: &[u8]) -> io::Result<()> {
        let mut file = self.open.lock();
        if !is_at(&file, &self.path) {
            *file = append(&self.path)?;
        }
        let max_bytes = self.max_bytes.load(Ordering::Relaxed);
        if max_bytes > 0 {
            let size = file.metadata()?.len();
            if size > 0 && size + line.len() as u64 > max_bytes {
                self.shift()?;
                *file = append(&self.path)?;
            }
        }
        file.write_all(line)
    }

    /// Gives every file the name of the next older one; the oldest goes.
    fn shift(&self) -> io::Result<()> {
        let kept = self.kept.load(Ordering::Relaxed);
        for number in (1..kept).rev() {
            match fs::rename(self.numbered(number), self.numbered(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        if kept == 0 { fs::remove_file(&self.path) } else { fs::rename(&self.path, self.numbered(1)) }
    }

    fn numbered(&self, number: u64) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}

/// Writes a line in one piece.
pub struct LineWriter(Arc<LogFile>);

impl Write for LineWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_line(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Whether an open file is still the one that the path names.
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(open), Ok(named)) = (file.metadata(), fs::metadata(path)) else { return false };
    (open.dev(), open.ino()) == (named.dev(), named.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(path: &Path) -> String {
        fs::read_to_string(path).unwrap_or_default()
    }

    fn numbered(path: &Path, number: u64) -> String {
        content(&PathBuf::from(format!("{}.{number}", path.display())))
    }

    #[test]
    fn a_file_that_is_moved_away_is_followed_by_a_new_one() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let (path, moved) = (folder.path().join("log"), folder.path().join("old"));
        let log = Arc::new(LogFile::open(&path).expect("it can be opened"));
        log.writer().write_all(b"one\n").expect("it can be written");
        fs::rename(&path, &moved).expect("it can be moved");
        log.writer().write_all(b"two\n").expect("it can be written");
        assert_eq!((content(&moved).as_str(), content(&path).as_str()), ("one\n", "two\n"));
        fs::remove_file(&path).expect("it can be removed");
        log.writer().write_all(b"three\n").expect("it can be written");
        assert_eq!(content(&path), "three\n");
    }

    #[test]
    fn a_file_at_its_limit_is_numbered_and_the_oldest_goes() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("log");
        let log = Arc::new(LogFile::open(&path).expect("it can be opened"));
        log.rotate_at(10, 2);
        for line in ["aaaa\n", "bbbb\n", "cccc\n", "a line that is longer than the limit\n", "d\n"] {
            log.writer().write_all(line.as_bytes()).expect("it can be written");
        }
        assert_eq!(content(&path), "d\n");
        assert_eq!(numbered(&path, 1), "a line that is longer than the limit\n");
        assert_eq!(numbered(&path, 2), "cccc\n");
        assert_eq!(numbered(&path, 3), "", "only two are kept");
    }
}
