//! Who answers a client that waits: whoever has claimed it, and nobody else.
//!
//! A client that waits for several keys stands in several queues, which several workers may serve at the same time; its
//! time limit, CLIENT UNBLOCK and its hanging up compete with them. A claim is one compare-and-exchange and is never given
//! back. Its places in the queues, which are counted, are given up once too, by whoever comes first.

use sync::{AtomicBool, AtomicU8, Ordering};

use super::End;

#[cfg(loom)]
mod sync {
    pub(super) use loom::sync::atomic::{AtomicBool, AtomicU8, Ordering};
}
#[cfg(not(loom))]
mod sync {
    pub(super) use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
}

/// See the module's text.
#[derive(Debug)]
pub(super) struct Claim {
    /// 0, then an [`End`].
    end: AtomicU8,
    /// Its places have been given up.
    left: AtomicBool,
}

impl Claim {
    pub(super) fn new() -> Self {
        Self { end: AtomicU8::new(0), left: AtomicBool::new(false) }
    }

    /// Takes the client; false: somebody else has.
    pub(super) fn take(&self, end: End) -> bool {
        self.end.compare_exchange(0, end as u8, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// For what it was taken, if it was.
    pub(super) fn end(&self) -> Option<End> {
        match self.end.load(Ordering::Acquire) {
            0 => None,
            1 => Some(End::Served),
            2 => Some(End::Late),
            3 => Some(End::Refused),
            4 => Some(End::Abandoned),
            _ => Some(End::LogIsOff),
        }
    }

    /// Whether the caller has to give up its places: it is the first one who asks.
    pub(super) fn leave(&self) -> bool {
        !self.left.swap(true, Ordering::AcqRel)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_taken_once_and_leaves_once() {
        for end in [End::Served, End::Late, End::Refused, End::Abandoned, End::LogIsOff] {
            let claim = Claim::new();
            assert_eq!(claim.end(), None);
            assert!(claim.take(end));
            assert!(!claim.take(End::Served));
            assert_eq!(claim.end(), Some(end));
            assert!(claim.leave());
            assert!(!claim.leave());
        }
    }
}

/// `RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=target/loom cargo test --release -p engine --lib blocking::claim`
///
/// A client that waits for two keys, with the locks, counters and queues of their shards around its claim, as the shards
/// and [`Blocking`](super::Blocking) have them.
#[cfg(all(test, loom))]
mod model {
    use loom::sync::atomic::{AtomicUsize, Ordering};
    use loom::sync::{Arc, Mutex, MutexGuard};

    use super::*;

    struct Client {
        claim: Claim,
        /// How often it was answered with an element, and without.
        served: AtomicUsize,
        late: AtomicUsize,
    }

    struct Shard {
        /// The lock of the shard, and the elements of the key's list.
        elements: Mutex<usize>,
        /// How many wait for the key.
        awaited: AtomicUsize,
        queue: Mutex<Vec<Arc<Client>>>,
    }

    struct World {
        shards: [Shard; 2],
        client: Arc<Client>,
    }

    impl World {
        fn new() -> Arc<Self> {
            let shard = || Shard {
                elements: Mutex::new(0),
                awaited: AtomicUsize::new(0),
                queue: Mutex::new(Vec::new()),
            };
            let (served, late) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let client = Arc::new(Client { claim: Claim::new(), served, late });
            Arc::new(Self { shards: [shard(), shard()], client })
        }

        /// BLPOP: takes what is there, or takes its places; both shards are locked.
        fn arrive(&self) {
            let mut locked: Vec<MutexGuard<'_, usize>> =
                self.shards.iter().map(|shard| shard.elements.lock().expect("no panic")).collect();
            if let Some(elements) = locked.iter_mut().find(|elements| ***elements > 0) {
                **elements -= 1;
                self.client.served.fetch_add(1, Ordering::Relaxed);
                return;
            }
            for shard in &self.shards {
                shard.awaited.fetch_add(1, Ordering::Relaxed);
                shard.queue.lock().expect("no panic").push(Arc::clone(&self.client));
            }
        }

        /// RPUSH: adds an element, and serves who waits with the shard still locked.
        fn push(&self, number: usize) {
            let shard = &self.shards[number];
            let mut elements = shard.elements.lock().expect("no panic");
            *elements += 1;
            if shard.awaited.load(Ordering::Relaxed) == 0 {
                return;
            }
            let first = shard.queue.lock().expect("no panic").first().cloned();
            if let Some(client) = first
                && client.claim.take(End::Served)
            {
                self.leave();
                *elements -= 1;
                client.served.fetch_add(1, Ordering::Relaxed);
            }
        }

        /// Its time is up.
        fn end(&self) {
            if self.client.claim.take(End::Late) {
                self.client.late.fetch_add(1, Ordering::Relaxed);
            }
            self.leave();
        }

        fn leave(&self) {
            if !self.client.claim.leave() {
                return;
            }
            for shard in &self.shards {
                shard.queue.lock().expect("no panic").clear();
                shard.awaited.fetch_sub(1, Ordering::Relaxed);
            }
        }

        /// The elements that are left, how often it was served, and how often it was told that nothing came.
        fn outcome(&self) -> (usize, usize, usize) {
            for shard in &self.shards {
                assert_eq!(shard.awaited.load(Ordering::Relaxed), 0, "it has left once");
                assert!(shard.queue.lock().expect("no panic").is_empty());
            }
            let elements = self.shards.iter().map(|shard| *shard.elements.lock().expect("no panic")).sum();
            let client = &self.client;
            (elements, client.served.load(Ordering::Relaxed), client.late.load(Ordering::Relaxed))
        }
    }

    /// Runs what others do beside what this thread does.
    fn beside(world: &Arc<World>, others: &[fn(&World)], own: fn(&World)) {
        let threads: Vec<_> = others
            .iter()
            .map(|&other| {
                let world = Arc::clone(world);
                loom::thread::spawn(move || other(&world))
            })
            .collect();
        own(world);
        threads.into_iter().for_each(|thread| thread.join().expect("it ends"));
    }

    #[test]
    fn a_client_that_comes_gets_one_of_two_elements() {
        loom::model(|| {
            let world = World::new();
            beside(&world, &[|world| world.push(0), |world| world.push(1)], World::arrive);
            assert_eq!(world.outcome(), (1, 1, 0));
        });
    }

    #[test]
    fn a_client_that_waits_gets_one_of_two_elements_or_is_late() {
        loom::model(|| {
            let world = World::new();
            world.arrive();
            beside(&world, &[|world| world.push(0), |world| world.push(1)], World::end);
            let (elements, served, late) = world.outcome();
            assert_eq!((elements + served, served + late), (2, 1));
        });
    }
}
