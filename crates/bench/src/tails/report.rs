//! Latencies under load as Markdown: a table for each load.

use std::fmt::Write;

use super::figures::{Figures, LIMIT_NS};
use super::machine::Span;
use super::{Beside, Row};
use crate::options::TailsOptions;

/// How much longer than beside nothing the 999th of a thousand requests may take.
const AIM: f64 = 2.0;

/// What a row is beside.
pub fn title(beside: Option<Beside>) -> String {
    beside.map_or_else(|| "idle".to_owned(), |beside| beside.to_string())
}

/// The report. `servers` have names and capacities; `control` has the gaps of each core.
pub fn markdown(
    options: &TailsOptions,
    servers: &[(&str, u64)],
    control: &[Vec<Span>],
    rows: &[Row],
) -> String {
    let mut out = String::new();
    let mut line = |text: &str| writeln!(out, "{text}").expect("writing to a string");
    line(&format!(
        "Milliseconds from when a GET was due to its answer. {} connections, {} keys of 16 bytes with values of {} bytes, {}% SETs, \
         persistence {}, {} rounds of {} s.",
        options.clients,
        options.keyspacelen,
        options.datasize,
        options.sets,
        options.persistence,
        options.rounds,
        options.seconds
    ));
    line(
        "\"Own\" is without the shadow of what the machine took: gaps of the load's thread, and waits of the server's threads for a core \
         while none of them ran. A row is marked where p99.9 is more than twice that of `idle`, both own, or one own latency is above 2 ms.",
    );
    for text in &options.servers {
        line(&format!("- `{text}`"));
    }
    for (name, capacity) in servers {
        line(&format!("- {name}: {capacity} requests/s at most"));
    }
    for (number, gaps) in control.iter().enumerate() {
        let longest = gaps.iter().map(|gap| gap.length()).max().unwrap_or(0);
        let long = gaps.iter().filter(|gap| gap.length() > LIMIT_NS).count();
        line(&format!(
            "- control, a thread that only counts, {} of {}: {} gaps above 0.2 ms in {} s, {long} of them above 2 ms, the longest {} ms",
            number + 1,
            control.len(),
            gaps.len(),
            options.seconds,
            milliseconds(longest)
        ));
    }
    for &percent in &options.loads {
        line(&format!("\n## {percent}% of the most"));
        table(&mut line, servers, rows, percent);
    }
    out
}

fn table(line: &mut impl FnMut(&str), servers: &[(&str, u64)], rows: &[Row], percent: u64) {
    line(
        "| beside | server | GETs | p50 | p99 | p99.9 | longest | above 2 ms | own p99.9 (to idle) | own longest | own above 2 ms | SET p99.9 \
         | machine: gap, wait, shadow | cores | | done |",
    );
    line(&format!("{}|", "|---".repeat(16)));
    for row in rows.iter().filter(|row| row.percent == percent) {
        let idle =
            rows.iter().find(|idle| (idle.percent, idle.server, idle.beside) == (percent, row.server, None));
        let Some(idle) = idle else { continue };
        line(&cells(row, servers[row.server].0, &idle.figures));
    }
}

fn cells(row: &Row, server: &str, idle: &Figures) -> String {
    let Figures { gets, own_gets, sets, longest_gap_ns, longest_wait_ns, busy, done, .. } = &row.figures;
    let ratio = own_gets.quantile_ms(0.999) / idle.own_gets.quantile_ms(0.999).max(1e-6);
    let misses = row.beside.is_some() && (ratio > AIM || own_gets.above_limit() > 0);
    format!(
        "| {} | {server} | {} | {:.3} | {:.3} | {:.3} | {:.2} | {} | {:.3} ({ratio:.2}) | {:.2} | {} | {:.3} | {}, {}, {:.0}% | {} | {} | {} |",
        title(row.beside),
        gets.count(),
        gets.quantile_ms(0.5),
        gets.quantile_ms(0.99),
        gets.quantile_ms(0.999),
        gets.longest_ms(),
        gets.above_limit(),
        own_gets.quantile_ms(0.999),
        own_gets.longest_ms(),
        own_gets.above_limit(),
        sets.quantile_ms(0.999),
        milliseconds(*longest_gap_ns),
        milliseconds(*longest_wait_ns),
        row.figures.shadow() * 100.0,
        busy.map_or_else(|| "-".to_owned(), |busy| format!("{busy:.2}")),
        if misses { "misses" } else { "" },
        done.join("; "),
    )
}

fn milliseconds(nanoseconds: u64) -> String {
    format!("{:.1}", nanoseconds as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::load::{Sample, Samples};
    use super::super::machine::Watch;
    use super::*;
    use crate::options::{Mode, Options};

    fn row(server: usize, beside: Option<Beside>, took_ns: u64) -> Row {
        let gets = (0..1000).map(|number| Sample { due_ns: 1 + number, took_ns }).collect();
        let figures = Figures::of(&Samples { gets, sets: Vec::new() }, &Watch::new(None), 1, 0.5);
        Row { server, percent: 50, beside, figures }
    }

    #[test]
    fn a_row_beyond_twice_the_idle_one_or_two_milliseconds_is_marked() {
        let line = ["bench", "tails", "--server", "a=x", "--server", "b=y", "--load", "50"];
        let Some(Mode::Tails(options)) = Options::parse_from(line).mode else { panic!("no tails") };
        let rows = [
            row(0, None, 100_000),
            row(0, Some(Beside::Storm), 150_000),
            row(0, Some(Beside::Del), 250_000),
            row(1, None, 1_500_000),
            row(1, Some(Beside::Storm), 2_500_000),
        ];
        let gap = Span { start_ns: 0, end_ns: 3_000_000 };
        let text = markdown(&options, &[("a", 9), ("b", 7)], &[vec![gap], Vec::new()], &rows);
        let marked: Vec<bool> = text
            .lines()
            .filter(|line| line.contains("%  |") || line.contains("% |"))
            .map(|line| line.contains("misses"))
            .collect();
        assert_eq!(marked, [false, false, true, false, true], "{text}");
        assert!(
            text.contains("(1.50)") && text.contains("(2.50)") && text.contains("- b: 7 requests/s at most"),
            "{text}"
        );
        assert!(
            text.contains("1 of 2: 1 gaps above 0.2 ms in 5 s, 1 of them above 2 ms, the longest 3.0 ms"),
            "{text}"
        );
    }
}
