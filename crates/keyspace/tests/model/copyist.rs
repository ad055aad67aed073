//! Reading a cut bit by bit, while the data is changed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use keyspace::{Cut, DbIndex, FieldCut, FieldPages, Keyspace, Pages, Snapshot, Witness, WorkerId};
use value::ValueRef;
use value::hash::Fields;
use value::table::Payload;

use super::DATABASES;
use super::world::{Item, World};

const UNBROKEN: &str = "nobody panics meanwhile";

/// Notes all that it sees; nothing may be seen twice.
#[derive(Debug)]
struct Copyist(Mutex<Notes>);

#[derive(Debug)]
struct Notes {
    world: World,
    /// Large hashes that have been seen and not been lent.
    hashes: Vec<(DbIndex, Vec<u8>, Fields)>,
}

impl Copyist {
    fn note(&self, pages: &Pages) {
        let Notes { world, hashes } = &mut *self.0.lock().expect(UNBROKEN);
        let keys = &mut world.databases[usize::from(pages.database().0)];
        for seen in pages.iter() {
            let before = keys.insert(seen.key.to_vec(), Item::of(&seen));
            assert!(before.is_none(), "{} is seen twice", seen.key.escape_ascii());
            if let ValueRef::Hash(hash) = seen.value
                && let Some(fields) = hash.lasting_fields()
            {
                hashes.push((pages.database(), seen.key.to_vec(), fields.clone()));
            }
        }
    }
}

impl Witness<Pages> for Copyist {
    fn look(&self, _: WorkerId, pages: Pages) {
        self.note(&pages);
    }
}

type FieldContent = BTreeMap<Vec<u8>, Vec<u8>>;

/// Notes all fields that it sees of a hash.
#[derive(Debug, Default)]
struct FieldCopyist(Mutex<FieldContent>);

impl FieldCopyist {
    fn note(&self, pages: &FieldPages) {
        let fields = &mut *self.0.lock().expect(UNBROKEN);
        for entry in pages.iter() {
            let Payload::Inline(value) = entry.payload else { unreachable!("there are no objects") };
            let before = fields.insert(entry.key.to_vec(), value.to_vec());
            assert!(before.is_none(), "{} is seen twice", entry.key.escape_ascii());
        }
    }
}

impl Witness<FieldPages> for FieldCopyist {
    fn look(&self, _: WorkerId, pages: FieldPages) {
        self.note(&pages);
    }
}

/// A hash that is read bit by bit, and what it holds.
struct HashReading {
    cut: FieldCut,
    copyist: Arc<FieldCopyist>,
    expected: FieldContent,
}

impl HashReading {
    fn begin(cut: &Cut, database: DbIndex, key: &[u8], fields: Fields) -> Self {
        let whole = FieldCopyist::default();
        fields.clone().into_remains().for_each(|pages| whole.note(&pages));
        let expected = whole.0.into_inner().expect(UNBROKEN);
        assert_eq!(expected.len(), fields.len());
        let copyist = Arc::new(FieldCopyist::default());
        let witness = Arc::clone(&copyist);
        Self { cut: cut.lend_fields(database, key, fields, witness), copyist, expected }
    }

    /// Reads some pages; false when there are no more.
    fn read(&self) -> bool {
        let taken = self.cut.take();
        taken.iter().for_each(|pages| self.copyist.note(pages));
        !taken.is_empty()
    }

    fn finish(self) {
        while self.read() {}
        assert_eq!(*self.copyist.0.lock().expect(UNBROKEN), self.expected);
    }
}

/// A cut and what has been seen of it.
pub(crate) struct Reading {
    cut: Cut,
    copyist: Arc<Copyist>,
    hashes: Vec<HashReading>,
}

impl Reading {
    pub(crate) fn begin(snapshot: Snapshot, keyspace: &Arc<Keyspace>) -> Self {
        let notes = Notes { world: World::new(DATABASES), hashes: Vec::new() };
        let copyist = Arc::new(Copyist(Mutex::new(notes)));
        let witness = Arc::clone(&copyist);
        Self { cut: snapshot.lend(Arc::clone(keyspace), witness), copyist, hashes: Vec::new() }
    }

    /// Reads some pages of the cut and of each large hash that has been seen.
    pub(crate) fn read(&mut self, steps: usize) {
        for _ in 0..steps {
            let pages = self.cut.take();
            if let Some(pages) = &pages {
                self.copyist.note(pages);
            }
            let goes_on = self.hashes.iter().fold(pages.is_some(), |goes_on, hash| hash.read() | goes_on);
            // These are read in the next step only, so that something may happen to them before.
            for (database, key, fields) in self.copyist.0.lock().expect(UNBROKEN).hashes.drain(..) {
                self.hashes.push(HashReading::begin(&self.cut, database, &key, fields));
            }
            if !goes_on {
                return;
            }
        }
    }

    /// Whether a hash is lent by itself.
    pub(crate) fn has_hash(&self) -> bool {
        !self.hashes.is_empty()
    }

    /// What has been seen, by the reader and by the witness.
    pub(crate) fn finish(self) -> World {
        self.hashes.into_iter().for_each(HashReading::finish);
        drop(self.cut);
        let copyist = Arc::into_inner(self.copyist).expect("nothing is lent any more");
        copyist.0.into_inner().expect(UNBROKEN).world
    }
}
