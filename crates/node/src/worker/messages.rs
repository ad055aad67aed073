//! A worker's part in publish and subscribe: it posts what its commands have published, and gives its own clients what is
//! published to them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use engine::Shared;
use engine::pubsub::{Message, Receivers};

use super::{Worker, mark_writable};
use crate::Now;
use crate::machine::Mail;

impl Worker<'_> {
    /// Gives this worker's clients what the last command has published, behind its reply.
    pub(super) fn deliver_own(&mut self, now: Now) {
        for (message, receivers) in self.engine.desk.take_own() {
            self.deliver(now, &message, &receivers);
        }
    }

    /// Posts what the turn has published: one letter for each worker with subscribers.
    pub(super) fn hand_out_messages(&mut self) {
        let messages = self.engine.desk.take_others();
        if !messages.is_empty() {
            self.post(messages);
        }
    }

    /// Posts what has happened to keys, also to this worker itself: its mailbox may hold what others have caused before.
    pub(super) fn publish_events(&mut self) {
        if self.engine.access.has_told() {
            self.publish_all_events();
        }
    }

    /// The same, whoever has caused what is there.
    pub(super) fn publish_all_events(&self) {
        let Shared { notifications, keyspace, pubsub, .. } = &*self.node.shared;
        notifications.publish(keyspace, pubsub, |messages| self.post(messages));
    }

    fn post(&self, messages: Vec<(usize, Arc<Message>)>) {
        let mut by_worker: Vec<Vec<Arc<Message>>> = Vec::new();
        by_worker.resize_with(self.node.shared.identity.threads, Vec::new);
        for (worker, message) in messages {
            if let Some(letter) = by_worker.get_mut(worker) {
                letter.push(message);
            }
        }
        for (worker, letter) in by_worker.into_iter().enumerate().filter(|(_, letter)| !letter.is_empty()) {
            self.node.machine.post(worker, Mail::Messages(letter));
        }
    }

    /// Gives this worker's clients what was published elsewhere.
    pub(super) fn deliver_letter(&mut self, now: Now, messages: &[Arc<Message>]) {
        for message in messages {
            if let Some(receivers) = self.engine.desk.receivers(message) {
                self.deliver(now, message, &receivers);
            }
        }
    }

    fn deliver(&mut self, now: Now, message: &Message, receivers: &Receivers) {
        for &number in &**receivers {
            let Some(connection) = self.connections.get_mut(number).and_then(Option::as_mut) else {
                continue;
            };
            if connection.session.closing || connection.is_finished {
                continue;
            }
            connection.output.push(message.encoded(connection.session.protocol));
            let record = &connection.session.record;
            record.output_bytes.store(connection.output.len(), Ordering::Relaxed);
            record.output_memory.store(connection.output.capacity(), Ordering::Relaxed);
            if self.node.exceeds_output_limit(connection, now) {
                self.peer_closed(number);
            } else {
                mark_writable(&mut self.connections, &mut self.writable, number);
            }
        }
    }
}
