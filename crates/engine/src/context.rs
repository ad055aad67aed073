//! What a handler sees besides its arguments.

use keyspace::{Access, Db, DbIndex, Key};
use stdx::time::UnixMs;

use crate::args::Args;
use crate::host::Host;
use crate::session::Session;
use crate::shared::{Shared, Watchers};
use crate::table::Row;

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
    /// The command's row.
    pub row: Row,
    /// Whether the command runs inside a transaction, with everything it needs locked already.
    pub in_transaction: bool,
    /// The hash and slot of the first key, if it is known already.
    pub(crate) first_key: Option<(u64, u16)>,
}

impl<'k> Context<'_, 'k> {
    /// A key argument.
    #[inline]
    pub fn key<'a>(&self, args: &Args<'a>, index: usize) -> Key<'a> {
        match self.first_key {
            Some((hash, slot)) if index == 1 => Key { bytes: args.get(1), hash, slot },
            _ => self.shared.keyspace.key(args.get(index)),
        }
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

    /// Runs `body` with everything locked; inside a transaction that did so already, at once.
    pub fn with_everything<R>(&mut self, body: impl FnOnce(&mut Access<'k>) -> R) -> R {
        let watchers = &self.shared.watchers;
        self.access.with_everything(|access| {
            let result = body(access);
            notify(watchers, access);
            result
        })
    }

    /// Runs `body` with the shard of a key locked, for a command that otherwise runs with nothing locked; inside a
    /// transaction everything is.
    pub fn with_key<R>(&mut self, key: &Key<'_>, body: impl FnOnce(&mut Self) -> R) -> R {
        if self.in_transaction {
            return body(self);
        }
        let mut shards = [self.access.shard_of(key)];
        self.access.lock(&mut shards);
        let result = body(self);
        self.notify_watchers();
        self.access.unlock();
        result
    }

    /// Marks the connections that watch what was touched, while its shards are locked.
    pub(crate) fn notify_watchers(&mut self) {
        notify(&self.shared.watchers, self.access);
    }
}

fn notify(watchers: &Watchers, access: &mut Access<'_>) {
    if access.has_touched() {
        watchers.notify(access.take_touched());
    }
}
