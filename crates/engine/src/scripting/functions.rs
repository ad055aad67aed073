//! A worker's interpreter for functions, and the libraries that it has compiled.
//!
//! It is not that of scripts: what libraries keep between calls survives SCRIPT FLUSH, and neither sees the other. When the
//! libraries have changed, what was compiled of those that are gone is dropped before the next call.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use keyspace::{Keyspace, Libraries, Library};
use script::{Callback, Interpreter};

use super::flags::ScriptFlags;
use super::library::{self, Loading};
use crate::error::Error;
use crate::shared::Shared;

/// A function that this worker has compiled.
#[derive(Debug)]
pub(crate) struct CompiledFunction {
    pub(crate) name: String,
    pub(crate) flags: ScriptFlags,
    pub(crate) callback: Callback,
    /// It wants keys that it is not given.
    pub(crate) needs_everything: AtomicBool,
}

/// A library that this worker has compiled.
#[derive(Debug)]
struct CompiledLibrary {
    library: Arc<Library>,
    functions: Vec<Rc<CompiledFunction>>,
}

/// See the module's text.
#[derive(Debug, Default)]
pub(crate) struct Functions {
    /// Made for the first library.
    interpreter: Option<Rc<Interpreter>>,
    /// All libraries as of `version`.
    libraries: Arc<Libraries>,
    /// See [`Keyspace::libraries_version`].
    version: u64,
    compiled: HashMap<Box<[u8]>, CompiledLibrary>,
    /// Where random numbers begin.
    seed: u32,
}

impl Functions {
    pub(crate) fn new(seed: u32) -> Self {
        Self { seed, ..Self::default() }
    }

    /// The interpreter, made if there is none.
    pub(crate) fn interpreter(&mut self) -> Rc<Interpreter> {
        let make = || Rc::new(Interpreter::new(library::options(self.seed)));
        Rc::clone(self.interpreter.get_or_insert_with(make))
    }

    /// Bytes that the interpreter uses.
    pub(crate) fn bytes(&self) -> usize {
        self.interpreter.as_ref().map_or(0, |interpreter| interpreter.used_memory())
    }

    /// The library of a text, which becomes known only later.
    pub(crate) fn read(&mut self, text: &[u8], loading: &mut Loading<'_>) -> Result<Library, String> {
        library::read(&self.interpreter(), text, loading)
    }

    /// The function with a name.
    pub(crate) fn get(&mut self, shared: &Shared, name: &[u8]) -> Result<Rc<CompiledFunction>, Error> {
        self.refresh(&shared.keyspace);
        let (library, place) =
            self.libraries.function(name).ok_or(Error::Static("ERR Function not found"))?;
        if let Some(compiled) = self.compiled.get(&library.name) {
            return Ok(Rc::clone(&compiled.functions[place]));
        }
        let library = Arc::clone(library);
        let functions =
            self.compile(shared, &library).map_err(|reason| Error::Text(format!("ERR {reason}")))?;
        let function = Rc::clone(&functions[place]);
        self.compiled.insert(library.name.clone(), CompiledLibrary { library, functions });
        Ok(function)
    }

    /// Takes notice of changes.
    fn refresh(&mut self, keyspace: &Keyspace) {
        let version = keyspace.libraries_version();
        if version == self.version {
            return;
        }
        let libraries = keyspace.libraries();
        self.compiled.retain(|name, compiled| {
            libraries.get(name).is_some_and(|library| Arc::ptr_eq(library, &compiled.library))
        });
        if libraries.is_empty() {
            self.interpreter = None;
        }
        (self.libraries, self.version) = (libraries, version);
    }

    /// Runs a library's body, which registers the same functions as it did when a client brought it.
    fn compile(&mut self, shared: &Shared, library: &Library) -> Result<Vec<Rc<CompiledFunction>>, String> {
        let registered = library::run_body(&self.interpreter(), &library.text, &mut Loading::again(shared))?;
        let names = library.functions.iter().map(|function| &*function.name);
        if !names.eq(registered.iter().map(|registered| &*registered.name)) {
            return Err("the library does not register the same functions each time it is run".to_owned());
        }
        let compiled = registered.into_iter().map(|registered| {
            Rc::new(CompiledFunction {
                name: String::from_utf8_lossy(&registered.name).into_owned(),
                flags: ScriptFlags::from_bits(registered.flags),
                callback: registered.callback,
                needs_everything: AtomicBool::new(false),
            })
        });
        Ok(compiled.collect())
    }
}
