//! Clients as other clients see them: CLIENT LIST, CLIENT KILL, CLIENT PAUSE.
//!
//! Every connection has a record here. The worker that serves it writes the changing parts with plain atomic stores
//! once a batch; the texts change rarely and stand behind a lock. Whoever lists or kills clients reads the records of
//! all workers without asking the workers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU16, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use stdx::time::UnixMs;

use crate::blocking::Waiter;
use crate::table::{Table, table};

/// The parts of a record that are texts.
#[derive(Debug, Clone, Default)]
pub struct ClientNames {
    /// CLIENT SETNAME.
    pub name: String,
    /// CLIENT SETINFO LIB-NAME.
    pub library: String,
    /// CLIENT SETINFO LIB-VER.
    pub library_version: String,
    /// The user it is logged in as.
    pub user: Vec<u8>,
    /// CLIENT TRACKING.
    pub tracking: Option<ShownTracking>,
}

/// What CLIENT LIST shows of tracking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShownTracking {
    /// By prefix.
    pub broadcast: bool,
    /// Who is told instead; 0 = nobody.
    pub redirect: u64,
    /// That client is gone.
    pub redirect_broken: bool,
}

/// One connection.
#[derive(Debug, Default)]
pub struct ClientRecord {
    /// Its number, never used again.
    pub id: u64,
    /// The worker that serves it.
    pub worker: usize,
    /// The connection's number at its worker.
    pub number: usize,
    /// Where it comes from.
    pub address: String,
    /// Where it arrived.
    pub local_address: String,
    /// Whether over a unix socket.
    pub is_unix: bool,
    /// When it came.
    pub created: UnixMs,
    /// Its texts.
    pub names: Mutex<ClientNames>,
    /// The last request.
    pub active: AtomicI64,
    /// The selected database.
    pub database: AtomicU16,
    /// The index of the last command in the table, plus one.
    pub command: AtomicUsize,
    /// Bytes of half a request that have not been decoded.
    pub query_bytes: AtomicUsize,
    /// Bytes of its arguments that have, without the lengths before them.
    pub argument_bytes: AtomicUsize,
    /// Bytes of the memory that holds all of it.
    pub query_memory: AtomicUsize,
    /// Bytes of replies not sent.
    pub output_bytes: AtomicUsize,
    /// Bytes of the memory that holds replies.
    pub output_memory: AtomicUsize,
    /// Bytes of queued commands.
    pub queued_bytes: AtomicUsize,
    /// Bytes of what it watches, is subscribed to and tracks.
    pub interest_bytes: AtomicUsize,
    /// Bytes of it that its worker has counted among those of all clients.
    pub counted_bytes: AtomicUsize,
    /// Queued commands, -1 outside a transaction.
    pub queued: AtomicI64,
    /// Watched keys.
    pub watching: AtomicUsize,
    /// Subscriptions: to channels, to patterns, to channels of shards.
    pub subscriptions: [AtomicUsize; 3],
    /// 2 or 3.
    pub protocol: AtomicU16,
    /// Bytes received.
    pub received: AtomicU64,
    /// Bytes sent.
    pub sent: AtomicU64,
    /// Commands run.
    pub commands: AtomicU64,
    /// It is fed by MONITOR.
    pub monitoring: AtomicBool,
    /// CLIENT NO-EVICT.
    pub no_evict: AtomicBool,
    /// CLIENT NO-TOUCH.
    pub no_touch: AtomicBool,
    /// It waits: for the end of a pause, or for what [`ClientRecord::waiting`] says.
    pub blocked: AtomicBool,
    /// What a command of it waits for, so that CLIENT UNBLOCK finds it.
    pub waiting: Mutex<Weak<Waiter>>,
    /// Whether it can follow redirects (CLIENT CAPA).
    pub follows_redirects: AtomicBool,
    /// It is a replica, or about to become one.
    pub is_replica: AtomicBool,
    /// Somebody asked to close it.
    pub killed: AtomicBool,
    /// It has said QUIT, and its connection ends when it has its replies.
    pub has_quit: AtomicBool,
}

impl ClientRecord {
    /// Whether it has gone for others, although its worker may not have closed its connection yet.
    pub fn is_gone(&self) -> bool {
        self.killed.load(Ordering::Relaxed) || self.has_quit.load(Ordering::Relaxed)
    }

    /// Its line in CLIENT LIST.
    pub fn line(&self, now: UnixMs) -> String {
        self.text(now, &self.names.lock())
    }

    /// The same for the log, which may have to do without what users have named (`hide-user-data-from-log`).
    pub fn log_line(&self, now: UnixMs, hides: bool) -> String {
        let names = self.names.lock().clone();
        if !hides {
            return self.text(now, &names);
        }
        let hidden = "*redacted*".to_owned();
        let names = ClientNames {
            name: hidden.clone(),
            user: hidden.clone().into_bytes(),
            library: hidden.clone(),
            library_version: hidden,
            ..names
        };
        self.text(now, &names)
    }

    fn text(&self, now: UnixMs, names: &ClientNames) -> String {
        let command = match self.command.load(Ordering::Relaxed).checked_sub(1) {
            Some(index) => Table::full_name(&table().rows()[index]),
            None => "NULL".to_owned(),
        };
        let get = |value: &AtomicUsize| value.load(Ordering::Relaxed);
        let seconds = |since: i64| (now.0 - since).max(0) / 1000;
        format!(
            "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={} sub={} psub={} ssub={} multi={} \
             watch={} qbuf={} qbuf-free={} argv-mem={} multi-mem={} rbs=0 rbp=0 obl={} oll=0 omem={} tot-mem={} \
             events={} cmd={} user={} redir={} resp={} lib-name={} lib-ver={} io-thread={} tot-net-in={} \
             tot-net-out={} tot-cmds={}",
            self.id,
            self.address,
            self.local_address,
            self.number + 8,
            names.name,
            seconds(self.created.0),
            seconds(self.active.load(Ordering::Relaxed)),
            self.flags(names),
            self.database.load(Ordering::Relaxed),
            get(&self.subscriptions[0]),
            get(&self.subscriptions[1]),
            get(&self.subscriptions[2]),
            self.queued.load(Ordering::Relaxed),
            get(&self.watching),
            get(&self.query_bytes),
            get(&self.query_memory).saturating_sub(get(&self.query_bytes) + get(&self.argument_bytes)),
            get(&self.argument_bytes),
            get(&self.queued_bytes),
            get(&self.output_bytes),
            get(&self.output_memory),
            self.memory(),
            if get(&self.output_bytes) > 0 { "rw" } else { "r" },
            command,
            String::from_utf8_lossy(&names.user),
            names.tracking.map_or(-1, |tracking| tracking.redirect as i64),
            self.protocol.load(Ordering::Relaxed),
            names.library,
            names.library_version,
            self.worker,
            self.received.load(Ordering::Relaxed),
            self.sent.load(Ordering::Relaxed),
            self.commands.load(Ordering::Relaxed),
        )
    }

    /// Bytes of memory that it takes.
    pub fn memory(&self) -> usize {
        let parts = [&self.query_memory, &self.output_memory, &self.queued_bytes, &self.interest_bytes];
        size_of::<Self>() + parts.iter().map(|part| part.load(Ordering::Relaxed)).sum::<usize>()
    }

    /// The letters of its field `flags`.
    pub fn shown_flags(&self) -> String {
        let names = self.names.lock().clone();
        self.flags(&names)
    }

    /// The letters of the flags field.
    fn flags(&self, names: &ClientNames) -> String {
        let mut flags = String::new();
        let mut add = |set: bool, letter: char| {
            if set {
                flags.push(letter);
            }
        };
        add(self.monitoring.load(Ordering::Relaxed), 'O');
        add(self.is_replica.load(Ordering::Relaxed), 'S');
        add(self.is_subscribed(), 'P');
        add(self.queued.load(Ordering::Relaxed) >= 0, 'x');
        add(self.blocked.load(Ordering::Relaxed), 'b');
        add(names.tracking.is_some(), 't');
        add(names.tracking.is_some_and(|tracking| tracking.redirect_broken), 'R');
        add(names.tracking.is_some_and(|tracking| tracking.broadcast), 'B');
        add(self.is_unix, 'U');
        add(self.no_evict.load(Ordering::Relaxed), 'e');
        add(self.no_touch.load(Ordering::Relaxed), 'T');
        if flags.is_empty() { "N".to_owned() } else { flags }
    }

    /// Whether it comes from this machine.
    pub fn is_local(&self) -> bool {
        self.is_unix || self.address.starts_with("127.") || self.address.starts_with("[::1]:")
    }

    /// Whether it is subscribed to something.
    pub fn is_subscribed(&self) -> bool {
        self.subscriptions.iter().any(|count| count.load(Ordering::Relaxed) > 0)
    }

    /// `normal`, `replica` or `pubsub`.
    pub fn type_name(&self) -> &'static str {
        if self.is_replica.load(Ordering::Relaxed) {
            "replica"
        } else if self.is_subscribed() {
            "pubsub"
        } else {
            "normal"
        }
    }
}

/// Which commands CLIENT PAUSE holds back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PauseMode {
    /// Those that may change data.
    Write,
    /// All.
    All,
}

/// All connections.
#[derive(Debug, Default)]
pub struct Clients {
    records: Mutex<BTreeMap<u64, Arc<ClientRecord>>>,
    next: AtomicU64,
    count: AtomicUsize,
    /// Clients that are fed by MONITOR.
    pub monitors: AtomicUsize,
    /// Clients that were closed because they left too much unread.
    pub output_limit_disconnections: AtomicU64,
    /// Clients that were closed because all together took too much memory.
    pub evicted: AtomicU64,
    /// Clients that were closed because half a request of theirs was too long.
    pub query_limit_disconnections: AtomicU64,
    /// When the log last told of a client that speaks HTTP.
    http_told: AtomicI64,
    /// Until when, and what is held back; 0 = nothing.
    pause_until: AtomicI64,
    pause_all: AtomicBool,
    /// Writes are held because the server is about to end.
    holds_writes: AtomicBool,
}

/// How often the log tells of clients that speak HTTP: they must not be able to fill it.
const TOLD_EVERY_MS: i64 = 60_000;

impl Clients {
    /// Whether the log is to tell of a client that speaks HTTP, as it did not do so lately.
    pub fn tells_of_http(&self, now: UnixMs) -> bool {
        let told = self.http_told.load(Ordering::Relaxed);
        now.0 - told >= TOLD_EVERY_MS
            && self.http_told.compare_exchange(told, now.0, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// A new connection's record.
    pub fn open(
        &self,
        worker: usize,
        number: usize,
        address: &str,
        local_address: &str,
        is_unix: bool,
        now: UnixMs,
    ) -> Arc<ClientRecord> {
        let record = Arc::new(ClientRecord {
            id: self.next.fetch_add(1, Ordering::Relaxed) + 1,
            worker,
            number,
            address: address.to_owned(),
            local_address: local_address.to_owned(),
            is_unix,
            created: now,
            names: Mutex::new(ClientNames { user: acl::DEFAULT.to_vec(), ..ClientNames::default() }),
            active: AtomicI64::new(now.0),
            database: AtomicU16::new(0),
            command: AtomicUsize::new(0),
            query_bytes: AtomicUsize::new(0),
            argument_bytes: AtomicUsize::new(0),
            output_bytes: AtomicUsize::new(0),
            query_memory: AtomicUsize::new(0),
            output_memory: AtomicUsize::new(0),
            queued_bytes: AtomicUsize::new(0),
            interest_bytes: AtomicUsize::new(0),
            counted_bytes: AtomicUsize::new(0),
            queued: AtomicI64::new(-1),
            watching: AtomicUsize::new(0),
            subscriptions: Default::default(),
            protocol: AtomicU16::new(2),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            commands: AtomicU64::new(0),
            monitoring: AtomicBool::new(false),
            no_evict: AtomicBool::new(false),
            no_touch: AtomicBool::new(false),
            blocked: AtomicBool::new(false),
            waiting: Mutex::default(),
            follows_redirects: AtomicBool::new(false),
            is_replica: AtomicBool::new(false),
            killed: AtomicBool::new(false),
            has_quit: AtomicBool::new(false),
        });
        self.records.lock().insert(record.id, Arc::clone(&record));
        self.count.fetch_add(1, Ordering::Relaxed);
        record
    }

    /// A connection is gone.
    pub fn close(&self, record: &ClientRecord) {
        if self.records.lock().remove(&record.id).is_some() {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Connections.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// All records, by number.
    pub fn all(&self) -> Vec<Arc<ClientRecord>> {
        self.records.lock().values().cloned().collect()
    }

    /// One record.
    pub fn get(&self, id: u64) -> Option<Arc<ClientRecord>> {
        self.records.lock().get(&id).cloned()
    }

    /// Holds commands back until a time. A pause that is on is only made longer, but the last one says what is held back.
    pub fn pause(&self, until: UnixMs, mode: PauseMode) {
        self.pause_until.fetch_max(until.0, Ordering::Relaxed);
        self.pause_all.store(mode == PauseMode::All, Ordering::Relaxed);
    }

    /// Ends a pause.
    pub fn unpause(&self) {
        self.pause_until.store(0, Ordering::Relaxed);
        self.pause_all.store(false, Ordering::Relaxed);
    }

    /// Holds writes back, whatever clients want, or no longer.
    pub fn hold_writes(&self, holds: bool) {
        self.holds_writes.store(holds, Ordering::Release);
    }

    /// What is held back at a time.
    #[inline]
    pub fn paused(&self, now: UnixMs) -> Option<PauseMode> {
        let by_client = self.paused_by_client(now);
        if by_client.is_none() && self.holds_writes.load(Ordering::Acquire) {
            return Some(PauseMode::Write);
        }
        by_client
    }

    #[inline]
    fn paused_by_client(&self, now: UnixMs) -> Option<PauseMode> {
        let until = self.pause_until.load(Ordering::Relaxed);
        if until == 0 {
            return None;
        }
        if until <= now.0 {
            self.unpause();
            return None;
        }
        Some(if self.pause_all.load(Ordering::Relaxed) { PauseMode::All } else { PauseMode::Write })
    }
}
