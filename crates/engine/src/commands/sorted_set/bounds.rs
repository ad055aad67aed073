//! Ranges of scores and of members as two arguments.

use value::zset::{LexBound, LexRange, ScoreBound, ScoreRange};

use crate::args::Args;
use crate::error::Error;

/// The range of scores of which the lower end is the argument at `min`, and the upper one that at `max`.
pub(super) fn scores(args: &Args<'_>, min: usize, max: usize) -> Result<ScoreRange, Error> {
    let bound = |at| ScoreBound::parse(args.get(at)).ok_or(Error::Static("ERR min or max is not a float"));
    Ok(ScoreRange { min: bound(min)?, max: bound(max)? })
}

/// The range of members of which the lower end is the argument at `min`, and the upper one that at `max`.
pub(super) fn members<'a>(args: &Args<'a>, min: usize, max: usize) -> Result<LexRange<'a>, Error> {
    let bound =
        |at| LexBound::parse(args.get(at)).ok_or(Error::Static("ERR min or max not valid string range item"));
    Ok(LexRange { min: bound(min)?, max: bound(max)? })
}
