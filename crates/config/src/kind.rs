//! The kinds of parameters: what text each takes, with Redis's reasons for refusing one.

use std::borrow::Cow;
use std::fmt;

use stdx::number::{parse_f64, parse_i64};

use crate::keyspace_events::KeyspaceEvents;
use crate::output_limits::OutputLimits;
use crate::value::{MemoryLimit, SavePoint, Value};

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
    /// A whole number that is moved into a range.
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
    /// Anything; this and the rules below allow no line breaks and NUL bytes.
    Any,
    /// Something.
    NotEmpty,
    /// A name without directories.
    FileName,
    /// `aof:` or `rdb:` and a path; or nothing.
    DataFile,
    /// Letters, digits, hyphens and dots, 255 at most; or nothing.
    HostName,
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
            Kind::Choice(names) => parse_choice(names, words),
            Kind::Flags(names) => parse_flags(names, words),
            Kind::Words { most } => parse_list(words, most),
            Kind::Numbers { count, min, max } => parse_numbers(name, words, count, min..=max),
            Kind::SavePoints => parse_save_points(words),
            Kind::OutputLimits => match old {
                Value::OutputLimits(limits) => limits.with(words),
                _ => OutputLimits::default().with(words),
            }
            .map(Value::OutputLimits),
            Kind::Percentiles => parse_percentiles(words),
            Kind::ReplicaOf => parse_replica_of(words),
            _ => match words {
                [word] => self.parse_word(name, word),
                _ => Err("wrong number of arguments".into()),
            },
        }
    }

    /// Refuses what no name, path or number has and what would look like a line of its own wherever it is printed.
    pub(crate) fn refuse_line_breaks<T: AsRef<[u8]>>(&self, words: &[T]) -> Result<(), Reason> {
        let breaks = |byte: &u8| matches!(byte, b'\n' | b'\r' | 0);
        let any = matches!(self, Kind::Text(TextRule::Bytes));
        if !any && words.iter().any(|word| word.as_ref().iter().any(breaks)) {
            return Err("argument must not contain line breaks or NUL bytes".into());
        }
        Ok(())
    }

    /// As `parse`, for the kinds that take exactly one word.
    fn parse_word(&self, name: &str, word: &[u8]) -> Result<Value, Reason> {
        match *self {
            Kind::YesNo => parse_yes_no(word),
            Kind::Integer { min, max } => parse_integer(word).and_then(|number| in_range(number, min, max)),
            Kind::Clamped { min, max } => {
                parse_integer(word).map(|number| Value::Integer(number.clamp(min, max)))
            }
            Kind::Memory { min, max } => parse_memory(word, min, max),
            Kind::MemoryOrPercent => parse_memory_or_percent(word),
            Kind::Octal { max } => parse_octal(word, max),
            Kind::Text(rule) => parse_text(name, word, rule),
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
            Kind::MemoryOrPercent => f.write_str("a size such as `100mb`, or a percentage such as `5%`"),
            Kind::Octal { max } => write!(f, "an octal number up to {max:o}"),
            Kind::Choice(names) => write!(f, "one of `{}`", names.join("`, `")),
            Kind::Flags(names) => write!(f, "one or more of `{}`", names.join("`, `")),
            Kind::Text(TextRule::Bytes | TextRule::Any) => f.write_str("a text"),
            Kind::Text(TextRule::NotEmpty) => f.write_str("a text that is not empty"),
            Kind::Text(TextRule::DataFile) => f.write_str("`aof:` or `rdb:` and a path"),
            Kind::Text(TextRule::FileName) => f.write_str("a file name without directories"),
            Kind::Text(TextRule::HostName) => f.write_str("a host name"),
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

fn parse_yes_no(word: &[u8]) -> Result<Value, Reason> {
    match word.to_ascii_lowercase().as_slice() {
        b"yes" => Ok(Value::Bool(true)),
        b"no" => Ok(Value::Bool(false)),
        _ => Err("argument must be 'yes' or 'no'".into()),
    }
}

fn parse_integer(word: &[u8]) -> Result<i64, Reason> {
    parse_i64(word).ok_or_else(|| "argument couldn't be parsed into an integer".into())
}

fn in_range(number: i64, min: i64, max: i64) -> Result<Value, Reason> {
    if (min..=max).contains(&number) {
        return Ok(Value::Integer(number));
    }
    Err(format!("argument must be between {min} and {max} inclusive").into())
}

fn parse_memory(word: &[u8], min: u64, max: u64) -> Result<Value, Reason> {
    let bytes = stdx::size::parse(word).ok_or("argument must be a memory value")?;
    if (min..=max).contains(&bytes) {
        return Ok(Value::Size(bytes));
    }
    Err(format!("argument must be between {min} and {max} inclusive").into())
}

fn parse_memory_or_percent(word: &[u8]) -> Result<Value, Reason> {
    const REASON: &str = "argument must be a memory or percent value";
    let Some(number) = word.strip_suffix(b"%") else {
        let bytes = stdx::size::parse(word).filter(|&bytes| i64::try_from(bytes).is_ok()).ok_or(REASON)?;
        return Ok(Value::Limit(MemoryLimit::Bytes(bytes)));
    };
    match parse_i64(number) {
        Some(percent @ 0..=100) => Ok(Value::Limit(MemoryLimit::Percent(percent as u8))),
        Some(101..) => Err("percentage argument must be less or equal to 100".into()),
        _ => Err(REASON.into()),
    }
}

fn parse_octal(word: &[u8], max: i64) -> Result<Value, Reason> {
    let number = std::str::from_utf8(word)
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| i64::from_str_radix(text, 8).ok())
        .ok_or("argument couldn't be parsed as an octal number")?;
    if number <= max {
        return Ok(Value::Integer(number));
    }
    Err(format!("argument must be between 0 and {max:o} inclusive").into())
}

fn parse_text(name: &str, word: &[u8], rule: TextRule) -> Result<Value, Reason> {
    if word.is_empty() && matches!(rule, TextRule::NotEmpty | TextRule::FileName) {
        return Err(format!("{name} can't be empty").into());
    }
    if rule == TextRule::FileName && (word.iter().any(|byte| matches!(byte, b'/' | b'\\')) || is_dots(word)) {
        let what = if name.ends_with("dirname") { "dirname" } else { "filename" };
        return Err(format!("{name} can't be a path, just a {what}").into());
    }
    if rule == TextRule::DataFile && !word.is_empty() && !names_data(word) {
        return Err(format!("{name} must be 'aof:' or 'rdb:' and a path").into());
    }
    if rule == TextRule::HostName {
        if word.len() > 255 {
            return Err("Hostnames must be less than 256 characters".into());
        }
        if !word.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.')) {
            return Err("Hostnames may only contain alphanumeric characters, hyphens or dots".into());
        }
    }
    Ok(Value::Text(word.to_vec()))
}

/// Whether a word is `aof:` or `rdb:` and a path.
fn names_data(word: &[u8]) -> bool {
    let path = word.strip_prefix(b"aof:").or_else(|| word.strip_prefix(b"rdb:"));
    path.is_some_and(|path| !path.is_empty())
}

/// Whether a name means a directory: `.` or `..`.
fn is_dots(word: &[u8]) -> bool {
    matches!(word, b"." | b"..")
}

fn unknown_name(names: &[&str]) -> Reason {
    format!("argument(s) must be one of the following: {}", names.join(", ")).into()
}

fn position(names: &[&str], word: &[u8]) -> Option<usize> {
    names.iter().position(|name| name.as_bytes().eq_ignore_ascii_case(word))
}

/// A name that means the same as another choice of its parameter (`oom-score-adj`), which is shown in its place.
const SYNONYM: (&str, &str) = ("relative", "yes");

fn parse_choice(names: &'static [&'static str], words: &[&[u8]]) -> Result<Value, Reason> {
    match words {
        [word] => {
            let found = position(names, word).ok_or_else(|| unknown_name(names))?;
            let (synonym, shown) = SYNONYM;
            let name = if names[found] == synonym { shown } else { names[found] };
            Ok(Value::Choice(position(names, name.as_bytes()).unwrap_or(found)))
        }
        _ => Err(unknown_name(names)),
    }
}

fn parse_flags(names: &'static [&'static str], words: &[&[u8]]) -> Result<Value, Reason> {
    if words.is_empty() {
        return Err(unknown_name(names));
    }
    let mut set = 0_u32;
    for word in words {
        let index = position(names, word).ok_or_else(|| unknown_name(names))?;
        set |= if index == 0 { 0 } else { 1 << index };
    }
    let has = |name: &[u8]| position(names, name).is_some_and(|index| set & 1 << index != 0);
    if has(b"save") && has(b"nosave") {
        return Err("shutdown options SAVE and NOSAVE can't be used simultaneously".into());
    }
    Ok(Value::Flags(set))
}

fn parse_list(words: &[&[u8]], most: usize) -> Result<Value, Reason> {
    if words.len() > most {
        return Err("Too many bind addresses specified.".into());
    }
    // No address needs more, and without quotes every list survives a rewrite of the file.
    let is_plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\');
    if words.iter().any(|word| word.is_empty() || !word.iter().all(is_plain)) {
        return Err("addresses can't be empty or contain spaces or quotes".into());
    }
    Ok(Value::Words(words.iter().map(|word| word.to_vec()).collect()))
}

fn parse_numbers(
    name: &str,
    words: &[&[u8]],
    count: usize,
    range: std::ops::RangeInclusive<i64>,
) -> Result<Value, Reason> {
    if words.len() != count {
        return Err("wrong number of arguments".into());
    }
    let numbers: Option<Vec<i64>> =
        words.iter().map(|word| parse_i64(word).filter(|number| range.contains(number))).collect();
    numbers.map(Value::Numbers).ok_or_else(|| {
        format!("Invalid {name}, elements must be between {} and {}.", range.start(), range.end()).into()
    })
}

fn parse_save_points(words: &[&[u8]]) -> Result<Value, Reason> {
    const REASON: &str = "Invalid save parameters";
    if !words.len().is_multiple_of(2) {
        return Err(REASON.into());
    }
    let point = |pair: &[&[u8]]| {
        let seconds = parse_i64(pair[0]).filter(|&seconds| seconds >= 1)?;
        let changes = parse_i64(pair[1]).filter(|changes| (0..=i64::from(i32::MAX)).contains(changes))?;
        Some(SavePoint { seconds, changes })
    };
    words
        .chunks_exact(2)
        .map(point)
        .collect::<Option<_>>()
        .map(Value::SavePoints)
        .ok_or_else(|| REASON.into())
}

fn parse_percentiles(words: &[&[u8]]) -> Result<Value, Reason> {
    let mut percentiles = Vec::with_capacity(words.len().min(64));
    for word in words {
        let value = parse_f64(word).ok_or("Invalid latency-tracking-info-percentiles parameters")?;
        if !(0.0..=100.0).contains(&value) {
            return Err("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]".into());
        }
        percentiles.push(value);
    }
    Ok(Value::Percentiles(percentiles))
}

fn parse_replica_of(words: &[&[u8]]) -> Result<Value, Reason> {
    match words {
        [] => Ok(Value::ReplicaOf(None)),
        [no, one] if no.eq_ignore_ascii_case(b"no") && one.eq_ignore_ascii_case(b"one") => {
            Ok(Value::ReplicaOf(None))
        }
        [host, port] => match parse_i64(port) {
            Some(port @ 0..=65_535) => Ok(Value::ReplicaOf(Some((host.to_vec(), port as u16)))),
            _ => Err("Invalid master port".into()),
        },
        _ => Err("wrong number of arguments".into()),
    }
}
