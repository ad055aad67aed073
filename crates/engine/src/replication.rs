//! Replicas as commands see them: who follows, how far each of them is, and what a client has to wait for.
//!
//! ```text
//!   REPLCONF ─► Facts ─PSYNC─► Replica, in the list ◄─ phase: the machine, which sends what is to be sent
//!                                 ▲ acknowledged: REPLCONF ACK
//!   WAIT ─► the place in the log ─► History: the place in the stream ─► who has acknowledged it
//! ```
//! The stream itself is made by the machine, from the log (crate `replica`). It tells the history here: how long it is, and which
//! place in the log a place in it belongs to.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, AtomicUsize, Ordering};

use keyspace::LogPosition;
use parking_lot::Mutex;
use stdx::time::UnixMs;

use crate::client::ClientRecord;

/// Pairs of places that are remembered. Behind what is forgotten a client waits for more than it must.
const MAX_MARKS: usize = 4096;

/// Which data a snapshot has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Content {
    /// All.
    #[default]
    All,
    /// The libraries of functions.
    Libraries,
    /// None.
    Nothing,
}

/// What a client has told of itself before it follows (REPLCONF).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// Where it is, if not where its connection comes from.
    pub address: Option<String>,
    /// The port on which it serves clients.
    pub port: u16,
    /// Whether it knows that a history can get another name (`capa psync2`).
    pub knows_names: bool,
    /// Whether it wants a snapshot and no more.
    pub snapshot_only: bool,
    /// Which data it wants.
    pub content: Content,
}

/// How far a replica is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Its snapshot is not there yet.
    Waiting,
    /// It is being sent the snapshot.
    Loading,
    /// It follows the stream.
    Online,
}

impl Phase {
    /// As INFO calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "wait_bgsave",
            Self::Loading => "send_bulk",
            Self::Online => "online",
        }
    }
}

/// A client that follows, or is about to.
#[derive(Debug)]
pub struct Replica {
    /// The client.
    pub record: Arc<ClientRecord>,
    /// What it has told of itself.
    pub facts: Facts,
    /// Whether it acknowledges what it gets, so that silence means something.
    pub acknowledges: bool,
    phase: AtomicU8,
    /// Up to where it has the stream, as it says.
    acknowledged: AtomicU64,
    /// When it was heard last.
    heard: AtomicI64,
}

impl Replica {
    /// How far it is.
    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Waiting,
            1 => Phase::Loading,
            _ => Phase::Online,
        }
    }

    /// It is further.
    pub fn set_phase(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Release);
    }

    /// It has just been heard, or something has been sent that it must be given time for.
    pub fn note_heard(&self, now: UnixMs) {
        self.heard.fetch_max(now.0, Ordering::Relaxed);
    }

    /// Up to where it has the stream, as it says.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Acquire)
    }

    /// Seconds since it was heard.
    pub fn lag_s(&self, now: UnixMs) -> i64 {
        (now.0 - self.heard.load(Ordering::Relaxed)).max(0) / 1000
    }

    /// Where it serves clients: address and port.
    pub fn address(&self) -> (&str, u16) {
        let host = self.record.address.rsplit_once(':').map_or("", |(host, _)| host.trim_matches(['[', ']']));
        (self.facts.address.as_deref().unwrap_or(host), self.facts.port)
    }
}

/// What is told of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// Its name: forty hexadecimal digits.
    pub name: Arc<str>,
    /// Bytes of it so far.
    pub offset: u64,
    /// What the backlog holds, its first place and bytes, and how many it has room for; `None`: there is none.
    pub backlog: Option<(u64, u64, usize)>,
    /// Bytes that wait for the snapshot that is being written.
    pub gathered: usize,
}

impl Default for History {
    fn default() -> Self {
        Self { name: "".into(), offset: 0, backlog: None, gathered: 0 }
    }
}

/// See the module's text.
#[derive(Debug)]
pub struct Replicas {
    list: Mutex<BTreeMap<u64, Arc<Replica>>>,
    /// How many there are.
    count: AtomicUsize,
    history: Mutex<Told>,
    /// Workers with clients that wait for acknowledgements.
    awaited: Vec<AtomicBool>,
    /// How those who wanted to follow began.
    pub begun: Begun,
}

/// How those who wanted to follow began (INFO stats).
#[derive(Debug, Default)]
pub struct Begun {
    /// They are sent a snapshot.
    pub full: AtomicU64,
    /// They went on where they were.
    pub partial: AtomicU64,
    /// They wanted to go on where they were, and that could not be.
    pub partial_refused: AtomicU64,
}

impl Begun {
    /// Somebody begins: whether he names a place to go on from, and whether he does.
    pub fn count(&self, names_place: bool, goes_on: bool) {
        let counter = if goes_on { &self.partial } else { &self.full };
        counter.fetch_add(1, Ordering::Relaxed);
        self.partial_refused.fetch_add(u64::from(names_place && !goes_on), Ordering::Relaxed);
    }

    /// Begins to count anew (CONFIG RESETSTAT).
    pub fn reset(&self) {
        for counter in [&self.full, &self.partial, &self.partial_refused] {
            counter.store(0, Ordering::Relaxed);
        }
    }
}

#[derive(Debug, Default)]
struct Told {
    history: History,
    /// Places in the log, and how long the stream was with what lies before them; both grow.
    marks: VecDeque<(LogPosition, u64)>,
}

impl Replicas {
    /// None, for so many workers.
    pub(crate) fn new(workers: usize) -> Self {
        let awaited = (0..workers).map(|_| AtomicBool::new(false)).collect();
        Self {
            list: Mutex::default(),
            count: AtomicUsize::new(0),
            history: Mutex::default(),
            awaited,
            begun: Begun::default(),
        }
    }

    /// A client follows from now on, or is about to.
    pub fn join(
        &self,
        record: &Arc<ClientRecord>,
        facts: Facts,
        acknowledges: bool,
        now: UnixMs,
    ) -> Arc<Replica> {
        let replica = Arc::new(Replica {
            record: Arc::clone(record),
            facts,
            acknowledges,
            phase: AtomicU8::new(Phase::Waiting as u8),
            acknowledged: AtomicU64::new(0),
            heard: AtomicI64::new(now.0),
        });
        record.is_replica.store(true, Ordering::Relaxed);
        let mut list = self.list.lock();
        list.insert(record.id, Arc::clone(&replica));
        self.count.store(list.len(), Ordering::Relaxed);
        replica
    }

    /// It has gone.
    pub fn leave(&self, id: u64) {
        let mut list = self.list.lock();
        list.remove(&id);
        self.count.store(list.len(), Ordering::Relaxed);
    }

    /// Whether there are any.
    #[inline]
    pub fn are_there(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    /// All of them, in the order in which they came.
    pub fn all(&self) -> Vec<Arc<Replica>> {
        self.list.lock().values().cloned().collect()
    }

    /// One of them.
    pub fn get(&self, id: u64) -> Option<Arc<Replica>> {
        self.list.lock().get(&id).cloned()
    }

    /// What has been told of the stream.
    pub fn history(&self) -> History {
        self.history.lock().history.clone()
    }

    /// The stream is so long now, which is what the log holds up to a place.
    pub fn tell(&self, history: History, position: LogPosition) {
        let mut told = self.history.lock();
        if told.history.name != history.name {
            told.marks.clear();
        }
        if told.marks.back().is_none_or(|(last, _)| *last < position) {
            if told.marks.len() == MAX_MARKS {
                told.marks.pop_front();
            }
            told.marks.push_back((position, history.offset));
        }
        told.history = history;
    }

    /// A replica says up to where it has the stream. True: somebody may wait for that.
    pub fn acknowledge(&self, id: u64, offset: u64, now: UnixMs) -> bool {
        let Some(replica) = self.get(id) else { return false };
        replica.acknowledged.fetch_max(offset, Ordering::AcqRel);
        replica.note_heard(now);
        self.awaited.iter().any(|awaited| awaited.load(Ordering::SeqCst))
    }

    /// Whether a worker has clients that wait for acknowledgements; it will not be told again unless it says so.
    pub fn take_awaited(&self, worker: usize) -> bool {
        self.awaited.get(worker).is_some_and(|awaited| awaited.swap(false, Ordering::SeqCst))
    }

    /// A worker has clients that wait for acknowledgements.
    pub fn await_acknowledgements(&self, worker: usize) {
        if let Some(awaited) = self.awaited.get(worker) {
            awaited.store(true, Ordering::SeqCst);
        }
    }

    /// How many replicas have acknowledged what the log holds up to a place.
    pub fn acknowledged(&self, position: LogPosition) -> usize {
        let Some(offset) = self.offset_behind(position) else { return 0 };
        let list = self.list.lock();
        let has = |replica: &&Arc<Replica>| {
            replica.phase() == Phase::Online && replica.acknowledges && replica.acknowledged() >= offset
        };
        list.values().filter(has).count()
    }

    /// Those that have not acknowledged what the log holds up to a place, of those that ever acknowledge anything.
    pub fn lagging(&self, position: LogPosition) -> Vec<Arc<Replica>> {
        let offset = self.offset_behind(position);
        let lags = |replica: &&Arc<Replica>| {
            let has = replica.phase() == Phase::Online
                && offset.is_some_and(|offset| replica.acknowledged() >= offset);
            replica.acknowledges && !replica.facts.snapshot_only && !has
        };
        self.list.lock().values().filter(lags).cloned().collect()
    }

    /// How long the stream was with what the log holds up to a place. `None`: it is not that far.
    fn offset_behind(&self, position: LogPosition) -> Option<u64> {
        if position == LogPosition(0) {
            return Some(0);
        }
        let told = self.history.lock();
        let at = told.marks.partition_point(|(place, _)| *place < position);
        told.marks.get(at).map(|(_, offset)| *offset)
    }

    /// How many are online and were heard within so many seconds.
    pub fn good(&self, max_lag_s: i64, now: UnixMs) -> usize {
        let is_good =
            |replica: &&Arc<Replica>| replica.phase() == Phase::Online && replica.lag_s(now) <= max_lag_s;
        self.list.lock().values().filter(is_good).count()
    }

    /// Bytes of what they are still to be sent, those that wait for a snapshot included.
    pub fn unsent_bytes(&self) -> usize {
        let output = |replica: &Arc<Replica>| replica.record.output_memory.load(Ordering::Relaxed);
        let gathered = self.history.lock().history.gathered;
        gathered + self.list.lock().values().map(output).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replica(replicas: &Replicas, id: u64) -> Arc<Replica> {
        let record = Arc::new(ClientRecord { id, ..ClientRecord::default() });
        let replica = replicas.join(&record, Facts::default(), true, UnixMs(5000));
        replica.set_phase(Phase::Online);
        replica
    }

    fn tell(replicas: &Replicas, position: u64, offset: u64) {
        let history = History { name: "a".into(), offset, ..History::default() };
        replicas.tell(history, LogPosition(position));
    }

    #[test]
    fn a_place_in_the_log_is_acknowledged_with_the_place_in_the_stream_behind_it() {
        let replicas = Replicas::new(2);
        let (one, _) = (replica(&replicas, 1), replica(&replicas, 2));
        tell(&replicas, 10, 0);
        assert_eq!(replicas.acknowledged(LogPosition(12)), 0, "it has not been sent");
        assert_eq!(replicas.acknowledged(LogPosition(10)), 2, "the snapshots hold it");
        tell(&replicas, 12, 100);
        tell(&replicas, 15, 200);
        replicas.await_acknowledgements(1);
        assert!(replicas.acknowledge(1, 199, UnixMs(7000)));
        let count = |position| replicas.acknowledged(LogPosition(position));
        assert_eq!([0, 11, 12, 13, 15].map(count), [2, 1, 1, 0, 0]);
        one.set_phase(Phase::Loading);
        assert_eq!(replicas.acknowledged(LogPosition(12)), 0);
        assert_eq!((replicas.take_awaited(0), replicas.take_awaited(1)), (false, true));
        assert!(!replicas.acknowledge(1, 200, UnixMs(7000)), "nobody waits");
    }

    #[test]
    fn places_that_were_forgotten_are_acknowledged_with_later_ones() {
        let replicas = Replicas::new(1);
        replica(&replicas, 1);
        (1..=2 * MAX_MARKS as u64).for_each(|place| tell(&replicas, place, 10 * place));
        replicas.acknowledge(1, 10 * MAX_MARKS as u64, UnixMs(0));
        assert_eq!(replicas.acknowledged(LogPosition(1)), 0);
        replicas.acknowledge(1, 10 * (MAX_MARKS as u64 + 1), UnixMs(0));
        assert_eq!(replicas.acknowledged(LogPosition(1)), 1);
    }

    #[test]
    fn replicas_are_good_while_they_are_heard() {
        let replicas = Replicas::new(1);
        let one = replica(&replicas, 1);
        assert_eq!((replicas.good(10, UnixMs(15_999)), replicas.good(10, UnixMs(16_000))), (1, 0));
        replicas.acknowledge(1, 0, UnixMs(15_000));
        assert_eq!(replicas.good(10, UnixMs(16_000)), 1);
        one.set_phase(Phase::Loading);
        assert_eq!(replicas.good(10, UnixMs(16_000)), 0);
        replicas.leave(1);
        assert_eq!(replicas.all().len(), 0);
    }
}
