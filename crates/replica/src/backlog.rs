//! The last bytes of the stream, for a follower that was away for a while.
//!
//! A ring of a fixed size. Places in the stream count from 1, as followers do: the byte at place `offset` is the last one that was
//! sent when the offset is `offset`.

/// See the module's text.
#[derive(Debug)]
pub struct Backlog {
    ring: Box<[u8]>,
    /// Where the next byte goes.
    next: usize,
    /// Bytes that are there.
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
        Self { ring: vec![0; bytes.max(1)].into(), next: 0, length: 0, offset }
    }

    /// The most bytes that it holds.
    pub fn size(&self) -> usize {
        self.ring.len()
    }

    /// What it holds.
    pub fn window(&self) -> Window {
        Window { first: self.offset - self.length as u64 + 1, length: self.length as u64 }
    }

    /// Appends what has been sent.
    pub fn push(&mut self, bytes: &[u8]) {
        self.offset += bytes.len() as u64;
        self.length = (self.length + bytes.len()).min(self.ring.len());
        let mut rest = &bytes[bytes.len().saturating_sub(self.ring.len())..];
        while !rest.is_empty() {
            let room = &mut self.ring[self.next..];
            let (now, later) = rest.split_at(rest.len().min(room.len()));
            room[..now.len()].copy_from_slice(now);
            self.next = (self.next + now.len()) % self.ring.len();
            rest = later;
        }
    }

    /// All from a place on, which is nothing if that is the next one. `None`: it does not hold that.
    pub fn from(&self, place: u64) -> Option<Vec<u8>> {
        let Window { first, .. } = self.window();
        if place < first || place > self.offset + 1 {
            return None;
        }
        let wanted = (self.offset + 1 - place) as usize;
        let begin = (self.next + self.ring.len() - wanted) % self.ring.len();
        let (end, start) = self.ring.split_at(begin);
        Some(start.iter().chain(end).copied().take(wanted).collect())
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
    fn it_begins_anywhere() {
        let mut backlog = Backlog::new(4, 100);
        assert_eq!((backlog.from(101), backlog.from(100)), (Some(Vec::new()), None));
        backlog.push(b"ab");
        assert_eq!(backlog.from(102), Some(b"b".to_vec()));
        assert_eq!(backlog.window(), Window { first: 101, length: 2 });
    }
}
