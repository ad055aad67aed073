//! The values that keys hold and the copy-on-write structures under them.
//!
//! Two structures carry everything. Unordered: [`table::Table`], a linear-hashed table of [`page`]s of packed entries, which
//! serves as the directory of keys and as the large form of a hash and of a set. Ordered: [`tree::Tree`], a counted B+tree
//! of packed leaves. Where a hash decides which of many buckets is looked at, they grow and shrink by `linear` hashing.
//! A [`blob::Blob`] is a long string, a [`packed`] block a small hash, a [`leaf`] block a small ordered value. All
//! of them clone in constant time and copy what a write touches.
//!
//! This crate knows no key names, clients, commands or clocks: times and random numbers are arguments.

pub mod blob;
mod dismantle;
mod element;
pub mod hash;
pub mod hyperloglog;
pub mod leaf;
pub(crate) mod linear;
pub mod list;
mod member;
pub mod members;
pub mod packed;
pub mod page;
pub(crate) mod series;
pub mod set;
pub mod stream;
pub mod string;
pub mod sweep;
pub mod table;
pub mod tree;
mod unshare;
mod width;
pub mod zset;

use stdx::time::UnixMs;

pub use blob::Blob;
pub use dismantle::Dismantle;
pub use element::Element;
pub use hash::{Hash, HashRef};
pub use list::{List, ListRef};
pub use member::MemberPath;
use members::Members;
pub use set::{Set, SetRef};
pub use stream::Stream;
pub use string::StringRef;
use sweep::{Sweep, Sweeper};
pub use unshare::{copied_bytes, note_copy};
pub use zset::{ZSet, ZSetRef};

/// A string of so many pages, 128 kB, is freed in two microseconds.
const LIGHT_PAGES: usize = 16;

/// A value that lives beside the page of its key; a clone takes constant time.
#[derive(Debug, Clone)]
pub enum Value {
    /// A long string.
    String(Blob),
    /// A hash that is too large for the page.
    Hash(Hash),
    /// A list that is too large for the page.
    List(List),
    /// A set that is too large for the page.
    Set(Set),
    /// A sorted set that is too large for the page.
    ZSet(ZSet),
    /// A stream.
    Stream(Stream),
}

impl Value {
    /// The value as it is seen at a time.
    pub fn at(&self, now: UnixMs) -> ValueRef<'_> {
        match self {
            Self::String(blob) => ValueRef::String(StringRef::Blob(blob)),
            Self::Hash(hash) => ValueRef::Hash(hash.at(now)),
            Self::List(list) => ValueRef::List(list.as_ref()),
            Self::Set(set) => ValueRef::Set(set.as_ref()),
            Self::ZSet(zset) => ValueRef::ZSet(zset.as_ref()),
            Self::Stream(stream) => ValueRef::Stream(stream),
        }
    }

    /// Whether two clones of a value are as they were when they were one. What may lie in the page of its key is compared.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::String(one), Self::String(other)) => {
                let is_short = one.len().max(other.len()) < string::PAGED_FROM;
                one.is_same(other) || is_short && one.chunks(0..one.len()).eq(other.chunks(0..other.len()))
            }
            (Self::Hash(one), Self::Hash(other)) => one.is_same(other),
            (Self::List(one), Self::List(other)) => one.is_same(other),
            (Self::Set(one), Self::Set(other)) => one.is_same(other),
            (Self::ZSet(one), Self::ZSet(other)) => one.is_same(other),
            (Self::Stream(one), Self::Stream(other)) => one.is_same(other),
            _ => false,
        }
    }

    /// Whether it takes no longer to free than to hand it to somebody who frees it.
    pub fn is_light(&self) -> bool {
        match self {
            Self::String(blob) => blob.pages() <= LIGHT_PAGES,
            Self::Hash(hash) => matches!(hash, Hash::Packed(_)),
            Self::List(list) => matches!(list, List::Packed(_)),
            Self::Set(set) => matches!(set, Set::Packed(_)),
            Self::ZSet(zset) => matches!(zset, ZSet::Packed(_)),
            Self::Stream(stream) => stream.is_light(),
        }
    }

    /// About how many bytes it takes, told without looking at all of it.
    pub fn weight(&self) -> usize {
        match self {
            Self::String(blob) => blob.allocated_bytes(),
            Self::Hash(hash) => hash.weight(),
            Self::List(list) => list.allocated_bytes(),
            Self::Set(set) => set.weight(),
            Self::ZSet(zset) => zset.allocated_bytes(),
            Self::Stream(stream) => stream.allocated_bytes(),
        }
    }
}

impl Sweep for Value {
    fn sweep(&mut self, within: &mut usize, sweeper: &mut Sweeper<'_>) -> bool {
        match self {
            Self::String(blob) => blob.sweep(within, sweeper),
            Self::Hash(hash) => hash.sweep(within, sweeper),
            Self::List(list) => list.sweep(within, sweeper),
            Self::Set(set) => set.sweep(within, sweeper),
            Self::ZSet(zset) => zset.sweep(within, sweeper),
            Self::Stream(stream) => stream.sweep(within, sweeper),
        }
    }
}

/// A value to be read.
#[derive(Debug, Clone, Copy)]
pub enum ValueRef<'a> {
    /// A string.
    String(StringRef<'a>),
    /// A hash.
    Hash(HashRef<'a>),
    /// A list.
    List(ListRef<'a>),
    /// A set.
    Set(SetRef<'a>),
    /// A sorted set.
    ZSet(ZSetRef<'a>),
    /// A stream.
    Stream(&'a Stream),
}

impl ValueRef<'_> {
    /// The members of a large set or sorted set, or the fields of a large hash, those included that are expired; a clone of them.
    pub fn members(self) -> Option<Members> {
        match self {
            Self::Hash(hash) => hash.fields().cloned().map(Members::of_table),
            Self::Set(set) => set.table().cloned().map(Members::of_table),
            Self::ZSet(zset) => zset.tree().cloned().map(Members::of_tree),
            Self::String(_) | Self::List(_) | Self::Stream(_) => None,
        }
    }

    /// A value of its own: a counter for what lies beside the page of its key, and a copy of what lies in it.
    pub fn to_owned(self) -> Value {
        match self {
            Self::String(StringRef::Blob(blob)) => Value::String(blob.clone()),
            Self::String(StringRef::Inline(bytes)) => Value::String(Blob::from_bytes(bytes)),
            Self::Hash(hash) => Value::Hash(hash.to_owned()),
            Self::List(list) => Value::List(list.to_owned()),
            Self::Set(set) => Value::Set(set.to_owned()),
            Self::ZSet(zset) => Value::ZSet(zset.to_owned()),
            Self::Stream(stream) => Value::Stream(stream.clone()),
        }
    }
}

/// The tag of an entry in the directory of keys: the type of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A string as SET left it.
    String,
    /// A string that APPEND, SETRANGE or SETBIT changed; OBJECT ENCODING calls it `raw`.
    StringChanged,
    /// A hash.
    Hash,
    /// A list.
    List,
    /// A set.
    Set,
    /// A sorted set.
    ZSet,
    /// A stream.
    Stream,
}

/// The thresholds that decide how values are kept, and the secret of their hash functions.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Of hashes.
    pub hash: hash::Settings,
    /// Of lists.
    pub list: list::Settings,
    /// Of sets.
    pub set: set::Settings,
    /// Of sorted sets.
    pub zset: zset::Settings,
    /// Of streams.
    pub stream: stream::Settings,
}

impl Kind {
    /// The tag's number in an entry.
    pub fn tag(self) -> u8 {
        match self {
            Self::String => 0,
            Self::StringChanged => 1,
            Self::Hash => 2,
            Self::List => 3,
            Self::Set => 4,
            Self::ZSet => 5,
            Self::Stream => 6,
        }
    }

    /// The kind of a tag.
    ///
    /// # Panics
    /// If the tag was not made by [`Kind::tag`].
    pub fn of_tag(tag: u8) -> Self {
        match tag {
            0 => Self::String,
            1 => Self::StringChanged,
            2 => Self::Hash,
            3 => Self::List,
            4 => Self::Set,
            5 => Self::ZSet,
            6 => Self::Stream,
            _ => unreachable!("only known kinds are stored"),
        }
    }

    /// What TYPE says.
    pub fn type_name(self) -> &'static str {
        match self {
            Self::String | Self::StringChanged => "string",
            Self::Hash => "hash",
            Self::List => "list",
            Self::Set => "set",
            Self::ZSet => "zset",
            Self::Stream => "stream",
        }
    }
}
