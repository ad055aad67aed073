//! What commands need of the machine.
//!
//! The one trait of the engine: implemented by `node`, faked in tests. A call returns at once; what takes long goes on
//! elsewhere.

use std::fmt;
use std::sync::Arc;

use config::{Appended, Config, LogLevel, Param};
use keyspace::{Access, Libraries, LogPosition};
use stdx::time::UnixMs;
use value::Value;

use crate::client::ClientRecord;
use crate::errand::Errand;
use crate::migration::Migration;
use crate::replication::Replica;
use crate::sealing::Status;
use crate::slices::Producer;
use crate::tracking::Place;

/// Memory as the allocator and the system count it, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MemoryFigures {
    /// Handed out and not given back.
    pub allocated: usize,
    /// In pages that hold something.
    pub active: usize,
    /// Mapped and touched.
    pub resident: usize,
    /// Kept unmapped for later.
    pub retained: usize,
    /// The resident set as the system counts it.
    pub rss: usize,
    /// The memory of the machine.
    pub system: usize,
}

/// Something that the allocator tells of itself by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllocatorValue {
    /// A number; yes is 1.
    Number(u64),
    /// A text.
    Text(String),
}

/// The state of saving and of the append-only file, for INFO.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PersistenceFigures {
    /// Whether there is an append-only file.
    pub aof_enabled: bool,
    /// Whether it is being rewritten.
    pub aof_rewriting: bool,
    /// Whether a rewrite waits for its turn.
    pub aof_rewrite_scheduled: bool,
    /// Whether the last rewrite went well.
    pub aof_rewrite_ok: bool,
    /// Whether the last write went well.
    pub aof_write_ok: bool,
    /// Rewrites since the start, and those of them that failed since the last that went well.
    pub aof_rewrites: u64,
    /// See there.
    pub aof_rewrites_failed: u64,
    /// Bytes of the append-only file, and at its last rewrite.
    pub aof_size: u64,
    /// Bytes after the last rewrite.
    pub aof_base_size: u64,
    /// Bytes that are not written yet.
    pub aof_buffered: u64,
    /// Writes and syncs of the append-only file that have failed since the start.
    pub aof_write_failures: u64,
    /// How long the oldest change that is not on disk has been waiting.
    pub aof_unsynced_ms: u64,
    /// Whether it is being synced.
    pub aof_syncing: bool,
    /// Seconds of the last rewrite; -1 = none.
    pub aof_rewrite_seconds: i64,
    /// Seconds since the rewrite in progress began; -1 = none is.
    pub aof_current_rewrite_seconds: i64,
    /// Whether a snapshot is being saved in the background.
    pub saving: bool,
    /// Whether one waits for its turn.
    pub save_scheduled: bool,
    /// Whether the last one went well.
    pub save_ok: bool,
    /// Seconds of the last one; -1 = none.
    pub save_seconds: i64,
    /// Seconds since the one in progress began; -1 = none is.
    pub current_save_seconds: i64,
    /// Keys of the file that is being written that are in it, and all of them; zeros if none is.
    pub current_save: (u64, u64),
    /// Snapshots saved since the start.
    pub saves: u64,
    /// When data was last saved.
    pub last_save: UnixMs,
    /// Keys of the snapshot that was loaded last.
    pub loaded_keys: u64,
    /// Those of it that were left out, since they were due.
    pub loaded_expired: u64,
    /// Changes that the last snapshot has, of those counted since the start.
    pub saved_changes: u64,
    /// What is kept and held for backups.
    pub backups: BackupFigures,
}

/// What takes room for backups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BackupFigures {
    /// Those who come back for more.
    pub leases: usize,
    /// Increments that are kept for them alone.
    pub kept_files: usize,
    /// Bytes of these.
    pub kept_bytes: u64,
    /// Those who hold files open.
    pub open_copies: usize,
}

/// What DEBUG RELOAD does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reload {
    /// Save the data first.
    pub save: bool,
    /// Forget it before it is loaded.
    pub flush: bool,
    /// Let what the file has replace what is there.
    pub merge: bool,
}

/// How the server should end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shutdown {
    /// Save whatever the configuration says; `Some(false)`: do not.
    pub save: Option<bool>,
    /// Do not wait for replicas.
    pub now: bool,
    /// End even if saving fails.
    pub force: bool,
}

/// What a payload of DUMP holds.
#[derive(Debug)]
pub struct Restored {
    /// The value.
    pub value: Value,
    /// The payload that can stand in a file.
    pub for_files: ForFiles,
}

/// A payload of a value that whoever reads our files reads, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForFiles {
    /// The one that has come.
    Same,
    /// This one.
    Other(Vec<u8>),
    /// None has been made.
    Missing,
}

/// A payload whose value is being made, bit by bit.
pub trait Restoring: Send + fmt::Debug {
    /// Works for some tens of microseconds. The payload is the same each time; its value comes out at the end.
    fn step(&mut self, payload: &[u8]) -> Result<Option<Restored>, BadPayload>;
}

/// Why a payload of DUMP cannot be restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadPayload {
    /// The checksum or the version is wrong.
    Checksum,
    /// The content is; how, is for the log.
    Format(String),
}

/// Why a payload of FUNCTION DUMP cannot be restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadLibraries {
    /// The checksum or the version is wrong.
    Checksum,
    /// It holds something else.
    Kind,
    /// A text cannot be read.
    Format,
}

/// A parameter whose new value cannot be made effective, and why.
pub type Refusal = (Param, String);

/// See the module's text.
pub trait Host {
    /// Asks the worker of a client to look at its record: it was killed or unblocked.
    fn wake_client(&self, client: &ClientRecord);
    /// Gives a line to every client that runs MONITOR.
    fn feed_monitors(&self, line: &[u8]);
    /// Notes a line in the log.
    fn log(&self, level: LogLevel, text: &str);
    /// Lets connections whose input waited (for a pause) go on.
    fn wake_all(&self);
    /// Saves what is to be kept and begins to end the server. `Err` says why it will not.
    fn shutdown(&self, access: &mut Access<'_>, how: Shutdown) -> Result<(), String>;
    /// Begins to rewrite the append-only file. `Ok(true)`: it has begun; `Ok(false)`: it will.
    fn rewrite_aof(&self) -> Result<bool, String>;
    /// Whoever appends to the append-only file waits so long before: for tests of what must not be told before it is written.
    fn delay_appends(&self, _us: u64) {}
    /// Begins to do something with files. The client's worker is told how it has ended.
    fn run_errand(&self, errand: Errand, to: Place, waiter: u64);
    /// How far the backup is that is made in a folder of the machine's.
    fn backup(&self) -> Status;
    /// Begins to bring keys to another server. The client's worker is told what has become of it.
    fn migrate(&self, migration: Migration, to: Place, waiter: u64);
    /// Connections to other servers that are kept for the next migration.
    fn kept_connections(&self) -> usize {
        0
    }
    /// A client wants to follow what is changed here: from a place of a history on, if it names one and that can be done, else
    /// from a snapshot of all data. What it is sent is the machine's business from now on.
    fn attach_replica(&self, replica: &Arc<Replica>, from: Option<(Vec<u8>, u64)>);
    /// Replicas have acknowledged something that workers wait for.
    fn tell_acknowledged(&self);
    /// How far the append-only file has been synced; `None` while there is none.
    fn synced(&self) -> Option<LogPosition>;
    /// All keys have been removed: what is being saved in the background is of no use any more, and where there are save
    /// points the RDB file becomes an empty one.
    fn flushed(&self, access: &mut Access<'_>);
    /// Writes a snapshot of all data to the RDB file, and returns when it is there.
    fn save(&self, access: &mut Access<'_>) -> Result<(), String>;
    /// Begins to write a snapshot of all data to the RDB file. `Ok(false)`: it will be done later, which is allowed only
    /// with `schedule`.
    fn save_in_background(&self, access: &mut Access<'_>, schedule: bool) -> Result<bool, String>;
    /// Makes changed parameters effective, or refuses them.
    fn apply_config(&self, access: &mut Access<'_>, old: &Config, new: &Config) -> Result<(), Refusal>;
    /// Writes the parameters and the users to the configuration file.
    fn rewrite_config(&self, config: &Config, users: &[Vec<u8>], appended: Appended) -> Result<(), String>;
    /// The content of the ACL file, or why it cannot be read.
    fn read_acl_file(&self, path: &str) -> Result<Vec<u8>, String>;
    /// Puts new content in the place of the ACL file's.
    fn write_acl_file(&self, path: &str, content: &[u8]) -> Result<(), String>;
    /// Notes a warning in the log.
    fn warn(&self, text: &str) {
        self.log(LogLevel::Warning, text);
    }
    /// Fills a buffer with bytes that nobody can guess.
    fn fill_with_entropy(&self, bytes: &mut [u8]) -> Result<(), String>;
    /// The clock of the wall in microseconds, for those who ask for the time itself.
    fn unix_us(&self) -> u64;
    /// Memory now.
    fn memory(&self) -> MemoryFigures;
    /// Asks the allocator to give back what it can.
    fn purge_memory(&self);
    /// All that the allocator tells of itself, as its own text.
    fn allocator_report(&self) -> String;
    /// One value of the allocator by its name, if there is such a one that may be read.
    fn allocator_value(&self, name: &[u8]) -> Option<AllocatorValue>;
    /// Saving now.
    fn persistence(&self) -> PersistenceFigures;
    /// Processor time of the process in microseconds: system, user.
    fn processor_us(&self) -> (u64, u64);
    /// The part of it that the threads took which serve clients.
    fn workers_us(&self) -> (u64, u64);
    /// The payload of DUMP, as it comes, of a value as it is at a time.
    fn dump(&self, value: Value, now: UnixMs) -> Box<dyn Producer>;
    /// The value of a payload, at once.
    fn restore(&self, payload: &[u8]) -> Result<Restored, BadPayload>;
    /// The value of a payload that is still to be read, and, if it `is_recorded`, a payload for files.
    fn begin_restore(&self, is_recorded: bool) -> Box<dyn Restoring>;
    /// The payload of FUNCTION DUMP.
    fn dump_libraries(&self, libraries: &Libraries) -> Vec<u8>;
    /// The texts in such a payload.
    fn restore_libraries(&self, payload: &[u8]) -> Result<Vec<Vec<u8>>, BadLibraries>;
    /// Saves everything, forgets it and loads it again (DEBUG RELOAD).
    fn reload(&self, access: &mut Access<'_>, what: Reload) -> Result<(), String>;
}
