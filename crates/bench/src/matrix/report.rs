//! The matrix as Markdown: a table for each kind of persistence and size of values.

use std::fmt::Write;

use super::Place;
use crate::options::{MatrixOptions, Persistence};
use crate::versus::Row;

/// What is shown of each server, of all that was measured.
const SHOWN: [(&str, &str); 3] = [("cpu us/op", "us"), ("requests/s", "requests/s"), ("p99 ms", "p99 ms")];

/// All tables, and how to read them.
pub(super) fn markdown(options: &MatrixOptions, results: &[(Place, Vec<Row>)]) -> String {
    let mut out = String::new();
    let first = results.iter().flat_map(|(_, rows)| rows).next().map_or("", |row| &row.peer);
    let mut line = |text: &str| writeln!(out, "{text}").expect("writing to a string");
    line(&format!(
        "Server processor time an operation in microseconds, requests a second and p99 in milliseconds; in brackets the ratio to {first}. \
         Medians of {} alternated rounds, {} connections, {} load threads. A row is marked where another server takes less processor \
         time than {first}.",
        options.rounds, options.clients, options.threads
    ));
    for server in &options.servers {
        line(&format!("- `{server}`"));
    }
    let mut tables: Vec<(Persistence, usize)> = Vec::new();
    for (place, _) in results {
        if !tables.contains(&(place.persistence, place.value_size)) {
            tables.push((place.persistence, place.value_size));
        }
    }
    for (persistence, value_size) in tables {
        line(&format!("\n## Values of {value_size} bytes, persistence {persistence}"));
        let of_table: Vec<_> = results
            .iter()
            .filter(|(place, _)| (place.persistence, place.value_size) == (persistence, value_size))
            .collect();
        table(&mut line, &of_table);
    }
    out
}

fn table(line: &mut impl FnMut(&str), results: &[&(Place, Vec<Row>)]) {
    let Some((_, rows)) = results.first() else { return };
    let peers = rows.iter().take_while(|row| row.test == rows[0].test).count().max(1);
    let shown = SHOWN.map(|(_, title)| title).join(", ");
    let titles: Vec<String> = rows[..peers].iter().map(|row| format!("{}: {shown}", row.peer)).collect();
    line(&format!("| test | deep | keys | {} | |", titles.join(" | ")));
    line(&format!("|---|---|---|{}---|", "---|".repeat(peers)));
    for (place, rows) in results {
        for row in rows.chunks(peers) {
            let cells: Vec<String> =
                row.iter().enumerate().map(|(index, row)| cell(row, index > 0)).collect();
            let mark = if row.iter().skip(1).any(is_ahead) { "behind" } else { "" };
            line(&format!(
                "| {} | {} | {} | {} | {mark} |",
                row[0].test,
                place.pipeline,
                place.keys,
                cells.join(" | ")
            ));
        }
    }
}

/// Whether a server takes less processor time than the first.
fn is_ahead(row: &Row) -> bool {
    figure(row, "cpu us/op").is_some_and(|(_, ratio)| ratio < 1.0)
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
    use clap::Parser;

    use super::*;
    use crate::options::{KeyChoice, Mode, Options};

    fn row(peer: &str, cpu: f64, ratio: f64) -> Row {
        Row {
            test: "GET".to_owned(),
            peer: peer.to_owned(),
            figures: vec![("requests/s", 2000.0), ("p99 ms", 0.5), ("cpu us/op", cpu)],
            ratios: vec![1.0, 1.0, ratio],
        }
    }

    #[test]
    fn a_row_in_which_another_server_is_ahead_is_marked() {
        let line = ["bench", "matrix", "--server", "a=x", "--server", "b=y"];
        let Some(Mode::Matrix(options)) = Options::parse_from(line).mode else { panic!("no matrix") };
        let place =
            Place { persistence: Persistence::Off, value_size: 64, pipeline: 16, keys: KeyChoice::Zipfian };
        let results = [
            (place, vec![row("a", 1.0, 1.0), row("b", 2.0, 2.0)]),
            (Place { pipeline: 1, ..place }, vec![row("a", 1.0, 1.0), row("b", 0.9, 0.9)]),
        ];
        let text = markdown(&options, &results);
        assert!(
            text.contains(
                "\n| GET | 16 | zipfian | 1.00, 2000, 0.50 | 2.00 (2.00), 2000 (1.00), 0.50 (1.00) |  |\n"
            ),
            "{text}"
        );
        assert!(text.contains(
            "| GET | 1 | zipfian | 1.00, 2000, 0.50 | 0.90 (0.90), 2000 (1.00), 0.50 (1.00) | behind |\n"
        ));
    }
}
