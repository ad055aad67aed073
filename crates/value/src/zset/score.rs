//! Scores as eight bytes whose order, compared by memcmp, is that of the numbers.
//!
//! ```text
//!   positive: the sign bit is set, so they stand behind all negative ones
//!   negative: all bits are inverted, so that a larger magnitude stands in front
//! ```
//! An element of a sorted set is its score in this form, then its member: sorted by bytes, elements are sorted by score
//! and those of one score by member. The negative zero becomes the positive one, because both are the same score and
//! must not be two places; it was so already in Redis 8, as long as a sorted set is small. NaN is no score.

use smallvec::SmallVec;

/// Bytes of a score.
pub(super) const SCORE_BYTES: usize = 8;

const SIGN: u64 = 1 << 63;

/// The bytes of one element; most members are short.
pub(super) type Buffer = SmallVec<[u8; 64]>;

/// A member with its score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Element<'a> {
    /// The member.
    pub member: &'a [u8],
    /// Its score.
    pub score: f64,
}

impl<'a> Element<'a> {
    /// Takes an element apart.
    #[inline]
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        let (score, member) = split(bytes);
        Self { member, score: decode(score) }
    }
}

/// The number whose order is that of the scores.
#[inline]
pub(super) fn encode(score: f64) -> u64 {
    debug_assert!(!score.is_nan(), "NaN is no score");
    let bits = normal(score).to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

/// The score of such a number.
#[inline]
pub(super) fn decode(order: u64) -> f64 {
    f64::from_bits(if order & SIGN == 0 { !order } else { order & !SIGN })
}

/// The score as it is kept: zero has one sign.
#[inline]
pub(super) fn normal(score: f64) -> f64 {
    score + 0.0
}

/// The element of a score and a member.
#[inline]
pub(super) fn element(score: u64, member: &[u8]) -> Buffer {
    let mut bytes = Buffer::from_elem(0, SCORE_BYTES + member.len());
    let (score_bytes, member_bytes) = bytes.split_at_mut(SCORE_BYTES);
    score_bytes.copy_from_slice(&score.to_be_bytes());
    member_bytes.copy_from_slice(member);
    bytes
}

/// The score and the member of an element.
#[inline]
pub(super) fn split(bytes: &[u8]) -> (u64, &[u8]) {
    let (score, member) = bytes.split_first_chunk().expect("an element begins with its score");
    (u64::from_be_bytes(*score), member)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_order_of_the_bytes_is_that_of_the_numbers() {
        let ascending = [
            f64::NEG_INFINITY,
            f64::MIN,
            -1.5,
            -1.0,
            -f64::MIN_POSITIVE,
            -5e-324,
            0.0,
            5e-324,
            1.0,
            1.0 + f64::EPSILON,
            f64::MAX,
            f64::INFINITY,
        ];
        assert!(ascending.windows(2).all(|pair| encode(pair[0]) < encode(pair[1])));
        assert!(ascending.iter().all(|&score| decode(encode(score)).to_bits() == score.to_bits()));
    }

    #[test]
    fn both_zeros_are_one_score() {
        assert_eq!(encode(-0.0), encode(0.0));
        assert!(decode(encode(-0.0)).is_sign_positive());
    }

    proptest! {
        #[test]
        fn bytes_compare_as_scores_do(left: f64, right: f64) {
            prop_assume!(!left.is_nan() && !right.is_nan());
            prop_assert_eq!(encode(left).cmp(&encode(right)), left.partial_cmp(&right).expect("no NaN"));
            prop_assert_eq!(decode(encode(left)).to_bits(), normal(left).to_bits());
        }
    }
}
