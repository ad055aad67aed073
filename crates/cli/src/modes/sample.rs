//! `--bigkeys` and `--memkeys`: walks over all keys and reports the biggest of every type.

use super::scan::Walk;
use crate::clock;
use crate::failure::Failure;
use crate::options::{Measure, Options, Pattern};
use crate::output::write_quoted;
use crate::session::Session;
use resp::Frame;
use std::io::Write;

/// After how many calls of SCAN the interval of `-i` is waited for.
const CALLS_A_PAUSE: u64 = 100;
/// After how many keys progress is told.
const KEYS_A_PROGRESS: u64 = 1_000_000;
/// Types that are reported at most; a hostile server could invent any number.
const MAX_TYPES: usize = 64;
/// Types of Redis: name, command for the number of elements, name of an element.
const KNOWN_TYPES: [(&str, &str, &str); 6] = [
    ("list", "LLEN", "items"),
    ("hash", "HLEN", "fields"),
    ("string", "STRLEN", "bytes"),
    ("stream", "XLEN", "entries"),
    ("set", "SCARD", "members"),
    ("zset", "ZCARD", "members"),
];

/// What is known about the keys of one type.
#[derive(Debug)]
struct TypeReport {
    name: String,
    size_command: Option<&'static str>,
    unit: &'static str,
    keys: u64,
    total: u64,
    biggest: Option<(Vec<u8>, u64)>,
}

/// What is known about all keys.
#[derive(Debug)]
struct Report {
    types: Vec<TypeReport>,
    sampled: u64,
    name_bytes: u64,
    database_keys: u64,
    /// How much of the keyspace had been seen before this batch.
    progress: f64,
}

/// Walks and reports.
pub(super) fn run(options: &Options, measure: Measure, pattern: &Pattern) -> Result<(), Failure> {
    let mut session = super::connect(options)?;
    let database_keys = session.request(&["DBSIZE"])?.integer().and_then(|keys| u64::try_from(keys).ok());
    let database_keys = database_keys
        .ok_or_else(|| Failure::message("Couldn't determine DBSIZE, no permission or no server"))?;
    let mut report = Report::new(database_keys);
    let mut out = std::io::stdout();
    writeln!(
        out,
        "\n# Scanning the entire keyspace to find biggest keys as well as\n\
         # average sizes per key type.  You can use -i 0.1 to sleep 0.1 sec\n\
         # per 100 SCAN commands (not usually needed).\n"
    )?;
    let mut walk = Walk::new(pattern);
    let mut calls = 0_u64;
    while let Some(keys) = walk.next_keys(&mut session)? {
        report.progress = percent(report.sampled, report.database_keys);
        let types = type_indices(&mut session, &mut report, &keys)?;
        let sizes = sizes(&mut session, &report, &keys, &types, measure)?;
        for ((key, index), size) in keys.iter().zip(types).zip(sizes) {
            let Some(index) = index else { continue };
            report.add(&mut out, key, index, size, measure)?;
        }
        calls += 1;
        if calls.is_multiple_of(CALLS_A_PAUSE) {
            clock::pause(options.interval.unwrap_or_default());
        }
    }
    Ok(report.write_summary(&mut out, measure)?)
}

/// The type of every key; `None` for those that are gone by now.
fn type_indices(
    session: &mut Session,
    report: &mut Report,
    keys: &[Vec<u8>],
) -> Result<Vec<Option<usize>>, Failure> {
    let commands: Vec<[&[u8]; 2]> = keys.iter().map(|key| [&b"TYPE"[..], key]).collect();
    let replies = session.pipeline(&commands)?;
    Ok(replies.iter().map(|reply| report.type_index(reply.text()?)).collect())
}

/// The size of every key, 0 for those without.
fn sizes(
    session: &mut Session,
    report: &Report,
    keys: &[Vec<u8>],
    types: &[Option<usize>],
    measure: Measure,
) -> Result<Vec<u64>, Failure> {
    let commands = keys.iter().zip(types).map(|(key, index)| match (measure, *index) {
        (_, None) => None,
        (Measure::Elements, Some(index)) => {
            Some(vec![report.types[index].size_command?.as_bytes().to_vec(), key.clone()])
        }
        (Measure::Memory { samples }, Some(_)) => {
            let mut args = vec![b"MEMORY".to_vec(), b"USAGE".to_vec(), key.clone()];
            if let Some(samples) = samples {
                args.extend([b"SAMPLES".to_vec(), samples.to_string().into_bytes()]);
            }
            Some(args)
        }
    });
    let commands: Vec<Option<Vec<Vec<u8>>>> = commands.collect();
    let sent: Vec<Vec<Vec<u8>>> = commands.iter().flatten().cloned().collect();
    let mut replies = session.pipeline(&sent)?.into_iter();
    let size = |reply: Frame| reply.integer().and_then(|size| u64::try_from(size).ok());
    Ok(commands
        .iter()
        .map(|command| command.as_ref().and_then(|_| replies.next()).and_then(size).unwrap_or(0))
        .collect())
}

impl Report {
    fn new(database_keys: u64) -> Self {
        let types = KNOWN_TYPES.map(|(name, command, unit)| TypeReport::new(name, Some(command), unit));
        Self { types: types.into(), sampled: 0, name_bytes: 0, database_keys, progress: 0.0 }
    }

    /// The place of a type, which may be one of a module.
    fn type_index(&mut self, name: &str) -> Option<usize> {
        if name == "none" {
            return None;
        }
        if let Some(index) = self.types.iter().position(|entry| entry.name == name) {
            return Some(index);
        }
        if self.types.len() == MAX_TYPES {
            return None;
        }
        self.types.push(TypeReport::new(name, None, "?"));
        Some(self.types.len() - 1)
    }

    fn add(
        &mut self,
        out: &mut dyn Write,
        key: &[u8],
        index: usize,
        size: u64,
        measure: Measure,
    ) -> std::io::Result<()> {
        let percent = self.progress;
        let entry = &mut self.types[index];
        entry.keys += 1;
        entry.total = entry.total.saturating_add(size);
        self.name_bytes = self.name_bytes.saturating_add(key.len() as u64);
        self.sampled += 1;
        if entry.biggest.as_ref().is_none_or(|(_, biggest)| size > *biggest) {
            write!(out, "[{percent:05.2}%] Biggest {:<6} found so far '", Harmless(&entry.name))?;
            write_quoted(out, key)?;
            writeln!(out, "' with {size} {}", entry.unit(measure))?;
            entry.biggest = Some((key.to_vec(), size));
        }
        if self.sampled.is_multiple_of(KEYS_A_PROGRESS) {
            writeln!(out, "[{percent:05.2}%] Sampled {} keys so far", self.sampled)?;
        }
        Ok(())
    }

    fn write_summary(&self, out: &mut dyn Write, measure: Measure) -> std::io::Result<()> {
        let average = ratio(self.name_bytes, self.sampled);
        writeln!(out, "\n-------- summary -------\n")?;
        writeln!(out, "Sampled {} keys in the keyspace!", self.sampled)?;
        writeln!(out, "Total key length in bytes is {} (avg len {average:.2})\n", self.name_bytes)?;
        for entry in &self.types {
            if let Some((key, size)) = &entry.biggest {
                write!(out, "Biggest {:>6} found '", Harmless(&entry.name))?;
                write_quoted(out, key)?;
                writeln!(out, "' has {size} {}", entry.unit(measure))?;
            }
        }
        writeln!(out)?;
        for entry in &self.types {
            writeln!(
                out,
                "{} {}s with {} {} ({:05.2}% of keys, avg size {:.2})",
                entry.keys,
                Harmless(&entry.name),
                entry.total,
                entry.unit(measure),
                percent(entry.keys, self.sampled),
                ratio(entry.total, entry.keys)
            )?;
        }
        Ok(())
    }
}

impl TypeReport {
    fn new(name: &str, size_command: Option<&'static str>, unit: &'static str) -> Self {
        Self { name: name.to_owned(), size_command, unit, keys: 0, total: 0, biggest: None }
    }

    const fn unit(&self, measure: Measure) -> &'static str {
        match measure {
            Measure::Elements => self.unit,
            Measure::Memory { .. } => "bytes",
        }
    }
}

/// A name that the server chose, without what could steer the terminal.
struct Harmless<'a>(&'a str);

impl std::fmt::Display for Harmless<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0.escape_debug().to_string())
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn percent(part: u64, whole: u64) -> f64 {
    100.0 * ratio(part, whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_biggest_key_of_every_type_is_reported() {
        let mut report = Report::new(4);
        let mut out = Vec::new();
        for (key, kind, size) in
            [("a", "list", 3), ("b", "list", 12), ("c", "string", 5), ("d", "module\x1b", 1)]
        {
            let index = report.type_index(kind).expect("a type");
            report.add(&mut out, key.as_bytes(), index, size, Measure::Elements).expect("written");
        }
        let progress = String::from_utf8(out).expect("text");
        assert!(
            progress.contains("[00.00%] Biggest list   found so far '\"b\"' with 12 items\n"),
            "{progress}"
        );
        assert!(!progress.contains('\x1b'), "{progress}");
        let mut out = Vec::new();
        report.write_summary(&mut out, Measure::Elements).expect("written");
        let summary = String::from_utf8(out).expect("text");
        for line in [
            "Sampled 4 keys in the keyspace!",
            "Total key length in bytes is 4 (avg len 1.00)",
            "Biggest   list found '\"b\"' has 12 items",
            "2 lists with 15 items (50.00% of keys, avg size 7.50)",
            "0 sets with 0 members (00.00% of keys, avg size 0.00)",
        ] {
            assert!(summary.lines().any(|other| other == line), "{line}\n{summary}");
        }
        assert_eq!(report.type_index("none"), None);
    }

    #[test]
    fn a_server_cannot_invent_types_without_end() {
        let mut report = Report::new(0);
        for number in 0..1000 {
            report.type_index(&number.to_string());
        }
        assert_eq!(report.types.len(), MAX_TYPES);
    }
}
