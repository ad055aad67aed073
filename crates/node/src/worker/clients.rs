//! Keeping the memory of all clients together below `maxmemory-clients`.
//!
//! Each worker counts what its clients take: of those that sent something behind each turn, and before a long request runs; of
//! all of them now and then, since messages arrive unasked. When the sum over the workers is too much, whoever finds that
//! out closes the clients that take most, as few as will do. CLIENT NO-EVICT keeps a client out of this, and out of the sum.
//!
//! Clients of other workers are closed by those. What they take counts as free from then on, or keys would be evicted for it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use engine::client::ClientRecord;
use stdx::time::UnixMs;

use super::{Input, Worker};
use crate::Now;
use crate::machine::Mail;

impl Worker<'_> {
    /// Counts the clients that sent something, and closes some if all take too much.
    #[inline]
    pub(super) fn limit_clients(&mut self, now: Now, inputs: &[Input]) {
        let limit = self.node.clients_limit.load(Ordering::Relaxed);
        if limit > 0 {
            inputs.iter().for_each(|input| self.count(input.connection));
            self.evict_clients(now.unix, limit);
        }
        if limit != self.clients_limit {
            // Those of other workers may not have been counted yet.
            self.clients_limit = limit;
            if limit > 0 {
                self.evict_largest_clients(now.unix, limit);
            }
        }
    }

    /// Closes some clients if all take too much, this one with so many bytes of a request that may be about to run.
    pub(super) fn limit_requester(&mut self, now: Now, number: usize, bytes: usize) {
        let limit = self.node.clients_limit.load(Ordering::Relaxed);
        if limit == 0 {
            return;
        }
        if let Some(connection) = &self.connections[number] {
            connection.session.record.query_memory.store(bytes, Ordering::Relaxed);
        }
        self.count(number);
        self.evict_clients(now.unix, limit);
    }

    /// Closes some clients if all take too much, as they were counted last.
    pub(super) fn limit_known_clients(&mut self) {
        let limit = self.node.clients_limit.load(Ordering::Relaxed);
        if limit > 0 {
            self.evict_clients(self.engine.access.now(), limit);
        }
    }

    /// The same for all clients of the worker.
    pub(super) fn limit_all_clients(&mut self, now: Now) {
        let limit = self.node.clients_limit.load(Ordering::Relaxed);
        if limit > 0 {
            (0..self.connections.len()).for_each(|number| self.count(number));
            self.evict_clients(now.unix, limit);
        }
    }

    /// Counts a client as it is now.
    fn count(&self, number: usize) {
        let Some(connection) = &self.connections[number] else { return };
        let record = &connection.session.record;
        record.output_memory.store(connection.output.capacity(), Ordering::Relaxed);
        record.interest_bytes.store(connection.session.interest_bytes(), Ordering::Relaxed);
        self.set_counted(record, if may_go(record) { record.memory() } else { 0 });
    }

    /// A client is gone.
    pub(super) fn uncount(&self, record: &ClientRecord) {
        self.set_counted(record, 0);
    }

    fn set_counted(&self, record: &ClientRecord, bytes: usize) {
        let before = record.counted_bytes.swap(bytes, Ordering::Relaxed);
        let sum = &self.node.shared.statistics[self.index].clients;
        sum.fetch_add(bytes as i64 - before as i64, Ordering::Relaxed);
    }

    fn evict_clients(&mut self, now: UnixMs, limit: u64) {
        let workers = &self.node.shared.statistics;
        let sum: i64 = workers.iter().map(|worker| worker.clients.load(Ordering::Relaxed)).sum();
        if sum > limit as i64 {
            self.evict_largest_clients(now, limit);
        }
    }

    /// Closes the clients that take most, until those that are left take no more than they may.
    #[cold]
    fn evict_largest_clients(&mut self, now: UnixMs, limit: u64) {
        let shared = &self.node.shared;
        let mut clients: Vec<(usize, Arc<ClientRecord>)> = shared
            .clients
            .all()
            .into_iter()
            .filter(|record| may_go(record))
            .map(|record| (record.memory(), record))
            .collect();
        let mut sum: u64 = clients.iter().map(|(bytes, _)| *bytes as u64).sum();
        clients.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
        for (bytes, record) in clients {
            if sum <= limit || record.killed.swap(true, Ordering::Relaxed) {
                continue;
            }
            sum -= bytes as u64;
            shared.clients.evicted.fetch_add(1, Ordering::Relaxed);
            self.node.machine.warn(&format!("Evicting client: {}", self.node.log_line(&record, now)));
            if record.worker == self.index {
                self.peer_closed(record.number);
            } else {
                shared.meter.note_leaving(bytes);
                let mail = Mail::Evict { number: record.number, id: record.id, bytes };
                self.node.machine.post(record.worker, mail);
            }
        }
    }

    /// Another worker has found that all clients take too much, and this one much of that.
    pub(super) fn evict_client(&mut self, number: usize, id: u64, bytes: usize) {
        let place = self.connections.get(number).and_then(Option::as_ref);
        if place.is_some_and(|connection| connection.session.record.id == id) {
            self.peer_closed(number);
        }
        self.tell_memory();
        self.node.shared.meter.note_left(bytes);
    }
}

/// Whether a client may be closed for its memory, and is not closed already.
fn may_go(record: &ClientRecord) -> bool {
    !record.no_evict.load(Ordering::Relaxed)
        && !record.killed.load(Ordering::Relaxed)
        && !record.is_replica.load(Ordering::Relaxed)
}
