//! The libraries that scripts find besides Lua's own: `cjson`, `cmsgpack`, `bit` and `struct`, as Redis has them.
//!
//! A function takes its arguments and gives back values, or a problem, which the sandbox raises with the place where the
//! function was called.

mod bit;
mod cjson;
mod cmsgpack;
mod layout;

use std::cell::Cell;
use std::rc::Rc;

use mlua::{IntoLua, Lua, LuaString, MultiValue, Table, Value};

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
    /// What the functions of `cjson` go by.
    json: &'a Cell<Settings>,
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

/// The libraries by name, for the sandbox to wrap; `cjson` goes by what the script sets.
pub(crate) fn all(lua: &Lua, of_the_script: &Rc<Cell<Settings>>) -> mlua::Result<Table> {
    let libraries = lua.create_table()?;
    for (name, functions) in [("bit", bit::FUNCTIONS), ("struct", layout::FUNCTIONS)] {
        libraries.raw_set(name, library(lua, of_the_script, functions)?)?;
    }
    libraries.raw_set("cjson", json(lua, of_the_script)?)?;
    let cmsgpack = library(lua, of_the_script, cmsgpack::FUNCTIONS)?;
    cmsgpack.raw_set("_NAME", "cmsgpack")?;
    cmsgpack.raw_set("_VERSION", "lua-cmsgpack 0.4.0")?;
    cmsgpack.raw_set("_COPYRIGHT", "Copyright (C) 2012, Salvatore Sanfilippo")?;
    cmsgpack.raw_set("_DESCRIPTION", "MessagePack C implementation for Lua")?;
    libraries.raw_set("cmsgpack", cmsgpack)?;
    Ok(libraries)
}

/// `cjson` with these settings.
pub(crate) fn json(lua: &Lua, settings: &Rc<Cell<Settings>>) -> mlua::Result<Table> {
    let table = library(lua, settings, cjson::FUNCTIONS)?;
    table.raw_set("null", Value::NULL)?;
    table.raw_set("_NAME", "cjson")?;
    table.raw_set("_VERSION", "2.1.0")?;
    Ok(table)
}

fn library(lua: &Lua, json: &Rc<Cell<Settings>>, functions: &'static [Entry]) -> mlua::Result<Table> {
    let table = lua.create_table_with_capacity(0, functions.len())?;
    for &(name, function) in functions {
        let json = Rc::clone(json);
        let wrapped = lua.create_function(move |lua, values: MultiValue| {
            match function(&Arguments { lua, json: &json, name, values: &values }) {
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
