//! Sets: three ways to read them, two to write them.
//!
//! One block of integers is written as an intset (type 11), every other set as members (type 2). All
//! versions of Redis read both and turn the members into their own packed form while loading; the listpack
//! of Redis 7.2 (type 20) is only read.

use stdx::number::parse_i64;
use value::SetRef;
use value::set::{Encoding, Set, SetEdit, Settings};

use super::cursor::{Cursor, Fault};
use super::error::Problem;
use super::output::Output;
use super::{intset, listpack, tag};

/// Room for most packed sets, so that it is not made step by step.
const FEW_BYTES: usize = 256;

/// Reads the set that follows a type of sets.
pub(crate) fn read(kind: u8, cursor: &mut Cursor<'_>, settings: Settings) -> Result<Set, Fault> {
    let mut set = Set::new();
    set.edit(&mut Vec::with_capacity(FEW_BYTES), settings, |edit| match kind {
        tag::SET => (0..cursor.length()?).try_for_each(|_| read_member(cursor, edit)),
        tag::SET_INTSET => {
            for integer in intset::integers(&cursor.string()?)? {
                add(edit, &stdx::number::Decimal::of(integer))?;
            }
            Ok(())
        }
        tag::SET_LISTPACK => {
            let block = cursor.string()?;
            let members = listpack::elements(&block)?;
            // Redis lets such a set begin as what it was written as, unless that has become too long.
            let is_too_long = members.len() > settings.max_packed_entries;
            edit.begin_as(if is_too_long { Encoding::Hashtable } else { Encoding::Listpack });
            for member in members {
                add(edit, &member.text())?;
            }
            Ok(())
        }
        _ => unreachable!("the caller has sorted the types"),
    })?;
    Ok(set)
}

/// Reads a member that stands by itself.
#[inline]
pub(crate) fn read_member(cursor: &mut Cursor<'_>, edit: &mut SetEdit<'_>) -> Result<(), Fault> {
    let member = cursor.string()?;
    Ok(add(edit, &member)?)
}

fn add(edit: &mut SetEdit<'_>, member: &[u8]) -> Result<(), Problem> {
    edit.add(member).then_some(()).ok_or(Problem::DuplicateMember)
}

/// The type to write. A table is no intset, even where high thresholds let it be called one: it would
/// have to be encoded at once, and the lengths of an intset have 32 bits. A reader with such thresholds
/// makes the same of its members.
pub(crate) fn tag(set: SetRef<'_>) -> u8 {
    match set.encoding() {
        Encoding::Intset if set.is_packed() => tag::SET_INTSET,
        Encoding::Intset | Encoding::Listpack | Encoding::Hashtable => tag::SET,
    }
}

/// Writes the set behind its type.
pub(crate) fn write(set: SetRef<'_>, output: &mut Output<'_>) {
    if tag(set) == tag::SET_INTSET {
        let integers: Vec<i64> =
            set.iter().map(|member| parse_i64(&member).expect("members of an intset are integers")).collect();
        return output.string(&intset::block(integers));
    }
    output.length(set.len() as u64);
    set.iter().for_each(|member| output.string(&member));
}

#[cfg(test)]
mod tests {
    use super::*;
    use stdx::hash::HashKey;

    #[test]
    fn only_a_block_of_integers_is_written_as_one() {
        let settings = Settings { max_integers: usize::MAX, ..Settings::of_redis(HashKey([1, 2])) };
        for (count, expected) in [(100, tag::SET_INTSET), (100_000, tag::SET)] {
            let mut set = Set::new();
            set.edit(&mut Vec::new(), settings, |edit| {
                (0..count).for_each(|number| assert!(edit.add(number.to_string().as_bytes())));
            });
            assert_eq!(set.as_ref().encoding(), Encoding::Intset);
            assert_eq!(tag(set.as_ref()), expected, "{count} integers");
        }
    }
}
