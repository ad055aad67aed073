//! Lists: the rows. The functions stand in files of their own, by idea.

mod block;
mod change;
mod ends;
mod looking;
mod many;
mod read;

use value::list::Side;

use crate::args::Args;
use crate::command::{Access, Command, Flags, Group, Handler, Keys};
use crate::error::Error;

/// Elements that are compared in one step; they lie one behind the other.
const STEP_COMPARED: usize = 8 * crate::computing::STEP_ELEMENTS;

const READ: Flags = Flags::READONLY;
const WRITE: Flags = Flags::WRITE;
const FAST: Flags = Flags::FAST;
/// What writes that may need memory have.
const GROW: Flags = WRITE.and(Flags::DENYOOM);

/// What moves take from the first key and add to the second.
const FROM_TO: Keys = Keys::Pair { first: Access::Take, second: Access::Insert };
/// What waiting commands take from all arguments but the time limit.
const ALL_BUT_LAST: Keys = Keys::Range { first: 1, last: -2, step: 1, access: Access::Take };
/// What writes that may wait have.
const WAIT: Flags = WRITE.and(Flags::BLOCKING);

const fn row(name: &'static str, arity: i32, flags: Flags, access: Access, handler: Handler) -> Command {
    Command::new(name, Group::List, arity, handler).flags(flags).key(access)
}

/// The rows of this group.
pub(super) const COMMANDS: &[Command] = &[
    row("LPUSH", -3, GROW.and(FAST), Access::Insert, ends::lpush).doc(
        "1.0.0",
        "O(N) where N is the number of elements added.",
        "Puts elements before the first of a list, one after the other; creates the list if it doesn't exist.",
        "key element [element ...]",
    )
    .history(&[("2.4.0", "Several elements may be given.")]),
    row("RPUSH", -3, GROW.and(FAST), Access::Insert, ends::rpush).doc(
        "1.0.0",
        "O(N) where N is the number of elements added.",
        "Puts elements behind the last of a list; creates the list if it doesn't exist.",
        "key element [element ...]",
    )
    .history(&[("2.4.0", "Several elements may be given.")]),
    row("LPUSHX", -3, GROW.and(FAST), Access::Insert, ends::lpushx).doc(
        "2.2.0",
        "O(N) where N is the number of elements added.",
        "Puts elements before the first of a list only when the list exists.",
        "key element [element ...]",
    )
    .history(&[("4.0.0", "Several elements may be given.")]),
    row("RPUSHX", -3, GROW.and(FAST), Access::Insert, ends::rpushx).doc(
        "2.2.0",
        "O(N) where N is the number of elements added.",
        "Puts elements behind the last of a list only when the list exists.",
        "key element [element ...]",
    )
    .history(&[("4.0.0", "Several elements may be given.")]),
    row("LPOP", -2, WRITE.and(FAST), Access::Take, ends::lpop).doc(
        "1.0.0",
        "O(N) where N is the number of elements returned",
        "Removes the first elements of a list and returns them, and the list with its last element.",
        "key [count@6.2.0]",
    )
    .history(&[("6.2.0", "The number of elements may be given.")]),
    row("RPOP", -2, WRITE.and(FAST), Access::Take, ends::rpop).doc(
        "1.0.0",
        "O(N) where N is the number of elements returned",
        "Removes the last elements of a list and returns them, and the list with its last element.",
        "key [count@6.2.0]",
    )
    .history(&[("6.2.0", "The number of elements may be given.")]),
    row("LMPOP", -4, WRITE, Access::Take, ends::lmpop)
        .keys(Keys::Counted { at: 1, step: 1, access: Access::Take })
        .doc(
            "7.0.0",
            "O(N+M) where N is the number of provided keys and M is the number of elements returned.",
            "Removes elements at an end of the first list that has any and returns them.",
            "numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
        ),
    row("LMOVE", 5, GROW, Access::Take, ends::lmove).keys(FROM_TO).doc(
        "6.2.0",
        "O(1)",
        "Moves the element at an end of a list to an end of another and returns it.",
        "source destination wherefrom=<LEFT | RIGHT> whereto=<LEFT | RIGHT>",
    ),
    row("RPOPLPUSH", 3, GROW, Access::Take, ends::rpoplpush).keys(FROM_TO).doc(
        "1.2.0",
        "O(1)",
        "Moves the last element of a list to the front of another and returns it.",
        "source destination",
    )
.deprecated("6.2.0", "`LMOVE` with the `RIGHT` and `LEFT` arguments"),
    row("BLPOP", -3, WAIT, Access::Take, block::blpop).keys(ALL_BUT_LAST).doc(
        "2.0.0",
        "O(N) where N is the number of provided keys.",
        "Removes the first element of the first list that has any and returns it; waits until one has, or the time is up.",
        "key [key ...] timeout",
    )
    .history(&[("6.0.0", "The timeout may be a fraction.")]),
    row("BRPOP", -3, WAIT, Access::Take, block::brpop).keys(ALL_BUT_LAST).doc(
        "2.0.0",
        "O(N) where N is the number of provided keys.",
        "Removes the last element of the first list that has any and returns it; waits until one has, or the time is up.",
        "key [key ...] timeout",
    )
    .history(&[("6.0.0", "The timeout may be a fraction.")]),
    row("BLMPOP", -5, WAIT, Access::Take, block::blmpop)
        .keys(Keys::Counted { at: 2, step: 1, access: Access::Take })
        .doc(
            "7.0.0",
            "O(N+M) where N is the number of provided keys and M is the number of elements returned.",
            "Removes elements at an end of the first list that has any and returns them; waits until one has, or the time is \
             up.",
            "timeout numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
        ),
    row("BLMOVE", 6, WAIT.and(GROW), Access::Take, block::blmove).keys(FROM_TO).doc(
        "6.2.0",
        "O(1)",
        "Moves the element at an end of a list to an end of another and returns it; waits until there is one, or the time is \
         up.",
        "source destination wherefrom=<LEFT | RIGHT> whereto=<LEFT | RIGHT> timeout",
    ),
    row("LMOVEM", -5, GROW, Access::Take, many::lmovem).keys(FROM_TO).doc(
        "8.10.0",
        "O(N) where N is the number of elements moved.",
        "Moves elements at an end of a list to an end of another and returns them.",
        "source destination wherefrom=<LEFT | RIGHT> whereto=<LEFT | RIGHT> \
         how-many=[selector=<COUNT count | EXACTLY exactly> ordering=<OBO | BULK>]",
    ),
    row("BLMOVEM", -6, WAIT.and(GROW), Access::Take, many::blmovem).keys(FROM_TO).doc(
        "8.10.0",
        "O(N) where N is the number of elements moved.",
        "Moves elements at an end of a list to an end of another and returns them; waits until there are some, or as many as \
         are wanted, or the time is up.",
        "source destination wherefrom=<LEFT | RIGHT> whereto=<LEFT | RIGHT> timeout \
         how-many=[selector=<COUNT count | EXACTLY exactly> ordering=<OBO | BULK>]",
    ),
    row("BRPOPLPUSH", 4, WAIT.and(GROW), Access::Take, block::brpoplpush)
        .keys(FROM_TO)
        .doc(
            "2.2.0",
            "O(1)",
            "Moves the last element of a list to the front of another and returns it; waits until there is one, or the time \
             is up.",
            "source destination timeout",
        )
        .history(&[("6.0.0", "The timeout may be a fraction.")])
        .deprecated("6.2.0", "`BLMOVE` with the `RIGHT` and `LEFT` arguments"),
    row("LLEN", 2, READ.and(FAST), Access::Look, read::llen).doc(
        "1.0.0",
        "O(1)",
        "Returns the number of elements of a list.",
        "key",
    ),
    row("LRANGE", 4, READ, Access::Read, read::lrange).doc(
        "1.0.0",
        "O(log(N)+M) where N is the length of the list and M is the number of elements returned.",
        "Returns the elements of a range of positions of a list.",
        "key start stop",
    ),
    row("LINDEX", 3, READ, Access::Read, read::lindex).doc(
        "1.0.0",
        "O(log(N)) where N is the length of the list.",
        "Returns the element at a position of a list.",
        "key index",
    ),
    row("LPOS", -3, READ, Access::Read, read::lpos).doc(
        "6.0.6",
        "O(N) where N is the number of elements looked at.",
        "Returns the positions of elements of a list that equal one.",
        "key element [RANK rank] [COUNT num-matches] [MAXLEN len]",
    ),
    row("LSET", 4, GROW, Access::Touch, change::lset).doc(
        "1.0.0",
        "O(log(N)) where N is the length of the list.",
        "Gives a position of a list another element.",
        "key index element",
    ),
    row("LINSERT", 5, GROW.and(Flags::ALONE), Access::Insert, change::linsert).doc(
        "2.2.0",
        "O(N) where N is the number of elements before the pivot.",
        "Puts an element before or behind another in a list.",
        "key <BEFORE | AFTER> pivot element",
    ),
    row("LREM", 4, WRITE.and(Flags::ALONE), Access::Shrink, change::lrem).doc(
        "1.0.0",
        "O(N) where N is the length of the list.",
        "Removes elements of a list that equal one, and the list with its last element.",
        "key count element",
    ),
    row("LTRIM", 4, WRITE, Access::Shrink, change::ltrim).doc(
        "1.0.0",
        "O(log(N)) where N is the length of the list; what is removed is freed elsewhere.",
        "Removes all elements of a list but those of a range of positions.",
        "key start stop",
    ),
];

/// The end of a list that an argument names.
fn side(args: &Args<'_>, at: usize) -> Result<Side, Error> {
    side_of(args.get(at))
}

/// The side that a word names.
fn side_of(word: &[u8]) -> Result<Side, Error> {
    if word.eq_ignore_ascii_case(b"LEFT") {
        Ok(Side::Left)
    } else if word.eq_ignore_ascii_case(b"RIGHT") {
        Ok(Side::Right)
    } else {
        Err(Error::Syntax)
    }
}

/// A position of a list of some length that a number means; negative ones count from the end. `None`: there is none.
fn position(index: i64, length: usize) -> Option<usize> {
    let from_start = if index < 0 { index.checked_add_unsigned(length as u64)? } else { index };
    usize::try_from(from_start).ok().filter(|&position| position < length)
}

/// The positions that a first and a last one mean; empty if there are none.
pub(super) fn positions(start: i64, stop: i64, length: usize) -> std::ops::Range<usize> {
    let from_start =
        |index: i64| if index < 0 { index.saturating_add_unsigned(length as u64) } else { index };
    let first = usize::try_from(from_start(start).max(0)).unwrap_or(usize::MAX);
    let end = usize::try_from(from_start(stop).saturating_add(1).max(0)).unwrap_or(usize::MAX).min(length);
    if first < end { first..end } else { 0..0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_from_either_end_and_stay_within_the_list() {
        assert_eq!(positions(0, -1, 5), 0..5);
        assert_eq!(positions(-3, -2, 5), 2..4);
        assert_eq!(positions(-100, 100, 5), 0..5);
        assert_eq!(positions(3, 1, 5), 0..0);
        assert_eq!(positions(5, 9, 5), 0..0);
        assert_eq!(positions(0, -6, 5), 0..0);
        assert_eq!(positions(i64::MIN, i64::MAX, 5), 0..5);
        assert_eq!(positions(i64::MAX, i64::MIN, 5), 0..0);
        assert_eq!(
            [position(-5, 5), position(-6, 5), position(4, 5), position(5, 5)],
            [Some(0), None, Some(4), None]
        );
        assert_eq!([position(i64::MIN, 5), position(i64::MAX, 5), position(0, 0)], [None; 3]);
    }
}
