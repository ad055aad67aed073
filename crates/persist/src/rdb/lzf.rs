//! LZF, the compression of strings in RDB: runs of literals and references into the last eight kilobytes.
//!
//! ```text
//! 000lllll                    l + 1 literals follow, 1 to 32
//! lllooooo oooooooo           l + 2 bytes repeat, 3 to 8, from o + 1 bytes back
//! 111ooooo llllllll oooooooo  l + 9 bytes repeat, 9 to 264, from o + 1 bytes back
//! ```
//! The format is Marc Lehmann's (liblzf); any stream of it that gives the original back is right, so the compressor is
//! free in its choices. It keeps the last place of every hashed triple, as all of this family do.

/// Farthest reference.
const MAX_DISTANCE: usize = 1 << 13;
/// Longest reference.
const MAX_MATCH: usize = 264;
/// Longest run of literals.
const MAX_LITERALS: usize = 32;
/// The most bytes that one compressed byte can stand for: three give 264.
const MAX_RATIO: usize = MAX_MATCH / 3;
/// What a step of a long decompression gives, about.
const STEP_BYTES: usize = 32 * 1024;
/// Bits of the compressor's hash. Windows are 8 KiB, so more than that many places are seldom alive.
const HASH_BITS: u32 = 13;

/// Decompresses into exactly `length` bytes; `None` if the stream does not give that.
pub fn decompress(stream: &[u8], length: usize) -> Option<Vec<u8>> {
    if length > stream.len().checked_mul(MAX_RATIO)? {
        return None;
    }
    let mut out = Vec::with_capacity(length);
    let mut rest = stream;
    while !rest.is_empty() {
        rest = decompress_next(rest, &mut out)?;
        if out.len() > length {
            return None;
        }
    }
    (out.len() == length).then_some(out)
}

/// Decompresses the next run of literals or reference of a stream that has not ended, and
/// gives what is left of the stream.
#[inline]
fn decompress_next<'s>(stream: &'s [u8], out: &mut Vec<u8>) -> Option<&'s [u8]> {
    let (&control, rest) = stream.split_first()?;
    if control < 32 {
        let (literals, rest) = rest.split_at_checked(usize::from(control) + 1)?;
        out.extend_from_slice(literals);
        return Some(rest);
    }
    let count = usize::from(control >> 5) + 2;
    let (count, rest) = match rest.split_first()? {
        (&more, rest) if count == 9 => (count + usize::from(more), rest),
        _ => (count, rest),
    };
    let (&low, rest) = rest.split_first()?;
    let distance = (usize::from(control & 0x1f) << 8 | usize::from(low)) + 1;
    repeat(out, distance, count)?;
    Some(rest)
}

/// A long stream, decompressed bit by bit.
#[derive(Debug)]
pub(crate) struct Decompression {
    /// The last of what has come out, which references may lead to.
    window: Vec<u8>,
    /// How much is still to come out.
    missing: usize,
}

impl Decompression {
    /// Of a stream of so many bytes, which has to give so many; `None` if it cannot.
    pub(crate) fn new(stream_bytes: usize, length: usize) -> Option<Self> {
        let fits = length <= stream_bytes.checked_mul(MAX_RATIO)?;
        fits.then(|| Self { window: Vec::new(), missing: length })
    }

    /// Decompresses some kilobytes of what is left of the stream, and gives to `take` what has come
    /// out. `None`: the stream is wrong.
    pub(crate) fn step<'s>(&mut self, mut stream: &'s [u8], take: &mut dyn FnMut(&[u8])) -> Option<&'s [u8]> {
        let kept = self.window.len().min(MAX_DISTANCE);
        self.window.drain(..self.window.len() - kept);
        while !stream.is_empty() && self.window.len() < kept + STEP_BYTES {
            stream = decompress_next(stream, &mut self.window)?;
        }
        self.missing = self.missing.checked_sub(self.window.len() - kept)?;
        take(&self.window[kept..]);
        Some(stream)
    }

    /// Whether everything has come out.
    pub(crate) fn is_whole(&self) -> bool {
        self.missing == 0
    }
}

/// Appends `count` bytes that stand `distance` back; they may overlap with what is being appended.
fn repeat(out: &mut Vec<u8>, distance: usize, count: usize) -> Option<()> {
    let from = out.len().checked_sub(distance)?;
    if distance >= count {
        out.extend_from_within(from..from + count);
    } else {
        for index in from..from + count {
            out.push(out[index]);
        }
    }
    Some(())
}

/// Compresses strings one after another with one table, which is never cleared: places are counted from the first
/// string on, and those of former strings are told by their numbers.
#[derive(Debug)]
pub struct Compressor {
    places: Box<[u32]>,
    /// The number of the first byte of the string at hand; all places of it are larger.
    base: u32,
}

impl Default for Compressor {
    fn default() -> Self {
        Self { places: vec![0; 1 << HASH_BITS].into_boxed_slice(), base: 0 }
    }
}

impl Compressor {
    /// Appends the compressed form of `input` if it has at most `limit` bytes; else appends nothing and says so.
    pub fn compress(&mut self, input: &[u8], limit: usize, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        let Some(next_base) = self.make_room(input.len()) else { return false };
        let (mut at, mut literals) = (0, 0);
        while at + 2 < input.len() {
            let Some((distance, length)) = self.find(input, at) else {
                at += 1;
                continue;
            };
            write_literals(&input[literals..at], out);
            write_reference(distance, length, out);
            if out.len() - start > limit {
                break;
            }
            for passed in at + 1..(at + length).min(input.len() - 2) {
                self.note(input, passed);
            }
            at += length;
            literals = at;
        }
        if out.len() - start <= limit {
            write_literals(&input[literals..], out);
        }
        self.base = next_base;
        let fits = out.len() - start <= limit;
        if !fits {
            out.truncate(start);
        }
        fits
    }

    /// Sees that the places of a string of this length can be told from all former ones; returns where the next
    /// string's begin. `None` if the string is too long for that.
    fn make_room(&mut self, length: usize) -> Option<u32> {
        // One more than the place of any byte, because a place of 0 means none.
        let places = u32::try_from(length).ok()?.checked_add(1)?;
        self.base.checked_add(places).or_else(|| {
            self.places.fill(0);
            self.base = 0;
            Some(places)
        })
    }

    /// Finds a former place of the triple at `at`: how far back it is and how many bytes are equal. Notes the place.
    fn find(&mut self, input: &[u8], at: usize) -> Option<(usize, usize)> {
        let former = self.note(input, at)?;
        let distance = at - former;
        if distance > MAX_DISTANCE {
            return None;
        }
        let most = MAX_MATCH.min(input.len() - at);
        let equal = input[former..].iter().zip(&input[at..at + most]).take_while(|(one, other)| one == other);
        let length = equal.count();
        (length >= 3).then_some((distance, length))
    }

    /// Notes that the triple at `at` stands there; returns where one with its hash stood before.
    fn note(&mut self, input: &[u8], at: usize) -> Option<usize> {
        let triple = u32::from_le_bytes([input[at], input[at + 1], input[at + 2], 0]);
        let slot = (triple.wrapping_mul(0x9e37_79b1) >> (32 - HASH_BITS)) as usize;
        let place = self.base.wrapping_add(at as u32).wrapping_add(1);
        let former = std::mem::replace(&mut self.places[slot], place);
        let former = former.checked_sub(self.base)?.checked_sub(1)? as usize;
        (former < at).then_some(former)
    }
}

fn write_literals(mut literals: &[u8], out: &mut Vec<u8>) {
    while !literals.is_empty() {
        let (run, rest) = literals.split_at(literals.len().min(MAX_LITERALS));
        out.push(run.len() as u8 - 1);
        out.extend_from_slice(run);
        literals = rest;
    }
}

fn write_reference(distance: usize, length: usize, out: &mut Vec<u8>) {
    let [high, low] = ((distance - 1) as u16).to_be_bytes();
    if length < 9 {
        out.extend_from_slice(&[(length as u8 - 2) << 5 | high, low]);
    } else {
        out.extend_from_slice(&[7 << 5 | high, (length - 9) as u8, low]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn compressed(compressor: &mut Compressor, input: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        assert!(compressor.compress(input, usize::MAX, &mut out));
        out
    }

    #[test]
    fn a_stream_of_redis_is_read() {
        // 100 times z, as Redis 8.0 writes it.
        let stream = b"\x01zz\xe0\x57\x00\x01zz";
        assert_eq!(decompress(stream, 100).as_deref(), Some(&[b'z'; 100][..]));
    }

    #[test]
    fn streams_that_promise_too_much_or_point_outside_are_refused() {
        for (stream, length) in [
            (&b"\x01zz\xe0\x57\x00\x01zz"[..], 99),
            (b"\x01zz\xe0\x57\x00\x01zz", 101),
            (b"\x01z", 2),
            (b"\x20\x00", 3),
            (b"\x00a\x20\x01", 4),
            (b"\x00a\xe0", 10),
            (b"\x00a\xe0\x01", 10),
            (b"\x00", usize::MAX),
        ] {
            assert_eq!(decompress(stream, length), None, "{stream:?} {length}");
        }
    }

    #[test]
    fn what_does_not_become_shorter_is_left() {
        let mut out = b"before".to_vec();
        let input: Vec<u8> = (0..=255).collect();
        assert!(!Compressor::default().compress(&input, input.len() - 4, &mut out));
        assert_eq!(out, b"before");
    }

    #[test]
    fn the_count_of_places_may_run_over() {
        let mut compressor = Compressor { base: u32::MAX - 150, ..Compressor::default() };
        for _ in 0..3 {
            let input = b"round and round and round and round it goes";
            let stream = compressed(&mut compressor, input);
            assert_eq!(decompress(&stream, input.len()).as_deref(), Some(&input[..]));
        }
    }

    /// What comes out of a stream step by step.
    fn decompressed_in_steps(stream: &[u8], length: usize) -> Option<Vec<u8>> {
        let mut decompression = Decompression::new(stream.len(), length)?;
        let (mut out, mut rest) = (Vec::new(), stream);
        while !rest.is_empty() {
            rest = decompression.step(rest, &mut |bytes| out.extend_from_slice(bytes))?;
        }
        decompression.is_whole().then_some(out)
    }

    #[test]
    fn a_long_stream_is_decompressed_in_steps() {
        let input: Vec<u8> =
            (0_u32..100_000).flat_map(|number| (number / 7).to_string().into_bytes()).collect();
        let stream = compressed(&mut Compressor::default(), &input);
        assert!(input.len() > 10 * STEP_BYTES);
        assert_eq!(decompressed_in_steps(&stream, input.len()), Some(input.clone()));
        assert_eq!(decompressed_in_steps(&stream, input.len() - 1), None);
        assert_eq!(decompressed_in_steps(&stream, input.len() + 1), None);
        assert_eq!(decompressed_in_steps(&stream[..stream.len() - 1], input.len()), None);
        assert!(Decompression::new(1, usize::MAX).is_none());
    }

    proptest! {
        #[test]
        fn what_was_compressed_comes_back(
            strings in prop::collection::vec(prop::collection::vec(0_u8..6, 0..700), 1..8),
            repeats in 1_usize..30,
        ) {
            let mut compressor = Compressor::default();
            for string in strings {
                let input = string.repeat(repeats);
                let stream = compressed(&mut compressor, &input);
                prop_assert_eq!(decompress(&stream, input.len()), Some(input));
            }
        }

        #[test]
        fn no_stream_panics(stream in prop::collection::vec(any::<u8>(), 0..60), length in 0_usize..6000) {
            let out = decompress(&stream, length);
            prop_assert_eq!(&decompressed_in_steps(&stream, length), &out);
            if let Some(out) = out {
                prop_assert_eq!(out.len(), length);
            }
        }
    }
}
