//! A backup is written: first its files, each durable when it ends, then the list under a name that does not count, and
//! when all names are durable, too, the list gets its final name. A power cut before that leaves no backup, and one
//! after it a whole one. The list's other name is there from the beginning: it keeps the names of the files for one of
//! several that are made at once, and what stands in it keeps the backup that this one follows on from being deleted.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use disk::{Disk, Lock, about, make_folders};
use stdx::time::UnixMs;

use crate::compression::Compression;
use crate::inspector::Inspector;
use crate::list::{BEGUN, ENDING, File, Kind, List, Place, Role};
use crate::moment;
use crate::series::{Backup, Series, stored_name};
use crate::stored::StoredWriter;

/// Backups that are begun within a second, at most.
const MAX_WITHIN_SECOND: u32 = 1000;

/// Where the files come from.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The version of the server.
    pub server: String,
    /// The name of the folder of its files, and how their names begin.
    pub set: (String, String),
    /// What time it is.
    pub now: UnixMs,
}

/// See the module's text. What has been written is removed again if it is dropped before it is finished.
pub struct Writer {
    disk: Disk,
    folder: PathBuf,
    id: String,
    list: List,
    inspector: Inspector,
    open: Option<StoredWriter>,
    /// What to remove if nothing comes of it: first what reserves the name.
    written: Vec<PathBuf>,
    /// As long as this is here others see that the backup is being made, and was not given
    /// up by a process that was killed.
    _claim: Option<Lock>,
    has_found_damage: bool,
}

impl Writer {
    /// Begins a backup in a folder, which is made if need be. An incremental one follows on a place.
    pub fn begin(
        disk: &Disk,
        folder: &Path,
        kind: Kind,
        origin: Origin,
        compression: Compression,
        after: Option<Place>,
    ) -> Result<Self, String> {
        if after.as_ref().is_some_and(|after| !after.is_distinct()) {
            return Err("nothing can follow on a backup that ends before the first batch".to_owned());
        }
        make_folders(disk, folder)?;
        let id = reserve(disk, folder, kind, origin.now)?;
        let unfinished = unfinished(folder, &id);
        // Whoever looks at this very moment whether somebody has it takes it for one that was given up. Then this one
        // finds out at its end that what it follows on has gone.
        let claim = disk.lock(&unfinished).ok().flatten();
        let writer = Self {
            _claim: claim,
            written: vec![unfinished.clone()],
            disk: disk.clone(),
            folder: folder.to_owned(),
            id,
            inspector: Inspector::new(after.as_ref().map(|place| place.chain), None),
            list: List {
                kind,
                made: origin.now,
                server: origin.server,
                set: origin.set,
                compression,
                base: None,
                after,
                batches: None,
                end: None,
                files: Vec::new(),
            },
            open: None,
            has_found_damage: false,
        };
        disk.write(&unfinished, writer.list.format().as_bytes()).map_err(about(&unfinished))?;
        Ok(writer)
    }

    /// A file follows, from an offset on.
    pub fn begin_file(&mut self, role: Role, sequence: u64, name: &str, offset: u64) -> Result<(), String> {
        debug_assert!(self.open.is_none(), "the file before it has ended");
        let file = File {
            role,
            sequence,
            name: name.to_owned(),
            offset,
            length: 0,
            stored_length: 0,
            sha256: String::new(),
        };
        // Before its name becomes a path.
        file.check()?;
        let path = self.folder.join(stored_name(&self.id, name, &self.list));
        self.list.files.push(file);
        let open = StoredWriter::create(&self.disk, &path, self.list.compression);
        if !matches!(&open, Err(error) if error.kind() == ErrorKind::AlreadyExists) {
            self.written.push(path.clone());
        }
        self.open = Some(open.map_err(about(&path))?);
        self.inspector.begin(role, offset);
        Ok(())
    }

    /// Bytes of the file follow.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        let read = self.inspector.read(bytes);
        read.map_err(|reason| self.damage(&reason))?;
        let path = self.path();
        self.open.as_mut().expect("a file has begun").write(bytes).map_err(about(&path))
    }

    /// The file ends.
    pub fn end_file(&mut self) -> Result<(), String> {
        let end = self.inspector.end();
        end.map_err(|reason| self.damage(&reason))?;
        let path = self.path();
        let open = self.open.take().expect("a file has begun");
        let length = open.length;
        let (stored_length, sha256) = open.finish().map_err(about(&path))?;
        let file = self.list.files.last_mut().expect("a file has begun");
        *file = File { length, stored_length, sha256, ..file.clone() };
        Ok(())
    }

    /// Whether there was a batch.
    pub fn has_batches(&self) -> bool {
        self.inspector.has_batches()
    }

    /// Whether what was to be written cannot be loaded, or does not follow on what it was to follow on.
    pub fn has_found_damage(&self) -> bool {
        self.has_found_damage
    }

    /// Makes a backup of it.
    pub fn finish(mut self) -> Result<Backup, String> {
        self.list.batches = self.inspector.take_batches();
        self.list.base = self.inspector.base_until();
        let last = self.list.files.last().filter(|file| file.role == Role::Increment);
        self.list.end = last.map(|file| Place {
            chain: self.inspector.chain(),
            sequence: file.sequence,
            offset: file.offset + file.length,
            name: file.name.clone(),
        });
        let text = self.list.format();
        List::parse(text.as_bytes()).map_err(|reason| format!("{}: {reason}", self.id))?;
        let path = self.folder.join(format!("{}{ENDING}", self.id));
        let unfinished = unfinished(&self.folder, &self.id);
        let prepare = || {
            self.disk.write(&unfinished, text.as_bytes())?;
            self.disk.sync(&unfinished)?;
            self.disk.sync_folder(&self.folder)
        };
        prepare().map_err(about(&unfinished))?;
        self.disk.rename(&unfinished, &path).map_err(about(&path))?;
        // From here on it is there; nobody knows whether a power cut would leave it if this fails.
        let written = std::mem::take(&mut self.written);
        self.disk.sync_folder(&self.folder).map_err(about(&self.folder))?;
        if let Err(reason) = self.check_those_before() {
            let taken_back = self.disk.rename(&path, &unfinished);
            if taken_back.and_then(|()| self.disk.sync_folder(&self.folder)).is_ok() {
                self.written = written;
            }
            return Err(reason);
        }
        Ok(Backup { id: self.id.clone(), list: self.list.clone() })
    }

    /// Whether all that it follows on is still there (see `pruning`).
    fn check_those_before(&self) -> Result<(), String> {
        if self.list.after.is_none() {
            return Ok(());
        }
        let series = Series::open(&self.disk, &self.folder)?;
        let chain = series.chain(series.find(&self.id)?)?;
        chain.into_iter().try_for_each(|backup| series.check_stored(&self.disk, backup))
    }

    fn path(&self) -> PathBuf {
        self.written.last().cloned().unwrap_or_default()
    }

    /// What comes from the server cannot be loaded.
    fn damage(&mut self, reason: &str) -> String {
        self.has_found_damage = true;
        let name = self.list.files.last().map_or("", |file| &file.name);
        format!("{name} of the server is damaged: {reason}. Look at it with rustypotato-check")
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.open = None;
        // The name is given up last: another backup may take it then.
        for path in self.written.iter().rev() {
            // What stays is no backup.
            let _ = self.disk.remove(path);
        }
    }
}

/// Sees that backups can be written to a folder, which is made if need be.
pub fn prepare(disk: &Disk, folder: &Path) -> Result<(), String> {
    make_folders(disk, folder)?;
    let path = folder.join("probe.unfinished");
    disk.create(&path).and_then(|_| disk.remove(&path)).map_err(about(&path))
}

/// The list until it counts.
fn unfinished(folder: &Path, id: &str) -> PathBuf {
    folder.join(format!("{id}{ENDING}{BEGUN}"))
}

/// How the names of the files are to begin: with the time, so that they stand in order, and as no other backup's do.
/// The list's other name keeps it.
fn reserve(disk: &Disk, folder: &Path, kind: Kind, now: UnixMs) -> Result<String, String> {
    let begin = format!("{}-{}", moment::compact(now), kind.name());
    for number in 1..=MAX_WITHIN_SECOND {
        let id = if number == 1 { begin.clone() } else { format!("{begin}-{number}") };
        let path = unfinished(folder, &id);
        match disk.create_new(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
            made => drop(made.map_err(about(&path))?),
        }
        // Whoever had it before has given it up, or has finished with it.
        let is_other = |name: &String| name.starts_with(&format!("{id}.")) && folder.join(name) != path;
        let is_free = disk.list(folder).map(|names| !names.iter().any(is_other));
        if matches!(is_free, Ok(true)) {
            return Ok(id);
        }
        let _ = disk.remove(&path);
        is_free.map_err(about(folder))?;
    }
    Err(format!("{}: there are too many backups of this second", folder.display()))
}
