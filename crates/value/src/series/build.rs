//! Building a block element by element.

use super::{EMPTY, Form, Item, Series, edit};
use crate::leaf;

/// A block in the making.
#[derive(Debug)]
pub(crate) struct Builder {
    /// What a block begins with.
    least: Form,
    /// All elements, as long as they are integers.
    integers: Vec<u8>,
    /// All elements, once they are not.
    texts: leaf::Builder,
    is_texts: bool,
}

impl Builder {
    /// Begins a block that has a form or a greater one.
    pub(crate) fn new(least: Form) -> Self {
        let is_texts = least == Form::Texts;
        Self { least, integers: EMPTY.to_vec(), texts: leaf::Builder::new(), is_texts }
    }

    /// Whether there is no element yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.texts.is_empty() && Series::of(&self.integers).len() == 0
    }

    /// Adds an element behind the last, unless the block would become longer than its form may be; says whether it did.
    #[inline]
    pub(crate) fn push(&mut self, element: &[u8], longest: impl FnOnce(Form) -> usize) -> bool {
        if self.is_texts {
            let fits = self.texts.bytes_with(element.len()) <= longest(Form::Texts);
            if fits {
                self.texts.push(element);
            }
            return fits;
        }
        let integers = Series::of(&self.integers);
        let item = Item::read(element);
        let (form, bytes) = integers.with(item);
        if bytes > longest(form) {
            return false;
        }
        if form == Form::Texts {
            integers.iter().for_each(|element| self.texts.push(&element));
            self.texts.push(element);
            self.is_texts = true;
        } else {
            let count = integers.len();
            edit::insert_item(&mut self.integers, count, item);
        }
        true
    }

    /// Ends the block, shows it, and begins another one.
    pub(crate) fn finish<R>(&mut self, look: impl FnOnce(&[u8]) -> R) -> R {
        let result = if self.is_texts { self.texts.finish(look) } else { look(&self.integers) };
        self.integers.clear();
        self.integers.extend_from_slice(&EMPTY);
        self.is_texts = self.least == Form::Texts;
        result
    }
}
