//! Publish and subscribe: who is subscribed to what, and how a message reaches them.
//!
//! ```text
//!   SUBSCRIBE ──► Subscriptions (the session's own names)
//!             ├─► Desk (the worker's: name → its connections)
//!             └─► Directory (everybody's: name → subscribers of each worker)
//!   PUBLISH ──► Directory ─► one letter a worker ─► its Desk ─► outputs, which share the encoded message
//! ```
//! The directory tells a publisher how many hear it and which workers serve them; only a worker itself knows its
//! connections. Without subscribers a message costs two loads.
//!
//! Order: a publisher's messages go to its own worker's clients behind the reply of the command, and to another worker
//! through its mailbox, which keeps the order, before the publisher's reply is sent. So every subscriber gets the messages
//! of one publisher in their order, and whoever subscribes after somebody saw the reply does not get the message any more.

mod desk;
mod directory;
mod message;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub(crate) use desk::Mark;
pub use desk::{Desk, Receivers};
pub use directory::Directory;
pub use message::Message;

use crate::session::Session;
use crate::shared::Shared;

/// The name of a channel, or a pattern of names; shared by all that know it.
pub type Name = Arc<[u8]>;

/// Most subscriptions of one kind that one client may have.
pub const MAX_SUBSCRIPTIONS: usize = 1 << 20;

/// What can be subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A channel.
    Channel,
    /// All channels that a pattern matches.
    Pattern,
    /// A channel of the shard to which its name belongs, as a key would.
    Shard,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Channel, Self::Pattern, Self::Shard];

    /// The word that confirms a subscription.
    pub(crate) fn subscribed(self) -> &'static str {
        ["subscribe", "psubscribe", "ssubscribe"][self as usize]
    }

    /// The word that confirms the end of one.
    pub(crate) fn unsubscribed(self) -> &'static str {
        ["unsubscribe", "punsubscribe", "sunsubscribe"][self as usize]
    }
}

/// What one client is subscribed to.
#[derive(Debug, Default)]
pub struct Subscriptions {
    names: [BTreeSet<Name>; Kind::ALL.len()],
    total: usize,
}

impl Subscriptions {
    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// How many there are of a kind.
    pub fn count(&self, kind: Kind) -> usize {
        self.names[kind as usize].len()
    }

    /// The names of a kind, in order.
    pub fn names(&self, kind: Kind) -> impl Iterator<Item = &Name> {
        self.names[kind as usize].iter()
    }

    /// The number that confirms a change: shard channels count apart from channels and patterns.
    pub(crate) fn confirmed(&self, kind: Kind) -> usize {
        match kind {
            Kind::Shard => self.count(Kind::Shard),
            Kind::Channel | Kind::Pattern => self.count(Kind::Channel) + self.count(Kind::Pattern),
        }
    }
}

/// Subscribes a session to a name, unless it is already.
pub(crate) fn subscribe(shared: &Shared, desk: &mut Desk, session: &mut Session, kind: Kind, name: &[u8]) {
    if session.subscriptions.names[kind as usize].contains(name) {
        return;
    }
    let name = shared.pubsub.add(kind, name, session.record.worker);
    desk.add(kind, Arc::clone(&name), session.record.number);
    session.subscriptions.names[kind as usize].insert(name);
    session.subscriptions.total += 1;
    if session.subscriptions.total == 1 {
        shared.pubsub.clients.fetch_add(1, Ordering::Relaxed);
    }
    show(session, kind);
}

/// Ends a session's subscription to a name, if there is one.
pub(crate) fn unsubscribe(shared: &Shared, desk: &mut Desk, session: &mut Session, kind: Kind, name: &[u8]) {
    if !session.subscriptions.names[kind as usize].remove(name) {
        return;
    }
    desk.remove(kind, name, session.record.number);
    shared.pubsub.remove(kind, name, session.record.worker);
    session.subscriptions.total -= 1;
    if session.subscriptions.is_empty() {
        shared.pubsub.clients.fetch_sub(1, Ordering::Relaxed);
    }
    show(session, kind);
}

/// Ends all subscriptions of a session: it is reset, or gone.
pub(crate) fn forget(shared: &Shared, desk: &mut Desk, session: &mut Session) {
    if session.subscriptions.is_empty() {
        return;
    }
    for kind in Kind::ALL {
        let names: Vec<Name> = session.subscriptions.names(kind).cloned().collect();
        names.iter().for_each(|name| unsubscribe(shared, desk, session, kind, name));
    }
}

/// Shows a session's subscriptions of a kind to CLIENT LIST.
fn show(session: &Session, kind: Kind) {
    let count = session.subscriptions.count(kind);
    session.record.subscriptions[kind as usize].store(count, Ordering::Relaxed);
}

/// Whether the user of a session may still use all that the session is subscribed to.
pub fn may_keep(shared: &Shared, session: &mut Session) -> bool {
    if session.subscriptions.is_empty() {
        return true;
    }
    if session.login.is_outdated(&shared.accounts) {
        session.login.refresh(&shared.accounts);
    }
    let user = session.login.user();
    Kind::ALL.into_iter().all(|kind| {
        let is_pattern = kind == Kind::Pattern;
        session.subscriptions.names(kind).all(|name| user.may_use_channel(name, is_pattern))
    })
}
