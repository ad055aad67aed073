//! Hot keys: which keys the commands of a period were about that took most of the time, or most of the network.
//!
//! ```text
//! HotKeys ─┬─ until     when the session ends; what every command compares with the time
//!          ├─ session   who asked for what, and when
//!          └─ tallies   one for each worker: sums over all commands, and a `Summary` for each metric
//! ```
//! While no session runs, a command pays one load and a comparison. While one does, it locks the tally of its own worker, which
//! nobody else wants but whoever asks for the result. Time and bytes of a command about several keys are divided among
//! them. The memory is that of the summaries, which are as large at the start as they will ever be but for the names.

mod summary;

use std::sync::atomic::{AtomicI64, Ordering};

use parking_lot::Mutex;
use stdx::rng::Rng;
use stdx::time::UnixMs;

pub use summary::Summary;

/// No session runs.
const OFF: i64 = i64::MIN;
/// The least keys that a summary has room for, and how many for each that is to be shown.
const MIN_ROOM: usize = 256;
const ROOM: usize = 16;

/// What a session is to find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// The keys whose commands took most time.
    pub time: bool,
    /// Those with most bytes of requests and replies.
    pub bytes: bool,
    /// How many keys are shown.
    pub count: usize,
    /// One of so many commands is looked at.
    pub ratio: u64,
    /// How long it lasts, if not until it is stopped.
    pub duration_ms: Option<i64>,
}

#[derive(Debug)]
struct Session {
    wanted: Wanted,
    started: UnixMs,
    /// When it was stopped, or its time was up.
    ended: Option<UnixMs>,
    /// System and user time of the processor: before it, and in it once it has ended.
    processor_us: (u64, u64),
}

/// What one worker has seen.
#[derive(Debug)]
struct Tally {
    nanoseconds: u64,
    bytes: u64,
    ratio: u64,
    rng: Rng,
    by_time: Option<Summary>,
    by_bytes: Option<Summary>,
}

/// See the module's text.
#[derive(Debug)]
pub struct HotKeys {
    until: AtomicI64,
    session: Mutex<Option<Session>>,
    tallies: Box<[Mutex<Option<Tally>>]>,
}

/// A session as far as it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What it was to find out.
    pub wanted: Wanted,
    /// Whether it still runs.
    pub is_active: bool,
    /// When it began.
    pub started: UnixMs,
    /// How long it has lasted.
    pub duration_ms: i64,
    /// System and user time of the processor in it.
    pub processor_us: (u64, u64),
    /// Nanoseconds of all commands, looked at or not.
    pub nanoseconds: u64,
    /// Bytes of their requests and replies.
    pub bytes: u64,
    /// Keys and their nanoseconds, most first.
    pub by_time: Vec<(Vec<u8>, u64)>,
    /// Keys and their bytes.
    pub by_bytes: Vec<(Vec<u8>, u64)>,
}

impl Wanted {
    fn tally(&self, seed: u64) -> Tally {
        let room = (ROOM * self.count).max(MIN_ROOM);
        Tally {
            nanoseconds: 0,
            bytes: 0,
            ratio: self.ratio,
            rng: Rng::from_seed(seed),
            by_time: self.time.then(|| Summary::new(room)),
            by_bytes: self.bytes.then(|| Summary::new(room)),
        }
    }
}

impl HotKeys {
    /// No session, for so many workers.
    pub fn new(workers: usize) -> Self {
        Self {
            until: AtomicI64::new(OFF),
            session: Mutex::default(),
            tallies: (0..workers).map(|_| Mutex::default()).collect(),
        }
    }

    /// Whether a session runs at a time.
    #[inline]
    pub fn is_on(&self, now: UnixMs) -> bool {
        now.0 < self.until.load(Ordering::Relaxed)
    }

    /// Begins a session; false if one runs.
    pub fn start(&self, wanted: Wanted, now: UnixMs, processor_us: (u64, u64), rng: &mut Rng) -> bool {
        let mut session = self.session.lock();
        if self.is_on(now) {
            return false;
        }
        for tally in &self.tallies {
            *tally.lock() = Some(wanted.tally(rng.next_u64()));
        }
        *session = Some(Session { wanted, started: now, ended: None, processor_us });
        let until = wanted.duration_ms.map_or(i64::MAX, |duration_ms| now.0.saturating_add(duration_ms));
        self.until.store(until, Ordering::Relaxed);
        true
    }

    /// Ends the session; false if none runs.
    pub fn stop(&self, now: UnixMs, processor_us: (u64, u64)) -> bool {
        let mut session = self.session.lock();
        let was_on = self.is_on(now);
        self.end(&mut session, now, processor_us);
        was_on
    }

    /// Forgets the session; false if it runs.
    pub fn reset(&self, now: UnixMs) -> bool {
        let mut session = self.session.lock();
        if self.is_on(now) {
            return false;
        }
        self.until.store(OFF, Ordering::Relaxed);
        *session = None;
        self.tallies.iter().for_each(|tally| *tally.lock() = None);
        true
    }

    /// Ends the session if its time is up. Called from time to time.
    pub fn end_when_due(&self, now: UnixMs, processor_us: impl FnOnce() -> (u64, u64)) {
        let until = self.until.load(Ordering::Relaxed);
        if until != OFF && until <= now.0 {
            self.end(&mut self.session.lock(), now, processor_us());
        }
    }

    fn end(&self, session: &mut Option<Session>, now: UnixMs, processor_us: (u64, u64)) {
        let until = self.until.swap(OFF, Ordering::Relaxed);
        if let Some(session) = session.as_mut().filter(|session| session.ended.is_none()) {
            session.ended = Some(UnixMs(until.min(now.0)));
            session.processor_us = difference(processor_us, session.processor_us);
        }
    }

    /// Counts a command of a worker that took so long and brought so many bytes. `each_key` names its keys, by their hashes.
    pub fn note(
        &self,
        worker: usize,
        (nanoseconds, bytes): (u64, u64),
        each_key: impl Fn(&mut dyn FnMut(u64, &[u8])),
    ) {
        let Some(mut tally) = self.tallies.get(worker).map(Mutex::lock) else { return };
        let Some(tally) = tally.as_mut() else { return };
        tally.nanoseconds += nanoseconds;
        tally.bytes += bytes;
        if tally.ratio > 1 && tally.rng.below(tally.ratio) != 0 {
            return;
        }
        let mut keys = 0;
        each_key(&mut |_, _| keys += 1);
        each_key(&mut |hash, name| {
            for (summary, amount) in [(&mut tally.by_time, nanoseconds), (&mut tally.by_bytes, bytes)] {
                if let Some(summary) = summary {
                    summary.add(hash, name, amount / keys);
                }
            }
        });
    }

    /// What is known; none if there was no session.
    pub fn report(&self, now: UnixMs, processor_us: (u64, u64)) -> Option<Report> {
        let session = self.session.lock();
        let Session { wanted, started, ended, processor_us: noted_us } = session.as_ref()?;
        let is_active = self.is_on(now);
        let tallies: Vec<_> = self.tallies.iter().map(Mutex::lock).collect();
        let tallies: Vec<&Tally> = tallies.iter().filter_map(|tally| tally.as_ref()).collect();
        let heaviest = |of: fn(&Tally) -> Option<&Summary>| {
            Summary::heaviest(tallies.iter().filter_map(|tally| of(tally)), wanted.count)
        };
        let until = ended.unwrap_or(UnixMs(now.0.min(self.until.load(Ordering::Relaxed))));
        Some(Report {
            wanted: *wanted,
            is_active,
            started: *started,
            duration_ms: until.0.saturating_sub(started.0).max(0),
            processor_us: if ended.is_some() { *noted_us } else { difference(processor_us, *noted_us) },
            nanoseconds: tallies.iter().map(|tally| tally.nanoseconds).sum(),
            bytes: tallies.iter().map(|tally| tally.bytes).sum(),
            by_time: heaviest(|tally| tally.by_time.as_ref()),
            by_bytes: heaviest(|tally| tally.by_bytes.as_ref()),
        })
    }
}

fn difference(after: (u64, u64), before: (u64, u64)) -> (u64, u64) {
    (after.0.saturating_sub(before.0), after.1.saturating_sub(before.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: Wanted = Wanted { time: true, bytes: false, count: 2, ratio: 1, duration_ms: Some(100) };

    fn note(hot_keys: &HotKeys, worker: usize, nanoseconds: u64, keys: &[&str]) {
        hot_keys.note(worker, (nanoseconds, 10), |each| {
            keys.iter().for_each(|key| each(key.len() as u64, key.as_bytes()));
        });
    }

    #[test]
    fn a_session_ends_when_its_time_is_up_and_what_it_found_stays() {
        let (hot_keys, mut rng) = (HotKeys::new(2), Rng::from_seed(1));
        assert_eq!(hot_keys.report(UnixMs(0), (0, 0)), None);
        assert!(hot_keys.start(WANTED, UnixMs(1000), (5, 5), &mut rng));
        assert!(!hot_keys.start(WANTED, UnixMs(1099), (5, 5), &mut rng));
        assert!(hot_keys.is_on(UnixMs(1099)) && !hot_keys.is_on(UnixMs(1100)));
        note(&hot_keys, 0, 600, &["a", "bb"]);
        note(&hot_keys, 1, 500, &["bb"]);
        note(&hot_keys, 1, 100, &["ccc"]);
        note(&hot_keys, 1, 50, &[]);
        assert!(!hot_keys.reset(UnixMs(1050)));
        hot_keys.end_when_due(UnixMs(1099), || unreachable!("it is not due"));
        hot_keys.end_when_due(UnixMs(1130), || (25, 10));
        let report = hot_keys.report(UnixMs(9999), (100, 100)).expect("there was a session");
        assert_eq!((report.is_active, report.duration_ms, report.processor_us), (false, 100, (20, 5)));
        assert_eq!((report.nanoseconds, report.bytes), (1250, 40));
        assert_eq!(report.by_time, [(b"bb".to_vec(), 800), (b"a".to_vec(), 300)]);
        assert_eq!(report.by_bytes, []);
        assert!(!hot_keys.stop(UnixMs(9999), (0, 0)), "it has ended by itself");
        assert!(hot_keys.reset(UnixMs(9999)));
        assert_eq!(hot_keys.report(UnixMs(9999), (0, 0)), None);
    }

    #[test]
    fn one_of_so_many_commands_is_looked_at() {
        let (hot_keys, mut rng) = (HotKeys::new(1), Rng::from_seed(1));
        let wanted = Wanted { ratio: 10, duration_ms: None, ..WANTED };
        assert!(hot_keys.start(wanted, UnixMs(0), (0, 0), &mut rng));
        (0..10_000).for_each(|_| note(&hot_keys, 0, 1, &["a"]));
        let report = hot_keys.report(UnixMs(7), (0, 0)).expect("there is a session");
        assert_eq!((report.is_active, report.duration_ms, report.nanoseconds), (true, 7, 10_000));
        assert!((900..1100).contains(&report.by_time[0].1), "{:?}", report.by_time);
        assert!(hot_keys.stop(UnixMs(8), (0, 0)));
    }
}
