//! Bringing near what a group of requests will look for inside of large values.
//!
//! Many pipelines work on one large hash, set or sorted set, and each request on another member, which is as far away as
//! another key would be. So what stands behind the key is brought near like the keys, in stages of its own, once the keys are.

use keyspace::{DbIndex, Key};

use super::{Prepared, Worker};
use crate::args::Args;

impl Worker<'_> {
    /// Brings the members near that the requests of a group name. Their shards are locked, and their keys are near.
    pub fn prefetch_members<'a>(&self, requests: impl Iterator<Item = (&'a Prepared, Args<'a>, DbIndex)>) {
        if self.wanted.may_be_large {
            self.access.prefetch_members(requests.filter_map(|(prepared, args, database)| {
                let (first, step) = prepared.row.as_ref().ok()?.command.members?;
                let (hash, slot) = prepared.first_key?;
                Some((database, Key { bytes: args.get(1), hash, slot }, args.from(first).step_by(step)))
            }));
        }
    }
}
