//! How long the pieces of a file are, and how it begins.

use keyspace::{Access, Db, DbIndex, Key, Keyspace, Options, Snapshot, WorkerId};
use persist::rdb::Notes;
use persist::{SnapshotWriter, Step};
use stdx::hash::HashKey;
use stdx::time::UnixMs;
use value::hash::FieldExpiry;

/// A value that does not lie within a page.
const VALUE: &[u8] = &[7; 40_000];
const FIELDS: u32 = 100;

/// A snapshot of what is done with the hash of a key.
fn snapshot_of(change: impl FnOnce(&mut Db<'_, '_>, &Key<'_>)) -> Snapshot {
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
    change(&mut access.db(DbIndex(0)), &keyspace.key(b"hash"));
    access.unlock();
    let snapshot = access.snapshot(|_| ());
    access.end();
    snapshot
}

/// Begins a file, whose head is left in `head`.
fn begin(snapshot: &Snapshot, head: &mut Vec<u8>) -> SnapshotWriter {
    let notes = Notes {
        redis_version: "8.0.0",
        own_version: "0.1.0",
        created: UnixMs(1),
        used_memory: 1,
        is_aof_base: false,
    };
    SnapshotWriter::rdb(snapshot, false, true, &notes, head)
}

#[test]
fn a_file_has_an_old_version_again_when_the_last_time_of_a_field_is_gone() {
    let fields: Vec<[u8; 4]> = (0..1000_u32).map(u32::to_be_bytes).collect();
    let names: Vec<&[u8]> = fields.iter().map(<[u8; 4]>::as_slice).collect();
    let timed = |db: &mut Db<'_, '_>, key: &Key<'_>| {
        names.iter().for_each(|name| _ = db.hash_set(key, &[(name, b"value")], FieldExpiry::Clear).unwrap());
        db.hash_set_expiry(key, &names, UnixMs(5000)).unwrap();
        db.hash_clear_expiry(key, &names[1..]).unwrap();
    };
    let untimed = |db: &mut Db<'_, '_>, key: &Key<'_>| {
        timed(db, key);
        db.hash_clear_expiry(key, &names[..1]).unwrap();
    };
    for (snapshot, version) in [(snapshot_of(timed), b"REDIS0012"), (snapshot_of(untimed), b"REDIS0010")] {
        let mut bytes = Vec::new();
        let writer = begin(&snapshot, &mut bytes);
        assert!(bytes.starts_with(version));
        let written = writer.write_all(snapshot, |step| {
            if let Step::Bytes(more) = step {
                bytes.extend_from_slice(more);
            }
            Ok::<(), ()>(())
        });
        assert_eq!(written, Ok(()));
    }
}

#[test]
fn a_hash_of_few_long_fields_becomes_many_pieces() {
    let snapshot = snapshot_of(|db, key| {
        for number in 0..FIELDS {
            db.hash_set(key, &[(&number.to_be_bytes(), VALUE)], FieldExpiry::Clear).unwrap();
        }
    });
    let writer = begin(&snapshot, &mut Vec::new());
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

#[test]
fn a_large_value_becomes_many_pieces_of_commands_and_its_time_stands_at_their_end() {
    let snapshot = snapshot_of(|db, key| {
        for number in 0..50_000_u32 {
            db.hash_set(key, &[(&number.to_be_bytes(), b"a value of some bytes")], FieldExpiry::Clear)
                .unwrap();
        }
        db.set_expiry(key, UnixMs(5000));
    });
    let writer = SnapshotWriter::commands(&snapshot, UnixMs(1), false, &mut Vec::new());
    let mut pieces = Vec::new();
    let written = writer.write_all(snapshot, |step| {
        if let Step::Bytes(bytes) = step {
            pieces.push(bytes.to_vec());
        }
        Ok::<(), ()>(())
    });
    assert_eq!(written, Ok(()));
    pieces.retain(|piece| !piece.is_empty());
    assert!(pieces.len() > 5, "{}", pieces.len());
    for piece in &pieces {
        assert!(piece.len() < SnapshotWriter::PIECE_BYTES + 8 * 1024, "{}", piece.len());
        let behind_line = piece.split(|&byte| byte == b'\n').nth(1).unwrap();
        assert_eq!(behind_line, b"*2\r", "each selects its database");
    }
    let has_time = |piece: &Vec<u8>| piece.windows(9).any(|bytes| bytes == b"PEXPIREAT");
    assert_eq!(pieces.iter().position(has_time), Some(pieces.len() - 1));
}
