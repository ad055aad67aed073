//! A worker's interpreters, and what it has compiled.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use script::{Interpreter, Name, Options, Script};

use super::flags::split;
use super::functions::Functions;
use super::known::{Scripts, Source};
use crate::REDIS_VERSION;
use crate::error::Error;

/// A script that this worker has compiled.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) source: Arc<Source>,
    pub(crate) script: Script,
}

/// The most compiled scripts; then all are forgotten and compiled again when they run. More than are known at once, unless
/// clients load very many.
const MAX_COMPILED: usize = 4096;
/// Until there is a parameter for it: the most bytes that a script may use.
pub(super) const MEMORY_BYTES: usize = 1 << 30;

/// See the module's text. Nothing is made before the first script.
#[derive(Debug, Default)]
pub struct Interpreters {
    interpreter: Option<Rc<Interpreter>>,
    /// See [`Scripts::generation`].
    generation: u64,
    by_text: HashMap<Arc<[u8]>, Rc<Compiled>>,
    by_name: HashMap<Name, Rc<Compiled>>,
    /// The one that was asked for last by its text: the next one is often the same, and to compare is less than to hash.
    last: Option<Rc<Compiled>>,
    /// Where random numbers begin.
    seed: u32,
    /// Those of libraries.
    pub(crate) functions: Functions,
}

impl Interpreters {
    /// No interpreter yet.
    pub(crate) fn new(seed: u32) -> Self {
        Self { seed, functions: Functions::new(seed), ..Self::default() }
    }

    /// The interpreter, made if there is none.
    pub(crate) fn interpreter(&mut self, scripts: &Scripts) -> Rc<Interpreter> {
        if self.generation != scripts.generation() {
            self.generation = scripts.generation();
            self.interpreter = None;
            self.forget();
        }
        let options = Options {
            version: REDIS_VERSION,
            memory_bytes: MEMORY_BYTES,
            seed: self.seed,
            function_flags: &[],
        };
        let make = || Rc::new(Interpreter::new(options));
        Rc::clone(self.interpreter.get_or_insert_with(make))
    }

    /// Bytes that the interpreters use: that of scripts, and that of functions.
    pub(crate) fn bytes(&self) -> (usize, usize) {
        let scripts = self.interpreter.as_ref().map_or(0, |interpreter| interpreter.used_memory());
        (scripts, self.functions.bytes())
    }

    /// The script with a text, which becomes known if it compiles.
    pub(crate) fn by_text(
        &mut self,
        scripts: &Scripts,
        text: &[u8],
        is_loaded: bool,
    ) -> Result<Rc<Compiled>, Error> {
        let interpreter = self.interpreter(scripts);
        let last = self.last.as_ref().filter(|last| *last.source.text == *text);
        if let Some(compiled) = last.or_else(|| self.by_text.get(text)).cloned()
            && compiled.source.is_known()
            && !is_loaded
        {
            self.last = Some(Rc::clone(&compiled));
            return Ok(compiled);
        }
        let (body, flags) = split(text).map_err(|reason| Error::Text(format!("ERR {reason}")))?;
        let script = interpreter
            .compile(body)
            .map_err(|reason| Error::Text(format!("ERR Error compiling script (new function): {reason}")))?;
        let source = scripts.add(Arc::new(Source::new(text, flags)), is_loaded);
        Ok(self.keep(Compiled { source, script }))
    }

    /// The script with a name, if it is known.
    pub(crate) fn by_name(&mut self, scripts: &Scripts, name: &[u8]) -> Option<Rc<Compiled>> {
        let mut name: Name = name.try_into().ok()?;
        name.make_ascii_lowercase();
        let interpreter = self.interpreter(scripts);
        if let Some(compiled) = self.by_name.get(&name)
            && compiled.source.is_known()
        {
            return Some(Rc::clone(compiled));
        }
        let source = scripts.get(&name)?;
        let (body, _) = split(&source.text).ok()?;
        let script = interpreter.compile(body).ok()?;
        Some(self.keep(Compiled { source, script }))
    }

    fn forget(&mut self) {
        self.by_text.clear();
        self.by_name.clear();
        self.last = None;
    }

    fn keep(&mut self, compiled: Compiled) -> Rc<Compiled> {
        if self.by_name.len() >= MAX_COMPILED {
            self.forget();
        }
        let compiled = Rc::new(compiled);
        let source = &compiled.source;
        self.by_text.insert(Arc::clone(&source.text), Rc::clone(&compiled));
        self.by_name.insert(source.name, Rc::clone(&compiled));
        compiled
    }
}
