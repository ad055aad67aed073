//! Leases: who comes back for increments that are history, for incremental backups.
//!
//! A lease begins when somebody first says that he will come back, and is renewed only when he says that he has
//! what there was: who fails every time keeps nothing for ever. What nobody wants any more is deleted in the step
//! that ends the last lease on it.

use stdx::time::UnixMs;

use super::super::manifest::{FileKind, Lease, MAX_LEASES, Manifest, ManifestEntry};
use super::{Files, FilesError};

/// What leases keep.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// How many there are.
    pub leases: usize,
    /// Increments that are kept for them alone.
    pub files: usize,
    /// Bytes of these.
    pub bytes: u64,
}

impl Files {
    /// The increments that are history and are kept, in order.
    pub fn history(&self) -> Vec<&ManifestEntry> {
        let mut kept: Vec<_> = self.manifest.history().filter(|entry| self.is_kept(entry)).collect();
        kept.sort_by_key(|entry| entry.sequence);
        kept
    }

    /// How many leases there are.
    pub fn leases(&self) -> usize {
        self.manifest.leases.len()
    }

    /// How much is kept.
    pub fn kept(&self) -> Result<Kept, FilesError> {
        let mut kept = Kept { leases: self.manifest.leases.len(), ..Kept::default() };
        for entry in self.history() {
            kept.files += 1;
            kept.bytes += self.folder.length(&entry.name)?.unwrap_or(0);
        }
        Ok(kept)
    }

    /// Somebody comes back for what is appended from now on, until a time. If he has a lease, it stays as it is. If too
    /// many have one, the one that would end first gives way: gives the name of its owner.
    pub fn keep(&mut self, name: &str, until: UnixMs) -> Result<Option<String>, FilesError> {
        let mut manifest = self.manifest.clone();
        if manifest.leases.iter().any(|lease| lease.name == name) {
            return Ok(None);
        }
        let is_crowded = manifest.leases.len() >= MAX_LEASES;
        let leases = manifest.leases.iter().enumerate().filter(|_| is_crowded);
        let first = leases.min_by_key(|(_, lease)| lease.until).map(|(at, _)| at);
        let gone = first.map(|at| manifest.leases.remove(at).name);
        let from = manifest.last_sequence(FileKind::Increment);
        manifest.leases.push(Lease { name: name.to_owned(), until, from });
        self.replace_leases(manifest)?;
        Ok(gone)
    }

    /// He has everything before an increment, and comes back for the rest until a time. It counts too if his lease has
    /// ended meanwhile and nothing of the rest has gone.
    pub fn pass_on(&mut self, renewed: Lease) -> Result<(), FilesError> {
        let mut manifest = self.manifest.clone();
        let is_there = |entry: &ManifestEntry| {
            entry.sequence == renewed.from && entry.kind != FileKind::Base && self.is_increment(entry)
        };
        if let Some(lease) = manifest.leases.iter_mut().find(|lease| lease.name == renewed.name) {
            let from = lease.from.max(renewed.from);
            *lease = Lease { from, ..renewed };
        } else if manifest.leases.len() < MAX_LEASES && manifest.entries.iter().any(is_there) {
            manifest.leases.push(renewed);
        }
        self.replace_leases(manifest)
    }

    /// Ends the leases that are over; gives the names of those who had one.
    pub fn end_leases(&mut self, now: UnixMs) -> Result<Vec<String>, FilesError> {
        self.end_where(|lease| lease.until < now)
    }

    /// Ends all leases, for want of room.
    pub fn end_all_leases(&mut self) -> Result<Vec<String>, FilesError> {
        if !self.manifest.leases.is_empty() {
            // There may be no room for a manifest before there is this; its lines may name what has gone.
            for entry in self.history() {
                self.folder.remove(&entry.name)?;
            }
        }
        self.end_where(|_| true)
    }

    /// Ends the leases that keep more files, or more bytes, than may be.
    pub fn end_leases_beyond(&mut self, files: usize, bytes: u64) -> Result<Vec<String>, FilesError> {
        let (mut files, mut bytes, mut lost) = (files, bytes, None);
        for entry in self.history().into_iter().rev() {
            let length = self.folder.length(&entry.name)?.unwrap_or(0);
            let left = (files.checked_sub(1), bytes.checked_sub(length));
            let (Some(files_left), Some(bytes_left)) = left else {
                lost = Some(entry.sequence);
                break;
            };
            (files, bytes) = (files_left, bytes_left);
        }
        self.end_where(|lease| lost.is_some_and(|lost| lease.from <= lost))
    }

    fn end_where(&mut self, is_over: impl Fn(&Lease) -> bool) -> Result<Vec<String>, FilesError> {
        let mut manifest = self.manifest.clone();
        let ended: Vec<Lease> = manifest.leases.extract_if(.., |lease| is_over(lease)).collect();
        self.replace_leases(manifest)?;
        Ok(ended.into_iter().map(|lease| lease.name).collect())
    }

    fn replace_leases(&mut self, manifest: Manifest) -> Result<(), FilesError> {
        if manifest == self.manifest {
            return Ok(());
        }
        self.replace(manifest)?;
        self.delete_history()
    }

    /// Whether somebody wants a file that is history.
    pub(super) fn is_kept(&self, entry: &ManifestEntry) -> bool {
        let from = self.manifest.leases.iter().map(|lease| lease.from).min();
        self.is_increment(entry) && from.is_some_and(|from| entry.sequence >= from)
    }

    /// Whether it is one, or was one before it became history.
    fn is_increment(&self, entry: &ManifestEntry) -> bool {
        entry.name == ManifestEntry::increment(&self.prefix, entry.sequence).name
    }
}
