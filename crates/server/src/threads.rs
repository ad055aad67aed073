//! The threads of the server: how many serve clients, how one is started, and what follows when one fails.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use config::{Config, Param};
use tracing::error;

/// How the names of the workers' threads begin.
pub const WORKER_NAME: &str = "worker-";

/// Worker threads: those asked for, or one for each core of `server-cpulist`. Without either one core that the process may use is
/// left to the system's work for the network, to what the server does beside its clients, and to others.
pub fn worker_count(config: &Config) -> usize {
    let is_placed = !config.text(Param::ServerCpulist).is_empty();
    asked_for(config).unwrap_or_else(|| if is_placed { cores() } else { (cores() - 1).max(1) })
}

/// Threads that load data, when no client is served yet: those asked for, or one for each core.
pub fn loader_count(config: &Config) -> usize {
    asked_for(config).unwrap_or_else(cores)
}

fn asked_for(config: &Config) -> Option<usize> {
    match config.integer(Param::Threads) {
        0 => None,
        threads => Some(threads as usize),
    }
}

/// Cores that the process may use, which counts the quota of a container too.
fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Starts a thread that the server cannot do without. If it panics the process ends: clients of a dead worker would wait
/// for ever, and every acknowledged write is in the log already.
pub fn spawn<T: Send + 'static>(
    name: &str,
    body: impl FnOnce() -> T + Send + 'static,
) -> Result<thread::JoinHandle<T>, String> {
    let own_name = name.to_owned();
    let guarded = move || {
        catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| {
            error!("the thread {own_name} has failed; the process ends");
            std::process::abort();
        })
    };
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(guarded)
        .map_err(|error| format!("the thread {name} cannot be started: {error}; raise the limit of processes (ulimit -u), or lower `threads`"))
}

/// Waits for the end of a thread, and gives what it has returned.
pub fn join<T>(name: &str, thread: thread::JoinHandle<T>) -> Result<T, String> {
    thread.join().map_err(|_| format!("the thread {name} has failed"))
}

/// Why something cannot be awaited, which takes a file each, and what to do.
pub fn without_files(what: &str, error: &std::io::Error) -> String {
    format!("{what}: {error}; raise the limit of open files (ulimit -n), or lower `threads`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_is_left_to_others_unless_threads_or_cores_are_named() {
        let mut config = Config::default();
        let counts = |config: &Config| (worker_count(config), loader_count(config));
        assert_eq!(counts(&config), ((cores() - 1).max(1), cores()));
        config.assign(Param::ServerCpulist, &[b"0"]).expect("it is a list of cores");
        assert_eq!(counts(&config), (cores(), cores()), "as many as there are once it has been taken");
        config.assign(Param::Threads, &[b"3"]).expect("it is a number of threads");
        assert_eq!(counts(&config), (3, 3));
    }
}
