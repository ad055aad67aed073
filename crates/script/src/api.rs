//! The table `redis`: what a script calls of the server. Its heart, `call` and `pcall`, is in [`crate::stack`].
//!
//! A function here answers `(true, result)` or `(false, error)`; the sandbox makes of it a function that raises the error. So
//! an error is a Lua value that a script can look into, which an error of a Rust function is not.

use std::rc::Rc;

use mlua::{Lua, MultiValue, Result, Table, Value};
use resp::Protocol;
use stdx::number::write_i64;

use crate::bridge::Bridge;
use crate::name::hex;
use crate::random::number_of;
use crate::reply;
use crate::stack::write_number;
use crate::words::Words;

/// Whether it went well, and the result or the error.
pub(crate) type Answer = (bool, Value);

/// The functions, for the sandbox to wrap.
pub(crate) fn functions(lua: &Lua, bridge: &Rc<Bridge>) -> Result<Table> {
    let table = lua.create_table()?;
    let add = |name: &str, function: fn(&Lua, &Rc<Bridge>, MultiValue) -> Result<Answer>| {
        let bridge = Rc::clone(bridge);
        table.raw_set(name, lua.create_function(move |lua, arguments| function(lua, &bridge, arguments))?)
    };
    add("error_reply", |lua, bridge, arguments| error_reply(lua, bridge, &arguments))?;
    add("status_reply", |lua, bridge, arguments| status_reply(lua, bridge, &arguments))?;
    add("sha1hex", |lua, bridge, arguments| sha1hex(lua, bridge, &arguments))?;
    add("log", |lua, bridge, arguments| log(lua, bridge, &arguments))?;
    add("setresp", |lua, bridge, arguments| set_protocol(lua, bridge, &arguments))?;
    add("set_repl", |lua, bridge, arguments| set_propagation(lua, bridge, &arguments))?;
    add("acl_check_cmd", |lua, bridge, arguments| may_run(lua, bridge, &arguments))?;
    add("replicate_commands", |_, _, _| Ok((true, Value::Boolean(true))))?;
    add("breakpoint", |_, _, _| Ok((true, Value::Boolean(false))))?;
    add("debug", |_, _, _| Ok((true, Value::Nil)))?;
    Ok(table)
}

/// The other fields of the table.
pub(crate) fn constants(lua: &Lua, version: &str) -> Result<Table> {
    let table = lua.create_table()?;
    for (name, value) in [
        ("LOG_DEBUG", 0),
        ("LOG_VERBOSE", 1),
        ("LOG_NOTICE", 2),
        ("LOG_WARNING", 3),
        ("REPL_NONE", 0),
        ("REPL_AOF", 1),
        ("REPL_SLAVE", 2),
        ("REPL_REPLICA", 2),
        ("REPL_ALL", 3),
        ("REDIS_VERSION_NUM", version_number(version)),
    ] {
        table.raw_set(name, value)?;
    }
    table.raw_set("REDIS_VERSION", version)?;
    Ok(table)
}

/// `8.0.6` as 0x080006.
fn version_number(version: &str) -> i64 {
    version.split('.').fold(0, |number, part| number << 8 | part.parse().unwrap_or(0))
}

/// What is said of a call outside of a script.
const NOT_RUNNING: &str = "redis.call/pcall can only be called inside a script invocation";

/// The words of a command that is asked about, as [`crate::stack`] reads those of one that is called.
fn gather(arguments: &MultiValue, words: &mut Words) -> std::result::Result<(), &'static str> {
    if arguments.is_empty() {
        return Err("Please specify at least one argument for this redis lib call");
    }
    for argument in arguments {
        match argument {
            Value::String(text) => words.push(&text.as_bytes()),
            Value::Integer(number) => words.push_with(|buffer| write_i64(buffer, *number)),
            Value::Number(number) => words.push_with(|buffer| write_number(buffer, *number)),
            _ => return Err("Lua redis lib command arguments must be strings or integers"),
        }
    }
    Ok(())
}

/// An error of our own as the table that a failed command gives.
pub(crate) fn error_value(lua: &Lua, bridge: &Bridge, text: &str) -> Result<Value> {
    reply::error_table(lua, &bridge.names, format!("ERR {text}").as_bytes()).map(Value::Table)
}

fn raise(lua: &Lua, bridge: &Bridge, text: &str) -> Result<Answer> {
    Ok((false, error_value(lua, bridge, text)?))
}

/// `redis.error_reply(text)`: without a code it gets the general one.
fn error_reply(lua: &Lua, bridge: &Bridge, arguments: &MultiValue) -> Result<Answer> {
    let Some(Value::String(text)) = arguments.front().filter(|_| arguments.len() == 1) else {
        return Ok((true, error_value(lua, bridge, "wrong number or type of arguments")?));
    };
    let text = text.as_bytes();
    let text = text.strip_prefix(b"-").unwrap_or(&text);
    let end = text.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
    let mut line = Vec::with_capacity(end + 4);
    if !text.contains(&b' ') {
        line.extend_from_slice(b"ERR ");
    }
    line.extend_from_slice(&text[..end]);
    Ok((true, Value::Table(reply::error_table(lua, &bridge.names, &line)?)))
}

fn status_reply(lua: &Lua, bridge: &Bridge, arguments: &MultiValue) -> Result<Answer> {
    match arguments.front().filter(|_| arguments.len() == 1) {
        Some(Value::String(text)) => {
            let table = lua.create_table_with_capacity(0, 1)?;
            table.raw_set(&bridge.names.ok, text)?;
            Ok((true, Value::Table(table)))
        }
        _ => Ok((true, error_value(lua, bridge, "wrong number or type of arguments")?)),
    }
}

fn sha1hex(lua: &Lua, bridge: &Bridge, arguments: &MultiValue) -> Result<Answer> {
    if arguments.len() != 1 {
        return raise(lua, bridge, "wrong number of arguments");
    }
    let digest = match lua.coerce_string(arguments[0].clone())? {
        Some(text) => hex(&text.as_bytes()),
        None => hex(b""),
    };
    Ok((true, Value::String(lua.create_string(digest)?)))
}

fn log(lua: &Lua, bridge: &Bridge, arguments: &MultiValue) -> Result<Answer> {
    if arguments.len() < 2 {
        return raise(lua, bridge, "redis.log() requires two arguments or more.");
    }
    let Some(level) = number_of(&arguments[0]) else {
        return raise(lua, bridge, "First argument must be a number (log level).");
    };
    if !(0.0..4.0).contains(&level.trunc()) {
        return raise(lua, bridge, "Invalid log level.");
    }
    let mut text = Vec::new();
    for argument in arguments.iter().skip(1) {
        let Some(word) = lua.coerce_string(argument.clone())? else { continue };
        if !text.is_empty() {
            text.push(b' ');
        }
        text.extend_from_slice(&word.as_bytes());
    }
    bridge.slot.with(|caller| caller.log(level as u8, &text));
    Ok((true, Value::Nil))
}

fn set_protocol(lua: &Lua, bridge: &Bridge, arguments: &MultiValue) -> Result<Answer> {
    if arguments.len() != 1 {
        return raise(lua, bridge, "redis.setresp() requires one argument.");
    }
    let protocol = match number_of(&arguments[0]).map(f64::trunc) {
        Some(2.0) => Protocol::Resp2,
        Some(3.0) => Protocol::Resp3,
        _ => return raise(lua, bridge, "RESP version must be 2 or 3."),
    };
    bridge.protocol.set(protocol);
    Ok((true, Value::Nil))
}

/// Whatever a script wants, its effects go into the log: it is the one order of all changes, and followers that left some out
/// would hold other data. So the flags are checked and change nothing.
fn set_propagation(lua: &Lua, bridge: &Bridge, arguments: &MultiValue) -> Result<Answer> {
    if arguments.len() != 1 {
        return raise(lua, bridge, "redis.set_repl() requires one argument.");
    }
    match number_of(&arguments[0]).map_or(0.0, f64::trunc) {
        0.0 | 1.0 | 2.0 | 3.0 => Ok((true, Value::Nil)),
        _ => raise(
            lua,
            bridge,
            "Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.",
        ),
    }
}

fn may_run(lua: &Lua, bridge: &Bridge, arguments: &MultiValue) -> Result<Answer> {
    let mut words = Words::default();
    if let Err(text) = gather(arguments, &mut words) {
        return raise(lua, bridge, text);
    }
    match bridge.slot.with(|caller| caller.may_run(&words)) {
        Some(Some(allowed)) => Ok((true, Value::Boolean(allowed))),
        Some(None) => raise(lua, bridge, "Invalid command passed to redis.acl_check_cmd()"),
        None => raise(lua, bridge, NOT_RUNNING),
    }
}
