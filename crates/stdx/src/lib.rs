//! What the standard library lacks and every crate may use: time values, seeded randomness, globs, number text, checksums, hashing.
