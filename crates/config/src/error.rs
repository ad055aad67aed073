//! Why CONFIG SET refused, in Redis's words.

use std::borrow::Cow;
use std::fmt;

/// What CONFIG SET answers when it changes nothing. The text has no code in front; only `Loading` has one of its own
/// (`LOADING`), all others are `ERR`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// No parameter has this name.
    Unknown(String),
    /// A value or a change is refused.
    Refused {
        /// The name the client gave, or the table's for a value that was refused.
        name: String,
        /// Why.
        reason: Cow<'static, str>,
    },
    /// The parameter does not change while data is loaded.
    Loading,
}

impl ConfigError {
    /// A refusal that comes from putting a value into effect, such as a port that is taken.
    pub fn refused(name: &str, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Refused { name: name.to_owned(), reason: reason.into() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => {
                write!(f, "Unknown option or number of arguments for CONFIG SET - '{name}'")
            }
            Self::Refused { name, reason } => {
                write!(f, "CONFIG SET failed (possibly related to argument '{name}') - {reason}")
            }
            Self::Loading => f.write_str("Redis is loading the dataset in memory"),
        }
    }
}

impl std::error::Error for ConfigError {}
