//! A worker's part in commands that wait: it ends the waits of its clients, whoever serves them, and hands out what its own
//! commands have served.

use config::Param;
use engine::Error;
use engine::Reply;
use engine::blocking::{Answer, End, leave};
use engine::errand::Ended;
use engine::migration::Arrival;
use engine::tracking::Place;
use keyspace::Garbage;
use stdx::time::UnixMs;

use super::{Input, Worker};
use crate::Now;
use crate::machine::Mail;

const NS_PER_MS: u64 = 1_000_000;

impl Worker<'_> {
    /// A command of a connection has begun to wait, or to compute.
    pub(super) fn begin_wait(&mut self, now: Now, number: usize) {
        let Some(connection) = self.connections[number].as_mut() else { return };
        if connection.session.computing.is_some() {
            self.computing.push_back(number);
        }
        let timeout_ms = connection.session.waiting.as_ref().map_or(0, |waiter| waiter.timeout_ms);
        if timeout_ms > 0 && connection.wait_ends_ns.is_none() {
            let end = now.monotonic_ns.saturating_add(timeout_ms.saturating_mul(NS_PER_MS));
            connection.wait_ends_ns = Some(end);
            self.wait_ends.insert((end, number));
        }
        if let Some(waiter) = connection.session.waiting.clone() {
            self.look_at(now, number, waiter.id, waiter.look_again_at);
        }
        let Some(connection) = self.connections[number].as_mut() else { return };
        let waiter = connection.session.waiting.as_ref();
        if waiter.is_some_and(|waiter| waiter.awaits_replicas().is_some()) {
            return self.begin_await_replicas(number);
        }
        let awaited = waiter.and_then(|waiter| waiter.awaits_log());
        if awaited.is_some_and(|awaited| awaited.here) {
            self.await_sync.insert(number);
            // In this order: what is synced in between is seen here, or told.
            self.node.machine.await_sync(self.index);
            self.answer_synced();
        }
    }

    /// Notes when a connection that waits is to be looked at again.
    fn look_at(&mut self, now: Now, number: usize, waiter: u64, at: Option<UnixMs>) {
        if let Some(at) = at {
            let in_ms = at.0.saturating_sub(now.unix.0).max(1).cast_unsigned();
            let at_ns = now.monotonic_ns.saturating_add(in_ms.saturating_mul(NS_PER_MS));
            self.looks.insert((at_ns, number, waiter));
        }
    }

    /// Looks at connections that wait and that time may have made ready.
    pub(super) fn look_again(&mut self, now: Now) {
        while let Some(&(at, number, id)) = self.looks.first()
            && at <= now.monotonic_ns
        {
            self.looks.pop_first();
            let place = self.connections.get(number).and_then(Option::as_ref);
            let waiter = place.and_then(|connection| connection.session.waiting.clone());
            let Some(waiter) = waiter.filter(|waiter| waiter.id == id) else { continue };
            self.engine.access.begin(now.unix);
            let next = self.engine.look_again(&waiter, &self.node.shared, self.node);
            self.engine.access.end();
            self.look_at(now, number, id, next);
            self.feed_between(now);
        }
    }

    /// Keys of a client have been brought to another server, or not.
    pub(super) fn end_migration(&mut self, now: Now, arrival: Box<Arrival>) {
        let shared = &self.node.shared;
        self.engine.access.begin(now.unix);
        let answer = self.engine.end_migration(&arrival, shared);
        let Some(answer) = answer else {
            self.engine.access.end();
            self.node.machine.post(self.index, Mail::Migrated(arrival));
            return;
        };
        let Arrival { migration, to, waiter, .. } = *arrival;
        // Its values may have no other owner any more.
        self.engine.access.free_later(Garbage::other(Box::new(migration)));
        self.engine.access.end();
        self.answer_waiter(to, waiter, |reply| answer.map(|()| reply.ok()));
        self.feed_between(now);
    }

    /// The machine has done what a client has asked it for, or not.
    pub(super) fn end_errand(&mut self, now: Now, ended: &Ended) {
        let is_told = self.answer_waiter(ended.to, ended.waiter, |reply| ended.write(reply));
        if let Some(bytes) = ended.bulk()
            && is_told
            && let Some(connection) = &mut self.connections[ended.to.number]
        {
            connection.output.push(bytes);
            connection.output.buffer().extend_from_slice(b"\r\n");
        }
        self.feed_between(now);
    }

    /// Answers a client whose command something outside has carried out, if it still waits for that. Whether it is told anything.
    fn answer_waiter(
        &mut self,
        to: Place,
        id: u64,
        answer: impl FnOnce(&mut Reply<'_>) -> Result<(), Error>,
    ) -> bool {
        let shared = &self.node.shared;
        let number = to.number;
        if let Some(connection) = self.connections.get_mut(number).and_then(Option::as_mut)
            && let Some(waiter) = connection.session.waiting.clone()
            && waiter.id == id
            && waiter.claim(End::Served)
        {
            connection.session.has_changed = true;
            let (out, statistics) = (connection.output.buffer(), &shared.statistics[self.index]);
            let before = out.len();
            waiter.write_answer(answer, out, shared, statistics);
            let is_told = out.len() > before;
            self.go_on(number);
            return is_told;
        }
        false
    }

    /// More of the append-only file has been synced, or it has been switched off.
    pub(super) fn end_awaited_syncs(&mut self, now: Now) {
        self.answer_synced();
        self.release_answered(now);
    }

    /// Answers those who wait for the append-only file to be synced, as far as it has been.
    fn answer_synced(&mut self) {
        let (shared, synced) = (&self.node.shared, self.node.machine.synced());
        let is_off = synced.is_none() && !shared.config.read().yes(Param::Appendonly);
        for number in std::mem::take(&mut self.await_sync) {
            let Some(connection) = self.connections.get_mut(number).and_then(Option::as_mut) else {
                continue;
            };
            let Some(waiter) = connection.session.waiting.clone() else { continue };
            let Some(awaited) = waiter.awaits_log().filter(|awaited| awaited.here) else { continue };
            let is_done = awaited.is_reached(synced) && !awaited.elsewhere;
            let end = if is_off { End::LogIsOff } else { End::Served };
            if !is_off && !is_done {
                self.await_sync.insert(number);
            } else if waiter.claim(end) {
                let (out, statistics) = (connection.output.buffer(), &shared.statistics[self.index]);
                waiter.write_end(out, shared, statistics, synced);
                self.go_on(number);
            }
        }
        if !self.await_sync.is_empty() {
            self.node.machine.await_sync(self.index);
        }
    }

    /// Serves those who were put off. Called inside a batch with nothing locked.
    pub(super) fn feed_later(&mut self) {
        self.engine.feed_later(&self.node.shared, self.node);
        self.deliver_own_answers();
    }

    /// Serves those who were put off by the turn before.
    pub(super) fn feed_between(&mut self, now: Now) {
        self.engine.access.begin(now.unix);
        self.feed_later();
        self.end_between(now);
    }

    /// Gives this worker's clients what they have waited for, behind the command that brought it.
    pub(super) fn deliver_own_answers(&mut self) {
        for answer in self.engine.feeder.take_answers() {
            if answer.to.worker == self.index {
                self.answer(&answer);
            } else {
                self.served.push(answer);
            }
        }
    }

    /// Posts what the turn has served: one letter for each worker with clients that have waited.
    pub(super) fn hand_out_answers(&mut self) {
        if self.served.is_empty() {
            return;
        }
        let mut by_worker: Vec<Vec<Answer>> = Vec::new();
        by_worker.resize_with(self.node.shared.identity.threads, Vec::new);
        for answer in self.served.drain(..) {
            if let Some(letter) = by_worker.get_mut(answer.to.worker) {
                letter.push(answer);
            }
        }
        for (worker, letter) in by_worker.into_iter().enumerate().filter(|(_, letter)| !letter.is_empty()) {
            self.node.machine.post(worker, Mail::Answers(letter));
        }
    }

    /// Gives this worker's clients what others have served.
    pub(super) fn receive_answers(&mut self, now: Now, answers: Vec<Answer>) {
        for answer in answers {
            self.answer(&answer);
        }
        self.release_answered(now);
    }

    /// Ends the waits whose time is up.
    pub(super) fn end_waits(&mut self, now: Now) {
        let shared = &self.node.shared;
        while let Some(&(end, number)) = self.wait_ends.first()
            && end <= now.monotonic_ns
        {
            self.wait_ends.pop_first();
            let Some(connection) = self.connections[number].as_mut() else { continue };
            connection.wait_ends_ns = None;
            // If somebody serves it at this moment, the answer is on its way.
            if let Some(waiter) = connection.session.waiting.clone()
                && waiter.claim(End::Late)
            {
                let (out, statistics) = (connection.output.buffer(), &shared.statistics[self.index]);
                waiter.write_end(out, shared, statistics, self.node.machine.synced());
                self.go_on(number);
            }
        }
        self.release_answered(now);
    }

    /// Ends the wait of a client that CLIENT UNBLOCK has unblocked.
    pub(super) fn end_wait_if_claimed(&mut self, now: Now, number: usize, id: u64) {
        let shared = &self.node.shared;
        let place = self.connections.get_mut(number).and_then(Option::as_mut);
        let Some(connection) = place.filter(|connection| connection.session.record.id == id) else { return };
        if let Some(waiter) = connection.session.waiting.clone()
            && matches!(waiter.end(), Some(End::Late | End::Refused))
        {
            let (out, statistics) = (connection.output.buffer(), &shared.statistics[self.index]);
            waiter.write_end(out, shared, statistics, self.node.machine.synced());
            self.go_on(number);
            self.release_answered(now);
        }
    }

    /// Brings an answer to its connection, if that is still there.
    fn answer(&mut self, answer: &Answer) {
        let number = answer.to.number;
        let Some(connection) = self.connections.get_mut(number).and_then(Option::as_mut) else { return };
        let session = &mut connection.session;
        let is_awaited = session.waiting.as_ref().is_some_and(|waiter| waiter.id == answer.waiter);
        if session.record.id != answer.to.id || !is_awaited || connection.is_finished {
            return;
        }
        session.closing |= answer.closes;
        session.has_changed = true;
        connection.output.buffer().extend_from_slice(&answer.bytes);
        self.go_on(number);
    }

    /// A connection waits no longer: what it has sent meanwhile runs in the next turn.
    pub(super) fn go_on(&mut self, number: usize) {
        let Some(connection) = self.connections[number].as_mut() else { return };
        if let Some(end) = connection.wait_ends_ns.take() {
            self.wait_ends.remove(&(end, number));
        }
        leave(&self.node.shared, &mut connection.session);
        self.inputs.push(Input { connection: number, range: 0..0 });
        self.resumed.push(number);
        self.answered.push(number);
    }

    /// Lets go what connections have been answered, as far as the log allows.
    pub(super) fn release_answered(&mut self, now: Now) {
        if self.answered.is_empty() {
            return;
        }
        // What was served is a change of data, and it is in the log.
        let own = Some(self.node.shared.keyspace.position());
        let waits_for = self.node.unreleased(self.index, own);
        self.settle_answered(now, waits_for);
    }

    pub(super) fn settle_answered(&mut self, now: Now, waits_for: Option<keyspace::LogPosition>) {
        for number in std::mem::take(&mut self.answered) {
            self.settle(now, number, waits_for);
        }
    }
}
