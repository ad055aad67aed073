//! Bringing memory near before it is needed: while that of one key is on its way, the next one's is asked for.
//!
//! ```text
//!   shard ─► chunk ─► page ─► entry ─► list beside the page ─► value        of each key
//!                                                                └─► chunk ─► page ─► entry     of each member of a large one
//! ```
//! Each arrow is a stage, and a stage is done for all keys, or all members, before the next one begins.

use smallvec::SmallVec;
use stdx::prefetch::{prefetch, prefetch_for_write};
use stdx::word::is_equal;
use value::table::{Path, Payload};
use value::{MemberPath, Value};

use super::Access;
use crate::key::{DbIndex, Key};

/// Keys that are brought near together: about as many lines as a processor waits for at a time.
const STAGED: usize = 16;

/// Members that are brought near together: more would push each other out of the cache before they are used.
const MOST_MEMBERS: usize = 64;

/// A key that will be needed soon.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its database.
    pub database: DbIndex,
    /// Its shard.
    pub shard: usize,
    /// Its hash.
    pub hash: u64,
}

impl Access<'_> {
    /// Asks the processor to bring a shard near that will be locked soon: to lock it is to write it, and perhaps it was another
    /// core that did so last.
    #[inline]
    pub fn prefetch_shard(&self, index: usize) {
        let address = std::ptr::from_ref(&self.keyspace.cells[index]).cast::<u8>();
        prefetch_for_write(address);
        prefetch(address.wrapping_add(64));
    }

    /// Brings what a batch of keys needs near. Those whose shards are not locked are left out. Says whether values may live beside
    /// their pages, which large ones do.
    pub fn prefetch(&self, targets: &[Target]) -> bool {
        let mut has_side = false;
        for targets in targets.chunks(STAGED) {
            has_side |= self.prefetch_some(targets);
        }
        has_side
    }

    fn prefetch_some(&self, targets: &[Target]) -> bool {
        let paths: SmallVec<[Path<'_, Value>; STAGED]> = targets
            .iter()
            .filter_map(|target| {
                let shard = &self.held.get(usize::from(self.places[target.shard]))?.shard;
                Some(shard.partition(target.database)?.table.path(target.hash))
            })
            .collect();
        paths.iter().for_each(Path::prefetch_page);
        paths.iter().for_each(Path::prefetch_entry);
        let has_side = paths.iter().any(Path::has_side);
        if has_side {
            paths.iter().for_each(Path::prefetch_side);
            // A place that is not near yet holds up what is asked for behind it, so all places are read first.
            let values: SmallVec<[*const u8; STAGED]> =
                paths.iter().filter_map(Path::address_beside).collect();
            values.into_iter().for_each(prefetch);
        }
        has_side
    }

    /// Brings members of large values near, whose keys are; all else is left out. Requests for one key that follow each other take
    /// one look-up of it.
    pub fn prefetch_members<'m, M: Iterator<Item = &'m [u8]>>(
        &self,
        requests: impl Iterator<Item = (DbIndex, Key<'m>, M)>,
    ) {
        let mut paths: SmallVec<[MemberPath<'_>; STAGED]> = SmallVec::new();
        let mut last: Option<(DbIndex, &[u8], Option<&Value>)> = None;
        let mut room = MOST_MEMBERS;
        for (database, key, members) in requests {
            let value = match last {
                Some((before, bytes, value)) if before == database && is_equal(bytes, key.bytes) => value,
                _ => self.value_beside(database, &key),
            };
            last = Some((database, key.bytes, value));
            let Some(value) = value else { continue };
            for path in members.take(room).map_while(|member| value.path_to(member)) {
                room -= 1;
                paths.push(path);
                if paths.len() == STAGED {
                    prefetch_paths(&paths);
                    paths.clear();
                }
            }
        }
        prefetch_paths(&paths);
    }

    /// The value of a key, due or not, if it lives beside its page and its shard is locked.
    fn value_beside(&self, database: DbIndex, key: &Key<'_>) -> Option<&Value> {
        let shard = &self.held.get(usize::from(self.places[self.shard_of(key)]))?.shard;
        let table = &shard.partition(database)?.table;
        match table.payload(table.find(key.hash, key.bytes)?) {
            Payload::Object(value) => Some(value),
            Payload::Inline(_) => None,
        }
    }
}

fn prefetch_paths(paths: &[MemberPath<'_>]) {
    paths.iter().for_each(MemberPath::prefetch_page);
    paths.iter().for_each(MemberPath::prefetch_entry);
}
