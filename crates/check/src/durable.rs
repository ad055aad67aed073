//! New files, and copies of what is to go: with their names they are on disk before anything depends on them.

use std::io;
use std::path::{Path, PathBuf};

use disk::{Disk, DiskFile, around};

/// Bytes copied at once.
const STEP: usize = 1 << 20;
/// Ends that were cut off a file at one place and are kept.
const MAX_KEPT: u32 = 1000;

/// An error with its file.
pub(crate) fn about(path: &Path) -> impl Fn(io::Error) -> String {
    move |error| format!("{}: {error}", path.display())
}

/// Makes a folder for new files, and those around it. One that is there must be empty.
pub(crate) fn new_folder(disk: &Disk, path: &Path) -> Result<(), String> {
    if disk.is_folder(path).map_err(about(path))? {
        let is_empty = disk.list(path).map_err(about(path))?.is_empty();
        return if is_empty {
            Ok(())
        } else {
            Err(format!("{}: it is there already and not empty; name a new folder", path.display()))
        };
    }
    if !disk.is_folder(around(path)).map_err(about(path))? {
        new_folder(disk, around(path))?;
    }
    disk.make_folder(path).map_err(about(path))
}

/// A new file, written piece by piece. It is durable when it has been finished.
pub(crate) struct NewFile {
    disk: Disk,
    path: PathBuf,
    file: DiskFile,
    /// Bytes so far.
    pub(crate) length: u64,
}

impl NewFile {
    /// Makes it; there must be none of this name.
    pub(crate) fn create(disk: &Disk, path: PathBuf) -> Result<Self, String> {
        if has_name(disk, &path)? {
            return Err(format!("{}: it is there already", path.display()));
        }
        let file = disk.create(&path).map_err(about(&path))?;
        Ok(Self { disk: disk.clone(), path, file, length: 0 })
    }

    /// Appends bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.file.append(bytes).map_err(about(&self.path))?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Appends a part of another file.
    pub(crate) fn copy(&mut self, source: &Path, from: u64, until: u64) -> Result<(), String> {
        let file = self.disk.open(source).map_err(about(source))?;
        let mut buffer = vec![0; STEP];
        let mut at = from;
        while at < until {
            let step = (until - at).min(STEP as u64) as usize;
            let count = file.read_at(at, &mut buffer[..step]).map_err(about(source))?;
            if count == 0 {
                break;
            }
            self.write(&buffer[..count])?;
            at += count as u64;
        }
        Ok(())
    }

    /// Makes content and name durable.
    pub(crate) fn finish(self) -> Result<(), String> {
        self.file.sync().map_err(about(&self.path))?;
        self.disk.sync_folder(around(&self.path)).map_err(about(&self.path))
    }
}

/// Copies the end of a file, from some place on, to a file beside it, and gives its path. Nothing is written over.
pub(crate) fn keep_end(disk: &Disk, path: &Path, from: u64, ending: &str) -> Result<PathBuf, String> {
    let kept = free_name(disk, path, &format!("{ending}-{from}"))?;
    let mut file = NewFile::create(disk, kept.clone())?;
    let copied = file.copy(path, from, u64::MAX).and_then(|()| file.finish());
    if copied.is_err() {
        // Half of it is of no use, and would be in the way of room for the next try.
        let _ = disk.remove(&kept);
    }
    copied.map(|()| kept)
}

/// Whether a folder has this name; it may be that of a link which leads nowhere.
fn has_name(disk: &Disk, path: &Path) -> Result<bool, String> {
    let names = disk.list(around(path)).map_err(about(path))?;
    let name = path.file_name().unwrap_or_default();
    Ok(names.iter().any(|other| other.as_str() == name))
}

/// A name beside a file that nothing has.
fn free_name(disk: &Disk, path: &Path, ending: &str) -> Result<PathBuf, String> {
    let named = |ending: &str| {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{ending}"));
        path.with_file_name(name)
    };
    for number in 1..=MAX_KEPT {
        let path = named(&if number == 1 { ending.to_owned() } else { format!("{ending}-{number}") });
        if !has_name(disk, &path)? {
            return Ok(path);
        }
    }
    Err(format!("{}: there are too many files with .{ending}; move them away", path.display()))
}

/// Gives a file new content: a new file beside it takes its place.
pub(crate) fn replace(disk: &Disk, path: &Path, content: &[u8]) -> Result<(), String> {
    let temporary = free_name(disk, path, "new")?;
    let mut file = NewFile::create(disk, temporary.clone())?;
    file.write(content)?;
    file.finish()?;
    disk.rename(&temporary, path).map_err(about(path))?;
    disk.sync_folder(around(path)).map_err(about(path))
}
