//! Looks for batches behind a place that cannot be read, for whoever wants to save what is whole there.
//!
//! A line is found wherever it stands, for what is damaged may reach up to it. It may just as well be part of a value,
//! since clients store what they like: only what goes on up to the end of the file, batch after batch, was surely no
//! value, because nobody knows the bytes in advance that are appended behind his own.

use super::batch::{Head, MAX_HEAD_BYTES};
use super::part::Batch;

/// See the module's text.
#[derive(Debug)]
pub struct Search {
    /// What is found has a higher number.
    after: u64,
    /// The place of the next byte.
    at: u64,
    /// What may be the beginning of a line.
    line: Vec<u8>,
}

impl Search {
    /// A search from an offset of a file on, behind the batch of this number (0 if there was none).
    pub fn new(from: u64, after: u64) -> Self {
        Self { after, at: from, line: Vec::new() }
    }

    /// Looks at what follows, up to the first line of a batch. Whether the batch is whole is not known then.
    pub fn look(&mut self, bytes: &[u8]) -> Option<Batch> {
        for &byte in bytes {
            self.at += 1;
            if byte == b'#' {
                self.line.clear();
            } else if self.line.is_empty() {
                continue;
            }
            self.line.push(byte);
            if byte == b'\n' {
                let found = self.batch();
                self.line.clear();
                if found.is_some() {
                    return found;
                }
            } else if self.line.len() == MAX_HEAD_BYTES {
                self.line.clear();
            }
        }
        None
    }

    /// The batch that the line at hand announces.
    fn batch(&self) -> Option<Batch> {
        let (head, _) = Head::parse(&self.line)?.ok()?;
        let line = self.line.len() as u64;
        let offset = self.at - line;
        let length = line.checked_add(head.length)?;
        // No more can have been synced than there was.
        let fits = head.number > self.after && head.synced <= offset;
        fits.then_some(Batch { number: head.number, time: head.time, offset, length })
    }
}

#[cfg(test)]
mod tests {
    use stdx::time::UnixMs;

    use super::super::batch::{Chain, Framer};
    use super::*;

    /// Every batch that is found behind a place, as number and offset.
    fn found(bytes: &[u8], piece: usize, after: u64) -> Vec<(u64, u64)> {
        let (mut from, mut found) = (0, Vec::new());
        loop {
            let mut search = Search::new(from, after);
            let Some(batch) = bytes[from as usize..].chunks(piece).find_map(|piece| search.look(piece))
            else {
                return found;
            };
            found.push((batch.number, batch.offset));
            from = batch.offset + 1;
        }
    }

    #[test]
    fn lines_are_found_wherever_they_stand_and_only_if_they_fit() {
        let mut framer = Framer::following(Chain { number: 6, link: 5 });
        let mut bytes = b"#BATCH:6 rubbish #".to_vec();
        let mut places = Vec::new();
        for synced in [0, 1, 9999] {
            bytes.extend_from_slice(b"garbage\0without an end");
            places.push(bytes.len() as u64);
            framer.frame(b"*1\r\n$4\r\nPING\r\n", UnixMs(1), synced, &mut bytes);
        }
        for piece in [1, 7, 1000] {
            assert_eq!(found(&bytes, piece, 0), [(7, places[0]), (8, places[1])]);
            assert_eq!(found(&bytes, piece, 7), [(8, places[1])]);
        }
        assert_eq!(found(&b"#".repeat(1000), 9, 0), []);
        assert_eq!(found(&[&b"#"[..], &b"x".repeat(1000)].concat(), 9, 0), []);
    }
}
