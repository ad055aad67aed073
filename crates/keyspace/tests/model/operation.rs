//! The operations: each runs on both sides and compares what they show.

use std::collections::BTreeMap;

use keyspace::{Access, Db, DbIndex, Expiry, NotAdded};
use proptest::prelude::*;
use stdx::time::UnixMs;
use value::ValueRef;
use value::hash::FieldExpiry;
use value::hyperloglog;

use crate::replay::write;
use crate::world::{Content, Field, Item, World};

/// One step. Times are counted from now; keys and fields are numbers, turned into names of many lengths.
#[derive(Debug, Clone)]
pub(crate) enum Operation {
    Set { database: u16, key: u8, length: usize, after: Option<i16> },
    SetKeeping { database: u16, key: u8, length: usize },
    Append { database: u16, key: u8, length: usize },
    Write { database: u16, key: u8, offset: usize, length: usize },
    Observe { database: u16, key: u8, elements: Vec<u16> },
    Restore { database: u16, key: u8, length: usize },
    Delete { database: u16, key: u8 },
    SetExpiry { database: u16, key: u8, after: i16 },
    ClearExpiry { database: u16, key: u8 },
    Rename { database: u16, from: u8, to: u8 },
    Copy { database: u16, from: u8, to: u8, target: u16 },
    Move { database: u16, key: u8, target: u16 },
    SetFields { database: u16, key: u8, fields: Vec<(u8, usize)> },
    DeleteFields { database: u16, key: u8, fields: Vec<u8> },
    ExpireField { database: u16, key: u8, field: u8, after: i16 },
    Flush { database: u16 },
    FlushAll,
    Swap { first: u16, second: u16 },
    Advance(u16),
    Expire(usize),
    Snapshot,
    Cut,
    Read(usize),
    GiveUp,
}

/// The name of a key; every tenth is too long for a page.
fn name(number: u8) -> Vec<u8> {
    let mut name = format!("key:{number}").into_bytes();
    if number.is_multiple_of(10) {
        name.resize(300, b'.');
    }
    name
}

fn field(number: u8) -> Vec<u8> {
    format!("field:{number}").into_bytes()
}

/// The most bytes of a HyperLogLog's runs: few, so that both ways to keep registers are met.
pub(crate) const SPARSE_BYTES: usize = 100;

/// Adds elements to a HyperLogLog, which is made if there is no key.
fn observe(
    db: &mut Db<'_, '_>,
    key: &keyspace::Key<'_>,
    model: &mut BTreeMap<Vec<u8>, Item>,
    elements: &[u16],
) {
    let elements: Vec<[u8; 2]> = elements.iter().map(|element| element.to_le_bytes()).collect();
    let elements: Vec<&[u8]> = elements.iter().map(|element| &element[..]).collect();
    let result = db.hyperloglog_add(key, &elements);
    let is_new = !model.contains_key(key.bytes);
    let empty = || Item { content: Content::String(hyperloglog::empty()), expiry: None };
    if is_new {
        model.insert(key.bytes.to_vec(), empty());
    }
    let item = model.get_mut(key.bytes).expect("it is there or was made");
    let Content::String(bytes) = &mut item.content else {
        return assert_eq!(result, Err(NotAdded::WrongType));
    };
    let Ok(_) = hyperloglog::encoding(bytes) else {
        return assert_eq!(result, Err(NotAdded::Fault(hyperloglog::Fault::Foreign)));
    };
    let mut after = bytes.clone();
    let added: Result<Vec<bool>, _> = elements
        .iter()
        .map(|element| hyperloglog::add(&mut after, element, SPARSE_BYTES).map_err(NotAdded::Fault))
        .collect();
    if added.is_ok() {
        *bytes = after;
    }
    assert_eq!(result, added.map(|added| is_new || added.contains(&true)));
}

/// Sequences of operations in which the common ones are common.
pub(crate) fn operations() -> impl Strategy<Value = Vec<Operation>> {
    prop::collection::vec(operation(), 1..150)
}

fn operation() -> impl Strategy<Value = Operation> {
    let database = 0_u16..3;
    let place = || (0_u16..3, 0_u8..40);
    let length = || prop_oneof![8 => 0_usize..40, 2 => 100_usize..700, 1 => 16_000_usize..40_000];
    prop_oneof![
        8 => (place(), length(), prop::option::of(-5_i16..300))
            .prop_map(|((database, key), length, after)| Operation::Set { database, key, length, after }),
        2 => (place(), length()).prop_map(|((database, key), length)| Operation::SetKeeping { database, key, length }),
        3 => (place(), length()).prop_map(|((database, key), length)| Operation::Append { database, key, length }),
        3 => (place(), length(), length())
            .prop_map(|((database, key), offset, length)| Operation::Write { database, key, offset, length }),
        4 => (0_u16..3, 38_u8..43, prop::collection::vec(0_u16..200, 0..30))
            .prop_map(|(database, key, elements)| Operation::Observe { database, key, elements }),
        1 => (place(), length()).prop_map(|((database, key), length)| Operation::Restore { database, key, length }),
        3 => place().prop_map(|(database, key)| Operation::Delete { database, key }),
        3 => (place(), -5_i16..300).prop_map(|((database, key), after)| Operation::SetExpiry { database, key, after }),
        1 => place().prop_map(|(database, key)| Operation::ClearExpiry { database, key }),
        2 => (place(), 0_u8..40).prop_map(|((database, from), to)| Operation::Rename { database, from, to }),
        2 => (place(), 0_u8..40, 0_u16..3)
            .prop_map(|((database, from), to, target)| Operation::Copy { database, from, to, target }),
        2 => (place(), 0_u16..3).prop_map(|((database, key), target)| Operation::Move { database, key, target }),
        4 => (place(), prop::collection::vec((0_u8..200, 0_usize..80), 1..60))
            .prop_map(|((database, key), fields)| Operation::SetFields { database, key, fields }),
        2 => (place(), prop::collection::vec(0_u8..200, 1..60))
            .prop_map(|((database, key), fields)| Operation::DeleteFields { database, key, fields }),
        3 => (place(), 0_u8..200, -5_i16..300)
            .prop_map(|((database, key), field, after)| Operation::ExpireField { database, key, field, after }),
        1 => database.clone().prop_map(|database| Operation::Flush { database }),
        1 => (database.clone(), database).prop_map(|(first, second)| Operation::Swap { first, second }),
        4 => (0_u16..100).prop_map(Operation::Advance),
        2 => (1_usize..10).prop_map(Operation::Expire),
        1 => Just(Operation::Snapshot),
        2 => Just(Operation::Cut),
        4 => (0_usize..3).prop_map(Operation::Read),
        1 => Just(Operation::GiveUp),
        1 => Just(Operation::FlushAll),
    ]
}

impl Operation {
    /// Runs one of the operations on keys or on everything; the model holds nothing that is due.
    pub(crate) fn run(&self, access: &mut Access<'_>, world: &mut World) {
        access.start_unit();
        match *self {
            Self::Flush { database } => {
                access.with_everything(|access| access.db(DbIndex(database)).flush());
                world.databases[usize::from(database)].clear();
            }
            Self::FlushAll => {
                access.with_everything(|access| access.db(DbIndex(0)).flush_all());
                world.databases.iter_mut().for_each(BTreeMap::clear);
            }
            Self::Swap { first, second } => {
                access.with_everything(|access| access.db(DbIndex(0)).swap(DbIndex(first), DbIndex(second)));
                world.databases.swap(usize::from(first), usize::from(second));
            }
            Self::Rename { database, from, to } => {
                run_pair(access, world, (database, from), (database, to), true);
            }
            Self::Copy { database, from, to, target } => {
                run_pair(access, world, (database, from), (target, to), false);
            }
            Self::Move { database, key, target } => run_move(access, world, database, key, target),
            ref other => other.run_on_key(access, world),
        }
    }

    fn place(&self) -> (u16, u8) {
        match *self {
            Self::Set { database, key, .. }
            | Self::SetKeeping { database, key, .. }
            | Self::Append { database, key, .. }
            | Self::Write { database, key, .. }
            | Self::Observe { database, key, .. }
            | Self::Restore { database, key, .. }
            | Self::Delete { database, key }
            | Self::SetExpiry { database, key, .. }
            | Self::ClearExpiry { database, key }
            | Self::SetFields { database, key, .. }
            | Self::DeleteFields { database, key, .. }
            | Self::ExpireField { database, key, .. } => (database, key),
            _ => unreachable!("not an operation on one key"),
        }
    }

    fn run_on_key(&self, access: &mut Access<'_>, world: &mut World) {
        let (database, number) = self.place();
        let name = name(number);
        let key = access.keyspace().key(&name);
        let now = access.now();
        let model = &mut world.databases[usize::from(database)];
        access.lock(&mut [access.shard_of(&key)]);
        let mut db = access.db(DbIndex(database));
        match *self {
            Self::Set { length, after, .. } => {
                let bytes = Content::string(length);
                let expiry = after.map(|after| now.0 + i64::from(after).max(1));
                db.set_string(&key, &bytes, expiry.map_or(Expiry::Clear, |at| Expiry::At(UnixMs(at))));
                model.insert(name.clone(), Item { content: Content::String(bytes), expiry });
            }
            Self::SetKeeping { length, .. } => {
                let bytes = Content::string(length);
                db.set_string(&key, &bytes, Expiry::Keep);
                let expiry = model.get(&name).and_then(|item| item.expiry);
                model.insert(name.clone(), Item { content: Content::String(bytes), expiry });
            }
            Self::Restore { length, .. } => {
                let bytes = Content::string(length);
                db.set_value(&key, value::Value::String(value::Blob::from_bytes(&bytes)), None);
                model.insert(name.clone(), Item { content: Content::String(bytes), expiry: None });
            }
            Self::Append { length, .. } => {
                let suffix = Content::string(length);
                let before = string_of(model, &name).map(<[u8]>::len);
                let result = db.append(&key, &suffix).ok();
                assert_eq!(result, before.map(|before| before + suffix.len()));
                change_string(model, &name, |string| string.extend_from_slice(&suffix));
            }
            Self::Write { offset, length, .. } => {
                let bytes = Content::string(length);
                let result = db.write_range(&key, offset, &bytes).ok();
                let before = string_of(model, &name).map(<[u8]>::len);
                let after = |before: usize| if length == 0 { before } else { before.max(offset + length) };
                assert_eq!(result, before.map(after));
                if length > 0 {
                    change_string(model, &name, |string| write(string, offset, &bytes));
                }
            }
            Self::Observe { ref elements, .. } => observe(&mut db, &key, model, elements),
            Self::Delete { .. } => assert_eq!(db.delete(&key), model.remove(&name).is_some()),
            Self::SetExpiry { after, .. } => {
                let at = now.0 + i64::from(after);
                assert_eq!(db.set_expiry(&key, UnixMs(at)), model.contains_key(&name));
                model.entry(name.clone()).and_modify(|item| item.expiry = Some(at));
            }
            Self::ClearExpiry { .. } => {
                let had = model.get_mut(&name).and_then(|item| item.expiry.take()).is_some();
                assert_eq!(db.clear_expiry(&key), had);
            }
            _ => self.run_on_fields(&mut db, &key, model, now),
        }
        world.purge(now.0);
        compare(&mut db, &key, &world.databases[usize::from(database)]);
        access.unlock();
    }

    fn run_on_fields(
        &self,
        db: &mut Db<'_, '_>,
        key: &keyspace::Key<'_>,
        model: &mut BTreeMap<Vec<u8>, Item>,
        now: UnixMs,
    ) {
        let wrong = model.get(key.bytes).is_some_and(|item| matches!(item.content, Content::String(_)));
        match self {
            Self::SetFields { fields, .. } => {
                let fields: Vec<(Vec<u8>, Vec<u8>)> =
                    fields.iter().map(|&(number, length)| (field(number), Content::string(length))).collect();
                let pairs: Vec<(&[u8], &[u8])> = fields.iter().map(|(f, v)| (&f[..], &v[..])).collect();
                let result = db.hash_set(key, &pairs, FieldExpiry::Clear);
                assert_eq!(result.is_err(), wrong);
                let mut added = 0;
                change_fields(model, key.bytes, |hash| {
                    for (name, value) in fields {
                        added += usize::from(hash.insert(name, Field { value, expiry: None }).is_none());
                    }
                });
                assert_eq!(result.unwrap_or(0), added);
            }
            Self::DeleteFields { fields, .. } => {
                let names: Vec<Vec<u8>> = fields.iter().map(|&number| field(number)).collect();
                let slices: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
                let result = db.hash_delete(key, &slices).map_err(drop);
                let mut removed = Vec::new();
                change_fields(model, key.bytes, |hash| {
                    removed = names.iter().map(|name| hash.remove(name).is_some()).collect();
                });
                assert_eq!(result, if wrong { Err(()) } else { Ok(removed) });
            }
            Self::ExpireField { field: number, after, .. } => {
                let (name, at) = (field(*number), now.0 + i64::from(*after));
                assert_eq!(db.hash_set_expiry(key, &[&name], UnixMs(at)).is_err(), wrong);
                change_fields(model, key.bytes, |hash| {
                    hash.entry(name).and_modify(|field| field.expiry = Some(at));
                });
            }
            _ => unreachable!("not an operation on fields"),
        }
    }
}

fn run_pair(access: &mut Access<'_>, world: &mut World, from: (u16, u8), to: (u16, u8), rename: bool) {
    if from == to {
        return; // the commands answer these themselves
    }
    let (from_name, to_name) = (name(from.1), name(to.1));
    let (from_key, to_key) = (access.keyspace().key(&from_name), access.keyspace().key(&to_name));
    access.lock(&mut [access.shard_of(&from_key), access.shard_of(&to_key)]);
    let mut db = access.db(DbIndex(from.0));
    let there = world.databases[usize::from(from.0)].get(&from_name).cloned();
    let done = if rename {
        world.databases[usize::from(from.0)].remove(&from_name);
        db.rename(&from_key, &to_key)
    } else {
        db.copy(&from_key, &to_key, DbIndex(to.0))
    };
    assert_eq!(done, there.is_some());
    if let Some(item) = there {
        world.databases[usize::from(to.0)].insert(to_name.clone(), item);
    }
    compare(&mut access.db(DbIndex(from.0)), &from_key, &world.databases[usize::from(from.0)]);
    compare(&mut access.db(DbIndex(to.0)), &to_key, &world.databases[usize::from(to.0)]);
    access.unlock();
}

fn run_move(access: &mut Access<'_>, world: &mut World, database: u16, number: u8, target: u16) {
    if database == target {
        return; // the command answers this itself
    }
    let name = name(number);
    let key = access.keyspace().key(&name);
    access.lock(&mut [access.shard_of(&key)]);
    let done = access.db(DbIndex(database)).move_to(&key, DbIndex(target));
    let taken = world.databases[usize::from(target)].contains_key(&name);
    let item = if taken { None } else { world.databases[usize::from(database)].remove(&name) };
    assert_eq!(done, item.is_some());
    if let Some(item) = item {
        world.databases[usize::from(target)].insert(name.clone(), item);
    }
    compare(&mut access.db(DbIndex(target)), &key, &world.databases[usize::from(target)]);
    access.unlock();
}

fn compare(db: &mut Db<'_, '_>, key: &keyspace::Key<'_>, model: &BTreeMap<Vec<u8>, Item>) {
    let expected = model.get(key.bytes);
    assert_eq!(
        db.peek(key).map(|value: ValueRef<'_>| Content::of(value)).as_ref(),
        expected.map(|item| &item.content)
    );
    assert_eq!(db.expiry(key).map(|expiry| expiry.map(|at| at.0)), expected.map(|item| item.expiry));
}

/// The string under a name, empty when nothing is there; `None` for a hash.
fn string_of<'m>(model: &'m BTreeMap<Vec<u8>, Item>, name: &[u8]) -> Option<&'m [u8]> {
    match model.get(name).map(|item| &item.content) {
        None => Some(&[]),
        Some(Content::String(string)) => Some(string),
        Some(Content::Hash(_)) => None,
    }
}

fn change_string(model: &mut BTreeMap<Vec<u8>, Item>, name: &[u8], change: impl FnOnce(&mut Vec<u8>)) {
    let empty = || Item { content: Content::String(Vec::new()), expiry: None };
    if let Content::String(string) = &mut model.entry(name.to_vec()).or_insert_with(empty).content {
        change(string);
    }
}

/// Changes the fields of a hash; a hash without fields goes, a string stays.
fn change_fields(
    model: &mut BTreeMap<Vec<u8>, Item>,
    name: &[u8],
    change: impl FnOnce(&mut BTreeMap<Vec<u8>, Field>),
) {
    let empty = || Item { content: Content::Hash(BTreeMap::new()), expiry: None };
    let item = model.entry(name.to_vec()).or_insert_with(empty);
    if let Content::Hash(fields) = &mut item.content {
        change(fields);
        if fields.is_empty() {
            model.remove(name);
        }
    }
}
