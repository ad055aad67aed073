//! Bytes of a long reply that had to be made at once.

use super::{Producer, Progress, SLICE_BYTES};
use crate::reply::Reply;

/// Bytes that are made already, in pieces of about a slice.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    list: Vec<Vec<u8>>,
    /// The piece that is written next.
    next: usize,
}

impl Pieces {
    /// The piece that more is to be appended to.
    pub(crate) fn last(&mut self) -> &mut Vec<u8> {
        if self.list.last().is_none_or(|piece| piece.len() >= SLICE_BYTES) {
            self.list.push(Vec::new());
        }
        let last = self.list.len() - 1;
        &mut self.list[last]
    }

    /// Puts them into a reply: at once if they are few.
    pub(crate) fn write(&mut self, reply: &mut Reply<'_>) {
        match &self.list[..] {
            [] => {}
            [only] => reply.buffer().extend_from_slice(only),
            _ => reply.produce(std::mem::take(self)),
        }
    }
}

impl Producer for Pieces {
    fn produce(&mut self, out: &mut Vec<u8>) -> Progress {
        if let Some(piece) = self.list.get_mut(self.next) {
            out.append(piece);
            self.next += 1;
        }
        if self.next < self.list.len() { Progress::More } else { Progress::Done }
    }

    fn remaining_bytes(&self) -> usize {
        self.list.iter().map(Vec::len).sum()
    }
}
