//! Looking into the keys that patterns make up.

use std::borrow::Cow;

use keyspace::{Db, DbIndex, Keyspace, Snapshot};
use value::ValueRef;

use super::pattern::Pattern;

/// Where the keys are looked up.
pub(super) enum Lookup<'a, 'k> {
    /// There are none to look up.
    Nowhere,
    /// In the selected database, where they are locked.
    Db(Db<'a, 'k>, &'a Keyspace),
    /// In a database of a snapshot.
    Snapshot(&'a Snapshot, DbIndex, &'a Keyspace),
}

impl Lookup<'_, '_> {
    /// What a pattern leads to from an element: the element, a string, or a field of a hash.
    pub(super) fn find<'s>(&'s mut self, pattern: &'s Pattern, element: &'s [u8]) -> Option<Cow<'s, [u8]>> {
        let field = match pattern {
            Pattern::Element => return Some(Cow::Borrowed(element)),
            Pattern::Nothing => return None,
            Pattern::Key { field, .. } => field.as_deref(),
        };
        let name = pattern.key(element)?;
        let value = match self {
            Self::Nowhere => None,
            Self::Db(db, keyspace) => db.get(&keyspace.key(&name)),
            Self::Snapshot(snapshot, database, keyspace) => snapshot.value(*database, &keyspace.key(&name)),
        };
        match (value?, field) {
            (ValueRef::String(string), None) => Some(string.contiguous()),
            (ValueRef::Hash(hash), Some(field)) => hash.get(field).map(Cow::Borrowed),
            _ => None,
        }
    }
}
