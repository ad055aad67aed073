//! How much of what is there a reply gets: entries of several streams, up to a number and a size.

use super::wanted::Wanted;
use crate::reply::Reply;

/// See the module's text.
#[derive(Debug)]
pub(super) struct Portion {
    /// Entries that may still come.
    left: usize,
    max_bytes: usize,
    /// Where the reply begins in its buffer.
    begin: usize,
    is_empty: bool,
}

impl Portion {
    /// A portion that begins here.
    pub(super) fn new(wanted: &Wanted<'_>, reply: &mut Reply<'_>) -> Self {
        let begin = reply.buffer().len();
        Self { left: wanted.max_count, max_bytes: wanted.max_bytes, begin, is_empty: true }
    }

    /// Whether nothing more may come.
    pub(super) fn is_full(&self) -> bool {
        self.left == 0
    }

    /// How many entries may still come.
    pub(super) fn left(&self) -> usize {
        self.left
    }

    /// So many are there, which somebody else writes.
    pub(super) fn took(&mut self, count: usize) {
        self.left -= count;
    }

    /// Writes an entry. False: there is no room for it, nothing was written, and nothing more may come. For the first one
    /// there is room however large it is, so that its reader gets on.
    pub(super) fn add(&mut self, reply: &mut Reply<'_>, write: impl FnOnce(&mut Reply<'_>)) -> bool {
        if self.is_full() {
            return false;
        }
        let before = reply.buffer().len();
        write(reply);
        let bytes = reply.buffer().len() - self.begin;
        if !self.is_empty && bytes > self.max_bytes {
            reply.truncate(before);
            self.left = 0;
            return false;
        }
        self.left = if bytes < self.max_bytes { self.left - 1 } else { 0 };
        self.is_empty = false;
        true
    }
}
