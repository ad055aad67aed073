//! A worker's part in replication: it gives its replicas what the machine has for them, and ends the waits of clients that want
//! their changes to be elsewhere.
//!
//! Letters to a replica come in the order of the stream. The body of a snapshot is a producer, which stands in its place: what
//! comes behind it waits in the output, and counts against the limit of replicas.

use engine::blocking::End;
use engine::slices::{Part, Slice};
use engine::tracking::Place;

use super::{Worker, mark_writable};
use crate::Now;
use crate::machine::Parcel;

impl Worker<'_> {
    /// Gives a replica what it is sent, if it is still there.
    pub(super) fn send_parcel(&mut self, now: Now, to: Place, parcel: Parcel) {
        let Some(connection) = self.connections.get_mut(to.number).and_then(Option::as_mut) else { return };
        if connection.session.record.id != to.id || connection.is_finished || connection.session.closing {
            return;
        }
        match parcel {
            Parcel::Bytes(bytes) => connection.output.push(&bytes),
            Parcel::Snapshot { head, body, is_last } => {
                let slice = Slice { at: head.len(), part: Part::Later(body) };
                connection.output.append(&head, vec![slice]);
                connection.session.closing = is_last;
            }
            Parcel::End => return self.peer_closed(to.number),
        }
        let record = &connection.session.record;
        record.output_bytes.store(connection.output.len(), std::sync::atomic::Ordering::Relaxed);
        record.output_memory.store(connection.output.capacity(), std::sync::atomic::Ordering::Relaxed);
        if self.node.exceeds_output_limit(connection, now) {
            self.peer_closed(to.number);
        } else {
            mark_writable(&mut self.connections, &mut self.writable, to.number);
        }
    }

    /// A connection has begun to wait for replicas. They are asked what they have when what it has changed has been sent.
    pub(super) fn begin_await_replicas(&mut self, number: usize) {
        self.await_replicas.insert(number);
        self.asks_replicas = true;
        // In this order: what is acknowledged in between is seen here, or told.
        self.node.shared.replicas.await_acknowledgements(self.index);
        self.answer_acknowledged();
    }

    /// Asks replicas what they have, if somebody began to wait for that in the turn.
    #[inline]
    pub(super) fn ask_replicas(&mut self) {
        if std::mem::take(&mut self.asks_replicas) {
            self.node.machine.ask_replicas(self.node.shared.keyspace.position());
        }
    }

    /// Replicas have acknowledged something.
    pub(super) fn end_awaited_replicas(&mut self, now: Now) {
        self.answer_acknowledged();
        self.release_answered(now);
    }

    /// Answers those who wait for replicas, as far as these have acknowledged what they have changed.
    fn answer_acknowledged(&mut self) {
        let shared = &self.node.shared;
        for number in std::mem::take(&mut self.await_replicas) {
            let Some(connection) = self.connections.get_mut(number).and_then(Option::as_mut) else {
                continue;
            };
            let Some(waiter) = connection.session.waiting.clone() else { continue };
            let Some(awaited) = waiter.awaits_replicas() else { continue };
            if shared.replicas.acknowledged(awaited.position) < awaited.replicas {
                self.await_replicas.insert(number);
            } else if waiter.claim(End::Served) {
                let (out, statistics) = (connection.output.buffer(), &shared.statistics[self.index]);
                waiter.write_end(out, shared, statistics, None);
                self.go_on(number);
            }
        }
        if !self.await_replicas.is_empty() {
            shared.replicas.await_acknowledgements(self.index);
        }
    }
}
