//! Keeping used memory below `maxmemory`.
//!
//! Before each group of requests a worker makes room: while more is used than may be, it evicts keys, for a bounded time. It
//! adds the workers' figures up only when it has itself taken part of what was free when it last did so; at the limit
//! that is each time. Whoever has more to evict than that time allows goes on behind the turn, with requests in between.
//!
//! Where more has to go than that, after the limit was lowered say, requests are answered meanwhile: a turn evicts for [`PACE_NS`] at
//! most before its requests, and as long behind them. But what requests bring has to be paid for: [`PRICE`] times as many bytes have
//! to go as came since evicting began, for which the whole time is given before each group. So the limit is reached when
//! clients have written as much as was too much, at the latest.
//! If keys go slower than that, small ones for large ones say, requests that need memory wait while more than [`PATIENCE`] of
//! the limit is owed; others are answered. If no key may go, they are refused.

use std::sync::atomic::Ordering;

use engine::Eviction;
use engine::latency::Cause;
use engine::statistics::add;

use super::Worker;
use crate::Now;

/// Requests that need memory wait while more than one in so many bytes of the limit is owed.
const PATIENCE: i64 = 200;
/// Bytes that have to go for each that comes: one for itself, and one of the excess.
const PRICE: i64 = 2;
/// So long a turn evicts for while nothing is owed, in nanoseconds, before its requests and behind them.
const PACE_NS: u64 = 100_000;
/// Evictions between two looks at the clock.
const STEP: usize = 8;

/// What a worker knows of memory.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The limit at the last look.
    limit: i64,
    /// When the worker holds so many bytes it looks again.
    look_at: i64,
    state: State,
    /// What it held when it last ended evicting.
    held: i64,
    /// Bytes that have still to go, at [`PRICE`], for what came since evicting began. Below zero more has gone already.
    owed: i64,
    /// How long keys have been evicted for since [`Memory::begin_pace`], in nanoseconds.
    evicted_ns: u64,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Within,
    /// Keys go, and there are more that have to.
    Evicting,
    /// And meanwhile requests that need memory wait.
    Crowded,
    /// No key may go.
    Full,
}

impl Memory {
    /// Whether there are more keys to evict.
    pub(super) fn is_evicting(&self) -> bool {
        matches!(self.state, State::Evicting | State::Crowded)
    }

    /// A turn begins, or its requests have run: keys may go again.
    pub(super) fn begin_pace(&mut self) {
        self.evicted_ns = 0;
    }

    /// Whether requests that need memory wait.
    #[inline]
    pub(super) fn is_crowded(&self) -> bool {
        self.state == State::Crowded
    }
}

impl Worker<'_> {
    /// Makes room for what comes. Called inside a batch, with nothing locked; `clock` is brought forward.
    #[inline]
    pub(super) fn make_room(&mut self, clock: &mut u64) {
        if self.engine.is_beside_script() {
            return; // what might need memory is refused
        }
        let limit = self.node.shared.meter.limit();
        // While clients are paused nothing goes, and nothing comes.
        if let Some(limit) = limit.filter(|_| !self.engine.access.keeps_due()) {
            self.keep_below(limit, clock);
        } else if self.memory.limit != 0 {
            self.memory.limit = 0;
            self.set_state(State::Within);
        }
    }

    /// The same without requests.
    pub(super) fn keep_limit(&mut self, now: Now) {
        if self.node.shared.meter.limit().is_none() && self.memory.state == State::Within {
            return;
        }
        let waited = self.memory.is_crowded();
        self.engine.access.begin(now.unix);
        self.memory.look_at = i64::MIN; // others may have taken more
        let mut clock = (self.node.shared.clock)();
        self.make_room(&mut clock);
        self.engine.access.end();
        self.publish_counters();
        self.hand_out_invalidations(now);
        self.publish_events();
        if waited {
            self.resume_paused(now);
        }
    }

    fn keep_below(&mut self, limit: i64, clock: &mut u64) {
        let own = self.tell_memory();
        if self.node.is_to_measure_now() {
            // What the command took that has set the limit is given back by now.
            self.node.measure(self.index);
        } else if self.memory.limit == limit && own < self.memory.look_at {
            return;
        }
        if self.memory.limit != limit {
            self.memory.limit = limit;
            self.memory.owed = 0;
        }
        let mut excess = self.excess(limit);
        if excess > 0 {
            // Clients that take too much go before data does.
            self.limit_known_clients();
            self.tell_memory();
            excess = self.excess(limit);
        }
        if excess > 0 {
            self.evict(limit, clock);
            return;
        }
        // All workers together take at most a quarter of what is free before one of them looks.
        let workers = self.node.shared.identity.threads as i64;
        self.memory.look_at = own.saturating_add(-excess / (4 * workers));
        if self.memory.state != State::Within {
            self.set_state(State::Within);
            self.node.shared.meter.note_excess(false, *clock);
        }
    }

    /// Evicts keys until enough is free or the time is over.
    #[cold]
    fn evict(&mut self, limit: i64, clock: &mut u64) {
        let shared = &self.node.shared;
        let (started, budget) = (*clock, self.node.eviction_ns.load(Ordering::Relaxed));
        self.charge();
        let mut pace = budget;
        if self.memory.state == State::Evicting {
            pace = budget.min(PACE_NS);
            let is_spent = self.memory.evicted_ns > 0 && self.memory.evicted_ns >= pace;
            if is_spent && self.memory.owed <= 0 {
                return; // it goes on in the next turn
            }
        }
        shared.meter.note_excess(true, started);
        self.memory.look_at = i64::MIN;
        let mut excess = self.excess(limit);
        let state = match shared.meter.rule() {
            None => State::Full,
            Some(rule) => loop {
                for _ in 0..STEP {
                    if self.engine.evict(shared, rule) == Eviction::Impossible {
                        break;
                    }
                    self.hand_over();
                    self.tell_memory();
                    let left = self.excess(limit);
                    self.memory.owed -= excess - left;
                    excess = left;
                    if excess <= 0 {
                        break;
                    }
                }
                *clock = (shared.clock)();
                excess = self.excess(limit); // others may have evicted what this one could not
                if excess <= 0 {
                    break State::Within;
                }
                if !self.engine.may_evict(rule) {
                    break State::Full;
                }
                let time = if self.memory.owed > 0 { budget } else { pace };
                if clock.saturating_sub(started) >= time {
                    let waits = self.memory.owed > limit / PATIENCE;
                    break if waits { State::Crowded } else { State::Evicting };
                }
            },
        };
        if state == State::Within {
            shared.meter.note_excess(false, *clock);
        }
        let took_ns = clock.saturating_sub(started);
        self.memory.evicted_ns += took_ns;
        shared.note_latency(Cause::EvictionCycle, self.engine.access.now(), took_ns);
        self.memory.held = self.tell_memory();
        self.set_state(state);
        self.publish_counters(); // the next command may be INFO
    }

    /// Counts what the worker took since it last evicted. What it gave back by itself counts as well, or a buffer that comes and
    /// goes with each turn would cost more each time.
    fn charge(&mut self) {
        let own = self.tell_memory();
        if self.memory.is_evicting() {
            self.memory.owed += PRICE * (own - self.memory.held);
        } else {
            self.memory.owed = 0;
        }
        self.memory.held = own;
    }

    fn set_state(&mut self, state: State) {
        self.memory.state = state;
        self.engine.out_of_memory = state == State::Full;
    }

    /// Bytes that are used beyond a limit.
    fn excess(&self, limit: i64) -> i64 {
        self.node.shared.meter.used(&self.node.shared.statistics) - limit
    }

    /// The worker goes to work. Until [`Worker::end_turn`] it may hold other memory than it has told.
    pub fn begin_turn(&mut self) {
        add(&self.node.shared.statistics[self.index].steps, 1);
    }

    /// The worker has done everything, and waits for what comes.
    pub fn end_turn(&mut self) {
        self.tell_memory();
        add(&self.node.shared.statistics[self.index].steps, 1);
    }

    /// Lets the others know what this worker holds.
    pub(super) fn tell_memory(&self) -> i64 {
        let own = self.node.machine.thread_bytes() - value::copied_bytes() as i64;
        self.node.shared.statistics[self.index].memory.store(own, Ordering::Relaxed);
        own
    }
}
