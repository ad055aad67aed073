//! How long the pieces of a file are.

use keyspace::{Access, DbIndex, Keyspace, Options, WorkerId};
use persist::rdb::Notes;
use persist::{SnapshotWriter, Step};
use stdx::hash::HashKey;
use stdx::time::UnixMs;
use value::hash::FieldExpiry;

/// A value that does not lie within a page.
const VALUE: &[u8] = &[7; 40_000];
const FIELDS: u32 = 100;

#[test]
fn a_hash_of_few_long_fields_becomes_many_pieces() {
    let keyspace = Keyspace::new(Options {
        databases: 1,
        shards: 1,
        workers: 1,
        hash_key: HashKey([5, 6]),
        encode: persist::encode_effect,
    });
    let mut access = Access::new(&keyspace, WorkerId(0), 1);
    access.begin(UnixMs(1000));
    access.lock(&mut [0]);
    let key = keyspace.key(b"hash");
    for number in 0..FIELDS {
        let field = number.to_be_bytes();
        access.db(DbIndex(0)).hash_set(&key, &[(&field, VALUE)], FieldExpiry::Clear).unwrap();
    }
    access.unlock();
    let snapshot = access.snapshot(|_| ());
    access.end();
    let notes = Notes {
        redis_version: "8.0.0",
        own_version: "0.1.0",
        created: UnixMs(1),
        used_memory: 1,
        is_aof_base: false,
    };
    let writer = SnapshotWriter::rdb(&snapshot, false, true, &notes, &mut Vec::new());
    let mut lengths = Vec::new();
    let written = writer.write_all(snapshot, |step| {
        if let Step::Bytes(bytes) = step {
            lengths.push(bytes.len());
        }
        Ok::<(), ()>(())
    });
    assert_eq!(written, Ok(()));
    let longest = lengths.iter().copied().max().unwrap();
    assert!(longest < SnapshotWriter::PIECE_BYTES + VALUE.len() + 100, "{lengths:?}");
    assert!(lengths.iter().sum::<usize>() > FIELDS as usize * VALUE.len());
}
