//! Which databases may be used: `db=0,1`, `alldbs`, `resetdbs`, as in Valkey 9.1.

use std::collections::BTreeSet;

use crate::error::RuleError;

/// The databases of a selector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Databases {
    /// Every one.
    All,
    /// These.
    Some(BTreeSet<u32>),
}

impl Databases {
    /// The databases of a list: numbers between commas.
    pub(crate) fn parse(list: &[u8]) -> Result<Self, RuleError> {
        let number = |word: &[u8]| {
            let digits = word.strip_prefix(b"-").or(word.strip_prefix(b"+")).unwrap_or(word);
            if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
                return Err(RuleError::Syntax);
            }
            let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<i32>().ok());
            number
                .filter(|number| *number == 0 || !word.starts_with(b"-"))
                .map(|number| number as u32)
                .ok_or(RuleError::DatabaseOutOfRange)
        };
        list.split(|&byte| byte == b',').map(number).collect::<Result<_, _>>().map(Self::Some)
    }

    /// Whether one may be used.
    pub(crate) fn allow(&self, database: u32) -> bool {
        match self {
            Self::All => true,
            Self::Some(databases) => databases.contains(&database),
        }
    }

    /// The rule that makes these; empty for none.
    pub(crate) fn describe(&self, text: &mut Vec<u8>) {
        let Self::Some(databases) = self else { return text.extend(b"alldbs") };
        for (index, database) in databases.iter().enumerate() {
            text.extend_from_slice(if index == 0 { b"db=" } else { b"," });
            text.extend_from_slice(database.to_string().as_bytes());
        }
    }
}
