//! A large value of a cut, which is taken apart bit by bit as the cut itself is.
//!
//! The members of a hash, set or sorted set may be taken in any order. A list or stream is taken from the front, but for what writers are
//! about to change: that they take at once, and whoever reads the cut finds by the numbers of the groups what is missing.

use std::sync::Arc;

use value::members::{Members, Part, Remains};
use value::tree::{Group, Groups};

use super::{Cut, Witness};
use crate::access::WorkerId;
use crate::key::DbIndex;
use crate::keyspace::Keyspace;
use crate::shard::Shard;

/// Parts that are taken out at once. They are many, since whoever wants the value meanwhile waits for the lock, and for long if the thread
/// that takes them loses its processor just then.
const AT_ONCE: usize = 16;

/// Some fields of a hash, or members of a set or sorted set, as they were at a cut.
pub type MemberPages = Part;

/// Leaves of a list or stream that stand one behind the other, as they were at a cut.
pub type LeafGroup = Group;

/// The members of a value. When it is dropped, what is left of them goes.
#[derive(Debug)]
pub struct MemberCut(Loan);

/// The groups of leaves of a list or stream. When it is dropped, what is left of them goes.
#[derive(Debug)]
pub struct SequenceCut(Loan);

/// A value of which something lies in a shard.
#[derive(Debug)]
struct Loan {
    keyspace: Arc<Keyspace>,
    shard: usize,
    /// By which it is found there.
    token: Arc<()>,
}

/// What lies in the shard.
#[derive(Debug)]
pub(crate) struct LentValue {
    database: DbIndex,
    key: Box<[u8]>,
    token: Arc<()>,
    rest: Rest,
}

/// What has not been taken, and who sees it before it is changed.
#[derive(Debug)]
enum Rest {
    Members(Remains, Arc<dyn Witness<MemberPages>>),
    Sequence(Groups, Arc<dyn Witness<LeafGroup>>),
}

impl Cut {
    /// Lends the members of a value of the cut to the shard where it is; `witness` sees them before they are changed.
    pub fn lend_members(
        &self,
        database: DbIndex,
        key: &[u8],
        members: Members,
        witness: Arc<dyn Witness<MemberPages>>,
    ) -> MemberCut {
        MemberCut(self.lend_value(database, key, Rest::Members(members.into_remains(), witness)))
    }

    /// Lends the groups of leaves of a list or stream likewise.
    pub fn lend_sequence(
        &self,
        database: DbIndex,
        key: &[u8],
        groups: Groups,
        witness: Arc<dyn Witness<LeafGroup>>,
    ) -> SequenceCut {
        SequenceCut(self.lend_value(database, key, Rest::Sequence(groups, witness)))
    }

    fn lend_value(&self, database: DbIndex, key: &[u8], rest: Rest) -> Loan {
        let (keyspace, token) = (Arc::clone(&self.keyspace), Arc::new(()));
        let shard = keyspace.shard_of(&keyspace.key(key));
        let lent = LentValue { database, key: key.into(), token: Arc::clone(&token), rest };
        keyspace.cells[shard].shard.lock().lent_values.push(lent);
        Loan { keyspace, shard, token }
    }
}

impl MemberCut {
    /// Takes out pages that nobody has taken; none when there are no more.
    pub fn take(&self) -> Vec<MemberPages> {
        let mut taken = Vec::with_capacity(AT_ONCE);
        self.0.with(|rest| {
            if let Rest::Members(remains, _) = rest {
                taken.extend(remains.take(AT_ONCE));
            }
        });
        taken
    }
}

impl SequenceCut {
    /// Takes out the first groups that nobody has taken; none when there are no more. Those that a writer has taken have been shown to the
    /// witness by then.
    pub fn take(&self) -> Vec<LeafGroup> {
        let mut taken = Vec::with_capacity(AT_ONCE);
        self.0.with(|rest| {
            if let Rest::Sequence(groups, _) = rest {
                taken.extend(groups.take(AT_ONCE));
            }
        });
        taken
    }
}

impl Loan {
    /// Shows what is left, under the lock of the shard.
    fn with(&self, act: impl FnOnce(&mut Rest)) {
        let mut shard = self.keyspace.cells[self.shard].shard.lock();
        if let Some(place) = self.place(&shard) {
            act(&mut shard.lent_values[place].rest);
        }
    }

    fn place(&self, shard: &Shard) -> Option<usize> {
        shard.lent_values.iter().position(|lent| Arc::ptr_eq(&lent.token, &self.token))
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        // Freed outside of the lock.
        let _gone = {
            let mut shard = self.keyspace.cells[self.shard].shard.lock();
            self.place(&shard).map(|place| shard.lent_values.remove(place))
        };
    }
}

impl LentValue {
    /// Shows the pages or leaves of a value that are about to be changed. Another value may have got the key since; then this is too
    /// early, not wrong.
    pub(crate) fn show(
        &mut self,
        worker: WorkerId,
        (database, key): (DbIndex, &[u8]),
        places: impl IntoIterator<Item = usize>,
    ) {
        if self.database == database && *self.key == *key {
            places.into_iter().for_each(|place| self.rest.show(worker, place));
        }
    }
}

impl Rest {
    fn show(&mut self, worker: WorkerId, place: usize) {
        match self {
            Self::Members(remains, witness) => {
                if let Some(part) = remains.take_place(place) {
                    witness.look(worker, part);
                }
            }
            Self::Sequence(groups, witness) => {
                if let Some(group) = groups.take_leaf(place) {
                    witness.look(worker, group);
                }
            }
        }
    }
}
