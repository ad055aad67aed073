//! Strings through the door.

use stdx::time::UnixMs;
use value::string::PAGED_FROM;
use value::table::{NewPayload, Payload};
use value::{Blob, Kind, StringRef, Value};

use super::{Db, Expiry, Found, WrongType};
use crate::effect::{Effect, Removal};
use crate::event::Change;
use crate::key::Key;

impl Db<'_, '_> {
    /// The string of a key. Counts as a look-up.
    #[inline]
    pub fn string(&mut self, key: &Key<'_>) -> Result<Option<StringRef<'_>>, WrongType> {
        let Some(found) = self.find_to_read(key) else { return Ok(None) };
        self.string_at(found).map(Some)
    }

    /// The string of a key that is about to be changed: does not count as a look-up.
    pub fn string_to_change(&mut self, key: &Key<'_>) -> Result<Option<StringRef<'_>>, WrongType> {
        let Some(found) = self.find(key) else { return Ok(None) };
        self.string_at(found).map(Some)
    }

    /// Gives a key a string, over a value of any type. A time that has passed leaves no key.
    #[inline]
    pub fn set_string(&mut self, key: &Key<'_>, value: &[u8], expiry: Expiry) {
        if matches!(expiry, Expiry::At(at) if at <= self.access.now) {
            return self.set_passed_string(key);
        }
        let found = self.find(key);
        let is_due = matches!(expiry, Expiry::At(_));
        let at = expiry.apply(found.and_then(|found| found.meta.expiry));
        self.put_string(key, found, value, Kind::String, at);
        let value = StringRef::Inline(value);
        self.record(&match expiry {
            Expiry::Keep => Effect::ReplaceString { key: key.bytes, value },
            Expiry::Clear | Expiry::At(_) => Effect::SetString { key: key.bytes, value, expiry: at },
        });
        if is_due {
            self.tell(key, Change::ExpirySet);
        }
    }

    /// Gives keys strings, over values of any type, so that they are never due. The log is told of all at once.
    pub fn set_strings(&mut self, pairs: &[(Key<'_>, &[u8])]) {
        for (key, value) in pairs {
            let found = self.find(key);
            self.put_string(key, found, value, Kind::String, None);
            self.tell(key, Change::StringSet);
        }
        if !pairs.is_empty() {
            self.access.counters.changes += pairs.len() as u64 - 1;
            self.record_untold(&Effect::SetStrings { pairs });
        }
    }

    /// Gives a key the string that `change` makes of the one it has by adding a number, if that is no error. Its expiry stays.
    pub fn add_number<'v, E: From<WrongType>>(
        &mut self,
        key: &Key<'_>,
        number: i64,
        change: impl FnOnce(Option<StringRef<'_>>) -> Result<&'v [u8], E>,
    ) -> Result<(), E> {
        let found = self.find(key);
        let before = found.map(|found| self.string_at(found)).transpose()?;
        let value = change(before)?;
        let expiry = found.and_then(|found| found.meta.expiry);
        self.put_string(key, found, value, Kind::String, expiry);
        self.record(&Effect::AddNumber { key: key.bytes, number });
        Ok(())
    }

    /// Gives a key a number that may have a fraction, over another one, and is told as that. Its expiry stays.
    pub fn set_float(&mut self, key: &Key<'_>, text: &[u8]) {
        let found = self.find(key);
        let expiry = found.and_then(|found| found.meta.expiry);
        self.put_string(key, found, text, Kind::String, expiry);
        let effect = Effect::ReplaceString { key: key.bytes, value: StringRef::Inline(text) };
        self.record_as(Change::FloatSet, key, &effect);
    }

    /// What remains of a string whose time has passed: nothing, but it is told as if it had been there for a moment.
    fn set_passed_string(&mut self, key: &Key<'_>) {
        let found = self.find(key);
        match found {
            None => self.tell_birth(key),
            Some(found) => self.tell_replaced(key, found.kind(), Kind::String),
        }
        self.tell(key, Change::StringSet);
        self.tell(key, Change::ExpirySet);
        if let Some(found) = found {
            self.take_at(key, found);
            self.record_untold(&Effect::Delete { key: key.bytes, reason: Removal::Deleted });
        }
        self.tell(key, Change::Expired);
    }

    /// Adds bytes at the end of a string, which begins empty; returns its new length.
    pub fn append(&mut self, key: &Key<'_>, suffix: &[u8]) -> Result<usize, WrongType> {
        let Some(found) = self.find(key) else {
            self.set_string(key, suffix, Expiry::Clear);
            return Ok(suffix.len());
        };
        let length = self.string_at(found)?.len();
        self.change(key, Some(found), length, suffix);
        self.record(&Effect::AppendString { key: key.bytes, suffix });
        Ok(length + suffix.len())
    }

    /// Overwrites bytes of a string from an offset on, with zeros where it was shorter; returns its new length. The
    /// caller has checked that the end is within the limit of a string.
    pub fn write_range(&mut self, key: &Key<'_>, offset: usize, bytes: &[u8]) -> Result<usize, WrongType> {
        let found = self.find(key);
        let length = match found {
            Some(found) => self.string_at(found)?.len(),
            None => 0,
        };
        if bytes.is_empty() {
            return Ok(length);
        }
        self.change(key, found, offset, bytes);
        self.record(&Effect::WriteString { key: key.bytes, offset, bytes });
        Ok(length.max(offset + bytes.len()))
    }

    /// Whether APPEND, SETRANGE or SETBIT made the string what it is.
    pub fn string_is_changed(&mut self, key: &Key<'_>) -> bool {
        self.kind(key) == Some(Kind::StringChanged)
    }

    #[inline]
    fn string_at(&self, found: Found) -> Result<StringRef<'_>, WrongType> {
        match (found.kind(), self.payload(found)) {
            (Kind::String | Kind::StringChanged, Payload::Inline(bytes)) => Ok(StringRef::Inline(bytes)),
            (Kind::String | Kind::StringChanged, Payload::Object(Value::String(blob))) => {
                Ok(StringRef::Blob(blob))
            }
            _ => Err(WrongType),
        }
    }

    /// Writes a string where its length wants it.
    #[inline]
    pub(super) fn put_string(
        &mut self,
        key: &Key<'_>,
        found: Option<Found>,
        value: &[u8],
        kind: Kind,
        expiry: Option<UnixMs>,
    ) {
        if value.len() >= PAGED_FROM {
            let used = found.and_then(|found| self.take_pages(key, found, value.len()));
            let blob = used.map_or_else(
                || Blob::from_bytes(value),
                |mut blob| {
                    blob.write(0, value);
                    blob
                },
            );
            self.put(key, found, NewPayload::Object(Value::String(blob)), kind, expiry);
        } else {
            self.put(key, found, NewPayload::Inline(value), kind, expiry);
        }
    }

    /// Takes the pages of a string that is to be replaced by one of the same length, if nobody else holds them.
    fn take_pages(&mut self, key: &Key<'_>, found: Found, length: usize) -> Option<Blob> {
        if !matches!(self.string_at(found), Ok(StringRef::Blob(blob)) if blob.len() == length) {
            return None;
        }
        // A snapshot that holds the page, and with it the string, gets its clone of both here.
        match self.object_mut(key, found) {
            Some(Value::String(blob)) if blob.is_sole() => Some(std::mem::take(blob)),
            _ => None,
        }
    }

    /// Writes bytes into a string, in place if it is in pages or keeps its length, else by writing it anew.
    fn change(&mut self, key: &Key<'_>, found: Option<Found>, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        let Some(found) = found else {
            return self.write_new(key, None, &[], offset, bytes);
        };
        let old = self.string_at(found).expect("the caller has checked the type");
        let (paged, length) = (matches!(old, StringRef::Blob(_)), old.len());
        if paged {
            let table = &mut self.partition_mut(key).table;
            let Some(Value::String(blob)) = table.object_mut(found.at) else {
                unreachable!("a paged string is a blob")
            };
            blob.write(offset, bytes);
        } else if end <= length {
            self.partition_mut(key).table.inline_mut(found.at)[offset..end].copy_from_slice(bytes);
        } else {
            let StringRef::Inline(whole) = old else { unreachable!("not paged") };
            let whole = whole.to_vec();
            return self.write_new(key, Some(found), &whole, offset, bytes);
        }
        self.mark_changed(key, found);
    }

    /// Writes a changed string that does not fit its place.
    fn write_new(&mut self, key: &Key<'_>, found: Option<Found>, old: &[u8], offset: usize, bytes: &[u8]) {
        let expiry = found.and_then(|found| found.meta.expiry);
        let end = offset + bytes.len();
        if end.max(old.len()) >= PAGED_FROM {
            let mut blob = Blob::from_bytes(old);
            blob.write(offset, bytes);
            let blob = Value::String(blob);
            return self.put(key, found, NewPayload::Object(blob), Kind::StringChanged, expiry);
        }
        let mut scratch = std::mem::take(&mut self.access.scratch);
        scratch.clear();
        scratch.extend_from_slice(old);
        scratch.resize(old.len().max(end), 0);
        scratch[offset..end].copy_from_slice(bytes);
        self.put(key, found, NewPayload::Inline(&scratch), Kind::StringChanged, expiry);
        self.access.scratch = scratch;
    }

    fn mark_changed(&mut self, key: &Key<'_>, found: Found) {
        if found.kind() == Kind::String {
            self.partition_mut(key).table.set_kind(found.at, Kind::StringChanged.tag());
        }
        self.note_change_at(found);
    }
}
