//! When the allocator's figure is compared with what workers tell of memory (`engine::meter`).
//!
//! The two belong together only while nobody has taken or freed memory that he has not told: the reply that a worker
//! is writing would else count twice until the next comparison, and INFO alone is tens of kilobytes. So a worker compares
//! when it has just told and all others rest before and after it. That is every tick, and as soon as possible after a change
//! of the limit. If one of the others is at work, the next tick is another's, in turns, for a worker that is always busy
//! knows at least when it has itself told everything.

use std::sync::atomic::{AtomicUsize, Ordering};

use engine::Shared;

/// Comparisons that are dropped at most, because workers were busy, before one is believed nevertheless.
const MOST_DROPPED: usize = 20;

/// See the module's text.
#[derive(Debug, Default)]
pub(crate) struct Measuring {
    /// Whose tick it is.
    worker: AtomicUsize,
    /// Comparisons in a row that were dropped.
    dropped: AtomicUsize,
    /// How many more times it is tried beside the ticks. Each takes the allocator some hundred microseconds.
    attempts: AtomicUsize,
}

impl Measuring {
    /// Whether a worker is the one to compare at its next tick.
    #[inline]
    pub(crate) fn is_for(&self, worker: usize) -> bool {
        self.worker.load(Ordering::Relaxed) == worker
    }

    /// Whether nobody should wait for a tick.
    #[inline]
    pub(crate) fn is_urgent(&self) -> bool {
        self.attempts.load(Ordering::Relaxed) > 0
    }

    /// There is another limit. If there was none nothing has been compared for long, so the first figure is believed as it is.
    pub(crate) fn hurry(&self, is_first: bool) {
        if is_first {
            self.dropped.store(usize::MAX / 2, Ordering::Relaxed);
        }
        self.attempts.store(MOST_DROPPED, Ordering::Relaxed);
    }

    /// Sets what the meter shows right by the figure, which tells what is allocated and how much of it is the log's. Called
    /// by a worker that has just told what it holds.
    ///
    /// If nobody ever rests, a figure that is wrong by what workers do in a turn is better than none.
    pub(crate) fn measure(&self, worker: usize, shared: &Shared, figure: impl FnOnce() -> (usize, usize)) {
        let before = rest(shared, worker);
        let (allocated, log) = figure();
        let is_quiet = before.is_some() && before == rest(shared, worker);
        let threads = shared.identity.threads.max(1);
        if is_quiet || self.dropped.fetch_add(1, Ordering::Relaxed) >= MOST_DROPPED.max(threads) {
            self.dropped.store(0, Ordering::Relaxed);
            shared.meter.correct(allocated, log, &shared.statistics);
        }
        if is_quiet {
            self.attempts.store(0, Ordering::Relaxed);
        } else {
            self.worker.store((worker + 1) % threads, Ordering::Relaxed);
            // Two that try at the same time may count as one.
            self.attempts.store(self.attempts.load(Ordering::Relaxed).saturating_sub(1), Ordering::Relaxed);
        }
    }
}

/// How many turns the workers but one have begun and ended, if none of them is in one and nothing is being freed.
///
/// It is read without any order: a turn that is missed makes a figure wrong until the next one.
fn rest(shared: &Shared, except: usize) -> Option<u64> {
    let (dying, freed) = shared.meter.batches();
    let mut steps = (dying == 0).then_some(freed);
    for (number, worker) in shared.statistics.iter().enumerate() {
        let taken = worker.steps.load(Ordering::Relaxed);
        if number != except {
            steps = steps.filter(|_| taken.is_multiple_of(2)).map(|steps| steps + taken);
        }
    }
    steps
}
