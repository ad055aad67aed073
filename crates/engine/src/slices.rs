//! Long replies, written in slices between the turns of other clients, and long strings, which are not copied.
//!
//! A handler whose reply would be long writes its head and leaves the rest to a [`Producer`], which owns a clone of the
//! value: one counter, since values are copied on write. The locks are dropped as after any other command, the reply
//! shows the value as it was then, and the bytes are made when the socket takes them.
//!
//! ```text
//!   output:  ..$5 hello *500000 │ producer │ $2 OK :1 ..
//!                               └ at       └ commands behind it have run already
//! ```
//! What a producer writes stands at one place of the output, so replies keep their order, whatever runs behind it, and a
//! transaction may hold several. A script reads its replies itself and gets none.
//!
//! A string of some length is there already, in pages that no later write changes while somebody else holds them: an
//! [`Excerpt`] stands in its place, and the socket reads the pages themselves.

mod excerpt;
mod pieces;
mod producers;

use std::fmt;
use std::sync::Arc;

use crate::commandlog::Unfinished;
pub use excerpt::Excerpt;
pub(crate) use pieces::Pieces;
pub(crate) use producers::{ByChance, ByCursor, ByPosition};

/// From so many elements on a reply is written in slices: up to here it takes some tens of microseconds.
pub const MANY_ELEMENTS: usize = 1024;
/// A slice ends when it has so many bytes.
const SLICE_BYTES: usize = 32 * 1024;
/// What an element of a reply takes besides its own bytes, about.
pub(crate) const ELEMENT_HEAD: usize = 6;

/// Whether a producer has more to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It has, or may have.
    More,
    /// That was all.
    Done,
}

/// The rest of a reply. Dropping one may take long, if it is the last owner of a large value.
pub trait Producer: Send + fmt::Debug {
    /// Works for some tens of microseconds, and appends what comes of it, which may be nothing.
    fn produce(&mut self, out: &mut Vec<u8>) -> Progress;

    /// About how many bytes are still to come.
    fn remaining_bytes(&self) -> usize;

    /// The error that it has written in the place of a reply, once it is done: it counts like that of any command.
    fn error(&self) -> Option<&[u8]> {
        None
    }
}

/// What stands in an output besides the bytes that were written to it.
#[derive(Debug)]
pub enum Part {
    /// Bytes that are there already.
    Excerpt(Excerpt),
    /// Bytes that are not made yet.
    Later(Box<dyn Producer>),
}

impl Part {
    /// Works for some tens of microseconds, and appends what comes of it.
    pub(crate) fn produce(&mut self, out: &mut Vec<u8>) -> Progress {
        match self {
            Self::Excerpt(excerpt) => excerpt.produce(out),
            Self::Later(producer) => producer.produce(out),
        }
    }

    /// About how many bytes are still to come.
    pub(crate) fn remaining_bytes(&self) -> usize {
        match self {
            Self::Excerpt(excerpt) => excerpt.len(),
            Self::Later(producer) => producer.remaining_bytes(),
        }
    }
}

/// A part, and where in the output its bytes belong.
#[derive(Debug)]
pub struct Slice {
    /// The offset in the buffer that the reply was written to.
    pub at: usize,
    /// What belongs there.
    pub part: Part,
}

/// The parts of the reply of one command, in the order of their places.
#[derive(Debug, Default)]
pub struct Slices {
    list: Vec<Slice>,
}

impl Slices {
    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// What belongs at an offset of the output, behind the head of its reply, comes from here.
    pub(crate) fn push(&mut self, at: usize, part: Part) {
        self.list.push(Slice { at, part });
    }

    /// The output was cut to `length`: what belonged behind it is not wanted. A part stands behind the head of its
    /// reply, so one at the cut itself belongs to a reply before it.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.list.retain(|slice| slice.at <= length);
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// How many bytes of those from the first on are there already.
    pub(crate) fn made_bytes(&self, first: usize) -> usize {
        let made = self.list[first..].iter().filter(|slice| matches!(slice.part, Part::Excerpt(_)));
        made.map(|slice| slice.part.remaining_bytes()).sum()
    }

    /// How many from the first on have still to be made.
    pub(crate) fn producers(&self, first: usize) -> usize {
        self.list[first..].iter().filter(|slice| matches!(slice.part, Part::Later(_))).count()
    }

    /// About how many bytes the producers from the first on will write.
    pub(crate) fn remaining_bytes(&self, first: usize) -> usize {
        let all: usize = self.list[first..].iter().map(|slice| slice.part.remaining_bytes()).sum();
        all - self.made_bytes(first)
    }

    /// Counts for an entry of the command log what the producers from the first on write.
    pub(crate) fn count(&mut self, first: usize, entry: &Arc<Unfinished>) {
        for slice in &mut self.list[first..] {
            if let Part::Later(producer) = &mut slice.part {
                let counted = std::mem::replace(producer, Box::new(Pieces::default()));
                *producer = Box::new(Counted { producer: counted, entry: Arc::clone(entry) });
            }
        }
    }

    /// All of them.
    pub fn take(&mut self) -> Vec<Slice> {
        std::mem::take(&mut self.list)
    }
}

/// A producer whose bytes are counted.
#[derive(Debug)]
struct Counted {
    producer: Box<dyn Producer>,
    entry: Arc<Unfinished>,
}

impl Producer for Counted {
    fn produce(&mut self, out: &mut Vec<u8>) -> Progress {
        let begin = out.len();
        let progress = self.producer.produce(out);
        self.entry.wrote(out.len() - begin);
        if progress == Progress::Done {
            self.entry.finished_part();
        }
        progress
    }

    fn remaining_bytes(&self) -> usize {
        self.producer.remaining_bytes()
    }

    fn error(&self) -> Option<&[u8]> {
        self.producer.error()
    }
}

#[cfg(test)]
mod tests {
    use resp::Protocol;
    use value::Blob;

    use super::*;
    use crate::reply::Reply;

    #[test]
    fn what_was_cut_off_is_not_produced() {
        let mut slices = Slices::default();
        let mut out = b"*2\r\n".to_vec();
        for _ in 0..2 {
            Reply::new(&mut out, Protocol::Resp2).array(2000);
            slices.push(out.len(), Part::Excerpt(Excerpt::new(Blob::default(), 0..0)));
        }
        assert_eq!(slices.list.iter().map(|slice| slice.at).collect::<Vec<_>>(), [11, 18]);
        slices.truncate(11);
        assert_eq!(slices.list.len(), 1);
        slices.truncate(4);
        assert!(slices.is_empty());
    }
}
