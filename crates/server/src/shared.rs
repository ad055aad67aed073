//! What the threads of the server share: the node, the workers' mailboxes and the wish to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use mio::Waker;
use node::{Mail, Mailbox, Node};
use parking_lot::Mutex;

use crate::socket::{Endpoints, Stream};

/// What a worker finds in its mailbox.
pub enum Letter {
    /// A new connection to serve.
    Connection(Stream, Endpoints),
    /// Something for the worker's half of the node.
    Node(Mail),
    /// Look at [`Shared::is_stopping`].
    Stop,
}

/// The state that all threads of the server see.
pub struct Shared {
    /// The product.
    pub node: Arc<Node>,
    workers: Vec<WorkerEntry>,
    stopping: AtomicBool,
    acceptor: Mutex<Option<Waker>>,
}

/// A worker as the other threads see it.
struct WorkerEntry {
    mailbox: Arc<Mailbox<Letter>>,
    /// Connections it serves or is about to.
    connections: AtomicUsize,
}

impl Shared {
    /// Ties the node to the mailboxes of its workers.
    pub fn new(node: Arc<Node>, mailboxes: Vec<Arc<Mailbox<Letter>>>) -> Arc<Self> {
        let workers = mailboxes
            .into_iter()
            .map(|mailbox| WorkerEntry { mailbox, connections: AtomicUsize::new(0) })
            .collect();
        Arc::new(Self { node, workers, stopping: AtomicBool::new(false), acceptor: Mutex::new(None) })
    }

    /// The mailbox of a worker.
    pub fn mailbox(&self, worker: usize) -> &Mailbox<Letter> {
        &self.workers[worker].mailbox
    }

    /// Connections that are served, or about to be: those too that their workers have not taken yet.
    pub fn connections(&self) -> usize {
        self.workers.iter().map(|entry| entry.connections.load(Ordering::Relaxed)).sum()
    }

    /// The mailbox of the worker with the fewest connections, which counts one more from now on. A worker whose script is busy is
    /// taken only if all are.
    pub fn least_loaded(&self) -> &Mailbox<Letter> {
        let (_, entry) = self
            .workers
            .iter()
            .enumerate()
            .min_by_key(|(index, entry)| (self.is_busy(*index), entry.connections.load(Ordering::Relaxed)))
            .expect("a server has at least one worker");
        entry.connections.fetch_add(1, Ordering::Relaxed);
        &entry.mailbox
    }

    /// The mailbox of a worker that is free, for a new connection of one that is not; it counts there from now on.
    pub fn pass_on(&self, worker: usize) -> Option<&Mailbox<Letter>> {
        let someone_is_free = || (0..self.workers.len()).any(|index| !self.is_busy(index));
        if !self.is_busy(worker) || !someone_is_free() {
            return None;
        }
        self.count_closed(worker);
        Some(self.least_loaded())
    }

    fn is_busy(&self, worker: usize) -> bool {
        self.node.shared.running.is_busy(worker)
    }

    /// A worker has closed one of its connections.
    pub fn count_closed(&self, worker: usize) {
        self.workers[worker].connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// Registers the way to wake the acceptor.
    pub fn set_acceptor(&self, waker: Waker) {
        *self.acceptor.lock() = Some(waker);
    }

    /// Whether the threads should finish.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Asks every thread to finish what it has begun and end.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        for entry in &self.workers {
            entry.mailbox.send(Letter::Stop);
        }
        if let Some(waker) = self.acceptor.lock().as_ref() {
            // A waker fails only when its poll is gone, and with it the thread it would wake.
            let _ = waker.wake();
        }
    }
}
