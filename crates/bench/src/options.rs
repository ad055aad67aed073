//! The command line: redis-benchmark's flags, ours beside them, and the `versus` referee.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::RangedU64ValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use client::Uri;

use crate::keys::Distribution;
use crate::tails::Beside;

/// The most connections: as many as one address can have to another.
const MAX_CLIENTS: u64 = 65_535;
/// The largest value, as in redis-benchmark.
const MAX_VALUE_BYTES: u64 = 1 << 30;
/// The most threads of a server that a matrix asks for.
const MAX_SERVER_THREADS: usize = 256;
/// Latencies are told apart to the nanosecond, which is the sixth place of a millisecond.
const MAX_PRECISION: u64 = 6;

/// Takes a number in a range.
fn between(least: u64, most: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(least..=most)
}

/// Load generator for servers that speak the Redis protocol.
#[derive(Debug, Parser)]
#[command(
    name = "rustypotato-bench",
    version,
    disable_help_flag = true,
    args_override_self = true,
    args_conflicts_with_subcommands = true
)]
pub struct Options {
    /// What to do other than measure one server.
    #[command(subcommand)]
    pub mode: Option<Mode>,
    /// The measurement of one server.
    #[command(flatten)]
    pub run: RunOptions,
    /// Print help.
    #[arg(long, global = true, action = clap::ArgAction::Help)]
    pub help: Option<bool>,
}

/// Ways to run other than measuring one server.
#[derive(Debug, Subcommand)]
pub enum Mode {
    /// Compare servers side by side in alternating rounds.
    Versus(VersusOptions),
    /// Measure how much one client's heavy commands delay another's light ones. The servers lose their data.
    Interference(InterferenceOptions),
    /// Start servers and compare them over all combinations of pipelines, values, keys and persistence.
    Matrix(MatrixOptions),
    /// Measure latencies of an open loop at shares of a server's capacity, beside expiry, eviction,
    /// saving, deletion and other clients.
    Tails(TailsOptions),
}

/// Where the server is and how to log in.
#[derive(Debug, Clone, Args)]
pub struct Target {
    /// Server host name.
    #[arg(short = 'h', long = "host", default_value = "127.0.0.1")]
    pub host: String,
    /// Server port.
    #[arg(short, long, default_value_t = 6379)]
    pub port: u16,
    /// Server unix socket, instead of host and port.
    #[arg(short, long)]
    pub socket: Option<PathBuf>,
    /// Server, log-in and database as `redis://user:password@host:port/database`; stronger than the other options.
    #[arg(short, long)]
    pub uri: Option<String>,
    /// Password for AUTH.
    #[arg(short = 'a', long = "pass")]
    pub password: Option<String>,
    /// User name for AUTH.
    #[arg(long)]
    pub user: Option<String>,
    /// Database to select.
    #[arg(long = "dbnum", default_value_t = 0)]
    pub database: u32,
    /// Speak RESP3.
    #[arg(short = '3')]
    pub resp3: bool,
    /// Have the server track what the load's connections read, by CLIENT TRACKING ON.
    #[arg(long)]
    pub enable_tracking: bool,
}

impl Target {
    /// Takes over what the URI names.
    pub fn apply_uri(&mut self) -> Result<(), String> {
        let Some(text) = self.uri.take() else { return Ok(()) };
        let uri: Uri = text.parse()?;
        self.host = uri.host.unwrap_or(std::mem::take(&mut self.host));
        self.port = uri.port.unwrap_or(self.port);
        self.user = uri.user.or(self.user.take());
        if let Some(password) = uri.password {
            let text = String::from_utf8(password).map_err(|_| "The password is not UTF-8".to_owned())?;
            self.password = Some(text);
        }
        self.database = uri.database.unwrap_or(self.database);
        Ok(())
    }
}

/// How the load looks.
#[derive(Debug, Clone, Args)]
pub struct Load {
    /// Parallel connections.
    #[arg(short, long, default_value_t = 50, value_parser = between(1, MAX_CLIENTS))]
    pub clients: usize,
    /// Requests in all.
    #[arg(short = 'n', long, default_value_t = 100_000)]
    pub requests: u64,
    /// Bytes of a value.
    #[arg(short = 'd', long, default_value_t = 3, value_parser = between(0, MAX_VALUE_BYTES))]
    pub datasize: usize,
    /// Draw keys from this many; without it one key is used.
    #[arg(short = 'r', long)]
    pub keyspacelen: Option<u64>,
    /// How often each key is drawn.
    #[arg(long, value_enum, default_value_t)]
    pub distribution: Distribution,
    /// Requests in flight on each connection.
    #[arg(short = 'P', long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub pipeline: u64,
    /// Threads that generate the load.
    #[arg(long, default_value_t = 1, value_parser = between(1, 500))]
    pub threads: usize,
    /// Tests to run, by redis-benchmark's names, separated by commas.
    #[arg(short, long, value_delimiter = ',')]
    pub tests: Vec<String>,
    /// Send at this many requests a second whatever the server does; latency counts from when a request was due.
    #[arg(long)]
    pub rate: Option<u64>,
    /// 1 = keep connections, 0 = a new connection for each request.
    #[arg(short = 'k', long, default_value_t = 1)]
    pub keepalive: u8,
    /// Seed of the random keys.
    #[arg(long, default_value_t = 42)]
    pub seed: u64,
}

impl Load {
    /// One thread whose connections each send so many requests and wait for their replies, with uniform keys or one.
    pub fn closed(
        clients: usize,
        requests: u64,
        datasize: usize,
        keyspacelen: Option<u64>,
        pipeline: u64,
    ) -> Self {
        Self {
            clients,
            requests,
            datasize,
            keyspacelen,
            distribution: Distribution::Uniform,
            pipeline,
            threads: 1,
            tests: Vec::new(),
            rate: None,
            keepalive: 1,
            seed: 42,
        }
    }
}

/// Measuring one server.
#[derive(Debug, Args)]
pub struct RunOptions {
    #[command(flatten)]
    pub target: Target,
    #[command(flatten)]
    pub load: Load,
    /// Print one line a test.
    #[arg(short, long)]
    pub quiet: bool,
    /// Print CSV.
    #[arg(long)]
    pub csv: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Decimal places of latencies in milliseconds.
    #[arg(long, default_value_t = 3, value_parser = between(0, MAX_PRECISION))]
    pub precision: usize,
    /// Run the tests for ever.
    #[arg(short = 'l', long = "loop")]
    pub forever: bool,
    /// Only open idle connections and wait.
    #[arg(short = 'I', long)]
    pub idle: bool,
    /// Accepted for scripts: how many replies were errors, and the first of them, is always told on standard error.
    #[arg(short = 'e', long = "show-errors")]
    pub errors: bool,
    /// Read the last argument of the command from standard input.
    #[arg(short = 'x', long)]
    pub stdin: bool,
    /// Send this command instead of the tests.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub command: Vec<String>,
}

/// Comparing servers.
#[derive(Debug, Args)]
pub struct VersusOptions {
    /// A server: `NAME=HOST:PORT[:PID]`. Ratios are against the first. Without PID, INFO is asked for it.
    #[arg(long = "peer", required = true)]
    pub peers: Vec<String>,
    #[command(flatten)]
    pub load: Load,
    /// Rounds; each measures every server once, in turn.
    #[arg(long, default_value_t = 5, value_parser = between(1, 10_000))]
    pub rounds: usize,
    /// Also fill each server with this many keys and print bytes a key.
    #[arg(long)]
    pub memory: Option<u64>,
    /// Print CSV.
    #[arg(long)]
    pub csv: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Measuring delays beside heavy commands.
#[derive(Debug, Args)]
pub struct InterferenceOptions {
    /// A server: `NAME=HOST:PORT[:PID]`. All its data are removed.
    #[arg(long = "peer", required = true)]
    pub peers: Vec<String>,
    /// Heavy commands to repeat, by name, separated by commas.
    #[arg(short, long, value_delimiter = ',')]
    pub tests: Vec<String>,
    /// Members of each collection.
    #[arg(long, default_value_t = 500_000, value_parser = between(1, 100_000_000))]
    pub members: usize,
    /// Seconds of each test.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub seconds: u64,
    /// Print CSV.
    #[arg(long)]
    pub csv: bool,
}

/// Comparing servers over a matrix.
#[derive(Debug, Args)]
pub struct MatrixOptions {
    /// How much of the matrix: what the options below do not say is chosen by that.
    #[arg(value_enum, default_value = "whole")]
    pub form: Form,
    /// A server to start: `NAME=PROGRAM [ARGUMENT]...`, in which `{threads}` stands for the number of threads. It gets
    /// a port, an empty folder and the persistence of the row. Ratios are against the first. If there is only one, it
    /// is compared with those that the variable BENCH_PEERS names in the same way, separated by semicolons, or with the
    /// redis-server and the valkey-server of the PATH.
    #[arg(long = "server", required = true)]
    pub servers: Vec<String>,
    /// Tests to run, by redis-benchmark's names.
    #[arg(short, long, value_delimiter = ',')]
    pub tests: Vec<String>,
    /// Requests in flight on each connection.
    #[arg(short = 'P', long, value_delimiter = ',', value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub pipelines: Vec<u64>,
    /// Bytes of a value. Tests of collections, which grow, have the least of them.
    #[arg(short = 'd', long, value_delimiter = ',', value_parser = between(0, MAX_VALUE_BYTES))]
    pub values: Vec<usize>,
    /// Which keys are asked for.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub keys: Vec<KeyChoice>,
    /// Threads of a server: numbers, or `all` for as many as there are cores.
    #[arg(long, value_delimiter = ',')]
    pub server_threads: Vec<ThreadCount>,
    /// The append-only file: none, or synced every second.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub persistence: Vec<Persistence>,
    /// Keys; fewer where their values would be more than 512 MB.
    #[arg(short = 'r', long, value_parser = clap::value_parser!(u64).range(1..))]
    pub keyspacelen: Option<u64>,
    /// Requests of a measurement; fewer where they or their replies would be more than 512 MB.
    #[arg(short = 'n', long, value_parser = clap::value_parser!(u64).range(1..))]
    pub requests: Option<u64>,
    /// Parallel connections.
    #[arg(short, long, default_value_t = 50, value_parser = between(1, MAX_CLIENTS))]
    pub clients: usize,
    /// Threads that generate the load; without it as many as the load's cores, but no more than twice the server's
    /// threads, and half as many as those where both share the cores.
    #[arg(long, value_parser = between(1, 500))]
    pub threads: Option<usize>,
    /// Rounds; each measures every server once, in turn.
    #[arg(long, value_parser = between(1, 10_000))]
    pub rounds: Option<usize>,
    /// The servers' cores, such as 0,2-4. Without it a server with fewer threads than there are cores gets as many
    /// cores, and the load the others.
    #[arg(long, requires = "client_cores")]
    pub server_cores: Option<String>,
    /// The load's cores.
    #[arg(long, requires = "server_cores")]
    pub client_cores: Option<String>,
    /// Do not count instructions. Else they are, where there is Valgrind.
    #[arg(long)]
    pub no_instructions: bool,
    /// Write the report here, too, and what there is of it after each row.
    #[arg(long)]
    pub report: Option<PathBuf>,
}

/// How much of the matrix is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// A few rows in a few minutes.
    Quick,
    /// All of it, in hours.
    Whole,
}

/// How many threads a server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThreadCount {
    /// So many.
    Some(usize),
    /// One a core.
    All,
}

impl FromStr for ThreadCount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            _ if text == "all" => Ok(Self::All),
            Ok(count) if (1..=MAX_SERVER_THREADS).contains(&count) => Ok(Self::Some(count)),
            _ => Err(format!("neither `all` nor a number from 1 to {MAX_SERVER_THREADS}")),
        }
    }
}

/// Measuring latencies under load beside disturbances.
#[derive(Debug, Args)]
pub struct TailsOptions {
    /// A server to start: `NAME=PROGRAM [ARGUMENT]...`. It gets a port and an empty folder.
    #[arg(long = "server", required_unless_present = "peers")]
    pub servers: Vec<String>,
    /// A server that runs: `NAME=HOST:PORT[:PID]`. All its data are removed, and some of its configuration changes.
    #[arg(long = "peer")]
    pub peers: Vec<String>,
    /// What to measure beside, separated by commas; beside nothing is always measured, at the beginning and at the end.
    #[arg(
        short = 't',
        long = "tests",
        value_enum,
        value_delimiter = ',',
        default_value = "expire,evict,bgsave,rewrite,del,mass-del,storm,subscribers"
    )]
    pub beside: Vec<Beside>,
    /// Loads, in percent of the most requests a second.
    #[arg(long = "load", value_delimiter = ',', default_value = "50,80", value_parser = clap::value_parser!(u64).range(1..=99))]
    pub loads: Vec<u64>,
    /// The most requests a second; without it every server's own is measured.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub capacity: Option<u64>,
    /// SETs of a hundred requests.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=100))]
    pub sets: u64,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub seconds: u64,
    /// Rounds, which are added up.
    #[arg(long, default_value_t = 3, value_parser = between(1, 10_000))]
    pub rounds: usize,
    /// Parallel connections.
    #[arg(short, long, default_value_t = 50, value_parser = between(1, MAX_CLIENTS))]
    pub clients: usize,
    /// Keys.
    #[arg(short = 'r', long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub keyspacelen: u64,
    /// Bytes of a value.
    #[arg(short = 'd', long, default_value_t = 64, value_parser = between(0, MAX_VALUE_BYTES))]
    pub datasize: usize,
    /// Keys that expire at once, and members of the large collections together.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub many: u64,
    /// The append-only file: none, or synced every second.
    #[arg(long, value_enum, default_value = "off")]
    pub persistence: Persistence,
    /// The servers' cores, such as 0,2-4.
    #[arg(long)]
    pub server_cores: Option<String>,
    /// The load's cores; its thread keeps one busy all the time.
    #[arg(long)]
    pub client_cores: Option<String>,
    /// The cores of the clients that disturb, instead of the load's.
    #[arg(long)]
    pub disturbance_cores: Option<String>,
    /// Write the report here, too.
    #[arg(long)]
    pub report: Option<PathBuf>,
}

/// Which keys a row of the matrix asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KeyChoice {
    /// Any of them.
    Uniform,
    /// A few of them most of the time.
    Zipfian,
    /// A single one.
    One,
}

/// Whether a row of the matrix has an append-only file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Persistence {
    /// It has none.
    Off,
    /// It is synced every second.
    Everysec,
}

impl Persistence {
    /// The value of `appendonly`.
    pub fn appendonly(self) -> &'static str {
        match self {
            Self::Off => "no",
            Self::Everysec => "yes",
        }
    }
}

impl fmt::Display for KeyChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Uniform => "uniform",
            Self::Zipfian => "zipfian",
            Self::One => "one",
        })
    }
}

impl fmt::Display for Persistence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::Everysec => "everysec",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_is_stronger_than_host_port_and_password() {
        let line = ["bench", "-p", "1", "-a", "old", "-u", "redis://me:new@localhost:7000/2", "-n", "5"];
        let mut target = Options::parse_from(line).run.target;
        target.apply_uri().expect("a URI");
        assert_eq!((target.host.as_str(), target.port, target.database), ("localhost", 7000, 2));
        assert_eq!((target.user.as_deref(), target.password.as_deref()), (Some("me"), Some("new")));
        assert!(Target { uri: Some("http://x".to_owned()), ..target }.apply_uri().is_err());
    }

    #[test]
    fn numbers_that_make_no_load_are_refused() {
        for line in [
            ["bench", "-c", "0"],
            ["bench", "-c", "65536"],
            ["bench", "-d", "1073741825"],
            ["bench", "-P", "0"],
            ["bench", "--threads", "0"],
            ["bench", "--precision", "7"],
        ] {
            assert!(Options::try_parse_from(line).is_err(), "{line:?}");
        }
        assert!(Options::try_parse_from(["bench", "versus", "--peer", "a=b:1", "--rounds", "0"]).is_err());
    }

    #[test]
    fn threads_of_a_server_are_a_number_or_all() {
        let counts = ["1", "256", "all"].map(str::parse::<ThreadCount>);
        assert_eq!(
            counts.map(|count| count.expect("a count")),
            [ThreadCount::Some(1), ThreadCount::Some(256), ThreadCount::All]
        );
        for text in ["", "0", "257", "every", "-1"] {
            assert!(text.parse::<ThreadCount>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_last_of_two_equal_options_counts_and_peers_add_up() {
        let options = Options::parse_from(["bench", "-c", "1", "-q", "-c", "2", "-q"]);
        assert_eq!(options.run.load.clients, 2);
        let versus = Options::parse_from([
            "bench", "versus", "--peer", "a=b:1", "-c", "1", "--peer", "c=d:2", "-c", "3",
        ]);
        let Some(Mode::Versus(versus)) = versus.mode else { panic!("no versus") };
        assert_eq!((versus.peers.len(), versus.load.clients), (2, 3));
    }
}
