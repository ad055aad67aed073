//! What is known of a command: one row of plain data.
//!
//! A row gives the look-up, the arity check, the keys, the flags that Redis shows, the documentation and the function.
//! Everything else (ACL categories, COMMAND DOCS, statistics, completion) is derived from it.

mod access;
mod flags;
mod group;
mod keys;
mod scope;

use config::KeyspaceEvents;

use crate::args::Args;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

pub use access::Access;
pub use flags::Flags;
pub use group::Group;
pub use keys::Keys;
pub(crate) use keys::{keys_to_migrate, word_streams};
pub use scope::{Channels, Databases};

/// What a handler returns: the reply is written, or there is an error to write.
pub type Outcome = Result<(), Error>;

/// The function of a command. It sees the locked keys through the context and writes its reply at once.
pub type Handler = fn(&mut Context<'_, '_>, &Args<'_>, &mut Reply<'_>) -> Outcome;

/// What the documentation says of a command's use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It is to be used.
    Current,
    /// Something else does the same and is to be used instead.
    Deprecated {
        /// The version of Redis that brought the other.
        since: &'static str,
        /// What to use instead.
        replacement: &'static str,
    },
    /// It serves the server itself and tests.
    System,
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub struct Command {
    /// Its name in upper case; of a subcommand, only its own.
    pub name: &'static str,
    /// Where it is documented.
    pub group: Group,
    /// Arguments, the name included; negative: at least that many.
    pub arity: i32,
    /// Which of them are keys.
    pub keys: Keys,
    /// Where members of the first key's value stand, fields or elements by name: from one argument on, in steps. It may be wrong,
    /// where there are options, and names no more than what is worth to be brought near.
    pub members: Option<(usize, usize)>,
    /// What COMMAND INFO says of its key besides.
    pub key_note: &'static str,
    /// Which of them are channels.
    pub channels: Channels,
    /// Which databases it concerns.
    pub databases: Databases,
    /// What its change of a value is called in notifications, and their class, if that depends on the command; see
    /// [`mod@crate::notifications`].
    pub event: Option<(KeyspaceEvents, &'static str)>,
    /// What is done with the key, where that depends on the arguments; `keys` names the most.
    pub access_by: Option<fn(&Args<'_>) -> Access>,
    /// What it is like.
    pub flags: Flags,
    /// ACL categories besides those that follow from its group and flags.
    pub categories: &'static [&'static str],
    /// What proxies and clients of clusters should know, as COMMAND INFO prints it.
    pub tips: &'static [&'static str],
    /// The version of Redis (or Valkey, then marked) that brought it.
    pub since: &'static str,
    /// What it costs.
    pub complexity: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// Its arguments in the notation of the documentation, `key value [NX | XX] [EX seconds]`, with notes on them; see
    /// `commands/syntax.rs`.
    pub syntax: &'static str,
    /// What it got later: the version of Redis, and what that brought.
    pub history: &'static [(&'static str, &'static str)],
    /// Whether it is for everybody, and to stay.
    pub status: Status,
    /// What runs.
    pub handler: Handler,
    /// Its subcommands, if it is a container.
    pub subcommands: &'static [Command],
}

impl Command {
    /// A row with the fields that every command has; the rest is set by the methods below.
    pub const fn new(name: &'static str, group: Group, arity: i32, handler: Handler) -> Self {
        Self {
            name,
            group,
            arity,
            keys: Keys::None,
            members: None,
            key_note: "",
            channels: Channels::None,
            databases: Databases::Selected,
            event: None,
            access_by: None,
            flags: Flags::NONE,
            categories: &[],
            tips: &[],
            since: "1.0.0",
            complexity: "O(1)",
            summary: "",
            syntax: "",
            history: &[],
            status: Status::Current,
            handler,
            subcommands: &[],
        }
    }

    /// With flags.
    #[must_use]
    pub const fn flags(mut self, flags: Flags) -> Self {
        self.flags = self.flags.and(flags);
        self
    }

    /// With one key, the first argument.
    #[must_use]
    pub const fn key(self, access: Access) -> Self {
        self.keys(Keys::Range { first: 1, last: 1, step: 1, access })
    }

    /// With keys.
    #[must_use]
    pub const fn keys(mut self, keys: Keys) -> Self {
        self.keys = keys;
        self
    }

    /// With members of the first key's value, from one argument on and in steps.
    #[must_use]
    pub const fn members(mut self, first: usize, step: usize) -> Self {
        self.members = Some((first, step));
        self
    }

    /// With a note about its key, in the words of Redis, which tools may show.
    #[must_use]
    pub const fn key_note(mut self, note: &'static str) -> Self {
        self.key_note = note;
        self
    }

    /// With channels.
    #[must_use]
    pub const fn channels(mut self, channels: Channels) -> Self {
        self.channels = channels;
        self
    }

    /// With databases.
    #[must_use]
    pub const fn databases(mut self, databases: Databases) -> Self {
        self.databases = databases;
        self
    }

    /// With the name and class of what it does to a value.
    #[must_use]
    pub const fn event(mut self, class: KeyspaceEvents, name: &'static str) -> Self {
        self.event = Some((class, name));
        self
    }

    /// With a function that tells from the arguments what is done with the key.
    #[must_use]
    pub const fn access_by(mut self, access_by: fn(&Args<'_>) -> Access) -> Self {
        self.access_by = Some(access_by);
        self
    }

    /// In more ACL categories than follow from its group and flags.
    #[must_use]
    pub const fn categories(mut self, categories: &'static [&'static str]) -> Self {
        self.categories = categories;
        self
    }

    /// With tips; see [`crate::tips`].
    #[must_use]
    pub const fn tips(mut self, tips: &'static [&'static str]) -> Self {
        self.tips = tips;
        self
    }

    /// Its documentation: since when, at what cost, what it does, and its arguments.
    #[must_use]
    pub const fn doc(
        mut self,
        since: &'static str,
        complexity: &'static str,
        summary: &'static str,
        syntax: &'static str,
    ) -> Self {
        self.since = since;
        self.complexity = complexity;
        self.summary = summary;
        self.syntax = syntax;
        self
    }

    /// What it got later.
    #[must_use]
    pub const fn history(mut self, history: &'static [(&'static str, &'static str)]) -> Self {
        self.history = history;
        self
    }

    /// Kept for those who use it already.
    #[must_use]
    pub const fn deprecated(mut self, since: &'static str, replacement: &'static str) -> Self {
        self.status = Status::Deprecated { since, replacement };
        self
    }

    /// For the server's own use and for tests.
    #[must_use]
    pub const fn system(mut self) -> Self {
        self.status = Status::System;
        self
    }

    /// With subcommands.
    #[must_use]
    pub const fn subcommands(mut self, subcommands: &'static [Command]) -> Self {
        self.subcommands = subcommands;
        self
    }

    /// Whether a number of arguments (the name included) is right.
    pub fn accepts(&self, count: usize) -> bool {
        let arity = self.arity.unsigned_abs() as usize;
        if self.arity < 0 { count >= arity } else { count == arity }
    }

    /// Whether it is run with nothing locked, since it takes locks by itself, with certain arguments. If options may name where it
    /// stores a result, one has to.
    #[inline]
    pub fn runs_alone(&self, args: &Args<'_>) -> bool {
        if self.flags.has(Flags::ALONE) {
            return !matches!(self.keys, Keys::SourceAndOptions { .. }) || self.stores(args);
        }
        self.flags.has(Flags::ALONE_WITH_MORE) && args.len() > self.arity.unsigned_abs() as usize
    }

    /// Whether the arguments name a key whose value it puts another one in the place of.
    pub fn stores(&self, args: &Args<'_>) -> bool {
        let mut stores = false;
        self.for_each_key(args, |_, access| stores |= access == Access::Overwrite);
        stores
    }

    /// Whether it puts a whole value in the place of another one, rather than to change what is there. A command that
    /// returns what was there may also only give it a time to live, and then its changes of the value have no name.
    pub fn overwrites(&self) -> bool {
        let replaces = |access| match access {
            Access::Overwrite => true,
            Access::Exchange => self.event.is_some(),
            _ => false,
        };
        match self.keys {
            Keys::Range { access, .. }
            | Keys::Counted { access, .. }
            | Keys::TargetAndSources { access, .. }
            | Keys::TargetAndCounted { access, .. }
            | Keys::SourceAndOptions { access, .. } => replaces(access),
            Keys::Pair { first, second } => replaces(first) || replaces(second),
            Keys::Sorted { stores } => stores,
            Keys::None | Keys::Migrated | Keys::Streams { .. } => false,
        }
    }

    /// Whether it must be run with everything locked, if it cannot take locks by itself.
    pub fn needs_everything(&self, args: &Args<'_>) -> bool {
        let names_its_keys = match self.keys {
            // A script may ask for keys that it has not named.
            Keys::Counted { .. } | Keys::TargetAndCounted { .. } => self.group != Group::Scripting,
            Keys::Sorted { .. } => !(2..args.len()).any(|at| args.is(at, "BY") || args.is(at, "GET")),
            Keys::TargetAndSources { .. }
            | Keys::Range { .. }
            | Keys::Pair { .. }
            | Keys::SourceAndOptions { .. } => true,
            _ => false,
        };
        self.flags.has(Flags::ALONE) && !names_its_keys
    }
}

#[cfg(test)]
mod tests {
    use crate::args::OwnedArgs;
    use crate::table::table;

    #[test]
    fn what_only_might_store_something_runs_with_others() {
        for (line, expected) in [
            ("GEORADIUS k 1 1 1 m WITHDIST ASC", false),
            ("GEORADIUS k 1 1 1 m STORE", false),
            ("GEORADIUS k 1 1 1 m STORE d", true),
            ("GEORADIUSBYMEMBER k m 1 m DESC storedist d", true),
            ("SORT k", true),
            ("GET k", false),
        ] {
            let words: OwnedArgs = line.split(' ').collect();
            let row = table().get(words.as_args().get(0)).expect("a command");
            assert_eq!(row.command.runs_alone(&words.as_args()), expected, "{line}");
        }
    }
}
