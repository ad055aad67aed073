//! Building a block element by element, each of them copied once.

use super::{EMPTY, END_BYTES, HEAD_BYTES};

/// A block in the making.
#[derive(Debug)]
pub struct Builder {
    /// The count, to be written at the end, and the elements.
    block: Vec<u8>,
    ends: Vec<u16>,
}

/// Room for the elements of most blocks, so that it is not made step by step.
const FEW_BYTES: usize = 256;
const FEW_ELEMENTS: usize = 16;

impl Builder {
    /// Begins a block.
    pub fn new() -> Self {
        let mut block = Vec::with_capacity(FEW_BYTES);
        block.extend_from_slice(&EMPTY);
        Self { block, ends: Vec::with_capacity(FEW_ELEMENTS) }
    }

    /// The number of elements so far.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no element yet.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The bytes that the block would have with one more element of this length.
    pub fn bytes_with(&self, length: usize) -> usize {
        self.block.len().saturating_add((self.ends.len() + 1) * END_BYTES).saturating_add(length)
    }

    /// Adds an element behind the last. The caller keeps to [`MAX_BYTES`](super::MAX_BYTES) by [`Self::bytes_with`].
    pub fn push(&mut self, element: &[u8]) {
        self.block.extend_from_slice(element);
        let end = u16::try_from(self.block.len() - HEAD_BYTES).expect("a block is kept below 64 kB");
        self.ends.push(end);
    }

    /// Ends the block, shows it, and begins another one.
    pub fn finish<R>(&mut self, look: impl FnOnce(&[u8]) -> R) -> R {
        let count = u16::try_from(self.ends.len()).expect("a block is kept below 64 kB");
        self.block[..HEAD_BYTES].copy_from_slice(&count.to_le_bytes());
        for end in self.ends.drain(..).rev() {
            self.block.extend_from_slice(&end.to_le_bytes());
        }
        let result = look(&self.block);
        self.block.truncate(HEAD_BYTES);
        result
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}
