//! Walks over all keys: SCAN's guarantee, and walks inside a transaction that holds everything.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use keyspace::{Access, DbIndex, Effect, Expiry, ExpiryBudget, Keyspace, Options, WorkerId};
use stdx::hash::HashKey;
use stdx::time::UnixMs;

const DATABASE: DbIndex = DbIndex(0);
const SHARDS: usize = 64;

fn keyspace() -> Keyspace {
    let encode: fn(&Effect<'_>, &mut Vec<u8>) = |_, _| ();
    Keyspace::new(Options { databases: 2, shards: SHARDS, workers: 1, hash_key: HashKey([3, 4]), encode })
}

fn name(number: usize) -> Vec<u8> {
    format!("key:{number}").into_bytes()
}

/// Sets keys that are due at a time, if any.
fn fill(access: &mut Access<'_>, numbers: impl Iterator<Item = usize>, expiry: Expiry) {
    for number in numbers {
        let name = name(number);
        let key = access.keyspace().key(&name);
        access.lock(&mut [access.shard_of(&key)]);
        access.db(DATABASE).set_string(&key, b"value", expiry);
        access.unlock();
    }
}

fn delete(access: &mut Access<'_>, numbers: impl Iterator<Item = usize>) {
    for number in numbers {
        let name = name(number);
        let key = access.keyspace().key(&name);
        access.lock(&mut [access.shard_of(&key)]);
        access.db(DATABASE).delete(&key);
        access.unlock();
    }
}

#[test]
fn scan_shows_every_key_that_is_there_all_the_time_while_the_tables_grow_and_shrink() {
    let keyspace = keyspace();
    let mut access = Access::new(&keyspace, WorkerId(0), 1);
    access.begin(UnixMs(1000));
    fill(&mut access, 0..3000, Expiry::Clear);
    let (mut cursor, mut seen, mut turns) = (0, BTreeSet::new(), 0);
    loop {
        cursor = access.scan(DATABASE, cursor, 10, &mut |entry| _ = seen.insert(entry.key.to_vec()));
        if cursor == 0 {
            break;
        }
        // Other keys come in one half of the walk and go in the other.
        let others = 10_000 + turns * 100..10_100 + turns * 100;
        if turns < 100 {
            fill(&mut access, others, Expiry::Clear);
        } else {
            delete(&mut access, 10_000 + (turns - 100) * 100..10_100 + (turns - 100) * 100);
        }
        turns += 1;
    }
    for number in 0..3000 {
        assert!(seen.contains(&name(number)), "key {number} was not shown");
    }
    access.end();
}

#[test]
fn scan_with_any_cursor_and_count_is_bounded() {
    let keyspace = keyspace();
    let mut access = Access::new(&keyspace, WorkerId(0), 1);
    access.begin(UnixMs(1000));
    fill(&mut access, 0..100, Expiry::Clear);
    for cursor in [1, SHARDS as u64 - 1, u64::MAX, u64::MAX - 1, 1 << 63, 0x0123_4567_89ab_cdef] {
        for count in [0, 1, 10, usize::MAX] {
            access.scan(DATABASE, cursor, count, &mut |_| ());
        }
    }
    access.end();
}

#[test]
fn walks_run_while_everything_is_locked() {
    let keyspace = keyspace();
    let mut access = Access::new(&keyspace, WorkerId(0), 1);
    access.begin(UnixMs(1000));
    fill(&mut access, 0..100, Expiry::Clear);
    access.with_everything(|access| {
        assert_eq!(access.keyspace().len(DATABASE), 100);
        assert_eq!(access.keyspace().expiring(DATABASE), 0);
        let mut keys = 0;
        access.for_each_key(DATABASE, &mut |_| keys += 1);
        assert_eq!(keys, 100);
        assert_eq!(access.scan(DATABASE, 0, usize::MAX, &mut |_| ()), 0);
        assert!(access.random_key(DATABASE, &mut Vec::new()));
    });
    access.end();
}

#[test]
fn scan_removes_what_was_due_where_it_has_looked() {
    let keyspace = keyspace();
    let mut access = Access::new(&keyspace, WorkerId(0), 1);
    access.begin(UnixMs(1000));
    fill(&mut access, 0..500, Expiry::Clear);
    fill(&mut access, 500..1000, Expiry::At(UnixMs(1500)));
    access.end();
    access.begin(UnixMs(2000));
    let (mut cursor, mut seen) = (access.scan(DATABASE, 0, 50, &mut |_| ()), BTreeSet::new());
    assert!((501..1000).contains(&access.keyspace().len(DATABASE)), "due keys elsewhere stay");
    while cursor != 0 {
        cursor = access.scan(DATABASE, cursor, 50, &mut |entry| _ = seen.insert(entry.key.to_vec()));
    }
    assert_eq!(access.keyspace().len(DATABASE), 500);
    assert_eq!(access.counters.expired_keys, 500);
    // Those of the first call are seen again.
    access.with_everything(|access| {
        access.scan(DATABASE, 0, usize::MAX, &mut |entry| _ = seen.insert(entry.key.to_vec()))
    });
    assert_eq!(seen, (0..500).map(name).collect());
    access.end();
}

#[test]
fn scan_removes_no_more_of_what_is_due_than_it_would_show() {
    let keyspace = keyspace();
    let mut access = Access::new(&keyspace, WorkerId(0), 1);
    access.begin(UnixMs(1000));
    fill(&mut access, 0..20_000, Expiry::At(UnixMs(1500)));
    access.end();
    access.begin(UnixMs(2000));
    let (mut cursor, mut calls) = (0, 0);
    loop {
        let before = access.keyspace().len(DATABASE);
        cursor = access.scan(DATABASE, cursor, 10, &mut |_| panic!("all are due"));
        calls += 1;
        let removed = before - access.keyspace().len(DATABASE);
        assert!(removed < 200, "{removed} keys in one call");
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(access.keyspace().len(DATABASE), 0);
    assert!(calls > 100, "{calls}");
    access.end();
}

#[test]
fn scan_removes_what_was_due_while_everything_is_locked_and_nothing_while_due_keys_stay() {
    let keyspace = keyspace();
    let mut access = Access::new(&keyspace, WorkerId(0), 1);
    access.begin(UnixMs(1000));
    fill(&mut access, 0..10, Expiry::At(UnixMs(1500)));
    access.end();
    keyspace.limits().due_keys_stay_until.store(3000, Ordering::Relaxed);
    access.begin(UnixMs(2000));
    assert_eq!(access.scan(DATABASE, 0, usize::MAX, &mut |_| panic!("all are due")), 0);
    assert!(!access.random_key(DATABASE, &mut Vec::new()));
    assert_eq!(access.keyspace().len(DATABASE), 10);
    access.end();
    access.begin(UnixMs(4000));
    access.with_everything(|access| access.scan(DATABASE, 0, usize::MAX, &mut |_| panic!("all are due")));
    assert_eq!(access.keyspace().len(DATABASE), 0);
    access.end();
}

#[test]
fn random_keys_are_all_of_the_live_ones_about_equally_often() {
    let keyspace = keyspace();
    let mut access = Access::new(&keyspace, WorkerId(0), 1);
    access.begin(UnixMs(1000));
    fill(&mut access, 0..100, Expiry::Clear);
    fill(&mut access, 100..200, Expiry::At(UnixMs(1500)));
    access.end();
    let mut name_of_pick = Vec::new();
    access.begin(UnixMs(2000));
    while access.keyspace().len(DATABASE) > 100 {
        assert!(access.random_key(DATABASE, &mut name_of_pick));
    }
    access.end();
    // The due ones that were drawn are gone, and the lengths of shards that were noted before them serve no longer.
    access.begin(UnixMs(3100));
    let mut counts = std::collections::BTreeMap::new();
    for _ in 0..20_000 {
        assert!(access.random_key(DATABASE, &mut name_of_pick));
        *counts.entry(name_of_pick.clone()).or_insert(0) += 1;
    }
    assert_eq!(counts.len(), 100, "due keys are not picked, all others are");
    assert!(counts.values().all(|count| (120..300).contains(count)), "{counts:?}");
    access.end();
}

#[test]
fn random_key_of_a_database_where_all_keys_are_due_is_none() {
    let keyspace = keyspace();
    let mut access = Access::new(&keyspace, WorkerId(0), 1);
    access.begin(UnixMs(1000));
    fill(&mut access, 0..500, Expiry::At(UnixMs(1500)));
    access.end();
    access.begin(UnixMs(2000));
    assert!(!access.random_key(DATABASE, &mut Vec::new()));
    assert!(access.keyspace().len(DATABASE) < 500, "those that were met are gone");
    access.end();
}

#[test]
fn due_keys_go_in_bounded_steps_and_idle_shards_are_not_entered() {
    let keyspace = keyspace();
    let mut access = Access::new(&keyspace, WorkerId(0), 1);
    access.begin(UnixMs(1000));
    fill(&mut access, 0..5000, Expiry::At(UnixMs(1500)));
    fill(&mut access, 5000..6000, Expiry::At(UnixMs(9000)));
    access.end();
    access.begin(UnixMs(2000));
    let mut budget = ExpiryBudget::new(0..SHARDS, 50);
    let (mut calls, mut before) = (0, 6000);
    while access.expire_some(&mut budget) {
        let now = access.keyspace().len(DATABASE);
        // A page is the smallest step, so a call may pass its limit by the keys of one page.
        assert!(before - now <= 50 + 200, "{} keys in one call", before - now);
        before = now;
        calls += 1;
        assert!(calls < 1000, "expiry comes to an end");
    }
    assert_eq!((access.keyspace().len(DATABASE), access.keyspace().expiring(DATABASE)), (1000, 1000));
    assert_eq!(access.counters.expired_keys, 5000);
    access.end();
}

#[test]
fn a_panic_with_everything_locked_leaves_the_gate_open() {
    let keyspace = keyspace();
    let mut access = Access::new(&keyspace, WorkerId(0), 1);
    access.begin(UnixMs(1));
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        access.with_everything(|_| panic!("on purpose"));
    }));
    assert!(outcome.is_err());
    // Were the gate still closed or a shard still locked, this would wait for ever.
    access.with_everything(|access| access.db(DbIndex(0)).flush());
    access.end();
}
