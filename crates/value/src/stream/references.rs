//! What becomes of entries that groups still refer to: those that they have pending, or have not read yet.

use super::Stream;
use super::edit::{Reach, Trim};
use super::group::Group;
use super::id::Id;

/// What is done about references when entries go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum References {
    /// They stay: groups may have entries pending that are gone.
    #[default]
    Keep,
    /// They go with the entries.
    Remove,
    /// Entries that a group has not read or not acknowledged stay.
    Respect,
}

impl Stream {
    /// Whether a group has not read an entry yet, or has it pending.
    pub fn is_referenced(&self, id: Id) -> bool {
        self.groups().any(|(_, group)| group.last_id < id || group.pending.get(id).is_some())
    }

    /// The names of the groups that have an entry pending.
    pub fn pending_in(&self, id: Id) -> impl Iterator<Item = &[u8]> {
        self.groups().filter(move |(_, group)| group.pending.get(id).is_some()).map(|(name, _)| name)
    }

    /// Removes entries from the front; returns how many.
    pub fn trim_with(&mut self, trim: Trim, reach: Reach, references: References) -> u64 {
        match references {
            References::Keep => self.trim(trim, reach),
            References::Remove => {
                let mut trimmed = self.clone();
                let removed = trimmed.trim(trim, reach);
                if removed > 0 {
                    self.forget_front(removed);
                    self.trim(trim, reach);
                }
                removed
            }
            References::Respect => self.trim_unreferenced(trim, reach),
        }
    }

    /// No group has any of the first entries pending any more.
    fn forget_front(&mut self, count: u64) {
        let ids: Vec<Id> = self.iter().take(count as usize).map(|entry| entry.id()).collect();
        let Some(&last) = ids.last() else { return };
        let names: Vec<Vec<u8>> = self.groups().map(|(name, _)| name.to_vec()).collect();
        for name in names {
            let is_gone = |id: &Id| ids.binary_search(id).is_ok();
            let pending = |group: &Group| -> Vec<Id> {
                let ids = group.pending.from(Id::MIN).map(|pending| pending.id);
                ids.take_while(|id| *id <= last).filter(is_gone).collect()
            };
            let gone = self.group(&name).map(pending).unwrap_or_default();
            if let Some(group) = self.group_mut(&name).filter(|_| !gone.is_empty()) {
                for id in &gone {
                    group.pending.remove(*id);
                }
            }
        }
    }

    /// Removes entries from the front that no group refers to, going over the others.
    fn trim_unreferenced(&mut self, trim: Trim, reach: Reach) -> u64 {
        let most = match (trim, reach) {
            (Trim::Length(length), Reach::Exact) => self.len().saturating_sub(length),
            (Trim::Before(_), Reach::Exact) => u64::MAX,
            // Of whole nodes, as many entries as would have gone without groups.
            (_, Reach::Nodes { .. }) => self.clone().trim(trim, reach),
        };
        let end = if let Trim::Before(id) = trim { id.previous() } else { Some(Id::MAX) };
        let Some(end) = end else { return 0 };
        let entries = self.range(Id::MIN, end).map(|entry| entry.id());
        let gone: Vec<Id> = entries
            .filter(|id| !self.is_referenced(*id))
            .take(usize::try_from(most).unwrap_or(usize::MAX))
            .collect();
        for id in &gone {
            self.remove(*id);
        }
        gone.len() as u64
    }
}
