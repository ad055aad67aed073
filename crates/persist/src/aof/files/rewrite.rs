//! A rewrite: a snapshot becomes the new base, and the files that it stands for are deleted.
//!
//! It begins with an increment for what comes behind the snapshot. Where the append-only file was off until now, no
//! manifest may name that before the base is there: it would follow on what is old.

use stdx::number::parse_u64;

use super::super::manifest::{FileKind, Manifest, ManifestEntry};
use super::{Files, FilesError};

/// How the names of its unfinished files begin; the number of the base or this word follows, and the name of the set.
const REWRITE: &str = "temp-rewriteaof-";
const INCREMENT: &str = "increment";

/// A rewrite in progress.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rewrite {
    /// It began with the increment of this number; those before it are in the snapshot.
    Continued(u64),
    /// It began without anything before it; its increment has a temporary name.
    Anew,
}

impl Files {
    /// A snapshot is being taken: the name of the increment that begins behind it. What was appended before must be
    /// durable.
    pub fn begin_rewrite(&mut self) -> Result<String, FilesError> {
        let name = self.add_increment()?;
        self.rewrite = Some(Rewrite::Continued(self.last_increment));
        Ok(name)
    }

    /// As [`Files::begin_rewrite`], when the append-only file was off until now: what the files hold is old, and the
    /// increment does not follow on it. Until the snapshot is there the manifest stays as it is.
    pub fn begin_anew(&mut self) -> Result<String, FilesError> {
        let name = self.temporary_increment();
        // Somebody may still write to the one of a rewrite that failed.
        self.folder.remove(&name)?;
        self.create(&name)?;
        self.rewrite = Some(Rewrite::Anew);
        Ok(name)
    }

    /// Whether a rewrite has begun and not ended.
    pub fn is_rewriting(&self) -> bool {
        self.rewrite.is_some()
    }

    /// The name under which the new base is to be written.
    pub fn temporary_base(&self) -> String {
        format!("{REWRITE}{}.{}", self.last_base + 1, self.prefix)
    }

    /// The name of an increment that no manifest may name yet.
    fn temporary_increment(&self) -> String {
        format!("{REWRITE}{INCREMENT}.{}", self.prefix)
    }

    /// The snapshot stands in the file of the temporary name: it becomes the base, and what it holds is deleted. After
    /// an error everything is as it was, and this may be tried again.
    pub fn finish_rewrite(&mut self, temporary: &str, is_rdb: bool) -> Result<(), FilesError> {
        let rewrite = self.rewrite.expect("a rewrite has begun");
        let base = self.install_base(temporary, is_rdb)?;
        let leases = match rewrite {
            Rewrite::Continued(_) => self.manifest.leases.clone(),
            Rewrite::Anew => Vec::new(),
        };
        let mut manifest = Manifest { entries: vec![base], leases, seal: None };
        for entry in &self.manifest.entries {
            let follows = |first| entry.kind == FileKind::Increment && entry.sequence >= first;
            let is_kept = matches!(rewrite, Rewrite::Continued(first) if follows(first));
            let kind = if is_kept { FileKind::Increment } else { FileKind::History };
            manifest.entries.push(ManifestEntry { kind, ..entry.clone() });
        }
        if matches!(rewrite, Rewrite::Anew) {
            let entry = self.new_increment();
            let from = self.temporary_increment();
            self.folder.rename(&from, &entry.name)?;
            self.folder.sync_names()?;
            manifest.entries.push(entry);
        }
        self.replace(manifest)?;
        self.rewrite = None;
        self.delete_history()
    }

    /// The snapshot could not be written: the increments go on from the old base. If nobody has written or will write
    /// to the one that began with it, that is removed, so that rewrites that fail leave no more files each time.
    pub fn abandon_rewrite(&mut self, temporary: &str, is_unused: bool) {
        let rewrite = self.rewrite.take();
        // What stays is removed at the next start.
        let _ = self.folder.remove(temporary);
        if let (Some(Rewrite::Continued(sequence)), true) = (rewrite, is_unused) {
            // An empty file does no harm.
            let _ = self.remove_empty_increment(sequence);
        }
    }

    /// Whether a rewrite of this set writes under this name.
    pub(super) fn is_of_rewrite(&self, name: &str) -> bool {
        let rest = name.strip_prefix(REWRITE).and_then(|rest| rest.split_once('.'));
        rest.is_some_and(|(what, prefix)| {
            prefix == self.prefix && (what == INCREMENT || parse_u64(what.as_bytes()).is_some())
        })
    }
}
