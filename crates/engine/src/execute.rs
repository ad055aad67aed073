//! Running commands: a worker prepares requests, leases the shards of a group of them, and runs them in order.
//!
//! ```text
//!   Prepared (looked up) ─► lease (keys gathered, shards locked) ─► members (brought near) ─► request ─► admission ─► call ─► handler
//!                                                                                             └─► account (figures, logs, MONITOR)
//! ```
//! What nobody's request asks for is in `unasked`, and what was begun by a request and ends later in `put_off`.

mod account;
mod call;
mod lease;
mod members;
mod prepared;
mod put_off;
mod request;
mod together;
mod unasked;

use keyspace::{Access, Evictor};

use crate::blocking::Feeder;
use crate::commands::close;
use crate::context::{Tools, again};
use crate::host::Host;
use crate::pubsub::Desk;
use crate::scripting::{Interpreters, Lent, Meanwhile};
use crate::session::Session;
use crate::shared::Shared;
use crate::slices::Slices;
use crate::tracking::Invalidations;

pub(crate) use account::{Ran, Written, account, account_called, account_ended, announce};
pub(crate) use call::call;
pub use lease::Lease;
pub(crate) use lease::MOST_NEAR;
use lease::Wanted;
pub use prepared::Prepared;
use together::Together;
pub use unasked::Eviction;

/// Commands that are locked, prefetched and run together.
pub const GROUP: usize = 16;

/// The engine of one worker.
pub struct Worker<'k> {
    /// The worker's access to the data.
    pub access: Access<'k>,
    index: usize,
    wanted: Wanted,
    /// For so many groups yet each request locks its own shards, because a shard has been another worker's.
    groups_apart: u8,
    together: Together,
    invalidations: Invalidations,
    /// What the worker's clients are subscribed to, and what has been published.
    pub desk: Desk,
    interpreters: Interpreters,
    /// What is still to be written of the reply of the last command.
    pub slices: Slices,
    /// Keys that others wait for, and what they have got.
    pub feeder: Feeder,
    /// Whether more memory is used than may be, and no key may go to make room.
    pub out_of_memory: bool,
    /// Whether it serves the other clients of a worker while a script is busy.
    beside_script: bool,
    evictor: Evictor,
}

/// What a request finds around it.
pub struct Environment<'e> {
    /// What all workers share.
    pub shared: &'e Shared,
    /// The machine.
    pub host: &'e dyn Host,
    /// Serves other clients if the request runs a script that takes long.
    pub meanwhile: Option<Meanwhile<'e>>,
}

impl<'k> Worker<'k> {
    /// The engine of worker `index`.
    pub fn new(mut access: Access<'k>, index: usize) -> Self {
        let seed = access.rng.next_u64() as u32;
        Self {
            access,
            index,
            wanted: Wanted::default(),
            groups_apart: 0,
            together: Together::default(),
            invalidations: Invalidations::default(),
            desk: Desk::default(),
            interpreters: Interpreters::new(seed),
            slices: Slices::default(),
            out_of_memory: false,
            beside_script: false,
            evictor: Evictor::default(),
            feeder: Feeder::default(),
        }
    }

    /// The second engine of a worker, for the time that a script of the first is busy. What there is but once it gets lent.
    pub fn beside_script(access: Access<'k>, index: usize) -> Self {
        Self { beside_script: true, ..Self::new(access, index) }
    }

    /// Whether it is one that serves beside a script.
    #[inline]
    pub fn is_beside_script(&self) -> bool {
        self.beside_script
    }

    /// Takes what it is lent, or gives it back.
    pub fn exchange(&mut self, lent: &mut Lent) {
        std::mem::swap(&mut self.desk, &mut lent.desk);
        std::mem::swap(&mut self.feeder, &mut lent.feeder);
        std::mem::swap(&mut self.invalidations, &mut lent.invalidations);
        std::mem::swap(&mut self.access.counters, &mut lent.counters);
    }

    /// What commands work with, and where parts of their replies are left for later.
    fn tools<'c>(&'c mut self, environment: &'c mut Environment<'_>) -> (Tools<'c, 'k>, &'c mut Slices) {
        let Self { access, invalidations, desk, interpreters, feeder, slices, out_of_memory, .. } = self;
        let Environment { shared, host, meanwhile } = environment;
        let (host, meanwhile, out_of_memory) = (*host, again(meanwhile), *out_of_memory);
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
        (tools, slices)
    }

    /// A connection has gone: what it began ends with it.
    pub fn forget(&mut self, session: &mut Session, shared: &Shared) {
        close(session, shared, &mut self.desk);
    }
}
