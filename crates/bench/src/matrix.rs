//! A matrix of measurements: commands, pipelines, sizes of values, distributions of keys and persistence, each with all servers side
//! by side. The servers are started for it, anew for each size and kind of persistence, and filled before they are measured.

mod report;

use std::fs;
use std::io;

use crate::keys::Distribution;
use crate::options::{KeyChoice, MatrixOptions, Persistence};
use crate::servers::{Cores, Server};
use crate::target;
use crate::versus::{self, Row};
use crate::workload::{self, Shape};

/// The most bytes of values that a server is filled with, and that a measurement moves.
const MOST_VALUE_BYTES: u64 = 512 << 20;

/// Where in the matrix some rows belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub persistence: Persistence,
    pub value_size: usize,
    pub pipeline: u64,
    pub keys: KeyChoice,
}

/// Measures everything and writes the report. `say` is told what is going on.
pub fn run(options: &MatrixOptions, say: &dyn Fn(&str)) -> io::Result<String> {
    let cores = Cores::parse(options.server_cores.as_deref(), options.client_cores.as_deref())?;
    let mut results: Vec<(Place, Vec<Row>)> = Vec::new();
    for &persistence in &options.persistence {
        for &value_size in &options.values {
            let servers = options
                .servers
                .iter()
                .map(|text| Server::start(text, persistence, &cores))
                .collect::<io::Result<Vec<_>>>()?;
            let peers = servers.iter().map(Server::peer).collect::<io::Result<Vec<_>>>()?;
            cores.take_client()?;
            let bounded = |count: u64| count.min(MOST_VALUE_BYTES / value_size.max(1) as u64).max(1);
            for peer in &peers {
                say(&format!("{}: filling with values of {value_size} bytes", peer.name));
                target::fill(&mut target::connect(&peer.target)?, bounded(options.keyspacelen), value_size)?;
            }
            for &pipeline in &options.pipelines {
                for &keys in &options.keys {
                    let place = Place { persistence, value_size, pipeline, keys };
                    say(&format!("{place:?}"));
                    let mut load = options.load();
                    load.requests = bounded(options.requests);
                    load.datasize = value_size;
                    load.pipeline = pipeline;
                    load.keyspacelen = (keys != KeyChoice::One).then(|| bounded(options.keyspacelen));
                    if keys == KeyChoice::Zipfian {
                        load.distribution = Distribution::Zipfian;
                    }
                    let shape = Shape { value_size, keyspace: load.keyspacelen };
                    let workloads = workload::named(&options.tests, shape).map_err(io::Error::other)?;
                    results.push((place, versus::compare(&peers, &workloads, &load, options.rounds, say)?));
                }
            }
        }
    }
    let text = report::markdown(options, &results);
    if let Some(path) = &options.report {
        fs::write(path, &text)?;
    }
    Ok(text)
}
