//! A matrix of measurements: commands, pipelines, sizes of values, distributions of keys, threads and persistence, each
//! with all servers side by side. The servers are started for it, anew for each size, number of threads and kind of
//! persistence, and filled before they are measured. What has been measured is written to the report after each row, so
//! an interrupted run leaves what it has.

mod instructions;
mod peers;
mod plan;
mod progress;
mod report;

use std::fs;
use std::io;
use std::path::Path;

use crate::options::MatrixOptions;
use crate::servers::{self, Cores, Server};
use crate::target;
use crate::versus::{self, Row};

use plan::{Axes, Group, Place};
use progress::Progress;
use report::Report;

/// Measures everything and writes the report. `say` is told what is going on.
pub fn run(options: &MatrixOptions, say: &dyn Fn(&str)) -> io::Result<String> {
    let allowed = servers::allowed()?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let axes = Axes::new(options, cores);
    let groups = axes.groups().map_err(io::Error::other)?;
    let servers = peers::all(&options.servers)?;
    let counts = !options.no_instructions && instructions::can_be_counted();
    let total = groups.iter().map(|group| group.cells.len()).sum();
    let mut report = Report::new(&axes, options.clients, cores, &servers, total);
    let mut progress = Progress::new(&axes, &groups, servers.len(), counts);
    say(&progress.announcement());
    if counts {
        report.instructions = instructions::count(&axes.tests, &servers, say)?;
        progress.counted();
    }
    for group in &groups {
        let cores = match (&options.server_cores, &options.client_cores) {
            (None, None) => Cores::split(&allowed, group.threads),
            (server, client) => Cores::parse(server.as_deref(), client.as_deref())?,
        };
        let mut keep = |place, rows: Vec<Row>| {
            say(&progress.measured(place, &rows[0].test));
            report.results.push((place, rows));
            options.report.as_deref().map_or(Ok(()), |path| write(path, &report.markdown()))
        };
        let versions = measure_group(group, &axes, options, &servers, &cores, &mut keep)?;
        report.versions = versions;
    }
    let text = report.markdown();
    if let Some(path) = &options.report {
        write(path, &text)?;
    }
    Ok(text)
}

/// Starts the servers, measures all that is measured with them, and returns their versions.
fn measure_group(
    group: &Group,
    axes: &Axes,
    options: &MatrixOptions,
    servers: &[String],
    cores: &Cores,
    keep: &mut dyn FnMut(Place, Vec<Row>) -> io::Result<()>,
) -> io::Result<Vec<String>> {
    let started = servers
        .iter()
        .map(|text| Server::start(&peers::with_threads(text, group.threads), group.persistence, cores))
        .collect::<io::Result<Vec<_>>>()?;
    let peers = started.iter().map(Server::peer).collect::<io::Result<Vec<_>>>()?;
    cores.take_client()?;
    let mut versions = Vec::new();
    for peer in &peers {
        let mut client = target::connect(&peer.target)?;
        versions.push(target::version(&mut client)?);
        target::fill(&mut client, axes.filled(group.value_size), group.value_size)?;
    }
    let threads = options.threads.unwrap_or_else(|| load_threads(cores, group.threads));
    for (place, workload) in &group.cells {
        let load = axes.load(*place, workload, options.clients, threads);
        let rows = versus::compare(&peers, std::slice::from_ref(workload), &load, axes.rounds, &|_| {})?;
        keep(*place, rows)?;
    }
    Ok(versions)
}

/// Threads of the load for servers with so many: enough to drive them, and no more than have a core.
fn load_threads(cores: &Cores, server_threads: usize) -> usize {
    match cores.own_of_client() {
        Some(own) => own.clamp(1, 2 * server_threads),
        None => (server_threads / 2).max(1),
    }
}

/// Writes a report in the place of the one before, so that there is always a whole one.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    fs::write(&beside, text)?;
    fs::rename(&beside, path)
}
