//! Changing a hash, wherever it is kept.
//!
//! An edit happens at a point in time. A field that is expired then does not exist for it: giving it a value makes it
//! new, and it can be neither removed nor given another expiry. Only [`HashEdit::remove_expired`] sees it.

use super::{Fields, Hash, Settings};
use crate::packed::{self, Packed, edit::FieldExpiry};
use crate::table::{Meta, NewPayload, Options, Position, Table};
use stdx::time::UnixMs;

/// A hash that is being changed.
pub struct HashEdit<'a> {
    store: Store<'a>,
    settings: Settings,
    now: UnixMs,
    changed: bool,
    watch: Option<&'a mut dyn FnMut([usize; 4])>,
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
    /// Edits the packed hash in `block`; the new block is made in `scratch`. If it has expired fields, the first change is
    /// to remove them.
    pub fn packed(block: &[u8], scratch: &'a mut Vec<u8>, settings: Settings, now: UnixMs) -> Self {
        scratch.clear();
        scratch.extend_from_slice(block);
        Self { store: Store::Packed(scratch), settings, now, changed: false, watch: None }
    }

    /// Edits a hash that does not exist yet.
    pub fn empty(scratch: &'a mut Vec<u8>, settings: Settings, now: UnixMs) -> Self {
        packed::edit::clear(scratch);
        Self { store: Store::Packed(scratch), settings, now, changed: false, watch: None }
    }

    /// Edits the hash in a table.
    pub fn table(fields: &'a mut Fields, settings: Settings, now: UnixMs) -> Self {
        Self { store: Store::Table(fields), settings, now, changed: false, watch: None }
    }

    /// With a table, `watch` is told which pages may be changed before they are ([`Table::pages_at_risk`]), if it is not that time
    /// has come for a field.
    #[must_use]
    pub fn watched(self, watch: &'a mut dyn FnMut([usize; 4])) -> Self {
        Self { watch: Some(watch), ..self }
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

    /// When the next field expires, if one ever does; of a table a lower bound of the time.
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
        self.tell(field);
        let now = self.now;
        let fields = self.fields().expect("a hash that is not packed is a table");
        let hash = fields.hash(field);
        let payload = NewPayload::Inline(value);
        let Some(at) = fields.find(hash, field) else {
            let after = expiry.apply(None);
            fields.insert(hash, field, payload, meta(after));
            count(fields, None, after);
            return true;
        };
        let before = fields.meta(at).expiry;
        let is_new = before.is_some_and(|before| before <= now);
        let after = expiry.apply(before.filter(|_| !is_new));
        fields.replace(at, payload, meta(after));
        count(fields, before, after);
        is_new
    }

    /// Removes `field`. Returns whether it was there.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        self.tell(field);
        let removed = match &mut self.store {
            Store::Packed(block) => packed::edit::remove(block, field),
            Store::Table(fields) => remove_from_table(fields, field, self.now),
            Store::Grown(fields) => remove_from_table(fields, field, self.now),
        };
        self.changed |= removed;
        removed
    }

    /// Sets or clears when `field` expires. Returns whether the field is there.
    pub fn set_expiry(&mut self, field: &[u8], expiry: Option<UnixMs>) -> bool {
        self.tell(field);
        let now = self.now;
        let found = if let Store::Packed(block) = &mut self.store {
            packed::edit::set_expiry(block, field, expiry)
        } else {
            let fields = self.fields().expect("a hash that is not packed is a table");
            let at = find_live(fields, field, now);
            at.map(|at| set_expiry_in_table(fields, at, expiry)).is_some()
        };
        self.changed |= found;
        found
    }

    /// Removes up to `limit` fields that are expired at `now`, telling each. Returns how many they were. A packed block
    /// is small enough to be done at once.
    pub fn remove_expired(&mut self, now: UnixMs, limit: usize, each: &mut dyn FnMut(&[u8])) -> usize {
        let removed = match &mut self.store {
            Store::Packed(block) => packed::edit::remove_expired(block, now, each),
            Store::Table(fields) => take_due(fields, now, limit, each),
            Store::Grown(fields) => take_due(fields, now, limit, each),
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

    /// Tells who watches that a field may be changed.
    #[inline]
    fn tell(&mut self, field: &[u8]) {
        if let (Some(watch), Store::Table(fields)) = (&mut self.watch, &self.store) {
            watch(fields.pages_at_risk(fields.hash(field)));
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
        fields.insert(hash, entry.field, NewPayload::Inline(entry.value), meta(entry.expiry));
        count(&mut fields, None, entry.expiry);
    }
    fields
}

/// A field had one time and has another.
fn count(fields: &mut Fields, before: Option<UnixMs>, after: Option<UnixMs>) {
    fields.count_timed(after.is_some().into(), before.is_some().into());
}

fn meta(expiry: Option<UnixMs>) -> Meta {
    Meta { kind: 0, expiry, access: None }
}

fn find_live(fields: &Fields, field: &[u8], now: UnixMs) -> Option<Position> {
    let at = fields.find(fields.hash(field), field)?;
    fields.meta(at).expiry.is_none_or(|expiry| expiry > now).then_some(at)
}

fn remove_from_table(fields: &mut Fields, field: &[u8], now: UnixMs) -> bool {
    let Some(at) = find_live(fields, field, now) else { return false };
    let before = fields.meta(at).expiry;
    fields.remove(at);
    count(fields, before, None);
    true
}

fn set_expiry_in_table(fields: &mut Fields, at: Position, expiry: Option<UnixMs>) {
    let before = fields.meta(at).expiry;
    fields.set_expiry(at, expiry);
    count(fields, before, expiry);
}

fn take_due(fields: &mut Fields, now: UnixMs, limit: usize, each: &mut dyn FnMut(&[u8])) -> usize {
    let taken = fields.take_due(now, limit, &mut |entry| each(entry.key));
    fields.count_timed(0, taken);
    taken
}
