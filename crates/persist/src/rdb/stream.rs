//! Streams: three forms to read, the second of them to write.
//!
//! ```text
//! stream   = nodes  length  last ID  [first ID  max deleted ID  entries added]  groups
//! node     = ID of 16 bytes  listpack
//! group    = name  last ID  [entries read]  pending  consumers
//! pending  = ID of 16 bytes  time (u64 le)  deliveries
//! consumer = name  seen (u64 le)  [active (u64 le)]  IDs of 16 bytes
//! ```
//! Lists stand behind their lengths; an ID elsewhere is two lengths. What stands in brackets came with Redis 7.0, the
//! time of activity with 7.2. It is read and not written, so that Redis 7.0 reads every stream: after a restart a
//! consumer was last active when it was last seen.
//!
//! The listpack of a node begins with a master entry, the names of the first one, which others refer to:
//!
//! ```text
//! live  deleted  names  name*  0
//! flags  ms  seq  value* | (fields  (name  value)*)  elements before this one
//! ```
//! Times and numbers are relative to the ID of the node. Deleted entries are dropped in reading, and none is written.
//!
//! Redis believes much of this. Here counts have to be right, IDs have to ascend, and every pending entry has to belong
//! to one consumer, because everything behind relies on it.

mod groups;

use value::Stream;
use value::stream::{Entry, Id, Settings};

use super::block::Element;
use super::cursor::{Cursor, Fault};
use super::error::Problem;
use super::output::Output;
use super::{listpack, tag as tags};
pub(crate) use groups::{Reader as GroupReader, Writer as GroupWriter};

const DELETED: i64 = 1;
const SAME_NAMES: i64 = 2;
/// Elements of an entry that are always there, without the last one, which counts them.
const ENTRY_HEAD: usize = 3;
const BROKEN: Problem = Problem::Block("the listpack of a stream is broken");

/// Reads the stream that follows a type of streams.
pub(crate) fn read(kind: u8, cursor: &mut Cursor<'_>, settings: Settings) -> Result<Stream, Fault> {
    let mut stream = Stream::new();
    for _ in 0..cursor.length()? {
        read_next(cursor, &mut stream, settings)?;
    }
    let mut groups = read_past(kind, cursor, &mut stream)?;
    while groups.step(cursor, &mut stream)? {}
    Ok(stream)
}

/// Reads a node behind those that have been read.
pub(crate) fn read_next(
    cursor: &mut Cursor<'_>,
    stream: &mut Stream,
    settings: Settings,
) -> Result<(), Fault> {
    let key = cursor.string()?;
    let first = read_id(&key).ok_or(Problem::Block("the ID of a node of a stream has not 16 bytes"))?;
    read_node(first, &cursor.string()?, stream, settings)?;
    stream.end_node();
    Ok(())
}

/// Reads what stands between the entries and the groups, which are left to be read.
pub(crate) fn read_past(
    kind: u8,
    cursor: &mut Cursor<'_>,
    stream: &mut Stream,
) -> Result<GroupReader, Fault> {
    let length = cursor.length()?;
    if length != stream.len() {
        return Err(Problem::Range("a stream has not as many entries as it says").into());
    }
    let last_id = read_length_id(cursor)?;
    if last_id < stream.facts().last_id {
        return Err(Problem::Range("the last ID of a stream is less than that of an entry").into());
    }
    if kind == tags::STREAM {
        stream.set_past(last_id, Some(length), Some(Id::MIN));
    } else {
        // The first ID follows from the entries.
        read_length_id(cursor)?;
        let max_deleted_id = read_length_id(cursor)?;
        stream.set_past(last_id, Some(cursor.length()?), Some(max_deleted_id));
    }
    GroupReader::begin(kind, cursor)
}

fn read_id(bytes: &[u8]) -> Option<Id> {
    let (ms, seq) = bytes.split_first_chunk::<8>()?;
    let seq: [u8; 8] = seq.try_into().ok()?;
    Some(Id::new(u64::from_be_bytes(*ms), u64::from_be_bytes(seq)))
}

fn read_length_id(cursor: &mut Cursor<'_>) -> Result<Id, Fault> {
    Ok(Id::new(cursor.length()?, cursor.length()?))
}

fn read_raw_id(cursor: &mut Cursor<'_>) -> Result<Id, Fault> {
    Ok(read_id(cursor.take(16)?).expect("16 bytes were taken"))
}

/// Adds the entries of a node.
fn read_node(first: Id, bytes: &[u8], stream: &mut Stream, settings: Settings) -> Result<(), Problem> {
    let elements = listpack::elements(bytes)?;
    let mut node = Elements { elements: &elements };
    let (live, deleted) = (node.count()?, node.count()?);
    let count = node.count()?;
    let names = node.take(count)?;
    if node.integer()? != 0 {
        return Err(BROKEN);
    }
    let (mut live_seen, mut deleted_seen) = (0, 0);
    while !node.elements.is_empty() {
        if read_entry(first, names, &mut node, stream, settings)? {
            live_seen += 1;
        } else {
            deleted_seen += 1;
        }
    }
    if (live_seen, deleted_seen) != (live, deleted) {
        return Err(Problem::Block("the listpack of a stream has not as many entries as it says"));
    }
    Ok(())
}

/// Adds the next entry of a node, unless it is deleted; whether it is not.
fn read_entry(
    first: Id,
    names: &[Element<'_>],
    node: &mut Elements<'_, '_>,
    stream: &mut Stream,
    settings: Settings,
) -> Result<bool, Problem> {
    let before = node.elements.len();
    let flags = node.integer()?;
    let id = Id::new(
        first.ms.wrapping_add_signed(node.integer()?),
        first.seq.wrapping_add_signed(node.integer()?),
    );
    let texts: Vec<_> = if flags & SAME_NAMES != 0 {
        let values = node.take(names.len())?;
        names.iter().zip(values).flat_map(|(name, value)| [name.text(), value.text()]).collect()
    } else {
        let count = node.count()?;
        node.take(count.checked_mul(2).ok_or(BROKEN)?)?.iter().map(|element| element.text()).collect()
    };
    let size = before - node.elements.len();
    if node.count()? != size {
        return Err(BROKEN);
    }
    if flags & DELETED != 0 {
        return Ok(false);
    }
    if id <= stream.facts().last_id {
        return Err(Problem::Block("the IDs of a stream do not ascend"));
    }
    let fields: Vec<&[u8]> = texts.iter().map(|text| &**text).collect();
    stream.append(id, &fields, settings);
    Ok(true)
}

/// The elements of a listpack that are left.
struct Elements<'e, 'a> {
    elements: &'e [Element<'a>],
}

impl<'e, 'a> Elements<'e, 'a> {
    fn take(&mut self, count: usize) -> Result<&'e [Element<'a>], Problem> {
        let (taken, rest) = self.elements.split_at_checked(count).ok_or(BROKEN)?;
        self.elements = rest;
        Ok(taken)
    }

    fn integer(&mut self) -> Result<i64, Problem> {
        self.take(1)?[0].integer().map_err(|_| BROKEN)
    }

    fn count(&mut self) -> Result<usize, Problem> {
        self.integer()?.try_into().map_err(|_| BROKEN)
    }
}

/// Writes the stream behind its type.
pub(crate) fn write(stream: &Stream, output: &mut Output<'_>) {
    output.length(stream.node_count() as u64);
    let mut block = listpack::Writer::default();
    for entries in stream.nodes() {
        write_node(&entries, &mut block, output);
    }
    write_past(stream, output);
    let mut groups = GroupWriter::new();
    while groups.step(stream, output) {}
}

/// Writes what stands between the entries and the groups.
pub(crate) fn write_past(stream: &Stream, output: &mut Output<'_>) {
    let facts = stream.facts();
    output.length(facts.len);
    for id in [facts.last_id, facts.first_id, facts.max_deleted_id] {
        write_length_id(id, output);
    }
    output.length(facts.entries_added);
    output.length(stream.groups().len() as u64);
}

fn write_length_id(id: Id, output: &mut Output<'_>) {
    output.length(id.ms);
    output.length(id.seq);
}

fn raw_id(id: Id) -> [u8; 16] {
    (u128::from(id.ms) << 64 | u128::from(id.seq)).to_be_bytes()
}

/// Writes a node with these entries.
pub(crate) fn write_node(entries: &[Entry<'_>], block: &mut listpack::Writer, output: &mut Output<'_>) {
    let master = entries.first().expect("a node has entries");
    let first = master.id();
    output.string(&raw_id(first));
    block.push_integer(entries.len() as i64);
    block.push_integer(0);
    block.push_integer(master.len() as i64);
    master.fields().for_each(|(name, _)| block.push(name));
    block.push_integer(0);
    for entry in entries {
        write_entry(first, master, entry, block);
    }
    block.finish(|block| output.string(block));
}

fn write_entry(first: Id, master: &Entry<'_>, entry: &Entry<'_>, block: &mut listpack::Writer) {
    let is_same = entry.has_names_of(master) || names(entry).eq(names(master));
    block.push_integer(if is_same { SAME_NAMES } else { 0 });
    block.push_integer(entry.id().ms.wrapping_sub(first.ms).cast_signed());
    block.push_integer(entry.id().seq.wrapping_sub(first.seq).cast_signed());
    let elements = if is_same {
        entry.fields().for_each(|(_, value)| block.push(value));
        ENTRY_HEAD + entry.len()
    } else {
        block.push_integer(entry.len() as i64);
        entry.fields().for_each(|(name, value)| {
            block.push(name);
            block.push(value);
        });
        ENTRY_HEAD + 1 + 2 * entry.len()
    };
    block.push_integer(elements as i64);
}

fn names<'a>(entry: &Entry<'a>) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    entry.fields().map(|(name, _)| name)
}

#[cfg(test)]
mod tests;
