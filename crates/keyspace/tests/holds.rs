//! Many changes under one hold, as a group of requests makes them: the key that was found last is remembered, and others move.

use std::collections::BTreeMap;

use keyspace::{Access, Count, Db, DbIndex, Effect, Expiry, Key, Keyspace, Options, WorkerId};
use stdx::hash::HashKey;
use stdx::rng::Rng;
use stdx::time::UnixMs;
use value::ValueRef;
use value::list::Side;

const DATABASES: u16 = 2;

type Model = [BTreeMap<Vec<u8>, Held>; DATABASES as usize];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Held {
    String(Vec<u8>),
    List(Vec<Vec<u8>>),
}

fn held(db: &mut Db<'_, '_>, key: &Key<'_>) -> Option<Held> {
    Some(match db.get(key)? {
        ValueRef::String(string) => Held::String(string.contiguous().into_owned()),
        ValueRef::List(list) => Held::List(list.iter().map(|element| element.to_vec()).collect()),
        other => panic!("nobody stored {other:?}"),
    })
}

/// One change on both sides: of strings whose length changes, so that entries move, and of lists that become objects and go.
fn change(access: &mut Access<'_>, model: &mut Model, database: DbIndex, name: &[u8], rng: &mut Rng) {
    let key = access.keyspace().key(name);
    let mut db = access.db(database);
    let keys = &mut model[usize::from(database.0)];
    let bytes = vec![b'v'; rng.below(40) as usize * rng.below(20) as usize];
    match (rng.below(6), keys.get_mut(name)) {
        (0, before) => {
            assert_eq!(db.delete(&key), before.is_some());
            keys.remove(name);
        }
        (1, _) => {
            db.set_string(&key, &bytes, Expiry::At(UnixMs(1000)));
            keys.insert(name.to_vec(), Held::String(bytes));
        }
        (_, Some(Held::String(before))) => {
            before.extend_from_slice(&bytes);
            assert_eq!(db.append(&key, &bytes), Ok(before.len()));
        }
        (2, Some(Held::List(before))) => {
            let mut seen = Vec::new();
            db.list_pop(&key, Side::Left, Count::One, &mut |element| seen = element.to_vec())
                .expect("a list");
            assert_eq!(seen, before.remove(0));
            if before.is_empty() {
                keys.remove(name);
            }
        }
        (_, Some(Held::List(before))) => {
            before.push(bytes.clone());
            assert_eq!(db.list_push(&key, Side::Right, &[&bytes]), Ok(before.len()));
        }
        (_, None) => {
            db.list_push(&key, Side::Left, &[&bytes]).expect("there was nothing");
            keys.insert(name.to_vec(), Held::List(vec![bytes]));
        }
    }
}

#[test]
fn what_was_found_last_is_found_again_however_keys_move_in_between() {
    let encode: fn(&Effect<'_>, &mut Vec<u8>) = |_, _| ();
    let options = Options { databases: DATABASES, shards: 2, workers: 1, hash_key: HashKey([5, 6]), encode };
    let keyspace = Keyspace::new(options);
    let mut access = Access::new(&keyspace, WorkerId(0), 1);
    let mut rng = Rng::from_seed(11);
    let mut model = Model::default();
    access.begin(UnixMs(1));
    access.with_everything(|access| {
        let mut last = (DbIndex(0), b"first".to_vec());
        for step in 0..30_000 {
            // Often the same key again, and sometimes the same name in the other database.
            let name = if rng.below(3) == 0 {
                last.1.clone()
            } else {
                format!("key:{}", rng.below(200)).into_bytes()
            };
            let database = DbIndex(rng.below(u64::from(DATABASES)) as u16);
            change(access, &mut model, database, &name, &mut rng);
            for (database, name) in [(database, &name), (last.0, &last.1), (database, &name)] {
                let key = access.keyspace().key(name);
                assert_eq!(
                    held(&mut access.db(database), &key).as_ref(),
                    model[usize::from(database.0)].get(name)
                );
            }
            last = (database, name);
            match step % 3000 {
                1000 => {
                    access.db(database).swap(DbIndex(0), DbIndex(1));
                    model.swap(0, 1);
                }
                2000 => {
                    access.db(database).flush();
                    model[usize::from(database.0)].clear();
                }
                _ => {}
            }
        }
    });
    access.end();
}

#[test]
fn the_clock_of_a_key_in_a_shared_page_is_the_same_within_a_hold_and_after_it() {
    let encode: fn(&Effect<'_>, &mut Vec<u8>) = |_, _| ();
    let options = Options { databases: DATABASES, shards: 2, workers: 1, hash_key: HashKey([5, 6]), encode };
    let keyspace = Keyspace::new(options);
    let mut access = Access::new(&keyspace, WorkerId(0), 1);
    let key = keyspace.key(b"key");
    access.begin(UnixMs(1000));
    access.with_everything(|access| access.db(DbIndex(0)).set_string(&key, b"value", Expiry::Clear));
    access.end();
    let shared = access.snapshot(|_| ());
    access.begin(UnixMs(100_000));
    let mut idle = || {
        access.with_everything(|access| {
            let mut db = access.db(DbIndex(0));
            assert!(db.touch(&key));
            db.idle_seconds(&key)
        })
    };
    assert_eq!((idle(), idle()), (Some(99), Some(99)));
    drop(shared);
    assert_eq!(idle(), Some(0));
    access.end();
}
