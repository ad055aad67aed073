//! A large hash, set or sorted set of a cut, which is taken apart bit by bit as the cut itself is.

use std::sync::Arc;

use value::members::{Members, Part, Remains};

use super::{Cut, Witness};
use crate::access::WorkerId;
use crate::key::DbIndex;
use crate::keyspace::Keyspace;
use crate::shard::Shard;

/// Parts that are taken out at once.
const AT_ONCE: usize = 16;

/// Some fields of a hash, or members of a set or sorted set, as they were at a cut.
pub type MemberPages = Part;

/// See the module's text. When it is dropped, what is left of it goes.
#[derive(Debug)]
pub struct MemberCut {
    keyspace: Arc<Keyspace>,
    shard: usize,
    witness: Arc<dyn Witness<MemberPages>>,
}

/// The pages or leaves of a value that lie in its shard.
#[derive(Debug)]
pub(crate) struct LentMembers {
    database: DbIndex,
    key: Box<[u8]>,
    remains: Remains,
    witness: Arc<dyn Witness<MemberPages>>,
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
        let shard = self.keyspace.shard_of(&self.keyspace.key(key));
        let remains = members.into_remains();
        let lent = LentMembers { database, key: key.into(), remains, witness: Arc::clone(&witness) };
        self.keyspace.cells[shard].shard.lock().lent_members.push(lent);
        MemberCut { keyspace: Arc::clone(&self.keyspace), shard, witness }
    }
}

impl MemberCut {
    /// Takes out pages that nobody has taken; none when there are no more. They are many, since whoever wants the value meanwhile waits
    /// for the lock, and for long if this thread loses its processor just then.
    pub fn take(&self) -> Vec<MemberPages> {
        let mut taken = Vec::with_capacity(AT_ONCE);
        let mut shard = self.keyspace.cells[self.shard].shard.lock();
        if let Some(place) = self.place(&shard) {
            taken.extend(shard.lent_members[place].remains.by_ref().take(AT_ONCE));
        }
        taken
    }

    fn place(&self, shard: &Shard) -> Option<usize> {
        shard.lent_members.iter().position(|lent| Arc::ptr_eq(&lent.witness, &self.witness))
    }
}

impl Drop for MemberCut {
    fn drop(&mut self) {
        // Freed outside of the lock.
        let _gone = {
            let mut shard = self.keyspace.cells[self.shard].shard.lock();
            self.place(&shard).map(|place| shard.lent_members.remove(place))
        };
    }
}

impl LentMembers {
    /// Shows the pages or leaves of a value that are about to be changed. Another value may have got the key since; then this is too
    /// early, not wrong.
    pub(crate) fn show(
        &mut self,
        worker: WorkerId,
        (database, key): (DbIndex, &[u8]),
        places: impl IntoIterator<Item = usize>,
    ) {
        if self.database != database || *self.key != *key {
            return;
        }
        for place in places {
            if let Some(part) = self.remains.take_place(place) {
                self.witness.look(worker, part);
            }
        }
    }
}
