//! Strings: the rows, and what their functions share. The functions stand in files of their own, by idea.

mod condition;
mod digest;
mod get;
mod increment;
mod increx;
mod lcs;
mod many;
pub(super) mod range;
mod set;
mod text;

use config::KeyspaceEvents;
use std::sync::atomic::Ordering;

use text::Text;
pub(crate) use text::Texts;

use crate::command::{Access, Command, Flags, Group, Keys};
use crate::context::Context;
use crate::tips;

const READ: Flags = Flags::READONLY;
const WRITE: Flags = Flags::WRITE;
const FAST: Flags = Flags::FAST;
/// What writes that may need memory have.
const GROW: Flags = WRITE.and(Flags::DENYOOM);

/// The longest string that a command may make.
pub(super) fn max_length(ctx: &Context<'_, '_>) -> usize {
    let configured = ctx.shared.hot.max_bulk_bytes.load(Ordering::Relaxed).max(0) as usize;
    configured.min(MAX_LENGTH)
}

/// A string is never longer, whatever is configured: the directory of its pages reaches to its end, however empty it is.
const MAX_LENGTH: usize = 1 << 40;

const fn row(name: &'static str, arity: i32, flags: Flags, handler: crate::command::Handler) -> Command {
    Command::new(name, Group::String, arity, handler).flags(flags)
}

/// The rows of this group.
pub(super) const COMMANDS: &[Command] = &[
    row("GET", 2, READ.and(FAST), get::get).key(Access::Read).doc(
        "1.0.0",
        "O(1)",
        "Returns the string value of a key.",
        "key",
    ),
    row("SET", -3, GROW.and(Flags::BRIEF), set::set)
        .event(KeyspaceEvents::STRING, "set").key(Access::Exchange)
        .key_note("RW and ACCESS due to the optional `GET` argument").access_by(set::access).doc(
        "1.0.0",
        "O(1)",
        "Sets the string value of a key, under conditions and with an expiry if wished.",
        "key value [NX | XX | IFEQ ifeq-value | IFNE ifne-value | IFDEQ ifdeq-digest | IFDNE ifdne-digest]@2.6.12 \
         [GET@6.2.0] [EX seconds@2.6.12 | PX milliseconds@2.6.12 | EXAT unix-time-seconds@6.2.0 | PXAT \
         unix-time-milliseconds@6.2.0 | KEEPTTL@6.0.0]",
    )
    .history(&[
        ("2.6.12", "The options `EX`, `PX`, `NX` and `XX`."),
        ("6.0.0", "The option `KEEPTTL`."),
        ("6.2.0", "The options `GET`, `EXAT` and `PXAT`."),
        ("7.0.0", "`NX` and `GET` may come together."),
        ("8.4.0", "The options `IFEQ`, `IFNE`, `IFDEQ` and `IFDNE`."),
    ]),
    row("SETNX", 3, GROW.and(FAST), set::setnx).event(KeyspaceEvents::STRING, "set").key(Access::Create).doc(
        "1.0.0",
        "O(1)",
        "Sets the string value of a key only when the key doesn't exist.",
        "key value",
    )
.deprecated("2.6.12", "`SET` with the `NX` argument"),
    row("SETEX", 4, GROW, set::setex).event(KeyspaceEvents::STRING, "set").key(Access::Overwrite).doc(
        "2.0.0",
        "O(1)",
        "Sets the string value and the expiry of a key in seconds.",
        "key seconds value",
    )
.deprecated("2.6.12", "`SET` with the `EX` argument"),
    row("PSETEX", 4, GROW, set::psetex).event(KeyspaceEvents::STRING, "set").key(Access::Overwrite).doc(
        "2.6.0",
        "O(1)",
        "Sets the string value and the expiry of a key in milliseconds.",
        "key milliseconds value",
    )
.deprecated("2.6.12", "`SET` with the `PX` argument"),
    row("GETSET", 3, GROW.and(FAST), set::getset)
        .event(KeyspaceEvents::STRING, "set").key(Access::Exchange).doc(
        "1.0.0",
        "O(1)",
        "Sets the string value of a key and returns the one before.",
        "key value",
    )
.deprecated("6.2.0", "`SET` with the `!GET` argument"),
    row("GETDEL", 2, WRITE.and(FAST), get::getdel).key(Access::Take).doc(
        "6.2.0",
        "O(1)",
        "Returns the string value of a key and deletes the key.",
        "key",
    ),
    row("GETEX", -2, WRITE.and(FAST), get::getex).key(Access::Exchange).key_note("RW and UPDATE because it changes the TTL").doc(
        "6.2.0",
        "O(1)",
        "Returns the string value of a key and sets its expiry.",
        "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST]",
    ),
    row("DIGEST", 2, READ.and(FAST), digest::digest).key(Access::Read).doc(
        "8.4.0",
        "O(N) where N is the length of the string value.",
        "Returns the XXH3 hash of a string value.",
        "key",
    ),
    row("DELEX", -2, WRITE.and(FAST), digest::delex).key(Access::Take).doc(
        "8.4.0",
        "O(1) for IFEQ/IFNE, O(N) for IFDEQ/IFDNE where N is the length of the string value.",
        "Deletes a key if its value or the digest of its value is as expected.",
        "key [IFEQ ifeq-value | IFNE ifne-value | IFDEQ ifdeq-digest | IFDNE ifdne-digest]",
    ),
    row("DELIFEQ", 3, WRITE.and(FAST), digest::delifeq).key(Access::Remove).doc(
        "9.0.0",
        "O(1)",
        "Deletes a key if its value equals the given one.",
        "key value",
    ),
    row("APPEND", 3, GROW.and(FAST), range::append)
        .event(KeyspaceEvents::STRING, "append").key(Access::Insert).doc(
        "2.0.0",
        "O(1). The amortized time complexity is O(1) assuming the appended value is small.",
        "Appends a string to the value of a key, which is created if it doesn't exist.",
        "key value",
    ),
    row("STRLEN", 2, READ.and(FAST), range::strlen).key(Access::Look).doc(
        "2.2.0",
        "O(1)",
        "Returns the length of a string value.",
        "key",
    ),
    row("GETRANGE", 4, READ, range::getrange).key(Access::Read).doc(
        "2.4.0",
        "O(N) where N is the length of the returned string.",
        "Returns a part of the string stored at a key.",
        "key start end",
    ),
    row("SUBSTR", 4, READ, range::getrange).key(Access::Read).doc(
        "1.0.0",
        "O(N) where N is the length of the returned string.",
        "Returns a part of a string value.",
        "key start end",
    )
.deprecated("2.0.0", "`GETRANGE`"),
    row("SETRANGE", 4, GROW, range::setrange)
        .event(KeyspaceEvents::STRING, "setrange").key(Access::Patch).doc(
        "2.2.0",
        "O(1), not counting the time taken to copy the new string in place.",
        "Overwrites a part of a string value from an offset on; creates the key if it doesn't exist.",
        "key offset value",
    ),
    row("INCR", 2, GROW.and(FAST), increment::incr)
        .event(KeyspaceEvents::STRING, "incrby").key(Access::Update).doc(
        "1.0.0",
        "O(1)",
        "Increments the integer value of a key by one. Uses 0 as initial value if the key doesn't exist.",
        "key",
    ),
    row("DECR", 2, GROW.and(FAST), increment::decr)
        .event(KeyspaceEvents::STRING, "incrby").key(Access::Update).doc(
        "1.0.0",
        "O(1)",
        "Decrements the integer value of a key by one. Uses 0 as initial value if the key doesn't exist.",
        "key",
    ),
    row("INCRBY", 3, GROW.and(FAST), increment::incrby)
        .event(KeyspaceEvents::STRING, "incrby").key(Access::Update).doc(
        "1.0.0",
        "O(1)",
        "Increments the integer value of a key by a number. Uses 0 as initial value if the key doesn't exist.",
        "key increment",
    ),
    row("DECRBY", 3, GROW.and(FAST), increment::decrby)
        .event(KeyspaceEvents::STRING, "incrby").key(Access::Update).doc(
        "1.0.0",
        "O(1)",
        "Decrements the integer value of a key by a number. Uses 0 as initial value if the key doesn't exist.",
        "key decrement",
    ),
    row("INCRBYFLOAT", 3, GROW.and(FAST), increment::incrbyfloat)
        .event(KeyspaceEvents::STRING, "incrbyfloat").key(Access::Update).doc(
        "2.6.0",
        "O(1)",
        "Increments the floating point value of a key by a number. Uses 0 as initial value if the key doesn't exist.",
        "key increment(double)",
    ),
    row("INCREX", -2, GROW.and(FAST), increx::increx)
        .event(KeyspaceEvents::STRING, "incrby").key(Access::Update).doc(
        "8.8.0",
        "O(1)",
        "Increments the numeric value of a key within bounds and sets its expiry.",
        "key condition=[NX | XX] increment=[BYFLOAT float(double) | BYINT integer(integer)] [SATURATE] \
         [LBOUND lowerbound] [UBOUND upperbound] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST] [ENX]",
    ),
    row("MGET", -2, READ.and(FAST), many::mget).tips(tips::MULTI_SHARD_REPLIES)
        .keys(Keys::Range { first: 1, last: -1, step: 1, access: Access::Read })
        .doc(
            "1.0.0",
            "O(N) where N is the number of keys to retrieve.",
            "Returns the string values of several keys.",
            "key [key ...]",
        ),
    row("MSET", -3, GROW, many::mset).event(KeyspaceEvents::STRING, "set").tips(tips::MULTI_SHARD)
        .keys(Keys::Range { first: 1, last: -1, step: 2, access: Access::Overwrite })
        .doc(
            "1.0.1",
            "O(N) where N is the number of keys to set.",
            "Sets the string values of several keys at once.",
            "<key value ...>",
        ),
    row("MSETNX", -3, GROW, many::msetnx).event(KeyspaceEvents::STRING, "set")
        .keys(Keys::Range { first: 1, last: -1, step: 2, access: Access::Create })
        .doc(
            "1.0.1",
            "O(N) where N is the number of keys to set.",
            "Sets the string values of several keys at once, only when none of the keys exists.",
            "<key value ...>",
        ),
    row("MSETEX", -4, GROW, many::msetex)
        .event(KeyspaceEvents::STRING, "set").keys(Keys::Counted { at: 1, step: 2, access: Access::Overwrite }).doc(
        "8.4.0",
        "O(N) where N is the number of keys to set.",
        "Sets the string values of several keys at once, under a condition and with one expiry if wished.",
        "numkeys <key value ...> [NX | XX] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT \
         unix-time-milliseconds | KEEPTTL]",
    ),
    row("LCS", -3, READ, lcs::lcs)
        .keys(Keys::Range { first: 1, last: 2, step: 1, access: Access::Read })
        .doc(
            "7.0.0",
            "O(N*M) where N and M are the lengths of the strings.",
            "Finds the longest common subsequence of two strings.",
            "key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]",
        ),
];
