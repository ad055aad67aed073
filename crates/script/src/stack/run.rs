//! A run of a script or function: its keys and arguments become Lua's, it is called, and its result is written.

#![allow(unsafe_code)]

use std::ffi::c_int;

use mlua::ffi::{self, lua_State};
use mlua::{Function, LightUserData, Lua, Result, Value};
use resp::{Encoder, Protocol};

use super::result::{push_known_field, write_result};
use super::{IGNORE, push_names, push_text};
use crate::bridge::Bridge;

/// Upvalues of [`enter`]: the handler of errors, the globals of scripts, and the names of two of them.
const HANDLER: c_int = ffi::lua_upvalueindex(1);
const GLOBALS: c_int = ffi::lua_upvalueindex(2);
const KEYS: c_int = ffi::lua_upvalueindex(6);
const ARGV: c_int = ffi::lua_upvalueindex(7);
/// And what those two are between scripts.
const EMPTY: c_int = ffi::lua_upvalueindex(8);

// Of this build: says whether the table at a place, which is no upvalue's, can be changed; see `build/patches.rs`.
unsafe extern "C-unwind" {
    fn lua_setreadonly(state: *mut lua_State, place: c_int, readonly: c_int);
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
