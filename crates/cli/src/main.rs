//! rustypotato-cli: talks to a server from the command line.
//!
//! ```text
//! flags -> options::Options -> one of the modes -> session::Session -> output::write_reply
//! ```
//!
//! Its flags and its texts are those of redis-cli, so that it can take its place in scripts. `options` parses to plain
//! data, `session` speaks to the server, `output` lays replies out and `printer` prints them, `modes` are what the program can
//! do with them, `backups` is what it does with backups, and `interactive` is the mode for people.

mod backups;
mod clock;
mod failure;
mod interactive;
mod line;
mod modes;
mod options;
mod output;
mod password;
mod printer;
mod prompt;
mod session;

use failure::Failure;
use options::Parsed;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let parsed = options::from_command_line(std::env::args_os());
    let result = match parsed {
        Ok(Parsed::Run(options)) => modes::run(*options),
        Ok(Parsed::Answered) => Ok(ExitCode::SUCCESS),
        Err(failure) => Err(failure),
    };
    result.unwrap_or_else(|failure| {
        // Nobody is left to tell when the reader of our output is gone, or standard error is closed.
        let _ = match failure {
            _ if failure.is_broken_pipe() => Ok(()),
            Failure::Wrong(text) => writeln!(std::io::stdout(), "{text}"),
            _ => writeln!(std::io::stderr(), "{failure}"),
        };
        ExitCode::FAILURE
    })
}
