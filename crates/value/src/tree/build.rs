//! Building a tree from its elements in order: full leaves first, then the levels above them.

use std::marker::PhantomData;

use triomphe::Arc;

use super::block::{self, BLOCK_BYTES, Block, LONG_BYTES};
use super::inner::{FAN, Inner};
use super::node::Node;
use super::{Order, Tree};
use crate::series::{self, Series};

/// A tree in the making. It costs a fraction of inserting one element at a time.
#[derive(Debug)]
pub struct Builder<O> {
    leaf: series::Builder,
    nodes: Vec<Node>,
    len: usize,
    data_bytes: usize,
    order: PhantomData<O>,
}

impl<O: Order> Builder<O> {
    /// The bytes of a full leaf. What is looked up by key is looked up in short ones.
    const FULL_BYTES: usize = if O::HAS_SEPARATORS { BLOCK_BYTES } else { LONG_BYTES };

    /// Begins a tree.
    pub fn new() -> Self {
        Self {
            leaf: series::Builder::new(O::LEAST_FORM),
            nodes: Vec::new(),
            len: 0,
            data_bytes: 0,
            order: PhantomData,
        }
    }

    /// Adds an element behind the last. In a tree by key it has to be greater than that one.
    pub fn push(&mut self, element: &[u8]) {
        if block::is_large(element) {
            self.end_leaf();
            self.nodes.push(Node::leaf_of(element, 0, O::LEAST_FORM));
        } else {
            let longest = |form| block::longest(form, Self::FULL_BYTES);
            if !self.leaf.push(element, longest) {
                self.end_leaf();
                self.leaf.push(element, longest);
            }
        }
        self.len += 1;
        self.data_bytes += element.len();
    }

    /// Ends the tree.
    pub fn finish(mut self) -> Tree<O> {
        self.end_leaf();
        let mut nodes = self.nodes;
        while nodes.len() > 1 {
            let mut below = nodes.into_iter().peekable();
            nodes = Vec::new();
            while below.peek().is_some() {
                let inner = Inner::new(below.by_ref().take(FAN), O::HAS_SEPARATORS);
                nodes.push(Node::Inner(Arc::new(inner)));
            }
        }
        let root = nodes.pop().unwrap_or_else(|| Node::empty(O::LEAST_FORM));
        Tree { root, len: self.len, data_bytes: self.data_bytes, order: PhantomData }
    }

    /// The leaves, how many elements they have and how many bytes these.
    pub(super) fn into_leaves(mut self) -> (Vec<Node>, usize, usize) {
        self.end_leaf();
        (self.nodes, self.len, self.data_bytes)
    }

    fn end_leaf(&mut self) {
        if !self.leaf.is_empty() {
            self.nodes.push(Node::Leaf(self.leaf.finish(|block| Block::of(Series::of(block)))));
        }
    }
}

impl<O: Order> Default for Builder<O> {
    fn default() -> Self {
        Self::new()
    }
}

impl<O: Order, E: AsRef<[u8]>> FromIterator<E> for Tree<O> {
    fn from_iter<I: IntoIterator<Item = E>>(elements: I) -> Self {
        let mut builder = Builder::new();
        elements.into_iter().for_each(|element| builder.push(element.as_ref()));
        builder.finish()
    }
}
