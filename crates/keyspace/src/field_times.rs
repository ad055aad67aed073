//! Which hashes of a partition have fields that are due at some time, by the earliest of these times.
//!
//! The key's own entry has no room for a second time, and few hashes have such fields. So there is a set beside the table,
//! shared with snapshots until it is changed, and without such hashes there is none: every write of a key looks here.

use std::collections::BTreeSet;
use std::sync::Arc;

use stdx::time::UnixMs;

/// A hash by the earliest time of its fields, and its key.
type Due = (UnixMs, Box<[u8]>);

/// See the module's text.
#[derive(Debug, Clone, Default)]
pub(crate) struct FieldTimes(Option<Arc<BTreeSet<Due>>>);

impl FieldTimes {
    /// Whether no hash has such fields.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Hashes with such fields.
    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |hashes| hashes.len())
    }

    /// The hash whose field is due first.
    pub(crate) fn first(&self) -> Option<&Due> {
        self.0.as_ref()?.first()
    }

    /// Adds a hash.
    pub(crate) fn insert(&mut self, due: UnixMs, key: &[u8]) {
        Arc::make_mut(self.0.get_or_insert_default()).insert((due, key.into()));
    }

    /// Removes a hash that was added with this time.
    pub(crate) fn remove(&mut self, due: UnixMs, key: &[u8]) {
        if let Some(hashes) = &mut self.0 {
            Arc::make_mut(hashes).remove(&(due, key.into()));
            if hashes.is_empty() {
                self.0 = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_that_was_shared_stays_as_it_was() {
        let mut times = FieldTimes::default();
        times.insert(UnixMs(2), b"b");
        times.insert(UnixMs(1), b"a");
        let shared = times.clone();
        times.remove(UnixMs(1), b"a");
        assert_eq!(times.first().map(|(due, _)| *due), Some(UnixMs(2)));
        times.remove(UnixMs(2), b"b");
        assert!(times.is_empty());
        assert_eq!((times.len(), shared.len()), (0, 2));
    }
}
