//! Members chosen at random, every one as likely as any other.
//!
//! A member of a block is one look away. That of a table is found by rejection over pages and slots, which takes a few
//! tries whatever was removed before, because the table shrinks with its content.

use std::collections::HashSet;

use stdx::rng::Rng;

use super::{Member, SetRef};

/// Choosing one by one and dropping repeats is for less than one in so many members; a walk over all is for more.
const SPARSE: usize = 3;
/// Repeats that are dropped, beyond four for each choice, before all members are walked after all.
const SPARE_ATTEMPTS: usize = 32;

impl<'a> SetRef<'a> {
    /// A member.
    pub fn random(self, rng: &mut Rng) -> Option<Member<'a>> {
        match self.as_large() {
            Some(large) => {
                let at = large.members.random(rng)?;
                Some(Member::Bytes(large.members.entry(at).key))
            }
            None if self.is_empty() => None,
            None => self.nth_packed(rng.below(self.len() as u64) as usize),
        }
    }

    /// `count` members, each chosen from all of them; none if there is none.
    pub fn random_repeated(self, count: usize, rng: &mut Rng) -> impl Iterator<Item = Member<'a>> {
        (0..count).map_while(move |_| self.random(rng))
    }

    /// `count` different members, all of them if there are fewer; each choice of members has the same probability.
    pub fn random_distinct(self, count: usize, rng: &mut Rng) -> Vec<Member<'a>> {
        if let Some(large) = self.as_large()
            && count < large.members.len() / SPARSE
            && let Some(chosen) = self.reject_repeats(count, rng)
        {
            return chosen;
        }
        self.select(count, rng)
    }

    /// Chooses one by one and drops repeats. None if luck is very bad.
    fn reject_repeats(self, count: usize, rng: &mut Rng) -> Option<Vec<Member<'a>>> {
        let mut seen: HashSet<&[u8]> = HashSet::with_capacity(count);
        let mut chosen = Vec::with_capacity(count);
        let mut attempts = count.saturating_mul(4) + SPARE_ATTEMPTS;
        while chosen.len() < count {
            attempts = attempts.checked_sub(1)?;
            let Some(Member::Bytes(member)) = self.random(rng) else { return None };
            if seen.insert(member) {
                chosen.push(Member::Bytes(member));
            }
        }
        Some(chosen)
    }

    /// Chooses in one walk: each member with the probability that it takes to find those that are still wanted among
    /// those that are left (Knuth's algorithm S).
    fn select(self, count: usize, rng: &mut Rng) -> Vec<Member<'a>> {
        let mut left = self.len();
        let mut chosen = Vec::with_capacity(count.min(left));
        for member in self.iter() {
            if rng.below(left as u64) < (count - chosen.len()) as u64 {
                chosen.push(member);
            }
            left -= 1;
        }
        chosen
    }
}
