//! What a script returns becomes the reply of its command; the table in [`crate::reply`], read from right to left.

use mlua::{LuaString, Result, Table, Value};
use resp::write::Aggregate;
use resp::{Encoder, Protocol};

use crate::bridge::Bridge;

/// The most tables one within the other. Deeper ones, and those that hold themselves, end in an error.
const MAX_DEPTH: usize = 1000;

/// Writes a value as a reply.
pub(crate) fn write(value: &Value, bridge: &Bridge, reply: &mut Encoder<'_>) -> Result<()> {
    write_at(value, bridge, reply, 0)
}

fn write_at(value: &Value, bridge: &Bridge, reply: &mut Encoder<'_>, depth: usize) -> Result<()> {
    if depth >= MAX_DEPTH {
        reply.error("ERR reached lua stack limit");
        return Ok(());
    }
    match value {
        Value::String(text) => reply.bulk(text.as_bytes()),
        Value::Integer(number) => reply.integer(*number),
        Value::Number(number) => reply.integer(truncate(*number)),
        // What the script has asked for counts, and not what its client has.
        Value::Boolean(true) if bridge.protocol.get() == Protocol::Resp2 => reply.integer(1),
        Value::Boolean(false) if bridge.protocol.get() == Protocol::Resp2 => reply.null(),
        Value::Boolean(value) => reply.boolean(*value),
        Value::Table(table) => write_table(table, bridge, reply, depth)?,
        _ => reply.null(),
    }
    Ok(())
}

/// What C makes of a number on most machines when it is converted to 64 bits.
fn truncate(number: f64) -> i64 {
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number) {
        number as i64
    } else {
        i64::MIN
    }
}

fn write_table(table: &Table, bridge: &Bridge, reply: &mut Encoder<'_>, depth: usize) -> Result<()> {
    let text = |name: &LuaString| match table.raw_get(name) {
        Ok(Value::String(text)) => Some(text),
        _ => None,
    };
    if let Some(text) = text(&bridge.names.err) {
        reply.error(text.as_bytes());
    } else if let Some(text) = text(&bridge.names.ok) {
        reply.simple(text.as_bytes());
    } else if let Some(number) = number(&table.raw_get(&bridge.names.double)?) {
        reply.double(number);
    } else if let Some(text) = text(&bridge.names.big_number) {
        reply.big_number(text.as_bytes());
    } else if let Some((format, text)) = verbatim(table, bridge)? {
        reply.verbatim(format, text.as_bytes());
    } else if let Value::Table(map) = table.raw_get(&bridge.names.map)? {
        write_pairs(&map, bridge, reply, depth, Aggregate::Map)?;
    } else if let Value::Table(set) = table.raw_get(&bridge.names.set)? {
        write_pairs(&set, bridge, reply, depth, Aggregate::Set)?;
    } else {
        write_array(table, bridge, reply, depth)?;
    }
    Ok(())
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Number(number) => Some(*number),
        _ => None,
    }
}

/// Format and text of a verbatim string, if it is one.
fn verbatim(table: &Table, bridge: &Bridge) -> Result<Option<([u8; 3], LuaString)>> {
    let Value::Table(inner) = table.raw_get(&bridge.names.verbatim_string)? else { return Ok(None) };
    let (Value::String(format), Value::String(text)) =
        (inner.raw_get(&bridge.names.format)?, inner.raw_get(&bridge.names.string)?)
    else {
        return Ok(None);
    };
    // A format of another length is cut, or filled up with spaces.
    let mut three = [b' '; 3];
    three.iter_mut().zip(&*format.as_bytes()).for_each(|(byte, given)| *byte = *given);
    Ok(Some((three, text)))
}

/// The elements up to the first that is `nil`.
fn write_array(table: &Table, bridge: &Bridge, reply: &mut Encoder<'_>, depth: usize) -> Result<()> {
    let header = reply.defer();
    let mut count = 0;
    loop {
        let value: Value = table.raw_get(count + 1)?;
        if value.is_nil() {
            break;
        }
        write_at(&value, bridge, reply, depth + 1)?;
        count += 1;
    }
    reply.finish(header, Aggregate::Array, count);
    Ok(())
}

/// The pairs of a map, or the keys of a set.
fn write_pairs(
    table: &Table,
    bridge: &Bridge,
    reply: &mut Encoder<'_>,
    depth: usize,
    kind: Aggregate,
) -> Result<()> {
    let header = reply.defer();
    let mut count = 0;
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair?;
        write_at(&key, bridge, reply, depth + 1)?;
        if kind == Aggregate::Map {
            write_at(&value, bridge, reply, depth + 1)?;
        }
        count += 1;
    }
    reply.finish(header, kind, count);
    Ok(())
}
