//! Numbers of one to ten bytes: seven bits a byte, the low ones first, all bytes but the last marked.

/// Appends a number.
#[inline]
pub(super) fn write(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// The bytes of a number.
#[inline]
pub(super) fn bytes_of(number: u64) -> usize {
    (70 - (number | 1).leading_zeros() as usize) / 7
}

/// Takes a number that this process wrote from the front.
#[inline]
pub(super) fn take(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    let mut shift = 0;
    loop {
        let (&byte, rest) = bytes.split_first().expect("a number is whole");
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return number;
        }
        shift += 7;
    }
}

/// Appends a string behind its length.
#[inline]
pub(super) fn write_text(out: &mut Vec<u8>, text: &[u8]) {
    write(out, text.len() as u64);
    out.extend_from_slice(text);
}

/// Takes a string behind its length from the front.
#[inline]
pub(super) fn take_text<'a>(bytes: &mut &'a [u8]) -> &'a [u8] {
    let length = take(bytes) as usize;
    let (text, rest) = bytes.split_at(length);
    *bytes = rest;
    text
}

/// The bytes of a string behind its length.
#[inline]
pub(super) fn bytes_of_text(text: &[u8]) -> usize {
    bytes_of(text.len() as u64) + text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_their_length_is_known() {
        let edges = (0..64).flat_map(|bits| [(1_u64 << bits) - 1, 1 << bits]).chain([u64::MAX]);
        for number in edges {
            let mut out = Vec::new();
            write(&mut out, number);
            assert_eq!(out.len(), bytes_of(number), "{number}");
            let mut rest = &out[..];
            assert_eq!((take(&mut rest), rest), (number, &[][..]));
        }
    }
}
