//! A clock that tests turn by hand, seen by the threads that have taken it.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

thread_local! {
    static TAKEN: RefCell<Option<Hand>> = const { RefCell::new(None) };
}

/// See the module's text. Clones show the same time.
#[derive(Debug, Clone)]
pub struct Hand(Arc<AtomicU64>);

impl Hand {
    /// A clock that stands at some moment.
    pub fn new() -> Self {
        Self(Arc::new(AtomicU64::new(1_700_000_000_000_000_000)))
    }

    /// From now on the calling thread sees this clock.
    pub fn take(&self) {
        TAKEN.set(Some(self.clone()));
    }

    /// Its time.
    pub fn now_ns(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Turns it on.
    pub fn turn(&self, ns: u64) {
        self.0.fetch_add(ns, Ordering::SeqCst);
    }
}

/// The time of the clock that the calling thread has taken.
pub(super) fn monotonic_ns() -> Option<u64> {
    TAKEN.with_borrow(|taken| taken.as_ref().map(Hand::now_ns))
}
