//! A shortlist: of many items that come one after the other only the first few in some order are kept, so that the others need
//! neither room nor sorting.

use std::cmp::Ordering;

use crate::computing::STEP_ELEMENTS;

/// The most items that are wanted of those for which a shortlist is kept.
pub(crate) const FEW: usize = 1024;
/// Room for a shortlist and what comes before it is thinned out.
pub(crate) const ROOM: usize = 2 * FEW + STEP_ELEMENTS;

/// Gives up what cannot be among the first [`FEW`], once as much again has come.
pub(crate) fn thin_out<T>(items: &mut Vec<T>, compare: impl FnMut(&T, &T) -> Ordering) {
    if items.len() > 2 * FEW {
        items.select_nth_unstable_by(FEW, compare);
        items.truncate(FEW);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_few_stay_whatever_comes_behind_them() {
        let mut items = Vec::new();
        for number in 0..50_000u32 {
            items.push(number.wrapping_mul(2_654_435_761)); // no two are equal
            thin_out(&mut items, u32::cmp);
            assert!(items.len() <= ROOM);
        }
        items.sort_unstable();
        let mut all: Vec<u32> = (0..50_000).map(|number: u32| number.wrapping_mul(2_654_435_761)).collect();
        all.sort_unstable();
        assert_eq!(items[..FEW], all[..FEW]);
    }
}
