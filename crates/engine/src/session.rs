//! What a connection is in the middle of: protocol, database, log-in, transaction.

use std::sync::Arc;

use keyspace::{DbIndex, LogPosition};
use resp::Protocol;

use crate::accounts::{Accounts, Login};
use crate::blocking::Waiter;
use crate::client::ClientRecord;
use crate::computing::Computing;
use crate::fieldset::Fieldsets;
use crate::pubsub::{Kind, Subscriptions};
use crate::replication::Facts;
use crate::tracking::Mode;
use crate::transaction::Transaction;

/// Whether replies are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReplyMode {
    /// They are.
    #[default]
    On,
    /// They are not.
    Off,
    /// The next one is not (CLIENT REPLY SKIP has just been answered by nothing).
    SkipNext,
    /// This one is not.
    Skip,
}

/// The state of one connection.
#[derive(Debug)]
pub struct Session {
    /// What other connections may see of it.
    pub record: Arc<ClientRecord>,
    /// The protocol of replies.
    pub protocol: Protocol,
    /// The selected database.
    pub database: DbIndex,
    /// Its user.
    pub login: Login,
    /// Whether replies are sent.
    pub reply_mode: ReplyMode,
    /// Queued commands and watched keys.
    pub transaction: Transaction,
    /// The time that the transaction or script that runs has been told, in microseconds.
    pub time_us: Option<u64>,
    /// Field names that HIMPORT has prepared.
    pub fieldsets: Fieldsets,
    /// Whether it is fed with what all clients send.
    pub monitoring: bool,
    /// What it has told of itself as a replica to be.
    pub replica_facts: Option<Box<Facts>>,
    /// Whether it follows, or is about to.
    pub is_replica: bool,
    /// What it is subscribed to.
    pub subscriptions: Subscriptions,
    /// How it tracks the keys it reads, if it does.
    pub tracking: Option<Box<Mode>>,
    /// What it waits for; it runs nothing meanwhile.
    pub waiting: Option<Arc<Waiter>>,
    /// What it computes; it runs nothing meanwhile.
    pub computing: Option<Box<Computing>>,
    /// One of its requests in this turn has changed data.
    pub has_changed: bool,
    /// The place in the log behind what it has changed in turns before.
    pub changed_before: LogPosition,
    /// Whether it wants to be closed once its replies are sent.
    pub closing: bool,
    /// Whether reads leave the access clock alone.
    pub no_touch: bool,
    /// Whether it runs the commands of an append-only file.
    pub is_loader: bool,
}

impl Session {
    /// A fresh connection.
    pub fn new(record: Arc<ClientRecord>, login: Login) -> Self {
        Self {
            record,
            protocol: Protocol::Resp2,
            database: DbIndex(0),
            login,
            reply_mode: ReplyMode::On,
            transaction: Transaction::default(),
            time_us: None,
            fieldsets: Fieldsets::default(),
            monitoring: false,
            replica_facts: None,
            is_replica: false,
            subscriptions: Subscriptions::default(),
            tracking: None,
            waiting: None,
            computing: None,
            has_changed: false,
            changed_before: LogPosition(0),
            closing: false,
            no_touch: false,
            is_loader: false,
        }
    }

    /// A session that nobody has.
    #[must_use]
    pub fn of_nobody(accounts: &Accounts) -> Self {
        Self::new(Arc::new(ClientRecord::default()), Login::initial(accounts))
    }

    /// One that hears news in this one's place while this one is in the hands of a command that runs.
    #[must_use]
    pub fn stand_in(&self) -> Self {
        Self {
            protocol: self.protocol,
            monitoring: self.monitoring,
            is_replica: self.is_replica,
            tracking: self.tracking.clone(),
            has_changed: self.has_changed,
            changed_before: self.changed_before,
            ..Self::new(Arc::clone(&self.record), self.login.clone())
        }
    }

    /// Whether a command of it has still to be answered, so that it runs nothing else.
    pub fn is_suspended(&self) -> bool {
        self.waiting.is_some() || self.computing.is_some()
    }

    /// About how many bytes the keys, channels and prefixes take that it has an interest in.
    pub fn interest_bytes(&self) -> usize {
        let watched = self.transaction.watched().iter().map(|watched| watched.key.len());
        let names =
            Kind::ALL.into_iter().flat_map(|kind| self.subscriptions.names(kind)).map(|name| name.len());
        let prefixes = self.tracking.iter().flat_map(|mode| &mode.prefixes).map(Vec::len);
        watched.chain(names).chain(prefixes).map(|length| length + INTEREST_OVERHEAD).sum()
    }
}

/// Bytes that each of them takes besides its name, here and in the directories that all workers share, about.
const INTEREST_OVERHEAD: usize = 96;
