//! A value of any type: the one place where types meet their readers and writers.
//!
//! A new type is one arm in each of the two functions here and one file beside this one.

use std::borrow::Cow;

use value::{Blob, Hash, List, Set, Settings, Stream, Value, ValueRef, ZSet};

use super::cursor::{Cursor, Fault};
use super::error::Problem;
use super::hash::{self, Outline};
use super::member::MemberForm;
use super::output::Output;
use super::tag::{self, Format};
use super::{list, module, set, stream, zset};

/// A value that was read.
#[derive(Debug, Clone)]
pub enum Object<'a> {
    /// A string.
    String(Cow<'a, [u8]>),
    /// A hash.
    Hash(Hash),
    /// A list.
    List(List),
    /// A set.
    Set(Set),
    /// A sorted set.
    ZSet(ZSet),
    /// A stream.
    Stream(Stream),
}

impl Object<'_> {
    /// Whether it is a collection with nothing in it, which no key may hold.
    pub fn is_empty_collection(&self) -> bool {
        match self {
            // A stream stays when its last entry goes.
            Self::String(_) | Self::Stream(_) => false,
            Self::Hash(hash) => hash.at(stdx::time::UnixMs::MIN).is_empty(),
            Self::List(list) => list.is_empty(),
            Self::Set(set) => set.is_empty(),
            Self::ZSet(zset) => zset.is_empty(),
        }
    }

    /// The value for the keyspace.
    pub fn into_value(self) -> Value {
        match self {
            Self::String(text) => Value::String(Blob::from_bytes(&text)),
            Self::Hash(hash) => Value::Hash(hash),
            Self::List(list) => Value::List(list),
            Self::Set(set) => Value::Set(set),
            Self::ZSet(zset) => Value::ZSet(zset),
            Self::Stream(stream) => Value::Stream(stream),
        }
    }
}

/// Reads the value that follows a type.
pub(crate) fn read<'a>(
    kind: u8,
    format: Format,
    cursor: &mut Cursor<'a>,
    settings: Settings,
) -> Result<Object<'a>, Fault> {
    match (kind, format) {
        (tag::STRING, _) => cursor.string().map(Object::String),
        (tag::HASH | tag::HASH_ZIPMAP | tag::HASH_ZIPLIST | tag::HASH_LISTPACK, _)
        | (tag::HASH_VALKEY, Format::Valkey(_))
        | (tag::HASH_METADATA | tag::HASH_LISTPACK_EX, Format::Redis(_)) => {
            hash::read(kind, cursor, settings.hash).map(Object::Hash)
        }
        (tag::LIST | tag::LIST_ZIPLIST | tag::LIST_QUICKLIST | tag::LIST_QUICKLIST2, _) => {
            list::read(kind, cursor, settings.list).map(Object::List)
        }
        (tag::SET | tag::SET_INTSET | tag::SET_LISTPACK, _) => {
            set::read(kind, cursor, settings.set).map(Object::Set)
        }
        (tag::ZSET | tag::ZSET_2 | tag::ZSET_ZIPLIST | tag::ZSET_LISTPACK, _) => {
            zset::read(kind, cursor, settings.zset).map(Object::ZSet)
        }
        (tag::STREAM | tag::STREAM_2 | tag::STREAM_3, _) => {
            stream::read(kind, cursor, settings.stream).map(Object::Stream)
        }
        (tag::MODULE_OLD | tag::MODULE, _) => {
            Err(Problem::ModuleValue(module::read_name(cursor)?, kind).into())
        }
        _ => Err(match tag::missing_type(kind, format) {
            Some(name) => Problem::Unsupported(name, kind).into(),
            None => Problem::UnknownType(kind).into(),
        }),
    }
}

/// What has to be known of a value before it is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan<'a> {
    value: ValueRef<'a>,
    outline: Option<Outline>,
}

impl<'a> Plan<'a> {
    pub(crate) fn of(value: ValueRef<'a>) -> Self {
        let outline = match value {
            ValueRef::String(_)
            | ValueRef::List(_)
            | ValueRef::Set(_)
            | ValueRef::ZSet(_)
            | ValueRef::Stream(_) => None,
            ValueRef::Hash(hash) => Some(Outline::of(hash)),
        };
        Self { value, outline }
    }

    /// The same of a large value, without a look at all of it.
    pub(crate) fn of_large(value: ValueRef<'a>) -> Self {
        match value {
            ValueRef::Hash(hash) => Self { value, outline: Some(Outline::of_large(hash)) },
            _ => Self::of(value),
        }
    }

    /// What is to be written.
    pub(crate) fn value(self) -> ValueRef<'a> {
        self.value
    }

    /// Whether it is a collection in which nothing is left.
    pub(crate) fn is_empty(self) -> bool {
        self.outline.is_some_and(Outline::is_empty)
    }

    /// The version that a reader must know.
    pub(crate) fn version(self) -> u32 {
        if self.outline.is_some_and(Outline::has_expiry) {
            tag::FIELD_EXPIRY_VERSION
        } else {
            tag::PLAIN_VERSION
        }
    }

    pub(crate) fn tag(self) -> u8 {
        match (self.value, self.outline) {
            (ValueRef::List(_), _) => tag::LIST_QUICKLIST2,
            (ValueRef::Set(set), _) => set::tag(set),
            (ValueRef::ZSet(zset), _) => zset::tag(zset),
            (ValueRef::Stream(_), _) => tag::STREAM_2,
            (_, outline) => outline.map_or(tag::STRING, Outline::tag),
        }
    }

    /// How its members are written one by one, if they can be.
    pub(crate) fn member_form(self) -> Option<MemberForm> {
        MemberForm::of(self.value, self.outline)
    }

    /// Writes the value behind its type.
    pub(crate) fn write(self, output: &mut Output<'_>) {
        match (self.value, self.outline) {
            (ValueRef::String(string), _) => output.string(&string.contiguous()),
            (ValueRef::List(list), _) => list::write(list, output),
            (ValueRef::Set(set), _) => set::write(set, output),
            (ValueRef::ZSet(zset), _) => zset::write(zset, output),
            (ValueRef::Stream(stream), _) => stream::write(stream, output),
            (ValueRef::Hash(hash), Some(outline)) => hash::write(hash, outline, output),
            (ValueRef::Hash(_), None) => unreachable!("a hash has an outline"),
        }
    }
}
