//! A stored result that depends on many other keys, made without locks.
//!
//! ```text
//!   name     the keys that will be looked up, from a clone of the source ─► a lookout
//!   post it  from now on whoever touches one of them leaves a mark; a snapshot is taken
//!   sort     on the snapshot, step by step
//!   install  with the target locked, unless there is a mark: then anew, and after some attempts with all shards locked
//! ```
//! Whoever changes one of the keys marks the lookout before he gives its lock back. So without a mark nobody has seen a change of
//! what the snapshot has, and the command has done all at the moment of its installation. What is due by then, and was not when the
//! snapshot was taken, counts as if it were still there, unless somebody has removed it.

use std::sync::Arc;

use keyspace::{DbIndex, Garbage, Keyspace, Snapshot};

use super::elements::Source;
use super::lookup::Lookup;
use super::options::Options;
use super::stored::{Making, store};
use super::under_all_locks;
use crate::args::Args;
use crate::computing::{ATTEMPTS, Computation, STEP_ELEMENTS};
use crate::context::Context;
use crate::error::Error;
use crate::lookout::{Lookout, Posted};
use crate::reply::Reply;
use crate::slices::Progress;

/// See the module's text.
#[derive(Debug)]
pub(super) struct Watched {
    source: Source,
    options: Options,
    database: DbIndex,
    keyspace: Arc<Keyspace>,
    stage: Stage,
    /// How often it may begin anew.
    left: usize,
}

#[derive(Debug)]
enum Stage {
    Naming { lookout: Lookout, cursor: u64 },
    Making { posted: Posted, snapshot: Box<Snapshot>, making: Box<Making> },
}

impl Stage {
    fn first(keyspace: &Arc<Keyspace>, database: DbIndex) -> Self {
        Self::Naming { lookout: Lookout::new(Arc::clone(keyspace), database), cursor: 0 }
    }
}

impl Watched {
    pub(super) fn new(ctx: &Context<'_, '_>, source: Source, options: Options) -> Self {
        let (database, keyspace) = (ctx.session.database, Arc::clone(&ctx.shared.keyspace));
        let stage = Stage::first(&keyspace, database);
        Self { source, options, database, keyspace, stage, left: ATTEMPTS - 1 }
    }

    /// Begins with another source, unless that has been too often.
    fn restart(
        &mut self,
        ctx: &mut Context<'_, '_>,
        args: &Args<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<Progress, Error> {
        let Some(left) = self.left.checked_sub(1) else {
            under_all_locks(ctx, args, self.options.clone(), reply)?;
            return Ok(Progress::Done);
        };
        self.left = left;
        let key = ctx.key(args, 1);
        self.source = ctx.with_key(&key, |ctx| Source::again(ctx, &key))?;
        let stage = Stage::first(&self.keyspace, self.database);
        let void = std::mem::replace(&mut self.stage, stage);
        ctx.access.free_later(Garbage::other(Box::new(void)));
        Ok(Progress::More)
    }
}

impl Computation for Watched {
    fn step(&mut self, _: &Args<'_>) -> Progress {
        let Self { source, options, database, keyspace, stage, .. } = self;
        match stage {
            Stage::Naming { lookout, cursor } => {
                *cursor = source.walk(*cursor, STEP_ELEMENTS, &mut |element| {
                    options.keys_of(element).for_each(|key| lookout.add(&key));
                });
                if *cursor == 0 { Progress::Done } else { Progress::More }
            }
            Stage::Making { snapshot, making, .. } => {
                making.step(&mut Lookup::Snapshot(snapshot, *database, keyspace))
            }
        }
    }

    fn finish(
        &mut self,
        ctx: &mut Context<'_, '_>,
        args: &Args<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<Progress, Error> {
        ctx.access.tell_no_misses(); // they were told and counted when the command came
        let key = ctx.key(args, 1);
        if let Stage::Naming { lookout, .. } = &mut self.stage {
            lookout.add(key.bytes);
            let posted = ctx.shared.lookouts.post(lookout.take());
            let snapshot = Box::new(ctx.access.snapshot(|_| ()));
            let source = Source::of_value(snapshot.value(self.database, &key))?;
            if !source.is_same(&self.source) {
                return self.restart(ctx, args, reply);
            }
            let making = Box::new(Making::new(source, self.options.clone()));
            self.stage = Stage::Making { posted, snapshot, making };
            return Ok(Progress::More);
        }
        let target = ctx.key(args, self.options.target.unwrap_or(1));
        let stage = &mut self.stage;
        let is_stored = ctx.with_key(&target, |ctx| {
            let Stage::Making { posted, making, .. } = stage else { return Ok(false) };
            if posted.is_touched() {
                return Ok(false);
            }
            let list = making.take()?;
            // What is got for the elements may depend on the time: fields of hashes are due one day.
            store(ctx, &target, list, reply, |ctx, target, list| ctx.db().set_value(target, list, None));
            Ok::<_, Error>(true)
        })?;
        if is_stored { Ok(Progress::Done) } else { self.restart(ctx, args, reply) }
    }
}
