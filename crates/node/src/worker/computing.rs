//! Commands that take many turns: each turn works for a while at one of them.
//!
//! A few take turns, so that a short one need not wait for the end of a long one; the others wait for their place, so that
//! however many there are, only as many half-made results take memory.

use super::Worker;
use crate::Now;

/// Results that are in the making at the same time.
const AT_ONCE: usize = 4;

impl Worker<'_> {
    /// Whether a result is in the making.
    pub fn is_computing(&self) -> bool {
        !self.computing.is_empty()
    }

    /// Works at one. Called between the requests, with nothing locked and outside of a batch.
    pub(super) fn compute(&mut self, now: Now) {
        let Some(number) = self.computing.pop_front() else { return };
        let shared = &self.node.shared;
        let Some(connection) = self.connections[number].as_mut() else { return };
        let Some(computing) = &mut connection.session.computing else { return };
        if connection.is_finished {
            return; // it is about to be closed
        }
        if computing.work(shared.clock) == engine::slices::Progress::More {
            let behind = self.computing.len().min(AT_ONCE - 1);
            self.computing.insert(behind, number);
        } else if computing.writes() && shared.clients.paused(now.unix).is_some() {
            // Its result is a change of data, which has to wait for the end of the pause.
            connection.session.record.blocked.store(true, std::sync::atomic::Ordering::Relaxed);
        } else {
            self.finish_computing(now, number);
        }
    }

    /// Brings a result where it belongs, and lets the connection go on.
    fn finish_computing(&mut self, now: Now, number: usize) {
        let Some(connection) = self.connections[number].as_mut() else { return };
        self.engine.access.begin(now.unix);
        let changes = self.engine.access.counters.asked();
        let environment = (&*self.node.shared, self.node as &dyn engine::Host);
        self.engine.finish_computing(&mut connection.session, connection.output.buffer(), environment);
        connection.session.has_changed |= self.engine.access.counters.asked() != changes;
        if !self.engine.slices.is_empty() {
            connection.output.insert(self.engine.slices.take());
        }
        if connection.session.computing.is_some() {
            self.computing.push_front(number);
        } else {
            self.go_on(number);
        }
        self.deliver_own_answers();
        if self.engine.desk.has_own() {
            self.deliver_own(now);
        }
        if self.engine.feeder.has_later() {
            self.feed_later();
        }
        self.end_between(now);
    }
}
