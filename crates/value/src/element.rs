//! An element of a list, or a member of a set, as it is read.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use stdx::number::Decimal;

/// Bytes of the value, or the text of an integer of it. Dereferences to its bytes.
#[derive(Clone, Copy)]
pub enum Element<'a> {
    /// Bytes that stand in the value.
    Bytes(&'a [u8]),
    /// An integer, which stands for its text.
    Integer(Decimal),
}

impl Deref for Element<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Integer(text) => text,
        }
    }
}

impl AsRef<[u8]> for Element<'_> {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl<T: AsRef<[u8]> + ?Sized> PartialEq<T> for Element<'_> {
    #[inline]
    fn eq(&self, other: &T) -> bool {
        **self == *other.as_ref()
    }
}

impl Eq for Element<'_> {}

impl Hash for Element<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl fmt::Debug for Element<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.escape_ascii())
    }
}
