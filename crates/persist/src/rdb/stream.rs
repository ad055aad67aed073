//! Streams: three forms to read, the second of them to write.
//!
//! ```text
//! stream   = nodes  length  last ID  [first ID  max deleted ID  entries added]  groups
//! node     = ID of 16 bytes  listpack
//! group    = name  last ID  [entries read]  pending  consumers
//! pending  = ID of 16 bytes  time (u64 le)  deliveries
//! consumer = name  seen (u64 le)  [active (u64 le)]  IDs of 16 bytes
//! ```
//! Lists stand behind their lengths; an ID elsewhere is two lengths. What stands in brackets came with Redis 7.0, the time of
//! activity with 7.2. It is read and not written, so that Redis 7.0 reads every stream: after a restart a consumer was last
//! active when it was last seen.
//!
//! The listpack of a node begins with a master entry, the names of the first one, which others refer to:
//!
//! ```text
//! live  deleted  names  name*  0
//! flags  ms  seq  value* | (fields  (name  value)*)  elements before this one
//! ```
//! Times and numbers are relative to the ID of the node. Deleted entries are dropped in reading, and none is written.
//!
//! What a consumer has given back belongs to nobody, which this form cannot say. It is written for a consumer without a name who
//! was never seen, so that Redis 7.0 reads it too, and read as what it is.
//!
//! Redis believes much of this. Here counts have to be right, IDs have to ascend, and every pending entry has to belong to one
//! consumer, because everything behind relies on it.

use value::Stream;
use value::stream::{ConsumerNumber, Entry, Group, Id, Pending, Settings};

use super::block::Element;
use super::cursor::{Cursor, Fault};
use super::error::Problem;
use super::output::Output;
use super::{listpack, tag as tags};

const DELETED: i64 = 1;
const SAME_NAMES: i64 = 2;
/// Elements of an entry that are always there, without the last one, which counts them.
const ENTRY_HEAD: usize = 3;
/// When he was seen for whom it is written what belongs to nobody.
const NEVER: i64 = -1;
/// What stands where the number of entries that a group has read is not known.
const UNKNOWN: u64 = u64::MAX;

const BROKEN: Problem = Problem::Block("the listpack of a stream is broken");

/// Reads the stream that follows a type of streams.
pub(crate) fn read(kind: u8, cursor: &mut Cursor<'_>, settings: Settings) -> Result<Stream, Fault> {
    let mut stream = Stream::new();
    for _ in 0..cursor.length()? {
        let key = cursor.string()?;
        let first = read_id(&key).ok_or(Problem::Block("the ID of a node of a stream has not 16 bytes"))?;
        read_node(first, &cursor.string()?, &mut stream, settings)?;
        stream.end_node();
    }
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
    for _ in 0..cursor.length()? {
        let name = cursor.string()?;
        let group = read_group(kind, cursor, &stream)?;
        if !stream.add_group(&name, group) {
            return Err(Problem::Range("a stream has two groups of one name").into());
        }
    }
    Ok(stream)
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

fn read_group(kind: u8, cursor: &mut Cursor<'_>, stream: &Stream) -> Result<Group, Fault> {
    let last_id = read_length_id(cursor)?;
    let mut group = Group::new(last_id, None);
    group.entries_read = if kind == tags::STREAM {
        stream.facts().read_up_to(last_id)
    } else {
        Some(cursor.length()?).filter(|&read| i64::try_from(read).is_ok())
    };
    for _ in 0..cursor.length()? {
        let pending = Pending {
            id: read_raw_id(cursor)?,
            consumer: ConsumerNumber::NOBODY,
            delivered_ms: cursor.u64_le()?.cast_signed(),
            deliveries: cursor.length()?,
        };
        if group.pending.get(pending.id).is_some() {
            return Err(Problem::Range("an entry is pending twice in one group").into());
        }
        group.pending.set(pending);
    }
    let mut given_back = 0;
    for _ in 0..cursor.length()? {
        given_back += read_consumer(kind, cursor, &mut group)?;
    }
    if group.pending.len_of(ConsumerNumber::NOBODY) != given_back {
        return Err(Problem::Range("an entry is pending for no consumer").into());
    }
    Ok(group)
}

/// Adds a consumer with what he has pending; returns how much of that belongs to nobody.
fn read_consumer(kind: u8, cursor: &mut Cursor<'_>, group: &mut Group) -> Result<usize, Fault> {
    let name = cursor.string()?;
    let seen_ms = cursor.u64_le()?.cast_signed();
    let active_ms = if kind == tags::STREAM_3 { cursor.u64_le()?.cast_signed() } else { seen_ms };
    let is_nobody = name.is_empty() && seen_ms == NEVER;
    let consumer = if is_nobody {
        ConsumerNumber::NOBODY
    } else {
        let added = group.add_consumer(&name, seen_ms, active_ms);
        added.ok_or(Problem::Range("a group has two consumers of one name"))?
    };
    let count = cursor.length()?;
    for _ in 0..count {
        let id = read_raw_id(cursor)?;
        let pending = group.pending.get(id).filter(|pending| pending.consumer == ConsumerNumber::NOBODY);
        let pending = pending
            .ok_or(Problem::Range("an entry is pending for a consumer and not for the group, or for two"))?;
        group.pending.set(Pending { consumer, ..pending });
    }
    Ok(if is_nobody { usize::try_from(count).unwrap_or(usize::MAX) } else { 0 })
}

/// Writes the stream behind its type.
pub(crate) fn write(stream: &Stream, output: &mut Output<'_>) {
    output.length(stream.node_count() as u64);
    let mut block = listpack::Writer::default();
    for entries in stream.nodes() {
        write_node(&entries, &mut block, output);
    }
    let facts = stream.facts();
    output.length(facts.len);
    for id in [facts.last_id, facts.first_id, facts.max_deleted_id] {
        write_length_id(id, output);
    }
    output.length(facts.entries_added);
    output.length(stream.groups().len() as u64);
    for (name, group) in stream.groups() {
        output.string(name);
        write_group(group, output);
    }
}

fn write_length_id(id: Id, output: &mut Output<'_>) {
    output.length(id.ms);
    output.length(id.seq);
}

fn raw_id(id: Id) -> [u8; 16] {
    (u128::from(id.ms) << 64 | u128::from(id.seq)).to_be_bytes()
}

fn write_node(entries: &[Entry<'_>], block: &mut listpack::Writer, output: &mut Output<'_>) {
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

fn write_group(group: &Group, output: &mut Output<'_>) {
    write_length_id(group.last_id, output);
    output.length(group.entries_read.unwrap_or(UNKNOWN));
    output.length(group.pending.len() as u64);
    for pending in group.pending.from(Id::MIN) {
        output.bytes(&raw_id(pending.id));
        output.bytes(&pending.delivered_ms.to_le_bytes());
        output.length(pending.deliveries);
    }
    let consumers = group.consumers();
    let given_back: Vec<Id> = group.pending.ids_of(ConsumerNumber::NOBODY, Id::MIN).collect();
    // A consumer without a name who is there gets it, for there cannot be two.
    let has_nameless = group.consumer(b"").is_some();
    let has_nobody = !given_back.is_empty() && !has_nameless;
    output.length(consumers.len() as u64 + u64::from(has_nobody));
    if has_nobody {
        write_consumer(b"", NEVER, &given_back, output);
    }
    for consumer in consumers {
        let mut ids: Vec<Id> = group.pending.ids_of(consumer.number, Id::MIN).collect();
        if consumer.name.is_empty() {
            ids.extend(&given_back);
        }
        write_consumer(consumer.name, consumer.seen_ms, &ids, output);
    }
}

fn write_consumer(name: &[u8], seen_ms: i64, pending: &[Id], output: &mut Output<'_>) {
    output.string(name);
    output.bytes(&seen_ms.to_le_bytes());
    output.length(pending.len() as u64);
    pending.iter().for_each(|id| output.bytes(&raw_id(*id)));
}

#[cfg(test)]
mod tests {
    use super::super::lzf::Compressor;
    use super::*;

    const SETTINGS: Settings = Settings::of_parameters(4096, 100);

    /// A stream of two entries and a group of two consumers, told by numbers that a test can make wrong.
    #[derive(Clone)]
    struct Parts {
        node_id: Vec<u8>,
        /// Live, deleted.
        counts: [i64; 2],
        /// Flags, milliseconds, number, elements of each entry of one field.
        entries: Vec<[i64; 4]>,
        length: u64,
        last_ms: u64,
        groups: Vec<&'static str>,
        pending: Vec<u64>,
        consumers: Vec<(&'static str, Vec<u64>)>,
    }

    impl Parts {
        fn good() -> Self {
            Self {
                node_id: raw_id(Id::new(1, 0)).to_vec(),
                counts: [2, 1],
                entries: vec![[2, 0, 0, 4], [3, 1, 0, 4], [2, 2, 0, 4]],
                length: 2,
                last_ms: 9,
                groups: vec!["group"],
                pending: vec![1, 2],
                consumers: vec![("anna", vec![1]), ("bert", vec![2])],
            }
        }

        fn bytes(&self) -> Vec<u8> {
            let mut out = Vec::new();
            let mut output = Output::new(&mut out, None);
            output.length(1);
            output.string(&self.node_id);
            let mut block = listpack::Writer::default();
            for number in [self.counts[0], self.counts[1], 1] {
                block.push_integer(number);
            }
            block.push(b"name");
            block.push_integer(0);
            for [flags, ms, seq, elements] in &self.entries {
                [flags, ms, seq].into_iter().for_each(|number| block.push_integer(*number));
                block.push(b"value");
                block.push_integer(*elements);
            }
            block.finish(|block| output.string(block));
            for number in [self.length, self.last_ms, 0, 1, 0, 2, 0, 3] {
                output.length(number);
            }
            output.length(self.groups.len() as u64);
            for name in &self.groups {
                output.string(name.as_bytes());
                [2, 0, 2].into_iter().for_each(|number| output.length(number));
                output.length(self.pending.len() as u64);
                for ms in &self.pending {
                    output.bytes(&raw_id(Id::new(*ms, 0)));
                    output.bytes(&7_u64.to_le_bytes());
                    output.length(1);
                }
                output.length(self.consumers.len() as u64);
                for (name, ids) in &self.consumers {
                    output.string(name.as_bytes());
                    output.bytes(&8_u64.to_le_bytes());
                    output.length(ids.len() as u64);
                    ids.iter().for_each(|ms| output.bytes(&raw_id(Id::new(*ms, 0))));
                }
            }
            out
        }

        fn read(&self) -> Result<Stream, Fault> {
            read(tags::STREAM_2, &mut Cursor::new(&self.bytes(), 1 << 20), SETTINGS)
        }
    }

    #[test]
    fn a_stream_that_is_read_is_written_again() {
        let stream = Parts::good().read().expect("good");
        assert_eq!(stream.iter().map(|entry| entry.id().ms).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(stream.facts().entries_added, 3);
        let group = stream.group(b"group").expect("there");
        assert_eq!((group.last_id, group.entries_read), (Id::new(2, 0), Some(2)));
        let pending: Vec<(Id, i64, u64)> =
            group.pending.from(Id::MIN).map(|one| (one.id, one.delivered_ms, one.deliveries)).collect();
        assert_eq!(pending, [(Id::new(1, 0), 7, 1), (Id::new(2, 0), 7, 1)]);
        let mut compressor = Compressor::default();
        let mut out = Vec::new();
        write(&stream, &mut Output::new(&mut out, Some(&mut compressor)));
        let again = read(tags::STREAM_2, &mut Cursor::new(&out, 1 << 20), SETTINGS).expect("its own bytes");
        assert_eq!(again.facts(), stream.facts());
        let mut once_more = Vec::new();
        write(&again, &mut Output::new(&mut once_more, Some(&mut compressor)));
        assert_eq!(once_more, out);
    }

    #[test]
    fn a_consumer_was_last_active_when_it_was_last_seen() {
        let mut stream = Parts::good().read().expect("good");
        stream.group_mut(b"group").expect("there").note(b"anna", 20, None);
        let mut out = Vec::new();
        write(&stream, &mut Output::new(&mut out, None));
        let again = read(tags::STREAM_2, &mut Cursor::new(&out, 1 << 20), SETTINGS).expect("its own bytes");
        let anna = again.group(b"group").and_then(|group| group.consumer(b"anna")).expect("there");
        assert_eq!((anna.seen_ms, anna.active_ms), (20, 20));
    }

    #[test]
    fn what_was_given_back_belongs_to_nobody_again() {
        let mut stream = Parts::good().read().expect("good");
        let group = stream.group_mut(b"group").expect("there");
        let given_back =
            Pending { id: Id::new(1, 0), consumer: ConsumerNumber::NOBODY, delivered_ms: 0, deliveries: 5 };
        group.pending.set(given_back);
        let again = |stream: &Stream| {
            let mut out = Vec::new();
            write(stream, &mut Output::new(&mut out, None));
            read(tags::STREAM_2, &mut Cursor::new(&out, 1 << 20), SETTINGS).expect("its own bytes")
        };
        let read = again(&stream);
        let group = read.group(b"group").expect("there");
        assert_eq!(group.pending.get(given_back.id), Some(given_back));
        assert_eq!(group.consumer_count(), 2);
        // Where somebody has no name, he gets it.
        stream.group_mut(b"group").expect("there").add_consumer(b"", 3, -1);
        let read = again(&stream);
        let group = read.group(b"group").expect("there");
        let nameless = group.consumer(b"").expect("there").number;
        assert_eq!(group.pending.get(given_back.id).map(|one| one.consumer), Some(nameless));
    }

    type Spoil = fn(&mut Parts);

    #[test]
    fn what_would_break_a_stream_is_refused() {
        let bad: [(&str, Spoil); 15] = [
            ("a short node ID", |parts| parts.node_id.truncate(15)),
            ("too many live entries", |parts| parts.counts[0] = 3),
            ("too few deleted entries", |parts| parts.counts[1] = 0),
            ("a negative count", |parts| parts.counts[0] = -2),
            ("entries out of order", |parts| parts.entries[2][1] = 0),
            ("an ID that wraps around", |parts| parts.entries[0][1] = -2),
            ("a wrong number of elements", |parts| parts.entries[1][3] = 5),
            ("other names that are not there", |parts| parts.entries[2][0] = 0),
            ("a wrong length", |parts| parts.length = 3),
            ("a last ID before the last entry", |parts| parts.last_ms = 2),
            ("an entry that is pending twice", |parts| parts.pending = vec![1, 1, 2]),
            ("two groups of one name", |parts| parts.groups = vec!["group", "group"]),
            ("two consumers of one name", |parts| parts.consumers[1].0 = "anna"),
            ("an entry that is pending for two", |parts| parts.consumers[1].1 = vec![1]),
            ("an entry that is pending for nobody", |parts| parts.consumers[1].1.clear()),
        ];
        for (what, spoil) in bad {
            let mut parts = Parts::good();
            spoil(&mut parts);
            assert!(matches!(parts.read(), Err(Fault::Bad(_))), "{what}");
        }
        let mut parts = Parts::good();
        parts.consumers[0].1.push(5);
        assert!(matches!(parts.read(), Err(Fault::Bad(_))), "pending for a consumer only");
        let whole = Parts::good().bytes();
        for end in 0..whole.len() {
            let read = read(tags::STREAM_2, &mut Cursor::new(&whole[..end], 1 << 20), SETTINGS);
            assert!(read.is_err(), "{end} bytes");
        }
    }
}
