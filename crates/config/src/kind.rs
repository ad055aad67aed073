//! The kinds of parameters: what text each takes, with Redis's reasons for refusing one.

mod parse;

use std::borrow::Cow;
use std::fmt;

use crate::keyspace_events::KeyspaceEvents;
use crate::output_limits::OutputLimits;
use crate::value::Value;

/// Why a value was refused, in Redis's words.
pub(crate) type Reason = Cow<'static, str>;

/// A value of this parameter is ...
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `yes` or `no`.
    YesNo,
    /// A whole number in a range.
    Integer {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// A whole number that is not negative, which is moved into a range.
    Clamped {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// A number of bytes, with or without a unit.
    Memory {
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
    },
    /// A number of bytes that is raised to what is needed.
    Raised {
        /// The least that is taken.
        min: u64,
        /// What less becomes.
        least: u64,
    },
    /// A number of bytes or a percentage up to 100.
    MemoryOrPercent,
    /// A whole number in octal digits.
    Octal {
        /// The greatest; the least is 0.
        max: i64,
    },
    /// One of these names.
    Choice(&'static [&'static str]),
    /// Several of these names; the first stands for none.
    Flags(&'static [&'static str]),
    /// A text.
    Text(TextRule),
    /// Several texts.
    Words {
        /// So many at most.
        most: usize,
    },
    /// Several whole numbers.
    Numbers {
        /// So many.
        count: usize,
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// Pairs of seconds and changes.
    SavePoints,
    /// Groups of class, hard limit, soft limit and seconds.
    OutputLimits,
    /// Letters for classes of events.
    KeyspaceEvents,
    /// Numbers from 0 to 100.
    Percentiles,
    /// Host and port, or `no one`.
    ReplicaOf,
}

/// What a text must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextRule {
    /// Any bytes: a password.
    Bytes,
    /// How names of files begin that stand in lists in quotes: no directories, and no NUL bytes.
    FilePrefix,
    /// Anything; this and the rules below allow no line breaks and NUL bytes.
    Any,
    /// Something.
    NotEmpty,
    /// A name without directories.
    FileName,
    /// `aof:` or `rdb:` and a path; or nothing.
    DataFile,
    /// A list of cores ([`stdx::core_list`]); or nothing.
    Cores,
    /// Letters, digits, hyphens and dots, 255 at most; or nothing.
    HostName,
    /// A form of the process title.
    Title,
}

impl Kind {
    /// Whether a value may have several words.
    pub fn takes_words(&self) -> bool {
        use Kind::{Flags, Numbers, OutputLimits, Percentiles, ReplicaOf, SavePoints, Words};
        matches!(
            self,
            Flags(_) | Words { .. } | Numbers { .. } | SavePoints | OutputLimits | Percentiles | ReplicaOf
        )
    }

    /// The names a choice or a set of flags is made of.
    pub(crate) fn names(&self) -> &'static [&'static str] {
        match self {
            Kind::Choice(names) | Kind::Flags(names) => names,
            _ => &[],
        }
    }

    /// The value that `words` write. A kind that takes one word gets exactly one. `old` is what parts that are not named keep.
    pub(crate) fn parse(&self, name: &str, words: &[&[u8]], old: &Value) -> Result<Value, Reason> {
        self.refuse_line_breaks(words)?;
        match *self {
            Kind::Choice(names) => parse::choice(names, words),
            Kind::Flags(names) => parse::flags(names, words),
            Kind::Words { most } => parse::list(words, most),
            Kind::Numbers { count, min, max } => parse::numbers(name, words, count, min..=max),
            Kind::SavePoints => parse::save_points(words),
            Kind::OutputLimits => match old {
                Value::OutputLimits(limits) => limits.with(words),
                _ => OutputLimits::default().with(words),
            }
            .map(Value::OutputLimits),
            Kind::Percentiles => parse::percentiles(words),
            Kind::ReplicaOf => parse::replica_of(words),
            _ => match words {
                [word] => self.parse_word(name, word),
                _ => Err("wrong number of arguments".into()),
            },
        }
    }

    /// Refuses what no name, path or number has and what would look like a line of its own wherever it is printed.
    pub(crate) fn refuse_line_breaks<T: AsRef<[u8]>>(&self, words: &[T]) -> Result<(), Reason> {
        let (refused, what): (&[u8], _) = match self {
            Kind::Text(TextRule::Bytes) => return Ok(()),
            Kind::Text(TextRule::FilePrefix) => (b"\0", "NUL bytes"),
            _ => (b"\n\r\0", "line breaks or NUL bytes"),
        };
        if words.iter().any(|word| word.as_ref().iter().any(|byte| refused.contains(byte))) {
            return Err(format!("argument must not contain {what}").into());
        }
        Ok(())
    }

    /// As `parse`, for the kinds that take exactly one word.
    fn parse_word(&self, name: &str, word: &[u8]) -> Result<Value, Reason> {
        match *self {
            Kind::YesNo => parse::yes_no(word),
            Kind::Integer { min, max } => {
                parse::integer(word).and_then(|number| parse::in_range(number, min, max)).map(Value::Integer)
            }
            Kind::Clamped { min, max } => {
                let number = parse::integer(word)
                    .and_then(|number| parse::in_range(number, 0, i64::from(i32::MAX)))?;
                Ok(Value::Integer(number.clamp(min, max)))
            }
            Kind::Memory { min, max } => parse::memory(word, min, max).map(Value::Size),
            Kind::Raised { min, least } => {
                parse::memory(word, min, i64::MAX as u64).map(|bytes| Value::Size(bytes.max(least)))
            }
            Kind::MemoryOrPercent => parse::memory_or_percent(word),
            Kind::Octal { max } => parse::octal(word, max),
            Kind::Text(rule) => parse::text(name, word, rule),
            Kind::KeyspaceEvents => KeyspaceEvents::parse(word)
                .map(Value::KeyspaceEvents)
                .ok_or_else(|| "Invalid event class character. Use 'Ag$lshzxeKEtmdnoc'.".into()),
            _ => unreachable!("kinds of several words are parsed by `parse`"),
        }
    }
}

/// What a value is, for messages and documentation: completes "takes ...".
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Kind::YesNo => f.write_str("`yes` or `no`"),
            Kind::Integer { min, max: i64::MAX } => write!(f, "a whole number from {min}"),
            Kind::Integer { min, max } | Kind::Clamped { min, max } => {
                write!(f, "a whole number from {min} to {max}")
            }
            Kind::Memory { min: 0, .. } => f.write_str("a size such as `100mb`"),
            Kind::Memory { min, .. } => write!(f, "a size such as `100mb`, at least {min}"),
            Kind::Raised { least, .. } => write!(f, "a size such as `100mb`; less than {least} becomes that"),
            Kind::MemoryOrPercent => f.write_str("a size such as `100mb`, or a percentage such as `5%`"),
            Kind::Octal { max } => write!(f, "an octal number up to {max:o}"),
            Kind::Choice(names) => write!(f, "one of `{}`", names.join("`, `")),
            Kind::Flags(names) => write!(f, "one or more of `{}`", names.join("`, `")),
            Kind::Text(TextRule::Bytes | TextRule::Any) => f.write_str("a text"),
            Kind::Text(TextRule::NotEmpty) => f.write_str("a text that is not empty"),
            Kind::Text(TextRule::DataFile) => f.write_str("`aof:` or `rdb:` and a path"),
            Kind::Text(TextRule::FileName | TextRule::FilePrefix) => {
                f.write_str("a file name without directories")
            }
            Kind::Text(TextRule::Cores) => f.write_str("a list of cores such as `0,2-4` or `1-7:2`"),
            Kind::Text(TextRule::HostName) => f.write_str("a host name"),
            Kind::Text(TextRule::Title) => f.write_str("a text with names in braces"),
            Kind::Words { most } => write!(f, "up to {most} addresses"),
            Kind::Numbers { count, min, max } => write!(f, "{count} whole numbers from {min} to {max}"),
            Kind::SavePoints => f.write_str("pairs of seconds and changes, or `\"\"`"),
            Kind::OutputLimits => {
                f.write_str("groups of class (`normal`, `replica`, `pubsub`), two sizes and seconds")
            }
            Kind::KeyspaceEvents => f.write_str("letters of `Ag$lshzxetdKEmnocSTIV`"),
            Kind::Percentiles => f.write_str("numbers from 0 to 100"),
            Kind::ReplicaOf => f.write_str("a host and a port"),
        }
    }
}
