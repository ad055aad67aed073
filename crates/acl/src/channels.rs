//! Which channels may be published to and subscribed.

use indexmap::IndexSet;
use stdx::glob::{self, Case};

use crate::error::RuleError;
use crate::words::has_spaces;

/// The channel patterns of a selector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Channels {
    /// Every channel: `&*`.
    All,
    /// Those that match one of these, in the order in which they were added.
    Some(IndexSet<Box<[u8]>>),
}

impl Channels {
    /// What a new selector may use.
    pub(crate) fn new(all: bool) -> Self {
        if all { Self::All } else { Self::Some(IndexSet::new()) }
    }

    /// Adds a pattern.
    pub(crate) fn add(&mut self, pattern: &[u8]) -> Result<(), RuleError> {
        let Self::Some(patterns) = self else { return Err(RuleError::AfterAllChannels) };
        if has_spaces(pattern) {
            return Err(RuleError::Syntax);
        }
        patterns.insert(pattern.into());
        Ok(())
    }

    /// Whether a channel may be used. What PSUBSCRIBE asks for is a pattern itself, which must be among those given as
    /// it is: whether one pattern lies within another is not worked out.
    pub(crate) fn allow(&self, channel: &[u8], is_pattern: bool) -> bool {
        match self {
            Self::All => true,
            Self::Some(patterns) if is_pattern => patterns.contains(channel),
            Self::Some(patterns) => {
                patterns.iter().any(|pattern| glob::matches(pattern, channel, Case::Sensitive))
            }
        }
    }

    /// The patterns.
    pub(crate) fn patterns(&self) -> impl Iterator<Item = &[u8]> {
        let patterns = match self {
            Self::All => None,
            Self::Some(patterns) => Some(patterns),
        };
        patterns.into_iter().flatten().map(|pattern| &**pattern)
    }

    /// The rules that make these patterns, separated by spaces.
    pub(crate) fn describe(&self, text: &mut Vec<u8>) {
        if *self == Self::All {
            text.extend(b"&*");
        }
        for (index, pattern) in self.patterns().enumerate() {
            text.extend_from_slice(if index > 0 { b" &" } else { b"&" });
            text.extend_from_slice(pattern);
        }
    }
}
