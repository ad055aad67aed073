//! One worker's half of the node: its connections, and what happens in a turn.
//!
//! A turn decodes all complete requests of all connections that sent something and runs them in groups of up to 16:
//! look up and hash, lock the shards of the group, bring the keys near, run in order, unlock. A group is cut short
//! before a command that must run alone, and while a client has still to log in, because the log-in decides how the
//! next bytes may be decoded.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::Ordering;

use engine::execute::GROUP;
use engine::statistics::{WorkerStatistics, add};
use engine::{Args, Prepared, Reply, Session};
use keyspace::{ExpiryBudget, LogPosition, WorkerId};
use resp::{Decoded, Limits, Protocol};

use crate::Now;
use crate::connection::Connection;
use crate::machine::Mail;
use crate::node::Node;
use crate::output::Output;
use crate::unfinished::Unfinished;

mod invalidation;

/// Milliseconds between two ticks of an idle worker.
const TICK_MS: u64 = 50;
/// Due keys removed in one tick, about; a flood is removed over several turns with requests in between.
const EXPIRE_KEYS: usize = 2000;
/// Pages moved by one step of the sweep, and steps in a tick: with requests since the last tick, and without. A page takes
/// about a microsecond.
const SWEEP_PAGES: usize = 8;
const SWEEP_STEPS: usize = 4;
const IDLE_SWEEP_STEPS: usize = 32;

/// What was read from a connection in a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The connection's number.
    pub connection: usize,
    /// Where its bytes lie in the arena; empty if they went behind its half request.
    pub range: Range<usize>,
}

/// A request of the group that is being gathered.
struct Gathered {
    connection: usize,
    prepared: Prepared,
    /// Its bytes: a buffer of the turn, and where in it they begin.
    source: usize,
    begin: usize,
    /// Its arguments' ranges in the turn's list, from where its bytes begin.
    args: Range<usize>,
}

/// The bytes and arguments of one turn.
struct Buffers<'a> {
    arena: &'a [u8],
    /// Half requests that were completed, and the texts of inline requests.
    owned: Vec<Vec<u8>>,
    /// The ranges of all arguments.
    ranges: Vec<Range<usize>>,
}

/// The state of one turn.
struct Turn<'a> {
    now: Now,
    buffers: Buffers<'a>,
    group: Vec<Gathered>,
    /// The clock after the last command.
    clock: u64,
}

/// Lists that a worker keeps from turn to turn for their memory.
#[derive(Default)]
struct Spare {
    ranges: Vec<Range<usize>>,
    group: Vec<Gathered>,
}

/// The arena's number among the sources of a turn.
const ARENA: usize = usize::MAX;

impl Buffers<'_> {
    fn bytes(&self, source: usize) -> &[u8] {
        if source == ARENA { self.arena } else { &self.owned[source] }
    }

    fn args(&self, source: usize, begin: usize, args: &Range<usize>) -> Args<'_> {
        Args::new(&self.bytes(source)[begin..], &self.ranges[args.clone()])
    }

    fn args_of(&self, gathered: &Gathered) -> Args<'_> {
        self.args(gathered.source, gathered.begin, &gathered.args)
    }
}

/// See the module's text.
pub struct Worker<'n> {
    node: &'n Node,
    index: usize,
    engine: engine::Worker<'n>,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    inputs: Vec<Input>,
    writable: Vec<usize>,
    resumed: Vec<usize>,
    finished: VecDeque<usize>,
    /// Connections whose replies wait, by the position they wait for.
    held: Vec<(LogPosition, usize)>,
    expiry: ExpiryBudget,
    sweep: usize,
    next_tick_ns: u64,
    next_second_ns: u64,
    more_to_expire: bool,
    /// Requests came since the last tick.
    was_busy: bool,
    spare: Spare,
}

impl<'n> Worker<'n> {
    /// The worker with a number.
    pub fn new(node: &'n Node, index: usize, seed: u64) -> Self {
        let keyspace = &*node.shared.keyspace;
        let access = keyspace::Access::new(keyspace, WorkerId(index), seed);
        let (threads, shards) = (node.shared.identity.threads, keyspace.shards());
        let own = index * shards / threads..(index + 1) * shards / threads;
        Self {
            node,
            index,
            engine: engine::Worker::new(access, index),
            connections: Vec::new(),
            free: Vec::new(),
            inputs: Vec::new(),
            writable: Vec::new(),
            resumed: Vec::new(),
            finished: VecDeque::new(),
            held: Vec::new(),
            sweep: own.start,
            expiry: ExpiryBudget::new(own, EXPIRE_KEYS),
            next_tick_ns: 0,
            next_second_ns: 0,
            more_to_expire: false,
            was_busy: false,
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
        let authenticated = !shared.hot.password_required.load(Ordering::Relaxed);
        self.connections[number] = Some(Connection::new(Session::new(record, authenticated)));
        number
    }

    /// A connection's socket is closed.
    pub fn close(&mut self, number: usize) {
        if let Some(mut connection) = self.connections[number].take() {
            count_sent(&self.node.shared.statistics[self.index], &mut connection);
            self.node.forget(&mut connection.session);
            self.held.retain(|(_, held)| *held != number);
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

    /// Whether a connection should be read.
    pub fn wants_input(&self, number: usize) -> bool {
        self.connections[number].as_ref().is_some_and(Connection::wants_input)
    }

    /// The half request of a connection, if it has one: further bytes go behind it.
    pub fn unfinished_input(&mut self, number: usize) -> Option<&mut Unfinished> {
        let unfinished = &mut self.connections[number].as_mut()?.unfinished;
        (!unfinished.is_empty()).then_some(unfinished)
    }

    /// The peer closed or broke the connection.
    pub fn peer_closed(&mut self, number: usize) {
        if let Some(connection) = &mut self.connections[number]
            && !connection.is_finished
        {
            connection.is_finished = true;
            connection.output.clear();
            self.finished.push_back(number);
        }
    }

    /// What a connection may send now.
    pub fn output(&mut self, number: usize) -> &mut Output {
        &mut self.connections[number].as_mut().expect("a writable connection is open").output
    }

    /// Everything a connection was owed has been sent.
    pub fn written(&mut self, number: usize) {
        let Some(connection) = &mut self.connections[number] else { return };
        connection.over_soft_limit_since = None;
        let record = &connection.session.record;
        record.output_bytes.store(0, Ordering::Relaxed);
        record.output_memory.store(connection.output.capacity(), Ordering::Relaxed);
        count_sent(&self.node.shared.statistics[self.index], connection);
        if connection.is_done() && !connection.is_finished {
            connection.is_finished = true;
            self.finished.push_back(number);
        }
    }

    /// A connection has more to send and may.
    pub fn retry_write(&mut self, number: usize) {
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
        self.finished.pop_front()
    }

    /// A letter from another thread.
    pub fn receive(&mut self, now: Now, mail: Mail) {
        match mail {
            Mail::Look { number, id } => self.look(number, id),
            Mail::Invalidations(notices) => self.invalidate(now, notices),
            Mail::Monitor(line) => self.feed_monitors(now, &line),
            Mail::Released => self.release_held(),
            Mail::Unpaused => self.resume_paused(now),
        }
    }

    /// Runs all complete requests of a turn.
    pub fn execute(&mut self, now: Now, arena: &[u8], inputs: &[Input]) {
        if inputs.is_empty() {
            return;
        }
        self.was_busy = true;
        self.engine.access.begin(now.unix);
        let before = self.engine.access.last_effect();
        let clock = (self.node.shared.clock)();
        let spare = std::mem::take(&mut self.spare);
        let buffers = Buffers { arena, owned: Vec::new(), ranges: spare.ranges };
        let mut turn = Turn { now, buffers, group: spare.group, clock };
        for input in inputs {
            self.take_input(&mut turn, input);
        }
        self.run_group(&mut turn);
        self.engine.access.end();
        self.count_turn(inputs.len(), turn.clock.saturating_sub(clock));
        turn.buffers.ranges.clear();
        self.spare = Spare { ranges: turn.buffers.ranges, group: turn.group };
        self.finish_turn(now, inputs, before);
    }

    /// Work that is not asked for by a request: due keys, timeouts, memory. Called once a turn.
    pub fn tick(&mut self, now: Now) {
        if now.monotonic_ns < self.next_tick_ns && !self.more_to_expire {
            return;
        }
        self.next_tick_ns = now.monotonic_ns + TICK_MS * 1_000_000;
        self.engine.access.begin(now.unix);
        self.expire();
        self.publish_counters();
        self.engine.tell_observers(&self.node.shared);
        self.engine.trim_remembered(&self.node.shared);
        self.engine.access.end();
        self.hand_out_invalidations(now);
        if self.index == 0 {
            self.node.shared.read_rates(now.monotonic_ns);
        }
        self.sweep_some();
        self.hand_over();
        self.resume_paused(now);
        if now.monotonic_ns >= self.next_second_ns {
            self.next_second_ns = now.monotonic_ns + 1_000_000_000;
            if self.index == 0 {
                self.node.look_at_memory();
            }
            self.close_idle(now);
            self.close_slow_readers(now);
        }
    }

    /// Milliseconds until the next tick.
    pub fn tick_interval_ms(&self) -> u64 {
        if self.more_to_expire { 0 } else { TICK_MS }
    }

    /// The server ends: what can be answered is.
    pub fn stop(&mut self, _: Now) {
        self.hand_over();
        self.release_held();
    }

    /// Decodes the requests of one connection and gathers them.
    fn take_input(&mut self, turn: &mut Turn<'_>, input: &Input) {
        let number = input.connection;
        let Some(connection) = self.connections[number].as_mut() else { return };
        let statistics = &self.node.shared.statistics[self.index];
        let received = (input.range.len() + connection.unfinished.arrived()) as u64;
        add(&statistics.received, received);
        add(&connection.session.record.received, received);
        let is_owned = !connection.unfinished.is_empty();
        let (source, mut at, end) = if is_owned {
            let owned = &mut turn.buffers.owned;
            owned.push(connection.unfinished.take());
            (owned.len() - 1, 0, owned[owned.len() - 1].len())
        } else {
            (ARENA, input.range.start, input.range.end)
        };
        let mut missing = 0;
        while at < end {
            match self.next_request(turn, number, source, at..end) {
                Step::Consumed(count) => at += count,
                Step::Incomplete(count) => {
                    missing = count;
                    break;
                }
                Step::Stop => break,
                Step::Forget => {
                    at = end;
                }
            }
        }
        if let Some(connection) = self.connections[number].as_mut() {
            let rest = &turn.buffers.bytes(source)[at..end];
            if !rest.is_empty() {
                connection.unfinished.keep(rest, missing);
                self.check_query_limit(turn.now, number);
            }
        }
    }

    /// Closes a connection whose half request is longer than `client-query-buffer-limit`.
    fn check_query_limit(&mut self, now: Now, number: usize) {
        let shared = &self.node.shared;
        let limit = shared.hot.max_query_bytes.load(Ordering::Relaxed);
        let length =
            self.connections[number].as_ref().map_or(0, |connection| connection.unfinished.bytes().len());
        if length > limit {
            shared.clients.query_limit_disconnections.fetch_add(1, Ordering::Relaxed);
            if let Some(connection) = &self.connections[number] {
                let client = connection.session.record.line(now.unix);
                let text = format!("Closing client that reached max query buffer length: {client}");
                self.node.machine.warn(&text);
            }
            self.peer_closed(number);
        }
    }

    /// Decodes one request and gathers it.
    fn next_request(
        &mut self,
        turn: &mut Turn<'_>,
        number: usize,
        source: usize,
        range: Range<usize>,
    ) -> Step {
        let shared = &self.node.shared;
        let Some(connection) = self.connections[number].as_mut() else { return Step::Forget };
        if connection.session.closing || connection.is_finished {
            return Step::Forget;
        }
        let limits = Limits {
            max_bulk_bytes: shared.hot.max_bulk_bytes.load(Ordering::Relaxed),
            auth_required: !connection.session.authenticated,
        };
        let Buffers { arena, owned, ranges } = &mut turn.buffers;
        let first = ranges.len();
        let bytes = if source == ARENA { arena } else { &owned[source][..] };
        let decoded = connection.decoder.decode(&bytes[range.clone()], &limits, ranges);
        let args = first..ranges.len();
        let (consumed, source, begin) = match decoded {
            Ok(Decoded::Request { consumed }) => (consumed, source, range.start),
            Ok(Decoded::Inline { consumed, text }) => {
                owned.push(text);
                (consumed, owned.len() - 1, 0)
            }
            Ok(Decoded::Empty { consumed }) => return Step::Consumed(consumed),
            Ok(Decoded::Incomplete { needed }) => {
                return Step::Incomplete(needed.saturating_sub(range.len()));
            }
            Err(error) => {
                self.run_group(turn);
                self.refuse_protocol(number, &error.to_string());
                return Step::Forget;
            }
        };
        self.gather(turn, number, (source, begin), args).map_or(Step::Stop, |()| Step::Consumed(consumed))
    }

    /// Adds a request to the group, and runs the group when it is full. `None`: the request has to wait for the end of
    /// a pause.
    fn gather(
        &mut self,
        turn: &mut Turn<'_>,
        number: usize,
        (source, begin): (usize, usize),
        args: Range<usize>,
    ) -> Option<()> {
        let pause = self.node.shared.clients.paused(turn.now.unix);
        if pause.is_some() {
            // What is held back depends on what ran before, such as a MULTI.
            self.run_group(turn);
        }
        let connection = self.connections[number].as_mut().expect("its bytes were just decoded");
        let args_now = turn.buffers.args(source, begin, &args);
        let prepared = self.engine.prepare(&connection.session, &args_now);
        if let Some(mode) = pause
            && prepared.is_paused(mode, &args_now, &connection.session, &self.node.shared)
        {
            connection.session.record.blocked.store(true, Ordering::Relaxed);
            return None;
        }
        let is_alone = prepared.is_alone() || !connection.session.authenticated;
        if is_alone {
            self.run_group(turn);
        }
        turn.group.push(Gathered { connection: number, prepared, source, begin, args });
        if is_alone || turn.group.len() == GROUP {
            self.run_group(turn);
        }
        Some(())
    }

    /// Locks, runs in order, unlocks.
    fn run_group(&mut self, turn: &mut Turn<'_>) {
        let Turn { buffers, group, clock, .. } = turn;
        let is_alone = matches!(&group[..], [only] if only.prepared.is_alone());
        if !is_alone {
            self.engine.lease(group.iter().map(|gathered| (&gathered.prepared, buffers.args_of(gathered))));
        }
        for gathered in &*group {
            let Some(connection) = self.connections[gathered.connection].as_mut() else { continue };
            if connection.session.closing {
                continue;
            }
            let args = buffers.args_of(gathered);
            let (session, out) = (&mut connection.session, connection.output.buffer());
            let environment = (&*self.node.shared, self.node as &dyn engine::Host);
            *clock = self.engine.run(&gathered.prepared, &args, session, out, environment, *clock);
        }
        group.clear();
        if !is_alone {
            self.engine.release();
        }
    }

    /// The end of a turn: effects go to the append-only file, replies to their sockets.
    fn finish_turn(&mut self, now: Now, inputs: &[Input], before: LogPosition) {
        self.hand_over();
        self.hand_out_invalidations(now);
        self.publish_counters();
        let own = Some(self.engine.access.last_effect()).filter(|&last| last > before);
        let waits_for = self.node.unreleased(self.index, own);
        for input in inputs {
            let number = input.connection;
            let Some(connection) = self.connections[number].as_mut() else { continue };
            let record = &connection.session.record;
            record.output_memory.store(connection.output.capacity(), Ordering::Relaxed);
            record.query_memory.store(connection.unfinished.capacity(), Ordering::Relaxed);
            record.output_bytes.store(connection.output.len(), Ordering::Relaxed);
            record.query_bytes.store(connection.unfinished.bytes().len(), Ordering::Relaxed);
            if connection.output.is_empty() {
                if connection.is_done() {
                    self.written(number);
                }
                continue;
            }
            if self.node.exceeds_output_limit(connection, now) {
                self.peer_closed(number);
            } else if let Some(position) = waits_for {
                connection.output.hold(position);
                self.held.push((position, number));
            } else {
                mark_writable(&mut self.connections, &mut self.writable, number);
            }
        }
    }

    /// Hands dead values to the background.
    fn hand_over(&mut self) {
        if self.engine.access.has_reclaim() {
            self.node.machine.free(self.engine.access.take_reclaim());
        }
    }

    /// Removes due keys, and counts the time that takes.
    fn expire(&mut self) {
        let statistics = &self.node.shared.statistics[self.index];
        let started = (self.node.shared.clock)();
        self.more_to_expire = self.engine.access.expire_some(&mut self.expiry);
        add(&statistics.expiry_ns, (self.node.shared.clock)().saturating_sub(started));
        add(&statistics.expiry_cut_short, u64::from(self.more_to_expire));
    }

    /// Counts a turn that read so many connections.
    fn count_turn(&self, reads: usize, nanoseconds: u64) {
        let statistics = &self.node.shared.statistics[self.index];
        add(&statistics.reads, reads as u64);
        add(&statistics.turns, 1);
        add(&statistics.turn_ns, nanoseconds);
    }

    /// Makes the worker's counts visible.
    fn publish_counters(&self) {
        let (counters, statistics) = (&self.engine.access.counters, &self.node.shared.statistics[self.index]);
        statistics.publish(counters);
    }

    /// Lets the replies go whose log position has been reached.
    fn release_held(&mut self) {
        let released = self.node.machine.released();
        let mut index = 0;
        while index < self.held.len() {
            let (position, number) = self.held[index];
            if position > released {
                index += 1;
                continue;
            }
            self.held.swap_remove(index);
            if let Some(connection) = self.connections[number].as_mut() {
                connection.output.release();
                self.resumed.push(number);
                mark_writable(&mut self.connections, &mut self.writable, number);
            }
        }
    }

    /// Lets connections go on whose input waited for a pause, if it is over.
    fn resume_paused(&mut self, now: Now) {
        if self.node.shared.clients.paused(now.unix).is_some() {
            return;
        }
        for (number, place) in self.connections.iter_mut().enumerate() {
            if let Some(connection) = place
                && connection.session.record.blocked.swap(false, Ordering::Relaxed)
            {
                self.inputs.push(Input { connection: number, range: 0..0 });
                self.resumed.push(number);
            }
        }
    }

    /// Closes a connection that was killed.
    fn look(&mut self, number: usize, id: u64) {
        let place = self.connections.get_mut(number).and_then(Option::as_mut);
        if place.is_some_and(|connection| {
            connection.session.record.id == id && connection.session.record.killed.load(Ordering::Relaxed)
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

    /// Answers bytes that are no request, and closes once that is sent.
    fn refuse_protocol(&mut self, number: usize, text: &str) {
        if let Some(connection) = self.connections[number].as_mut() {
            connection.decoder.reset();
            connection.session.closing = true;
            Reply::new(connection.output.buffer(), Protocol::Resp2).error(format!("ERR {text}"));
        }
    }

    /// Closes connections that have been silent for `timeout` seconds.
    fn close_idle(&mut self, now: Now) {
        let timeout_ms = self.node.idle_timeout_s() as i64 * 1000;
        if timeout_ms == 0 {
            return;
        }
        for number in 0..self.connections.len() {
            let Some(connection) = self.connections[number].as_ref() else { continue };
            let idle_ms = now.unix.0 - connection.session.record.active.load(Ordering::Relaxed);
            if idle_ms >= timeout_ms && !connection.session.monitoring {
                self.peer_closed(number);
            }
        }
    }

    /// Closes connections that have left too much unread for too long, whether or not they ask for more.
    fn close_slow_readers(&mut self, now: Now) {
        if !self.node.has_soft_output_limit() {
            return;
        }
        for number in 0..self.connections.len() {
            if let Some(connection) = self.connections[number].as_mut()
                && !connection.is_finished
                && self.node.exceeds_output_limit(connection, now)
            {
                self.peer_closed(number);
            }
        }
    }

    /// Moves a few pages, shard by shard, so that sparse memory can go back.
    fn sweep_some(&mut self) {
        if !self.node.sweeps() {
            return;
        }
        let keyspace = &self.node.shared.keyspace;
        let (threads, shards) = (self.node.shared.identity.threads, keyspace.shards());
        let own = self.index * shards / threads..(self.index + 1) * shards / threads;
        let steps = if std::mem::take(&mut self.was_busy) { SWEEP_STEPS } else { IDLE_SWEEP_STEPS };
        for _ in 0..steps {
            if keyspace.sweep_shard(self.sweep, SWEEP_PAGES) {
                self.sweep = if self.sweep + 1 >= own.end { own.start } else { self.sweep + 1 };
            }
        }
    }
}

/// Counts the bytes that a connection has sent since the last time.
fn count_sent(statistics: &WorkerStatistics, connection: &mut Connection) {
    let sent = connection.output.take_sent();
    add(&statistics.sent, sent);
    add(&statistics.writes, u64::from(sent > 0));
    add(&connection.session.record.sent, sent);
}

/// What became of the next bytes of a connection.
enum Step {
    /// A request of this many bytes was taken.
    Consumed(usize),
    /// About this many bytes are missing.
    Incomplete(usize),
    /// The rest has to wait.
    Stop,
    /// The rest is of no interest.
    Forget,
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
