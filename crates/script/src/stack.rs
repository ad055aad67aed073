//! Lua's stack, used directly where the speed of scripts is decided: the call of a command, its reply as a Lua value, the keys
//! and arguments of a run, and its result as a reply.
//!
//! `mlua` keeps every value that Rust sees in a table of its own and wraps every step that may fail. Here values stay on Lua's
//! stack. What may fail for want of memory leaves these functions as Lua's errors do, by a jump to the protected call
//! around them; so while such a function is called no Rust value is alive here that would have to be dropped. Buffers lie in
//! the [`Bridge`], and what the closures hold are references.

#![allow(unsafe_code)]

use std::any::Any;
use std::ffi::{c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use mlua::ffi::{self, lua_State};
use mlua::{Function, LightUserData, Lua, Result, Value};
use resp::write::Aggregate;
use resp::{Encoder, Protocol};
use stdx::number::{parse_f64, parse_i64, write_f64, write_i64};

use crate::bridge::{Bridge, Ending};
use crate::caller::Called;
use crate::words::Words;

/// The most values one within the other in a reply; no command answers with so many.
const MAX_REPLY_DEPTH: usize = 128;
/// The most tables one within the other in a result. Deeper ones, and those that hold themselves, end in an error.
const MAX_RESULT_DEPTH: usize = 1000;
/// Places of the stack that one level of a value needs, and some more.
const PLACES: c_int = 12;
/// A buffer for replies that has grown beyond this is given back after the call.
const KEPT_BYTES: usize = 64 * 1024;

/// What a script that has to end gets; nobody sees it.
pub(crate) const ENDING: &str = "the script has to end";

/// Upvalues of [`call_command`]: the bridge, and whether errors are raised.
const BRIDGE: c_int = ffi::lua_upvalueindex(1);
const RAISES: c_int = ffi::lua_upvalueindex(2);
/// Upvalues of [`enter`]: the handler of errors, the globals of scripts, and the names of two of them.
const HANDLER: c_int = ffi::lua_upvalueindex(1);
const GLOBALS: c_int = ffi::lua_upvalueindex(2);
const KEYS: c_int = ffi::lua_upvalueindex(6);
const ARGV: c_int = ffi::lua_upvalueindex(7);
/// And what those two are between scripts.
const EMPTY: c_int = ffi::lua_upvalueindex(8);
/// Upvalues of both: the names of the fields that are looked at most. As strings they would be hashed each time.
const OK: c_int = ffi::lua_upvalueindex(3);
const ERR: c_int = ffi::lua_upvalueindex(4);
const IGNORE: c_int = ffi::lua_upvalueindex(5);

// Of this build: says whether the table at a place, which is no upvalue's, can be changed; see `build/patches.rs`.
unsafe extern "C-unwind" {
    fn lua_setreadonly(state: *mut lua_State, place: c_int, readonly: c_int);
}

/// `redis.call`, which raises the errors of commands, or `redis.pcall`, which returns them.
pub(crate) fn command_function(lua: &Lua, bridge: &Rc<Bridge>, raises: bool) -> Result<Function> {
    let pointer = Rc::as_ptr(bridge).cast_mut().cast::<c_void>();
    // SAFETY: the closure leaves one value on the stack. The function keeps a pointer to the bridge, which lives as long as
    // the Lua state: other functions in the state hold a count of it.
    unsafe {
        lua.exec_raw((), |state| {
            ffi::lua_pushlightuserdata(state, pointer);
            ffi::lua_pushboolean(state, c_int::from(raises));
            push_names(state);
            ffi::lua_pushcclosure(state, call_command, 5);
        })
    }
}

/// Pushes what the upvalues [`OK`], [`ERR`] and [`IGNORE`] hold.
unsafe fn push_names(state: *mut lua_State) {
    // SAFETY: there are places for three values and more.
    unsafe {
        for name in ["ok", "err", "ignore_error_stats_update"] {
            push_text(state, name.as_bytes());
        }
    }
}

/// What became of a command.
enum Outcome {
    /// Its reply is in the bridge.
    Replied,
    /// It was not called, for this reason.
    Refused(&'static str),
    /// The script has to end.
    Ends,
}

/// SAFETY: called by Lua only, with the upvalues that [`command_function`] gives.
unsafe extern "C-unwind" fn call_command(state: *mut lua_State) -> c_int {
    // SAFETY: the first upvalue is a pointer to a bridge that lives. Nothing below is alive across a call that may jump,
    // except references into the bridge; while values are pushed nobody else uses its reply buffer, for no code of a script
    // runs then.
    unsafe {
        let bridge = &*ffi::lua_touserdata(state, BRIDGE).cast::<Bridge>().cast_const();
        let raises = ffi::lua_toboolean(state, RAISES) != 0;
        let outcome = run_command(state, bridge);
        ffi::lua_settop(state, 0);
        let failed = match outcome {
            Outcome::Replied => {
                let reply: &[u8] = &*bridge.reply.as_ptr();
                push_reply(state, &mut Cursor { bytes: reply, at: 0 }, 0);
                let failed = reply.first() == Some(&b'-');
                bridge.reply.borrow_mut().clear();
                bridge.reply.borrow_mut().shrink_to(KEPT_BYTES);
                failed
            }
            Outcome::Refused(text) => {
                push_error(state, text);
                true
            }
            Outcome::Ends => {
                push_text(state, ENDING.as_bytes());
                ffi::lua_error(state)
            }
        };
        if raises && failed {
            ffi::lua_error(state)
        }
        1
    }
}

/// Runs the command whose words lie on the stack. Raises nothing, and a panic waits in the bridge until the script has ended.
unsafe fn run_command(state: *mut lua_State, bridge: &Bridge) -> Outcome {
    if bridge.ending.get() != Ending::None {
        return Outcome::Ends;
    }
    let run = || {
        let (mut words, mut reply) = (bridge.words.take(), bridge.reply.take());
        reply.clear();
        // SAFETY: the words lie on the stack, below its top.
        let outcome = match unsafe { gather(state, &mut words) } {
            Err(text) => Outcome::Refused(text),
            Ok(()) => match bridge.slot.with(|caller| caller.call(&words, bridge.protocol.get(), &mut reply))
            {
                Some(Called::Replied) => Outcome::Replied,
                Some(Called::Abandon) => {
                    bridge.ending.set(Ending::Abandoned);
                    Outcome::Ends
                }
                None => Outcome::Refused("redis.call/pcall can only be called inside a script invocation"),
            },
        };
        words.clear();
        bridge.words.replace(words);
        bridge.reply.replace(reply);
        outcome
    };
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        bridge.panic.replace(Some(panic));
        bridge.ending.set(Ending::Abandoned);
        Outcome::Ends
    })
}

/// The words of a command. Numbers are written in full, not as `tostring` does.
unsafe fn gather(state: *mut lua_State, words: &mut Words) -> std::result::Result<(), &'static str> {
    // SAFETY: every place that is looked at is at most the top. Only strings are read as such, which changes nothing; they stay
    // on the stack, so their bytes stay where they are.
    unsafe {
        let count = ffi::lua_gettop(state);
        if count == 0 {
            return Err("Please specify at least one argument for this redis lib call");
        }
        for place in 1..=count {
            match ffi::lua_type(state, place) {
                ffi::LUA_TSTRING => words.push(text_at(state, place)),
                ffi::LUA_TNUMBER => {
                    let number = ffi::lua_tonumber(state, place);
                    words.push_with(|buffer| write_number(buffer, number));
                }
                _ => return Err("Lua redis lib command arguments must be strings or integers"),
            }
        }
    }
    Ok(())
}

/// An integer without an exponent if it is one, else the shortest text that reads back as the same number.
pub(crate) fn write_number(buffer: &mut Vec<u8>, number: f64) {
    const MOST: f64 = 4_611_686_018_427_387_904.0;
    let integer = number as i64;
    if (-MOST..=MOST).contains(&number) && (integer as f64).to_bits() == (number + 0.0).to_bits() {
        write_i64(buffer, integer);
    } else {
        write_f64(buffer, number);
    }
}

/// The bytes of a string at a place of the stack.
///
/// SAFETY: there is a string, and it stays there for as long as the bytes are used.
unsafe fn text_at<'a>(state: *mut lua_State, place: c_int) -> &'a [u8] {
    let mut length = 0;
    // SAFETY: see above. Lua never gives a null pointer for a string.
    unsafe {
        let bytes = ffi::lua_tolstring(state, place, &raw mut length);
        std::slice::from_raw_parts(bytes.cast(), length)
    }
}

unsafe fn push_text(state: *mut lua_State, text: &[u8]) {
    // SAFETY: the bytes are copied before the function returns.
    unsafe { ffi::lua_pushlstring(state, text.as_ptr().cast(), text.len()) };
}

/// An error of our own as the table that a failed command gives.
unsafe fn push_error(state: *mut lua_State, text: &str) {
    // SAFETY: there are places for four values, which every function has.
    unsafe {
        ffi::lua_createtable(state, 0, 4);
        ffi::lua_pushvalue(state, ERR);
        push_text(state, b"ERR ");
        push_text(state, text.as_bytes());
        ffi::lua_concat(state, 2);
        ffi::lua_rawset(state, -3);
    }
}

/// A place in a reply.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// The rest of the line.
    fn line(&mut self) -> &'a [u8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = rest.iter().position(|&byte| byte == b'\r').unwrap_or(rest.len());
        self.at += end + 2;
        &rest[..end]
    }

    /// How many values there are; at most as many as there are bytes.
    fn values(&self, line: &[u8]) -> Option<usize> {
        Some(count(line)?.min(self.bytes.len()))
    }

    /// So many bytes, and the end of the line behind them.
    fn take(&mut self, length: usize) -> &'a [u8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at = self.at.saturating_add(length).saturating_add(2);
        rest.get(..length).unwrap_or_default()
    }
}

/// A count; nothing for -1. Replies come from the server itself, so there is nothing else.
fn count(line: &[u8]) -> Option<usize> {
    parse_i64(line).and_then(|count| usize::try_from(count).ok())
}

/// Pushes one value of a reply; the table in [`crate::reply`].
unsafe fn push_reply(state: *mut lua_State, reply: &mut Cursor<'_>, depth: usize) {
    // SAFETY: places for the values of this level are asked for. All that is alive are references and numbers.
    unsafe {
        ffi::luaL_checkstack(state, PLACES, c"a reply is nested too deeply".as_ptr());
        let marker = reply.bytes.get(reply.at).copied().unwrap_or(b'_');
        reply.at += 1;
        let line = reply.line();
        if depth > MAX_REPLY_DEPTH {
            ffi::lua_pushnil(state);
            return;
        }
        match marker {
            b'$' => match count(line) {
                None => ffi::lua_pushboolean(state, 0),
                Some(length) => push_text(state, reply.take(length)),
            },
            b':' => ffi::lua_pushnumber(state, parse_i64(line).unwrap_or(0) as f64),
            b'+' => push_known(state, OK, line),
            b'-' => {
                push_known(state, ERR, line);
                ffi::lua_pushvalue(state, IGNORE);
                ffi::lua_pushboolean(state, 1);
                ffi::lua_rawset(state, -3);
            }
            b'*' | b'>' => match reply.values(line) {
                None => ffi::lua_pushboolean(state, 0),
                Some(length) => {
                    ffi::lua_createtable(state, length as c_int, 0);
                    for place in 1..=length {
                        push_reply(state, reply, depth + 1);
                        ffi::lua_rawseti(state, -2, place as _);
                    }
                }
            },
            b'#' => ffi::lua_pushboolean(state, c_int::from(line == b"t")),
            b',' => {
                ffi::lua_createtable(state, 0, 1);
                push_text(state, b"double");
                ffi::lua_pushnumber(state, parse_f64(line).unwrap_or(f64::NAN));
                ffi::lua_rawset(state, -3);
            }
            b'(' => push_named(state, b"big_number", line),
            b'=' => push_verbatim(state, reply.take(count(line).unwrap_or(0))),
            b'|' => {
                // Attributes of the value behind them, which a script does not see.
                for _ in 0..2 * reply.values(line).unwrap_or(0) {
                    push_reply(state, reply, depth + 1);
                    ffi::lua_settop(state, -2);
                }
                push_reply(state, reply, depth + 1);
            }
            b'%' => push_pairs(state, b"map", reply.values(line).unwrap_or(0), reply, depth),
            b'~' => push_pairs(state, b"set", reply.values(line).unwrap_or(0), reply, depth),
            _ => ffi::lua_pushnil(state),
        }
    }
}

/// A table with one field, whose name is an upvalue.
unsafe fn push_known(state: *mut lua_State, name: c_int, text: &[u8]) {
    // SAFETY: the caller has asked for the places.
    unsafe {
        ffi::lua_createtable(state, 0, 1);
        ffi::lua_pushvalue(state, name);
        push_text(state, text);
        ffi::lua_rawset(state, -3);
    }
}

/// A table with one field.
unsafe fn push_named(state: *mut lua_State, name: &[u8], text: &[u8]) {
    // SAFETY: the caller has asked for the places.
    unsafe {
        ffi::lua_createtable(state, 0, 1);
        push_text(state, name);
        push_text(state, text);
        ffi::lua_rawset(state, -3);
    }
}

/// `txt:text`.
unsafe fn push_verbatim(state: *mut lua_State, bytes: &[u8]) {
    let (format, text) = bytes.split_at(bytes.len().min(3));
    // SAFETY: the caller has asked for the places.
    unsafe {
        ffi::lua_createtable(state, 0, 1);
        push_text(state, b"verbatim_string");
        push_named(state, b"format", format);
        push_text(state, b"string");
        push_text(state, text.get(1..).unwrap_or_default());
        ffi::lua_rawset(state, -3);
        ffi::lua_rawset(state, -3);
    }
}

/// A map, or a set, whose elements are the keys of a table.
unsafe fn push_pairs(state: *mut lua_State, name: &[u8], pairs: usize, reply: &mut Cursor<'_>, depth: usize) {
    // SAFETY: the caller has asked for the places.
    unsafe {
        ffi::lua_createtable(state, 0, 1);
        push_text(state, name);
        ffi::lua_createtable(state, 0, pairs as c_int);
        for _ in 0..pairs {
            push_reply(state, reply, depth + 1);
            if name == b"map" {
                push_reply(state, reply, depth + 1);
            } else {
                ffi::lua_pushboolean(state, 1);
            }
            if ffi::lua_isnil(state, -2) != 0 {
                ffi::lua_settop(state, -3);
            } else {
                ffi::lua_rawset(state, -3);
            }
        }
        ffi::lua_rawset(state, -3);
    }
}

/// How a function gets its keys and arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Given {
    /// In the globals `KEYS` and `ARGV`, as a script.
    Globals,
    /// As arguments, as a function of a library.
    Arguments,
}

/// What a run is given and where its result goes; see [`run`].
struct Run<'r> {
    bridge: &'r Bridge,
    given: Given,
    keys: &'r [&'r [u8]],
    arguments: &'r [&'r [u8]],
    protocol: Protocol,
    out: &'r mut Vec<u8>,
}

/// The function by which [`run`] enters Lua. It is made once: to make one for each run would take longer than a command.
pub(crate) fn entry_function(lua: &Lua, handler: &Function) -> Result<Function> {
    // SAFETY: the closure takes the two values that are there and the names, and is left on the stack.
    unsafe {
        lua.exec_raw((handler, lua.globals()), |state| {
            push_names(state);
            push_text(state, b"KEYS");
            push_text(state, b"ARGV");
            ffi::lua_createtable(state, 0, 0);
            lua_setreadonly(state, -1, 1);
            ffi::lua_pushcclosure(state, enter, 8);
        })
    }
}

/// Runs a function with keys and arguments. Gives back whether that went well, in which case the result has been written to
/// `out`, and else what the handler has made of the error. With a result comes whether it is an error that a command has given.
pub(crate) fn run(
    entry: &Function,
    bridge: &Bridge,
    (function, given): (&Function, Given),
    (keys, arguments): (&[&[u8]], &[&[u8]]),
    (protocol, out): (Protocol, &mut Vec<u8>),
) -> Result<(bool, Value)> {
    let mut run = Run { bridge, given, keys, arguments, protocol, out };
    entry.call((LightUserData((&raw mut run).cast()), function))
}

/// SAFETY: called by [`run`] only, with a pointer to a [`Run`] that lives meanwhile and the function.
unsafe extern "C-unwind" fn enter(state: *mut lua_State) -> c_int {
    // SAFETY: nobody else uses the run. Nothing is alive across a call that may jump, except references into it.
    unsafe {
        let run = &mut *ffi::lua_touserdata(state, 1).cast::<Run<'_>>();
        ffi::lua_pushvalue(state, HANDLER);
        ffi::lua_insert(state, 2);
        push_list(state, run.keys);
        push_list(state, run.arguments);
        let given = match run.given {
            Given::Arguments => 2,
            Given::Globals => {
                set_globals(state);
                0
            }
        };
        let ended = ffi::lua_pcall(state, given, 1, 2);
        if run.given == Given::Globals {
            // They may be large, and the next script may be long in coming.
            ffi::lua_pushvalue(state, EMPTY);
            ffi::lua_pushvalue(state, EMPTY);
            set_globals(state);
        }
        if ended != ffi::LUA_OK {
            ffi::lua_pushboolean(state, 0);
            ffi::lua_insert(state, -2);
            return 2;
        }
        write_result(state, run.bridge, &mut Encoder::new(run.out, run.protocol), 0);
        let is_passed_on = is_passed_on(state);
        ffi::lua_pushboolean(state, 1);
        ffi::lua_pushboolean(state, c_int::from(is_passed_on));
        2
    }
}

/// Makes the two lists at the top of the stack the globals of scripts, which a script itself cannot change, and pops them.
unsafe fn set_globals(state: *mut lua_State) {
    // SAFETY: a function has places for a few values, and all that is pushed here goes. If setting fails for want of memory, which
    // it can in an interpreter's first run, no script runs before the next set has ended.
    unsafe {
        ffi::lua_pushvalue(state, GLOBALS);
        lua_setreadonly(state, -1, 0);
        for (name, list) in [(KEYS, -4), (ARGV, -3)] {
            ffi::lua_pushvalue(state, name);
            ffi::lua_pushvalue(state, list);
            ffi::lua_rawset(state, -3);
        }
        lua_setreadonly(state, -1, 1);
        ffi::lua_settop(state, -4);
    }
}

/// Whether the value at the top of the stack is the table of an error that a command has given. The stack stays as it is.
unsafe fn is_passed_on(state: *mut lua_State) -> bool {
    // SAFETY: a function has places for a few values, and what is pushed goes.
    unsafe {
        if ffi::lua_type(state, -1) != ffi::LUA_TTABLE {
            return false;
        }
        push_known_field(state, IGNORE);
        let is_marked = ffi::lua_toboolean(state, -1) != 0;
        ffi::lua_settop(state, -2);
        is_marked
    }
}

unsafe fn push_list(state: *mut lua_State, words: &[&[u8]]) {
    // SAFETY: a function has places for a few values.
    unsafe {
        ffi::lua_createtable(state, words.len() as c_int, 0);
        for (index, word) in words.iter().enumerate() {
            push_text(state, word);
            ffi::lua_rawseti(state, -2, (index + 1) as _);
        }
    }
}

/// Writes the value at the top of the stack as a reply; the table in [`crate::reply`], read from right to left. The stack stays
/// as it is.
unsafe fn write_result(state: *mut lua_State, bridge: &Bridge, reply: &mut Encoder<'_>, depth: usize) {
    if depth >= MAX_RESULT_DEPTH {
        reply.error("ERR reached lua stack limit");
        return;
    }
    // SAFETY: places for the values of this level are asked for. The encoder holds references and numbers.
    unsafe {
        ffi::luaL_checkstack(state, PLACES, c"a result is nested too deeply".as_ptr());
        match ffi::lua_type(state, -1) {
            ffi::LUA_TSTRING => reply.bulk(text_at(state, -1)),
            ffi::LUA_TNUMBER => reply.integer(truncate(ffi::lua_tonumber(state, -1))),
            ffi::LUA_TBOOLEAN => {
                let value = ffi::lua_toboolean(state, -1) != 0;
                // What the script has asked for counts, and not what its client has.
                match (bridge.protocol.get(), value) {
                    (Protocol::Resp2, true) => reply.integer(1),
                    (Protocol::Resp2, false) => reply.null(),
                    (Protocol::Resp3, _) => reply.boolean(value),
                }
            }
            ffi::LUA_TTABLE => write_table(state, bridge, reply, depth),
            _ => reply.null(),
        }
    }
}

/// What C makes of a number on most machines when it is converted to 64 bits.
fn truncate(number: f64) -> i64 {
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number) {
        number as i64
    } else {
        i64::MIN
    }
}

/// Pushes a field of the table at the top of the stack; its type.
unsafe fn push_field(state: *mut lua_State, name: &[u8]) -> c_int {
    // SAFETY: the caller has asked for the places.
    unsafe {
        push_text(state, name);
        ffi::lua_rawget(state, -2);
        ffi::lua_type(state, -1)
    }
}

/// The same with a name that is an upvalue.
unsafe fn push_known_field(state: *mut lua_State, name: c_int) -> c_int {
    // SAFETY: the caller has asked for the places.
    unsafe {
        ffi::lua_pushvalue(state, name);
        ffi::lua_rawget(state, -2);
        ffi::lua_type(state, -1)
    }
}

unsafe fn write_table(state: *mut lua_State, bridge: &Bridge, reply: &mut Encoder<'_>, depth: usize) {
    // SAFETY: as in `write_result`, which is the caller. Each branch ends with the stack as it was.
    unsafe {
        let top = ffi::lua_gettop(state);
        if push_known_field(state, ERR) == ffi::LUA_TSTRING {
            reply.error(text_at(state, -1));
            ffi::lua_settop(state, top);
            return;
        }
        ffi::lua_settop(state, top);
        if push_known_field(state, OK) == ffi::LUA_TSTRING {
            reply.simple(text_at(state, -1));
        } else if push_next_field(state, b"double") == ffi::LUA_TNUMBER {
            reply.double(ffi::lua_tonumber(state, -1));
        } else if push_next_field(state, b"big_number") == ffi::LUA_TSTRING {
            reply.big_number(text_at(state, -1));
        } else if push_next_field(state, b"verbatim_string") == ffi::LUA_TTABLE
            && write_verbatim(state, reply)
        {
            // It has been written.
        } else if push_next_field(state, b"map") == ffi::LUA_TTABLE {
            write_pairs(state, bridge, reply, depth, Aggregate::Map);
        } else if push_next_field(state, b"set") == ffi::LUA_TTABLE {
            write_pairs(state, bridge, reply, depth, Aggregate::Set);
        } else {
            ffi::lua_settop(state, top);
            write_array(state, bridge, reply, depth);
        }
        ffi::lua_settop(state, top);
    }
}

/// Puts a field of a table in the place of the one above it.
unsafe fn push_next_field(state: *mut lua_State, name: &[u8]) -> c_int {
    // SAFETY: the caller has a table below the top, and a field at the top.
    unsafe {
        ffi::lua_settop(state, -2);
        push_field(state, name)
    }
}

/// Writes a verbatim string if the table at the top of the stack is one. A format of another length than three is cut, or filled
/// up with spaces.
unsafe fn write_verbatim(state: *mut lua_State, reply: &mut Encoder<'_>) -> bool {
    // SAFETY: as in `write_table`, which is the caller.
    unsafe {
        let top = ffi::lua_gettop(state);
        let is_text = push_field(state, b"format") == ffi::LUA_TSTRING;
        ffi::lua_pushvalue(state, -2);
        let is_verbatim = push_field(state, b"string") == ffi::LUA_TSTRING && is_text;
        if is_verbatim {
            let mut format = [b' '; 3];
            format.iter_mut().zip(text_at(state, top + 1)).for_each(|(byte, given)| *byte = *given);
            reply.verbatim(format, text_at(state, -1));
        }
        ffi::lua_settop(state, top);
        is_verbatim
    }
}

/// The elements up to the first that is `nil`.
unsafe fn write_array(state: *mut lua_State, bridge: &Bridge, reply: &mut Encoder<'_>, depth: usize) {
    let header = reply.defer();
    let mut count = 0;
    // SAFETY: as in `write_table`, which is the caller.
    unsafe {
        loop {
            ffi::lua_rawgeti(state, -1, (count + 1) as _);
            if ffi::lua_isnil(state, -1) != 0 {
                break;
            }
            write_result(state, bridge, reply, depth + 1);
            ffi::lua_settop(state, -2);
            count += 1;
        }
        ffi::lua_settop(state, -2);
    }
    reply.finish(header, Aggregate::Array, count);
}

/// The pairs of a map, or the keys of a set.
unsafe fn write_pairs(
    state: *mut lua_State,
    bridge: &Bridge,
    reply: &mut Encoder<'_>,
    depth: usize,
    kind: Aggregate,
) {
    let header = reply.defer();
    let mut count = 0;
    // SAFETY: as in `write_table`, which is the caller. Keys are not changed while they are walked over.
    unsafe {
        ffi::lua_pushnil(state);
        while ffi::lua_next(state, -2) != 0 {
            ffi::lua_pushvalue(state, -2);
            write_result(state, bridge, reply, depth + 1);
            ffi::lua_settop(state, -2);
            if kind == Aggregate::Map {
                write_result(state, bridge, reply, depth + 1);
            }
            ffi::lua_settop(state, -2);
            count += 1;
        }
    }
    reply.finish(header, kind, count);
}

/// What a command has panicked with.
pub(crate) type Panic = Box<dyn Any + Send>;
