//! Lua scripts: an interpreter in a sandbox, and what scripts find in it.
//!
//! ```text
//!   text ─► Interpreter::compile ─► Script ─► Interpreter::run(keys, arguments, caller) ─► reply
//!                                                      │ redis.call
//!                                                      ▼
//!                                  Caller::call(words) ─► the command's reply, as bytes
//! ```
//! A library of functions is loaded once, which registers its functions ([`Interpreter::load`]), and each of them can be called
//! then ([`Interpreter::call`]). While it is loaded it finds nothing of all this but how to register functions.
//!
//! The crate knows no command and no key: a [`Caller`] runs what a script asks for, tells whether the script may go on, and
//! writes its log. An interpreter is used by one thread and remembers nothing of a script when it has ended.
//!
//! # The sandbox
//! Scripts of all users run in the same interpreter, so nothing that outlives a script can be changed by one: globals, libraries
//! and metatables are read only, which is a property of a table in the Lua that `build/` makes. There are no files, no
//! processes, no `require`, no `debug`, no bytecode. Memory is bounded by the interpreter's allocator. Time is bounded by the caller, who is asked
//! every few thousand instructions; library functions count as many instructions, and those that may take long ask by
//! themselves. A script that must end cannot help it: every further instruction fails.
//!
//! # The parser's flaw
//! CVE-2025-49844: while a chunk is parsed, its name is a string to which nothing refers before the prototype that holds
//! it lies on the stack. In between the first character is read, and a reader that is a Lua function (`load(f)`) may run the
//! collector there. `build/patches.rs` puts the name on the stack for the whole time, as the published repair does, and lets
//! no reader be called again once it has ended, without which the moment could not be reached. A test sends the trigger.

mod api;
mod bridge;
mod caller;
mod interpreter;
mod lend;
mod libraries;
mod name;
mod number;
mod random;
mod register;
mod reply;
mod stack;
mod words;

pub use caller::{Called, Caller, Verdict};
pub use interpreter::{Ended, Failure, Interpreter, Options, Script};
pub use name::{Name, hex};
pub use register::{BAD_NAME, Callback, Registered, is_name};
pub use words::Words;

#[cfg(test)]
mod tests;
