//! `FIELDS numfields field [field ...]`, as it ends the requests of many commands.

use crate::args::Args;
use crate::error::Error;

/// The field names at the end of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    args: Args<'a>,
    first: usize,
}

impl<'a> Fields<'a> {
    /// Reads the clause, which begins at `at` and ends the request.
    pub(super) fn parse(args: &Args<'a>, at: usize) -> Result<Self, Error> {
        Self::parse_or(args, at, Error::Static("ERR Number of fields must be a positive integer"))
    }

    /// The same, with the error for a count that is not a positive integer.
    pub(super) fn parse_or(args: &Args<'a>, at: usize, bad_count: Error) -> Result<Self, Error> {
        if !args.is(at, "FIELDS") || at + 1 >= args.len() {
            return Err(Error::Static(
                "ERR Mandatory argument FIELDS is missing or not at the right position",
            ));
        }
        let count = args.integer(at + 1).ok().filter(|count| *count > 0).ok_or(bad_count)?;
        let first = at + 2;
        if usize::try_from(count) != Ok(args.len() - first) {
            return Err(Error::Static("ERR The `numfields` parameter must match the number of arguments"));
        }
        Ok(Self { args: *args, first })
    }

    /// How many.
    pub(super) fn len(self) -> usize {
        self.args.len() - self.first
    }

    /// The names.
    pub(super) fn iter(self) -> impl ExactSizeIterator<Item = &'a [u8]> + Clone {
        self.args.from(self.first)
    }
}
