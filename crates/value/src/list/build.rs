//! Building a list from its elements in order, as loading does.

use std::sync::Arc;

use super::{Encoding, Large, List, PACKED_MAX, Settings, listpack_bytes_of};
use crate::series::{self, Form, Series};
use crate::tree::{self, ByPosition};

/// A list in the making.
#[derive(Debug)]
pub struct Builder {
    /// All elements, as long as they are few.
    packed: series::Builder,
    /// All elements, once they are many.
    large: Option<tree::Builder<ByPosition>>,
}

impl Builder {
    /// Begins a list.
    pub fn new() -> Self {
        Self { packed: series::Builder::new(Form::NARROWEST), large: None }
    }

    /// Adds an element behind the last.
    pub fn push(&mut self, element: &[u8]) {
        if self.large.is_none() {
            if self.packed.push(element, |_| PACKED_MAX) {
                return;
            }
            self.large = Some(self.packed.finish(unpacked));
        }
        self.large.as_mut().expect("the elements are many").push(element);
    }

    /// Ends the list, kept as a list that was built by commands.
    pub fn finish(mut self, settings: Settings) -> List {
        if let Some(large) = self.large {
            let mut large = Large { elements: large.finish(), encoding: Encoding::Listpack };
            if settings.exceeded_by(large.listpack_bytes(), large.elements.len()) {
                large.encoding = Encoding::Quicklist;
            }
            return List::Large(large);
        }
        self.packed.finish(|block| {
            let series = Series::of(block);
            if settings.exceeded_by(listpack_bytes_of(series), series.len()) {
                let elements = unpacked(block).finish();
                return List::Large(Large { elements, encoding: Encoding::Quicklist });
            }
            List::Packed(Arc::from(block))
        })
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

/// A tree in the making that begins with the elements of a block.
pub(super) fn unpacked(block: &[u8]) -> tree::Builder<ByPosition> {
    let mut builder = tree::Builder::new();
    Series::of(block).iter().for_each(|element| builder.push(&element));
    builder
}
