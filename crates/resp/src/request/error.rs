//! The ways in which a request can break the protocol, with the texts that Redis answers before it hangs up.

use std::fmt;

/// Why a connection must be closed. `Display` gives the text that follows `-ERR `.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// No line end within the longest inline request.
    TooBigInline,
    /// No line end within the longest line that may hold the number of arguments.
    TooBigMultibulkCount,
    /// No line end within the longest line that may hold an argument's length.
    TooBigBulkCount,
    /// The number of arguments is no number or too large.
    InvalidMultibulkLength,
    /// An argument's length is no number, negative or too large.
    InvalidBulkLength,
    /// Too many arguments before authentication.
    UnauthenticatedMultibulkLength,
    /// Too long an argument before authentication.
    UnauthenticatedBulkLength,
    /// An argument does not begin with `$` but with this byte.
    ExpectedDollar(u8),
    /// A quote in an inline request is not closed, or text follows a closing quote.
    UnbalancedQuotes,
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Protocol error: ")?;
        f.write_str(match self {
            Self::TooBigInline => "too big inline request",
            Self::TooBigMultibulkCount => "too big mbulk count string",
            Self::TooBigBulkCount => "too big bulk count string",
            Self::InvalidMultibulkLength => "invalid multibulk length",
            Self::InvalidBulkLength => "invalid bulk length",
            Self::UnauthenticatedMultibulkLength => "unauthenticated multibulk length",
            Self::UnauthenticatedBulkLength => "unauthenticated bulk length",
            Self::ExpectedDollar(byte) => return write!(f, "expected '$', got '{}'", char::from(*byte)),
            Self::UnbalancedQuotes => "unbalanced quotes in request",
        })
    }
}

impl std::error::Error for ProtocolError {}
