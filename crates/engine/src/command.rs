//! What is known of a command: one row of plain data.
//!
//! A row gives the look-up, the arity check, the keys, the flags that Redis shows, the documentation and the function.
//! Everything else (ACL categories, COMMAND DOCS, statistics, completion) is derived from it.

use acl::Permission;
use config::KeyspaceEvents;

use crate::args::Args;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

/// What a handler returns: the reply is written, or there is an error to write.
pub type Outcome = Result<(), Error>;

/// The function of a command. It sees the locked keys through the context and writes its reply at once.
pub type Handler = fn(&mut Context<'_, '_>, &Args<'_>, &mut Reply<'_>) -> Outcome;

/// The group under which a command is documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Bits of strings.
    Bitmap,
    /// The cluster.
    Cluster,
    /// The connection itself.
    Connection,
    /// Keys of any type.
    Generic,
    /// Places on the earth.
    Geo,
    /// Hashes.
    Hash,
    /// Estimates of how many distinct elements there were.
    HyperLogLog,
    /// Lists.
    List,
    /// Publish and subscribe.
    PubSub,
    /// Scripts and functions.
    Scripting,
    /// The server.
    Server,
    /// Sets.
    Set,
    /// Sorted sets.
    SortedSet,
    /// Streams.
    Stream,
    /// Strings.
    String,
    /// Transactions.
    Transactions,
}

impl Group {
    /// Its name in COMMAND DOCS.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bitmap => "bitmap",
            Self::Cluster => "cluster",
            Self::Connection => "connection",
            Self::Generic => "generic",
            Self::Geo => "geo",
            Self::Hash => "hash",
            Self::HyperLogLog => "hyperloglog",
            Self::List => "list",
            Self::PubSub => "pubsub",
            Self::Scripting => "scripting",
            Self::Server => "server",
            Self::Set => "set",
            Self::SortedSet => "sorted-set",
            Self::Stream => "stream",
            Self::String => "string",
            Self::Transactions => "transactions",
        }
    }
}

/// Which arguments are keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant's text says what its fields are")]
pub enum Keys {
    /// None.
    None,
    /// `first`, and on to `last` in steps of `step`; a negative `last` counts from the end (-1 is the last).
    Range { first: usize, last: i32, step: usize, access: Access },
    /// A count at `at`, then that many keys in steps of `step`.
    Counted { at: usize, step: usize, access: Access },
    /// The first key is accessed in one way, the second in another.
    Pair { first: Access, second: Access },
    /// Argument `target` is accessed in one way, what stands behind it is read.
    TargetAndSources { target: usize, access: Access },
    /// The first argument is accessed in one way; a count stands at `at`, and that many keys behind it are read.
    TargetAndCounted { at: usize, access: Access },
    /// The first is read. If the command `stores`, the one behind the last word STORE is overwritten. Others are read whose
    /// names are made of what the first holds.
    Sorted { stores: bool },
    /// The first argument is read. Each argument behind one of the words, among those from `after` on, is accessed in one
    /// way.
    SourceAndOptions { words: &'static [&'static str], after: usize, access: Access },
    /// The third argument, or those behind the word KEYS when that is empty; they are taken away.
    Migrated,
    /// Half of the arguments behind the word STREAMS, which stands at `from` or later, behind options; they are read.
    Streams { from: usize },
}

impl Keys {
    /// Whether where they are depends on the arguments.
    pub fn are_movable(self) -> bool {
        match self {
            Self::Counted { .. }
            | Self::TargetAndCounted { .. }
            | Self::SourceAndOptions { .. }
            | Self::Streams { .. }
            | Self::Migrated
            | Self::Sorted { .. } => true,
            Self::None | Self::Range { .. } | Self::Pair { .. } | Self::TargetAndSources { .. } => false,
        }
    }
}

/// Which arguments are channels that its user must be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant's text says what its fields are")]
pub enum Channels {
    /// None.
    None,
    /// The first.
    First,
    /// All.
    All,
    /// All, and they are patterns.
    Patterns,
    /// Those up to `last` are channels of shards, which clients of a cluster find as they find keys; a negative `last`
    /// counts from the end. Without `is_checked` the user need not be allowed to use them.
    Shard { last: i32, is_checked: bool },
}

/// Which databases a command concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant's text says what its fields are")]
pub enum Databases {
    /// The selected one, if it is about keys or data.
    Selected,
    /// Those that these arguments name; and the selected one, if it has keys.
    At(&'static [usize]),
    /// Those behind the word DB among the arguments after `after`, and the selected one.
    Option { after: usize },
    /// All.
    All,
}

/// What a command does with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reads the value.
    Read,
    /// Reads nothing of the value but what kind it is or whether it is there.
    Look,
    /// Reads and updates it.
    Update,
    /// Reads and removes it.
    Take,
    /// Replaces it without reading.
    Overwrite,
    /// Replaces it and gives back what it was.
    Exchange,
    /// Adds to it.
    Insert,
    /// Reads it and adds to it.
    Absorb,
    /// Reads it, and may change how it is kept.
    Refresh,
    /// Makes it where there is none.
    Create,
    /// Changes a part of it without reading.
    Patch,
    /// Removes it.
    Remove,
    /// Removes parts of it, and it with the last one.
    Shrink,
    /// Changes what is stored beside the value.
    Touch,
}

impl Access {
    /// The flags of a key specification, as COMMAND INFO prints them.
    pub fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Read => &["RO", "access"],
            Self::Look => &["RO"],
            Self::Update => &["RW", "access", "update"],
            Self::Take => &["RW", "access", "delete"],
            Self::Overwrite => &["OW", "update"],
            Self::Exchange => &["RW", "access", "update"],
            Self::Insert => &["RW", "insert"],
            Self::Absorb => &["RW", "access", "insert"],
            Self::Refresh => &["RW", "access"],
            Self::Create => &["OW", "insert"],
            Self::Patch => &["RW", "update"],
            Self::Remove => &["RM", "delete"],
            Self::Shrink => &["RW", "delete"],
            Self::Touch => &["RW", "update"],
        }
    }

    /// What a user must be permitted to do with the key. To look at it takes no permission but that some pattern of the
    /// user matches it.
    pub fn permission(self) -> Permission {
        let reads = self.flags().contains(&"access");
        let writes = self.flags().iter().any(|flag| matches!(*flag, "insert" | "update" | "delete"));
        match (reads, writes) {
            (false, false) => Permission::NONE,
            (true, false) => Permission::READ,
            (false, true) => Permission::WRITE,
            (true, true) => Permission::BOTH,
        }
    }
}

/// A set of flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(pub u32);

impl Flags {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// Changes data.
    pub const WRITE: Self = Self(1);
    /// Reads data only.
    pub const READONLY: Self = Self(1 << 1);
    /// Refused when memory is short.
    pub const DENYOOM: Self = Self(1 << 2);
    /// For administrators.
    pub const ADMIN: Self = Self(1 << 3);
    /// Not from scripts.
    pub const NOSCRIPT: Self = Self(1 << 4);
    /// Served while data is loaded.
    pub const LOADING: Self = Self(1 << 5);
    /// Served by a replica without its primary.
    pub const STALE: Self = Self(1 << 6);
    /// Takes constant or logarithmic time.
    pub const FAST: Self = Self(1 << 7);
    /// Served before authentication.
    pub const NO_AUTH: Self = Self(1 << 8);
    /// Served while a script is busy.
    pub const ALLOW_BUSY: Self = Self(1 << 9);
    /// Not inside a transaction.
    pub const NO_MULTI: Self = Self(1 << 10);
    /// Not shown to MONITOR.
    pub const SKIP_MONITOR: Self = Self(1 << 11);
    /// Not in the slow log.
    pub const SKIP_SLOWLOG: Self = Self(1 << 12);
    /// Only where `enable-debug-command` and the like allow it.
    pub const PROTECTED: Self = Self(1 << 13);
    /// Known to Sentinel.
    pub const SENTINEL: Self = Self(1 << 14);
    /// Runs with nothing locked and takes what it needs by itself.
    pub const ALONE: Self = Self(1 << 15);
    /// Not during an asynchronous load.
    pub const NO_ASYNC_LOADING: Self = Self(1 << 16);
    /// Dangerous although neither administrative nor a write.
    pub const DANGEROUS: Self = Self(1 << 17);
    /// About publishing and subscribing.
    pub const PUBSUB: Self = Self(1 << 18);
    /// Has an effect that replicas must see although it changes no data, so a pause of writes holds it back.
    pub const MAY_REPLICATE: Self = Self(1 << 19);
    /// Answers with pushes, which CLIENT REPLY does not silence.
    pub const PUSHES: Self = Self(1 << 20);
    /// Allowed to a client of RESP2 that is subscribed.
    pub const SUBSCRIBED: Self = Self(1 << 21);
    /// Its keys may be none.
    pub const NO_MANDATORY_KEYS: Self = Self(1 << 22);
    /// May have to wait for a key or for the log.
    pub const BLOCKING: Self = Self(1 << 23);
    /// For keys of slots that are on their way to this node of a cluster.
    pub const ASKING: Self = Self(1 << 24);
    /// With more arguments than it needs it takes the locks of its keys itself, like [`Flags::ALONE`].
    pub const ALONE_WITH_MORE: Self = Self(1 << 25);

    /// May run a script, which may take for ever: the other clients of its worker are served meanwhile. It runs alone.
    pub const RUNS_SCRIPTS: Self = Self(1 << 25);

    /// Both sets together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The names that COMMAND INFO prints.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        const NAMES: &[(Flags, &str)] = &[
            (Flags::WRITE, "write"),
            (Flags::READONLY, "readonly"),
            (Flags::DENYOOM, "denyoom"),
            (Flags::ADMIN, "admin"),
            (Flags::PUBSUB, "pubsub"),
            (Flags::NOSCRIPT, "noscript"),
            (Flags::BLOCKING, "blocking"),
            (Flags::LOADING, "loading"),
            (Flags::STALE, "stale"),
            (Flags::SKIP_MONITOR, "skip_monitor"),
            (Flags::SKIP_SLOWLOG, "skip_slowlog"),
            (Flags::ASKING, "asking"),
            (Flags::FAST, "fast"),
            (Flags::NO_AUTH, "no_auth"),
            (Flags::ALLOW_BUSY, "allow_busy"),
            (Flags::NO_MULTI, "no_multi"),
            (Flags::NO_ASYNC_LOADING, "no_async_loading"),
            (Flags::NO_MANDATORY_KEYS, "no_mandatory_keys"),
        ];
        NAMES.iter().filter(move |(flag, _)| self.has(*flag)).map(|(_, name)| *name)
    }
}

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
    /// Its arguments in the notation of the documentation: `key value [NX | XX] [EX seconds]`.
    pub syntax: &'static str,
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

    /// Whether it is run with nothing locked, since it takes locks by itself, with a number of arguments (the name included).
    #[inline]
    pub fn runs_alone(&self, count: usize) -> bool {
        let has_more = count > self.arity.unsigned_abs() as usize;
        self.flags.has(Flags::ALONE) || self.flags.has(Flags::ALONE_WITH_MORE) && has_more
    }

    /// Whether it must be run with everything locked, if it cannot take locks by itself.
    pub fn needs_everything(&self, args: &Args<'_>) -> bool {
        let names_its_keys = match self.keys {
            // A script may ask for keys that it has not named.
            Keys::Counted { .. } | Keys::TargetAndCounted { .. } => self.group != Group::Scripting,
            Keys::Sorted { .. } => !(2..args.len()).any(|at| args.is(at, "BY") || args.is(at, "GET")),
            Keys::TargetAndSources { .. } | Keys::Range { .. } | Keys::Pair { .. } => true,
            _ => false,
        };
        self.flags.has(Flags::ALONE) && !names_its_keys
    }

    /// Calls `each` with the position of every key in the arguments and what is done with it. Arguments that do not
    /// name their keys rightly name none; the handler refuses them.
    pub fn for_each_key(&self, args: &Args<'_>, mut each: impl FnMut(usize, Access)) {
        let count = args.len();
        match self.keys {
            Keys::None => {}
            Keys::Range { first, last, step, access } => {
                let last = if last < 0 { count as i64 + i64::from(last) } else { i64::from(last) };
                let end = (last + 1).clamp(0, count as i64) as usize;
                (first..end).step_by(step).for_each(|at| each(at, access));
            }
            Keys::Counted { at, step, access } => {
                counted(args, at, step).for_each(|at| each(at, access));
            }
            Keys::Pair { first, second } => {
                for (at, access) in [(1, first), (2, second)] {
                    if at < count {
                        each(at, access);
                    }
                }
            }
            Keys::Sorted { stores } => {
                each(1, Access::Read);
                if let Some(at) = stores.then(|| sort_target(args)).flatten() {
                    each(at, Access::Overwrite);
                }
            }
            Keys::TargetAndSources { target, access } => {
                for at in target..count {
                    each(at, if at == target { access } else { Access::Read });
                }
            }
            Keys::TargetAndCounted { at, access } => {
                let sources = counted(args, at, 1);
                if sources.len() > 0 {
                    each(1, access);
                }
                sources.for_each(|at| each(at, Access::Read));
            }
            Keys::SourceAndOptions { words, after, access } => {
                if count > 1 {
                    each(1, Access::Read);
                }
                let mut at = after;
                while at + 1 < count {
                    let is_option = words.iter().any(|word| args.is(at, word));
                    if is_option {
                        each(at + 1, access);
                    }
                    at += 1 + usize::from(is_option);
                }
            }
            Keys::Migrated => keys_to_migrate(args).for_each(|at| each(at, Access::Take)),
            Keys::Streams { .. } => {
                let first = word_streams(args).map_or(count, |word| word + 1);
                if (count - first).is_multiple_of(2) {
                    (first..first + (count - first) / 2).for_each(|at| each(at, Access::Read));
                }
            }
        }
    }
}

/// The positions of as many keys as the argument at `at` says, in steps; none if there is no room for them.
fn counted(args: &Args<'_>, at: usize, step: usize) -> impl ExactSizeIterator<Item = usize> + use<> {
    let room = args.len().saturating_sub(at + 1);
    let keys = args.get_optional(at).and_then(stdx::number::parse_i64);
    let keys = keys.and_then(|keys| usize::try_from(keys).ok());
    let fits = |keys: &usize| keys.checked_mul(step).is_some_and(|needed| needed <= room);
    (0..keys.filter(fits).unwrap_or(0)).map(move |key| at + 1 + key * step)
}

/// Where the keys of MIGRATE stand. What stands behind a word of a login is no option.
pub(crate) fn keys_to_migrate(args: &Args<'_>) -> std::ops::Range<usize> {
    if args.get_optional(3).is_some_and(|key| !key.is_empty()) {
        return 3..4;
    }
    let mut at = 6;
    while at < args.len() && !args.is(at, "KEYS") {
        at += if args.is(at, "AUTH2") { 3 } else { 1 + usize::from(args.is(at, "AUTH")) };
    }
    args.len().min(at + 1)..args.len()
}

/// Where SORT stores its result: behind the last STORE that is no argument of another option.
fn sort_target(args: &Args<'_>) -> Option<usize> {
    let (mut at, mut target) = (2, None);
    while at < args.len() {
        if args.is(at, "LIMIT") {
            at += 2;
        } else if args.is(at, "GET") || args.is(at, "BY") {
            at += 1;
        } else if args.is(at, "STORE") && at + 1 < args.len() {
            target = Some(at + 1);
        }
        at += 1;
    }
    target
}

/// Where the word STREAMS stands behind the options of XREAD and XREADGROUP.
pub(crate) fn word_streams(args: &Args<'_>) -> Option<usize> {
    let mut at = 1;
    while at < args.len() {
        let is = |word| args.is(at, word);
        at += match () {
            () if is("STREAMS") => return Some(at),
            () if is("NOACK") => 1,
            () if ["BLOCK", "COUNT", "MAXCOUNT", "MAXSIZE", "CLAIM"].into_iter().any(is) => 2,
            () if is("GROUP") => 3,
            () => return None,
        };
    }
    None
}
