//! Commands from standard input, one a line, quoted as at the prompt.

use crate::clock;
use crate::failure::Failure;
use crate::line::{self, Line};
use crate::options::Options;
use crate::printer::Printer;
use crate::session::{Session, Streaming};
use std::io::{BufRead, Write};
use std::process::ExitCode;

/// Runs every line. A command that fails does not stop those that follow, but with `-e` the exit status tells of it.
pub(super) fn run(options: &Options, mut input: impl BufRead) -> Result<ExitCode, Failure> {
    let mut session = super::connect(options)?;
    let printer = Printer::new(options);
    let mut failed = false;
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        match line::parse(&line) {
            Line::Empty => {}
            Line::Unbalanced => {
                failed = true;
                writeln!(std::io::stdout(), "Invalid argument(s)")?;
            }
            Line::Command { args, .. } if is_farewell(&args) => break,
            Line::Command { repeat, args } => {
                let repeat = repeat.or(options.repeat).unwrap_or(u64::MAX);
                for _ in 0..repeat {
                    failed |= execute(options, &printer, &mut session, &args)?;
                }
            }
        }
        line.clear();
    }
    Ok(if failed && options.exit_on_error { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn execute(
    options: &Options,
    printer: &Printer,
    session: &mut Session,
    args: &[Vec<u8>],
) -> Result<bool, Failure> {
    let failed = printer.execute(session, args)?;
    if session.state().streaming != Streaming::Nothing {
        printer.follow(session)?;
    }
    clock::pause(options.interval.unwrap_or_default());
    Ok(failed)
}

fn is_farewell(args: &[Vec<u8>]) -> bool {
    matches!(args, [word] if word.eq_ignore_ascii_case(b"quit") || word.eq_ignore_ascii_case(b"exit"))
}
