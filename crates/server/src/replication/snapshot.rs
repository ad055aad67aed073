//! The snapshot with which a replica begins: cut by the persistence thread, written by the saver thread.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use disk::{Disk, DiskFile};
use engine::replication::Content;
use keyspace::LogPosition;
use node::Image;

use super::Replication;
use crate::clock;
use crate::progress::KeyProgress;
use crate::snapshot_file::{self, Form, Manner, Watch};

/// A file that has been written and has no name.
pub struct Written {
    /// The file.
    pub file: Arc<DiskFile>,
    /// Its bytes.
    pub length: u64,
}

impl Replication {
    /// Whether a snapshot is to begin.
    pub fn wants_snapshot(&self) -> bool {
        self.state.lock().primary.wants_snapshot()
    }

    /// A snapshot is being taken, and no worker is in a batch: what the log holds up to this place has been fed. Which data is wanted;
    /// `None`: nobody wants any more.
    pub fn cut(&self, position: LogPosition) -> Option<Content> {
        let mut state = self.state.lock();
        let start = state.primary.cut()?;
        self.given_up.store(false, Ordering::Release);
        self.is_fed.store(true, Ordering::Release);
        (state.position, state.over_soft_limit_since) = (position, None);
        self.deliver(&mut state, start.notes, None);
        state.tell();
        Some(start.content)
    }

    /// The snapshot has been written, or could not be.
    pub fn end_snapshot(&self, written: Option<&Written>) {
        let mut state = self.state.lock();
        let notes = state.primary.written(written.is_some());
        self.deliver(&mut state, notes, written);
        if state.primary.is_alone() {
            state.alone_since_ns = clock::monotonic_ns();
        }
        state.tell();
    }

    /// Nobody wants the snapshot that is being written any more: the server ends.
    pub fn give_up(&self) {
        self.given_up.store(true, Ordering::Release);
    }
}

/// Writes an image into a file of this name, which goes at once.
pub fn write(
    (replication, disk): (&Replication, &Disk),
    path: &Path,
    (image, content): (Image, Content),
    form: Form,
    manner: Manner,
) -> Result<Written, String> {
    match content {
        Content::All => {
            let progress = KeyProgress::default();
            let watch = Watch { given_up: &replication.given_up, progress: &progress };
            snapshot_file::write(disk, path, image, form, manner, watch)?;
        }
        Content::Libraries => write_libraries(disk, path, &image, form, true)?,
        Content::Nothing => write_libraries(disk, path, &image, form, false)?,
    }
    let opened = open(disk, path).map_err(|error| format!("{}: {error}", path.display()));
    let removed = disk.remove(path).map_err(|error| format!("{}: {error}", path.display()));
    opened.and_then(|written| removed.map(|()| written))
}

fn open(disk: &Disk, path: &Path) -> io::Result<Written> {
    let file = disk.open(path)?;
    let length = file.length()?;
    Ok(Written { file: Arc::new(file), length })
}

/// Writes the libraries of functions alone, or nothing at all.
fn write_libraries(
    disk: &Disk,
    path: &Path,
    image: &Image,
    form: Form,
    has_libraries: bool,
) -> Result<(), String> {
    let bytes = snapshot_file::without_keys(image, form, has_libraries);
    disk.write(path, &bytes).map_err(|error| format!("{}: {error}", path.display()))
}
