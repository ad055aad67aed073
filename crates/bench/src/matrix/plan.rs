//! What is measured: all combinations of the axes that make a difference, in the order in
//! which servers have to be started.
//!
//! A test that is not about strings under many keys does not depend on how long those are, and one that names no random
//! key not on how keys are drawn; such a test has a place for one value of that axis alone.

use crate::keys::Distribution;
use crate::options::{Form, KeyChoice, Load, MatrixOptions, Persistence, ThreadCount};
use crate::workload::{self, Shape, Workload};

/// The most bytes of values that a server is filled with, and that a measurement moves.
const MOST_VALUE_BYTES: u64 = 512 << 20;
/// The tests of each form.
const QUICK: &[&str] = &["set", "get"];
const WHOLE: &[&str] = &[
    "set",
    "get",
    "incr",
    "lpush",
    "lpop",
    "sadd",
    "hset",
    "hget",
    "zadd",
    "zrange_100",
    "lrange_100",
    "mset",
    "xadd",
    "eval",
    "multi",
];

/// The axes, as the form and the options say, and what else the form decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Axes {
    pub tests: Vec<String>,
    pub pipelines: Vec<u64>,
    pub values: Vec<usize>,
    pub keys: Vec<KeyChoice>,
    pub threads: Vec<usize>,
    pub persistence: Vec<Persistence>,
    pub keyspace: u64,
    pub requests: u64,
    pub rounds: usize,
}

/// Where in the matrix a test is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub persistence: Persistence,
    pub threads: usize,
    pub value_size: usize,
    pub pipeline: u64,
    pub keys: KeyChoice,
}

/// What is measured with the same servers.
pub struct Group {
    pub persistence: Persistence,
    pub threads: usize,
    pub value_size: usize,
    pub cells: Vec<(Place, Workload)>,
}

impl Axes {
    /// What the options say, and the form where they say nothing, on a machine of so many cores.
    pub fn new(options: &MatrixOptions, cores: usize) -> Self {
        let is_quick = options.form == Form::Quick;
        let choose = |quick: u64, whole: u64| if is_quick { quick } else { whole };
        let count = |count: &ThreadCount| match *count {
            ThreadCount::Some(count) => count,
            ThreadCount::All => cores,
        };
        let threads: &[usize] = if is_quick { &[1, cores] } else { &[1, 2, cores] };
        let tests = if is_quick { QUICK } else { WHOLE };
        let tests: Vec<String> = tests.iter().map(|&name| name.to_owned()).collect();
        let keys = [KeyChoice::Uniform, KeyChoice::One, KeyChoice::Zipfian];
        Self {
            tests: given(&options.tests, &tests),
            pipelines: given(&options.pipelines, if is_quick { &[1, 16] } else { &[1, 16, 64] }),
            values: given(&options.values, if is_quick { &[64, 65_536] } else { &[16, 64, 1024, 65_536] }),
            keys: given(&options.keys, if is_quick { &keys[..2] } else { &keys }),
            threads: given(&options.server_threads.iter().map(count).collect::<Vec<_>>(), threads),
            persistence: given(
                &options.persistence,
                if is_quick { &[Persistence::Off] } else { &[Persistence::Off, Persistence::Everysec] },
            ),
            keyspace: options.keyspacelen.unwrap_or(choose(100_000, 1_000_000)),
            requests: options.requests.unwrap_or(choose(60_000, 200_000)),
            rounds: options.rounds.unwrap_or(if is_quick { 3 } else { 5 }),
        }
    }

    /// All combinations that make a difference.
    pub fn groups(&self) -> Result<Vec<Group>, String> {
        let mut groups = Vec::new();
        for &persistence in &self.persistence {
            for &threads in &self.threads {
                for &value_size in &self.values {
                    let cells = self.cells(persistence, threads, value_size)?;
                    if !cells.is_empty() {
                        groups.push(Group { persistence, threads, value_size, cells });
                    }
                }
            }
        }
        Ok(groups)
    }

    fn cells(
        &self,
        persistence: Persistence,
        threads: usize,
        value_size: usize,
    ) -> Result<Vec<(Place, Workload)>, String> {
        let mut cells = Vec::new();
        let is_least = self.values.iter().all(|&other| other >= value_size);
        for &pipeline in &self.pipelines {
            for (at, &keys) in self.keys.iter().enumerate() {
                let place = Place { persistence, threads, value_size, pipeline, keys };
                let shape = Shape { value_size, keyspace: self.keys_drawn_from(place) };
                cells.extend(
                    workload::named(&self.tests, shape)?
                        .into_iter()
                        .filter(|workload| workload.has_values || is_least)
                        .filter(|workload| workload.is_random || at == 0)
                        .map(|workload| (place, workload)),
                );
            }
        }
        Ok(cells)
    }

    /// Keys that servers are filled with.
    pub fn filled(&self, value_size: usize) -> u64 {
        bounded(self.keyspace, value_size)
    }

    fn keys_drawn_from(&self, place: Place) -> Option<u64> {
        (place.keys != KeyChoice::One).then(|| self.filled(place.value_size))
    }

    /// The load of a place, of so many connections and threads.
    pub fn load(&self, place: Place, workload: &Workload, clients: usize, threads: usize) -> Load {
        let (keys, requests) = (self.keys_drawn_from(place), self.requests(place, workload));
        let load = Load::closed(clients, requests, place.value_size, keys, place.pipeline);
        match place.keys {
            KeyChoice::Zipfian => Load { threads, distribution: Distribution::Zipfian, ..load },
            KeyChoice::Uniform | KeyChoice::One => Load { threads, ..load },
        }
    }

    /// Requests of a measurement.
    pub fn requests(&self, place: Place, workload: &Workload) -> u64 {
        bounded(self.requests, bytes_each(place, workload))
    }
}

/// Bytes that a request moves, on its way or back.
pub fn bytes_each(place: Place, workload: &Workload) -> usize {
    let reply = if workload.has_values { place.value_size } else { 0 };
    workload.request_bytes().max(reply)
}

/// What was given, each once and in order, or else the other.
fn given<T: Clone + PartialEq>(given: &[T], otherwise: &[T]) -> Vec<T> {
    let mut all = Vec::new();
    for item in if given.is_empty() { otherwise } else { given } {
        if !all.contains(item) {
            all.push(item.clone());
        }
    }
    all
}

fn bounded(count: u64, bytes_each: usize) -> u64 {
    count.min(MOST_VALUE_BYTES / bytes_each.max(1) as u64).max(1)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::options::{Mode, Options};

    fn axes(words: &str, cores: usize) -> Axes {
        let line = ["bench", "matrix", "--server", "a=b"].into_iter().chain(words.split_whitespace());
        let Some(Mode::Matrix(options)) = Options::parse_from(line).mode else { panic!("no matrix") };
        Axes::new(&options, cores)
    }

    /// How many places each test has.
    fn places(axes: &Axes) -> Vec<(String, usize)> {
        let mut counts: Vec<(String, usize)> = Vec::new();
        for (_, workload) in axes.groups().expect("known tests").into_iter().flat_map(|group| group.cells) {
            match counts.iter_mut().find(|(name, _)| *name == workload.name) {
                Some((_, count)) => *count += 1,
                None => counts.push((workload.name, 1)),
            }
        }
        counts
    }

    #[test]
    fn the_whole_matrix_has_every_value_of_an_axis_that_matters_to_a_test() {
        let counts = places(&axes("-t set,get,incr,lpush", 16));
        let expected = [("SET", 216), ("GET", 216), ("INCR", 54), ("LPUSH", 18)];
        assert_eq!(counts, expected.map(|(name, count)| (name.to_owned(), count)));
    }

    #[test]
    fn axes_have_each_value_once_and_options_are_stronger_than_the_form() {
        assert_eq!(axes("", 2).threads, [1, 2]);
        assert_eq!(axes("quick", 1).threads, [1]);
        assert_eq!(axes("--server-threads 4,all,1", 4).threads, [4, 1]);
        let quick = axes("quick -P 64 -n 5 --rounds 7", 2);
        assert_eq!((&quick.pipelines[..], quick.requests, quick.rounds), (&[64][..], 5, 7));
        assert_eq!(
            (&quick.tests[..], &quick.values[..]),
            (&["set".to_owned(), "get".to_owned()][..], &[64, 65_536][..])
        );
    }

    #[test]
    fn nothing_moves_more_bytes_than_the_most() {
        let axes = axes("-t set,get,mset -d 65536 --keys one", 1);
        assert_eq!(axes.filled(65_536), 8192);
        for group in axes.groups().expect("known tests") {
            for (place, workload) in group.cells {
                let requests = axes.requests(place, &workload);
                let expected = if workload.name.starts_with("MSET") { 800..=819 } else { 8000..=8192 };
                assert!(expected.contains(&requests), "{}: {requests}", workload.name);
            }
        }
    }

    #[test]
    fn a_place_decides_which_keys_are_drawn() {
        let axes = axes("-t get -r 1000 -P 1 -d 3 --server-threads 1 --persistence off", 1);
        let loads: Vec<_> = axes.groups().expect("known tests")[0]
            .cells
            .iter()
            .map(|(place, workload)| axes.load(*place, workload, 50, 1))
            .map(|load| (load.keyspacelen, load.distribution))
            .collect();
        let expected = [
            (Some(1000), Distribution::Uniform),
            (None, Distribution::Uniform),
            (Some(1000), Distribution::Zipfian),
        ];
        assert_eq!(loads, expected);
    }
}
