//! What an attempt has done can be undone, as if it had never been.

use std::collections::BTreeMap;

use keyspace::log::Run;
use keyspace::{Access, DbIndex, Effect, Expiry, Keyspace, Options, WorkerId};
use proptest::prelude::*;
use stdx::hash::HashKey;
use stdx::time::UnixMs;
use value::hash::FieldExpiry;

const SHARDS: usize = 16;
const DATABASES: u16 = 2;

fn encode(effect: &Effect<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{effect:?}\n").as_bytes());
}

/// A change of one key.
#[derive(Debug, Clone)]
enum Change {
    Set {
        key: u8,
        length: usize,
        expiry: Option<i64>,
    },
    SetField {
        key: u8,
        field: u8,
        due: bool,
    },
    Push {
        key: u8,
    },
    Delete {
        key: u8,
    },
    /// Reads it, which removes it if it is due.
    Look {
        key: u8,
    },
}

fn change() -> impl Strategy<Value = (u16, Change)> {
    let change = prop_oneof![
        (0..40u8, prop_oneof![0..20usize, Just(5000)], proptest::option::of(500..2000i64))
            .prop_map(|(key, length, expiry)| Change::Set { key, length, expiry }),
        (40..60u8, 0..200u8, any::<bool>()).prop_map(|(key, field, due)| Change::SetField {
            key,
            field,
            due
        }),
        (60..70u8).prop_map(|key| Change::Push { key }),
        (0..70u8).prop_map(|key| Change::Delete { key }),
        (0..70u8).prop_map(|key| Change::Look { key }),
    ];
    (0..DATABASES, change)
}

fn name(key: u8) -> Vec<u8> {
    format!("key:{key}").into_bytes()
}

/// Notes a key before it is changed.
fn note(access: &mut Access<'_>, (database, change): &(u16, Change)) {
    let (Change::Set { key, .. }
    | Change::SetField { key, .. }
    | Change::Push { key }
    | Change::Delete { key }) = change
    else {
        return;
    };
    let name = name(*key);
    let key = access.keyspace().key(&name);
    access.note(DbIndex(*database), &key);
}

fn apply(access: &mut Access<'_>, (database, change): &(u16, Change)) {
    let keyspace = access.keyspace();
    let mut db = access.db(DbIndex(*database));
    let name = |key: &u8| name(*key);
    match change {
        Change::Set { key, length, expiry } => {
            let expiry = expiry.map_or(Expiry::Clear, |at| Expiry::At(UnixMs(at)));
            db.set_string(&keyspace.key(&name(key)), &vec![b'x'; *length], expiry);
        }
        Change::SetField { key, field, due } => {
            let expiry = if *due { FieldExpiry::At(UnixMs(5000)) } else { FieldExpiry::Clear };
            let field = format!("field:{field}");
            db.hash_set(&keyspace.key(&name(key)), &[(field.as_bytes(), b"value")], expiry).expect("a hash");
        }
        Change::Push { key } => {
            db.list_push(&keyspace.key(&name(key)), value::list::Side::Right, &[b"element"]).expect("a list");
        }
        Change::Delete { key } => {
            db.delete(&keyspace.key(&name(key)));
        }
        Change::Look { key } => {
            db.exists(&keyspace.key(&name(key)));
        }
    }
}

/// All keys with their values and expiries, and what is counted.
fn content(access: &mut Access<'_>) -> BTreeMap<(u16, Vec<u8>), String> {
    let snapshot = access.snapshot(|_| ());
    let mut content = BTreeMap::new();
    for database in 0..DATABASES {
        for shard in 0..SHARDS {
            snapshot.for_each(shard, DbIndex(database), &mut |seen| {
                content.insert((database, seen.key.to_vec()), format!("{:?} {:?}", seen.value, seen.expiry));
            });
        }
        let counted =
            (access.keyspace().len(DbIndex(database)), access.keyspace().expiring(DbIndex(database)));
        content.insert((database, Vec::new()), format!("{counted:?}"));
    }
    content
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_undone_has_never_been(
        before in proptest::collection::vec(change(), 0..100),
        during in proptest::collection::vec(change(), 1..100),
    ) {
        let options = Options { databases: DATABASES, shards: SHARDS, workers: 1, hash_key: HashKey([3, 4]), encode };
        let keyspace = Keyspace::new(options);
        keyspace.set_recording(true);
        let mut access = Access::new(&keyspace, WorkerId(0), 1);
        access.begin(UnixMs(1000));
        access.lock(&mut (0..SHARDS).collect::<Vec<_>>());
        before.iter().for_each(|change| apply(&mut access, change));
        access.unlock();
        let (expected, position) = (content(&mut access), access.position());

        access.lock(&mut (0..SHARDS).collect::<Vec<_>>());
        access.begin_attempt();
        for change in &during {
            note(&mut access, change);
            apply(&mut access, change);
        }
        access.undo();
        access.unlock();
        prop_assert_eq!(content(&mut access), expected);
        prop_assert_eq!(access.position(), position, "nothing entered the log");

        // What happens afterwards is recorded as ever.
        keyspace.log().take(&mut Run::default());
        access.lock(&mut (0..SHARDS).collect::<Vec<_>>());
        during.iter().for_each(|change| apply(&mut access, change));
        access.unlock();
        let after = content(&mut access);
        access.lock(&mut (0..SHARDS).collect::<Vec<_>>());
        access.begin_attempt();
        access.keep();
        access.unlock();
        prop_assert_eq!(content(&mut access), after, "an attempt that is kept changes nothing");
        access.end();
    }
}
