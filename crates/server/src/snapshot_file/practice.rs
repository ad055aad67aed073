//! Data to be saved in tests, and workers that have their turns when they are told.

use std::sync::Arc;

use disk::{Disk, Double};
use keyspace::{Access, Db, DbIndex, Expiry, Key, WorkerId};
use node::{Image, Side};
use persist::SnapshotWriter;
use persist::rdb::Notes;
use stdx::time::UnixMs;
use value::hash::FieldExpiry;

use crate::clock;
use crate::laboratory::plant::{self, Plant};

/// A server that does what a test says.
pub(super) struct Practice {
    pub(super) double: Double,
    pub(super) plant: Plant,
}

/// A large value that is saved by itself.
#[derive(Debug, Clone, Copy)]
pub(super) enum Large {
    Hash,
    /// A hash of which some fields are due at some time.
    TimedHash,
    Set,
}

impl Large {
    pub(super) const ALL: [Self; 3] = [Self::Hash, Self::TimedHash, Self::Set];
}

/// What large values are filled with, by turns.
const WORDS: [&str; 2] = ["before", "behind"];

/// The first fields of a hash are long, so that pages with them are not encoded by workers.
pub(super) const LONG_FIELDS: usize = 3;

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

    /// A worker makes a large value of so many members of this word, of which the first ones are long.
    pub(super) fn fill(&self, large: Large, name: &str, members: usize, word: &str) {
        match large {
            Large::Hash => self.set_fields(name, members, word),
            Large::TimedHash => {
                self.set_fields(name, members, word);
                self.set_times(name, members);
            }
            Large::Set => self.set_members(name, members, word),
        }
    }

    /// Checks that it has these members and no others.
    pub(super) fn check(&self, large: Large, name: &str, members: usize, word: &str) {
        match large {
            Large::Hash => self.check_fields(name, members, word),
            Large::TimedHash => {
                self.check_fields(name, members, word);
                self.check_times(name, members);
            }
            Large::Set => self.check_members(name, members, word),
        }
    }

    /// A worker puts so many members into a set, of which the first ones are long, and takes the others out.
    fn set_members(&self, name: &str, members: usize, word: &str) {
        self.work(|access| {
            on_key(access, name.as_bytes(), |mut db, key| {
                for number in 0..members {
                    db.set_add(key, &[field_value(word, number).as_bytes()]).expect("it is a set");
                }
                for other in WORDS.into_iter().filter(|&other| other != word) {
                    for number in 0..members {
                        db.set_remove(key, &[field_value(other, number).as_bytes()]).expect("it is a set");
                    }
                }
            });
        });
    }

    fn check_members(&self, name: &str, members: usize, word: &str) {
        self.work(|access| {
            on_key(access, name.as_bytes(), |mut db, key| {
                let set = db.set(key).expect("it is a set").expect("it is there");
                assert_eq!(set.len(), members);
                assert!((0..members).all(|number| set.contains(field_value(word, number).as_bytes())));
            });
        });
    }

    /// A worker lets every second field of a hash be due at some time.
    fn set_times(&self, name: &str, fields: usize) {
        self.work(|access| {
            on_key(access, name.as_bytes(), |mut db, key| {
                for number in (0..fields).step_by(2) {
                    let due = time(number).expect("it is even");
                    db.hash_set_expiry(key, &[&key_name(number)], due).expect("it is a hash");
                }
            });
        });
    }

    fn check_times(&self, name: &str, fields: usize) {
        self.work(|access| {
            on_key(access, name.as_bytes(), |mut db, key| {
                let hash = db.hash(key).expect("it is a hash").expect("it is there");
                for number in 0..fields {
                    let found = hash.entry(&key_name(number)).expect("it is there");
                    assert_eq!(found.expiry, time(number), "{number}");
                }
            });
        });
    }

    /// A worker sets so many fields of a hash, of which the first ones are long.
    pub(super) fn set_fields(&self, name: &str, fields: usize, word: &str) {
        self.work(|access| {
            on_key(access, name.as_bytes(), |mut db, key| {
                for number in 0..fields {
                    let (field, value) = (key_name(number), field_value(word, number));
                    let set = db.hash_set(key, &[(&field, value.as_bytes())], FieldExpiry::Clear);
                    set.expect("it is a hash");
                }
            });
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

    /// Checks that these fields of a hash and no others are there.
    pub(super) fn check_fields(&self, name: &str, fields: usize, word: &str) {
        self.work(|access| {
            on_key(access, name.as_bytes(), |mut db, key| {
                let hash = db.hash(key).expect("it is a hash").expect("it is there");
                assert_eq!(hash.len(), fields);
                for number in 0..fields {
                    let found = hash.get(&key_name(number)).map(<[u8]>::to_vec);
                    assert_eq!(found, Some(field_value(word, number).into_bytes()), "{number}");
                }
            });
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

/// When a field is due.
fn time(number: usize) -> Option<UnixMs> {
    number.is_multiple_of(2).then_some(UnixMs(4_000_000_000_000 + number as i64))
}

fn key_name(number: usize) -> Vec<u8> {
    format!("name:{number}").into_bytes()
}

fn value(word: &str, number: usize) -> String {
    format!("{word}:{number}").repeat(4)
}

fn field_value(word: &str, number: usize) -> String {
    let value = value(word, number);
    if number < LONG_FIELDS { value.repeat(100) } else { value }
}
