//! What all sources become before they are applied: directives, each with the place it came from; and the error that names
//! this place.

use std::fmt;

use crate::parameter::is_sensitive;
use crate::split::quote;

/// How much of a directive a message shows.
const SHOWN_CHARACTERS: usize = 300;

/// Where a directive stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a file.
    File {
        /// The path as it was given.
        path: String,
        /// The line, counted from 1.
        line: usize,
    },
    /// On standard input, at this line.
    Stdin {
        /// The line, counted from 1.
        line: usize,
    },
    /// In an environment variable.
    Environment {
        /// Its name.
        variable: String,
    },
    /// On the command line.
    CommandLine,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line: 0 } => write!(f, "file '{path}'"),
            Self::File { path, line } => write!(f, "file '{path}', line {line}"),
            Self::Stdin { line } => write!(f, "standard input, line {line}"),
            Self::Environment { variable } => write!(f, "environment variable {variable}"),
            Self::CommandLine => f.write_str("command line"),
        }
    }
}

/// A name with its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Directive {
    /// In lower case.
    pub(crate) name: String,
    pub(crate) words: Vec<Vec<u8>>,
    /// As it was written, for messages.
    pub(crate) text: String,
    pub(crate) place: Place,
}

impl Directive {
    /// A directive that was not written as a line: its text is made from its words.
    pub(crate) fn from_words(name: &str, words: Vec<Vec<u8>>, place: Place) -> Self {
        let mut text = name.to_owned();
        for word in &words {
            text.push(' ');
            text.push_str(&String::from_utf8_lossy(&quote(word)));
        }
        Self { name: name.to_ascii_lowercase(), words, text, place }
    }

    /// The same directive with the text that stands where it came from.
    pub(crate) fn written(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }

    /// The text with the value of a secret left out, and the end of a very long one.
    fn shown(&self) -> String {
        if is_sensitive(self.name.as_bytes()) || self.name == "user" {
            return self.name.clone();
        }
        match self.text.char_indices().nth(SHOWN_CHARACTERS) {
            None => self.text.clone(),
            Some((end, _)) => format!("{}...", &self.text[..end]),
        }
    }

    pub(crate) fn error(&self, reason: impl Into<String>, remedy: impl Into<String>) -> LoadError {
        LoadError {
            place: self.place.clone(),
            directive: self.shown(),
            reason: reason.into(),
            remedy: remedy.into(),
        }
    }
}

/// Why the configuration cannot be used. Its text is one line with place, directive, reason and remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// Where.
    pub place: Place,
    /// What stands there; empty when the place itself is the trouble.
    pub directive: String,
    /// What is wrong.
    pub reason: String,
    /// What to do; may be empty.
    pub remedy: String,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "*** FATAL CONFIG FILE ERROR *** {}", self.place)?;
        if !self.directive.is_empty() {
            write!(f, ": >>> '{}'", self.directive)?;
        }
        write!(f, ": {}", self.reason)?;
        if self.remedy.is_empty() { Ok(()) } else { write!(f, "; {}", self.remedy) }
    }
}

impl std::error::Error for LoadError {}
