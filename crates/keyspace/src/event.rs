//! Events: what happened to keys, for clients that want to be told (`notify-keyspace-events`).
//!
//! ```text
//!   Db ─► effect ─► changes of keys ─► the access's own list ─► one queue for all ─► whoever publishes
//!                                      └─ under the locks ──┘   └─ before they go
//! ```
//! Nearly all follow from the effects (see [`for_each_change`]), so no write can be without the ones it owes. Besides them
//! there are keys that come into being and keys that were looked for in vain, and what a command tells of a change that was
//! over at once. What a change is called depends on the command; this crate knows none and hands on its label.
//!
//! Like the log, the queue gets what was collected before the locks go, so events of one key stand in the order of its
//! changes, and undoing an attempt takes its events back. As long as nothing is wanted, an effect costs one branch.

mod subkeys;

use crossbeam_utils::CachePadded;
use parking_lot::Mutex;
use value::list::Side;
use value::set::algebra::Operation;
use value::zset::End;

use crate::access::Access;
use crate::effect::{Effect, Removal};
use crate::key::DbIndex;

pub use subkeys::Subkeys;

/// Room for so many events is kept from hold to hold.
const KEPT_EVENTS: usize = 1024;

/// What happened to one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it; see the effects for what they mean")]
pub enum Change {
    Appeared,
    Replaced,
    TypeChanged,
    Missed,
    Deleted,
    Expired,
    Evicted,
    ExpirySet,
    ExpiryCleared,
    RenamedFrom,
    RenamedTo,
    MovedFrom,
    MovedTo,
    CopiedTo,
    ValueSet,
    StringSet,
    FloatSet,
    BytesWritten,
    FieldsSet,
    FieldsDeleted,
    FieldsExpired,
    FieldExpirySet,
    FieldExpiryCleared,
    ElementsPushed(Side),
    ElementsPopped(Side),
    ElementSet,
    ElementInserted,
    ElementsRemoved,
    ListTrimmed,
    MembersAdded,
    MembersRemoved,
    SetsCombined(Operation),
    ScoresSet,
    ScoreAdded,
    ScoredRemoved,
    ScoredPopped(End),
    RangeRemoved,
    EntryAdded,
    EntriesDeleted,
    EntriesTrimmed,
    PastSet,
    GroupCreated,
    GroupSet,
    GroupDestroyed,
    ConsumerCreated,
    ConsumerDeleted,
}

impl Change {
    /// Whether it may have been the last of what the key held, so that the key is gone as well.
    fn may_empty(self) -> bool {
        matches!(
            self,
            Self::FieldsDeleted
                | Self::FieldsExpired
                | Self::ElementsPopped(_)
                | Self::ElementsRemoved
                | Self::ListTrimmed
                | Self::MembersRemoved
                | Self::ScoredRemoved
                | Self::ScoredPopped(_)
                | Self::RangeRemoved
        )
    }

    /// Whether a command may make one such change in several steps.
    fn has_steps(self) -> bool {
        matches!(self, Self::BytesWritten | Self::MembersRemoved)
    }
}

/// Something that happened to a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The key's database.
    pub database: DbIndex,
    /// The key.
    pub key: Box<[u8]>,
    /// What it was.
    pub change: Change,
    /// The parts of the value that it concerned, if they were wanted and it names some.
    pub subkeys: Subkeys,
    /// The label that was given when it was wanted.
    pub label: u32,
}

/// Which events are wanted, and a label for them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Changes; all but those below.
    pub changes: bool,
    /// Keys that come into being.
    pub births: bool,
    /// Whole values that others took the place of.
    pub replacements: bool,
    /// Keys that were looked for and are not there.
    pub misses: bool,
    /// Which parts of its value a change concerned.
    pub subkeys: bool,
    /// What the one who wants them has to know of who caused them.
    pub label: u32,
}

/// The events of all workers, in the order of the locks.
#[derive(Debug, Default)]
pub struct Events(CachePadded<Mutex<Vec<Event>>>);

impl Events {
    /// What has been appended since the last call. Whoever calls it hands on what it gets before somebody else calls it, or
    /// the order is lost.
    pub fn take(&self) -> Vec<Event> {
        std::mem::take(&mut *self.0.lock())
    }
}

/// The events of one access in its current hold.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    pub(crate) wanted: Wanted,
    events: Vec<Event>,
    /// Where those of the current command begin.
    command: usize,
    has_appended: bool,
}

impl Collector {
    fn push(&mut self, database: DbIndex, key: &[u8], change: Change, subkeys: Subkeys) {
        if change.has_steps()
            && self.events[self.command..]
                .last()
                .is_some_and(|last| last.change == change && last.database == database && *last.key == *key)
        {
            return;
        }
        self.events.push(Event { database, key: key.into(), change, subkeys, label: self.wanted.label });
    }

    /// Tells of a key whose time had come.
    pub(crate) fn note_expired(&mut self, database: DbIndex, key: &[u8]) {
        if self.wanted.changes {
            self.push(database, key, Change::Expired, Subkeys::default());
        }
    }

    /// Appends everything to the queue. The locks that order it are held.
    #[inline]
    pub(crate) fn append_to(&mut self, queue: &Events) {
        if !self.events.is_empty() {
            queue.0.lock().append(&mut self.events);
            self.events.shrink_to(KEPT_EVENTS);
            self.command = 0;
            self.has_appended = true;
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        self.events.truncate(len);
        self.command = self.command.min(self.events.len());
    }
}

impl Access<'_> {
    /// Which events the command to come causes; until the next call or the next batch, for which none is wanted.
    #[inline]
    pub fn want_events(&mut self, wanted: Wanted) {
        let collector = &mut self.recorder.collector;
        collector.wanted = wanted;
        collector.command = collector.events.len();
    }

    /// The command to come looks again for what it has looked for before.
    pub fn tell_no_misses(&mut self) {
        self.recorder.collector.wanted.misses = false;
    }

    /// Whether there were events since the last call. They are in the queue of the keyspace unless somebody has taken them.
    #[inline]
    pub fn has_told(&mut self) -> bool {
        std::mem::take(&mut self.recorder.collector.has_appended)
    }

    /// How many events there are in the current hold.
    pub fn told(&self) -> usize {
        self.recorder.collector.len()
    }

    /// Forgets keys that were missed since there were so many events: what looked for them does so again from the beginning.
    pub fn forget_misses(&mut self, told: usize) {
        let collector = &mut self.recorder.collector;
        let mut at = 0;
        collector.events.retain(|event| {
            at += 1;
            at <= told || event.change != Change::Missed
        });
        collector.command = collector.events.len();
    }

    /// Tells of what happened to a key, whose shard is held. If nothing of it is left, that is told as well.
    pub(crate) fn tell(&mut self, database: DbIndex, key: &[u8], change: Change) {
        self.tell_of(database, key, change, Subkeys::default());
    }

    /// The same of some subkeys.
    pub(crate) fn tell_of(&mut self, database: DbIndex, key: &[u8], change: Change, subkeys: Subkeys) {
        self.recorder.collector.push(database, key, change, subkeys);
        if change.may_empty() {
            let name = self.keyspace.key(key);
            let partition = self.partition(database, &name);
            if partition.is_none_or(|partition| partition.table.look_up(name.hash, name.bytes).is_none()) {
                self.recorder.collector.push(database, key, Change::Deleted, Subkeys::default());
            }
        }
    }

    /// Tells of what an effect did, which is done.
    #[cold]
    pub(crate) fn tell_effect(&mut self, database: DbIndex, effect: &Effect<'_>) {
        // An effect that names subkeys changes one key.
        let mut subkeys = self.subkeys_of(effect);
        for_each_change(effect, database, |database, key, change| {
            self.tell_of(database, key, change, std::mem::take(&mut subkeys));
        });
    }

    /// The subkeys that an effect names, if they are wanted.
    pub(crate) fn subkeys_of(&self, effect: &Effect<'_>) -> Subkeys {
        if self.recorder.collector.wanted.subkeys { Subkeys::of_effect(effect) } else { Subkeys::default() }
    }
}

/// What an effect on a database does to which keys. A move of a member and strings that are set together are told step by step, what is pending in a group,
/// libraries and what concerns whole databases not at all.
fn for_each_change(effect: &Effect<'_>, database: DbIndex, mut each: impl FnMut(DbIndex, &[u8], Change)) {
    use Effect as E;
    let mut on = |key, change| each(database, key, change);
    match *effect {
        E::SetString { key, .. } | E::ReplaceString { key, .. } | E::AddNumber { key, .. } => {
            on(key, Change::StringSet);
        }
        E::AppendString { key, .. } | E::WriteString { key, .. } | E::AddElements { key, .. } => {
            on(key, Change::BytesWritten);
        }
        E::Delete { key, reason } => on(
            key,
            match reason {
                Removal::Deleted => Change::Deleted,
                Removal::Expired => Change::Expired,
                Removal::Evicted => Change::Evicted,
            },
        ),
        E::SetExpiry { key, .. } => on(key, Change::ExpirySet),
        E::ClearExpiry { key } => on(key, Change::ExpiryCleared),
        E::Rename { from, to } => {
            on(from, Change::RenamedFrom);
            on(to, Change::RenamedTo);
        }
        E::Move { key, to } => {
            on(key, Change::MovedFrom);
            each(to, key, Change::MovedTo);
        }
        E::Copy { to, database, .. } => each(database, to, Change::CopiedTo),
        E::SetValue { key, .. } | E::StoreResult { key, .. } | E::Restore { key, .. } => {
            on(key, Change::ValueSet);
        }
        E::SetFields { key, .. } => on(key, Change::FieldsSet),
        E::DeleteFields { key, .. } => on(key, Change::FieldsDeleted),
        E::SetFieldExpiry { key, .. } => on(key, Change::FieldExpirySet),
        E::ClearFieldExpiry { key, .. } => on(key, Change::FieldExpiryCleared),
        E::PushElements { key, side, .. } => on(key, Change::ElementsPushed(side)),
        E::PopElements { key, side, .. } => on(key, Change::ElementsPopped(side)),
        E::SetElement { key, .. } => on(key, Change::ElementSet),
        E::InsertElement { key, .. } => on(key, Change::ElementInserted),
        E::RemoveElements { key, .. } => on(key, Change::ElementsRemoved),
        E::TrimList { key, .. } => on(key, Change::ListTrimmed),
        E::MoveElement { from: (from, from_side), to: (to, to_side) } => {
            on(to, Change::ElementsPushed(to_side));
            on(from, Change::ElementsPopped(from_side));
        }
        E::AddMembers { key, .. } => on(key, Change::MembersAdded),
        E::RemoveMembers { key, .. } => on(key, Change::MembersRemoved),
        E::CombineSets { operation, to, .. } => on(to, Change::SetsCombined(operation)),
        E::SetScores { key, .. } => on(key, Change::ScoresSet),
        E::RemoveScored { key, .. } => on(key, Change::ScoredRemoved),
        E::PopScored { key, end, .. } => on(key, Change::ScoredPopped(end)),
        E::RemoveRange { key, .. } => on(key, Change::RangeRemoved),
        E::AddEntry { key, .. } => on(key, Change::EntryAdded),
        E::DeleteEntries { key, .. } => on(key, Change::EntriesDeleted),
        E::TrimEntries { key, .. } => on(key, Change::EntriesTrimmed),
        E::SetPast { key, .. } => on(key, Change::PastSet),
        E::CreateGroup { key, .. } => on(key, Change::GroupCreated),
        E::SetGroup { key, .. } => on(key, Change::GroupSet),
        E::DestroyGroup { key, .. } => on(key, Change::GroupDestroyed),
        E::CreateConsumer { key, .. } => on(key, Change::ConsumerCreated),
        E::DeleteConsumer { key, .. } => on(key, Change::ConsumerDeleted),
        E::SetStrings { .. }
        | E::MoveMember { .. }
        | E::NameEntry { .. }
        | E::LimitNames { .. }
        | E::Acknowledge { .. }
        | E::Claim { .. }
        | E::GiveBack { .. }
        | E::Publish { .. }
        | E::AddLibrary { .. }
        | E::RemoveLibrary { .. }
        | E::ClearLibraries
        | E::FlushDatabase
        | E::FlushAll
        | E::SwapDatabases { .. } => {}
    }
}
