//! On which cores threads run: the lists of the configuration (`server-cpulist` and its kin).

use config::{Config, Param};
use stdx::core_list;

/// The cores of a parameter.
#[derive(Debug, Clone)]
pub struct Cores {
    parameter: &'static str,
    numbers: Vec<usize>,
}

impl Cores {
    /// Those that a parameter names, if it names some.
    pub fn of(config: &Config, param: Param) -> Option<Self> {
        let numbers = core_list::numbers(&config.text_lossy(param))?;
        Some(Self { parameter: param.name(), numbers })
    }

    /// The thread at hand, and whatever thread it starts from now on, runs on these. Where the system does not have them or does not let
    /// it, it runs where it did, and that stands in the log.
    pub fn take(&self) {
        if let Err(error) = run_on(&self.numbers) {
            tracing::warn!("{}: {error}; threads run where the system puts them", self.parameter);
        }
    }
}

/// Runs `body` on cores, if some are named.
pub fn in_place<T>(cores: Option<Cores>, body: impl FnOnce() -> T) -> impl FnOnce() -> T {
    move || {
        if let Some(cores) = cores {
            cores.take();
        }
        body()
    }
}

/// Where those threads run that are not where the server is.
#[derive(Debug)]
pub struct Places {
    /// Those that free memory and see to the append-only file.
    pub background: Option<Cores>,
    /// The saver and its helpers.
    pub saver: Option<SaverCores>,
}

impl Places {
    /// The thread at hand takes its own, and thereby gives it to all that it starts and that have no other.
    pub fn take(config: &Config) -> Self {
        if let Some(cores) = Cores::of(config, Param::ServerCpulist) {
            cores.take();
        }
        Self { background: Cores::of(config, Param::BioCpulist), saver: SaverCores::of(config) }
    }
}

/// Where the saver's threads run, by what they do.
#[derive(Debug)]
pub struct SaverCores {
    /// For the base of the append-only file.
    pub rewrite: Cores,
    /// For snapshots.
    pub save: Cores,
}

impl SaverCores {
    /// Those of the configuration, if it names some: what it does not name is done where the thread at hand runs now.
    pub fn of(config: &Config) -> Option<Self> {
        let [rewrite, save] = [Param::AofRewriteCpulist, Param::BgsaveCpulist];
        let of = |param| Cores::of(config, param);
        let now = |param: Param| Cores { parameter: param.name(), numbers: cores_now() };
        match (of(rewrite), of(save)) {
            (None, None) => None,
            (its, snapshots) => Some(Self {
                rewrite: its.unwrap_or_else(|| now(rewrite)),
                save: snapshots.unwrap_or_else(|| now(save)),
            }),
        }
    }
}

/// Where the thread at hand may run; nothing where the system does not tell.
#[cfg(target_os = "linux")]
fn cores_now() -> Vec<usize> {
    let set = rustix::thread::sched_getaffinity(None).unwrap_or_default();
    (0..core_list::MAX_CORES).filter(|&number| set.is_set(number)).collect()
}

#[cfg(not(target_os = "linux"))]
fn cores_now() -> Vec<usize> {
    Vec::new()
}

#[cfg(target_os = "linux")]
fn run_on(numbers: &[usize]) -> std::io::Result<()> {
    let mut set = rustix::thread::CpuSet::new();
    for &number in numbers {
        set.set(number);
    }
    Ok(rustix::thread::sched_setaffinity(None, &set)?)
}

#[cfg(not(target_os = "linux"))]
fn run_on(_: &[usize]) -> std::io::Result<()> {
    Err(std::io::Error::other("this system does not let a program choose its cores"))
}
