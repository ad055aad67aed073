//! What GET and SET cost through the keyspace: leases of 16 keys, prefetched, on a million random keys; what a
//! snapshot takes; and how fast a million due keys go.
//!
//! ```text
//! cargo run --release -p keyspace --example hot_path [keys [operations]]
//! ```
#![allow(clippy::disallowed_types, reason = "a stopwatch is a program of its own, not the keyspace")]
#![allow(clippy::print_stdout, reason = "the figures are its output")]

use std::time::Instant;

use keyspace::{Access, DbIndex, Effect, Expiry, ExpiryBudget, Keyspace, Options, SHARDS, Target, WorkerId};
use stdx::hash::HashKey;
use stdx::rng::Rng;
use stdx::time::UnixMs;

const DATABASE: DbIndex = DbIndex(0);
const GROUP: usize = 16;
const NOW: UnixMs = UnixMs(1_000_000);

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() {
    let argument = |index| std::env::args().nth(index).and_then(|text| text.parse().ok());
    let keys: u64 = argument(1).unwrap_or(1_000_000);
    let operations = argument(2).unwrap_or(2_000_000);
    let encode: fn(&Effect<'_>, &mut Vec<u8>) = |_, out| out.extend_from_slice(b"effect");
    let options = Options { databases: 16, shards: SHARDS, workers: 1, hash_key: HashKey([1, 2]), encode };
    let keyspace = Keyspace::new(options);
    let mut access = Access::new(&keyspace, WorkerId(0), 1);
    fill(&mut access, keys, Expiry::Clear);
    println!("{keys} keys of 16 bytes, values of 64, leases of {GROUP}; ns an operation, median of 5");
    let (value, longer) = ([b'v'; 64], [b'w'; 72]);
    for prefetch in [false, true] {
        let mut found = 0;
        let get = median(&mut access, keys, operations, prefetch, |access, key| {
            let mut db = access.db(DATABASE);
            found += db.string(key).expect("a string").map_or(0, value::StringRef::len);
        });
        assert!(found > 0, "the keys are there");
        let same = median(&mut access, keys, operations, prefetch, |access, key| {
            access.db(DATABASE).set_string(key, &value, Expiry::Clear);
        });
        println!("prefetch {prefetch:5}: GET {get:4.0}  SET same size {same:4.0}");
    }
    keyspace.set_recording(true);
    let recorded = median(&mut access, keys, operations, true, |access, key| {
        access.db(DATABASE).set_string(key, &value, Expiry::Clear);
    });
    keyspace.set_recording(false);
    println!("SET same size with the log on {recorded:4.0}");
    let mut flip = false;
    let other = median(&mut access, keys, operations, true, |access, key| {
        flip = !flip;
        access.db(DATABASE).set_string(key, if flip { &longer } else { &value[..] }, Expiry::Clear);
    });
    println!("SET other size {other:4.0}");
    snapshot(&mut access, keys);
    expire(&mut access, keys);
}

fn name(number: u64) -> [u8; 16] {
    let mut name = *b"key:000000000000";
    let mut rest = number;
    for place in name[4..].iter_mut().rev() {
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    name
}

fn fill(access: &mut Access<'_>, keys: u64, expiry: Expiry) {
    for number in 0..keys {
        let name = name(number);
        access.begin(NOW);
        let key = access.keyspace().key(&name);
        access.lock(&mut [access.shard_of(&key)]);
        access.db(DATABASE).set_string(&key, &[b'v'; 64], expiry);
        access.unlock();
        access.end();
    }
}

/// The median of five rounds, in ns an operation, hashing and locking included.
fn median(
    access: &mut Access<'_>,
    keys: u64,
    operations: u64,
    prefetch: bool,
    mut operation: impl FnMut(&mut Access<'_>, &keyspace::Key<'_>),
) -> f64 {
    let mut rng = Rng::from_seed(9);
    let mut log = keyspace::log::Run::default();
    let mut rounds: Vec<f64> = (0..5)
        .map(|_| {
            let names: Vec<[u8; 16]> = (0..operations / 5).map(|_| name(rng.below(keys))).collect();
            let start = Instant::now();
            for group in names.chunks_exact(GROUP) {
                let group: &[[u8; 16]; GROUP] = group.try_into().expect("an exact chunk");
                access.begin(NOW);
                let keys = group.each_ref().map(|name| (DATABASE, access.keyspace().key(name)));
                if prefetch {
                    keys.iter().for_each(|(_, key)| access.prefetch_shard(access.shard_of(key)));
                }
                access.lock(&mut keys.map(|(_, key)| access.shard_of(&key)));
                if prefetch {
                    access.prefetch(&keys.map(|(database, key)| Target {
                        database,
                        shard: access.shard_of(&key),
                        hash: key.hash,
                    }));
                }
                for (_, key) in &keys {
                    operation(access, key);
                }
                access.unlock();
                access.end();
                if access.keyspace().is_recording() {
                    access.keyspace().log().take(&mut log);
                    log.clear();
                }
            }
            start.elapsed().as_nanos() as f64 / names.len() as f64
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[2]
}

fn snapshot(access: &mut Access<'_>, keys: u64) {
    access.begin(NOW);
    let start = Instant::now();
    let snapshot = access.snapshot(|_| ());
    let cut = start.elapsed();
    access.end();
    let mut first = Vec::new();
    let mut rng = Rng::from_seed(3);
    for _ in 0..50_000 {
        let name = name(rng.below(keys));
        let start = Instant::now();
        access.begin(NOW);
        let key = access.keyspace().key(&name);
        access.lock(&mut [access.shard_of(&key)]);
        access.db(DATABASE).set_string(&key, &[b'x'; 64], Expiry::Clear);
        access.unlock();
        access.end();
        first.push(start.elapsed());
    }
    first.sort_unstable();
    let at = |part: f64| first[((first.len() - 1) as f64 * part) as usize];
    println!(
        "snapshot: cut {cut:?}; the first 50000 SETs after it: p50 {:?} p99 {:?} p99.9 {:?} max {:?}",
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0)
    );
    drop(snapshot);
}

/// Makes every key due at one time and removes them in calls of 200 keys.
fn expire(access: &mut Access<'_>, keys: u64) {
    fill(access, keys, Expiry::At(NOW.saturating_add_millis(1)));
    let mut budget = ExpiryBudget::new(0..SHARDS, 200);
    let (mut longest, mut calls) = (std::time::Duration::ZERO, 0);
    let start = Instant::now();
    loop {
        let call = Instant::now();
        access.begin(NOW.saturating_add_millis(2));
        let more = access.expire_some(&mut budget);
        access.end();
        longest = longest.max(call.elapsed());
        calls += 1;
        if !more {
            break;
        }
    }
    let total = start.elapsed();
    println!("expiry: {keys} due keys gone in {total:?}, {calls} calls, the longest {longest:?}");
}
