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

use sync::{AtomicBool, Condvar, Mutex, Ordering, fence};

#[cfg(loom)]
mod sync {
    pub(super) use loom::sync::atomic::{AtomicBool, Ordering, fence};
    pub(super) use loom::sync::{Condvar, Mutex};
}
#[cfg(not(loom))]
mod sync {
    pub(super) use std::sync::atomic::{AtomicBool, Ordering, fence};
    pub(super) use std::sync::{Condvar, Mutex};
}

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Gate {
    /// One flag a worker: it is in a batch.
    inside: Vec<CachePadded<AtomicBool>>,
    /// Somebody wants or has the keyspace to itself.
    closed: CachePadded<AtomicBool>,
    /// Held by the one who has it.
    exclusive: Mutex<()>,
    /// For those who wait on a change of a flag.
    waiting: Mutex<()>,
    changed: Condvar,
}

impl Gate {
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            inside: (0..workers).map(|_| CachePadded::new(AtomicBool::new(false))).collect(),
            closed: CachePadded::new(AtomicBool::new(false)),
            exclusive: Mutex::new(()),
            waiting: Mutex::new(()),
            changed: Condvar::new(),
        }
    }

    /// A worker begins a batch; waits while the gate is closed.
    #[inline]
    pub(crate) fn enter(&self, worker: usize) {
        while !self.raise(worker) {
            self.step_aside(worker);
        }
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
    pub(crate) fn exclusively<R>(&self, body: impl FnOnce() -> R) -> R {
        let turn = self.exclusive.lock().expect("nobody panics with the gate closed");
        self.closed.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let mut waiting = self.waiting.lock().expect("nobody panics while waiting");
        while self.inside.iter().any(|flag| flag.load(Ordering::Acquire)) {
            waiting = self.changed.wait(waiting).expect("nobody panics while waiting");
        }
        drop(waiting);
        let result = body();
        self.closed.store(false, Ordering::Release);
        self.announce();
        drop(turn);
        result
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
    fn step_aside(&self, worker: usize) {
        self.leave(worker);
        let mut waiting = self.waiting.lock().expect("nobody panics while waiting");
        while self.closed.load(Ordering::Acquire) {
            waiting = self.changed.wait(waiting).expect("nobody panics while waiting");
        }
    }

    /// Wakes all who wait. The lock orders the announcement after their look at the flags.
    #[cold]
    fn announce(&self) {
        drop(self.waiting.lock().expect("nobody panics while waiting"));
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
                        gate.enter(worker);
                        counters.0.fetch_add(1, Ordering::Relaxed);
                        counters.1.fetch_add(1, Ordering::Relaxed);
                        gate.leave(worker);
                    }
                })
            })
            .collect();
        for _ in 0..200 {
            gate.exclusively(|| {
                let first = counters.0.load(Ordering::Relaxed);
                assert_eq!(first, counters.1.load(Ordering::Relaxed));
            });
        }
        for worker in workers {
            worker.join().expect("a worker ends well");
        }
        assert_eq!(counters.0.load(Ordering::Relaxed), WORKERS as u64 * ROUNDS);
    }
}

/// `RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=target/loom cargo test --release -p keyspace --lib gate`
#[cfg(all(test, loom))]
mod model {
    use loom::cell::UnsafeCell;
    use loom::sync::Arc;

    use super::Gate;

    type State = Arc<(Gate, UnsafeCell<u32>)>;

    fn state() -> State {
        Arc::new((Gate::new(1), UnsafeCell::new(0)))
    }

    /// loom's cell reports two threads that touch it at the same time.
    fn take_the_gate(state: &State) {
        state.0.exclusively(|| state.1.with_mut(drop));
    }

    fn run_a_batch(state: &State) {
        state.0.enter(0);
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
