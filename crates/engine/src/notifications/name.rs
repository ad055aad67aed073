//! What events are called, and which class they belong to.

use config::KeyspaceEvents as Class;
use keyspace::Change;
use value::list::Side;
use value::set::algebra::Operation;
use value::zset::End;

use crate::command::Command;

/// The class and name of what happened to a key, perhaps by a command; `None` if that is not told.
pub(super) fn of(change: Change, command: Option<&Command>) -> Option<(Class, &'static str)> {
    Some(match change {
        Change::ValueSet
        | Change::StringSet
        | Change::BytesWritten
        | Change::FieldsSet
        | Change::MembersRemoved
        | Change::RangeRemoved
        | Change::GroupSet => return command?.event,
        Change::Replaced | Change::TypeChanged if !command.is_some_and(Command::overwrites) => return None,
        Change::Replaced => (Class::OVERWRITTEN, "overwritten"),
        Change::TypeChanged => (Class::TYPE_CHANGED, "type_changed"),
        Change::Appeared => (Class::NEW, "new"),
        Change::Missed => (Class::MISSED, "keymiss"),
        Change::Expired => (Class::EXPIRED, "expired"),
        Change::Evicted => (Class::EVICTED, "evicted"),
        Change::Deleted => (Class::GENERIC, "del"),
        Change::ExpirySet => (Class::GENERIC, "expire"),
        Change::ExpiryCleared => (Class::GENERIC, "persist"),
        Change::RenamedFrom => (Class::GENERIC, "rename_from"),
        Change::RenamedTo => (Class::GENERIC, "rename_to"),
        Change::MovedFrom => (Class::GENERIC, "move_from"),
        Change::MovedTo => (Class::GENERIC, "move_to"),
        Change::CopiedTo => (Class::GENERIC, "copy_to"),
        Change::FloatSet => (Class::STRING, "incrbyfloat"),
        Change::FieldsDeleted => (Class::HASH, "hdel"),
        Change::FieldsExpired => (Class::HASH, "hexpired"),
        Change::FieldExpirySet => (Class::HASH, "hexpire"),
        Change::FieldExpiryCleared => (Class::HASH, "hpersist"),
        Change::ElementsPushed(Side::Left) => (Class::LIST, "lpush"),
        Change::ElementsPushed(Side::Right) => (Class::LIST, "rpush"),
        Change::ElementsPopped(Side::Left) => (Class::LIST, "lpop"),
        Change::ElementsPopped(Side::Right) => (Class::LIST, "rpop"),
        Change::ElementSet => (Class::LIST, "lset"),
        Change::ElementInserted => (Class::LIST, "linsert"),
        Change::ElementsRemoved => (Class::LIST, "lrem"),
        Change::ListTrimmed => (Class::LIST, "ltrim"),
        Change::MembersAdded => (Class::SET, "sadd"),
        Change::SetsCombined(Operation::Union) => (Class::SET, "sunionstore"),
        Change::SetsCombined(Operation::Intersection) => (Class::SET, "sinterstore"),
        Change::SetsCombined(Operation::Difference) => (Class::SET, "sdiffstore"),
        Change::ScoresSet => (Class::SORTED_SET, "zadd"),
        Change::ScoreAdded => (Class::SORTED_SET, "zincr"),
        Change::ScoredRemoved => (Class::SORTED_SET, "zrem"),
        Change::ScoredPopped(End::Lowest) => (Class::SORTED_SET, "zpopmin"),
        Change::ScoredPopped(End::Highest) => (Class::SORTED_SET, "zpopmax"),
        Change::EntryAdded => (Class::STREAM, "xadd"),
        Change::EntriesDeleted => (Class::STREAM, "xdel"),
        Change::EntriesTrimmed => (Class::STREAM, "xtrim"),
        Change::PastSet => (Class::STREAM, "xsetid"),
        Change::GroupCreated => (Class::STREAM, "xgroup-create"),
        Change::GroupDestroyed => (Class::STREAM, "xgroup-destroy"),
        Change::ConsumerCreated => (Class::STREAM, "xgroup-createconsumer"),
        Change::ConsumerDeleted => (Class::STREAM, "xgroup-delconsumer"),
    })
}
