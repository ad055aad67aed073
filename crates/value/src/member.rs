//! The way to a member of a large value, for bringing it near in stages, as [`table::Path`] is the way to a key.

use std::convert::Infallible;

use crate::set::Set;
use crate::zset::{self, ZSet};
use crate::{Hash, Value, table};

/// See the module's text.
#[derive(Debug, Clone, Copy)]
pub enum MemberPath<'a> {
    /// To a field of a hash, or to a member of a set.
    Table(table::Path<'a, Infallible>),
    /// To what the index of a sorted set knows of a member.
    Index(zset::IndexPath<'a>),
}

impl Value {
    /// The way to a member, if the value is a large one that finds its members by their hashes. Asks the processor to bring the end
    /// of it near.
    #[inline]
    pub fn path_to(&self, member: &[u8]) -> Option<MemberPath<'_>> {
        match self {
            Self::Hash(Hash::Table(fields)) => Some(MemberPath::Table(fields.path(fields.hash(member)))),
            Self::Set(Set::Large(large)) => Some(MemberPath::Table(large.path_to(member))),
            Self::ZSet(ZSet::Large(large)) => Some(MemberPath::Index(large.path_to(member))),
            _ => None,
        }
    }
}

impl MemberPath<'_> {
    /// Asks for the head of the page; the directory should be near.
    #[inline]
    pub fn prefetch_page(&self) {
        match self {
            Self::Table(path) => path.prefetch_page(),
            Self::Index(path) => path.prefetch_bucket(),
        }
    }

    /// Asks for the member's entry, or for where it would be added; the page's head should be near.
    #[inline]
    pub fn prefetch_entry(&self) {
        match self {
            Self::Table(path) => path.prefetch_entry(),
            Self::Index(path) => path.prefetch_score(),
        }
    }
}
