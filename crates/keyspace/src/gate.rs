//! The gate: how one thread gets the keyspace to itself.
//!
//! Every worker has a flag in a cache line of its own, raised while it is in a batch. To close the gate, a thread
//! sets `closed` and waits until all flags are down; a worker that finds the gate closed after raising its flag lowers
//! it again and waits. Both sides write their own flag, pass a sequentially consistent fence and read the other's, so
//! at least one of them sees the other (Dekker's argument): never are both inside. They are fences, not sequentially
//! consistent accesses, because loom checks the former only.
//!
//! The hot side costs a store, a fence and a load, on lines that nobody else writes.

use crossbeam_utils::CachePadded;

use sync::{AtomicBool, AtomicUsize, Condvar, Mutex, MutexGuard, Ordering, fence};

#[cfg(loom)]
mod sync {
    pub(super) use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
    pub(super) use loom::sync::{Condvar, Mutex, MutexGuard};
}
#[cfg(not(loom))]
mod sync {
    pub(super) use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
    pub(super) use std::sync::{Condvar, Mutex, MutexGuard};
}

/// Something holds locks for longer than others are to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy;

/// How long somebody waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// However long it takes.
    Endless,
    /// Until somebody is declared busy: clients are to be told, and others to be served.
    UntilBusy,
}

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Gate {
    /// One flag a worker: it is in a batch.
    inside: Vec<CachePadded<AtomicBool>>,
    /// Somebody wants or has the keyspace to itself.
    closed: CachePadded<AtomicBool>,
    /// How many have held what they hold for so long that others need not wait for them.
    busy: AtomicUsize,
    /// For those who wait on a change; whether somebody is closing the gate or has closed it.
    waiting: Mutex<bool>,
    changed: Condvar,
}

/// Why the lock cannot be poisoned.
const UNBROKEN: &str = "nobody panics while waiting";

impl Gate {
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            inside: (0..workers).map(|_| CachePadded::new(AtomicBool::new(false))).collect(),
            closed: CachePadded::new(AtomicBool::new(false)),
            busy: AtomicUsize::new(0),
            waiting: Mutex::new(false),
            changed: Condvar::new(),
        }
    }

    /// A worker begins a batch; waits while the gate is closed.
    #[inline]
    pub(crate) fn enter(&self, worker: usize, patience: Patience) -> Result<(), Busy> {
        while !self.raise(worker) {
            self.step_aside(worker, patience)?;
        }
        Ok(())
    }

    /// A worker ends its batch.
    #[inline]
    pub(crate) fn leave(&self, worker: usize) {
        self.inside[worker].store(false, Ordering::Release);
        fence(Ordering::SeqCst);
        if self.closed.load(Ordering::Acquire) {
            self.announce();
        }
    }

    /// Runs `body` while no worker is in a batch. The caller must not be in one itself.
    pub(crate) fn exclusively<R>(&self, patience: Patience, body: impl FnOnce() -> R) -> Result<R, Busy> {
        self.close(patience)?;
        let result = body();
        self.open(self.waiting.lock().expect(UNBROKEN));
        Ok(result)
    }

    /// Opens the gate and wakes all who wait. Under the lock: the next one closes it as soon as it is free to be taken, and
    /// must not find it opened behind that.
    fn open(&self, mut taken: MutexGuard<'_, bool>) {
        *taken = false;
        self.closed.store(false, Ordering::Release);
        drop(taken);
        self.changed.notify_all();
    }

    /// One more has held what it holds for long, or one less does.
    pub(crate) fn declare_busy(&self, busy: bool) {
        if busy {
            self.busy.fetch_add(1, Ordering::SeqCst);
        } else {
            self.busy.fetch_sub(1, Ordering::SeqCst);
        }
        self.announce();
    }

    /// Whether somebody is busy.
    pub(crate) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::SeqCst) > 0
    }

    /// Closes the gate and waits until nobody is inside. While somebody is busy it stays open: nobody could get in, for as long
    /// as that takes.
    fn close(&self, patience: Patience) -> Result<(), Busy> {
        let mut taken = self.waiting.lock().expect(UNBROKEN);
        loop {
            while *taken || self.is_busy() {
                if self.is_busy() && patience == Patience::UntilBusy {
                    return Err(Busy);
                }
                taken = self.changed.wait(taken).expect(UNBROKEN);
            }
            *taken = true;
            self.closed.store(true, Ordering::Relaxed);
            fence(Ordering::SeqCst);
            while self.is_occupied() && !self.is_busy() {
                taken = self.changed.wait(taken).expect(UNBROKEN);
            }
            if !self.is_occupied() {
                return Ok(());
            }
            *taken = false;
            self.closed.store(false, Ordering::Release);
            self.changed.notify_all();
        }
    }

    fn is_occupied(&self) -> bool {
        self.inside.iter().any(|flag| flag.load(Ordering::Acquire))
    }

    /// Raises the flag and tells whether the gate was open.
    #[inline]
    fn raise(&self, worker: usize) -> bool {
        self.inside[worker].store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        !self.closed.load(Ordering::Acquire)
    }

    /// Lowers the flag and waits until the gate is open.
    #[cold]
    fn step_aside(&self, worker: usize, patience: Patience) -> Result<(), Busy> {
        self.leave(worker);
        let mut waiting = self.waiting.lock().expect(UNBROKEN);
        while self.closed.load(Ordering::Acquire) {
            if patience == Patience::UntilBusy && self.is_busy() {
                return Err(Busy);
            }
            waiting = self.changed.wait(waiting).expect(UNBROKEN);
        }
        Ok(())
    }

    /// Wakes all who wait. The lock orders the announcement after their look at the flags.
    #[cold]
    fn announce(&self) {
        drop(self.waiting.lock().expect(UNBROKEN));
        self.changed.notify_all();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;

    use super::*;

    #[test]
    fn nobody_is_in_a_batch_while_one_has_the_gate() {
        const WORKERS: usize = 3;
        const ROUNDS: u64 = 2000;
        let gate = Arc::new(Gate::new(WORKERS));
        // Two counters that are changed together: seen different, somebody was in between.
        let counters = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
        let workers: Vec<_> = (0..WORKERS)
            .map(|worker| {
                let (gate, counters) = (Arc::clone(&gate), Arc::clone(&counters));
                std::thread::spawn(move || {
                    for _ in 0..ROUNDS {
                        gate.enter(worker, Patience::Endless).expect("patience has no end");
                        counters.0.fetch_add(1, Ordering::Relaxed);
                        counters.1.fetch_add(1, Ordering::Relaxed);
                        gate.leave(worker);
                    }
                })
            })
            .collect();
        for _ in 0..200 {
            let alone = gate.exclusively(Patience::Endless, || {
                let first = counters.0.load(Ordering::Relaxed);
                assert_eq!(first, counters.1.load(Ordering::Relaxed));
            });
            assert_eq!(alone, Ok(()));
        }
        for worker in workers {
            worker.join().expect("a worker ends well");
        }
        assert_eq!(counters.0.load(Ordering::Relaxed), WORKERS as u64 * ROUNDS);
    }

    #[test]
    fn nobody_in_a_hurry_waits_for_one_who_is_busy() {
        let gate = Arc::new(Gate::new(2));
        gate.enter(0, Patience::UntilBusy).expect("the gate is open");
        let other = Arc::clone(&gate);
        let waiting = std::thread::spawn(move || other.exclusively(Patience::UntilBusy, || ()));
        gate.declare_busy(true);
        assert_eq!(waiting.join().expect("it ends"), Err(Busy));
        assert_eq!(gate.enter(1, Patience::UntilBusy), Ok(()), "the gate is open again");
        gate.leave(1);
        let other = Arc::clone(&gate);
        let patient = std::thread::spawn(move || other.exclusively(Patience::Endless, || ()));
        gate.declare_busy(false);
        gate.leave(0);
        assert_eq!(patient.join().expect("it ends"), Ok(()));
    }

    #[test]
    fn nobody_in_a_hurry_enters_while_a_busy_one_has_the_gate() {
        let gate = Gate::new(2);
        let entered = gate.exclusively(Patience::UntilBusy, || {
            gate.declare_busy(true);
            let entered = gate.enter(1, Patience::UntilBusy);
            gate.declare_busy(false);
            entered
        });
        assert_eq!(entered, Ok(Err(Busy)));
        assert_eq!(gate.enter(1, Patience::UntilBusy), Ok(()));
    }
}

/// `RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=target/loom cargo test --release -p keyspace --lib gate`
#[cfg(all(test, loom))]
mod model {
    use loom::cell::UnsafeCell;
    use loom::sync::Arc;

    use super::{Gate, Patience};

    type State = Arc<(Gate, UnsafeCell<u32>)>;

    fn state() -> State {
        Arc::new((Gate::new(1), UnsafeCell::new(0)))
    }

    /// loom's cell reports two threads that touch it at the same time.
    fn take_the_gate(state: &State) {
        state.0.exclusively(Patience::Endless, || state.1.with_mut(drop)).expect("patience has no end");
    }

    fn run_a_batch(state: &State) {
        state.0.enter(0, Patience::Endless).expect("patience has no end");
        state.1.with(drop);
        state.0.leave(0);
    }

    #[test]
    fn gate_excludes_in_every_interleaving() {
        loom::model(|| {
            let state = state();
            let other = Arc::clone(&state);
            let worker = loom::thread::spawn(move || run_a_batch(&other));
            take_the_gate(&state);
            worker.join().expect("the worker ends");
        });
    }

    #[test]
    fn worker_that_comes_again_is_woken_and_excluded() {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(3);
        model.check(|| {
            let state = state();
            let other = Arc::clone(&state);
            let worker = loom::thread::spawn(move || {
                run_a_batch(&other);
                run_a_batch(&other);
            });
            take_the_gate(&state);
            take_the_gate(&state);
            worker.join().expect("the worker ends");
        });
    }

    #[test]
    fn two_that_want_the_gate_get_it_one_after_the_other() {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(3);
        model.check(|| {
            let state = state();
            let (first, second) = (Arc::clone(&state), Arc::clone(&state));
            let worker = loom::thread::spawn(move || run_a_batch(&first));
            let rival = loom::thread::spawn(move || take_the_gate(&second));
            take_the_gate(&state);
            worker.join().expect("the worker ends");
            rival.join().expect("the rival ends");
        });
    }
}
