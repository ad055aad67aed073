//! Scores as bytes whose order, compared by memcmp, is that of the numbers, and which are few for most scores.
//!
//! First a score is a number of 64 bits, here called its order:
//!
//! ```text
//!   positive: its bits with the sign bit set, so that it stands behind all negative ones
//!   negative: its bits negated, so that a larger magnitude stands in front
//! ```
//! Both end in zeros where the score needs few bits of its fraction, as whole numbers do. So the order is written from
//! the top in groups of seven bits, up to the last that is not zero:
//!
//! ```text
//!   byte 0 to 7:  seven bits, and as the lowest one whether more bytes follow
//!   byte 8:       the last eight bits
//! ```
//! Zero takes one byte, whole numbers up to eight at most two, up to 1024 three, up to 131,072 four, times in seconds six, and
//! any score at most nine. Of two codes none begins with the other: where they part first, either the bits do, or one
//! says that something greater than zero follows and the other that nothing does, which is the order of the numbers again.
//!
//! An element of a sorted set is its score in this form, then its member: sorted by bytes, elements are sorted by score
//! and those of one score by member. The negative zero becomes the positive one, because both are the same score and
//! must not be two places; it was so already in Redis 8, as long as a sorted set is small. NaN is no score.

use smallvec::SmallVec;

/// The most bytes of a score.
pub(super) const MAX_SCORE_BYTES: usize = GROUPS + 1;

/// Groups of seven bits in front of the last byte.
const GROUPS: usize = 8;
const GROUP_BITS: u32 = 7;
/// Bits behind the groups.
const REST_BITS: u32 = 64 - GROUP_BITS * GROUPS as u32;
/// In each byte the bit that says whether more follow.
const MORE: u64 = 0x0101_0101_0101_0101;
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

/// A score as it stands in front of its member.
#[derive(Clone, Copy)]
pub(super) struct Code {
    bytes: [u8; MAX_SCORE_BYTES],
    length: usize,
}

impl<'a> Element<'a> {
    /// Takes an element apart.
    #[inline]
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        let (order, member) = split(bytes);
        Self { member, score: decode(order) }
    }
}

impl Code {
    /// The bytes of an order.
    #[inline]
    pub(super) fn of(order: u64) -> Self {
        let groups = (64 - order.trailing_zeros()).div_ceil(GROUP_BITS).max(1) as usize;
        let length = groups.min(MAX_SCORE_BYTES);
        let followed = u64::MAX.checked_shr(8 * (length as u32 - 1)).map_or(MORE, |behind| MORE & !behind);
        let mut bytes = [0; MAX_SCORE_BYTES];
        bytes[..GROUPS].copy_from_slice(&(spread(order >> REST_BITS) << 1 | followed).to_be_bytes());
        bytes[GROUPS] = order as u8;
        Self { bytes, length }
    }

    #[inline]
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// The number whose order is that of the scores.
#[inline]
pub(super) fn encode(score: f64) -> u64 {
    debug_assert!(!score.is_nan(), "NaN is no score");
    let bits = normal(score).to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { bits.wrapping_neg() }
}

/// The score of such a number.
#[inline]
pub(super) fn decode(order: u64) -> f64 {
    f64::from_bits(if order & SIGN == 0 { order.wrapping_neg() } else { order & !SIGN })
}

/// The score as it is kept: zero has one sign.
#[inline]
pub(super) fn normal(score: f64) -> f64 {
    score + 0.0
}

/// The element of a score and a member.
#[inline]
pub(super) fn element(order: u64, member: &[u8]) -> Buffer {
    let Code { bytes: code, length } = Code::of(order);
    // All bytes of the code are copied, since a copy of a known length is cheaper, and the member goes over those too many.
    let mut bytes = Buffer::from_elem(0, MAX_SCORE_BYTES + member.len());
    bytes[..MAX_SCORE_BYTES].copy_from_slice(&code);
    bytes[length..length + member.len()].copy_from_slice(member);
    bytes.truncate(length + member.len());
    bytes
}

/// The order of the score, and the member of an element.
#[inline]
pub(super) fn split(bytes: &[u8]) -> (u64, &[u8]) {
    let head = head(bytes);
    let ends = !head & MORE;
    if ends == 0 {
        return (joined(head) << REST_BITS | u64::from(bytes[GROUPS]), &bytes[MAX_SCORE_BYTES..]);
    }
    let behind_end = ends.leading_zeros() + 1;
    // In the byte that ends it the lowest bit is zero, so what is shifted out is nothing but what stands behind.
    let code = head >> (64 - behind_end) << (64 - behind_end);
    (joined(code) << REST_BITS, &bytes[behind_end as usize / 8..])
}

/// The member of an element.
#[inline]
pub(super) fn member(bytes: &[u8]) -> &[u8] {
    // Without an end among eight bytes the count of zeros is 64.
    &bytes[(!head(bytes) & MORE).leading_zeros() as usize / 8 + 1..]
}

/// The first eight bytes, the first one on top; zeros stand for what is not there.
#[inline]
fn head(bytes: &[u8]) -> u64 {
    let mut head = [0; GROUPS];
    match bytes.first_chunk() {
        Some(chunk) => head = *chunk,
        None => head[..bytes.len()].copy_from_slice(bytes),
    }
    u64::from_be_bytes(head)
}

/// Eight groups of seven bits, back to back, each in a byte of its own.
#[inline]
fn spread(groups: u64) -> u64 {
    let halves = groups & 0x0fff_ffff | (groups & 0x00ff_ffff_f000_0000) << 4;
    let quarters = halves & 0x0000_3fff_0000_3fff | (halves & 0x0fff_c000_0fff_c000) << 2;
    quarters & 0x007f_007f_007f_007f | (quarters & 0x3f80_3f80_3f80_3f80) << 1
}

/// The upper seven bits of each of eight bytes back to back.
#[inline]
fn joined(bytes: u64) -> u64 {
    let bytes = bytes >> 1;
    let quarters = bytes & 0x007f_007f_007f_007f | (bytes & 0x7f00_7f00_7f00_7f00) >> 1;
    let halves = quarters & 0x0000_3fff_0000_3fff | (quarters & 0x3fff_0000_3fff_0000) >> 2;
    halves & 0x0fff_ffff | (halves & 0x0fff_ffff_0000_0000) >> 4
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ASCENDING: [f64; 16] = [
        f64::NEG_INFINITY,
        f64::MIN,
        -1e10,
        -1.5,
        -1.0,
        -f64::MIN_POSITIVE,
        -5e-324,
        0.0,
        5e-324,
        f64::MIN_POSITIVE,
        1.0,
        1.0 + f64::EPSILON,
        1.5,
        1e10,
        f64::MAX,
        f64::INFINITY,
    ];

    #[test]
    fn the_order_of_the_bytes_is_that_of_the_numbers() {
        let codes: Vec<Code> = ASCENDING.iter().map(|&score| Code::of(encode(score))).collect();
        assert!(codes.windows(2).all(|pair| pair[0].as_slice() < pair[1].as_slice()));
        assert!(ASCENDING.iter().all(|&score| decode(encode(score)).to_bits() == score.to_bits()));
    }

    #[test]
    fn both_zeros_are_one_score() {
        assert_eq!(encode(-0.0), encode(0.0));
        assert!(decode(encode(-0.0)).is_sign_positive());
    }

    #[test]
    fn short_numbers_take_few_bytes() {
        let lengths = |scores: &[f64]| -> Vec<usize> {
            scores.iter().map(|&score| Code::of(encode(score)).length).collect()
        };
        assert_eq!(lengths(&[0.0, 2.0, -2.0]), [1; 3]);
        assert_eq!(lengths(&[1.0, -1.0, 3.0, 8.0, 0.5, f64::INFINITY]), [2; 6]);
        assert_eq!(lengths(&[9.0, 100.0, -100.0, 1023.0, 1.125]), [3; 5]);
        assert_eq!(lengths(&[1025.0, 131_071.0]), [4, 4]);
        assert_eq!(lengths(&[1_700_000_001.0, 1_700_000_000_001.0]), [6, 8]);
        assert_eq!(lengths(&[0.1, 1_700_000_000.123_456, 5e-324, f64::MIN]), [9; 4]);
    }

    proptest! {
        #[test]
        fn bytes_compare_as_scores_do(left: f64, right: f64) {
            prop_assume!(!left.is_nan() && !right.is_nan());
            let expected = left.partial_cmp(&right).expect("no NaN");
            prop_assert_eq!(encode(left).cmp(&encode(right)), expected);
            prop_assert_eq!(Code::of(encode(left)).as_slice().cmp(Code::of(encode(right)).as_slice()), expected);
            prop_assert_eq!(decode(encode(left)).to_bits(), normal(left).to_bits());
        }

        #[test]
        fn codes_of_any_orders_compare_as_the_orders_do(one: u64, bits in 0..64_u32, step in 0..3_u64) {
            // Neighbours, with any number of zeros at the end.
            let one = (one >> bits << bits).max(1);
            let other = one.saturating_add(step);
            prop_assert_eq!(Code::of(one).as_slice().cmp(Code::of(other).as_slice()), one.cmp(&other));
        }

        #[test]
        fn an_element_comes_apart_again(score: f64, whole: i32, is_whole: bool, text in any::<Vec<u8>>()) {
            prop_assume!(!score.is_nan());
            let order = encode(if is_whole { f64::from(whole) } else { score });
            let bytes = element(order, &text);
            prop_assert_eq!(split(&bytes), (order, text.as_slice()));
            prop_assert_eq!(member(&bytes), text.as_slice());
            prop_assert!(bytes.starts_with(Code::of(order).as_slice()));
        }
    }
}
