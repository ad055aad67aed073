//! Large values to be saved in tests.

use keyspace::Count;
use stdx::time::UnixMs;
use value::ListRef;
use value::hash::FieldExpiry;
use value::list::Side;
use value::stream::{Id, Reach, References, Trim};
use value::zset::Rule;

use super::{Practice, key_name, on_key, value};

/// A large value that is saved by itself.
#[derive(Debug, Clone, Copy)]
pub(in crate::snapshot_file) enum Large {
    Hash,
    /// A hash of which some fields are due at some time.
    TimedHash,
    Set,
    ZSet,
    List,
    Stream,
}

impl Large {
    /// Those whose members may stand in any order.
    pub(in crate::snapshot_file) const UNORDERED: [Self; 4] =
        [Self::Hash, Self::TimedHash, Self::Set, Self::ZSet];
    pub(in crate::snapshot_file) const ORDERED: [Self; 2] = [Self::List, Self::Stream];
}

/// What large values are filled with, by turns.
const WORDS: [&str; 2] = ["before", "behind"];

/// The first fields of a hash are long, so that pages with them are not encoded by workers.
pub(in crate::snapshot_file) const LONG_FIELDS: usize = 3;

impl Practice {
    /// A worker makes a large value of so many members of this word, of which the first ones are long.
    pub(in crate::snapshot_file) fn fill(&self, large: Large, name: &str, members: usize, word: &str) {
        match large {
            Large::Hash => self.set_fields(name, members, word),
            Large::TimedHash => {
                self.set_fields(name, members, word);
                self.set_times(name, members);
            }
            Large::Set => self.set_members(name, members, word),
            Large::ZSet => self.set_scores(name, members, word),
            Large::List => self.push_elements(name, members, word),
            Large::Stream => self.add_entries(name, members, word),
        }
    }

    /// Checks that it has these members and no others.
    pub(in crate::snapshot_file) fn check(&self, large: Large, name: &str, members: usize, word: &str) {
        match large {
            Large::Hash => self.check_fields(name, members, word),
            Large::TimedHash => {
                self.check_fields(name, members, word);
                self.check_times(name, members);
            }
            Large::Set => self.check_members(name, members, word),
            Large::ZSet => self.check_scores(name, members, word),
            Large::List => self.check_elements(name, members, word),
            Large::Stream => self.check_entries(name, members, word),
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

    /// A worker gives so many members scores that this word brings, and takes every seventh one out before.
    fn set_scores(&self, name: &str, members: usize, word: &str) {
        self.work(|access| {
            on_key(access, name.as_bytes(), |mut db, key| {
                for number in 0..members {
                    let (member, score) = (field_value("name", number), score(word, number));
                    if number.is_multiple_of(7) {
                        db.zset_remove(key, &[member.as_bytes()]).expect("it is a sorted set");
                    }
                    let added = db.zset_add(key, &[(score, member.as_bytes())], Rule::default());
                    added.expect("it is a sorted set");
                }
            });
        });
    }

    fn check_scores(&self, name: &str, members: usize, word: &str) {
        self.work(|access| {
            on_key(access, name.as_bytes(), |mut db, key| {
                let zset = db.zset(key).expect("it is a sorted set").expect("it is there");
                assert_eq!(zset.len(), members);
                for number in 0..members {
                    let found = zset.score(field_value("name", number).as_bytes());
                    assert_eq!(found, Some(score(word, number)), "{number}");
                }
            });
        });
    }

    /// A worker pushes so many elements to a list, of which the first ones are long, and takes all others out; every tenth of the others
    /// is replaced before.
    fn push_elements(&self, name: &str, elements: usize, word: &str) {
        self.work(|access| {
            on_key(access, name.as_bytes(), |mut db, key| {
                let before = db.list(key).expect("it is a list").map_or(0, ListRef::len);
                for number in (0..before).step_by(10) {
                    db.list_set(key, number, b"replaced").expect("it is a list");
                }
                for number in 0..elements {
                    let element = field_value(word, number);
                    db.list_push(key, Side::Right, &[element.as_bytes()]).expect("it is a list");
                }
                let popped = db.list_pop(key, Side::Left, Count::UpTo(before), &mut |_| ());
                assert_eq!(popped, Ok(before));
            });
        });
    }

    /// A worker gives positions of a list other elements.
    pub(in crate::snapshot_file) fn set_elements(
        &self,
        name: &str,
        positions: impl Iterator<Item = usize>,
        word: &str,
    ) {
        self.work(|access| {
            on_key(access, name.as_bytes(), |mut db, key| {
                for number in positions {
                    db.list_set(key, number, field_value(word, number).as_bytes()).expect("it is a list");
                }
            });
        });
    }

    fn check_elements(&self, name: &str, elements: usize, word: &str) {
        self.work(|access| {
            on_key(access, name.as_bytes(), |mut db, key| {
                let list = db.list(key).expect("it is a list").expect("it is there");
                let expected = (0..elements).map(|number| field_value(word, number));
                assert!(list.iter().eq(expected.map(String::into_bytes)));
            });
        });
    }

    /// A worker adds so many entries to a stream, of which the first ones are long, and takes all others out, some of them one by one
    /// before.
    fn add_entries(&self, name: &str, entries: usize, word: &str) {
        self.work(|access| {
            on_key(access, name.as_bytes(), |mut db, key| {
                let last =
                    db.stream(key).expect("it is a stream").map_or(0, |stream| stream.facts().last_id.ms);
                for ms in (1..last).step_by(10) {
                    db.stream_delete(key, &[Id::new(ms, 0)]).expect("it is a stream");
                }
                for number in 0..entries {
                    let (id, text) = (Id::new(last + 1 + number as u64, 0), field_value(word, number));
                    db.stream_add(key, id, &[b"field", text.as_bytes()]).expect("it is a stream");
                }
                let trim = Trim::Length(entries as u64);
                db.stream_trim(key, trim, Reach::Exact, References::Keep).expect("it is a stream");
            });
        });
    }

    /// A worker deletes entries of a stream.
    pub(in crate::snapshot_file) fn delete_entries(&self, name: &str, numbers: impl Iterator<Item = usize>) {
        self.work(|access| {
            on_key(access, name.as_bytes(), |mut db, key| {
                for number in numbers {
                    let deleted = db.stream_delete(key, &[Id::new(1 + number as u64, 0)]);
                    assert_eq!(deleted, Ok(1));
                }
            });
        });
    }

    fn check_entries(&self, name: &str, entries: usize, word: &str) {
        self.work(|access| {
            on_key(access, name.as_bytes(), |mut db, key| {
                let stream = db.stream(key).expect("it is a stream").expect("it is there");
                assert_eq!(stream.len(), entries as u64);
                let before = if word == WORDS[0] { 0 } else { entries as u64 };
                for (number, entry) in stream.iter().enumerate() {
                    let text = field_value(word, number);
                    assert_eq!(entry.id(), Id::new(before + 1 + number as u64, 0));
                    assert!(entry.fields().eq([(&b"field"[..], text.as_bytes())]));
                }
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
    pub(in crate::snapshot_file) fn set_fields(&self, name: &str, fields: usize, word: &str) {
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

    /// Checks that these fields of a hash and no others are there.
    pub(in crate::snapshot_file) fn check_fields(&self, name: &str, fields: usize, word: &str) {
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
}

/// When a field is due.
fn time(number: usize) -> Option<UnixMs> {
    number.is_multiple_of(2).then_some(UnixMs(4_000_000_000_000 + number as i64))
}

/// The score of a member, in no order.
fn score(word: &str, number: usize) -> f64 {
    let turned = number * 7919 % 30_011;
    if word == WORDS[0] { turned as f64 } else { -(turned as f64) }
}

fn field_value(word: &str, number: usize) -> String {
    let value = value(word, number);
    if number < LONG_FIELDS { value.repeat(100) } else { value }
}
