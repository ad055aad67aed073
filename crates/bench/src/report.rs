//! What is printed for one measured test: redis-benchmark's text and CSV, and JSON.

use std::fmt::Write;

use crate::generator::Measurement;
use crate::options::Load;

/// The columns of CSV, as redis-benchmark names them, and one more.
pub const CSV_HEADER: &str = "\"test\",\"rps\",\"avg_latency_ms\",\"min_latency_ms\",\"p50_latency_ms\",\
\"p95_latency_ms\",\"p99_latency_ms\",\"max_latency_ms\",\"p99.9_latency_ms\"";

/// The latencies of a row, in milliseconds.
fn row(measured: &Measurement) -> [f64; 7] {
    [
        measured.latencies.mean() / 1e6,
        measured.latencies.min() as f64 / 1e6,
        measured.quantile_ms(0.5),
        measured.quantile_ms(0.95),
        measured.quantile_ms(0.99),
        measured.latencies.max() as f64 / 1e6,
        measured.quantile_ms(0.999),
    ]
}

/// One line of CSV.
pub fn csv(name: &str, measured: &Measurement) -> String {
    let mut line = format!("\"{name}\",\"{:.2}\"", measured.throughput());
    for value in row(measured) {
        write!(line, ",\"{value:.3}\"").expect("writing to a string");
    }
    line
}

/// What to say of error replies, if there were any.
pub fn errors(name: &str, measured: &Measurement) -> Option<String> {
    let first = measured.errors.first.as_ref()?;
    Some(format!(
        "{name}: {} of {} replies were errors, the first: {first}",
        measured.errors.count, measured.requests
    ))
}

/// One line, as `-q` prints it.
pub fn quiet(name: &str, measured: &Measurement, precision: usize) -> String {
    format!(
        "{name}: {:.2} requests per second, p50={:.precision$} msec, p99={:.precision$} msec, p99.9={:.precision$} msec",
        measured.throughput(),
        measured.quantile_ms(0.5),
        measured.quantile_ms(0.99),
        measured.quantile_ms(0.999),
    )
}

/// The block of text that is printed by default.
pub fn text(name: &str, load: &Load, measured: &Measurement, precision: usize) -> String {
    let mut out = format!(
        "====== {name} ======\n  {} requests completed in {:.2} seconds\n  {} parallel clients\n  {} bytes payload\n  pipeline: {}\n  threads: {}\n\n",
        measured.requests, measured.seconds, load.clients, load.datasize, load.pipeline, load.threads
    );
    writeln!(out, "Latency by percentile:").expect("writing to a string");
    for percentile in [0.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99, 100.0] {
        let value = measured.quantile_ms(percentile / 100.0);
        writeln!(out, "{percentile:>7.3}% <= {value:.precision$} milliseconds").expect("writing to a string");
    }
    let [mean, least, p50, p95, p99, most, _] = row(measured);
    writeln!(out, "\nSummary:\n  throughput summary: {:.2} requests per second", measured.throughput())
        .expect("writing to a string");
    writeln!(out, "  latency summary (msec):").expect("writing to a string");
    writeln!(out, "    {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}", "avg", "min", "p50", "p95", "p99", "max")
        .expect("writing to a string");
    writeln!(
        out,
        "    {mean:>9.precision$} {least:>9.precision$} {p50:>9.precision$} {p95:>9.precision$} {p99:>9.precision$} {most:>9.precision$}"
    )
    .expect("writing to a string");
    out
}

/// One object of JSON.
pub fn json(name: &str, measured: &Measurement) -> serde_json::Value {
    let [mean, least, p50, p95, p99, most, p999] = row(measured);
    serde_json::json!({
        "test": name, "requests": measured.requests, "seconds": measured.seconds,
        "rps": measured.throughput(), "errors": measured.errors.count, "first_error": measured.errors.first,
        "latency_ms": { "avg": mean, "min": least, "p50": p50, "p95": p95, "p99": p99, "p99.9": p999, "max": most },
    })
}
