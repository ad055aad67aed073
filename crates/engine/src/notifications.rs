//! Keyspace notifications: what happens to keys, published to those who are subscribed to the key or to the event.
//!
//! ```text
//!   call ─► keyspace: which events are wanted ─► handler ─► events, in the order of the locks
//!                                                             │ at the end of the turn
//!   mailboxes of the subscribers' workers ◄─ messages ◄─ name ◄┘
//! ```
//! No handler notifies: the keyspace tells what each effect did to which keys, and here that gets its name and class. Where
//! one effect serves several commands (to store a string is `set`, `incrby` or `setbit`) the row of the command says what it is
//! called; a row without a name tells nothing of such changes (PFCOUNT keeps its result in the string that it reads).
//!
//! What is wanted is asked for with each command, so that CONFIG SET counts from the next command on, even in the same
//! transaction. As long as no class is configured that costs one load, and one more while nobody is subscribed to anything.
//!
//! Order: events stand in one queue for all workers, as the locks ordered the changes. One worker at a time takes what is
//! there and posts the messages, so the mailboxes get them in that order, and before the replies to the commands that
//! caused them are sent.

mod channel;
mod name;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use config::KeyspaceEvents;
use keyspace::{Event, Keyspace, Wanted};
use parking_lot::Mutex;

use crate::pubsub::{Directory, Message};
use crate::table::table;

/// See the module's text.
#[derive(Debug, Default)]
pub struct Notifications {
    /// The classes of `notify-keyspace-events`.
    classes: AtomicU32,
    /// Held by the one who posts.
    posting: Mutex<()>,
}

/// What the label of an event says: the classes that were configured, and the row of the command that caused it.
/// [`KeyspaceEvents::BITS`] bits are for the classes, the others for the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Label {
    classes: KeyspaceEvents,
    row: Option<usize>,
}

/// The row of what no command has caused.
const NO_ROW: u32 = u32::MAX >> KeyspaceEvents::BITS;

impl Label {
    fn pack(self) -> u32 {
        let row = self.row.and_then(|row| u32::try_from(row).ok()).unwrap_or(NO_ROW).min(NO_ROW);
        row << KeyspaceEvents::BITS | self.classes.0
    }

    fn unpack(label: u32) -> Self {
        let row = label >> KeyspaceEvents::BITS;
        let row = (row != NO_ROW).then_some(row as usize);
        Self { classes: KeyspaceEvents(label & ((1 << KeyspaceEvents::BITS) - 1)), row }
    }
}

impl Notifications {
    /// Takes over `notify-keyspace-events`.
    pub fn configure(&self, classes: KeyspaceEvents) {
        self.classes.store(classes.0, Ordering::Relaxed);
    }

    /// The events that are wanted of a command, or of what no command causes.
    #[inline]
    pub(crate) fn wanted(&self, directory: &Directory, row: Option<usize>) -> Wanted {
        let classes = KeyspaceEvents(self.classes.load(Ordering::Relaxed));
        if classes == KeyspaceEvents::default() || !directory.has_listeners() {
            return Wanted::default();
        }
        let wants = |class| classes.overlaps(class);
        let keys = wants(KeyspaceEvents::CHANNELS);
        let subkeys = wants(KeyspaceEvents::SUBKEY_CHANNELS) && wants(KeyspaceEvents::HASH);
        if !keys && !subkeys {
            return Wanted::default();
        }
        let replaced = KeyspaceEvents(KeyspaceEvents::OVERWRITTEN.0 | KeyspaceEvents::TYPE_CHANGED.0);
        Wanted {
            changes: subkeys || keys && wants(KeyspaceEvents::ALL),
            births: keys && wants(KeyspaceEvents::NEW),
            replacements: keys && wants(replaced),
            misses: keys && wants(KeyspaceEvents::MISSED),
            subkeys,
            label: Label { classes, row }.pack(),
        }
    }

    /// Publishes the events that are there; `post` gets the messages with their workers. Nothing is locked.
    pub fn publish(
        &self,
        keyspace: &Keyspace,
        directory: &Directory,
        post: impl FnOnce(Vec<(usize, Arc<Message>)>),
    ) {
        let _one_at_a_time = self.posting.lock();
        let events = keyspace.events().take();
        let mut messages = Vec::new();
        let mut buffer = Vec::new();
        for event in &events {
            publish(event, directory, &mut buffer, &mut messages);
        }
        if !messages.is_empty() {
            post(messages);
        }
    }
}

/// Makes the messages of one event.
fn publish(
    event: &Event,
    directory: &Directory,
    buffer: &mut Vec<u8>,
    messages: &mut Vec<(usize, Arc<Message>)>,
) {
    let Label { classes, row } = Label::unpack(event.label);
    let command = row.and_then(|row| table().rows().get(row)).map(|row| row.command);
    let Some((class, name)) = name::of(event.change, command) else { return };
    if !classes.contains(class) {
        return;
    }
    channel::for_each(event, name.as_bytes(), classes, buffer, |channel, payload| {
        directory.address(false, channel, payload, |worker, _, message| {
            messages.push((worker, Arc::clone(message)));
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_holds_classes_and_row() {
        for row in [None, Some(0), Some(400)] {
            let classes = KeyspaceEvents((1 << KeyspaceEvents::BITS) - 1);
            let label = Label { classes, row };
            assert_eq!(Label::unpack(label.pack()), label);
        }
    }
}
