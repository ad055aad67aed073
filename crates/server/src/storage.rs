//! The folder of the append-only file on disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use persist::aof::Storage;

/// See the module's text.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder of this path, which is made if it is not there.
    pub fn open(path: PathBuf) -> io::Result<Self> {
        if !path.is_dir() {
            fs::create_dir(&path)?;
            sync_folder(around(&path))?;
        }
        Ok(Self { path })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

/// Opens a file of data or of users to read it. A folder is none, and neither is a pipe, which might keep us waiting for ever.
pub fn open_data(path: &Path) -> io::Result<File> {
    let kind = fs::metadata(path)?.file_type();
    if kind.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    #[cfg(unix)]
    if std::os::unix::fs::FileTypeExt::is_fifo(&kind) || std::os::unix::fs::FileTypeExt::is_socket(&kind) {
        return Err(io::Error::other("it is no file"));
    }
    File::open(path)
}

/// Makes the names in a folder durable.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// The folder that holds a file or folder.
pub fn around(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Gives a file new content: a new file beside it takes its place, so that a crash leaves the old one or the new one.
pub fn replace(path: &Path, content: &[u8]) -> Result<(), String> {
    let temporary = path.with_extension(format!("tmp-{}", std::process::id()));
    let write = || -> io::Result<()> {
        let mut file = File::create(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|error| {
        // It is of no use to anybody, and may not even be there.
        let _ = fs::remove_file(&temporary);
        at(path, &error)
    })
}

/// What the system says of an error, without the number that Rust puts behind it.
pub fn cause(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error ").next().unwrap_or(&text).to_owned()
}

/// An error with its file.
pub fn at(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

impl Storage for Folder {
    fn list(&mut self) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(&self.path)?.collect::<io::Result<Vec<_>>>()?;
        // A name that is no text is none of ours.
        Ok(entries.into_iter().filter_map(|entry| entry.file_name().into_string().ok()).collect())
    }

    fn length(&mut self, name: &str) -> io::Result<Option<u64>> {
        match fs::metadata(self.file(name)) {
            Ok(data) => Ok(Some(data.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read(&mut self, name: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        open_data(&self.file(name))?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        fs::write(self.file(name), bytes)
    }

    fn truncate(&mut self, name: &str, length: u64) -> io::Result<()> {
        OpenOptions::new().write(true).open(self.file(name))?.set_len(length)
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        File::open(self.file(name))?.sync_all()
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.file(from), self.file(to))
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.file(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        sync_folder(&self.path)
    }

    fn exists_outside(&mut self, name: &str) -> io::Result<bool> {
        Ok(around(&self.path).join(name).is_file())
    }

    fn move_inside(&mut self, name: &str) -> io::Result<()> {
        fs::rename(around(&self.path).join(name), self.file(name))?;
        sync_folder(&self.path)?;
        sync_folder(around(&self.path))
    }
}
