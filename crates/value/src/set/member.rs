//! A member as it is read.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use stdx::number::Decimal;

/// A member: bytes of the set, or the text of an integer of it. Dereferences to its bytes.
#[derive(Clone, Copy)]
pub enum Member<'a> {
    /// Bytes that stand in the set.
    Bytes(&'a [u8]),
    /// An integer, which stands for its text.
    Integer(Decimal),
}

impl Deref for Member<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Integer(text) => text,
        }
    }
}

impl AsRef<[u8]> for Member<'_> {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl PartialEq for Member<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Member<'_> {}

impl Hash for Member<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl fmt::Debug for Member<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.escape_ascii())
    }
}
