//! The snapshot with which a replica begins: cut by the persistence thread, written by the saver thread.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use disk::{Disk, DiskFile};
use engine::replication::Content;
use keyspace::LogPosition;
use node::Image;

use super::{Replication, SECOND_NS};
use crate::progress::KeyProgress;
use crate::snapshot_file::{self, Form, Manner, Place, Watch};

/// A file that has been written and has no name.
pub struct Written {
    /// The file.
    pub file: Arc<DiskFile>,
    /// Its bytes.
    pub length: u64,
}

impl Replication {
    /// Whether a snapshot is to begin.
    pub fn wants_snapshot(&self, now_ns: u64) -> bool {
        let state = self.state.lock();
        now_ns >= state.next_snapshot_ns && state.primary.wants_snapshot()
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

    /// The snapshot has been written, or could not be. Replicas that are closed come back at once, and what has failed would most likely
    /// fail again, so the next one has to wait then.
    pub fn end_snapshot(&self, written: Option<&Written>, now_ns: u64) {
        let mut state = self.state.lock();
        if written.is_none() && !self.given_up.load(Ordering::Acquire) {
            state.next_snapshot_ns = now_ns.saturating_add(SECOND_NS);
        }
        let notes = state.primary.written(written.is_some());
        self.deliver(&mut state, notes, written);
        if state.primary.is_alone() {
            state.alone_since_ns = now_ns;
        }
        state.tell();
    }

    /// Nobody wants the snapshot that is being written any more: the server ends.
    pub fn give_up(&self) {
        self.given_up.store(true, Ordering::Release);
    }
}

/// Writes an image into a file that has this name for a moment.
pub fn write(
    (replication, disk): (&Replication, &Disk),
    path: &Path,
    (image, content): (Image, Content),
    form: Form,
    manner: Manner,
) -> Result<Written, String> {
    let (file, reader) = disk.create_nameless(path).map_err(|error| snapshot_file::not_made(path, &error))?;
    let mut written = 0;
    let fill = || {
        match content {
            Content::All => {
                let progress = KeyProgress::default();
                let watch = Watch { given_up: &replication.given_up, progress: &progress };
                let place = Place::beside(disk, path);
                snapshot_file::fill((&file, place), &mut written, image, form, manner, watch)?;
            }
            Content::Libraries => file.append(&snapshot_file::without_keys(&image, form, true))?,
            Content::Nothing => file.append(&snapshot_file::without_keys(&image, form, false))?,
        }
        reader.length()
    };
    let length = fill().map_err(|error| snapshot_file::not_filled(path, written, &error))?;
    Ok(Written { file: Arc::new(reader), length })
}
