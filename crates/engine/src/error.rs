//! Every error that a command answers, with Redis's text.

use std::borrow::Cow;
use std::fmt;

/// An error reply. `Display` gives the text behind the `-`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// Options do not fit together or are unknown.
    Syntax,
    /// The key holds a value of another type.
    WrongType,
    /// Not a signed 64-bit integer.
    NotInteger,
    /// Not a number.
    NotFloat,
    /// A sum or difference outside 64 bits.
    Overflow,
    /// A float operation gave NaN or infinity.
    NotFinite,
    /// The source key is not there.
    NoSuchKey,
    /// An expire time outside what can be written down.
    InvalidExpire(&'static str),
    /// Not that many arguments.
    WrongArity(Cow<'static, str>),
    /// No such command; its name and the beginning of its arguments.
    UnknownCommand(String),
    /// No such subcommand; it and its container.
    UnknownSubcommand(String, &'static str),
    /// Not what a subcommand takes; it, as the client wrote it, and its container.
    SubcommandArguments(String, &'static str),
    /// The value would be longer than `proto-max-bulk-len`.
    StringTooLong,
    /// An offset or index outside its range.
    OutOfRange,
    /// A number that must be positive.
    MustBePositive(&'static str),
    /// The user may not; why, and the text.
    NoPermission(acl::Denial, String),
    /// A text of its own, code included.
    Static(&'static str),
    /// A text of its own that names something, code included.
    Text(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "ERR syntax error",
            Self::WrongType => "WRONGTYPE Operation against a key holding the wrong kind of value",
            Self::NotInteger => "ERR value is not an integer or out of range",
            Self::NotFloat => "ERR value is not a valid float",
            Self::Overflow => "ERR increment or decrement would overflow",
            Self::NotFinite => "ERR increment would produce NaN or Infinity",
            Self::NoSuchKey => "ERR no such key",
            Self::InvalidExpire(command) => {
                return write!(f, "ERR invalid expire time in '{command}' command");
            }
            Self::WrongArity(name) => {
                return write!(f, "ERR wrong number of arguments for '{name}' command");
            }
            Self::UnknownCommand(text) => return write!(f, "ERR unknown command {text}"),
            Self::UnknownSubcommand(name, container) => {
                return write!(f, "ERR unknown subcommand '{name}'. Try {container} HELP.");
            }
            Self::SubcommandArguments(name, container) => {
                return write!(
                    f,
                    "ERR unknown subcommand or wrong number of arguments for '{name}'. Try {container} HELP."
                );
            }
            Self::StringTooLong => "ERR string exceeds maximum allowed size (proto-max-bulk-len)",
            Self::OutOfRange => "ERR value is out of range",
            Self::MustBePositive(what) => return write!(f, "ERR {what} must be positive"),
            Self::Static(text) => text,
            Self::Text(text) | Self::NoPermission(_, text) => text,
        })
    }
}

impl From<keyspace::WrongType> for Error {
    fn from(_: keyspace::WrongType) -> Self {
        Self::WrongType
    }
}
