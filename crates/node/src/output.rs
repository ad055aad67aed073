//! The bytes that a connection is owed, and when they may go.
//!
//! Replies are appended at the end of one buffer and sent from its front. A buffer that was sent completely is given up
//! unless it is small, so an idle connection holds almost nothing.
//!
//! What is long and exists already is not copied: a message that many connections are owed alike, or a part of a long string.
//! It is noted with its place among the connection's own bytes, as a counted pointer, and the socket is given the pieces of both.
//! What is short is copied, which is cheaper.
//!
//! Own bytes that a slow reader leaves unsent are set aside in pieces, so that no buffer grows long: to grow it or to close up behind
//! what has been sent would be to copy megabytes, for which others would wait.
//!
//! The rest of a long reply is not made before its turn comes: a producer stands in its place and writes a slice whenever
//! everything before it has gone ([`Output::advance`]).
//!
//! ```text
//!                           shared    excerpt  producer
//!                             │          │        │
//!   sent from here ─► own bytes ──── own bytes ── own bytes ◄─ appended here
//! ```
//!
//! While `held` names a log position, nothing is sent: the replies depend on writes that have not reached
//! the promised place yet (`appendfsync always`).

use std::collections::VecDeque;
use std::sync::Arc;

use engine::slices::{Excerpt, Part, Producer, Progress, Slice};
use keyspace::LogPosition;

/// A drained buffer larger than this is freed rather than kept for the next reply.
const KEEP: usize = 4 * 1024;

/// As many places for inserts are kept.
const KEEP_INSERTS: usize = 4;

/// From this length on bytes are shared rather than copied.
const SHARE: usize = 8 * 1024;

/// Own bytes are set aside from this length on.
const PIECE: usize = 64 * 1024;

/// What is set aside keeps no more room than this behind its bytes.
const SPARE: usize = PIECE / 4;

/// Replies that wait to be sent.
#[derive(Debug, Default)]
pub struct Output {
    /// The connection's own bytes.
    buffer: Vec<u8>,
    /// How many of them have been sent.
    sent: usize,
    /// How many own bytes have left the buffer since there was nothing to be sent; places count from there.
    gone: usize,
    /// What stands between the own bytes, in the order of its places.
    inserts: VecDeque<Insert>,
    /// Bytes left to send of those inserts that are made.
    insert_bytes: usize,
    /// Bytes of memory that own pieces set aside take beyond what is left to send of them.
    insert_spare: usize,
    /// Bytes that producers have still to make, about.
    remaining: usize,
    /// What a producer has made. It goes before everything else.
    slice: Vec<u8>,
    /// How much of it has been sent.
    slice_sent: usize,
    /// What is not needed any more, and may take long to free.
    spent: Vec<Part>,
    /// How long the buffer was that was given up last, [`PIECE`] at most: the next one has room for as much at once instead of
    /// growing.
    usual: usize,
    /// Bytes sent that nobody has counted yet.
    uncounted: u64,
    held: Option<LogPosition>,
}

/// Something that stands between the own bytes.
#[derive(Debug)]
struct Insert {
    /// How many own bytes go before it.
    at: usize,
    body: Body,
}

/// None that holds bytes is empty.
#[derive(Debug)]
enum Body {
    /// Bytes that other connections are owed as well, and how many of them have been sent.
    Shared(Arc<[u8]>, usize),
    /// Own bytes that were set aside, and how many of them have been sent.
    Own(Vec<u8>, usize),
    /// What is left of a part of a long string.
    Excerpt(Excerpt),
    /// Bytes that are not made yet.
    Later(Box<dyn Producer>),
}

impl Body {
    /// Bytes that are made and not sent.
    fn len(&self) -> usize {
        match self {
            Self::Shared(bytes, sent) => bytes.len() - sent,
            Self::Own(bytes, sent) => bytes.len() - sent,
            Self::Excerpt(excerpt) => excerpt.len(),
            Self::Later(_) => 0,
        }
    }

    /// Bytes of memory that it takes beyond those: what has been sent is freed with the rest.
    fn spare(&self) -> usize {
        match self {
            Self::Own(bytes, sent) => bytes.capacity() - (bytes.len() - sent),
            Self::Shared(..) | Self::Excerpt(_) | Self::Later(_) => 0,
        }
    }

    /// Their pieces.
    fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let (whole, excerpt) = match self {
            Self::Shared(bytes, sent) => (Some(&bytes[*sent..]), None),
            Self::Own(bytes, sent) => (Some(&bytes[*sent..]), None),
            Self::Excerpt(excerpt) => (None, Some(excerpt.pieces())),
            Self::Later(_) => (None, None),
        };
        whole.into_iter().chain(excerpt.into_iter().flatten())
    }

    fn skip(&mut self, count: usize) {
        match self {
            Self::Shared(_, sent) | Self::Own(_, sent) => *sent += count,
            Self::Excerpt(excerpt) => excerpt.skip(count),
            Self::Later(_) => {}
        }
    }

    /// What of it may take long to free.
    fn release(self) -> Option<Part> {
        match self {
            Self::Shared(..) | Self::Own(..) => None,
            Self::Excerpt(excerpt) => excerpt.release().map(Part::Excerpt),
            Self::Later(producer) => Some(Part::Later(producer)),
        }
    }
}

impl Output {
    /// The buffer to append replies to. Places in it, for [`Output::insert`], are valid until the next call.
    #[inline]
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        if self.buffer.len() >= PIECE {
            self.set_aside();
        }
        if self.buffer.capacity() == 0 {
            self.buffer = Vec::with_capacity(std::mem::take(&mut self.usual));
        }
        &mut self.buffer
    }

    /// Sets all own bytes aside, each part of them in its place among the inserts. The next buffer has room for the reply with
    /// which it becomes long enough, if that is as short as what is copied mostly is, and need not grow.
    #[cold]
    fn set_aside(&mut self) {
        let mut bytes = std::mem::replace(&mut self.buffer, Vec::with_capacity(PIECE + SHARE + KEEP));
        if bytes.capacity() - bytes.len() > SPARE {
            bytes.shrink_to_fit();
        }
        let (gone, sent) = (self.gone, std::mem::take(&mut self.sent));
        self.gone += sent;
        let before_all = self.inserts.partition_point(|insert| insert.at == self.gone);
        let mut from = sent;
        for insert in self.inserts.split_off(before_all) {
            let to = insert.at - gone;
            if from < to {
                self.put(0, Body::Own(bytes[from..to].to_vec(), 0));
            }
            self.inserts.push_back(Insert { at: self.gone, ..insert });
            from = to;
        }
        if from == sent {
            self.put(0, Body::Own(bytes, sent));
        } else if from < bytes.len() {
            self.put(0, Body::Own(bytes[from..].to_vec(), 0));
        }
    }

    /// Appends bytes that other connections are owed too.
    pub fn push(&mut self, bytes: &Arc<[u8]>) {
        if bytes.len() < SHARE {
            self.buffer().extend_from_slice(bytes);
        } else {
            self.put(self.buffer.len(), Body::Shared(Arc::clone(bytes), 0));
        }
    }

    /// Appends a reply that was written elsewhere, with the parts of it that were not.
    pub fn append(&mut self, reply: &[u8], mut slices: Vec<Slice>) {
        let begin = self.buffer().len();
        self.buffer.extend_from_slice(reply);
        slices.iter_mut().for_each(|slice| slice.at += begin);
        self.insert(slices);
    }

    /// Notes parts whose places are behind all that were noted before, each as an offset in the buffer.
    pub fn insert(&mut self, slices: Vec<Slice>) {
        for Slice { at, part } in slices {
            match part {
                Part::Excerpt(excerpt) if excerpt.is_empty() => {}
                Part::Excerpt(excerpt) => self.put(at, Body::Excerpt(excerpt)),
                Part::Later(producer) => {
                    self.remaining += producer.remaining_bytes();
                    self.put(at, Body::Later(producer));
                }
            }
        }
    }

    fn put(&mut self, at: usize, body: Body) {
        self.insert_bytes += body.len();
        self.insert_spare += body.spare();
        self.inserts.push_back(Insert { at: self.gone + at, body });
    }

    /// Lets the producer whose turn it is, if it is one's, write a slice; before [`Output::pieces`].
    pub fn advance(&mut self) {
        if !self.is_being_made() {
            return;
        }
        let Some(Insert { body: Body::Later(producer), .. }) = self.inserts.front_mut() else { return };
        self.slice.clear();
        self.slice_sent = 0;
        let before = producer.remaining_bytes();
        let progress = producer.produce(&mut self.slice);
        self.remaining -= before;
        if progress == Progress::More {
            self.remaining += producer.remaining_bytes();
        } else {
            self.drop_first();
        }
    }

    /// The first insert has been sent, or made.
    fn drop_first(&mut self) {
        let first = self.inserts.pop_front();
        self.insert_spare -= first.as_ref().map_or(0, |first| first.body.spare());
        self.spent.extend(first.and_then(|first| first.body.release()));
    }

    /// Whether [`Output::take_spent`] has something to give.
    #[inline]
    pub fn has_spent(&self) -> bool {
        !self.spent.is_empty()
    }

    /// What is not needed any more, to be freed where nobody waits.
    pub fn take_spent(&mut self) -> Vec<Part> {
        std::mem::take(&mut self.spent)
    }

    /// All that can be sent now, in order, none of it empty: what is left up to the first part that is not made yet.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let slice = &self.slice[self.slice_sent..];
        let end = self.gone + self.buffer.len();
        let mut from = self.gone + self.sent;
        let between = self.inserts.iter().map(|insert| (insert.at, Some(&insert.body)));
        let mut is_made = true;
        let rest = between.chain([(end, None)]).map_while(move |(at, body)| {
            let own = is_made.then(|| &self.buffer[from - self.gone..at - self.gone])?;
            from = at;
            is_made = !matches!(body, Some(Body::Later(_)));
            Some(std::iter::once(own).chain(body.into_iter().flat_map(Body::pieces)))
        });
        std::iter::once(slice).chain(rest.flatten()).filter(|piece| !piece.is_empty())
    }

    /// The first of [`Output::pieces`]; nothing if there is none.
    pub fn bytes(&self) -> &[u8] {
        self.pieces().next().unwrap_or_default()
    }

    /// Whether there is but one piece, and nothing to be made.
    #[inline]
    pub fn is_plain(&self) -> bool {
        self.inserts.is_empty() && self.is_slice_sent()
    }

    #[inline]
    fn is_slice_sent(&self) -> bool {
        self.slice_sent == self.slice.len()
    }

    /// Whether nothing is left to send.
    pub fn is_empty(&self) -> bool {
        self.is_plain() && self.sent == self.buffer.len()
    }

    /// Whether what is to be sent next is not made yet.
    pub fn is_being_made(&self) -> bool {
        let is_next =
            |insert: &Insert| matches!(insert.body, Body::Later(_)) && insert.at == self.gone + self.sent;
        self.inserts.front().is_some_and(is_next) && self.is_slice_sent()
    }

    /// Bytes left to send, those that are not made yet by estimate.
    pub fn len(&self) -> usize {
        let slice = self.slice.len() - self.slice_sent;
        slice + self.buffer.len() - self.sent + self.insert_bytes + self.remaining
    }

    /// Bytes of memory that they take, shared ones included.
    pub fn capacity(&self) -> usize {
        let list = self.inserts.capacity() * size_of::<Insert>();
        self.buffer.capacity() + self.slice.capacity() + self.insert_bytes + self.insert_spare + list
    }

    /// The first `count` bytes of [`Output::pieces`] have been sent.
    pub fn consume(&mut self, count: usize) {
        self.uncounted += count as u64;
        if self.is_plain() {
            self.sent += count;
        } else {
            self.consume_mixed(count);
        }
        debug_assert!(self.sent <= self.buffer.len(), "no more can be sent than there is");
        if self.is_empty() {
            self.sent = 0;
            self.gone = 0;
            if self.buffer.capacity() > KEEP {
                self.usual = self.buffer.len().min(PIECE);
                self.buffer = Vec::new();
            } else {
                self.buffer.clear();
            }
            self.inserts.shrink_to(KEEP_INSERTS);
        } else if self.sent > self.buffer.len() / 2 {
            // A slow reader: drop what it has, so the buffer holds at most twice what it is owed.
            self.buffer.drain(..self.sent);
            self.gone += self.sent;
            self.sent = 0;
        }
    }

    /// The same where not all is own bytes.
    fn consume_mixed(&mut self, mut count: usize) {
        let made = count.min(self.slice.len() - self.slice_sent);
        self.slice_sent += made;
        count -= made;
        while let Some(first) = self.inserts.front_mut() {
            let own = count.min(first.at - self.gone - self.sent);
            self.sent += own;
            count -= own;
            let inserted = count.min(first.body.len());
            let spare = first.body.spare();
            first.body.skip(inserted);
            self.insert_spare += first.body.spare() - spare;
            self.insert_bytes -= inserted;
            count -= inserted;
            let is_sent = first.at == self.gone + self.sent && first.body.len() == 0;
            if !is_sent || matches!(first.body, Body::Later(_)) {
                break;
            }
            self.drop_first();
        }
        if self.is_slice_sent() && !self.is_being_made() {
            self.slice = Vec::new();
            self.slice_sent = 0;
        }
        self.sent += count;
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
        spent.extend(self.inserts.drain(..).filter_map(|insert| insert.body.release()));
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
        Slice { at, part: Part::Later(Box::new(Pieces(pieces.to_vec()))) }
    }

    fn excerpt(at: usize, text: &str) -> Slice {
        let blob = value::Blob::from_bytes(format!("<{text}>").as_bytes());
        Slice { at, part: Part::Excerpt(Excerpt::new(blob, 1..text.len() + 1)) }
    }

    /// Sends everything, `count` bytes at a time at most.
    fn send_all(output: &mut Output, count: usize) -> String {
        let mut sent = Vec::new();
        while !output.is_empty() {
            output.advance();
            let (before, made) = (output.len(), output.pieces().map(<[u8]>::len).sum::<usize>());
            let first: Vec<u8> = output.pieces().flatten().copied().take(count).collect();
            output.consume(first.len());
            assert_eq!((output.len(), made >= first.len()), (before - first.len(), true));
            sent.extend(first);
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
            let at = output.buffer().len();
            output.insert(vec![slice(at, &["7"])]);
            assert_eq!(output.len(), 4 + 6 + 2 + 1);
            assert_eq!(send_all(&mut output, count), "c1234def56gh7");
            assert_eq!((output.len(), output.take_spent().len(), output.take_sent()), (0, 4, 15));
        }
    }

    #[test]
    fn excerpts_go_with_what_stands_around_them() {
        for count in 1..30 {
            let mut output = Output::default();
            output.buffer().extend_from_slice(b"ab");
            output.insert(vec![excerpt(2, "long"), excerpt(2, ""), excerpt(2, "er")]);
            output.consume(5);
            output.buffer().extend_from_slice(b"cd");
            let at = output.buffer().len();
            output.insert(vec![excerpt(at - 2, "[]"), slice(at - 1, &["1", "2"]), excerpt(at, "end")]);
            output.buffer().extend_from_slice(b".");
            assert_eq!(output.len(), 1 + 2 + 2 + 2 + 2 + 3 + 1);
            assert_eq!(output.bytes(), b"g");
            assert_eq!(send_all(&mut output, count), "ger[]c12dend.");
            assert_eq!((output.is_empty(), output.take_sent()), (true, 18));
        }
    }

    #[test]
    fn own_bytes_of_a_slow_reader_are_set_aside_in_their_order() {
        let large: Arc<[u8]> = vec![b'm'; SHARE].into();
        for first_sent in [0, 7, PIECE / 3, PIECE / 2 + 1] {
            let (mut output, mut expected) = (Output::default(), String::new());
            for number in 0..2000 {
                let reply = format!("{number}{}", "x".repeat(number));
                output.buffer().extend_from_slice(reply.as_bytes());
                expected.push_str(&reply);
                if number == 300 {
                    output.consume(first_sent);
                }
                if number % 400 == 399 {
                    output.push(&large);
                    expected.push_str(std::str::from_utf8(&large).expect("text"));
                    let at = output.buffer().len();
                    output.insert(vec![slice(at, &["1", "", "23"])]);
                    expected.push_str("123");
                }
                assert!(output.buffer.capacity() < 3 * PIECE, "{number}: {}", output.buffer.capacity());
            }
            assert_eq!(output.len(), expected.len() - first_sent);
            assert_eq!(output.capacity(), taken(&output));
            assert!(taken(&output) < expected.len() / 8 * 9 + 4 * PIECE, "{}", taken(&output));
            assert!(send_all(&mut output, 50_000) == expected[first_sent..], "{first_sent}");
            assert_eq!((output.is_empty(), output.capacity() <= KEEP), (true, true), "{}", output.capacity());
        }
    }

    /// What [`Output::capacity`] should be, from the pieces themselves.
    fn taken(output: &Output) -> usize {
        let of_insert = |insert: &Insert| match &insert.body {
            Body::Own(bytes, _) => bytes.capacity(),
            body => body.len(),
        };
        let inserts: usize = output.inserts.iter().map(of_insert).sum();
        let list = output.inserts.capacity() * size_of::<Insert>();
        output.buffer.capacity() + output.slice.capacity() + inserts + list
    }

    #[test]
    fn what_is_set_aside_takes_little_more_than_its_bytes_and_is_counted_whole() {
        for length in [100, 8000, PIECE - 1, 3 * PIECE] {
            let mut output = Output::default();
            while output.len() < 4_000_000 {
                let buffer = output.buffer();
                buffer.resize(buffer.len() + length, b'x');
            }
            assert!(taken(&output) < 4_000_000 / 8 * 9 + 8 * PIECE, "{length}: {}", taken(&output));
            while !output.is_empty() {
                assert_eq!(output.capacity(), taken(&output), "{length}, {} left", output.len());
                output.consume(output.bytes().len().min(50_000));
            }
            assert_eq!(output.capacity(), taken(&output));
            assert!(output.capacity() <= KEEP);
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
    fn who_was_sent_much_gets_room_for_as_much_at_once() {
        let mut output = Output::default();
        for length in [3 * KEEP, 5 * KEEP] {
            output.buffer().resize(length, b'x');
            output.consume(length);
            assert_eq!(output.capacity(), 0);
            assert_eq!(output.buffer().capacity(), length);
        }
        output.buffer().push(b'x');
        output.consume(1);
        assert!(output.buffer().capacity() <= KEEP, "the last one was short");
        output.buffer().resize(100 * PIECE, b'x');
        output.consume(100 * PIECE);
        assert_eq!(output.buffer().capacity(), PIECE, "one very long reply does not tell of the next");
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
