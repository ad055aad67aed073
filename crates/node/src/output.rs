//! The bytes that a connection is owed, and when they may go.
//!
//! Replies are appended at the end and sent from the front. A buffer that was sent completely is given up
//! unless it is small, so an idle connection holds almost nothing.
//!
//! What many connections are owed alike, a large message, is not copied: it stands between the connection's own bytes as a
//! counted pointer. Small ones are copied, which is cheaper than a write of their own.
//!
//! ```text
//!   sent from here ─► [own bytes] [shared] [own bytes] [shared] │ buffer ◄─ appended here
//! ```
//!
//! While `held` names a log position, nothing is sent: the replies depend on writes that have not reached
//! the promised place yet (`appendfsync always`).

use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::Arc;

use keyspace::LogPosition;

/// A drained buffer larger than this is freed rather than kept for the next reply.
const KEEP: usize = 4 * 1024;

/// From this length on bytes are shared rather than copied.
const SHARE: usize = 8 * 1024;

/// Replies that wait to be sent.
#[derive(Debug, Default)]
pub struct Output {
    /// What goes before the buffer; none is empty.
    chunks: VecDeque<Chunk>,
    /// Bytes in all chunks.
    chunk_bytes: usize,
    buffer: Vec<u8>,
    /// Bytes sent of the first chunk, or of the buffer if there is none.
    sent: usize,
    /// Bytes sent that nobody has counted yet.
    uncounted: u64,
    held: Option<LogPosition>,
}

/// Bytes that will not grow any more.
#[derive(Debug)]
enum Chunk {
    Own(Vec<u8>),
    Shared(Arc<[u8]>),
}

impl Deref for Chunk {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

impl Output {
    /// The buffer to append replies to.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Appends bytes that other connections are owed too.
    pub fn push(&mut self, bytes: &Arc<[u8]>) {
        if bytes.len() < SHARE {
            self.buffer.extend_from_slice(bytes);
            return;
        }
        if !self.buffer.is_empty() {
            self.chunk_bytes += self.buffer.len();
            self.chunks.push_back(Chunk::Own(std::mem::take(&mut self.buffer)));
        }
        self.chunk_bytes += bytes.len();
        self.chunks.push_back(Chunk::Shared(Arc::clone(bytes)));
    }

    /// What is to be sent next: all that is left, unless some of it is shared.
    pub fn bytes(&self) -> &[u8] {
        let first = self.chunks.front().map_or(&self.buffer[..], |chunk| chunk);
        &first[self.sent..]
    }

    /// Whether nothing is left to send.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes left to send.
    pub fn len(&self) -> usize {
        self.chunk_bytes + self.buffer.len() - self.sent
    }

    /// Bytes of memory that they take, shared ones included.
    pub fn capacity(&self) -> usize {
        self.chunk_bytes + self.buffer.capacity()
    }

    /// The first `count` of [`Output::bytes`] have been sent.
    pub fn consume(&mut self, count: usize) {
        self.sent += count;
        self.uncounted += count as u64;
        if let Some(first) = self.chunks.front() {
            debug_assert!(self.sent <= first.len(), "no more can be sent than there is");
            if self.sent == first.len() {
                self.chunk_bytes -= self.sent;
                self.sent = 0;
                self.chunks.pop_front();
            }
            return;
        }
        debug_assert!(self.sent <= self.buffer.len(), "no more can be sent than there is");
        if self.is_empty() {
            self.sent = 0;
            if self.buffer.capacity() > KEEP {
                self.buffer = Vec::new();
            } else {
                self.buffer.clear();
            }
        } else if self.sent > self.buffer.len() / 2 {
            // A slow reader: drop what it has, so the buffer holds at most twice what it is owed.
            self.buffer.drain(..self.sent);
            self.sent = 0;
        }
    }

    /// Holds everything until the log has passed `position`.
    pub fn hold(&mut self, position: LogPosition) {
        self.held = Some(position);
    }

    /// The position that the replies wait for.
    pub fn held(&self) -> Option<LogPosition> {
        self.held
    }

    /// Lets the replies go.
    pub fn release(&mut self) {
        self.held = None;
    }

    /// Bytes sent since the last call.
    pub fn take_sent(&mut self) -> u64 {
        std::mem::take(&mut self.uncounted)
    }

    /// Forgets everything but what was sent: the peer is gone.
    pub fn clear(&mut self) {
        *self = Self { uncounted: self.uncounted, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_leave_from_the_front_in_order() {
        let mut output = Output::default();
        output.buffer().extend_from_slice(b"abcdef");
        output.consume(2);
        assert_eq!(output.bytes(), b"cdef");
        output.buffer().extend_from_slice(b"gh");
        output.consume(3);
        assert_eq!(output.bytes(), b"fgh");
        assert_eq!(output.len(), 3);
        output.consume(3);
        assert!(output.is_empty());
    }

    #[test]
    fn shared_bytes_keep_their_place_between_own_ones() {
        let large: Arc<[u8]> = vec![b'm'; SHARE].into();
        let mut output = Output::default();
        output.buffer().extend_from_slice(b"abc");
        output.consume(1);
        output.push(&large);
        output.push(&b"small".as_slice().into());
        output.push(&large);
        output.buffer().extend_from_slice(b"end");
        assert_eq!(output.len(), 2 + 2 * SHARE + 5 + 3);
        assert_eq!(Arc::strong_count(&large), 3);
        let mut sent = Vec::new();
        while !output.is_empty() {
            let count = output.bytes().len().min(3000);
            sent.extend_from_slice(&output.bytes()[..count]);
            output.consume(count);
        }
        assert_eq!(sent, [b"bc", &large[..], b"small", &large[..], b"end"].concat());
        assert_eq!((Arc::strong_count(&large), output.take_sent()), (1, sent.len() as u64 + 1));
    }

    #[test]
    fn a_large_buffer_is_given_up_once_it_is_sent() {
        let mut output = Output::default();
        output.buffer().resize(KEEP + 1, b'x');
        output.consume(KEEP + 1);
        assert_eq!(output.capacity(), 0);
    }

    #[test]
    fn a_slow_reader_does_not_keep_what_it_has_read() {
        let mut output = Output::default();
        output.buffer().resize(100_000, b'x');
        output.consume(60_000);
        assert_eq!(output.len(), 40_000);
        assert_eq!(output.buffer().len(), 40_000);
    }
}
