//! Lengths inside a packed block: LEB128, seven bits a byte, the low ones first.
//!
//! Nearly all are below 128, so the first byte is looked at on its own. Five bytes hold any length that a block can have.

use super::Invalid;

/// The most bytes that a length takes.
pub(super) const MAX_LENGTH_BYTES: usize = 5;

/// Reads the length at `at`; returns it and the offset behind it.
#[inline]
pub(super) fn read(bytes: &[u8], at: usize) -> (usize, usize) {
    let first = bytes[at];
    if first < 0x80 {
        return (usize::from(first), at + 1);
    }
    let mut length = usize::from(first & 0x7f);
    let mut shift = 7;
    let mut next = at + 1;
    loop {
        let byte = bytes[next];
        next += 1;
        length |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 || shift >= 28 {
            return (length, next);
        }
        shift += 7;
    }
}

/// Reads the length at `at` from bytes that may be anything.
pub(super) fn read_checked(bytes: &[u8], at: usize) -> Result<(usize, usize), Invalid> {
    let mut length = 0_usize;
    for index in 0..MAX_LENGTH_BYTES {
        let byte = *bytes.get(at + index).ok_or(Invalid::Length)?;
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            let shortest = byte != 0 || index == 0;
            return if shortest { Ok((length, at + index + 1)) } else { Err(Invalid::Encoding) };
        }
    }
    Err(Invalid::Encoding)
}

/// Writes `length` to the front of `out` and returns how many bytes it took.
pub(super) fn write(mut length: usize, out: &mut [u8]) -> usize {
    let mut at = 0;
    while length >= 0x80 {
        out[at] = (length & 0x7f) as u8 | 0x80;
        length >>= 7;
        at += 1;
    }
    out[at] = length as u8;
    at + 1
}
