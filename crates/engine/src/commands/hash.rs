//! Hashes: the rows. The functions stand in files of their own, by idea.

mod exchange;
mod expire;
mod fields;
mod import;
mod increment;
mod read;
mod walk;
mod write;

use config::KeyspaceEvents;

use crate::command::{Access, Command, Flags, Group, Handler, Keys};
use crate::tips;

const READ: Flags = Flags::READONLY;
const WRITE: Flags = Flags::WRITE;
const FAST: Flags = Flags::FAST;
/// What writes that may need memory have.
const GROW: Flags = WRITE.and(Flags::DENYOOM);

/// The last point in time at which a field may expire. Redis stores 46 bits.
const MAX_EXPIRY_MS: i64 = (1 << 46) - 1;

const fn row(name: &'static str, arity: i32, flags: Flags, access: Access, handler: Handler) -> Command {
    Command::new(name, Group::Hash, arity, handler).flags(flags).key(access)
}

/// The rows of this group.
pub(super) const COMMANDS: &[Command] = &[
    row("HGET", 3, READ.and(FAST), Access::Read, read::hget).members(2, 1).doc(
        "2.0.0",
        "O(1)",
        "Returns the value of a field of a hash.",
        "key field",
    ),
    row("HSET", -4, GROW.and(FAST), Access::Touch, write::hset).members(2, 2).event(KeyspaceEvents::HASH, "hset").doc(
        "2.0.0",
        "O(1) for each field/value pair added, so O(N) to add N field/value pairs.",
        "Sets fields of a hash to values; creates the hash if it doesn't exist.",
        "key <field value ...>",
    )
    .history(&[("4.0.0", "Several fields with their values may be given.")]),
    row("HMSET", -4, GROW.and(FAST), Access::Touch, write::hmset).members(2, 2).event(KeyspaceEvents::HASH, "hset").doc(
        "2.0.0",
        "O(N) where N is the number of fields being set.",
        "Sets fields of a hash to values; HSET answers how many were new.",
        "key <field value ...>",
    )
.deprecated("4.0.0", "`HSET` with multiple field-value pairs"),
    row("HSETNX", 4, GROW.and(FAST), Access::Insert, write::hsetnx).members(2, 2).event(KeyspaceEvents::HASH, "hset").doc(
        "2.0.0",
        "O(1)",
        "Sets a field of a hash to a value only when the field doesn't exist.",
        "key field value",
    ),
    row("HDEL", -3, WRITE.and(FAST), Access::Shrink, write::hdel).members(2, 1).doc(
        "2.0.0",
        "O(N) where N is the number of fields to be removed.",
        "Removes fields of a hash, and the hash with its last field.",
        "key field [field ...]",
    )
    .history(&[("2.4.0", "Several fields may be given.")]),
    row("HMGET", -3, READ.and(FAST), Access::Read, read::hmget).members(2, 1).doc(
        "2.0.0",
        "O(N) where N is the number of fields being requested.",
        "Returns the values of fields of a hash.",
        "key field [field ...]",
    ),
    row("HGETALL", 2, READ, Access::Read, read::hgetall).tips(tips::ORDER_VARIES).doc(
        "2.0.0",
        "O(N) where N is the size of the hash.",
        "Returns all fields of a hash with their values.",
        "key",
    ),
    row("HKEYS", 2, READ, Access::Read, read::hkeys).tips(tips::ORDER_VARIES).doc(
        "2.0.0",
        "O(N) where N is the size of the hash.",
        "Returns the names of all fields of a hash.",
        "key",
    ),
    row("HVALS", 2, READ, Access::Read, read::hvals).tips(tips::ORDER_VARIES).doc(
        "2.0.0",
        "O(N) where N is the size of the hash.",
        "Returns the values of all fields of a hash.",
        "key",
    ),
    row("HLEN", 2, READ.and(FAST), Access::Look, read::hlen).doc(
        "2.0.0",
        "O(1)",
        "Returns the number of fields of a hash.",
        "key",
    ),
    row("HEXISTS", 3, READ.and(FAST), Access::Look, read::hexists).members(2, 1).doc(
        "2.0.0",
        "O(1)",
        "Tells whether a field of a hash exists.",
        "key field",
    ),
    row("HSTRLEN", 3, READ.and(FAST), Access::Look, read::hstrlen).members(2, 1).doc(
        "3.2.0",
        "O(1)",
        "Returns the length of the value of a field of a hash.",
        "key field",
    ),
    row("HINCRBY", 4, GROW.and(FAST), Access::Update, increment::hincrby).members(2, 2)
        .event(KeyspaceEvents::HASH, "hincrby").doc(
        "2.0.0",
        "O(1)",
        "Increments the integer value of a field by a number. Uses 0 as initial value if the field doesn't exist.",
        "key field increment",
    ),
    row("HINCRBYFLOAT", 4, GROW.and(FAST), Access::Update, increment::hincrbyfloat).members(2, 2)
        .event(KeyspaceEvents::HASH, "hincrbyfloat").doc(
        "2.6.0",
        "O(1)",
        "Increments the floating point value of a field by a number. Uses 0 as initial value if the field doesn't exist.",
        "key field increment(double)",
    ),
    row("HRANDFIELD", -2, READ, Access::Read, walk::hrandfield).tips(tips::OUTPUT_VARIES).doc(
        "6.2.0",
        "O(N) where N is the number of fields returned",
        "Returns one or more random fields of a hash.",
        "key options=[count [WITHVALUES]]",
    ),
    row("HSCAN", -3, READ, Access::Read, walk::hscan).tips(tips::OUTPUT_VARIES).doc(
        "2.8.0",
        "O(1) for every call. O(N) for a complete iteration.",
        "Iterates over the fields of a hash.",
        "key cursor [MATCH pattern] [COUNT count] [NOVALUES]",
    ),
    row("HGETDEL", -5, WRITE.and(FAST), Access::Take, exchange::hgetdel).doc(
        "8.0.0",
        "O(N) where N is the number of specified fields",
        "Returns the values of fields and removes the fields, and the hash with its last field.",
        "key FIELDS numfields field [field ...]",
    ),
    row("HGETEX", -5, WRITE.and(FAST), Access::Exchange, exchange::hgetex).key_note("RW and UPDATE because it changes the TTL").doc(
        "8.0.0",
        "O(N) where N is the number of specified fields",
        "Returns the values of fields and sets when the fields expire.",
        "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST] \
         FIELDS numfields field [field ...]",
    ),
    row("HSETEX", -6, GROW.and(FAST), Access::Touch, exchange::hsetex)
        .event(KeyspaceEvents::HASH, "hset").doc(
        "8.0.0",
        "O(N) where N is the number of fields being set.",
        "Sets fields of a hash to values and when they expire, under conditions if wished.",
        "key [NX | XX] [FNX | FXX] [EX seconds | PX milliseconds | EXAT unix-time-seconds | \
         PXAT unix-time-milliseconds | KEEPTTL] FIELDS numfields <field value ...>",
    ),
    row("HEXPIRE", -6, WRITE.and(FAST), Access::Touch, expire::hexpire).doc(
        "7.4.0",
        "O(N) where N is the number of specified fields",
        "Sets when fields of a hash expire, in seconds from now.",
        "key seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
    ),
    row("HPEXPIRE", -6, WRITE.and(FAST), Access::Touch, expire::hpexpire).doc(
        "7.4.0",
        "O(N) where N is the number of specified fields",
        "Sets when fields of a hash expire, in milliseconds from now.",
        "key milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
    ),
    row("HEXPIREAT", -6, WRITE.and(FAST), Access::Touch, expire::hexpireat).doc(
        "7.4.0",
        "O(N) where N is the number of specified fields",
        "Sets when fields of a hash expire, as a Unix time in seconds.",
        "key unix-time-seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
    ),
    row("HPEXPIREAT", -6, WRITE.and(FAST), Access::Touch, expire::hpexpireat).doc(
        "7.4.0",
        "O(N) where N is the number of specified fields",
        "Sets when fields of a hash expire, as a Unix time in milliseconds.",
        "key unix-time-milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
    ),
    row("HPERSIST", -5, WRITE.and(FAST), Access::Touch, expire::hpersist).doc(
        "7.4.0",
        "O(N) where N is the number of specified fields",
        "Makes fields of a hash never expire.",
        "key FIELDS numfields field [field ...]",
    ),
    row("HTTL", -5, READ.and(FAST), Access::Read, expire::httl).tips(tips::OUTPUT_VARIES).doc(
        "7.4.0",
        "O(N) where N is the number of specified fields",
        "Returns in how many seconds fields of a hash expire.",
        "key FIELDS numfields field [field ...]",
    ),
    row("HPTTL", -5, READ.and(FAST), Access::Read, expire::hpttl).tips(tips::OUTPUT_VARIES).doc(
        "7.4.0",
        "O(N) where N is the number of specified fields",
        "Returns in how many milliseconds fields of a hash expire.",
        "key FIELDS numfields field [field ...]",
    ),
    row("HEXPIRETIME", -5, READ.and(FAST), Access::Read, expire::hexpiretime).doc(
        "7.4.0",
        "O(N) where N is the number of specified fields",
        "Returns when fields of a hash expire, as Unix times in seconds.",
        "key FIELDS numfields field [field ...]",
    ),
    row("HPEXPIRETIME", -5, READ.and(FAST), Access::Read, expire::hpexpiretime).doc(
        "7.4.0",
        "O(N) where N is the number of specified fields",
        "Returns when fields of a hash expire, as Unix times in milliseconds.",
        "key FIELDS numfields field [field ...]",
    ),
    Command::new("HIMPORT", Group::Hash, -2, import::no_subcommand)
        .doc("8.10.0", "Depends on subcommand.", "Makes many hashes with the same fields.", "")
        .subcommands(IMPORT),
];

const IMPORT: &[Command] = &[
    Command::new("PREPARE", Group::Hash, -4, import::prepare).flags(Flags::DENYOOM).doc(
        "8.10.0",
        "O(N*log(N)) where N is the number of fields.",
        "Gives a list of field names a name, for this connection.",
        "fieldset-name field [field ...]",
    ),
    Command::new("SET", Group::Hash, -5, import::set)
        .flags(GROW)
        .event(KeyspaceEvents::HASH, "hset")
        .keys(Keys::Range { first: 2, last: 2, step: 1, access: Access::Overwrite })
        .doc(
            "8.10.0",
            "O(N) where N is the number of fields in the fieldset.",
            "Makes a hash of the fields of a fieldset and their values; replaces what the key held.",
            "key fieldset-name value [value ...]",
        ),
    Command::new("DISCARD", Group::Hash, 3, import::discard).doc(
        "8.10.0",
        "O(1)",
        "Forgets a fieldset of this connection.",
        "fieldset-name",
    ),
    Command::new("DISCARDALL", Group::Hash, 2, import::discard_all).doc(
        "8.10.0",
        "O(N) where N is the number of fieldsets.",
        "Forgets all fieldsets of this connection.",
        "",
    ),
];
