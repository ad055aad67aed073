//! What the user asked for, as plain data: flags, environment and terminal are looked at here and nowhere else.

mod flags;
mod work;

pub(crate) use work::{Backup, Restore, Verify, Work};

use crate::failure::Failure;
use crate::output::{Format, Style};
use clap::Parser;
use clap::error::{ContextKind, ContextValue};
use client::{Address, Uri};
use flags::Flags;
use resp::Protocol;
use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

/// The longest interval that is believed, a year.
const MAX_INTERVAL_SECONDS: f64 = 31_536_000.0;
/// How long `--stat` waits between lines unless told.
const STAT_INTERVAL: Duration = Duration::from_secs(1);

/// What came out of the command line.
pub(crate) enum Parsed {
    /// The program has something to do.
    Run(Box<Options>),
    /// The user asked for help or the version and has it.
    Answered,
}

/// Everything the program needs to know.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The server and how to greet it.
    pub(crate) target: Target,
    /// How replies are shown.
    pub(crate) style: Style,
    /// How often a command is sent; `None` is for ever.
    pub(crate) repeat: Option<u64>,
    /// The pause between repeated things.
    pub(crate) interval: Option<Duration>,
    /// Whether an error reply makes the exit status 1.
    pub(crate) exit_on_error: bool,
    /// Whether RESP3 pushes are shown.
    pub(crate) show_pushes: bool,
    /// Whether standard output is a terminal, which is told of progress.
    pub(crate) terminal: bool,
    /// What to do.
    pub(crate) mode: Mode,
}

/// The server and how to greet it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Where it listens.
    pub(crate) address: Address,
    /// The user to authenticate as.
    pub(crate) user: Option<String>,
    /// The password.
    pub(crate) password: Option<Vec<u8>>,
    /// The database to select.
    pub(crate) database: i64,
    /// The protocol to ask for.
    pub(crate) protocol: WantedProtocol,
    /// Whether it goes where a node of a cluster sends it.
    pub(crate) follows_redirects: bool,
}

/// The protocol to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WantedProtocol {
    /// What a connection begins with.
    Resp2,
    /// RESP3, because the user said so: a server without it is reported.
    Resp3,
    /// RESP3 where the server has it, because JSON looks better with types.
    PreferResp3,
}

/// What the program does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Mode {
    /// Sends one command.
    Command {
        /// Its words.
        args: Vec<Vec<u8>>,
        /// Which of them comes from standard input.
        input: StandardInput,
    },
    /// Makes, verifies or restores backups.
    Backups(Work),
    /// Runs a script file.
    Eval {
        /// The file.
        path: PathBuf,
        /// Keys, a comma, and arguments.
        args: Vec<Vec<u8>>,
    },
    /// Reads commands from standard input.
    Batch,
    /// Reads commands from a person.
    Interactive,
    /// Sends standard input as it is.
    Pipe {
        /// How long to wait for the last reply; `None` waits for ever.
        timeout: Option<Duration>,
    },
    /// Writes a snapshot of the server's data into a file.
    Rdb {
        /// The file; `-` is standard output.
        path: PathBuf,
        /// Whether it is to hold the libraries of functions and no keys.
        functions_only: bool,
    },
    /// Prints the commands that replicas are sent.
    Replica,
    /// Lists keys.
    Scan(Pattern),
    /// Prints a line of statistics again and again.
    Stat,
    /// Measures round trips.
    Latency {
        /// Whether a new line begins with every interval.
        history: bool,
    },
    /// Looks for the biggest keys.
    Sample {
        /// What big means.
        measure: Measure,
        /// Which keys.
        pattern: Pattern,
    },
}

/// Which argument of a command is read from standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StandardInput {
    /// None.
    Unused,
    /// One more behind the others.
    LastArgument,
    /// The one that equals this tag.
    Tagged(Vec<u8>),
}

/// Which keys a scan looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// Glob that the keys match.
    pub(crate) glob: Option<Vec<u8>>,
    /// How many keys the server looks at a call.
    pub(crate) count: Option<u64>,
}

/// What makes a key big.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    /// Its length or number of elements.
    Elements,
    /// Its memory.
    Memory {
        /// How many elements the server looks at; 0 is all of them.
        samples: Option<u64>,
    },
}

/// Parses the command line, completed by the environment and by what the terminal is.
pub(crate) fn from_command_line(args: impl IntoIterator<Item = OsString>) -> Result<Parsed, Failure> {
    let parsed = Flags::try_parse_from(args).and_then(|flags| {
        let work = work::parse(&flags.command).transpose()?;
        Ok((flags, work))
    });
    let (flags, work) = match parsed {
        Ok(parsed) => parsed,
        Err(answer) if !answer.use_stderr() => {
            write!(std::io::stdout(), "{answer}")?;
            return Ok(Parsed::Answered);
        }
        Err(error) => return Err(Failure::message(wrong_use(&error))),
    };
    let environment = Environment {
        password: std::env::var_os("REDISCLI_AUTH").map(OsString::into_encoded_bytes),
        input_is_terminal: std::io::stdin().is_terminal(),
        // Tests of other projects ask redis-cli in this way to print as for people.
        output_is_terminal: std::io::stdout().is_terminal() || std::env::var_os("FAKETTY").is_some(),
    };
    if flags.warns_of_password() {
        let _ = writeln!(
            std::io::stderr(),
            "Warning: Using a password with '-a' or '-u' option on the command line interface may not be safe."
        );
    }
    let ask = flags.ask_password;
    let mut options = resolve(flags, environment)?;
    if let Some(work) = work {
        options.mode = Mode::Backups(work);
    }
    if ask {
        options.target.password = Some(crate::password::ask()?);
    }
    Ok(Parsed::Run(Box::new(options)))
}

/// Tells what is wrong with the command line: first in the words of redis-cli, for who looks for them.
fn wrong_use(error: &clap::Error) -> String {
    let text = error.to_string();
    match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) => {
            let flag = argument.split(' ').next().unwrap_or_default();
            format!("Unrecognized option or bad number of args for: '{flag}'\n{}", text.trim_end())
        }
        _ => text.trim_end().to_owned(),
    }
}

/// What the program finds around it.
struct Environment {
    password: Option<Vec<u8>>,
    input_is_terminal: bool,
    output_is_terminal: bool,
}

fn resolve(mut flags: Flags, environment: Environment) -> Result<Options, Failure> {
    let format = format(&flags, environment.output_is_terminal);
    let mut target = Target {
        address: Address::Tcp { host: flags.host.clone(), port: flags.port },
        user: flags.user.take(),
        password: environment.password,
        database: flags.database,
        protocol: WantedProtocol::Resp2,
        follows_redirects: flags.cluster,
    };
    if let Some(uri) = &flags.uri {
        let uri: Uri = uri.parse().map_err(|error: String| Failure::message(error))?;
        if let Address::Tcp { host, port } = &mut target.address {
            *host = uri.host.unwrap_or(host.clone());
            *port = uri.port.unwrap_or(*port);
        }
        target.user = uri.user.or(target.user);
        target.password = uri.password.or(target.password);
        target.database = uri.database.map_or(target.database, i64::from);
    }
    if let Some(socket) = flags.socket.take() {
        target.address = Address::Unix(socket);
    }
    if let Some(password) = flags.password.take() {
        target.password = Some(password.into_encoded_bytes());
    }
    target.protocol = match (flags.protocol(), format) {
        (Some(Protocol::Resp3), _) => WantedProtocol::Resp3,
        (None, Format::Json | Format::QuotedJson) => WantedProtocol::PreferResp3,
        _ => WantedProtocol::Resp2,
    };
    let stat = flags.stat;
    Ok(Options {
        target,
        style: Style {
            format,
            element_delimiter: flags.element_delimiter.clone().into_encoded_bytes(),
            reply_delimiter: flags.reply_delimiter.clone().into_encoded_bytes(),
        },
        repeat: u64::try_from(flags.repeat).ok(),
        interval: interval(flags.interval).or(stat.then_some(STAT_INTERVAL)),
        exit_on_error: flags.exit_on_error,
        show_pushes: flags.show_pushes.unwrap_or(environment.output_is_terminal),
        terminal: environment.output_is_terminal,
        mode: mode(flags, environment.input_is_terminal)?,
    })
}

fn format(flags: &Flags, output_is_terminal: bool) -> Format {
    match flags {
        Flags { quoted_json: true, .. } => Format::QuotedJson,
        Flags { json: true, .. } => Format::Json,
        Flags { csv: true, .. } => Format::Csv,
        Flags { raw: true, .. } => Format::Raw,
        Flags { no_raw: true, .. } => Format::Standard,
        _ if output_is_terminal => Format::Standard,
        _ => Format::Raw,
    }
}

fn interval(seconds: f64) -> Option<Duration> {
    (seconds > 0.0).then(|| Duration::from_secs_f64(seconds.min(MAX_INTERVAL_SECONDS)))
}

fn mode(mut flags: Flags, input_is_terminal: bool) -> Result<Mode, Failure> {
    let args: Vec<Vec<u8>> =
        std::mem::take(&mut flags.command).into_iter().map(OsString::into_encoded_bytes).collect();
    if flags.latency || flags.latency_history {
        return Ok(Mode::Latency { history: flags.latency_history });
    }
    if flags.stat {
        return Ok(Mode::Stat);
    }
    if flags.scan || flags.big_keys || flags.memory_keys || flags.memory_samples.is_some() {
        let pattern = pattern(&flags)?;
        return Ok(match (flags.scan, flags.big_keys) {
            (true, _) => Mode::Scan(pattern),
            (false, true) => Mode::Sample { measure: Measure::Elements, pattern },
            (false, false) => {
                Mode::Sample { measure: Measure::Memory { samples: flags.memory_samples }, pattern }
            }
        });
    }
    for (path, functions_only) in [(flags.rdb, false), (flags.functions_rdb, true)] {
        if let Some(path) = path {
            return Ok(Mode::Rdb { path, functions_only });
        }
    }
    if flags.replica {
        return Ok(Mode::Replica);
    }
    if flags.pipe {
        let timeout = (flags.pipe_timeout > 0).then(|| Duration::from_secs(flags.pipe_timeout));
        return Ok(Mode::Pipe { timeout });
    }
    if let Some(path) = flags.eval {
        return Ok(Mode::Eval { path, args });
    }
    let input = match (flags.last_from_input, flags.tag_from_input) {
        (true, Some(_)) => return Err(Failure::message("Options -x and -X are mutually exclusive.")),
        (true, None) => StandardInput::LastArgument,
        (false, Some(tag)) => StandardInput::Tagged(tag.into_encoded_bytes()),
        (false, None) => StandardInput::Unused,
    };
    match (args.is_empty(), input) {
        (true, StandardInput::Unused) if input_is_terminal => Ok(Mode::Interactive),
        (true, StandardInput::Unused) => Ok(Mode::Batch),
        (true, _) => Err(Failure::message("-x and -X need a command")),
        (false, input) if flags.quoted_input => Ok(Mode::Command { args: unquote(args)?, input }),
        (false, input) => Ok(Mode::Command { args, input }),
    }
}

fn pattern(flags: &Flags) -> Result<Pattern, Failure> {
    let glob = match (&flags.quoted_pattern, &flags.pattern) {
        (Some(quoted), _) => unquote(vec![quoted.clone().into_encoded_bytes()])?.pop(),
        (None, pattern) => pattern.clone().map(OsString::into_encoded_bytes),
    };
    Ok(Pattern { glob, count: flags.count })
}

/// Resolves the quotes of words that the shell left to us.
fn unquote(words: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, Failure> {
    let mut resolved = Vec::with_capacity(words.len());
    for word in words {
        if !matches!(word.first(), Some(b'"' | b'\'')) {
            resolved.push(word);
            continue;
        }
        let mut ranges = Vec::new();
        match resp::request::split_args(&word, &mut ranges) {
            Some(text) if ranges.len() == 1 => resolved.push(text),
            _ => return Err(Failure::Wrong("Invalid quoted string")),
        }
    }
    Ok(resolved)
}

#[cfg(test)]
mod tests;
