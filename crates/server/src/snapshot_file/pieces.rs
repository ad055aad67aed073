//! Pieces of a file: made by many, put into it by one.
//!
//! ```text
//!   workers (Witness::look) ─► benches ─┐
//!                                       ├─► queue ─► whoever writes the file
//!   encoders (Cut::take)    ─► benches ─┘
//! ```
//! A large hash has its own bench ([`HashBench`]), because its pieces have to stand together.
//!
//! Encoders stop while enough waits in the queue. Workers never do: a client waits for them, and what they leave undone would take
//! the same memory as a copy of a page. So they encode at once what is soon done, and what is not they leave to the encoders.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use keyspace::{Cut, FieldPages, Pages, Witness, WorkerId};
use parking_lot::{Condvar, Mutex};
use persist::{LargeHash, Made, Scribe, SnapshotWriter};

/// Pieces that wait while encoders go on, and empty ones that are kept.
const MAX_WAITING: usize = 16;
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
    /// A hash is to be encoded into it.
    Hash(LargeHash),
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
    aside: VecDeque<LargeHash>,
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

    fn hand_on(&self, made: Made<'_>) {
        let mut queue = self.queue.lock();
        match made {
            Made::Piece(piece) => {
                let empty = queue.empty.pop().unwrap_or_else(buffer);
                queue.full.push_back(std::mem::replace(piece, empty));
            }
            Made::Aside(hash) => queue.aside.push_back(hash),
        }
        drop(queue);
        self.changed.notify_all();
    }

    /// One more encodes, until that is dropped.
    pub fn join(&self) -> Seat<'_> {
        self.queue.lock().encoders += 1;
        Seat(self)
    }

    /// Nobody will write anything any more.
    pub fn stop(&self) {
        self.queue.lock().is_stopped = true;
        self.changed.notify_all();
    }

    /// Waits until the queue can take more. False: that will not be.
    pub fn await_room(&self, given_up: &AtomicBool) -> bool {
        let mut queue = self.queue.lock();
        while queue.full.len() >= MAX_WAITING && !queue.is_stopped && !given_up.load(Ordering::Acquire) {
            self.changed.wait_for(&mut queue, LOOK);
        }
        !queue.is_stopped && !given_up.load(Ordering::Acquire)
    }

    /// What there is to do for whoever writes the file, if there is something.
    pub fn next(&self) -> Option<Next> {
        self.queue.lock().next()
    }

    /// Waits for something to do. `None`: it is given up, or there will be nothing, for nobody encodes any more.
    pub fn await_next(&self, given_up: &AtomicBool) -> Option<Next> {
        let mut queue = self.queue.lock();
        loop {
            let next = queue.next();
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
        let has_room_again = queue.full.len() + 1 == MAX_WAITING;
        drop(queue);
        if has_room_again {
            self.changed.notify_all();
        }
    }

    /// What lies unfinished at the benches, when all pages have been encoded.
    pub fn rest(&self) -> impl Iterator<Item = Vec<u8>> {
        self.benches.iter().map(|bench| std::mem::take(&mut bench.lock().piece))
    }
}

impl Queue {
    /// A hash comes first, for as long as it waits it is copied by those who change it; and so do pages in which there may be one.
    fn next(&mut self) -> Option<Next> {
        let hash = self.aside.pop_front().map(Next::Hash);
        hash.or_else(|| self.left.pop_front().map(Next::Pages))
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

/// Where fields of a hash are encoded by those who are about to change them. They do so under the lock of its shard, one at a time,
/// and many wait for them: whoever writes the file seldom takes the lock of the bench, and brings buffers along, since to take new ones
/// may be to wait for whoever frees others.
#[derive(Debug)]
pub struct HashBench {
    work: Mutex<HashWork>,
    has_full: AtomicBool,
}

#[derive(Debug)]
struct HashWork {
    bench: Bench,
    full: Vec<Vec<u8>>,
    empty: Vec<Vec<u8>>,
}

impl HashBench {
    /// For a hash in a file.
    pub fn new(writer: &SnapshotWriter) -> Self {
        let empty = std::iter::repeat_with(buffer).take(MAX_WAITING).collect();
        let work = HashWork { bench: Bench::new(writer), full: Vec::new(), empty };
        Self { work: Mutex::new(work), has_full: AtomicBool::new(false) }
    }

    /// The pieces that are full, for empty buffers.
    pub fn exchange(&self, buffers: &mut Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        if !self.has_full.swap(false, Ordering::Acquire) {
            return Vec::new();
        }
        let mut work = self.work.lock();
        work.empty.append(buffers);
        std::mem::take(&mut work.full)
    }

    /// All that lies there, when nobody encodes any more.
    pub fn rest(&self) -> Vec<Vec<u8>> {
        let mut work = self.work.lock();
        let last = std::mem::take(&mut work.bench.piece);
        work.full.push(last);
        std::mem::take(&mut work.full)
    }
}

impl Witness<FieldPages> for HashBench {
    fn look(&self, _: WorkerId, pages: FieldPages) {
        let HashWork { bench: Bench { scribe, piece }, full, empty } = &mut *self.work.lock();
        scribe.encode_fields(&pages, piece);
        if piece.len() >= SnapshotWriter::PIECE_BYTES {
            full.push(std::mem::replace(piece, empty.pop().unwrap_or_else(buffer)));
            self.has_full.store(true, Ordering::Release);
        }
    }
}

/// A new buffer. Where a worker takes it, it does not count as used: no eviction would give it back.
fn buffer() -> Vec<u8> {
    keyspace::note_copy(BUFFER_BYTES);
    Vec::with_capacity(BUFFER_BYTES)
}
