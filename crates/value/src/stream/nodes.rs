//! The entries of a stream, taken apart node by node.

use triomphe::Arc;

use super::names::NameSets;
use super::node::{Entry, Node};
use super::{Content, Root, Stream};
use crate::tree;

/// What is left of the entries of a clone, which gives up what is read.
#[derive(Debug)]
pub struct Nodes {
    leaves: tree::Leaves,
    /// The node at the end; no bytes if it has been read.
    tail: Vec<u8>,
    names: Arc<NameSets>,
}

impl Stream {
    /// Takes a clone apart: its entries, and the stream without them, which still says how many they are.
    pub fn into_nodes(self) -> (Nodes, Self) {
        let Root { facts, content, groups, producers } = Arc::unwrap_or_clone(self.root);
        let Content { nodes, tail, names } = content;
        let rest = Root { facts, content: Content::default(), groups, producers };
        (Nodes { leaves: nodes.into_leaves(), tail: tail.bytes, names }, Self { root: Arc::new(rest) })
    }

    /// The bytes of the nodes of all entries, but for those at the end.
    pub fn node_bytes(&self) -> usize {
        self.root.content.nodes.data_bytes()
    }
}

impl Nodes {
    /// Shows some nodes, each with its entries, and lets go of them; false: there are no more.
    pub fn read(&mut self, mut look: impl FnMut(&[Entry<'_>])) -> bool {
        let mut show = |node: &[u8]| look(&Node::new(node).iter(&self.names).collect::<Vec<_>>());
        if let Some(leaf) = self.leaves.next() {
            leaf.iter().for_each(show);
            return true;
        }
        let tail = std::mem::take(&mut self.tail);
        if !tail.is_empty() {
            show(&tail);
        }
        !tail.is_empty()
    }
}
