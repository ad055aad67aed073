//! `--latency`: how long a PING takes, again and again.

use crate::clock::{self, Stopwatch};
use crate::failure::Failure;
use crate::options::Options;
use crate::output::Format;
use std::io::Write;
use std::time::Duration;

/// The pause between two samples.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(10);
/// How long a line of the history takes unless told.
const HISTORY_INTERVAL: Duration = Duration::from_secs(15);
/// How long samples are taken when the output is no terminal, unless told.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// Samples, in milliseconds.
#[derive(Debug, Default)]
struct Samples {
    min: u128,
    max: u128,
    total: u128,
    count: u128,
}

impl Samples {
    fn add(&mut self, latency: Duration) {
        let latency = latency.as_millis();
        self.min = if self.count == 0 { latency } else { self.min.min(latency) };
        self.max = self.max.max(latency);
        self.total += latency;
        self.count += 1;
    }

    fn write(&self, out: &mut dyn Write, format: Format) -> std::io::Result<()> {
        let Self { min, max, count, .. } = self;
        let average = self.total as f64 / self.count.max(1) as f64;
        match format {
            Format::Standard => write!(out, "min: {min}, max: {max}, avg: {average:.2} ({count} samples)"),
            Format::Raw => writeln!(out, "{min} {max} {average:.2} {count}"),
            Format::Csv => writeln!(out, "{min},{max},{average:.2},{count}"),
            Format::Json | Format::QuotedJson => {
                writeln!(out, "{{\"min\": {min}, \"max\": {max}, \"avg\": {average:.2}, \"count\": {count}}}")
            }
        }
    }
}

/// Samples for ever on a terminal or with a history, else for one interval.
pub(super) fn run(options: &Options, history: bool) -> Result<(), Failure> {
    let mut session = super::connect(options)?;
    let format = options.style.format;
    let interval = options.interval.unwrap_or(if history { HISTORY_INTERVAL } else { REPORT_INTERVAL });
    let mut samples = Samples::default();
    let mut since = Stopwatch::start();
    loop {
        let sample = Stopwatch::start();
        session.request(&["PING"])?;
        samples.add(sample.elapsed());
        let mut out = std::io::stdout().lock();
        if format == Format::Standard && options.terminal {
            // Back to the first column, and clear the line.
            write!(out, "\x1b[0G\x1b[2K")?;
            samples.write(&mut out, format)?;
            out.flush()?;
        }
        if since.elapsed() > interval {
            let live = format == Format::Standard && options.terminal;
            if history && !live {
                samples.write(&mut out, format)?;
            } else if !live {
                return Ok(samples.write(&mut out, format)?);
            }
            if history {
                writeln!(out, " -- {:.2} seconds range", since.elapsed().as_secs_f64())?;
                samples = Samples::default();
                since = Stopwatch::start();
            }
        }
        drop(out);
        clock::pause(SAMPLE_INTERVAL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_summed_up_in_every_format() {
        let mut samples = Samples::default();
        for milliseconds in [3, 1, 4] {
            samples.add(Duration::from_millis(milliseconds));
        }
        let text = |format| {
            let mut out = Vec::new();
            samples.write(&mut out, format).expect("a vector takes everything");
            String::from_utf8(out).expect("text")
        };
        assert_eq!(text(Format::Standard), "min: 1, max: 4, avg: 2.67 (3 samples)");
        assert_eq!(text(Format::Raw), "1 4 2.67 3\n");
        assert_eq!(text(Format::Csv), "1,4,2.67,3\n");
        assert_eq!(text(Format::Json), "{\"min\": 1, \"max\": 4, \"avg\": 2.67, \"count\": 3}\n");
    }
}
