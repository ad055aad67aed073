//! Latencies under a load that does not wait: at fixed rates, beside nothing and beside what servers do now and then.
//!
//! For each server the most requests a second are found by a closed loop. At shares of it an open loop ([`load`]) sends
//! GETs and some SETs, first beside nothing, then beside each disturbance, and beside nothing again. What the machine
//! itself takes is measured meanwhile ([`machine`]) and shown beside what was seen.

mod disturbance;
mod figures;
mod load;
mod machine;
mod report;
mod schedule;

use std::fs;
use std::io;

use crate::clock;
use crate::options::TailsOptions;
use crate::process::Process;
use crate::servers::{self, Cores, Server};
use crate::target;
use crate::versus::Peer;

pub use disturbance::Beside;
use disturbance::{Scene, Stop};
use figures::Figures;
use load::{Load, Shares};
use machine::Watch;
use schedule::Schedule;

/// The load runs so long before it is recorded, and so long until the disturbance begins.
const WARM_UP_NS: u64 = 300_000_000;
const DISTURBED_AFTER_NS: u64 = 500_000_000;
/// How long a server is driven as fast as it goes.
const DRIVEN_NS: u64 = 2_000_000_000;

/// A server in the comparison.
struct Candidate<'a> {
    scene: Scene<'a>,
    /// The most requests a second.
    capacity: u64,
}

/// What was seen of one server at one load, beside one thing (`None`: beside nothing).
pub struct Row {
    pub server: usize,
    pub percent: u64,
    pub beside: Option<Beside>,
    pub figures: Figures,
}

/// Measures everything and writes the report. `say` is told what is going on.
pub fn run(options: &TailsOptions, say: &dyn Fn(&str)) -> io::Result<String> {
    let cores = Cores::parse(options.server_cores.as_deref(), options.client_cores.as_deref())?;
    let started = options.servers.iter().map(|text| Server::start(text, options.persistence, &cores));
    let started = started.collect::<io::Result<Vec<_>>>()?;
    let given = options.peers.iter().map(|text| Peer::parse(text));
    let peers = started.iter().map(Server::peer).chain(given).collect::<io::Result<Vec<_>>>()?;
    say("what the machine takes from threads that only count");
    let control = machine::control(&cores.all(), options.seconds)?;
    cores.take_client()?;
    let candidates = peers.iter().map(|peer| prepare(peer, options, say)).collect::<io::Result<Vec<_>>>()?;
    let mut rows: Vec<Row> = Vec::new();
    for round in 0..options.rounds {
        for &percent in &options.loads {
            let all = [None].into_iter().chain(options.beside.iter().map(|&beside| Some(beside)));
            for beside in all.chain([None]) {
                for step in 0..candidates.len() {
                    let server = (round + step) % candidates.len();
                    let name = &peers[server].name;
                    say(&format!("round {}, {percent}%: {name} {}", round + 1, report::title(beside)));
                    let candidate = &candidates[server];
                    let figures = measure(candidate, percent, beside, options)
                        .map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))?;
                    add(&mut rows, Row { server, percent, beside, figures });
                }
            }
        }
    }
    let names: Vec<(&str, u64)> =
        candidates.iter().map(|one| (one.scene.peer.name.as_str(), one.capacity)).collect();
    let text = report::markdown(options, &names, &control, &rows);
    if let Some(path) = &options.report {
        fs::write(path, &text)?;
    }
    Ok(text)
}

/// Rows of the same thing are one.
fn add(rows: &mut Vec<Row>, row: Row) {
    let same = |known: &&mut Row| {
        (known.server, known.percent, known.beside) == (row.server, row.percent, row.beside)
    };
    match rows.iter_mut().find(same) {
        Some(known) => known.figures.add(row.figures),
        None => rows.push(row),
    }
}

/// Fills a server and finds out how fast it is.
fn prepare<'a>(peer: &'a Peer, options: &TailsOptions, say: &dyn Fn(&str)) -> io::Result<Candidate<'a>> {
    let shares = Shares {
        clients: options.clients,
        keys: options.keyspacelen,
        value_size: options.datasize,
        sets_percent: options.sets,
    };
    say(&format!("{}: filling", peer.name));
    let mut client = target::connect(&peer.target)?;
    target::expect_ok(&mut client, &["FLUSHALL"])?;
    target::fill(&mut client, shares.keys, shares.value_size)?;
    say(&format!("{}: as fast as it goes", peer.name));
    let capacity = options.capacity.map_or_else(|| drive(peer, shares), Ok)?;
    let scene = Scene { peer, shares, persistence: options.persistence, many: options.many };
    Ok(Candidate { scene, capacity })
}

/// The most requests a second, one at a time on each connection.
fn drive(peer: &Peer, shares: Shares) -> io::Result<u64> {
    let mut load = Load::connect(&peer.address, shares)?;
    let start_ns = clock::now_ns();
    let samples = load.run(Schedule::Closed, start_ns + DRIVEN_NS, &mut Watch::new(None))?;
    let count = (samples.gets.len() + samples.sets.len()) as u64;
    Ok(count * 1000 / ((clock::now_ns() - start_ns) / 1_000_000).max(1))
}

/// One run of the load.
fn measure(
    candidate: &Candidate<'_>,
    percent: u64,
    beside: Option<Beside>,
    options: &TailsOptions,
) -> io::Result<Figures> {
    let scene = &candidate.scene;
    let starts_ns = beside.map_or(Ok(None), |beside| beside.prepare(scene))?;
    let mut load = Load::connect(&scene.peer.address, scene.shares)?;
    if let Some(starts_ns) = starts_ns {
        Stop::default().wait_until(starts_ns);
    }
    let cpu = || scene.peer.process().map(Process::cpu_ns).transpose();
    let mut watch = Watch::new(scene.peer.process());
    let start_ns = clock::now_ns();
    let (ran_before, recorded_ns) = (cpu()?, start_ns + WARM_UP_NS);
    let end_ns = recorded_ns + options.seconds * 1_000_000_000;
    let stop = Stop::default();
    let disturb = |beside: Beside| -> io::Result<String> {
        servers::take_cores(options.disturbance_cores.as_deref())?;
        stop.wait_until(start_ns + DISTURBED_AFTER_NS);
        beside.disturb(scene, &stop)
    };
    let (samples, done) = std::thread::scope(|scope| {
        let disturbing = beside.map(|beside| scope.spawn(move || disturb(beside)));
        let schedule = Schedule::open(start_ns, candidate.capacity * percent / 100);
        let samples = load.run(schedule, end_ns, &mut watch);
        stop.set();
        let done = disturbing.map(|thread| {
            thread.thread().unpark();
            thread.join().expect("it returns its errors")
        });
        (samples, done.transpose())
    });
    let (samples, done) = (samples?, done?);
    let busy = match (ran_before, cpu()?) {
        (Some(before), Some(after)) => {
            Some(after.saturating_sub(before) as f64 / (clock::now_ns() - start_ns) as f64)
        }
        _ => None,
    };
    beside.map_or(Ok(()), |beside| beside.settle(scene))?;
    let mut figures = Figures::of(&samples, &watch, recorded_ns, percent as f64 / 100.0);
    figures.busy = busy;
    figures.done = done.into_iter().collect();
    Ok(figures)
}
