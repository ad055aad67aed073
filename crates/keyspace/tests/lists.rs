//! Lists through the door, against vectors: what commands see, what is recorded, and what becomes of keys.

use std::collections::{BTreeMap, VecDeque};

use keyspace::{Access, Count, Db, DbIndex, Effect, Key, Keyspace, Options, WorkerId};
use proptest::prelude::*;
use stdx::hash::HashKey;
use stdx::time::UnixMs;
use value::list::Side;

const DATABASE: DbIndex = DbIndex(0);

type Model = BTreeMap<u8, VecDeque<Vec<u8>>>;

#[derive(Debug, Clone)]
enum Operation {
    Push(u8, Side, Vec<Vec<u8>>),
    Pop(u8, Side, usize),
    Set(u8, usize, Vec<u8>),
    Insert(u8, Side, Vec<u8>, Vec<u8>),
    Remove(u8, Side, usize, Vec<u8>),
    Trim(u8, usize, usize),
    Move((u8, Side), (u8, Side)),
}

fn element() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => (0_u8..4).prop_map(|byte| vec![byte]),
        1 => (0_usize..300).prop_map(|length| vec![b'x'; length]),
        1 => (500_usize..3000).prop_map(|length| vec![b'y'; length]),
    ]
}

fn operation() -> impl Strategy<Value = Operation> {
    let key = 0_u8..3;
    let side = || prop_oneof![Just(Side::Left), Just(Side::Right)];
    let at = any::<u16>().prop_map(usize::from);
    prop_oneof![
        4 => (key.clone(), side(), prop::collection::vec(element(), 1..80))
            .prop_map(|(key, side, elements)| Operation::Push(key, side, elements)),
        2 => (key.clone(), side(), 0_usize..60).prop_map(|(key, side, count)| Operation::Pop(key, side, count)),
        2 => (key.clone(), at.clone(), element()).prop_map(|(key, at, element)| Operation::Set(key, at, element)),
        2 => (key.clone(), side(), element(), element())
            .prop_map(|(key, side, pivot, element)| Operation::Insert(key, side, pivot, element)),
        2 => (key.clone(), side(), prop_oneof![Just(usize::MAX), 1_usize..4], element())
            .prop_map(|(key, side, limit, element)| Operation::Remove(key, side, limit, element)),
        1 => (key.clone(), 0_usize..40, 0_usize..200).prop_map(|(key, from, to)| Operation::Trim(key, from, to)),
        2 => (key.clone(), side(), key, side())
            .prop_map(|(from, one, to, other)| Operation::Move((from, one), (to, other))),
    ]
}

fn push(list: &mut VecDeque<Vec<u8>>, side: Side, element: Vec<u8>) {
    match side {
        Side::Left => list.push_front(element),
        Side::Right => list.push_back(element),
    }
}

fn pop(list: &mut VecDeque<Vec<u8>>, side: Side) -> Option<Vec<u8>> {
    match side {
        Side::Left => list.pop_front(),
        Side::Right => list.pop_back(),
    }
}

/// Runs an operation on both sides and compares the answers.
fn run(operation: Operation, access: &mut Access<'_>, model: &mut Model) {
    let names: Vec<Vec<u8>> = (0..3_u8).map(|number| vec![b'k', number]).collect();
    let keys: Vec<_> = names.iter().map(|name| access.keyspace().key(name)).collect();
    let mut shards: Vec<usize> = keys.iter().map(|key| access.shard_of(key)).collect();
    access.lock(&mut shards);
    let mut db = access.db(DATABASE);
    let key_of = |number: u8| &keys[usize::from(number)];
    match operation {
        Operation::Push(key, side, elements) => {
            let slices: Vec<&[u8]> = elements.iter().map(Vec::as_slice).collect();
            let length = db.list_push(key_of(key), side, &slices).expect("a list");
            let list = model.entry(key).or_default();
            elements.into_iter().for_each(|element| push(list, side, element));
            assert_eq!(length, list.len());
        }
        Operation::Pop(key, side, count) => {
            let mut seen = Vec::new();
            let popped = db
                .list_pop(key_of(key), side, Count::UpTo(count), &mut |element| seen.push(element.to_vec()));
            let list = model.entry(key).or_default();
            let expected: Vec<Vec<u8>> = (0..count).map_while(|_| pop(list, side)).collect();
            assert_eq!((popped.expect("a list"), seen), (expected.len(), expected));
        }
        Operation::Set(key, at, element) => {
            let list = model.entry(key).or_default();
            if !list.is_empty() {
                let at = at % list.len();
                db.list_set(key_of(key), at, &element).expect("a list");
                list[at] = element;
            }
        }
        Operation::Insert(key, side, pivot, element) => {
            let list = model.entry(key).or_default();
            let length = db.list_insert(key_of(key), side, &pivot, &element).expect("a list");
            if let Some(at) = list.iter().position(|other| *other == pivot) {
                list.insert(at + usize::from(side == Side::Right), element);
                assert_eq!(length, Some(list.len()));
            } else {
                assert_eq!(length, None);
            }
        }
        Operation::Remove(key, side, limit, element) => {
            let list = model.entry(key).or_default();
            let removed = db.list_remove(key_of(key), side, limit, &element).expect("a list");
            let mut expected = 0;
            let mut kept = VecDeque::new();
            let other_side = if side == Side::Left { Side::Right } else { Side::Left };
            while let Some(other) = pop(list, side) {
                if other == element && expected < limit {
                    expected += 1;
                } else {
                    push(&mut kept, other_side, other);
                }
            }
            *list = kept;
            assert_eq!(removed, expected);
        }
        Operation::Trim(key, from, to) => {
            let list = model.entry(key).or_default();
            let (from, to) = (from.min(list.len()), to.min(list.len()));
            db.list_trim(key_of(key), from..to.max(from)).expect("a list");
            *list = list.iter().take(to).skip(from).cloned().collect();
        }
        Operation::Move((from, one), (to, other)) => {
            let mut seen = None;
            let moved = db.list_move((key_of(from), one), (key_of(to), other), &mut |element| {
                seen = Some(element.to_vec());
            });
            let element = pop(model.entry(from).or_default(), one);
            if let Some(element) = &element {
                push(model.entry(to).or_default(), other, element.clone());
            }
            assert_eq!((moved, seen), (Ok(element.is_some()), element));
        }
    }
    compare(&mut db, &keys, model);
    access.unlock();
}

fn compare(db: &mut Db<'_, '_>, keys: &[Key<'_>], model: &Model) {
    for (number, key) in keys.iter().enumerate() {
        let list = model.get(&(number as u8)).filter(|list| !list.is_empty());
        let found = db.list(key).expect("a list");
        assert_eq!(found.is_some(), list.is_some(), "a list without elements has no key");
        if let (Some(found), Some(list)) = (found, list) {
            assert!(found.iter().eq(list.iter()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn lists_behave_like_vectors(operations in prop::collection::vec(operation(), 1..80), size in -2_i64..30) {
        let keyspace = keyspace();
        keyspace.limits().list_max_listpack_size.store(size, std::sync::atomic::Ordering::Relaxed);
        let mut access = Access::new(&keyspace, WorkerId(0), 1);
        let mut model = Model::new();
        access.begin(UnixMs(1000));
        for operation in operations {
            run(operation, &mut access, &mut model);
        }
        access.end();
        let keys = model.values().filter(|list| !list.is_empty()).count();
        prop_assert_eq!(keyspace.len(DATABASE), keys);
    }
}

fn keyspace() -> Keyspace {
    let encode = |_: &Effect<'_>, _: &mut Vec<u8>| ();
    Keyspace::new(Options { databases: 1, shards: 1024, workers: 1, hash_key: HashKey([3, 4]), encode })
}

#[test]
fn what_a_long_list_loses_at_once_is_freed_elsewhere() {
    let keyspace = keyspace();
    let mut access = Access::new(&keyspace, WorkerId(0), 1);
    access.begin(UnixMs(1000));
    let key = keyspace.key(b"long");
    let mut shards = [access.shard_of(&key)];
    access.lock(&mut shards);
    let elements = vec![&b"element"[..]; 10_000];
    access.db(DATABASE).list_push(&key, Side::Right, &elements).expect("a list");
    access.db(DATABASE).list_trim(&key, 0..100).expect("a list");
    assert!(access.has_reclaim());
    access.unlock();
    access.end();
}

#[test]
fn the_source_of_a_move_is_found_although_a_due_target_goes() {
    let keyspace = keyspace();
    let mut access = Access::new(&keyspace, WorkerId(0), 1);
    access.begin(UnixMs(1000));
    // One page holds them all, so that a removal moves others.
    let names: Vec<Vec<u8>> = (0..20).map(|number| format!("{{page}}{number}").into_bytes()).collect();
    let keys: Vec<_> = names.iter().map(|name| keyspace.key(name)).collect();
    let mut shards = [access.shard_of(&keys[0])];
    access.lock(&mut shards);
    for key in &keys {
        access.db(DATABASE).list_push(key, Side::Right, &[key.bytes]).expect("a list");
    }
    for (at, key) in keys.iter().enumerate().take(19) {
        access.set_now(UnixMs(1000 + at as i64 * 10));
        access.db(DATABASE).set_expiry(key, UnixMs(1005 + at as i64 * 10));
        access.set_now(UnixMs(1006 + at as i64 * 10));
        let mut seen = Vec::new();
        let last = &keys[19];
        let moved = access.db(DATABASE).list_move((last, Side::Left), (key, Side::Right), &mut |element| {
            seen = element.to_vec();
        });
        assert_eq!((moved, &seen[..]), (Ok(true), last.bytes));
        access.db(DATABASE).list_move((key, Side::Left), (last, Side::Right), &mut |_| ()).expect("lists");
    }
    access.unlock();
    access.end();
}
