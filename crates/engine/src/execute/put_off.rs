//! The ends of requests that could not be answered at once: what was computed, awaited or brought to another server.

use keyspace::Garbage;
use stdx::time::UnixMs;

use super::call::guarded;
use super::{Environment, Ran, Worker, Written, account_ended};
use crate::blocking::Waiter;
use crate::computing::Computing;
use crate::context::{Context, tell_observers};
use crate::error::Error;
use crate::host::Host;
use crate::migration::Arrival;
use crate::reply::Reply;
use crate::session::Session;
use crate::shared::Shared;
use crate::slices::Progress;

/// What MIGRATE is answered when a key here is not any more what has arrived elsewhere.
const CHANGED_MEANWHILE: &str =
    "ERR a key has changed while it was on its way; it stays here, and the target instance has what it was";

impl Worker<'_> {
    /// Ends what a connection has computed, or lets it begin anew. Inside a batch, with nothing locked.
    pub fn finish_computing(
        &mut self,
        session: &mut Session,
        out: &mut Vec<u8>,
        (shared, host): (&Shared, &dyn Host),
    ) {
        let Some(mut computing) = session.computing.take() else { return };
        let (begin, started, row) = (out.len(), (shared.clock)(), computing.row);
        let Computing { computation, args, took, .. } = &mut *computing;
        let args = args.as_args();
        if session.login.is_outdated(&shared.accounts) {
            session.login.refresh(&shared.accounts);
        }
        let mut is_done = true;
        // Rules and circumstances may have changed since the command came.
        if !self.is_refused(&row, &args, session, out, begin, shared) {
            self.access.start_unit();
            let mut environment = Environment { shared, host, meanwhile: None };
            let (tools, slices) = self.tools(&mut environment);
            let mut context = Context::new(tools, session, row);
            let mut reply = Reply::sliced(out, context.session.protocol, slices);
            let failed = guarded(&mut context, &mut reply, |context, reply| {
                is_done = computation.finish(context, &args, reply)? == Progress::Done;
                Ok(())
            });
            context.tell_observers();
            context.access.unlock(); // it may have panicked
            context.feed();
            let took = *took + (shared.clock)().saturating_sub(started);
            if is_done {
                let written = Written::since(begin, out.len(), slices, 0);
                account_ended(&context, &row, &args, Ran::alone(took, failed), written);
            }
        }
        if !is_done {
            session.computing = Some(computing);
            return;
        }
        if computing.is_silent {
            out.truncate(begin);
            self.slices.truncate(begin);
        }
        self.access.free_later(Garbage::other(computing));
        self.invalidations.write_own(session, out, shared);
    }

    /// Serves those who could not be served behind the command that made their keys ready. Nothing is locked.
    pub fn feed_later(&mut self, shared: &Shared, host: &dyn Host) {
        self.access.want_events(shared.notifications.wanted(&shared.pubsub, None));
        self.tools(&mut Environment { shared, host, meanwhile: None }).0.serve_later();
    }

    /// Looks at a client that waits, whom time may have made ready; returns when it is to be looked at again. Nothing is locked.
    pub fn look_again(&mut self, waiter: &Waiter, shared: &Shared, host: &dyn Host) -> Option<UnixMs> {
        self.tools(&mut Environment { shared, host, meanwhile: None }).0.look_again(waiter)
    }

    /// Removes what has arrived elsewhere and was to move, unless it has changed since. Gives what the client is told; `None`:
    /// a busy script holds something, so it has to be tried again. Called inside a batch, with nothing locked.
    pub fn end_migration(&mut self, arrival: &Arrival, shared: &Shared) -> Option<Result<(), Error>> {
        let Arrival { migration, arrived, failure, .. } = arrival;
        let mut answer = failure.as_ref().map_or(Ok(()), |failure| Err(failure.to_error()));
        if migration.keeps {
            return Some(answer);
        }
        let access = &mut self.access;
        let here = migration.parcels.iter().zip(arrived).filter(|(_, arrived)| **arrived);
        let moved: Vec<_> = here.map(|(parcel, _)| (shared.keyspace.key(&parcel.key), parcel)).collect();
        let mut shards: Vec<usize> = moved.iter().map(|(key, _)| access.shard_of(key)).collect();
        access.try_lock(&mut shards).ok()?;
        access.start_unit();
        access.want_events(shared.notifications.wanted(&shared.pubsub, None));
        let mut db = access.db(migration.from);
        for (key, parcel) in moved {
            let is_same = db.expiry(&key) == Some(parcel.expiry)
                && db.get(&key).is_some_and(|value| value.to_owned().is_same(&parcel.value));
            if is_same {
                db.delete(&key);
            } else if answer.is_ok() && db.contains(&key) {
                answer = Err(Error::Static(CHANGED_MEANWHILE));
            }
        }
        tell_observers(shared, access, (&mut self.invalidations, &mut self.feeder), None);
        access.unlock();
        Some(answer)
    }
}
