//! Instructions of a request in each server's own program, counted by Callgrind, which other work
//! on the machine does not disturb.
//!
//! A server runs under Valgrind with one thread. A test is counted with a few requests and then with many:
//! the difference, divided by how many there were more, is what a request takes, without the connections
//! that are opened for both. What the server does by the clock counts as well, and Valgrind makes it slow;
//! with many requests that is little.

use std::env;
use std::fs;
use std::io;
use std::process::{Command, Stdio};

use super::peers;
use crate::generator::{self, Job};
use crate::options::{Load, Persistence};
use crate::servers::{Cores, Server};
use crate::target;
use crate::versus::Peer;
use crate::workload::{self, Shape, Workload};

/// Keys, bytes of a value, requests that go together and connections.
pub const KEYS: u64 = 10_000;
pub const VALUE_BYTES: usize = 64;
pub const PIPELINE: u64 = 16;
const CLIENTS: usize = 50;
/// Requests that are counted, and how many more the second time.
const FEW: u64 = 4_000;
const MORE: u64 = 16_000;
/// The programs that it takes.
const PROGRAMS: [&str; 2] = ["valgrind", "vgdb"];

/// A test and what a request of it takes in each server; none where it could not be counted.
pub type Counts = Vec<(String, Vec<Option<f64>>)>;

/// Whether this machine has what it takes.
pub fn can_be_counted() -> bool {
    PROGRAMS.iter().all(|program| peers::is_program(program, env::var_os("PATH").as_deref()))
}

/// Counts all tests in all servers. One that does not run under Valgrind has no counts, of which is told.
pub fn count(tests: &[String], servers: &[String], say: &dyn Fn(&str)) -> io::Result<Counts> {
    let shape = Shape { value_size: VALUE_BYTES, keyspace: Some(KEYS) };
    let workloads = workload::named(tests, shape).map_err(io::Error::other)?;
    let mut counts: Counts = workloads.iter().map(|workload| (workload.name.clone(), Vec::new())).collect();
    for text in servers {
        let name = peers::name(text);
        say(&format!("counting instructions: {name}"));
        let of_server = count_server(text, &workloads).unwrap_or_else(|error| {
            say(&format!("{name}: instructions cannot be counted: {error}"));
            vec![None; workloads.len()]
        });
        counts.iter_mut().zip(of_server).for_each(|((_, all), own)| all.push(own));
    }
    Ok(counts)
}

fn count_server(text: &str, workloads: &[Workload]) -> io::Result<Vec<Option<f64>>> {
    let folder = env::temp_dir().join(format!("rustypotato-bench-counts-{}", std::process::id()));
    fs::create_dir(&folder)?;
    let counted = Counted::start(text, &folder.to_string_lossy())
        .and_then(|mut server| workloads.iter().map(|workload| server.count(workload).map(Some)).collect());
    fs::remove_dir_all(&folder)?;
    counted
}

/// A server under Valgrind.
struct Counted {
    server: Server,
    peer: Peer,
    /// Where Callgrind leaves its counts and is spoken to.
    folder: String,
    /// How often it has left some.
    dumps: usize,
}

impl Counted {
    fn start(text: &str, folder: &str) -> io::Result<Self> {
        let text = peers::with_threads(&under_valgrind(text, folder), 1);
        let anywhere = Cores::parse(None, None)?;
        let server = Server::start(&text, Persistence::Off, &anywhere)?;
        let peer = server.peer()?;
        target::fill(&mut target::connect(&peer.target)?, KEYS, VALUE_BYTES)?;
        Ok(Self { server, peer, folder: folder.to_owned(), dumps: 0 })
    }

    /// Instructions of a request.
    fn count(&mut self, workload: &Workload) -> io::Result<f64> {
        self.run(workload, FEW)?; // what it needs to begin with
        let few = self.counted(workload, FEW)?;
        let many = self.counted(workload, FEW + MORE)?;
        Ok(many.saturating_sub(few) as f64 / MORE as f64)
    }

    /// Instructions of so many requests, with their connections.
    fn counted(&mut self, workload: &Workload, requests: u64) -> io::Result<u64> {
        self.tell("zero")?;
        self.run(workload, requests)?;
        self.tell("dump")?;
        self.dumps += 1;
        let file = format!("{}.{}", counts_file(&self.folder), self.dumps);
        let text = fs::read_to_string(&file)?;
        fs::remove_file(&file)?;
        total(&text).ok_or_else(|| io::Error::other("Callgrind wrote no total"))
    }

    fn run(&self, workload: &Workload, requests: u64) -> io::Result<()> {
        let load = Load::closed(CLIENTS, requests, VALUE_BYTES, Some(KEYS), PIPELINE);
        let job = Job {
            address: self.peer.address.clone(),
            greeting: target::greeting(&self.peer.target),
            workload: workload.clone(),
            load,
        };
        let measured = generator::run(&job, |_| {})?;
        measured
            .errors
            .first
            .map_or(Ok(()), |error| Err(io::Error::other(format!("{}: {error}", workload.name))))
    }

    /// Tells Callgrind, which runs in the server's process, to do something, and waits until it is done.
    fn tell(&self, what: &str) -> io::Result<()> {
        let process = format!("--pid={}", self.server.process_id());
        let words = [&process, &prefix(&self.folder), what];
        let output = Command::new("vgdb").args(words).stdin(Stdio::null()).output()?;
        if output.status.success() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(io::Error::other(format!("vgdb {what}: {text}")))
    }
}

/// A server's text with Valgrind before its program.
fn under_valgrind(text: &str, folder: &str) -> String {
    let (file, prefix) = (counts_file(folder), prefix(folder));
    text.replacen(
        '=',
        &format!("=valgrind --tool=callgrind --fair-sched=try --callgrind-out-file={file} {prefix} "),
        1,
    )
}

fn counts_file(folder: &str) -> String {
    format!("{folder}/counts")
}

/// The option that tells Valgrind, and who speaks to it, where its pipes are.
fn prefix(folder: &str) -> String {
    format!("--vgdb-prefix={folder}/pipe")
}

/// The total of a file of Callgrind.
fn total(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("totals:")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_found_in_a_file_of_callgrind() {
        assert_eq!(total("events: Ir\n\nfn=(1)\n12 7\n\ntotals: 130592182\n"), Some(130_592_182));
        assert_eq!(total("events: Ir\n"), None);
    }

    #[test]
    fn valgrind_stands_before_the_program() {
        let expected = "a=valgrind --tool=callgrind --fair-sched=try --callgrind-out-file=/f/counts --vgdb-prefix=/f/pipe server --x y=z";
        assert_eq!(under_valgrind("a=server --x y=z", "/f"), expected);
    }
}
