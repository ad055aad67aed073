//! One interpreter: a Lua state with the sandbox in it. A worker has one and runs scripts on it, one after the other.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use mlua::chunk::ChunkMode;
use mlua::{Function, HookTriggers, Lua, LuaOptions, Result, StdLib, Table, Value, VmState};
use resp::Protocol;

use crate::api;
use crate::bridge::{Bridge, Ending};
use crate::caller::{Caller, Verdict};
use crate::register::{self, Callback, Registered};
use crate::stack::{self, Given};

/// Instructions between two interrupts.
const INSTRUCTIONS: u32 = 10_000;

/// An interpreter that uses more than this between two scripts collects its garbage.
const KEPT_BYTES: usize = 4 << 20;

/// The name of the chunk that makes the sandbox.
const SANDBOX: &str = "=sandbox";

/// How an interpreter is made.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// The version that scripts are told, `8.0.6`.
    pub version: &'a str,
    /// The most bytes that a script may use.
    pub memory_bytes: usize,
    /// Where random numbers begin, until a script sets a seed of its own.
    pub seed: u32,
    /// The flags that a function of a library may have.
    pub function_flags: &'static [&'static str],
}

/// See the module's text.
#[derive(Debug)]
pub struct Interpreter {
    lua: Lua,
    bridge: Rc<Bridge>,
    /// By which runs enter Lua.
    entry: Function,
    /// Runs the text of a library.
    load: Function,
    /// The globals of libraries.
    library_globals: Table,
}

/// A compiled script of an interpreter.
#[derive(Debug)]
pub struct Script(Function);

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// With a value, which has been written as a reply.
    Replied,
    /// With an error that a command has given, which has been written as a reply too.
    PassedOn,
    /// With an error.
    Failed(Failure),
    /// The caller wanted so; nothing counts.
    Abandoned,
}

/// An error with which a script ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Failure {
    /// What it says, its code first.
    pub text: Vec<u8>,
    /// Where it happened: the name of the chunk and the line.
    pub place: Option<(String, i64)>,
    /// It is the error of a command, which has been counted already.
    pub is_counted: bool,
}

impl Interpreter {
    /// A fresh interpreter.
    ///
    /// # Panics
    /// If the sandbox cannot be made, which no input has an influence on.
    pub fn new(options: Options<'_>) -> Self {
        Self::make(options).expect("the sandbox is made of what is here")
    }

    fn make(options: Options<'_>) -> Result<Self> {
        let libraries = StdLib::TABLE | StdLib::STRING | StdLib::MATH | StdLib::OS;
        let lua = Lua::new_with(libraries, LuaOptions::new().catch_rust_panics(false))?;
        let bridge = Rc::new(Bridge::new(&lua, options.seed, options.function_flags)?);
        let own = Rc::clone(&bridge);
        let handler = lua.create_function(move |lua, error| locate(lua, &own, error))?;
        let native = native(&lua, &bridge, &handler)?;
        let constants = api::constants(&lua, options.version)?;
        let prelude = lua.load(include_str!("prelude.lua")).set_name(SANDBOX).set_mode(ChunkMode::Text);
        let (load, library_globals) = prelude.call((native, constants))?;
        lua.set_memory_limit(options.memory_bytes)?;
        bridge.memory_bytes.set(options.memory_bytes);
        bridge.collect_above.set(options.memory_bytes / 2);
        set_hook(&lua, &bridge, INSTRUCTIONS)?;
        let entry = stack::entry_function(&lua, &handler)?;
        Ok(Self { lua, bridge, entry, load, library_globals })
    }

    /// Compiles a script. The error is what Lua's compiler says.
    pub fn compile(&self, text: &[u8]) -> std::result::Result<Script, String> {
        let chunk = self.lua.load(text).set_name("@user_script").set_mode(ChunkMode::Text);
        chunk.into_function().map(Script).map_err(|error| said_by_compiler(&error))
    }

    /// Loads a library: runs its text, which registers functions. The error is what went wrong, as FUNCTION LOAD tells it.
    pub fn load(&self, text: &[u8], caller: &mut dyn Caller) -> std::result::Result<Vec<Registered>, String> {
        let chunk = self.lua.load(text).set_name("@user_function").set_mode(ChunkMode::Text);
        let chunk = chunk.set_environment(self.library_globals.clone());
        let library = chunk
            .into_function()
            .map_err(|error| format!("Error compiling function: {}", said_by_compiler(&error)))?;
        self.bridge.registered.replace(Some(Vec::new()));
        let ended = self.supervised(caller, || self.load.call(&library));
        let registered = self.bridge.registered.take().unwrap_or_default();
        match ended {
            Ended::Replied | Ended::PassedOn => Ok(registered),
            Ended::Failed(failure) => {
                Err(format!("Error registering functions: {}", String::from_utf8_lossy(&failure.text)))
            }
            Ended::Abandoned => {
                Err("Error registering functions: ERR the library called a command".to_owned())
            }
        }
    }

    /// Runs a script, and writes what it returns to `out`.
    pub fn run(
        &self,
        script: &Script,
        keys: &[&[u8]],
        arguments: &[&[u8]],
        caller: &mut dyn Caller,
        out: (Protocol, &mut Vec<u8>),
    ) -> Ended {
        self.answer((&script.0, Given::Globals), (keys, arguments), caller, out)
    }

    /// Calls a function of a library, and writes what it returns to `out`.
    pub fn call(
        &self,
        callback: &Callback,
        keys: &[&[u8]],
        arguments: &[&[u8]],
        caller: &mut dyn Caller,
        out: (Protocol, &mut Vec<u8>),
    ) -> Ended {
        self.answer((&callback.0, Given::Arguments), (keys, arguments), caller, out)
    }

    /// Runs a function with keys and arguments, and writes what it returns.
    fn answer(
        &self,
        function: (&Function, Given),
        words: (&[&[u8]], &[&[u8]]),
        caller: &mut dyn Caller,
        (protocol, out): (Protocol, &mut Vec<u8>),
    ) -> Ended {
        let begin = out.len();
        let ended = self
            .supervised(caller, || stack::run(&self.entry, &self.bridge, function, words, (protocol, out)));
        if !matches!(ended, Ended::Replied | Ended::PassedOn) {
            out.truncate(begin);
        }
        ended
    }

    /// Runs `body` with a caller at hand for what Lua calls in it. It gives back whether that went well, and the error.
    fn supervised(&self, caller: &mut dyn Caller, body: impl FnOnce() -> Result<(bool, Value)>) -> Ended {
        self.bridge.begin();
        let outcome = self.bridge.slot.lend(caller, || match body()? {
            (true, Value::Boolean(true)) => Ok(Ended::PassedOn),
            (true, _) => Ok(Ended::Replied),
            (false, error) => Ok(Ended::Failed(self.failure(&error))),
        });
        self.collect_if_large();
        let ending = self.bridge.ending.replace(Ending::None);
        if ending != Ending::None {
            set_hook(&self.lua, &self.bridge, INSTRUCTIONS).expect("a hook takes no memory of the script");
        }
        if let Some(panic) = self.bridge.panic.take() {
            resume_unwind(panic);
        }
        match (ending, outcome) {
            (Ending::Abandoned, _) => Ended::Abandoned,
            (_, Ok(ended)) => ended,
            (_, Err(error)) => Ended::Failed(Failure { text: text_of(&error), ..Failure::default() }),
        }
    }

    /// What a script leaves behind is garbage. Much of it goes at once, so that the next one finds room.
    fn collect_if_large(&self) {
        if self.lua.used_memory() > KEPT_BYTES.min(self.bridge.memory_bytes.get() / 4) {
            // What fails here is a finalizer, and scripts have none.
            let _ = self.lua.gc_collect();
        }
    }

    /// Bytes that the interpreter uses.
    pub fn used_memory(&self) -> usize {
        self.lua.used_memory()
    }

    /// What an error that ended a script says. The handler has made a table of it, unless there was no memory for that.
    fn failure(&self, error: &Value) -> Failure {
        let names = &self.bridge.names;
        let Value::Table(table) = error else {
            let text = match error {
                Value::String(text) => [b"ERR ", &*text.as_bytes()].concat(),
                Value::Error(error) => text_of(error),
                _ => b"ERR execution failure".to_vec(),
            };
            return Failure { text, ..Failure::default() };
        };
        let text = table.raw_get(&names.err).and_then(|text| self.lua.coerce_string(text));
        let text = match text {
            Ok(Some(text)) => text.as_bytes().to_vec(),
            _ => b"ERR unknown error".to_vec(),
        };
        let place = match (table.raw_get(&names.source), table.raw_get(&names.line)) {
            (Ok(Value::String(source)), Ok(Value::Integer(line))) => Some((source.to_string_lossy(), line)),
            _ => None,
        };
        let is_counted = matches!(table.raw_get(&names.ignore), Ok(Value::Boolean(true)));
        Failure { text, place, is_counted }
    }
}

/// What Lua's compiler says.
fn said_by_compiler(error: &mlua::Error) -> String {
    match error {
        mlua::Error::SyntaxError { message, .. } => message.clone(),
        other => other.to_string(),
    }
}

/// What the sandbox is made of.
fn native(lua: &Lua, bridge: &Rc<Bridge>, handler: &Function) -> Result<Table> {
    let native = lua.create_table()?;
    native.raw_set("redis", api::functions(lua, bridge)?)?;
    native.raw_set("call", stack::command_function(lua, bridge, true)?)?;
    native.raw_set("pcall", stack::command_function(lua, bridge, false)?)?;
    let own = Rc::clone(bridge);
    let register =
        lua.create_function(move |lua, arguments| register::register_function(lua, &own, &arguments))?;
    native.raw_set("register_function", register)?;
    native.raw_set("libraries", crate::libraries::all(lua, &bridge.json)?)?;
    let new_json = lua.create_function(|lua, ()| crate::libraries::json(lua, &Rc::default()))?;
    native.raw_set("new_json", new_json)?;
    native.raw_set("handler", handler)?;
    let own = Rc::clone(bridge);
    let random =
        lua.create_function(move |lua, arguments| match own.random.borrow_mut().draw(&arguments) {
            Ok(number) => Ok((true, Value::Number(number))),
            Err(text) => Ok((false, Value::String(lua.create_string(text)?))),
        })?;
    native.raw_set("random", random)?;
    let own = Rc::clone(bridge);
    let seed = lua.create_function(move |_, seed: Value| {
        let seed = crate::random::number_of(&seed).unwrap_or(0.0);
        own.random.replace(crate::random::Random::seeded(seed as i64 as u32));
        Ok((true, Value::Nil))
    })?;
    native.raw_set("randomseed", seed)?;
    Ok(native)
}

/// The handler of errors: makes of any error a table that says where it happened. That is the innermost function of
/// Lua: an error is raised by one, or by a library function that one called.
fn locate(lua: &Lua, bridge: &Bridge, error: Value) -> Result<Value> {
    let names = &bridge.names;
    let table = match error {
        // Into another one, as it may be one that cannot be changed.
        Value::Table(given) => {
            let table = lua.create_table_with_capacity(0, 4)?;
            table.raw_set(&names.err, given.raw_get::<Value>(&names.err)?)?;
            table.raw_set(&names.ignore, given.raw_get::<Value>(&names.ignore)?)?;
            table
        }
        Value::Error(error) => crate::reply::error_table(lua, names, &text_of(&error))?,
        other => {
            let text = match lua.coerce_string(other.clone())? {
                Some(text) => text.as_bytes().to_vec(),
                None => other.to_string()?.into_bytes(),
            };
            crate::reply::error_table(lua, names, &[b"ERR ", &text[..]].concat())?
        }
    };
    let mut level = 1;
    while let Some(place) = lua.inspect_stack(level, place_of) {
        if let Some((source, line)) = place {
            table.raw_set(&names.source, source)?;
            table.raw_set(&names.line, line)?;
            break;
        }
        level += 1;
    }
    Ok(Value::Table(table))
}

/// Chunk and line at which a function is, if it is written in Lua and not a part of the sandbox.
fn place_of(frame: &mlua::debug::Debug<'_>) -> Option<(String, usize)> {
    let (source, line) = (frame.source().source?, frame.current_line()?);
    (source != SANDBOX).then(|| (source.into_owned(), line))
}

/// The text of an error that is none of Lua's: too little memory, or the end of a script that was killed.
fn text_of(error: &mlua::Error) -> Vec<u8> {
    match error {
        mlua::Error::MemoryError(text) => format!("ERR {text}").into_bytes(),
        mlua::Error::CallbackError { cause, .. } => text_of(cause),
        mlua::Error::RuntimeError(text) => format!("ERR {text}").into_bytes(),
        other => format!("ERR {other}").into_bytes(),
    }
}

/// Has the hook called every so many instructions.
fn set_hook(lua: &Lua, bridge: &Rc<Bridge>, instructions: u32) -> Result<()> {
    let own = Rc::clone(bridge);
    let triggers = HookTriggers::new().every_nth_instruction(instructions);
    lua.set_global_hook(triggers, move |lua, frame| interrupt(lua, &own, frame))
}

fn interrupt(lua: &Lua, bridge: &Rc<Bridge>, frame: &mlua::debug::Debug<'_>) -> Result<VmState> {
    make_room(lua, bridge)?;
    if bridge.ending.get() == Ending::None {
        // A panic must not unwind through Lua; it waits in the bridge until the script has ended.
        let asked = catch_unwind(AssertUnwindSafe(|| bridge.slot.with(|caller| caller.interrupt())));
        bridge.ending.set(match asked {
            Ok(None | Some(Verdict::GoOn)) => return Ok(VmState::Continue),
            Ok(Some(Verdict::Kill(text))) => Ending::Killed(text),
            Err(panic) => {
                bridge.panic.replace(Some(panic));
                Ending::Abandoned
            }
        });
    }
    // Whatever the script catches, its next instruction fails again. The sandbox's own bring the error to where it is answered.
    set_hook(lua, bridge, 1)?;
    if frame.source().source.is_some_and(|source| source == SANDBOX) {
        return Ok(VmState::Continue);
    }
    match bridge.ending.get() {
        Ending::Killed(text) => Err(mlua::Error::runtime(text)),
        _ => Err(mlua::Error::runtime(stack::ENDING)),
    }
}

/// Lua's collector waits until memory has doubled, which near the limit is too late. So above half of it garbage is collected
/// whenever an eighth has been added.
fn make_room(lua: &Lua, bridge: &Bridge) -> Result<()> {
    if lua.used_memory() > bridge.collect_above.get() {
        lua.gc_collect()?;
        let limit = bridge.memory_bytes.get();
        bridge.collect_above.set((lua.used_memory() + limit / 8).max(limit / 2));
    }
    Ok(())
}
