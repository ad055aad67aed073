//! Which channels and databases a command concerns.

/// Which arguments are channels that its user must be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant's text says what its fields are")]
pub enum Channels {
    /// None.
    None,
    /// The first.
    First,
    /// All.
    All,
    /// All, and they are patterns.
    Patterns,
    /// Those up to `last` are channels of shards, which clients of a cluster find as they find keys; a negative `last`
    /// counts from the end. Without `is_checked` the user need not be allowed to use them.
    Shard { last: i32, is_checked: bool },
}

/// Which databases a command concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant's text says what its fields are")]
pub enum Databases {
    /// The selected one, if it is about keys or data.
    Selected,
    /// Those that these arguments name; and the selected one, if it has keys.
    At(&'static [usize]),
    /// Those behind the word DB among the arguments after `after`, and the selected one.
    Option { after: usize },
    /// All.
    All,
}
