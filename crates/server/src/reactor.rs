//! A worker's event loop: poll, read every ready socket, let the node execute, write once a connection.
//!
//! ```text
//!   poll ─► letters ─► read ready sockets ─► node::Worker::execute ─► write what may go ─► tick ─┐
//!     ▲                    (one arena)          (parse, lock, run)      (one write each)          │
//!     └──────────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//! Sockets are watched for both directions, and each change is told once: a socket that still has bytes or room
//! is remembered in `readable` and `writable`, and the loop does not wait while one of them has work. One
//! turn reads a bounded amount from each connection, so a long pipeline cannot starve its neighbours. How sockets are watched,
//! read and written is the business of a [`Backend`]: epoll, or io_uring, which sends short replies with the next wait.
//!
//! The bytes of a turn lie one after the other in an arena that belongs to the worker; a connection owns a
//! buffer only while it holds half a request, hence an idle connection costs next to nothing.
//!
//! While a script is busy, the node calls back out of `execute` and the loop goes round once within its turn: it is the same turn,
//! with an arena of its own, and the node does with it what is allowed then. New connections go to workers that are free.

use std::io::{self, ErrorKind, IoSlice, Write};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use node::{Input, Now, Worker};
use tracing::error;

use self::backend::{Backend, Happened};
use crate::clock;
use crate::shared::{Letter, Shared};
use crate::socket::{Endpoints, Stream};

pub mod backend;
mod epoll;
#[cfg(target_os = "linux")]
mod rings;

/// Bytes taken from one connection in one turn: a pipeline of sixteen requests with a kilobyte each, and more.
const READ_BUDGET: usize = 24 * 1024;
/// Bytes of requests a turn can hold; connections that do not fit are read in the next turn.
const ARENA: usize = 256 * 1024;
/// Nanoseconds for which a turn sends what is long, or has still to be made, before others get theirs.
const WRITE_NS: u64 = 200_000;
/// Bytes of one write: a hundred microseconds, two hundred where they are not in the cache.
const WRITE_PIECE: usize = 1 << 20;
/// What comes to no more goes as a whole: a write that leaves a little to the next one costs the receiver a second time.
const WRITE_WHOLE: usize = WRITE_PIECE / 2 * 3;
/// Pieces of one write: more than come to [`WRITE_WHOLE`] where they are long.
const MOST_PIECES: usize = 256;
/// A connection that is owed no more does not wait for those that are, unless it has to be made.
const SHORT: usize = 24 * 1024;
/// Connections taken from the mailbox in one turn.
const ADOPT_BUDGET: usize = 64;

/// What a read has brought: a range of the arena, and whether there may be more; nothing at the end of what the peer sends.
type Received = io::Result<Option<(Range<usize>, bool)>>;

/// One worker thread's half of the shell; the other half is the node's worker.
pub struct Reactor {
    backend: Backend,
    index: usize,
    shared: Arc<Shared>,
    /// The time of the turn.
    now: Now,
    sockets: Vec<Option<Socket>>,
    /// Empty while the node executes what is in it.
    arena: Box<[u8]>,
    /// Connections that may have bytes to read, each at most once.
    readable: Vec<usize>,
    /// Connections whose short replies go with the next wait, each at most once.
    outgoing: Vec<usize>,
    letters: Vec<Letter>,
    arrivals: Vec<Letter>,
}

/// A connection's socket and what is known of it since its last events.
struct Socket {
    stream: Stream,
    /// There may be bytes to read; the connection is in `readable`.
    readable: bool,
    /// The peer closed its sending half: read until 0.
    read_closed: bool,
    /// A write would block; wait for the event.
    write_blocked: bool,
}

impl Reactor {
    /// A reactor for worker `index`, whose mailbox wakes the backend.
    pub fn new(index: usize, backend: Backend, shared: Arc<Shared>) -> Self {
        Self {
            backend,
            index,
            shared,
            now: clock::now(),
            sockets: Vec::new(),
            arena: Box::default(),
            readable: Vec::new(),
            outgoing: Vec::new(),
            letters: Vec::new(),
            arrivals: Vec::new(),
        }
    }

    /// The thread's body: turns until shutdown, then a last one that flushes what is owed.
    pub fn run(&mut self, mut worker: Worker<'_>) {
        if let Err(error) = self.backend.start() {
            panic!("worker {} cannot begin to wait for events: {error}", self.index);
        }
        while !self.shared.is_stopping() {
            let timeout = self.timeout(&worker);
            if !self.wait(&mut worker, timeout) {
                break;
            }
            worker.begin_turn();
            self.go_round(&mut worker);
            worker.end_turn();
        }
        self.drain(&mut worker);
    }

    /// Sends what goes with the wait, and waits for events; false if that is impossible.
    fn wait(&mut self, worker: &mut Worker<'_>, timeout: Duration) -> bool {
        if let Err(error) = self.exchange(worker, timeout) {
            error!("worker {} cannot wait for events: {error}", self.index);
            return false;
        }
        self.now = clock::now();
        true
    }

    /// Sends what goes with the wait, and waits.
    #[cfg(target_os = "linux")]
    fn exchange(&mut self, worker: &mut Worker<'_>, timeout: Duration) -> io::Result<()> {
        let Self { backend, sockets, outgoing, .. } = self;
        let Some(rings) = backend.rings() else { return backend.wait(timeout) };
        let mut messages = Vec::with_capacity(outgoing.len());
        messages.extend(outgoing.drain(..).filter_map(|number| {
            // What has become of the connection since may have changed this.
            let socket = sockets[number].as_ref().filter(|socket| !socket.write_blocked)?;
            let bytes = worker.sendable(number)?.bytes();
            let bytes = &bytes[..bytes.len().min(WRITE_PIECE)];
            (!bytes.is_empty()).then(|| rings.message(number, &socket.stream, bytes))
        }));
        rings.exchange(&messages, timeout)?;
        let mut sent = std::mem::take(&mut rings.sent);
        sent.drain(..).for_each(|(number, result)| self.note_sent(worker, number, result));
        if let Some(rings) = self.backend.rings() {
            rings.sent = sent;
        }
        Ok(())
    }

    #[cfg(not(target_os = "linux"))]
    fn exchange(&mut self, _: &mut Worker<'_>, timeout: Duration) -> io::Result<()> {
        self.backend.wait(timeout)
    }

    /// What has become of a message that went with a wait.
    #[cfg(target_os = "linux")]
    fn note_sent(&mut self, worker: &mut Worker<'_>, number: usize, result: io::Result<usize>) {
        let Some(socket) = self.sockets[number].as_mut() else { return };
        match result {
            Ok(count) => {
                let output = worker.output(number);
                output.consume(count);
                if output.is_empty() {
                    worker.written(number);
                } else {
                    worker.retry_write(number);
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                socket.write_blocked = true;
                self.backend.await_room(number, &socket.stream);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => worker.retry_write(number),
            Err(_) => worker.peer_closed(number),
        }
    }

    /// Sends at once what would go with the next wait.
    fn flush(&mut self, worker: &mut Worker<'_>) {
        if !self.outgoing.is_empty()
            && let Err(error) = self.exchange(worker, Duration::ZERO)
        {
            error!("worker {} cannot send: {error}", self.index); // nor can it wait, and so it ends
        }
    }

    /// Attends to all that has come.
    fn go_round(&mut self, worker: &mut Worker<'_>) {
        let mut happened = std::mem::take(self.backend.happened());
        happened.drain(..).for_each(|event| self.note(worker, event));
        *self.backend.happened() = happened;
        self.open_letters(worker);
        self.adopt_arrivals(worker);
        self.turn(worker);
    }

    /// How long the poll may wait after the last turn: not at all while there is work left over.
    fn timeout(&self, worker: &Worker<'_>) -> Duration {
        let has_work = !self.readable.is_empty() || !self.arrivals.is_empty();
        if has_work || worker.has_writable() || worker.has_inputs() {
            return Duration::ZERO;
        }
        Duration::from_nanos(worker.idle_ns(self.now))
    }

    /// Remembers what an event says.
    fn note(&mut self, worker: &mut Worker<'_>, event: Happened) {
        let number = event.connection;
        let Some(socket) = self.sockets.get_mut(number).and_then(Option::as_mut) else { return };
        if event.is_readable {
            socket.read_closed |= event.is_closed;
            if socket.read_closed && worker.is_waiting(number) {
                // Nobody reads it while its command waits, and so nobody would see that it has gone.
                worker.peer_closed(number);
            }
            if !socket.readable {
                socket.readable = true;
                self.readable.push(number);
            }
            if !worker.wants_input(number) {
                self.backend.put_aside(number, &socket.stream);
            }
        }
        if event.is_writable && socket.write_blocked {
            socket.write_blocked = false;
            worker.retry_write(number);
        }
    }

    /// Passes letters on to the node; new connections wait for [`Reactor::adopt_arrivals`].
    fn open_letters(&mut self, worker: &mut Worker<'_>) {
        self.shared.mailbox(self.index).take(&mut self.letters);
        for letter in self.letters.drain(..) {
            match letter {
                Letter::Connection(..) => self.arrivals.push(letter),
                Letter::Node(mail) => worker.receive(self.now, mail),
                Letter::Stop => {}
            }
        }
    }

    /// Adopts new connections, a bounded number a turn. A worker whose script is busy leaves them to one that is free.
    fn adopt_arrivals(&mut self, worker: &mut Worker<'_>) {
        let adopted = self.arrivals.len().min(ADOPT_BUDGET);
        let arrivals: Vec<Letter> = self.arrivals.drain(..adopted).collect();
        for letter in arrivals {
            if let Some(other) = self.shared.pass_on(self.index) {
                other.send(letter);
            } else if let Letter::Connection(stream, endpoints) = letter {
                self.adopt(worker, stream, &endpoints);
            }
        }
    }

    /// Registers a connection with the poll and the node under one number.
    fn adopt(&mut self, worker: &mut Worker<'_>, mut stream: Stream, endpoints: &Endpoints) {
        let number = worker.open(self.now, &endpoints.peer, &endpoints.local, endpoints.is_unix);
        if let Err(error) = self.backend.watch(number, &mut stream) {
            error!("cannot watch the connection from {}: {error}", endpoints.peer);
            worker.close(number);
            self.shared.count_closed(self.index);
            return;
        }
        if self.sockets.len() <= number {
            self.sockets.resize_with(number + 1, || None);
        }
        self.sockets[number] =
            Some(Socket { stream, readable: false, read_closed: false, write_blocked: false });
    }

    /// Reads, executes, writes, ticks.
    fn turn<'n>(&mut self, worker: &mut Worker<'n>) {
        self.resume(worker);
        let mut inputs = std::mem::take(worker.inputs());
        if self.arena.is_empty() {
            self.arena = vec![0; ARENA].into_boxed_slice();
        }
        self.read(worker, &mut inputs);
        // Again: a request that was sent after another client's reply must not be answered before what that client's
        // command had to tell this worker (an invalidation, say).
        self.open_letters(worker);
        let arena = std::mem::take(&mut self.arena);
        worker
            .execute(self.now, &arena, &inputs, &mut |worker: &mut Worker<'n>| self.go_round_within(worker));
        self.arena = arena;
        inputs.clear();
        // Letters and commands may have let further ones go on, which are for the next turn.
        inputs.append(worker.inputs());
        *worker.inputs() = inputs;
        self.write(worker);
        if worker.idle_ns(self.now) == 0 {
            self.flush(worker); // what is due may take a while to compute
        }
        worker.tick(self.now);
        self.close_finished(worker);
    }

    /// Goes round once while a command runs; returns the time.
    fn go_round_within(&mut self, worker: &mut Worker<'_>) -> Now {
        if self.wait(worker, Duration::ZERO) {
            self.go_round(worker);
            self.flush(worker);
        }
        self.now
    }

    /// Takes up connections whose input waited (for the log, or a pause) and that have bytes to read.
    fn resume(&mut self, worker: &mut Worker<'_>) {
        while let Some(number) = worker.next_resumed() {
            if self.sockets[number].as_ref().is_some_and(|socket| socket.readable)
                && !self.readable.contains(&number)
            {
                self.readable.push(number);
            }
        }
    }

    /// Reads every readable connection once, as far as the arena has room for what they send.
    fn read(&mut self, worker: &mut Worker<'_>, inputs: &mut Vec<Input>) {
        let mut filled = 0;
        let mut left = Vec::new();
        for number in std::mem::take(&mut self.readable) {
            let Some(socket) = self.sockets[number].as_mut() else { continue };
            if !worker.wants_input(number) {
                if socket.read_closed && worker.is_waiting(number) {
                    worker.peer_closed(number);
                }
                self.backend.put_aside(number, &socket.stream);
                continue; // it stays `readable` and comes back through `resume`
            }
            let Some(received) = self.receive(worker, number, filled) else {
                left.push(number);
                continue;
            };
            let Some(socket) = self.sockets[number].as_mut() else { continue };
            match received {
                Ok(None) => worker.peer_closed(number),
                Ok(Some((range, has_more))) => {
                    filled += range.len();
                    inputs.push(Input { connection: number, range });
                    if has_more || socket.read_closed {
                        left.push(number);
                        continue;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {
                    left.push(number);
                    continue;
                }
                Err(_) => worker.peer_closed(number),
            }
            socket.readable = false;
        }
        self.readable = left;
    }

    /// Reads a connection once, into the arena from `filled` on, where its half request is put before, or behind that if it is huge.
    /// Returns the range of the arena, and whether there may be more to read; `Ok(None)` at the end. None if the arena has no room.
    fn receive(&mut self, worker: &mut Worker<'_>, number: usize, filled: usize) -> Option<Received> {
        let Self { backend, arena, sockets, .. } = self;
        let stream = &mut sockets[number].as_mut()?.stream;
        let mut pending = worker.unfinished_input(number);
        let elsewhere =
            pending.as_ref().map_or(Some(READ_BUDGET), |pending| pending.read_elsewhere(READ_BUDGET));
        let Some(most) = elsewhere else {
            let read = backend.read_behind(number, stream, pending.take()?, READ_BUDGET);
            return Some(read.map(|count| (count > 0).then_some((0..0, count >= READ_BUDGET))));
        };
        let begin = filled + pending.as_ref().map_or(0, |pending| pending.bytes().len());
        let room = arena.get_mut(begin..begin + most)?;
        let read = backend.read(number, stream, room);
        Some(read.map(|count| {
            let end = begin + count;
            (count > 0).then(|| {
                pending.into_iter().for_each(|pending| pending.lift(&mut arena[filled..begin]));
                (filled..end, count >= most)
            })
        }))
    }

    /// Sends what each connection may send now: first what is short, then, for a limited time, what is long. Those that are
    /// owed much take turns.
    fn write(&mut self, worker: &mut Worker<'_>) {
        self.flush(worker);
        let mut writable = worker.take_writable();
        let (mut time, mut long, mut served) = (Time::default(), Vec::new(), Vec::new());
        for number in writable.drain(..) {
            if self.sockets[number].as_ref().is_none_or(|socket| socket.write_blocked) {
                continue;
            }
            let output = worker.output(number);
            if output.len() > SHORT || output.is_being_made() {
                long.push(number);
            } else if self.backend.sends_with_wait() && output.is_plain() {
                self.outgoing.push(number);
            } else if self.send(worker, number, &mut time) {
                served.push(number);
            }
        }
        for number in long {
            if time.is_over() {
                worker.retry_write(number);
            } else if self.send(worker, number, &mut time) {
                served.push(number);
            }
        }
        // Behind those that had to wait.
        served.into_iter().for_each(|number| worker.retry_write(number));
        worker.return_writable(writable);
    }

    /// Sends to one connection; true if there is more to send than the turn has time for.
    fn send(&mut self, worker: &mut Worker<'_>, number: usize, time: &mut Time) -> bool {
        let Some(socket) = self.sockets[number].as_mut() else { return false };
        match write_some(&mut socket.stream, worker.output(number), time) {
            Ok(Sent::All) => worker.written(number),
            Ok(Sent::Blocked) => {
                socket.write_blocked = true;
                self.backend.await_room(number, &socket.stream);
                worker.written_some(number);
            }
            Ok(Sent::TimeIsOver) => return true,
            Err(_) => worker.peer_closed(number),
        }
        false
    }

    /// Drops the sockets of connections that the node has finished with.
    fn close_finished(&mut self, worker: &mut Worker<'_>) {
        while let Some(number) = worker.next_finished() {
            if let Some(socket) = self.sockets[number].take() {
                if socket.readable {
                    self.readable.retain(|&other| other != number);
                }
                self.outgoing.retain(|&other| other != number);
                self.backend.close(number, socket.stream);
            }
            worker.close(number);
            self.shared.count_closed(self.index);
        }
    }

    /// After the stop: what was executed is answered, as far as the peers take it without waiting.
    fn drain(&mut self, worker: &mut Worker<'_>) {
        worker.stop(clock::now());
        // Each round brings every connection nearer to its end, to a full socket or to a broken one.
        while worker.has_writable() {
            self.write(worker);
            self.flush(worker);
        }
    }
}

/// The time that a turn has for what is long. It begins with the first look, so that short replies read no clock.
#[derive(Default)]
struct Time {
    ends_ns: Option<u64>,
}

impl Time {
    fn is_over(&mut self) -> bool {
        let now = clock::monotonic_ns();
        now >= *self.ends_ns.get_or_insert(now + WRITE_NS)
    }
}

/// What became of a write.
enum Sent {
    All,
    Blocked,
    TimeIsOver,
}

/// Writes until all is sent, the socket is full or the time is over.
fn write_some(stream: &mut Stream, output: &mut node::Output, time: &mut Time) -> io::Result<Sent> {
    while !output.is_empty() {
        output.advance();
        match write_once(stream, output) {
            Ok(count) => output.consume(count),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Sent::Blocked),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        if !output.is_empty() && time.is_over() {
            return Ok(Sent::TimeIsOver);
        }
    }
    Ok(Sent::All)
}

/// One write of what can be sent now, which may be nothing: a producer need not make anything.
fn write_once(stream: &mut Stream, output: &node::Output) -> io::Result<usize> {
    let most = if output.len() <= WRITE_WHOLE { WRITE_WHOLE } else { WRITE_PIECE };
    let count = if output.is_plain() {
        let bytes = output.bytes();
        if bytes.is_empty() {
            return Ok(0);
        }
        stream.write(&bytes[..bytes.len().min(most)])?
    } else {
        let mut pieces = [IoSlice::new(&[]); MOST_PIECES];
        let (mut count, mut room) = (0, most);
        for (place, piece) in pieces.iter_mut().zip(output.pieces()) {
            *place = IoSlice::new(&piece[..piece.len().min(room)]);
            room -= place.len();
            count += 1;
            if room == 0 {
                break;
            }
        }
        if count == 0 {
            return Ok(0);
        }
        stream.write_vectored(&pieces[..count])?
    };
    if count == 0 { Err(ErrorKind::WriteZero.into()) } else { Ok(count) }
}
