//! What happened in a world, and whether what a start finds is what was promised.

use config::Config;
use disk::Double;

use super::plant::{Fingerprint, Plant};

/// What `everysec` allows to be lost.
const SECOND_NS: u64 = 1_000_000_000;

/// What happened in a world: all that a start is judged by.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// The data at first and after each request, or after those of one turn of a worker.
    pub(super) states: Vec<Fingerprint>,
    /// Requests whose effects the append-only file has to keep: when they were acknowledged, and the number of the state.
    pub(super) acknowledged: Vec<(u64, usize)>,
    /// The same of those that were acknowledged while there was no complete file.
    pub(super) unprotected: Vec<(u64, usize)>,
    /// The state that the last snapshot holds.
    pub(super) snapshot: usize,
    /// The state when the last backup was to be sealed.
    pub(super) seal: Option<usize>,
    /// How many requests were answered with errors.
    pub(super) refused: usize,
    /// Those of them that were to change data.
    pub(super) refused_changes: usize,
    /// Requests that have not been answered.
    pub(super) unanswered: usize,
    /// The most workers that waited for one sync.
    pub(super) waited_together: usize,
}

/// What the server promises to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Promise {
    /// All that was acknowledged.
    All,
    /// All that was acknowledged more than a second before a moment.
    Second(u64),
}

impl Record {
    /// Nothing has happened yet.
    pub(super) fn new(state: Fingerprint) -> Self {
        Self { states: vec![state], ..Self::default() }
    }

    /// The first of the states that a start with the append-only file may find.
    pub(super) fn least(&self, promise: Promise) -> usize {
        let counts = |at: u64| match promise {
            Promise::All => true,
            Promise::Second(now) => at + SECOND_NS < now,
        };
        self.acknowledged.iter().filter(|(at, _)| counts(*at)).map(|(_, state)| *state).max().unwrap_or(0)
    }

    /// When something was acknowledged for the last time.
    pub(super) fn last_ns(&self) -> u64 {
        self.acknowledged.iter().map(|(at, _)| *at).max().unwrap_or(0)
    }

    /// The first of the states that a start with the snapshot may find.
    pub(super) fn least_of_snapshot(&self) -> usize {
        self.snapshot
    }

    /// The last state.
    pub(super) fn last(&self) -> usize {
        self.states.len() - 1
    }

    /// Whether what led to a state has changed something.
    pub(super) fn is_change(&self, state: usize) -> bool {
        self.states[state] != self.states[state - 1]
    }
}

/// What a start finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// The data after a request.
    State(usize),
    /// Nothing: the server refuses to start.
    Refusal(String),
}

/// Starts a server and compares what it finds. `Err`: what nobody wrote, or less than was promised.
pub(super) fn start(disk: &Double, config: Config, record: &Record, least: usize) -> Result<Found, String> {
    let plant = match Plant::start(disk, config) {
        Ok(plant) => plant,
        Err(reason) => return Ok(Found::Refusal(reason)),
    };
    let found = plant.fingerprint();
    match record.states.iter().rposition(|&state| state == found) {
        None => Err("the data is that of no moment".to_owned()),
        Some(state) if state < least => Err(format!("the data is that after {state} requests, not {least}")),
        Some(state) => Ok(Found::State(state)),
    }
}
