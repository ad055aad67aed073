//! Ranges of scores and of members, and their ends as they are written: `1.5`, `(1.5` and `-inf` for scores; `[a`, `(a`, `-` and
//! `+` for members.

use stdx::number::parse_f64;

/// An end of a range of scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreBound {
    /// The score.
    pub score: f64,
    /// Whether elements of just this score are outside.
    pub is_exclusive: bool,
}

/// A range of scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreRange {
    /// Where it begins.
    pub min: ScoreBound,
    /// Where it ends.
    pub max: ScoreBound,
}

/// An end of a range of members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LexBound<'a> {
    /// Before every member.
    Lowest,
    /// Behind every member.
    Highest,
    /// This member is inside.
    Inclusive(&'a [u8]),
    /// This member is outside.
    Exclusive(&'a [u8]),
}

/// A range of members. It means something only where all scores are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LexRange<'a> {
    /// Where it begins.
    pub min: LexBound<'a>,
    /// Where it ends.
    pub max: LexBound<'a>,
}

impl ScoreBound {
    /// A bound whose score is inside.
    pub fn inclusive(score: f64) -> Self {
        Self { score, is_exclusive: false }
    }

    /// Reads a bound: a number, with `(` in front if its score is outside.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (text, is_exclusive) = match text.strip_prefix(b"(") {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        Some(Self { score: parse_number(text)?, is_exclusive })
    }
}

/// A number, less strictly than where it becomes a score: nothing is zero, and what is too large is infinite, as it came
/// out of C's `strtod` ever since.
fn parse_number(text: &[u8]) -> Option<f64> {
    if text.is_empty() {
        return Some(0.0);
    }
    let loose = || std::str::from_utf8(text).ok()?.parse::<f64>().ok();
    parse_f64(text).or_else(loose).filter(|number| !number.is_nan())
}

impl<'a> LexBound<'a> {
    /// Reads a bound: `-`, `+`, or a member with `[` or `(` in front.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        match text {
            b"-" => Some(Self::Lowest),
            b"+" => Some(Self::Highest),
            [b'[', member @ ..] => Some(Self::Inclusive(member)),
            [b'(', member @ ..] => Some(Self::Exclusive(member)),
            _ => None,
        }
    }
}

impl LexRange<'_> {
    /// Whether a member is not before the range.
    pub(super) fn begins_by(&self, member: &[u8]) -> bool {
        match self.min {
            LexBound::Lowest => true,
            LexBound::Highest => false,
            LexBound::Inclusive(min) => member >= min,
            LexBound::Exclusive(min) => member > min,
        }
    }

    /// Whether a member is behind the range.
    pub(super) fn ends_before(&self, member: &[u8]) -> bool {
        match self.max {
            LexBound::Lowest => true,
            LexBound::Highest => false,
            LexBound::Inclusive(max) => member > max,
            LexBound::Exclusive(max) => member >= max,
        }
    }

    /// Whether no member can be inside.
    pub(super) fn is_empty(&self) -> bool {
        use LexBound::{Exclusive, Highest, Inclusive, Lowest};
        match (self.min, self.max) {
            (Highest, _) | (_, Lowest) => true,
            (Lowest, _) | (_, Highest) => false,
            (Inclusive(min), Inclusive(max)) => min > max,
            (Inclusive(min) | Exclusive(min), Inclusive(max) | Exclusive(max)) => min >= max,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_scores_are_read_as_redis_reads_them() {
        let read =
            |text: &str| ScoreBound::parse(text.as_bytes()).map(|bound| (bound.score, bound.is_exclusive));
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
        assert_eq!(LexBound::parse(b"-"), Some(LexBound::Lowest));
        assert_eq!(LexBound::parse(b"+"), Some(LexBound::Highest));
        assert_eq!(LexBound::parse(b"["), Some(LexBound::Inclusive(b"")));
        assert_eq!(LexBound::parse(b"(a"), Some(LexBound::Exclusive(b"a")));
        for text in [&b""[..], b"a", b"+a", b"-1"] {
            assert_eq!(LexBound::parse(text), None);
        }
    }
}
