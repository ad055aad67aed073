//! What must hold for any bytes that claim to be RDB: no panic, bounded memory, and the same outcome whether the bytes
//! arrive at once or in pieces, and whether keys are decoded one by one or in runs.

use persist::rdb::{Decoder, Entry, Error, Item, Keys, ReadOptions};
use stdx::hash::HashKey;
use value::{Settings, hash, list, set, stream, zset};

const OPTIONS: ReadOptions = ReadOptions {
    settings: Settings {
        hash: hash::Settings { max_packed_entries: 16, max_packed_value: 64, seed: HashKey([1, 2]) },
        list: list::Settings::of_parameter(-2),
        set: set::Settings::of_redis(HashKey([1, 2])),
        zset: zset::Settings::of_redis(HashKey([1, 2])),
        stream: stream::Settings::of_parameters(4096, 100),
    },
    max_string_bytes: 1 << 20,
    // Else nearly no input would get behind the checksum.
    verify_checksum: false,
    skips_modules: true,
};

/// Panics if the decoder misbehaves on `bytes`.
pub(crate) fn check(bytes: &[u8]) {
    let whole = decode(bytes, bytes.len().max(1));
    for piece in [1, 13] {
        assert_eq!(decode(bytes, piece), whole, "in pieces of {piece}");
    }
    for limit in [1, 100, usize::MAX] {
        assert_eq!(decode_in_runs(bytes, limit), whole, "in runs of {limit}");
    }
}

/// The same by runs of keys.
fn decode_in_runs(bytes: &[u8], limit: usize) -> (Vec<String>, Option<Error>) {
    let mut decoder = Decoder::new(OPTIONS);
    let mut items = Vec::new();
    for piece in bytes.chunks(29) {
        decoder.feed(piece);
        if let Some(error) = take_runs(&mut decoder, limit, &mut items) {
            return (items, Some(error));
        }
    }
    decoder.end_input();
    let error = take_runs(&mut decoder, limit, &mut items);
    (items, error)
}

fn take_runs(decoder: &mut Decoder, limit: usize, items: &mut Vec<String>) -> Option<Error> {
    loop {
        if let Some(run) = decoder.next_run(limit) {
            for entry in Keys::new(run.bytes, run.offset, run.format, OPTIONS) {
                match entry {
                    Ok(entry) => items.push(text(&entry)),
                    Err(error) => return Some(error),
                }
            }
            continue;
        }
        match decoder.next_item() {
            Ok(Some(Item::Entry(entry))) => items.push(text(&entry)),
            Ok(Some(item)) => items.push(format!("{item:?}")),
            Ok(None) => return None,
            Err(error) => return Some(error),
        }
    }
}

/// Items as text (tables of fields have no order, so only their kind), and how it ended.
fn decode(bytes: &[u8], piece: usize) -> (Vec<String>, Option<Error>) {
    let mut decoder = Decoder::new(OPTIONS);
    let mut items = Vec::new();
    for piece in bytes.chunks(piece) {
        decoder.feed(piece);
        if let Some(error) = take(&mut decoder, &mut items) {
            return (items, Some(error));
        }
    }
    decoder.end_input();
    let error = take(&mut decoder, &mut items);
    (items, error)
}

fn take(decoder: &mut Decoder, items: &mut Vec<String>) -> Option<Error> {
    loop {
        match decoder.next_item() {
            Ok(Some(Item::Entry(entry))) => items.push(text(&entry)),
            Ok(Some(item)) => items.push(format!("{item:?}")),
            Ok(None) => return None,
            Err(error) => return Some(error),
        }
    }
}

fn text(entry: &Entry<'_>) -> String {
    format!("{:?} {:?} {:?}", entry.key, entry.expiry, size(&entry.value))
}

/// Bytes of a string, fields of a hash, elements of a list, or members of a set or a sorted set.
fn size(object: &persist::rdb::Object<'_>) -> usize {
    match object {
        persist::rdb::Object::String(text) => text.len(),
        persist::rdb::Object::Hash(hash) => hash.at(stdx::time::UnixMs::MIN).len(),
        persist::rdb::Object::List(list) => list.as_ref().len(),
        persist::rdb::Object::Set(set) => set.len(),
        persist::rdb::Object::ZSet(zset) => zset.as_ref().len(),
        persist::rdb::Object::Stream(stream) => stream.iter().count(),
    }
}
