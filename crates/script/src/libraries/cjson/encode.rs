//! Values become JSON.

use mlua::{Table, Value};

use super::{Arguments, Invalid, MAX_DEPTH, Outcome, Settings, cannot_serialise, only_one, said};
use crate::libraries::whole;
use crate::number::write_general;

pub(super) fn encode(arguments: &Arguments<'_>) -> Outcome {
    only_one(arguments)?;
    let settings = arguments.json.get();
    let mut out = Vec::new();
    put(arguments.get(1), &settings, &mut out, 0)?;
    arguments.text(&out)
}

fn put(value: &Value, settings: &Settings, out: &mut Vec<u8>, depth: usize) -> Outcome<()> {
    match value {
        Value::String(text) => put_text(&text.as_bytes(), out),
        Value::Integer(number) => put_number(*number as f64, settings, out)?,
        Value::Number(number) => put_number(*number, settings, out)?,
        Value::Boolean(true) => out.extend_from_slice(b"true"),
        Value::Boolean(false) => out.extend_from_slice(b"false"),
        Value::Nil => out.extend_from_slice(b"null"),
        null if *null == Value::NULL => out.extend_from_slice(b"null"),
        Value::Table(table) => {
            let depth = depth + 1;
            if depth > settings.encode_depth.min(MAX_DEPTH) {
                return said(format!("Cannot serialise, excessive nesting ({depth})"));
            }
            match length(table, settings)? {
                Some(length @ 1..) => put_array(table, length, settings, out, depth)?,
                _ => put_object(table, settings, out, depth)?,
            }
        }
        other => return cannot_serialise(other.type_name(), "type not supported"),
    }
    Ok(())
}

/// The length of an array; nothing if a table is none.
fn length(table: &Table, settings: &Settings) -> Outcome<Option<usize>> {
    let (mut highest, mut count) = (0, 0);
    for pair in table.pairs::<Value, Value>() {
        let key = match pair?.0 {
            Value::Integer(number) => number,
            Value::Number(number) => whole(number).unwrap_or(0),
            _ => return Ok(None),
        };
        let Some(key) = usize::try_from(key).ok().filter(|&key| key > 0) else { return Ok(None) };
        highest = highest.max(key);
        count += 1;
    }
    let Settings { sparse_ratio: ratio, sparse_safe: safe, sparse_convert, .. } = *settings;
    if ratio > 0 && highest > count * ratio && highest > safe {
        if !sparse_convert {
            return cannot_serialise("table", "excessively sparse array");
        }
        return Ok(None);
    }
    Ok(Some(highest))
}

fn put_array(
    table: &Table,
    length: usize,
    settings: &Settings,
    out: &mut Vec<u8>,
    depth: usize,
) -> Outcome<()> {
    out.push(b'[');
    for index in 1..=length {
        if index > 1 {
            out.push(b',');
        }
        put(&table.raw_get(index)?, settings, out, depth)?;
    }
    out.push(b']');
    Ok(())
}

fn put_object(table: &Table, settings: &Settings, out: &mut Vec<u8>, depth: usize) -> Outcome<()> {
    out.push(b'{');
    let mut is_first = true;
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair?;
        if !std::mem::take(&mut is_first) {
            out.push(b',');
        }
        match key {
            Value::String(text) => put_text(&text.as_bytes(), out),
            Value::Integer(number) => put_key(number as f64, settings, out)?,
            Value::Number(number) => put_key(number, settings, out)?,
            other => return cannot_serialise(other.type_name(), "table key must be a number or string"),
        }
        out.push(b':');
        put(&value, settings, out, depth)?;
    }
    out.push(b'}');
    Ok(())
}

fn put_key(number: f64, settings: &Settings, out: &mut Vec<u8>) -> Outcome<()> {
    out.push(b'"');
    put_number(number, settings, out)?;
    out.push(b'"');
    Ok(())
}

fn put_number(number: f64, settings: &Settings, out: &mut Vec<u8>) -> Outcome<()> {
    if !number.is_finite() {
        match settings.encode_invalid {
            Invalid::Refused => return cannot_serialise("number", "must not be NaN or Inf"),
            Invalid::Null => out.extend_from_slice(b"null"),
            Invalid::Written if number.is_nan() => out.extend_from_slice(b"nan"),
            Invalid::Written => out.extend_from_slice(if number > 0.0 { b"inf" } else { b"-inf" }),
        }
        return Ok(());
    }
    write_general(out, number, settings.precision);
    Ok(())
}

fn put_text(text: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.reserve(text.len() + 2);
    out.push(b'"');
    for &byte in text {
        let short = match byte {
            b'"' | b'\\' | b'/' => byte,
            8 => b'b',
            9 => b't',
            10 => b'n',
            12 => b'f',
            13 => b'r',
            0..32 | 127 => {
                out.extend_from_slice(b"\\u00");
                out.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
                continue;
            }
            _ => {
                out.push(byte);
                continue;
            }
        };
        out.extend([b'\\', short]);
    }
    out.push(b'"');
}
