//! What the node asks of the machine: letters to workers and to the journal, figures, background work, the end.

use config::{Appended, Config};
use engine::Shared;
use engine::host::{MemoryFigures, PersistenceFigures, Refusal, Shutdown};
use engine::tracking::Notice;
use keyspace::log::Run;
use keyspace::{Garbage, LogPosition, Snapshot};

/// What another thread tells a worker.
#[derive(Debug)]
pub enum Mail {
    /// Look at the record of a connection: it was killed.
    Look {
        /// The connection's number at the worker.
        number: usize,
        /// The client's, in case the number was given away again.
        id: u64,
    },
    /// What clients that cache have to be told.
    Invalidations(Vec<Notice>),
    /// A line for the clients that run MONITOR.
    Monitor(std::sync::Arc<[u8]>),
    /// The log has reached its promised place up to a new position.
    Released,
    /// A pause may be over.
    Unpaused,
}

/// What a worker, or a command, tells the journal.
#[derive(Debug)]
pub enum JournalLetter {
    /// A worker's effects.
    Run {
        /// The worker.
        worker: usize,
        /// Its effects.
        run: Run,
    },
    /// The log continues in a new file from this position on; what lies before it is in a snapshot to come.
    Cut(LogPosition),
    /// The new base that a rewrite has written, by its temporary name; or why it has not.
    Base(Result<String, String>),
    /// `appendfsync` or another parameter of the journal has changed.
    Configured,
    /// Write everything, sync it and end.
    Finish,
}

/// Work that is done on a thread of its own.
#[derive(Debug)]
pub enum Background {
    /// Write a snapshot as the new base of the append-only file.
    RewriteAof(Snapshot),
    /// Write a snapshot to the RDB file.
    Save(Snapshot),
    /// Drop memory.
    Free(Vec<Garbage>),
}

/// The machine, as the shell implements it.
pub trait Machine: Send + Sync {
    /// Puts a letter into a worker's mailbox.
    fn post(&self, worker: usize, mail: Mail);
    /// Puts a letter into the journal's mailbox.
    fn journal(&self, letter: JournalLetter);
    /// The place up to which the log has reached what `appendfsync` promises.
    fn released(&self) -> LogPosition;
    /// Begins background work.
    fn begin(&self, work: Background);
    /// Writes a snapshot to the RDB file and returns when it is there.
    fn save_now(&self, shared: &Shared, snapshot: Snapshot) -> Result<(), String>;
    /// Begins to end the server.
    fn shutdown(&self, how: Shutdown) -> Result<(), String>;
    /// Notes a warning in the log.
    fn warn(&self, text: &str);
    /// Memory now.
    fn memory(&self) -> MemoryFigures;
    /// Asks the allocator to give back what it can.
    fn purge_memory(&self);
    /// Saving now.
    fn persistence(&self) -> PersistenceFigures;
    /// Processor time of the process in microseconds: system, user.
    fn processor_us(&self) -> (u64, u64);
    /// Makes changed parameters of the machine effective, or refuses one and leaves all as it was.
    fn reconfigure(&self, old: &Config, new: &Config) -> Result<(), Refusal>;
    /// Writes the parameters to the configuration file.
    fn rewrite_config(&self, config: &Config, appended: Appended) -> Result<(), String>;
}
