//! Changes to a packed block: functions over its bytes.
//!
//! A change of equal size happens where the value stands ([`overwrite`] does no more than that, so it works on a block whose length is
//! fixed); any other moves the tail of the block once. Callers keep to [`MAX_ENTRIES`] and [`MAX_BYTES`] by asking [`has_room`].

use super::{
    EXPIRING, EXPIRY_BYTES, Entry, HEAD_BYTES, MAX_BYTES, MAX_ENTRIES, Packed, Span, length, write_expiry,
};
use std::ops::Range;
use stdx::time::UnixMs;

/// What happens to the expiry of a field that gets a new value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldExpiry {
    /// It stays what it was; a new field never expires.
    Keep,
    /// The field never expires.
    Clear,
    /// The field expires then.
    At(UnixMs),
}

impl FieldExpiry {
    /// The expiry of a field whose expiry was `before`.
    pub fn apply(self, before: Option<UnixMs>) -> Option<UnixMs> {
        match self {
            Self::Keep => before,
            Self::Clear => None,
            Self::At(at) => Some(at),
        }
    }
}

/// Makes `block` an empty block.
pub fn clear(block: &mut Vec<u8>) {
    block.clear();
    block.extend_from_slice(&[0; HEAD_BYTES]);
}

/// Whether one more field of these lengths surely fits into `block`, expiry included.
pub fn has_room(block: &[u8], field_length: usize, value_length: usize) -> bool {
    let entries = Packed::trusted(block).len();
    let growth = field_length
        .saturating_add(value_length)
        .saturating_add((entries + 1) * EXPIRY_BYTES + 2 * length::MAX_LENGTH_BYTES);
    entries < MAX_ENTRIES && block.len().saturating_add(growth) <= MAX_BYTES
}

/// Gives `field` the value in place, if it exists with a value of that length and its expiry does not change.
/// Returns whether that was done.
pub fn overwrite(block: &mut [u8], field: &[u8], value: &[u8], expiry: FieldExpiry) -> bool {
    let Some(span) = overwritable(block, field, value.len(), expiry) else { return false };
    block[span].copy_from_slice(value);
    true
}

/// Where the value of `field` stands, if [`overwrite`] would succeed.
pub fn overwritable(
    block: &[u8],
    field: &[u8],
    value_length: usize,
    expiry: FieldExpiry,
) -> Option<Range<usize>> {
    let packed = Packed::trusted(block);
    let span = packed.span_of(field)?;
    let before = packed.entry(span).expiry;
    let fits = span.end - span.value == value_length && expiry.apply(before) == before;
    fits.then_some(span.value..span.end)
}

/// Gives `field` a value. Returns whether the field is new.
pub fn set(block: &mut Vec<u8>, field: &[u8], value: &[u8], expiry: FieldExpiry) -> bool {
    if matches!(expiry, FieldExpiry::At(_)) {
        make_expiring(block);
    }
    let packed = Packed::trusted(block);
    let Some(span) = packed.span_of(field) else {
        insert(block, Entry { field, value, expiry: expiry.apply(None) });
        return true;
    };
    let before = packed.entry(span).expiry;
    let after = expiry.apply(before);
    if before == after {
        replace_value(block, span, field, value);
    } else {
        cut(block, span.start..span.end);
        add_to_count(block, -1);
        insert(block, Entry { field, value, expiry: after });
    }
    false
}

/// Removes `field`. Returns whether it was there.
pub fn remove(block: &mut Vec<u8>, field: &[u8]) -> bool {
    let Some(span) = Packed::trusted(block).span_of(field) else { return false };
    cut(block, span.start..span.end);
    add_to_count(block, -1);
    true
}

/// Sets or clears when `field` expires. Returns whether the field is there.
pub fn set_expiry(block: &mut Vec<u8>, field: &[u8], expiry: Option<UnixMs>) -> bool {
    let Some(found) = Packed::trusted(block).find(field) else { return false };
    if found.expiry != expiry {
        let value = found.value.to_vec();
        set(block, field, &value, expiry.map_or(FieldExpiry::Clear, FieldExpiry::At));
    }
    true
}

/// Removes the entries that are expired at `now`, telling each field. Returns how many they were.
pub fn remove_expired(block: &mut Vec<u8>, now: UnixMs, each: &mut dyn FnMut(&[u8])) -> usize {
    let packed = Packed::trusted(block);
    let count = packed.count_expired(now);
    if count == 0 {
        return 0;
    }
    let mut end = HEAD_BYTES;
    for span in packed.spans().take(count) {
        each(packed.entry(span).field);
        end = span.end;
    }
    cut(block, HEAD_BYTES..end);
    add_to_count(block, -(count as i32));
    count
}

/// Puts a new entry where the order wants it: before the first one that expires no sooner, or at the end.
fn insert(block: &mut Vec<u8>, entry: Entry<'_>) {
    let packed = Packed::trusted(block);
    let expiring = packed.is_expiring();
    let at = match entry.expiry {
        None => block.len(),
        Some(expiry) => packed
            .spans()
            .find(|span| packed.entry(*span).expiry.is_none_or(|other| other >= expiry))
            .map_or(block.len(), |span| span.start),
    };
    let mut head = [0; EXPIRY_BYTES + 2 * length::MAX_LENGTH_BYTES];
    let mut head_length = 0;
    if expiring {
        head[..EXPIRY_BYTES].copy_from_slice(&write_expiry(entry.expiry));
        head_length = EXPIRY_BYTES;
    }
    head_length += length::write(entry.field.len(), &mut head[head_length..]);
    head_length += length::write(entry.value.len(), &mut head[head_length..]);
    replace(block, at..at, &[&head[..head_length], entry.field, entry.value]);
    add_to_count(block, 1);
}

fn replace_value(block: &mut Vec<u8>, span: Span, field: &[u8], value: &[u8]) {
    if span.end - span.value == value.len() {
        block[span.value..span.end].copy_from_slice(value);
        return;
    }
    let mut lengths = [0; 2 * length::MAX_LENGTH_BYTES];
    let field_length_bytes = length::write(field.len(), &mut lengths);
    let length_bytes = field_length_bytes + length::write(value.len(), &mut lengths[field_length_bytes..]);
    let after_expiry =
        if Packed::trusted(block).is_expiring() { span.start + EXPIRY_BYTES } else { span.start };
    replace(block, after_expiry..span.end, &[&lengths[..length_bytes], field, value]);
}

/// Gives every entry room for an expiry.
fn make_expiring(block: &mut Vec<u8>) {
    let packed = Packed::trusted(block);
    if packed.is_expiring() {
        return;
    }
    let mut wide = Vec::with_capacity(block.len() + (packed.len() + 1) * EXPIRY_BYTES + 64);
    wide.extend_from_slice(&(packed.head() | EXPIRING).to_le_bytes());
    for span in packed.spans() {
        wide.extend_from_slice(&write_expiry(None));
        wide.extend_from_slice(&block[span.start..span.end]);
    }
    *block = wide;
}

/// Replaces the bytes of `range` by those of `parts`.
fn replace(block: &mut Vec<u8>, range: Range<usize>, parts: &[&[u8]]) {
    let new_length: usize = parts.iter().map(|part| part.len()).sum();
    let tail = range.end..block.len();
    let new_end = range.start + new_length;
    if new_end > range.end {
        block.resize(block.len() + (new_end - range.end), 0);
        block.copy_within(tail, new_end);
    } else {
        let kept = tail.len();
        block.copy_within(tail, new_end);
        block.truncate(new_end + kept);
    }
    let mut at = range.start;
    for part in parts {
        block[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    }
}

fn cut(block: &mut Vec<u8>, range: Range<usize>) {
    replace(block, range, &[]);
}

fn add_to_count(block: &mut [u8], change: i32) {
    let head = u16::from_le_bytes([block[0], block[1]]);
    let count = i32::from(head & !EXPIRING) + change;
    debug_assert!((0..=MAX_ENTRIES as i32).contains(&count), "callers ask has_room");
    block[..HEAD_BYTES].copy_from_slice(&(count as u16 | head & EXPIRING).to_le_bytes());
}
