//! Passwords, of which only SHA-256 hashes are kept, as Redis writes them into files.

use std::fmt;

use sha2::{Digest, Sha256};

/// The hash of a password. `Display` gives its 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PasswordHash([u8; 32]);

impl PasswordHash {
    /// The hash of a password.
    pub(crate) fn of(password: &[u8]) -> Self {
        Self(Sha256::digest(password).into())
    }

    /// The hash with these digits, which must be 64 and in lower case.
    pub(crate) fn parse(digits: &[u8]) -> Option<Self> {
        let value = |digit: u8| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
        let mut hash = [0; 32];
        let (pairs, rest) = digits.as_chunks::<2>();
        if pairs.len() != hash.len() || !rest.is_empty() {
            return None;
        }
        for (byte, [high, low]) in hash.iter_mut().zip(pairs) {
            *byte = value(*high)? << 4 | value(*low)?;
        }
        Some(Self(hash))
    }

    /// Whether two hashes are equal, in a time that does not tell how much of them is.
    pub(crate) fn matches(&self, other: &Self) -> bool {
        let differences = self.0.iter().zip(&other.0).fold(0, |all, (left, right)| all | (left ^ right));
        std::hint::black_box(differences) == 0
    }
}

impl fmt::Display for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second example of FIPS 180-4.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_hash_is_written_and_read_back() {
        let hash = PasswordHash::of(b"abc");
        assert_eq!(hash.to_string(), ABC);
        assert_eq!(PasswordHash::parse(ABC.as_bytes()), Some(hash));
    }

    #[test]
    fn what_is_no_hash_is_refused() {
        for digits in ["", "abc", &ABC[..63], &ABC.to_uppercase(), &format!("{ABC}0"), &format!("{ABC}00")] {
            assert_eq!(PasswordHash::parse(digits.as_bytes()), None, "{digits}");
        }
    }

    #[test]
    fn only_equal_hashes_match() {
        let hash = PasswordHash::of(b"abc");
        assert!(hash.matches(&PasswordHash::of(b"abc")));
        for bit in 0..256 {
            let mut other = hash;
            other.0[bit / 8] ^= 1 << (bit % 8);
            assert!(!hash.matches(&other));
        }
    }
}
