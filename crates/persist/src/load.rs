//! Items of an RDB file become keys.
//!
//! Loading records no effect: the keyspace's recording is off. A file that is the base of an append-only file is taken as it
//! is, keys that are due included, because the commands behind it were recorded when they were not; only a file
//! that stands for itself may leave them out.
//!
//! For the same reason commands of an append-only file must run at a time at which nothing is due
//! ([`Access::begin_replay`]): `SET k v PXAT t` and, before `t`, `PERSIST k` must leave the key when both are
//! run after `t`.

use keyspace::{Access, DbIndex, Expiry, Library};
use stdx::time::UnixMs;

use crate::rdb::{Entry, Item, Object, Problem};

/// What came of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Keys that are there now.
    pub keys: u64,
    /// Keys that were due and are left out.
    pub expired: u64,
    /// Keys whose value had no element.
    pub empty: u64,
    /// Libraries of functions.
    pub libraries: u64,
    /// Modules whose data was passed over.
    pub modules: Vec<String>,
}

/// Makes a library of its text, or tells why it is none.
pub type Compile<'f> = dyn FnMut(&[u8]) -> Result<Library, String> + 'f;

/// Puts items into the keyspace.
pub struct Placement<'f> {
    database: DbIndex,
    leave_out: Option<UnixMs>,
    compile: &'f mut Compile<'f>,
    merges: bool,
    /// What came of it so far.
    pub loaded: Loaded,
}

impl<'f> Placement<'f> {
    /// Keys that are due at `leave_out` are left out; with `None` all are taken. `compile` makes libraries of their texts.
    pub fn new(leave_out: Option<UnixMs>, compile: &'f mut Compile<'f>) -> Self {
        Self { database: DbIndex(0), leave_out, compile, merges: false, loaded: Loaded::default() }
    }

    /// Whether libraries replace those with their names that are there, as keys always do; else a second one of a name is
    /// refused.
    #[must_use]
    pub fn merges(mut self, merges: bool) -> Self {
        self.merges = merges;
        self
    }

    /// Takes one item. Called inside a batch; nothing is locked, or everything.
    pub fn take(&mut self, item: Item<'_>, access: &mut Access<'_>) -> Result<(), Problem> {
        match item {
            Item::Head(_) | Item::Note { .. } | Item::Sizes { .. } | Item::SlotSizes | Item::End => {}
            Item::Database(number) => {
                let databases = access.keyspace().databases();
                let index = u16::try_from(number).ok().filter(|&index| index < databases);
                let refused = || {
                    let reason = format!(
                        "database {number} is used, but the parameter databases allows {databases} only"
                    );
                    Problem::Refused(reason)
                };
                self.database = DbIndex(index.ok_or_else(refused)?);
            }
            Item::Function(text) => self.put_library(&text, access)?,
            Item::ModuleData(name) => {
                if !self.loaded.modules.contains(&name) {
                    self.loaded.modules.push(name);
                }
            }
            Item::Entry(entry) => self.put(entry, access),
        }
        Ok(())
    }

    fn put_library(&mut self, text: &[u8], access: &mut Access<'_>) -> Result<(), Problem> {
        let library = (self.compile)(text).map_err(|reason| {
            Problem::Refused(format!("a library of functions cannot be loaded: {reason}"))
        })?;
        access.with_everything(|access| {
            if !self.merges && access.keyspace().libraries().get(&library.name).is_some() {
                let name = String::from_utf8_lossy(&library.name);
                return Err(Problem::Refused(format!("there is a library {name} already")));
            }
            if let Some(function) = access.keyspace().libraries().collision(&library) {
                let name = String::from_utf8_lossy(&function.name);
                return Err(Problem::Refused(format!("two libraries have a function {name}")));
            }
            access.add_library(library);
            Ok(())
        })?;
        self.loaded.libraries += 1;
        Ok(())
    }

    fn put(&mut self, entry: Entry<'_>, access: &mut Access<'_>) {
        if entry.value.is_empty_collection() {
            self.loaded.empty += 1;
            return;
        }
        if self.leave_out.zip(entry.expiry).is_some_and(|(now, at)| at <= now) {
            self.loaded.expired += 1;
            return;
        }
        let key = access.keyspace().key(&entry.key);
        let locks = !access.is_exclusive();
        if locks {
            let shard = access.shard_of(&key);
            access.lock(&mut [shard]);
        }
        let mut db = access.db(self.database);
        match entry.value {
            Object::String(text) => {
                db.set_string(&key, &text, entry.expiry.map_or(Expiry::Clear, Expiry::At));
            }
            value @ (Object::Hash(_)
            | Object::List(_)
            | Object::Set(_)
            | Object::ZSet(_)
            | Object::Stream(_)) => {
                db.set_value(&key, value.into_value(), entry.expiry);
            }
        }
        if let Some(seconds) = entry.idle_seconds {
            db.set_idle_seconds(&key, seconds.try_into().unwrap_or(u32::MAX));
        }
        if locks {
            access.unlock();
        }
        self.loaded.keys += 1;
    }
}
