//! What a stream knows of its entries and of those that are gone, and what follows from it for groups.

use super::group::Group;
use super::id::Id;

/// See the module's text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Entries that are there.
    pub len: u64,
    /// The ID of the first of them; `0-0` if there are none.
    pub first_id: Id,
    /// The greatest ID that an entry ever had.
    pub last_id: Id,
    /// The greatest ID that was deleted, which trimming does not count as; `0-0` if none was.
    pub max_deleted_id: Id,
    /// Entries that were ever added.
    pub entries_added: u64,
}

impl Facts {
    /// The ID of an entry that is added at a time. `None` if there is no greater ID.
    pub fn next_id(&self, now_ms: u64) -> Option<Id> {
        if now_ms > self.last_id.ms { Some(Id::new(now_ms, 0)) } else { self.last_id.next() }
    }

    /// How many entries a group has not read yet, if that follows from what is known.
    pub fn lag(&self, group: &Group) -> Option<i64> {
        let is_before_all = group.last_id < self.first_id && self.max_deleted_id < self.first_id;
        if self.entries_added == 0 || self.len == 0 {
            return Some(0);
        }
        if is_before_all {
            // Nothing was deleted ahead of the group, and it has read nothing that is there.
            return Some(self.len as i64);
        }
        let read = match group.entries_read {
            Some(read) if !self.has_gap_from(group.last_id) => Some(read),
            _ => self.read_up_to(group.last_id),
        };
        read.map(|read| (self.entries_added as i64).wrapping_sub(read as i64))
    }

    /// A group has been given an entry behind all that it had: what it has read then.
    pub fn entries_read_with(&self, group: &Group, id: Id) -> Option<u64> {
        match group.entries_read {
            Some(read) if group.last_id >= self.first_id && !self.has_gap_from(group.last_id) => {
                Some(read.saturating_add(1))
            }
            read if self.entries_added == 0 => read,
            _ => self.read_up_to(id),
        }
    }

    /// Whether an entry from an ID on may be missing.
    fn has_gap_from(&self, id: Id) -> bool {
        self.len > 0 && !self.max_deleted_id.is_zero() && id <= self.max_deleted_id
    }

    /// How many entries were added up to an ID, where that is certain: at the ends of the stream.
    pub fn read_up_to(&self, id: Id) -> Option<u64> {
        if self.entries_added == 0 {
            return Some(0);
        }
        if self.len == 0 && id <= self.last_id {
            return Some(self.entries_added);
        }
        if !id.is_zero() && id < self.max_deleted_id {
            return None;
        }
        if id == self.last_id {
            return Some(self.entries_added);
        }
        if id > self.last_id || (!self.max_deleted_id.is_zero() && self.max_deleted_id >= self.first_id) {
            return None;
        }
        let gone = self.entries_added.saturating_sub(self.len);
        match id.cmp(&self.first_id) {
            std::cmp::Ordering::Less => Some(gone),
            std::cmp::Ordering::Equal => Some(gone + 1),
            std::cmp::Ordering::Greater => None,
        }
    }
}
