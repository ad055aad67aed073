//! rustypotato-check: is a file of data sound, and what can be done if it is not?
//!
//! ```text
//! options ─► target: a set with its manifest, or one file                      (or backups, which are only verified)
//!               │
//!               ├─► check: judge (persist's reader, and the commands run as in a server) ─► report, summary
//!               ├─► fix: make the manifest fit its checksums, cut the end of the last file
//!               ├─► prefix: cut at a time or behind a batch
//!               └─► salvage: new files of what can be read, also behind damage
//! ```
//! Nothing here judges bytes: what is torn, damaged or refused is said by the reader and the commands that the server
//! loads with. Nothing is changed before it is checked, what is cut off is kept, and whoever makes new files makes them
//! in a folder of their own and checks them in the end.

mod backups;
mod check;
mod clock;
mod doubt;
mod duplicates;
mod durable;
mod fix;
mod in_place;
mod judge;
mod lock;
mod lost;
mod machine;
mod manifest;
mod options;
mod prefix;
mod read;
mod report;
mod salvage;
mod summary;
mod target;
mod world;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use options::Options;

/// What came of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// All that was looked at is sound, or is so now.
    Sound,
    /// Something is not, or what was asked for cannot be had from these files.
    Damaged,
}

/// Why there is no verdict: the command line is wrong, or the system refuses something.
#[derive(Debug)]
enum Failure {
    /// The output cannot be written.
    Output(io::Error),
    /// Anything else, told in full.
    Message(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Output(error) => error.fmt(f),
            Self::Message(text) => f.write_str(text),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<String> for Failure {
    fn from(text: String) -> Self {
        Self::Message(text)
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let mut out = io::stdout().lock();
    let result = run(&options, &mut out).and_then(|verdict| Ok(out.flush().map(|()| verdict)?));
    match result {
        Ok(Verdict::Sound) => ExitCode::SUCCESS,
        Ok(Verdict::Damaged) => ExitCode::from(1),
        // Whoever read the output has seen enough, but there was no verdict.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::from(2),
        Err(failure) => {
            // Nobody is left to tell if standard error is closed.
            let _ = writeln!(io::stderr(), "rustypotato-check: {failure}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options, out: &mut dyn Write) -> Result<Verdict, Failure> {
    if let Some(found) = backups::find(&options.path) {
        return backups::run(&found, options, out);
    }
    let node = world::node();
    let until = options.until()?;
    if let Some(folder) = &options.salvage {
        return salvage::run(options, folder, &node, out);
    }
    // Before anything is looked at, or a server could change it behind that.
    let _locks = if options.changes_files() { lock::take(&options.path)? } else { Vec::new() };
    if options.fix && !manifest::run(options, out)? {
        return Ok(Verdict::Damaged);
    }
    let target = target::find(&options.path)?;
    if let Some(until) = until {
        return prefix::run(options, &target, until, &node, out);
    }
    if options.fix {
        return fix::run(options, &target, &node, out);
    }
    let checked = check::run(&target, options, &node, out)?;
    Ok(checked.verdict())
}
