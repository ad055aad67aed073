//! The flags, one declaration each: parser and help come from here. They are those of redis-cli.

use clap::{ArgAction, Parser};
use resp::Protocol;
use std::ffi::OsString;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  rustypotato-cli set greeting hello
  rustypotato-cli -x set file < notes.txt
  rustypotato-cli -r 10 -i 1 info memory
  rustypotato-cli --eval script.lua key1 key2 , arg1
  rustypotato-cli --scan --pattern 'user:*'
  rustypotato-cli --pipe < commands.resp
  rustypotato-cli backup --dir /backup --incremental
  rustypotato-cli verify --dir /backup
  rustypotato-cli restore --from /backup --dir /tmp/new --to-time '2031-05-07 14:30:00'

Without a command it reads commands: from a prompt when standard input is a terminal, else line by line.";

/// The command-line client of RustyPotato, for any server that speaks RESP.
#[derive(Debug, Parser)]
#[command(
    name = "rustypotato-cli",
    version,
    disable_help_flag = true,
    disable_version_flag = true,
    args_override_self = true,
    after_help = EXAMPLES
)]
pub(super) struct Flags {
    /// Server host name or address.
    #[arg(short = 'h', value_name = "HOST", default_value = "127.0.0.1")]
    pub(super) host: String,
    /// Server port.
    #[arg(short, value_name = "PORT", default_value_t = 6379)]
    pub(super) port: u16,
    /// Server unix socket, instead of host and port.
    #[arg(short, value_name = "SOCKET")]
    pub(super) socket: Option<PathBuf>,
    /// Password; the environment variable REDISCLI_AUTH is the safer way.
    #[arg(short = 'a', long = "pass", value_name = "PASSWORD", allow_hyphen_values = true)]
    pub(super) password: Option<OsString>,
    /// User to authenticate as.
    #[arg(long, value_name = "USER", allow_hyphen_values = true)]
    pub(super) user: Option<String>,
    /// Ask for the password.
    #[arg(long = "askpass")]
    pub(super) ask_password: bool,
    /// Server as `redis://[[user]:password@]host[:port][/database]`.
    #[arg(short, value_name = "URI")]
    pub(super) uri: Option<String>,
    /// Send the command this many times; -1 is for ever.
    #[arg(short, value_name = "TIMES", default_value_t = 1, allow_negative_numbers = true)]
    pub(super) repeat: i64,
    /// Pause between repeated commands, lines of --stat, or calls of --scan.
    #[arg(short, value_name = "SECONDS", default_value_t = 0.0)]
    pub(super) interval: f64,
    /// Database number.
    #[arg(short = 'n', value_name = "DATABASE", default_value_t = 0, allow_negative_numbers = true)]
    pub(super) database: i64,
    /// Follow a cluster's nodes where they send the client (MOVED and ASK).
    #[arg(short = 'c')]
    pub(super) cluster: bool,
    /// Speak RESP2.
    #[arg(short = '2', overrides_with = "resp3")]
    resp2: bool,
    /// Speak RESP3.
    #[arg(short = '3', overrides_with = "resp2")]
    resp3: bool,
    /// Read the last argument from standard input.
    #[arg(short = 'x')]
    pub(super) last_from_input: bool,
    /// Read the argument that equals TAG from standard input.
    #[arg(short = 'X', value_name = "TAG", allow_hyphen_values = true)]
    pub(super) tag_from_input: Option<OsString>,
    /// What stands between the elements of a raw reply.
    #[arg(short = 'd', value_name = "DELIMITER", default_value = "\n", hide_default_value = true)]
    #[arg(allow_hyphen_values = true)]
    pub(super) element_delimiter: OsString,
    /// What stands behind a raw reply.
    #[arg(short = 'D', value_name = "DELIMITER", default_value = "\n", hide_default_value = true)]
    #[arg(allow_hyphen_values = true)]
    pub(super) reply_delimiter: OsString,
    /// Exit with status 1 when a command fails.
    #[arg(short = 'e')]
    pub(super) exit_on_error: bool,
    /// Show replies as they are, which is the default when the output is no terminal.
    #[arg(long, overrides_with = "no_raw")]
    pub(super) raw: bool,
    /// Show types and quotes, which is the default on a terminal.
    #[arg(long, overrides_with = "raw")]
    pub(super) no_raw: bool,
    /// Resolve quotes in the arguments.
    #[arg(long)]
    pub(super) quoted_input: bool,
    /// Show replies as CSV.
    #[arg(long)]
    pub(super) csv: bool,
    /// Show replies as JSON; speaks RESP3 unless -2 is given.
    #[arg(long)]
    pub(super) json: bool,
    /// Show replies as JSON of ASCII only.
    #[arg(long)]
    pub(super) quoted_json: bool,
    /// Whether to show RESP3 pushes; by default on a terminal only.
    #[arg(long, value_name = "YES|NO", value_parser = parse_yes_no)]
    pub(super) show_pushes: Option<bool>,
    /// Print a line of statistics again and again.
    #[arg(long)]
    pub(super) stat: bool,
    /// Measure round trips until interrupted; for one second when the output is no terminal.
    #[arg(long)]
    pub(super) latency: bool,
    /// Like --latency, with a new line every 15 seconds or every interval.
    #[arg(long)]
    pub(super) latency_history: bool,
    /// Write a snapshot of the server's data into a file; - is standard output.
    #[arg(long, value_name = "FILE")]
    pub(super) rdb: Option<PathBuf>,
    /// The same with the libraries of functions and no keys.
    #[arg(long, value_name = "FILE")]
    pub(super) functions_rdb: Option<PathBuf>,
    /// Print the commands that replicas are sent.
    #[arg(long, alias = "slave")]
    pub(super) replica: bool,
    /// Send standard input as it is and count the replies.
    #[arg(long)]
    pub(super) pipe: bool,
    /// How long --pipe waits for a reply when all is sent; 0 is for ever.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(super) pipe_timeout: u64,
    /// Find the keys with the most elements.
    #[arg(long = "bigkeys")]
    pub(super) big_keys: bool,
    /// Find the keys that take the most memory.
    #[arg(long = "memkeys")]
    pub(super) memory_keys: bool,
    /// Like --memkeys, looking at this many elements a key.
    #[arg(long = "memkeys-samples", value_name = "COUNT")]
    pub(super) memory_samples: Option<u64>,
    /// List the keys.
    #[arg(long)]
    pub(super) scan: bool,
    /// Glob for --scan, --bigkeys and --memkeys.
    #[arg(long, value_name = "GLOB", allow_hyphen_values = true)]
    pub(super) pattern: Option<OsString>,
    /// The same in quotes, for patterns of any bytes.
    #[arg(long, value_name = "GLOB", allow_hyphen_values = true)]
    pub(super) quoted_pattern: Option<OsString>,
    /// How many keys the server looks at in each call of a scan.
    #[arg(long, value_name = "COUNT")]
    pub(super) count: Option<u64>,
    /// Run a Lua script file; a comma separates keys from arguments.
    #[arg(long, value_name = "FILE")]
    pub(super) eval: Option<PathBuf>,
    /// Do not warn of a password on the command line.
    #[arg(long)]
    no_auth_warning: bool,
    /// Show this help.
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
    /// Show the version.
    #[arg(short, long, action = ArgAction::Version)]
    version: Option<bool>,
    /// The command and its arguments.
    #[arg(trailing_var_arg = true)]
    pub(super) command: Vec<OsString>,
}

impl Flags {
    /// The protocol that was asked for by name.
    pub(super) fn protocol(&self) -> Option<Protocol> {
        match (self.resp2, self.resp3) {
            (_, true) => Some(Protocol::Resp3),
            (true, false) => Some(Protocol::Resp2),
            (false, false) => None,
        }
    }

    /// Whether a password stands on the command line, where other users of the machine can read it.
    pub(super) fn warns_of_password(&self) -> bool {
        let in_uri = self.uri.as_deref().is_some_and(|uri| uri.contains('@'));
        !self.no_auth_warning && !self.ask_password && (self.password.is_some() || in_uri)
    }
}

fn parse_yes_no(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(true),
        "n" | "no" => Ok(false),
        _ => Err("expected yes or no".to_owned()),
    }
}
