//! The libraries that scripts find besides Lua's own: `cjson`, `cmsgpack`, `bit` and `struct`, as Redis has them.
//!
//! A function takes its arguments and gives back values, or a problem, which the sandbox raises with the place where the
//! function was called.

mod bit;
mod cjson;
mod cmsgpack;
mod layout;

use std::rc::Rc;

use mlua::{IntoLua, Lua, LuaString, MultiValue, Table, Value};

use crate::bridge::Bridge;
use crate::random::number_of;

pub(crate) use cjson::Settings;

/// What a function gives back.
pub(crate) type Outcome<T = Vec<Value>> = Result<T, Problem>;

/// Why a function fails.
#[derive(Debug)]
pub(crate) enum Problem {
    /// What a script has done wrong.
    Said(String),
    /// Lua itself failed: there is no memory.
    Lua(mlua::Error),
}

impl From<mlua::Error> for Problem {
    fn from(error: mlua::Error) -> Self {
        Self::Lua(error)
    }
}

/// A problem of a text.
fn said<T>(text: impl Into<String>) -> Outcome<T> {
    Err(Problem::Said(text.into()))
}

/// The arguments of a call.
pub(crate) struct Arguments<'a> {
    lua: &'a Lua,
    bridge: &'a Bridge,
    /// The function's name, for errors.
    name: &'static str,
    values: &'a MultiValue,
}

impl Arguments<'_> {
    fn len(&self) -> usize {
        self.values.len()
    }

    fn get(&self, at: usize) -> &Value {
        self.values.get(at - 1).unwrap_or(&Value::Nil)
    }

    /// The problem of an argument, counted from 1.
    fn bad<T>(&self, at: usize, why: &str) -> Outcome<T> {
        said(format!("bad argument #{at} to '{}' ({why})", self.name))
    }

    fn wrong_type<T>(&self, at: usize, wanted: &str) -> Outcome<T> {
        let got = if at > self.len() { "no value" } else { self.get(at).type_name() };
        let got = if got == "integer" { "number" } else { got };
        self.bad(at, &format!("{wanted} expected, got {got}"))
    }

    /// A number, or a string that is one.
    fn number(&self, at: usize) -> Outcome<f64> {
        number_of(self.get(at)).map_or_else(|| self.wrong_type(at, "number"), Ok)
    }

    /// A number that may be missing.
    fn number_or(&self, at: usize, default: f64) -> Outcome<f64> {
        if self.get(at).is_nil() { Ok(default) } else { self.number(at) }
    }

    /// A string, or a number as its text.
    fn string(&self, at: usize) -> Outcome<LuaString> {
        match self.get(at) {
            Value::String(text) => Ok(text.clone()),
            number @ (Value::Integer(_) | Value::Number(_)) => {
                self.lua.coerce_string(number.clone())?.map_or_else(|| self.wrong_type(at, "string"), Ok)
            }
            _ => self.wrong_type(at, "string"),
        }
    }

    /// A string as a result.
    fn text(&self, bytes: &[u8]) -> Outcome {
        Ok(vec![Value::String(self.lua.create_string(bytes)?)])
    }
}

/// A function of a library, and its name.
type Entry = (&'static str, fn(&Arguments<'_>) -> Outcome);

/// The libraries by name, for the sandbox to wrap.
pub(crate) fn all(lua: &Lua, bridge: &Rc<Bridge>) -> mlua::Result<Table> {
    let libraries = lua.create_table()?;
    for (name, functions) in [
        ("bit", bit::FUNCTIONS),
        ("cjson", cjson::FUNCTIONS),
        ("cmsgpack", cmsgpack::FUNCTIONS),
        ("struct", layout::FUNCTIONS),
    ] {
        libraries.raw_set(name, library(lua, bridge, functions)?)?;
    }
    let constant =
        |library: &str, name: &str, value: Value| libraries.raw_get::<Table>(library)?.raw_set(name, value);
    let text = |text: &str| text.into_lua(lua);
    constant("cjson", "null", Value::NULL)?;
    constant("cjson", "_NAME", text("cjson")?)?;
    constant("cjson", "_VERSION", text("2.1.0")?)?;
    constant("cmsgpack", "_NAME", text("cmsgpack")?)?;
    constant("cmsgpack", "_VERSION", text("lua-cmsgpack 0.4.0")?)?;
    Ok(libraries)
}

fn library(lua: &Lua, bridge: &Rc<Bridge>, functions: &'static [Entry]) -> mlua::Result<Table> {
    let table = lua.create_table_with_capacity(0, functions.len())?;
    for &(name, function) in functions {
        let bridge = Rc::clone(bridge);
        let wrapped = lua.create_function(move |lua, values: MultiValue| {
            match function(&Arguments { lua, bridge: &bridge, name, values: &values }) {
                Ok(mut results) => {
                    results.insert(0, Value::Boolean(true));
                    Ok(MultiValue::from_vec(results))
                }
                Err(Problem::Said(text)) => {
                    Ok(MultiValue::from_vec(vec![Value::Boolean(false), text.into_lua(lua)?]))
                }
                Err(Problem::Lua(error)) => Err(error),
            }
        })?;
        table.raw_set(name, wrapped)?;
    }
    Ok(table)
}

/// A number that has no fraction and fits 64 bits.
fn whole(number: f64) -> Option<i64> {
    const EDGE: f64 = 9_223_372_036_854_775_808.0;
    ((-EDGE..EDGE).contains(&number) && number.fract() == 0.0).then_some(number as i64)
}

#[cfg(test)]
mod tests;
