//! A command's reply, as its bytes say it, becomes a Lua value.
//!
//! | RESP | Lua |
//! |---|---|
//! | integer | number |
//! | bulk string | string |
//! | null in RESP2 | `false` |
//! | status | table with the field `ok` |
//! | error | table with the field `err` |
//! | array | table |
//! | null in RESP3 | `nil` |
//! | boolean | boolean |
//! | double, big number | table with the field `double` or `big_number` |
//! | verbatim string | table with the field `verbatim_string`, a table with the fields `format` and `string` |
//! | map, set | table with the field `map` or `set`, a table; of a set the elements are its keys |

use mlua::{Lua, Result, Table, Value};
use stdx::number::{parse_f64, parse_i64};

use crate::bridge::Names;

/// The most values one within the other; no command answers with so many.
const MAX_DEPTH: usize = 128;

/// Reads one reply.
pub(crate) fn read(lua: &Lua, names: &Names, reply: &[u8]) -> Result<Value> {
    Reader { lua, names, reply, at: 0 }.value(0)
}

/// An error reply as a table; `line` is what stands behind the `-`.
pub(crate) fn error_table(lua: &Lua, names: &Names, line: &[u8]) -> Result<Table> {
    let table = lua.create_table_with_capacity(0, 4)?;
    table.raw_set(&names.err, lua.create_string(line)?)?;
    Ok(table)
}

struct Reader<'a> {
    lua: &'a Lua,
    names: &'a Names,
    reply: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Result<Value> {
        if depth > MAX_DEPTH {
            return Err(malformed());
        }
        let marker = *self.reply.get(self.at).ok_or_else(malformed)?;
        self.at += 1;
        let line = self.line()?;
        let names = self.names;
        match marker {
            b'$' => match count(line)? {
                None => Ok(Value::Boolean(false)),
                Some(length) => Ok(Value::String(self.lua.create_string(self.bytes(length)?)?)),
            },
            b':' => Ok(Value::Number(number(line)? as f64)),
            b'+' => self.single(&names.ok, self.lua.create_string(line)?),
            b'-' => {
                let table = error_table(self.lua, names, line)?;
                table.raw_set(&names.ignore, true)?;
                Ok(Value::Table(table))
            }
            b'*' | b'>' => match count(line)? {
                None => Ok(Value::Boolean(false)),
                Some(length) => self.array(length, depth),
            },
            b'_' => Ok(Value::Nil),
            b'#' => Ok(Value::Boolean(line == b"t")),
            b',' => self.single(&names.double, parse_f64(line).ok_or_else(malformed)?),
            b'(' => self.single(&names.big_number, self.lua.create_string(line)?),
            b'=' => self.verbatim(number(line)? as usize),
            b'%' => self.map(number(line)? as usize, depth),
            b'~' => self.set(number(line)? as usize, depth),
            _ => Err(malformed()),
        }
    }

    fn single(&self, name: &mlua::LuaString, value: impl mlua::IntoLua) -> Result<Value> {
        let table = self.lua.create_table_with_capacity(0, 1)?;
        table.raw_set(name, value)?;
        Ok(Value::Table(table))
    }

    fn array(&mut self, length: usize, depth: usize) -> Result<Value> {
        let table = self.lua.create_table_with_capacity(length, 0)?;
        for index in 1..=length {
            let value = self.value(depth + 1)?;
            table.raw_set(index, value)?;
        }
        Ok(Value::Table(table))
    }

    fn map(&mut self, pairs: usize, depth: usize) -> Result<Value> {
        let table = self.lua.create_table_with_capacity(0, pairs)?;
        for _ in 0..pairs {
            let (key, value) = (self.value(depth + 1)?, self.value(depth + 1)?);
            if key != Value::Nil {
                table.raw_set(key, value)?;
            }
        }
        self.single(&self.names.map, table)
    }

    fn set(&mut self, elements: usize, depth: usize) -> Result<Value> {
        let table = self.lua.create_table_with_capacity(0, elements)?;
        for _ in 0..elements {
            let key = self.value(depth + 1)?;
            if key != Value::Nil {
                table.raw_set(key, true)?;
            }
        }
        self.single(&self.names.set, table)
    }

    /// `txt:text`.
    fn verbatim(&mut self, length: usize) -> Result<Value> {
        let bytes = self.bytes(length)?;
        let (format, text) = bytes.split_at_checked(3).ok_or_else(malformed)?;
        let table = self.lua.create_table_with_capacity(0, 2)?;
        table.raw_set(&self.names.string, self.lua.create_string(&text[1.min(text.len())..])?)?;
        table.raw_set(&self.names.format, self.lua.create_string(format)?)?;
        self.single(&self.names.verbatim_string, table)
    }

    /// The rest of the line.
    fn line(&mut self) -> Result<&'a [u8]> {
        let rest = &self.reply[self.at..];
        let end = rest.iter().position(|&byte| byte == b'\r').ok_or_else(malformed)?;
        self.at += end + 2;
        Ok(&rest[..end])
    }

    /// So many bytes and the end of the line behind them.
    fn bytes(&mut self, length: usize) -> Result<&'a [u8]> {
        let bytes = self.reply.get(self.at..).and_then(|rest| rest.get(..length)).ok_or_else(malformed)?;
        self.at += length + 2;
        Ok(bytes)
    }
}

/// A count, or nothing for -1.
fn count(line: &[u8]) -> Result<Option<usize>> {
    Ok(usize::try_from(number(line)?).ok())
}

fn number(line: &[u8]) -> Result<i64> {
    parse_i64(line).ok_or_else(malformed)
}

/// Replies come from the server itself, so this is never seen.
fn malformed() -> mlua::Error {
    mlua::Error::runtime("a reply is malformed")
}
