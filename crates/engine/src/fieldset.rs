//! Fieldsets: named lists of field names that a connection declares once and then fills with values (HIMPORT).
//!
//! They belong to one connection and go with it. Their number and size are limited, since they count as nobody's data.

use std::collections::BTreeMap;

/// Fieldsets of one connection at most.
pub const MAX_FIELDSETS: usize = 1024;
/// Bytes that the fieldsets of one connection take at most.
pub const MAX_BYTES: usize = 16 << 20;

/// The fieldsets of a connection.
#[derive(Debug, Default)]
pub struct Fieldsets {
    by_name: BTreeMap<Vec<u8>, Vec<Vec<u8>>>,
    bytes: usize,
}

/// Why a fieldset is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// A field stands in it twice.
    Duplicate,
    /// There would be too many, or they would be too large.
    TooMuch,
}

impl Fieldsets {
    /// Gives a list of fields a name; replaces what had the name.
    pub fn prepare<'a>(
        &mut self,
        name: &[u8],
        fields: impl Iterator<Item = &'a [u8]> + Clone,
    ) -> Result<(), Refused> {
        let mut sorted: Vec<&[u8]> = fields.clone().collect();
        sorted.sort_unstable();
        if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Refused::Duplicate);
        }
        let bytes = size(name, fields.clone());
        let replaced = self.by_name.get(name).map_or(0, |old| size(name, old.iter().map(Vec::as_slice)));
        let count = self.by_name.len() + usize::from(replaced == 0);
        if count > MAX_FIELDSETS || self.bytes - replaced + bytes > MAX_BYTES {
            return Err(Refused::TooMuch);
        }
        self.bytes = self.bytes - replaced + bytes;
        self.by_name.insert(name.to_vec(), fields.map(<[u8]>::to_vec).collect());
        Ok(())
    }

    /// The fields of a fieldset.
    pub fn get(&self, name: &[u8]) -> Option<&[Vec<u8>]> {
        self.by_name.get(name).map(Vec::as_slice)
    }

    /// Forgets a fieldset. Returns whether there was one.
    pub fn discard(&mut self, name: &[u8]) -> bool {
        let Some(old) = self.by_name.remove(name) else { return false };
        self.bytes -= size(name, old.iter().map(Vec::as_slice));
        true
    }

    /// Forgets all; returns how many there were.
    pub fn clear(&mut self) -> usize {
        let count = self.by_name.len();
        *self = Self::default();
        count
    }
}

/// What a fieldset counts for: its bytes and the headers of its strings.
fn size<'a>(name: &[u8], fields: impl Iterator<Item = &'a [u8]>) -> usize {
    let header = size_of::<Vec<u8>>();
    fields.map(|field| field.len() + header).sum::<usize>() + name.len() + 2 * header
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepare(sets: &mut Fieldsets, name: &str, fields: &[&str]) -> Result<(), Refused> {
        sets.prepare(name.as_bytes(), fields.iter().map(|field| field.as_bytes()))
    }

    #[test]
    fn fields_stay_in_their_order_until_the_name_is_used_again() {
        let mut sets = Fieldsets::default();
        prepare(&mut sets, "u", &["name", "email", "age"]).unwrap();
        assert_eq!(sets.get(b"u").unwrap(), [b"name".to_vec(), b"email".to_vec(), b"age".to_vec()]);
        prepare(&mut sets, "u", &["id"]).unwrap();
        assert_eq!(sets.get(b"u").unwrap(), [b"id".to_vec()]);
        assert!(sets.discard(b"u"));
        assert!(!sets.discard(b"u"));
        assert_eq!(sets.bytes, 0);
    }

    #[test]
    fn a_field_stands_in_a_fieldset_once() {
        let mut sets = Fieldsets::default();
        assert_eq!(prepare(&mut sets, "u", &["a", "b", "a"]), Err(Refused::Duplicate));
        assert_eq!(sets.clear(), 0);
    }

    #[test]
    fn number_and_size_are_limited() {
        let mut sets = Fieldsets::default();
        for number in 0..MAX_FIELDSETS {
            prepare(&mut sets, &number.to_string(), &["a"]).unwrap();
        }
        assert_eq!(prepare(&mut sets, "one more", &["a"]), Err(Refused::TooMuch));
        assert_eq!(prepare(&mut sets, "7", &["b"]), Ok(()), "an old name is not one more");
        assert_eq!(sets.clear(), MAX_FIELDSETS);
        let long = "x".repeat(MAX_BYTES);
        assert_eq!(prepare(&mut sets, "u", &[&long]), Err(Refused::TooMuch));
    }
}
