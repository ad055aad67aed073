//! The file of checksums beside a manifest, whose own lines stay as Redis writes them.
//!
//! It holds what the manifest says in the checked form of that (`manifest/text.rs`): with the checksum of the text, and
//! with what the base is known by, and where increments end to which nobody writes any more. So a bit that has changed
//! in either of the two is found, and the manifest can be written anew.
//!
//! ```text
//!   appendonly.aof.manifest              appendonly.aof.manifest.checksums
//!   file a.2.base.rdb seq 2 type b       file a.2.base.rdb seq 2 type b bytes 1234 tail 00c0ffee
//!   file a.2.incr.aof seq 2 type i       file a.2.incr.aof seq 2 type i bytes 567 batch 41 link 89ab01cd
//!   file a.3.incr.aof seq 3 type i       file a.3.incr.aof seq 3 type i
//!                                        #before 01234567            CRC-32C of the manifest before this one
//!                                        #crc 89abcdef
//! ```
//! It is put in its place, durably, before the manifest is. In between the manifest is still the one before, which the
//! line `#before` tells. If the increment that the step has added holds data, the step has come to its end, and the
//! manifest before counts no more.
//!
//! Redis and Valkey know nothing of it, and leave it behind when they write manifests of their own. A manifest that is
//! none of the two counts if it is what they make of the one that is noted: they append increments with higher numbers,
//! or put another base in the place of all; they write no comments, and names and numbers fit each other. No changed
//! bit and no lost line looks like that: a line more, or the same change of a name and of its number, would be needed.
//! Everything else is refused.

use std::io;
use std::path::{Path, PathBuf};

use disk::Disk;
use stdx::checksum::crc32c;

use super::files::FilesError;
use super::folder::holds_data;
use super::manifest::{FileKind, LEASE, Manifest, ManifestEntry, ManifestError, with_checksum};

/// How its name ends, behind that of the manifest.
const ENDING: &str = ".checksums";
/// How the line begins that tells the manifest before.
const BEFORE: &str = "#before ";

/// What is said of a manifest that is none of those that are noted, nor follows on them.
const CHANGED: &str = "it is not what its file of checksums says (the same name and .checksums), and not what another server makes of that. \
                       `rustypotato-check --fix` brings that back; if it was changed on purpose, remove the file of checksums";
/// What is said of a file of checksums that cannot be read.
const DAMAGED: &str =
    "the file is damaged. If the manifest beside it is sound, `rustypotato-check --fix` removes it";

/// See the module's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checksums {
    /// What the manifest says, or is about to say.
    pub manifest: Manifest,
    /// The CRC-32C of the manifest that it takes the place of, if there is one.
    pub before: Option<u32>,
}

/// The manifest of a set, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// What it says, with what the files are known by.
    pub manifest: Manifest,
    /// Whether the file of checksums says the same.
    pub is_noted: bool,
}

impl Checksums {
    /// Where it is, by the path of the manifest.
    pub fn beside(manifest: &Path) -> PathBuf {
        manifest.with_file_name(name_beside(&name_of(manifest)))
    }

    /// Reads it; none if it is damaged.
    pub fn parse(text: &str) -> Option<Self> {
        let manifest = Manifest::parse_checked(text).ok()?;
        let before = match text.lines().find_map(|line| line.strip_prefix(BEFORE)) {
            Some(checksum) => Some(u32::from_str_radix(checksum, 16).ok()?),
            None => None,
        };
        Some(Self { manifest, before })
    }

    /// Its text.
    pub fn format(&self) -> String {
        let mut text = self.manifest.text(true);
        if let Some(before) = self.before {
            text.push_str(&format!("{BEFORE}{before:08x}\n"));
        }
        with_checksum(text)
    }

    /// What the text of a manifest says; none if it is not to be trusted.
    pub fn check(&self, text: &str) -> Result<Option<Checked>, ManifestError> {
        if text == self.manifest.format() {
            return Ok(Some(Checked { manifest: self.manifest.clone(), is_noted: true }));
        }
        let manifest = Manifest::parse(text)?;
        let is_before = self.before == Some(checksum(text));
        // Within a line it was one, before the end of the line above was lost.
        let has_comments = text.lines().any(|line| line.starts_with('#') || line.contains(LEASE));
        if !is_before && (has_comments || !self.is_followed_by(&manifest)) {
            return Ok(None);
        }
        let entries = manifest.entries.into_iter().map(|entry| {
            let noted = self.noted(&entry);
            let (fingerprint, end) = noted.map_or((None, None), |noted| (noted.fingerprint, noted.end));
            ManifestEntry { fingerprint, end, ..entry }
        });
        let manifest = Manifest { entries: entries.collect(), ..manifest };
        Ok(Some(Checked { manifest, is_noted: false }))
    }

    /// Whether another server may have written this after the files that are noted. It changes no name, and gives
    /// no number of an increment twice.
    fn is_followed_by(&self, other: &Manifest) -> bool {
        let noted = &self.manifest;
        let has_new_base = match (noted.base(), other.base()) {
            (Some(old), Some(new)) if old.name == new.name => false,
            (Some(_), None) => return false,
            (None, None) => false,
            (_, Some(_)) => true,
        };
        let is_kept = |entry: &ManifestEntry| other.data().any(|kept| kept.name == entry.name);
        let fits = |entry: &ManifestEntry| match self.noted(entry) {
            Some(old) => {
                let is_replaced = has_new_base && entry.kind == FileKind::History;
                old.sequence == entry.sequence && (old.kind == entry.kind || is_replaced)
            }
            None => ManifestEntry::of_name(&entry.name).is_some_and(|(_, named)| {
                let is_of_kind = named.kind == entry.kind || entry.kind == FileKind::History;
                let last = noted.last_sequence(named.kind);
                let is_new = named.kind == FileKind::Base || entry.sequence > last;
                is_of_kind && named.sequence == entry.sequence && is_new
            }),
        };
        other.entries.iter().all(fits) && (has_new_base || noted.data().all(is_kept))
    }

    /// Whether there is data in an increment that is noted and that a manifest with the same base does not name.
    fn has_gone_on_from(&self, other: &Manifest, disk: &Disk, path: &Path) -> Result<bool, FilesError> {
        if self.manifest.base().map(|base| &base.name) != other.base().map(|base| &base.name) {
            return Ok(false);
        }
        let is_named = |entry: &&ManifestEntry| other.entries.iter().any(|named| named.name == entry.name);
        for entry in self.manifest.increments().filter(|entry| !is_named(entry)) {
            let path = path.with_file_name(&entry.name);
            if holds_data(disk, &path).map_err(|error| FilesError::Io(entry.name.clone(), error))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn noted(&self, entry: &ManifestEntry) -> Option<&ManifestEntry> {
        self.manifest.entries.iter().find(|noted| noted.name == entry.name)
    }
}

impl Manifest {
    /// Reads the manifest of a set and what stands beside it; none if there is no manifest.
    pub fn read(disk: &Disk, path: &Path) -> Result<Option<Checked>, FilesError> {
        let read = |path: &Path| text(disk, path).map_err(|error| FilesError::Io(name_of(path), error));
        let Some(text) = read(path)? else { return Ok(None) };
        let damaged = |error| FilesError::Manifest(name_of(path), error);
        let (told, beside) = (Self::parse_either(&text), Checksums::beside(path));
        // A checked form needs nothing beside it; what stands there is of a set before.
        let is_checked = matches!(told, Ok((_, true)));
        let noted = if is_checked { None } else { read(&beside)? };
        let Some(noted) = noted else {
            let (manifest, _) = told.map_err(damaged)?;
            return Ok(Some(Checked { manifest, is_noted: false }));
        };
        let complain = |path, reason| FilesError::Checksums(name_of(path), reason);
        let noted = Checksums::parse(&noted).ok_or_else(|| complain(&beside, DAMAGED))?;
        match noted.check(&text).map_err(damaged)? {
            Some(checked) if !noted.has_gone_on_from(&checked.manifest, disk, path)? => Ok(Some(checked)),
            _ => Err(complain(path, CHANGED)),
        }
    }
}

/// The name of the file of checksums of a manifest.
pub fn name_beside(manifest: &str) -> String {
    format!("{manifest}{ENDING}")
}

/// The text of a file, if there is one.
pub(super) fn text(disk: &Disk, path: &Path) -> io::Result<Option<String>> {
    Ok(match disk.length(path)? {
        Some(_) => Some(String::from_utf8_lossy(&disk.read(path)?).into_owned()),
        None => None,
    })
}

/// The checksum of a manifest's text.
pub(super) fn checksum(text: &str) -> u32 {
    crc32c(text.as_bytes())
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
