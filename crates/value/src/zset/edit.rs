//! Changing a sorted set, wherever it is kept.

use std::ops::Range;

use super::large::Large;
use super::score::{self, MAX_SCORE_BYTES, decode, element, encode, normal};
use super::{PACKED_MAX, Settings, ZSet, ZSetRef};
use crate::leaf::{self, ELEMENT_OVERHEAD, Leaf};

/// A sorted set that is being changed.
pub struct ZSetEdit<'a> {
    store: Store<'a>,
    settings: Settings,
    changed: bool,
    watch: Option<&'a mut dyn FnMut(usize)>,
}

/// What became of a sorted set by an edit, and what the owner has to store.
pub enum Edited {
    /// Nothing to store: unchanged, or a large sorted set that was changed where it is.
    InPlace,
    /// The new block stands in the scratch buffer; it may be empty.
    Packed,
    /// The sorted set outgrew its block.
    Grown(ZSet),
}

/// Which members an addition is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Members {
    /// All.
    #[default]
    Any,
    /// Those that are not there (NX).
    New,
    /// Those that are there (XX).
    Known,
}

/// Which scores are taken for a member that is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scores {
    /// All.
    #[default]
    Any,
    /// Greater ones than it has (GT).
    Greater,
    /// Lesser ones than it has (LT).
    Less,
}

/// How a member and a score are added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// Which members.
    pub members: Members,
    /// Which scores.
    pub scores: Scores,
    /// Whether the score is added to the one that the member has.
    pub is_increment: bool,
}

/// What came of an addition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// The member is new and has this score.
    Added(f64),
    /// The member has this score now and had another.
    Updated(f64),
    /// The member has this score and had it before.
    Same(f64),
    /// The rule does not allow it.
    Refused,
}

/// The sum of the scores is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotANumber;

enum Store<'a> {
    Packed(&'a mut Vec<u8>),
    Large(&'a mut Large),
    Grown(Large),
}

impl<'a> ZSetEdit<'a> {
    /// Edits the sorted set in `block`; the new block is made in `scratch`.
    pub fn packed(block: &[u8], scratch: &'a mut Vec<u8>, settings: Settings) -> Self {
        scratch.clear();
        scratch.extend_from_slice(block);
        Self { store: Store::Packed(scratch), settings, changed: false, watch: None }
    }

    /// Edits a sorted set that does not exist yet.
    pub fn empty(scratch: &'a mut Vec<u8>, settings: Settings) -> Self {
        Self::packed(&leaf::EMPTY, scratch, settings)
    }

    /// Edits a large sorted set where it is.
    pub fn large(large: &'a mut Large, settings: Settings) -> Self {
        Self { store: Store::Large(large), settings, changed: false, watch: None }
    }

    /// With a large sorted set, `watch` is told which leaves may be changed before they are ([`crate::tree::Tree::leaf_at`]).
    #[must_use]
    pub fn watched(self, watch: &'a mut dyn FnMut(usize)) -> Self {
        Self { watch: Some(watch), ..self }
    }

    /// The sorted set as it is now.
    pub fn zset(&self) -> ZSetRef<'_> {
        match &self.store {
            Store::Packed(block) => ZSetRef::packed(block),
            Store::Large(large) => ZSetRef::large(large),
            Store::Grown(large) => ZSetRef::large(large),
        }
    }

    /// Adds a member with a score, or changes its score, as far as the rule allows it.
    pub fn add(&mut self, member: &[u8], score: f64, rule: Rule) -> Result<Outcome, NotANumber> {
        if let Store::Packed(block) = &mut self.store {
            let at = position(block, member);
            let before = at.and_then(|at| ZSetRef::packed(block).get(at)).map(|element| element.score);
            let outcome = rule.apply(before, score)?;
            let Some(after) = outcome.changed() else { return Ok(outcome) };
            self.changed = true;
            if at.is_some() || admits(block, member, self.settings) {
                put(block, at, member, after);
                return Ok(outcome);
            }
            self.store = Store::Grown(Large::unpacked(block, self.settings.seed));
        }
        let large = match &mut self.store {
            Store::Packed(_) => unreachable!("it has grown"),
            Store::Large(large) => &mut **large,
            Store::Grown(large) => large,
        };
        let fingerprint = large.fingerprint(member);
        let asked = (!rule.is_increment).then(|| encode(score));
        let found = large.find_hashed(fingerprint, member, asked);
        let outcome = rule.apply(found.map(|found| decode(found.score)), score)?;
        if let Some(after) = outcome.changed() {
            if let Some(watch) = &mut self.watch {
                if let Some(position) = found.and_then(|found| found.position) {
                    watch(large.elements.leaf_at(position));
                }
                watch(large.elements.leaf_of(&element(encode(after), member)));
            }
            large.put(found, fingerprint, member, encode(after));
        }
        Ok(outcome)
    }

    /// Takes a member out; returns its score if it was there.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let removed = match &mut self.store {
            Store::Packed(block) => {
                let at = position(block, member)?;
                let score = ZSetRef::packed(block).get(at)?.score;
                leaf::edit::remove(block, at);
                Some(score)
            }
            Store::Large(large) => {
                if let Some(watch) = &mut self.watch {
                    watch(large.elements.leaf_at(large.find(member)?.0));
                }
                large.remove(member).map(decode)
            }
            Store::Grown(large) => large.remove(member).map(decode),
        };
        self.changed |= removed.is_some();
        removed
    }

    /// Takes the elements of a range of positions out, all of which are there.
    pub fn remove_range(&mut self, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        self.changed = true;
        match &mut self.store {
            Store::Packed(block) => leaf::edit::remove_range(block, range),
            Store::Large(large) => {
                if let Some(watch) = &mut self.watch {
                    // Those between them go as a whole.
                    watch(large.elements.leaf_at(range.start));
                    watch(large.elements.leaf_at(range.end - 1));
                }
                large.remove_range(range);
            }
            Store::Grown(large) => large.remove_range(range),
        }
    }

    /// Ends the edit and says what has to be stored.
    pub fn finish(self) -> Edited {
        match self.store {
            Store::Packed(_) if self.changed => Edited::Packed,
            Store::Packed(_) | Store::Large(_) => Edited::InPlace,
            Store::Grown(large) => Edited::Grown(ZSet::Large(large)),
        }
    }
}

impl Rule {
    /// What becomes of a member that has a score or is not there.
    fn apply(self, before: Option<f64>, score: f64) -> Result<Outcome, NotANumber> {
        let Some(before) = before else {
            let is_allowed = self.members != Members::Known;
            return Ok(if is_allowed { Outcome::Added(score) } else { Outcome::Refused });
        };
        if self.members == Members::New {
            return Ok(Outcome::Refused);
        }
        let after = if self.is_increment { before + score } else { score };
        if after.is_nan() {
            return Err(NotANumber);
        }
        let is_allowed = match self.scores {
            Scores::Any => true,
            Scores::Greater => after > before,
            Scores::Less => after < before,
        };
        Ok(match is_allowed {
            false => Outcome::Refused,
            true if normal(after).to_bits() == before.to_bits() => Outcome::Same(after),
            true => Outcome::Updated(after),
        })
    }
}

impl Outcome {
    /// The score of the member, unless the rule did not allow one.
    pub fn score(self) -> Option<f64> {
        match self {
            Self::Added(score) | Self::Updated(score) | Self::Same(score) => Some(score),
            Self::Refused => None,
        }
    }

    /// The new score, if something has changed.
    pub fn changed(self) -> Option<f64> {
        match self {
            Self::Added(score) | Self::Updated(score) => Some(score),
            Self::Same(_) | Self::Refused => None,
        }
    }
}

/// Where a member is in a block.
fn position(block: &[u8], member: &[u8]) -> Option<usize> {
    Leaf::trusted(block).iter().position(|bytes| score::member(bytes) == member)
}

/// Whether a block may take one more member and stay a block.
fn admits(block: &[u8], member: &[u8], settings: Settings) -> bool {
    member.len() <= settings.max_packed_value
        && Leaf::trusted(block).len() < settings.max_packed_entries
        && block.len() + MAX_SCORE_BYTES + member.len() + ELEMENT_OVERHEAD <= PACKED_MAX
}

/// Gives a member that is at a position, or nowhere, a score.
fn put(block: &mut Vec<u8>, at: Option<usize>, member: &[u8], score: f64) {
    if let Some(at) = at {
        leaf::edit::remove(block, at);
    }
    let bytes = element(encode(score), member);
    let at = Leaf::trusted(block).search(&bytes).expect_err("the member was taken out");
    leaf::edit::insert(block, at, &bytes);
}
