//! Sets: three ways to read them, two to write them.
//!
//! A set of integers is written as an intset (type 11), every other as members (type 2). All versions of Redis read both and
//! turn the members into their own packed form while loading; the listpack of Redis 7.2 (type 20) is only read.

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

/// The type to write.
pub(crate) fn tag(set: SetRef<'_>) -> u8 {
    match set.encoding() {
        Encoding::Intset => tag::SET_INTSET,
        Encoding::Listpack | Encoding::Hashtable => tag::SET,
    }
}

/// Writes the set behind its type.
pub(crate) fn write(set: SetRef<'_>, output: &mut Output<'_>) {
    if set.encoding() == Encoding::Intset {
        let integers: Vec<i64> =
            set.iter().map(|member| parse_i64(&member).expect("members of an intset are integers")).collect();
        return output.string(&intset::block(integers));
    }
    output.length(set.len() as u64);
    set.iter().for_each(|member| output.string(&member));
}
