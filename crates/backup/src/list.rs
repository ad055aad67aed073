//! The list of a backup: lines of words, and behind them their SHA-256.
//!
//! ```text
//!   rustypotato-backup 1
//!   kind incremental                        or full, or snapshot
//!   made 1935930600123                      unix milliseconds
//!   server "0.1.0"
//!   set "appendonlydir" "appendonly.aof"    the folder of the server's files, and how their names begin
//!   compression zstd
//!   base 1935907200999                      of a full backup: when its base was whole, at the latest, if that tells
//!   after 4711 0a1b2c3d 3 1234 "appendonly.aof.3.incr.aof"
//!   first 4712 1935928800500                the first and the last batch, and their times; absent without batches
//!   last 5120 1935930600100
//!   end 5120 99aabbcc 3 5678 "appendonly.aof.3.incr.aof"
//!   file increment 3 1234 4444 999 <sha256> "appendonly.aof.3.incr.aof"
//!   sha256 <of all lines before>
//! ```
//! `after` and `end` are places: the number of a batch, the link that the next one has to it (`persist::aof`),
//! and where in which increment that one begins. A backup follows on another if its `after` is the other's `end`.
//! Of a file the line tells its role, its number, the offset from which on it is there, the bytes it holds, the
//! bytes on disk and their SHA-256.
//!
//! Nothing but what is written here is read: a list is accepted if writing it again gives the same bytes.

use std::fmt::Write;

use persist::aof::{Chain, LastBatch};
use stdx::quote::write_quoted;
use stdx::time::UnixMs;

use crate::compression::Compression;
use crate::reading::Until;
use crate::stored::sha256;

/// How the names of lists end.
pub const ENDING: &str = ".backup";
/// What they begin with.
const HEAD: &str = "rustypotato-backup 1";
/// What stands behind the name of a list as long as its backup is being made.
pub(crate) const BEGUN: &str = ".unfinished";
/// What stands behind the name of a list whose backup is being deleted.
pub(crate) const HIDDEN: &str = ".deleted";
/// What they begin with in every version.
pub(crate) const SIGNATURE: &str = "rustypotato-backup ";
/// The longest list.
pub(crate) const MAX_BYTES: usize = 1 << 20;
/// How the names of files begin that a restore has not finished; a server looks for none of
/// these, and no backup holds one.
pub(crate) const UNFINISHED: &str = "temp-restore-";
/// The longest name of a file; what stands before and behind it has to fit as well.
const MAX_NAME_BYTES: usize = 200;

/// What a backup is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An append-only set: all data, and the log up to a batch.
    Full,
    /// The log from one batch to another.
    Incremental,
    /// An RDB file: all data at one moment, of a server without an append-only file.
    Snapshot,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The base of a set.
    Base,
    /// One of its increments.
    Increment,
    /// An RDB file alone.
    Snapshot,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// What it is.
    pub role: Role,
    /// Its number among those of its role.
    pub sequence: u64,
    /// The server's name for it.
    pub name: String,
    /// It is there from this byte on.
    pub offset: u64,
    /// How many bytes of it.
    pub length: u64,
    /// How many bytes they take on disk.
    pub stored_length: u64,
    /// Of those on disk, in hexadecimal digits.
    pub sha256: String,
}

/// A place in the log: behind a batch, and where in the files that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The batch before it, and the link that the next one has to that; zeros if no batch was seen.
    pub chain: Chain,
    /// The number of the increment.
    pub sequence: u64,
    /// Bytes of it up to here.
    pub offset: u64,
    /// Its name.
    pub name: String,
}

impl Place {
    /// Whether a backup can follow on it. Before the first batch the logs of all servers are at the same place, so that
    /// any of them would seem to follow.
    pub fn is_distinct(&self) -> bool {
        self.chain.number > 0
    }
}

/// See the module's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// What the backup is.
    pub kind: Kind,
    /// When it was begun.
    pub made: UnixMs,
    /// The version of the server.
    pub server: String,
    /// The name of the folder of the server's files, and how their names begin.
    pub set: (String, String),
    /// How files are compressed.
    pub compression: Compression,
    /// When the base was whole, at the latest; none if it does not tell.
    pub base: Option<UnixMs>,
    /// Where an incremental backup begins.
    pub after: Option<Place>,
    /// The first and the last batch.
    pub batches: Option<(LastBatch, LastBatch)>,
    /// Where it ends; none for a snapshot.
    pub end: Option<Place>,
    /// The files in the order in which they are loaded.
    pub files: Vec<File>,
}

impl List {
    /// Reads a list. An error says what is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let list = Self::parse_begun(bytes)?;
        list.check()?;
        Ok(list)
    }

    /// Reads the list of a backup that is being made: it need not tell yet what it holds.
    pub(crate) fn parse_begun(bytes: &[u8]) -> Result<Self, String> {
        const CHANGED: &str = "its own SHA-256 is wrong: it has been changed or cut";
        let text = std::str::from_utf8(bytes).map_err(|_| "it is no text")?;
        if !text.starts_with(SIGNATURE) {
            return Err("it is no list of a backup".to_owned());
        }
        let at = text.rfind("sha256 ").ok_or(CHANGED)?;
        if text[at..] != format!("sha256 {}\n", sha256(&text.as_bytes()[..at])) {
            return Err(CHANGED.to_owned());
        }
        if text.lines().next() != Some(HEAD) {
            return Err("a newer version has written it".to_owned());
        }
        let list = parse_lines(&text[..at]).ok_or("a line of it cannot be read")?;
        if list.format() != text {
            return Err("it is not written as lists are".to_owned());
        }
        Ok(list)
    }

    /// Its bytes as text.
    pub fn format(&self) -> String {
        let mut text = String::new();
        self.write(&mut text).expect("writing to a string");
        Self::seal(text)
    }

    /// Puts the SHA-256 of lines behind them.
    pub fn seal(mut lines: String) -> String {
        let sum = sha256(lines.as_bytes());
        writeln!(lines, "sha256 {sum}").expect("writing to a string");
        lines
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "{HEAD}\nkind {}\nmade {}", self.kind.name(), self.made)?;
        writeln!(out, "server {}", quoted(&self.server))?;
        writeln!(out, "set {} {}", quoted(&self.set.0), quoted(&self.set.1))?;
        writeln!(out, "compression {}", self.compression.name())?;
        self.base.map_or(Ok(()), |time| writeln!(out, "base {time}"))?;
        write_place(out, "after", self.after.as_ref())?;
        if let Some((first, last)) = self.batches {
            writeln!(out, "first {} {}\nlast {} {}", first.number, first.time, last.number, last.time)?;
        }
        write_place(out, "end", self.end.as_ref())?;
        for file in &self.files {
            let File { sequence, offset, length, stored_length, sha256, .. } = file;
            let (role, name) = (file.role.name(), quoted(&file.name));
            writeln!(out, "file {role} {sequence} {offset} {length} {stored_length} {sha256} {name}")?;
        }
        Ok(())
    }

    /// Whether what it says can be.
    fn check(&self) -> Result<(), String> {
        let names = [&self.set.0, &self.set.1].into_iter().chain(self.files.iter().map(|file| &file.name));
        for name in names {
            check_name(name)?;
        }
        let manifest = self.manifest_name();
        let is_known = |index: usize, file: &File| {
            let before = self.files.get(index.wrapping_sub(1));
            file.name != manifest
                && match (self.kind, file.role) {
                    (Kind::Snapshot, Role::Snapshot) => self.files.len() == 1 && file.offset == 0,
                    (Kind::Full, Role::Base) => index == 0 && file.offset == 0,
                    (Kind::Full | Kind::Incremental, Role::Increment) => {
                        let follows = before.is_none_or(|before| {
                            before.role != Role::Increment || before.sequence < file.sequence
                        });
                        let begins = self.kind == Kind::Incremental && index == 0;
                        follows && (begins || file.offset == 0)
                    }
                    _ => false,
                }
        };
        let mut files = self.files.iter().enumerate();
        let is_countable =
            [|file: &File| file.length, |file: &File| file.stored_length].iter().all(|count| {
                self.files.iter().try_fold(0, |sum: u64, file| sum.checked_add(count(file))).is_some()
            });
        let mut sorted: Vec<&str> = self.files.iter().map(|file| &*file.name).collect();
        sorted.sort_unstable();
        if self.files.is_empty()
            || !is_countable
            || !files.all(|(index, file)| is_known(index, file))
            || sorted.array_windows().any(|[one, other]| one == other)
        {
            return Err("its files make no backup".to_owned());
        }
        let ends = match (self.kind, &self.after, &self.end) {
            (Kind::Snapshot, None, None) => self.batches.is_none(),
            (Kind::Full, None, Some(end)) => self.is_end(end),
            (Kind::Incremental, Some(after), Some(end)) => {
                after.is_distinct()
                    && self.is_begin(after)
                    && self.is_end(end)
                    && after.chain.number < end.chain.number
            }
            _ => false,
        };
        if ends { Ok(()) } else { Err("it does not tell where it begins or ends".to_owned()) }
    }

    fn is_begin(&self, after: &Place) -> bool {
        let first = &self.files[0];
        first.offset == 0 && first.sequence > after.sequence
            || (first.sequence, first.offset, &first.name) == (after.sequence, after.offset, &after.name)
    }

    fn is_end(&self, end: &Place) -> bool {
        let last = self.files.last().filter(|file| file.role == Role::Increment);
        let number = self.batches.map(|(_, last)| last.number);
        number.is_none_or(|number| number == end.chain.number)
            && last.is_some_and(|file| {
                (file.sequence, file.offset.checked_add(file.length), &file.name)
                    == (end.sequence, Some(end.offset), &end.name)
            })
    }

    /// Whether the data of a full backup is early enough for a moment.
    pub(crate) fn goes_back_to(&self, until: Until) -> bool {
        match (until, self.batches) {
            (Until::Time(time), batches) => {
                [Some(self.made), self.base, batches.map(|(first, _)| first.time)]
                    .into_iter()
                    .flatten()
                    .any(|told| told <= time)
            }
            (Until::Batch(number), Some((first, _))) => first.number.saturating_sub(1) <= number,
            (Until::Batch(number), None) => self.end.as_ref().is_some_and(|end| end.chain.number <= number),
        }
    }

    /// The name of the manifest of its set.
    pub fn manifest_name(&self) -> String {
        format!("{}.manifest", self.set.1)
    }

    /// Bytes of its files on disk.
    pub fn stored_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.stored_length).sum()
    }

    /// Bytes that its files hold.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.length).sum()
    }
}

impl File {
    /// Whether it may have this name.
    pub(crate) fn check(&self) -> Result<(), String> {
        check_name(&self.name)
    }
}

impl Kind {
    /// Its name in lists and in names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Incremental => "incremental",
            Self::Snapshot => "snapshot",
        }
    }
}

impl Role {
    /// All of them.
    const ALL: [Self; 3] = [Self::Base, Self::Increment, Self::Snapshot];

    /// The role of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// Its name in lists and in the server's replies.
    pub fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Increment => "increment",
            Self::Snapshot => "snapshot",
        }
    }
}

fn check_name(name: &str) -> Result<(), String> {
    let is_path = name.contains(['/', '\\', '\0']) || matches!(name, "" | "." | "..");
    if is_path || name.len() > MAX_NAME_BYTES || name.starts_with(UNFINISHED) {
        return Err(format!("'{}' cannot be the name of a file", name.escape_debug()));
    }
    Ok(())
}

fn quoted(text: &str) -> String {
    let mut out = Vec::new();
    write_quoted(&mut out, text.as_bytes());
    String::from_utf8(out).expect("what is quoted is ASCII")
}

fn write_place(out: &mut String, word: &str, place: Option<&Place>) -> std::fmt::Result {
    let Some(Place { chain, sequence, offset, name }) = place else { return Ok(()) };
    let name = quoted(name);
    writeln!(out, "{word} {} {:08x} {sequence} {offset} {name}", chain.number, chain.link)
}

fn parse_lines(text: &str) -> Option<List> {
    let mut list = List {
        kind: Kind::Full,
        made: UnixMs(0),
        server: String::new(),
        set: (String::new(), String::new()),
        compression: Compression::None,
        base: None,
        after: None,
        batches: None,
        end: None,
        files: Vec::new(),
    };
    let mut first = None;
    for line in text.lines().skip(1) {
        let mut ranges = Vec::new();
        let bytes = resp::request::split_args(line.as_bytes(), &mut ranges)?;
        let words: Option<Vec<&str>> =
            ranges.into_iter().map(|range| std::str::from_utf8(&bytes[range]).ok()).collect();
        match words?.as_slice() {
            ["kind", name] => {
                let kinds = [Kind::Full, Kind::Incremental, Kind::Snapshot];
                list.kind = kinds.into_iter().find(|kind| kind.name() == *name)?;
            }
            ["made", time] => list.made = UnixMs(time.parse().ok()?),
            ["server", version] => (*version).clone_into(&mut list.server),
            ["set", folder, prefix] => list.set = ((*folder).to_owned(), (*prefix).to_owned()),
            ["compression", name] => list.compression = Compression::of_name(name)?,
            ["base", time] => list.base = Some(UnixMs(time.parse().ok()?)),
            ["after", place @ ..] => list.after = Some(parse_place(place)?),
            ["end", place @ ..] => list.end = Some(parse_place(place)?),
            ["first", batch @ ..] => first = Some(parse_batch(batch)?),
            ["last", batch @ ..] => list.batches = Some((first?, parse_batch(batch)?)),
            ["file", file @ ..] => list.files.push(parse_file(file)?),
            _ => return None,
        }
    }
    Some(list)
}

fn parse_batch(words: &[&str]) -> Option<LastBatch> {
    let [number, time] = words else { return None };
    Some(LastBatch { number: number.parse().ok()?, time: UnixMs(time.parse().ok()?) })
}

fn parse_place(words: &[&str]) -> Option<Place> {
    let [number, link, sequence, offset, name] = words else { return None };
    let chain = Chain { number: number.parse().ok()?, link: u32::from_str_radix(link, 16).ok()? };
    let (sequence, offset) = (sequence.parse().ok()?, offset.parse().ok()?);
    Some(Place { chain, sequence, offset, name: (*name).to_owned() })
}

fn parse_file(words: &[&str]) -> Option<File> {
    let [role, sequence, offset, length, stored_length, sha256, name] = words else { return None };
    Some(File {
        role: Role::of_name(role)?,
        sequence: sequence.parse().ok()?,
        name: (*name).to_owned(),
        offset: offset.parse().ok()?,
        length: length.parse().ok()?,
        stored_length: stored_length.parse().ok()?,
        sha256: (*sha256).to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "0000000000000000000000000000000000000000000000000000000000000001";

    fn text(kind: &str, lines: &str) -> String {
        let set = "set \"appendonlydir\" \"a\"";
        let head = format!("{HEAD}\nkind {kind}\nmade 5\nserver \"0.1.0\"\n{set}\ncompression none\n");
        List::seal(head + &lines.replace("HASH", HASH))
    }

    #[test]
    fn lists_come_back_as_they_were_written() {
        for (kind, lines) in [
            (
                "full",
                "end 0 00000000 1 0 \"a.1\"\nfile base 1 0 9 9 HASH \"b\"\nfile increment 1 0 0 0 HASH \"a.1\"\n",
            ),
            (
                "incremental",
                "after 2 000000ff 1 7 \"a.1\"\nfirst 3 1\nlast 4 2\nend 4 00000000 2 3 \"a \\x01\"\n\
                 file increment 1 7 9 9 HASH \"a.1\"\nfile increment 2 0 3 3 HASH \"a \\x01\"\n",
            ),
            ("snapshot", "file snapshot 1 0 9 9 HASH \"dump.rdb\"\n"),
        ] {
            let text = text(kind, lines);
            assert_eq!(List::parse(text.as_bytes()).map(|list| list.format()), Ok(text));
        }
    }

    #[test]
    fn what_makes_no_backup_is_refused() {
        const FILES: &str = "its files make no backup";
        const ENDS: &str = "it does not tell where it begins or ends";
        let increment = |sequence: u64, offset: u64| {
            format!("file increment {sequence} {offset} 3 3 HASH \"a.{sequence}\"\n")
        };
        let from = |place: &str| format!("after 1 00000001 {place}\nfirst 2 1\nlast 2 1\n");
        let end = "end 2 00000000 2 3 \"a.2\"\n";
        for (kind, lines, reason) in [
            ("full", String::new(), FILES),
            ("snapshot", increment(1, 0), FILES),
            (
                "snapshot",
                "file snapshot 1 0 9 9 HASH \"../d\"\n".to_owned(),
                "'../d' cannot be the name of a file",
            ),
            ("full", "file increment 1 0 3 3 HASH \"a.manifest\"\n".to_owned(), FILES),
            ("full", increment(1, 5), FILES),
            ("full", increment(2, 0) + &increment(1, 0), FILES),
            ("full", increment(1, 0) + &increment(1, 0), FILES),
            ("full", "file base 1 0 3 3 HASH \"b\"\n".to_owned(), ENDS),
            ("full", increment(2, 0), ENDS),
            ("incremental", end.to_owned() + &increment(2, 0), ENDS),
            ("incremental", from("2 1 \"a.2\"") + end + &increment(2, 0), ENDS),
            ("incremental", from("2 3 \"a.2\"") + "end 1 00000000 2 3 \"a.2\"\n" + &increment(2, 0), ENDS),
            ("incremental", from("1 9 \"a.1\"") + "end 2 00000000 2 4 \"a.2\"\n" + &increment(2, 0), ENDS),
            (
                "incremental",
                "after 0 00000000 1 9 \"a.1\"\nfirst 1 1\nlast 2 1\n".to_owned() + end + &increment(2, 0),
                ENDS,
            ),
            (
                "snapshot",
                "file snapshot 1 0 9 9 HASH \"temp-restore-a\"\n".to_owned(),
                "'temp-restore-a' cannot be the name of a file",
            ),
            (
                "full",
                end.to_owned() + &format!("file base 1 0 {} 9 HASH \"b\"\n", u64::MAX) + &increment(2, 0),
                FILES,
            ),
            (
                "full",
                end.to_owned() + &format!("file base 1 0 9 {} HASH \"b\"\n", u64::MAX) + &increment(2, 0),
                FILES,
            ),
            ("incremental", "kind odd\n".to_owned(), "a line of it cannot be read"),
            (
                "snapshot",
                "made 6\nfile snapshot 1 0 9 9 HASH \"d\"\n".to_owned(),
                "it is not written as lists are",
            ),
        ] {
            assert_eq!(List::parse(text(kind, &lines).as_bytes()), Err(reason.to_owned()), "{lines}");
        }
        let whole = from("1 9 \"a.1\"") + end + &increment(2, 0);
        assert!(List::parse(text("incremental", &whole).as_bytes()).is_ok());
        for (bytes, reason) in [
            (&b""[..], "it is no list of a backup"),
            (b"\xff", "it is no text"),
            (List::seal("rustypotato-backup 2\n".to_owned()).as_bytes(), "a newer version has written it"),
        ] {
            assert_eq!(List::parse(bytes), Err(reason.to_owned()));
        }
    }
}
