//! Effects: what a write changed, in canonical form.
//!
//! An effect names keys, absolute times and final values. Applying the effects of a log in order to the state the log
//! began with gives the state it ended with: no effect depends on a clock, a random number or a former reply.

use std::ops::Range;

use stdx::time::UnixMs;
use value::list::Side;
use value::set::algebra::Operation;
use value::stream::{Facts, Id, Limits, Named, References};
use value::zset::End;
use value::{StringRef, ValueRef};

use crate::key::{DbIndex, Key};

/// Why a key went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// A client asked.
    Deleted,
    /// Its time had come.
    Expired,
    /// Memory was needed.
    Evicted,
}

/// How many elements or members a command takes out. Redis tells its replicas which of the two it said, and so does the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// One, for it says no number.
    One,
    /// Up to so many; in an effect exactly so many.
    UpTo(usize),
}

impl Count {
    /// The most that may go.
    pub fn most(self) -> usize {
        match self {
            Self::One => 1,
            Self::UpTo(most) => most,
        }
    }
}

/// One change of data in one database.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "a variant's text says what its fields are")]
pub enum Effect<'a> {
    /// The key holds this string and is due at this time, if ever.
    SetString { key: &'a [u8], value: StringRef<'a>, expiry: Option<UnixMs> },
    /// The key holds this string. When it is due stays; a new one never is.
    ReplaceString { key: &'a [u8], value: StringRef<'a> },
    /// The key holds the number that it held, or 0, and this one together. When it is due stays; a new one never is.
    AddNumber { key: &'a [u8], number: i64 },
    /// The keys hold these strings and are never due.
    SetStrings { pairs: &'a [(Key<'a>, &'a [u8])] },
    /// Bytes were added at the end of the string.
    AppendString { key: &'a [u8], suffix: &'a [u8] },
    /// Bytes of the string were overwritten, which may have grown with zeros.
    WriteString { key: &'a [u8], offset: usize, bytes: &'a [u8] },
    /// The elements were added to the string, which is a HyperLogLog, or became one.
    AddElements { key: &'a [u8], elements: &'a [&'a [u8]] },
    /// The key is gone.
    Delete { key: &'a [u8], reason: Removal },
    /// The key is due at this time.
    SetExpiry { key: &'a [u8], at: UnixMs },
    /// The key is never due.
    ClearExpiry { key: &'a [u8] },
    /// The key has another name; what had that name is gone.
    Rename { from: &'a [u8], to: &'a [u8] },
    /// The key is in another database, where it was not.
    Move { key: &'a [u8], to: DbIndex },
    /// Another key, perhaps in another database, holds the same value and expiry; what it held is gone.
    Copy { from: &'a [u8], to: &'a [u8], database: DbIndex },
    /// The key holds exactly this value.
    SetValue { key: &'a [u8], value: ValueRef<'a>, expiry: Option<UnixMs> },
    /// The key holds what this command, in words, makes of other keys, and is never due. What it makes depends on nothing but
    /// their values: not on the time, and not on chance.
    StoreResult { key: &'a [u8], command: &'a [&'a [u8]] },
    /// The key holds the value, with the expiry, that this command tells in words.
    Restore { key: &'a [u8], command: &'a [&'a [u8]] },
    /// The fields of the hash have these values and are never due.
    SetFields { key: &'a [u8], fields: &'a [(&'a [u8], &'a [u8])] },
    /// The fields are gone, and with the last one the key.
    DeleteFields { key: &'a [u8], fields: &'a [&'a [u8]] },
    /// The fields are due at this time.
    SetFieldExpiry { key: &'a [u8], at: UnixMs, fields: &'a [&'a [u8]] },
    /// The fields are never due.
    ClearFieldExpiry { key: &'a [u8], fields: &'a [&'a [u8]] },
    /// The elements were pushed at an end of the list, one after the other.
    PushElements { key: &'a [u8], side: Side, elements: &'a [&'a [u8]] },
    /// So many elements are gone from an end of the list, and with the last one the key.
    PopElements { key: &'a [u8], side: Side, count: Count },
    /// A position of the list has this element.
    SetElement { key: &'a [u8], index: usize, element: &'a [u8] },
    /// The element was put on a side of the first one that equals the pivot.
    InsertElement { key: &'a [u8], side: Side, pivot: &'a [u8], element: &'a [u8] },
    /// So many elements that equal one are gone, counted from an end of the list.
    RemoveElements { key: &'a [u8], side: Side, count: usize, element: &'a [u8] },
    /// Only a range of positions of the list is left; of an empty one not even the key.
    TrimList { key: &'a [u8], kept: &'a Range<usize> },
    /// The element at an end of a list was moved to an end of another or the same.
    MoveElement { from: (&'a [u8], Side), to: (&'a [u8], Side) },
    /// The members were added to the set.
    AddMembers { key: &'a [u8], members: &'a [&'a [u8]] },
    /// The members are gone, and with the last one the key.
    RemoveMembers { key: &'a [u8], members: &'a [&'a [u8]] },
    /// The member was moved from a set to another.
    MoveMember { from: &'a [u8], to: &'a [u8], member: &'a [u8] },
    /// The key holds what the operation makes of the sets of others, and is never due.
    CombineSets { operation: Operation, to: &'a [u8], from: &'a [&'a [u8]] },
    /// The members of the sorted set have these scores.
    SetScores { key: &'a [u8], members: &'a [(f64, &'a [u8])] },
    /// The members are gone from the sorted set, and with the last one the key.
    RemoveScored { key: &'a [u8], members: &'a [&'a [u8]] },
    /// So many members are gone from an end of the sorted set, and with the last one the key.
    PopScored { key: &'a [u8], end: End, count: Count },
    /// The members at a range of positions of the sorted set are gone, and with the last one the key.
    RemoveRange { key: &'a [u8], positions: &'a Range<usize> },
    /// The stream has an entry with these fields, names and values in turn, behind all others.
    AddEntry { key: &'a [u8], id: Id, fields: &'a [&'a [u8]] },
    /// A producer has added the entry under a name.
    NameEntry { key: &'a [u8], named: Named<'a> },
    /// So are the names of the stream's producers kept; if that is new, none is kept from before.
    LimitNames { key: &'a [u8], limits: Limits },
    /// The entries are gone from the stream.
    DeleteEntries { key: &'a [u8], ids: &'a [Id] },
    /// So many entries of the stream are left, after the first ones that may go went.
    TrimEntries { key: &'a [u8], length: u64, references: References },
    /// This is what the stream tells of its past.
    SetPast { key: &'a [u8], facts: Facts },
    /// The stream, which was made if it was not there, has a group that has read so far.
    CreateGroup { key: &'a [u8], group: &'a [u8], last_id: Id, entries_read: Option<u64>, is_new_key: bool },
    /// The group of the stream has read so far.
    SetGroup { key: &'a [u8], group: &'a [u8], last_id: Id, entries_read: Option<u64> },
    /// The group of the stream is gone.
    DestroyGroup { key: &'a [u8], group: &'a [u8] },
    /// The group of the stream has a consumer.
    CreateConsumer { key: &'a [u8], group: &'a [u8], consumer: &'a [u8] },
    /// The consumer is gone from the group, and what it had pending.
    DeleteConsumer { key: &'a [u8], group: &'a [u8], consumer: &'a [u8] },
    /// The entries are not pending any more in the group.
    Acknowledge { key: &'a [u8], group: &'a [u8], ids: &'a [Id] },
    /// The entries are pending in a group.
    Claim { key: &'a [u8], claim: Claim<'a>, ids: &'a [Id] },
    /// The entries are pending in the group, and nobody's. They were delivered so often.
    GiveBack { key: &'a [u8], group: &'a [u8], ids: &'a [Id], deliveries: u64 },
    /// Those who follow are to give their subscribers a message; of a channel of shards, or of the others. No data changes.
    Publish { channel: &'a [u8], message: &'a [u8], is_shard: bool },
    /// There is a library of functions with this text, in the place of one with its name.
    AddLibrary { text: &'a [u8] },
    /// The library is gone.
    RemoveLibrary { name: &'a [u8] },
    /// There is no library.
    ClearLibraries,
    /// The database is empty.
    FlushDatabase,
    /// All databases are empty.
    FlushAll,
    /// Two databases have changed places.
    SwapDatabases { first: DbIndex, second: DbIndex },
}

/// How entries are pending.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The name of the group.
    pub group: &'a [u8],
    /// It has read so far, at least.
    pub last_id: Id,
    /// The name of their owner, who was made if it was not there.
    pub consumer: &'a [u8],
    /// When they were delivered, the last time; unix milliseconds.
    pub delivered_ms: i64,
    /// How often.
    pub deliveries: u64,
}

/// What an effect touched, for those who watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touched {
    /// One key.
    Key(DbIndex, Vec<u8>),
    /// A key that is gone because its time had come, which changes nothing: it was absent already.
    Expired(DbIndex, Vec<u8>),
    /// Everything in a database.
    Database(DbIndex),
    /// Everything.
    All,
}

impl Effect<'_> {
    /// Tells what an effect on a database touched.
    pub(crate) fn for_each_touched(&self, database: DbIndex, mut each: impl FnMut(Touched)) {
        match *self {
            Self::SetString { key, .. }
            | Self::ReplaceString { key, .. }
            | Self::AddNumber { key, .. }
            | Self::AppendString { key, .. }
            | Self::WriteString { key, .. }
            | Self::AddElements { key, .. }
            | Self::SetExpiry { key, .. }
            | Self::ClearExpiry { key }
            | Self::SetValue { key, .. }
            | Self::StoreResult { key, .. }
            | Self::Restore { key, .. }
            | Self::SetFields { key, .. }
            | Self::DeleteFields { key, .. }
            | Self::SetFieldExpiry { key, .. }
            | Self::ClearFieldExpiry { key, .. }
            | Self::PushElements { key, .. }
            | Self::PopElements { key, .. }
            | Self::SetElement { key, .. }
            | Self::InsertElement { key, .. }
            | Self::RemoveElements { key, .. }
            | Self::TrimList { key, .. }
            | Self::AddMembers { key, .. }
            | Self::RemoveMembers { key, .. }
            | Self::CombineSets { to: key, .. }
            | Self::SetScores { key, .. }
            | Self::RemoveScored { key, .. }
            | Self::PopScored { key, .. }
            | Self::RemoveRange { key, .. }
            | Self::AddEntry { key, .. }
            | Self::LimitNames { key, .. }
            | Self::DeleteEntries { key, .. }
            | Self::TrimEntries { key, .. }
            | Self::CreateGroup { key, is_new_key: true, .. } => each(Touched::Key(database, key.to_vec())),
            // The entry has touched the key already. What groups do with a stream, and what it says of its past, changes nothing
            // for those who watch or cache it, as in Redis.
            Self::NameEntry { .. }
            | Self::SetPast { .. }
            | Self::CreateGroup { .. }
            | Self::SetGroup { .. }
            | Self::DestroyGroup { .. }
            | Self::CreateConsumer { .. }
            | Self::DeleteConsumer { .. }
            | Self::Acknowledge { .. }
            | Self::Claim { .. }
            | Self::GiveBack { .. } => {}
            Self::Delete { key, reason: Removal::Expired } => each(Touched::Expired(database, key.to_vec())),
            Self::Delete { key, .. } => each(Touched::Key(database, key.to_vec())),
            Self::Rename { from, to } => {
                each(Touched::Key(database, from.to_vec()));
                each(Touched::Key(database, to.to_vec()));
            }
            Self::MoveElement { from: (from, _), to: (to, _) } => {
                each(Touched::Key(database, from.to_vec()));
                if from != to {
                    each(Touched::Key(database, to.to_vec()));
                }
            }
            Self::MoveMember { from, to, .. } => {
                each(Touched::Key(database, from.to_vec()));
                each(Touched::Key(database, to.to_vec()));
            }
            Self::SetStrings { pairs } => {
                pairs.iter().for_each(|(key, _)| each(Touched::Key(database, key.bytes.to_vec())));
            }
            Self::Move { key, to } => {
                each(Touched::Key(database, key.to_vec()));
                each(Touched::Key(to, key.to_vec()));
            }
            Self::Copy { to, database, .. } => each(Touched::Key(database, to.to_vec())),
            Self::Publish { .. }
            | Self::AddLibrary { .. }
            | Self::RemoveLibrary { .. }
            | Self::ClearLibraries => {}
            Self::FlushDatabase => each(Touched::Database(database)),
            Self::FlushAll => each(Touched::All),
            Self::SwapDatabases { first, second } => {
                each(Touched::Database(first));
                each(Touched::Database(second));
            }
        }
    }
}
