//! Why something that was read of a file is not taken: mostly since the file is at fault, and sometimes not.

use std::fmt;

use crate::rdb::Problem;

/// See the module's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It cannot be right; the text says why.
    Broken(String),
    /// It uses the database of a number where there are fewer: the file is sound, and loads with more of them.
    TooFewDatabases {
        /// The database, counted from 0.
        number: u64,
        /// How many there are.
        databases: u16,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(reason) => f.write_str(reason),
            Self::TooFewDatabases { number, databases } => {
                let needed = number.saturating_add(1);
                write!(
                    f,
                    "database {number} is used, and there are {databases}: start with the parameter databases at least {needed}"
                )
            }
        }
    }
}

impl From<String> for Reason {
    fn from(reason: String) -> Self {
        Self::Broken(reason)
    }
}

impl From<&str> for Reason {
    fn from(reason: &str) -> Self {
        Self::Broken(reason.to_owned())
    }
}

impl From<Problem> for Reason {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::Refused(reason) => reason,
            problem => Self::Broken(problem.to_string()),
        }
    }
}
