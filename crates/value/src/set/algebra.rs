//! Union, intersection and difference of sets.
//!
//! Two ways lead to each. A [`Walk`] goes over members and looks into the other sets; it costs no memory, and stops and
//! goes on where its owner wants. The other way starts from a clone of a set, which is free, and changes it, so that a
//! large set and a few members more or less cost only those few. A result that is kept is encoded as if its members
//! were added to an empty set.

use std::cmp::Reverse;

use super::{Encoding, Set, Settings};

/// What is made of sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// What at least one has.
    Union,
    /// What all have.
    Intersection,
    /// What the first has and none of the others.
    Difference,
}

/// With more sets than this a union remembers what it has shown instead of looking from each set into those before it.
const WALKED_UNION: usize = 4;
/// Taking a member out of a clone costs about as much as so many looks at members that stay.
const REMOVAL_COST: usize = 2;
/// Members of one step of a walk that nobody interrupts.
const STEP: usize = 1024;

/// A walk over the result of an operation. It shows each member once.
#[derive(Debug)]
pub struct Walk {
    operation: Operation,
    /// In the order in which they are walked, or looked into: what decides soonest comes first.
    sets: Vec<Set>,
    /// The set that is walked, and how far.
    at: usize,
    cursor: u64,
    /// Of a union of many: what is in the sets before.
    seen: Option<Set>,
    settings: Settings,
}

impl Walk {
    /// Begins a walk.
    pub fn new(operation: Operation, mut sets: Vec<Set>, settings: Settings) -> Self {
        match operation {
            Operation::Union => sets.sort_by_key(|set| Reverse(set.len())),
            Operation::Intersection => sets.sort_by_key(Set::len),
            Operation::Difference => {
                if let Some((_, others)) = sets.split_first_mut() {
                    others.sort_by_key(|set| Reverse(set.len()));
                }
            }
        }
        let remembers = operation == Operation::Union && sets.len() > WALKED_UNION;
        let seen = remembers.then(|| sets[0].clone());
        Self { operation, sets, at: 0, cursor: 0, seen, settings }
    }

    /// Looks at about `count` members, those of a block all at once, and shows `each` those of the result; false at the
    /// end.
    pub fn step(&mut self, count: usize, each: &mut dyn FnMut(&[u8])) -> bool {
        let walked = if self.operation == Operation::Union { self.sets.len() } else { 1 };
        let Some(set) = self.sets.get(self.at).filter(|_| self.at < walked) else { return false };
        let (before, others) = (&self.sets[..self.at], self.sets.get(1..).unwrap_or_default());
        let contains = |sets: &[Set], member: &[u8]| sets.iter().any(|set| set.as_ref().contains(member));
        let (seen, settings, is_first) = (&mut self.seen, self.settings, self.at == 0);
        let mut scratch = Vec::new();
        let mut is_in_result = |member: &[u8]| match (self.operation, &mut *seen) {
            (Operation::Union, None) => !contains(before, member),
            (Operation::Union, Some(seen)) => {
                is_first || seen.edit(&mut scratch, settings, |edit| edit.add(member))
            }
            (Operation::Intersection, _) => others.iter().all(|set| set.as_ref().contains(member)),
            (Operation::Difference, _) => !contains(others, member),
        };
        self.cursor = set.as_ref().scan(self.cursor, count, &mut |member| {
            if is_in_result(member) {
                each(member);
            }
        });
        self.at += usize::from(self.cursor == 0);
        self.at < walked
    }
}

/// Shows `each` the members of the result of an operation.
pub fn walk(operation: Operation, sets: &[Set], settings: Settings, each: &mut dyn FnMut(&[u8])) {
    let mut walk = Walk::new(operation, sets.to_vec(), settings);
    while walk.step(STEP, each) {}
}

/// The result of an operation as a set of its own.
pub fn combine(operation: Operation, sets: &[Set], settings: Settings) -> Set {
    let mut combination = Combination::new(operation, sets.to_vec(), settings);
    while combination.step(usize::MAX) {}
    combination.finish()
}

/// The result of an operation in the making. It stops and goes on where its owner wants.
#[derive(Debug)]
pub struct Combination {
    result: Set,
    way: Way,
    settings: Settings,
    scratch: Vec<u8>,
}

/// How a result is made.
#[derive(Debug)]
enum Way {
    /// From a clone of a set: to a union the others' members are added, from a difference they are removed.
    /// They are kept to the end: who owns the combination decides where they are freed.
    Change { operation: Operation, others: Vec<Set>, at: usize, cursor: u64 },
    /// From nothing: what a walk finds is added.
    Collect(Walk),
}

impl Combination {
    /// Begins with the sets as they are.
    pub fn new(operation: Operation, mut sets: Vec<Set>, settings: Settings) -> Self {
        let base = match operation {
            Operation::Union => sets.iter().enumerate().max_by_key(|(_, set)| set.len()).map(|(at, _)| at),
            Operation::Difference if is_cheap_to_subtract(&sets) => Some(0),
            Operation::Intersection | Operation::Difference => None,
        };
        let (result, way) = match base {
            Some(base) => {
                let result = sets.remove(base);
                (result, Way::Change { operation, others: sets, at: 0, cursor: 0 })
            }
            None => (Set::new(), Way::Collect(Walk::new(operation, sets, settings))),
        };
        Self { result, way, settings, scratch: Vec::new() }
    }

    /// Looks at about `count` members, those of a block all at once; false at the end.
    pub fn step(&mut self, count: usize) -> bool {
        let Self { result, way, settings, scratch } = self;
        result.edit(scratch, *settings, |edit| match way {
            Way::Collect(walk) => walk.step(count, &mut |member| {
                edit.add(member);
            }),
            Way::Change { operation, others, at, cursor } => {
                let mut seen = 0;
                while let Some(set) = others.get(*at)
                    && seen < count
                {
                    *cursor = set.as_ref().scan(*cursor, count - seen, &mut |member| {
                        seen += 1;
                        match operation {
                            Operation::Union => edit.add(member),
                            _ => edit.remove(member),
                        };
                    });
                    seen += 1;
                    *at += usize::from(*cursor == 0);
                }
                *at < others.len()
            }
        })
    }

    /// The result, after the last step.
    pub fn finish(&mut self) -> Set {
        let result = std::mem::take(&mut self.result);
        match self.way {
            Way::Change { .. } => settle(result, self.settings),
            Way::Collect(_) => result,
        }
    }
}

/// Whether the others have few members beside the first set, all of whose members would be looked at otherwise.
fn is_cheap_to_subtract(sets: &[Set]) -> bool {
    let Some((first, others)) = sets.split_first() else { return false };
    let removals: usize = others.iter().map(Set::len).sum();
    removals.saturating_mul(REMOVAL_COST) <= first.len()
}

/// A set whose past does not count: small enough for a block, it is built anew.
fn settle(set: Set, settings: Settings) -> Set {
    if set.len() <= settings.max_integers.max(settings.max_packed_entries) {
        let mut anew = Set::new();
        anew.edit(&mut Vec::new(), settings, |edit| {
            for member in set.as_ref().iter() {
                edit.add(&member);
            }
        });
        return anew;
    }
    match set {
        Set::Large(mut large) => {
            large.encoding = Encoding::Hashtable;
            Set::Large(large)
        }
        packed @ Set::Packed(_) => packed,
    }
}
