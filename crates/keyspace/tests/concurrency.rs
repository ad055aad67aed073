//! Several workers at once: leases of several keys are atomic, and the log has the order of the locks.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use keyspace::log::Run;
use keyspace::{Access, DbIndex, Effect, Expiry, Keyspace, Options, WorkerId};
use stdx::hash::HashKey;
use stdx::time::UnixMs;
use value::StringRef;

const DATABASE: DbIndex = DbIndex(0);
const WORKERS: usize = 3;
const ROUNDS: u64 = 3000;
const NAMES: [&[u8]; 4] = [b"first", b"second", b"third", b"fourth"];

/// The text of an effect in this test: key, `=`, value, newline.
fn encode(effect: &Effect<'_>, out: &mut Vec<u8>) {
    let (Effect::SetString { key, value, .. } | Effect::ReplaceString { key, value }) = effect else {
        panic!("only strings are set here")
    };
    out.extend_from_slice(key);
    out.push(b'=');
    out.extend_from_slice(&value.contiguous());
    out.push(b'\n');
}

fn keyspace() -> Keyspace {
    let options = Options { databases: 1, shards: 1024, workers: WORKERS, hash_key: HashKey([5, 6]), encode };
    let keyspace = Keyspace::new(options);
    keyspace.set_recording(true);
    keyspace
}

fn number(value: Option<StringRef<'_>>) -> u64 {
    value.map_or(0, |value| value.integer().expect("a number was set") as u64)
}

/// Runs `body` on every worker's thread.
fn on_all_workers(keyspace: &Keyspace, body: impl Fn(&mut Access<'_>, usize) + Sync) {
    std::thread::scope(|scope| {
        for worker in 0..WORKERS {
            let body = &body;
            scope.spawn(move || {
                let mut access = Access::new(keyspace, WorkerId(worker), worker as u64);
                for _ in 0..ROUNDS {
                    access.begin(UnixMs(1000));
                    body(&mut access, worker);
                    access.end();
                }
            });
        }
    });
}

/// Adds one to two of the keys under one lease; which two, and in which order they are named, differs by worker.
fn add_to_two(access: &mut Access<'_>, worker: usize) {
    let keys = [NAMES[worker], NAMES[worker + 1]].map(|name| access.keyspace().key(name));
    let mut shards = keys.map(|key| access.shard_of(&key));
    if worker == 1 {
        shards.reverse();
    }
    access.lock(&mut shards);
    access.start_unit();
    for key in keys {
        let mut db = access.db(DATABASE);
        let before = number(db.string(&key).expect("a string"));
        db.set_string(&key, (before + 1).to_string().as_bytes(), Expiry::Keep);
    }
    access.unlock();
}

/// Everything in the log behind what has been read: units and texts.
fn read_on(keyspace: &Keyspace, effects: &mut Vec<(u64, String)>) {
    let mut run = Run::default();
    let before = keyspace.position();
    let position = keyspace.log().take(&mut run);
    assert!(position >= before, "what has been appended is read");
    effects.extend(
        run.iter().map(|(record, text)| (record.unit, String::from_utf8(text.to_vec()).expect("text"))),
    );
    assert_eq!(position.0, effects.len() as u64, "the position counts effects");
}

/// Everything in the log, of which nothing has been read.
fn logged(keyspace: &Keyspace) -> Vec<(u64, String)> {
    let mut effects = Vec::new();
    read_on(keyspace, &mut effects);
    effects
}

/// Every key counts up by one.
fn assert_in_order(effects: &[(u64, String)]) {
    assert_eq!(effects.len() as u64, 2 * ROUNDS * WORKERS as u64);
    for (index, name) in NAMES.into_iter().enumerate() {
        // The outer keys have one worker, the inner ones two.
        let expected = if index == 0 || index == NAMES.len() - 1 { ROUNDS } else { 2 * ROUNDS };
        let prefix = format!("{}=", String::from_utf8_lossy(name));
        let values: Vec<u64> = effects
            .iter()
            .filter_map(|(_, text)| text.trim_end().strip_prefix(&prefix)?.parse().ok())
            .collect();
        assert_eq!(values, (1..=expected).collect::<Vec<u64>>(), "{prefix} counts up by one in the log");
    }
}

#[test]
fn leases_of_two_keys_lose_no_update_and_the_log_has_every_value_in_its_order() {
    let keyspace = keyspace();
    on_all_workers(&keyspace, add_to_two);
    assert_in_order(&logged(&keyspace));
}

#[test]
fn a_log_that_is_read_beside_its_workers_has_every_value_in_its_order() {
    let keyspace = keyspace();
    let is_over = AtomicBool::new(false);
    let effects = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut effects = Vec::new();
            while !is_over.load(Ordering::Acquire) {
                read_on(&keyspace, &mut effects);
            }
            read_on(&keyspace, &mut effects);
            effects
        });
        on_all_workers(&keyspace, add_to_two);
        is_over.store(true, Ordering::Release);
        reader.join().expect("the reader ends well")
    });
    assert_in_order(&effects);
}

#[test]
fn effects_of_one_lease_are_neighbours_in_the_log() {
    let keyspace = keyspace();
    on_all_workers(&keyspace, add_to_two);
    let effects = logged(&keyspace);
    for pair in effects.chunks(2) {
        assert_eq!(pair[0].0, pair[1].0, "both effects of a lease have its unit");
    }
}

#[test]
fn snapshot_under_load_shows_no_half_of_a_lease_and_stands_at_its_place_in_the_log() {
    let keyspace = keyspace();
    let snapshots = Mutex::new(Vec::new());
    let names = [NAMES[0], NAMES[1]];
    on_all_workers(&keyspace, |access, worker| {
        if worker == 2 {
            // The snapshots are few, so that the writers come between them.
            if access.rng.below(100) == 0 {
                let snapshot = access.snapshot(|_| ());
                snapshots.lock().expect("not poisoned").push(snapshot);
            }
            return;
        }
        let keys = names.map(|name| access.keyspace().key(name));
        access.lock(&mut keys.map(|key| access.shard_of(&key)));
        for key in keys {
            let mut db = access.db(DATABASE);
            let before = number(db.string(&key).expect("a string"));
            db.set_string(&key, (before + 1).to_string().as_bytes(), Expiry::Keep);
        }
        access.unlock();
    });
    let effects = logged(&keyspace);
    for snapshot in snapshots.into_inner().expect("not poisoned") {
        let mut values = Vec::new();
        for shard in 0..snapshot.shards() {
            snapshot.for_each(shard, DATABASE, &mut |seen| {
                let value::ValueRef::String(string) = seen.value else { panic!("only strings are set") };
                values.push(number(Some(string)));
            });
        }
        // Each lease adds one to both keys, so the position is twice the number that both show.
        let position = snapshot.position().0;
        assert!(values.iter().all(|&value| 2 * value == position), "{values:?} at {position}");
    }
    assert_eq!(effects.len() as u64, 2 * ROUNDS * 2);
}

#[test]
fn flushes_beside_writers_leave_counts_that_are_right() {
    let keyspace = keyspace();
    keyspace.set_recording(false);
    on_all_workers(&keyspace, |access, worker| {
        if worker == 2 && access.rng.below(200) == 0 {
            access.with_everything(|access| access.db(DATABASE).flush_all());
            return;
        }
        let name = access.rng.below(500).to_string();
        let key = access.keyspace().key(name.as_bytes());
        let removes = access.rng.below(3) == 0;
        access.lock(&mut [access.shard_of(&key)]);
        if removes {
            access.db(DATABASE).delete(&key);
        } else {
            access.db(DATABASE).set_string(&key, b"x", Expiry::At(UnixMs(9000)));
        }
        access.unlock();
    });
    let mut access = Access::new(&keyspace, WorkerId(0), 1);
    access.begin(UnixMs(1000));
    let mut keys = 0;
    access.for_each_key(DATABASE, &mut |_| keys += 1);
    assert_eq!((keyspace.len(DATABASE), keyspace.expiring(DATABASE)), (keys, keys));
    access.end();
}

/// An access for batches within a batch of the same worker.
#[test]
fn a_batch_within_another_gets_what_that_one_has_not_locked() {
    let keyspace = keyspace();
    let [mine, free] = [NAMES[0], NAMES[1]].map(|name| keyspace.key(name));
    let mut first = Access::new(&keyspace, WorkerId(0), 1);
    let mut within = Access::within(&keyspace, WorkerId(0), 2);
    first.begin(UnixMs(1000));
    first.lock(&mut [first.shard_of(&mine)]);
    first.declare_busy(true);
    within.begin(UnixMs(1000));
    assert!(within.try_lock(&mut [within.shard_of(&mine)]).is_err());
    assert!(within.try_lock(&mut [within.shard_of(&free)]).is_ok());
    within.unlock();
    within.end();
    first.declare_busy(false);
    first.unlock();
    first.end();
}

#[test]
fn what_is_free_is_locked_and_what_is_not_is_not_waited_for() {
    let keyspace = keyspace();
    let (mut one, mut other) =
        (Access::new(&keyspace, WorkerId(0), 0), Access::new(&keyspace, WorkerId(1), 1));
    assert!(!one.lock_free(&[1]), "outside of a batch nothing is locked");
    [&mut one, &mut other].into_iter().for_each(|access| access.begin(UnixMs(1000)));
    one.lock(&mut [7]);
    assert!(!other.lock_free(&[9, 7, 3, 9]));
    assert_eq!([3, 7, 9].map(|shard| other.holds(shard)), [true, false, true]);
    assert!(!other.holds_only(3));
    other.unlock();
    one.unlock();
    assert!(other.lock_free(&[7, 7]));
    assert!(other.holds_only(7) && !other.holds_only(3));
    other.unlock();
    [one, other].iter_mut().for_each(Access::end);
}
