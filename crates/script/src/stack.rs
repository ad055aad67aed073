//! Lua's stack, used directly where the speed of scripts is decided: the call of a command (`call`), its reply as a
//! Lua value (`reply`), the keys and arguments of a run (`run`), and its result as a reply (`result`).
//!
//! `mlua` keeps every value that Rust sees in a table of its own and wraps every step that may fail. Here values stay
//! on Lua's stack. What may fail for want of memory leaves these functions as Lua's errors do, by a jump to the
//! protected call around them; so while such a function is called no Rust value is alive here that would have to be
//! dropped. Buffers lie in the [`Bridge`](crate::bridge::Bridge), and what the closures hold are references.

#![allow(unsafe_code)]

mod call;
mod reply;
mod result;
mod run;

use std::ffi::c_int;

use mlua::ffi::{self, lua_State};

pub(crate) use call::{ENDING, command_function, write_number};
pub(crate) use run::{Given, entry_function, run};

/// Places of the stack that one level of a value needs, and some more.
const PLACES: c_int = 12;

/// Upvalues of both closures, that of `call` and that of `run`: the names of the fields that are looked at most. As strings they
/// would be hashed each time.
const OK: c_int = ffi::lua_upvalueindex(3);
const ERR: c_int = ffi::lua_upvalueindex(4);
const IGNORE: c_int = ffi::lua_upvalueindex(5);

/// Pushes what the upvalues [`OK`], [`ERR`] and [`IGNORE`] hold.
unsafe fn push_names(state: *mut lua_State) {
    // SAFETY: there are places for three values and more.
    unsafe {
        for name in ["ok", "err", "ignore_error_stats_update"] {
            push_text(state, name.as_bytes());
        }
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
