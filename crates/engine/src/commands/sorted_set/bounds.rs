//! The ends of ranges as they are written: `1.5`, `(1.5` and `-inf` for scores; `[a`, `(a`, `-` and `+` for members.

use stdx::number::parse_f64;
use value::zset::{LexBound, LexRange, ScoreBound, ScoreRange};

use crate::args::Args;
use crate::error::Error;

/// The range of scores of which the lower end is the argument at `min`, and the upper one that at `max`.
pub(super) fn scores(args: &Args<'_>, min: usize, max: usize) -> Result<ScoreRange, Error> {
    let bound = |at| score(args.get(at)).ok_or(Error::Static("ERR min or max is not a float"));
    Ok(ScoreRange { min: bound(min)?, max: bound(max)? })
}

/// The range of members of which the lower end is the argument at `min`, and the upper one that at `max`.
pub(super) fn members<'a>(args: &Args<'a>, min: usize, max: usize) -> Result<LexRange<'a>, Error> {
    let bound = |at| member(args.get(at)).ok_or(Error::Static("ERR min or max not valid string range item"));
    Ok(LexRange { min: bound(min)?, max: bound(max)? })
}

fn score(text: &[u8]) -> Option<ScoreBound> {
    let (text, is_exclusive) = match text.strip_prefix(b"(") {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    Some(ScoreBound { score: number(text)?, is_exclusive })
}

/// A number, less strictly than where it becomes a score: nothing is zero, and what is too large is infinite, as it came
/// out of C's `strtod` ever since.
fn number(text: &[u8]) -> Option<f64> {
    if text.is_empty() {
        return Some(0.0);
    }
    let loose = || std::str::from_utf8(text).ok()?.parse::<f64>().ok();
    parse_f64(text).or_else(loose).filter(|number| !number.is_nan())
}

fn member(text: &[u8]) -> Option<LexBound<'_>> {
    match text {
        b"-" => Some(LexBound::Lowest),
        b"+" => Some(LexBound::Highest),
        [b'[', member @ ..] => Some(LexBound::Inclusive(member)),
        [b'(', member @ ..] => Some(LexBound::Exclusive(member)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_scores_are_read_as_redis_reads_them() {
        let read = |text: &str| score(text.as_bytes()).map(|bound| (bound.score, bound.is_exclusive));
        assert_eq!(read("1.5"), Some((1.5, false)));
        assert_eq!(read("(1.5"), Some((1.5, true)));
        assert_eq!(read("-inf"), Some((f64::NEG_INFINITY, false)));
        assert_eq!(read("(+inf"), Some((f64::INFINITY, true)));
        assert_eq!(read(""), Some((0.0, false)));
        assert_eq!(read("("), Some((0.0, true)));
        assert_eq!(read("1e400"), Some((f64::INFINITY, false)));
        assert_eq!(read("1e-400"), Some((0.0, false)));
        for text in ["nan", "((1", " 1", "1 ", "1_0", "a", "[1", "(nan"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn ends_of_members_have_a_sign_in_front() {
        assert_eq!(member(b"-"), Some(LexBound::Lowest));
        assert_eq!(member(b"+"), Some(LexBound::Highest));
        assert_eq!(member(b"["), Some(LexBound::Inclusive(b"")));
        assert_eq!(member(b"(a"), Some(LexBound::Exclusive(b"a")));
        for text in [&b""[..], b"a", b"+a", b"-1"] {
            assert_eq!(member(text), None);
        }
    }
}
