//! Servers that are started for a measurement, and the cores that they and the load run on.

use std::io;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use stdx::core_list;

use crate::options::Persistence;
use crate::versus::Peer;

/// How often a server is asked whether it is there, and the pause between.
const ATTEMPTS: usize = 1500;
const PAUSE: Duration = Duration::from_millis(20);

/// A server that runs until this value is dropped.
pub struct Server {
    name: String,
    port: u16,
    folder: PathBuf,
    process: Child,
}

impl Server {
    /// Starts `NAME=PROGRAM ARGUMENT...` with an empty folder of its own.
    pub fn start(text: &str, persistence: Persistence, cores: &Cores) -> io::Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let bad = || io::Error::other(format!("'{text}' is not NAME=PROGRAM [ARGUMENT]..."));
        let (name, command) = text.split_once('=').ok_or_else(bad)?;
        let mut words = command.split_whitespace();
        let program = words.next().ok_or_else(bad)?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("rustypotato-bench-{}-{number}", std::process::id()));
        std::fs::create_dir(&folder)?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        cores.take_server()?;
        let process = Command::new(program)
            .args(words)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(["--appendonly", persistence.appendonly(), "--appendfsync", "everysec", "--dir"])
            .arg(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("{program}: {error}")))?;
        let mut server = Self { name: name.to_owned(), port, folder, process };
        server.wait(program)?;
        Ok(server)
    }

    /// Waits until it takes connections.
    fn wait(&mut self, program: &str) -> io::Result<()> {
        for _ in 0..ATTEMPTS {
            if self.peer().is_ok() {
                return Ok(());
            }
            if let Some(status) = self.process.try_wait()? {
                return Err(io::Error::other(format!("{program} ended at once: {status}")));
            }
            std::thread::park_timeout(PAUSE);
        }
        Err(io::Error::other(format!("{program} takes no connections")))
    }

    /// The number of its process.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// How it is talked to.
    pub fn peer(&self) -> io::Result<Peer> {
        Peer::parse(&format!("{}=127.0.0.1:{}:{}", self.name, self.port, self.process.id()))
            .and_then(|peer| crate::target::connect(&peer.target).map(|_| peer))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing that it holds is wanted any more, and it may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The cores of the servers and those of the load; none: wherever the system likes.
pub struct Cores {
    server: Option<Vec<usize>>,
    client: Option<Vec<usize>>,
}

impl Cores {
    pub fn parse(server: Option<&str>, client: Option<&str>) -> io::Result<Self> {
        Ok(Self { server: server.map(numbers).transpose()?, client: client.map(numbers).transpose()? })
    }

    /// A core for each of so many threads of a server, and the others for the load; all of them for
    /// both where none would be left.
    pub fn split(all: &[usize], threads: usize) -> Self {
        let (server, client) = if threads < all.len() { all.split_at(threads) } else { (all, all) };
        let given = |cores: &[usize]| (!cores.is_empty()).then(|| cores.to_vec());
        Self { server: given(server), client: given(client) }
    }

    /// How many the load has for itself.
    pub fn own_of_client(&self) -> Option<usize> {
        let client = self.client.as_deref().filter(|_| self.client != self.server)?;
        Some(client.len())
    }

    /// From now on this thread, and what it starts, runs on the servers' cores.
    fn take_server(&self) -> io::Result<()> {
        take(self.server.as_deref())
    }

    /// From now on this thread, and what it starts, runs on the load's cores.
    pub fn take_client(&self) -> io::Result<()> {
        take(self.client.as_deref())
    }

    /// The servers' cores and the load's, or as many nameless ones as there are.
    pub fn all(&self) -> Vec<Option<usize>> {
        let mut all: Vec<_> =
            self.server.iter().chain(&self.client).flatten().map(|&core| Some(core)).collect();
        if all.is_empty() {
            all.resize(std::thread::available_parallelism().map_or(1, usize::from), None);
        }
        all.sort_unstable();
        all.dedup_by(|left, right| left.is_some() && left == right);
        all
    }
}

/// The cores on which this thread may run, where the system tells.
#[cfg(target_os = "linux")]
pub fn allowed() -> io::Result<Vec<usize>> {
    let set = rustix::thread::sched_getaffinity(None)?;
    Ok((0..rustix::thread::CpuSet::MAX_CPU).filter(|&core| set.is_set(core)).collect())
}

#[cfg(not(target_os = "linux"))]
pub fn allowed() -> io::Result<Vec<usize>> {
    Ok(Vec::new())
}

/// From now on this thread runs on this core.
pub fn take_core(core: Option<usize>) -> io::Result<()> {
    take(core.map(|core| vec![core]).as_deref())
}

/// From now on this thread runs on the cores of a list such as `0,2-4`.
pub fn take_cores(text: Option<&str>) -> io::Result<()> {
    take(text.map(numbers).transpose()?.as_deref())
}

/// The numbers of a list such as `0,2-4`.
fn numbers(text: &str) -> io::Result<Vec<usize>> {
    core_list::numbers(text)
        .ok_or_else(|| io::Error::other(format!("'{text}' is no list of cores such as 0,2-4")))
}

#[cfg(target_os = "linux")]
fn take(cores: Option<&[usize]>) -> io::Result<()> {
    let Some(cores) = cores else { return Ok(()) };
    let mut set = rustix::thread::CpuSet::new();
    for &core in cores.iter().filter(|&&core| core < rustix::thread::CpuSet::MAX_CPU) {
        set.set(core);
    }
    rustix::thread::sched_setaffinity(None, &set).map_err(io::Error::from)
}

#[cfg(not(target_os = "linux"))]
fn take(cores: Option<&[usize]>) -> io::Result<()> {
    match cores {
        None => Ok(()),
        Some(_) => Err(io::Error::other("this system does not let a program choose its cores")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_has_cores_of_its_own_if_one_is_left_for_the_load() {
        let split = |threads| {
            let cores = Cores::split(&[2, 3, 5], threads);
            (cores.own_of_client(), cores.server.expect("given"), cores.client.expect("given"))
        };
        assert_eq!(split(1), (Some(2), vec![2], vec![3, 5]));
        assert_eq!(split(2), (Some(1), vec![2, 3], vec![5]));
        assert_eq!(split(3), (None, vec![2, 3, 5], vec![2, 3, 5]));
        assert!(Cores::split(&[], 1).server.is_none());
    }

    #[test]
    fn lists_of_cores_are_read() {
        assert_eq!(numbers("0,2-4").expect("a list"), [0, 2, 3, 4]);
        for text in ["", "a", "1-", "1,,2", "4-2"] {
            assert!(numbers(text).is_err(), "{text}");
        }
    }
}
