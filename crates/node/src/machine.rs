//! What the node asks of the machine: letters to workers, the log's way to the disk, saving, figures, the end.

use std::sync::Arc;

use config::{Appended, Config, LogLevel};
use engine::Shared;
use engine::blocking::Answer;
use engine::errand::{Ended, Errand};
use engine::host::{AllocatorValue, MemoryFigures, PersistenceFigures, Refusal};
use engine::migration::{Arrival, Migration};
use engine::pubsub::Message;
use engine::replication::Replica;
use engine::sealing::Status;
use engine::slices::Producer;
use engine::tracking::{Notice, Place};
use keyspace::{Access, Garbage, Keyspace, LogPosition, Snapshot};

/// What another thread tells a worker.
#[derive(Debug)]
pub enum Mail {
    /// Look at a connection: it was killed or unblocked, or its user's channels have become fewer.
    Look {
        /// The connection's number at the worker.
        number: usize,
        /// The client's, in case the number was given away again.
        id: u64,
    },
    /// Close a connection whose client takes too much memory, if it is still there. Its memory counts as free already.
    Evict {
        /// The connection's number at the worker.
        number: usize,
        /// The client's.
        id: u64,
        /// The bytes that count as free.
        bytes: usize,
    },
    /// What clients get that have waited.
    Answers(Vec<Answer>),
    /// What clients that cache have to be told.
    Invalidations(Vec<Notice>),
    /// Messages for those who are subscribed to their names.
    Messages(Vec<Arc<Message>>),
    /// A line for the clients that run MONITOR.
    Monitor(Arc<[u8]>),
    /// The log has reached its promised place up to a new position, or cannot be written any more, or is to be written by whoever
    /// still waits for it.
    Released,
    /// How something that a command has asked the machine for has ended.
    Errand(Box<Ended>),
    /// What has become of keys that were brought to another server.
    Migrated(Box<Arrival>),
    /// More of the append-only file has been synced, or it has been switched off.
    Synced,
    /// Something for a replica.
    Replica {
        /// Who gets it.
        to: Place,
        /// What.
        parcel: Parcel,
    },
    /// Replicas have acknowledged something.
    Acknowledged,
    /// A pause may be over.
    Unpaused,
}

/// What a replica is sent, in the order of the letters.
#[derive(Debug)]
pub enum Parcel {
    /// Bytes, which others may be sent as well.
    Bytes(Arc<[u8]>),
    /// A snapshot.
    Snapshot {
        /// Its head.
        head: Vec<u8>,
        /// The rest of it.
        body: Box<dyn Producer>,
        /// Whether the connection is to be closed behind it.
        is_last: bool,
    },
    /// Nothing any more: it is to be closed.
    End,
}

/// Memory that nobody can reach any more.
#[derive(Debug)]
pub struct Dead {
    pub(crate) garbage: Vec<Garbage>,
    /// About how many bytes it is.
    pub(crate) bytes: usize,
}

/// Tells the meter how long an image is held.
pub struct Holding(Arc<Shared>);

impl Holding {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        shared.meter.note_image();
        Self(Arc::clone(shared))
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.0.meter.forget_image();
    }
}

impl std::fmt::Debug for Holding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Holding")
    }
}

/// All data at one moment, and what was counted until then.
#[derive(Debug)]
pub struct Image {
    /// Its place among the images of this process, from 1.
    pub number: u64,
    /// The data.
    pub snapshot: Snapshot,
    /// Where it was taken.
    pub keyspace: Arc<Keyspace>,
    /// Changes since the start.
    pub changes: u64,
    /// Bytes that were allocated.
    pub used_memory: usize,
    /// As long as it is there, the copies that it causes are not counted as used.
    pub holding: Holding,
}

/// The machine, as the shell implements it.
pub trait Machine: Send + Sync {
    /// Puts a letter into a worker's mailbox.
    fn post(&self, worker: usize, mail: Mail);
    /// Brings the log to the place that `appendfsync` promises, at least up to a position. False: that takes longer, and
    /// the worker will be sent [`Mail::Released`].
    fn write_log(&self, shared: &Shared, worker: usize, position: LogPosition) -> bool;
    /// The place up to which the log has reached what `appendfsync` promises.
    fn released(&self) -> LogPosition;
    /// Whoever appends to the append-only file waits so long before.
    fn delay_appends(&self, _us: u64) {}
    /// Begins to do something with files; the client's worker will be sent [`Mail::Errand`].
    fn run_errand(&self, errand: Errand, to: Place, waiter: u64);
    /// How far the backup is that is made in a folder of the machine's.
    fn backup(&self) -> Status;
    /// Begins to bring keys to another server; the client's worker will be sent [`Mail::Migrated`].
    fn migrate(&self, migration: Migration, to: Place, waiter: u64);
    /// Connections to other servers that are kept for the next migration.
    fn kept_connections(&self) -> usize {
        0
    }
    /// How far the append-only file has been synced; `None` while there is none.
    fn synced(&self) -> Option<LogPosition>;
    /// From now on, the worker is sent [`Mail::Synced`] once when more of the append-only file has been synced, or the file has
    /// been switched off.
    fn await_sync(&self, worker: usize);
    /// A client wants to follow: from a place of a history on, or from a snapshot on. From now on its worker is sent
    /// [`Mail::Replica`].
    fn attach_replica(&self, replica: &Arc<Replica>, from: Option<(Vec<u8>, u64)>);
    /// A client that followed, or wanted to, has gone.
    fn detach_replica(&self, id: u64);
    /// Asks all replicas to acknowledge what they get, behind what the log holds up to a position.
    fn ask_replicas(&self, position: LogPosition);
    /// Gives dead memory to [`Node::bury`](crate::Node::bury) where nobody waits for that.
    fn free(&self, dead: Dead);
    /// Bytes that the calling thread has allocated and not freed: less than none where it frees what others allocated.
    fn thread_bytes(&self) -> i64;
    /// Begins to rewrite the append-only file. `Ok(false)`: it will.
    fn rewrite_aof(&self) -> Result<bool, String>;
    /// Whether the RDB file may be written now: nobody does so in the background.
    fn check_save(&self) -> Result<(), String>;
    /// Writes data to the RDB file and returns when it is there, or newer data is.
    fn save(&self, shared: &Shared, image: Image) -> Result<(), String>;
    /// Reserves the background for a save, before data is taken for it. `Ok(false)`: there will be one later, if `schedule`
    /// allows that.
    fn reserve_save(&self, schedule: bool) -> Result<bool, String>;
    /// Writes data to the RDB file in the background, which has been reserved.
    fn save_in_background(&self, shared: &Shared, image: Image);
    /// What is being saved in the background is of no use any more; others need not wait for it.
    fn give_up_save(&self);
    /// Loads the RDB file, over what is there; libraries that are there are replaced only if `merges`. Everything is locked.
    fn load_rdb(&self, shared: &Shared, access: &mut Access<'_>, merges: bool) -> Result<(), String>;
    /// Whether the append-only file does not hold all data: until its first base is there, a start would not find it.
    fn lacks_first_base(&self) -> bool;
    /// Begins to end the server.
    fn end(&self);
    /// Notes a line in the log.
    fn log(&self, level: LogLevel, text: &str);
    /// Notes a warning in the log.
    fn warn(&self, text: &str) {
        self.log(LogLevel::Warning, text);
    }
    /// The clock of the wall in microseconds, for those who ask for the time itself.
    fn unix_us(&self) -> u64;
    /// Memory now.
    fn memory(&self) -> MemoryFigures;
    /// Whether the allocator's memory around a block is so sparse that moving the block helps to give it back.
    fn is_sparse(&self, block: *const u8) -> bool;
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
    /// The part of it that the workers took.
    fn workers_us(&self) -> (u64, u64);
    /// Makes changed parameters of the machine effective, or refuses one and leaves all as it was.
    fn reconfigure(&self, old: &Config, new: &Config) -> Result<(), Refusal>;
    /// Writes the parameters and the users to the configuration file.
    fn rewrite_config(&self, config: &Config, users: &[Vec<u8>], appended: Appended) -> Result<(), String>;
    /// The content of the ACL file, or why it cannot be read.
    fn read_acl_file(&self, path: &str) -> Result<Vec<u8>, String>;
    /// Puts new content in the place of the ACL file's.
    fn write_acl_file(&self, path: &str, content: &[u8]) -> Result<(), String>;
    /// Fills a buffer with bytes that nobody can guess.
    fn fill_with_entropy(&self, bytes: &mut [u8]) -> Result<(), String>;
}
