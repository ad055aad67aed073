//! Who writes: one worker at a time, for all who have come to write.
//!
//! A worker that finds another one writing does not wait for it. It says that it has been there, and goes on; whoever has the pen
//! puts it down only if nobody has come since he began what he wrote last, and otherwise writes again, all that those who came have
//! appended. His own clients wait meanwhile, so he does that a few times, and only once if he also syncs, and then leaves the pen to the
//! others.
//!
//! ```text
//!   count of those who have come since he looked:   0 ──take──► 1 ──ask──► 2 …
//!   he looks, writes, and puts the pen down if the count is still what he saw; so nobody comes unseen
//! ```

use keyspace::LogPosition;

use super::promises::Promises;
use sync::{AtomicUsize, Ordering};

#[cfg(loom)]
mod sync {
    pub(super) use loom::sync::atomic::{AtomicUsize, Ordering};
}
#[cfg(not(loom))]
mod sync {
    pub(super) use std::sync::atomic::{AtomicUsize, Ordering};
}

/// How often one writes before he leaves the pen to others.
const ROUNDS: usize = if cfg!(loom) { 1 } else { 4 };

/// See the module's text. How often somebody has taken it or asked since it was free; 0 = nobody has it. In a line of its own, since
/// all workers write it.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Pen(AtomicUsize);

/// What has come of a worker's wish that the log be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was written meanwhile, as far as this one wants.
    Reached,
    /// Another one writes: this one will be told.
    Asked,
    /// This one has written.
    Wrote,
}

/// What writing once has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effort {
    /// So little that one may do it for others, too.
    Small,
    /// It went to the disk.
    Large,
}

/// How somebody has put the pen down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// It was written since for all who have come.
    Done,
    /// Some have come that he did not write for.
    Asked,
}

impl Pen {
    /// Nobody has it.
    pub(super) fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// A worker that wants the log to be written up to a place does it, all that is there, or has another one do it.
    pub(super) fn write_or_ask(
        &self,
        promises: &Promises,
        worker: usize,
        position: LogPosition,
        write: impl FnMut() -> Effort,
    ) -> Outcome {
        if !self.take() {
            // Before it asks: whoever has the pen tells those who wait when he has written.
            if promises.await_release(worker, position) {
                return Outcome::Reached;
            }
            if !self.take_or_ask() {
                return Outcome::Asked;
            }
        }
        if self.write(write) == Left::Asked {
            promises.wake_waiting();
        }
        Outcome::Wrote
    }

    /// Takes it if nobody has it.
    fn take(&self) -> bool {
        self.0.compare_exchange(0, 1, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Takes it, or has whoever has it write once more.
    fn take_or_ask(&self) -> bool {
        self.0.fetch_add(1, Ordering::AcqRel) == 0
    }

    /// Writes with the pen that was taken, and puts it down.
    fn write(&self, mut write: impl FnMut() -> Effort) -> Left {
        let mut asked = self.0.load(Ordering::Acquire);
        for _ in 0..ROUNDS {
            let effort = write();
            match self.0.compare_exchange(asked, 0, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Left::Done,
                Err(_) if effort == Effort::Large => break,
                Err(now) => asked = now,
            }
        }
        self.0.swap(0, Ordering::AcqRel);
        Left::Asked
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn one_has_it_and_writes_for_those_who_come_meanwhile() {
        let pen = Pen::new();
        assert!(pen.take());
        assert!(!pen.take());
        let mut written = 0;
        let left = pen.write(|| {
            written += 1;
            if written < 3 {
                assert!(!pen.take_or_ask());
                assert!(!pen.take_or_ask());
            }
            Effort::Small
        });
        assert_eq!((left, written), (Left::Done, 3));
        assert!(pen.take_or_ask(), "it was put down");
    }

    #[test]
    fn he_does_not_write_for_others_for_ever() {
        let pen = Pen::new();
        assert!(pen.take());
        for (effort, most) in [(Effort::Small, ROUNDS), (Effort::Large, 1)] {
            let mut written = 0;
            let left = pen.write(|| {
                written += 1;
                assert!(!pen.take_or_ask());
                effort
            });
            assert_eq!((left, written), (Left::Asked, most));
            assert!(pen.take(), "it was put down");
        }
    }
}

/// `RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=target/loom cargo test --release -p rustypotato --bin rustypotato-server journal::pen`
///
/// Workers that append and want it written, with the letters that tell them. One that sleeps and is not told is reported by loom.
#[cfg(all(test, loom))]
mod model {
    use loom::sync::atomic::AtomicU64;
    use loom::sync::{Arc, Mutex, Notify};
    use node::Mailbox;

    use super::*;
    use crate::shared::Letter;

    struct World {
        /// How much has been appended.
        log: AtomicU64,
        /// How much of it is in the file; changed under the lock of the journal.
        file: Mutex<u64>,
        pen: Pen,
        promises: Promises,
        workers: Vec<(std::sync::Arc<Mailbox<Letter>>, Arc<Notify>)>,
    }

    impl World {
        fn new(workers: usize) -> Arc<Self> {
            let worker = || {
                let awake = Arc::new(Notify::new());
                let wake = Arc::clone(&awake);
                (std::sync::Arc::new(Mailbox::new(move || wake.notify())), awake)
            };
            let workers: Vec<_> = (0..workers).map(|_| worker()).collect();
            let promises = Promises::new(workers.iter().map(|(mailbox, _)| mailbox.clone()).collect());
            let (log, file) = (AtomicU64::new(0), Mutex::new(0));
            Arc::new(Self { log, file, pen: Pen::new(), promises, workers })
        }

        fn write(&self) {
            let mut file = self.file.lock().expect("no panic");
            *file = self.log.load(Ordering::Acquire);
            self.promises.release(LogPosition(*file));
        }

        fn release(&self, worker: usize, position: LogPosition) -> bool {
            let write = || {
                self.write();
                Effort::Small
            };
            let outcome = self.pen.write_or_ask(&self.promises, worker, position, write);
            outcome != Outcome::Asked && self.promises.await_release(worker, position)
        }

        /// A turn that changes something, up to its reply.
        fn turn(&self, worker: usize) {
            let position = LogPosition(self.log.fetch_add(1, Ordering::AcqRel) + 1);
            let (mailbox, awake) = &self.workers[worker];
            let mut is_there = self.release(worker, position);
            while !is_there {
                awake.wait();
                let mut letters = Vec::new();
                mailbox.take(&mut letters);
                is_there = self.promises.released() >= position || self.release(worker, position);
            }
            assert!(*self.file.lock().expect("no panic") >= position.0, "no reply goes before its effect");
        }
    }

    fn check(workers: usize, others: &'static [fn(&World)]) {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(if workers > 2 { 2 } else { 3 });
        model.check(move || {
            let world = World::new(workers);
            let threads: Vec<_> = others
                .iter()
                .map(|&other| {
                    let world = Arc::clone(&world);
                    loom::thread::spawn(move || other(&world))
                })
                .collect();
            world.turn(0);
            threads.into_iter().for_each(|thread| thread.join().expect("it ends"));
        });
    }

    #[test]
    fn two_workers_are_answered() {
        check(2, &[|world| world.turn(1)]);
    }

    #[test]
    fn a_worker_that_comes_twice_is_answered() {
        check(
            2,
            &[|world| {
                world.turn(1);
                world.turn(1);
            }],
        );
    }

    #[test]
    fn three_workers_are_answered() {
        check(3, &[|world| world.turn(1), |world| world.turn(2)]);
    }

    #[test]
    fn two_workers_are_answered_beside_the_persistence_thread() {
        check(2, &[|world| world.turn(1), World::write]);
    }
}
