//! Libraries of functions: texts with names that belong to the data although they are no keys.
//!
//! What a text means is not known here; who adds a library tells which functions it has. A library is never changed, only
//! replaced by another, and all libraries together are one immutable value. So whoever looks at it (a worker that looks a
//! function up, a snapshot, a listing) sees one moment and holds nobody up, and whether something has changed is told by
//! one number. Changes are made with everything locked and recorded like those of keys, so the log, a snapshot and the workers
//! agree about what was before what. Emptying the databases leaves libraries alone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

use crate::access::Access;
use crate::effect::Effect;
use crate::key::DbIndex;

/// What is known of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its name, as it was given; names that differ in the case of letters only are the same.
    pub name: Box<[u8]>,
    /// What it does, for people.
    pub description: Option<Box<[u8]>>,
    /// What it has declared; the bits are known to the engine.
    pub flags: u8,
}

/// A library.
#[derive(Debug, PartialEq, Eq)]
pub struct Library {
    /// Its name.
    pub name: Box<[u8]>,
    /// Its whole text.
    pub text: Box<[u8]>,
    /// Its functions, in the order in which they were declared.
    pub functions: Box<[Function]>,
}

impl Library {
    /// Bytes of memory that it takes, about.
    fn memory(&self) -> usize {
        let functions = self.functions.iter();
        let function = |function: &Function| {
            size_of::<Function>()
                + 2 * function.name.len()
                + function.description.as_ref().map_or(0, |d| d.len())
        };
        size_of::<Self>() + 2 * self.name.len() + self.text.len() + functions.map(function).sum::<usize>()
    }
}

/// All libraries at one moment.
#[derive(Debug, Clone, Default)]
pub struct Libraries {
    by_name: BTreeMap<Box<[u8]>, Arc<Library>>,
    /// For each function's name in lower case its library, and its place there.
    functions: BTreeMap<Box<[u8]>, (Arc<Library>, usize)>,
}

impl Libraries {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// How many functions they have.
    pub fn functions(&self) -> usize {
        self.functions.len()
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Library>> {
        self.by_name.values()
    }

    /// The library with a name.
    pub fn get(&self, name: &[u8]) -> Option<&Arc<Library>> {
        self.by_name.get(name)
    }

    /// The function with a name, whatever the case of letters: its library, and its place there.
    pub fn function(&self, name: &[u8]) -> Option<(&Arc<Library>, usize)> {
        let (library, place) = self.functions.get(&*name.to_ascii_lowercase())?;
        Some((library, *place))
    }

    /// The first function of a library whose name a function of another one has.
    pub fn collision<'l>(&self, library: &'l Library) -> Option<&'l Function> {
        let is_taken = |function: &&Function| {
            self.function(&function.name).is_some_and(|(holder, _)| holder.name != library.name)
        };
        library.functions.iter().find(is_taken)
    }

    /// Bytes of memory that they take, about.
    pub fn memory(&self) -> usize {
        self.iter().map(|library| library.memory()).sum()
    }

    fn add(&mut self, library: Arc<Library>) {
        self.remove(&library.name);
        for (place, function) in library.functions.iter().enumerate() {
            self.functions.insert(function.name.to_ascii_lowercase().into(), (Arc::clone(&library), place));
        }
        self.by_name.insert(library.name.clone(), library);
    }

    fn remove(&mut self, name: &[u8]) -> bool {
        let Some(library) = self.by_name.remove(name) else { return false };
        for function in &library.functions {
            self.functions.remove(&*function.name.to_ascii_lowercase());
        }
        true
    }
}

/// Where the libraries of a keyspace are.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    now: RwLock<Arc<Libraries>>,
    version: AtomicU64,
}

impl Shelf {
    pub(crate) fn look(&self) -> Arc<Libraries> {
        Arc::clone(&self.now.read())
    }

    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Others keep what they have: the value is copied unless nobody looks at it.
    fn change<R>(&self, change: impl FnOnce(&mut Libraries) -> R) -> R {
        let result = change(Arc::make_mut(&mut self.now.write()));
        self.version.fetch_add(1, Ordering::Release);
        result
    }
}

impl Access<'_> {
    /// Adds a library, in the place of the one with its name. No other has a function of the name of one of its own.
    /// Everything is locked.
    pub fn add_library(&mut self, library: Library) {
        let library = Arc::new(library);
        self.change_libraries(&Effect::AddLibrary { text: &library.text }, |all| {
            all.add(Arc::clone(&library));
        });
    }

    /// Removes the library with a name, which is there. Everything is locked.
    pub fn remove_library(&mut self, name: &[u8]) {
        let was_there = self.change_libraries(&Effect::RemoveLibrary { name }, |all| all.remove(name));
        debug_assert!(was_there, "who removes a library has looked for it");
    }

    /// Removes all libraries. Everything is locked.
    pub fn clear_libraries(&mut self) {
        self.change_libraries(&Effect::ClearLibraries, |all| *all = Libraries::default());
    }

    fn change_libraries<R>(&mut self, effect: &Effect<'_>, change: impl FnOnce(&mut Libraries) -> R) -> R {
        assert!(self.is_exclusive(), "the order of changes of libraries is that of the log");
        let result = self.keyspace.libraries.change(change);
        self.record(DbIndex(0), effect);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library(name: &str, functions: &[&str]) -> Arc<Library> {
        let function = |name: &&str| Function { name: name.as_bytes().into(), description: None, flags: 0 };
        Arc::new(Library {
            name: name.as_bytes().into(),
            text: format!("the text of {name}").into_bytes().into(),
            functions: functions.iter().map(function).collect(),
        })
    }

    fn names(libraries: &Libraries) -> Vec<&str> {
        libraries.iter().map(|library| std::str::from_utf8(&library.name).expect("text")).collect()
    }

    #[test]
    fn functions_are_found_whatever_the_case_and_go_with_their_library() {
        let mut all = Libraries::default();
        all.add(library("b", &["One", "two"]));
        all.add(library("a", &["three"]));
        assert_eq!(names(&all), ["a", "b"]);
        assert_eq!(all.collision(&library("b", &["one"])), None, "it would go");
        let other = library("c", &["new", "TWO"]);
        assert_eq!(all.collision(&other), Some(&other.functions[1]));
        let (found, place) = all.function(b"ONE").expect("it is there");
        assert_eq!((&*found.name, place), (&b"b"[..], 0));
        assert_eq!((all.len(), all.functions()), (2, 3));
        all.add(library("b", &["four"]));
        assert!(all.function(b"one").is_none() && all.function(b"two").is_none(), "they were the old one's");
        assert_eq!(all.functions(), 2);
        assert!(all.remove(b"a") && !all.remove(b"a"));
        assert_eq!((all.len(), all.functions()), (1, 1));
    }

    #[test]
    fn whoever_looks_sees_one_moment_and_is_told_of_later_ones() {
        let shelf = Shelf::default();
        let before = shelf.version();
        shelf.change(|all| all.add(library("a", &["f"])));
        let seen = shelf.look();
        assert_ne!(shelf.version(), before);
        shelf.change(|all| all.add(library("b", &["g"])));
        assert_eq!((names(&seen), names(&shelf.look())), (vec!["a"], vec!["a", "b"]));
        assert!(shelf.look().memory() > seen.memory() && seen.memory() > 0);
    }
}
