//! Why the program, or one command at the prompt, failed, in the words of redis-cli.

use std::{fmt, io};

/// Why something failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The connection could not be made or is lost.
    Connection(client::Error),
    /// The output cannot be written or the input cannot be read.
    Output(io::Error),
    /// Anything else, told in full.
    Message(String),
    /// Words that make no command. As of redis-cli's, this is output.
    Wrong(&'static str),
}

impl Failure {
    /// A failure told in full.
    pub(crate) fn message(text: impl Into<String>) -> Self {
        Self::Message(text.into())
    }

    /// Whether the reader of the output is gone.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(client::Error::Connect { address, source }) => {
                write!(f, "Could not connect to Redis at {address}: {}", system_text(source))
            }
            Self::Connection(client::Error::Closed) => f.write_str("Error: Server closed the connection"),
            Self::Connection(error) => write!(f, "Error: {error}"),
            Self::Output(error) => write!(f, "Error: {}", system_text(error)),
            Self::Message(text) => f.write_str(text),
            Self::Wrong(text) => f.write_str(text),
        }
    }
}

impl From<client::Error> for Failure {
    fn from(error: client::Error) -> Self {
        Self::Connection(error)
    }
}

impl From<String> for Failure {
    fn from(text: String) -> Self {
        Self::Message(text)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// The system's words for an error, without what Rust puts around them.
pub(crate) fn system_text(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
    text.split_once(" (os error").map_or(text, |(text, _)| text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use client::Address;

    #[test]
    fn failures_are_told_in_the_words_of_redis_cli() {
        let address = Address::Tcp { host: "127.0.0.1".to_owned(), port: 1 };
        let refused = io::Error::from_raw_os_error(111);
        let failure = Failure::from(client::Error::Connect { address, source: refused });
        assert!(failure.to_string().starts_with("Could not connect to Redis at 127.0.0.1:1: "), "{failure}");
        assert!(!failure.to_string().contains("os error"), "{failure}");
        let unknown = io::Error::other("failed to lookup address information: Name or service not known");
        assert_eq!(system_text(&unknown), "Name or service not known");
        assert_eq!(Failure::from(client::Error::Closed).to_string(), "Error: Server closed the connection");
    }

    #[test]
    fn a_reader_that_is_gone_is_recognised() {
        assert!(Failure::from(io::Error::from(io::ErrorKind::BrokenPipe)).is_broken_pipe());
        assert!(!Failure::message("x").is_broken_pipe());
    }
}
