//! What keys there are: by type how many and how large, the largest by name, what expires, and in which databases.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use persist::rdb::Object;
use stdx::time::UnixMs;
use value::{Kind, ValueRef};

/// The types by the names that TYPE gives them.
const TYPES: [&str; 6] = ["string", "list", "set", "zset", "hash", "stream"];
/// The longest part of a key's name that is shown.
const MAX_NAME_BYTES: usize = 80;
/// What a key takes beside its name and value: flags, access clock, lengths and its share of a page.
const ENTRY_BYTES: usize = 12;
/// Databases of a server that was not told otherwise.
const USUAL_DATABASES: u64 = 16;

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Summary {
    largest: usize,
    now: UnixMs,
    databases: BTreeMap<u64, u64>,
    types: [OfType; TYPES.len()],
    expiring: u64,
    due: u64,
}

/// The keys of a type.
#[derive(Debug, Default)]
struct OfType {
    keys: u64,
    elements: u64,
    bytes: u64,
    /// The largest first.
    largest: Vec<Large>,
}

#[derive(Debug)]
struct Large {
    bytes: u64,
    elements: u64,
    database: u64,
    name: Vec<u8>,
}

/// A key to be counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted<'a> {
    /// Its database.
    pub(crate) database: u64,
    /// Its name.
    pub(crate) name: &'a [u8],
    /// What it is.
    pub(crate) size: Size,
    /// When it is due.
    pub(crate) expiry: Option<UnixMs>,
}

/// What a value is and how large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    /// The place of the type.
    kind: usize,
    /// Elements; of a string, its bytes.
    elements: u64,
    /// About how much memory the key takes.
    bytes: u64,
}

impl Size {
    /// Of a key with a value in memory that takes so many bytes.
    pub(crate) fn of(kind: Kind, value: ValueRef<'_>, bytes: usize) -> Self {
        let elements = match value {
            ValueRef::String(string) => string.len() as u64,
            ValueRef::Hash(hash) => hash.len() as u64,
            ValueRef::List(list) => list.len() as u64,
            ValueRef::Set(set) => set.len() as u64,
            ValueRef::ZSet(zset) => zset.len() as u64,
            ValueRef::Stream(stream) => stream.len(),
        };
        Self { kind: place(kind), elements, bytes: bytes as u64 }
    }

    /// Of a key that was read from an RDB file and goes again.
    pub(crate) fn of_object(name: &[u8], object: Object<'_>) -> Self {
        let (kind, elements, weight) = match object {
            Object::String(text) => (Kind::String, text.len() as u64, text.len()),
            Object::Hash(hash) => (Kind::Hash, hash.at(UnixMs::MIN).len() as u64, hash.weight()),
            Object::List(list) => (Kind::List, list.as_ref().len() as u64, list.allocated_bytes()),
            Object::Set(set) => (Kind::Set, set.len() as u64, set.weight()),
            Object::ZSet(zset) => (Kind::ZSet, zset.as_ref().len() as u64, zset.allocated_bytes()),
            Object::Stream(stream) => (Kind::Stream, stream.len(), stream.allocated_bytes()),
        };
        Self { kind: place(kind), elements, bytes: (name.len() + weight + ENTRY_BYTES) as u64 }
    }
}

fn place(kind: Kind) -> usize {
    match kind {
        Kind::String | Kind::StringChanged => 0,
        Kind::List => 1,
        Kind::Set => 2,
        Kind::ZSet => 3,
        Kind::Hash => 4,
        Kind::Stream => 5,
    }
}

impl Summary {
    /// Nothing yet; names so many of the largest keys of each type.
    pub(crate) fn new(largest: usize, now: UnixMs) -> Self {
        let (databases, types) = (BTreeMap::new(), Default::default());
        Self { largest, now, databases, types, expiring: 0, due: 0 }
    }

    /// Counts a key.
    pub(crate) fn add(&mut self, key: Counted<'_>) {
        let Size { kind, elements, bytes } = key.size;
        *self.databases.entry(key.database).or_default() += 1;
        if let Some(expiry) = key.expiry {
            self.expiring += 1;
            self.due += u64::from(expiry <= self.now);
        }
        let of_type = &mut self.types[kind];
        of_type.keys += 1;
        of_type.elements += elements;
        of_type.bytes += bytes;
        let at = of_type.largest.partition_point(|large| large.bytes >= bytes);
        if at < self.largest {
            let name = key.name.to_vec();
            of_type.largest.insert(at, Large { bytes, elements, database: key.database, name });
            of_type.largest.truncate(self.largest);
        }
    }

    /// Keys.
    pub(crate) fn keys(&self) -> u64 {
        self.databases.values().sum()
    }

    /// Its text.
    pub(crate) fn show(&self) -> String {
        let mut text = String::new();
        let mut line =
            |parts: std::fmt::Arguments<'_>| writeln!(text, "{parts}").expect("writing to a string");
        let databases: Vec<String> =
            self.databases.iter().map(|(number, keys)| format!("{number} ({keys})")).collect();
        line(format_args!(
            "Keys: {}; with a time to live: {}, of which {} are due",
            self.keys(),
            self.expiring,
            self.due
        ));
        if self.keys() == 0 {
            return text;
        }
        line(format_args!("Databases and their keys: {}", databases.join(", ")));
        if let Some((&last, _)) =
            self.databases.last_key_value().filter(|(last, _)| **last >= USUAL_DATABASES)
        {
            line(format_args!("A server needs `databases {}` to load them", last + 1));
        }
        line(format_args!("{:<8}{:>12}{:>16}{:>16}", "type", "keys", "elements", "bytes"));
        for (name, of_type) in self.found() {
            let OfType { keys, elements, bytes, .. } = of_type;
            line(format_args!("{name:<8}{keys:>12}{elements:>16}{bytes:>16}"));
        }
        for (name, of_type) in self.found() {
            for Large { bytes, elements, database, name: key } in &of_type.largest {
                let more = if key.len() > MAX_NAME_BYTES { ".." } else { "" };
                let key = key[..key.len().min(MAX_NAME_BYTES)].escape_ascii();
                line(format_args!(
                    "Large {name}: '{key}'{more} in database {database}: elements {elements}, bytes {bytes}"
                ));
            }
        }
        text
    }

    fn found(&self) -> impl Iterator<Item = (&'static str, &OfType)> {
        TYPES.into_iter().zip(&self.types).filter(|(_, of_type)| of_type.keys > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_counted_by_type_and_the_largest_are_named() {
        let mut summary = Summary::new(2, UnixMs(100));
        for (database, name, kind, bytes, expiry) in [
            (0, "a", 0, 10, None),
            (0, "b", 0, 30, Some(100)),
            (17, "c", 0, 20, Some(101)),
            (0, "d", 0, 5, None),
            (0, "e\n", 4, 7, None),
        ] {
            let size = Size { kind, elements: 1, bytes };
            let expiry = expiry.map(UnixMs);
            summary.add(Counted { database, name: name.as_bytes(), size, expiry });
        }
        let expected = "\
Keys: 5; with a time to live: 2, of which 1 are due
Databases and their keys: 0 (4), 17 (1)
A server needs `databases 18` to load them
type            keys        elements           bytes
string             4               4              65
hash               1               1               7
Large string: 'b' in database 0: elements 1, bytes 30
Large string: 'c' in database 17: elements 1, bytes 20
Large hash: 'e\\n' in database 0: elements 1, bytes 7
";
        assert_eq!(summary.show(), expected);
        assert_eq!(
            Summary::new(2, UnixMs(0)).show(),
            "Keys: 0; with a time to live: 0, of which 0 are due\n"
        );
    }
}
