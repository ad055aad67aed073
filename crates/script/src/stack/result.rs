//! The result of a script becomes a reply; [`crate::reply`] has the table, which is read from right to left here.

#![allow(unsafe_code)]

use std::ffi::c_int;

use mlua::ffi::{self, lua_State};
use resp::write::Aggregate;
use resp::{Encoder, Protocol};

use super::{ERR, OK, PLACES, push_text, text_at};
use crate::bridge::Bridge;

/// The most tables one within the other in a result. Deeper ones, and those that hold themselves, end in an error.
const MAX_RESULT_DEPTH: usize = 1000;

/// Writes the value at the top of the stack as a reply; the table in [`crate::reply`], read from right to left. The stack stays
/// as it is.
pub(super) unsafe fn write_result(
    state: *mut lua_State,
    bridge: &Bridge,
    reply: &mut Encoder<'_>,
    depth: usize,
) {
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
pub(super) unsafe fn push_known_field(state: *mut lua_State, name: c_int) -> c_int {
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
