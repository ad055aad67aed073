//! How long it will take: first by what such measurements take on an ordinary machine, later by how long this one took.

use super::plan::{self, Axes, Group, Place};
use crate::clock::now_ns;
use crate::workload::Workload;

/// Seconds of a request, by how many go together, and of each of its bytes.
const ALONE: f64 = 8e-6;
const TOGETHER: f64 = 1.5e-6;
const BYTE: f64 = 1e-9;
/// Seconds to connect and to begin, to start a server, and to write a key when it is filled.
const BEGIN: f64 = 0.05;
const START: f64 = 0.3;
const KEY: f64 = 1e-6;
/// Seconds to start a server that counts, and to count one test.
const START_COUNTING: f64 = 5.0;
const COUNT: f64 = 2.0;

pub struct Progress {
    started_ns: u64,
    /// Seconds that each cell is expected to take, with what comes before it, and those of counting.
    cells: Vec<f64>,
    counting: f64,
    done: usize,
    /// Seconds that were expected of what has been done.
    expected: f64,
}

impl Progress {
    pub fn new(axes: &Axes, groups: &[Group], servers: usize, counts: bool) -> Self {
        let mut cells = Vec::new();
        for group in groups {
            let keys = axes.filled(group.value_size) as f64;
            let mut before = (START + keys * (KEY + group.value_size as f64 * BYTE)) * servers as f64;
            for (place, workload) in &group.cells {
                let each = measurement(axes, *place, workload);
                cells.push(before + each * (servers * axes.rounds) as f64);
                before = 0.0;
            }
        }
        let counting =
            if counts { START_COUNTING + COUNT * axes.tests.len() as f64 } else { 0.0 } * servers as f64;
        Self { started_ns: now_ns(), cells, counting, done: 0, expected: 0.0 }
    }

    /// What there is to do.
    pub fn announcement(&self) -> String {
        let all = self.counting + self.cells.iter().sum::<f64>();
        format!("{} rows, about {}", self.cells.len(), duration(all))
    }

    /// Instructions have been counted.
    pub fn counted(&mut self) {
        self.expected += self.counting;
    }

    /// The next row is there. Returns what to tell of it.
    pub fn measured(&mut self, place: Place, test: &str) -> String {
        self.expected += self.cells[self.done];
        self.done += 1;
        let gone = (now_ns() - self.started_ns) as f64 / 1e9;
        let left = self.cells[self.done..].iter().sum::<f64>() * gone / self.expected;
        let Place { persistence, threads, value_size, pipeline, keys } = place;
        format!(
            "{} of {}, {} gone, about {} left: {test}, {pipeline} deep, {keys} keys, {value_size} bytes, threads {threads}, \
             persistence {persistence}",
            self.done,
            self.cells.len(),
            duration(gone),
            duration(left)
        )
    }
}

/// Seconds of a measurement.
fn measurement(axes: &Axes, place: Place, workload: &Workload) -> f64 {
    let requests = axes.requests(place, workload) as f64;
    let request = if place.pipeline < 4 { ALONE } else { TOGETHER };
    BEGIN + requests * (request + plan::bytes_each(place, workload) as f64 * BYTE)
}

/// Seconds in words.
fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round() as u64;
    match (seconds / 3600, seconds / 60 % 60) {
        (0, 0) => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_told_in_the_unit_that_counts() {
        let texts = [0.2, 59.4, 61.0, 7260.0].map(duration);
        assert_eq!(texts, ["0 s", "59 s", "1 min", "2 h 1 min"]);
    }
}
