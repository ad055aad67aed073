//! The words of a command that a script calls: one buffer, and where each word lies in it.

use std::ops::Range;

/// See the module's text.
#[derive(Debug, Default)]
pub struct Words {
    buffer: Vec<u8>,
    ranges: Vec<Range<usize>>,
}

/// A buffer that has grown beyond this is given back after the call.
const KEPT_BYTES: usize = 64 * 1024;

impl Words {
    /// The buffer.
    pub fn buffer(&self) -> &[u8] {
        &self.buffer
    }

    /// Where the words lie in it.
    pub fn ranges(&self) -> &[Range<usize>] {
        &self.ranges
    }

    /// The words.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.ranges.iter().map(|range| &self.buffer[range.clone()])
    }

    /// Forgets all words.
    pub(crate) fn clear(&mut self) {
        self.buffer.clear();
        self.ranges.clear();
        self.buffer.shrink_to(KEPT_BYTES);
        self.ranges.shrink_to(KEPT_BYTES / size_of::<Range<usize>>());
    }

    /// Adds a word.
    pub(crate) fn push(&mut self, word: &[u8]) {
        self.push_with(|buffer| buffer.extend_from_slice(word));
    }

    /// Adds a word that `write` appends to the buffer.
    pub(crate) fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.buffer.len();
        write(&mut self.buffer);
        self.ranges.push(start..self.buffer.len());
    }
}
