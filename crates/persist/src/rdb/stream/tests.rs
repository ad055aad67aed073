//! Streams read from parts that a test can make wrong, and written again.

use value::stream::{ConsumerNumber, Pending};

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
