//! Half a request: the bytes that a connection has sent before the rest arrives.
//!
//! Most requests arrive whole and are executed from the worker's arena. What is left behind the last whole
//! request is copied here, and the next read goes behind it. The buffer of a request that takes many reads stays
//! where it is and doubles, up to what the request has announced: each byte is moved a few times at most.

/// The largest read that is prepared for at once; a huge argument grows the buffer as it arrives, so a
/// client that announces much and sends little costs little.
const LARGEST_READ: usize = 1024 * 1024;

/// The bytes of a request that is not complete.
#[derive(Debug, Default)]
pub struct Unfinished {
    buffer: Vec<u8>,
    /// Bytes that the decoder knows to be missing; 0 when it cannot tell.
    missing: usize,
    /// Bytes that were here when it was last looked at.
    seen: usize,
}

impl Unfinished {
    /// Whether there is no half request.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// The bytes that are there.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer
    }

    /// Bytes of memory the buffer takes.
    pub fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// The buffer, and how many bytes the next read should ask for: at least `least`.
    pub fn room(&mut self, least: usize) -> (&mut Vec<u8>, usize) {
        let wanted = self.missing.clamp(least, LARGEST_READ.max(least));
        let (length, capacity) = (self.buffer.len(), self.buffer.capacity());
        if self.missing >= wanted && capacity - length < wanted {
            let grown = (2 * capacity).clamp(length + wanted, length + self.missing);
            self.buffer.reserve_exact(grown - length);
        }
        (&mut self.buffer, wanted)
    }

    /// Keeps `rest`, which lacks `missing` bytes as far as one can tell.
    pub fn keep(&mut self, rest: &[u8], missing: usize) {
        self.buffer.extend_from_slice(rest);
        self.missing = missing;
        self.seen = self.buffer.len();
    }

    /// Puts bytes here that were read elsewhere and have not been looked at.
    pub fn put_back(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Keeps everything that was taken, of which nothing was of use yet.
    pub fn keep_whole(&mut self, buffer: Vec<u8>, missing: usize) {
        debug_assert!(self.buffer.is_empty(), "the connection has one turn at a time");
        self.buffer = buffer;
        self.missing = missing;
        self.seen = self.buffer.len();
    }

    /// Bytes that have arrived since the rest of the last turn was kept.
    pub fn arrived(&self) -> usize {
        self.buffer.len() - self.seen
    }

    /// Takes the bytes out, to be decoded; what is left over is kept again.
    pub fn take(&mut self) -> Vec<u8> {
        self.missing = 0;
        self.seen = 0;
        std::mem::take(&mut self.buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_taken_whole_and_the_rest_is_kept_again() {
        let mut unfinished = Unfinished::default();
        unfinished.keep(b"*1\r\n$4\r\nPI", 4);
        assert_eq!(unfinished.room(2).1, 4);
        unfinished.room(2).0.extend_from_slice(b"NG\r\n*1");
        assert_eq!(unfinished.arrived(), 6);
        let bytes = unfinished.take();
        assert_eq!(unfinished.capacity(), 0);
        unfinished.keep(&bytes[14..], 0);
        assert_eq!(unfinished.bytes(), b"*1");
        unfinished.put_back(b"\r\n");
        assert_eq!((unfinished.bytes(), unfinished.arrived()), (&b"*1\r\n"[..], 2));
    }

    #[test]
    fn an_announced_gigabyte_is_read_in_bounded_steps() {
        let mut unfinished = Unfinished::default();
        unfinished.keep(b"*1\r\n$1000000000\r\n", 1_000_000_002);
        assert_eq!(unfinished.room(16).1, LARGEST_READ);
    }

    #[test]
    fn the_buffer_of_a_long_request_doubles_up_to_what_is_announced() {
        const ANNOUNCED: usize = 10_000_000;
        let mut unfinished = Unfinished::default();
        unfinished.keep(b"*1\r\n", ANNOUNCED);
        let mut moves = 0;
        while unfinished.bytes().len() < ANNOUNCED {
            let before = unfinished.capacity();
            let missing = ANNOUNCED - unfinished.bytes().len();
            let (buffer, wanted) = unfinished.room(16);
            let length = buffer.len() + wanted.min(missing).min(100_000);
            buffer.resize(length, b'x');
            moves += usize::from(unfinished.capacity() != before);
            assert!(unfinished.capacity() <= ANNOUNCED + 4, "no more than is announced");
            let taken = unfinished.take();
            unfinished.keep_whole(taken, ANNOUNCED.saturating_sub(length));
        }
        assert!(moves < 10, "{moves} moves");
    }
}
