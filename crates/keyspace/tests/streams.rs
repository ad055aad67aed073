//! Streams through the door: what is recorded, what is touched, what a snapshot keeps, and where memory goes.

use std::sync::Mutex;

use keyspace::{Access, Db, DbIndex, Delivery, Effect, Key, Keyspace, Options, Touched, WorkerId, WrongType};
use stdx::hash::HashKey;
use stdx::time::UnixMs;
use value::ValueRef;
use value::stream::{Id, Limits, Named, Reach, References, Trim};

const DATABASE: DbIndex = DbIndex(0);

/// The effects of the test that runs, as their names and what they say of IDs.
static EFFECTS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Held by the test that looks at them.
static RECORDS: Mutex<()> = Mutex::new(());

fn encode(effect: &Effect<'_>, _: &mut Vec<u8>) {
    EFFECTS.lock().expect("no test panics with it").push(match effect {
        Effect::AddEntry { id, .. } => format!("add {id}"),
        Effect::DeleteEntries { ids, .. } => format!("delete {}", ids.len()),
        Effect::TrimEntries { length, .. } => format!("trim to {length}"),
        Effect::CreateGroup { last_id, is_new_key, .. } => format!("create group {last_id} {is_new_key}"),
        Effect::SetGroup { last_id, entries_read, .. } => format!("set group {last_id} {entries_read:?}"),
        Effect::CreateConsumer { .. } => "create consumer".to_owned(),
        Effect::Claim { ids, claim, .. } => format!("claim {} {}", ids.len(), claim.deliveries),
        Effect::Acknowledge { ids, .. } => format!("acknowledge {}", ids.len()),
        Effect::DestroyGroup { .. } => "destroy group".to_owned(),
        other => format!("{other:?}"),
    });
}

fn keyspace() -> Keyspace {
    Keyspace::new(Options { databases: 1, shards: 16, workers: 1, hash_key: HashKey([3, 4]), encode })
}

fn id(ms: u64) -> Id {
    Id::new(ms, 0)
}

/// Runs `body` with a key locked; returns the keys that were touched.
fn with_key<'k>(
    access: &mut Access<'k>,
    name: &[u8],
    body: impl FnOnce(&mut Db<'_, 'k>, &Key<'_>),
) -> Vec<Touched> {
    let key = access.keyspace().key(name);
    let mut shards = [access.shard_of(&key)];
    access.lock(&mut shards);
    body(&mut access.db(DATABASE), &key);
    access.unlock();
    access.take_touched()
}

#[test]
fn every_change_is_recorded_once_and_only_entries_touch_the_key() {
    let _records = RECORDS.lock().expect("no test panics with it");
    let keyspace = keyspace();
    keyspace.set_recording(true);
    keyspace.add_observer();
    let mut access = Access::new(&keyspace, WorkerId(0), 1);
    access.begin(UnixMs(1000));
    let touched = with_key(&mut access, b"s", |db, key| {
        (1..=5).for_each(|ms| db.stream_add(key, id(ms), &[b"f", b"v"]).expect("a stream"));
        assert_eq!(db.stream_delete(key, &[id(2), id(9)]), Ok(1));
        assert_eq!(db.stream_delete(key, &[id(2)]), Ok(0));
        assert_eq!(db.stream_trim(key, Trim::Length(3), Reach::Exact, References::Keep), Ok(1));
        assert_eq!(db.stream_trim(key, Trim::Length(3), Reach::Exact, References::Keep), Ok(0));
    });
    assert_eq!(touched.len(), 7);
    let touched = with_key(&mut access, b"s", |db, key| {
        assert_eq!(db.group_create(key, b"g", Id::MIN, None), Ok(true));
        assert_eq!(db.group_create(key, b"g", Id::MIN, None), Ok(false));
        assert_eq!(db.consumer_create(key, b"g", b"c"), Ok(true));
        assert_eq!(db.consumer_create(key, b"g", b"c"), Ok(false));
        assert_eq!(db.consumer_create(key, b"none", b"c"), Ok(false));
        let ids = [id(3), id(4)];
        let delivery = Delivery { group: b"g", consumer: b"c", ids: &ids, is_pending: true };
        db.stream_deliver(key, delivery).expect("a stream");
        assert_eq!(db.stream_acknowledge(key, b"g", &[id(3), id(5)]), Ok(1));
        assert_eq!(db.group_destroy(key, b"g"), Ok(true));
        assert_eq!(db.group_destroy(key, b"g"), Ok(false));
    });
    assert_eq!(touched, []);
    assert!(!access.has_reclaim(), "what little a group had pending is freed at once");
    access.end();
    let effects = std::mem::take(&mut *EFFECTS.lock().expect("no test panics with it"));
    let expected = [
        "add 1-0",
        "add 2-0",
        "add 3-0",
        "add 4-0",
        "add 5-0",
        "delete 1",
        "trim to 3",
        "create group 0-0 false",
        "create consumer",
        "claim 2 1",
        "set group 4-0 Some(4)",
        "acknowledge 1",
        "destroy group",
    ];
    assert_eq!(effects, expected);
}

#[test]
fn a_snapshot_keeps_what_a_stream_was() {
    let keyspace = keyspace();
    let mut access = Access::new(&keyspace, WorkerId(0), 1);
    access.begin(UnixMs(1000));
    with_key(&mut access, b"s", |db, key| {
        (1..=1000).for_each(|ms| db.stream_add(key, id(ms), &[b"f", b"v"]).expect("a stream"));
        db.group_create(key, b"g", Id::MIN, None).expect("a stream");
        db.consumer_create(key, b"g", b"c").expect("a stream");
        let ids: Vec<Id> = (1..=500).map(id).collect();
        let delivery = Delivery { group: b"g", consumer: b"c", ids: &ids, is_pending: true };
        db.stream_deliver(key, delivery).expect("a stream");
    });
    let snapshot = access.snapshot(|_| ());
    with_key(&mut access, b"s", |db, key| {
        db.stream_add(key, id(2000), &[b"other", b"v"]).expect("a stream");
        db.stream_delete(key, &[id(500)]).expect("a stream");
        db.stream_trim(key, Trim::Length(10), Reach::Exact, References::Keep).expect("a stream");
        db.consumer_delete(key, b"g", b"c").expect("a stream");
    });
    let mut seen = 0;
    for shard in 0..snapshot.shards() {
        snapshot.for_each(shard, DATABASE, &mut |entry| {
            let ValueRef::Stream(stream) = entry.value else { panic!("a stream") };
            assert!(stream.iter().map(|entry| entry.id()).eq((1..=1000).map(id)));
            assert_eq!(stream.group(b"g").map(|group| group.pending.len()), Some(500));
            seen += 1;
        });
    }
    assert_eq!(seen, 1);
    with_key(&mut access, b"s", |db, key| {
        let stream = db.stream(key).expect("a stream").expect("there");
        assert_eq!((stream.len(), stream.facts().last_id), (10, id(2000)));
        assert_eq!(stream.group(b"g").map(|group| group.pending.len()), Some(0));
    });
    access.end();
}

#[test]
fn other_types_are_left_alone_and_an_empty_stream_stays() {
    let keyspace = keyspace();
    let mut access = Access::new(&keyspace, WorkerId(0), 1);
    access.begin(UnixMs(1000));
    with_key(&mut access, b"text", |db, key| {
        db.set_string(key, b"x", keyspace::Expiry::Clear);
        assert_eq!(db.stream_add(key, id(1), &[b"f", b"v"]), Err(WrongType));
        assert_eq!(db.group_create(key, b"g", Id::MIN, None), Err(WrongType));
        assert_eq!(db.stream_acknowledge(key, b"g", &[id(1)]), Err(WrongType));
    });
    with_key(&mut access, b"s", |db, key| {
        db.stream_add(key, id(1), &[b"f", b"v"]).expect("a stream");
        assert_eq!(db.stream_trim(key, Trim::Length(0), Reach::Exact, References::Keep), Ok(1));
        assert!(db.stream(key).expect("a stream").is_some_and(value::Stream::is_empty));
    });
    access.end();
    assert_eq!(keyspace.len(DATABASE), 2);
}

#[test]
fn what_much_a_group_had_pending_is_freed_elsewhere() {
    let _records = RECORDS.lock().expect("no test panics with it");
    let keyspace = keyspace();
    let mut access = Access::new(&keyspace, WorkerId(0), 1);
    access.begin(UnixMs(1000));
    with_key(&mut access, b"s", |db, key| {
        db.stream_add(key, id(1), &[b"f", b"v"]).expect("a stream");
        assert_eq!(db.group_create(key, b"g", Id::MIN, None), Ok(true));
        let ids: Vec<Id> = (1..=4096).map(id).collect();
        let delivery = Delivery { group: b"g", consumer: b"c", ids: &ids, is_pending: true };
        db.stream_deliver(key, delivery).expect("a stream");
        assert_eq!(db.group_destroy(key, b"g"), Ok(true));
    });
    assert!(access.has_reclaim());
    access.end();
}

#[test]
fn names_of_producers_are_recorded_with_how_they_are_kept() {
    let _records = RECORDS.lock().expect("no test panics with it");
    let keyspace = keyspace();
    keyspace.set_recording(true);
    keyspace.add_observer();
    let mut access = Access::new(&keyspace, WorkerId(0), 1);
    access.begin(UnixMs(1000));
    EFFECTS.lock().expect("no test panics with it").clear();
    let named = |name: &'static [u8], ms| Named { producer: b"p", name, id: id(ms) };
    let limits = Limits { duration_s: 3, max_names: 1 };
    let touched = with_key(&mut access, b"named", |db, key| {
        assert_eq!(db.stream_limit_names(key, |_| limits), Ok(false));
        db.stream_add(key, id(1), &[b"f", b"v"]).expect("a stream");
        db.stream_name_entry(key, named(b"a", 1)).expect("a stream");
        db.stream_count_duplicate(key).expect("a stream");
        assert_eq!(db.stream_limit_names(key, |before| Limits { max_names: 1, ..before }), Ok(true));
        assert_eq!(db.stream_limit_names(key, |before| before), Ok(true));
        db.stream_name_entry(key, named(b"b", 1)).expect("a stream");
        let producers =
            db.stream(key).expect("a stream").and_then(|stream| stream.producers()).expect("there");
        assert_eq!(producers.limits, Limits { duration_s: 100, max_names: 1 });
        assert_eq!(producers.find(b"p", b"a", 1), None, "other limits begin anew");
        assert_eq!((producers.added, producers.duplicates), (2, 1));
    });
    assert_eq!(touched.len(), 3, "the entry, and the limits twice");
    access.end();
    let effects = std::mem::take(&mut *EFFECTS.lock().expect("no test panics with it"));
    let kinds = effects.iter().map(|effect| effect.split([' ', '{']).next().unwrap_or_default());
    assert_eq!(kinds.collect::<Vec<_>>(), ["add", "LimitNames", "NameEntry", "LimitNames", "NameEntry"]);
}
