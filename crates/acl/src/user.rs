//! A user: whether and how one logs in as it, and its selectors.

use indexmap::IndexSet;

use crate::catalogue::Catalogue;
use crate::channels::Channels;
use crate::error::RuleError;
use crate::keys::Permission;
use crate::password::PasswordHash;
use crate::request::{Denial, Request};
use crate::selector::Selector;

/// What rules are read with.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    /// The commands there are.
    pub catalogue: &'a Catalogue,
    /// New users and selectors may use all channels (`acl-pubsub-default allchannels`).
    pub all_channels: bool,
}

/// See the module's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    name: Vec<u8>,
    is_on: bool,
    needs_no_password: bool,
    skips_sanitizing: bool,
    passwords: IndexSet<PasswordHash>,
    /// The one that rules outside parentheses change.
    root: Selector,
    /// Those in parentheses.
    others: Vec<Selector>,
}

impl User {
    /// A new user, which may do nothing.
    pub fn new(name: &[u8], setting: Setting<'_>) -> Self {
        Self {
            name: name.to_vec(),
            is_on: false,
            needs_no_password: false,
            skips_sanitizing: false,
            passwords: IndexSet::new(),
            root: Selector::new(setting),
            others: Vec::new(),
        }
    }

    /// Takes a rule; a selector is one rule.
    pub(crate) fn apply(&mut self, rule: &[u8], setting: Setting<'_>) -> Result<(), RuleError> {
        match rule.to_ascii_lowercase().as_slice() {
            b"" => {}
            b"on" => self.is_on = true,
            b"off" => self.is_on = false,
            b"skip-sanitize-payload" => self.skips_sanitizing = true,
            b"sanitize-payload" => self.skips_sanitizing = false,
            b"nopass" => self.set_password(None),
            b"resetpass" => {
                self.passwords.clear();
                self.needs_no_password = false;
            }
            b"clearselectors" => self.others.clear(),
            b"reset" => {
                let mut fresh = Self::new(b"", setting);
                std::mem::swap(&mut self.name, &mut fresh.name);
                *self = fresh;
            }
            [b'>', ..] => self.add_password(PasswordHash::of(&rule[1..])),
            [b'#', ..] => self.add_password(PasswordHash::parse(&rule[1..]).ok_or(RuleError::BadHash)?),
            [b'<', ..] => self.remove_password(&PasswordHash::of(&rule[1..]))?,
            [b'!', ..] => {
                self.remove_password(&PasswordHash::parse(&rule[1..]).ok_or(RuleError::BadHash)?)?;
            }
            [b'(', .., b')'] => self.others.push(Selector::parse(rule, setting)?),
            _ => self.root.apply(rule, setting)?,
        }
        Ok(())
    }

    /// Makes a password the only one; none: everybody may log in.
    pub(crate) fn set_password(&mut self, password: Option<&[u8]>) {
        self.passwords = password.map(PasswordHash::of).into_iter().collect();
        self.needs_no_password = password.is_none();
    }

    fn add_password(&mut self, hash: PasswordHash) {
        self.passwords.insert(hash);
        self.needs_no_password = false;
    }

    fn remove_password(&mut self, hash: &PasswordHash) -> Result<(), RuleError> {
        if self.passwords.shift_remove(hash) { Ok(()) } else { Err(RuleError::UnknownPassword) }
    }
}

/// What a user may do.
impl User {
    /// Whether one may log in with a password.
    pub fn accepts(&self, password: &[u8]) -> bool {
        if !self.is_on {
            return false;
        }
        let given = PasswordHash::of(password);
        // All are compared, so that the time does not tell which one was meant.
        let is_known = self.passwords.iter().fold(false, |known, hash| known | hash.matches(&given));
        self.needs_no_password || is_known
    }

    /// Whether everybody is this user without logging in, if it is the default one.
    pub fn is_open(&self) -> bool {
        self.is_on && self.needs_no_password
    }

    /// Whether any password will do.
    pub fn needs_no_password(&self) -> bool {
        self.needs_no_password
    }

    /// Whether one can log in at all.
    pub fn is_on(&self) -> bool {
        self.is_on
    }

    /// Whether a request is allowed: one selector must allow all of it.
    pub fn check(&self, request: &Request<'_>) -> Result<(), Denial> {
        let mut worst = None;
        for selector in self.selectors() {
            match selector.check(request) {
                Ok(()) => return Ok(()),
                denied => worst = worst.max(denied.err()),
            }
        }
        worst.map_or(Ok(()), Err)
    }

    /// Whether a selector that allows a request lets all keys be used so: what SORT needs for patterns of keys.
    pub fn check_with_every_key(&self, request: &Request<'_>, wanted: Permission) -> bool {
        self.selectors().any(|selector| selector.check(request).is_ok() && selector.allows_every_key(wanted))
    }

    /// Whether some selector lets a key of a database be used so.
    pub fn may_use_key(&self, key: &[u8], wanted: Permission, database: u32) -> bool {
        self.selectors()
            .any(|selector| selector.allows_key(key, wanted) && selector.allows_database(database))
    }

    /// Whether some selector allows a channel, or a pattern of channels.
    pub fn may_use_channel(&self, channel: &[u8], is_pattern: bool) -> bool {
        self.selectors().any(|selector| selector.allows_channel(channel, is_pattern))
    }

    /// Whether some channel that `before` might use may not be used any more.
    pub fn lost_channels(&self, before: &Self) -> bool {
        if self.selectors().any(|selector| *selector.channels() == Channels::All) {
            return false;
        }
        before.selectors().any(|selector| {
            *selector.channels() == Channels::All
                || selector.channels().patterns().any(|pattern| !self.may_use_channel(pattern, true))
        })
    }

    /// Whether nothing is forbidden, so that no request need be looked at.
    pub fn is_unrestricted(&self, catalogue: &Catalogue) -> bool {
        self.selectors().any(|selector| selector.allows_everything(catalogue))
    }

    fn selectors(&self) -> impl Iterator<Item = &Selector> {
        std::iter::once(&self.root).chain(&self.others)
    }
}

/// How a user is shown.
impl User {
    /// Its name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Its flags.
    pub fn flags(&self) -> impl Iterator<Item = &'static str> {
        let open = self.needs_no_password.then_some("nopass");
        let sanitizing = if self.skips_sanitizing { "skip-sanitize-payload" } else { "sanitize-payload" };
        std::iter::once(if self.is_on { "on" } else { "off" }).chain(open).chain([sanitizing])
    }

    /// The hashes of its passwords, in digits.
    pub fn passwords(&self) -> impl ExactSizeIterator<Item = String> {
        self.passwords.iter().map(PasswordHash::to_string)
    }

    /// The selector of the rules outside parentheses.
    pub fn root(&self) -> &Selector {
        &self.root
    }

    /// The selectors in parentheses.
    pub fn others(&self) -> &[Selector] {
        &self.others
    }

    /// The rules that make this user of a new one: `on #hash ~key* &* +@all`.
    pub fn describe(&self) -> Vec<u8> {
        let mut text = Vec::new();
        for flag in self.flags() {
            text.extend_from_slice(flag.as_bytes());
            text.push(b' ');
        }
        for password in self.passwords() {
            text.extend_from_slice(format!("#{password} ").as_bytes());
        }
        self.root.describe(&mut text);
        for selector in &self.others {
            text.extend(b" (");
            selector.describe(&mut text);
            text.push(b')');
        }
        text
    }
}
