//! The server's own log, on standard output or in a file.
//!
//! The form of a line (`log-format`, `log-timestamp-format`), how much is logged (`loglevel`, in Redis's names) and when a
//! file is rotated may change while the server runs; where the log goes may not.

mod file;
mod line;

use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use config::{Config, LogLevel, Param};
use parking_lot::RwLock;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};

use file::LogFile;
use line::{Form, Lines, TimeForm};

/// What may change while the server runs.
struct Running {
    level: reload::Handle<LevelFilter, Registry>,
    form: Arc<RwLock<Form>>,
    file: Option<Arc<LogFile>>,
}

static RUNNING: OnceLock<Running> = OnceLock::new();

/// Starts logging for the rest of the process's life.
pub fn start(config: &Config) -> io::Result<()> {
    let path = config.text_lossy(Param::Logfile);
    let file = if path.is_empty() { None } else { Some(Arc::new(LogFile::open(Path::new(&*path))?)) };
    let form = Arc::new(RwLock::new(Form::default()));
    let writer = match &file {
        Some(file) => {
            let file = Arc::clone(file);
            BoxMakeWriter::new(move || file.writer())
        }
        None => BoxMakeWriter::new(io::stdout),
    };
    let (level, handle) = reload::Layer::new(filter(config.log_level()));
    let lines = Lines::new(std::process::id(), Arc::clone(&form));
    let layer = fmt::layer().event_format(lines).with_ansi(false).with_writer(writer).with_filter(level);
    tracing_subscriber::registry().with(layer).init();
    let running = Running { level: handle, form, file };
    assert!(RUNNING.set(running).is_ok(), "logging starts once");
    configure(config);
    Ok(())
}

/// Takes over what may change.
pub fn configure(config: &Config) {
    let Some(running) = RUNNING.get() else { return };
    // It fails only when the subscriber is gone, and with it the log.
    let _ = running.level.reload(filter(config.log_level()));
    *running.form.write() = Form::parse(
        config.choice(Param::LogFormat),
        TimeForm::parse(config.choice(Param::LogTimestampFormat)),
    );
    if let Some(file) = &running.file {
        file.rotate_at(config.size(Param::LogfileMaxSize), config.integer(Param::LogfileMaxFiles) as u64);
    }
}

/// Whether an error that is logged now appears on standard output.
pub fn shows_errors_on_stdout() -> bool {
    RUNNING.get().is_some_and(|running| running.file.is_none()) && tracing::enabled!(tracing::Level::ERROR)
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
