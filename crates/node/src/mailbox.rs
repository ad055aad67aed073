//! A mailbox: how another thread hands work to a worker.
//!
//! Many senders, one owner. A letter is pushed under a short lock; the sender that finds the box empty
//! wakes the owner, later ones need not, because the owner takes all letters at once. The owner never
//! waits on the box: it is woken where it waits anyway (its poll), through the closure given at the start.
//!
//! Invariant: after `send` returns, either the owner has been woken since the letter went in, or the owner
//! was woken for an earlier letter that it has not taken yet. Hence no letter is left unseen.

use sync::{AtomicBool, Mutex, Ordering};

#[cfg(loom)]
mod sync {
    pub(super) use loom::sync::Mutex;
    pub(super) use loom::sync::atomic::{AtomicBool, Ordering};
}
#[cfg(not(loom))]
mod sync {
    pub(super) use std::sync::Mutex;
    pub(super) use std::sync::atomic::{AtomicBool, Ordering};
}

/// Why the lock cannot be poisoned.
const UNBROKEN: &str = "nobody panics with the box open";

/// Letters for one owner.
pub struct Mailbox<T> {
    letters: Mutex<Vec<T>>,
    /// Whether there may be letters; lets the owner skip the lock. Written under the lock.
    full: AtomicBool,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl<T> Mailbox<T> {
    /// An empty box; `wake` makes the owner look into it soon and may be called from any thread.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self { letters: Mutex::new(Vec::new()), full: AtomicBool::new(false), wake: Box::new(wake) }
    }

    /// Puts a letter in and wakes the owner if the box was empty.
    pub fn send(&self, letter: T) {
        let mut letters = self.letters.lock().expect(UNBROKEN);
        let was_empty = letters.is_empty();
        letters.push(letter);
        self.full.store(true, Ordering::Release);
        drop(letters);
        if was_empty {
            (self.wake)();
        }
    }

    /// Takes all letters, in the order in which they came. `into` must be empty; its buffer becomes the
    /// box's, so that two buffers serve for ever.
    pub fn take(&self, into: &mut Vec<T>) {
        debug_assert!(into.is_empty(), "the owner handles its letters before it takes more");
        if !self.full.load(Ordering::Acquire) {
            return;
        }
        let mut letters = self.letters.lock().expect(UNBROKEN);
        std::mem::swap(&mut *letters, into);
        self.full.store(false, Ordering::Release);
    }

    /// Wakes the owner although there is no letter.
    pub fn wake(&self) {
        (self.wake)();
    }
}

impl<T> std::fmt::Debug for Mailbox<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailbox")
            .field("letters", &self.letters.lock().expect(UNBROKEN).len())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[test]
    fn letters_keep_their_order_and_only_the_first_one_wakes() {
        let woken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&woken);
        let mailbox = Mailbox::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
        mailbox.send(1);
        mailbox.send(2);
        assert_eq!(woken.load(Ordering::Relaxed), 1);
        let mut taken = Vec::new();
        mailbox.take(&mut taken);
        assert_eq!(taken, [1, 2]);
        taken.clear();
        mailbox.send(3);
        assert_eq!(woken.load(Ordering::Relaxed), 2);
        mailbox.take(&mut taken);
        assert_eq!(taken, [3]);
    }

    #[test]
    fn no_letter_of_many_threads_is_lost() {
        const SENDERS: u64 = 4;
        const LETTERS: u64 = 10_000;
        let (wake, woken) = std::sync::mpsc::channel();
        let mailbox = Arc::new(Mailbox::new(move || wake.send(()).expect("the owner lives")));
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let mailbox = Arc::clone(&mailbox);
                std::thread::spawn(move || (0..LETTERS).for_each(|i| mailbox.send((sender, i))))
            })
            .collect();
        let mut next = [0; SENDERS as usize];
        let mut taken = Vec::new();
        while next.iter().sum::<u64>() < SENDERS * LETTERS {
            woken.recv().expect("a letter is on its way, so a wake-up is too");
            mailbox.take(&mut taken);
            for (sender, i) in taken.drain(..) {
                assert_eq!(next[sender as usize], i);
                next[sender as usize] += 1;
            }
        }
        for sender in senders {
            sender.join().expect("a sender ends well");
        }
    }
}

/// `RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=target/loom cargo test --release -p node --lib mailbox`
#[cfg(all(test, loom))]
mod model {
    use loom::sync::{Arc, Notify};

    use super::Mailbox;

    /// A letter that nobody is woken for leaves the owner waiting, which loom reports.
    #[test]
    fn the_owner_is_woken_for_every_letter_in_every_interleaving() {
        loom::model(|| {
            let awake = Arc::new(Notify::new());
            let wake = Arc::clone(&awake);
            let mailbox = Arc::new(Mailbox::new(move || wake.notify()));
            let senders: Vec<_> = (0..2)
                .map(|letter| {
                    let mailbox = Arc::clone(&mailbox);
                    loom::thread::spawn(move || mailbox.send(letter))
                })
                .collect();
            let (mut seen, mut taken) = (0, Vec::new());
            while seen < 2 {
                awake.wait();
                mailbox.take(&mut taken);
                seen += taken.drain(..).count();
            }
            for sender in senders {
                sender.join().expect("a sender ends well");
            }
        });
    }
}
