//! All users by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::user::{Setting, User};
use crate::words::{has_spaces, merge};

/// The user that connections have before they log in; it is always there.
pub const DEFAULT: &[u8] = b"default";

/// See the module's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Users(BTreeMap<Vec<u8>, Arc<User>>);

impl Users {
    /// The default user alone, which may do everything and needs no password.
    pub fn new(setting: Setting<'_>) -> Self {
        let mut users = Self(BTreeMap::new());
        users.add_default(setting);
        users
    }

    /// No user yet.
    pub(crate) fn empty() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds the default user as it is at first, if it is not there.
    pub(crate) fn add_default(&mut self, setting: Setting<'_>) {
        self.0.entry(DEFAULT.to_vec()).or_insert_with(|| {
            let mut user = User::new(DEFAULT, setting);
            for rule in [&b"+@all"[..], b"~*", b"&*", b"on", b"nopass"] {
                user.apply(rule, setting).expect("these rules are right");
            }
            Arc::new(user)
        });
    }

    /// Adds a user or replaces one.
    pub(crate) fn insert(&mut self, user: User) {
        self.0.insert(user.name().to_vec(), Arc::new(user));
    }

    /// A user by its name.
    pub fn get(&self, name: &[u8]) -> Option<&Arc<User>> {
        self.0.get(name)
    }

    /// The default user.
    pub fn default_user(&self) -> &Arc<User> {
        self.0.get(DEFAULT).expect("the default user is always there")
    }

    /// All, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<User>> {
        self.0.values()
    }

    /// ACL SETUSER: makes a user or changes one by some rules. Returns the new user and what it was before. `Err` tells
    /// what is wrong, in Redis's words; then nothing is changed.
    pub fn change(
        &mut self,
        name: &[u8],
        words: &[&[u8]],
        setting: Setting<'_>,
    ) -> Result<(Arc<User>, Option<Arc<User>>), String> {
        if !is_name(name) {
            return Err("Usernames can't contain spaces or null characters".to_owned());
        }
        let before = self.get(name).map(Arc::clone);
        let mut user = before.as_ref().map_or_else(|| User::new(name, setting), |before| User::clone(before));
        let rules = merge(words).map_err(|open| {
            let open = String::from_utf8_lossy(open);
            format!("Unmatched parenthesis in acl selector starting at '{open}'.")
        })?;
        for rule in &rules {
            user.apply(rule, setting).map_err(|error| {
                // As in Redis, whose texts end at the first NUL.
                let shown = rule.split(|&byte| byte == 0).next().unwrap_or_default();
                format!("Error in ACL SETUSER modifier '{}': {error}", String::from_utf8_lossy(shown))
            })?;
        }
        let user = Arc::new(user);
        self.0.insert(name.to_vec(), Arc::clone(&user));
        Ok((user, before))
    }

    /// Removes a user, but not the default one.
    pub fn remove(&mut self, name: &[u8]) -> Option<Arc<User>> {
        if name == DEFAULT { None } else { self.0.remove(name) }
    }

    /// Gives the default user a password, or none (`requirepass`).
    pub fn set_default_password(&mut self, password: &[u8]) {
        let mut user = User::clone(self.default_user());
        user.set_password((!password.is_empty()).then_some(password));
        self.insert(user);
    }
}

/// Whether a user may have this name. It has no spaces, so that it can be a word of a line, and for the same reason it is
/// not empty, which Redis allows.
pub(crate) fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && !has_spaces(name)
}
