//! What must hold for any text that is read as an end of a range of scores or of members: what was understood is written and
//! read again as the same.

use value::zset::{LexBound, ScoreBound};

/// Panics if an end misbehaves.
pub(crate) fn check(text: &[u8]) {
    if let Some(bound) = ScoreBound::parse(text) {
        assert!(!bound.score.is_nan(), "nothing can be compared with it");
        assert_eq!(bound.is_exclusive, text.starts_with(b"("));
        let sign = if bound.is_exclusive { "(" } else { "" };
        assert_eq!(ScoreBound::parse(format!("{sign}{}", bound.score).as_bytes()), Some(bound));
    }
    let Some(bound) = LexBound::parse(text) else { return };
    let written = match bound {
        LexBound::Lowest => b"-".to_vec(),
        LexBound::Highest => b"+".to_vec(),
        LexBound::Inclusive(member) => [b"[", member].concat(),
        LexBound::Exclusive(member) => [b"(", member].concat(),
    };
    assert_eq!(written, text);
}
