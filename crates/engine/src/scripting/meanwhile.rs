//! What a busy script leaves to others: the other clients of its worker are served in between.
//!
//! The interpreter stops to ask whether the script may go on, and there the worker runs a turn within its turn. That one has an
//! access to the keyspace of its own ([`keyspace::Access::within`]), since the script keeps its locks, and runs only what is
//! allowed while a script is busy ([`crate::command::Flags::ALLOW_BUSY`]). What there is but once in a worker it borrows.
//!
//! What the script has published and made ready stays with it: it may still be undone, and if not, it is told when the script has
//! ended. What it has invalidated may be told at once: whoever comes to read a key anew finds it locked.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use keyspace::Counters;

use crate::blocking::Feeder;
use crate::context::Context;
use crate::pubsub::{Desk, Mark};
use crate::session::Session;
use crate::tracking::Invalidations;

/// Serves the other clients of a worker. Returns soon.
pub type Meanwhile<'a> = &'a mut dyn FnMut(&mut Lent);

/// What there is but once in a worker, lent by the script that runs.
#[derive(Debug, Default)]
pub struct Lent {
    pub(crate) desk: Desk,
    pub(crate) feeder: Feeder,
    pub(crate) invalidations: Invalidations,
    pub(crate) counters: Counters,
    /// What hears news in the place of the script's session.
    pub stand_in: Option<Session>,
}

impl Context<'_, '_> {
    /// Lets the worker's other clients be served, if that is possible. `published` is where the messages of the script begin among
    /// those that wait.
    pub(crate) fn serve_others(&mut self, published: &mut Mark) {
        let Some(meanwhile) = &mut self.meanwhile else { return };
        let messages = self.desk.set_aside(*published);
        let ready = self.feeder.set_aside();
        let own = self.invalidations.set_own_aside();
        let mut lent = Lent {
            desk: std::mem::take(self.desk),
            feeder: std::mem::take(self.feeder),
            invalidations: std::mem::take(self.invalidations),
            counters: std::mem::take(&mut self.access.counters),
            stand_in: Some(self.session.stand_in()),
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| meanwhile(&mut lent)));
        *self.desk = lent.desk;
        *self.feeder = lent.feeder;
        *self.invalidations = lent.invalidations;
        self.access.counters = lent.counters;
        *published = self.desk.mark();
        self.desk.take_back(messages);
        self.feeder.take_back(ready);
        self.invalidations.take_own_back(own);
        if let Err(panic) = outcome {
            resume_unwind(panic);
        }
    }
}
