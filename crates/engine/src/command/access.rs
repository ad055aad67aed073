//! What commands do with their keys, and what that takes.

use acl::Permission;

/// What a command does with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reads the value.
    Read,
    /// Reads nothing of the value but what kind it is or whether it is there.
    Look,
    /// Reads and updates it.
    Update,
    /// Reads and removes it.
    Take,
    /// Replaces it without reading.
    Overwrite,
    /// Replaces it and gives back what it was.
    Exchange,
    /// Adds to it.
    Insert,
    /// Reads it and adds to it.
    Absorb,
    /// Reads it, and may change how it is kept.
    Refresh,
    /// Makes it where there is none.
    Create,
    /// Changes a part of it without reading.
    Patch,
    /// Removes it.
    Remove,
    /// Removes parts of it, and it with the last one.
    Shrink,
    /// Changes what is stored beside the value.
    Touch,
}

impl Access {
    /// The flags of a key specification, as COMMAND INFO prints them.
    pub fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Read => &["RO", "access"],
            Self::Look => &["RO"],
            Self::Update => &["RW", "access", "update"],
            Self::Take => &["RW", "access", "delete"],
            Self::Overwrite => &["OW", "update"],
            Self::Exchange => &["RW", "access", "update"],
            Self::Insert => &["RW", "insert"],
            Self::Absorb => &["RW", "access", "insert"],
            Self::Refresh => &["RW", "access"],
            Self::Create => &["OW", "insert"],
            Self::Patch => &["RW", "update"],
            Self::Remove => &["RM", "delete"],
            Self::Shrink => &["RW", "delete"],
            Self::Touch => &["RW", "update"],
        }
    }

    /// What a user must be permitted to do with the key. To look at it takes no permission but that some pattern of the
    /// user matches it.
    pub fn permission(self) -> Permission {
        let reads = self.flags().contains(&"access");
        let writes = self.flags().iter().any(|flag| matches!(*flag, "insert" | "update" | "delete"));
        match (reads, writes) {
            (false, false) => Permission::NONE,
            (true, false) => Permission::READ,
            (false, true) => Permission::WRITE,
            (true, true) => Permission::BOTH,
        }
    }
}
