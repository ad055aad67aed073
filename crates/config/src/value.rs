//! The value of a parameter, and its two texts: the one CONFIG GET prints and the one a file holds.

use crate::keyspace_events::KeyspaceEvents;
use crate::kind::Kind;
use crate::output_limits::OutputLimits;

/// One trigger of `save`: a snapshot is due when so many changes are at least so many seconds old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavePoint {
    /// Seconds, at least 1.
    pub seconds: i64,
    /// Changes.
    pub changes: i64,
}

/// A memory limit, absolute or relative to `maxmemory`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryLimit {
    /// So many bytes; 0 sets no limit.
    Bytes(u64),
    /// So many percent of `maxmemory`, at most 100.
    Percent(u8),
}

/// A value, checked against the kind of its parameter.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Bool(bool),
    Integer(i64),
    Size(u64),
    Limit(MemoryLimit),
    /// An index into the names of the kind.
    Choice(usize),
    /// A set of indices into the names of the kind.
    Flags(u32),
    Text(Vec<u8>),
    Words(Vec<Vec<u8>>),
    Numbers(Vec<i64>),
    SavePoints(Vec<SavePoint>),
    OutputLimits(OutputLimits),
    KeyspaceEvents(KeyspaceEvents),
    Percentiles(Vec<f64>),
    ReplicaOf(Option<(Vec<u8>, u16)>),
}

impl Value {
    /// The text of CONFIG GET.
    pub(crate) fn print(&self, kind: &Kind) -> Vec<u8> {
        match self {
            Value::Bool(yes) => if *yes { "yes" } else { "no" }.into(),
            Value::Integer(number) if matches!(kind, Kind::Octal { .. }) => format!("{number:o}").into(),
            Value::Integer(number) => number.to_string().into(),
            Value::Size(bytes) | Value::Limit(MemoryLimit::Bytes(bytes)) => bytes.to_string().into(),
            Value::Limit(MemoryLimit::Percent(percent)) => format!("{percent}%").into(),
            Value::Choice(index) => kind.names()[*index].into(),
            Value::Flags(set) => print_flags(kind.names(), *set).into(),
            Value::Text(text) => text.clone(),
            Value::Words(words) => words.join(&b' '),
            Value::Numbers(numbers) => join(numbers.iter().map(i64::to_string)).into(),
            Value::SavePoints(points) => {
                join(points.iter().map(|point| format!("{} {}", point.seconds, point.changes))).into()
            }
            Value::OutputLimits(limits) => limits.to_string().into(),
            Value::KeyspaceEvents(events) => events.to_string().into(),
            Value::Percentiles(percentiles) => {
                join(percentiles.iter().map(|&value| print_percentile(value))).into()
            }
            Value::ReplicaOf(None) => Vec::new(),
            Value::ReplicaOf(Some((host, port))) => [host, format!(" {port}").as_bytes()].concat(),
        }
    }
}

/// The names of the flags in a set, in the order of the kind; the first name stands for the empty set.
fn print_flags(names: &[&str], set: u32) -> String {
    if set == 0 {
        return names[0].to_owned();
    }
    let chosen = names.iter().enumerate().skip(1).filter(|(index, _)| set & (1 << index) != 0);
    join(chosen.map(|(_, name)| (*name).to_owned()))
}

/// Six decimals without trailing zeros, the precision Redis keeps here.
fn print_percentile(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(" ")
}
