//! The bytes that a connection is owed, and when they may go.
//!
//! Replies are appended at the end and sent from the front. A buffer that was sent completely is given up
//! unless it is small, so an idle connection holds almost nothing.
//!
//! What many connections are owed alike, a large message, is not copied: it stands between the connection's own bytes as a
//! counted pointer. Small ones are copied, which is cheaper than a write of their own.
//!
//! The rest of a long reply is not made before its turn comes: a producer stands in its place and writes a slice whenever
//! everything before it has gone ([`Output::advance`]).
//!
//! ```text
//!   sent from here ─► [own bytes] [shared] [own bytes] [producer] │ buffer ◄─ appended here
//! ```
//!
//! While `held` names a log position, nothing is sent: the replies depend on writes that have not reached
//! the promised place yet (`appendfsync always`).

use std::collections::VecDeque;
use std::sync::Arc;

use engine::slices::{Producer, Progress, Slice};
use keyspace::LogPosition;

/// A drained buffer larger than this is freed rather than kept for the next reply.
const KEEP: usize = 4 * 1024;

/// From this length on bytes are shared rather than copied.
const SHARE: usize = 8 * 1024;

/// Replies that wait to be sent.
#[derive(Debug, Default)]
pub struct Output {
    /// What goes before the buffer.
    chunks: VecDeque<Chunk>,
    /// Bytes in all chunks that are made.
    chunk_bytes: usize,
    /// Bytes that producers have still to make, about.
    remaining: usize,
    buffer: Vec<u8>,
    /// Bytes sent of the first chunk, or of the buffer if there is none.
    sent: usize,
    /// Producers that are not needed any more; what they hold may take long to free.
    spent: Vec<Box<dyn Producer>>,
    /// The memory of the slice that was sent last, for the next one.
    slice: Vec<u8>,
    /// Bytes sent that nobody has counted yet.
    uncounted: u64,
    held: Option<LogPosition>,
}

/// A part that will not be appended to any more. None that holds bytes is empty.
#[derive(Debug)]
enum Chunk {
    Own(Vec<u8>),
    Shared(Arc<[u8]>),
    /// Bytes that are not made yet.
    Later(Box<dyn Producer>),
}

impl Chunk {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Shared(bytes) => bytes,
            Self::Later(_) => &[],
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
        let own = std::mem::take(&mut self.buffer);
        self.push_own(own);
        self.chunk_bytes += bytes.len();
        self.chunks.push_back(Chunk::Shared(Arc::clone(bytes)));
    }

    /// Appends a reply that was written elsewhere, with the parts of it that are written later.
    pub fn append(&mut self, reply: &[u8], mut slices: Vec<Slice>) {
        let begin = self.buffer.len();
        self.buffer.extend_from_slice(reply);
        slices.iter_mut().for_each(|slice| slice.at += begin);
        self.insert(slices);
    }

    /// Puts the parts that are written later into their places in the buffer.
    pub fn insert(&mut self, slices: Vec<Slice>) {
        if self.chunks.is_empty() {
            // Of what has been sent nothing is needed, and a chunk of nothing else would be empty.
            self.buffer.drain(..self.sent);
        }
        let mut taken = if self.chunks.is_empty() { std::mem::take(&mut self.sent) } else { 0 };
        for Slice { at, producer } in slices {
            let rest = self.buffer.split_off(at - taken);
            taken = at;
            let own = std::mem::replace(&mut self.buffer, rest);
            self.push_own(own);
            self.remaining += producer.remaining_bytes();
            self.chunks.push_back(Chunk::Later(producer));
        }
    }

    fn push_own(&mut self, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            self.chunk_bytes += bytes.len();
            self.chunks.push_back(Chunk::Own(bytes));
        }
    }

    /// Lets the producer whose turn it is, if it is one's, write a slice; before [`Output::bytes`].
    pub fn advance(&mut self) {
        let Some(Chunk::Later(producer)) = self.chunks.front_mut() else { return };
        let mut bytes = std::mem::take(&mut self.slice);
        let before = producer.remaining_bytes();
        let progress = producer.produce(&mut bytes);
        self.remaining -= before;
        if progress == Progress::More {
            self.remaining += producer.remaining_bytes();
        } else if let Some(Chunk::Later(producer)) = self.chunks.pop_front() {
            self.spent.push(producer);
        }
        if bytes.is_empty() && progress == Progress::More {
            self.slice = bytes;
        } else if !bytes.is_empty() {
            self.chunk_bytes += bytes.len();
            self.chunks.push_front(Chunk::Own(bytes));
        }
    }

    /// Whether [`Output::take_spent`] has something to give.
    #[inline]
    pub fn has_spent(&self) -> bool {
        !self.spent.is_empty()
    }

    /// Producers that are not needed any more, to be freed where nobody waits.
    pub fn take_spent(&mut self) -> Vec<Box<dyn Producer>> {
        std::mem::take(&mut self.spent)
    }

    /// What is to be sent next: all that is left, unless some of it is shared or not made yet.
    pub fn bytes(&self) -> &[u8] {
        let first = self.chunks.front().map_or(&self.buffer[..], Chunk::bytes);
        &first[self.sent..]
    }

    /// Whether nothing is left to send.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty() && self.sent == self.buffer.len()
    }

    /// Whether what is to be sent next is not made yet.
    pub fn is_being_made(&self) -> bool {
        matches!(self.chunks.front(), Some(Chunk::Later(_)))
    }

    /// Bytes left to send, those that are not made yet by estimate.
    pub fn len(&self) -> usize {
        self.chunk_bytes + self.remaining + self.buffer.len() - self.sent
    }

    /// Bytes of memory that they take, shared ones included.
    pub fn capacity(&self) -> usize {
        self.chunk_bytes + self.slice.capacity() + self.buffer.capacity()
    }

    /// The first `count` of [`Output::bytes`] have been sent.
    pub fn consume(&mut self, count: usize) {
        if count == 0 {
            return; // a producer at the front has made nothing yet
        }
        self.sent += count;
        self.uncounted += count as u64;
        if let Some(first) = self.chunks.front() {
            let length = first.bytes().len();
            debug_assert!(self.sent <= length, "no more can be sent than there is");
            if self.sent == length {
                self.chunk_bytes -= self.sent;
                self.sent = 0;
                let sent = self.chunks.pop_front();
                if let (Some(Chunk::Own(mut bytes)), true) = (sent, self.is_being_made()) {
                    bytes.clear();
                    self.slice = bytes;
                }
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
        let mut spent = self.take_spent();
        spent.extend(self.chunks.drain(..).filter_map(|chunk| match chunk {
            Chunk::Later(producer) => Some(producer),
            Chunk::Own(_) | Chunk::Shared(_) => None,
        }));
        *self = Self { uncounted: self.uncounted, spent, ..Self::default() };
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

    /// Writes a piece a call.
    #[derive(Debug)]
    struct Pieces(Vec<&'static str>);

    impl Producer for Pieces {
        fn produce(&mut self, out: &mut Vec<u8>) -> Progress {
            out.extend_from_slice(self.0.remove(0).as_bytes());
            if self.0.is_empty() { Progress::Done } else { Progress::More }
        }

        fn remaining_bytes(&self) -> usize {
            self.0.iter().map(|piece| piece.len()).sum()
        }
    }

    fn slice(at: usize, pieces: &[&'static str]) -> Slice {
        Slice { at, producer: Box::new(Pieces(pieces.to_vec())) }
    }

    /// Sends everything, `count` bytes at a time at most.
    fn send_all(output: &mut Output, count: usize) -> String {
        let mut sent = Vec::new();
        while !output.is_empty() {
            output.advance();
            let count = output.bytes().len().min(count);
            sent.extend_from_slice(&output.bytes()[..count]);
            output.consume(count);
        }
        String::from_utf8(sent).expect("text")
    }

    #[test]
    fn what_is_written_later_stands_in_its_place() {
        for count in 1..6 {
            let mut output = Output::default();
            output.buffer().extend_from_slice(b"abcdef");
            output.consume(2);
            output.insert(vec![slice(3, &["1", "", "23"]), slice(3, &["4"]), slice(6, &["", "56"])]);
            output.buffer().extend_from_slice(b"gh");
            output.insert(vec![slice(2, &["7"])]);
            assert_eq!(output.len(), 4 + 6 + 2 + 1);
            assert_eq!(send_all(&mut output, count), "c1234def56gh7");
            assert_eq!((output.len(), output.take_spent().len(), output.take_sent()), (0, 4, 15));
        }
    }

    #[test]
    fn what_a_gone_peer_was_owed_is_given_back_to_be_freed() {
        let mut output = Output::default();
        output.buffer().extend_from_slice(b"*2\r\n");
        output.insert(vec![slice(4, &["a", "b"]), slice(4, &["c"])]);
        output.advance();
        output.clear();
        assert!(output.is_empty());
        assert_eq!((output.len(), output.take_spent().len()), (0, 2));
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
