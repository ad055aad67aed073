//! What a worker's changes are told to: its part of the log of effects, and those who watch what is touched.
//!
//! While nobody reads the log and nobody watches, a change costs two branches here.

use crate::effect::{Effect, Touched};
use crate::event::Collector;
use crate::key::DbIndex;
use crate::log::{Log, LogPosition, Record, Run};

/// See the module's text. One an access.
pub(crate) struct Recorder {
    /// Whether somebody reads the log.
    pub(crate) on: bool,
    /// Whether somebody watches what is touched.
    pub(crate) observing: bool,
    encode: fn(&Effect<'_>, &mut Vec<u8>),
    unit: u64,
    /// The effects of the current hold.
    run: Run,
    /// The place behind the last of them.
    position: LogPosition,
    touched: Vec<Touched>,
    /// What happened to keys, for those who want to be told.
    pub(crate) collector: Collector,
}

/// A place in what a worker has recorded in its current hold.
#[derive(Debug)]
pub(crate) struct Mark {
    bytes: usize,
    records: usize,
    touched: usize,
    events: usize,
}

impl Recorder {
    /// A recorder whose units are numbered from `unit` on.
    pub(crate) fn new(encode: fn(&Effect<'_>, &mut Vec<u8>), unit: u64) -> Self {
        Self {
            on: false,
            observing: false,
            encode,
            unit,
            run: Run::default(),
            position: LogPosition::default(),
            touched: Vec::new(),
            collector: Collector::default(),
        }
    }

    /// Begins what must be applied as a whole.
    #[inline]
    pub(crate) fn start_unit(&mut self) {
        self.unit += 1;
    }

    /// Tells of an effect. The locks that order it are held.
    #[inline]
    pub(crate) fn record(&mut self, database: DbIndex, effect: &Effect<'_>) {
        if self.on {
            self.append(database, effect, false);
        }
        if self.observing {
            effect.for_each_touched(database, |touched| self.touched.push(touched));
        }
    }

    /// Tells of a message, for those who follow.
    pub(crate) fn record_message(&mut self, database: DbIndex, effect: &Effect<'_>) {
        if self.on {
            self.append(database, effect, true);
        }
    }

    /// Appends what was recorded under the locks that are held to the log.
    #[inline]
    pub(crate) fn publish(&mut self, log: &Log, worker: usize) {
        if !self.run.is_empty() {
            self.position = log.append(worker, &mut self.run);
        }
    }

    /// The place that has been reached.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            bytes: self.run.bytes.len(),
            records: self.run.records.len(),
            touched: self.touched.len(),
            events: self.collector.len(),
        }
    }

    /// Forgets what was recorded behind a place of the same hold.
    pub(crate) fn rewind(&mut self, mark: &Mark) {
        self.run.bytes.truncate(mark.bytes);
        self.run.records.truncate(mark.records);
        self.touched.truncate(mark.touched);
        self.collector.truncate(mark.events);
    }

    /// The place in the log behind the last effect.
    pub(crate) fn position(&self) -> LogPosition {
        self.position
    }

    /// What was touched since the last call.
    pub(crate) fn take_touched(&mut self) -> Vec<Touched> {
        std::mem::take(&mut self.touched)
    }

    /// Whether something was touched since.
    #[inline]
    pub(crate) fn has_touched(&self) -> bool {
        !self.touched.is_empty()
    }

    fn append(&mut self, database: DbIndex, effect: &Effect<'_>, is_message: bool) {
        (self.encode)(effect, &mut self.run.bytes);
        let end = self.run.bytes.len();
        self.run.records.push(Record { unit: self.unit, database, end, is_message });
    }
}
