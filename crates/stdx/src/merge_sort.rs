//! Sorting in steps: a merge sort that stops and goes on where its owner wants.
//!
//! ```text
//!   items   [run][run][run][run]     each run sorted in place, one after the other
//!   merged  [  run   ][  ...          two runs become one, some items a step; a pass is done, the two change places
//! ```
//! Equal items may change places, as with an unstable sort: a comparison that never finds two items equal makes it stable.

use std::cmp::Ordering;

/// Items that are sorted at once: some ten microseconds.
const RUN: usize = 1024;

/// Items on their way into order.
#[derive(Debug)]
pub struct MergeSort<T> {
    items: Vec<T>,
    /// What the pass has merged so far.
    merged: Vec<T>,
    /// The length of the runs that are merged; 0 while the first runs are being sorted.
    run: usize,
    /// Where the merge has come to in the first run of a pair; while runs are being sorted, the end of those that are.
    left: usize,
    /// The same in the second run, and where the two end.
    right: usize,
    middle: usize,
    end: usize,
}

impl<T: Copy> MergeSort<T> {
    /// Begins with items in any order.
    pub fn new(items: Vec<T>) -> Self {
        Self { items, merged: Vec::new(), run: 0, left: 0, right: 0, middle: 0, end: 0 }
    }

    /// Brings about `count` items nearer to their places, at least one run in the beginning; false when all are in order.
    pub fn step(&mut self, count: usize, mut compare: impl FnMut(&T, &T) -> Ordering) -> bool {
        if self.run == 0 {
            let whole_runs = count.div_ceil(RUN).max(1).saturating_mul(RUN);
            let until = self.items.len().min(self.left.saturating_add(whole_runs));
            for run in self.items[self.left..until].chunks_mut(RUN) {
                run.sort_unstable_by(&mut compare);
            }
            self.left = until;
            if until == self.items.len() {
                self.begin_pass(RUN);
            }
        } else {
            self.merge(count, compare);
        }
        self.run < self.items.len()
    }

    /// The items in order, after the last step.
    pub fn finish(self) -> Vec<T> {
        self.items
    }

    /// Begins to merge runs of a length, two by two.
    fn begin_pass(&mut self, run: usize) {
        self.run = run;
        self.merged.clear();
        if run < self.items.len() {
            self.merged.reserve_exact(self.items.len());
        }
        self.begin_pair(0);
    }

    fn begin_pair(&mut self, at: usize) {
        let len = self.items.len();
        self.left = at;
        self.middle = (at + self.run).min(len);
        self.right = self.middle;
        self.end = (at + 2 * self.run).min(len);
    }

    /// Merges so many items.
    fn merge(&mut self, count: usize, mut compare: impl FnMut(&T, &T) -> Ordering) {
        for _ in 0..count {
            let takes_left = self.left < self.middle
                && (self.right == self.end
                    || compare(&self.items[self.left], &self.items[self.right]) != Ordering::Greater);
            let from = if takes_left { &mut self.left } else { &mut self.right };
            self.merged.push(self.items[*from]);
            *from += 1;
            if self.merged.len() == self.end {
                if self.end == self.items.len() {
                    std::mem::swap(&mut self.items, &mut self.merged);
                    return self.begin_pass(2 * self.run);
                }
                self.begin_pair(self.end);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn items_come_in_order_however_long_the_steps_are() {
        let mut rng = Rng::from_seed(3);
        for count in [0, 1, 2, RUN, RUN + 1, 3 * RUN + 7, 10_000] {
            let items: Vec<(u64, usize)> = (0..count).map(|at| (rng.next_u64() % 1000, at)).collect();
            let mut expected = items.clone();
            expected.sort_unstable();
            for step in [1, 100, 1500, 4096, usize::MAX] {
                let mut sort = MergeSort::new(items.clone());
                while sort.step(step, Ord::cmp) {}
                assert_eq!(sort.finish(), expected, "{count} in steps of {step}");
            }
        }
    }

    #[test]
    fn a_step_compares_no_more_than_its_share() {
        let items: Vec<usize> = (0..100_000).rev().collect();
        let mut sort = MergeSort::new(items);
        let (mut steps, mut going_on) = (0, true);
        while going_on {
            let mut compared = 0;
            going_on = sort.step(RUN, |one, other| {
                compared += 1;
                one.cmp(other)
            });
            assert!(compared <= 20 * RUN, "a run of {RUN} takes {RUN} * log2({RUN}) comparisons, about");
            steps += 1;
        }
        assert!(steps > 7 * 100_000 / RUN, "seven passes over all runs, and their making");
    }
}
