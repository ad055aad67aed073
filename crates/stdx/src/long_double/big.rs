//! As much of arbitrary precision as reading and printing extreme numbers needs: little-endian limbs of 32 bits.

/// A natural number of any size, without leading zero limbs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Big {
    limbs: Vec<u32>,
}

impl Big {
    pub(super) fn from_u64(value: u64) -> Self {
        let mut big = Self { limbs: vec![value as u32, (value >> 32) as u32] };
        big.trim();
        big
    }

    pub(super) fn is_zero(&self) -> bool {
        self.limbs.is_empty()
    }

    /// Number of significant bits.
    pub(super) fn bits(&self) -> u32 {
        self.limbs.last().map_or(0, |top| self.limbs.len() as u32 * 32 - top.leading_zeros())
    }

    /// `self = self * factor + addend`.
    pub(super) fn multiply_add(&mut self, factor: u32, addend: u32) {
        let mut carry = u64::from(addend);
        for limb in &mut self.limbs {
            carry += u64::from(*limb) * u64::from(factor);
            *limb = carry as u32;
            carry >>= 32;
        }
        if carry > 0 {
            self.limbs.push(carry as u32);
        }
    }

    /// `self = self * 10^power`.
    pub(super) fn multiply_power_of_ten(&mut self, mut power: u32) {
        while power >= 9 {
            self.multiply_add(1_000_000_000, 0);
            power -= 9;
        }
        self.multiply_add(10_u32.pow(power), 0);
    }

    /// `self = self * 2^shift`.
    pub(super) fn shift_left(&mut self, shift: u32) {
        self.multiply_add(1 << (shift % 32), 0);
        if !self.is_zero() {
            self.limbs.splice(0..0, std::iter::repeat_n(0, shift as usize / 32));
        }
    }

    /// Divides by `divisor` and gives the remainder.
    pub(super) fn divide(&mut self, divisor: u32) -> u32 {
        let mut remainder = 0_u64;
        for limb in self.limbs.iter_mut().rev() {
            let dividend = remainder << 32 | u64::from(*limb);
            *limb = (dividend / u64::from(divisor)) as u32;
            remainder = dividend % u64::from(divisor);
        }
        self.trim();
        remainder as u32
    }

    /// The top 128 bits (fewer when there are fewer), how many bits lie below them, and whether any of those is set.
    pub(super) fn leading(&self) -> (u128, u32, bool) {
        let below = self.limbs.len().saturating_sub(4);
        let top = self.limbs[below..].iter().rev().fold(0, |value, limb| value << 32 | u128::from(*limb));
        (top, below as u32 * 32, self.limbs[..below].iter().any(|limb| *limb != 0))
    }

    /// `self - other` if that is not negative.
    fn checked_subtract(&self, other: &Self) -> Option<Self> {
        let mut borrow = 0_i64;
        let mut limbs = Vec::with_capacity(self.limbs.len());
        for (index, limb) in self.limbs.iter().enumerate() {
            let difference =
                i64::from(*limb) - i64::from(other.limbs.get(index).copied().unwrap_or(0)) + borrow;
            limbs.push(difference as u32);
            borrow = difference >> 32;
        }
        if borrow < 0 || other.limbs.len() > self.limbs.len() {
            return None;
        }
        let mut result = Self { limbs };
        result.trim();
        Some(result)
    }

    /// The quotient to 66 or 67 significant bits as `(quotient, exponent, inexact)`: it is `quotient * 2^exponent`.
    pub(super) fn ratio(mut self, mut divisor: Self) -> (u128, i32, bool) {
        const QUOTIENT_BITS: u32 = 67;
        // Scale so that the integer quotient has 66 or 67 bits, then divide by hand, bit by bit.
        let wanted = (divisor.bits() + QUOTIENT_BITS - 1).cast_signed();
        let scale = wanted - self.bits().cast_signed();
        if scale >= 0 {
            self.shift_left(scale.cast_unsigned());
        } else {
            divisor.shift_left(scale.unsigned_abs());
        }
        divisor.shift_left(QUOTIENT_BITS - 1);
        let mut quotient = 0_u128;
        for _ in 0..QUOTIENT_BITS {
            quotient <<= 1;
            if let Some(rest) = self.checked_subtract(&divisor) {
                self = rest;
                quotient |= 1;
            }
            self.shift_left(1);
        }
        (quotient, -scale, !self.is_zero())
    }

    fn trim(&mut self) {
        while self.limbs.last() == Some(&0) {
            self.limbs.pop();
        }
    }
}
