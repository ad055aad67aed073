//! Walking over the entries of a stream, in either direction.

use super::id::Id;
use super::node::{self, Entry, Node};
use super::{Content, Stream};

/// Entries in ascending order.
#[derive(Debug)]
pub struct Entries<'a> {
    content: &'a Content,
    /// The node to go on with.
    next: usize,
    node: Option<node::Iter<'a>>,
    first: Id,
    last: Id,
}

/// Entries in descending order.
#[derive(Debug)]
pub struct EntriesBack<'a> {
    content: &'a Content,
    /// How many nodes are left.
    left: usize,
    /// The entries of a node that are not given yet; the next one is the last.
    entries: Vec<Entry<'a>>,
    first: Id,
    last: Id,
}

impl Stream {
    /// An entry.
    pub fn get(&self, id: Id) -> Option<Entry<'_>> {
        self.range(id, id).next()
    }

    /// Whether an entry is there.
    pub fn contains(&self, id: Id) -> bool {
        self.get(id).is_some()
    }

    /// All entries.
    pub fn iter(&self) -> Entries<'_> {
        self.range(Id::MIN, Id::MAX)
    }

    /// The entries of a range of IDs, both ends included.
    pub fn range(&self, first: Id, last: Id) -> Entries<'_> {
        let content = &self.root.content;
        Entries { content, next: content.node_of(first), node: None, first, last }
    }

    /// The entries of a range of IDs, both ends included, from the last one on.
    pub fn range_back(&self, first: Id, last: Id) -> EntriesBack<'_> {
        let content = &self.root.content;
        let left = (content.node_of(last) + 1).min(content.node_count());
        EntriesBack { content, left, entries: Vec::new(), first, last }
    }

    /// The IDs of the entries of each node: blocks that belong together when they are written.
    pub fn nodes(&self) -> impl Iterator<Item = Vec<Entry<'_>>> {
        let content = &self.root.content;
        (0..content.node_count()).map(|at| content.node(at).iter(&content.names).collect())
    }
}

impl Content {
    /// The number of nodes, the one at the end that still grows included.
    pub(super) fn node_count(&self) -> usize {
        self.nodes.len() + usize::from(!self.tail.is_empty())
    }

    /// A node that is there.
    pub(super) fn node(&self, at: usize) -> Node<'_> {
        Node::new(self.nodes.get(at).unwrap_or(&self.tail.bytes))
    }

    /// The node in which an ID is, if it is anywhere: the last one that begins with it or before. The first one for what
    /// stands before all.
    pub(super) fn node_of(&self, id: Id) -> usize {
        if !self.tail.is_empty() && Node::new(&self.tail.bytes).first() <= id {
            return self.nodes.len();
        }
        // A node is longer than an ID, so it stands behind the bytes of its own first ID.
        let at = self.nodes.lower_bound(&id.to_bytes());
        let begins_with_it = self.nodes.get(at).is_some_and(|bytes| Node::new(bytes).first() == id);
        if begins_with_it { at } else { at.saturating_sub(1) }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    #[inline]
    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            for entry in self.node.iter_mut().flatten() {
                if entry.id() > self.last {
                    self.next = usize::MAX;
                    break;
                }
                if entry.id() >= self.first {
                    return Some(entry);
                }
            }
            if self.next >= self.content.node_count() {
                self.node = None;
                return None;
            }
            self.node = Some(self.content.node(self.next).iter(&self.content.names));
            self.next += 1;
        }
    }
}

impl<'a> Iterator for EntriesBack<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        loop {
            if let Some(entry) = self.entries.pop() {
                if entry.id() >= self.first {
                    return Some(entry);
                }
                self.left = 0;
                self.entries.clear();
            }
            self.left = self.left.checked_sub(1)?;
            let node = self.content.node(self.left);
            if node.first() <= self.last {
                let last = self.last;
                let entries = node.iter(&self.content.names);
                self.entries.extend(entries.take_while(|entry| entry.id() <= last));
            }
        }
    }
}
