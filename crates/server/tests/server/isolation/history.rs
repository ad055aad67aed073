//! What clients did and saw: transactions over lists, each with its begin and end on one clock.
//!
//! The clock is a counter that clients draw from before they send and after they have the reply. Who has drawn an end
//! before another draws a begin has been answered before the other asked, and that is all that order in time means.

use std::fmt;

/// A number that is appended; no other append has the same.
pub(crate) type Value = u64;

/// One step of a transaction, with what it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Appends a value to the list of a key, which has this length then; the length is not known of what did not happen.
    Append {
        key: usize,
        value: Value,
        length: Option<usize>,
    },
    Read {
        key: usize,
        list: Vec<Value>,
    },
}

/// Steps that are to happen together, or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Transaction {
    pub(crate) client: usize,
    pub(crate) begun: u64,
    pub(crate) ended: u64,
    /// False: it was given up, since a key that it depends on had changed.
    pub(crate) happened: bool,
    pub(crate) steps: Vec<Step>,
}

impl Transaction {
    /// The keys and values that it appends.
    pub(crate) fn appends(&self) -> impl Iterator<Item = (usize, Value)> + '_ {
        self.steps.iter().filter_map(|step| match step {
            Step::Append { key, value, .. } => Some((*key, *value)),
            Step::Read { .. } => None,
        })
    }

    /// The keys and lists that it has read.
    pub(crate) fn reads(&self) -> impl Iterator<Item = (usize, &[Value])> + '_ {
        self.steps.iter().filter_map(|step| match step {
            Step::Read { key, list } => Some((*key, list.as_slice())),
            Step::Append { .. } => None,
        })
    }
}

impl fmt::Display for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client {} [{}, {}]", self.client, self.begun, self.ended)?;
        if !self.happened {
            f.write_str(" given up")?;
        }
        for step in &self.steps {
            match step {
                Step::Append { key, value, .. } => write!(f, "  k{key} += {value}")?,
                Step::Read { key, list } => {
                    let end = &list[list.len().saturating_sub(5)..];
                    write!(f, "  k{key} = {} values, at the end {end:?}", list.len())?;
                }
            }
        }
        Ok(())
    }
}
