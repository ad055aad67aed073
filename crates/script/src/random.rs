//! `math.random`: the same numbers for the same seed on every machine, as in Redis.
//!
//! The generator is the one of `drand48` in POSIX: 48 bits of state, `x' = x * 0x5DEECE66D + 0xB modulo 2^48`, of which the upper
//! 31 bits are the number.

use mlua::{MultiValue, Value};

/// See the module's text. One script goes on where the last one stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Random(u64);

/// The largest number that is drawn.
const MAX: f64 = 2_147_483_647.0;

impl Random {
    pub(crate) fn seeded(seed: u32) -> Self {
        Self(u64::from(seed) << 16 | 0x330E)
    }

    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(0x0005_DEEC_E66D).wrapping_add(0xB) & 0xFFFF_FFFF_FFFF;
        (self.0 >> 17) as u32
    }

    /// A number from 0, below 1.
    fn fraction(&mut self) -> f64 {
        f64::from(self.next() % 2_147_483_647) / MAX
    }

    /// `math.random([m [, n]])`.
    pub(crate) fn draw(&mut self, arguments: &MultiValue) -> Result<f64, String> {
        let fraction = self.fraction();
        let bound = |at: usize| {
            let number = arguments.get(at).and_then(number_of);
            number
                .map(f64::trunc)
                .ok_or_else(|| format!("bad argument #{} to 'random' (number expected)", at + 1))
        };
        let (low, high) = match arguments.len() {
            0 => return Ok(fraction),
            1 => (1.0, bound(0)?),
            2 => (bound(0)?, bound(1)?),
            _ => return Err("wrong number of arguments".to_owned()),
        };
        if low > high {
            return Err(format!("bad argument #{} to 'random' (interval is empty)", arguments.len()));
        }
        Ok((fraction * (high - low + 1.0)).floor() + low)
    }
}

/// A number, or a string that is one.
pub(crate) fn number_of(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Number(number) => Some(*number),
        Value::String(text) => text.to_str().ok()?.trim().parse().ok(),
        _ => None,
    }
}
