//! What has been encoded of a list or stream before its turn.
//!
//! ```text
//!   encoded groups, as they come │ .. │ .. │ the last of them
//!   ───────── in a file without a name ─────────┤ in memory
//! ```
//! Its groups stand in the file of the data one behind the other, but workers encode them in the order in which they change them. In memory
//! those that wait would take as much as the value, so they wait on the disk: they are written once more and read again, but never
//! synced. If the disk does not take them, they wait in memory.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use disk::{Disk, DiskFile};

use super::LEAST_STEP;

/// Where a file without a name may be made.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    disk: &'a Disk,
    /// The file of the data.
    path: &'a Path,
}

/// See the module's text.
#[derive(Debug)]
pub struct Aside<'a> {
    place: Place<'a>,
    store: Store,
    /// Bytes that are in the store.
    stored: u64,
    /// Those that follow on them.
    recent: Vec<u8>,
    /// Where each group is.
    groups: Vec<Option<Range<u64>>>,
}

#[derive(Debug)]
enum Store {
    /// Nothing was too much for memory.
    None,
    /// A file, and the same to be read.
    Open(DiskFile, DiskFile),
    /// It takes no more; what is in it can be read.
    Full(Option<DiskFile>),
}

impl<'a> Place<'a> {
    /// Beside the file of the data.
    pub fn beside(disk: &'a Disk, path: &'a Path) -> Self {
        Self { disk, path }
    }

    /// A name that the file has for a moment.
    fn name(self) -> PathBuf {
        self.path.with_extension("aside")
    }
}

impl<'a> Aside<'a> {
    /// For so many groups.
    pub fn new(place: Place<'a>, groups: usize) -> Self {
        Self { place, store: Store::None, stored: 0, recent: Vec::new(), groups: vec![None; groups] }
    }

    /// Takes groups, each with the place where it ends in the bytes.
    pub fn keep(&mut self, ends: &[(usize, usize)], bytes: &[u8]) {
        let before = self.stored + self.recent.len() as u64;
        let mut start = before;
        for &(number, end) in ends {
            let end = before + end as u64;
            self.groups[number] = Some(start..end);
            start = end;
        }
        self.recent.extend_from_slice(bytes);
        if self.recent.len() >= LEAST_STEP {
            self.store();
        }
    }

    /// Whether a group is here.
    pub fn has(&self, number: usize) -> bool {
        self.groups[number].is_some()
    }

    /// Appends a group to a piece; false: it is not here.
    pub fn read(&self, number: usize, piece: &mut Vec<u8>) -> io::Result<bool> {
        let Some(Range { start, end }) = self.groups[number].clone() else { return Ok(false) };
        if let Some(at) = start.checked_sub(self.stored) {
            piece.extend_from_slice(&self.recent[at as usize..(end - self.stored) as usize]);
            return Ok(true);
        }
        let (Store::Open(_, file) | Store::Full(Some(file))) = &self.store else {
            unreachable!("what is stored is in a file")
        };
        let before = piece.len();
        piece.resize(before + (end - start) as usize, 0);
        file.read_exact_at(start, &mut piece[before..])?;
        Ok(true)
    }

    /// Puts what is in memory into the file, if there can be one.
    fn store(&mut self) {
        if matches!(self.store, Store::None) {
            let made = self.place.disk.create_nameless(&self.place.name());
            self.store = made.map_or(Store::Full(None), |(file, reader)| Store::Open(file, reader));
        }
        self.store = match std::mem::replace(&mut self.store, Store::None) {
            Store::Open(file, reader) if file.append(&self.recent).is_ok() => {
                self.stored += self.recent.len() as u64;
                self.recent.clear();
                Store::Open(file, reader)
            }
            // Nobody knows how much of it is in the file, so nothing can come behind that.
            Store::Open(_, reader) => Store::Full(Some(reader)),
            full => full,
        };
    }
}

#[cfg(test)]
impl Aside<'_> {
    /// Bytes that are not in the file.
    pub(super) fn bytes_in_memory(&self) -> usize {
        self.recent.len()
    }
}
