//! The referee: several servers, the same load, alternating rounds, medians and ratios.
//!
//! Machines are shared and drift, so no figure of one server alone means much. In each round every server is
//! measured once, in turn, and the order rotates from round to round; what is printed are the medians over
//! the rounds and their ratio to the first server's.

use std::io;

use client::Client;

use crate::connection::Address;
use crate::generator::{self, Job};
use crate::options::{Load, Target, VersusOptions};
use crate::process::Process;
use crate::target;
use crate::workload::{self, Shape, Workload};

/// A server in the comparison.
pub struct Peer {
    pub name: String,
    pub target: Target,
    pub address: Address,
    process: Option<Process>,
}

/// The figures of one test on one server, one entry a round.
#[derive(Debug, Default, Clone)]
struct Series {
    throughput: Vec<f64>,
    p50_ms: Vec<f64>,
    p99_ms: Vec<f64>,
    p999_ms: Vec<f64>,
    cpu_us: Vec<f64>,
}

/// One line of the result.
pub struct Row {
    pub test: String,
    pub peer: String,
    /// Throughput, p50, p99, p99.9 and processor microseconds an operation, or bytes a key.
    pub figures: Vec<(&'static str, f64)>,
    /// The same divided by the first server's.
    pub ratios: Vec<f64>,
}

/// Runs the comparison. `say` is told what is going on.
pub fn run(options: &VersusOptions, say: &dyn Fn(&str)) -> io::Result<Vec<Row>> {
    let peers = options.peers.iter().map(|text| Peer::parse(text)).collect::<io::Result<Vec<_>>>()?;
    let shape = Shape { value_size: options.load.datasize, keyspace: options.load.keyspacelen };
    let workloads = workload::named(&options.load.tests, shape).map_err(io::Error::other)?;
    let mut rows = Vec::new();
    if let Some(keys) = options.memory {
        rows.extend(memory_rows(&peers, options, keys, say)?);
    }
    rows.extend(compare(&peers, &workloads, &options.load, options.rounds, say)?);
    Ok(rows)
}

/// Measures every workload on every server in so many rounds.
pub fn compare(
    peers: &[Peer],
    workloads: &[Workload],
    load: &Load,
    rounds: usize,
    say: &dyn Fn(&str),
) -> io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for workload in workloads {
        let mut series = vec![Series::default(); peers.len()];
        for round in 0..rounds {
            for step in 0..peers.len() {
                let index = (round + step) % peers.len();
                say(&format!("{} round {}/{rounds}: {}", workload.name, round + 1, peers[index].name));
                measure(&peers[index], workload, load, &mut series[index])?;
            }
        }
        let medians: Vec<_> = series.iter().map(Series::medians).collect();
        rows.extend(compared(&workload.name, peers, &medians));
    }
    Ok(rows)
}

/// One measurement of one server.
fn measure(peer: &Peer, workload: &Workload, load: &Load, series: &mut Series) -> io::Result<()> {
    let job = Job {
        address: peer.address.clone(),
        greeting: target::greeting(&peer.target),
        workload: workload.clone(),
        load: load.clone(),
    };
    let cpu = || peer.process.map(Process::cpu_ns).transpose();
    let before = cpu()?;
    let measured = generator::run(&job, |_| {})?;
    let after = cpu()?;
    if let Some(error) = measured.errors.first {
        return Err(io::Error::other(format!("{}: {}: {error}", peer.name, workload.name)));
    }
    series.throughput.push(measured.requests as f64 / measured.seconds.max(1e-9));
    for (list, quantile) in
        [(&mut series.p50_ms, 0.5), (&mut series.p99_ms, 0.99), (&mut series.p999_ms, 0.999)]
    {
        list.push(measured.latencies.value_at_quantile(quantile) as f64 / 1e6);
    }
    if let (Some(before), Some(after)) = (before, after) {
        series.cpu_us.push(after.saturating_sub(before) as f64 / 1e3 / measured.requests as f64);
    }
    Ok(())
}

/// Fills every server with `keys` keys of 16 bytes and tells what a key costs beyond key and value.
fn memory_rows(
    peers: &[Peer],
    options: &VersusOptions,
    keys: u64,
    say: &dyn Fn(&str),
) -> io::Result<Vec<Row>> {
    let value_size = options.load.datasize;
    let mut figures = Vec::new();
    for peer in peers {
        say(&format!("memory: {}", peer.name));
        let mut client = target::connect(&peer.target)?;
        target::expect_ok(&mut client, &["FLUSHALL", "SYNC"])?;
        let before = MemoryFigures::read(peer, &mut client)?;
        target::fill(&mut client, keys, value_size)?;
        let after = MemoryFigures::read(peer, &mut client)?;
        let each = |before: u64, after: u64| {
            (after.saturating_sub(before)) as f64 / keys as f64 - (16 + value_size) as f64
        };
        let mut row = vec![("used bytes/key", each(before.used, after.used))];
        if let (Some(before), Some(after)) = (before.resident, after.resident) {
            row.push(("resident bytes/key", each(before, after)));
        }
        target::expect_ok(&mut client, &["FLUSHALL", "SYNC"])?;
        figures.push(row);
    }
    Ok(compared(&format!("memory beyond 16 B key + {value_size} B value"), peers, &figures))
}

/// Memory of a server at one moment.
struct MemoryFigures {
    used: u64,
    resident: Option<u64>,
}

impl MemoryFigures {
    fn read(peer: &Peer, client: &mut Client) -> io::Result<Self> {
        let used = target::info_number(client, "memory", "used_memory")?;
        let resident = peer.process.map(Process::resident_bytes).transpose()?;
        Ok(Self { used, resident })
    }
}

/// Rows with ratios against the first server.
fn compared(test: &str, peers: &[Peer], figures: &[Vec<(&'static str, f64)>]) -> Vec<Row> {
    peers
        .iter()
        .zip(figures)
        .map(|(peer, own)| Row {
            test: test.to_owned(),
            peer: peer.name.clone(),
            figures: own.clone(),
            ratios: own.iter().zip(&figures[0]).map(|((_, own), (_, first))| own / first).collect(),
        })
        .collect()
}

impl Series {
    fn medians(&self) -> Vec<(&'static str, f64)> {
        let mut figures = vec![
            ("requests/s", median(&self.throughput)),
            ("p50 ms", median(&self.p50_ms)),
            ("p99 ms", median(&self.p99_ms)),
            ("p99.9 ms", median(&self.p999_ms)),
        ];
        if !self.cpu_us.is_empty() {
            figures.push(("cpu us/op", median(&self.cpu_us)));
        }
        figures
    }
}

impl Peer {
    /// Its process, if that is on this machine.
    pub fn process(&self) -> Option<Process> {
        self.process
    }

    /// `NAME=HOST:PORT[:PID]`; an IPv6 host stands in brackets.
    pub fn parse(text: &str) -> io::Result<Self> {
        let bad = || io::Error::other(format!("'{text}' is not NAME=HOST:PORT[:PID]"));
        let (name, place) = text.split_once('=').ok_or_else(bad)?;
        let (host, rest) = match place.strip_prefix('[') {
            Some(inner) => inner.split_once("]:").ok_or_else(bad)?,
            None => place.split_once(':').ok_or_else(bad)?,
        };
        let mut numbers = rest.split(':');
        let port = numbers.next().and_then(|word| word.parse().ok()).ok_or_else(bad)?;
        let pid = numbers.next().map(|word| word.parse().map_err(|_| bad())).transpose()?;
        let target = Target {
            uri: None,
            host: host.to_owned(),
            port,
            socket: None,
            password: None,
            user: None,
            database: 0,
            resp3: false,
            enable_tracking: false,
        };
        let address = target::resolve(&target)?;
        let process = match pid {
            Some(pid) => Some(Process(pid)),
            None => target::process_of(&target)?,
        };
        Ok(Self { name: name.to_owned(), target, address, process })
    }
}

/// The middle value; the mean of the two in the middle of an even count.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-12);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-12);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn a_peer_without_a_port_is_refused() {
        for text in ["a", "a=b", "a=127.0.0.1:x", "a=127.0.0.1:1:y"] {
            assert!(Peer::parse(text).is_err(), "{text}");
        }
    }
}
