//! Items of an RDB file become keys.
//!
//! Loading records no effect: the keyspace's recording is off. A file that is the base of an append-only file is taken
//! as it is, keys that are due included, because the commands behind it were recorded when they were not; only a file
//! that stands for itself may leave them out.
//!
//! For the same reason commands of an append-only file must run at a time at which nothing is due
//! ([`Access::begin_replay`]): `SET k v PXAT t` and, before `t`, `PERSIST k` must leave the key when both are
//! run after `t`.

mod bucket;

use keyspace::{Access, DbIndex, Expiry, Key, Library};
use stdx::time::UnixMs;

use crate::Reason;
use crate::rdb::{Entry, Error, Item, Object, Problem};
pub use bucket::{Bucket, SMALL_BYTES};

/// So many keys without an element are named.
const EMPTY_NAMES: usize = 10;

/// What came of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Keys that are there now.
    pub keys: u64,
    /// Keys that were due and are left out.
    pub expired: u64,
    /// Keys whose value had no element.
    pub empty: u64,
    /// The names of the first of them.
    pub empty_names: Vec<Vec<u8>>,
    /// Libraries of functions.
    pub libraries: u64,
    /// Modules whose data was passed over.
    pub modules: Vec<String>,
}

impl Loaded {
    /// Counts in what has come of another part.
    pub fn add(&mut self, other: Self) {
        self.keys += other.keys;
        self.expired += other.expired;
        self.empty += other.empty;
        self.empty_names.extend(other.empty_names);
        self.empty_names.truncate(EMPTY_NAMES);
        self.libraries += other.libraries;
        for name in other.modules {
            if !self.modules.contains(&name) {
                self.modules.push(name);
            }
        }
    }
}

/// Makes a library of its text, or tells why it is none.
pub type Compile<'f> = dyn FnMut(&[u8]) -> Result<Library, String> + 'f;

/// Puts keys into the keyspace. What they are read from need not be one place: several may do it
/// at a time, with an access each.
#[derive(Debug, Clone, Default)]
pub struct KeyPlacement {
    /// The database for the keys to come.
    pub database: DbIndex,
    leave_out: Option<UnixMs>,
    /// Whether keys may be there already.
    replaces: bool,
    /// What came of it so far.
    pub loaded: Loaded,
}

/// Puts items into the keyspace.
pub struct Placement<'f> {
    keys: KeyPlacement,
    compile: &'f mut Compile<'f>,
}

impl KeyPlacement {
    /// Keys that are due at `leave_out` are left out; with `None` all are taken.
    pub fn new(leave_out: Option<UnixMs>) -> Self {
        Self { leave_out, ..Self::default() }
    }

    /// Takes a key that stands at an offset of the data. Called inside a batch; nothing is locked.
    pub fn take_at(&mut self, offset: u64, entry: Entry<'_>, access: &mut Access<'_>) -> Result<(), Error> {
        let name = entry.key.clone();
        let refused = |problem| Error { offset, key: Some(name.into_owned()), problem };
        self.take(entry, access).map_err(refused)
    }

    /// Whether a key is to be there; one that is not is counted.
    fn is_wanted(&mut self, entry: &Entry<'_>) -> bool {
        if entry.value.is_empty_collection() {
            self.loaded.empty += 1;
            if self.loaded.empty_names.len() < EMPTY_NAMES {
                self.loaded.empty_names.push(entry.key.to_vec());
            }
            return false;
        }
        let is_due = self.is_due(entry.expiry);
        self.loaded.expired += u64::from(is_due);
        !is_due
    }

    /// Whether keys with this time are left out.
    fn is_due(&self, expiry: Option<UnixMs>) -> bool {
        self.leave_out.zip(expiry).is_some_and(|(now, at)| at <= now)
    }

    /// Takes one key. Called inside a batch; nothing is locked, or everything.
    fn take(&mut self, entry: Entry<'_>, access: &mut Access<'_>) -> Result<(), Problem> {
        if !self.is_wanted(&entry) {
            return Ok(());
        }
        let bytes = entry.key.clone();
        let key = access.keyspace().key(&bytes);
        let locks = !access.is_exclusive();
        if locks {
            let shard = access.shard_of(&key);
            access.lock(&mut [shard]);
        }
        let outcome = self.put(&key, entry, access);
        if locks {
            access.unlock();
        }
        outcome
    }

    /// Puts one key, whose shard is locked.
    fn put(&mut self, key: &Key<'_>, entry: Entry<'_>, access: &mut Access<'_>) -> Result<(), Problem> {
        let before = access.keys_added(self.database);
        let stays = entry.expiry.is_none_or(|at| at > access.now());
        let mut db = access.db(self.database);
        match entry.value {
            Object::String(text) => {
                db.set_string(key, &text, entry.expiry.map_or(Expiry::Clear, Expiry::At));
            }
            value @ (Object::Hash(_)
            | Object::List(_)
            | Object::Set(_)
            | Object::ZSet(_)
            | Object::Stream(_)) => {
                db.set_value(key, value.into_value(), entry.expiry);
            }
        }
        if let Some(seconds) = entry.idle_seconds {
            db.set_idle_seconds(key, seconds.try_into().unwrap_or(u32::MAX));
        }
        if let Some(count) = entry.frequency {
            db.set_frequency(key, count);
        }
        self.loaded.keys += 1;
        // A key that stands there twice has two values, and nobody knows which is right.
        let is_new = access.keys_added(self.database) > before;
        if is_new || !stays || self.replaces { Ok(()) } else { Err(Problem::DuplicateKey) }
    }
}

impl<'f> Placement<'f> {
    /// Keys that are due at `leave_out` are left out; with `None` all are taken. `compile`
    /// makes libraries of their texts.
    pub fn new(leave_out: Option<UnixMs>, compile: &'f mut Compile<'f>) -> Self {
        Self { keys: KeyPlacement::new(leave_out), compile }
    }

    /// Whether keys and libraries replace those with their names that are there; else a
    /// second one of a name is refused.
    #[must_use]
    pub fn merges(mut self, merges: bool) -> Self {
        self.keys.replaces = merges;
        self
    }

    /// What places the keys of a run that comes now.
    pub fn for_run(&self) -> KeyPlacement {
        KeyPlacement { loaded: Loaded::default(), ..self.keys.clone() }
    }

    /// What came of it.
    pub fn finish(self) -> Loaded {
        self.keys.loaded
    }

    /// Takes one item. Called inside a batch; nothing is locked, or everything.
    pub fn take(&mut self, item: Item<'_>, access: &mut Access<'_>) -> Result<(), Problem> {
        match item {
            Item::Head(_) | Item::Note { .. } | Item::Sizes { .. } | Item::SlotSizes | Item::End => {}
            Item::Database(number) => {
                let databases = access.keyspace().databases();
                let index = u16::try_from(number).ok().filter(|&index| index < databases);
                let refused = || Problem::Refused(Reason::TooFewDatabases { number, databases });
                self.keys.database = DbIndex(index.ok_or_else(refused)?);
            }
            Item::Function(text) => self.put_library(&text, access)?,
            Item::ModuleData(name) | Item::ModuleValue(_, name) => {
                self.keys.loaded.add(Loaded { modules: vec![name], ..Loaded::default() });
            }
            Item::Entry(entry) => self.keys.take(entry, access)?,
        }
        Ok(())
    }

    fn put_library(&mut self, text: &[u8], access: &mut Access<'_>) -> Result<(), Problem> {
        let library = (self.compile)(text).map_err(|reason| {
            Problem::Refused(format!("a library of functions cannot be loaded: {reason}").into())
        })?;
        access.with_everything(|access| {
            if !self.keys.replaces && access.keyspace().libraries().get(&library.name).is_some() {
                let name = String::from_utf8_lossy(&library.name);
                return Err(Problem::Refused(format!("there is a library {name} already").into()));
            }
            if let Some(function) = access.keyspace().libraries().collision(&library) {
                let name = String::from_utf8_lossy(&function.name);
                return Err(Problem::Refused(format!("two libraries have a function {name}").into()));
            }
            access.add_library(library);
            Ok(())
        })?;
        self.keys.loaded.libraries += 1;
        Ok(())
    }
}
