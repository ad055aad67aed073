//! A large value that is read bit by bit, by whoever has others to serve in between.
//!
//! What stands in many parts behind their number is read some parts a step, as are the groups of a stream, a long
//! string some kilobytes a step. What stands in one block is read at once.

use stdx::time::UnixMs;
use value::hash::Hash;
use value::list::Builder;
use value::set::Set;
use value::zset::{Outcome, Rule, ZSet, ZSetEdit};
use value::{Blob, Settings, Stream, Value};

use super::cursor::{Cursor, Fault, StringHead};
use super::error::Problem;
use super::hash::Row;
use super::lzf::Decompression;
use super::object::{self, Object};
use super::stream::GroupReader;
use super::tag::{self, Format};
use super::{list, set, stream, zset};

/// Parts of a step: members, or nodes of many elements.
const STEP_MEMBERS: u64 = 64;
const STEP_NODES: u64 = 1;
/// A step ends when it has read so many bytes.
const STEP_BYTES: usize = 32 * 1024;

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Reading {
    kind: u8,
    settings: Settings,
    /// Parts that are still to be read.
    left: u64,
    so_far: SoFar,
}

/// What has been read.
#[derive(Debug)]
enum SoFar {
    String(Text),
    Hash(Row, Hash),
    Set(Set),
    ZSet(ZSet),
    List(Builder),
    Stream(Stream),
    /// All entries, and some groups.
    Groups(Stream, GroupReader),
    /// A value that was read at once; none if it is a collection with nothing in it.
    Whole(Option<Value>),
}

/// A long string.
#[derive(Debug)]
struct Text {
    so_far: Blob,
    /// Bytes of the payload that still belong to it.
    left: usize,
    compressed: Option<Decompression>,
}

impl Reading {
    /// Begins with the value that follows a type.
    pub(crate) fn begin(
        kind: u8,
        format: Format,
        cursor: &mut Cursor<'_>,
        settings: Settings,
    ) -> Result<Self, Fault> {
        let so_far = match (kind, format) {
            (tag::STRING, _) => Text::begin(cursor)?.map(SoFar::String),
            (tag::HASH, _)
            | (tag::HASH_VALKEY, Format::Valkey(_))
            | (tag::HASH_METADATA, Format::Redis(_)) => {
                Row::begin(kind, cursor)?.map(|row| SoFar::Hash(row, Hash::new()))
            }
            (tag::SET, _) => Some(SoFar::Set(Set::new())),
            (tag::ZSET | tag::ZSET_2, _) => Some(SoFar::ZSet(ZSet::new())),
            (tag::LIST | tag::LIST_QUICKLIST | tag::LIST_QUICKLIST2, _) => Some(SoFar::List(Builder::new())),
            (tag::STREAM | tag::STREAM_2 | tag::STREAM_3, _) => Some(SoFar::Stream(Stream::new())),
            _ => None,
        };
        let (so_far, left) = match so_far {
            Some(text @ SoFar::String(_)) => (text, 0),
            Some(many) => (many, cursor.length()?),
            None => (SoFar::Whole(value_of(object::read(kind, format, cursor, settings)?)), 0),
        };
        Ok(Self { kind, settings, left, so_far })
    }

    /// Reads some parts; false: that was all.
    pub(crate) fn step(&mut self, cursor: &mut Cursor<'_>) -> Result<bool, Fault> {
        let Self { kind, settings, left, so_far } = self;
        let mut scratch = Vec::new();
        match so_far {
            SoFar::String(text) => return text.step(cursor),
            SoFar::Whole(_) => return Ok(false),
            SoFar::Hash(row, hash) => hash.edit(&mut scratch, settings.hash, UnixMs::MIN, |edit| {
                some(left, STEP_MEMBERS, cursor, |cursor| row.read_field(cursor, edit))
            })?,
            SoFar::Set(set) => set.edit(&mut scratch, settings.set, |edit| {
                some(left, STEP_MEMBERS, cursor, |cursor| set::read_member(cursor, edit))
            })?,
            SoFar::ZSet(zset) => zset.edit(&mut scratch, settings.zset, |edit| {
                some(left, STEP_MEMBERS, cursor, |cursor| read_scored(*kind, cursor, edit))
            })?,
            SoFar::List(list) => {
                let most = if *kind == tag::LIST { STEP_MEMBERS } else { STEP_NODES };
                some(left, most, cursor, |cursor| list::read_node(*kind, cursor, list))?;
            }
            SoFar::Stream(stream) if *left > 0 => {
                some(left, STEP_NODES, cursor, |cursor| stream::read_next(cursor, stream, settings.stream))?;
                return Ok(true);
            }
            SoFar::Stream(stream) => {
                let groups = stream::read_past(*kind, cursor, stream)?;
                *so_far = SoFar::Groups(std::mem::take(stream), groups);
                return Ok(true);
            }
            SoFar::Groups(stream, groups) => return groups.step(cursor, stream),
        }
        Ok(*left > 0)
    }

    /// The value, when all is read; none if it is a collection with nothing in it.
    pub(crate) fn finish(self) -> Option<Value> {
        value_of(match self.so_far {
            SoFar::String(text) => return Some(Value::String(text.so_far)),
            SoFar::Whole(value) => return value,
            SoFar::Hash(_, hash) => Object::Hash(hash),
            SoFar::Set(set) => Object::Set(set),
            SoFar::ZSet(zset) => Object::ZSet(zset),
            SoFar::List(list) => Object::List(list.finish(self.settings.list)),
            SoFar::Stream(stream) | SoFar::Groups(stream, _) => Object::Stream(stream),
        })
    }
}

impl Text {
    /// None: it is short, and was not read.
    fn begin(cursor: &mut Cursor<'_>) -> Result<Option<Self>, Fault> {
        let Some(StringHead { bytes, original }) = cursor.string_head()? else { return Ok(None) };
        let compressed = original
            .map(|original| Decompression::new(bytes, original).ok_or(Problem::Compression))
            .transpose()?;
        Ok(Some(Self { so_far: Blob::default(), left: bytes, compressed }))
    }

    fn step(&mut self, cursor: &mut Cursor<'_>) -> Result<bool, Fault> {
        let Self { so_far, left, compressed } = self;
        let Some(decompression) = compressed else {
            let bytes = cursor.take(STEP_BYTES.min(*left))?;
            so_far.append(bytes);
            *left -= bytes.len();
            return Ok(*left > 0);
        };
        let stream = cursor.clone().take(*left)?;
        let rest =
            decompression.step(stream, &mut |bytes| so_far.append(bytes)).ok_or(Problem::Compression)?;
        cursor.take(stream.len() - rest.len())?;
        *left = rest.len();
        let is_wrong = rest.is_empty() && !decompression.is_whole();
        if is_wrong { Err(Problem::Compression.into()) } else { Ok(*left > 0) }
    }
}

/// Reads as many of the parts that are left as a step may.
fn some<'a>(
    left: &mut u64,
    most: u64,
    cursor: &mut Cursor<'a>,
    mut read: impl FnMut(&mut Cursor<'a>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let begin = cursor.position();
    for _ in 0..most.min(*left) {
        read(cursor)?;
        *left -= 1;
        if cursor.position() - begin >= STEP_BYTES {
            break;
        }
    }
    Ok(())
}

/// Adds a member of a sorted set, which is not there yet.
fn read_scored(kind: u8, cursor: &mut Cursor<'_>, edit: &mut ZSetEdit<'_>) -> Result<(), Fault> {
    let (member, score) = zset::read_element(kind, cursor)?;
    match edit.add(&member, score, Rule::default()) {
        Ok(Outcome::Added(_)) => Ok(()),
        _ => Err(Problem::TwoScores.into()),
    }
}

fn value_of(object: Object<'_>) -> Option<Value> {
    (!object.is_empty_collection()).then(|| object.into_value())
}
