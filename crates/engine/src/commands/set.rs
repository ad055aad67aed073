//! Sets: the rows. The functions stand in files of their own, by idea.

mod algebra;
mod change;
mod popping;
mod read;
mod walk;

use config::KeyspaceEvents;

use crate::command::{Access, Command, Flags, Group, Handler, Keys};
use crate::tips;

const READ: Flags = Flags::READONLY;
const WRITE: Flags = Flags::WRITE;
const FAST: Flags = Flags::FAST;
/// What writes that may need memory have.
const GROW: Flags = WRITE.and(Flags::DENYOOM);
/// The same for those that may compute for long, and do so without locks.
const COMPUTE: Flags = GROW.and(Flags::ALONE);

/// All arguments are keys whose sets are read.
const SOURCES: Keys = Keys::Range { first: 1, last: -1, step: 1, access: Access::Read };
/// The first argument is a key that is written, the others are keys whose sets are read.
const TARGET_AND_SOURCES: Keys = Keys::TargetAndSources { target: 1, access: Access::Overwrite };
/// A number, and as many keys whose sets are read.
const COUNTED_SOURCES: Keys = Keys::Counted { at: 1, step: 1, access: Access::Read };

const INTERSECTION_COST: &str =
    "O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets.";
const TOTAL_COST: &str = "O(N) where N is the total number of elements in all given sets.";

const fn row(name: &'static str, arity: i32, flags: Flags, access: Access, handler: Handler) -> Command {
    Command::new(name, Group::Set, arity, handler).flags(flags).key(access)
}

/// A command over many sets.
const fn over(name: &'static str, arity: i32, flags: Flags, keys: Keys, handler: Handler) -> Command {
    Command::new(name, Group::Set, arity, handler).flags(flags).keys(keys)
}

/// The rows of this group.
pub(super) const COMMANDS: &[Command] = &[
    row("SADD", -3, GROW.and(FAST), Access::Insert, change::sadd)
        .members(2, 1)
        .doc(
            "1.0.0",
            "O(N) where N is the number of members added.",
            "Adds members to a set; creates the set if it doesn't exist.",
            "key member [member ...]",
        )
        .history(&[("2.4.0", "Several members may be given.")]),
    row("SREM", -3, WRITE.and(FAST), Access::Shrink, change::srem)
        .members(2, 1)
        .event(KeyspaceEvents::SET, "srem")
        .doc(
            "1.0.0",
            "O(N) where N is the number of members to be removed.",
            "Removes members of a set, and the set with its last member.",
            "key member [member ...]",
        )
        .history(&[("2.4.0", "Several members may be given.")]),
    row("SMOVE", 4, WRITE.and(FAST), Access::Take, change::smove)
        .event(KeyspaceEvents::SET, "srem")
        .keys(Keys::Pair { first: Access::Take, second: Access::Insert })
        .doc("1.0.0", "O(1)", "Moves a member from a set to another.", "source destination member"),
    row("SPOP", -2, WRITE.and(FAST).and(Flags::ALONE_WITH_MORE), Access::Take, change::spop)
        .event(KeyspaceEvents::SET, "spop")
        .tips(tips::OUTPUT_VARIES)
        .doc(
            "1.0.0",
            "O(1), or O(N) where N is the count, if it is given.",
            "Removes random members of a set and returns them, and the set with its last member.",
            "key [count@3.2.0]",
        )
        .history(&[("3.2.0", "The number of members may be given.")]),
    row("SCARD", 2, READ.and(FAST), Access::Look, read::scard).doc(
        "1.0.0",
        "O(1)",
        "Returns the number of members of a set.",
        "key",
    ),
    row("SISMEMBER", 3, READ.and(FAST), Access::Look, read::sismember).members(2, 1).doc(
        "1.0.0",
        "O(1)",
        "Tells whether a member belongs to a set.",
        "key member",
    ),
    row("SMISMEMBER", -3, READ.and(FAST), Access::Read, read::smismember).members(2, 1).doc(
        "6.2.0",
        "O(N) where N is the number of members asked about.",
        "Tells for each of some members whether it belongs to a set.",
        "key member [member ...]",
    ),
    row("SMEMBERS", 2, READ, Access::Read, read::smembers).tips(tips::ORDER_VARIES).doc(
        "1.0.0",
        "O(N) where N is the number of members of the set.",
        "Returns all members of a set.",
        "key",
    ),
    row("SRANDMEMBER", -2, READ, Access::Read, walk::srandmember)
        .tips(tips::OUTPUT_VARIES)
        .doc(
            "1.0.0",
            "O(1), or O(N) where N is the absolute value of the count, if it is given.",
            "Returns one or more random members of a set.",
            "key [count@2.6.0]",
        )
        .history(&[("2.6.0", "The number of members may be given.")]),
    row("SSCAN", -3, READ, Access::Read, walk::sscan).tips(tips::OUTPUT_VARIES).doc(
        "2.8.0",
        "O(1) for every call. O(N) for a complete iteration.",
        "Iterates over the members of a set.",
        "key cursor [MATCH pattern] [COUNT count]",
    ),
    over("SINTER", -2, READ, SOURCES, algebra::sinter).tips(tips::ORDER_VARIES).doc(
        "1.0.0",
        INTERSECTION_COST,
        "Returns what all of some sets have in common.",
        "key [key ...]",
    ),
    over("SINTERSTORE", -3, COMPUTE, TARGET_AND_SOURCES, algebra::sinterstore).doc(
        "1.0.0",
        INTERSECTION_COST,
        "Stores what all of some sets have in common.",
        "destination key [key ...]",
    ),
    over("SINTERCARD", -3, READ, COUNTED_SOURCES, algebra::sintercard).doc(
        "7.0.0",
        INTERSECTION_COST,
        "Returns how many members all of some sets have in common.",
        "numkeys key [key ...] [LIMIT limit]",
    ),
    over("SUNION", -2, READ, SOURCES, algebra::sunion).tips(tips::ORDER_VARIES).doc(
        "1.0.0",
        TOTAL_COST,
        "Returns the union of sets.",
        "key [key ...]",
    ),
    over("SUNIONSTORE", -3, COMPUTE, TARGET_AND_SOURCES, algebra::sunionstore).doc(
        "1.0.0",
        TOTAL_COST,
        "Stores the union of sets.",
        "destination key [key ...]",
    ),
    over("SUNIONCARD", -3, READ, COUNTED_SOURCES, algebra::sunioncard).doc(
        "8.10.0",
        TOTAL_COST,
        "Returns how many members the union of sets has.",
        "numkeys key [key ...] [APPROX] [LIMIT limit]",
    ),
    over("SDIFF", -2, READ, SOURCES, algebra::sdiff).tips(tips::ORDER_VARIES).doc(
        "1.0.0",
        TOTAL_COST,
        "Returns the members of a set that others don't have.",
        "key [key ...]",
    ),
    over("SDIFFSTORE", -3, COMPUTE, TARGET_AND_SOURCES, algebra::sdiffstore).doc(
        "1.0.0",
        TOTAL_COST,
        "Stores the members of a set that others don't have.",
        "destination key [key ...]",
    ),
    over("SDIFFCARD", -3, READ, COUNTED_SOURCES, algebra::sdiffcard).doc(
        "8.10.0",
        TOTAL_COST,
        "Returns how many members of a set others don't have.",
        "numkeys key [key ...] [LIMIT limit]",
    ),
];
