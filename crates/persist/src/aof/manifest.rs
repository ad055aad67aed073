//! The manifest: one line a file, `file <name> seq <number> type <b|h|i>`.

use std::fmt::Write;

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// All data at one place in the log.
    Base,
    /// No longer needed; to be deleted.
    History,
    /// Commands after the base and the increments before it.
    Increment,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestEntry {
    /// The file's name inside the folder.
    pub name: String,
    /// Its number.
    pub sequence: u64,
    /// What it is for.
    pub kind: FileKind,
}

/// The files in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The base, then the increments.
    pub entries: Vec<ManifestEntry>,
}

impl Manifest {
    /// Reads a manifest. The error names the line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut manifest = Self::default();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let entry = parse_line(line).map_err(|reason| format!("line {}: {reason}", number + 1))?;
            manifest.add(entry).map_err(|reason| format!("line {}: {reason}", number + 1))?;
        }
        if manifest.entries.is_empty() {
            return Err("it names no file".to_owned());
        }
        Ok(manifest)
    }

    fn add(&mut self, entry: ManifestEntry) -> Result<(), &'static str> {
        let last_increment = self.increments().last().map_or(0, |entry| entry.sequence);
        match entry.kind {
            FileKind::Base if self.base().is_some() => return Err("a second base"),
            FileKind::Increment if entry.sequence <= last_increment => {
                return Err("the numbers of the increments do not rise");
            }
            _ => {}
        }
        self.entries.push(entry);
        Ok(())
    }

    /// Its text.
    pub fn format(&self) -> String {
        let mut text = String::new();
        for entry in &self.entries {
            let kind = match entry.kind {
                FileKind::Base => 'b',
                FileKind::History => 'h',
                FileKind::Increment => 'i',
            };
            writeln!(text, "file {} seq {} type {kind}", quote(&entry.name), entry.sequence)
                .expect("writing to a string");
        }
        text
    }

    /// The base.
    pub fn base(&self) -> Option<&ManifestEntry> {
        self.entries.iter().find(|entry| entry.kind == FileKind::Base)
    }

    /// The increments in order.
    pub fn increments(&self) -> impl Iterator<Item = &ManifestEntry> {
        self.entries.iter().filter(|entry| entry.kind == FileKind::Increment)
    }

    /// The files that hold data, in the order in which they are loaded.
    pub fn data(&self) -> impl Iterator<Item = &ManifestEntry> {
        self.base().into_iter().chain(self.increments())
    }

    /// The number for the next file.
    pub fn next_sequence(&self) -> u64 {
        self.entries.iter().map(|entry| entry.sequence).max().unwrap_or(0) + 1
    }
}

impl ManifestEntry {
    /// An increment.
    pub fn increment(prefix: &str, sequence: u64) -> Self {
        Self { name: format!("{prefix}.{sequence}.incr.aof"), sequence, kind: FileKind::Increment }
    }

    /// A base of commands, or of RDB.
    pub fn base(prefix: &str, sequence: u64, is_rdb: bool) -> Self {
        let ending = if is_rdb { "rdb" } else { "aof" };
        Self { name: format!("{prefix}.{sequence}.base.{ending}"), sequence, kind: FileKind::Base }
    }
}

fn parse_line(line: &str) -> Result<ManifestEntry, &'static str> {
    let mut ranges = Vec::new();
    let text = resp::request::split_args(line.as_bytes(), &mut ranges).ok_or("unbalanced quotes")?;
    let words: Vec<&str> = ranges
        .iter()
        .map(|range| std::str::from_utf8(&text[range.clone()]))
        .collect::<Result<_, _>>()
        .map_err(|_| "not UTF-8")?;
    let mut entry = ManifestEntry { name: String::new(), sequence: 0, kind: FileKind::History };
    let mut kind = None;
    for pair in words.chunks(2) {
        let [field, value] = pair else { return Err("a word without its value") };
        match field.to_ascii_lowercase().as_str() {
            "file" if value.contains('/') => return Err("a file name with a path"),
            "file" => (*value).clone_into(&mut entry.name),
            "seq" => entry.sequence = value.parse().map_err(|_| "a number that is none")?,
            "type" => {
                kind = Some(match *value {
                    "b" => FileKind::Base,
                    "h" => FileKind::History,
                    "i" => FileKind::Increment,
                    _ => return Err("a type that is none of b, h and i"),
                });
            }
            _ => {} // a word of a later version
        }
    }
    entry.kind = kind.ok_or("a line without a type")?;
    if entry.name.is_empty() || entry.sequence == 0 {
        return Err("a line without a file or a number");
    }
    Ok(entry)
}

/// A name with spaces or quotes stands in quotes.
fn quote(name: &str) -> String {
    if name.chars().all(|letter| letter.is_ascii_graphic() && letter != '"' && letter != '\\') {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "file appendonly.aof.2.base.rdb seq 2 type b\nfile appendonly.aof.4.incr.aof seq 4 type i\n";

    #[test]
    fn a_manifest_survives_reading_and_writing() {
        let manifest = Manifest::parse(TEXT).expect("valid");
        assert_eq!(manifest.format(), TEXT);
        assert_eq!(manifest.next_sequence(), 5);
        let spaced = Manifest { entries: vec![ManifestEntry::increment("my \"file\"", 1)] };
        assert_eq!(Manifest::parse(&spaced.format()), Ok(spaced));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, reason) in [
            ("", "it names no file"),
            ("file a seq 1", "line 1: a line without a type"),
            ("file a seq 1 type b\nfile b seq 2 type b", "line 2: a second base"),
            ("file a seq 2 type i\nfile b seq 2 type i", "line 2: the numbers of the increments do not rise"),
            ("file ../a seq 2 type i", "line 1: a file name with a path"),
            ("file \"a seq 2 type i", "line 1: unbalanced quotes"),
            ("file a seq x type i", "line 1: a number that is none"),
        ] {
            assert_eq!(Manifest::parse(text), Err(reason.to_owned()), "{text}");
        }
    }
}
