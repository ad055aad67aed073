//! One turn: all complete requests of all connections that sent something.
//!
//! They run in groups of up to 16, fewer if they name many keys: look up and hash, lock the shards of the group, bring the keys near, run in order,
//! unlock. A group is cut short before a command that must run alone, and while a client has still to log in, because the
//! log-in decides how the next bytes may be decoded.

use std::ops::Range;
use std::sync::atomic::Ordering;

use engine::client::PauseMode;
use engine::execute::{GROUP, Lease};
use engine::statistics::add;
use engine::{Args, Environment, Prepared, Reply};
use keyspace::LogPosition;
use resp::{Decoded, Limits, Protocol};

use super::{Held, Input, Worker, mark_writable};
use crate::Now;

/// Arguments of a turn for whose places a worker keeps room: more than pipelines have. A single request may have a million.
const KEPT_RANGES: usize = 8192;

/// Replies of so many bytes may wait to be sent when the machine is asked to read files for a client.
const MAX_BEHIND_BYTES: usize = 4 << 20;

/// Serves a worker's clients within a turn, one command of which takes long; returns the time at its end.
pub type TurnWithin<'a, 'n> = dyn FnMut(&mut Worker<'n>) -> Now + 'a;

/// A request of the group that is being gathered.
pub(super) struct Gathered {
    pub(super) connection: usize,
    pub(super) prepared: Prepared,
    /// Its bytes: a buffer of the turn, and where in it they begin.
    source: usize,
    begin: usize,
    /// Its arguments' ranges in the turn's list, from where its bytes begin.
    args: Range<usize>,
}

/// The bytes and arguments of one turn.
pub(super) struct Buffers<'a> {
    pub(super) arena: &'a [u8],
    /// Half requests that were completed, and the texts of inline requests.
    owned: Vec<Vec<u8>>,
    /// The ranges of all arguments.
    ranges: Vec<Range<usize>>,
}

/// The state of one turn.
pub(super) struct Turn<'a, 'n> {
    pub(super) now: Now,
    pub(super) buffers: Buffers<'a>,
    group: Vec<Gathered>,
    /// The clock after the last command.
    pub(super) clock: u64,
    /// What was read, and how much of it has been taken up.
    pub(super) inputs: &'a [Input],
    pub(super) taken: usize,
    pub(super) within: &'a mut TurnWithin<'a, 'n>,
}

/// Lists that a worker keeps from turn to turn for their memory.
#[derive(Default)]
pub(super) struct Spare {
    ranges: Vec<Range<usize>>,
    group: Vec<Gathered>,
    /// For the reply of a command that may run a script.
    pub(super) reply: Vec<u8>,
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

    pub(super) fn args_of(&self, gathered: &Gathered) -> Args<'_> {
        self.args(gathered.source, gathered.begin, &gathered.args)
    }
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

impl<'n> Worker<'n> {
    /// Runs all complete requests of a turn. `within` is called, any number of times, while a script is busy; it may do all that
    /// is done between two turns, and turns.
    pub fn execute(&mut self, now: Now, arena: &[u8], inputs: &[Input], within: &mut TurnWithin<'_, 'n>) {
        if inputs.is_empty() {
            return;
        }
        self.upkeep.was_busy = true;
        self.engine.access.begin(now.unix);
        let before = self.engine.access.last_effect();
        let mut clock = (self.node.shared.clock)();
        self.memory.begin_pace();
        self.make_room(&mut clock);
        let Spare { ranges, group, .. } = &mut self.spare;
        let (ranges, group) = (std::mem::take(ranges), std::mem::take(group));
        let buffers = Buffers { arena, owned: Vec::new(), ranges };
        let mut turn = Turn { now, buffers, group, clock, inputs, taken: 0, within };
        while let Some(input) = turn.inputs.get(turn.taken) {
            turn.taken += 1;
            self.take_input(&mut turn, input);
        }
        self.run_group(&mut turn);
        self.engine.access.end();
        self.count_turn(inputs.len(), turn.clock.saturating_sub(clock));
        turn.buffers.ranges.clear();
        turn.buffers.ranges.shrink_to(KEPT_RANGES);
        self.spare.ranges = turn.buffers.ranges;
        self.spare.group = turn.group;
        let own = Some(self.engine.access.last_effect()).filter(|&last| last > before);
        self.finish_turn(turn.now, inputs, own);
    }

    /// Decodes the requests of one connection and gathers them.
    fn take_input(&mut self, turn: &mut Turn<'_, 'n>, input: &Input) {
        let number = input.connection;
        let Some(connection) = self.connections[number].as_mut() else { return };
        if input.range.is_empty() && connection.unfinished.is_empty() {
            return; // a connection that goes on, whose half request was lifted, and comes with what was read behind it
        }
        let statistics = &self.node.shared.statistics[self.index];
        let unfinished = &connection.unfinished;
        let received = unfinished.arrived(input.range.len()) as u64;
        add(&statistics.received, received);
        add(&connection.session.record.received, received);
        let (is_owned, is_continued) = (!unfinished.is_empty(), unfinished.capacity() > 0);
        if is_continued {
            let bytes = unfinished.capacity().max(input.range.len());
            self.limit_requester(turn.now, number, bytes);
        }
        let Some(connection) = self.connections[number].as_mut() else { return };
        let (source, mut at, end) = if is_owned {
            let owned = &mut turn.buffers.owned;
            owned.push(connection.unfinished.take());
            (owned.len() - 1, 0, owned[owned.len() - 1].len())
        } else {
            (ARENA, input.range.start, input.range.end)
        };
        let (begin, mut requests, mut missing) = (at, 0, 0);
        while at < end {
            match self.next_request(turn, number, source, at..end) {
                Step::Consumed(count) => {
                    at += count;
                    requests += 1;
                }
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
        let Some(connection) = self.connections[number].as_mut() else { return };
        if at == end {
            connection.unfinished.finish(end - begin, requests);
        } else {
            if is_owned && at == 0 {
                // It may be long, and grow longer with each of many turns.
                connection.unfinished.keep_whole(std::mem::take(&mut turn.buffers.owned[source]), missing);
            } else {
                connection.unfinished.keep(&turn.buffers.bytes(source)[at..end], missing);
            }
            self.check_query_limit(turn.now, number);
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
                let client = self.node.log_line(&connection.session.record, now.unix);
                let text = format!("Closing client that reached max query buffer length: {client}");
                self.node.machine.warn(&text);
            }
            self.peer_closed(number);
        }
    }

    /// Decodes one request and gathers it.
    fn next_request(
        &mut self,
        turn: &mut Turn<'_, 'n>,
        number: usize,
        source: usize,
        range: Range<usize>,
    ) -> Step {
        let shared = &self.node.shared;
        let Some(connection) = self.connections[number].as_mut() else { return Step::Forget };
        if connection.session.closing || connection.is_finished {
            return Step::Forget;
        }
        if connection.is_held_up() {
            return Step::Stop;
        }
        let limits = Limits {
            max_bulk_bytes: shared.hot.max_bulk_bytes.load(Ordering::Relaxed),
            auth_required: connection.session.login.is_needed(&shared.accounts),
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
            Ok(Decoded::Empty { consumed }) => {
                if connection.session.is_replica {
                    self.node.note_sign_of_life(&connection.session.record, turn.now);
                }
                return Step::Consumed(consumed);
            }
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
    /// a pause, until there is room in memory, or until its client has taken what it is owed.
    fn gather(
        &mut self,
        turn: &mut Turn<'_, 'n>,
        number: usize,
        (source, begin): (usize, usize),
        args: Range<usize>,
    ) -> Option<()> {
        let mut prepared = Prepared::new(&self.node.shared.names, &turn.buffers.args(source, begin, &args));
        if prepared.is_unknown() && prepared.is_http(&turn.buffers.args(source, begin, &args)) {
            self.run_group(turn);
            self.refuse_http(turn.now, number);
            return None;
        }
        let (pause, is_crowded) = self.what_holds_back(turn.now);
        if pause.is_some() || is_crowded {
            // What is held back depends on what ran before, such as a MULTI.
            self.run_group(turn);
        }
        let connection = self.connections[number].as_mut().expect("its bytes were just decoded");
        let session = &connection.session;
        let is_held = pause.is_some_and(|mode| {
            let args = turn.buffers.args(source, begin, &args);
            prepared.is_paused(mode, &args, session, &self.node.shared)
        }) || is_crowded && prepared.needs_memory(session);
        if is_held {
            connection.session.record.blocked.store(true, Ordering::Relaxed);
            return None;
        }
        if prepared.is_errand() && connection.output.len() > MAX_BEHIND_BYTES {
            // It goes on when they have been sent.
            connection.is_behind = true;
            return None;
        }
        let is_alone = prepared.is_alone() || connection.session.login.is_needed(&self.node.shared.accounts);
        // What stands behind a command that may have to wait is not for this group.
        let is_last = is_alone || prepared.may_wait();
        let database = connection.session.database;
        if is_alone {
            self.run_group(turn);
        }
        let before = turn.group.last().map(|last| (&last.prepared, turn.buffers.args_of(last)));
        self.engine.want(&mut prepared, &turn.buffers.args(source, begin, &args), database, before);
        if let Some(last) = turn.group.last_mut() {
            last.prepared.precedes(&prepared);
        }
        turn.group.push(Gathered { connection: number, prepared, source, begin, args });
        if is_last || turn.group.len() == GROUP || self.engine.has_enough() {
            self.run_group(turn);
        }
        Some(())
    }

    /// A pause, and whether there is no room in memory. Beside a script nothing is held back: what that could concern is refused.
    #[inline]
    fn what_holds_back(&self, now: Now) -> (Option<PauseMode>, bool) {
        if self.engine.is_beside_script() {
            return (None, false);
        }
        (self.node.shared.clients.paused(now.unix), self.memory.is_crowded())
    }

    /// Locks, runs in order, unlocks.
    fn run_group(&mut self, turn: &mut Turn<'_, 'n>) {
        let mut group = std::mem::take(&mut turn.group);
        if !group.is_empty() {
            self.make_room(&mut turn.clock);
        }
        let is_alone = matches!(&group[..], [only] if only.prepared.is_alone());
        let apart = !is_alone && self.engine.lease() == Lease::Apart;
        if !is_alone && !apart {
            self.prefetch_members(turn, &group);
        }
        for gathered in &mut group {
            self.run_gathered(turn, gathered, apart);
        }
        group.clear();
        turn.group = group;
        if !is_alone {
            self.engine.release();
        }
        if self.engine.feeder.has_later() {
            self.feed_later();
        }
    }

    /// Brings near what the requests of a group, whose keys are, look for inside of their values.
    fn prefetch_members(&self, turn: &Turn<'_, 'n>, group: &[Gathered]) {
        let named = group.iter().filter(|gathered| gathered.prepared.names_members());
        self.engine.prefetch_members(named.filter_map(|gathered| {
            let database = self.connections[gathered.connection].as_ref()?.session.database;
            Some((&gathered.prepared, turn.buffers.args_of(gathered), database))
        }));
    }

    /// Runs a request of the group, for which its keys are locked unless each locks `apart`.
    #[inline]
    fn run_gathered(&mut self, turn: &mut Turn<'_, 'n>, gathered: &mut Gathered, apart: bool) {
        let number = gathered.connection;
        let Some(connection) = self.connections[number].as_mut() else { return };
        if connection.session.closing || connection.is_finished {
            return;
        }
        let changes = self.engine.access.counters.asked();
        if gathered.prepared.may_run_scripts(&connection.session) && !self.engine.is_beside_script() {
            self.run_with_others(turn, gathered);
        } else {
            let args = turn.buffers.args_of(gathered);
            let (session, out) = (&mut connection.session, connection.output.buffer());
            let environment = Environment { shared: &self.node.shared, host: self.node, meanwhile: None };
            turn.clock = if apart {
                self.engine.run_apart(&mut gathered.prepared, &args, session, out, environment, turn.clock)
            } else {
                self.engine.run(&gathered.prepared, &args, session, out, environment, turn.clock)
            };
        }
        let Some(connection) = self.connections[number].as_mut() else { return };
        connection.session.has_changed |= self.engine.access.counters.asked() != changes;
        if !self.engine.slices.is_empty() {
            connection.output.insert(self.engine.slices.take());
        }
        if connection.is_waiting() {
            self.begin_wait(turn.now, number);
        }
        if self.engine.feeder.has_answers() {
            self.deliver_own_answers();
        }
        if self.engine.desk.has_own() {
            self.deliver_own(turn.now);
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

    /// Closes the connection of a client that speaks HTTP, without a word: a web page may have made a browser send it, with
    /// commands behind the head.
    fn refuse_http(&mut self, now: Now, number: usize) {
        let Some(connection) = &self.connections[number] else { return };
        if connection.session.closing {
            return;
        }
        if self.node.shared.clients.tells_of_http(now.unix) {
            self.node.machine.warn(&format!(
                "Possible attack: {} sends HTTP (a line that begins with POST or Host:), as a browser does that a web page \
                 abuses to reach this server. The connection is closed; others like it within a minute are closed silently",
                connection.session.record.address
            ));
        }
        self.peer_closed(number);
    }

    /// Ends a batch between the turns, in which clients were answered.
    pub(super) fn end_between(&mut self, now: Now) {
        self.engine.access.end();
        self.hand_everything_out(now);
        self.release_answered(now);
    }

    /// Gives everybody else what a batch has for them: counts, garbage, answers, invalidations, messages, events.
    fn hand_everything_out(&mut self, now: Now) {
        self.publish_counters();
        self.hand_over();
        self.hand_out_answers();
        self.hand_out_invalidations(now);
        self.hand_out_messages();
        self.publish_events();
    }

    /// The end of a turn, or of what has run of it: effects go to the append-only file, replies to their sockets. `own` is the
    /// place in the log behind what it has changed.
    pub(super) fn finish_turn(&mut self, now: Now, inputs: &[Input], own: Option<LogPosition>) {
        self.hand_everything_out(now);
        let waits_for = self.node.unreleased(self.index, own);
        self.ask_replicas();
        for input in inputs {
            self.settle(now, input.connection, waits_for);
        }
        self.settle_answered(now, waits_for);
        self.limit_clients(now, inputs);
    }

    /// Looks what a connection is owed, and lets it go now or when the log has come to a position.
    pub(super) fn settle(&mut self, now: Now, number: usize, waits_for: Option<LogPosition>) {
        let Some(connection) = self.connections[number].as_mut() else { return };
        let has_changed = std::mem::take(&mut connection.session.has_changed);
        if has_changed {
            connection.session.changed_before = self.node.shared.keyspace.position();
        }
        let record = &connection.session.record;
        record.output_memory.store(connection.output.capacity(), Ordering::Relaxed);
        record.query_memory.store(connection.unfinished.capacity(), Ordering::Relaxed);
        record.output_bytes.store(connection.output.len(), Ordering::Relaxed);
        let (unfinished, decoded) = (connection.unfinished.bytes().len(), connection.decoder.decoded_bytes());
        record.query_bytes.store(unfinished.saturating_sub(decoded), Ordering::Relaxed);
        record.argument_bytes.store(connection.decoder.argument_bytes(), Ordering::Relaxed);
        if connection.output.is_empty() {
            if connection.is_done() {
                self.written(number);
            }
        } else if self.node.exceeds_output_limit(connection, now) {
            self.peer_closed(number);
        } else if let Some(position) = waits_for.filter(|_| has_changed || !self.node.log_fails()) {
            self.hold(number, position, has_changed);
        } else {
            mark_writable(&mut self.connections, &mut self.writable, number);
        }
    }

    /// Holds what a connection is owed until the log has come to a position. What it has waited for before counts on: it may
    /// have been answered after a wait while its earlier replies were held.
    fn hold(&mut self, number: usize, position: LogPosition, has_changed: bool) {
        let Some(connection) = self.connections[number].as_mut() else { return };
        let was_held = connection.output.held().is_some();
        connection.output.hold(position);
        let mut earlier = self.held.iter_mut().filter(|held| was_held && held.connection == number);
        if let Some(held) = earlier.next() {
            held.position = held.position.max(position);
            held.has_changed |= has_changed;
        } else {
            self.held.push(Held { connection: number, position, has_changed });
        }
    }

    /// Counts a turn that read so many connections.
    fn count_turn(&self, reads: usize, nanoseconds: u64) {
        let statistics = &self.node.shared.statistics[self.index];
        add(&statistics.reads, reads as u64);
        add(&statistics.turns, 1);
        add(&statistics.turn_ns, nanoseconds);
    }
}
