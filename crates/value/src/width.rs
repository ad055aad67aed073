//! Integers in as few bytes as the widest of them needs: little endian, with the sign in the highest bit.

/// How many bytes each of some integers takes: 1, 2, 3, 4, 6 or 8. Six hold times in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Width(u8);

impl Width {
    /// That of small integers.
    pub(crate) const NARROWEST: Self = Self(1);

    /// The least that holds an integer.
    #[inline]
    pub(crate) fn of(integer: i64) -> Self {
        // Those of a number that is all ones or all zeros but for its value; one more is for the sign.
        let bits = 65 - (integer ^ (integer >> 63)).leading_zeros();
        match bits.div_ceil(8) {
            5 => Self(6),
            7 => Self(8),
            bytes => Self(bytes as u8),
        }
    }

    /// What [`Self::bytes`] has told.
    #[inline]
    pub(crate) const fn of_bytes(bytes: u8) -> Self {
        Self(bytes)
    }

    /// The bytes of an integer.
    #[inline]
    pub(crate) const fn bytes(self) -> u8 {
        self.0
    }

    /// The bytes of so many integers.
    #[inline]
    pub(crate) const fn bytes_of(self, count: usize) -> usize {
        self.0 as usize * count
    }

    /// The integer at a position that is there.
    #[inline]
    pub(crate) fn read(self, integers: &[u8], index: usize) -> i64 {
        let at = self.bytes_of(index);
        match integers[at..at + self.bytes_of(1)] {
            [one] => i64::from(one as i8),
            [one, two] => i64::from(i16::from_le_bytes([one, two])),
            [one, two, three] => i64::from(i32::from_le_bytes([0, one, two, three]) >> 8),
            [one, two, three, four] => i64::from(i32::from_le_bytes([one, two, three, four])),
            [one, two, three, four, five, six] => {
                i64::from_le_bytes([0, 0, one, two, three, four, five, six]) >> 16
            }
            ref eight => i64::from_le_bytes(*eight.first_chunk().expect("the last width is eight bytes")),
        }
    }

    /// Puts an integer, which is not wider, in the place of the one at a position.
    #[inline]
    pub(crate) fn write(self, integers: &mut [u8], index: usize, integer: i64) {
        debug_assert!(Self::of(integer) <= self, "it is not wider");
        let (at, bytes) = (self.bytes_of(index), integer.to_le_bytes());
        integers[at..at + self.bytes_of(1)].copy_from_slice(&bytes[..self.bytes_of(1)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integer_is_as_wide_as_its_value_and_sign() {
        let check = |bytes: u8, bits: u32| {
            let (most, least) = ((1_i64 << (bits - 1)).wrapping_sub(1), (-1_i64) << (bits - 1));
            for integer in [most, least, most - 1, least + 1] {
                assert_eq!(Width::of(integer).bytes(), bytes, "{integer}");
                let mut integers = [0xaa; 24];
                Width(bytes).write(&mut integers, 1, integer);
                assert_eq!(Width(bytes).read(&integers, 1), integer);
                assert_eq!(integers[0], 0xaa, "what stands before is as it was");
                assert!(integers[2 * usize::from(bytes)..].iter().all(|byte| *byte == 0xaa));
            }
        };
        for (bytes, bits) in [(1, 8), (2, 16), (3, 24), (4, 32), (6, 48), (8, 64)] {
            check(bytes, bits);
        }
        assert_eq!([0, 1, -1].map(|integer| Width::of(integer).bytes()), [1, 1, 1]);
        assert_eq!([1 << 31, 1 << 39, -1 << 33].map(|integer| Width::of(integer).bytes()), [6, 6, 6]);
        assert_eq!([1 << 47, i64::MAX, i64::MIN].map(|integer| Width::of(integer).bytes()), [8, 8, 8]);
    }
}
