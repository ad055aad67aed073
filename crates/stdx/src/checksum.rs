//! Checksums: CRC-16 for hash slots, CRC-64 for RDB and DUMP, CRC-32C for our own annotations.
//!
//! The CRC-16 runs once a command over a short key, so it is written here, eight bytes a step ("slicing by 8", Kounavis and
//! Berry), with tables computed at compile time. The other two run over long blocks and come from a crate that uses
//! carry-less multiplication.

use crc_fast::{CrcAlgorithm, Digest};

/// Number of hash slots of a Redis cluster.
pub const SLOT_COUNT: u16 = 16_384;

/// `TABLES[k][b]` is the CRC-16 of byte `b` followed by `k` zero bytes.
static TABLES: [[u16; 256]; 8] = crc16_tables();

/// CRC-16/XMODEM: polynomial 0x1021, initial value 0, no reflection, as the Redis Cluster specification demands.
#[inline]
pub fn crc16(bytes: &[u8]) -> u16 {
    let (blocks, tail) = bytes.as_chunks::<8>();
    let mut crc = 0_u16;
    for block in blocks {
        let [high, low] = crc.to_be_bytes();
        crc = TABLES[7][usize::from(block[0] ^ high)]
            ^ TABLES[6][usize::from(block[1] ^ low)]
            ^ TABLES[5][usize::from(block[2])]
            ^ TABLES[4][usize::from(block[3])]
            ^ TABLES[3][usize::from(block[4])]
            ^ TABLES[2][usize::from(block[5])]
            ^ TABLES[1][usize::from(block[6])]
            ^ TABLES[0][usize::from(block[7])];
    }
    for &byte in tail {
        crc = (crc << 8) ^ TABLES[0][usize::from((crc >> 8) as u8 ^ byte)];
    }
    crc
}

/// The hash slot of a key, 0 to 16,383. If the key has a non-empty part between its first `{` and the next `}`, that part
/// alone is hashed, so that related keys can share a slot.
#[inline]
pub fn hash_slot(key: &[u8]) -> u16 {
    crc16(hash_tag(key).unwrap_or(key)) % SLOT_COUNT
}

/// The part of a key that decides its slot, if it has one.
#[inline]
pub fn hash_tag(key: &[u8]) -> Option<&[u8]> {
    let (blocks, tail) = key.as_chunks::<8>();
    let has_brace = blocks.iter().any(|block| contains_brace(*block)) || tail.contains(&b'{');
    if !has_brace {
        return None;
    }
    let open = key.iter().position(|&byte| byte == b'{')?;
    let rest = &key[open + 1..];
    let length = rest.iter().position(|&byte| byte == b'}')?;
    (length > 0).then(|| &rest[..length])
}

/// Whether one of eight bytes is `{`: a byte equal to it becomes zero, and subtracting one from every byte borrows into the
/// top bit of a zero byte.
#[inline]
fn contains_brace(block: [u8; 8]) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const BRACES: u64 = u64::from_ne_bytes([b'{'; 8]);
    let zero_where_equal = u64::from_ne_bytes(block) ^ BRACES;
    zero_where_equal.wrapping_sub(ONES) & !zero_where_equal & (ONES << 7) != 0
}

/// An incremental CRC-64 in the variant of Redis (Jones polynomial, reflected, initial value 0), which ends every RDB file
/// and DUMP payload.
pub struct Crc64(Digest);

impl Crc64 {
    /// The checksum of nothing.
    pub fn new() -> Self {
        Self(Digest::new(CrcAlgorithm::Crc64Redis))
    }

    /// Takes in more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum of all bytes taken in so far.
    pub fn value(&self) -> u64 {
        self.0.finalize()
    }
}

impl Default for Crc64 {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Crc64 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Crc64({:016x})", self.value())
    }
}

/// The CRC-64 of one block, as `Crc64` computes it over several.
pub fn crc64(bytes: &[u8]) -> u64 {
    crc_fast::checksum(CrcAlgorithm::Crc64Redis, bytes)
}

/// CRC-32C (Castagnoli), the checksum of iSCSI, ext4 and most write-ahead logs.
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc_fast::checksum(CrcAlgorithm::Crc32Iscsi, bytes) as u32
}

/// The CRC-32C of bytes of which the first are known by their checksum only, and `more` follow.
pub fn crc32c_of_more(checksum: u32, more: &[u8]) -> u32 {
    // Between two steps the algorithm works with the complement of what it gives out in the end.
    let mut digest = Digest::new_with_init_state(CrcAlgorithm::Crc32Iscsi, u64::from(!checksum));
    digest.update(more);
    digest.finalize() as u32
}

const fn crc16_tables() -> [[u16; 256]; 8] {
    let mut tables = [[0_u16; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 != 0 { (crc << 1) ^ 0x1021 } else { crc << 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut zeros = 1;
    while zeros < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[zeros - 1][byte];
            tables[zeros][byte] = (before << 8) ^ tables[0][(before >> 8) as usize];
            byte += 1;
        }
        zeros += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn check_values_of_the_catalogue_are_reproduced() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(crc64(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!((crc16(b""), crc64(b""), crc32c(b"")), (0, 0, 0));
    }

    #[test]
    fn slots_follow_the_hash_tag_rule() {
        for (key, hashed) in [
            ("{user1000}.following", "user1000"),
            ("foo{}{bar}", "foo{}{bar}"),
            ("foo{{bar}}zap", "{bar"),
            ("foo{bar}{zap}", "bar"),
            ("foo{bar", "foo{bar"),
            ("foo}bar{", "foo}bar{"),
            ("a longer key with a {tag} inside", "tag"),
        ] {
            assert_eq!(hash_slot(key.as_bytes()), crc16(hashed.as_bytes()) % 16_384, "{key}");
        }
        assert_eq!(hash_slot(b"foo"), 12_182);
        assert_eq!(hash_slot(b""), 0);
    }

    proptest! {
        #[test]
        fn crc16_by_eight_bytes_equals_crc16_by_bits(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut crc = 0_u16;
            for byte in &bytes {
                crc ^= u16::from(*byte) << 8;
                for _ in 0..8 {
                    crc = if crc & 0x8000 != 0 { (crc << 1) ^ 0x1021 } else { crc << 1 };
                }
            }
            prop_assert_eq!(crc16(&bytes), crc);
        }

        #[test]
        fn crc64_in_pieces_equals_crc64_in_one(bytes in proptest::collection::vec(any::<u8>(), 0..600), cut in 0_usize..600) {
            let (head, tail) = bytes.split_at(cut.min(bytes.len()));
            let mut crc = Crc64::new();
            crc.update(head);
            crc.update(tail);
            prop_assert_eq!(crc.value(), crc64(&bytes));
        }

        #[test]
        fn crc32c_goes_on_where_it_stopped(bytes in proptest::collection::vec(any::<u8>(), 0..600), cut in 0_usize..600) {
            let (head, tail) = bytes.split_at(cut.min(bytes.len()));
            prop_assert_eq!(crc32c_of_more(crc32c(head), tail), crc32c(&bytes));
        }

        #[test]
        fn a_brace_is_found_wherever_it_stands(key in "[a-z{|z]{0,24}") {
            let has_tag = key.find('{').and_then(|at| key[at + 1..].find('}')).is_some_and(|length| length > 0);
            prop_assert_eq!(hash_tag(key.as_bytes()).is_some(), has_tag);
        }
    }
}
