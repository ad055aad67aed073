//! The scripts that are known, by the SHA-1 of their text. Shared by all workers.
//!
//! Those of SCRIPT LOAD stay until SCRIPT FLUSH. Those that only EVAL has brought are kept as long as there are not too many:
//! clients that put values into the text would fill the memory with scripts that never run again.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use script::Name;

use super::flags::ScriptFlags;

/// The most scripts that only EVAL has brought.
const MAX_EVALUATED: usize = 500;

/// A script that is known.
#[derive(Debug)]
pub(crate) struct Source {
    /// Its SHA-1.
    pub(crate) name: Name,
    /// Its whole text.
    pub(crate) text: Arc<[u8]>,
    /// What it declares, if it does.
    pub(crate) flags: Option<ScriptFlags>,
    /// It wants keys that it does not declare.
    pub(crate) needs_everything: AtomicBool,
    /// It has run since room was last needed.
    used: AtomicBool,
    /// It has been forgotten.
    gone: AtomicBool,
}

impl Source {
    pub(crate) fn new(text: &[u8], flags: Option<ScriptFlags>) -> Self {
        Self {
            name: script::hex(text),
            text: text.into(),
            flags,
            needs_everything: AtomicBool::new(false),
            used: AtomicBool::new(true),
            gone: AtomicBool::new(false),
        }
    }

    /// Whether it is still known.
    #[inline]
    pub(crate) fn is_known(&self) -> bool {
        !self.gone.load(Ordering::Relaxed)
    }

    /// It runs.
    #[inline]
    pub(crate) fn touch(&self) {
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
    }

    /// Bytes of memory that it takes.
    fn memory(&self) -> usize {
        size_of::<Self>() + self.text.len() + 2 * size_of::<Name>()
    }
}

/// See the module's text.
#[derive(Debug, Default)]
pub struct Scripts {
    known: Mutex<Known>,
    /// How often everything was forgotten. A worker whose interpreter is older makes a new one.
    generation: AtomicU64,
    /// Scripts that had to make room.
    evicted: AtomicU64,
}

#[derive(Debug, Default)]
struct Known {
    by_name: HashMap<Name, Arc<Source>>,
    /// Those that only EVAL has brought, in the order in which they came or were last passed over.
    evaluated: VecDeque<Name>,
    memory: usize,
}

/// Figures for INFO.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScriptFigures {
    /// Scripts that are known.
    pub count: usize,
    /// Bytes that they take.
    pub memory: usize,
    /// Scripts that had to make room.
    pub evicted: u64,
}

impl Scripts {
    /// The script with a name.
    pub(crate) fn get(&self, name: &Name) -> Option<Arc<Source>> {
        self.known.lock().by_name.get(name).cloned()
    }

    /// Makes a script known. `is_loaded`: it stays until everything is forgotten.
    pub(crate) fn add(&self, source: Arc<Source>, is_loaded: bool) -> Arc<Source> {
        let mut known = self.known.lock();
        if let Some(there) = known.by_name.get(&source.name).cloned() {
            if is_loaded {
                known.evaluated.retain(|name| *name != there.name);
            }
            return there;
        }
        if !is_loaded {
            while known.evaluated.len() >= MAX_EVALUATED {
                self.evict(&mut known);
            }
            known.evaluated.push_back(source.name);
        }
        known.memory += source.memory();
        known.by_name.insert(source.name, Arc::clone(&source));
        source
    }

    /// Forgets the script that has not run for longest, about: one that has run since it was last looked at is passed over.
    fn evict(&self, known: &mut Known) {
        while let Some(name) = known.evaluated.pop_front() {
            let Some(source) = known.by_name.get(&name) else { continue };
            if source.used.swap(false, Ordering::Relaxed) {
                known.evaluated.push_back(name);
                continue;
            }
            source.gone.store(true, Ordering::Relaxed);
            known.memory -= source.memory();
            known.by_name.remove(&name);
            self.evicted.fetch_add(1, Ordering::Relaxed);
            return;
        }
    }

    /// Forgets all scripts.
    pub(crate) fn clear(&self) {
        let mut known = self.known.lock();
        for source in known.by_name.values() {
            source.gone.store(true, Ordering::Relaxed);
        }
        *known = Known::default();
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// How often everything was forgotten.
    #[inline]
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Figures for INFO.
    pub fn figures(&self) -> ScriptFigures {
        let known = self.known.lock();
        ScriptFigures {
            count: known.by_name.len(),
            memory: known.memory,
            evicted: self.evicted.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(scripts: &Scripts, text: &str, is_loaded: bool) -> Arc<Source> {
        scripts.add(Arc::new(Source::new(text.as_bytes(), None)), is_loaded)
    }

    #[test]
    fn evaluated_scripts_make_room_and_loaded_ones_stay() {
        let scripts = Scripts::default();
        let loaded = add(&scripts, "loaded", true);
        let first = add(&scripts, "first", false);
        let later = add(&scripts, "second", false);
        assert!(Arc::ptr_eq(&later, &add(&scripts, "second", true)), "it is there already, and stays now");
        for number in 0..2 * MAX_EVALUATED {
            add(&scripts, &format!("return {number}"), false);
        }
        assert!(loaded.is_known() && later.is_known());
        assert!(!first.is_known() && scripts.get(&first.name).is_none());
        let figures = scripts.figures();
        assert_eq!((figures.count, figures.evicted), (MAX_EVALUATED + 2, MAX_EVALUATED as u64 + 1));
        scripts.clear();
        assert_eq!(scripts.figures(), ScriptFigures { evicted: figures.evicted, ..ScriptFigures::default() });
        assert_eq!(scripts.generation(), 1);
    }
}
