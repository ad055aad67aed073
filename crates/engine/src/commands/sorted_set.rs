//! Sorted sets: the rows. The functions stand in files of their own, by idea.

mod add;
mod block;
mod bounds;
mod combination;
mod combine;
mod input;
mod pop;
mod range;
mod read;
mod remove;
mod shown;
mod walk;

use config::KeyspaceEvents;
use keyspace::Key;
use value::{Value, ZSet};

use crate::args::Args;
use crate::command::{Access, Command, Flags, Group, Handler, Keys};
use crate::computing::Recorded;
use crate::context::Context;
use crate::error::Error;
use crate::tips;

const READ: Flags = Flags::READONLY;
const WRITE: Flags = Flags::WRITE;
const FAST: Flags = Flags::FAST;
/// What commands have that may compute for long: they take their locks by themselves, for as short as they can.
const ALONE: Flags = Flags::ALONE;
/// What writes that may need memory have.
const GROW: Flags = WRITE.and(Flags::DENYOOM);

/// What writes that may wait have.
const WAIT: Flags = WRITE.and(Flags::BLOCKING);

/// All arguments but the last, a time.
const ALL_BUT_LAST: Keys = Keys::Range { first: 1, last: -2, step: 1, access: Access::Take };
/// Keys behind their number.
const COUNTED: Keys = Keys::Counted { at: 1, step: 1, access: Access::Read };
/// A target, then keys behind their number.
const TARGET_AND_COUNTED: Keys = Keys::TargetAndCounted { at: 2, access: Access::Overwrite };

/// What came to the commands that combine scores.
const COUNT_HISTORY: &[(&str, &str)] = &[("8.8.0", "The aggregate `COUNT`.")];

const fn row(name: &'static str, arity: i32, flags: Flags, access: Access, handler: Handler) -> Command {
    Command::new(name, Group::SortedSet, arity, handler).flags(flags).key(access)
}

/// The rows of this group.
pub(super) const COMMANDS: &[Command] = &[
    row("ZADD", -4, GROW.and(FAST), Access::Touch, add::zadd).members(3, 2).doc(
        "1.2.0",
        "O(log(N)) for each member added, where N is the number of members of the sorted set.",
        "Gives members of a sorted set scores; creates the sorted set if it doesn't exist.",
        "key [NX | XX]@3.0.2 [GT | LT]@6.2.0 [change=CH@3.0.2] [increment=INCR@3.0.2] <score member ...>",
    )
    .history(&[
        ("2.4.0", "Several members with their scores may be given."),
        ("3.0.2", "The options `XX`, `NX`, `CH` and `INCR`."),
        ("6.2.0", "The options `GT` and `LT`."),
    ]),
    row("ZINCRBY", 4, GROW.and(FAST), Access::Update, add::zincrby).members(3, 2).doc(
        "1.2.0",
        "O(log(N)) where N is the number of members of the sorted set.",
        "Adds a number to the score of a member of a sorted set.",
        "key increment member",
    ),
    row("ZREM", -3, WRITE.and(FAST), Access::Shrink, remove::zrem).members(2, 1).doc(
        "1.2.0",
        "O(M*log(N)) where N is the number of members of the sorted set and M the number of members removed.",
        "Removes members of a sorted set, and the sorted set with its last member.",
        "key member [member ...]",
    )
    .history(&[("2.4.0", "Several members may be given.")]),
    row("ZREMRANGEBYRANK", 4, WRITE.and(ALONE), Access::Shrink, remove::by_rank)
        .event(KeyspaceEvents::SORTED_SET, "zremrangebyrank").doc(
        "2.0.0",
        "O(log(N)+M) where N is the number of members of the sorted set and M the number of members removed.",
        "Removes the members of a sorted set within a range of positions.",
        "key start stop",
    ),
    row("ZREMRANGEBYSCORE", 4, WRITE.and(ALONE), Access::Shrink, remove::by_score)
        .event(KeyspaceEvents::SORTED_SET, "zremrangebyscore").doc(
        "1.2.0",
        "O(log(N)+M) where N is the number of members of the sorted set and M the number of members removed.",
        "Removes the members of a sorted set within a range of scores.",
        "key min(double) max(double)",
    ),
    row("ZREMRANGEBYLEX", 4, WRITE.and(ALONE), Access::Shrink, remove::by_member)
        .event(KeyspaceEvents::SORTED_SET, "zremrangebylex").doc(
        "2.8.9",
        "O(log(N)+M) where N is the number of members of the sorted set and M the number of members removed.",
        "Removes the members of a sorted set within a range of members.",
        "key min max",
    ),
    row("ZCARD", 2, READ.and(FAST), Access::Look, read::zcard).doc(
        "1.2.0",
        "O(1)",
        "Returns the number of members of a sorted set.",
        "key",
    ),
    row("ZCOUNT", 4, READ.and(FAST), Access::Read, read::zcount).doc(
        "2.0.0",
        "O(log(N)) where N is the number of members of the sorted set.",
        "Returns the number of members of a sorted set within a range of scores.",
        "key min(double) max(double)",
    ),
    row("ZLEXCOUNT", 4, READ.and(FAST), Access::Read, read::zlexcount).doc(
        "2.8.9",
        "O(log(N)) where N is the number of members of the sorted set.",
        "Returns the number of members of a sorted set within a range of members.",
        "key min max",
    ),
    row("ZSCORE", 3, READ.and(FAST), Access::Read, read::zscore).members(2, 1).doc(
        "1.2.0",
        "O(log(N)) where N is the number of members of the sorted set.",
        "Returns the score of a member of a sorted set.",
        "key member",
    ),
    row("ZMSCORE", -3, READ.and(FAST), Access::Read, read::zmscore).members(2, 1).doc(
        "6.2.0",
        "O(M*log(N)) where N is the number of members of the sorted set and M the number of members asked for.",
        "Returns the scores of members of a sorted set.",
        "key member [member ...]",
    ),
    row("ZRANK", -3, READ.and(FAST), Access::Read, read::zrank).members(2, 2).doc(
        "2.0.0",
        "O(log(N)) where N is the number of members of the sorted set.",
        "Returns the position of a member of a sorted set, by ascending scores.",
        "key member [WITHSCORE]",
    )
    .history(&[("7.2.0", "The option `WITHSCORE`.")]),
    row("ZREVRANK", -3, READ.and(FAST), Access::Read, read::zrevrank).members(2, 2).doc(
        "2.0.0",
        "O(log(N)) where N is the number of members of the sorted set.",
        "Returns the position of a member of a sorted set, by descending scores.",
        "key member [WITHSCORE]",
    )
    .history(&[("7.2.0", "The option `WITHSCORE`.")]),
    row("ZRANGE", -4, READ, Access::Read, range::zrange).doc(
        "1.2.0",
        "O(log(N)+M) where N is the number of members of the sorted set and M the number of members returned.",
        "Returns the members of a sorted set within a range of positions, scores or members.",
        "key start(string) stop(string) [BYSCORE | BYLEX]@6.2.0 [REV@6.2.0] [LIMIT@6.2.0 offset count] \
         [WITHSCORES]",
    )
    .history(&[("6.2.0", "The options `REV`, `BYSCORE`, `BYLEX` and `LIMIT`.")]),
    row("ZRANGESTORE", -5, GROW.and(ALONE), Access::Overwrite, range::zrangestore)
        .event(KeyspaceEvents::SORTED_SET, "zrangestore")
        .keys(Keys::Pair { first: Access::Overwrite, second: Access::Read })
        .doc(
            "6.2.0",
            "O(log(N)+M) where N is the number of members of the sorted set and M the number of members stored.",
            "Stores the members of a sorted set within a range of positions, scores or members in another key.",
            "dst(key) src(key) min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]",
        ),
    row("ZREVRANGE", -4, READ, Access::Read, range::zrevrange)
        .doc(
            "1.2.0",
            "O(log(N)+M) where N is the number of members of the sorted set and M the number of members returned.",
            "Returns the members of a sorted set within a range of positions, by descending scores.",
            "key start stop [WITHSCORES]",
        )
        .deprecated("6.2.0", "`ZRANGE` with the `REV` argument"),
    row("ZRANGEBYSCORE", -4, READ, Access::Read, range::zrangebyscore)
        .doc(
            "1.0.5",
            "O(log(N)+M) where N is the number of members of the sorted set and M the number of members returned.",
            "Returns the members of a sorted set within a range of scores.",
            "key min(double) max(double) [WITHSCORES@2.0.0] [LIMIT offset count]",
        )
        .history(&[("2.0.0", "The option `WITHSCORES`.")])
        .deprecated("6.2.0", "`ZRANGE` with the `BYSCORE` argument"),
    row("ZREVRANGEBYSCORE", -4, READ, Access::Read, range::zrevrangebyscore)
        .doc(
            "2.2.0",
            "O(log(N)+M) where N is the number of members of the sorted set and M the number of members returned.",
            "Returns the members of a sorted set within a range of scores, by descending scores.",
            "key max(double) min(double) [WITHSCORES] [LIMIT offset count]",
        )
        .history(&[("2.1.6", "Ranges may exclude their ends.")])
        .deprecated("6.2.0", "`ZRANGE` with the `REV` and `BYSCORE` arguments"),
    row("ZRANGEBYLEX", -4, READ, Access::Read, range::zrangebylex)
        .doc(
            "2.8.9",
            "O(log(N)+M) where N is the number of members of the sorted set and M the number of members returned.",
            "Returns the members of a sorted set within a range of members.",
            "key min max [LIMIT offset count]",
        )
        .deprecated("6.2.0", "`ZRANGE` with the `BYLEX` argument"),
    row("ZREVRANGEBYLEX", -4, READ, Access::Read, range::zrevrangebylex)
        .doc(
            "2.8.9",
            "O(log(N)+M) where N is the number of members of the sorted set and M the number of members returned.",
            "Returns the members of a sorted set within a range of members, in reverse order.",
            "key max min [LIMIT offset count]",
        )
        .deprecated("6.2.0", "`ZRANGE` with the `REV` and `BYLEX` arguments"),
    row("ZPOPMIN", -2, WRITE.and(FAST), Access::Take, pop::zpopmin).doc(
        "5.0.0",
        "O(log(N)+M) where N is the number of members of the sorted set and M the number of members removed.",
        "Removes the members with the lowest scores and returns them, and the sorted set with its last member.",
        "key [count]",
    ),
    row("ZPOPMAX", -2, WRITE.and(FAST), Access::Take, pop::zpopmax).doc(
        "5.0.0",
        "O(log(N)+M) where N is the number of members of the sorted set and M the number of members removed.",
        "Removes the members with the highest scores and returns them, and the sorted set with its last member.",
        "key [count]",
    ),
    row("ZMPOP", -4, WRITE, Access::Take, pop::zmpop)
        .keys(Keys::Counted { at: 1, step: 1, access: Access::Take })
        .doc(
            "7.0.0",
            "O(K)+O(log(N)+M) where K is the number of provided keys, N the number of members of the sorted set and M \
             the number of members removed.",
            "Removes the members with the lowest or highest scores of the first sorted set that has any and returns them.",
            "numkeys key [key ...] <MIN | MAX> [COUNT count]",
        ),
    row("BZPOPMIN", -3, WAIT.and(FAST), Access::Take, block::bzpopmin).keys(ALL_BUT_LAST).doc(
        "5.0.0",
        "O(log(N)) where N is the number of members of the sorted set.",
        "Removes the member with the lowest score of the first sorted set that has any and returns it; waits until one has, \
         or the time is up.",
        "key [key ...] timeout",
    )
    .history(&[("6.0.0", "The timeout may be a fraction.")]),
    row("BZPOPMAX", -3, WAIT.and(FAST), Access::Take, block::bzpopmax).keys(ALL_BUT_LAST).doc(
        "5.0.0",
        "O(log(N)) where N is the number of members of the sorted set.",
        "Removes the member with the highest score of the first sorted set that has any and returns it; waits until one \
         has, or the time is up.",
        "key [key ...] timeout",
    )
    .history(&[("6.0.0", "The timeout may be a fraction.")]),
    row("BZMPOP", -5, WAIT, Access::Take, block::bzmpop)
        .keys(Keys::Counted { at: 2, step: 1, access: Access::Take })
        .doc(
            "7.0.0",
            "O(K)+O(log(N)+M) where K is the number of provided keys, N the number of members of the sorted set and M \
             the number of members removed.",
            "Removes the members with the lowest or highest scores of the first sorted set that has any and returns them; \
             waits until one has, or the time is up.",
            "timeout numkeys key [key ...] <MIN | MAX> [COUNT count]",
        ),
    row("ZRANDMEMBER", -2, READ, Access::Read, walk::zrandmember).tips(tips::OUTPUT_VARIES).doc(
        "6.2.0",
        "O(M*log(N)) where N is the number of members of the sorted set and M the number of members returned.",
        "Returns one or more random members of a sorted set.",
        "key options=[count [WITHSCORES]]",
    ),
    row("ZSCAN", -3, READ, Access::Read, walk::zscan).tips(tips::OUTPUT_VARIES).doc(
        "2.8.0",
        "O(1) for every call. O(N) for a complete iteration, more where many members have the same score.",
        "Iterates over the members of a sorted set and their scores.",
        "key cursor [MATCH pattern] [COUNT count] [NOSCORES]",
    ),
    row("ZUNION", -3, READ.and(ALONE), Access::Read, combine::zunion).keys(COUNTED).doc(
        "6.2.0",
        "O(N)+O(M*log(M)) where N is the number of members of all sorted sets and M the number of members returned.",
        "Returns the members that are in at least one of several sorted sets.",
        "numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX | COUNT>] [WITHSCORES]",
    )
    .history(COUNT_HISTORY),
    row("ZUNIONSTORE", -4, GROW.and(ALONE), Access::Overwrite, combine::zunionstore)
        .event(KeyspaceEvents::SORTED_SET, "zunionstore").keys(TARGET_AND_COUNTED).doc(
        "2.0.0",
        "O(N)+O(M*log(M)) where N is the number of members of all sorted sets and M the number of members stored.",
        "Stores the members that are in at least one of several sorted sets in a key.",
        "destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX | COUNT>]",
    )
    .history(COUNT_HISTORY),
    row("ZINTER", -3, READ.and(ALONE), Access::Read, combine::zinter).keys(COUNTED).doc(
        "6.2.0",
        "O(N*K*log(N))+O(M*log(M)) where N is the number of members of the smallest sorted set, K the number of sorted \
         sets and M the number of members returned.",
        "Returns the members that are in each of several sorted sets.",
        "numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX | COUNT>] [WITHSCORES]",
    )
    .history(COUNT_HISTORY),
    row("ZINTERSTORE", -4, GROW.and(ALONE), Access::Overwrite, combine::zinterstore)
        .event(KeyspaceEvents::SORTED_SET, "zinterstore").keys(TARGET_AND_COUNTED).doc(
        "2.0.0",
        "O(N*K*log(N))+O(M*log(M)) where N is the number of members of the smallest sorted set, K the number of sorted \
         sets and M the number of members stored.",
        "Stores the members that are in each of several sorted sets in a key.",
        "destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX | COUNT>]",
    )
    .history(COUNT_HISTORY),
    row("ZINTERCARD", -3, READ.and(ALONE), Access::Read, combine::zintercard).keys(COUNTED).doc(
        "7.0.0",
        "O(N*K*log(N)) where N is the number of members of the smallest sorted set and K the number of sorted sets.",
        "Returns the number of members that are in each of several sorted sets.",
        "numkeys key [key ...] [LIMIT limit]",
    ),
    row("ZDIFF", -3, READ.and(ALONE), Access::Read, combine::zdiff).keys(COUNTED).doc(
        "6.2.0",
        "O(N*K*log(N)) where N is the number of members of the first sorted set and K the number of sorted sets.",
        "Returns the members of the first of several sorted sets that are in none of the others.",
        "numkeys key [key ...] [WITHSCORES]",
    ),
    row("ZDIFFSTORE", -4, GROW.and(ALONE), Access::Overwrite, combine::zdiffstore)
        .event(KeyspaceEvents::SORTED_SET, "zdiffstore").keys(TARGET_AND_COUNTED).doc(
        "6.2.0",
        "O(N*K*log(N)) where N is the number of members of the first sorted set and K the number of sorted sets.",
        "Stores the members of the first of several sorted sets that are in none of the others in a key.",
        "destination numkeys key [key ...]",
    ),
];

/// Puts the sorted set that the command has made of others under a key, over whatever is there; an empty one leaves no key.
/// Returns the number of its members.
pub(super) fn store(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    key: &Key<'_>,
    zset: ZSet,
    recorded: Recorded,
) -> usize {
    let length = zset.as_ref().len();
    if length == 0 {
        ctx.db().delete(key);
    } else {
        ctx.store_result(args, key, Value::ZSet(zset), recorded);
    }
    length
}

/// A number of members that is not negative.
fn natural(text: &[u8]) -> Result<usize, Error> {
    let number = stdx::number::parse_i64(text).and_then(|number| usize::try_from(number).ok());
    number.ok_or(Error::Static("ERR value is out of range, must be positive"))
}
