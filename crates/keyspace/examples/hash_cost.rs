//! What hashes cost in memory and time: `cargo run --release -p keyspace --example hash_cost`.
//!
//! Memory is what the allocator has handed out. A time is the best of several rounds over random keys or fields, because on a
//! shared machine everything above the best is somebody else's work; locking the shard is part of it.

#![expect(clippy::print_stdout, reason = "it is a program that prints")]
#![expect(clippy::disallowed_types, reason = "a stopwatch reads the clock")]

use keyspace::{Access, DbIndex, Key, Keyspace, Options, WorkerId};
use std::hint::black_box;
use std::time::Instant;
use stdx::hash::HashKey;
use stdx::rng::Rng;
use stdx::time::UnixMs;
use value::hash::FieldExpiry;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const DATABASE: DbIndex = DbIndex(0);
const HASHES: usize = 200_000;
const FIELDS: usize = 500_000;
const ROUNDS: usize = 5;
const OPERATIONS: usize = 200_000;

fn main() {
    small_hashes();
    one_large_hash();
}

/// Hashes of ten fields, 5 + 5 bytes each, under keys of 16 bytes.
fn small_hashes() {
    let before = allocated();
    with_access(|access| {
        for number in 0..HASHES {
            let fields: Vec<String> = (0..10).map(|field| format!("f{field:04}")).collect();
            let pairs: Vec<(&[u8], &[u8])> =
                fields.iter().map(|field| (field.as_bytes(), &b"v0000"[..])).collect();
            on_key(access, &format!("key:{number:012}"), |access, key| {
                access.db(DATABASE).hash_set(key, &pairs, FieldExpiry::Clear).expect("a hash");
            });
        }
        let bytes = (allocated() - before) as f64 / HASHES as f64;
        println!("{bytes:6.1} B a key of 16 B with 10 fields of 5 + 5 B");
        let name = |rng: &mut Rng| format!("key:{:012}", rng.below(HASHES as u64));
        time("HGET, small", access, |access, rng| {
            on_key(access, &name(rng), |access, key| get(access, key, b"f0007"));
        });
        time("HSET, small, same length", access, |access, rng| {
            on_key(access, &name(rng), |access, key| set(access, key, b"f0007", b"v1234"));
        });
        time("HSET, small, other length", access, |access, rng| {
            let value = &b"v12345678"[..rng.below(9) as usize];
            on_key(access, &name(rng), |access, key| set(access, key, b"f0007", value));
        });
    });
}

/// One hash of many fields, 14 + 14 bytes each.
fn one_large_hash() {
    let before = allocated();
    with_access(|access| {
        for number in 0..FIELDS {
            let (field, value) = (format!("field:{number:08}"), format!("value:{number:08}"));
            on_key(access, "large", |access, key| set(access, key, field.as_bytes(), value.as_bytes()));
        }
        let bytes = (allocated() - before) as f64 / FIELDS as f64;
        println!("{bytes:6.1} B a field of 14 + 14 B");
        let name = |rng: &mut Rng| format!("field:{:08}", rng.below(FIELDS as u64));
        time("HGET, large", access, |access, rng| {
            on_key(access, "large", |access, key| get(access, key, name(rng).as_bytes()));
        });
        time("HSET, large, same length", access, |access, rng| {
            on_key(access, "large", |access, key| set(access, key, name(rng).as_bytes(), b"value:12345678"));
        });
    });
}

fn with_access(body: impl FnOnce(&mut Access<'_>)) {
    let options =
        Options { databases: 1, shards: 1024, workers: 1, hash_key: HashKey([3, 4]), encode: |_, _| () };
    let keyspace = Keyspace::new(options);
    let mut access = Access::new(&keyspace, WorkerId(0), 1);
    access.begin(UnixMs(1000));
    body(&mut access);
    access.end();
}

fn on_key(access: &mut Access<'_>, name: &str, body: impl FnOnce(&mut Access<'_>, &Key<'_>)) {
    let key = access.keyspace().key(name.as_bytes());
    access.lock(&mut [access.shard_of(&key)]);
    body(access, &key);
    access.unlock();
}

fn get(access: &mut Access<'_>, key: &Key<'_>, field: &[u8]) {
    let mut db = access.db(DATABASE);
    let hash = db.hash(key).expect("a hash").expect("it is there");
    black_box(hash.get(field).expect("it is there"));
}

fn set(access: &mut Access<'_>, key: &Key<'_>, field: &[u8], value: &[u8]) {
    access.db(DATABASE).hash_set(key, &[(field, value)], FieldExpiry::Clear).expect("a hash");
}

fn time(name: &str, access: &mut Access<'_>, mut operation: impl FnMut(&mut Access<'_>, &mut Rng)) {
    let mut best = f64::INFINITY;
    for round in 0..ROUNDS {
        let mut rng = Rng::from_seed(round as u64);
        let start = Instant::now();
        for _ in 0..OPERATIONS {
            operation(access, &mut rng);
        }
        best = best.min(start.elapsed().as_nanos() as f64 / OPERATIONS as f64);
    }
    println!("{best:6.0} ns  {name}");
}

/// Bytes that the allocator has handed out.
fn allocated() -> usize {
    tikv_jemalloc_ctl::epoch::advance().expect("statistics are built in");
    tikv_jemalloc_ctl::stats::allocated::read().expect("statistics are built in")
}
