//! The server's own log: structured lines on standard output or in a file.
//!
//! `logfile ""` writes to standard output; a path appends to that file. `loglevel` uses Redis's names:
//! `debug`, `verbose`, `notice`, `warning`, `nothing`.

use std::fs::{File, OpenOptions};
use std::io;
use std::sync::Mutex;

use config::LogLevel;
use tracing_subscriber::filter::LevelFilter;

/// Starts logging for the rest of the process's life.
pub fn start(level: LogLevel, file: &str) -> io::Result<()> {
    let builder = tracing_subscriber::fmt().with_max_level(filter(level)).with_target(false);
    if file.is_empty() {
        builder.with_ansi(io::IsTerminal::is_terminal(&io::stdout())).init();
    } else {
        builder.with_ansi(false).with_writer(Mutex::new(open(file)?)).init();
    }
    Ok(())
}

fn open(path: &str) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Redis's level names on tracing's scale.
fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Debug => LevelFilter::TRACE,
        LogLevel::Verbose => LevelFilter::DEBUG,
        LogLevel::Notice => LevelFilter::INFO,
        LogLevel::Warning => LevelFilter::WARN,
        LogLevel::Nothing => LevelFilter::OFF,
    }
}
