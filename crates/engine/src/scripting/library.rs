//! Libraries of functions: from a text to what the keyspace keeps.
//!
//! ```text
//! #!lua name=counters                    the head: the language, and the library's name
//! redis.register_function('next', ..)    the body, which runs once and registers functions
//! ```
//! The body runs with a limit of time, and can reach neither commands nor the server. Each worker runs it again in its own
//! interpreter before it first calls one of the functions.

use keyspace::{Function, Library};
use resp::Protocol;
use resp::request::split_args;
use script::{BAD_NAME, Called, Caller, Interpreter, Options, Registered, Verdict, Words, is_name};

use super::flags::ScriptFlags;
use super::interpreters::MEMORY_BYTES;
use super::level_of;
use crate::REDIS_VERSION;
use crate::host::Host;
use crate::shared::Shared;

/// How long the body of a library may run.
const LOAD_NS: u64 = 500_000_000;

/// What the head of a library says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Head<'a> {
    pub(crate) name: Vec<u8>,
    /// The text behind it. The line's end stays, so that errors name the right line.
    body: &'a [u8],
}

/// Reads the head of a library.
pub(crate) fn read_head(text: &[u8]) -> Result<Head<'_>, String> {
    if !text.starts_with(b"#!") {
        return Err("Missing library metadata".to_owned());
    }
    let invalid = || "Invalid library metadata".to_owned();
    let end = text.iter().position(|&byte| byte == b'\n').ok_or_else(invalid)?;
    let (line, body) = text.split_at(end);
    let mut ranges = Vec::new();
    let words = split_args(line, &mut ranges).ok_or_else(invalid)?;
    let mut words = ranges.iter().map(|range| &words[range.clone()]);
    let language = words.next().unwrap_or_default();
    let mut name = None;
    for word in words {
        let split = word.split_at_checked(5).filter(|(option, _)| option.eq_ignore_ascii_case(b"name="));
        let Some((_, value)) = split else {
            return Err(format!("Invalid metadata value given: {}", printed(word)));
        };
        if name.replace(value).is_some() {
            return Err("Invalid metadata value, name argument was given multiple times".to_owned());
        }
    }
    let name = name.ok_or("Library name was not given")?.to_vec();
    if !is_name(&name) {
        return Err(BAD_NAME.to_owned());
    }
    let language = &language[2..];
    if !language.eq_ignore_ascii_case(b"lua") {
        return Err(format!("Engine '{}' not found", printed(language)));
    }
    Ok(Head { name, body })
}

/// A word for an error, without what would end its line.
fn printed(word: &[u8]) -> String {
    String::from_utf8_lossy(&word[..word.len().min(128)]).replace(['\r', '\n'], " ")
}

/// Runs the body of a library, and gives back what it has registered.
pub(super) fn run_body(
    interpreter: &Interpreter,
    text: &[u8],
    caller: &mut Loading<'_>,
) -> Result<Vec<Registered>, String> {
    interpreter.load(read_head(text)?.body, caller)
}

/// The library of a text.
pub(super) fn read(
    interpreter: &Interpreter,
    text: &[u8],
    caller: &mut Loading<'_>,
) -> Result<Library, String> {
    let head = read_head(text)?;
    let registered = interpreter.load(head.body, caller)?;
    if registered.is_empty() {
        return Err("No functions registered".to_owned());
    }
    let function = |registered: Registered| Function {
        name: registered.name.into(),
        description: registered.description.map(Into::into),
        flags: registered.flags,
    };
    let functions = registered.into_iter().map(function).collect();
    Ok(Library { name: head.name.into(), text: text.into(), functions })
}

/// How the interpreters of functions are made.
pub(super) fn options(seed: u32) -> Options<'static> {
    Options { version: REDIS_VERSION, memory_bytes: MEMORY_BYTES, seed, function_flags: ScriptFlags::NAMES }
}

/// Makes libraries of what files hold, before there is a client.
#[derive(Debug, Default)]
pub struct LibraryCompiler {
    /// Made for the first library.
    interpreter: Option<Interpreter>,
}

impl LibraryCompiler {
    /// The library of a text, or why it is none. It may take its time, as it did not when a client brought it.
    pub fn compile(&mut self, text: &[u8]) -> Result<Library, String> {
        let interpreter = self.interpreter.get_or_insert_with(|| Interpreter::new(options(0)));
        read(interpreter, text, &mut Loading::unlimited())
    }
}

/// What a library reaches while it is loaded: the log.
pub(crate) struct Loading<'a> {
    host: Option<&'a dyn Host>,
    /// A clock, and when it is too late.
    limit: Option<(fn() -> u64, u64)>,
}

impl<'a> Loading<'a> {
    /// For a client, who wants to know what the library says.
    pub(crate) fn of_client(shared: &Shared, host: &'a dyn Host) -> Self {
        Self { host: Some(host), ..Self::again(shared) }
    }

    /// For a worker that knows the library already.
    pub(super) fn again(shared: &Shared) -> Self {
        Self { host: None, limit: Some((shared.clock, (shared.clock)() + LOAD_NS)) }
    }

    /// For what has been loaded before, however long that takes.
    pub(crate) fn unlimited() -> Self {
        Self { host: None, limit: None }
    }
}

impl Caller for Loading<'_> {
    fn call(&mut self, _: &Words, _: Protocol, _: &mut Vec<u8>) -> Called {
        // A library that is loaded does not see how to call commands.
        Called::Abandon
    }

    fn may_run(&mut self, _: &Words) -> Option<bool> {
        None
    }

    fn interrupt(&mut self) -> Verdict {
        match self.limit {
            Some((clock, end_ns)) if clock() > end_ns => Verdict::Kill("FUNCTION LOAD timeout"),
            _ => Verdict::GoOn,
        }
    }

    fn log(&mut self, level: u8, text: &[u8]) {
        if let Some(host) = self.host {
            host.log(level_of(level), &String::from_utf8_lossy(text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_refused(text: &str, expected: &str) {
        assert_eq!(read_head(text.as_bytes()), Err(expected.to_owned()), "{text}");
    }

    #[test]
    fn the_head_names_the_library() {
        let head = |text| read_head(text).map(|head| (head.name, head.body));
        assert_eq!(head(b"#!lua name=a_1\nbody"), Ok((b"a_1".to_vec(), &b"\nbody"[..])));
        assert_eq!(head(b"#!LUA   NAME=\"quoted\" \n"), Ok((b"quoted".to_vec(), &b"\n"[..])));
        check_refused("lua", "Missing library metadata");
        check_refused("#!lua name=a", "Invalid library metadata");
        check_refused("#!lua name=\"a\n", "Invalid library metadata");
        check_refused("#!\n", "Library name was not given");
        check_refused("#!lua\n", "Library name was not given");
        check_refused("#!lua x\n", "Invalid metadata value given: x");
        check_refused(
            "#!lua name=a name=b\n",
            "Invalid metadata value, name argument was given multiple times",
        );
        check_refused("#!lua name=\n", BAD_NAME);
        check_refused("#!lua name=\"a\\nb\"\n", BAD_NAME);
        check_refused("#!py name=a\n", "Engine 'py' not found");
        check_refused("#! name=a\n", "Engine '' not found");
    }

    #[test]
    fn a_compiler_makes_libraries_of_texts() {
        let mut compiler = LibraryCompiler::default();
        let text =
            b"#!lua name=l\nredis.register_function{function_name='f', callback=print, flags={'no-writes'}}";
        let failed = compiler.compile(text).expect_err("there is no print");
        assert!(failed.contains("nonexistent global variable 'print'"), "{failed}");
        let text = b"#!lua name=l\nredis.register_function{function_name='f', callback=function() end, flags={'no-writes'}}";
        let library = compiler.compile(text).expect("valid");
        assert_eq!((&*library.name, library.functions[0].flags), (&b"l"[..], 1));
        assert_eq!(compiler.compile(b"#!lua name=l\n"), Err("No functions registered".to_owned()));
        let failed = compiler.compile(b"#!lua name=l\nredis.register_function()").expect_err("no arguments");
        assert_eq!(
            failed,
            "Error registering functions: ERR wrong number of arguments to redis.register_function"
        );
    }
}
