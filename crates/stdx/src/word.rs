//! Short byte strings as numbers, to be hashed or compared in one step.

/// Up to eight bytes as a little-endian number, filled up with zeros.
///
/// # Panics
/// If there are more.
#[inline]
pub fn word(bytes: &[u8]) -> u64 {
    let wide = |half: &[u8; 4]| u64::from(u32::from_le_bytes(*half));
    match *bytes {
        [] => 0,
        [a] => u64::from(a),
        [a, b] => u64::from(u16::from_le_bytes([a, b])),
        [a, b, c] => u64::from(u32::from_le_bytes([a, b, c, 0])),
        // Two reads that overlap instead of one for each byte.
        _ => {
            let (first, last) =
                (bytes.first_chunk().expect("four or more"), bytes.last_chunk().expect("likewise"));
            assert!(bytes.len() <= 8, "a word has eight bytes");
            wide(first) | wide(last) << (8 * (bytes.len() - 4))
        }
    }
}

/// The word with every `A` to `Z` in it in lower case.
#[inline]
pub fn to_lower_case(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = ONES << 7;
    // In the top bit of each byte: it is at least `A`, it is above `Z`, it is no ASCII. Additions cannot carry into the
    // next byte, because they are to seven bits.
    let low = word & !HIGHS;
    let from_a = low + ONES * (0x80 - u64::from(b'A'));
    let above_z = low + ONES * (0x7f - u64::from(b'Z'));
    let is_upper = from_a & !above_z & !word & HIGHS;
    word | is_upper >> 2
}

/// Whether two byte strings are equal. Those of up to 32 bytes, as most keys and members are, are compared in two steps, and
/// without a call.
#[inline]
pub fn is_equal(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    match left.len() {
        0..8 => word(left) == word(right),
        8..=16 => has_equal_ends::<8>(left, right),
        17..=32 => has_equal_ends::<16>(left, right),
        _ => left == right,
    }
}

/// Whether the first and the last bytes are equal.
#[inline]
fn has_equal_ends<const BYTES: usize>(left: &[u8], right: &[u8]) -> bool {
    left.first_chunk::<BYTES>() == right.first_chunk() && left.last_chunk::<BYTES>() == right.last_chunk()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_word_holds_its_bytes_in_order(bytes in proptest::collection::vec(any::<u8>(), 0..=8)) {
            let mut expected = [0; 8];
            expected[..bytes.len()].copy_from_slice(&bytes);
            prop_assert_eq!(word(&bytes), u64::from_le_bytes(expected));
        }

        #[test]
        fn equal_strings_are_equal_and_others_are_not(
            bytes in proptest::collection::vec(any::<u8>(), 0..80),
            other in proptest::collection::vec(any::<u8>(), 0..80),
            at in any::<proptest::sample::Index>(),
        ) {
            prop_assert!(is_equal(&bytes, &bytes.clone()));
            prop_assert_eq!(is_equal(&bytes, &other), bytes == other);
            if !bytes.is_empty() {
                let mut changed = bytes.clone();
                changed[at.index(bytes.len())] ^= 1;
                prop_assert!(!is_equal(&bytes, &changed));
            }
        }

        #[test]
        fn only_capital_letters_are_lowered(bytes in any::<[u8; 8]>()) {
            let expected = u64::from_le_bytes(bytes.map(|byte| byte.to_ascii_lowercase()));
            prop_assert_eq!(to_lower_case(u64::from_le_bytes(bytes)), expected);
        }
    }
}
