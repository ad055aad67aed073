//! Picks at random: positions are drawn, and the elements there are found in O(log n), so every element is as likely as any
//! other whatever has been removed before.

use std::collections::HashSet;

use stdx::rng::Rng;

use super::ZSetRef;
use crate::zset::Element;

impl<'a> ZSetRef<'a> {
    /// An element, each with the same probability.
    pub fn random(self, rng: &mut Rng) -> Option<Element<'a>> {
        let len = self.len();
        if len == 0 { None } else { self.get(rng.below(len as u64) as usize) }
    }

    /// `count` elements, each chosen from all of them; none if there is none.
    pub fn random_repeated(self, count: usize, rng: &mut Rng) -> Vec<Element<'a>> {
        (0..count).map_while(|_| self.random(rng)).collect()
    }

    /// `count` different elements, all of them if there are fewer; each set of elements has the same probability.
    pub fn random_distinct(self, count: usize, rng: &mut Rng) -> Vec<Element<'a>> {
        let len = self.len();
        if count >= len {
            return self.iter().collect();
        }
        if count < len / 8 {
            return sparse(len, count, rng).into_iter().filter_map(|position| self.get(position)).collect();
        }
        // One walk, on which an element is taken with the probability of those still wanted among those still to come.
        let mut wanted = count as u64;
        let mut rest = self.iter();
        std::iter::from_fn(|| {
            while wanted > 0 {
                let is_taken = rng.below(rest.len() as u64) < wanted;
                let element = rest.next()?;
                if is_taken {
                    wanted -= 1;
                    return Some(element);
                }
            }
            None
        })
        .collect()
    }
}

/// `count` different positions below `len` (Floyd's sampling), in the order in which they were drawn.
fn sparse(len: usize, count: usize, rng: &mut Rng) -> Vec<usize> {
    let mut seen = HashSet::with_capacity(count);
    let mut drawn = Vec::with_capacity(count);
    for last in len - count..len {
        let position = rng.below(last as u64 + 1) as usize;
        let position = if seen.insert(position) { position } else { last };
        seen.insert(position);
        drawn.push(position);
    }
    drawn
}
