//! `cjson`: JSON, as Mark Pulford's library does it. What a script sets (depths, sparse arrays, precision) holds for that script;
//! `cjson.new` makes a table of the same functions with settings of its own, which live as long as it.

mod decode;
mod encode;

use mlua::Value;

use super::{Arguments, Entry, Outcome, said};
use decode::decode;
use encode::encode;

/// What a script can set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Whether arrays that are too sparse become objects; else they are errors.
    sparse_convert: bool,
    /// An array is too sparse if its highest index is so many times its elements ..
    sparse_ratio: usize,
    /// .. and above this.
    sparse_safe: usize,
    encode_depth: usize,
    decode_depth: usize,
    precision: usize,
    keep_buffer: bool,
    encode_invalid: Invalid,
    decode_invalid: bool,
}

/// What becomes of numbers that JSON does not know: NaN and the infinities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Invalid {
    Refused,
    Written,
    Null,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sparse_convert: false,
            sparse_ratio: 2,
            sparse_safe: 10,
            encode_depth: 1000,
            decode_depth: 1000,
            precision: 14,
            keep_buffer: true,
            encode_invalid: Invalid::Refused,
            decode_invalid: true,
        }
    }
}

/// The deepest nesting whatever a script sets, for the stack's sake.
const MAX_DEPTH: usize = 1000;

pub(super) const FUNCTIONS: &[Entry] = &[
    ("encode", encode),
    ("decode", decode),
    ("encode_sparse_array", set_sparse_array),
    ("encode_max_depth", |arguments| set_depth(arguments, |settings| &mut settings.encode_depth)),
    ("decode_max_depth", |arguments| set_depth(arguments, |settings| &mut settings.decode_depth)),
    ("encode_number_precision", set_precision),
    ("encode_keep_buffer", |arguments| set_flag(arguments, |settings| &mut settings.keep_buffer)),
    ("encode_invalid_numbers", set_encode_invalid),
    ("decode_invalid_numbers", |arguments| set_flag(arguments, |settings| &mut settings.decode_invalid)),
];

/// Changes the settings that the function goes by.
fn change<R>(arguments: &Arguments<'_>, with: impl FnOnce(&mut Settings) -> R) -> R {
    let mut settings = arguments.json.get();
    let result = with(&mut settings);
    arguments.json.set(settings);
    result
}

/// An integer argument within bounds, if it is there.
fn bounded(arguments: &Arguments<'_>, at: usize, low: i64, high: i64) -> Outcome<Option<usize>> {
    if arguments.get(at).is_nil() {
        return Ok(None);
    }
    let number = arguments.number(at)? as i64;
    if number < low || number > high {
        return arguments.bad(at, &format!("expected integer between {low} and {high}"));
    }
    Ok(Some(number as usize))
}

/// A boolean argument, if it is there: `on` and `off` do as well.
fn flag(arguments: &Arguments<'_>, at: usize) -> Outcome<Option<bool>> {
    match arguments.get(at) {
        Value::Nil => Ok(None),
        Value::Boolean(value) => Ok(Some(*value)),
        Value::String(text) if &*text.as_bytes() == b"on" => Ok(Some(true)),
        Value::String(text) if &*text.as_bytes() == b"off" => Ok(Some(false)),
        _ => arguments.bad(at, "expected boolean"),
    }
}

fn at_most(arguments: &Arguments<'_>, most: usize) -> Outcome<()> {
    if arguments.len() > most { arguments.bad(most + 1, "found too many arguments") } else { Ok(()) }
}

fn set_sparse_array(arguments: &Arguments<'_>) -> Outcome {
    at_most(arguments, 3)?;
    let convert = flag(arguments, 1)?;
    let ratio = bounded(arguments, 2, 0, i64::from(i32::MAX))?;
    let safe = bounded(arguments, 3, 0, i64::from(i32::MAX))?;
    let settings = change(arguments, |settings| {
        settings.sparse_convert = convert.unwrap_or(settings.sparse_convert);
        settings.sparse_ratio = ratio.unwrap_or(settings.sparse_ratio);
        settings.sparse_safe = safe.unwrap_or(settings.sparse_safe);
        *settings
    });
    Ok(vec![
        Value::Boolean(settings.sparse_convert),
        Value::Integer(settings.sparse_ratio as i64),
        Value::Integer(settings.sparse_safe as i64),
    ])
}

fn set_depth(arguments: &Arguments<'_>, field: fn(&mut Settings) -> &mut usize) -> Outcome {
    at_most(arguments, 1)?;
    let depth = bounded(arguments, 1, 1, i64::from(i32::MAX))?;
    let depth = change(arguments, |settings| {
        let field = field(settings);
        *field = depth.unwrap_or(*field);
        *field
    });
    Ok(vec![Value::Integer(depth as i64)])
}

fn set_precision(arguments: &Arguments<'_>) -> Outcome {
    at_most(arguments, 1)?;
    let precision = bounded(arguments, 1, 1, 14)?;
    let precision = change(arguments, |settings| {
        settings.precision = precision.unwrap_or(settings.precision);
        settings.precision
    });
    Ok(vec![Value::Integer(precision as i64)])
}

fn set_flag(arguments: &Arguments<'_>, field: fn(&mut Settings) -> &mut bool) -> Outcome {
    at_most(arguments, 1)?;
    let value = flag(arguments, 1)?;
    let value = change(arguments, |settings| {
        let field = field(settings);
        *field = value.unwrap_or(*field);
        *field
    });
    Ok(vec![Value::Boolean(value)])
}

fn set_encode_invalid(arguments: &Arguments<'_>) -> Outcome {
    at_most(arguments, 1)?;
    let wanted = match arguments.get(1) {
        Value::String(text) if &*text.as_bytes() == b"null" => Some(Invalid::Null),
        _ => flag(arguments, 1)?.map(|on| if on { Invalid::Written } else { Invalid::Refused }),
    };
    let now = change(arguments, |settings| {
        settings.encode_invalid = wanted.unwrap_or(settings.encode_invalid);
        settings.encode_invalid
    });
    match now {
        Invalid::Null => arguments.text(b"null"),
        other => Ok(vec![Value::Boolean(other == Invalid::Written)]),
    }
}

/// Either function takes one argument.
fn only_one(arguments: &Arguments<'_>) -> Outcome<()> {
    if arguments.len() == 1 { Ok(()) } else { arguments.bad(1, "expected 1 argument") }
}

/// A failure to write something down.
fn cannot_serialise<T>(what: &str, why: &str) -> Outcome<T> {
    said(format!("Cannot serialise {what}: {why}"))
}
