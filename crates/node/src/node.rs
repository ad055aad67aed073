//! What all threads of the product share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use acl::Users;
use config::{Config, MemoryLimit, Param};
use engine::Shared;
use engine::client::{ClientRecord, PauseMode};
use engine::commandlog::Topic;
use engine::host::Shutdown;
use engine::shared::Identity;
use engine::table::Names;
use keyspace::{Access, Garbage, Keyspace, LogPosition, Rule, SHARDS, WorkerId};
use stdx::hash::HashKey;
use stdx::rng::Rng;
use stdx::time::UnixMs;

use crate::Now;
use crate::connection::Connection;
use crate::eviction;
use crate::machine::{Dead, Holding, Image, Machine};
use crate::measuring::Measuring;
use crate::output_limit::OutputLimit;

/// Who has an access to the keyspace besides the workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The thread that loads before clients are served, and saves when they no longer are.
    Main,
    /// The thread that takes snapshots on its own.
    Persistence,
    /// The one that loads while clients are served (DEBUG LOADAOF).
    Reload,
}

/// How many there are.
const SIDES: usize = 3;
/// Bytes that may wait for a client that has not authenticated and does not read.
const UNAUTHENTICATED_OUTPUT: usize = 1024 * 1024;

/// The sweep begins when more than this part of the allocated memory lies waste, one in so many bytes, and ends when less
/// does than the other; with little waste it never begins.
const SWEEP_FROM: usize = 16;
const SWEEP_UNTIL: usize = 50;
const SWEEP_LEAST: usize = 4 * 1024 * 1024;

/// How a node is made.
pub struct Settings {
    /// All parameters.
    pub config: Config,
    /// By what names clients find the commands.
    pub names: Names,
    /// All users.
    pub users: Users,
    /// Who this process is.
    pub identity: Identity,
    /// Threads that load data before clients are served.
    pub loaders: usize,
    /// A number that differs from start to start.
    pub seed: u64,
    /// Reads a monotonic clock, in nanoseconds.
    pub clock: fn() -> u64,
}

/// See the module's text.
pub struct Node {
    /// What the engines share.
    pub shared: Arc<Shared>,
    /// Threads that load data before clients are served.
    pub loaders: usize,
    /// The number of the first access besides those of workers and of threads that load.
    first_side: usize,
    pub(crate) machine: Arc<dyn Machine>,
    /// Whether replies wait until the log is where `appendfsync` wants it: written or synced.
    waits_for_log: AtomicBool,
    idle_timeout_s: AtomicU64,
    keepalive_s: AtomicU64,
    max_clients: AtomicUsize,
    protected: AtomicBool,
    /// The most nanoseconds that keys are evicted for at once.
    pub(crate) eviction_ns: AtomicU64,
    /// `maxmemory-clients` in bytes; 0 = no limit.
    pub(crate) clients_limit: AtomicU64,
    sweeping: AtomicBool,
    measuring: Measuring,
    /// Of clients that are subscribed to nothing, of those that are, and of replicas.
    output_limit: OutputLimit,
    subscriber_limit: OutputLimit,
    replica_limit: OutputLimit,
}

impl Node {
    /// A node with an empty keyspace.
    pub fn new(settings: Settings, machine: Arc<dyn Machine>) -> Self {
        let mut rng = Rng::from_seed(settings.seed);
        // Those who load have the numbers of workers, of which there are none yet.
        let first_side = settings.identity.threads.max(settings.loaders);
        let accesses = first_side + SIDES;
        let keyspace = Arc::new(Keyspace::new(keyspace::Options {
            databases: settings.config.integer(Param::Databases).clamp(1, 65_535) as u16,
            shards: SHARDS,
            workers: accesses,
            hash_key: HashKey([rng.next_u64(), rng.next_u64()]),
            encode: persist::encode_effect,
        }));
        let shared = Shared::new(keyspace, settings.config, settings.identity, accesses, settings.clock);
        let shared = Shared { names: settings.names, ..shared };
        shared.accounts.change(|users| *users = settings.users);
        shared.startup_memory.store(machine.memory().allocated, Ordering::Relaxed);
        let node = Self {
            shared: Arc::new(shared),
            loaders: settings.loaders,
            first_side,
            machine,
            waits_for_log: AtomicBool::new(false),
            idle_timeout_s: AtomicU64::new(0),
            keepalive_s: AtomicU64::new(300),
            max_clients: AtomicUsize::new(10_000),
            protected: AtomicBool::new(false),
            eviction_ns: AtomicU64::new(0),
            clients_limit: AtomicU64::new(0),
            sweeping: AtomicBool::new(false),
            measuring: Measuring::default(),
            output_limit: OutputLimit::default(),
            subscriber_limit: OutputLimit::default(),
            replica_limit: OutputLimit::default(),
        };
        node.configure();
        node
    }

    /// Takes over the parameters that are read without a lock.
    pub fn configure(&self) {
        let config = self.shared.config.read();
        let nanoseconds = |us: i64| u64::try_from(us).map_or(u64::MAX, |us| us.saturating_mul(1000));
        let hot = &self.shared.hot;
        let bytes = |number: i64| u64::try_from(number).unwrap_or(u64::MAX);
        for (topic, threshold, length) in [
            (Topic::Slow, nanoseconds(config.integer(Param::SlowlogLogSlowerThan)), Param::SlowlogMaxLen),
            (
                Topic::LargeRequest,
                bytes(config.integer(Param::CommandlogRequestLargerThan)),
                Param::CommandlogLargeRequestMaxLen,
            ),
            (
                Topic::LargeReply,
                bytes(config.integer(Param::CommandlogReplyLargerThan)),
                Param::CommandlogLargeReplyMaxLen,
            ),
        ] {
            let length = config.integer(length) as usize;
            self.shared.command_log.of(topic).configure(threshold, length);
        }
        let latency_ms = config.integer(Param::LatencyMonitorThreshold);
        let latency = if latency_ms > 0 { nanoseconds(latency_ms.saturating_mul(1000)) } else { u64::MAX };
        hot.latency_nanoseconds.store(latency, Ordering::Relaxed);
        let busy_ms = config.integer(Param::BusyReplyThreshold);
        let busy = if busy_ms > 0 { nanoseconds(busy_ms.saturating_mul(1000)) } else { u64::MAX };
        hot.busy_nanoseconds.store(busy, Ordering::Relaxed);
        hot.latency_tracking.store(config.yes(Param::LatencyTracking), Ordering::Relaxed);
        let max_query_bytes = config.size(Param::ClientQueryBufferLimit) as usize;
        hot.max_query_bytes.store(max_query_bytes, Ordering::Relaxed);
        hot.max_bulk_bytes.store(config.size(Param::ProtoMaxBulkLen) as i64, Ordering::Relaxed);
        self.shared.notifications.configure(config.keyspace_events());
        hot.tracking_keys.store(config.integer(Param::TrackingTableMaxKeys) as usize, Ordering::Relaxed);
        let limits = self.shared.keyspace.limits();
        let entries = config.integer(Param::HashMaxListpackEntries) as usize;
        limits.hash_packed_entries.store(entries, Ordering::Relaxed);
        limits.hash_packed_value.store(config.size(Param::HashMaxListpackValue) as usize, Ordering::Relaxed);
        let sparse_bytes = config.size(Param::HllSparseMaxBytes) as usize;
        limits.hyperloglog_sparse_bytes.store(sparse_bytes, Ordering::Relaxed);
        let size = config.integer(Param::ListMaxListpackSize);
        limits.list_max_listpack_size.store(size, Ordering::Relaxed);
        let members = config.integer(Param::SetMaxIntsetEntries) as usize;
        limits.set_integers.store(members, Ordering::Relaxed);
        let members = config.integer(Param::SetMaxListpackEntries) as usize;
        limits.set_packed_entries.store(members, Ordering::Relaxed);
        let length = config.integer(Param::SetMaxListpackValue) as usize;
        limits.set_packed_value.store(length, Ordering::Relaxed);
        limits
            .zset_packed_entries
            .store(config.integer(Param::ZsetMaxListpackEntries) as usize, Ordering::Relaxed);
        limits.zset_packed_value.store(config.size(Param::ZsetMaxListpackValue) as usize, Ordering::Relaxed);
        let policy = config.maxmemory_policy();
        limits.counts_accesses.store(policy.counts_accesses(), Ordering::Relaxed);
        limits.evicts_by_time.store(policy.evicts_by_time(), Ordering::Relaxed);
        limits.notes_writes_only.store(policy.notes_writes_only(), Ordering::Relaxed);
        let samples = config.integer(Param::MaxmemorySamples) as usize;
        self.limit_memory(config.size(Param::Maxmemory), eviction::rule(policy, samples));
        let tenacity = config.integer(Param::MaxmemoryEvictionTenacity);
        self.clients_limit.store(clients_limit(&config), Ordering::Relaxed);
        self.eviction_ns.store(eviction::budget_ns(tenacity), Ordering::Relaxed);
        let node_bytes = config.size(Param::StreamNodeMaxBytes) as usize;
        limits.stream_node_max_bytes.store(node_bytes, Ordering::Relaxed);
        let node_entries = config.integer(Param::StreamNodeMaxEntries) as usize;
        limits.stream_node_max_entries.store(node_entries, Ordering::Relaxed);
        let seconds = config.integer(Param::StreamIdmpDuration) as u32;
        limits.stream_name_duration_s.store(seconds, Ordering::Relaxed);
        limits.stream_names.store(config.integer(Param::StreamIdmpMaxsize) as u32, Ordering::Relaxed);
        limits.frequency_log_factor.store(config.integer(Param::LfuLogFactor) as u32, Ordering::Relaxed);
        limits.frequency_decay_minutes.store(config.integer(Param::LfuDecayTime) as u32, Ordering::Relaxed);
        self.idle_timeout_s.store(config.integer(Param::Timeout) as u64, Ordering::Relaxed);
        self.keepalive_s.store(config.integer(Param::TcpKeepalive) as u64, Ordering::Relaxed);
        self.max_clients.store(config.integer(Param::Maxclients) as usize, Ordering::Relaxed);
        self.waits_for_log.store(config.yes(Param::Appendonly), Ordering::Relaxed);
        self.protected.store(config.yes(Param::ProtectedMode), Ordering::Relaxed);
        self.limit_outputs(&config);
        drop(config);
        self.judge_replicas();
    }

    fn limit_outputs(&self, config: &Config) {
        let limits = config.output_limits();
        self.output_limit.set(&limits.normal);
        self.subscriber_limit.set(&limits.pubsub);
        self.replica_limit.set_for_replicas(config);
    }

    /// Why a new connection is refused, as the bytes to tell it. `others` are there already, or on their way to their workers.
    pub fn refuse_connection(&self, is_local: bool, others: usize) -> Option<String> {
        let shared = &self.shared;
        let is_protected =
            self.protected.load(Ordering::Relaxed) && shared.accounts.default_has_no_password();
        let refusal = if is_protected && !is_local {
            Some(PROTECTED)
        } else if others >= self.max_clients.load(Ordering::Relaxed) {
            Some("-ERR max number of clients reached\r\n")
        } else {
            None
        };
        let counter = if refusal.is_some() { &shared.connections_refused } else { &shared.connections };
        counter.fetch_add(1, Ordering::Relaxed);
        refusal.map(str::to_owned)
    }

    /// The number of an access besides the workers'.
    pub fn side(&self, side: Side) -> WorkerId {
        WorkerId(self.first_side + side as usize)
    }

    /// All data at this moment. `cut` is called at its place in the log, while no worker is in a batch. Called inside a
    /// batch, with nothing locked or everything.
    pub fn image(&self, access: &mut Access<'_>, cut: impl FnOnce()) -> Image {
        // Changes that other workers have not told yet count as unsaved.
        self.shared.statistics[access.worker().0].publish(&access.counters);
        let (mut changes, mut number) = (0, 0);
        let started = (self.shared.clock)();
        let holding = Holding::new(&self.shared);
        let snapshot = access.snapshot(|_| {
            changes = self.shared.changes();
            number = self.shared.snapshots.fetch_add(1, Ordering::Relaxed) + 1;
            cut();
        });
        let took_us = (self.shared.clock)().saturating_sub(started) / 1000;
        self.shared.snapshot_us.store(took_us, Ordering::Relaxed);
        let used_memory = self.machine.memory().allocated;
        let keyspace = Arc::clone(&self.shared.keyspace);
        Image { number, snapshot, keyspace, changes, used_memory, holding }
    }

    /// Hands what nobody can reach any more to the background.
    pub(crate) fn free(&self, garbage: Vec<Garbage>) {
        let bytes = garbage.iter().map(Garbage::bytes).sum();
        self.shared.meter.note_dying(bytes);
        self.machine.free(Dead { garbage, bytes });
    }

    /// Frees dead memory. `between` is called now and then.
    pub fn bury(&self, dead: Dead, between: &mut dyn FnMut()) {
        let Dead { garbage, bytes } = dead;
        let before = self.machine.thread_bytes();
        garbage.into_iter().for_each(|garbage| garbage.free(between));
        self.shared.meter.note_freed(bytes, before - self.machine.thread_bytes());
    }

    /// Saves what has to be saved before the server ends; from then on commands wait for the end. `Err`: that failed, and
    /// the server should go on. Called inside a batch.
    pub fn save_before_end(&self, access: &mut Access<'_>, how: Shutdown) -> Result<(), String> {
        // Also between two tries, if the first one has failed.
        let is_wanted = self.shared.config.read().yes(Param::Appendonly);
        if is_wanted && self.machine.lacks_first_base() && !how.force {
            self.machine.warn(
                "the append-only file has been switched on and its first base is not written yet, so the server does not end \
                 (SHUTDOWN FORCE ends it)",
            );
            return Err(CANNOT_END.to_owned());
        }
        let saves = how.save.unwrap_or_else(|| !self.shared.config.read().save_points().is_empty());
        if !saves {
            return Ok(());
        }
        // Whoever is in a batch now is out of it before the snapshot is taken, and in the next sees the pause.
        self.shared.clients.pause(UnixMs(i64::MAX), PauseMode::All);
        self.machine.give_up_save();
        if let Err(reason) = self.save_now(access)
            && !how.force
        {
            self.machine.warn(&format!("Error trying to save the DB, can't exit: {reason}"));
            self.shared.clients.unpause();
            engine::Host::wake_all(self);
            return Err(CANNOT_END.to_owned());
        }
        Ok(())
    }

    /// Writes all data to the RDB file. Called inside a batch, with nothing locked or everything.
    pub(crate) fn save_now(&self, access: &mut Access<'_>) -> Result<(), String> {
        let image = self.image(access, || ());
        if access.is_exclusive() {
            return self.machine.save(&self.shared, image);
        }
        // Outside the batch, so that whoever wants to close the gate need not wait for the disk.
        let now = access.now();
        access.end();
        let saved = self.machine.save(&self.shared, image);
        access.begin(now);
        saved
    }

    /// Seconds of silence before keep-alive probes.
    pub fn keepalive_s(&self) -> u64 {
        self.keepalive_s.load(Ordering::Relaxed)
    }

    /// Seconds of silence after which a client is closed; 0 = never.
    pub(crate) fn idle_timeout_s(&self) -> u64 {
        self.idle_timeout_s.load(Ordering::Relaxed)
    }

    /// Whether workers move pages.
    pub(crate) fn sweeps(&self) -> bool {
        self.sweeping.load(Ordering::Relaxed)
    }

    /// Decides whether so much of the allocator's memory lies waste that moving pages pays, and remembers the peak.
    /// Called about once a second, by a thread that serves nobody: the allocator takes some hundred microseconds to add up.
    pub fn look_at_memory(&self) {
        let figures = self.machine.memory();
        self.shared.peak_memory.fetch_max(figures.allocated, Ordering::Relaxed);
        let waste = figures.active.saturating_sub(figures.allocated);
        self.sweeping.store(pays(waste, figures.allocated, self.sweeps()), Ordering::Relaxed);
    }

    fn limit_memory(&self, bytes: u64, rule: Option<Rule>) {
        let meter = &self.shared.meter;
        let before = meter.limit();
        meter.configure(bytes, rule);
        if meter.limit() != before {
            self.measuring.hurry(before.is_none());
        }
    }

    /// Whether a worker is to compare what is told of memory with what the allocator says in its tick.
    pub(crate) fn is_to_measure(&self, worker: usize) -> bool {
        self.shared.meter.limit().is_some() && self.measuring.is_for(worker)
    }

    /// Whether the limit is new, so that the next worker is to do that.
    #[inline]
    pub(crate) fn is_to_measure_now(&self) -> bool {
        self.measuring.is_urgent()
    }

    /// Sets what the meter shows right by what the allocator says, for a worker that has just told what it holds.
    pub(crate) fn measure(&self, worker: usize) {
        self.measuring.measure(worker, &self.shared, || self.figure());
    }

    /// The bytes that are allocated, and those of them that wait to be written to the log or to be sent to replicas: to evict a key makes
    /// more of these.
    fn figure(&self) -> (usize, usize) {
        let buffered = self.machine.persistence().aof_buffered as usize;
        (self.machine.memory().allocated, buffered + self.shared.replicas.unsent_bytes())
    }

    /// Brings the log where `appendfsync` wants it. If that takes longer, returns the position that replies of a worker's
    /// turn have to wait for. Replies may show any effect that is in the log, not only those of the turn itself, behind
    /// which `own` is. While the log cannot be written, only changes wait, so that clients can look and administer.
    pub(crate) fn unreleased(&self, worker: usize, own: Option<LogPosition>) -> Option<LogPosition> {
        if !self.waits_for_log.load(Ordering::Relaxed) {
            self.write_log_aside(worker);
            return None;
        }
        if own.is_none() && self.log_fails() {
            return None;
        }
        let position = self.shared.keyspace.position();
        if self.machine.released() >= position || self.machine.write_log(&self.shared, worker, position) {
            return None;
        }
        if self.log_fails() { own } else { Some(position) }
    }

    /// Looks whether as many replicas follow as there have to be.
    pub(crate) fn judge_replicas(&self) {
        self.shared.judge_replicas(UnixMs((self.machine.unix_us() / 1000) as i64));
    }

    /// A replica sends an empty line now and then while it loads what it was sent.
    pub(crate) fn note_sign_of_life(&self, record: &ClientRecord, now: Now) {
        if let Some(replica) = self.shared.replicas.get(record.id) {
            replica.note_heard(now.unix);
        }
    }

    /// Passes on to replicas, or to the backlog that waits for some, what has changed since the last turn, without a command, such as
    /// keys that were due. An append-only file alone takes that with what is written next.
    pub(crate) fn pass_on(&self, worker: usize) {
        if self.shared.replicas.are_there() {
            self.write_log_aside(worker);
        } else {
            self.write_log_unless_awaited(worker);
        }
    }

    /// Writes the log for those who follow it, if there is no append-only file.
    pub(crate) fn write_log_unless_awaited(&self, worker: usize) {
        if !self.waits_for_log.load(Ordering::Relaxed) {
            self.write_log_aside(worker);
        }
    }

    /// Without an append-only file, replicas may follow the log, or a backup have it for itself. Nobody waits for that, but who changes
    /// data writes it, so that no more gathers in memory than the changes of a turn.
    fn write_log_aside(&self, worker: usize) {
        if self.shared.keyspace.is_recording() {
            let position = self.shared.keyspace.position();
            if self.machine.released() < position {
                self.machine.write_log(&self.shared, worker, position);
            }
        }
    }

    /// Whether the log cannot be written, so that writes are refused.
    pub(crate) fn log_fails(&self) -> bool {
        self.shared.log_fails.load(Ordering::Acquire)
    }

    /// Whether a connection is owed more than it may be, or has been for too long. That is noted in the log.
    pub(crate) fn exceeds_output_limit(&self, connection: &mut Connection, now: Now) -> bool {
        let waiting = connection.output.len();
        let limit = if connection.session.is_replica {
            &self.replica_limit
        } else if connection.session.subscriptions.is_empty() {
            &self.output_limit
        } else {
            &self.subscriber_limit
        };
        let since = &mut connection.over_soft_limit_since;
        let exceeds = waiting > UNAUTHENTICATED_OUTPUT
            && connection.session.login.is_needed(&self.shared.accounts)
            || limit.is_exceeded(waiting, since, now.monotonic_ns);
        if exceeds {
            self.shared.clients.output_limit_disconnections.fetch_add(1, Ordering::Relaxed);
            let client = self.log_line(&connection.session.record, now.unix);
            self.machine.warn(&format!("Client {client} closed for overcoming of output buffer limits."));
        }
        exceeds
    }

    /// A client as the log may describe it.
    pub(crate) fn log_line(&self, client: &ClientRecord, now: UnixMs) -> String {
        client.log_line(now, self.shared.config.read().yes(Param::HideUserDataFromLog))
    }

    /// Whether time alone can make a connection exceed its limits.
    pub(crate) fn has_soft_output_limit(&self) -> bool {
        [&self.output_limit, &self.subscriber_limit, &self.replica_limit]
            .into_iter()
            .any(OutputLimit::has_soft)
    }
}

/// What who wants to end the server is told when it does not, as Redis says it.
pub const CANNOT_END: &str = "Errors trying to SHUTDOWN. Check logs.";
/// What a client from another machine is told in protected mode.
const PROTECTED: &str = "-DENIED Redis is running in protected mode because protected mode is enabled and no password \
is set for the default user. In this mode connections are only accepted from the loopback interface. If you want to \
connect from external computers, either set a password (requirepass), or bind the address you want and turn protected \
mode off (protected-mode no).\r\n";

/// The least that clients may be limited to, so that nobody can lock himself out with too small a limit.
const MIN_CLIENTS_LIMIT: u64 = 128 * 1024;

/// What all clients may take together, in bytes; 0 = no limit.
fn clients_limit(config: &Config) -> u64 {
    let limit = match (config.maxmemory_clients(), config.size(Param::Maxmemory)) {
        (MemoryLimit::Bytes(0) | MemoryLimit::Percent(0), _) | (MemoryLimit::Percent(_), 0) => return 0,
        (MemoryLimit::Bytes(bytes), _) => bytes,
        (MemoryLimit::Percent(percent), memory) => memory / 100 * u64::from(percent),
    };
    limit.max(MIN_CLIENTS_LIMIT)
}

/// Whether a sweep should begin or go on, with so many bytes waste beside those allocated.
fn pays(waste: usize, allocated: usize, is_sweeping: bool) -> bool {
    let part = if is_sweeping { SWEEP_UNTIL } else { SWEEP_FROM };
    waste > SWEEP_LEAST && waste > allocated / part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_begins_with_much_waste_and_ends_with_little() {
        const MIB: usize = 1 << 20;
        assert!(!pays(3 * MIB, 3 * MIB, false), "a small server is left alone");
        assert!(pays(10 * MIB, 100 * MIB, false));
        assert!(!pays(5 * MIB, 100 * MIB, false), "not worth beginning");
        assert!(pays(5 * MIB, 100 * MIB, true), "but worth finishing");
        assert!(!pays(20 * MIB, 1100 * MIB, true), "done");
    }
}
