//! Sockets through io_uring: what the reactor reads has been received already, and short replies go with the next wait.
//!
//! What is long comes without that detour, which would cost a copy: while much of a request is missing, or there is room for much since
//! such requests are expected, nothing is received ahead for its connection, which is read directly when its socket has something.
//!
//! A ring has a number of buffers for all its connections. Those of a connection that is not to be read for a while, because its
//! replies wait or a command of it does, are emptied into memory of its own, and nothing more is received for it: at most what came
//! in one turn is kept so. That its peer goes away meanwhile is still told.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use node::Mailbox;
use rustix::io::Errno;
use uring::{Chunk, End, Event, Message, Ring, Sent, Token};

use super::backend::{Backend, Happened, WithMailbox};
use crate::socket::Stream;

/// Where so many bytes are missing or expected they are read directly.
const MUCH: usize = 32 * 1024;
/// Bits of a token that name the connection; the others tell it from those that had its number before.
const NUMBER_BITS: u32 = 32;

/// See the module's text.
pub struct Rings {
    ring: Ring,
    lines: Vec<Line>,
    pub happened: Vec<Happened>,
    /// What has become of messages, by connection.
    pub sent: Vec<(usize, io::Result<usize>)>,
}

/// What is known of the connection with a number.
#[derive(Default)]
struct Line {
    /// How many connections have had the number before.
    generation: u32,
    receiving: Receiving,
    /// Bytes that were taken out of the ring's buffers, and how many of them have been read.
    aside: Vec<u8>,
    aside_read: usize,
    /// What has come after those.
    chunks: VecDeque<Chunk>,
    /// What comes after that, if nothing else does.
    end: Option<Result<(), io::Error>>,
    /// Whether the peer's end is watched, or known.
    watches_hang_up: bool,
    /// Whether it is watched for bytes that are read directly.
    watches_readable: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Receiving {
    #[default]
    Off,
    On,
    /// It was on, and will soon be off.
    Ending,
}

impl Rings {
    /// Rings with a mailbox whose letters wake them.
    pub fn with_mailbox() -> io::Result<WithMailbox> {
        let ring = Ring::new()?;
        let waker = ring.waker();
        let rings = Self { ring, lines: Vec::new(), happened: Vec::new(), sent: Vec::new() };
        Ok((Backend::Rings(Box::new(rings)), Arc::new(Mailbox::new(move || waker.wake()))))
    }

    pub fn start(&self) -> io::Result<()> {
        self.ring.start()
    }

    pub fn watch(&mut self, connection: usize, stream: &Stream) -> io::Result<()> {
        if self.lines.len() <= connection {
            self.lines.resize_with(connection + 1, Line::default);
        }
        self.receive(connection, stream)
    }

    fn token(&self, connection: usize) -> Token {
        Token(u64::from(self.lines[connection].generation) << NUMBER_BITS | connection as u64)
    }

    /// The connection that a token is about, if it is still there.
    fn connection(&self, token: Token) -> Option<usize> {
        let connection = (token.0 & ((1 << NUMBER_BITS) - 1)) as usize;
        (self.token(connection) == token).then_some(connection)
    }

    fn receive(&mut self, connection: usize, stream: &Stream) -> io::Result<()> {
        if self.lines[connection].receiving == Receiving::Off {
            self.ring.receive(stream.as_fd(), self.token(connection))?;
            self.lines[connection].receiving = Receiving::On;
        }
        Ok(())
    }

    /// A message to a connection's peer.
    pub fn message<'a>(&self, connection: usize, stream: &'a Stream, bytes: &'a [u8]) -> Message<'a> {
        Message { socket: stream.as_fd(), token: self.token(connection), bytes }
    }

    /// Sends messages and waits; see [`Ring::exchange`].
    pub fn exchange(&mut self, messages: &[Message<'_>], timeout: Duration) -> io::Result<()> {
        let timeout = if self.happened.is_empty() { timeout } else { Duration::ZERO };
        self.ring.exchange(messages, timeout)?;
        let number = |token: Token| (token.0 & ((1 << NUMBER_BITS) - 1)) as usize;
        self.sent.extend(self.ring.sent().map(|Sent { token, result }| (number(token), result)));
        while let Some(event) = self.ring.next_event() {
            self.note(event);
        }
        Ok(())
    }

    fn note(&mut self, event: Event) {
        match event {
            Event::Received { token, chunk, ended } => {
                let Some(connection) = self.connection(token) else {
                    self.ring.give_back(chunk);
                    return;
                };
                let line = &mut self.lines[connection];
                line.chunks.push_back(chunk);
                if ended {
                    line.receiving = Receiving::Off;
                }
                self.happened.push(Happened { connection, is_readable: true, ..Happened::default() });
            }
            Event::Ended(token, end) => {
                let Some(connection) = self.connection(token) else { return };
                let line = &mut self.lines[connection];
                line.receiving = Receiving::Off;
                match end {
                    End::Closed => line.end = Some(Ok(())),
                    End::Failed(error) => line.end = Some(Err(error)),
                    End::Paused => {}
                }
                let is_closed = line.end.is_some();
                let is_readable = true; // if only for receiving to begin again
                self.happened.push(Happened { connection, is_readable, is_closed, is_writable: false });
            }
            Event::Writable(token) => {
                let Some(connection) = self.connection(token) else { return };
                self.happened.push(Happened { connection, is_writable: true, ..Happened::default() });
            }
            Event::Readable(token) => {
                let Some(connection) = self.connection(token) else { return };
                self.lines[connection].watches_readable = false;
                self.happened.push(Happened { connection, is_readable: true, ..Happened::default() });
            }
            Event::HungUp(token) => {
                let Some(connection) = self.connection(token) else { return };
                let is_readable = true;
                self.happened.push(Happened { connection, is_readable, is_closed: true, is_writable: false });
            }
        }
    }

    pub fn read(&mut self, connection: usize, stream: &Stream, bytes: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        self.take(connection, bytes.len(), |piece| {
            bytes[filled..filled + piece.len()].copy_from_slice(piece);
            filled += piece.len();
        });
        let room = bytes.len();
        if room >= MUCH && self.is_next(connection, filled) {
            let read = rustix::io::read(stream, bytes);
            filled = self.note_read(connection, read);
        }
        self.outcome(connection, stream, filled, room)
    }

    pub fn read_behind(
        &mut self,
        connection: usize,
        stream: &Stream,
        buffer: &mut Vec<u8>,
        most: usize,
    ) -> io::Result<usize> {
        let before = buffer.len();
        self.take(connection, most, |piece| buffer.extend_from_slice(piece));
        let mut count = buffer.len() - before;
        if most >= MUCH && self.is_next(connection, count) {
            buffer.reserve(most);
            let read = rustix::io::read(stream, rustix::buffer::spare_capacity(buffer));
            // That may be more than was asked for, if the buffer had room.
            count = self.note_read(connection, read);
        }
        self.outcome(connection, stream, count, most.saturating_sub(count))
    }

    /// Whether what its socket has is what comes next for a connection of which so much has been taken now: what the ring has not told
    /// of yet would come before. Behind bytes the socket's end would not be told of, so it is not looked for.
    fn is_next(&self, connection: usize, taken: usize) -> bool {
        taken == 0 && self.is_drained(connection) && !self.ring.has_events()
    }

    /// What a read of the socket itself has brought.
    fn note_read(&mut self, connection: usize, read: Result<usize, Errno>) -> usize {
        let end = match read {
            Ok(0) => Ok(()),
            Ok(count) => return count,
            Err(Errno::AGAIN | Errno::INTR) => return 0,
            Err(error) => Err(error.into()),
        };
        self.lines[connection].end = Some(end);
        0
    }

    /// Whether all that the ring has received for a connection has been read, and its peer goes on.
    fn is_drained(&self, connection: usize) -> bool {
        let line = &self.lines[connection];
        line.chunks.is_empty() && line.aside.is_empty() && line.end.is_none()
    }

    /// Takes what has come, so many bytes at most.
    fn take(&mut self, connection: usize, most: usize, mut taker: impl FnMut(&[u8])) {
        let Self { ring, lines, .. } = self;
        let line = &mut lines[connection];
        let mut room = most;
        if !line.aside.is_empty() {
            let left = &line.aside[line.aside_read..];
            let count = left.len().min(room);
            taker(&left[..count]);
            line.aside_read += count;
            room -= count;
            if line.aside_read == line.aside.len() {
                line.aside = Vec::new();
                line.aside_read = 0;
            }
        }
        while room > 0
            && let Some(chunk) = line.chunks.front_mut()
        {
            let count = chunk.len().min(room);
            taker(&ring.bytes(chunk)[..count]);
            chunk.skip(count);
            room -= count;
            if chunk.is_empty() {
                line.chunks.pop_front().into_iter().for_each(|chunk| ring.give_back(chunk));
            }
        }
    }

    /// The outcome of a read that has brought so much, where so much is missing still or expected. When all has been read, more is
    /// received.
    fn outcome(
        &mut self,
        connection: usize,
        stream: &Stream,
        count: usize,
        missing: usize,
    ) -> io::Result<usize> {
        if self.is_drained(connection) {
            if missing < MUCH {
                self.receive(connection, stream)?;
            } else {
                self.watch_readable(connection, stream)?;
            }
        } else if count == 0
            && let Some(end) = &self.lines[connection].end
        {
            return end.as_ref().map(|()| 0).map_err(|error| error.kind().into());
        }
        if count == 0 { Err(ErrorKind::WouldBlock.into()) } else { Ok(count) }
    }

    /// From now on nothing is received ahead; that there is something to be read is told once.
    fn watch_readable(&mut self, connection: usize, stream: &Stream) -> io::Result<()> {
        let token = self.token(connection);
        let line = &mut self.lines[connection];
        match line.receiving {
            Receiving::On => {
                line.receiving = Receiving::Ending; // of which it is told, and then reads on
                self.ring.stop_receiving(token)
            }
            Receiving::Off if !line.watches_readable => {
                line.watches_readable = true;
                self.ring.watch_readable(stream.as_fd(), token)
            }
            Receiving::Off | Receiving::Ending => Ok(()),
        }
    }

    pub fn put_aside(&mut self, connection: usize, stream: &Stream) {
        let Self { ring, lines, .. } = self;
        let line = &mut lines[connection];
        for chunk in line.chunks.drain(..) {
            line.aside.extend_from_slice(ring.bytes(&chunk));
            ring.give_back(chunk);
        }
        if line.end.is_some() {
            return;
        }
        let (has_enough, receiving, watches) = (!line.aside.is_empty(), line.receiving, line.watches_hang_up);
        let token = self.token(connection);
        // Where the ring takes no request now, it takes none in the next turn either, which ends the worker.
        if has_enough && receiving == Receiving::On {
            self.lines[connection].receiving = Receiving::Ending;
            let _ = self.ring.stop_receiving(token);
        }
        if !watches && self.lines[connection].receiving != Receiving::On {
            self.lines[connection].watches_hang_up = true;
            let _ = self.ring.watch_hang_up(stream.as_fd(), token);
        }
    }

    pub fn await_room(&mut self, connection: usize, stream: &Stream) {
        // As above.
        let _ = self.ring.watch_writable(stream.as_fd(), self.token(connection));
    }

    /// The kernel holds the socket as long as it has requests about it, so these have to end. Receiving does so first: what it took
    /// after the shutdown would hide from the system that there were bytes nobody has read, of which the peer is told with a reset.
    /// Without that, a peer that waits for room to send more would wait long.
    pub fn close(&mut self, connection: usize, stream: &Stream) {
        let token = self.token(connection);
        let line = &mut self.lines[connection];
        let generation = line.generation.wrapping_add(1) & ((1 << (56 - NUMBER_BITS)) - 1);
        let Line { chunks, receiving, .. } = std::mem::replace(line, Line { generation, ..Line::default() });
        chunks.into_iter().for_each(|chunk| self.ring.give_back(chunk));
        if receiving == Receiving::On {
            let _ = self.ring.stop_receiving(token); // as above
        }
        // Requests that name the descriptor have to be known before another socket gets its number.
        let _ = self.ring.exchange(&[], Duration::ZERO);
        // Ends the others. A connection that is broken has nothing to shut down.
        let _ = rustix::net::shutdown(stream, rustix::net::Shutdown::Both);
    }
}
