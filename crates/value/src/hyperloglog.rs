//! HyperLogLog: the number of distinct elements of a multiset, from 12 kB whatever their number, within 0.81 %.
//!
//! The bytes are those of Redis, because they are a string that clients may read, copy and restore:
//!
//! ```text
//!   0      4          5      8                      16
//!   ┌──────┬──────────┬──────┬──────────────────────┬───────────
//!   │ HYLL │ encoding │ 0    │ cached cardinality   │ registers
//!   └──────┴──────────┴──────┴──────────────────────┴───────────
//! ```
//! The cardinality is a 64-bit little-endian number whose top bit says that it is out of date. There are 16,384 registers
//! of six bits: `dense` packs them, `sparse` is a list of runs for those that are mostly zero. An element's hash
//! (MurmurHash64A) chooses a register with its low 14 bits; the register keeps the longest run of zeros seen in the
//! other 50, plus one.

mod dense;
mod estimate;
mod sparse;

use std::borrow::Cow;

use estimate::Histogram;

use crate::string::StringRef;

/// The number of registers.
pub const REGISTERS: usize = 1 << INDEX_BITS;
const INDEX_BITS: u32 = 14;
/// The bits of a hash in which a run of zeros is looked for.
const RUN_BITS: u32 = 64 - INDEX_BITS;
/// The largest value of a register.
const MAX_VALUE: u8 = RUN_BITS as u8 + 1;

const MAGIC: &[u8; 4] = b"HYLL";
const HEADER: usize = 16;
const DENSE: u8 = 0;
const SPARSE: u8 = 1;
/// The longest whole one: a run takes up to two bytes for at least one register, all registers in six bits take less.
const LONGEST: usize = HEADER + 2 * REGISTERS;
const HASH_SEED: u64 = 0xadc8_3b19;

/// Where the registers of several HyperLogLogs are joined: one byte a register.
pub type Registers = [u8; REGISTERS];

/// What is wrong with a string that should be a HyperLogLog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is none.
    Foreign,
    /// It says that it is one, but its runs do not cover the registers.
    Corrupt,
}

/// How registers are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Six bits each.
    Dense,
    /// Runs.
    Sparse,
}

/// One raise of a register: its index and the least value it has to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Raise {
    register: usize,
    value: u8,
}

/// The bytes of a HyperLogLog that has seen nothing; not even that has been counted.
pub fn empty() -> Vec<u8> {
    let mut bytes = header(SPARSE);
    forget_cached(&mut bytes);
    sparse::push_zeros(&mut bytes, REGISTERS);
    bytes
}

/// How registers are kept, if these bytes are a HyperLogLog.
pub fn encoding(bytes: &[u8]) -> Result<Encoding, Fault> {
    encoding_of(StringRef::Inline(bytes))
}

/// How the registers of a string are kept, if it is a HyperLogLog. Only its head is looked at, however long it is.
pub fn encoding_of(string: StringRef<'_>) -> Result<Encoding, Fault> {
    if string.len() < HEADER || !(0..).zip(MAGIC).all(|(at, byte)| string.byte(at) == *byte) {
        return Err(Fault::Foreign);
    }
    match string.byte(4) {
        DENSE if string.len() == HEADER + dense::BYTES => Ok(Encoding::Dense),
        SPARSE => Ok(Encoding::Sparse),
        _ => Err(Fault::Foreign),
    }
}

/// The cardinality that was counted last, unless something has changed since.
pub fn cached(string: StringRef<'_>) -> Option<u64> {
    let cache = u64::from_le_bytes(std::array::from_fn(|at| string.byte(8 + at)));
    (cache >> 63 == 0).then_some(cache)
}

/// The bytes of a HyperLogLog in one piece; nothing is copied of a string that cannot be a whole one.
pub fn whole(string: StringRef<'_>) -> Result<Cow<'_, [u8]>, Fault> {
    encoding_of(string)?;
    if string.len() > LONGEST { Err(Fault::Corrupt) } else { Ok(string.contiguous()) }
}

/// Where the cached cardinality stands, and its bytes.
pub fn cache(cardinality: u64) -> (usize, [u8; 8]) {
    (8, (cardinality & (u64::MAX >> 1)).to_le_bytes())
}

/// Whether an element would change registers that are kept dense.
///
/// # Panics
/// If they are not.
pub fn dense_would_change(bytes: &[u8], element: &[u8]) -> bool {
    let raise = raise_of(element);
    dense::get(&bytes[HEADER..], raise.register) < raise.value
}

/// Adds an element to registers that are kept dense, where they are.
///
/// # Panics
/// If they are not.
pub fn add_to_dense(bytes: &mut [u8], element: &[u8]) -> bool {
    let changed = dense::raise(&mut bytes[HEADER..], raise_of(element));
    if changed {
        forget_cached(bytes);
    }
    changed
}

/// Adds an element; tells whether that changed a register. Runs that would take more than `sparse_max` bytes, header
/// included, become dense.
pub fn add(bytes: &mut Vec<u8>, element: &[u8], sparse_max: usize) -> Result<bool, Fault> {
    raise(bytes, raise_of(element), sparse_max)
}

/// Keeps the registers dense; tells whether they were not before.
pub fn make_dense(bytes: &mut Vec<u8>) -> Result<bool, Fault> {
    if encoding(bytes)? == Encoding::Dense {
        return Ok(false);
    }
    let mut registers = Box::new([0; REGISTERS]);
    sparse::for_each_run(&bytes[HEADER..], |range, value| registers[range].fill(value))?;
    let mut dense = header(DENSE);
    dense[8..HEADER].copy_from_slice(&bytes[8..HEADER]);
    dense::pack(&registers, &mut dense);
    *bytes = dense;
    Ok(true)
}

/// Estimates the number of distinct elements.
pub fn count(bytes: &[u8]) -> Result<u64, Fault> {
    let mut histogram = Histogram::default();
    match encoding(bytes)? {
        Encoding::Dense => {
            (0..REGISTERS).for_each(|at| histogram.add(dense::get(&bytes[HEADER..], at), 1));
        }
        Encoding::Sparse => {
            sparse::for_each_run(&bytes[HEADER..], |range, value| histogram.add(value, range.len()))?;
        }
    }
    Ok(histogram.estimate())
}

/// Estimates the number of distinct elements behind joined registers.
pub fn count_registers(registers: &Registers) -> u64 {
    let mut histogram = Histogram::default();
    registers.iter().for_each(|value| histogram.add(*value, 1));
    histogram.estimate()
}

/// Raises registers to those of a HyperLogLog.
pub fn join(registers: &mut Registers, bytes: &[u8]) -> Result<(), Fault> {
    let body = &bytes[HEADER.min(bytes.len())..];
    match encoding(bytes)? {
        Encoding::Dense => {
            for (at, register) in registers.iter_mut().enumerate() {
                *register = dense::get(body, at).max(*register);
            }
            Ok(())
        }
        Encoding::Sparse => sparse::for_each_run(body, |range, value| {
            registers[range].iter_mut().for_each(|register| *register = value.max(*register));
        }),
    }
}

/// Raises a HyperLogLog's registers to joined ones.
pub fn raise_all(bytes: &mut Vec<u8>, registers: &Registers, sparse_max: usize) -> Result<(), Fault> {
    for (register, &value) in registers.iter().enumerate().filter(|(_, value)| **value > 0) {
        raise(bytes, Raise { register, value }, sparse_max)?;
    }
    encoding(bytes)?;
    forget_cached(bytes);
    Ok(())
}

/// The runs of a sparse HyperLogLog in words, as `PFDEBUG DECODE` shows them; `None` if it is dense.
pub fn describe_runs(bytes: &[u8]) -> Result<Option<String>, Fault> {
    match encoding(bytes)? {
        Encoding::Dense => Ok(None),
        Encoding::Sparse => sparse::describe(&bytes[HEADER..]).map(Some),
    }
}

fn raise(bytes: &mut Vec<u8>, raise: Raise, sparse_max: usize) -> Result<bool, Fault> {
    if encoding(bytes)? == Encoding::Sparse {
        match sparse::raise(bytes, HEADER, raise, sparse_max)? {
            sparse::Raised::No => return Ok(false),
            sparse::Raised::Yes => {
                forget_cached(bytes);
                return Ok(true);
            }
            sparse::Raised::NoRoom => {
                make_dense(bytes)?;
            }
        }
    }
    let changed = dense::raise(&mut bytes[HEADER..], raise);
    if changed {
        forget_cached(bytes);
    }
    Ok(changed)
}

fn header(encoding: u8) -> Vec<u8> {
    let mut bytes = vec![0; HEADER];
    bytes[..4].copy_from_slice(MAGIC);
    bytes[4] = encoding;
    bytes
}

fn forget_cached(bytes: &mut [u8]) {
    bytes[HEADER - 1] |= 0x80;
}

/// What an element asks of the registers.
fn raise_of(element: &[u8]) -> Raise {
    let hash = murmur_hash_64a(element);
    let run = (hash >> INDEX_BITS | 1 << RUN_BITS).trailing_zeros();
    Raise { register: hash as usize % REGISTERS, value: run as u8 + 1 }
}

/// MurmurHash64A of Austin Appleby, with the seed of Redis.
fn murmur_hash_64a(bytes: &[u8]) -> u64 {
    const MULTIPLIER: u64 = 0xc6a4_a793_5bd1_e995;
    const SHIFT: u32 = 47;
    let mut hash = HASH_SEED ^ (bytes.len() as u64).wrapping_mul(MULTIPLIER);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        let mut word = u64::from_le_bytes(*word).wrapping_mul(MULTIPLIER);
        word ^= word >> SHIFT;
        hash = (hash ^ word.wrapping_mul(MULTIPLIER)).wrapping_mul(MULTIPLIER);
    }
    if !rest.is_empty() {
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(MULTIPLIER);
    }
    hash = (hash ^ hash >> SHIFT).wrapping_mul(MULTIPLIER);
    hash ^ hash >> SHIFT
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::Blob;
    use proptest::prelude::*;

    /// What Redis promotes at by default.
    const SPARSE_MAX: usize = 3000;

    fn element(number: u64) -> [u8; 8] {
        number.to_le_bytes()
    }

    #[test]
    fn the_estimate_is_within_two_percent_at_every_size() {
        let mut bytes = empty();
        let mut next = 10;
        for number in 0..=100_000_u64 {
            if number == next {
                let estimate = count(&bytes).expect("whole") as f64;
                assert!((estimate / number as f64 - 1.0).abs() < 0.02, "{estimate} for {number}");
                next *= 10;
            }
            add(&mut bytes, &element(number), SPARSE_MAX).expect("whole");
        }
        assert_eq!(encoding(&bytes), Ok(Encoding::Dense));
    }

    #[test]
    fn runs_and_registers_of_six_bits_say_the_same() {
        let (mut sparse, mut dense) = (empty(), empty());
        assert_eq!(make_dense(&mut dense), Ok(true));
        for number in 0..3000 {
            let changed = add(&mut sparse, &element(number), usize::MAX).expect("whole");
            assert_eq!(dense_would_change(&dense, &element(number)), changed);
            assert_eq!(add_to_dense(&mut dense, &element(number)), changed);
            assert!(!add(&mut sparse, &element(number), usize::MAX).expect("whole"), "seen before");
        }
        assert_eq!(encoding(&sparse), Ok(Encoding::Sparse));
        assert_eq!(count(&sparse), count(&dense));
        let (mut one, mut other) = (Box::new([0; REGISTERS]), Box::new([0; REGISTERS]));
        join(&mut one, &sparse).expect("whole");
        join(&mut other, &dense).expect("whole");
        assert_eq!(one, other);
        make_dense(&mut sparse).expect("whole");
        assert_eq!(sparse, dense);
    }

    #[test]
    fn joined_registers_count_the_union() {
        let (mut one, mut other, mut both) = (empty(), empty(), empty());
        for number in 0..1000 {
            add(&mut one, &element(number), SPARSE_MAX).expect("whole");
            add(&mut other, &element(number + 500), SPARSE_MAX).expect("whole");
            add(&mut both, &element(number), SPARSE_MAX).expect("whole");
            add(&mut both, &element(number + 500), SPARSE_MAX).expect("whole");
        }
        let mut registers = Box::new([0; REGISTERS]);
        join(&mut registers, &one).expect("whole");
        join(&mut registers, &other).expect("whole");
        assert_eq!(Ok(count_registers(&registers)), count(&both));
        let mut merged = empty();
        raise_all(&mut merged, &registers, SPARSE_MAX).expect("whole");
        assert_eq!(count(&merged), count(&both));
    }

    #[test]
    fn the_cached_cardinality_lasts_until_a_register_changes() {
        let mut bytes = empty();
        assert!(add(&mut bytes, b"a", SPARSE_MAX).expect("whole"));
        assert_eq!(cached(StringRef::Inline(&bytes)), None);
        let (at, text) = cache(1);
        bytes[at..at + 8].copy_from_slice(&text);
        assert_eq!(cached(StringRef::Inline(&bytes)), Some(1));
        assert!(!add(&mut bytes, b"a", SPARSE_MAX).expect("whole"));
        assert_eq!(cached(StringRef::Inline(&bytes)), Some(1));
        assert!(add(&mut bytes, b"b", SPARSE_MAX).expect("whole"));
        assert_eq!(cached(StringRef::Inline(&bytes)), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn no_bytes_make_it_panic(tail in prop::collection::vec(any::<u8>(), 0..200), dense: bool) {
            let mut bytes = empty();
            if dense {
                make_dense(&mut bytes).expect("whole");
                let at = HEADER + bytes.len() / 3;
                bytes[at..at + tail.len()].copy_from_slice(&tail);
            } else {
                bytes.truncate(HEADER);
                bytes.extend_from_slice(&tail);
            }
            let whole = count(&bytes).is_ok();
            prop_assert_eq!(join(&mut [0; REGISTERS], &bytes).is_ok(), whole);
            prop_assert_eq!(describe_runs(&bytes).is_ok(), whole);
            let _ = add(&mut bytes, b"element", SPARSE_MAX);
            prop_assert_eq!(raise_all(&mut bytes, &[1; REGISTERS], SPARSE_MAX).is_ok(), whole);
            prop_assert_eq!(make_dense(&mut bytes).is_ok(), whole);
        }
    }

    #[test]
    fn strings_that_are_none_are_told_from_broken_ones() {
        assert_eq!(encoding(b""), Err(Fault::Foreign));
        assert_eq!(encoding(b"HYLL\x02\0\0\0\0\0\0\0\0\0\0\0"), Err(Fault::Foreign));
        assert_eq!(encoding(b"HYLL\0\0\0\0\0\0\0\0\0\0\0\0short"), Err(Fault::Foreign));
        let mut cut = empty();
        cut.pop();
        assert_eq!(count(&cut), Err(Fault::Corrupt));
        let mut long = empty();
        long.push(0);
        assert_eq!(count(&long), Err(Fault::Corrupt));
        assert_eq!(make_dense(&mut long), Err(Fault::Corrupt));
        assert_eq!(join(&mut [0; REGISTERS], &long), Err(Fault::Corrupt));
    }

    #[test]
    fn no_more_is_copied_than_a_whole_one_has() {
        let long = |head: &[u8]| {
            let mut blob = Blob::from_bytes(head);
            blob.write(LONGEST, b"x");
            blob
        };
        assert_eq!(whole(StringRef::Blob(&long(b"text"))), Err(Fault::Foreign));
        let broken = long(&empty());
        assert_eq!(encoding_of(StringRef::Blob(&broken)), Ok(Encoding::Sparse));
        assert_eq!(whole(StringRef::Blob(&broken)), Err(Fault::Corrupt));
        let mut longest = header(SPARSE);
        longest.extend([0x40, 0x00].repeat(REGISTERS));
        assert_eq!(longest.len(), LONGEST);
        let blob = Blob::from_bytes(&longest);
        assert_eq!(whole(StringRef::Blob(&blob)).as_deref(), Ok(&longest[..]));
        assert_eq!(count(&longest), Ok(0));
    }

    #[test]
    fn runs_that_add_up_beyond_32_bits_are_broken() {
        let longest = [0x7f, 0xff];
        let mut bytes = empty();
        bytes.truncate(HEADER);
        bytes.extend(longest.repeat((1 << 32) / REGISTERS + 1));
        assert_eq!(count(&bytes), Err(Fault::Corrupt));
        assert_eq!(join(&mut [0; REGISTERS], &bytes), Err(Fault::Corrupt));
        assert_eq!(make_dense(&mut bytes), Err(Fault::Corrupt));
    }
}
