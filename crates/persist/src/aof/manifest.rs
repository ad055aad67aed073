//! The manifest of a set: which files it has, what each is for, and what is known of them.
//! `text.rs` reads and writes it.

use stdx::time::UnixMs;

use super::batch::Chain;

mod text;

pub use text::ManifestError;
pub(super) use text::{LEASE, has_room_for, with_checksum};

/// Leases at a time.
pub const MAX_LEASES: usize = 16;

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// All data at one place in the log.
    Base,
    /// No longer needed; to be deleted.
    History,
    /// Commands after the base and the increments before it.
    Increment,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestEntry {
    /// The file's name inside the folder.
    pub name: String,
    /// Its number; bases and increments are counted on their own.
    pub sequence: u64,
    /// What it is for.
    pub kind: FileKind,
    /// What tells it from another file of its name, if that was noted.
    pub fingerprint: Option<Fingerprint>,
    /// Where it ends, if it is an increment to which nobody writes any more, and that was noted.
    pub end: Option<End>,
}

/// What a file is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint {
    /// Its bytes.
    pub length: u64,
    /// The CRC-32C of the last ones.
    pub tail: u32,
}

/// Where an increment ended when the next one took its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// Its bytes.
    pub length: u64,
    /// What the next batch had to follow on; its number is 0 if there had been no batch.
    pub chain: Chain,
}

impl End {
    /// What is said of a file that ends elsewhere. The chain is none if no batch was read, in it or before it behind
    /// the base: what is closed behind a new base may hold none, and follows on what the base has taken the place of.
    /// So its length alone tells then.
    pub fn complaint(&self, length: u64, chain: Option<Chain>) -> Option<String> {
        let is_other_chain = self.chain.number > 0 && chain.is_some_and(|chain| chain != self.chain);
        (self.length != length || is_other_chain).then(|| {
            let behind = chain.map_or(String::new(), |chain| format!(" behind batch {}", chain.number));
            format!(
                "it ends at byte {length}{behind}, and ended at byte {} behind batch {} when the next increment was begun: \
                 its end is lost, or another file is in its place",
                self.length, self.chain.number
            )
        })
    }
}

/// Somebody who makes backups comes back for the increments from a number on, although they are history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Who it is.
    pub name: String,
    /// Until when they are kept for him.
    pub until: UnixMs,
    /// The number of the first one.
    pub from: u64,
}

/// The files are a backup that was whole at a time, and nobody has appended to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// When it was begun, in unix seconds.
    pub started_s: i64,
    /// When it was sealed, in unix seconds.
    pub ended_s: i64,
    /// Bytes of the files that hold data, in the order in which they are loaded.
    pub lengths: Vec<u64>,
}

/// The files in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// In the order of the lines.
    pub entries: Vec<ManifestEntry>,
    /// Who wants what is history; not more than [`MAX_LEASES`].
    pub leases: Vec<Lease>,
    /// That they are a backup, if they are.
    pub seal: Option<Seal>,
}

impl Manifest {
    /// The base.
    pub fn base(&self) -> Option<&ManifestEntry> {
        self.entries.iter().find(|entry| entry.kind == FileKind::Base)
    }

    /// The increments in order.
    pub fn increments(&self) -> impl Iterator<Item = &ManifestEntry> {
        self.entries.iter().filter(|entry| entry.kind == FileKind::Increment)
    }

    /// Somebody writes to the last increment: where it ended once counts no more.
    pub fn open_last(&mut self) {
        let last = self.last_sequence(FileKind::Increment);
        let is_last =
            |entry: &&mut ManifestEntry| entry.kind == FileKind::Increment && entry.sequence == last;
        self.entries.iter_mut().filter(is_last).for_each(|entry| entry.end = None);
    }

    /// The files that hold data, in the order in which they are loaded.
    pub fn data(&self) -> impl Iterator<Item = &ManifestEntry> {
        self.base().into_iter().chain(self.increments())
    }

    /// Whether a file may end inside a command: only where nothing follows it. `holds_data`
    /// is asked of the files behind it.
    pub fn may_be_torn<E>(
        &self,
        name: &str,
        mut holds_data: impl FnMut(&str) -> Result<bool, E>,
    ) -> Result<bool, E> {
        for entry in self.data().skip_while(|entry| entry.name != name).skip(1) {
            if holds_data(&entry.name)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The length that a file of a sealed backup had; none if this is no such backup, or it is no file of it.
    pub fn sealed_length(&self, name: &str) -> Option<u64> {
        let lengths = &self.seal.as_ref()?.lengths;
        self.data().zip(lengths).find(|(entry, _)| entry.name == name).map(|(_, length)| *length)
    }

    /// The files that are no longer needed.
    pub fn history(&self) -> impl Iterator<Item = &ManifestEntry> {
        self.entries.iter().filter(|entry| entry.kind == FileKind::History)
    }

    /// The largest number of a file of this kind, 0 if there is none.
    pub fn last_sequence(&self, kind: FileKind) -> u64 {
        let of_kind = self.entries.iter().filter(|entry| entry.kind == kind);
        of_kind.map(|entry| entry.sequence).max().unwrap_or(0)
    }
}

impl ManifestEntry {
    /// A file of which no more is known.
    pub fn new(name: String, sequence: u64, kind: FileKind) -> Self {
        Self { name, sequence, kind, fingerprint: None, end: None }
    }

    /// An increment.
    pub fn increment(prefix: &str, sequence: u64) -> Self {
        Self::new(format!("{prefix}.{sequence}.incr.aof"), sequence, FileKind::Increment)
    }

    /// What a manifest says of a file whose name is made as usual, and how the names of its set begin.
    pub fn of_name(name: &str) -> Option<(&str, Self)> {
        let (rest, kind) = [
            (".base.rdb", FileKind::Base),
            (".base.aof", FileKind::Base),
            (".incr.aof", FileKind::Increment),
        ]
        .into_iter()
        .find_map(|(ending, kind)| Some((name.strip_suffix(ending)?, kind)))?;
        let (prefix, number) = rest.rsplit_once('.')?;
        let sequence = number.parse().ok().filter(|&number| number > 0)?;
        Some((prefix, Self::new(name.to_owned(), sequence, kind)))
    }

    /// A base of commands, or of RDB.
    pub fn base(prefix: &str, sequence: u64, is_rdb: bool) -> Self {
        let ending = if is_rdb { "rdb" } else { "aof" };
        Self::new(format!("{prefix}.{sequence}.base.{ending}"), sequence, FileKind::Base)
    }
}
