//! A snapshot that is taken apart page by page while writers go on.
//!
//! ```text
//!   snapshot ─► lend ─► shards: live pages, and those of the cut that are not taken yet
//!                         │ a writer, before it changes such a page:  Witness::look
//!                         └ whoever reads the cut:                    Cut::take
//! ```
//! The pages of a cut lie in the shards, under their locks, shared with the live ones. Whoever reads the cut takes out some at a
//! time, which is a moment under a lock, and looks at them outside of it. A writer that is about to change a page which still lies
//! there takes it out and shows it to the cut's [`Witness`] first. Then nobody else holds it any more, and it is changed where it
//! is: nothing is copied, and all that is held besides the data is what the witness keeps.
//!
//! A large hash or set has pages of its own, the other large values have leaves, which may be lent in the same way ([`values`]).
//!
//! That the cut is right does not depend on this. A page that nobody has shown is copied when it is changed, as with any clone.

mod values;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use smallvec::SmallVec;
use stdx::time::UnixMs;
use value::Value;
use value::table::{Part, Remains};

use crate::access::{Access, WorkerId};
use crate::frequency::Noted;
use crate::key::{DbIndex, Key};
use crate::keyspace::Keyspace;
use crate::scan::Seen;
use crate::shard::Shard;
use crate::snapshot::Snapshot;

pub(crate) use values::LentValue;
pub use values::{LeafGroup, MemberCut, MemberPages, SequenceCut};

/// Who wants to see pages of a cut before they are changed.
pub trait Witness<P>: Send + Sync + std::fmt::Debug {
    /// Looks at pages that a worker is about to change. It is called under a lock: whatever takes long is to be done later, and
    /// until then the pages are to be kept.
    fn look(&self, worker: WorkerId, pages: P);
}

/// Some keys of one database as they were at a cut.
#[derive(Debug)]
pub struct Pages {
    database: DbIndex,
    part: Part<Value>,
    moment: Moment,
}

/// What has to be known of a cut to read its entries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) taken: UnixMs,
    pub(crate) noted: Noted,
}

/// See the module's text. May be read by several threads; when it is dropped, what is left of it goes.
#[derive(Debug)]
pub struct Cut {
    keyspace: Arc<Keyspace>,
    facts: Arc<Facts>,
    /// The first shard that may have pages left.
    shard: AtomicUsize,
}

#[derive(Debug)]
struct Facts {
    witness: Arc<dyn Witness<Pages>>,
    moment: Moment,
}

/// The pages of a cut that lie in a shard.
#[derive(Debug)]
pub(crate) struct Lent {
    databases: Databases,
    facts: Arc<Facts>,
}

type Databases = SmallVec<[(DbIndex, Remains<Value>); 1]>;

impl Pages {
    /// Keys.
    pub fn len(&self) -> usize {
        self.part.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.part.is_empty()
    }

    /// The database of the keys.
    pub fn database(&self) -> DbIndex {
        self.database
    }

    /// Whether all values are short.
    pub fn is_light(&self) -> bool {
        self.part.is_light()
    }

    /// The keys, those included that were due at the cut.
    pub fn iter(&self) -> impl Iterator<Item = Seen<'_>> {
        self.part.iter().map(|entry| Seen::at_cut(&entry, &self.moment))
    }
}

impl Snapshot {
    /// Lends the pages to the shards of the keyspace that they come from; `witness` sees them before they are changed. No shard is
    /// held by the caller.
    pub fn lend(self, keyspace: Arc<Keyspace>, witness: Arc<dyn Witness<Pages>>) -> Cut {
        let moment = self.moment();
        let facts = Arc::new(Facts { witness, moment });
        for (cell, databases) in keyspace.cells.iter().zip(self.into_shards()) {
            let mut lent = Lent { databases: SmallVec::new(), facts: Arc::clone(&facts) };
            for (database, partition) in databases {
                lent.databases.push((database, partition.table.into_remains()));
            }
            if !lent.databases.is_empty() {
                cell.shard.lock().lent.push(lent);
            }
        }
        Cut { keyspace, facts, shard: AtomicUsize::new(0) }
    }

    /// All keys, some at a time.
    pub fn into_pages(self) -> impl Iterator<Item = Pages> {
        let moment = self.moment();
        self.into_shards().flatten().flat_map(move |(database, partition)| {
            partition.table.into_remains().map(move |part| Pages { database, part, moment })
        })
    }
}

impl Cut {
    /// Takes out pages that nobody has taken; `None` when there are no more. Those that a writer has taken have been shown to the
    /// witness by then.
    pub fn take(&self) -> Option<Pages> {
        loop {
            let shard = self.shard.load(Ordering::Relaxed);
            let taken = self.keyspace.cells.get(shard)?.shard.lock().take(&self.facts);
            if taken.is_some() {
                return taken;
            }
            // Unless another thread has gone on already.
            let next = shard + 1;
            let _ = self.shard.compare_exchange(shard, next, Ordering::Relaxed, Ordering::Relaxed);
        }
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        for cell in &self.keyspace.cells {
            // Freed outside of the lock.
            let _gone = {
                let mut shard = cell.shard.lock();
                shard.lent_to(&self.facts).map(|place| shard.lent.remove(place))
            };
        }
    }
}

impl Shard {
    fn lent_to(&self, facts: &Arc<Facts>) -> Option<usize> {
        self.lent.iter().position(|lent| Arc::ptr_eq(&lent.facts, facts))
    }

    /// Takes out pages of a cut. When there are no more, writers need not look for them any longer.
    fn take(&mut self, facts: &Arc<Facts>) -> Option<Pages> {
        let place = self.lent_to(facts)?;
        let taken = self.lent[place].take();
        if taken.is_none() {
            self.lent.remove(place);
        }
        taken
    }

    /// Shows the pages to witnesses that a change of a key may touch.
    #[cold]
    #[inline(never)]
    fn show(&mut self, worker: WorkerId, database: DbIndex, key: &Key<'_>) {
        let Some(partition) = self.partition(database) else { return };
        let at_risk = partition.table.pages_at_risk(key.hash);
        for lent in &mut self.lent {
            for page in at_risk {
                lent.show(worker, database, page);
            }
        }
    }
}

impl Lent {
    fn take(&mut self) -> Option<Pages> {
        while let Some((database, remains)) = self.databases.last_mut() {
            if let Some(part) = remains.next() {
                return Some(Pages { database: *database, part, moment: self.facts.moment });
            }
            self.databases.pop();
        }
        None
    }

    /// After SWAPDB a database has another's pages here. Then what is shown is not what is changed, which is too early, not wrong.
    fn show(&mut self, worker: WorkerId, database: DbIndex, page: usize) {
        let mut databases = self.databases.iter_mut();
        let Some((_, remains)) = databases.find(|(index, _)| *index == database) else { return };
        if let Some(part) = remains.take_page(page) {
            self.facts.witness.look(worker, Pages { database, part, moment: self.facts.moment });
        }
    }
}

impl Access<'_> {
    /// A key, whose shard is held, is about to be added, changed or removed.
    #[inline]
    pub(crate) fn show(&mut self, database: DbIndex, key: &Key<'_>) {
        self.show_at(self.place_of_key(key), database, key);
    }

    /// The same where the place of the shard is known.
    #[inline]
    pub(crate) fn show_at(&mut self, place: u16, database: DbIndex, key: &Key<'_>) {
        let place = usize::from(place);
        if !self.held[place].shard.lent.is_empty() {
            let worker = self.worker();
            self.held[place].shard.show(worker, database, key);
        }
    }
}
