//! A manifest as text: one line a file, `file <name> seq <number> type <b|h|i>`, read and written as Redis 7 does.
//!
//! Behind the lines stand leases, `#keep <name> until <unix milliseconds> from <number>`: Redis and Valkey take them
//! for comments, and delete what is history. A line that looks like one and is none is a comment here as well.
//!
//! **The checked form** is that of texts which Redis need not have written: of the file beside the manifest of
//! a server (`checksums.rs`), of a sealed backup, of a set that was restored or saved. Redis and Valkey read
//! it too, and pass over the rest:
//!
//! ```text
//!   file a.2.base.rdb seq 2 type b bytes 1234 tail 00c0ffee           its length, and the CRC-32C of its last megabyte
//!   file a.2.incr.aof seq 2 type i bytes 567 batch 41 link 89ab01cd   where it ended when the next one was begun
//!   file a.3.incr.aof seq 3 type i
//!   #backup started 5 sealed 6 lengths 1234 567                       of a sealed backup: unix seconds, and
//!                                                                     the length of each file with data
//!   #crc 89abcdef                                                     the CRC-32C of all that stands above
//! ```
//! In the last megabyte of a base the checksum of RDB and the chain of batches sum up the rest, so an older base is not
//! taken for the one that the increments follow. The end of an increment is noted when nobody writes to it any more: so
//! it is missed too if it was cut exactly behind a batch, and no batch follows. A text that has any of these words and
//! lacks its checksum, or has a wrong one, is refused.

use std::fmt::{self, Write};

use stdx::checksum::crc32c;
use stdx::time::UnixMs;

use super::super::batch::Chain;
use super::{End, FileKind, Fingerprint, Lease, MAX_LEASES, Manifest, ManifestEntry, Seal};

/// The longest line, its end included.
const MAX_LINE_BYTES: usize = 1024;
/// How the line of a lease begins.
pub(in crate::aof) const LEASE: &str = "#keep ";
/// How the line begins that has the checksum of those above it.
const CHECKSUM: &str = "#crc ";

const WRONG_CHECKSUM: &str = "The lines of the AOF manifest do not have the checksum that stands below them";

/// Why a manifest cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestError {
    /// The line, from 1, and its text; none if there is no line.
    pub line: Option<(usize, String)>,
    /// What Redis says about it.
    pub reason: &'static str,
}

impl ManifestError {
    /// About no line in particular.
    fn of_all(reason: &'static str) -> Self {
        Self { line: None, reason }
    }
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.line {
            Some((number, text)) => write!(f, "line {number}: {}: '{text}'", self.reason),
            None => f.write_str(self.reason),
        }
    }
}

impl std::error::Error for ManifestError {}

impl Manifest {
    /// Reads a manifest in either form.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        Self::parse_either(text).map(|(manifest, _)| manifest)
    }

    /// Reads one in the checked form alone.
    pub fn parse_checked(text: &str) -> Result<Self, ManifestError> {
        match Self::parse_either(text)? {
            (manifest, true) => Ok(manifest),
            (_, false) => Err(ManifestError::of_all(WRONG_CHECKSUM)),
        }
    }

    /// Reads a manifest, and tells whether it has a checksum.
    pub(in crate::aof) fn parse_either(text: &str) -> Result<(Self, bool), ManifestError> {
        let mut manifest = Self::default();
        if text.is_empty() {
            return Err(ManifestError::of_all("Found an empty AOF manifest"));
        }
        let (lines, is_checked) = above_checksum(text)?;
        for (index, line) in lines.split_inclusive('\n').enumerate() {
            if line.starts_with('#') {
                manifest.leases.extend(parse_lease(line).filter(|_| manifest.leases.len() < MAX_LEASES));
                manifest.seal = parse_seal(line);
                continue;
            }
            let trimmed =
                || line.trim_matches([' ', '\t', '\r', '\n']).chars().take(MAX_LINE_BYTES).collect();
            parse_line(line)
                .and_then(|entry| manifest.add(entry))
                .map_err(|reason| ManifestError { line: Some((index + 1, trimmed())), reason })?;
            manifest.seal = None; // what follows a seal is none of its files
        }
        let files = manifest.data().count();
        manifest.seal = manifest.seal.filter(|seal| seal.lengths.len() == files);
        let tells_more = |entry: &ManifestEntry| entry.fingerprint.is_some() || entry.end.is_some();
        let wants_checksum = manifest.seal.is_some() || manifest.entries.iter().any(tells_more);
        if wants_checksum && !is_checked {
            return Err(ManifestError::of_all(WRONG_CHECKSUM));
        }
        Ok((manifest, is_checked))
    }

    fn add(&mut self, entry: ManifestEntry) -> Result<(), &'static str> {
        if self.entries.iter().any(|other| other.name == entry.name) {
            return Err("Found a file that is named twice");
        }
        match entry.kind {
            FileKind::Base if self.base().is_some() => return Err("Found duplicate base file information"),
            FileKind::Increment if entry.sequence <= self.last_sequence(FileKind::Increment) => {
                return Err("Found a non-monotonic sequence number");
            }
            _ => {}
        }
        self.entries.push(entry);
        Ok(())
    }

    /// Its text as Redis writes it, with leases below: the base, what is history, the increments.
    pub fn format(&self) -> String {
        self.text(false)
    }

    /// Its text in the checked form.
    pub fn format_checked(&self) -> String {
        with_checksum(self.text(true))
    }

    /// Its text, with all that is known or only what Redis knows.
    pub(in crate::aof) fn text(&self, tells_all: bool) -> String {
        let mut text = String::new();
        for (kind, letter) in [(FileKind::Base, 'b'), (FileKind::History, 'h'), (FileKind::Increment, 'i')] {
            for entry in self.entries.iter().filter(|entry| entry.kind == kind) {
                write!(text, "file {} seq {} type {letter}", quote(&entry.name), entry.sequence)
                    .expect("writing to a string");
                if let Some(Fingerprint { length, tail }) = entry.fingerprint.filter(|_| tells_all) {
                    write!(text, " bytes {length} tail {tail:08x}").expect("writing to a string");
                }
                if let Some(End { length, chain }) = entry.end.filter(|_| tells_all) {
                    write!(text, " bytes {length} batch {} link {:08x}", chain.number, chain.link)
                        .expect("writing to a string");
                }
                text.push('\n');
            }
        }
        for Lease { name, until, from } in &self.leases {
            writeln!(text, "{LEASE}{} until {until} from {from}", quote(name)).expect("writing to a string");
        }
        if let Some(Seal { started_s, ended_s, lengths }) = self.seal.as_ref().filter(|_| tells_all) {
            write!(text, "#backup started {started_s} sealed {ended_s} lengths")
                .expect("writing to a string");
            for length in lengths {
                write!(text, " {length}").expect("writing to a string");
            }
            text.push('\n');
        }
        text
    }
}

/// Whether every line about a file of a set whose names begin so can be read again: a byte that is no
/// ASCII text takes four characters.
pub(in crate::aof) fn has_room_for(prefix: &str) -> bool {
    let end = End { length: u64::MAX, chain: Chain { number: u64::MAX, link: u32::MAX } };
    let longest = ManifestEntry { end: Some(end), ..ManifestEntry::increment(prefix, u64::MAX) };
    let manifest = Manifest { entries: vec![longest], ..Manifest::default() };
    manifest.text(true).len() <= MAX_LINE_BYTES
}

fn parse_lease(line: &str) -> Option<Lease> {
    let mut ranges = Vec::new();
    let text = resp::request::split_args(line.strip_prefix(LEASE)?.trim_end().as_bytes(), &mut ranges)?;
    let words: Option<Vec<&str>> =
        ranges.into_iter().map(|range| std::str::from_utf8(&text[range]).ok()).collect();
    match words?[..] {
        [name, "until", until, "from", from] if line.len() <= MAX_LINE_BYTES => {
            let (until, from) = (UnixMs(until.parse().ok()?), from.parse().ok()?);
            Some(Lease { name: name.to_owned(), until, from })
        }
        _ => None,
    }
}

/// A line that is not whole is none: its last number might be a part of one.
fn parse_seal(line: &str) -> Option<Seal> {
    let words: Vec<&str> = line.strip_prefix("#backup ")?.strip_suffix('\n')?.split(' ').collect();
    let ["started", started, "sealed", ended, "lengths", lengths @ ..] = &words[..] else { return None };
    let lengths = lengths.iter().map(|length| length.parse()).collect::<Result<_, _>>().ok()?;
    Some(Seal { started_s: started.parse().ok()?, ended_s: ended.parse().ok()?, lengths })
}

/// A text with its checksum below.
pub(in crate::aof) fn with_checksum(mut text: String) -> String {
    let checksum = crc32c(text.as_bytes());
    writeln!(text, "{CHECKSUM}{checksum:08x}").expect("writing to a string");
    text
}

/// What stands above the checksum, and whether there is one.
fn above_checksum(text: &str) -> Result<(&str, bool), ManifestError> {
    let last = text.split_inclusive('\n').next_back().unwrap_or_default();
    let Some(checksum) = last.strip_prefix(CHECKSUM) else { return Ok((text, false)) };
    let above = &text[..text.len() - last.len()];
    if checksum != format!("{:08x}\n", crc32c(above.as_bytes())) {
        return Err(ManifestError::of_all(WRONG_CHECKSUM));
    }
    Ok((above, true))
}

/// One line with its end.
fn parse_line(line: &str) -> Result<ManifestEntry, &'static str> {
    const INVALID: &str = "Invalid AOF manifest file format";
    // Redis reads 1,024 bytes and looks for a line end in them, so a last line without one counts as too long.
    if line.len() > MAX_LINE_BYTES || !line.ends_with('\n') {
        return Err("The AOF manifest file contains too long line");
    }
    let line = line.trim_matches([' ', '\t', '\r', '\n']);
    let mut ranges = Vec::new();
    let text = resp::request::split_args(line.as_bytes(), &mut ranges).ok_or(INVALID)?;
    let words: Vec<&str> = ranges
        .iter()
        .map(|range| std::str::from_utf8(&text[range.clone()]))
        .collect::<Result<_, _>>()
        .map_err(|_| INVALID)?;
    let (pairs, rest) = words.as_chunks::<2>();
    if pairs.len() < 3 || !rest.is_empty() {
        return Err(INVALID);
    }
    let (mut name, mut sequence, mut kind) = ("", 0, None);
    let (mut bytes, mut tail, mut number, mut link) = (None, None, None, None);
    for &[field, value] in pairs {
        match field.to_ascii_lowercase().as_str() {
            "file" if value.contains(['/', '\\']) => return Err("File can't be a path, just a filename"),
            "file" => name = value,
            "seq" => sequence = value.parse().unwrap_or(0),
            "type" => kind = value.chars().next(),
            "bytes" => bytes = value.parse().ok(),
            "tail" => tail = u32::from_str_radix(value, 16).ok(),
            "batch" => number = value.parse().ok(),
            "link" => link = u32::from_str_radix(value, 16).ok(),
            _ => {} // a word of a later version
        }
    }
    let kind = match kind {
        _ if name.is_empty() || sequence == 0 => return Err(INVALID),
        None => return Err(INVALID),
        Some('b') => FileKind::Base,
        Some('h') => FileKind::History,
        Some('i') => FileKind::Increment,
        Some(_) => return Err("Unknown AOF file type"),
    };
    let fingerprint = bytes.zip(tail).map(|(length, tail)| Fingerprint { length, tail });
    let chain = number.zip(link).map(|(number, link)| Chain { number, link });
    let end = bytes.zip(chain).map(|(length, chain)| End { length, chain });
    Ok(ManifestEntry { name: name.to_owned(), sequence, kind, fingerprint, end })
}

/// A name that is more than plain letters stands in quotes.
fn quote(name: &str) -> String {
    if name.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\')) {
        return name.to_owned();
    }
    let mut quoted = String::from("\"");
    for byte in name.bytes() {
        match byte {
            b'"' | b'\\' => quoted.extend(['\\', char::from(byte)]),
            b'\n' => quoted.push_str("\\n"),
            b'\r' => quoted.push_str("\\r"),
            b'\t' => quoted.push_str("\\t"),
            0x07 => quoted.push_str("\\a"),
            0x08 => quoted.push_str("\\b"),
            b' '..=b'~' => quoted.push(char::from(byte)),
            _ => write!(quoted, "\\x{byte:02x}").expect("writing to a string"),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "file appendonly.aof.2.base.rdb seq 2 type b\n\
                        file appendonly.aof.1.incr.aof seq 1 type h\n\
                        file appendonly.aof.4.incr.aof seq 4 type i\n\
                        file appendonly.aof.5.incr.aof seq 5 type i\n";

    /// One that says all that can be said.
    fn sealed() -> Manifest {
        let mut manifest = Manifest::parse(TEXT).expect("valid");
        manifest.entries[0].fingerprint = Some(Fingerprint { length: 10, tail: 0x00c0_ffee });
        manifest.entries[2].end = Some(End { length: 300, chain: Chain { number: 41, link: 0x89ab_01cd } });
        let until = UnixMs(1_700_000_000_000);
        manifest.leases.push(Lease { name: "nightly".to_owned(), until, from: 1 });
        manifest.seal = Some(Seal { started_s: 5, ended_s: 6, lengths: vec![10, 20, 30] });
        manifest
    }

    #[test]
    fn a_manifest_survives_reading_and_writing() {
        let manifest = Manifest::parse(TEXT).expect("valid");
        assert_eq!(manifest.format(), TEXT);
        assert_eq!(Manifest::parse(&manifest.format()), Ok(manifest.clone()));
        assert_eq!(manifest.last_sequence(FileKind::Base), 2);
        assert_eq!(manifest.last_sequence(FileKind::Increment), 5);
        assert_eq!(manifest.history().count(), 1);
        let data: Vec<u64> = manifest.data().map(|entry| entry.sequence).collect();
        assert_eq!(data, [2, 4, 5]);
    }

    #[test]
    fn no_bit_and_no_line_of_a_checked_manifest_changes_unseen() {
        for manifest in [sealed(), Manifest { seal: None, ..sealed() }] {
            let written = manifest.format_checked();
            assert_eq!(Manifest::parse_checked(&written), Ok(manifest));
            for bit in 0..written.len() * 8 {
                let mut bytes = written.clone().into_bytes();
                bytes[bit / 8] ^= 1 << (bit % 8);
                let read = Manifest::parse(&String::from_utf8_lossy(&bytes));
                assert!(read.is_err(), "bit {bit}: {read:?}");
            }
            let lines: Vec<&str> = written.split_inclusive('\n').collect();
            for lost in 0..lines.len() {
                let rest = [&lines[..lost], &lines[lost + 1..]].concat().concat();
                Manifest::parse(&rest).expect_err("a line is lost");
            }
        }
    }

    #[test]
    fn what_redis_does_not_write_wants_a_checksum() {
        let manifest = Manifest::parse(TEXT).expect("Redis writes it");
        assert!(Manifest::parse_checked(TEXT).is_err());
        assert_eq!(Manifest::parse_checked(&manifest.format_checked()), Ok(manifest));
        let written = sealed().format_checked();
        let (above, _) = above_checksum(&written).expect("it is right");
        Manifest::parse(above).expect_err("it has none");
        assert_eq!(sealed().format(), format!("{TEXT}#keep nightly until 1700000000000 from 1\n"));
    }

    #[test]
    fn comments_and_words_of_later_versions_are_passed_over() {
        let text = "# a comment\nfile a seq 1 type i startoffset 7\n";
        assert_eq!(Manifest::parse(text).expect("valid").format(), "file a seq 1 type i\n");
        let quoted = "file \"a b\\x41\" seq 1 type i\n";
        assert_eq!(Manifest::parse(quoted).expect("valid").entries[0].name, "a bA");
    }

    #[test]
    fn leases_are_comments_to_others() {
        let text = format!("{TEXT}#keep nightly until 1700000000000 from 1\n#keep \"a b\" until -1 from 5\n");
        let manifest = Manifest::parse(&text).expect("valid");
        assert_eq!(manifest.format(), text);
        assert_eq!(manifest.leases[1], Lease { name: "a b".to_owned(), until: UnixMs(-1), from: 5 });
        for line in ["#keep", "#keep a until 1", "#keep a until x from 1", "#keep \"a until 1 from 1"] {
            let manifest = Manifest::parse(&format!("{TEXT}{line}\n")).expect("a comment");
            assert_eq!(manifest.leases, []);
        }
        let many = format!("{TEXT}{}", "#keep a until 1 from 1\n".repeat(100));
        assert_eq!(Manifest::parse(&many).expect("valid").leases.len(), MAX_LEASES);
    }

    #[test]
    fn a_seal_counts_if_it_is_whole_and_tells_the_length_of_every_file_with_data() {
        let manifest = Manifest::parse(&sealed().format_checked()).expect("valid");
        assert_eq!(manifest, sealed());
        assert_eq!(manifest.sealed_length("appendonly.aof.2.base.rdb"), Some(10));
        assert_eq!(manifest.sealed_length("appendonly.aof.1.incr.aof"), None, "it is history");
        assert_eq!(manifest.sealed_length("appendonly.aof.5.incr.aof"), Some(30));
        let line =
            |line: &str| Manifest::parse(&with_checksum(format!("{TEXT}{line}"))).map(|read| read.seal);
        for other in [
            "#backup started 5 sealed 6 lengths 10 20\n",
            "#backup started 5 sealed 6 lengths 10 20 30 40\n",
            "#backup started 5 sealed 6\n",
            "#backup started 5 sealed 6 lengths 10 20 x\n",
            "#backup started 5 sealed 6 lengths 10 20 30\nfile appendonly.aof.6.incr.aof seq 6 type i\n",
        ] {
            assert_eq!(line(other), Ok(None), "{other}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        const INVALID: &str = "Invalid AOF manifest file format";
        for (text, reason) in [
            ("", "Found an empty AOF manifest".to_owned()),
            ("file a seq 1\n", format!("line 1: {INVALID}: 'file a seq 1'")),
            ("\n", format!("line 1: {INVALID}: ''")),
            ("file a seq 0 type b\n", format!("line 1: {INVALID}: 'file a seq 0 type b'")),
            ("file \"a seq 2 type i\n", format!("line 1: {INVALID}: 'file \"a seq 2 type i'")),
            (
                "file a seq 1 type b\nfile b seq 2 type b\n",
                "line 2: Found duplicate base file information: 'file b seq 2 type b'".to_owned(),
            ),
            (
                "file a seq 2 type i\n#\nfile b seq 2 type i\n",
                "line 3: Found a non-monotonic sequence number: 'file b seq 2 type i'".to_owned(),
            ),
            (
                "file ../a seq 2 type i\n",
                "line 1: File can't be a path, just a filename: 'file ../a seq 2 type i'".to_owned(),
            ),
            (
                "file a seq 1 type b\nfile a seq 1 type i\n",
                "line 2: Found a file that is named twice: 'file a seq 1 type i'".to_owned(),
            ),
            ("file a seq 2 type x\n", "line 1: Unknown AOF file type: 'file a seq 2 type x'".to_owned()),
            (
                "file a seq 2 type i",
                "line 1: The AOF manifest file contains too long line: 'file a seq 2 type i'".to_owned(),
            ),
        ] {
            let error = Manifest::parse(text).expect_err("wrong");
            assert_eq!(error.to_string(), reason, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_name_comes_back(name in "[^/\\\\]{1,20}", sequence in 1_u64..) {
            let entry = ManifestEntry::new(name, sequence, FileKind::Increment);
            let lease = Lease { name: entry.name.clone(), until: UnixMs(7), from: sequence };
            let manifest = Manifest { entries: vec![entry], leases: vec![lease], seal: None };
            prop_assert_eq!(Manifest::parse(&manifest.format()), Ok(manifest.clone()));
            prop_assert_eq!(Manifest::parse(&manifest.format_checked()), Ok(manifest));
        }

        #[test]
        fn no_text_panics(text in "(file|seq|type|[ab \"\\\\x1-9\n#]){0,30}") {
            if let Ok(manifest) = Manifest::parse(&text) {
                let again = Manifest::parse(&manifest.format()).map_or(String::new(), |again| again.format());
                prop_assert_eq!(again, manifest.format());
            }
        }
    }
}
