//! Reading a cut bit by bit, while the data is changed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use keyspace::{Cut, DbIndex, Keyspace, MemberCut, MemberPages, Pages, Snapshot, Witness, WorkerId};
use value::members::{Members, Stored};
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
    /// Large values that have been seen and not been lent.
    large: Vec<(DbIndex, Vec<u8>, Members)>,
}

impl Copyist {
    fn note(&self, pages: &Pages) {
        let Notes { world, large } = &mut *self.0.lock().expect(UNBROKEN);
        let keys = &mut world.databases[usize::from(pages.database().0)];
        for seen in pages.iter() {
            let before = keys.insert(seen.key.to_vec(), Item::of(&seen));
            assert!(before.is_none(), "{} is seen twice", seen.key.escape_ascii());
            if let Some(members) = seen.value.members() {
                large.push((pages.database(), seen.key.to_vec(), members));
            }
        }
    }
}

impl Witness<Pages> for Copyist {
    fn look(&self, _: WorkerId, pages: Pages) {
        self.note(&pages);
    }
}

type MemberContent = BTreeMap<Vec<u8>, Vec<u8>>;

/// Notes all members that it sees of a value.
#[derive(Debug, Default)]
struct MemberCopyist(Mutex<MemberContent>);

impl MemberCopyist {
    fn note(&self, pages: &MemberPages) {
        let fields = &mut *self.0.lock().expect(UNBROKEN);
        for stored in pages.iter() {
            let Stored::Entry(entry) = stored else { unreachable!("there are no sorted sets") };
            let Payload::Inline(value) = entry.payload else { unreachable!("there are no objects") };
            let before = fields.insert(entry.key.to_vec(), value.to_vec());
            assert!(before.is_none(), "{} is seen twice", entry.key.escape_ascii());
        }
    }
}

impl Witness<MemberPages> for MemberCopyist {
    fn look(&self, _: WorkerId, pages: MemberPages) {
        self.note(&pages);
    }
}

/// A large value that is read bit by bit, and what it holds.
struct LargeReading {
    cut: MemberCut,
    copyist: Arc<MemberCopyist>,
    expected: MemberContent,
}

impl LargeReading {
    fn begin(cut: &Cut, database: DbIndex, key: &[u8], members: Members) -> Self {
        let whole = MemberCopyist::default();
        members.clone().into_remains().for_each(|pages| whole.note(&pages));
        let expected = whole.0.into_inner().expect(UNBROKEN);
        assert_eq!(expected.len(), members.len());
        let copyist = Arc::new(MemberCopyist::default());
        let witness = Arc::clone(&copyist);
        Self { cut: cut.lend_members(database, key, members, witness), copyist, expected }
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
    large: Vec<LargeReading>,
}

impl Reading {
    pub(crate) fn begin(snapshot: Snapshot, keyspace: &Arc<Keyspace>) -> Self {
        let notes = Notes { world: World::new(DATABASES), large: Vec::new() };
        let copyist = Arc::new(Copyist(Mutex::new(notes)));
        let witness = Arc::clone(&copyist);
        Self { cut: snapshot.lend(Arc::clone(keyspace), witness), copyist, large: Vec::new() }
    }

    /// Reads some pages of the cut and of each large value that has been seen.
    pub(crate) fn read(&mut self, steps: usize) {
        for _ in 0..steps {
            let pages = self.cut.take();
            if let Some(pages) = &pages {
                self.copyist.note(pages);
            }
            let goes_on = self.large.iter().fold(pages.is_some(), |goes_on, large| large.read() | goes_on);
            // These are read in the next step only, so that something may happen to them before.
            for (database, key, members) in self.copyist.0.lock().expect(UNBROKEN).large.drain(..) {
                self.large.push(LargeReading::begin(&self.cut, database, &key, members));
            }
            if !goes_on {
                return;
            }
        }
    }

    /// Whether a value is lent by itself.
    pub(crate) fn has_large(&self) -> bool {
        !self.large.is_empty()
    }

    /// What has been seen, by the reader and by the witness.
    pub(crate) fn finish(self) -> World {
        self.large.into_iter().for_each(LargeReading::finish);
        drop(self.cut);
        let copyist = Arc::into_inner(self.copyist).expect("nothing is lent any more");
        copyist.0.into_inner().expect(UNBROKEN).world
    }
}
