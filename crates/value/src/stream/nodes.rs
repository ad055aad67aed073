//! The entries of a stream, taken apart node by node.

use triomphe::Arc;

use super::id::Id;
use super::names::NameSets;
use super::node::{Entry, Node};
use super::{Content, Root, Stream};
use crate::tree;

/// The entries of a clone.
#[derive(Debug)]
pub struct Nodes {
    /// The nodes of the tree, some in each leaf.
    pub leaves: tree::Leaves,
    /// The node at the end.
    pub tail: LastNode,
    /// Who reads them.
    pub reader: NodeReader,
}

/// A node that still grew when the stream was cloned; nothing if there was none.
#[derive(Debug, Default)]
pub struct LastNode(Vec<u8>);

/// What the nodes of a stream are read with. A clone costs nothing.
#[derive(Debug, Clone)]
pub struct NodeReader(Arc<NameSets>);

impl Stream {
    /// Takes a clone apart: its entries, and the stream without them, which still says how many they are.
    pub fn into_nodes(self) -> (Nodes, Self) {
        let Root { facts, content, groups, producers } = Arc::unwrap_or_clone(self.root);
        let Content { nodes, tail, names } = content;
        let rest = Root { facts, content: Content::default(), groups, producers };
        let (leaves, tail, reader) = (nodes.into_leaves(), LastNode(tail.bytes), NodeReader(names));
        (Nodes { leaves, tail, reader }, Self { root: Arc::new(rest) })
    }

    /// The address of the leaf in which an entry is, or would be; it is changed when the entry is deleted
    /// ([`tree::Tree::leaf_at`]). None: it would be in the node at the end.
    pub fn leaf_of(&self, id: Id) -> Option<usize> {
        let content = &self.root.content;
        let at = content.node_of(id);
        (at < content.nodes.len()).then(|| content.nodes.leaf_at(at))
    }

    /// The bytes of the nodes of all entries, but for those at the end.
    pub fn node_bytes(&self) -> usize {
        self.root.content.nodes.data_bytes()
    }
}

impl NodeReader {
    /// Shows the nodes of a leaf, each with its entries.
    pub fn read(&self, leaf: &tree::Part, mut look: impl FnMut(&[Entry<'_>])) {
        leaf.keys().for_each(|node| look(&self.entries(node)));
    }

    /// Shows the node at the end, if there is one.
    pub fn read_last(&self, node: &LastNode, look: impl FnOnce(&[Entry<'_>])) {
        if !node.0.is_empty() {
            look(&self.entries(&node.0));
        }
    }

    fn entries<'a>(&'a self, node: &'a [u8]) -> Vec<Entry<'a>> {
        Node::new(node).iter(&self.0).collect()
    }
}
