//! The locks of a group of requests: their keys are gathered, their shards locked in one go and brought near.

use keyspace::{Busy, DbIndex, Target};

use super::request::refuse;
use super::{Environment, GROUP, Prepared, Worker};
use crate::args::Args;
use crate::command::Flags;
use crate::error::Error;
use crate::session::Session;

/// The keys of the requests that are leased next.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    shards: Vec<usize>,
    /// Those that are brought near.
    targets: Vec<Target>,
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
        let Ok(row) = &prepared.row else { return };
        let will_be_refused = !row.command.accepts(args.len())
            || self.beside_script && !row.command.flags.has(Flags::ALLOW_BUSY);
        if prepared.alone || will_be_refused {
            return; // it takes what it needs by itself, or nothing
        }
        // Inside a transaction too: a DISCARD before it in the group may end the transaction before it runs.
        let (access, wanted) = (&self.access, &mut self.wanted);
        let shared = before.filter(|(_, other)| other.get_optional(1) == args.get_optional(1));
        let shared = shared.and_then(|(other, _)| other.first_key);
        row.command.for_each_key(args, |at, _| {
            if at == 1 && shared.is_some() {
                prepared.first_key = shared;
                return;
            }
            let key = access.keyspace().key(args.get(at));
            if at == 1 {
                prepared.first_key = Some((key.hash, key.slot));
            }
            let shard = access.shard_of(&key);
            access.prefetch_shard(shard);
            wanted.shards.push(shard);
            if wanted.targets.len() < GROUP {
                wanted.targets.push(Target { database, shard, hash: key.hash });
            }
        });
    }

    /// Locks the shards of a group and brings their keys near. While a script is busy that may fail: then nothing is locked, and
    /// each request is leased alone.
    pub fn lease(&mut self) -> Result<(), Busy> {
        let Wanted { shards, targets } = &mut self.wanted;
        if shards.is_empty() {
            return Ok(());
        }
        let leased = self.access.try_lock(shards);
        if leased.is_ok() && targets.len() > 1 {
            self.access.prefetch(targets);
        }
        targets.clear();
        shards.clear();
        shards.shrink_to(2 * GROUP);
        leased
    }

    /// Runs one request of a group whose shards could not be locked together. Its own may be free.
    pub fn run_apart(
        &mut self,
        prepared: &mut Prepared,
        args: &Args<'_>,
        session: &mut Session,
        out: &mut Vec<u8>,
        environment: Environment<'_>,
        started: u64,
    ) -> u64 {
        self.want(prepared, args, session.database, None);
        let ended = if self.lease().is_ok() {
            self.run(prepared, args, session, out, environment, started)
        } else {
            let (shared, begin) = (environment.shared, out.len());
            let error = Error::Static(shared.running.busy_text());
            let statistics = &shared.statistics[self.index];
            refuse(prepared.row.as_ref().ok().copied(), &error, session, out, begin, shared, statistics);
            started
        };
        self.release();
        ended
    }

    /// Drops the locks of a group.
    pub fn release(&mut self) {
        self.access.unlock();
    }
}
