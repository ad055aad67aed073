//! `redis.call` and `redis.pcall`: the words on the stack become a command, and its reply a value.

#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use mlua::ffi::{self, lua_State};
use mlua::{Function, Lua, Result};
use stdx::number::{write_f64, write_i64};

use super::reply::{Cursor, push_reply};
use super::{ERR, push_names, push_text, text_at};
use crate::bridge::{Bridge, Ending};
use crate::caller::Called;
use crate::words::Words;

/// A buffer for replies that has grown beyond this is given back after the call.
const KEPT_BYTES: usize = 64 * 1024;

/// What a script that has to end gets; nobody sees it.
pub(crate) const ENDING: &str = "the script has to end";

/// Upvalues of [`call_command`]: the bridge, and whether errors are raised.
const BRIDGE: c_int = ffi::lua_upvalueindex(1);
const RAISES: c_int = ffi::lua_upvalueindex(2);

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
                push_reply(state, &mut Cursor::new(reply), 0);
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
