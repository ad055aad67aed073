//! Streams: the rows, and what their functions have in common. The functions stand in files of their own, by idea.

mod acknowledge;
mod add;
mod claim;
mod delete;
mod deliver;
mod gathering;
mod group;
mod info;
mod nack;
mod names;
mod pending;
mod portion;
mod range;
mod read;
mod trim;
mod wanted;

use keyspace::{Db, Key};
use stdx::number::parse_i64;
use value::Stream;
use value::stream::{Bound, Entry, Group as ConsumerGroup, Id};

use config::KeyspaceEvents;

use crate::args::Args;
use crate::command::{Access, Command, Flags, Group, Handler, Keys};
use crate::error::Error;
use crate::reply::Reply;
use crate::tips;

const READ: Flags = Flags::READONLY;
const WRITE: Flags = Flags::WRITE;
const FAST: Flags = Flags::FAST;
const WAIT: Flags = Flags::BLOCKING;
/// What writes that may need memory have.
const GROW: Flags = WRITE.and(Flags::DENYOOM);

const fn row(name: &'static str, arity: i32, flags: Flags, access: Access, handler: Handler) -> Command {
    Command::new(name, Group::Stream, arity, handler).flags(flags).key(access)
}

/// A subcommand; its key is the second argument.
const fn sub(name: &'static str, arity: i32, flags: Flags, access: Access, handler: Handler) -> Command {
    let keys = Keys::Range { first: 2, last: 2, step: 1, access };
    Command::new(name, Group::Stream, arity, handler).flags(flags).keys(keys)
}

/// HELP of a container.
const fn help(handler: Handler) -> Command {
    Command::new("HELP", Group::Stream, 2, handler).flags(Flags::LOADING.and(Flags::STALE)).doc(
        "5.0.0",
        "O(1)",
        "Returns helpful text about the subcommands.",
        "",
    )
}

/// The rows of this group.
pub(super) const COMMANDS: &[Command] = &[
    row("XACK", -4, WRITE.and(FAST), Access::Touch, acknowledge::xack).doc(
        "5.0.0",
        "O(1) for each message ID processed.",
        "Takes entries that a consumer has done with off the list of what is pending in a group.",
        "key group id [id ...]",
    ),
    row("XACKDEL", -6, WRITE.and(FAST), Access::Shrink, acknowledge::xackdel).doc(
        "8.2.0",
        "O(1) for each message ID processed.",
        "Takes entries off the list of what is pending in a group, and deletes them.",
        "key group condition=[KEEPREF | DELREF | ACKED] IDS numids id [id ...]",
    ),
    row("XADD", -5, GROW.and(FAST), Access::Touch, add::xadd)
        .key_note("UPDATE instead of INSERT because of the optional trimming feature").tips(tips::OUTPUT_VARIES).doc(
        "5.0.0",
        "O(1) when adding a new entry, O(N) when trimming where N being the number of entries evicted.",
        "Adds an entry to a stream; creates the stream if it doesn't exist.",
        "key [NOMKSTREAM@6.2.0] condition=[KEEPREF | DELREF | ACKED] idmp=[IDMPAUTO pid | IDMP pid iid] \
         trim=[strategy=<MAXLEN | MINID@6.2.0> operator=[equal== | approximately=~] threshold [LIMIT \
         count@6.2.0]] id-selector=<auto-id=* | id> <field value ...>",
    )
    .history(&[
        ("6.2.0", "The options `NOMKSTREAM`, `MINID` and `LIMIT`."),
        ("7.0.0", "IDs of the form `<ms>-*`."),
        ("8.2.0", "The options `KEEPREF`, `DELREF` and `ACKED`."),
        ("8.6.0", "The options `IDMP` and `IDMPAUTO`."),
    ]),
    row("XAUTOCLAIM", -6, WRITE.and(FAST), Access::Shrink, claim::xautoclaim).tips(tips::OUTPUT_VARIES).doc(
        "6.2.0",
        "O(1) if COUNT is small.",
        "Gives a consumer entries that have been pending in a group for some time, and the next ID to go on with.",
        "key group consumer min-idle-time start(string) [COUNT count] [JUSTID]",
    )
    .history(&[("7.0.0", "The reply names entries that were deleted and are no longer pending.")]),
    row("XCFGSET", -2, WRITE.and(FAST), Access::Touch, names::xcfgset).doc(
        "8.6.0",
        "O(1); what was remembered is freed elsewhere.",
        "Says how long, and how many of, the names that producers give to entries of a stream are remembered.",
        "key [IDMP-DURATION idmp-duration(integer)] [IDMP-MAXSIZE idmp-maxsize(integer)]",
    ),
    row("XCLAIM", -6, WRITE.and(FAST), Access::Touch, claim::xclaim).tips(tips::OUTPUT_VARIES).doc(
        "5.0.0",
        "O(log N) with N being the number of messages in the PEL of the consumer group.",
        "Gives a consumer certain entries that are pending in a group.",
        "key group consumer min-idle-time id [id ...] [IDLE ms(integer)] [TIME unix-time-milliseconds] \
         [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID lastid]",
    ),
    row("XDEL", -3, WRITE.and(FAST), Access::Shrink, delete::xdel).doc(
        "5.0.0",
        "O(1) for each single item to delete in the stream, regardless of the stream size.",
        "Deletes entries of a stream and returns how many there were.",
        "key id [id ...]",
    ),
    row("XDELEX", -5, WRITE.and(FAST), Access::Shrink, delete::xdelex).doc(
        "8.2.0",
        "O(1) for each single item to delete in the stream, regardless of the stream size.",
        "Deletes entries of a stream, minding the groups that refer to them.",
        "key condition=[KEEPREF | DELREF | ACKED] IDS numids id [id ...]",
    ),
    Command::new("XGROUP", Group::Stream, -2, group::container)
        .doc("5.0.0", "Depends on subcommand.", "A container for consumer groups commands.", "")
        .subcommands(GROUP_COMMANDS),
    row("XIDMPRECORD", 5, GROW.and(FAST), Access::Touch, names::xidmprecord).doc(
        "8.6.2",
        "O(log(N)) with N being the number of names that are remembered.",
        "Notes under which name a producer has added an entry. For files of commands.",
        "key pid iid stream-id",
    ).system(),
    Command::new("XINFO", Group::Stream, -2, info::container)
        .doc("5.0.0", "Depends on subcommand.", "A container for stream introspection commands.", "")
        .subcommands(INFO_COMMANDS),
    row("XLEN", 2, READ.and(FAST), Access::Look, range::xlen).doc(
        "5.0.0",
        "O(1)",
        "Returns the number of entries of a stream.",
        "key",
    ),
    row("XNACK", -7, WRITE.and(FAST), Access::Touch, nack::xnack).doc(
        "8.8.0",
        "O(1) for each message ID processed.",
        "Gives back entries that are pending, for other consumers.",
        "key group mode=<SILENT | FAIL | FATAL> IDS numids id [id ...] [RETRYCOUNT count] [FORCE]",
    ),
    row("XPENDING", -3, READ, Access::Read, pending::xpending).tips(tips::OUTPUT_VARIES).doc(
        "5.0.0",
        "O(N) with N being the number of elements returned; with a consumer or an idle time also those passed over.",
        "Returns what is pending in a group: a summary, or entry by entry.",
        "key group filters=[[IDLE min-idle-time(integer)@6.2.0] start(string) end(string) count [consumer]]",
    )
    .history(&[("6.2.0", "The option `IDLE`, and ranges that exclude their ends.")]),
    row("XRANGE", -4, READ, Access::Read, range::xrange).doc(
        "5.0.0",
        "O(N) with N being the number of elements being returned.",
        "Returns the entries of a range of IDs.",
        "key start(string) end(string) [COUNT count]",
    )
    .history(&[("6.2.0", "Ranges may exclude their ends.")]),
    row("XREAD", -4, READ.and(WAIT), Access::Read, read::xread).keys(Keys::Streams { from: 1 }).doc(
        "5.0.0",
        "",
        "Returns the entries of several streams that are behind certain IDs; may wait for some.",
        "[COUNT count] [MAXCOUNT maxcount] [MAXSIZE maxsize] [BLOCK milliseconds] STREAMS key [key ...] id [id \
         ...]",
    )
    .history(&[("8.10.0", "The options `MAXCOUNT` and `MAXSIZE`.")]),
    row("XREADGROUP", -7, WRITE.and(WAIT), Access::Read, read::xreadgroup).keys(Keys::Streams { from: 4 }).doc(
        "5.0.0",
        "For each stream, O(M) with M being the number of elements returned.",
        "Returns entries of several streams that a group has not had yet, for which it may wait, or what is pending in it.",
        "group-block=GROUP group consumer [COUNT count] [MAXCOUNT maxcount] [MAXSIZE maxsize] [BLOCK \
         milliseconds] [CLAIM min-idle-time(integer)] [NOACK] STREAMS key [key ...] id [id ...]",
    )
    .history(&[("8.4.0", "The option `CLAIM`."), ("8.10.0", "The options `MAXCOUNT` and `MAXSIZE`.")]),
    row("XREVRANGE", -4, READ, Access::Read, range::xrevrange).doc(
        "5.0.0",
        "O(N) with N being the number of elements returned.",
        "Returns the entries of a range of IDs from the last one on.",
        "key end(string) start(string) [COUNT count]",
    )
    .history(&[("6.2.0", "Ranges may exclude their ends.")]),
    row("XSETID", -3, GROW.and(FAST), Access::Touch, delete::xsetid).doc(
        "5.0.0",
        "O(1)",
        "Sets the last ID of a stream, and what it tells of its past.",
        "key last-id [ENTRIESADDED entries-added(integer)@7.0.0] [MAXDELETEDID max-deleted-id@7.0.0]",
    )
    .history(&[("7.0.0", "The options `ENTRIESADDED` and `MAXDELETEDID`.")]),
    row("XTRIM", -4, WRITE, Access::Shrink, trim::xtrim).tips(tips::OUTPUT_VARIES).doc(
        "5.0.0",
        "O(N), with N being the number of evicted entries.",
        "Removes entries from the front of a stream and returns how many they were.",
        "key trim=<strategy=<MAXLEN | MINID@6.2.0> operator=[equal== | approximately=~] threshold [LIMIT \
         count@6.2.0]> condition=[KEEPREF | DELREF | ACKED]",
    )
    .history(&[("6.2.0", "The options `MINID` and `LIMIT`.")]),
];

const GROUP_COMMANDS: &[Command] = &[
    sub("CREATE", -5, GROW, Access::Insert, group::create).doc(
        "5.0.0",
        "O(1)",
        "Adds a group to a stream.",
        "key group id-selector=<id | new-id=$> [MKSTREAM] [ENTRIESREAD entriesread=entries-read(integer)]",
    )
    .history(&[("7.0.0", "The option `ENTRIESREAD`.")]),
    sub("CREATECONSUMER", 5, GROW, Access::Insert, group::create_consumer).doc(
        "6.2.0",
        "O(1)",
        "Adds a consumer to a group.",
        "key group consumer",
    ),
    sub("DELCONSUMER", 5, WRITE, Access::Shrink, group::delete_consumer).doc(
        "5.0.0",
        "O(N) where N is what the consumer has pending.",
        "Removes a consumer from a group, and what it has pending.",
        "key group consumer",
    ),
    sub("DESTROY", 4, WRITE, Access::Shrink, group::destroy).doc(
        "5.0.0",
        "O(1); what is pending is freed elsewhere.",
        "Removes a group from a stream.",
        "key group",
    ),
    sub("SETID", -5, WRITE, Access::Touch, group::set_id).event(KeyspaceEvents::STREAM, "xgroup-setid").doc(
        "5.0.0",
        "O(1)",
        "Sets the last entry that a group has had.",
        "key group id-selector=<id | new-id=$> [ENTRIESREAD entriesread=entries-read(integer)]",
    )
    .history(&[("7.0.0", "How many entries were read may be given.")]),
    help(group::help),
];

const INFO_COMMANDS: &[Command] = &[
    sub("CONSUMERS", 4, READ, Access::Read, info::consumers).tips(tips::OUTPUT_VARIES).doc(
        "5.0.0",
        "O(N log(N)) where N is the number of consumers.",
        "Returns the consumers of a group.",
        "key group",
    )
    .history(&[("7.2.0", "The field `inactive`; `idle` has another meaning.")]),
    sub("GROUPS", 3, READ, Access::Read, info::groups).doc(
        "5.0.0",
        "O(N) where N is the number of groups.",
        "Returns the groups of a stream.",
        "key",
    )
    .history(&[("7.0.0", "The fields `entries-read` and `lag`.")]),
    sub("STREAM", -3, READ, Access::Read, info::stream).doc(
        "5.0.0",
        "O(1); with FULL also the entries, groups and pending entries returned.",
        "Returns what is known of a stream.",
        "key full-block=[FULL [COUNT count]]",
    )
    .history(&[
        ("6.0.0", "The option `FULL`."),
        ("7.0.0", "The fields `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, `entries-read` and `lag`."),
        ("7.2.0", "The field `active-time`; `seen-time` has another meaning."),
        ("8.6.0", "What is known of producers, once a stream has some."),
        ("8.8.0", "The field `nacked-count` of a group with FULL."),
    ]),
    help(info::help),
];

const BAD_ID: Error = Error::Static("ERR Invalid stream ID specified as stream command argument");

/// An ID; milliseconds alone mean the first one of them.
fn id(text: &[u8]) -> Result<Id, Error> {
    Id::parse(text, 0).ok_or(BAD_ID)
}

/// The first ID of a range.
fn range_first(text: &[u8]) -> Result<Id, Error> {
    let bound = Bound::parse_first(text).ok_or(BAD_ID)?;
    bound.first().ok_or(Error::Static("ERR invalid start ID for the interval"))
}

/// The last ID of a range.
fn range_last(text: &[u8]) -> Result<Id, Error> {
    let bound = Bound::parse_last(text).ok_or(BAD_ID)?;
    bound.last().ok_or(Error::Static("ERR invalid end ID for the interval"))
}

/// The arguments from an index on, which are IDs.
fn ids(args: &Args<'_>, from: usize) -> Result<Vec<Id>, Error> {
    args.from(from).map(id).collect()
}

/// An integer with an error text of its own.
fn integer(text: &[u8], error: &'static str) -> Result<i64, Error> {
    parse_i64(text).ok_or(Error::Static(error))
}

fn write_id(reply: &mut Reply<'_>, id: Id) {
    reply.bulk(id.to_string());
}

/// An entry: its ID, and names and values in turn.
fn write_entry(reply: &mut Reply<'_>, entry: &Entry<'_>) {
    write_delivery(reply, entry, None);
}

/// The same, and perhaps for how many milliseconds it was pending, and how often it had been delivered.
fn write_delivery(reply: &mut Reply<'_>, entry: &Entry<'_>, before: Option<(i64, u64)>) {
    reply.array(if before.is_some() { 4 } else { 2 });
    write_id(reply, entry.id());
    reply.array(2 * entry.len());
    for (name, value) in entry.fields() {
        reply.bulk(name);
        reply.bulk(value);
    }
    if let Some((idle_ms, deliveries)) = before {
        reply.integer(idle_ms);
        reply.integer(deliveries as i64);
    }
}

/// The group of a stream, which has to be there.
fn find_group<'a>(
    db: &'a mut Db<'_, '_>,
    key: &Key<'_>,
    name: &[u8],
    error: fn(&[u8], &[u8]) -> Error,
) -> Result<(&'a Stream, &'a ConsumerGroup), Error> {
    let stream = db.stream(key)?.ok_or_else(|| error(key.bytes, name))?;
    let group = stream.group(name).ok_or_else(|| error(key.bytes, name))?;
    Ok((stream, group))
}

/// There is no such key or no such group in it.
fn no_key_or_group(key: &[u8], group: &[u8]) -> Error {
    let (key, group) = (String::from_utf8_lossy(key), String::from_utf8_lossy(group));
    Error::Text(format!("NOGROUP No such key '{key}' or consumer group '{group}'"))
}

/// There is no such group in the stream.
fn no_group(key: &[u8], group: &[u8]) -> Error {
    let (key, group) = (String::from_utf8_lossy(key), String::from_utf8_lossy(group));
    Error::Text(format!("NOGROUP No such consumer group '{group}' for key name '{key}'"))
}
