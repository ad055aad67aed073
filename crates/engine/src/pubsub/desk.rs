//! A worker's part: which of its connections are subscribed to what, and the messages that its commands have published.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::{Directory, Kind, Message, Name};

/// The numbers of connections.
pub type Receivers = Arc<BTreeSet<usize>>;

/// See the module's text.
#[derive(Debug, Default)]
pub struct Desk {
    subscribers: [HashMap<Name, Receivers>; Kind::ALL.len()],
    published: Published,
}

/// Messages that wait for the end of the command that has published them, or of the turn.
#[derive(Debug, Default)]
pub(crate) struct Published {
    /// For the worker's own connections: those that were subscribed at that moment.
    own: Vec<(Arc<Message>, Receivers)>,
    /// For other workers.
    others: Vec<(usize, Arc<Message>)>,
}

/// How many messages of each sort wait.
pub(crate) type Mark = (usize, usize);

impl Desk {
    pub(super) fn add(&mut self, kind: Kind, name: Name, number: usize) {
        Arc::make_mut(self.subscribers[kind as usize].entry(name).or_default()).insert(number);
    }

    pub(super) fn remove(&mut self, kind: Kind, name: &[u8], number: usize) {
        let names = &mut self.subscribers[kind as usize];
        let Some(receivers) = names.get_mut(name) else { return };
        Arc::make_mut(receivers).remove(&number);
        if receivers.is_empty() {
            names.remove(name);
        }
    }

    /// Publishes on a channel for worker `own`; returns how many subscribers there are.
    pub(crate) fn publish(
        &mut self,
        directory: &Directory,
        own: usize,
        is_shard: bool,
        (channel, payload): (&[u8], &[u8]),
    ) -> usize {
        let mut count = 0;
        directory.address(is_shard, channel, payload, |worker, subscribers, message| {
            count += subscribers;
            if worker != own {
                self.published.others.push((worker, Arc::clone(message)));
            } else if let Some(receivers) = self.receivers(message) {
                self.published.own.push((Arc::clone(message), receivers));
            }
        });
        count
    }

    /// How many messages wait.
    pub(crate) fn mark(&self) -> Mark {
        (self.published.own.len(), self.published.others.len())
    }

    /// Forgets the messages that were published since a mark.
    pub(crate) fn rewind(&mut self, (own, others): Mark) {
        self.published.own.truncate(own);
        self.published.others.truncate(others);
    }

    /// Sets aside the messages that were published since a mark.
    pub(crate) fn set_aside(&mut self, (own, others): Mark) -> Published {
        let Published { own: to_own, others: to_others } = &mut self.published;
        Published { own: to_own.split_off(own), others: to_others.split_off(others) }
    }

    /// Takes them back, behind what has been published since.
    pub(crate) fn take_back(&mut self, published: Published) {
        self.published.own.extend(published.own);
        self.published.others.extend(published.others);
    }

    /// The connections that are subscribed to the name of a message.
    pub fn receivers(&self, message: &Message) -> Option<Receivers> {
        self.subscribers[message.kind as usize].get(&message.name).cloned()
    }

    /// Whether something waits for the worker's own connections.
    #[inline]
    pub fn has_own(&self) -> bool {
        !self.published.own.is_empty()
    }

    /// What has been published to the worker's own connections since the last call.
    pub fn take_own(&mut self) -> Vec<(Arc<Message>, Receivers)> {
        std::mem::take(&mut self.published.own)
    }

    /// What has been published to other workers since the last call, with their numbers.
    pub fn take_others(&mut self) -> Vec<(usize, Arc<Message>)> {
        std::mem::take(&mut self.published.others)
    }
}
