//! The append-only file on disk: folder, manifest, increments.
//!
//! Only the journal's thread changes these files once the server runs. The manifest is replaced by writing a temporary
//! file, syncing it, renaming it over the old one and syncing the folder, so that at any moment the manifest on disk
//! names files that exist.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use node::Loader;
use persist::aof::{Manifest, ManifestEntry, Reader};
use tracing::{info, warn};

/// Bytes read at once while loading.
const READ_STEP: usize = 4 * 1024 * 1024;
/// Bytes between two lines about the progress of loading.
const PROGRESS_STEP: u64 = 256 * 1024 * 1024;

/// The folder and what its manifest says.
pub struct AofFolder {
    folder: PathBuf,
    prefix: String,
    manifest: Manifest,
}

/// The increment that is written to.
pub struct Increment {
    file: File,
    /// Bytes that are known to be whole commands.
    pub length: u64,
    path: PathBuf,
}

impl AofFolder {
    /// Opens the folder, which is made if it is not there, and reads the manifest.
    pub fn open(directory: &Path, folder: &str, prefix: &str) -> Result<Self, String> {
        let folder = directory.join(folder);
        fs::create_dir_all(&folder).map_err(|error| at(&folder, &error))?;
        let mut opened = Self { folder, prefix: prefix.to_owned(), manifest: Manifest::default() };
        let path = opened.manifest_path();
        match fs::read_to_string(&path) {
            Ok(text) => {
                opened.manifest = Manifest::parse(&text).map_err(|reason| {
                    format!("{}: {reason}. Restore the manifest from a backup, or write one that names the files in {}", path.display(), opened.folder.display())
                })?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(at(&path, &error)),
        }
        Ok(opened)
    }

    /// Runs the commands of all files. Returns how many there were.
    pub fn load(&mut self, loader: &mut Loader<'_>, cut_torn_tail: bool) -> Result<u64, String> {
        let entries: Vec<ManifestEntry> = self.manifest.data().cloned().collect();
        let mut commands = 0;
        for (index, entry) in entries.iter().enumerate() {
            let is_last = index + 1 == entries.len();
            commands += self.load_file(entry, loader, is_last && cut_torn_tail)?;
        }
        Ok(commands)
    }

    fn load_file(
        &self,
        entry: &ManifestEntry,
        loader: &mut Loader<'_>,
        may_be_torn: bool,
    ) -> Result<u64, String> {
        let path = self.folder.join(&entry.name);
        let mut file = File::open(&path).map_err(|error| at(&path, &error))?;
        let length = file.metadata().map_err(|error| at(&path, &error))?.len();
        let (mut reader, mut pending) = (Reader::new(0), Vec::new());
        let (mut commands, mut read, mut told) = (0, 0, 0);
        loop {
            let old = pending.len();
            pending.resize(old + READ_STEP, 0);
            let count = file.read(&mut pending[old..]).map_err(|error| at(&path, &error))?;
            pending.truncate(old + count);
            read += count as u64;
            if count == 0 {
                break;
            }
            let consumed = reader
                .read(&pending, &mut |buffer, ranges| {
                    commands += 1;
                    loader.apply(buffer, ranges)
                })
                .map_err(|damage| {
                    format!(
                        "{}: {damage}. Nothing has been changed. Restore the file from a backup, or cut it at byte {} to keep what lies before",
                        path.display(), reader.applied()
                    )
                })?;
            pending.drain(..consumed);
            if read - told >= PROGRESS_STEP {
                told = read;
                info!("loading {}: {} of {} MB", entry.name, read >> 20, length >> 20);
            }
        }
        if reader.applied() < length {
            Self::cut(&path, reader.applied(), length, may_be_torn)?;
        }
        Ok(commands)
    }

    /// The last file ends inside a command or a transaction, as a crash leaves it: what lies behind the last whole one
    /// is kept in a file of its own and cut off.
    fn cut(path: &Path, whole: u64, length: u64, allowed: bool) -> Result<(), String> {
        if !allowed {
            return Err(format!(
                "{}: at byte {whole}: the file ends inside a command. Set aof-load-truncated yes to cut it there",
                path.display()
            ));
        }
        let kept = path.with_extension(format!("torn-{whole}"));
        fs::copy(path, &kept).map_err(|error| at(&kept, &error))?;
        let file = OpenOptions::new().write(true).open(path).map_err(|error| at(path, &error))?;
        file.set_len(whole).and_then(|()| file.sync_all()).map_err(|error| at(path, &error))?;
        warn!(
            "{}: cut from {length} to {whole} bytes, behind the last whole command; the file as it was is {}",
            path.display(),
            kept.display()
        );
        Ok(())
    }

    /// The increment to go on with: the last one, or a first.
    pub fn continue_increment(&mut self) -> Result<Increment, String> {
        match self.manifest.increments().last() {
            Some(entry) => self.open_increment(&entry.name.clone()),
            None => self.next_increment(),
        }
    }

    /// Begins a new increment and names it in the manifest.
    pub fn next_increment(&mut self) -> Result<Increment, String> {
        let entry = ManifestEntry::increment(&self.prefix, self.manifest.next_sequence());
        let name = entry.name.clone();
        let increment = self.open_increment(&name)?;
        let mut manifest = self.manifest.clone();
        manifest.entries.push(entry);
        self.replace_manifest(manifest)?;
        Ok(increment)
    }

    /// The number of the last increment.
    pub fn last_sequence(&self) -> u64 {
        self.manifest.increments().last().map_or(0, |entry| entry.sequence)
    }

    /// Makes a finished file the base; increments before `first_kept` are in it, and go.
    pub fn install_base(&mut self, temporary: &str, first_kept: u64) -> Result<(), String> {
        let base = ManifestEntry::base(&self.prefix, self.manifest.next_sequence(), false);
        let (from, to) = (self.folder.join(temporary), self.folder.join(&base.name));
        fs::rename(&from, &to).map_err(|error| at(&to, &error))?;
        let mut manifest = Manifest { entries: vec![base] };
        manifest
            .entries
            .extend(self.manifest.increments().filter(|entry| entry.sequence >= first_kept).cloned());
        let old = std::mem::replace(&mut self.manifest, manifest.clone());
        if let Err(error) = self.replace_manifest(manifest.clone()) {
            self.manifest = old;
            return Err(error);
        }
        for entry in old.entries.iter().filter(|entry| !manifest.entries.contains(entry)) {
            let path = self.folder.join(&entry.name);
            if let Err(error) = fs::remove_file(&path) {
                warn!("{}: an old file cannot be removed: {error}", path.display());
            }
        }
        Ok(())
    }

    /// A file for a new base.
    pub fn temporary_base(folder: &Path) -> (PathBuf, String) {
        let name = format!("temp-rewriteaof-{}.aof", std::process::id());
        (folder.join(&name), name)
    }

    /// Bytes of all files that hold data.
    pub fn data_bytes(&self) -> u64 {
        let length =
            |entry: &ManifestEntry| fs::metadata(self.folder.join(&entry.name)).map_or(0, |data| data.len());
        self.manifest.data().map(length).sum()
    }

    /// Whether there is something to load.
    pub fn has_data(&self) -> bool {
        self.manifest.data().next().is_some()
    }

    fn open_increment(&self, name: &str) -> Result<Increment, String> {
        let path = self.folder.join(name);
        let file =
            OpenOptions::new().create(true).append(true).open(&path).map_err(|error| at(&path, &error))?;
        let length = file.metadata().map_err(|error| at(&path, &error))?.len();
        Ok(Increment { file, length, path })
    }

    fn replace_manifest(&mut self, manifest: Manifest) -> Result<(), String> {
        let path = self.manifest_path();
        let temporary = self.folder.join(format!("temp-{}.aof.manifest", self.prefix));
        let write = || -> io::Result<()> {
            let mut file = File::create(&temporary)?;
            file.write_all(manifest.format().as_bytes())?;
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
            File::open(&self.folder)?.sync_all()
        };
        write().map_err(|error| at(&path, &error))?;
        self.manifest = manifest;
        Ok(())
    }

    fn manifest_path(&self) -> PathBuf {
        self.folder.join(format!("{}.manifest", self.prefix))
    }
}

impl Increment {
    /// Appends whole commands. After an error the file is as it was before.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), String> {
        if let Err(error) = self.file.write_all(bytes) {
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

    /// Waits until everything appended is on disk.
    pub fn sync(&mut self) -> Result<(), String> {
        self.file.sync_data().map_err(|error| at(&self.path, &error))
    }
}

/// An error with its file.
pub fn at(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}
