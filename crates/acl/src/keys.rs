//! Which keys may be read and written: patterns, each with a permission.

use indexmap::IndexMap;
use stdx::glob::{self, Case};

use crate::error::RuleError;
use crate::words::has_spaces;

/// What may be done with a key, or what is to be done with it. A command that only looks whether a key is there needs
/// none; then any pattern that matches will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Permission(u8);

impl Permission {
    /// Neither.
    pub const NONE: Self = Self(0);
    /// To read its value.
    pub const READ: Self = Self(1);
    /// To change it.
    pub const WRITE: Self = Self(2);
    /// Both.
    pub const BOTH: Self = Self(3);

    /// Both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether it includes all of another.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// The patterns of a selector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeyPatterns {
    /// Every key: `~*`.
    All,
    /// These, in the order in which they were added.
    Some(IndexMap<Box<[u8]>, Permission>),
}

impl KeyPatterns {
    /// No key.
    pub(crate) fn none() -> Self {
        Self::Some(IndexMap::new())
    }

    /// Adds a pattern: `~pattern`, `%R~pattern`, `%W~pattern`, `%RW~pattern`.
    pub(crate) fn add(&mut self, rule: &[u8]) -> Result<(), RuleError> {
        let Self::Some(patterns) = self else { return Err(RuleError::AfterAllKeys) };
        let (permission, pattern) = match rule {
            [b'~', pattern @ ..] => (Permission::BOTH, pattern),
            [b'%', rest @ ..] => permission_and_pattern(rest)?,
            _ => return Err(RuleError::Syntax),
        };
        if has_spaces(pattern) {
            return Err(RuleError::Syntax);
        }
        let known = patterns.entry(pattern.into()).or_default();
        *known = known.and(permission);
        Ok(())
    }

    /// Whether a key may be used so.
    pub(crate) fn allow(&self, key: &[u8], wanted: Permission) -> bool {
        match self {
            Self::All => true,
            Self::Some(patterns) => patterns
                .iter()
                .any(|(pattern, given)| given.has(wanted) && glob::matches(pattern, key, Case::Sensitive)),
        }
    }

    /// Whether every key may be used so.
    pub(crate) fn allow_every(&self, wanted: Permission) -> bool {
        match self {
            Self::All => true,
            Self::Some(patterns) => patterns.get(&b"*"[..]).is_some_and(|given| given.has(wanted)),
        }
    }

    /// The rules that make these patterns, separated by spaces.
    pub(crate) fn describe(&self, text: &mut Vec<u8>) {
        let Self::Some(patterns) = self else { return text.extend(b"~*") };
        for (index, (pattern, permission)) in patterns.iter().enumerate() {
            if index > 0 {
                text.push(b' ');
            }
            text.extend_from_slice(match *permission {
                Permission::READ => b"%R~",
                Permission::WRITE => b"%W~",
                // `~*` would be read back as another rule, behind which no pattern may come.
                _ if **pattern == *b"*" => b"%RW~",
                _ => b"~",
            });
            text.extend_from_slice(pattern);
        }
    }

    /// Whether no key is allowed.
    pub(crate) fn is_none(&self) -> bool {
        matches!(self, Self::Some(patterns) if patterns.is_empty())
    }
}

/// What stands behind a `%`. As in Redis the letters may end the rule, which then has the empty pattern.
fn permission_and_pattern(rest: &[u8]) -> Result<(Permission, &[u8]), RuleError> {
    let end = rest.iter().position(|&byte| byte == b'~');
    let (letters, pattern) = match end {
        Some(end) => (&rest[..end], &rest[end + 1..]),
        None => (rest, &rest[rest.len()..]),
    };
    let mut permission = Permission::NONE;
    for letter in letters {
        let added = match letter.to_ascii_uppercase() {
            b'R' => Permission::READ,
            b'W' => Permission::WRITE,
            _ => return Err(RuleError::Syntax),
        };
        if permission.has(added) {
            return Err(RuleError::Syntax);
        }
        permission = permission.and(added);
    }
    if permission == Permission::NONE { Err(RuleError::Syntax) } else { Ok((permission, pattern)) }
}
