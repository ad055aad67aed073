//! Subkeys: the parts of its value that a change of a key concerned, such as the fields of a hash.
//!
//! They are collected under the locks, so all of them stand in one allocation, as they will be published: each with its
//! length before it, with commas between.

use stdx::number::write_i64;

use crate::effect::Effect;

/// Names in the order in which they were given, and as often as they were.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subkeys(Box<[u8]>);

impl Subkeys {
    /// These names.
    pub fn of<'n>(names: impl IntoIterator<Item = &'n [u8]>) -> Self {
        let mut text = Vec::new();
        for name in names {
            if !text.is_empty() {
                text.push(b',');
            }
            write_i64(&mut text, name.len() as i64);
            text.push(b':');
            text.extend_from_slice(name);
        }
        Self(text.into())
    }

    /// The names in an effect.
    pub(super) fn of_effect(effect: &Effect<'_>) -> Self {
        match *effect {
            Effect::SetFields { fields, .. } => Self::of(fields.iter().map(|(field, _)| *field)),
            Effect::DeleteFields { fields, .. }
            | Effect::SetFieldExpiry { fields, .. }
            | Effect::ClearFieldExpiry { fields, .. } => Self::of(fields.iter().copied()),
            _ => Self::default(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them: `7:field-a,2:fb`.
    pub fn text(&self) -> &[u8] {
        &self.0
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &*self.0;
        std::iter::from_fn(move || {
            let colon = rest.iter().position(|&byte| byte == b':')?;
            let length = std::str::from_utf8(&rest[..colon]).ok()?.parse().ok()?;
            let (name, behind) = rest[colon + 1..].split_at_checked(length)?;
            rest = behind.strip_prefix(b",").unwrap_or(behind);
            Some(name)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_names_come_out_as_they_went_in() {
        for (names, text) in [
            (vec![], ""),
            (vec!["f"], "1:f"),
            (vec!["field-a", "fb", "fb"], "7:field-a,2:fb,2:fb"),
            (vec!["", ",", "3:x", "\n|"], "0:,1:,,3:3:x,2:\n|"),
        ] {
            let subkeys = Subkeys::of(names.iter().map(|name| name.as_bytes()));
            assert_eq!(subkeys.text(), text.as_bytes());
            assert!(subkeys.iter().eq(names.iter().map(|name| name.as_bytes())), "{names:?}");
        }
    }
}
