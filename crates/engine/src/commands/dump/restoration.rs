//! RESTORE of a long payload: its value is made in steps, while the connection waits, and installed under the lock of the key.
//!
//! Whether the key may get it is looked at before, so that nobody works in vain, and again when the value is there.

use super::{Options, check, install, refuse};
use crate::args::Args;
use crate::computing::Computation;
use crate::context::Context;
use crate::error::Error;
use crate::host::{BadPayload, Restored, Restoring};
use crate::reply::Reply;
use crate::slices::Progress;

/// See the module's text.
#[derive(Debug)]
pub(super) struct Restoration {
    options: Options,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Making(Box<dyn Restoring>),
    Made(Result<Restored, BadPayload>),
    Installed,
}

impl Restoration {
    pub(super) fn new(options: Options, restoring: Box<dyn Restoring>) -> Self {
        Self { options, stage: Stage::Making(restoring) }
    }
}

impl Computation for Restoration {
    fn step(&mut self, args: &Args<'_>) -> Progress {
        let Stage::Making(restoring) = &mut self.stage else { return Progress::Done };
        let Some(made) = restoring.step(args.get(3)).transpose() else { return Progress::More };
        self.stage = Stage::Made(made);
        Progress::Done
    }

    fn finish(
        &mut self,
        ctx: &mut Context<'_, '_>,
        args: &Args<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<Progress, Error> {
        let Self { options, stage } = self;
        ctx.with_shards(&mut ctx.shards_of(args), |ctx| {
            let ttl = check(ctx, args, options)?;
            if let Stage::Made(made) = std::mem::replace(stage, Stage::Installed) {
                let made = made.map_err(|bad| refuse(ctx, bad))?;
                install(ctx, args, options, ttl, made, reply)?;
            }
            Ok(Progress::Done)
        })
    }
}
