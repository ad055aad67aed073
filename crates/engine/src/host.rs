//! What commands need of the machine.
//!
//! The one trait of the engine: implemented by `node`, faked in tests. A call returns at once; what takes long goes on
//! elsewhere.

use config::{Appended, Config, Param};
use keyspace::Access;
use stdx::time::UnixMs;
use value::{Value, ValueRef};

use crate::client::ClientRecord;

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
    /// Bytes of the append-only file, and at its last rewrite.
    pub aof_size: u64,
    /// Bytes after the last rewrite.
    pub aof_base_size: u64,
    /// Bytes that are not written yet.
    pub aof_buffered: u64,
    /// Seconds of the last rewrite; -1 = none.
    pub aof_rewrite_seconds: i64,
    /// When data was last saved.
    pub last_save: UnixMs,
    /// Changes since.
    pub changes: u64,
    /// Milliseconds that the oldest unsynced write has waited.
    pub unsynced_ms: u64,
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

/// Why a payload of DUMP cannot be restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadPayload {
    /// The checksum or the version is wrong.
    Checksum,
    /// The content is.
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
    /// Lets connections whose input waited (for a pause) go on.
    fn wake_all(&self);
    /// Begins to end the server. `Err` says why it will not.
    fn shutdown(&self, how: Shutdown) -> Result<(), String>;
    /// Begins to rewrite the append-only file. `Ok(true)`: it has begun; `Ok(false)`: it will.
    fn rewrite_aof(&self, access: &mut Access<'_>) -> Result<bool, String>;
    /// Writes a snapshot of all data to the RDB file. `background`: returns at once.
    fn save(&self, access: &mut Access<'_>, background: bool) -> Result<(), String>;
    /// Makes changed parameters effective, or refuses them.
    fn apply_config(&self, access: &mut Access<'_>, old: &Config, new: &Config) -> Result<(), Refusal>;
    /// Writes the parameters to the configuration file.
    fn rewrite_config(&self, config: &Config, appended: Appended) -> Result<(), String>;
    /// Memory now.
    fn memory(&self) -> MemoryFigures;
    /// Asks the allocator to give back what it can.
    fn purge_memory(&self);
    /// Saving now.
    fn persistence(&self) -> PersistenceFigures;
    /// Processor time of the process in microseconds: system, user.
    fn processor_us(&self) -> (u64, u64);
    /// The payload of DUMP.
    fn dump(&self, value: &ValueRef<'_>) -> Vec<u8>;
    /// The value of a payload.
    fn restore(&self, payload: &[u8]) -> Result<Value, BadPayload>;
    /// Saves everything, forgets it and loads it again (DEBUG RELOAD). Everything is locked.
    fn reload(&self, access: &mut Access<'_>) -> Result<(), String>;
}
