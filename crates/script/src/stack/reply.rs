//! The reply of a command becomes a Lua value; [`crate::reply`] has the table.

#![allow(unsafe_code)]

use std::ffi::c_int;

use mlua::ffi::{self, lua_State};
use stdx::number::{parse_f64, parse_i64};

use super::{ERR, IGNORE, OK, PLACES, push_text};

/// The most values one within the other in a reply; no command answers with so many.
const MAX_REPLY_DEPTH: usize = 128;

/// A place in a reply.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// The beginning of a reply.
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

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
pub(super) unsafe fn push_reply(state: *mut lua_State, reply: &mut Cursor<'_>, depth: usize) {
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
