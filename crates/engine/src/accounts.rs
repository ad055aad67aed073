//! Users as all workers share them, and what a connection knows of its own.
//!
//! A connection keeps its user and the version of all users at which it looked it up. A change of users makes a new
//! version; a connection that meets one looks its user up again, so it goes on under the new rules with its next command.
//! A connection whose user may do everything pays one comparison for this and one for the log-in.

use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use acl::{AuditLog, Catalogue, Categories, Facts, Setting, User, Users};
use parking_lot::{Mutex, RwLock};

use crate::commands;
use crate::table::{Table, table};

/// The commands as rules know them: a command's place is its index in the table.
static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let rows = table().rows();
    let facts = rows.iter().map(|row| Facts {
        name: Table::full_name(row),
        categories: commands::categories(row.command).into_iter().fold(Categories::default(), |all, name| {
            all.and(Categories::named(name.as_bytes()).expect("rows name categories that exist (tested)"))
        }),
        container: row.container.and_then(|container| {
            rows.iter().find(|row| std::ptr::eq(row.command, container)).map(|row| row.index)
        }),
    });
    Catalogue::new(facts.collect())
});

/// What rules of users are read with; `all_channels` is `acl-pubsub-default`.
pub fn setting(all_channels: bool) -> Setting<'static> {
    Setting { catalogue: &CATALOGUE, all_channels }
}

/// See the module's text.
#[derive(Debug)]
pub struct Accounts {
    users: RwLock<Users>,
    /// Grows with every change of users.
    version: AtomicU64,
    /// Connections need not log in.
    default_is_open: AtomicBool,
    /// The default user has no password.
    default_has_no_password: AtomicBool,
    /// What was refused.
    pub log: Mutex<AuditLog>,
}

impl Default for Accounts {
    fn default() -> Self {
        Self {
            users: RwLock::new(Users::new(setting(false))),
            version: AtomicU64::new(1),
            default_is_open: AtomicBool::new(true),
            default_has_no_password: AtomicBool::new(true),
            log: Mutex::default(),
        }
    }
}

impl Accounts {
    /// The version of all users.
    #[inline]
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Whether connections need not log in.
    pub fn default_is_open(&self) -> bool {
        self.default_is_open.load(Ordering::Acquire)
    }

    /// Whether the default user has no password, so that protected mode protects it.
    pub fn default_has_no_password(&self) -> bool {
        self.default_has_no_password.load(Ordering::Acquire)
    }

    /// A user by its name.
    pub fn get(&self, name: &[u8]) -> Option<Arc<User>> {
        self.users.read().get(name).cloned()
    }

    /// The user whose name and password these are.
    pub fn log_in(&self, name: &[u8], password: &[u8]) -> Option<Arc<User>> {
        let (user, default) = {
            let users = self.users.read();
            (users.get(name).cloned(), Arc::clone(users.default_user()))
        };
        // A name that nobody has takes as long as one that somebody has.
        let accepts = user.as_ref().unwrap_or(&default).accepts(password);
        user.filter(|_| accepts)
    }

    /// All users.
    pub fn all(&self) -> Users {
        self.users.read().clone()
    }

    /// Changes users. Whoever runs a command from now on does so under the new rules.
    pub fn change<R>(&self, body: impl FnOnce(&mut Users) -> R) -> R {
        let mut users = self.users.write();
        let result = body(&mut users);
        let default = users.default_user();
        self.default_is_open.store(default.is_open(), Ordering::Release);
        self.default_has_no_password.store(default.needs_no_password(), Ordering::Release);
        // Last, so that whoever sees it sees the users as they are now.
        self.version.fetch_add(1, Ordering::Release);
        result
    }
}

/// What a connection knows of its user.
#[derive(Debug, Clone)]
pub struct Login {
    user: Arc<User>,
    /// It has logged in, or needed not when it came.
    authenticated: bool,
    /// The version of all users that it has seen.
    seen: u64,
    /// It may do everything, so no command need be looked at.
    is_unrestricted: bool,
}

impl Login {
    /// A connection that has just come: the default user, logged in if it needs no password.
    pub fn initial(accounts: &Accounts) -> Self {
        let seen = accounts.version();
        let user = Arc::clone(accounts.users.read().default_user());
        let authenticated = user.is_open();
        Self { is_unrestricted: authenticated && user.is_unrestricted(&CATALOGUE), user, authenticated, seen }
    }

    /// Logs the connection in.
    pub fn set(&mut self, user: Arc<User>, accounts: &Accounts) {
        self.user = user;
        self.authenticated = true;
        self.refresh(accounts);
    }

    /// The user.
    pub fn user(&self) -> &Arc<User> {
        &self.user
    }

    /// Whether nothing is forbidden to the connection, as far as it knows.
    #[inline]
    pub fn is_unrestricted(&self) -> bool {
        self.is_unrestricted
    }

    /// Whether users have changed since it looked.
    #[inline]
    pub fn is_outdated(&self, accounts: &Accounts) -> bool {
        self.seen != accounts.version()
    }

    /// Whether the connection has to log in first.
    #[inline]
    pub fn is_needed(&self, accounts: &Accounts) -> bool {
        !self.authenticated && !accounts.default_is_open()
    }

    /// Looks the user up again. A connection whose user is gone is one that has just come, and not logged in; it is being
    /// closed.
    #[cold]
    pub fn refresh(&mut self, accounts: &Accounts) {
        // Read before the users: what changes in between is met the next time.
        let seen = accounts.version();
        let users = accounts.users.read();
        let default = users.default_user();
        let (user, authenticated) = match users.get(self.user.name()) {
            Some(user) => (Arc::clone(user), self.authenticated),
            None => (Arc::clone(default), false),
        };
        let is_unrestricted = (authenticated || default.is_open()) && user.is_unrestricted(&CATALOGUE);
        *self = Self { user, authenticated, seen, is_unrestricted };
    }
}
