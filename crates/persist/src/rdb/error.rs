//! What can be wrong with RDB bytes, said with the place and the key.

use std::fmt;

use super::tag::{LAST_REDIS_VERSION, VALKEY_VERSION};
use crate::Reason;

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The first nine bytes are not those of an RDB file.
    Signature,
    /// A version that this server does not read.
    Version(u32),
    /// The bytes end inside of something.
    Truncated,
    /// The CRC-64 at the end does not fit what was read.
    Checksum {
        /// The one in the file.
        stored: u64,
        /// The one of the bytes.
        computed: u64,
    },
    /// A length begins with a byte that stands for nothing.
    LengthEncoding(u8),
    /// A string is longer than strings may be.
    StringTooLong(u64),
    /// A compressed string does not give what it promises.
    Compression,
    /// A number is outside of the range that it may have; the text says which.
    Range(&'static str),
    /// A block in one of the packed encodings breaks its rules; the text names the encoding and the rule.
    Block(&'static str),
    /// A key stands in the data twice.
    DuplicateKey,
    /// A hash names a field twice.
    DuplicateField,
    /// A set names a member twice.
    DuplicateMember,
    /// A sorted set names a member twice.
    TwoScores,
    /// A type of values that this server does not have, by its name and number.
    Unsupported(&'static str, u8),
    /// A value of a module, by the module's own name for the type and the number that stands before it.
    ModuleValue(String, u8),
    /// A byte that is neither a type nor an opcode.
    UnknownType(u8),
    /// Whoever takes what was read refuses it.
    Refused(Reason),
}

/// A problem with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The offset, from the first byte of the RDB data, of the item that is wrong.
    pub offset: u64,
    /// The key whose value is wrong.
    pub key: Option<Vec<u8>>,
    /// What is wrong with it.
    pub problem: Problem,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signature => f.write_str("the signature is not that of an RDB file"),
            Self::Version(version) => write!(
                f,
                "RDB version {version} is not known here: those up to {LAST_REDIS_VERSION} of Redis and \
                 {VALKEY_VERSION} of Valkey are"
            ),
            Self::Truncated => f.write_str("the data ends too early"),
            Self::Checksum { stored, computed } => {
                write!(f, "CRC error: the checksum is {computed:016x}, but {stored:016x} was stored")
            }
            Self::LengthEncoding(byte) => write!(f, "no length begins with byte {byte:#04x}"),
            Self::StringTooLong(length) => write!(f, "a string of {length} bytes is too long"),
            Self::Compression => f.write_str("a compressed string is broken"),
            Self::Range(what) | Self::Block(what) => f.write_str(what),
            Self::DuplicateKey => f.write_str("the key stands in the data twice"),
            Self::DuplicateField => f.write_str("a hash has the same field twice"),
            Self::DuplicateMember => f.write_str("a set has the same member twice"),
            Self::TwoScores => f.write_str("a sorted set has the same member twice"),
            Self::Unsupported(name, number) => {
                write!(f, "values of type {name} (RDB type {number}) are not supported by this server")
            }
            Self::ModuleValue(name, number) => {
                write!(
                    f,
                    "values of the module type {name} (RDB type {number}) are not supported by this server"
                )
            }
            Self::UnknownType(byte) => write!(f, "there is no type or opcode {byte}"),
            Self::Refused(reason) => reason.fmt(f),
        }
    }
}

impl Error {
    /// Of two outcomes the one that counts: the error that stands first in the data.
    pub fn first(one: Result<(), Self>, other: Result<(), Self>) -> Result<(), Self> {
        match (one, other) {
            (Err(one), Err(other)) => Err(if other.offset < one.offset { other } else { one }),
            (one, other) => one.and(other),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}", self.offset)?;
        if let Some(key) = &self.key {
            write!(f, " (key '{}')", key.escape_ascii())?;
        }
        write!(f, ": {}", self.problem)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_place_key_and_reason() {
        let error =
            Error { offset: 93, key: Some(b"a\n".to_vec()), problem: Problem::Unsupported("list", 18) };
        let text =
            "at byte 93 (key 'a\\n'): values of type list (RDB type 18) are not supported by this server";
        assert_eq!(error.to_string(), text);
    }
}
