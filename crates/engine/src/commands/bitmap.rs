//! Bits of strings: the rows, and how offsets are read. The functions stand in files of their own, by idea.
//!
//! Bit 0 is the most significant bit of the first byte. Long strings are walked page by page; nothing is copied to be
//! counted.

mod bit;
mod combine;
mod count;
mod field;
mod integer;
mod position;

use config::KeyspaceEvents;
use stdx::number::parse_i64;

use crate::args::Args;
use crate::command::{Access, Command, Flags, Group, Keys};
use crate::context::Context;
use crate::error::Error;

const READ: Flags = Flags::READONLY;
const GROW: Flags = Flags::WRITE.and(Flags::DENYOOM);
const FAST: Flags = Flags::FAST;

/// The rows of this group.
pub(super) const COMMANDS: &[Command] = &[
    Command::new("SETBIT", Group::Bitmap, 4, bit::setbit)
        .event(KeyspaceEvents::STRING, "setbit")
        .flags(GROW)
        .key(Access::Update)
        .doc(
            "2.2.0",
            "O(1)",
            "Sets or clears the bit at an offset of the string value. Creates the key if it doesn't exist.",
            "key offset value(integer)",
        ),
    Command::new("GETBIT", Group::Bitmap, 3, bit::getbit).flags(READ.and(FAST)).key(Access::Read).doc(
        "2.2.0",
        "O(1)",
        "Returns a bit value by offset.",
        "key offset",
    ),
    Command::new("BITCOUNT", Group::Bitmap, -2, count::bitcount).flags(READ).key(Access::Read).doc(
        "2.6.0",
        "O(N)",
        "Counts the number of set bits in a string.",
        "key range=[start end [BYTE | BIT]@7.0.0]",
    )
    .history(&[("7.0.0", "The unit of the range may be `BYTE` or `BIT`.")]),
    Command::new("BITPOS", Group::Bitmap, -3, position::bitpos).flags(READ).key(Access::Read).doc(
        "2.8.7",
        "O(N)",
        "Finds the first set (1) or clear (0) bit in a string.",
        "key bit range=[start end-unit-block=[end [BYTE | BIT]@7.0.0]]",
    )
    .history(&[("7.0.0", "The unit of the range may be `BYTE` or `BIT`.")]),
    Command::new("BITOP", Group::Bitmap, -4, combine::bitop)
        .event(KeyspaceEvents::STRING, "set")
        .flags(GROW.and(Flags::ALONE))
        .keys(Keys::TargetAndSources { target: 2, access: Access::Overwrite })
        .doc(
            "2.6.0",
            "O(N)",
            "Performs bitwise operations on multiple strings, and stores the result.",
            "operation=<AND | OR | XOR | NOT | DIFF | DIFF1 | ANDOR | ONE> destkey key [key ...]",
        ),
    Command::new("BITFIELD", Group::Bitmap, -2, field::bitfield)
        .key_note("This command allows both access and modification of the key")
        .event(KeyspaceEvents::STRING, "setbit")
        .flags(GROW)
        .key(Access::Update)
        .access_by(field::access)
        .doc(
            "3.2.0",
            "O(1) for each subcommand specified",
            "Performs arbitrary bitfield integer operations on strings.",
            "key operation=[get-block=GET encoding offset | write=<overflow-block=[OVERFLOW <WRAP | SAT | FAIL>] \
             write-operation=<set-block=SET encoding offset value(integer) | incrby-block=INCRBY encoding offset \
             increment>> ...]",
        ),
    Command::new("BITFIELD_RO", Group::Bitmap, -2, field::bitfield_ro)
        .flags(READ.and(FAST))
        .key(Access::Read)
        .doc(
            "6.0.0",
            "O(1) for each subcommand specified",
            "Performs arbitrary read-only bitfield integer operations on strings.",
            "key [get-block=GET encoding offset [get-block=GET encoding offset ...]]",
        ),
];

/// Bits that are looked at in one step: some ten microseconds.
const STEP_BITS: usize = 8 * 256 * 1024;

/// The unit in which a range is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Byte,
    Bit,
}

impl Unit {
    /// BYTE or BIT at the end of the arguments, if there is one.
    fn parse(args: &Args<'_>, index: usize) -> Result<Self, Error> {
        if args.len() > index + 1 {
            Err(Error::Syntax)
        } else if args.len() <= index || args.is(index, "BYTE") {
            Ok(Self::Byte)
        } else if args.is(index, "BIT") {
            Ok(Self::Bit)
        } else {
            Err(Error::Syntax)
        }
    }

    /// How many of it a byte has.
    fn per_byte(self) -> usize {
        match self {
            Self::Byte => 1,
            Self::Bit => 8,
        }
    }
}

/// A bit offset within the longest string there may be. With a width, `#n` stands for the n-th field of that width.
fn offset(ctx: &Context<'_, '_>, text: &[u8], width: Option<u32>) -> Result<usize, Error> {
    let limit = super::string::max_length(ctx) as i64;
    let offset = match (text, width) {
        ([b'#', digits @ ..], Some(width)) => {
            parse_i64(digits).and_then(|number| number.checked_mul(i64::from(width)))
        }
        _ => parse_i64(text),
    };
    offset
        .filter(|&offset| offset >= 0 && offset >> 3 < limit)
        .map(|offset| offset as usize)
        .ok_or(Error::Static("ERR bit offset is not an integer or out of range"))
}
