//! Serving those who wait for keys that are ready.

use std::collections::VecDeque;

use keyspace::Touched;
use smallvec::SmallVec;
use stdx::time::UnixMs;

use super::{End, Name, Waiter};
use crate::admission::{self, Request};
use crate::command::Outcome;
use crate::context::{Context, Tools, tell_observers};
use crate::error::Error;
use crate::execute::{Ran, Written, account_ended, call};
use crate::permission;
use crate::reply::Reply;
use crate::session::Session;
use crate::shared::Shared;
use crate::tracking::Place;

/// Clients served in one go; others get their turn before the rest.
const AT_ONCE: usize = 256;

/// A worker's part: keys that may be ready, and what those have got who waited for them.
#[derive(Debug, Default)]
pub struct Feeder {
    /// Touched by the command that runs, or the transaction, or by time.
    ready: VecDeque<Name>,
    /// Put off until nothing is locked.
    later: VecDeque<Name>,
    answers: Vec<Answer>,
}

/// What a client gets that has waited.
#[derive(Debug)]
pub struct Answer {
    /// The client.
    pub to: Place,
    /// The number of its wait.
    pub waiter: u64,
    /// The reply, and what follows it.
    pub bytes: Vec<u8>,
    /// Whether its connection is closed behind it.
    pub closes: bool,
}

impl Feeder {
    /// Notes what was touched and is waited for. The shards of the touched keys are locked, or nobody has begun to wait for
    /// them since.
    pub(crate) fn note(&mut self, shared: &Shared, touched: &[Touched]) {
        for touched in touched {
            match touched {
                Touched::Key(database, key) | Touched::Expired(database, key) => {
                    let shard = shared.keyspace.shard_of(&shared.keyspace.key(key));
                    if shared.keyspace.is_awaited(shard) {
                        let name = (*database, key.clone());
                        if shared.blocking.is_awaited(shard, &name) && self.ready.back() != Some(&name) {
                            self.ready.push_back(name);
                        }
                    }
                }
                Touched::Database(database) => {
                    self.ready.extend(shared.blocking.names(shared, Some(*database)));
                }
                Touched::All => self.ready.extend(shared.blocking.names(shared, None)),
            }
        }
    }

    /// Sets aside what the command that runs has made ready, while others run in between.
    pub(crate) fn set_aside(&mut self) -> VecDeque<Name> {
        std::mem::take(&mut self.ready)
    }

    /// Takes it back. What the others have left is put off.
    pub(crate) fn take_back(&mut self, ready: VecDeque<Name>) {
        let others = std::mem::replace(&mut self.ready, ready);
        self.later.extend(others);
    }

    /// Whether some keys were put off, or became ready when nobody's command ran.
    #[inline]
    pub fn has_later(&self) -> bool {
        !self.later.is_empty() || !self.ready.is_empty()
    }

    /// Whether somebody has been served.
    #[inline]
    pub fn has_answers(&self) -> bool {
        !self.answers.is_empty()
    }

    /// What has been got since the last call, in that order.
    pub fn take_answers(&mut self) -> Vec<Answer> {
        std::mem::take(&mut self.answers)
    }
}

/// What became of a waiter.
enum Fed {
    /// It is answered.
    Served,
    /// The key does not have what it wants, or somebody else serves it.
    Passed,
    /// What it needs is locked by somebody else.
    Contended,
}

impl Context<'_, '_> {
    /// Serves those who wait for what the command, or the transaction, has made ready, as far as it is locked.
    #[inline]
    pub(crate) fn feed(&mut self) {
        if self.feeder.ready.is_empty() {
            return;
        }
        let own = self.invalidations.set_own_aside();
        self.tools().0.serve_ready();
        self.invalidations.take_own_back(own);
    }
}

impl<'k> Tools<'_, 'k> {
    /// Serves those whose keys are ready, and those whose keys became ready by that.
    fn serve_ready(&mut self) {
        let mut left = AT_ONCE;
        while let Some(name) = self.feeder.ready.pop_front() {
            if !self.serve(&name, &mut left) {
                self.feeder.later.push_back(name);
            }
            // The look-up may have met a key that was due.
            tell_observers(self.shared, self.access, (self.invalidations, self.feeder), None);
        }
    }

    /// Looks at a waiter whom time may have made ready; returns when it is to be looked at again if it was not served.
    /// Nothing is locked.
    pub(crate) fn look_again(&mut self, waiter: &Waiter) -> Option<UnixMs> {
        let mut shards: SmallVec<[usize; 8]> = waiter.keys.iter().map(|key| key.shard).collect();
        shards.extend(waiter.other_shards(self.shared));
        if self.access.try_lock(&mut shards).is_err() {
            return Some(self.access.now()); // a busy script holds one of them
        }
        self.feeder.ready.extend(waiter.keys.iter().map(|key| key.name.clone()));
        self.serve_ready();
        let look_again = waiter.wait.look_again.filter(|_| waiter.end().is_none());
        let next = look_again.and_then(|look_again| {
            let mut session = waiter.facts.session(self.shared);
            look_again(&mut self.context(waiter, &mut session), &waiter.args.as_args())
        });
        self.access.unlock();
        next
    }

    /// A context for the command of a waiter.
    fn context<'a>(&'a mut self, waiter: &Waiter, session: &'a mut Session) -> Context<'a, 'k> {
        let context = Context::new(self.lend(), session, waiter.row);
        Context { is_served: true, ..context }
    }

    /// Serves those who were put off, each key once, and those whose keys have gone without a command, since they were due or
    /// evicted. Nothing is locked.
    pub(crate) fn serve_later(&mut self) {
        self.feeder.later.append(&mut self.feeder.ready);
        for _ in 0..self.feeder.later.len() {
            let Some(name) = self.feeder.later.pop_front() else { return };
            let shard = self.shared.keyspace.shard_of(&self.shared.keyspace.key(&name.1));
            let first = self.shared.blocking.first(shard, &name);
            let mut shards: SmallVec<[usize; 8]> =
                first.iter().flat_map(|waiter| waiter.other_shards(self.shared)).collect();
            shards.push(shard);
            if self.access.try_lock(&mut shards).is_err() {
                self.feeder.later.push_back(name); // a busy script holds one of them
                continue;
            }
            self.feeder.ready.push_back(name);
            self.serve_ready();
            self.access.unlock();
        }
    }

    /// Serves those who wait for a key, in their order. False: some have to wait until nothing is locked.
    fn serve(&mut self, name: &Name, left: &mut usize) -> bool {
        let key = self.shared.keyspace.key(&name.1);
        let shard = self.access.shard_of(&key);
        if !self.access.holds(shard) {
            return false;
        }
        // If it is due by now, it goes by itself: what made it ready is over.
        self.access.start_unit();
        let mut passed = 0;
        loop {
            let kind = self.access.db(name.0).kind(&key);
            let Some(waiter) = self.shared.blocking.next(shard, name, kind, passed) else { return true };
            if *left == 0 {
                return false;
            }
            match self.feed(&waiter, name) {
                Fed::Served => *left -= 1,
                Fed::Passed => {}
                Fed::Contended => return false,
            }
            passed = waiter.id;
        }
    }

    /// Serves one waiter if its key has what it wants.
    fn feed(&mut self, waiter: &Waiter, name: &Name) -> Fed {
        let Some(at) = waiter.position(name) else { return Fed::Passed };
        let shared = self.shared;
        let args = waiter.args.as_args();
        let mut session = waiter.facts.session(shared);
        let mut context = self.context(waiter, &mut session);
        if waiter.wait.ready.is_some_and(|ready| !ready(&mut context, &args, at)) {
            return Fed::Passed;
        }
        if !waiter.other_shards(shared).into_iter().all(|shard| context.access.try_hold(shard)) {
            return Fed::Contended;
        }
        if !waiter.claim(End::Served) {
            return Fed::Passed;
        }
        shared.blocking.leave(&shared.keyspace, waiter);
        let mut bytes = Vec::new();
        run(&mut context, waiter, &mut bytes);
        if waiter.facts.is_silent {
            bytes.clear();
        }
        self.invalidations.write_own(&mut session, &mut bytes, shared);
        let (to, closes) = (waiter.place(), session.closing);
        self.feeder.answers.push(Answer { to, waiter: waiter.id, bytes, closes });
        Fed::Served
    }
}

/// Runs the command of a waiter, which is claimed.
fn run(context: &mut Context<'_, '_>, waiter: &Waiter, out: &mut Vec<u8>) {
    let args = waiter.args.as_args();
    if let Err(error) = check(context, waiter) {
        Reply::new(out, context.session.protocol).error(error.to_string());
        if let Some(statistics) = context.shared.statistics.get(context.access.worker().0) {
            statistics.rejected(waiter.row.index);
            statistics.answered_error(out);
        }
        return;
    }
    let started = (context.shared.clock)();
    context.access.start_unit();
    let mut reply = Reply::new(out, context.session.protocol);
    let failed = call(context, &args, &mut reply);
    context.tell_observers();
    context.remember_keys(&args);
    let took = (context.shared.clock)().saturating_sub(started);
    account_ended(context, &waiter.row, &args, Ran::alone(took, failed), Written::whole(out.len()));
}

/// Whether the command may run now: rules and circumstances may have changed since it began to wait.
fn check(context: &Context<'_, '_>, waiter: &Waiter) -> Outcome {
    let args = waiter.args.as_args();
    let (session, shared) = (&*context.session, context.shared);
    let (row, out_of_memory) = (&waiter.row, context.out_of_memory);
    let result =
        admission::check(&Request { row, args: &args, session, shared, out_of_memory, beside_script: false });
    if let Err(Error::NoPermission(denial, _)) = &result {
        let place = permission::place_of(session);
        permission::note_refusal(session, shared, (row, &args), *denial, place, context.access.now());
    }
    result
}
