//! Which transaction has to come before which, and a search for circles in that.

use std::collections::VecDeque;

use super::history::Transaction;

/// Why a transaction comes before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// The other appends behind what it has appended to the key.
    Appended(usize),
    /// The other has read what it has appended to the key.
    Seen(usize),
    /// The other appends what it has not yet seen in the key.
    NotSeen(usize),
    /// It had ended when the other began.
    Time,
}

/// Transactions by their numbers, and moments behind them, with arrows from the earlier to the later.
///
/// Order in time has an arrow for each two transactions that do not overlap. To have few of them, each end of a
/// transaction is a moment; a transaction points to the moment of its end, a moment to the next one, and the last
/// moment before a transaction begins points to that.
pub(crate) struct Order {
    transactions: usize,
    later: Vec<Vec<(usize, Why)>>,
}

impl Order {
    /// The order in time.
    pub(crate) fn in_time(history: &[Transaction]) -> Self {
        let mut order = Self { transactions: history.len(), later: vec![Vec::new(); history.len()] };
        let ends = history.iter().enumerate().map(|(number, transaction)| (transaction.ended, number, true));
        let begins =
            history.iter().enumerate().map(|(number, transaction)| (transaction.begun, number, false));
        let mut events: Vec<(u64, usize, bool)> = ends.chain(begins).collect();
        events.sort_unstable();
        let mut last = None;
        for (_, transaction, is_end) in events {
            if is_end {
                let moment = order.later.len();
                order.later.push(Vec::new());
                order.point(transaction, moment, Why::Time);
                if let Some(last) = last {
                    order.point(last, moment, Why::Time);
                }
                last = Some(moment);
            } else if let Some(last) = last {
                order.point(last, transaction, Why::Time);
            }
        }
        order
    }

    /// One comes before another.
    pub(crate) fn point(&mut self, from: usize, to: usize, why: Why) {
        if from != to {
            self.later[from].push((to, why));
        }
    }

    /// A short circle: transactions, and why each comes before the next and the last before the first.
    pub(crate) fn circle(&self) -> Option<Vec<(usize, Why)>> {
        let start = self.on_a_circle()?;
        let mut came_from: Vec<Option<(usize, Why)>> = vec![None; self.later.len()];
        let mut queue = VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            for &(next, why) in &self.later[node] {
                if came_from[next].is_none() {
                    came_from[next] = Some((node, why));
                    queue.push_back(next);
                }
            }
            if came_from[start].is_some() {
                break;
            }
        }
        let mut circle = Vec::new();
        let mut node = start;
        loop {
            let (before, why) = came_from[node].expect("the start is on a circle, so it was reached");
            if before < self.transactions {
                circle.push((before, why));
            }
            if before == start {
                circle.reverse();
                return Some(circle);
            }
            node = before;
        }
    }

    /// Something that is on a circle. What nothing comes before is taken away until there is no such; if anything is
    /// left, something that is left comes before it, so going back again and again leads into a circle.
    fn on_a_circle(&self) -> Option<usize> {
        let mut earlier = vec![Vec::new(); self.later.len()];
        for (node, later) in self.later.iter().enumerate() {
            for &(next, _) in later {
                earlier[next].push(node);
            }
        }
        let mut missing: Vec<usize> = earlier.iter().map(Vec::len).collect();
        let mut free: Vec<usize> = (0..missing.len()).filter(|&node| missing[node] == 0).collect();
        while let Some(node) = free.pop() {
            for &(next, _) in &self.later[node] {
                missing[next] -= 1;
                if missing[next] == 0 {
                    free.push(next);
                }
            }
        }
        let mut node = (0..missing.len()).find(|&node| missing[node] > 0)?;
        let mut passed = vec![false; missing.len()];
        while !passed[node] {
            passed[node] = true;
            let before = earlier[node].iter().find(|&&before| missing[before] > 0);
            node = *before.expect("what is left has something left before it");
        }
        Some(node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Transactions without steps at these times.
    fn at(times: &[(u64, u64)]) -> Vec<Transaction> {
        let transaction =
            |&(begun, ended)| Transaction { client: 0, begun, ended, happened: true, steps: Vec::new() };
        times.iter().map(transaction).collect()
    }

    #[test]
    fn time_orders_what_does_not_overlap() {
        let history = at(&[(0, 2), (1, 5), (3, 4), (6, 7)]);
        for (from, to, is_circle) in
            [(0, 2, false), (2, 0, true), (3, 0, true), (3, 1, true), (1, 0, false), (2, 1, false)]
        {
            let mut order = Order::in_time(&history);
            order.point(from, to, Why::Seen(0));
            assert_eq!(order.circle().is_some(), is_circle, "{from} before {to}");
        }
    }

    #[test]
    fn a_circle_is_told_from_one_transaction_to_the_next() {
        let mut order = Order::in_time(&at(&[(0, 9), (1, 8), (2, 7), (3, 6)]));
        for (from, to) in [(3, 0), (0, 1), (1, 2), (2, 1)] {
            order.point(from, to, Why::Appended(from));
        }
        let mut circle = order.circle().expect("1 and 2 come before each other");
        circle.sort_by_key(|(transaction, _)| *transaction);
        assert_eq!(circle, [(1, Why::Appended(1)), (2, Why::Appended(2))]);
    }

    #[test]
    fn what_leads_into_a_circle_and_out_of_it_is_no_part_of_it() {
        let mut order = Order::in_time(&at(&[(0, 9), (1, 8), (2, 7), (3, 6)]));
        for (from, to) in [(0, 1), (1, 2), (2, 1), (2, 3)] {
            order.point(from, to, Why::NotSeen(0));
        }
        assert_eq!(order.circle().expect("a circle").len(), 2);
    }
}
