//! Streams: entries in the order of their IDs, and the groups that read them.
//!
//! ```text
//! Stream ─► Root ─┬─ facts      what is known of the past: last ID, entries ever added, ..
//!                 ├─ content ─┬─ nodes   a tree of blocks of entries, by the ID of the first one
//!                 │           ├─ tail    the block at the end, which still grows
//!                 │           └─ names   the sets of names that entries have
//!                 ├─ groups     by name
//!                 └─ producers  the names that they have given to entries lately, if any do
//! ```
//! A clone of a stream is a clone of the first arrow. The write after it copies the root with its tail, a few kilobytes, and
//! from then on one path of a tree at a time.
//!
//! **Nodes.** Entries come at the end, so they are collected in a block of their own, which joins the tree when it has as
//! many entries or bytes as `stream-node-max-entries` and `stream-node-max-bytes` allow. In a `node` an entry tells
//! how far its ID is from the one before and which names it has, so a small one takes a few bytes. An entry is found by a
//! search for its node and a walk through it. Trimming with `~` removes whole nodes.
//!
//! **The past.** What a stream says of entries that are gone follows Redis: groups tell how far they lag behind as long as
//! that follows from these numbers, see [`Facts`].

mod edit;
mod facts;
mod group;
mod id;
mod names;
mod node;
mod nodes;
mod pending;
mod producers;
mod read;
mod references;
#[cfg(test)]
mod tests;
mod varint;

use std::collections::BTreeMap;
use std::ops;

use triomphe::Arc;

pub use edit::{Reach, Trim};
pub use facts::Facts;
pub use group::{Consumer, Group, Names};
pub use id::{Bound, Id, NewId};
pub use node::{Entry, Fields};
pub use nodes::{LastNode, NodeReader, Nodes};
pub use pending::{ConsumerNumber, Pending, PendingEntries};
pub use producers::{Limits, Named, Producers};
pub use read::{Entries, EntriesBack};
pub use references::References;

use crate::dismantle::{Dismantle, last_of};
use crate::sweep::{Sweep, Sweeper};
use crate::tree::Ordered;
use names::NameSets;

/// See the module's text.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    root: Arc<Root>,
}

#[derive(Clone, Debug, Default)]
struct Root {
    facts: Facts,
    content: Content,
    groups: Arc<Groups>,
    /// What producers have added lately, where some have given names to their entries.
    producers: Option<Arc<Producers>>,
}

type Groups = BTreeMap<Box<[u8]>, Arc<Group>>;

/// The entries.
#[derive(Clone, Debug, Default)]
struct Content {
    nodes: Ordered,
    tail: Tail,
    names: Arc<NameSets>,
}

/// The node at the end; no bytes at all if there is none.
#[derive(Clone, Debug, Default)]
struct Tail {
    bytes: Vec<u8>,
    /// The ID of its last entry.
    last: Id,
}

impl Tail {
    fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// When a node is full: `stream-node-max-bytes` and `stream-node-max-entries`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    max_node_bytes: usize,
    max_node_entries: usize,
}

impl Settings {
    /// The longest node, whatever the parameters allow: a write after a snapshot copies one.
    const MAX_NODE_BYTES: usize = 64 * 1024;

    /// The meaning of the two parameters, of which 0 means no limit.
    pub const fn of_parameters(max_bytes: usize, max_entries: usize) -> Self {
        const fn limited(value: usize, limit: usize) -> usize {
            if value == 0 || value > limit { limit } else { value }
        }
        Self {
            max_node_bytes: limited(max_bytes, Self::MAX_NODE_BYTES),
            max_node_entries: limited(max_entries, node::MAX_ENTRIES),
        }
    }
}

impl Stream {
    /// Whether two clones of a stream are as they were when they were one; it takes a look at each, not a walk.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.root, &other.root)
    }

    /// A stream without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of entries.
    pub fn len(&self) -> u64 {
        self.root.facts.len
    }

    /// Whether there is no entry. A stream without entries is a value like any other.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is known of the entries and their past.
    pub fn facts(&self) -> Facts {
        self.root.facts
    }

    /// The number of nodes.
    pub fn node_count(&self) -> usize {
        self.root.content.node_count()
    }

    /// A group by its name.
    pub fn group(&self, name: &[u8]) -> Option<&Group> {
        self.root.groups.get(name).map(|group| &**group)
    }

    /// A group to be changed.
    pub fn group_mut(&mut self, name: &[u8]) -> Option<&mut Group> {
        self.root.groups.get(name)?;
        Arc::make_mut(&mut self.root_mut().groups).get_mut(name).map(Arc::make_mut)
    }

    /// All groups, by their names.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = (&[u8], &Group)> {
        self.root.groups.iter().map(|(name, group)| (&**name, &**group))
    }

    /// The first group whose name is greater; of all groups if none is given.
    pub fn group_behind(&self, name: Option<&[u8]>) -> Option<(&[u8], &Group)> {
        let begin = name.map_or(ops::Bound::Unbounded, ops::Bound::Excluded);
        let mut groups = self.root.groups.range::<[u8], _>((begin, ops::Bound::Unbounded));
        groups.next().map(|(name, group)| (&**name, &**group))
    }

    /// What producers have added lately, if there are such that give names.
    pub fn producers(&self) -> Option<&Producers> {
        self.root.producers.as_deref()
    }

    /// Takes them over, from a file.
    pub fn set_producers(&mut self, producers: Producers) {
        self.root_mut().producers = Some(Arc::new(producers));
    }

    /// The same to be changed; made with these limits if it is not there.
    pub fn producers_mut(&mut self, limits: Limits) -> &mut Producers {
        Arc::make_mut(self.root_mut().producers.get_or_insert_with(|| Arc::new(Producers::new(limits))))
    }

    /// Adds a group; false if there is one of that name.
    pub fn add_group(&mut self, name: &[u8], group: Group) -> bool {
        if self.root.groups.contains_key(name) {
            return false;
        }
        Arc::make_mut(&mut self.root_mut().groups).insert(name.into(), Arc::new(group));
        true
    }

    /// Removes a group; whether it was there.
    pub fn remove_group(&mut self, name: &[u8]) -> bool {
        if !self.root.groups.contains_key(name) {
            return false;
        }
        Arc::make_mut(&mut self.root_mut().groups).remove(name);
        true
    }

    /// The bytes that the stream takes, counted once for all clones.
    pub fn allocated_bytes(&self) -> usize {
        let Content { nodes, tail, names } = &self.root.content;
        let groups: usize = self
            .groups()
            .map(|(name, group)| name.len() + size_of::<Box<[u8]>>() + group.allocated_bytes())
            .sum();
        size_of::<Root>()
            + nodes.allocated_bytes()
            + tail.bytes.capacity()
            + names.allocated_bytes()
            + groups
            + self.producers().map_or(0, Producers::allocated_bytes)
    }

    /// Whether it is one node, and nobody reads it or adds to it by name.
    pub(crate) fn is_light(&self) -> bool {
        let Root { content, groups, producers, .. } = &*self.root;
        content.nodes.is_empty() && groups.is_empty() && producers.is_none()
    }

    fn root_mut(&mut self) -> &mut Root {
        Arc::make_mut(&mut self.root)
    }
}

impl Dismantle for Stream {
    fn dismantle(self, between: &mut dyn FnMut()) {
        let Some(Root { content, groups, producers, .. }) = last_of(self.root) else { return };
        content.nodes.dismantle(between);
        for group in last_of(groups).into_iter().flat_map(BTreeMap::into_values) {
            if let Some(group) = last_of(group) {
                group.dismantle(between);
            }
        }
        if let Some(producers) = producers.and_then(last_of) {
            producers.dismantle(between);
        }
    }
}

/// Counts the nodes of the tree.
impl Sweep for Stream {
    fn sweep(&mut self, within: &mut usize, sweeper: &mut Sweeper<'_>) -> bool {
        Arc::get_mut(&mut self.root).is_none_or(|root| root.content.nodes.sweep(within, sweeper))
    }
}
