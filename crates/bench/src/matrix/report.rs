//! The matrix as Markdown: which servers, instructions of each command, and a table for each kind of persistence,
//! number of threads and size of values.

use std::fmt::Write;

use super::instructions::{self, Counts};
use super::peers;
use super::plan::{Axes, Place};
use crate::options::Persistence;
use crate::versus::Row;

/// What is shown of each server, of all that was measured.
const SHOWN: [(&str, &str); 3] = [("cpu us/op", "us"), ("requests/s", "requests/s"), ("p99 ms", "p99 ms")];

/// What has been measured so far.
pub(super) struct Report {
    rounds: usize,
    clients: usize,
    cores: usize,
    servers: Vec<String>,
    /// How many rows there will be.
    total: usize,
    pub(super) versions: Vec<String>,
    pub(super) instructions: Counts,
    pub(super) results: Vec<(Place, Vec<Row>)>,
}

impl Report {
    pub(super) fn new(axes: &Axes, clients: usize, cores: usize, servers: &[String], total: usize) -> Self {
        Self {
            rounds: axes.rounds,
            clients,
            cores,
            servers: servers.to_vec(),
            total,
            versions: Vec::new(),
            instructions: Vec::new(),
            results: Vec::new(),
        }
    }

    /// All tables, and how to read them.
    pub(super) fn markdown(&self) -> String {
        let mut out = String::new();
        let mut line = |text: &str| writeln!(out, "{text}").expect("writing to a string");
        self.head(&mut line);
        if !self.instructions.is_empty() {
            self.instructions(&mut line);
        }
        let mut tables: Vec<(Persistence, usize, usize)> = Vec::new();
        let table_of = |place: &Place| (place.persistence, place.threads, place.value_size);
        for (place, _) in &self.results {
            if !tables.contains(&table_of(place)) {
                tables.push(table_of(place));
            }
        }
        for title in tables {
            let (persistence, threads, value_size) = title;
            line(&format!("\n## Persistence {persistence}, threads {threads}, values of {value_size} bytes"));
            let of_table: Vec<_> =
                self.results.iter().filter(|(place, _)| table_of(place) == title).collect();
            table(&mut line, &of_table);
        }
        out
    }

    fn head(&self, line: &mut impl FnMut(&str)) {
        let first = self.servers.first().map_or("", |text| peers::name(text));
        let behind = self.results.iter().filter(|(_, rows)| is_behind(rows)).count();
        line(&format!(
            "Server processor time an operation in microseconds, requests a second and p99 in milliseconds; in brackets the ratio to {first}. \
             Medians of {} alternated rounds, {} connections, {} cores. A row is marked where another server takes less processor \
             time than {first}: {behind} of {} rows. {} are to be measured.",
            self.rounds,
            self.clients,
            self.cores,
            self.results.len(),
            self.total
        ));
        for (at, server) in self.servers.iter().enumerate() {
            let version = self.versions.get(at).map_or("", String::as_str);
            line(format!("- `{server}` {version}").trim_end());
        }
    }

    fn instructions(&self, line: &mut impl FnMut(&str)) {
        line(&format!(
            "\n## Instructions of a request\nIn the server's own program, by Callgrind: one thread, {} deep, {} keys, values of {} bytes.\n",
            instructions::PIPELINE,
            instructions::KEYS,
            instructions::VALUE_BYTES
        ));
        let names: Vec<&str> = self.servers.iter().map(|text| peers::name(text)).collect();
        line(&format!("| test | {} | |", names.join(" | ")));
        line(&format!("|---|{}---|", "---|".repeat(names.len())));
        for (test, counts) in &self.instructions {
            let first = counts.first().copied().flatten();
            let cells: Vec<String> = counts
                .iter()
                .enumerate()
                .map(|(at, &count)| counted(count, first.filter(|_| at > 0)))
                .collect();
            let is_behind = first.is_some_and(|first| counts.iter().flatten().any(|&count| count < first));
            line(&format!("| {test} | {} | {} |", cells.join(" | "), mark(is_behind)));
        }
    }
}

/// A count, and its ratio to the first server's.
fn counted(count: Option<f64>, first: Option<f64>) -> String {
    match (count, first) {
        (None, _) => "-".to_owned(),
        (Some(count), None) => format!("{count:.0}"),
        (Some(count), Some(first)) => format!("{count:.0} ({:.2})", count / first),
    }
}

fn mark(is_behind: bool) -> &'static str {
    if is_behind { "behind" } else { "" }
}

fn table(line: &mut impl FnMut(&str), results: &[&(Place, Vec<Row>)]) {
    let Some((_, rows)) = results.first() else { return };
    let shown = SHOWN.map(|(_, title)| title).join(", ");
    let titles: Vec<String> = rows.iter().map(|row| format!("{}: {shown}", row.peer)).collect();
    line(&format!("| test | deep | keys | {} | |", titles.join(" | ")));
    line(&format!("|---|---|---|{}---|", "---|".repeat(rows.len())));
    for (place, rows) in results {
        let cells: Vec<String> = rows.iter().enumerate().map(|(index, row)| cell(row, index > 0)).collect();
        line(&format!(
            "| {} | {} | {} | {} | {} |",
            rows[0].test,
            place.pipeline,
            place.keys,
            cells.join(" | "),
            mark(is_behind(rows))
        ));
    }
}

/// Whether a server takes less processor time than the first.
fn is_behind(rows: &[Row]) -> bool {
    rows.iter().skip(1).any(|row| figure(row, "cpu us/op").is_some_and(|(_, ratio)| ratio < 1.0))
}

fn figure(row: &Row, name: &str) -> Option<(f64, f64)> {
    let at = row.figures.iter().position(|(known, _)| *known == name)?;
    Some((row.figures[at].1, row.ratios[at]))
}

fn cell(row: &Row, with_ratio: bool) -> String {
    let texts = SHOWN.map(|(name, _)| match figure(row, name) {
        None => "-".to_owned(),
        Some((value, ratio)) => {
            let value = if value >= 1000.0 { format!("{value:.0}") } else { format!("{value:.2}") };
            if with_ratio { format!("{value} ({ratio:.2})") } else { value }
        }
    });
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::KeyChoice;

    const PLACE: Place = Place {
        persistence: Persistence::Off,
        threads: 1,
        value_size: 64,
        pipeline: 16,
        keys: KeyChoice::Zipfian,
    };

    fn row(peer: &str, cpu: f64, ratio: f64) -> Row {
        Row {
            test: "GET".to_owned(),
            peer: peer.to_owned(),
            figures: vec![("requests/s", 2000.0), ("p99 ms", 0.5), ("cpu us/op", cpu)],
            ratios: vec![1.0, 1.0, ratio],
        }
    }

    fn report() -> Report {
        Report {
            rounds: 3,
            clients: 50,
            cores: 2,
            servers: vec!["a=x --threads {threads}".to_owned(), "b=y".to_owned()],
            total: 4,
            versions: vec!["rustypotato 1".to_owned(), "valkey 2".to_owned()],
            instructions: vec![
                ("SET".to_owned(), vec![Some(100.4), Some(200.0)]),
                ("GET".to_owned(), vec![Some(100.0), Some(80.0)]),
                ("INCR".to_owned(), vec![None, Some(80.0)]),
            ],
            results: vec![
                (PLACE, vec![row("a", 1.0, 1.0), row("b", 2.0, 2.0)]),
                (Place { pipeline: 1, ..PLACE }, vec![row("a", 1.0, 1.0), row("b", 0.9, 0.9)]),
                (Place { threads: 2, ..PLACE }, vec![row("a", 1.0, 1.0), row("b", 2.0, 2.0)]),
            ],
        }
    }

    fn check(lines: &[&str]) {
        let text = report().markdown();
        for line in lines {
            assert!(text.contains(&format!("\n{line}\n")), "{line}\n{text}");
        }
    }

    #[test]
    fn a_row_in_which_another_server_is_ahead_is_marked() {
        check(&[
            "| GET | 16 | zipfian | 1.00, 2000, 0.50 | 2.00 (2.00), 2000 (1.00), 0.50 (1.00) |  |",
            "| GET | 1 | zipfian | 1.00, 2000, 0.50 | 0.90 (0.90), 2000 (1.00), 0.50 (1.00) | behind |",
        ]);
        assert!(report().markdown().contains("time than a: 1 of 3 rows. 4 are to be measured."));
    }

    #[test]
    fn each_number_of_threads_has_a_table() {
        check(&[
            "## Persistence off, threads 1, values of 64 bytes",
            "## Persistence off, threads 2, values of 64 bytes",
        ]);
    }

    #[test]
    fn the_head_tells_servers_and_versions() {
        check(&["- `a=x --threads {threads}` rustypotato 1", "- `b=y` valkey 2"]);
    }

    #[test]
    fn instructions_have_ratios_and_marks() {
        check(&[
            "| SET | 100 | 200 (1.99) |  |",
            "| GET | 100 | 80 (0.80) | behind |",
            "| INCR | - | 80 |  |",
        ]);
    }
}
