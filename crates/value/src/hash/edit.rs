//! Changing a hash, wherever it is kept.

use super::{Fields, Hash, Settings};
use crate::packed::{self, Packed, edit::FieldExpiry};
use crate::table::{INLINE_MAX, Meta, NewPayload, Options, Table};
use std::sync::Arc;
use stdx::time::UnixMs;

/// A hash that is being changed.
pub struct HashEdit<'a> {
    store: Store<'a>,
    settings: Settings,
    changed: bool,
}

/// What became of a hash by an edit, and what the owner has to store.
pub enum Edited {
    /// Nothing to store: unchanged, or a table that was changed where it is.
    InPlace,
    /// The new block stands in the scratch buffer; it may be empty.
    Packed,
    /// The hash outgrew its block and became a table.
    Grown(Hash),
}

enum Store<'a> {
    Packed(&'a mut Vec<u8>),
    Table(&'a mut Fields),
    Grown(Fields),
}

impl<'a> HashEdit<'a> {
    /// Edits the packed hash in `block`; the new block is made in `scratch`.
    pub fn packed(block: &[u8], scratch: &'a mut Vec<u8>, settings: Settings) -> Self {
        scratch.clear();
        scratch.extend_from_slice(block);
        Self { store: Store::Packed(scratch), settings, changed: false }
    }

    /// Edits a hash that does not exist yet.
    pub fn empty(scratch: &'a mut Vec<u8>, settings: Settings) -> Self {
        packed::edit::clear(scratch);
        Self { store: Store::Packed(scratch), settings, changed: false }
    }

    /// Edits the hash in a table.
    pub fn table(fields: &'a mut Fields, settings: Settings) -> Self {
        Self { store: Store::Table(fields), settings, changed: false }
    }

    /// The number of fields stored.
    pub fn len(&self) -> usize {
        match &self.store {
            Store::Packed(block) => Packed::trusted(block).len(),
            Store::Table(fields) => fields.len(),
            Store::Grown(fields) => fields.len(),
        }
    }

    /// Whether no field is left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// When the next field expires, if one ever does; a lower bound.
    pub fn next_expiry(&self) -> Option<UnixMs> {
        match &self.store {
            Store::Packed(block) => Packed::trusted(block).next_expiry(),
            Store::Table(fields) => fields.next_expiry(),
            Store::Grown(fields) => fields.next_expiry(),
        }
    }

    /// Gives `field` a value. Returns whether the field is new.
    pub fn set(&mut self, field: &[u8], value: &[u8], expiry: FieldExpiry) -> bool {
        self.changed = true;
        if let Store::Packed(block) = &mut self.store {
            if admits(block, field, value, self.settings) {
                return packed::edit::set(block, field, value, expiry);
            }
            self.store = Store::Grown(grow(block, self.settings));
        }
        let fields = self.fields().expect("a hash that is not packed is a table");
        let hash = fields.hash(field);
        let before = fields.find(hash, field).map(|at| fields.entry(at).meta.expiry);
        set_in_table(fields, hash, field, value, expiry.apply(before.flatten()));
        before.is_none()
    }

    /// Removes `field`. Returns whether it was there.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        let removed = match &mut self.store {
            Store::Packed(block) => packed::edit::remove(block, field),
            Store::Table(fields) => remove_from_table(fields, field),
            Store::Grown(fields) => remove_from_table(fields, field),
        };
        self.changed |= removed;
        removed
    }

    /// Sets or clears when `field` expires. Returns whether the field is there.
    pub fn set_expiry(&mut self, field: &[u8], expiry: Option<UnixMs>) -> bool {
        let found = if let Store::Packed(block) = &mut self.store {
            packed::edit::set_expiry(block, field, expiry)
        } else {
            let fields = self.fields().expect("a hash that is not packed is a table");
            let at = fields.find(fields.hash(field), field);
            at.map(|at| fields.set_expiry(at, expiry)).is_some()
        };
        self.changed |= found;
        found
    }

    /// Removes up to `limit` fields that are expired at `now`, telling each. Returns how many they were. A packed block
    /// is small enough to be done at once.
    pub fn remove_expired(&mut self, now: UnixMs, limit: usize, each: &mut dyn FnMut(&[u8])) -> usize {
        let removed = match &mut self.store {
            Store::Packed(block) => packed::edit::remove_expired(block, now, each),
            Store::Table(fields) => fields.take_due(now, limit, &mut |entry| each(entry.key)),
            Store::Grown(fields) => fields.take_due(now, limit, &mut |entry| each(entry.key)),
        };
        self.changed |= removed > 0;
        removed
    }

    /// Ends the edit and says what has to be stored.
    pub fn finish(self) -> Edited {
        match self.store {
            Store::Packed(_) if self.changed => Edited::Packed,
            Store::Packed(_) | Store::Table(_) => Edited::InPlace,
            Store::Grown(fields) => Edited::Grown(Hash::Table(fields)),
        }
    }

    fn fields(&mut self) -> Option<&mut Fields> {
        match &mut self.store {
            Store::Packed(_) => None,
            Store::Table(fields) => Some(fields),
            Store::Grown(fields) => Some(fields),
        }
    }
}

/// Whether a block may take the field and stay a block.
fn admits(block: &[u8], field: &[u8], value: &[u8], settings: Settings) -> bool {
    let packed = Packed::trusted(block);
    field.len() <= settings.max_packed_value
        && value.len() <= settings.max_packed_value
        && packed::edit::has_room(block, field.len(), value.len())
        && (packed.len() < settings.max_packed_entries || packed.find(field).is_some())
}

fn grow(block: &[u8], settings: Settings) -> Fields {
    let mut fields = Table::new(settings.seed, Options::default());
    for entry in Packed::trusted(block).iter() {
        let hash = fields.hash(entry.field);
        set_in_table(&mut fields, hash, entry.field, entry.value, entry.expiry);
    }
    fields
}

fn set_in_table(fields: &mut Fields, hash: u64, field: &[u8], value: &[u8], expiry: Option<UnixMs>) {
    let payload = if value.len() <= INLINE_MAX {
        NewPayload::Inline(value)
    } else {
        NewPayload::Object(Arc::from(value))
    };
    fields.set(hash, field, payload, Meta { kind: 0, expiry, access: None });
}

fn remove_from_table(fields: &mut Fields, field: &[u8]) -> bool {
    let at = fields.find(fields.hash(field), field);
    at.map(|at| fields.remove(at)).is_some()
}
