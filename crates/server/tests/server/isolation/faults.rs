//! That the checker finds what it is there for: histories that are told in a few lines, and a long one that a store in
//! memory has made, which is in order, and is not any more after one change.

use std::collections::BTreeMap;

use stdx::rng::Rng;

use super::checker::{Anomaly, check};
use super::history::{Step, Transaction, Value};
use super::order::Why;

fn append(key: usize, value: Value) -> Step {
    Step::Append { key, value, length: None }
}

fn read(key: usize, list: &[Value]) -> Step {
    Step::Read { key, list: list.to_vec() }
}

/// Transactions that overlap all.
fn together(transactions: &[&[Step]]) -> Vec<Transaction> {
    let count = transactions.len() as u64;
    let transaction = |(number, steps): (usize, &&[Step])| Transaction {
        client: number,
        begun: number as u64,
        ended: count + number as u64,
        happened: true,
        steps: steps.to_vec(),
    };
    transactions.iter().enumerate().map(transaction).collect()
}

/// The same, one after the other.
fn in_turn(transactions: &[&[Step]]) -> Vec<Transaction> {
    let mut history = together(transactions);
    for (number, transaction) in history.iter_mut().enumerate() {
        (transaction.begun, transaction.ended) = (2 * number as u64, 2 * number as u64 + 1);
    }
    history
}

/// The reasons of the circle that makes a history impossible.
fn circle(history: &[Transaction]) -> Vec<Why> {
    match check(history) {
        Err(Anomaly::Circle(circle)) => circle.into_iter().map(|(_, why)| why).collect(),
        other => panic!("{other:?} is no circle"),
    }
}

#[test]
fn what_can_be_put_in_an_order_is_in_order() {
    let (both, none) = (&[append(0, 1), append(1, 2)], &[read(0, &[]), read(1, &[])]);
    assert_eq!(check(&together(&[both, none])), Ok(()));
    assert_eq!(check(&together(&[both, &[read(0, &[1])], &[read(1, &[])]])), Ok(()), "reads at two moments");
    assert_eq!(check(&in_turn(&[none, both, &[read(1, &[2]), append(1, 3), read(1, &[2, 3])]])), Ok(()));
}

#[test]
fn lists_hold_what_was_appended_once_and_in_one_order() {
    let found = |transactions: &[&[Step]]| check(&together(transactions)).expect_err("it is impossible");
    let both: &[Step] = &[append(0, 1)];
    assert_eq!(
        found(&[both, &[read(0, &[1, 7])]]),
        Anomaly::Invented { reader: 1, key: 0, value: 7 },
        "nobody has appended 7"
    );
    assert_eq!(found(&[both, &[read(1, &[1])]]), Anomaly::Invented { reader: 1, key: 1, value: 1 });
    assert_eq!(found(&[both, &[read(0, &[1, 1])]]), Anomaly::Repeated { reader: 1, key: 0, value: 1 });
    let diverged = found(&[both, &[append(0, 2)], &[read(0, &[1, 2])], &[read(0, &[2])]]);
    assert_eq!(diverged, Anomaly::Diverged { readers: [2, 3], key: 0 });
}

#[test]
fn what_was_given_up_is_not_seen_and_what_happened_is() {
    let mut history = in_turn(&[&[append(0, 1)], &[read(0, &[])]]);
    assert_eq!(check(&history), Err(Anomaly::Lost { writer: 0, key: 0, value: 1 }));
    history[0].happened = false;
    assert_eq!(check(&history), Ok(()));
    let mut history = in_turn(&[&[append(0, 1)], &[read(0, &[1])]]);
    history[0].happened = false;
    assert_eq!(check(&history), Err(Anomaly::Undone { reader: 1, key: 0, value: 1 }));
}

#[test]
fn an_append_stands_where_its_reply_says() {
    let at = |length| [Step::Append { key: 0, value: 1, length: Some(length) }];
    let other = [append(0, 2)];
    let check = |length: usize| check(&together(&[&at(length), &other, &[read(0, &[2, 1])]]));
    assert_eq!(check(2), Ok(()));
    assert_eq!(check(1), Err(Anomaly::Misplaced { writer: 0, key: 0, value: 1 }));
}

#[test]
fn a_transaction_sees_its_own_steps_and_no_others_between_them() {
    for steps in
        [[append(0, 1), read(0, &[])], [read(0, &[]), read(0, &[2])], [append(0, 1), read(0, &[1, 2])]]
    {
        let others: &[&[Step]] = &[&steps, &[append(0, 2)]];
        let found = check(&together(others)).expect_err("it is impossible");
        assert_eq!(found, Anomaly::Forgotten { reader: 0, key: 0 });
    }
}

#[test]
fn nobody_sees_half_a_transaction() {
    let two = &[append(0, 1), append(0, 2)];
    let history = together(&[two, &[read(0, &[1])]]);
    assert_eq!(check(&history), Err(Anomaly::Halfway { reader: 1, writer: 0, key: 0 }));
    let history =
        together(&[&[append(0, 1), append(1, 2)], &[read(0, &[1]), read(1, &[])], &[read(1, &[2])]]);
    let mut found = circle(&history);
    found.sort_by_key(|why| format!("{why:?}"));
    assert_eq!(found, [Why::NotSeen(1), Why::Seen(0)]);
    let history = together(&[two, &[append(0, 3)], &[read(0, &[1, 3, 2])]]);
    assert_eq!(circle(&history), [Why::Appended(0); 2], "somebody came between the two");
}

#[test]
fn two_cannot_both_have_been_first() {
    // Both read nothing and append: the update of one is lost on the other.
    let history =
        together(&[&[read(0, &[]), append(0, 1)], &[read(0, &[]), append(0, 2)], &[read(0, &[1, 2])]]);
    let found = circle(&history);
    assert!(found.contains(&Why::NotSeen(0)), "{found:?}");
    // Each reads what the other appends to (write skew).
    let history = together(&[
        &[read(0, &[]), append(1, 1)],
        &[read(1, &[]), append(0, 2)],
        &[read(0, &[2]), read(1, &[1])],
    ]);
    let mut found = circle(&history);
    found.sort_by_key(|why| format!("{why:?}"));
    assert_eq!(found, [Why::NotSeen(0), Why::NotSeen(1)]);
}

#[test]
fn whoever_asks_after_a_reply_sees_what_it_tells_of() {
    let stale: &[&[Step]] = &[&[append(0, 1)], &[read(0, &[])], &[read(0, &[1])]];
    assert_eq!(check(&together(stale)), Ok(()), "at the same time it may");
    let found = circle(&in_turn(stale));
    assert!(found.contains(&Why::Time) && found.contains(&Why::NotSeen(0)), "{found:?}");
}

/// A long history of a store in memory that runs each transaction at a random moment between its begin and its end,
/// with a read of everything at the end.
fn simulated(seed: u64) -> Vec<Transaction> {
    const CLIENTS: usize = 8;
    const KEYS: usize = 5;
    let mut rng = Rng::from_seed(seed);
    let mut store: BTreeMap<usize, Vec<Value>> = (0..KEYS).map(|key| (key, Vec::new())).collect();
    let mut history = Vec::new();
    let mut running: Vec<Option<Transaction>> = vec![None; CLIENTS];
    let (mut clock, mut value) = (0, 0);
    while history.len() < 600 {
        let client = rng.below(CLIENTS as u64) as usize;
        clock += 1;
        let Some(transaction) = running[client].take() else {
            running[client] =
                Some(Transaction { client, begun: clock, ended: 0, happened: false, steps: Vec::new() });
            continue;
        };
        if transaction.happened {
            history.push(Transaction { ended: clock, ..transaction });
            continue;
        }
        let step = |_| {
            let key = rng.below(KEYS as u64) as usize;
            let list = store.get_mut(&key).expect("every key has a list");
            if rng.below(2) == 0 {
                return Step::Read { key, list: list.clone() };
            }
            value += 1;
            list.push(value);
            Step::Append { key, value, length: Some(list.len()) }
        };
        let steps = (0..3).map(step).collect();
        running[client] = Some(Transaction { happened: true, steps, ..transaction });
    }
    // Some are still on their way when everything is read.
    for transaction in running.into_iter().flatten().filter(|transaction| transaction.happened) {
        clock += 1;
        history.push(Transaction { ended: clock, ..transaction });
    }
    let steps = store.into_iter().map(|(key, list)| Step::Read { key, list }).collect();
    history.push(Transaction { client: 0, begun: clock + 1, ended: clock + 2, happened: true, steps });
    history
}

/// The lists of the last transaction, which reads everything.
fn last_lists(history: &mut [Transaction]) -> Vec<&mut Vec<Value>> {
    let last = history.last_mut().expect("it reads everything");
    let mut lists = Vec::new();
    for step in &mut last.steps {
        if let Step::Read { list, .. } = step {
            lists.push(list);
        }
    }
    lists
}

#[test]
fn one_change_of_a_long_history_is_found() {
    for seed in 0..10 {
        let history = simulated(seed);
        assert_eq!(check(&history), Ok(()), "seed {seed}");
        let mut rng = Rng::from_seed(seed);
        let mut finds = |what: &str, change: &mut dyn FnMut(&mut Vec<Transaction>, &mut Rng)| {
            let mut changed = history.clone();
            change(&mut changed, &mut rng);
            assert!(check(&changed).is_err(), "seed {seed}: {what}");
        };
        finds("two appends in the wrong order", &mut |history, rng| {
            let list = last_lists(history).swap_remove(0);
            let at = rng.below(list.len() as u64 - 1) as usize;
            list.swap(at, at + 1);
        });
        finds("an append that is missing", &mut |history, rng| {
            let list = last_lists(history).swap_remove(1);
            list.remove(rng.below(list.len() as u64) as usize);
        });
        finds("the last append that is missing", &mut |history, _| {
            last_lists(history)[2].pop();
        });
        finds("a transaction that was given up and has an effect", &mut |history, rng| {
            let writers: Vec<usize> =
                (0..history.len()).filter(|&number| history[number].appends().count() > 0).collect();
            history[writers[rng.below(writers.len() as u64) as usize]].happened = false;
        });
        finds("a transaction that began later", &mut |history, _| {
            let end = history.last().expect("one that reads everything").ended;
            let first = history.iter_mut().find(|transaction| transaction.appends().count() > 0);
            let first = first.expect("some append");
            (first.begun, first.ended) = (end + 1, end + 2);
        });
    }
}
