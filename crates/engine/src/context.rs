//! What a handler sees besides its arguments.
//!
//! ```text
//!   the worker's parts + what all share ─► Tools ─┬─► Context ─► handler
//!                      session, the command's row ┘
//! ```

use std::sync::atomic::Ordering;

use keyspace::{Access, Db, DbIndex, Key, Target, Wanted};
use smallvec::SmallVec;
use stdx::time::UnixMs;

use crate::args::Args;
use crate::blocking::Feeder;
use crate::command::Flags;
use crate::execute::MOST_NEAR;
use crate::host::Host;
use crate::pubsub::Desk;
use crate::scripting::{Interpreters, Meanwhile};
use crate::session::Session;
use crate::shared::Shared;
use crate::table::Row;
use crate::tracking::{Invalidations, Place, Writer};

/// So many keys are brought near together.
const STAGED: usize = 16;

/// What is known of a key that stands among a request's arguments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hashed {
    /// Its index.
    pub(crate) at: usize,
    pub(crate) hash: u64,
    pub(crate) slot: u16,
}

impl Hashed {
    fn of(self, bytes: &[u8]) -> Key<'_> {
        Key { bytes, hash: self.hash, slot: self.slot }
    }
}

/// What all commands of a worker work with, whoever has sent them.
pub(crate) struct Tools<'c, 'k> {
    pub(crate) access: &'c mut Access<'k>,
    pub(crate) shared: &'c Shared,
    pub(crate) host: &'c dyn Host,
    pub(crate) invalidations: &'c mut Invalidations,
    pub(crate) desk: &'c mut Desk,
    pub(crate) interpreters: &'c mut Interpreters,
    pub(crate) feeder: &'c mut Feeder,
    pub(crate) meanwhile: Option<Meanwhile<'c>>,
    /// Whether no more memory may be used.
    pub(crate) out_of_memory: bool,
}

impl<'k> Tools<'_, 'k> {
    /// The same for somebody who gives them back.
    pub(crate) fn lend(&mut self) -> Tools<'_, 'k> {
        let Self { access, shared, host, invalidations, desk, interpreters, feeder, .. } = self;
        let (host, meanwhile, out_of_memory) = (*host, again(&mut self.meanwhile), self.out_of_memory);
        Tools { access, shared, host, invalidations, desk, interpreters, feeder, meanwhile, out_of_memory }
    }
}

/// Lends what is lent already.
pub(crate) fn again<'s>(meanwhile: &'s mut Option<Meanwhile<'_>>) -> Option<Meanwhile<'s>> {
    match meanwhile {
        Some(meanwhile) => Some(&mut **meanwhile),
        None => None,
    }
}

/// See the module's text.
pub struct Context<'c, 'k> {
    /// The worker's access to the keyspace; the shards of the command's keys are locked.
    pub access: &'c mut Access<'k>,
    /// The connection's state.
    pub session: &'c mut Session,
    /// What all workers share.
    pub shared: &'c Shared,
    /// The machine.
    pub host: &'c dyn Host,
    /// What the worker has to tell clients that cache.
    pub invalidations: &'c mut Invalidations,
    /// What the worker's clients are subscribed to, and what is published to others.
    pub desk: &'c mut Desk,
    /// What runs the worker's scripts.
    pub interpreters: &'c mut Interpreters,
    /// Keys that others wait for and that may be there now.
    pub feeder: &'c mut Feeder,
    /// Serves the worker's other clients if the command takes long.
    pub(crate) meanwhile: Option<Meanwhile<'c>>,
    /// The command's row.
    pub row: Row,
    /// Whether the command runs inside a transaction, with everything it needs locked already.
    pub in_transaction: bool,
    /// Whether no more memory may be used, as the command found it.
    pub(crate) out_of_memory: bool,
    /// Whether the command is one that waited and is answered now; see [`mod@crate::blocking`].
    pub is_served: bool,
    /// The hash and slot of the first key, if it is known already.
    pub(crate) first_key: Option<(u64, u16)>,
    /// Others of the command's keys that are known, by their index.
    pub(crate) hashed: &'c [Hashed],
    /// Whether the error with which the command answers is one of another command, and so has been counted already.
    pub(crate) error_is_counted: bool,
}

impl<'c, 'k> Context<'c, 'k> {
    /// For a command that has come by itself.
    pub(crate) fn new(tools: Tools<'c, 'k>, session: &'c mut Session, row: Row) -> Self {
        let Tools { access, shared, host, invalidations, desk, interpreters, feeder, .. } = tools;
        let (meanwhile, out_of_memory) = (tools.meanwhile, tools.out_of_memory);
        Self {
            access,
            session,
            shared,
            host,
            invalidations,
            desk,
            interpreters,
            feeder,
            meanwhile,
            row,
            in_transaction: false,
            out_of_memory,
            is_served: false,
            first_key: None,
            hashed: &[],
            error_is_counted: false,
        }
    }
}

impl<'k> Context<'_, 'k> {
    /// A key argument.
    #[inline]
    pub fn key<'a>(&self, args: &Args<'a>, index: usize) -> Key<'a> {
        let bytes = args.get(index);
        match self.first_key {
            Some((hash, slot)) if index == 1 => Key { bytes, hash, slot },
            _ => self
                .hashed_at(index)
                .map_or_else(|| self.shared.keyspace.key(bytes), |hashed| hashed.of(bytes)),
        }
    }

    /// What is known of the key at an index that is not the first one. Most keys stand side by side, or with a value between them.
    #[inline]
    fn hashed_at(&self, index: usize) -> Option<Hashed> {
        let behind = index.checked_sub(self.hashed.first()?.at)?;
        let guesses = [behind / 2, behind].into_iter().filter_map(|place| self.hashed.get(place));
        if let Some(hashed) = { guesses }.find(|hashed| hashed.at == index) {
            return Some(*hashed);
        }
        let place = self.hashed.binary_search_by_key(&index, |hashed| hashed.at).ok()?;
        Some(self.hashed[place])
    }

    /// A key argument of a command that goes through its keys, of which the first is the first argument and the others follow at every
    /// `step`th. Of a request with many keys only the first ones are near when it runs; the others are brought near a few at a time.
    #[inline]
    pub(crate) fn key_in_turn<'a>(&self, args: &Args<'a>, index: usize, step: usize) -> Key<'a> {
        let place = (index - 1) / step;
        if place >= MOST_NEAR && place.is_multiple_of(STAGED) {
            self.bring_near(args, (index..args.len()).step_by(step).take(STAGED));
        }
        self.key(args, index)
    }

    /// Brings near what the keys need that some arguments name. Their shards are locked.
    #[inline(never)]
    fn bring_near(&self, args: &Args<'_>, indices: impl Iterator<Item = usize>) {
        let targets: SmallVec<[Target; STAGED]> = indices
            .map(|index| {
                let key = self.key(args, index);
                Target { database: self.session.database, shard: self.access.shard_of(&key), hash: key.hash }
            })
            .collect();
        self.access.prefetch(&targets);
    }

    /// A key by its bytes.
    pub fn key_of<'a>(&self, bytes: &'a [u8]) -> Key<'a> {
        self.shared.keyspace.key(bytes)
    }

    /// The selected database.
    #[inline]
    pub fn db(&mut self) -> Db<'_, 'k> {
        self.access.db(self.session.database)
    }

    /// Another database.
    pub fn database(&mut self, index: DbIndex) -> Db<'_, 'k> {
        self.access.db(index)
    }

    /// The time of the batch.
    pub fn now(&self) -> UnixMs {
        self.access.now()
    }

    /// The clock of the wall in microseconds. It stands still within a transaction or script, from the first look on.
    pub(crate) fn unix_us(&mut self) -> u64 {
        let now = || self.host.unix_us();
        if self.in_transaction { *self.session.time_us.get_or_insert_with(now) } else { now() }
    }

    /// Runs `body` with everything locked; inside a transaction that did so already, at once.
    pub fn with_everything<R>(&mut self, body: impl FnOnce(&mut Access<'k>) -> R) -> R {
        let Self { access, session, shared, invalidations, feeder, .. } = self;
        access.with_everything(|access| {
            let result = body(access);
            tell_observers(shared, access, (invalidations, feeder), Some(session));
            result
        })
    }

    /// Runs `body` with a context for which everything is locked; inside a transaction or script that did so already, at once.
    pub(crate) fn exclusively<R>(&mut self, body: impl FnOnce(&mut Context<'_, 'k>) -> R) -> R {
        let Self { row, in_transaction, is_served, .. } = *self;
        let (tools, session) = self.tools();
        let Tools { access, shared, host, invalidations, desk, interpreters, feeder, .. } = tools;
        let (mut meanwhile, out_of_memory) = (tools.meanwhile, tools.out_of_memory);
        // The access is lent to the closure and back; everything else goes along.
        access.with_everything(|access| {
            let meanwhile = again(&mut meanwhile);
            let tools = Tools {
                access,
                shared,
                host,
                invalidations,
                desk,
                interpreters,
                feeder,
                meanwhile,
                out_of_memory,
            };
            body(&mut Context { in_transaction, is_served, ..Context::new(tools, session, row) })
        })
    }

    /// Runs `body` with the shard of a key locked, for a command that otherwise runs with nothing locked; inside a
    /// transaction everything is.
    pub fn with_key<R>(&mut self, key: &Key<'_>, body: impl FnOnce(&mut Self) -> R) -> R {
        let mut shards = [self.access.shard_of(key)];
        self.with_shards(&mut shards, body)
    }

    /// The same with some shards.
    pub fn with_shards<R>(&mut self, shards: &mut [usize], body: impl FnOnce(&mut Self) -> R) -> R {
        if self.in_transaction {
            return body(self);
        }
        self.access.lock(shards);
        let result = body(self);
        self.tell_observers();
        self.access.unlock();
        result
    }

    /// What the command works with, for others in between, and its session.
    pub(crate) fn tools(&mut self) -> (Tools<'_, 'k>, &mut Session) {
        let Self { access, shared, host, invalidations, desk, interpreters, feeder, .. } = self;
        let (host, meanwhile, out_of_memory) = (*host, again(&mut self.meanwhile), self.out_of_memory);
        let tools = Tools {
            access,
            shared,
            host,
            invalidations,
            desk,
            interpreters,
            feeder,
            meanwhile,
            out_of_memory,
        };
        (tools, self.session)
    }

    /// Tells those who watch, cache or wait what the command has touched, while its shards are locked.
    #[inline]
    pub(crate) fn tell_observers(&mut self) {
        tell_observers(self.shared, self.access, (self.invalidations, self.feeder), Some(self.session));
    }

    /// Lets the keyspace tell what the command does to keys, if somebody listens. What a file brings back is told to nobody.
    #[inline]
    pub(crate) fn want_events(&mut self) {
        let wanted = self.shared.notifications.wanted(&self.shared.pubsub, Some(self.row.index));
        self.access.want_events(if self.session.is_loader { Wanted::default() } else { wanted });
    }

    /// Remembers which keys the client has read if it caches them. Their shards are locked. The keys that a script declares do not
    /// count: it need not read them, and the commands that do are asked about by themselves.
    #[inline]
    pub(crate) fn remember_keys(&mut self, args: &Args<'_>) {
        if let Some(mode) = &self.session.tracking
            && mode.remembers()
            && self.row.command.flags.has(Flags::READONLY)
            && !self.row.command.flags.has(Flags::RUNS_SCRIPTS)
        {
            let place = Place::of(&self.session.record);
            let shared = self.shared;
            self.row.command.for_each_key(args, |at, _| {
                shared.tracking.remember(&shared.keyspace.key(args.get(at)), place);
            });
            self.trim_remembered();
        }
    }

    /// Drops remembered keys that are too many, and tells their clients.
    pub(crate) fn trim_remembered(&mut self) {
        let limit = self.shared.hot.tracking_keys.load(Ordering::Relaxed);
        self.invalidations.trim(&self.shared.tracking, limit, &mut self.access.rng);
    }
}

/// Tells those who watch, cache or wait what was touched by a client, or by time.
#[inline]
pub(crate) fn tell_observers(
    shared: &Shared,
    access: &mut Access<'_>,
    heralds: (&mut Invalidations, &mut Feeder),
    session: Option<&Session>,
) {
    if access.has_touched() {
        tell_touched(shared, access, heralds, session);
    }
}

fn tell_touched(
    shared: &Shared,
    access: &mut Access<'_>,
    (invalidations, feeder): (&mut Invalidations, &mut Feeder),
    session: Option<&Session>,
) {
    let touched = access.take_touched();
    shared.watchers.notify(&touched);
    shared.lookouts.notify(&touched);
    feeder.note(shared, &touched);
    if shared.tracking.is_used() {
        invalidations.note(&shared.tracking, &shared.keyspace, touched, session.map(Writer::of));
    }
}
