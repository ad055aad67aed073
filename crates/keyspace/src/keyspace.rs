//! What all workers share: the shards, the gate and the log of effects.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use crossbeam_utils::CachePadded;
use stdx::hash::HashKey;
use value::sweep::Sweeper;
use value::{Settings, hash, list, set, stream, zset};

use crate::effect::Effect;
use crate::event::Events;
use crate::frequency::Frequency;
use crate::gate::Gate;
use crate::key::{DbIndex, Key};
use crate::library::{Libraries, Shelf};
use crate::log::{Log, LogPosition};
use crate::population::Population;
use crate::shard::Cell;

/// How long figures wait for a shard; those of one that a busy script holds are left out.
const PATIENCE: Duration = Duration::from_millis(20);

/// Shards of a keyspace unless told otherwise: 16 hash slots each.
pub const SHARDS: usize = 1024;

/// How a keyspace is made.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Databases, at least one.
    pub databases: u16,
    /// Shards; a power of two that divides 16,384.
    pub shards: usize,
    /// Workers that will have an [`crate::Access`], the background's included.
    pub workers: usize,
    /// The secret of the hashes.
    pub hash_key: HashKey,
    /// Writes the text of an effect for the log.
    pub encode: fn(&Effect<'_>, &mut Vec<u8>),
}

/// Thresholds that commands may change while the server runs, read at each batch.
#[derive(Debug)]
pub struct Limits {
    /// The most fields of a packed hash.
    pub hash_packed_entries: AtomicUsize,
    /// The longest field or value of a packed hash.
    pub hash_packed_value: AtomicUsize,
    /// The most bytes of a HyperLogLog whose registers are kept as runs.
    pub hyperloglog_sparse_bytes: AtomicUsize,
    /// `list-max-listpack-size`.
    pub list_max_listpack_size: AtomicI64,
    /// `set-max-intset-entries`.
    pub set_integers: AtomicUsize,
    /// `set-max-listpack-entries`.
    pub set_packed_entries: AtomicUsize,
    /// `set-max-listpack-value`.
    pub set_packed_value: AtomicUsize,
    /// The most members of a packed sorted set.
    pub zset_packed_entries: AtomicUsize,
    /// The longest member of a packed sorted set.
    pub zset_packed_value: AtomicUsize,
    /// `stream-node-max-bytes`.
    pub stream_node_max_bytes: AtomicUsize,
    /// `stream-node-max-entries`.
    pub stream_node_max_entries: AtomicUsize,
    /// `stream-idmp-duration`, in seconds, and `stream-idmp-maxsize`.
    pub stream_name_duration_s: AtomicU32,
    /// The most names that are kept of a stream's producer.
    pub stream_names: AtomicU32,
    /// Whether keys note how often they are used rather than when (policies with LFU), and how that is counted.
    pub counts_accesses: AtomicBool,
    /// Whether keys are evicted by when they were last used (policies with LRU).
    pub evicts_by_time: AtomicBool,
    /// Whether only writes set the access clock of a key (policies with LRM).
    pub notes_writes_only: AtomicBool,
    /// See [`Frequency::log_factor`].
    pub frequency_log_factor: AtomicU32,
    /// See [`Frequency::decay_minutes`].
    pub frequency_decay_minutes: AtomicU32,
    /// Until when keys that are due stay where they are, in milliseconds since 1970 (CLIENT PAUSE).
    pub due_keys_stay_until: AtomicI64,
    /// How often the keyspace was emptied; lets cached positions notice.
    pub flushes: AtomicU32,
}

/// All data. Shared by the workers; each reaches it through its [`crate::Access`].
#[derive(Debug)]
pub struct Keyspace {
    pub(crate) options: Options,
    pub(crate) cells: Box<[CachePadded<Cell>]>,
    pub(crate) gate: Gate,
    pub(crate) log: Log,
    pub(crate) events: Events,
    pub(crate) population: Population,
    pub(crate) libraries: Shelf,
    /// Whether somebody reads the log.
    recording: AtomicBool,
    /// How many watch what is touched.
    observers: AtomicUsize,
    /// Whether due keys are looked for; lookups hide them in any case.
    pub(crate) active_expiry: AtomicBool,
    limits: Limits,
}

impl Keyspace {
    /// An empty keyspace.
    ///
    /// # Panics
    /// If an option is out of its range.
    pub fn new(options: Options) -> Self {
        assert!(options.databases > 0, "there is at least one database");
        assert!(options.shards.is_power_of_two() && options.shards <= 16_384, "shards divide the slots");
        Self {
            options,
            cells: (0..options.shards).map(|_| CachePadded::new(Cell::new())).collect(),
            gate: Gate::new(options.workers),
            log: Log::new(options.workers),
            events: Events::default(),
            population: Population::new(options.workers, options.databases),
            libraries: Shelf::default(),
            recording: AtomicBool::new(false),
            observers: AtomicUsize::new(0),
            active_expiry: AtomicBool::new(true),
            limits: Limits {
                hash_packed_entries: AtomicUsize::new(128),
                hash_packed_value: AtomicUsize::new(64),
                hyperloglog_sparse_bytes: AtomicUsize::new(3000),
                list_max_listpack_size: AtomicI64::new(-2),
                set_integers: AtomicUsize::new(512),
                set_packed_entries: AtomicUsize::new(128),
                set_packed_value: AtomicUsize::new(64),
                zset_packed_entries: AtomicUsize::new(128),
                zset_packed_value: AtomicUsize::new(64),
                stream_node_max_bytes: AtomicUsize::new(4096),
                stream_node_max_entries: AtomicUsize::new(100),
                stream_name_duration_s: AtomicU32::new(100),
                stream_names: AtomicU32::new(100),
                counts_accesses: AtomicBool::new(false),
                evicts_by_time: AtomicBool::new(false),
                notes_writes_only: AtomicBool::new(false),
                frequency_log_factor: AtomicU32::new(10),
                frequency_decay_minutes: AtomicU32::new(1),
                due_keys_stay_until: AtomicI64::new(0),
                flushes: AtomicU32::new(0),
            },
        }
    }

    /// A key, hashed.
    #[inline]
    pub fn key<'a>(&self, bytes: &'a [u8]) -> Key<'a> {
        Key::new(bytes, &self.options.hash_key)
    }

    /// Databases.
    pub fn databases(&self) -> u16 {
        self.options.databases
    }

    /// Shards.
    pub fn shards(&self) -> usize {
        self.options.shards
    }

    /// Accesses that it may have.
    pub fn workers(&self) -> usize {
        self.options.workers
    }

    /// The thresholds that may change.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The thresholds and the secret for values, as of now.
    pub fn settings(&self) -> Settings {
        let limits = &self.limits;
        Settings {
            hash: hash::Settings {
                max_packed_entries: limits.hash_packed_entries.load(Ordering::Relaxed),
                max_packed_value: limits.hash_packed_value.load(Ordering::Relaxed),
                seed: self.options.hash_key,
            },
            list: list::Settings::of_parameter(limits.list_max_listpack_size.load(Ordering::Relaxed)),
            set: set::Settings {
                max_integers: limits.set_integers.load(Ordering::Relaxed),
                max_packed_entries: limits.set_packed_entries.load(Ordering::Relaxed),
                max_packed_value: limits.set_packed_value.load(Ordering::Relaxed),
                seed: self.options.hash_key,
            },
            zset: zset::Settings {
                max_packed_entries: limits.zset_packed_entries.load(Ordering::Relaxed),
                max_packed_value: limits.zset_packed_value.load(Ordering::Relaxed),
                seed: self.options.hash_key,
            },
            stream: stream::Settings::of_parameters(
                limits.stream_node_max_bytes.load(Ordering::Relaxed),
                limits.stream_node_max_entries.load(Ordering::Relaxed),
            ),
        }
    }

    /// How accesses are counted, if they are.
    #[inline]
    pub(crate) fn frequency(&self) -> Option<Frequency> {
        let limits = &self.limits;
        limits.counts_accesses.load(Ordering::Relaxed).then(|| Frequency {
            log_factor: limits.frequency_log_factor.load(Ordering::Relaxed),
            decay_minutes: limits.frequency_decay_minutes.load(Ordering::Relaxed),
        })
    }

    /// Starts or stops recording effects. Takes effect in batches that begin later; to switch at an exact place, do it
    /// with the gate closed.
    pub fn set_recording(&self, on: bool) {
        self.recording.store(on, Ordering::Release);
    }

    /// Whether effects are recorded.
    pub fn is_recording(&self) -> bool {
        self.recording.load(Ordering::Acquire)
    }

    /// One more watches what is touched. Batches that have begun do not know; a watcher that locks the keys it watches
    /// afterwards has waited for them.
    pub fn add_observer(&self) {
        self.observers.fetch_add(1, Ordering::SeqCst);
    }

    /// One less watches.
    pub fn remove_observer(&self) {
        self.observers.fetch_sub(1, Ordering::SeqCst);
    }

    /// Whether somebody watches what is touched.
    #[inline]
    pub fn is_observed(&self) -> bool {
        self.observers.load(Ordering::SeqCst) > 0
    }

    /// The index of a key's shard.
    #[inline]
    pub fn shard_of(&self, key: &Key<'_>) -> usize {
        key.shard(self.cells.len())
    }

    /// The index of a slot's shard.
    pub fn shard_of_slot(&self, slot: u16) -> usize {
        crate::key::shard_of_slot(slot, self.cells.len())
    }

    /// Whether somebody waits for a key of a shard; see [`crate::Access::add_waiter`].
    pub fn is_awaited(&self, shard: usize) -> bool {
        self.cells[shard].is_awaited()
    }

    /// One less waits for a key of a shard.
    pub fn remove_waiter(&self, shard: usize) {
        self.cells[shard].remove_waiter();
    }

    /// Switches the search for due keys.
    pub fn set_active_expiry(&self, on: bool) {
        self.active_expiry.store(on, Ordering::Relaxed);
    }

    /// The place behind all effects so far.
    pub fn position(&self) -> LogPosition {
        self.log.position()
    }

    /// The effects of all workers, for the one who reads them.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The libraries of functions, as of now.
    pub fn libraries(&self) -> Arc<Libraries> {
        self.libraries.look()
    }

    /// A number that is another one after every change of the libraries. Inside a batch it stays the same, but for what the
    /// batch itself changes.
    #[inline]
    pub fn libraries_version(&self) -> u64 {
        self.libraries.version()
    }

    /// The events of all workers, for the one who hands them on.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// Keys of a database, those included that are due and not yet removed. Takes no lock.
    pub fn len(&self, database: DbIndex) -> usize {
        self.population.keys(database)
    }

    /// Whether no database has a key.
    pub fn is_empty(&self) -> bool {
        (0..self.options.databases).all(|database| self.len(DbIndex(database)) == 0)
    }

    /// Keys of a database that are due at some time.
    pub fn expiring(&self, database: DbIndex) -> usize {
        self.population.expiring(database)
    }

    /// Bytes of the directories and pages, without what large values hold.
    pub fn directory_bytes(&self) -> usize {
        self.sum(|cell| {
            let Some(shard) = cell.shard.try_lock_for(PATIENCE) else { return 0 };
            shard.partitions().map(|(_, partition)| partition.table.allocated_bytes()).sum()
        })
    }

    /// Goes on with a sweep of a shard; see [`value::sweep`]. Returns whether it has come round; a shard that is held has its turn
    /// in the next round.
    pub fn sweep_shard(&self, shard: usize, sweeper: &mut Sweeper<'_>) -> bool {
        self.cells[shard].shard.try_lock().is_none_or(|mut shard| shard.sweep(sweeper))
    }

    fn sum(&self, of: impl Fn(&Cell) -> usize) -> usize {
        self.cells.iter().map(|cell| of(cell)).sum()
    }
}
