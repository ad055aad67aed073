//! Categories of commands, and sets of them.

/// The names of all categories, in the order in which Redis lists them.
pub const CATEGORIES: [&str; 21] = [
    "keyspace",
    "read",
    "write",
    "set",
    "sortedset",
    "list",
    "hash",
    "string",
    "bitmap",
    "hyperloglog",
    "geo",
    "stream",
    "pubsub",
    "admin",
    "fast",
    "slow",
    "blocking",
    "dangerous",
    "connection",
    "transaction",
    "scripting",
];

/// A set of categories: a bit for each place in [`CATEGORIES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Categories(u32);

impl Categories {
    /// The set with the category of a name, in any case of letters.
    pub fn named(name: &[u8]) -> Option<Self> {
        let at = CATEGORIES.iter().position(|known| known.as_bytes().eq_ignore_ascii_case(name))?;
        Some(Self(1 << at))
    }

    /// Both sets together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether some category is in both.
    pub fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}
