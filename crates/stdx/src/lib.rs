//! What the standard library lacks and every crate may use: time values, seeded randomness, globs, number text,
//! checksums, hashing, lists of cores.
//!
//! Everything here is a pure function or a plain value. Nothing reads a clock, opens a file or asks the system for
//! randomness: whoever needs one of those is handed it as an argument.

pub mod checksum;
pub mod core_list;
pub mod glob;
pub mod hash;
pub mod long_double;
pub mod merge_sort;
pub mod number;
pub mod prefetch;
pub mod quote;
pub mod rng;
pub mod size;
pub mod time;
pub mod word;
