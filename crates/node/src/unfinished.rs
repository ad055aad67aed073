//! Half a request: the bytes that a connection has sent before the rest arrives.
//!
//! Most requests arrive whole and are executed from the worker's arena. What is left behind the last whole
//! request is copied here, and lifted into the arena again when there is more to read, unless the request is huge: then the next
//! reads go behind it here. The buffer of such a request stays where it is and doubles, up to what the request has announced:
//! each byte is moved a few times at most.

/// The largest read that is prepared for at once; a huge argument grows the buffer as it arrives, so a
/// client that announces much and sends little costs little.
const LARGEST_READ: usize = 1024 * 1024;
/// Bytes of a long request. More is read at once of a connection that sends such requests, or they would cost some turns each.
const LONG: usize = 4 * 1024;
/// Bytes that a connection has sent at once, by which it is known to send many: the same goes for it, unless its requests are so
/// short on the average that a turn would have too many of them.
const MANY: usize = 16 * 1024;
const SHORT: usize = 512;
/// Bytes that are read at once then: a value of 64 kB and what stands around it. What is executed of them takes no longer than what comes in
/// one read of short requests.
const LONG_READ: usize = 68 * 1024;
/// Bytes of the longest request that is lifted.
const LONGEST_LIFTED: usize = 128 * 1024;

/// The bytes of a request that is not complete.
#[derive(Debug, Default)]
pub struct Unfinished {
    buffer: Vec<u8>,
    /// Bytes that the decoder knows to be missing; 0 when it cannot tell.
    missing: usize,
    /// Bytes that had come when it was last looked at.
    seen: usize,
    /// Whether much is to be expected: there was half of a long request, and none but long ones have come since, or many bytes have
    /// come at once.
    expects_much: bool,
}

impl Unfinished {
    /// Whether there is no half request.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Whether nothing is known of what comes next.
    pub fn knows_nothing(&self) -> bool {
        self.buffer.is_empty() && !self.expects_much
    }

    /// The bytes that are there.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer
    }

    /// Bytes of memory the buffer takes.
    pub fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// How many bytes the next read of a connection should ask for if it goes elsewhere, behind a copy of these: at least `least`. None if
    /// it is to go behind these.
    pub fn read_elsewhere(&self, least: usize) -> Option<usize> {
        let whole = self.buffer.len() + self.missing;
        let long = if whole < LONG && !self.expects_much { 0 } else { LONG_READ.max(self.missing) };
        (whole <= LONGEST_LIFTED).then_some(long.max(least))
    }

    /// Copies the bytes to where further ones have been read. Their memory is kept for the next half.
    pub fn lift(&mut self, room: &mut [u8]) {
        room.copy_from_slice(&self.buffer);
        self.buffer.clear();
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
        self.note(missing);
    }

    fn note(&mut self, missing: usize) {
        self.missing = missing;
        self.seen = self.buffer.len();
        self.expects_much = self.seen + missing >= LONG;
    }

    /// Puts bytes here that were read elsewhere and have not been looked at.
    pub fn put_back(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Keeps everything that was taken, of which nothing was of use yet.
    pub fn keep_whole(&mut self, buffer: Vec<u8>, missing: usize) {
        debug_assert!(self.buffer.is_empty(), "the connection has one turn at a time");
        self.buffer = buffer;
        self.note(missing);
    }

    /// Bytes that have arrived since the rest of the last turn was kept, with so many that were read elsewhere.
    pub fn arrived(&self, elsewhere: usize) -> usize {
        self.buffer.len() + elsewhere - self.seen
    }

    /// Nothing is left over of so many bytes, which were so many requests.
    pub fn finish(&mut self, bytes: usize, requests: usize) {
        let are_at_least = |length: usize| bytes >= requests.max(1) * length;
        let expects_much = self.expects_much && are_at_least(LONG) || bytes >= MANY && are_at_least(SHORT);
        *self = Self { expects_much, ..Self::default() };
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
        assert_eq!(unfinished.arrived(0), 6);
        let bytes = unfinished.take();
        assert_eq!(unfinished.capacity(), 0);
        unfinished.keep(&bytes[14..], 0);
        assert_eq!(unfinished.bytes(), b"*1");
        unfinished.put_back(b"\r\n");
        assert_eq!((unfinished.bytes(), unfinished.arrived(0)), (&b"*1\r\n"[..], 2));
    }

    #[test]
    fn what_is_lifted_leaves_room_for_the_next_half() {
        let mut unfinished = Unfinished::default();
        unfinished.keep(b"*1\r\n$4\r\nPI", 4);
        let mut arena = *b"__________NG\r\n*1";
        assert_eq!(unfinished.read_elsewhere(100), Some(100));
        unfinished.lift(&mut arena[..10]);
        assert_eq!(&arena, b"*1\r\n$4\r\nPING\r\n*1");
        assert_eq!((unfinished.bytes().len(), unfinished.arrived(arena.len())), (0, 6));
        unfinished.keep(&arena[14..], 0);
        assert_eq!((unfinished.bytes(), unfinished.arrived(0)), (&b"*1"[..], 0));
        unfinished.finish(16, 2);
        assert_eq!(unfinished.capacity(), 0);
    }

    #[test]
    fn as_much_is_read_at_once_of_the_next_long_request_but_not_of_short_ones() {
        let expected = |requests: usize| {
            let mut unfinished = Unfinished::default();
            unfinished.keep(&[b'x'; LONG], LONG);
            unfinished.take();
            unfinished.finish(2 * LONG, requests);
            (unfinished.read_elsewhere(16), unfinished.knows_nothing())
        };
        assert_eq!(expected(2), (Some(LONG_READ), false));
        assert_eq!(expected(3), (Some(16), true));
    }

    #[test]
    fn as_much_is_read_at_once_of_who_has_sent_many_bytes() {
        let mut unfinished = Unfinished::default();
        unfinished.finish(MANY, 16);
        assert_eq!(unfinished.read_elsewhere(16), Some(LONG_READ));
        for (bytes, requests) in [(MANY - 1, 16), (MANY, MANY / SHORT + 1)] {
            unfinished.finish(MANY, 16);
            unfinished.finish(bytes, requests);
            assert_eq!((unfinished.read_elsewhere(16), unfinished.knows_nothing()), (Some(16), true));
        }
    }

    #[test]
    fn more_is_read_at_once_of_long_requests_and_huge_ones_stay_where_they_are() {
        let elsewhere = |missing| {
            let mut unfinished = Unfinished::default();
            unfinished.keep(b"*1\r\n", missing);
            unfinished.read_elsewhere(16)
        };
        assert_eq!(elsewhere(1000), Some(16));
        assert_eq!(elsewhere(LONG), Some(LONG_READ));
        assert_eq!(elsewhere(LONG_READ + 1), Some(LONG_READ + 1));
        assert_eq!(elsewhere(LONGEST_LIFTED - 4), Some(LONGEST_LIFTED - 4));
        assert_eq!(elsewhere(LONGEST_LIFTED), None);
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
