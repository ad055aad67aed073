//! Lanes: where each worker's effects wait for the reader of the log, and where the reader keeps what it has taken of them.
//!
//! The effects of a lane stand in the order of their numbers. A *stretch* of them has numbers without a gap: one worker alone makes
//! one stretch, and then the reader gets the lane's buffers as they are. Otherwise stretches are copied, in the order of
//! their numbers.

use super::Run;

/// What a worker has appended and nobody has taken.
#[derive(Debug, Default)]
pub(super) struct Lane {
    run: Run,
    stretches: Vec<Stretch>,
}

/// Effects of a lane that follow on each other in the log. They begin in the lane where the stretch before ends.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    /// The place in the log behind them.
    behind: u64,
    /// Where they end in the lane's records.
    end: usize,
}

/// What the reader has taken from a lane.
#[derive(Debug, Default)]
pub(super) struct Taken {
    lane: Lane,
    /// How many stretches and records of it have been read, and where the texts of the others begin.
    stretches: usize,
    records: usize,
    bytes: usize,
}

impl Lane {
    /// Appends effects that have no numbers yet.
    pub(super) fn append(&mut self, run: &mut Run) {
        self.run.append(run);
    }

    /// Says which numbers the effects have that were just appended: those up to a place.
    pub(super) fn number(&mut self, behind: u64) {
        let end = self.run.records.len();
        match self.stretches.last_mut() {
            Some(last) if last.behind + (end - last.end) as u64 == behind => *last = Stretch { behind, end },
            _ => self.stretches.push(Stretch { behind, end }),
        }
    }

    fn is_empty(&self) -> bool {
        self.stretches.is_empty()
    }

    /// Takes over what another lane has, which stands behind this in the log.
    fn join(&mut self, other: &mut Self) {
        let records = self.run.records.len();
        self.run.append(&mut other.run);
        let moved = |stretch: Stretch| Stretch { end: records + stretch.end, ..stretch };
        self.stretches.extend(other.stretches.drain(..).map(moved));
    }
}

impl Taken {
    /// Takes what a lane has.
    pub(super) fn refill(&mut self, lane: &mut Lane) {
        if self.lane.is_empty() {
            std::mem::swap(&mut self.lane, lane);
        } else if !lane.is_empty() {
            self.lane.join(lane);
        }
    }

    /// Whether the next effects are those behind a place in the log.
    pub(super) fn begins_at(&self, position: u64) -> bool {
        let count = |stretch: &Stretch| (stretch.end - self.records) as u64;
        self.lane.stretches.get(self.stretches).is_some_and(|next| next.behind - count(next) == position)
    }

    /// Reads the next stretch; returns the place behind it.
    pub(super) fn read(&mut self, into: &mut Run) -> u64 {
        let Stretch { behind, end } = self.lane.stretches[self.stretches];
        let run = &mut self.lane.run;
        if self.records == 0 && end == run.records.len() {
            into.append(run);
        } else {
            let records = &run.records[self.records..end];
            let bytes_end = records[records.len() - 1].end;
            into.extend(&run.bytes[self.bytes..bytes_end], records, self.bytes);
            (self.records, self.bytes) = (end, bytes_end);
        }
        self.stretches += 1;
        if self.stretches == self.lane.stretches.len() {
            self.lane.run.clear();
            self.lane.stretches.clear();
            (self.stretches, self.records, self.bytes) = (0, 0, 0);
        }
        behind
    }
}
