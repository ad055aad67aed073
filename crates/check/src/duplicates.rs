//! Keys that stand twice in the RDB data of a file, with which a server does not start.
//!
//! Of each key 128 bits are kept, two hashes with secret keys: two keys of ten million that have the same are less
//! likely than a broken memory. So many keys are remembered and no more; that there were others is told.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use stdx::hash::{HashKey, sip13};

/// Keys that are remembered: their table takes up to 220 MB, while it grows.
pub(crate) const MAX_KEYS: usize = 7_000_000;
/// Bytes of a key that are told.
const MAX_TOLD_BYTES: usize = 100;

/// See the module's text.
pub(crate) struct Keys {
    secrets: [HashKey; 2],
    seen: HashSet<u128>,
    most: usize,
    /// Whether there were more than are remembered.
    pub(crate) are_too_many: bool,
}

impl Default for Keys {
    fn default() -> Self {
        Self::with_room_for(MAX_KEYS)
    }
}

impl Keys {
    fn with_room_for(most: usize) -> Self {
        // The standard library draws the keys of its own tables.
        let secret = || HashKey([RandomState::new().hash_one(0), RandomState::new().hash_one(1)]);
        Self { secrets: [secret(), secret()], seen: HashSet::new(), most, are_too_many: false }
    }

    /// A key of a database is there. `Err`: it has been before, as is to be told.
    pub(crate) fn add(&mut self, database: u64, key: &[u8]) -> Result<(), String> {
        let [one, other] = self
            .secrets
            .map(|HashKey([first, second])| u128::from(sip13(&HashKey([first ^ database, second]), key)));
        let sum = one << 64 | other;
        if self.seen.len() >= self.most && !self.seen.contains(&sum) {
            self.are_too_many = true;
            return Ok(());
        }
        if self.seen.insert(sum) {
            return Ok(());
        }
        let shown = key[..key.len().min(MAX_TOLD_BYTES)].escape_ascii();
        let rest = if key.len() > MAX_TOLD_BYTES { ".." } else { "" };
        Err(format!(
            "the key '{shown}{rest}' of database {database} stands in the data twice: a server does not start with it, since nobody \
             knows which is right; --salvage keeps the later one"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_stand_in_two_databases_but_not_in_one_twice() {
        let mut keys = Keys::default();
        for number in 0..10_000_u32 {
            assert_eq!(keys.add(u64::from(number % 3), &number.to_le_bytes()), Ok(()));
        }
        assert_eq!(keys.add(2, &0_u32.to_le_bytes()), Ok(()));
        let reason = keys.add(0, &0_u32.to_le_bytes()).expect_err("it was there");
        assert!(
            reason.starts_with(r"the key '\x00\x00\x00\x00' of database 0 stands in the data twice"),
            "{reason}"
        );
        let reason = [(); 2].map(|()| keys.add(0, &[b'k'; 101]));
        assert!(reason[1].as_ref().expect_err("it was there").contains("kk..' of database 0"));
    }

    #[test]
    fn no_more_are_remembered_than_there_is_room_for() {
        let mut keys = Keys::with_room_for(2);
        for key in [b"a", b"b"] {
            assert_eq!(keys.add(0, key), Ok(()));
        }
        assert!(!keys.are_too_many);
        assert_eq!([keys.add(0, b"c"), keys.add(0, b"c")], [Ok(()), Ok(())]);
        assert!(keys.are_too_many && keys.add(0, b"a").is_err());
    }
}
