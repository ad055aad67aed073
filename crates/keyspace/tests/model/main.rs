//! The keyspace against a model of plain maps, with a clock that the test turns.
//!
//! Random operations run on both. Three things must agree: what each operation shows, what is there in the end and in
//! every snapshot taken on the way, and what applying the recorded log to an empty world gives.

mod copyist;
mod operation;
mod replay;
mod world;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use keyspace::log::Run;
use keyspace::{Access, DbIndex, Expiry, ExpiryBudget, Keyspace, Options, Snapshot, WorkerId};
use proptest::prelude::*;
use stdx::hash::HashKey;
use stdx::time::UnixMs;
use value::{StringRef, ValueRef};

use copyist::Reading;
use operation::{Operation, operations};
use world::{Content, Item, World};

const DATABASES: u16 = 3;
const SHARDS: usize = 8;

/// Both sides, and what was kept on the way.
struct Comparison<'k> {
    access: Access<'k>,
    world: World,
    now: i64,
    snapshots: Vec<(Snapshot, World, i64)>,
    keyspace: Arc<Keyspace>,
    /// Cuts that are read while the operations go on, with what was there when they were taken.
    readings: Vec<(Reading, World, i64)>,
}

fn keyspace() -> Keyspace {
    let keyspace = Keyspace::new(Options {
        databases: DATABASES,
        shards: SHARDS,
        workers: 1,
        hash_key: HashKey([1, 2]),
        encode: replay::encode,
    });
    keyspace.limits().hyperloglog_sparse_bytes.store(operation::SPARSE_BYTES, Ordering::Relaxed);
    keyspace.set_recording(true);
    keyspace
}

impl Comparison<'_> {
    fn step(&mut self, operation: &Operation) {
        self.access.begin(UnixMs(self.now));
        match operation {
            Operation::Advance(millis) => self.now += i64::from(*millis),
            Operation::Expire(keys) => self.expire(*keys),
            Operation::Snapshot => {
                let snapshot = self.access.snapshot(|_| ());
                self.world.purge(self.now);
                self.snapshots.push((snapshot, self.world.clone(), self.now));
            }
            Operation::Cut => {
                let snapshot = self.access.snapshot(|_| ());
                self.world.purge(self.now);
                let reading = Reading::begin(snapshot, &self.keyspace);
                self.readings.push((reading, self.world.clone(), self.now));
            }
            Operation::Read(steps) => {
                self.readings.iter_mut().for_each(|(reading, ..)| reading.read(*steps));
            }
            Operation::GiveUp => drop(self.readings.pop()),
            other => {
                self.world.purge(self.now);
                other.run(&mut self.access, &mut self.world);
            }
        }
        self.access.end();
        if self.world.has_due_fields(self.now) {
            // A hash whose fields are all due is there until they are removed, as in Redis; the model has no such hash.
            self.access.begin(UnixMs(self.now));
            self.expire(usize::MAX);
            self.access.end();
        }
        self.access.take_reclaim();
    }

    fn expire(&mut self, keys: usize) {
        let mut budget = ExpiryBudget::new(0..SHARDS, keys);
        self.access.expire_some(&mut budget);
    }

    /// After active expiry has run to its end, nothing that is due is left and the counts are exact.
    fn finish(mut self) {
        self.access.begin(UnixMs(self.now));
        self.expire(usize::MAX);
        self.access.end();
        self.world.purge(self.now);
        for database in 0..DATABASES {
            let expected = &self.world.databases[usize::from(database)];
            let index = DbIndex(database);
            assert_eq!(self.access.keyspace().len(index), expected.len());
            let expiring = expected.values().filter(|item| item.expiry.is_some()).count();
            assert_eq!(self.access.keyspace().expiring(index), expiring);
        }
        assert_eq!(world_of(&mut self.access, self.now), self.world);
        self.check_snapshots();
        self.check_readings();
        self.check_log();
    }

    fn check_snapshots(&self) {
        for (snapshot, world, taken) in &self.snapshots {
            let mut found = World::new(DATABASES);
            for shard in 0..snapshot.shards() {
                for database in 0..DATABASES {
                    snapshot.for_each(shard, DbIndex(database), &mut |seen| {
                        found.databases[usize::from(database)].insert(seen.key.to_vec(), Item::of(&seen));
                    });
                }
            }
            found.purge(*taken);
            assert_eq!(&found, world, "a snapshot shows what was there when it was taken");
        }
    }

    fn check_readings(&mut self) {
        for (mut reading, world, taken) in self.readings.drain(..) {
            reading.read(usize::MAX);
            let mut found = reading.finish();
            found.purge(taken);
            assert_eq!(found, world, "a cut shows what was there when it was taken");
        }
    }

    fn check_log(self) {
        let mut run = Run::default();
        let position = self.access.keyspace().log().take(&mut run);
        assert_eq!(position.0, run.records.len() as u64, "the position counts effects");
        let mut replayed = World::new(DATABASES);
        for (record, text) in run.iter() {
            replay::apply(&mut replayed, record.database, text);
        }
        replayed.purge(self.now);
        assert_eq!(replayed, self.world, "the log leads to the same state");
    }
}

/// Everything that a walk over the keyspace shows.
fn world_of(access: &mut Access<'_>, now: i64) -> World {
    let mut world = World::new(DATABASES);
    access.begin(UnixMs(now));
    for database in 0..DATABASES {
        access.for_each_key(DbIndex(database), &mut |seen| {
            world.databases[usize::from(database)].insert(seen.key.to_vec(), Item::of(&seen));
        });
    }
    access.end();
    world
}

fn check(operations: &[Operation]) {
    let keyspace = Arc::new(keyspace());
    let mut comparison = Comparison {
        access: Access::new(&keyspace, WorkerId(0), 7),
        keyspace: Arc::clone(&keyspace),
        readings: Vec::new(),
        world: World::new(DATABASES),
        now: 1_000_000,
        snapshots: Vec::new(),
    };
    for operation in operations {
        comparison.step(operation);
    }
    comparison.finish();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn keyspace_behaves_like_a_map_and_its_log_repeats_it(operations in operations()) {
        check(&operations);
    }
}

#[test]
fn key_with_due_fields_that_expires_itself_leaves_nothing_to_expire() {
    check(&[
        Operation::SetFields { database: 0, key: 1, fields: vec![(1, 5)] },
        Operation::ExpireField { database: 0, key: 1, field: 1, after: 50 },
        Operation::SetExpiry { database: 0, key: 1, after: 10 },
        Operation::Advance(20),
        Operation::Expire(usize::MAX),
        Operation::SetFields { database: 0, key: 1, fields: vec![(2, 5)] },
        Operation::Advance(100),
    ]);
}

#[test]
fn database_swapped_with_itself_keeps_its_keys() {
    check(&[
        Operation::Set { database: 1, key: 1, length: 3, after: Some(100) },
        Operation::Swap { first: 1, second: 1 },
        Operation::Swap { first: 1, second: 2 },
    ]);
}

/// A change, while a cut of this world is read, copies nothing, and the cut stays what it was.
fn change_shown(change: &Operation, mut access: Access<'_>, mut world: World, mut reading: Reading) {
    let cut = world.clone();
    let copied = value::copied_bytes();
    change.run(&mut access, &mut world);
    assert_eq!(value::copied_bytes(), copied, "{change:?}");
    access.end();
    reading.read(usize::MAX);
    assert_eq!(reading.finish(), cut, "{change:?}");
}

#[test]
fn what_is_changed_in_a_cut_is_shown_to_its_witness_and_not_copied() {
    let database = 0;
    let set = |key, length| Operation::Set { database, key, length, after: None };
    let before = [
        set(1, 10),
        set(2, 10),
        set(3, 200),
        set(4, 200),
        set(5, 600),
        Operation::Observe { database, key: 39, elements: (0..200).collect() },
        Operation::SetFields { database, key: 6, fields: vec![(1, 5)] },
        Operation::SetFields { database, key: 7, fields: vec![(1, 5), (2, 5)] },
        set(8, 5),
        set(9, 5),
    ];
    let changes = [
        set(1, 10),
        set(2, 30),
        Operation::Append { database, key: 3, length: 3 },
        Operation::Write { database, key: 4, offset: 3, length: 3 },
        Operation::Write { database, key: 5, offset: 3, length: 3 },
        Operation::Observe { database, key: 39, elements: (200..400).collect() },
        Operation::SetFields { database, key: 6, fields: vec![(1, 5)] },
        Operation::DeleteFields { database, key: 7, fields: vec![1] },
        Operation::SetExpiry { database, key: 8, after: 100 },
        Operation::Delete { database, key: 9 },
        set(10, 5),
    ];
    for change in changes {
        let keyspace = Arc::new(keyspace());
        let mut access = Access::new(&keyspace, WorkerId(0), 7);
        let mut world = World::new(DATABASES);
        access.begin(UnixMs(1000));
        before.iter().for_each(|operation| operation.run(&mut access, &mut world));
        let snapshot = access.snapshot(|_| ());
        let reading = Reading::begin(snapshot, &keyspace);
        change_shown(&change, access, world, reading);
    }
}

#[test]
fn fields_that_are_changed_in_a_cut_are_shown_and_not_copied() {
    let fields = |numbers: std::ops::Range<u8>, length| {
        let fields = numbers.map(|number| (number, length)).collect();
        Operation::SetFields { database: 0, key: 1, fields }
    };
    let changes = [
        fields(3..10, 70),
        fields(3..10, 20),
        fields(180..250, 70),
        Operation::DeleteFields { database: 0, key: 1, fields: (0..100).collect() },
        Operation::ExpireField { database: 0, key: 1, field: 7, after: 100 },
    ];
    for change in changes {
        let keyspace = Arc::new(keyspace());
        let mut access = Access::new(&keyspace, WorkerId(0), 7);
        let mut world = World::new(DATABASES);
        access.begin(UnixMs(1000));
        fields(0..180, 70).run(&mut access, &mut world);
        let mut reading = Reading::begin(access.snapshot(|_| ()), &keyspace);
        while !reading.has_large() {
            reading.read(1);
        }
        change_shown(&change, access, world, reading);
    }
}

#[test]
fn content_of_every_length_survives_a_copy_and_a_rename() {
    for length in [0, 1, 127, 128, 511, 512, 513, 16_383, 16_384, 70_000] {
        check(&[
            Operation::Set { database: 0, key: 1, length, after: Some(1000) },
            Operation::Snapshot,
            Operation::Copy { database: 0, from: 1, to: 2, target: 1 },
            Operation::Append { database: 0, key: 1, length: 3 },
            Operation::Rename { database: 0, from: 1, to: 3 },
        ]);
        assert_eq!(Content::string(length).len(), length);
    }
}

#[test]
fn long_strings_are_replaced_in_their_pages_unless_a_snapshot_holds_them() {
    let keyspace = keyspace();
    let mut access = Access::new(&keyspace, WorkerId(0), 1);
    access.begin(UnixMs(1000));
    let key = keyspace.key(b"long");
    access.lock(&mut [keyspace.shard_of(&key)]);
    let place = |access: &mut Access<'_>| {
        let mut db = access.db(DbIndex(0));
        let Ok(Some(StringRef::Blob(blob))) = db.string(&key) else { panic!("a long string") };
        let first = blob.chunks(0..40_000).next().expect("it has bytes");
        (first.as_ptr(), first[0], blob.byte(39_999))
    };
    let set = |access: &mut Access<'_>, byte: u8| {
        access.db(DbIndex(0)).set_string(&key, &vec![byte; 40_000], Expiry::Clear);
    };
    set(&mut access, b'a');
    let (pages, ..) = place(&mut access);
    set(&mut access, b'b');
    assert_eq!(place(&mut access), (pages, b'b', b'b'));
    access.unlock();
    let snapshot = access.snapshot(|_| ());
    access.lock(&mut [keyspace.shard_of(&key)]);
    set(&mut access, b'c');
    let (elsewhere, ..) = place(&mut access);
    assert_ne!(pages, elsewhere);
    access.unlock();
    access.end();
    let mut seen = Vec::new();
    snapshot.for_each(keyspace.shard_of(&key), DbIndex(0), &mut |entry| {
        let ValueRef::String(StringRef::Blob(blob)) = entry.value else { panic!("a long string") };
        seen.push((blob.byte(0), blob.byte(39_999)));
    });
    assert_eq!(seen, [(b'b', b'b')]);
}
