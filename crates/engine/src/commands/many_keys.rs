//! `numkeys key [key ...] <end> [COUNT count]`: what LMPOP, ZMPOP and their waiting forms are to pop.

use std::ops::Range;

use stdx::number::parse_i64;

use crate::args::{Args, Cursor};
use crate::error::Error;

/// Keys, of which the first that holds something is popped from, at an end of a list or sorted set.
pub(super) struct ManyKeys<E> {
    /// The index of the first key.
    first: usize,
    keys: usize,
    pub(super) end: E,
    pub(super) count: usize,
}

impl<E> ManyKeys<E> {
    /// The arguments from the number of keys on; `end` reads the word that names the end.
    pub(super) fn parse(
        args: &Args<'_>,
        at: usize,
        end: impl FnOnce(&mut Cursor<'_>) -> Result<E, Error>,
    ) -> Result<Self, Error> {
        let keys = positive(args.get(at), "ERR numkeys should be greater than 0")?;
        let first = at + 1;
        if keys >= args.len() - first {
            return Err(Error::Syntax);
        }
        let mut cursor = args.cursor(first + keys);
        let mut wanted = Self { first, keys, end: end(&mut cursor)?, count: 1 };
        if cursor.take("COUNT") {
            wanted.count = positive(cursor.next_required()?, "ERR count should be greater than 0")?;
        }
        cursor.finish()?;
        Ok(wanted)
    }

    /// The positions of the keys among the arguments.
    pub(super) fn positions(&self) -> Range<usize> {
        self.first..self.first + self.keys
    }
}

/// A number of elements.
pub(super) fn positive(text: &[u8], error: &'static str) -> Result<usize, Error> {
    let number = parse_i64(text).filter(|&number| number > 0).ok_or(Error::Static(error))?;
    Ok(usize::try_from(number).unwrap_or(usize::MAX))
}
