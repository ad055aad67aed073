//! A selector: one self-contained set of permissions. A request needs one selector of its user that allows all of it.

use crate::catalogue::Catalogue;
use crate::channels::Channels;
use crate::command_rules::CommandRules;
use crate::databases::Databases;
use crate::error::RuleError;
use crate::keys::{KeyPatterns, Permission};
use crate::request::{self, Denial, Reason, Request};
use crate::user::Setting;
use crate::words::is_space;

/// See the module's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    commands: CommandRules,
    keys: KeyPatterns,
    channels: Channels,
    databases: Databases,
}

impl Selector {
    /// A selector that allows nothing but what new ones may.
    pub(crate) fn new(setting: Setting<'_>) -> Self {
        Self {
            commands: CommandRules::none(setting.catalogue),
            keys: KeyPatterns::none(),
            channels: Channels::new(setting.all_channels),
            databases: Databases::All,
        }
    }

    /// The selector of a rule `(rule rule ..)`.
    pub(crate) fn parse(rule: &[u8], setting: Setting<'_>) -> Result<Self, RuleError> {
        let inner =
            rule.strip_prefix(b"(").and_then(|rest| rest.strip_suffix(b")")).ok_or(RuleError::Syntax)?;
        let mut selector = Self::new(setting);
        for word in inner.split(|&byte| is_space(byte)).filter(|word| !word.is_empty()) {
            // Words that could not be told apart again in the selector's description.
            if word.ends_with(b")") || word.iter().any(|byte| matches!(byte, b'"' | b'\'')) {
                return Err(RuleError::Syntax);
            }
            selector.apply(word, setting)?;
        }
        Ok(selector)
    }

    /// Takes a rule.
    pub(crate) fn apply(&mut self, rule: &[u8], setting: Setting<'_>) -> Result<(), RuleError> {
        match rule.to_ascii_lowercase().as_slice() {
            b"allkeys" | b"~*" => self.keys = KeyPatterns::All,
            b"resetkeys" => self.keys = KeyPatterns::none(),
            b"allchannels" | b"&*" => self.channels = Channels::All,
            b"resetchannels" => self.channels = Channels::new(false),
            b"alldbs" => self.databases = Databases::All,
            b"resetdbs" => self.databases = Databases::Some([].into()),
            b"allcommands" | b"+@all" => self.commands.set_all(true),
            b"nocommands" | b"-@all" => self.commands.set_all(false),
            [b'd', b'b', b'=', list @ ..] => self.databases = Databases::parse(list)?,
            [b'~' | b'%', ..] => self.keys.add(rule)?,
            [b'&', ..] => self.channels.add(&rule[1..])?,
            _ => self.commands.apply(rule, setting.catalogue)?,
        }
        Ok(())
    }

    /// Whether a request is allowed.
    pub(crate) fn check(&self, request: &Request<'_>) -> Result<(), Denial> {
        self.check_databases(request.databases)?;
        if !request.is_open && !self.commands.allow(request.command, request.first_argument) {
            return Err(Denial { reason: Reason::Command, at: 0 });
        }
        if let Some(key) = request.keys.iter().find(|key| !self.keys.allow(key.name, key.wanted)) {
            return Err(Denial { reason: Reason::Key, at: key.at });
        }
        let denied = |channel: &&request::Channel<'_>| !self.channels.allow(channel.name, channel.is_pattern);
        match request.channels.iter().find(denied) {
            Some(channel) => Err(Denial { reason: Reason::Channel, at: channel.at }),
            None => Ok(()),
        }
    }

    fn check_databases(&self, wanted: request::Databases<'_>) -> Result<(), Denial> {
        let denied = match wanted {
            _ if self.databases == Databases::All => None,
            request::Databases::Some(wanted) => {
                wanted.iter().find(|(_, database)| !self.databases.allow(*database)).map(|(at, _)| *at)
            }
            request::Databases::All(count) => {
                (0..count).any(|database| !self.databases.allow(database)).then_some(0)
            }
        };
        denied.map_or(Ok(()), |at| Err(Denial { reason: Reason::Database, at }))
    }

    /// Whether a key may be used so.
    pub(crate) fn allows_key(&self, key: &[u8], wanted: Permission) -> bool {
        self.keys.allow(key, wanted)
    }

    /// Whether a database may be used.
    pub(crate) fn allows_database(&self, database: u32) -> bool {
        self.databases.allow(database)
    }

    /// Whether every key may be used so.
    pub(crate) fn allows_every_key(&self, wanted: Permission) -> bool {
        self.keys.allow_every(wanted)
    }

    /// Whether a channel, or a pattern of channels, may be used.
    pub(crate) fn allows_channel(&self, channel: &[u8], is_pattern: bool) -> bool {
        self.channels.allow(channel, is_pattern)
    }

    /// Whether everything is allowed.
    pub(crate) fn allows_everything(&self, catalogue: &Catalogue) -> bool {
        self.keys == KeyPatterns::All
            && self.channels == Channels::All
            && self.databases == Databases::All
            && self.commands.allow_every(catalogue.len())
    }

    /// Its channels.
    pub(crate) fn channels(&self) -> &Channels {
        &self.channels
    }

    /// The rules about commands, as ACL GETUSER shows them.
    pub fn commands_text(&self) -> Vec<u8> {
        text(|text| self.commands.describe(text))
    }

    /// The rules about keys, as ACL GETUSER shows them.
    pub fn keys_text(&self) -> Vec<u8> {
        text(|text| self.keys.describe(text))
    }

    /// The rules about channels, as ACL GETUSER shows them.
    pub fn channels_text(&self) -> Vec<u8> {
        text(|text| self.channels.describe(text))
    }

    /// The rules about databases, if some are not allowed.
    pub fn databases_text(&self) -> Option<Vec<u8>> {
        (self.databases != Databases::All).then(|| text(|text| self.databases.describe(text)))
    }

    /// The rules that make this selector of a new one.
    pub(crate) fn describe(&self, text: &mut Vec<u8>) {
        self.keys.describe(text);
        if !self.keys.is_none() {
            text.push(b' ');
        }
        if self.channels != Channels::All {
            text.extend(b"resetchannels ");
        }
        let before = text.len();
        self.channels.describe(text);
        if text.len() > before {
            text.push(b' ');
        }
        if let Some(databases) = self.databases_text() {
            text.extend_from_slice(if databases.is_empty() { b"resetdbs" } else { &databases });
            text.push(b' ');
        }
        self.commands.describe(text);
    }
}

fn text(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut text = Vec::new();
    write(&mut text);
    text
}
