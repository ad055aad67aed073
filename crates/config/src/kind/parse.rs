//! Texts become values, or are refused with Redis's reasons: one function for each kind.

use stdx::core_list;
use stdx::number::{parse_f64, parse_i64};

use super::{Reason, TextRule};
use crate::title_template;
use crate::value::{MemoryLimit, SavePoint, Value};

pub(super) fn yes_no(word: &[u8]) -> Result<Value, Reason> {
    match word.to_ascii_lowercase().as_slice() {
        b"yes" => Ok(Value::Bool(true)),
        b"no" => Ok(Value::Bool(false)),
        _ => Err("argument must be 'yes' or 'no'".into()),
    }
}

pub(super) fn integer(word: &[u8]) -> Result<i64, Reason> {
    parse_i64(word).ok_or_else(|| "argument couldn't be parsed into an integer".into())
}

pub(super) fn in_range(number: i64, min: i64, max: i64) -> Result<i64, Reason> {
    if (min..=max).contains(&number) {
        return Ok(number);
    }
    Err(format!("argument must be between {min} and {max} inclusive").into())
}

pub(super) fn memory(word: &[u8], min: u64, max: u64) -> Result<u64, Reason> {
    let bytes = stdx::size::parse(word).ok_or("argument must be a memory value")?;
    if (min..=max).contains(&bytes) {
        return Ok(bytes);
    }
    Err(format!("argument must be between {min} and {max} inclusive").into())
}

pub(super) fn memory_or_percent(word: &[u8]) -> Result<Value, Reason> {
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

pub(super) fn octal(word: &[u8], max: i64) -> Result<Value, Reason> {
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

pub(super) fn text(name: &str, word: &[u8], rule: TextRule) -> Result<Value, Reason> {
    let is_name = matches!(rule, TextRule::FileName | TextRule::FilePrefix);
    if word.is_empty() && (is_name || rule == TextRule::NotEmpty) {
        return Err(format!("{name} can't be empty").into());
    }
    if is_name && (word.iter().any(|byte| matches!(byte, b'/' | b'\\')) || is_dots(word)) {
        let what = if name.ends_with("dirname") { "dirname" } else { "filename" };
        return Err(format!("{name} can't be a path, just a {what}").into());
    }
    if rule == TextRule::FilePrefix && word.ends_with(b".lock") {
        return Err(format!("{name} can't end in '.lock', as the file does by which a set is locked").into());
    }
    if rule == TextRule::DataFile && !word.is_empty() && !names_data(word) {
        return Err(format!("{name} must be 'aof:' or 'rdb:' and a path").into());
    }
    if rule == TextRule::Cores && !word.is_empty() && !names_cores(word) {
        return Err("argument must be a list of cores such as 0,2-4 or 1-7:2".into());
    }
    if rule == TextRule::Title && !title_template::is_valid(word) {
        return Err("template format is invalid or contains unknown variables".into());
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

fn names_cores(word: &[u8]) -> bool {
    std::str::from_utf8(word).is_ok_and(|list| core_list::numbers(list).is_some())
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

pub(super) fn choice(names: &'static [&'static str], words: &[&[u8]]) -> Result<Value, Reason> {
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

pub(super) fn flags(names: &'static [&'static str], words: &[&[u8]]) -> Result<Value, Reason> {
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

pub(super) fn list(words: &[&[u8]], most: usize) -> Result<Value, Reason> {
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

pub(super) fn numbers(
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

pub(super) fn save_points(words: &[&[u8]]) -> Result<Value, Reason> {
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

pub(super) fn percentiles(words: &[&[u8]]) -> Result<Value, Reason> {
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

pub(super) fn replica_of(words: &[&[u8]]) -> Result<Value, Reason> {
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
