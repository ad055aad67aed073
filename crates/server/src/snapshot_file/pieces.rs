//! Pieces of a file: made by many, put into it by one.
//!
//! ```text
//!   workers (Witness::look) ─► benches ─┐
//!                                       ├─► queue ─► whoever writes the file
//!   encoders (Cut::take)    ─► benches ─┘
//! ```
//! A large value has a bench of its own ([`super::large`]), because its pieces have to stand together.
//!
//! Encoders stop while enough waits in the queue; whoever writes the file never waits for room there. Workers do not either: a client
//! waits for them, and what they leave undone would take the same memory as a copy of a page. So they encode at once what is soon done,
//! and what is not they leave to the encoders.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use keyspace::{Cut, Pages, Witness, WorkerId};
use parking_lot::{Condvar, Mutex};
use persist::{LargeValue, Made, Scribe, SnapshotWriter};

/// Pieces that wait while encoders go on, and empty ones that are kept.
pub(super) const MAX_WAITING: usize = 16;
/// Large values that wait while encoders go on. They are clones: whoever changes them has to copy.
const MAX_ASIDE: usize = 2;
/// Bytes of a buffer for a piece, which ends behind the key that fills it.
const BUFFER_BYTES: usize = SnapshotWriter::PIECE_BYTES / 4 * 5;
/// How often those who wait look whether the work is given up.
const LOOK: Duration = Duration::from_millis(20);

/// See the module's text.
#[derive(Debug)]
pub struct Pieces {
    benches: Box<[Mutex<Bench>]>,
    queue: Mutex<Queue>,
    changed: Condvar,
    /// Keys that have been encoded.
    keys: AtomicUsize,
}

/// What there is to do for whoever writes the file.
#[derive(Debug)]
pub enum Next {
    /// A piece is to be put into it.
    Piece(Vec<u8>),
    /// A large value is to be encoded into it.
    Large(LargeValue),
    /// These pages are to be encoded, like others.
    Pages(Pages),
}

/// Somebody encodes as long as it is there.
#[derive(Debug)]
pub struct Seat<'p>(&'p Pieces);

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.queue.lock().encoders -= 1;
        self.0.changed.notify_all();
    }
}

/// Stops those who encode when it is dropped, after a panic too: otherwise they would wait for ever.
#[derive(Debug)]
pub struct Stop<'p>(&'p Pieces);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.queue.lock().is_stopped = true;
        self.0.changed.notify_all();
    }
}

/// Where one thread makes pieces.
#[derive(Debug)]
struct Bench {
    scribe: Scribe,
    piece: Vec<u8>,
}

#[derive(Debug, Default)]
struct Queue {
    full: VecDeque<Vec<u8>>,
    /// Buffers for pieces to come.
    empty: Vec<Vec<u8>>,
    /// What workers have left to the others.
    left: VecDeque<Pages>,
    /// What is to be encoded by itself.
    aside: VecDeque<LargeValue>,
    /// Encoders at work.
    encoders: usize,
    is_stopped: bool,
}

impl Bench {
    fn new(writer: &SnapshotWriter) -> Self {
        Self { scribe: writer.scribe(), piece: buffer() }
    }
}

impl Pieces {
    /// For a file, with benches for so many.
    pub fn new(writer: &SnapshotWriter, benches: usize) -> Self {
        let bench = || Mutex::new(Bench::new(writer));
        Self {
            benches: std::iter::repeat_with(bench).take(benches).collect(),
            queue: Mutex::default(),
            changed: Condvar::new(),
            keys: AtomicUsize::new(0),
        }
    }

    /// Keys that have been encoded.
    pub fn keys(&self) -> usize {
        self.keys.load(Ordering::Relaxed)
    }

    /// Pages that are to be encoded next; `None`: all have been.
    pub fn next_pages(&self, cut: &Cut) -> Option<Pages> {
        // What a worker has left is there before the cut is found empty.
        self.pop_left().or_else(|| cut.take()).or_else(|| self.pop_left())
    }

    fn pop_left(&self) -> Option<Pages> {
        self.queue.lock().left.pop_front()
    }

    /// Encodes pages at a bench.
    pub fn encode(&self, bench: usize, pages: &Pages) {
        let Bench { scribe, piece } = &mut *self.benches[bench].lock();
        scribe.encode(pages, piece, &mut |made| self.hand_on(made));
        self.keys.fetch_add(pages.len(), Ordering::Relaxed);
    }

    /// The same for who can wait: between any two pieces until the queue can take more, or nobody wants any more.
    pub fn encode_patiently(&self, bench: usize, pages: &Pages, given_up: &AtomicBool) {
        let Bench { scribe, piece } = &mut *self.benches[bench].lock();
        scribe.encode(pages, piece, &mut |made| {
            self.hand_on(made);
            self.await_room(given_up);
        });
        self.keys.fetch_add(pages.len(), Ordering::Relaxed);
    }

    fn hand_on(&self, made: Made<'_>) {
        let mut queue = self.queue.lock();
        match made {
            Made::Piece(piece) => {
                let empty = queue.empty.pop().unwrap_or_else(buffer);
                queue.full.push_back(std::mem::replace(piece, empty));
            }
            Made::Aside(large) => queue.aside.push_back(large),
        }
        drop(queue);
        self.changed.notify_all();
    }

    /// One more encodes, until that is dropped.
    pub fn join(&self) -> Seat<'_> {
        self.queue.lock().encoders += 1;
        Seat(self)
    }

    /// Whoever holds this writes the file; when it is dropped, nobody will write anything any more.
    pub fn stop_at_end(&self) -> Stop<'_> {
        Stop(self)
    }

    /// Whether nobody wants any more pieces.
    pub fn is_over(&self, given_up: &AtomicBool) -> bool {
        self.queue.lock().is_stopped || given_up.load(Ordering::Acquire)
    }

    /// Waits until the queue can take more. False: that will not be.
    pub fn await_room(&self, given_up: &AtomicBool) -> bool {
        let mut queue = self.queue.lock();
        while !queue.has_room() && !queue.is_stopped && !given_up.load(Ordering::Acquire) {
            self.changed.wait_for(&mut queue, LOOK);
        }
        !queue.is_stopped && !given_up.load(Ordering::Acquire)
    }

    /// What there is to do for whoever writes the file; waits while somebody encodes. `None`: it is given up, or nothing has been left
    /// and nobody encodes any more.
    pub fn await_next(&self, given_up: &AtomicBool) -> Option<Next> {
        let mut queue = self.queue.lock();
        loop {
            let had_room = queue.has_room();
            let next = queue.next();
            if !had_room && queue.has_room() {
                self.changed.notify_all();
            }
            if next.is_some() || queue.encoders == 0 || given_up.load(Ordering::Acquire) {
                return next;
            }
            self.changed.wait_for(&mut queue, LOOK);
        }
    }

    /// Takes back the buffer of a piece that has been written.
    pub fn give_back(&self, mut piece: Vec<u8>) {
        piece.clear();
        let mut queue = self.queue.lock();
        if queue.empty.len() < MAX_WAITING && piece.capacity() <= 2 * BUFFER_BYTES {
            queue.empty.push(piece);
        }
    }

    /// Whether nothing waits to be put into the file.
    pub fn is_empty(&self) -> bool {
        let queue = self.queue.lock();
        queue.full.is_empty() && queue.left.is_empty() && queue.aside.is_empty()
    }

    /// What lies unfinished at the benches, when all pages have been encoded.
    pub fn rest(&self) -> impl Iterator<Item = Vec<u8>> {
        self.benches.iter().map(|bench| std::mem::take(&mut bench.lock().piece))
    }
}

impl Queue {
    /// Whether those may go on who can wait.
    fn has_room(&self) -> bool {
        self.full.len() < MAX_WAITING && self.aside.len() < MAX_ASIDE
    }

    /// A large value comes first, for as long as it waits it is copied by those who change it; and so do pages in which there may be one.
    fn next(&mut self) -> Option<Next> {
        let large = self.aside.pop_front().map(Next::Large);
        large
            .or_else(|| self.left.pop_front().map(Next::Pages))
            .or_else(|| self.full.pop_front().map(Next::Piece))
    }
}

impl Witness<Pages> for Pieces {
    fn look(&self, worker: WorkerId, pages: Pages) {
        if pages.is_light() {
            self.encode(worker.0, &pages);
        } else {
            self.queue.lock().left.push_back(pages);
            self.changed.notify_all();
        }
    }
}

/// A new buffer. Where a worker takes it, it does not count as used: no eviction would give it back.
pub(super) fn buffer() -> Vec<u8> {
    keyspace::note_copy(BUFFER_BYTES);
    Vec::with_capacity(BUFFER_BYTES)
}

#[cfg(test)]
mod tests;
