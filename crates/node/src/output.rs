//! The bytes that a connection is owed, and when they may go.
//!
//! Replies are appended at the end and sent from the front. A buffer that was sent completely is given up
//! unless it is small, so an idle connection holds almost nothing.
//!
//! While `held` names a log position, nothing is sent: the replies depend on writes that have not reached
//! the promised place yet (`appendfsync always`).

use keyspace::LogPosition;

/// A drained buffer larger than this is freed rather than kept for the next reply.
const KEEP: usize = 4 * 1024;

/// Replies that wait to be sent.
#[derive(Debug, Default)]
pub struct Output {
    buffer: Vec<u8>,
    sent: usize,
    /// Bytes sent that nobody has counted yet.
    uncounted: u64,
    held: Option<LogPosition>,
}

impl Output {
    /// The buffer to append replies to.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// What is left to send.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.sent..]
    }

    /// Whether nothing is left to send.
    pub fn is_empty(&self) -> bool {
        self.sent == self.buffer.len()
    }

    /// Bytes left to send.
    pub fn len(&self) -> usize {
        self.buffer.len() - self.sent
    }

    /// Bytes of memory the buffer takes.
    pub fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// The first `count` bytes have been sent.
    pub fn consume(&mut self, count: usize) {
        self.sent += count;
        self.uncounted += count as u64;
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
