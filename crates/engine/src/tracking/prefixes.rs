//! Prefixes and the clients that want to hear of all keys under them.
//!
//! All prefixes of a key are found without looking at the others: the greatest prefix that is not above the key either
//! is one of the key's, or shares with it only so many bytes that all shorter candidates lie within those.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// See the module's text.
#[derive(Debug, Default)]
pub(super) struct Prefixes(BTreeMap<Vec<u8>, BTreeSet<u64>>);

impl Prefixes {
    /// A client wants to hear of a prefix.
    pub(super) fn add(&mut self, prefix: &[u8], client: u64) {
        self.0.entry(prefix.to_vec()).or_default().insert(client);
    }

    /// It does not want to any more.
    pub(super) fn remove(&mut self, prefix: &[u8], client: u64) {
        if let Some(clients) = self.0.get_mut(prefix) {
            clients.remove(&client);
            if clients.is_empty() {
                self.0.remove(prefix);
            }
        }
    }

    /// How many prefixes there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The clients of a prefix.
    pub(super) fn clients(&self, prefix: &[u8]) -> impl Iterator<Item = u64> + '_ {
        self.0.get(prefix).into_iter().flatten().copied()
    }

    /// Calls `each` with every prefix of a key, the longest first.
    pub(super) fn for_each_of<'p>(&'p self, key: &[u8], mut each: impl FnMut(&'p [u8])) {
        let mut bound = Bound::Included(key);
        while let Some((prefix, _)) = self.0.range::<[u8], _>((Bound::Unbounded, bound)).next_back() {
            let common = prefix.iter().zip(key).take_while(|(left, right)| left == right).count();
            if common == prefix.len() {
                each(prefix);
                bound = Bound::Excluded(&key[..common]);
            } else {
                bound = Bound::Included(&key[..common]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(prefixes: &Prefixes, key: &str) -> Vec<String> {
        let mut found = Vec::new();
        prefixes
            .for_each_of(key.as_bytes(), |prefix| found.push(String::from_utf8_lossy(prefix).into_owned()));
        found
    }

    #[test]
    fn all_prefixes_of_a_key_are_found_and_no_others() {
        let mut prefixes = Prefixes::default();
        for prefix in ["", "a", "ab", "abc", "abd", "b", "user:", "user:1", "user:10"] {
            prefixes.add(prefix.as_bytes(), 1);
        }
        assert_eq!(found(&prefixes, "abcd"), ["abc", "ab", "a", ""]);
        assert_eq!(found(&prefixes, "abe"), ["ab", "a", ""]);
        assert_eq!(found(&prefixes, "user:2"), ["user:", ""]);
        assert_eq!(found(&prefixes, "user:10"), ["user:10", "user:1", "user:", ""]);
        assert_eq!(found(&prefixes, ""), [""]);
    }

    #[test]
    fn every_set_of_prefixes_is_searched_as_one_by_one() {
        let mut rng = stdx::rng::Rng::from_seed(1);
        let mut word = |longest: u64| -> Vec<u8> {
            (0..rng.below(longest + 1)).map(|_| b'a' + rng.below(2) as u8).collect()
        };
        for _ in 0..2000 {
            let mut prefixes = Prefixes::default();
            let words: BTreeSet<Vec<u8>> = (0..8).map(|_| word(5)).collect();
            words.iter().for_each(|prefix| prefixes.add(prefix, 1));
            let key = word(7);
            let mut found = BTreeSet::new();
            prefixes.for_each_of(&key, |prefix| assert!(found.insert(prefix.to_vec()), "each once"));
            assert_eq!(found, words.into_iter().filter(|prefix| key.starts_with(prefix)).collect());
        }
    }

    #[test]
    fn a_prefix_goes_with_its_last_client() {
        let mut prefixes = Prefixes::default();
        prefixes.add(b"a", 1);
        prefixes.add(b"a", 2);
        prefixes.remove(b"a", 1);
        assert_eq!(prefixes.clients(b"a").collect::<Vec<_>>(), [2]);
        prefixes.remove(b"a", 2);
        assert_eq!(prefixes.len(), 0);
    }
}
