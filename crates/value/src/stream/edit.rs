//! Changing the entries of a stream.

use super::id::Id;
use super::names::{INLINE, NameSets};
use super::node::{self, Node};
use super::{Content, Settings, Stream, Tail};
use triomphe::Arc;

/// The most memory that the node at the end keeps for the next one.
const SPARE_BYTES: usize = 8192;

/// What a stream is to lose at its front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trim {
    /// All that is beyond so many entries.
    Length(u64),
    /// All before an ID.
    Before(Id),
}

/// How far a trim may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Exactly as far as is asked.
    Exact,
    /// Whole nodes only, and no more than so many entries; 0 means any number.
    Nodes {
        /// The most entries.
        limit: u64,
    },
}

impl Stream {
    /// Adds an entry with fields, names and values in turn. Its ID has to be greater than that of the last one ever.
    pub fn append(&mut self, id: Id, fields: &[&[u8]], settings: Settings) {
        let root = self.root_mut();
        debug_assert!(id > root.facts.last_id, "IDs ascend");
        root.content.append(id, fields, settings);
        root.facts.last_id = id;
        root.facts.entries_added = root.facts.entries_added.saturating_add(1);
        root.facts.len += 1;
        if root.facts.len == 1 {
            root.facts.first_id = id;
        }
    }

    /// Takes an entry out; whether it was there. How far entries were deleted is noted, as it is not by trimming.
    pub fn delete(&mut self, id: Id) -> bool {
        if !self.remove(id) {
            return false;
        }
        let facts = &mut self.root_mut().facts;
        facts.max_deleted_id = facts.max_deleted_id.max(id);
        true
    }

    /// Takes an entry out without a note; whether it was there.
    pub fn remove(&mut self, id: Id) -> bool {
        if !self.contains(id) {
            return false;
        }
        let root = self.root_mut();
        root.content.filter(root.content.node_of(id), |other| other != id);
        root.facts.len -= 1;
        self.refresh_first();
        true
    }

    /// Removes entries from the front; returns how many.
    pub fn trim(&mut self, trim: Trim, reach: Reach) -> u64 {
        let (nodes, removed) = self.whole_nodes(trim, reach);
        let content = &self.root.content;
        let rest = match trim {
            _ if reach != Reach::Exact || nodes == content.node_count() => 0,
            Trim::Length(length) => (self.len() - removed).saturating_sub(length) as usize,
            Trim::Before(id) => {
                content.node(nodes).iter(&content.names).take_while(|entry| entry.id() < id).count()
            }
        };
        if nodes == 0 && rest == 0 {
            return 0;
        }
        let root = self.root_mut();
        if rest > 0 {
            let mut left = rest;
            root.content.filter(nodes, |_| {
                let goes = left > 0;
                left -= usize::from(goes);
                !goes
            });
        }
        root.content.remove_front(nodes);
        let removed = removed + rest as u64;
        root.facts.len -= removed;
        self.refresh_first();
        removed
    }

    /// How many nodes at the front go as a whole, and how many entries these have.
    fn whole_nodes(&self, trim: Trim, reach: Reach) -> (usize, u64) {
        let content = &self.root.content;
        let limit = match reach {
            Reach::Exact | Reach::Nodes { limit: 0 } => u64::MAX,
            Reach::Nodes { limit } => limit,
        };
        let mut removed = 0;
        for at in 0..content.node_count() {
            let node = content.node(at);
            let entries = node.len() as u64;
            let goes = match trim {
                Trim::Length(length) => {
                    self.len() - removed > length && self.len() - removed - entries >= length
                }
                Trim::Before(id) => {
                    let next_begins_before =
                        at + 1 < content.node_count() && content.node(at + 1).first() <= id;
                    next_begins_before || node.first() < id && node.last(&content.names) < id
                }
            };
            if !goes || removed + entries > limit {
                return (at, removed);
            }
            removed += entries;
        }
        (content.node_count(), removed)
    }

    /// Tells what the stream says of its past; what is `None` stays.
    pub fn set_past(&mut self, last_id: Id, entries_added: Option<u64>, max_deleted_id: Option<Id>) {
        let facts = &mut self.root_mut().facts;
        facts.last_id = last_id;
        facts.entries_added = entries_added.unwrap_or(facts.entries_added);
        facts.max_deleted_id = max_deleted_id.unwrap_or(facts.max_deleted_id);
    }

    /// What is added next begins a node, as after a block of a file.
    pub fn end_node(&mut self) {
        self.root_mut().content.seal();
    }

    fn refresh_first(&mut self) {
        let root = self.root_mut();
        if root.facts.len == 0 {
            root.content = Content::default();
            root.facts.first_id = Id::MIN;
        } else {
            root.facts.first_id = root.content.node(0).first();
        }
    }
}

impl Content {
    fn append(&mut self, id: Id, fields: &[&[u8]], settings: Settings) {
        let bytes = node::entry_bytes(fields);
        if settings.is_full(&self.tail, bytes) {
            self.seal();
        }
        let number = self.number_of(fields);
        let last = (!self.tail.is_empty()).then_some(self.tail.last);
        node::begin_entry(&mut self.tail.bytes, last, id, number);
        node::add_content(&mut self.tail.bytes, number, fields);
        self.tail.last = id;
        // What is never changed again need not be copied by the first write after a snapshot.
        if self.tail.bytes.len() > Settings::MAX_NODE_BYTES / 4
            && self.tail.bytes.len() > settings.max_node_bytes
        {
            self.seal();
        }
    }

    fn number_of(&mut self, fields: &[&[u8]]) -> u8 {
        let number = self.names.find(fields);
        if number == INLINE && self.names.has_room(fields) {
            return Arc::<NameSets>::make_mut(&mut self.names).add(fields);
        }
        number
    }

    /// The node at the end goes to the others.
    fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.nodes.insert(&self.tail.bytes);
            self.tail.bytes.clear();
            self.tail.bytes.shrink_to(SPARE_BYTES);
        }
    }

    /// Keeps some entries of a node, and the node only if there are any.
    fn filter(&mut self, at: usize, keep: impl FnMut(Id) -> bool) {
        let filtered = self.node(at).filtered(&self.names, keep);
        if at == self.nodes.len() {
            self.tail = filtered.map(|(bytes, last)| Tail { bytes, last }).unwrap_or_default();
            return;
        }
        // The first ID may be another one now, but it still belongs between those of the neighbours.
        match filtered {
            Some((bytes, _)) => {
                self.nodes.remove_at(at);
                self.nodes.insert(&bytes);
            }
            None => self.nodes.remove_at(at),
        }
    }

    fn remove_front(&mut self, nodes: usize) {
        if nodes > self.nodes.len() {
            self.tail = Tail::default();
        }
        self.nodes.remove_range(0..nodes);
    }
}

impl Settings {
    /// Whether the node at the end is not to have one more entry of so many bytes.
    fn is_full(self, tail: &Tail, bytes: usize) -> bool {
        !tail.is_empty()
            && (tail.bytes.len() + bytes > self.max_node_bytes
                || Node::new(&tail.bytes).len() >= self.max_node_entries)
    }
}
