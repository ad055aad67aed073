//! Whether a history is strictly serializable: whether its transactions could have happened one at a time, each
//! somewhere between its begin and its end.
//!
//! The idea is that of Elle (Kingsbury and Alvaro, "Elle: Inferring Isolation Anomalies from Experimental Observations").
//! Values are unique and lists only grow at their ends, so the longest list that was read of a key tells in which order all
//! its values came, and each value tells who appended it. Therefore it is known of every two neighbours in a list which
//! transaction came first, of every read which append it has just seen and which it has not seen, and of transactions
//! that do not overlap which was first in time. The transactions can be put in an order exactly if these arrows make no
//! circle. What the arrows presuppose is looked at before, and has names of its own.

use std::collections::BTreeMap;

use super::history::{Step, Transaction, Value};
use super::order::{Order, Why};

/// What cannot be. Transactions are numbers of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Anomaly {
    /// A list holds what nobody has appended to it.
    Invented { reader: usize, key: usize, value: Value },
    /// A list holds a value of a transaction that was given up.
    Undone { reader: usize, key: usize, value: Value },
    /// A list holds a value twice.
    Repeated { reader: usize, key: usize, value: Value },
    /// Two lists of one key, none of which is the beginning of the other.
    Diverged { readers: [usize; 2], key: usize },
    /// A list does not show what its own transaction has read or appended before.
    Forgotten { reader: usize, key: usize },
    /// An append was answered another length than that which its place in the list tells.
    Misplaced { writer: usize, key: usize, value: Value },
    /// An append that no list shows, although one was read afterwards.
    Lost { writer: usize, key: usize, value: Value },
    /// A list that another transaction had appended to and not finished.
    Halfway { reader: usize, writer: usize, key: usize },
    /// Each comes before the next, and the last before the first.
    Circle(Vec<(usize, Why)>),
}

/// Checks a history, in which each value is appended once.
pub(crate) fn check(history: &[Transaction]) -> Result<(), Anomaly> {
    let writers = writers(history);
    let versions = versions(history)?;
    for (number, transaction) in history.iter().enumerate() {
        for (key, list) in transaction.reads() {
            check_list(history, &writers, number, (key, list))?;
        }
        check_itself(number, transaction)?;
        if transaction.happened {
            check_appends(history, &versions, number)?;
        }
    }
    match order(history, &writers, &versions).circle() {
        Some(circle) => Err(Anomaly::Circle(circle)),
        None => Ok(()),
    }
}

/// Who has appended a value, and to which key.
type Writers = BTreeMap<Value, (usize, usize)>;

fn writers(history: &[Transaction]) -> Writers {
    let mut writers = Writers::new();
    for (number, transaction) in history.iter().enumerate() {
        for (key, value) in transaction.appends() {
            let other = writers.insert(value, (number, key));
            assert!(other.is_none(), "the workload appends {value} twice");
        }
    }
    writers
}

/// The longest list of each key, of which all others have to be beginnings.
fn versions(history: &[Transaction]) -> Result<BTreeMap<usize, &[Value]>, Anomaly> {
    let mut longest: BTreeMap<usize, (usize, &[Value])> = BTreeMap::new();
    for (number, transaction) in history.iter().enumerate() {
        for (key, list) in transaction.reads() {
            let (reader, known) = longest.entry(key).or_insert((number, list));
            let (short, long) = if known.len() < list.len() { (*known, list) } else { (list, *known) };
            if !long.starts_with(short) {
                return Err(Anomaly::Diverged { readers: [*reader, number], key });
            }
            if known.len() < list.len() {
                (*reader, *known) = (number, list);
            }
        }
    }
    Ok(longest.into_iter().map(|(key, (_, list))| (key, list)).collect())
}

/// Whether a list holds nothing but what it may.
fn check_list(
    history: &[Transaction],
    writers: &Writers,
    reader: usize,
    (key, list): (usize, &[Value]),
) -> Result<(), Anomaly> {
    let mut seen = std::collections::BTreeSet::new();
    for &value in list {
        let writer = writers.get(&value).filter(|(_, appended_to)| *appended_to == key);
        let Some(&(writer, _)) = writer else { return Err(Anomaly::Invented { reader, key, value }) };
        if !history[writer].happened {
            return Err(Anomaly::Undone { reader, key, value });
        }
        if !seen.insert(value) {
            return Err(Anomaly::Repeated { reader, key, value });
        }
    }
    let Some(end) = list.last() else { return Ok(()) };
    let (writer, _) = writers[end];
    let last = history[writer].appends().filter(|(other, _)| *other == key).last();
    if writer != reader && last != Some((key, *end)) {
        return Err(Anomaly::Halfway { reader, writer, key });
    }
    Ok(())
}

/// Whether a transaction sees its own steps, and nothing of others between them.
fn check_itself(number: usize, transaction: &Transaction) -> Result<(), Anomaly> {
    // What is known of each key: a whole list once it was read, before that the end of it.
    let mut known: BTreeMap<usize, (bool, Vec<Value>)> = BTreeMap::new();
    for step in &transaction.steps {
        match step {
            Step::Append { key, value, .. } => known.entry(*key).or_default().1.push(*value),
            Step::Read { key, list } => {
                let (is_whole, expected) = known.entry(*key).or_default();
                let agrees = if *is_whole { list == expected } else { list.ends_with(expected) };
                if !agrees {
                    return Err(Anomaly::Forgotten { reader: number, key: *key });
                }
                (*is_whole, *expected) = (true, list.clone());
            }
        }
    }
    Ok(())
}

/// Whether what a transaction has appended is there, at the place that it was told.
fn check_appends(
    history: &[Transaction],
    versions: &BTreeMap<usize, &[Value]>,
    writer: usize,
) -> Result<(), Anomaly> {
    for step in &history[writer].steps {
        let Step::Append { key, value, length } = *step else { continue };
        let list = versions.get(&key).copied().unwrap_or_default();
        let place = list.iter().position(|other| *other == value);
        let is_read_later = |other: &Transaction| {
            other.begun > history[writer].ended && other.reads().any(|(other, _)| other == key)
        };
        match (place, length) {
            (Some(place), Some(length)) if length != place + 1 => {
                return Err(Anomaly::Misplaced { writer, key, value });
            }
            (None, Some(length)) if length <= list.len() => {
                return Err(Anomaly::Misplaced { writer, key, value });
            }
            (None, _) if history.iter().any(is_read_later) => {
                return Err(Anomaly::Lost { writer, key, value });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Everything that is known of who came before whom.
fn order(history: &[Transaction], writers: &Writers, versions: &BTreeMap<usize, &[Value]>) -> Order {
    let mut order = Order::in_time(history);
    for (&key, list) in versions {
        for pair in list.windows(2) {
            order.point(writers[&pair[0]].0, writers[&pair[1]].0, Why::Appended(key));
        }
    }
    for (reader, transaction) in history.iter().enumerate() {
        for (key, list) in transaction.reads() {
            if let Some(end) = list.last() {
                order.point(writers[end].0, reader, Why::Seen(key));
            }
            if let Some(next) = versions[&key].get(list.len()) {
                order.point(reader, writers[next].0, Why::NotSeen(key));
            }
        }
    }
    order
}

/// The anomaly with the transactions that it is about, for people.
pub(crate) fn explain(history: &[Transaction], anomaly: &Anomaly) -> String {
    let numbers: Vec<usize> = match anomaly {
        Anomaly::Invented { reader, .. }
        | Anomaly::Undone { reader, .. }
        | Anomaly::Repeated { reader, .. }
        | Anomaly::Forgotten { reader, .. } => vec![*reader],
        Anomaly::Diverged { readers, .. } => readers.to_vec(),
        Anomaly::Misplaced { writer, .. } | Anomaly::Lost { writer, .. } => vec![*writer],
        Anomaly::Halfway { reader, writer, .. } => vec![*reader, *writer],
        Anomaly::Circle(circle) => circle.iter().map(|(number, _)| *number).collect(),
    };
    let lines = numbers.iter().map(|number| format!("\n  {number}: {}", history[*number]));
    format!("{anomaly:?}{}", lines.collect::<String>())
}
