//! What a worker does without being asked by a request: due keys, timeouts, memory.

use std::ops::Range;
use std::sync::atomic::Ordering;

use engine::Host;
use engine::latency::Cause;
use engine::statistics::add;
use keyspace::ExpiryBudget;
use value::sweep::Sweeper;

use super::Worker;
use crate::Now;

/// Milliseconds between two ticks, and the most between two searches for due keys.
const TICK_MS: u64 = 50;
/// The least between two searches, unless one ended early: each looks at every shard.
const EXPIRE_MS: u64 = 5;
/// Due keys removed in one search, about; a flood is removed over several turns with requests in between.
const EXPIRE_KEYS: usize = 2000;
/// Blocks looked at under one lock, fewer if they are moved, and locks taken in a row. A look takes a tenth of a microsecond.
const SWEEP_BLOCKS: usize = 64;
const SWEEP_STEPS: usize = 8;
/// Milliseconds between two rows, while there are no requests and while there are.
const IDLE_SWEEP_MS: u64 = 5;
const BUSY_SWEEP_MS: u64 = 20;
/// Milliseconds between two rows while memory is not sparse and the first has found little: of so many blocks one or none that is
/// too large.
const LOOK_MS: u64 = 100;
const LITTLE: usize = 16;
/// Milliseconds between two rounds of which the first has moved nothing.
const SWEEP_REST_MS: u64 = 1000;

const NS_PER_MS: u64 = 1_000_000;

/// How far a worker's upkeep has come. It is responsible for a range of shards.
pub(super) struct Upkeep {
    shards: Range<usize>,
    expiry: ExpiryBudget,
    next_expiry_ns: u64,
    /// The next shard of the sweep.
    sweep: usize,
    /// Blocks that were moved in this round of it.
    swept: usize,
    next_sweep_ns: u64,
    next_tick_ns: u64,
    next_second_ns: u64,
    /// Requests came since the last row of the sweep.
    pub(super) was_busy: bool,
}

impl Upkeep {
    pub(super) fn new(shards: Range<usize>) -> Self {
        Self {
            expiry: ExpiryBudget::new(shards.clone(), EXPIRE_KEYS),
            next_expiry_ns: 0,
            sweep: shards.start,
            swept: 0,
            shards,
            next_sweep_ns: 0,
            next_tick_ns: 0,
            next_second_ns: 0,
            was_busy: false,
        }
    }

    /// The sweep goes on with the next shard; returns whether that is the first one again.
    fn next_shard(&mut self) -> bool {
        self.sweep += 1;
        let is_round = self.sweep >= self.shards.end;
        if is_round {
            self.sweep = self.shards.start;
        }
        is_round
    }
}

impl Worker<'_> {
    /// Work that is not asked for by a request: due keys, timeouts, memory. Called once a turn.
    pub fn tick(&mut self, now: Now) {
        self.memory.begin_pace();
        self.end_waits(now);
        if !self.engine.is_beside_script() {
            self.advance(now); // a script has locked what this is about
        }
        if now.monotonic_ns >= self.upkeep.next_sweep_ns {
            self.sweep_some(now);
        }
        if now.monotonic_ns < self.upkeep.next_tick_ns {
            return;
        }
        self.upkeep.next_tick_ns = now.monotonic_ns + TICK_MS * NS_PER_MS;
        if self.index == 0 {
            self.node.shared.read_rates(now.monotonic_ns);
            self.node.shared.hot_keys.end_when_due(now.unix, || self.node.processor_us());
        }
        if self.node.is_to_measure(self.index) {
            self.tell_memory();
            self.node.measure(self.index);
        }
        self.engine.tell_interpreters(&self.node.shared.statistics[self.index]);
        self.keep_limit(now);
        self.limit_all_clients(now);
        self.node.pass_on(self.index);
        self.resume_paused(now);
        if now.monotonic_ns >= self.upkeep.next_second_ns {
            self.upkeep.next_second_ns = now.monotonic_ns + 1000 * NS_PER_MS;
            self.close_idle(now);
            self.close_slow_readers(now);
            if self.index == 0 {
                self.node.judge_replicas();
            }
        }
    }

    /// Work on data, a little each turn.
    fn advance(&mut self, now: Now) {
        self.compute(now);
        self.look_again(now);
        if self.engine.feeder.has_later() {
            self.feed_between(now);
        }
        if now.monotonic_ns >= self.upkeep.next_expiry_ns {
            self.expire(now);
        }
        if self.memory.is_evicting() {
            self.keep_limit(now);
        }
    }

    /// Nanoseconds until [`Worker::tick`] has something to do.
    pub fn idle_ns(&self, now: Now) -> u64 {
        if self.memory.is_evicting() || self.engine.feeder.has_later() || self.is_computing() {
            return 0;
        }
        let wait_end = self.wait_ends.first().map_or(u64::MAX, |(end, _)| *end);
        let look = self.looks.first().map_or(u64::MAX, |(at, ..)| *at);
        let Upkeep { next_tick_ns, next_expiry_ns, next_sweep_ns, .. } = self.upkeep;
        let next = next_tick_ns.min(next_expiry_ns).min(next_sweep_ns).min(wait_end).min(look);
        next.saturating_sub(now.monotonic_ns)
    }

    /// Removes due keys, and counts the time that takes. The next search comes at once if this one ended early, else when
    /// a key is due, as far as that is known.
    fn expire(&mut self, now: Now) {
        let statistics = &self.node.shared.statistics[self.index];
        let started = (self.node.shared.clock)();
        self.engine.access.begin(now.unix);
        let more = self.engine.expire(&self.node.shared, &mut self.upkeep.expiry);
        self.engine.trim_remembered(&self.node.shared);
        self.engine.access.end();
        let took_ns = (self.node.shared.clock)().saturating_sub(started);
        add(&statistics.expiry_ns, took_ns);
        self.node.shared.note_latency(Cause::ExpireCycle, now.unix, took_ns);
        add(&statistics.expiry_cut_short, u64::from(more));
        let due_ms = self.upkeep.expiry.next_due().0.saturating_sub(now.unix.0);
        let pause_ms = if more { 0 } else { (due_ms.max(0) as u64).clamp(EXPIRE_MS, TICK_MS) };
        self.upkeep.next_expiry_ns = now.monotonic_ns + pause_ms * NS_PER_MS;
        self.publish_counters();
        self.hand_out_invalidations(now);
        self.publish_events();
        self.hand_over();
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
            if idle_ms >= timeout_ms
                && !connection.session.monitoring
                && !connection.session.is_replica
                && !connection.is_blocked()
                && !connection.is_waiting()
                && connection.session.subscriptions.is_empty()
            {
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

    /// Looks at a few blocks, shard by shard, and moves those that lie in sparse memory or have become too large.
    fn sweep_some(&mut self, now: Now) {
        let (node, upkeep) = (self.node, &mut self.upkeep);
        let statistics = &node.shared.statistics[self.index];
        let mut pause_ms = if std::mem::take(&mut upkeep.was_busy) { BUSY_SWEEP_MS } else { IDLE_SWEEP_MS };
        let started = (node.shared.clock)();
        let memory_is_sparse = node.sweeps();
        let is_sparse = |block: *const u8| memory_is_sparse && node.machine.is_sparse(block);
        let (mut moved, mut left) = (0, 0);
        let mut has_come_round = false;
        for _ in 0..SWEEP_STEPS {
            let mut sweeper = Sweeper::new(&is_sparse, SWEEP_BLOCKS);
            let is_swept = node.shared.keyspace.sweep_shard(upkeep.sweep, &mut sweeper);
            moved += sweeper.moved;
            left += sweeper.left;
            has_come_round = is_swept && upkeep.next_shard();
            if has_come_round {
                break;
            }
        }
        upkeep.swept += moved;
        if has_come_round && std::mem::take(&mut upkeep.swept) == 0 {
            pause_ms = SWEEP_REST_MS;
        } else if !memory_is_sparse && moved * LITTLE <= left {
            pause_ms = LOOK_MS;
        }
        upkeep.next_sweep_ns = now.monotonic_ns + pause_ms * NS_PER_MS;
        add(&statistics.blocks_moved, moved as u64);
        add(&statistics.blocks_left, left as u64);
        let took_ns = (node.shared.clock)().saturating_sub(started);
        add(&statistics.sweep_ns, took_ns);
        node.shared.note_latency(Cause::ActiveDefragCycle, now.unix, took_ns);
    }
}
