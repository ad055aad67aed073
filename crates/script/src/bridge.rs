//! What Lua's functions share with the interpreter while a script runs.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use mlua::{Lua, LuaString, Result};
use resp::Protocol;

use crate::lend::Slot;
use crate::libraries::Settings;
use crate::random::Random;
use crate::register::Registered;
use crate::words::Words;

/// Why a script has to end although it has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Ending {
    /// It need not.
    #[default]
    None,
    /// It was killed, with this error.
    Killed(&'static str),
    /// What it did does not count; see [`crate::Called::Abandon`].
    Abandoned,
}

/// What a command has panicked with.
pub(crate) type Panic = Box<dyn Any + Send>;

/// Names of fields, made once.
#[derive(Debug)]
pub(crate) struct Names {
    pub(crate) ok: LuaString,
    pub(crate) err: LuaString,
    pub(crate) ignore: LuaString,
    pub(crate) source: LuaString,
    pub(crate) line: LuaString,
}

impl Names {
    fn new(lua: &Lua) -> Result<Self> {
        let name = |text: &str| lua.create_string(text);
        Ok(Self {
            ok: name("ok")?,
            err: name("err")?,
            ignore: name("ignore_error_stats_update")?,
            source: name("source")?,
            line: name("line")?,
        })
    }
}

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Bridge {
    pub(crate) slot: Slot,
    pub(crate) names: Names,
    /// The words of the command that is called; kept for their memory.
    pub(crate) words: RefCell<Words>,
    /// Its reply; likewise.
    pub(crate) reply: RefCell<Vec<u8>>,
    /// The protocol in which the script wants replies.
    pub(crate) protocol: Cell<Protocol>,
    pub(crate) ending: Cell<Ending>,
    /// What a command has panicked with. It must not unwind through Lua, and goes on when the script has ended.
    pub(crate) panic: RefCell<Option<Panic>>,
    pub(crate) random: RefCell<Random>,
    /// What the library that is being loaded has registered; nothing while none is.
    pub(crate) registered: RefCell<Option<Vec<Registered>>>,
    /// See [`crate::Options::function_flags`].
    pub(crate) function_flags: &'static [&'static str],
    /// How the running script wants JSON.
    pub(crate) json: Rc<Cell<Settings>>,
    /// The most bytes that a script may use.
    pub(crate) memory_bytes: Cell<usize>,
    /// Above this garbage is collected while a script runs.
    pub(crate) collect_above: Cell<usize>,
}

impl Bridge {
    pub(crate) fn new(lua: &Lua, seed: u32, function_flags: &'static [&'static str]) -> Result<Self> {
        Ok(Self {
            slot: Slot::default(),
            names: Names::new(lua)?,
            words: RefCell::default(),
            reply: RefCell::default(),
            protocol: Cell::new(Protocol::Resp2),
            ending: Cell::new(Ending::None),
            panic: RefCell::default(),
            random: RefCell::new(Random::seeded(seed)),
            registered: RefCell::default(),
            function_flags,
            json: Rc::default(),
            memory_bytes: Cell::new(0),
            collect_above: Cell::new(usize::MAX),
        })
    }

    /// A script begins: nothing is left of the one before.
    pub(crate) fn begin(&self) {
        self.protocol.set(Protocol::Resp2);
        self.ending.set(Ending::None);
        self.json.set(Settings::default());
    }
}
