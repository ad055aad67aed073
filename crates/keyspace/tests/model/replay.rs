//! The log's text in this test, and what applying it to a model does.
//!
//! An effect is a sequence of byte strings, each behind its length, the first of them a letter that names it.

use std::collections::BTreeMap;

use keyspace::{DbIndex, Effect};
use stdx::time::UnixMs;
use value::{ValueRef, hyperloglog};

use crate::operation::SPARSE_BYTES;
use crate::world::{Content, Field, Item, World};

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn put_all(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        put(out, part);
    }
}

fn time(at: Option<UnixMs>) -> Vec<u8> {
    at.map_or(Vec::new(), |at| at.0.to_le_bytes().to_vec())
}

fn read_time(bytes: &[u8]) -> Option<i64> {
    bytes.try_into().ok().map(i64::from_le_bytes)
}

fn index(database: DbIndex) -> Vec<u8> {
    database.0.to_le_bytes().to_vec()
}

fn read_index(bytes: &[u8]) -> usize {
    usize::from(u16::from_le_bytes(bytes.try_into().expect("two bytes")))
}

/// Writes an effect.
pub(crate) fn encode(effect: &Effect<'_>, out: &mut Vec<u8>) {
    match *effect {
        Effect::SetString { key, value, expiry } => {
            put_all(out, &[b"S", key, &value.contiguous(), &time(expiry)]);
        }
        Effect::ReplaceString { key, value } => put_all(out, &[b"s", key, &value.contiguous()]),
        Effect::AppendString { key, suffix } => put_all(out, &[b"A", key, suffix]),
        Effect::WriteString { key, offset, bytes } => {
            put_all(out, &[b"W", key, &(offset as u64).to_le_bytes(), bytes]);
        }
        Effect::AddElements { key, elements } => {
            put_all(out, &[b"L", key]);
            put_all(out, elements);
        }
        Effect::Delete { key, .. } => put_all(out, &[b"D", key]),
        Effect::SetExpiry { key, at } => put_all(out, &[b"E", key, &time(Some(at))]),
        Effect::ClearExpiry { key } => put_all(out, &[b"E", key, b""]),
        Effect::Rename { from, to } => put_all(out, &[b"R", from, to]),
        Effect::Move { key, to } => put_all(out, &[b"M", key, &index(to)]),
        Effect::Copy { from, to, database } => put_all(out, &[b"C", from, to, &index(database)]),
        Effect::SetValue { key, value, expiry } => match value {
            ValueRef::String(value) => {
                put_all(out, &[b"S", key, &value.contiguous(), &time(expiry)]);
            }
            _ => unreachable!("the operations here restore strings only"),
        },
        Effect::SetFields { key, fields } => {
            put_all(out, &[b"H", key]);
            for (field, value) in fields {
                put_all(out, &[field, value]);
            }
        }
        Effect::DeleteFields { key, fields } => {
            put_all(out, &[b"h", key]);
            put_all(out, fields);
        }
        Effect::SetFieldExpiry { key, at, fields } => {
            put_all(out, &[b"F", key, &time(Some(at))]);
            put_all(out, fields);
        }
        Effect::ClearFieldExpiry { key, fields } => {
            put_all(out, &[b"F", key, b""]);
            put_all(out, fields);
        }
        Effect::FlushDatabase => put(out, b"f"),
        Effect::FlushAll => put(out, b"X"),
        Effect::SwapDatabases { first, second } => put_all(out, &[b"P", &index(first), &index(second)]),
        _ => unreachable!("what is not a string or a hash has a model of its own, or no part in one"),
    }
}

fn parts(mut text: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    while let Some((length, rest)) = text.split_at_checked(4) {
        let length = u32::from_le_bytes(length.try_into().expect("four bytes")) as usize;
        let (part, rest) = rest.split_at(length);
        parts.push(part);
        text = rest;
    }
    parts
}

/// Applies the text of one effect.
pub(crate) fn apply(world: &mut World, database: DbIndex, text: &[u8]) {
    let parts = parts(text);
    let here = usize::from(database.0);
    match *parts.as_slice() {
        [b"M", key, to] => {
            let item = world.databases[here].remove(key).expect("what moves is there");
            world.databases[read_index(to)].insert(key.to_vec(), item);
        }
        [b"C", from, to, target] => {
            let item = world.databases[here].get(from).expect("what is copied is there").clone();
            world.databases[read_index(target)].insert(to.to_vec(), item);
        }
        [b"X"] => world.databases.iter_mut().for_each(BTreeMap::clear),
        [b"P", first, second] => world.databases.swap(read_index(first), read_index(second)),
        [b"f"] => world.databases[here].clear(),
        [b"R", from, to] => {
            let item = world.databases[here].remove(from).expect("what is renamed is there");
            world.databases[here].insert(to.to_vec(), item);
        }
        [b"D", key] => {
            world.databases[here].remove(key).expect("what is deleted is there");
        }
        [b"S", key, value, expiry] => {
            let item = Item { content: Content::String(value.to_vec()), expiry: read_time(expiry) };
            world.databases[here].insert(key.to_vec(), item);
        }
        [b"s", key, value] => {
            let expiry = world.databases[here].get(key).and_then(|item| item.expiry);
            let item = Item { content: Content::String(value.to_vec()), expiry };
            world.databases[here].insert(key.to_vec(), item);
        }
        [b"E", key, at] => {
            world.databases[here].get_mut(key).expect("the key is there").expiry = read_time(at);
        }
        [b"A", key, suffix] => string(world, here, key).extend_from_slice(suffix),
        [b"W", key, offset, bytes] => {
            let offset = u64::from_le_bytes(offset.try_into().expect("eight bytes")) as usize;
            write(string(world, here, key), offset, bytes);
        }
        [b"L", key, ref elements @ ..] => {
            let bytes = string(world, here, key);
            if bytes.is_empty() {
                *bytes = hyperloglog::empty();
            }
            for element in elements {
                hyperloglog::add(bytes, element, SPARSE_BYTES).expect("whole registers");
            }
        }
        [name, key, ref rest @ ..] => apply_fields(world, here, name, key, rest),
        _ => unreachable!("an effect has a name"),
    }
}

fn apply_fields(world: &mut World, here: usize, name: &[u8], key: &[u8], rest: &[&[u8]]) {
    let empty = || Item { content: Content::Hash(BTreeMap::new()), expiry: None };
    let item = world.databases[here].entry(key.to_vec()).or_insert_with(empty);
    let Content::Hash(fields) = &mut item.content else { panic!("a field of a string") };
    match name {
        b"H" => {
            for pair in rest.chunks(2) {
                fields.insert(pair[0].to_vec(), Field { value: pair[1].to_vec(), expiry: None });
            }
        }
        b"h" => rest.iter().for_each(|field| drop(fields.remove(*field).expect("the field is there"))),
        b"F" => {
            for field in &rest[1..] {
                fields.get_mut(*field).expect("the field is there").expiry = read_time(rest[0]);
            }
        }
        _ => unreachable!("no such effect"),
    }
    if fields.is_empty() {
        world.databases[here].remove(key);
    }
}

fn string<'w>(world: &'w mut World, here: usize, key: &[u8]) -> &'w mut Vec<u8> {
    let empty = || Item { content: Content::String(Vec::new()), expiry: None };
    match &mut world.databases[here].entry(key.to_vec()).or_insert_with(empty).content {
        Content::String(bytes) => bytes,
        Content::Hash(_) => panic!("a hash is no string"),
    }
}

/// Overwrites bytes, with zeros before them where the string was shorter.
pub(crate) fn write(string: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    string.resize(string.len().max(offset + bytes.len()), 0);
    string[offset..offset + bytes.len()].copy_from_slice(bytes);
}
