//! Registers of six bits, packed from the low bit of the first byte on.

use super::{REGISTERS, Raise, Registers};

const BITS: usize = 6;
const MASK: u8 = (1 << BITS) - 1;
/// The length of all registers.
pub(super) const BYTES: usize = REGISTERS * BITS / 8;

/// The value of a register.
pub(super) fn get(packed: &[u8], register: usize) -> u8 {
    let (byte, shift) = place(register);
    let low = packed[byte] >> shift;
    let high = packed.get(byte + 1).map_or(0, |next| (u16::from(*next) << (8 - shift)) as u8);
    (low | high) & MASK
}

/// Raises a register; tells whether it was lower.
pub(super) fn raise(packed: &mut [u8], Raise { register, value }: Raise) -> bool {
    let lower = get(packed, register) < value;
    if lower {
        set(packed, register, value);
    }
    lower
}

/// Appends all registers.
pub(super) fn pack(registers: &Registers, out: &mut Vec<u8>) {
    let begin = out.len();
    out.resize(begin + BYTES, 0);
    for (register, &value) in registers.iter().enumerate() {
        set(&mut out[begin..], register, value);
    }
}

fn set(packed: &mut [u8], register: usize, value: u8) {
    let (byte, shift) = place(register);
    let (mask, value) = (u16::from(MASK) << shift, u16::from(value) << shift);
    packed[byte] = packed[byte] & !(mask as u8) | value as u8;
    if let Some(next) = packed.get_mut(byte + 1) {
        *next = *next & !((mask >> 8) as u8) | (value >> 8) as u8;
    }
}

/// The byte in which a register begins, and its first bit there.
fn place(register: usize) -> (usize, usize) {
    let bit = register * BITS;
    (bit / 8, bit % 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_register_keeps_its_own_value() {
        let mut registers = Box::new([0; REGISTERS]);
        registers.iter_mut().enumerate().for_each(|(at, value)| *value = (at * 7 % 64) as u8);
        let mut packed = Vec::new();
        pack(&registers, &mut packed);
        assert_eq!(packed.len(), 12_288);
        for (at, value) in registers.iter().enumerate() {
            assert_eq!(get(&packed, at), *value, "register {at}");
        }
        let last = REGISTERS - 1;
        packed.fill(0);
        assert!(raise(&mut packed, Raise { register: last, value: 51 }));
        assert!(!raise(&mut packed, Raise { register: last, value: 50 }));
        assert_eq!((get(&packed, last), get(&packed, last - 1)), (51, 0));
    }
}
