//! Lists: a packed block while small, a copy-on-write tree of elements when large.
//!
//! ```text
//! small:  a block of integers or of texts (`crate::series`), the bytes of the key's entry
//! large:  List::Large, an object of the key's entry; a tree by position
//! ```
//! How a list is kept follows from its bytes alone. What OBJECT ENCODING says follows from `list-max-listpack-size`
//! and, like in Redis, from the past: a `listpack` that outgrows the limit is a `quicklist` until it has shrunk to half of
//! it. Small blocks are always listpacks; a large list remembers which of the two it is. The limit is compared with
//! what a listpack of the elements would take if integers stood in it as their text.

mod build;
mod edit;
mod read;
#[cfg(test)]
mod tests;

pub use build::Builder;
pub use edit::{Edited, ListEdit};
pub use read::{Elements, ListRef};

use std::sync::Arc;

use crate::dismantle::Dismantle;
use crate::page::INLINE_MAX;
use crate::series::{self, Series};
use crate::sweep::{Sweep, Sweeper};
use crate::tree::Sequence;
pub use crate::tree::Side;

/// The longest block of a small list: what a page keeps inside.
const PACKED_MAX: usize = INLINE_MAX;
/// The longest block as which a large list that shrinks is kept again.
const PACKED_AGAIN: usize = PACKED_MAX / 2;
/// Bytes of a listpack besides its elements.
const LISTPACK_BYTES: usize = 7;
/// Bytes of an element of a listpack besides its own, if it is short.
const LISTPACK_ELEMENT_BYTES: usize = 2;

/// A list on its own, outside of an entry. Cloning it is O(1); a change after that copies what it touches.
#[derive(Debug, Clone)]
pub enum List {
    /// A block of elements.
    Packed(Arc<[u8]>),
    /// A tree of elements.
    Large(Large),
}

/// The elements of a large list.
#[derive(Debug, Clone)]
pub struct Large {
    elements: Sequence,
    encoding: Encoding,
}

/// How a list is kept in Redis, by the names that `OBJECT ENCODING` gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// One block.
    Listpack,
    /// Linked blocks.
    Quicklist,
}

/// When a listpack becomes a quicklist: `list-max-listpack-size`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    max_listpack_bytes: usize,
    max_listpack_elements: usize,
}

impl Encoding {
    /// The name in Redis.
    pub fn name(self) -> &'static str {
        match self {
            Self::Listpack => "listpack",
            Self::Quicklist => "quicklist",
        }
    }
}

impl Settings {
    /// The meaning of `list-max-listpack-size`: -1 to -5 stand for 4 to 64 kB, a positive number for as many elements
    /// of not more than 8 kB altogether.
    pub const fn of_parameter(size: i64) -> Self {
        if size < 0 {
            let class = if size < -5 { 5 } else { -size };
            Self { max_listpack_bytes: 2048 << class, max_listpack_elements: usize::MAX }
        } else {
            Self {
                max_listpack_bytes: 8192,
                max_listpack_elements: if size == 0 { 1 } else { size as usize },
            }
        }
    }

    /// Whether so many bytes and elements are too many for a listpack.
    #[inline]
    fn exceeded_by(self, bytes: usize, elements: usize) -> bool {
        bytes > self.max_listpack_bytes || elements > self.max_listpack_elements
    }

    /// The limits below which a quicklist that shrinks is a listpack again.
    #[inline]
    fn halved(self) -> Self {
        let halved_elements = match self.max_listpack_elements {
            usize::MAX => usize::MAX,
            elements => elements / 2,
        };
        Self { max_listpack_bytes: self.max_listpack_bytes / 2, max_listpack_elements: halved_elements }
    }
}

impl Large {
    /// The number of elements.
    #[inline]
    pub fn len(&self) -> usize {
        self.elements.len()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    /// Puts an element at an end.
    #[inline]
    pub fn push(&mut self, side: Side, element: &[u8], settings: Settings) {
        self.note_growth(settings, element.len(), 1);
        self.elements.push(side, element);
    }

    /// Takes the element at an end out and shows it to `each` before; one is there. An edit has to be ended behind that, with
    /// [`ListEdit::note_removal`], unless it [`stays`](Self::stays) large.
    #[inline]
    pub fn pop(&mut self, side: Side, each: &mut dyn FnMut(&[u8])) {
        self.elements.pop(side, each);
    }

    /// Whether it is too long to be anything but what it is, elements having gone from it.
    #[inline]
    pub fn stays(&self, settings: Settings) -> bool {
        let bytes = self.listpack_bytes();
        bytes > PACKED_MAX
            && (self.encoding == Encoding::Listpack || settings.halved().exceeded_by(bytes, self.len()))
    }

    /// Before an element comes, or one grows: a listpack that would be too long is a quicklist.
    #[inline]
    fn note_growth(&mut self, settings: Settings, length: usize, added: usize) {
        if self.encoding == Encoding::Listpack
            && settings.exceeded_by(self.listpack_bytes() + length, self.elements.len() + added)
        {
            self.encoding = Encoding::Quicklist;
        }
    }

    /// The bytes of a listpack of these elements.
    fn listpack_bytes(&self) -> usize {
        listpack_bytes(self.elements.data_bytes(), self.elements.len())
    }
}

impl List {
    /// An empty list.
    pub fn new() -> Self {
        Self::Packed(Arc::from(series::EMPTY))
    }

    /// The list for reading.
    pub fn as_ref(&self) -> ListRef<'_> {
        match self {
            Self::Packed(block) => ListRef::packed(block),
            Self::Large(large) => ListRef::large(large),
        }
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.as_ref().is_empty()
    }

    /// Whether two clones of a list are as they were when they were one; it takes a look at each, not a walk.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Packed(one), Self::Packed(other)) => one == other,
            (Self::Large(one), Self::Large(other)) => one.elements.is_same(&other.elements),
            _ => false,
        }
    }

    /// The bytes that the list takes out of line.
    pub fn allocated_bytes(&self) -> usize {
        match self {
            Self::Packed(block) => block.len() + 2 * size_of::<usize>(),
            Self::Large(large) => large.elements.allocated_bytes(),
        }
    }
}

impl Dismantle for List {
    fn dismantle(self, between: &mut dyn FnMut()) {
        if let Self::Large(large) = self {
            large.elements.dismantle(between);
        }
    }
}

impl Sweep for List {
    fn sweep(&mut self, within: &mut usize, sweeper: &mut Sweeper<'_>) -> bool {
        match self {
            Self::Packed(block) => {
                sweeper.renew_packed(block);
                true
            }
            Self::Large(large) => large.elements.sweep(within, sweeper),
        }
    }
}

impl Default for List {
    fn default() -> Self {
        Self::new()
    }
}

fn listpack_bytes(data_bytes: usize, elements: usize) -> usize {
    LISTPACK_BYTES + data_bytes + LISTPACK_ELEMENT_BYTES * elements
}

/// The bytes of a listpack of the elements of a block.
fn listpack_bytes_of(series: Series<'_>) -> usize {
    listpack_bytes(series.data_bytes(), series.len())
}
