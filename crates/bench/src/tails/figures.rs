//! What one thing has shown: latencies as they were, and less what the machine took.

use hdrhistogram::Histogram;

use super::load::{Sample, Samples};
use super::machine::{Span, Watch, overlap_ns};

/// What a request should never take, in nanoseconds.
pub const LIMIT_NS: u64 = 2_000_000;
/// The longest latency that is told apart.
const LONGEST_NS: u64 = 60_000_000_000;

/// Latencies in nanoseconds.
#[derive(Debug, Clone)]
pub struct Latencies(Histogram<u64>);

impl Latencies {
    fn new() -> Self {
        Self(Histogram::new_with_bounds(1, LONGEST_NS, 3).expect("the bounds are fixed"))
    }

    fn record(&mut self, took_ns: u64) {
        self.0.saturating_record(took_ns.max(1));
    }

    /// A quantile in milliseconds.
    pub fn quantile_ms(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1e6
    }

    /// The longest in milliseconds.
    pub fn longest_ms(&self) -> f64 {
        self.0.max() as f64 / 1e6
    }

    /// How many took longer than they should ever.
    pub fn above_limit(&self) -> u64 {
        self.0.len() - self.0.count_between(0, LIMIT_NS)
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("all have the same bounds");
    }
}

/// See the module's text. Several rounds are added up.
#[derive(Debug, Clone)]
pub struct Figures {
    pub gets: Latencies,
    /// GETs less the time that lies in the machine's shadow.
    pub own_gets: Latencies,
    pub sets: Latencies,
    /// The longest gap of the load's thread, and the longest that a thread of the server
    /// waited for a core, in nanoseconds.
    pub longest_gap_ns: u64,
    pub longest_wait_ns: u64,
    /// How much of the time lies in the machine's shadow (0 to 1), and of how many rounds that is the sum.
    shadow: f64,
    rounds: u32,
    /// Cores that the server's process kept busy.
    pub busy: Option<f64>,
    /// What went on, a word a round.
    pub done: Vec<String>,
}

impl Figures {
    /// What was seen from a time on, of a server under such a load (0 to 1).
    pub fn of(samples: &Samples, watch: &Watch, recorded_ns: u64, load: f64) -> Self {
        let shadows = watch.shadows(load);
        let (mut gets, mut own_gets, mut sets) = (Latencies::new(), Latencies::new(), Latencies::new());
        let recorded = |list: &'_ [Sample]| -> Vec<Sample> {
            list.iter().filter(|sample| sample.due_ns >= recorded_ns).copied().collect()
        };
        for sample in recorded(&samples.gets) {
            gets.record(sample.took_ns);
            own_gets.record(sample.took_ns - overlap_ns(&shadows, sample.span()));
        }
        recorded(&samples.sets).iter().for_each(|sample| sets.record(sample.took_ns));
        let end_ns = samples.gets.iter().map(|sample| sample.span().end_ns).max().unwrap_or(recorded_ns);
        let time = Span { start_ns: recorded_ns, end_ns: end_ns.max(recorded_ns + 1) };
        let longest = |spans: &[Span]| {
            spans.iter().filter(|span| span.end_ns > recorded_ns).map(|span| span.length()).max().unwrap_or(0)
        };
        Self {
            gets,
            own_gets,
            sets,
            longest_gap_ns: longest(&watch.gaps),
            longest_wait_ns: longest(watch.waits()),
            shadow: overlap_ns(&shadows, time) as f64 / time.length() as f64,
            rounds: 1,
            busy: None,
            done: Vec::new(),
        }
    }

    /// Adds another round's.
    pub fn add(&mut self, other: Self) {
        self.gets.add(&other.gets);
        self.own_gets.add(&other.own_gets);
        self.sets.add(&other.sets);
        self.longest_gap_ns = self.longest_gap_ns.max(other.longest_gap_ns);
        self.longest_wait_ns = self.longest_wait_ns.max(other.longest_wait_ns);
        let (old, new) = (f64::from(self.rounds), f64::from(other.rounds));
        self.busy = self.busy.zip(other.busy).map(|(own, other)| own.mul_add(old, other * new) / (old + new));
        self.shadow += other.shadow;
        self.rounds += other.rounds;
        self.done.extend(other.done);
    }

    /// How much of the time lies in the machine's shadow, 0 to 1.
    pub fn shadow(&self) -> f64 {
        self.shadow / f64::from(self.rounds)
    }
}

impl Sample {
    fn span(self) -> Span {
        Span { start_ns: self.due_ns, end_ns: self.due_ns + self.took_ns }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(list: &[(u64, u64)]) -> Samples {
        let gets = list.iter().map(|&(due_ns, took_ns)| Sample { due_ns, took_ns }).collect();
        Samples { gets, sets: Vec::new() }
    }

    #[test]
    fn quantiles_are_those_of_the_samples() {
        let list: Vec<(u64, u64)> = (1..=1000).map(|number| (number, number * 10_000)).collect();
        let figures = Figures::of(&samples(&list), &Watch::new(None), 1, 0.5);
        let near = |value: f64, expected: f64| (value - expected).abs() < expected * 0.002;
        assert!(near(figures.gets.quantile_ms(0.5), 5.0), "{}", figures.gets.quantile_ms(0.5));
        assert!(near(figures.gets.quantile_ms(0.999), 9.99));
        assert!(near(figures.gets.longest_ms(), 10.0));
        assert!(figures.gets.above_limit().abs_diff(800) <= 1, "{}", figures.gets.above_limit());
    }

    #[test]
    fn what_is_due_before_the_recording_does_not_count() {
        let figures = Figures::of(&samples(&[(5, 9_000_000), (10, 1_000_000)]), &Watch::new(None), 10, 0.5);
        assert_eq!((figures.gets.count(), figures.gets.above_limit()), (1, 0));
    }

    #[test]
    fn the_machines_part_of_a_latency_is_taken_off() {
        let mut watch = Watch::new(None);
        watch.gaps = vec![Span { start_ns: 10_000_000, end_ns: 13_000_000 }];
        // At half load the shadow lasts until 16 ms. The first request lies in it, the second lasted 4 ms longer.
        let figures =
            Figures::of(&samples(&[(11_000_000, 4_000_000), (12_000_000, 8_000_000)]), &watch, 1, 0.5);
        assert_eq!((figures.gets.above_limit(), figures.own_gets.above_limit()), (2, 1));
        assert!((figures.own_gets.longest_ms() - 4.0).abs() < 0.01);
        assert_eq!(figures.longest_gap_ns, 3_000_000);
    }

    #[test]
    fn rounds_add_up() {
        let mut first = Figures::of(&samples(&[(1, 1_000_000)]), &Watch::new(None), 1, 0.5);
        first.busy = Some(0.4);
        let mut second = Figures::of(&samples(&[(1, 3_000_000), (2, 1)]), &Watch::new(None), 1, 0.5);
        second.busy = Some(0.6);
        second.done.push("1 begun".to_owned());
        first.add(second);
        assert_eq!((first.gets.count(), first.gets.above_limit(), first.done.len()), (3, 1, 1));
        assert!((first.busy.expect("known") - 0.5).abs() < 1e-9);
    }
}
