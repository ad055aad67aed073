//! Strings that are looked at without locks.

use keyspace::Key;
use value::{Blob, StringRef};

use crate::context::Context;
use crate::error::Error;

/// A string as it was read: of a long one a clone, which costs a counter.
#[derive(Debug, Clone)]
pub(crate) enum Text {
    Short(Box<[u8]>),
    Long(Blob),
}

impl Text {
    /// What a key holds, if it is there. It is locked.
    pub(crate) fn of_key(ctx: &mut Context<'_, '_>, key: &Key<'_>) -> Result<Option<Self>, Error> {
        Ok(ctx.db().string(key)?.map(Self::of))
    }

    pub(crate) fn of(string: StringRef<'_>) -> Self {
        match string {
            StringRef::Inline(bytes) => Self::Short(bytes.into()),
            StringRef::Blob(blob) => Self::Long(blob.clone()),
        }
    }

    pub(crate) fn as_ref(&self) -> StringRef<'_> {
        match self {
            Self::Short(bytes) => StringRef::Inline(bytes),
            Self::Long(blob) => StringRef::Blob(blob),
        }
    }

    /// Whether nothing has changed between two looks at a key.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Short(one), Self::Short(other)) => one == other,
            (Self::Long(one), Self::Long(other)) => one.is_same(other),
            _ => false,
        }
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::Short(Box::default())
    }
}
