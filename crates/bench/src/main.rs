//! rustypotato-bench: a load generator with redis-benchmark's flags, and a referee between servers.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program prints")]

mod clock;
mod connection;
mod generator;
mod interference;
mod keys;
mod matrix;
mod options;
mod process;
mod replies;
mod report;
mod servers;
mod tails;
mod target;
mod versus;
mod workload;

use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal, Read, Write as _};
use std::process::ExitCode;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};

use generator::{Job, Measurement};
use options::{InterferenceOptions, Mode, Options, RunOptions, VersusOptions};
use workload::{Shape, Workload};

fn main() -> ExitCode {
    let mut options = Options::parse();
    let result = match &options.mode {
        Some(Mode::Versus(versus)) => compare(versus),
        Some(Mode::Interference(options)) => interfere(options),
        Some(Mode::Matrix(options)) => {
            matrix::run(options, &|text| eprintln!("{text}")).and_then(|text| say(format_args!("{text}")))
        }
        Some(Mode::Tails(options)) => {
            tails::run(options, &narrate).and_then(|text| say(format_args!("{text}")))
        }
        None => options.run.target.apply_uri().map_err(io::Error::other).and_then(|()| measure(&options.run)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read the output has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rustypotato-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints a line. Nobody may want it any more, which is an error here and no panic.
fn say(line: fmt::Arguments<'_>) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}

/// Tells whoever watches what is going on.
fn narrate(text: &str) {
    if io::stderr().is_terminal() {
        eprintln!("{text}");
    }
}

/// Measures one server.
fn measure(options: &RunOptions) -> io::Result<()> {
    let shape = Shape { value_size: options.load.datasize, keyspace: options.load.keyspacelen };
    let workloads = match user_command(options)? {
        Some(words) => vec![Workload::new(String::from_utf8_lossy(&words.join(&b' ')), &words, shape)],
        None => workload::named(&options.load.tests, shape).map_err(io::Error::other)?,
    };
    let mut job = Job {
        address: target::resolve(&options.target)?,
        greeting: target::greeting(&options.target),
        workload: workloads[0].clone(),
        load: options.load.clone(),
    };
    if options.idle {
        return hold_idle(&job);
    }
    if options.csv {
        say(format_args!("{}", report::CSV_HEADER))?;
    }
    loop {
        let (mut objects, mut failed) = (Vec::new(), Vec::new());
        for workload in &workloads {
            job.workload = workload.clone();
            let measured = with_progress(&job, options)?;
            if let Some(text) = report::errors(&workload.name, &measured) {
                eprintln!("{text}");
            }
            if measured.failed() {
                failed.push(workload.name.as_str());
            }
            if options.json {
                objects.push(report::json(&workload.name, &measured));
            } else {
                print_one(options, &workload.name, &measured)?;
            }
        }
        if options.json {
            say(format_args!("{}", serde_json::Value::from(objects)))?;
        }
        if !failed.is_empty() {
            let text = format!("every reply was an error, so the figures say nothing: {}", failed.join(", "));
            return Err(io::Error::other(text));
        }
        if !options.forever {
            return Ok(());
        }
    }
}

/// The command that the user gave, its last word from standard input with `-x`.
fn user_command(options: &RunOptions) -> io::Result<Option<Vec<Vec<u8>>>> {
    let Some(first) = options.command.first() else { return Ok(None) };
    // No command begins so: it is an option that does not exist.
    if first.starts_with('-') {
        return Err(io::Error::other(format!("Invalid option \"{first}\"; --help tells which there are")));
    }
    let mut words: Vec<Vec<u8>> = options.command.iter().map(|word| word.clone().into_bytes()).collect();
    if options.stdin {
        let mut last = Vec::new();
        io::stdin().lock().read_to_end(&mut last)?;
        words.push(last);
    }
    Ok(Some(words))
}

/// Runs one job under a progress bar, if somebody is watching.
fn with_progress(job: &Job, options: &RunOptions) -> io::Result<Measurement> {
    let hidden = options.csv || options.json || options.quiet || !io::stderr().is_terminal();
    let bar = if hidden { ProgressBar::hidden() } else { ProgressBar::new(job.load.requests) };
    bar.set_style(
        ProgressStyle::with_template("{msg} [{bar:40}] {pos}/{len} {per_sec}")
            .expect("the template is valid"),
    );
    bar.set_message(job.workload.name.clone());
    let measured = generator::run(job, |done| bar.set_position(done));
    bar.finish_and_clear();
    measured
}

fn print_one(options: &RunOptions, name: &str, measured: &Measurement) -> io::Result<()> {
    if options.csv {
        say(format_args!("{}", report::csv(name, measured)))?;
    } else if options.quiet {
        say(format_args!("{}", report::quiet(name, measured, options.precision)))?;
    } else {
        say(format_args!("{}", report::text(name, &options.load, measured, options.precision)))?;
    }
    Ok(())
}

/// `-I`: opens the connections and keeps them until the process is ended, or the server ends one.
fn hold_idle(job: &Job) -> io::Result<()> {
    let mut poll = mio::Poll::new()?;
    let mut sockets: Vec<_> = (0..job.load.clients)
        .map(|_| connection::Socket::connect(&job.address))
        .collect::<io::Result<_>>()?;
    for (number, socket) in sockets.iter_mut().enumerate() {
        poll.registry().register(socket.source(), mio::Token(number), mio::Interest::READABLE)?;
    }
    say(format_args!("{} idle connections; end with Ctrl-C", sockets.len()))?;
    let mut events = mio::Events::with_capacity(64);
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            let mut text = [0; 256];
            let count = match sockets[event.token().0].read(&mut text) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                other => other?,
            };
            let said = String::from_utf8_lossy(&text[..count]).trim_end().to_owned();
            return Err(io::Error::other(format!("Error: the server ended an idle connection {said}")));
        }
    }
}

/// Measures delays beside heavy commands.
fn interfere(options: &InterferenceOptions) -> io::Result<()> {
    let rows = interference::run(options, &narrate)?;
    if options.csv {
        say(format_args!("test,server,heavy,light,p50_ms,p99.9_ms,max_ms"))?;
    }
    for row in rows {
        let interference::Row { test, peer, heavy, light, p50_ms, p999_ms, most_ms } = row;
        if options.csv {
            say(format_args!("{test},{peer},{heavy},{light},{p50_ms:.3},{p999_ms:.3},{most_ms:.3}"))?;
        } else {
            say(format_args!(
                "{test:<14} {peer:<14} {heavy:>6} heavy, {light:>6} light: p50={p50_ms:.3} p99.9={p999_ms:.3} \
                 max={most_ms:.3} msec"
            ))?;
        }
    }
    Ok(())
}

/// Compares servers.
fn compare(options: &VersusOptions) -> io::Result<()> {
    let rows = versus::run(options, &narrate)?;
    if options.json {
        let rows: Vec<_> = rows
            .iter()
            .map(|row| {
                serde_json::json!({ "test": row.test, "server": row.peer, "ratios": row.ratios,
                    "figures": row.figures.iter().map(|(name, value)| (name.to_string(), *value)).collect::<std::collections::BTreeMap<_, _>>() })
            })
            .collect();
        say(format_args!("{}", serde_json::Value::from(rows)))?;
        return Ok(());
    }
    let separator = if options.csv { "," } else { "  " };
    for row in rows {
        let width = if options.csv { 0 } else { 14 };
        let mut line = format!("{:<width$}{separator}{:<width$}", row.test, row.peer);
        for ((name, value), ratio) in row.figures.iter().zip(&row.ratios) {
            write!(line, "{separator}{name}={value:.3} ({ratio:.2}x)").expect("writing to a string");
        }
        say(format_args!("{line}"))?;
    }
    Ok(())
}
