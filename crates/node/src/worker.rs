//! One worker's half of the node: its connections, and what the reactor asks of it.
//!
//! What happens in a turn is in [`turn`] and, while a script is busy, in [`beside`]; what happens without requests in [`upkeep`],
//! what clients that cache are told in [`invalidation`], how messages reach subscribers in [`messages`], how clients wait in
//! [`waiting`], what replicas are sent in [`replicas`], and how what takes long is computed in [`computing`].

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::atomic::Ordering;

use engine::blocking::Answer;
use engine::slices::Part;
use engine::statistics::{WorkerStatistics, add};
use engine::{Login, Reply, Session};
use keyspace::{Garbage, LogPosition, WorkerId};

use crate::Now;
use crate::connection::Connection;
use crate::machine::Mail;
use crate::node::Node;
use crate::output::Output;
use crate::unfinished::Unfinished;

mod beside;
mod clients;
mod computing;
mod invalidation;
mod memory;
mod messages;
mod replicas;
mod turn;
mod upkeep;
mod waiting;

use memory::Memory;
use turn::Spare;
pub use turn::TurnWithin;
use upkeep::Upkeep;

/// What was read from a connection in a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The connection's number.
    pub connection: usize,
    /// Where its bytes lie in the arena; empty if they went behind its half request.
    pub range: Range<usize>,
}

/// A connection whose replies wait for the log; there is one for each.
struct Held {
    connection: usize,
    /// Where the log has to be.
    position: LogPosition,
    /// Whether one of its requests changed data. What only showed data need not wait while the log cannot be written, even if it
    /// found something due, which is gone whether the log says so or not.
    has_changed: bool,
}

/// See the module's text.
pub struct Worker<'n> {
    node: &'n Node,
    index: usize,
    engine: Box<engine::Worker<'n>>,
    /// The engine of turns within a turn; `None` within one.
    beside: Option<Box<engine::Worker<'n>>>,
    /// A session of nobody, in the place of one that is in the hands of a command; `None` while it is there.
    vacant: Option<Session>,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    inputs: Vec<Input>,
    writable: Vec<usize>,
    resumed: Vec<usize>,
    finished: VecDeque<usize>,
    /// Connections whose replies wait.
    held: Vec<Held>,
    /// Connections whose wait has an end, by that.
    wait_ends: BTreeSet<(u64, usize)>,
    /// When connections that wait are to be looked at again, with the numbers of their waits.
    looks: BTreeSet<(u64, usize, u64)>,
    /// Connections that wait for the log to be synced, and some that have done so.
    await_sync: BTreeSet<usize>,
    /// The same of those that wait for replicas.
    await_replicas: BTreeSet<usize>,
    /// Whether replicas are to be asked what they have, behind the turn.
    asks_replicas: bool,
    /// Connections that have been answered after a wait, and whose output has not been looked at since.
    answered: Vec<usize>,
    /// Connections whose commands are computed, the next one first.
    computing: VecDeque<usize>,
    /// What clients of other workers get that have waited.
    served: Vec<Answer>,
    upkeep: Upkeep,
    memory: Memory,
    /// `maxmemory-clients` as it was at the end of the last turn.
    clients_limit: u64,
    spare: Spare,
}

impl<'n> Worker<'n> {
    /// The worker with a number.
    pub fn new(node: &'n Node, index: usize, seed: u64) -> Self {
        let keyspace = &*node.shared.keyspace;
        let mut access = keyspace::Access::new(keyspace, WorkerId(index), seed);
        access.be_impatient();
        let (threads, shards) = (node.shared.identity.threads, keyspace.shards());
        let within = keyspace::Access::within(keyspace, WorkerId(index), seed);
        let own = index * shards / threads..(index + 1) * shards / threads;
        Self {
            node,
            index,
            engine: Box::new(engine::Worker::new(access, index)),
            beside: Some(Box::new(engine::Worker::beside_script(within, index))),
            vacant: Some(Session::of_nobody(&node.shared.accounts)),
            connections: Vec::new(),
            free: Vec::new(),
            inputs: Vec::new(),
            writable: Vec::new(),
            resumed: Vec::new(),
            finished: VecDeque::new(),
            held: Vec::new(),
            wait_ends: BTreeSet::new(),
            looks: BTreeSet::new(),
            await_sync: BTreeSet::new(),
            await_replicas: BTreeSet::new(),
            asks_replicas: false,
            answered: Vec::new(),
            computing: VecDeque::new(),
            served: Vec::new(),
            upkeep: Upkeep::new(own),
            memory: Memory::default(),
            clients_limit: 0,
            spare: Spare::default(),
        }
    }

    /// A new connection; returns its number.
    pub fn open(&mut self, now: Now, address: &str, local_address: &str, is_unix: bool) -> usize {
        let number = self.free.pop().unwrap_or_else(|| {
            self.connections.push(None);
            self.connections.len() - 1
        });
        let shared = &self.node.shared;
        let record = shared.clients.open(self.index, number, address, local_address, is_unix, now.unix);
        let login = Login::initial(&shared.accounts);
        self.connections[number] = Some(Connection::new(Session::new(record, login)));
        number
    }

    /// A connection's socket is closed.
    pub fn close(&mut self, number: usize) {
        if let Some(mut connection) = self.connections[number].take() {
            connection.output.clear();
            free_spent(self.node, self.index, &mut connection.output);
            count_sent(&self.node.shared.statistics[self.index], &mut connection);
            self.uncount(&connection.session.record);
            self.engine.forget(&mut connection.session, &self.node.shared);
            self.node.shared.clients.close(&connection.session.record);
            if connection.session.is_replica {
                self.node.machine.detach_replica(connection.session.record.id);
                self.node.judge_replicas();
            }
            if let Some(end) = connection.wait_ends_ns {
                self.wait_ends.remove(&(end, number));
            }
            self.answered.retain(|&other| other != number);
            self.computing.retain(|&other| other != number);
            if let Some(garbage) = engine::computing::abandon(&mut connection.session) {
                self.node.free(vec![garbage]);
            }
            self.held.retain(|held| held.connection != number);
            self.writable.retain(|&other| other != number);
            self.resumed.retain(|&other| other != number);
            self.inputs.retain(|input| input.connection != number);
            self.free.push(number);
        }
    }

    /// The list of what was read; connections that go on after a pause are in it already.
    pub fn inputs(&mut self) -> &mut Vec<Input> {
        &mut self.inputs
    }

    /// Whether connections go on without having been read.
    pub fn has_inputs(&self) -> bool {
        !self.inputs.is_empty()
    }

    /// Whether a command of a connection waits, so that it is not read.
    pub fn is_waiting(&self, number: usize) -> bool {
        self.connections[number].as_ref().is_some_and(Connection::is_held_up)
    }

    /// Whether a connection should be read.
    pub fn wants_input(&self, number: usize) -> bool {
        self.connections[number].as_ref().is_some_and(Connection::wants_input)
    }

    /// The half request of a connection, if it has one: further bytes go behind it.
    pub fn unfinished_input(&mut self, number: usize) -> Option<&mut Unfinished> {
        let unfinished = &mut self.connections[number].as_mut()?.unfinished;
        (!unfinished.knows_nothing()).then_some(unfinished)
    }

    /// The peer closed or broke the connection.
    pub fn peer_closed(&mut self, number: usize) {
        if let Some(connection) = &mut self.connections[number]
            && !connection.is_finished
        {
            connection.is_finished = true;
            connection.output.clear();
            free_spent(self.node, self.index, &mut connection.output);
            self.finished.push_back(number);
        }
    }

    /// What a connection may send now.
    pub fn output(&mut self, number: usize) -> &mut Output {
        &mut self.connections[number].as_mut().expect("a writable connection is open").output
    }

    /// What a connection may send now, if it may.
    pub fn sendable(&self, number: usize) -> Option<&Output> {
        let connection = self.connections.get(number)?.as_ref()?;
        Some(&connection.output).filter(|output| output.held().is_none())
    }

    /// Everything a connection was owed has been sent.
    pub fn written(&mut self, number: usize) {
        let Some(connection) = &mut self.connections[number] else { return };
        free_spent(self.node, self.index, &mut connection.output);
        connection.over_soft_limit_since = None;
        let record = &connection.session.record;
        record.output_bytes.store(0, Ordering::Relaxed);
        record.output_memory.store(connection.output.capacity(), Ordering::Relaxed);
        count_sent(&self.node.shared.statistics[self.index], connection);
        if connection.is_done() && !connection.is_finished {
            connection.is_finished = true;
            self.finished.push_back(number);
        }
        if std::mem::take(&mut connection.is_behind) {
            self.inputs.push(Input { connection: number, range: 0..0 });
            self.resumed.push(number);
        }
    }

    /// A connection was sent a part of what it is owed: what that has come from may go.
    pub fn written_some(&mut self, number: usize) {
        if let Some(connection) = &mut self.connections[number] {
            free_spent(self.node, self.index, &mut connection.output);
        }
    }

    /// A connection has more to send and may.
    pub fn retry_write(&mut self, number: usize) {
        self.written_some(number);
        mark_writable(&mut self.connections, &mut self.writable, number);
    }

    /// Whether some connection may send.
    pub fn has_writable(&self) -> bool {
        !self.writable.is_empty()
    }

    /// The connections that may send; give the list back with [`Worker::return_writable`].
    pub fn take_writable(&mut self) -> Vec<usize> {
        let mut list = std::mem::take(&mut self.writable);
        list.retain(|&number| {
            let Some(connection) = &mut self.connections[number] else { return true };
            connection.is_writable = false;
            // It may wait since it came on the list; then its release brings it back.
            connection.output.held().is_none()
        });
        list
    }

    /// Takes the emptied list back for its memory.
    pub fn return_writable(&mut self, list: Vec<usize>) {
        if self.writable.is_empty() {
            self.writable = list;
        }
    }

    /// The next connection whose input waited and may go on.
    pub fn next_resumed(&mut self) -> Option<usize> {
        self.resumed.pop()
    }

    /// The next connection whose socket should be closed.
    pub fn next_finished(&mut self) -> Option<usize> {
        let runs = |number: usize| self.connections[number].as_ref().is_some_and(|other| other.is_running);
        let at = self.finished.iter().position(|&number| !runs(number))?;
        self.finished.remove(at)
    }

    /// A letter from another thread.
    pub fn receive(&mut self, now: Now, mail: Mail) {
        match mail {
            Mail::Look { number, id } => self.look(now, number, id),
            Mail::Evict { number, id, bytes } => self.evict_client(number, id, bytes),
            Mail::Answers(answers) => self.receive_answers(now, answers),
            Mail::Invalidations(notices) => self.invalidate(now, notices),
            Mail::Messages(messages) => self.deliver_letter(now, &messages),
            Mail::Monitor(line) => self.feed_monitors(now, &line),
            Mail::Released => self.look_at_log(),
            Mail::Errand(ended) => self.end_errand(now, &ended),
            Mail::Migrated(arrival) => self.end_migration(now, arrival),
            Mail::Synced => self.end_awaited_syncs(now),
            Mail::Replica { to, parcel } => self.send_parcel(now, to, parcel),
            Mail::Acknowledged => self.end_awaited_replicas(now),
            Mail::Unpaused => self.resume_paused(now),
        }
    }

    /// The server ends: what can be answered is.
    pub fn stop(&mut self, _: Now) {
        self.hand_over();
        self.release_held();
    }

    /// Hands dead values to the background.
    fn hand_over(&mut self) {
        if self.engine.access.has_reclaim() {
            let garbage = self.engine.access.take_reclaim();
            self.node.free(garbage);
        }
    }

    /// Makes the worker's counts visible.
    fn publish_counters(&self) {
        let (counters, statistics) = (&self.engine.access.counters, &self.node.shared.statistics[self.index]);
        statistics.publish(counters);
    }

    /// Lets the replies go that may go now, and sees to it that the log is written if others have to wait: whoever was asked to may
    /// have left it to this worker. So it is with a log that nobody waits for.
    fn look_at_log(&mut self) {
        self.release_held();
        let Some(position) = self.held.iter().map(|held| held.position).max() else {
            return self.node.write_log_unless_awaited(self.index);
        };
        if self.node.machine.write_log(&self.node.shared, self.index, position) {
            self.release_held();
        }
    }

    /// Lets the replies go whose log position has been reached, or that need not wait for it any more.
    fn release_held(&mut self) {
        let (released, fails) = (self.node.machine.released(), self.node.log_fails());
        let goes = |held: &mut Held| held.position <= released || fails && !held.has_changed;
        for Held { connection: number, .. } in self.held.extract_if(.., goes) {
            if let Some(connection) = self.connections[number].as_mut() {
                connection.output.release();
                self.resumed.push(number);
                mark_writable(&mut self.connections, &mut self.writable, number);
            }
        }
    }

    /// Lets connections go on whose input waited for a pause, if it is over.
    fn resume_paused(&mut self, now: Now) {
        if self.node.shared.clients.paused(now.unix).is_some() || self.memory.is_crowded() {
            return;
        }
        for (number, place) in self.connections.iter_mut().enumerate() {
            let Some(connection) = place else { continue };
            let (session, record) = (&connection.session, &connection.session.record);
            if session.waiting.is_some() || !record.blocked.swap(false, Ordering::Relaxed) {
                continue;
            }
            if session.computing.is_some() {
                self.computing.push_back(number);
            } else {
                self.inputs.push(Input { connection: number, range: 0..0 });
                self.resumed.push(number);
            }
        }
    }

    /// Closes a connection that was killed, or is subscribed to what its user may not use any more; ends the wait of one that
    /// was unblocked.
    fn look(&mut self, now: Now, number: usize, id: u64) {
        self.end_wait_if_claimed(now, number, id);
        let place = self.connections.get_mut(number).and_then(Option::as_mut);
        if place.is_some_and(|Connection { session, .. }| {
            session.record.id == id
                && (session.record.killed.load(Ordering::Relaxed)
                    || !engine::pubsub::may_keep(&self.node.shared, session))
        }) {
            self.peer_closed(number);
        }
    }

    fn feed_monitors(&mut self, now: Now, line: &[u8]) {
        for number in 0..self.connections.len() {
            let Some(connection) = self.connections[number].as_mut() else { continue };
            if connection.session.monitoring {
                let protocol = connection.session.protocol;
                Reply::new(connection.output.buffer(), protocol).simple(line);
                if self.node.exceeds_output_limit(connection, now) {
                    self.peer_closed(number);
                } else {
                    mark_writable(&mut self.connections, &mut self.writable, number);
                }
            }
        }
    }
}

/// Counts the errors that producers of replies have written, and hands what was held for replies to the background.
#[inline]
fn free_spent(node: &Node, worker: usize, output: &mut Output) {
    if output.has_spent() {
        let statistics = &node.shared.statistics[worker];
        let spent = output.take_spent();
        let garbage = spent.into_iter().map(|part| match part {
            Part::Later(producer) => {
                producer.error().into_iter().for_each(|error| statistics.answered_error(error));
                Garbage::other(producer)
            }
            Part::Excerpt(excerpt) => Garbage::other(Box::new(excerpt)),
        });
        node.free(garbage.collect());
    }
}

/// Counts the bytes that a connection has sent since the last time.
fn count_sent(statistics: &WorkerStatistics, connection: &mut Connection) {
    let sent = connection.output.take_sent();
    add(&statistics.sent, sent);
    add(&statistics.writes, u64::from(sent > 0));
    add(&connection.session.record.sent, sent);
}

/// Puts a connection on the list of those that may send, unless it is there or its replies wait.
fn mark_writable(connections: &mut [Option<Connection>], writable: &mut Vec<usize>, number: usize) {
    if let Some(connection) = &mut connections[number]
        && !connection.is_writable
        && connection.output.held().is_none()
    {
        connection.is_writable = true;
        writable.push(number);
    }
}
