//! Integers of 1 to 64 bits at any bit of a string, with BITFIELD's ways to overflow.

use value::StringRef;

/// An integer type such as `u8` or `i63`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Encoding {
    pub(super) signed: bool,
    /// 1 to 63, and 64 if signed.
    pub(super) bits: u32,
}

/// What happens when a number does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Overflow {
    /// The upper bits are lost.
    #[default]
    Wrap,
    /// It becomes the largest or smallest one.
    Saturate,
    /// Nothing happens.
    Fail,
}

impl Encoding {
    /// Reads `i` or `u` and a number of bits.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let (signed, digits) = match text {
            [b'i', digits @ ..] => (true, digits),
            [b'u', digits @ ..] => (false, digits),
            _ => return None,
        };
        let bits = stdx::number::parse_i64(digits)?;
        let most = if signed { 64 } else { 63 };
        (1..=most).contains(&bits).then_some(Self { signed, bits: bits as u32 })
    }

    /// The smallest and the largest number.
    fn range(self) -> (i128, i128) {
        if self.signed {
            (-(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1)
        } else {
            (0, (1 << self.bits) - 1)
        }
    }

    /// The number that the lowest bits of `bits` mean.
    fn interpret(self, bits: u64) -> i64 {
        let unused = 64 - self.bits;
        if self.signed { ((bits << unused) as i64) >> unused } else { (bits << unused >> unused) as i64 }
    }

    /// A number made to fit; `None` when it must not be stored.
    pub(super) fn fit(self, number: i128, overflow: Overflow) -> Option<i64> {
        let (least, most) = self.range();
        if (least..=most).contains(&number) {
            return Some(number as i64);
        }
        match overflow {
            Overflow::Wrap => Some(self.interpret(number as u64)),
            Overflow::Saturate => Some(number.clamp(least, most) as i64),
            Overflow::Fail => None,
        }
    }

    /// What BITFIELD SET stores: an unsigned field sees a negative number as the 64 bits that it is.
    pub(super) fn fit_value(self, value: i64, overflow: Overflow) -> Option<i64> {
        let number = if self.signed { i128::from(value) } else { i128::from(value.cast_unsigned()) };
        self.fit(number, overflow)
    }

    /// Reads the integer at a bit offset; what lies behind the end of the string is zeros.
    pub(super) fn read(self, value: StringRef<'_>, offset: usize) -> i64 {
        let window = window(value, offset);
        self.interpret((window >> self.shift(offset)) as u64)
    }

    /// The bytes that hold the integer at a bit offset once it is `number`: where they begin, and up to nine of them.
    pub(super) fn write(self, value: StringRef<'_>, offset: usize, number: i64) -> (usize, [u8; 9], usize) {
        let shift = self.shift(offset);
        let mask = ((1_u128 << self.bits) - 1) << shift;
        let bits = (u128::from(number.cast_unsigned()) << shift) & mask;
        let window = (window(value, offset) & !mask) | bits;
        let bytes = window.to_be_bytes();
        let mut written = [0; 9];
        written.copy_from_slice(&bytes[7..]);
        (offset / 8, written, (offset % 8 + self.bits as usize).div_ceil(8))
    }

    /// How far the integer lies above the end of its window.
    fn shift(self, offset: usize) -> u32 {
        72 - (offset % 8) as u32 - self.bits
    }
}

/// The nine bytes from a bit's byte on, which hold any integer that begins there.
fn window(value: StringRef<'_>, offset: usize) -> u128 {
    let first = offset / 8;
    (first..first + 9).fold(0, |window, place| window << 8 | u128::from(value.byte(place)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use stdx::rng::Rng;

    #[test]
    fn what_is_written_is_read_and_its_neighbours_stay() {
        let mut rng = Rng::from_seed(9);
        for _ in 0..20_000 {
            let signed = rng.below(2) == 0;
            let bits = 1 + rng.below(if signed { 64 } else { 63 }) as u32;
            let encoding = Encoding { signed, bits };
            let mut bytes = [0_u8; 20];
            rng.fill(&mut bytes);
            let offset = rng.below(88) as usize;
            let number = encoding.interpret(rng.next_u64());
            let (at, written, count) = encoding.write(StringRef::Inline(&bytes), offset, number);
            let mut after = bytes;
            after[at..at + count].copy_from_slice(&written[..count]);
            assert_eq!(encoding.read(StringRef::Inline(&after), offset), number, "{encoding:?} at {offset}");
            let bit = |bytes: &[u8], at: usize| bytes[at / 8] >> (7 - at % 8) & 1;
            let untouched = |at: &usize| *at < offset || *at >= offset + bits as usize;
            assert!((0..160).filter(untouched).all(|at| bit(&bytes, at) == bit(&after, at)));
        }
    }

    #[test]
    fn numbers_that_do_not_fit_wrap_saturate_or_fail() {
        let (u8_, i8_) = (Encoding { signed: false, bits: 8 }, Encoding { signed: true, bits: 8 });
        assert_eq!(u8_.fit(256, Overflow::Wrap), Some(0));
        assert_eq!(u8_.fit(-1, Overflow::Saturate), Some(0));
        assert_eq!(u8_.fit_value(-1, Overflow::Saturate), Some(255));
        assert_eq!(i8_.fit(128, Overflow::Wrap), Some(-128));
        assert_eq!(i8_.fit(128, Overflow::Saturate), Some(127));
        assert_eq!(i8_.fit(-129, Overflow::Fail), None);
        let i64_ = Encoding { signed: true, bits: 64 };
        assert_eq!(i64_.fit(i128::from(i64::MAX) + 1, Overflow::Wrap), Some(i64::MIN));
    }
}
