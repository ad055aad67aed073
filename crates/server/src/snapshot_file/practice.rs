//! Data to be saved in tests, and workers that have their turns when they are told.

use std::sync::Arc;

use disk::{Disk, Double};
use keyspace::{Access, Db, DbIndex, Expiry, Key, WorkerId};
use node::{Image, Side};
use persist::SnapshotWriter;
use persist::rdb::Notes;
use stdx::time::UnixMs;

use crate::clock;
use crate::laboratory::plant::{self, Plant};

mod large;

pub(super) use large::{LONG_FIELDS, Large};

/// A server that does what a test says.
pub(super) struct Practice {
    pub(super) double: Double,
    pub(super) plant: Plant,
}

impl Practice {
    /// A server that has found this on its disk.
    pub(super) fn on(double: Double) -> Self {
        let plant = Plant::start(&double, plant::config(&[("appendonly", "no")])).expect("it starts");
        Self { double, plant }
    }

    pub(super) fn new() -> Self {
        Self::on(plant::empty_disk(1))
    }

    pub(super) fn disk(&self) -> Disk {
        Disk::new(Arc::new(self.double.clone()))
    }

    /// All data.
    pub(super) fn image(&self) -> Image {
        let node = &self.plant.node;
        let mut access = Access::new(&node.shared.keyspace, node.side(Side::Main), 1);
        access.begin(clock::now().unix);
        let image = node.image(&mut access, || ());
        access.end();
        image
    }

    /// A worker sets so many short keys.
    pub(super) fn set_keys(&self, keys: usize, word: &str) {
        self.work(|access| {
            for number in 0..keys {
                on_key(access, &key_name(number), |mut db, key| {
                    db.set_string(key, value(word, number).as_bytes(), Expiry::Clear);
                });
            }
        });
    }

    /// Checks that the keys and no others are there.
    pub(super) fn check_keys(&self, keys: usize, word: &str) {
        assert_eq!(self.plant.node.shared.keyspace.len(DbIndex(0)), keys);
        self.work(|access| {
            for number in 0..keys {
                on_key(access, &key_name(number), |mut db, key| {
                    let found = db.string(key).expect("it is a string");
                    let found = found.map(|text| text.contiguous().into_owned());
                    assert_eq!(found, Some(value(word, number).into_bytes()), "{number}");
                });
            }
        });
    }

    fn work(&self, work: impl FnOnce(&mut Access<'_>)) {
        let mut access = Access::new(&self.plant.node.shared.keyspace, WorkerId(0), 1);
        access.begin(clock::now().unix);
        work(&mut access);
        access.end();
    }
}

/// Works on a key while its shard is locked.
fn on_key(access: &mut Access<'_>, name: &[u8], work: impl FnOnce(Db<'_, '_>, &Key<'_>)) {
    let key = access.keyspace().key(name);
    let shard = access.shard_of(&key);
    access.lock(&mut [shard]);
    work(access.db(DbIndex(0)), &key);
    access.unlock();
}

/// Somebody who writes an image; the head is left out.
pub(super) fn writer(image: &Image) -> SnapshotWriter {
    let notes = Notes {
        redis_version: "8.0.0",
        own_version: "0.1.0",
        created: UnixMs(1),
        used_memory: 1,
        is_aof_base: false,
    };
    SnapshotWriter::rdb(&image.snapshot, false, false, &notes, &mut Vec::new())
}

fn key_name(number: usize) -> Vec<u8> {
    format!("name:{number}").into_bytes()
}

fn value(word: &str, number: usize) -> String {
    format!("{word}:{number}").repeat(4)
}
