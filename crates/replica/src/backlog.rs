//! The last bytes of the stream, for a follower that was away for a while.
//!
//! Blocks of a fixed size, the oldest of which goes when nothing in it is held any more. They come with the bytes, so a size is a limit
//! and takes no memory by itself, however large it is. Places in the stream count from 1, as followers do: the byte at place `offset`
//! is the last one that was sent when the offset is `offset`.

use std::collections::VecDeque;

/// Bytes of a block.
const BLOCK_BYTES: usize = 64 << 10;

/// See the module's text.
#[derive(Debug)]
pub struct Backlog {
    /// All of them are full but the last one.
    blocks: VecDeque<Vec<u8>>,
    /// Bytes at the beginning of the first block that are not held any more: fewer than it has room for.
    skipped: usize,
    /// The most bytes that are held.
    size: usize,
    /// Bytes that are.
    length: usize,
    /// The place of the last one.
    offset: u64,
}

/// What a backlog holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    /// The place of its first byte.
    pub first: u64,
    /// Bytes.
    pub length: u64,
}

impl Backlog {
    /// An empty one for what follows a place.
    pub fn new(bytes: usize, offset: u64) -> Self {
        Self { blocks: VecDeque::new(), skipped: 0, size: bytes.max(1), length: 0, offset }
    }

    /// The most bytes that it holds.
    pub fn size(&self) -> usize {
        self.size
    }

    /// It holds so many from now on. Of what it has, the end is kept.
    pub fn resize(&mut self, bytes: usize) {
        self.size = bytes.max(1);
        self.keep(self.size);
    }

    /// What it holds.
    pub fn window(&self) -> Window {
        Window { first: self.offset - self.length as u64 + 1, length: self.length as u64 }
    }

    /// Appends what has been sent.
    pub fn push(&mut self, bytes: &[u8]) {
        self.offset += bytes.len() as u64;
        let mut rest = &bytes[bytes.len().saturating_sub(self.size)..];
        self.keep(self.size - rest.len());
        self.length += rest.len();
        while !rest.is_empty() {
            if self.blocks.back().is_none_or(|block| block.len() == BLOCK_BYTES) {
                self.blocks.push_back(Vec::with_capacity(BLOCK_BYTES));
            }
            let Some(block) = self.blocks.back_mut() else { return };
            let (now, later) = rest.split_at(rest.len().min(BLOCK_BYTES - block.len()));
            block.extend_from_slice(now);
            rest = later;
        }
    }

    /// Drops all but so many bytes at the end.
    fn keep(&mut self, bytes: usize) {
        let excess = self.length.saturating_sub(bytes);
        self.length -= excess;
        self.skipped += excess;
        let full = (self.skipped / BLOCK_BYTES).min(self.blocks.len());
        self.blocks.drain(..full);
        self.skipped -= full * BLOCK_BYTES;
    }

    /// All from a place on, which is nothing if that is the next one. `None`: it does not hold that.
    pub fn from(&self, place: u64) -> Option<Vec<u8>> {
        let Window { first, .. } = self.window();
        if place < first || place > self.offset + 1 {
            return None;
        }
        let wanted = (self.offset + 1 - place) as usize;
        let begin = self.skipped + self.length - wanted;
        let mut bytes = Vec::with_capacity(wanted);
        let mut at = begin % BLOCK_BYTES;
        for block in self.blocks.iter().skip(begin / BLOCK_BYTES) {
            bytes.extend_from_slice(block.get(at..).unwrap_or_default());
            at = 0;
        }
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_gives_the_end_of_the_stream_from_every_place_that_it_holds() {
        for size in 1..9 {
            let (mut backlog, mut stream) = (Backlog::new(size, 0), Vec::new());
            for piece in [&b"a"[..], b"", b"bcd", b"efghijklmnopq", b"r", b"stuvw", b"xy"] {
                backlog.push(piece);
                stream.extend_from_slice(piece);
                let held = stream.len().min(size);
                let window = Window { first: (stream.len() - held) as u64 + 1, length: held as u64 };
                assert_eq!(backlog.window(), window);
                for place in 0..stream.len() + 4 {
                    let is_held = place >= window.first as usize && place <= stream.len() + 1;
                    let expected = is_held.then(|| stream[place - 1..].to_vec());
                    assert_eq!(backlog.from(place as u64), expected, "{size} {place}");
                }
            }
        }
    }

    #[test]
    fn it_gives_the_end_of_the_stream_across_its_blocks() {
        let sizes = [1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES, 3 * BLOCK_BYTES + 7];
        let pieces = [1, BLOCK_BYTES - 2, 1, 1, BLOCK_BYTES, 5, 7 * BLOCK_BYTES / 2, 0, 4 * BLOCK_BYTES, 9];
        for size in sizes {
            let (mut backlog, mut stream) = (Backlog::new(size, 0), Vec::new());
            for bytes in pieces {
                let piece: Vec<u8> = (0..bytes).map(|at| ((stream.len() + at) % 251) as u8).collect();
                backlog.push(&piece);
                stream.extend_from_slice(&piece);
                let held = stream.len().min(size);
                let first = (stream.len() - held) as u64 + 1;
                assert_eq!(backlog.window(), Window { first, length: held as u64 });
                for skipped in [0, 1, held / 2, held] {
                    let skipped = skipped.min(held);
                    let expected = &stream[stream.len() - held + skipped..];
                    let given = backlog.from(first + skipped as u64);
                    assert!(given.as_deref() == Some(expected), "{size} {bytes} {skipped}");
                }
                assert!(backlog.blocks.len() <= size / BLOCK_BYTES + 2, "what is not held is gone");
            }
        }
    }

    #[test]
    fn a_size_takes_no_memory_and_another_one_keeps_what_there_is_room_for() {
        let mut backlog = Backlog::new(usize::MAX, 0);
        assert_eq!((backlog.size(), backlog.blocks.len()), (usize::MAX, 0));
        let stream: Vec<u8> = (0..3 * BLOCK_BYTES).map(|at| (at % 251) as u8).collect();
        backlog.push(&stream);
        for (size, held) in [(2 * BLOCK_BYTES + 9, 2 * BLOCK_BYTES + 9), (9, 9), (usize::MAX, 9), (0, 1)] {
            backlog.resize(size);
            let first = (stream.len() - held) as u64 + 1;
            assert_eq!(backlog.window(), Window { first, length: held as u64 });
            assert!(backlog.from(first).as_deref() == Some(&stream[stream.len() - held..]), "{size}");
            assert_eq!(backlog.blocks.len(), held.div_ceil(BLOCK_BYTES));
        }
    }

    #[test]
    fn it_begins_anywhere() {
        let mut backlog = Backlog::new(4, 100);
        assert_eq!((backlog.from(101), backlog.from(100)), (Some(Vec::new()), None));
        backlog.push(b"ab");
        assert_eq!(backlog.from(102), Some(b"b".to_vec()));
        assert_eq!(backlog.window(), Window { first: 101, length: 2 });
    }
}
