//! Union, intersection and difference of sets.
//!
//! Two ways lead to each. One walks members and looks into the other sets, which costs no memory and gives the members one
//! by one. The other starts from a clone of a set, which is free, and changes it, so that a large set and a few members
//! more or less cost only those few. A result that is kept is encoded as if its members were added to an empty set.

use std::cmp::Reverse;

use super::{Encoding, Set, SetRef, Settings};
use crate::set::Member;

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

/// With more sets than this a union is cheaper to build than to find by looking from each set into those before it.
const WALKED_UNION: usize = 4;
/// Taking a member out of a clone costs about as much as so many looks at members that stay.
const REMOVAL_COST: usize = 2;

/// Shows `each` the members of the result of an operation, until it returns false.
pub fn walk(
    operation: Operation,
    sets: &[Set],
    settings: Settings,
    each: &mut dyn FnMut(Member<'_>) -> bool,
) {
    match operation {
        Operation::Union if sets.len() > WALKED_UNION => {
            let whole = union(sets, settings);
            let _ = whole.as_ref().iter().all(each);
        }
        Operation::Union => walk_union(sets, each),
        Operation::Intersection => walk_intersection(sets, each),
        Operation::Difference => walk_difference(sets, each),
    }
}

/// The result of an operation as a set of its own.
pub fn combine(operation: Operation, sets: &[Set], settings: Settings) -> Set {
    let changed = match operation {
        Operation::Union => union(sets, settings),
        Operation::Difference if is_cheap_to_subtract(sets) => subtract(sets, settings),
        Operation::Intersection | Operation::Difference => {
            return walked(operation, sets, settings);
        }
    };
    settle(changed, settings)
}

/// Walks the largest set as it is, then each smaller one as far as its members are in none before.
fn walk_union(sets: &[Set], each: &mut dyn FnMut(Member<'_>) -> bool) {
    let mut sets: Vec<SetRef<'_>> = sets.iter().map(Set::as_ref).collect();
    sets.sort_by_key(|set| Reverse(set.len()));
    for (index, set) in sets.iter().enumerate() {
        let mut new = set.iter().filter(|member| !sets[..index].iter().any(|other| other.contains(member)));
        if !new.all(&mut *each) {
            return;
        }
    }
}

/// Walks the smallest set and looks into the others, small ones first.
fn walk_intersection(sets: &[Set], each: &mut dyn FnMut(Member<'_>) -> bool) {
    let mut sets: Vec<SetRef<'_>> = sets.iter().map(Set::as_ref).collect();
    sets.sort_by_key(|set| set.len());
    let Some((smallest, others)) = sets.split_first() else { return };
    let _ = smallest.iter().filter(|member| others.iter().all(|set| set.contains(member))).all(each);
}

/// Walks the first set and looks into the others, large ones first.
fn walk_difference(sets: &[Set], each: &mut dyn FnMut(Member<'_>) -> bool) {
    let Some((first, others)) = sets.split_first() else { return };
    let mut others: Vec<SetRef<'_>> = others.iter().map(Set::as_ref).collect();
    others.sort_by_key(|set| Reverse(set.len()));
    let _ = first.as_ref().iter().filter(|member| !others.iter().any(|set| set.contains(member))).all(each);
}

/// The members that a walk shows, as a set.
fn walked(operation: Operation, sets: &[Set], settings: Settings) -> Set {
    let mut set = Set::new();
    set.edit(&mut Vec::new(), settings, |edit| {
        walk(operation, sets, settings, &mut |member| {
            edit.add(&member);
            true
        });
    });
    set
}

/// A clone of the largest set, to which the others' members are added.
fn union(sets: &[Set], settings: Settings) -> Set {
    let Some((largest, base)) = sets.iter().enumerate().max_by_key(|(_, set)| set.len()) else {
        return Set::new();
    };
    let mut whole = base.clone();
    whole.edit(&mut Vec::new(), settings, |edit| {
        let others = sets.iter().enumerate().filter(|(index, _)| *index != largest);
        for member in others.flat_map(|(_, set)| set.as_ref().iter()) {
            edit.add(&member);
        }
    });
    whole
}

/// A clone of the first set, from which the others' members are removed.
fn subtract(sets: &[Set], settings: Settings) -> Set {
    let Some((first, others)) = sets.split_first() else { return Set::new() };
    let mut rest = first.clone();
    rest.edit(&mut Vec::new(), settings, |edit| {
        for member in others.iter().flat_map(|set| set.as_ref().iter()) {
            edit.remove(&member);
        }
    });
    rest
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
