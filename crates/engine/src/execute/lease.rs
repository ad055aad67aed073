//! The locks of a group of requests: their keys are gathered, their shards locked in one go and brought near.
//!
//! Locking once for a group is cheapest while workers seldom meet. But sixteen shards held for a whole group are met often when there are
//! many workers, and whoever waits for one of his sixteen holds the others meanwhile: from eight workers on, more of them get
//! no more done. So nobody waits for a group. If one of its shards is another's, the keys are brought near under the locks that
//! are free, all are dropped, and each request locks what it needs itself, for as long as it runs; so do the groups that follow, for a while.

use keyspace::{Busy, DbIndex, Target};
use stdx::word::is_equal;

use super::request::refuse;
use super::{Environment, GROUP, Prepared, Worker};
use crate::args::Args;
use crate::command::Flags;
use crate::context::Hashed;
use crate::error::Error;
use crate::session::Session;
use crate::table::Row;

/// The keys of the requests that are leased next.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    shards: Vec<usize>,
    /// Those that are brought near.
    targets: Vec<Target>,
    /// Those that are not the first of their request, until it has run.
    pub(super) hashed: Vec<Hashed>,
    /// Whether values of those that are leased may be large.
    pub(super) may_be_large: bool,
}

impl Wanted {
    /// Forgets them. A single request may have had a million.
    fn clear(&mut self) {
        self.targets.clear();
        self.shards.clear();
        self.shards.shrink_to(2 * GROUP);
    }
}

/// A group with so many keys is run: more would push each other out of the cache before they are used.
const ENOUGH: usize = 64;
/// Of a single request that names more keys, so many are brought near.
pub(crate) const MOST_NEAR: usize = 1024;
/// And of so many it is known what they are hashed to, at 24 bytes each, so that those of nearly all requests are hashed once.
const MOST_HASHED: usize = 1 << 18;
/// When a shard of a group was another worker's, the requests of so many groups lock their own.
const GROUPS_APART: u8 = 64;

/// How the requests of a group find their shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lease {
    /// Their shards are locked.
    Together,
    /// They are not: each locks its own.
    Apart,
}

impl Worker<'_> {
    /// Hashes the keys of a request that will be leased with the next group, and asks for their shards. `before` is the one
    /// before it in the group: pipelines often work on one key, which is hashed and asked for once then.
    #[inline]
    pub fn want(
        &mut self,
        prepared: &mut Prepared,
        args: &Args<'_>,
        database: DbIndex,
        before: Option<(&Prepared, Args<'_>)>,
    ) {
        let Some(row) = self.leased_row(prepared, args) else { return };
        // Inside a transaction too: a DISCARD before it in the group may end the transaction before it runs.
        let (access, wanted) = (&self.access, &mut self.wanted);
        let first = args.get_optional(1);
        let shared = before.filter(|(_, other)| match (other.get_optional(1), first) {
            (Some(other), Some(first)) => is_equal(other, first),
            _ => false,
        });
        let shared = shared.and_then(|(other, _)| other.first_key);
        if shared.is_some() && row.command.has_one_key() {
            prepared.first_key = shared;
            return;
        }
        let begin = wanted.hashed.len();
        row.command.for_each_key(args, |at, _| {
            if at == 1 && shared.is_some() {
                prepared.first_key = shared;
                return;
            }
            let key = access.keyspace().key(args.get(at));
            if at == 1 {
                prepared.first_key = Some((key.hash, key.slot));
            } else if wanted.hashed.len() < MOST_HASHED {
                wanted.hashed.push(Hashed { at, hash: key.hash, slot: key.slot });
            }
            let shard = access.shard_of(&key);
            access.prefetch_shard(shard);
            wanted.shards.push(shard);
            if wanted.targets.len() < MOST_NEAR {
                wanted.targets.push(Target { database, shard, hash: key.hash });
            }
        });
        prepared.hashed = begin..wanted.hashed.len();
    }

    /// Whether a group has as many keys as it should.
    #[inline]
    pub fn has_enough(&self) -> bool {
        self.wanted.shards.len() >= ENOUGH
    }

    /// Brings the keys of a group near and locks their shards, if nobody else holds one of them; otherwise each request is to be
    /// run apart.
    pub fn lease(&mut self) -> Lease {
        let Wanted { shards, targets, may_be_large, .. } = &mut self.wanted;
        *may_be_large = false;
        let Some(&first) = shards.first() else { return Lease::Together };
        let is_one = shards.iter().all(|&shard| shard == first);
        let has_all = self.access.lock_free(shards);
        *may_be_large = targets.len() == 1 || self.access.prefetch(targets);
        self.wanted.clear();
        if !is_one {
            self.groups_apart = if has_all { self.groups_apart.saturating_sub(1) } else { GROUPS_APART };
        }
        // Whoever holds one shard holds no other while he waits.
        if has_all && (is_one || self.groups_apart == 0) {
            return Lease::Together;
        }
        self.access.unlock();
        Lease::Apart
    }

    /// Runs one request of a group whose shards are not locked together.
    pub fn run_apart(
        &mut self,
        prepared: &mut Prepared,
        args: &Args<'_>,
        session: &mut Session,
        out: &mut Vec<u8>,
        environment: Environment<'_>,
        started: u64,
    ) -> u64 {
        if self.lease_own(prepared, args).is_ok() {
            return self.run(prepared, args, session, out, environment, started);
        }
        let (shared, begin) = (environment.shared, out.len());
        let error = Error::Static(shared.running.busy_text());
        let statistics = &shared.statistics[self.index];
        refuse(prepared.row.as_ref().ok().copied(), &error, session, out, begin, shared, statistics);
        started
    }

    /// Locks the shards of one request, unless those of the one before it are the same. It waits for them; while a script is busy
    /// that may fail.
    fn lease_own(&mut self, prepared: &mut Prepared, args: &Args<'_>) -> Result<(), Busy> {
        let Some(row) = self.leased_row(prepared, args) else { return Ok(()) };
        let (keyspace, shards) = (self.access.keyspace(), &mut self.wanted.shards);
        let place = |bytes| {
            let key = keyspace.key(bytes);
            (key.hash, key.slot)
        };
        row.command.for_each_key(args, |at, _| {
            if at == 1 {
                let first = prepared.first_key.get_or_insert_with(|| place(args.get(at)));
                shards.push(keyspace.shard_of_slot(first.1));
            } else {
                shards.push(keyspace.shard_of_slot(place(args.get(at)).1));
            }
        });
        let is_held = matches!(shards[..], [only] if self.access.holds_only(only));
        let leased = if is_held || shards.is_empty() {
            Ok(())
        } else {
            self.access.unlock();
            self.access.try_lock(shards)
        };
        self.wanted.clear();
        leased
    }

    /// The command of a request that is leased with its group: it neither takes what it needs by itself, nor is it refused.
    #[inline]
    fn leased_row(&self, prepared: &Prepared, args: &Args<'_>) -> Option<Row> {
        let row = prepared.row.as_ref().ok()?;
        let will_be_refused = !row.command.accepts(args.len())
            || self.beside_script && !row.command.flags.has(Flags::ALLOW_BUSY);
        (!prepared.alone && !will_be_refused).then_some(*row)
    }

    /// Drops the locks of a group that has run.
    pub fn release(&mut self) {
        self.wanted.hashed.clear();
        self.wanted.hashed.shrink_to(MOST_NEAR);
        self.access.unlock();
    }
}
