//! What the engines of all workers share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};

use config::{Config, Param};
use keyspace::Keyspace;
use parking_lot::{Mutex, RwLock};
use stdx::time::UnixMs;

use crate::accounts::Accounts;
use crate::blocking::Blocking;
use crate::client::Clients;
use crate::commandlog::CommandLog;
use crate::ending::Ending;
use crate::hotkeys::HotKeys;
use crate::latency::{Cause, Latency};
pub use crate::lookout::Lookouts;
use crate::meter::Meter;
use crate::notifications::Notifications;
use crate::pubsub::Directory;
use crate::rates::{Rates, Totals};
use crate::replication::Replicas;
use crate::scripting::{Running, Scripts};
use crate::statistics::{CommandTotals, WorkerStatistics};
use crate::table::Names;
use crate::tracking::Tracking;
pub use crate::transaction::Watchers;

/// See the module's text.
pub struct Shared {
    /// The data.
    pub keyspace: Arc<Keyspace>,
    /// All parameters.
    pub config: RwLock<Config>,
    /// Those of them that are read for every command.
    pub hot: HotSettings,
    /// By what names clients find the commands.
    pub names: Names,
    /// All users.
    pub accounts: Accounts,
    /// All connections.
    pub clients: Clients,
    /// Who follows what is changed here.
    pub replicas: Arc<Replicas>,
    /// Whether the server waits for them before it ends.
    pub ending: Ending,
    /// Who watches which keys.
    pub watchers: Watchers,
    /// Who has read many keys without locks.
    pub lookouts: Lookouts,
    /// Who waits for which keys.
    pub blocking: Blocking,
    /// Who is subscribed to what.
    pub pubsub: Directory,
    /// What is told of keys to subscribers.
    pub notifications: Notifications,
    /// Who may hold which keys in a cache.
    pub tracking: Tracking,
    /// The scripts that are known.
    pub scripts: Scripts,
    /// The scripts that run.
    pub running: Running,
    /// Commands that took long or were large.
    pub command_log: Arc<CommandLog>,
    /// Which keys cost most, if somebody wants to know.
    pub hot_keys: HotKeys,
    /// Latency events.
    pub latency: Mutex<Latency>,
    /// What each worker counts.
    pub statistics: Vec<WorkerStatistics>,
    /// Data is being loaded; most commands have to wait.
    pub loading: AtomicBool,
    /// RESTORE takes payloads with wrong checksums (DEBUG SET-SKIP-CHECKSUM-VALIDATION).
    pub checksums_skipped: AtomicBool,
    /// Scripts may call what they otherwise may not, such as DEBUG (DEBUG SET-DISABLE-DENY-SCRIPTS).
    pub scripts_unbound: AtomicBool,
    /// The errors with which writes are refused because data cannot be made durable, or safe elsewhere.
    pub write_refusals: Mutex<[Option<String>; 3]>,
    /// Whether there is one.
    pub writes_refused: AtomicBool,
    /// Whether there is one because the log cannot be written.
    pub log_fails: AtomicBool,
    /// Syncs of the append-only file that came so late that replies waited, or would have.
    pub delayed_syncs: AtomicU64,
    /// Connections that were accepted, and that were refused.
    pub connections: AtomicU64,
    /// Connections that were refused.
    pub connections_refused: AtomicU64,
    /// How much happens a second.
    pub rates: Mutex<Rates>,
    /// Memory against its limit.
    pub meter: Meter,
    /// Memory that was allocated before there was data.
    pub startup_memory: AtomicUsize,
    /// The most memory that was ever allocated.
    pub peak_memory: AtomicUsize,
    /// Snapshots taken.
    pub snapshots: AtomicU64,
    /// Microseconds for which the last one held everybody up.
    pub snapshot_us: AtomicU64,
    /// Who this process is.
    pub identity: Identity,
    /// Reads a monotonic clock, in nanoseconds; given by the server.
    pub clock: fn() -> u64,
}

/// Why writes are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteBlock {
    /// The append-only file cannot be written.
    Log,
    /// The last snapshot could not be saved.
    Snapshot,
    /// Too few replicas follow (`min-replicas-to-write`).
    Replicas,
}

/// As Redis says it.
const TOO_FEW_REPLICAS: &str = "NOREPLICAS Not enough good replicas to write.";

/// Facts that do not change while the process runs.
#[derive(Debug, Clone, Default)]
pub struct Identity {
    /// Forty hexadecimal digits, new at every start.
    pub run_id: String,
    /// When it started.
    pub started: UnixMs,
    /// The process.
    pub process_id: u32,
    /// Operating system and release.
    pub system: String,
    /// The configuration file, if there is one.
    pub config_file: String,
    /// The program's path.
    pub executable: String,
    /// The port it listens on.
    pub port: u16,
    /// Worker threads.
    pub threads: usize,
    /// How sockets are waited for, in the words of INFO.
    pub multiplexing: &'static str,
    /// The service manager that is told of the start and the end; `no` if there is none.
    pub supervisor: &'static str,
}

/// Parameters in a form that a command can read without a lock.
#[derive(Debug)]
pub struct HotSettings {
    /// `latency-monitor-threshold`, in nanoseconds; `u64::MAX` = off.
    pub latency_nanoseconds: AtomicU64,
    /// `proto-max-bulk-len`.
    pub max_bulk_bytes: AtomicI64,
    /// `client-query-buffer-limit`.
    pub max_query_bytes: AtomicUsize,
    /// Whether times of commands are taken.
    pub latency_tracking: AtomicBool,
    /// `tracking-table-max-keys`; 0 = no limit.
    pub tracking_keys: AtomicUsize,
    /// `busy-reply-threshold`, in nanoseconds; `u64::MAX` = scripts are never busy.
    pub busy_nanoseconds: AtomicU64,
}

impl Default for HotSettings {
    fn default() -> Self {
        Self {
            latency_nanoseconds: AtomicU64::new(u64::MAX),
            max_bulk_bytes: AtomicI64::new(512 * 1024 * 1024),
            max_query_bytes: AtomicUsize::new(1024 * 1024 * 1024),
            latency_tracking: AtomicBool::new(true),
            tracking_keys: AtomicUsize::new(1_000_000),
            busy_nanoseconds: AtomicU64::new(5_000_000_000),
        }
    }
}

impl Shared {
    /// What the engines of `accesses` workers and background jobs share at the start.
    pub fn new(
        keyspace: Arc<Keyspace>,
        config: Config,
        identity: Identity,
        accesses: usize,
        clock: fn() -> u64,
    ) -> Self {
        Self {
            blocking: Blocking::new(keyspace.shards()),
            keyspace,
            config: RwLock::new(config),
            hot: HotSettings::default(),
            names: Names::default(),
            accounts: Accounts::default(),
            clients: Clients::default(),
            replicas: Arc::new(Replicas::new(accesses)),
            ending: Ending::default(),
            watchers: Watchers::default(),
            lookouts: Lookouts::default(),
            pubsub: Directory::default(),
            notifications: Notifications::default(),
            tracking: Tracking::default(),
            scripts: Scripts::default(),
            running: Running::new(accesses),
            command_log: Arc::default(),
            hot_keys: HotKeys::new(accesses),
            latency: Mutex::default(),
            statistics: (0..accesses).map(|_| WorkerStatistics::default()).collect(),
            loading: AtomicBool::new(false),
            checksums_skipped: AtomicBool::new(false),
            scripts_unbound: AtomicBool::new(false),
            write_refusals: Mutex::default(),
            writes_refused: AtomicBool::new(false),
            log_fails: AtomicBool::new(false),
            delayed_syncs: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            connections_refused: AtomicU64::new(0),
            rates: Mutex::default(),
            meter: Meter::default(),
            startup_memory: AtomicUsize::new(0),
            peak_memory: AtomicUsize::new(0),
            snapshots: AtomicU64::new(0),
            snapshot_us: AtomicU64::new(0),
            identity,
            clock,
        }
    }

    /// The time, if the latency monitor is on and it is worth while to take times for it: for
    /// [`Shared::note_latency_since`].
    #[inline]
    pub fn latency_clock(&self) -> Option<u64> {
        (self.hot.latency_nanoseconds.load(Ordering::Relaxed) != u64::MAX).then(self.clock)
    }

    /// Something has been done since then.
    #[inline]
    pub fn note_latency_since(&self, cause: Cause, now: UnixMs, began_ns: Option<u64>) {
        if let Some(began_ns) = began_ns {
            self.note_latency(cause, now, (self.clock)().saturating_sub(began_ns));
        }
    }

    /// Something took so long, in nanoseconds: a spike if that is at least `latency-monitor-threshold`.
    #[inline]
    pub fn note_latency(&self, cause: Cause, now: UnixMs, took_ns: u64) {
        if took_ns >= self.hot.latency_nanoseconds.load(Ordering::Relaxed) {
            self.latency.lock().add(cause, now.0 / 1000, took_ns / 1_000_000);
        }
    }

    /// Changes of data since the start.
    pub fn changes(&self) -> u64 {
        self.statistics.iter().map(|worker| worker.changes.load(Ordering::Relaxed)).sum()
    }

    /// Refuses writes from now on, with an error; or no longer for this reason.
    pub fn refuse_writes(&self, reason: WriteBlock, error: Option<String>) {
        let mut refusals = self.write_refusals.lock();
        refusals[reason as usize] = error;
        self.log_fails.store(refusals[WriteBlock::Log as usize].is_some(), Ordering::Release);
        self.writes_refused.store(refusals.iter().any(Option::is_some), Ordering::Release);
    }

    /// Looks whether as many replicas follow as `min-replicas-to-write` wants.
    pub fn judge_replicas(&self, now: UnixMs) {
        let (wanted, max_lag_s) = {
            let config = self.config.read();
            (config.integer(Param::MinReplicasToWrite), config.integer(Param::MinReplicasMaxLag))
        };
        let is_judged = wanted > 0 && max_lag_s > 0;
        let lacks = is_judged && (self.replicas.good(max_lag_s, now) as i64) < wanted;
        if is_judged || self.writes_refused.load(Ordering::Relaxed) {
            self.refuse_writes(WriteBlock::Replicas, lacks.then(|| TOO_FEW_REPLICAS.to_owned()));
        }
    }

    /// The error with which writes are refused.
    pub fn write_refusal(&self) -> Option<String> {
        self.write_refusals.lock().iter().flatten().next().cloned()
    }

    /// The counts of a command, over all workers.
    pub fn totals(&self, index: usize) -> CommandTotals {
        let mut totals = CommandTotals::default();
        self.statistics.iter().for_each(|worker| worker.add_to(index, &mut totals));
        totals
    }

    /// Reads the totals of which INFO shows the growth, if it is time.
    pub fn read_rates(&self, now_ns: u64) {
        let mut rates = self.rates.lock();
        if !rates.is_due(now_ns) {
            return;
        }
        let mut totals = Totals::default();
        for worker in &self.statistics {
            totals.commands += worker.total_calls();
            totals.received += worker.received.load(Ordering::Relaxed);
            totals.sent += worker.sent.load(Ordering::Relaxed);
            totals.turns += worker.turns.load(Ordering::Relaxed);
            totals.turn_ns += worker.turn_ns.load(Ordering::Relaxed);
        }
        rates.read(now_ns, totals);
    }
}
