//! Changes of files that a crash leaves done or not done: what is new is on disk, with its name, before anything old goes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Ends that were cut off a file at one place and are kept.
const MAX_KEPT: u32 = 1000;

/// An error with its file.
fn about(path: &Path) -> impl Fn(io::Error) -> String {
    move |error| format!("{}: {error}", path.display())
}

/// The folder of a file.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), String> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(about(folder))
}

/// Makes a folder for new files. One that is there must be empty.
pub(crate) fn new_folder(path: &Path) -> Result<(), String> {
    match fs::read_dir(path).map(|mut entries| entries.next().is_none()) {
        Ok(true) => return Ok(()),
        Ok(false) => {
            return Err(format!("{}: it is there already and not empty; name a new folder", path.display()));
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(about(path)(error)),
        Err(_) => {}
    }
    fs::create_dir_all(path).map_err(about(path))?;
    sync_folder(folder_of(path))
}

/// A new file, written piece by piece. It is durable when it has been finished.
pub(crate) struct NewFile {
    path: PathBuf,
    file: File,
    /// Bytes so far.
    pub(crate) length: u64,
}

impl NewFile {
    /// Makes it; there must be none of this name.
    pub(crate) fn create(path: PathBuf) -> Result<Self, String> {
        let file = File::create_new(&path).map_err(about(&path))?;
        Ok(Self { path, file, length: 0 })
    }

    /// Appends bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.file.write_all(bytes).map_err(about(&self.path))?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Appends a part of another file.
    pub(crate) fn copy(&mut self, source: &Path, from: u64, until: u64) -> Result<(), String> {
        let mut file = File::open(source).map_err(about(source))?;
        file.seek(SeekFrom::Start(from)).map_err(about(source))?;
        let copied = io::copy(&mut file.take(until.saturating_sub(from)), &mut self.file);
        self.length += copied.map_err(about(&self.path))?;
        Ok(())
    }

    /// Makes content and name durable.
    pub(crate) fn finish(self) -> Result<(), String> {
        self.file.sync_all().map_err(about(&self.path))?;
        sync_folder(folder_of(&self.path))
    }
}

/// Copies the end of a file, from some place on, to a file beside it, and gives its path. Nothing is written over.
pub(crate) fn keep_end(path: &Path, from: u64, length: u64, ending: &str) -> Result<PathBuf, String> {
    let kept = free_name(path, &format!("{ending}-{from}"))?;
    let mut file = NewFile::create(kept.clone())?;
    let copied = file.copy(path, from, length).and_then(|()| file.finish());
    if copied.is_err() {
        // Half of it is of no use, and would be in the way of room for the next try.
        let _ = fs::remove_file(&kept);
    }
    copied.map(|()| kept)
}

/// Gives a file another name beside its own, under which nothing reads it, and gives that name.
pub(crate) fn set_aside(path: &Path, ending: &str) -> Result<PathBuf, String> {
    let kept = free_name(path, ending)?;
    fs::rename(path, &kept).map_err(about(path))?;
    sync_folder(folder_of(path))?;
    Ok(kept)
}

/// A name beside a file that nothing has.
fn free_name(path: &Path, ending: &str) -> Result<PathBuf, String> {
    let named = |ending: &str| {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{ending}"));
        path.with_file_name(name)
    };
    std::iter::once(named(ending))
        .chain((2..=MAX_KEPT).map(|number| named(&format!("{ending}-{number}"))))
        .find(|path| fs::symlink_metadata(path).is_err())
        .ok_or_else(|| format!("{}: there are too many files with .{ending}; move them away", path.display()))
}

/// Cuts a file.
pub(crate) fn truncate(path: &Path, length: u64) -> Result<(), String> {
    let cut = || {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(length)?;
        file.sync_all()
    };
    cut().map_err(about(path))
}

/// Gives a file new content: a new file beside it takes its place.
pub(crate) fn replace(path: &Path, content: &[u8]) -> Result<(), String> {
    let temporary = free_name(path, "new")?;
    let mut file = NewFile::create(temporary.clone())?;
    file.write(content)?;
    file.finish()?;
    fs::rename(&temporary, path).map_err(about(path))?;
    sync_folder(folder_of(path))
}
