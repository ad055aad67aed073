//! HyperLogLogs through the door: strings whose bytes mean registers.

use std::sync::atomic::Ordering;

use value::hyperloglog::{self, Encoding, Fault};
use value::table::Payload;

use super::{Db, Expiry, WrongType};
use crate::effect::Effect;
use crate::key::Key;

/// Why elements were not added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAdded {
    /// The key holds a value of another type.
    WrongType,
    /// The key holds a string, which is no whole HyperLogLog.
    Fault(Fault),
}

impl From<WrongType> for NotAdded {
    fn from(_: WrongType) -> Self {
        Self::WrongType
    }
}

impl From<Fault> for NotAdded {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Db<'_, '_> {
    /// Adds elements to the HyperLogLog of a key, which begins empty; tells whether that changed it.
    pub fn hyperloglog_add(&mut self, key: &Key<'_>, elements: &[&[u8]]) -> Result<bool, NotAdded> {
        let sparse_max = self.access.keyspace.limits().hyperloglog_sparse_bytes.load(Ordering::Relaxed);
        let changed = match self.string_to_change(key)? {
            None => self.add_to_copy(key, hyperloglog::empty(), elements, sparse_max).map(|_| true),
            Some(string) => match hyperloglog::encoding_of(string)? {
                Encoding::Dense => Ok(self.add_to_dense(key, elements)),
                Encoding::Sparse => {
                    let copy = hyperloglog::whole(string)?.into_owned();
                    self.add_to_copy(key, copy, elements, sparse_max)
                }
            },
        }?;
        if changed {
            self.record(&Effect::AddElements { key: key.bytes, elements });
        }
        Ok(changed)
    }

    /// Adds to registers that are kept dense, where they are: what adds nothing copies nothing.
    fn add_to_dense(&mut self, key: &Key<'_>, elements: &[&[u8]]) -> bool {
        let Some(found) = self.find(key) else { return false };
        let Payload::Inline(bytes) = self.payload(found) else {
            unreachable!("registers are shorter than a string in pages")
        };
        if !elements.iter().any(|element| hyperloglog::dense_would_change(bytes, element)) {
            return false;
        }
        let bytes = self.partition_mut(key).table.inline_mut(found.at);
        for element in elements {
            hyperloglog::add_to_dense(bytes, element);
        }
        self.note_change_at(found);
        true
    }

    /// Adds to a copy, and puts that in place of the original if it came to differ, or if there was none.
    fn add_to_copy(
        &mut self,
        key: &Key<'_>,
        mut bytes: Vec<u8>,
        elements: &[&[u8]],
        sparse_max: usize,
    ) -> Result<bool, NotAdded> {
        let mut changed = false;
        for element in elements {
            changed |= hyperloglog::add(&mut bytes, element, sparse_max)?;
        }
        let found = self.find(key);
        if changed || found.is_none() {
            let expiry = Expiry::Keep.apply(found.and_then(|found| found.meta.expiry));
            self.put_string(key, found, &bytes, value::Kind::StringChanged, expiry);
        }
        Ok(changed)
    }
}
