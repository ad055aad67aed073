//! Effects in the order of the log become the bytes of an increment, in batches that can be checked.
//!
//! The writer knows which database the reader of the file has selected, and sees at the end of a unit whether
//! it has more than one command (several effects, or one that takes several); then it stands between MULTI and EXEC, so
//! that a reader applies all of it or nothing.

use keyspace::DbIndex;
use keyspace::log::{Record, Run};
use resp::write_command;
use stdx::number::write_i64;
use stdx::time::UnixMs;

use super::batch::{BATCH_BYTES, Chain, Framer};
use crate::commands_in;

const MULTI: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";
const EXEC: &[u8] = b"*1\r\n$4\r\nEXEC\r\n";

/// Buffers that grew beyond this many bytes are given back.
const KEPT_BYTES: usize = 1 << 20;

/// See the module's text.
#[derive(Debug, Default)]
pub struct Writer {
    selected: Option<DbIndex>,
    /// Whether another database than 0 has been.
    has_left_first: bool,
    unit: Option<u64>,
    /// How many of its commands change data, where two in one effect count as two.
    commands: usize,
    /// Where its commands begin in the batch.
    begin: usize,
    /// The commands of the batch at hand.
    batch: Vec<u8>,
    framer: Framer,
    /// The last second that was noted.
    noted_s: i64,
}

impl Writer {
    /// A writer at the beginning of a file, or behind the batches of one.
    pub fn new(chain: Chain) -> Self {
        Self { framer: Framer::following(chain), ..Self::default() }
    }

    /// Notes the time of what follows in an annotation, as Redis does for recovery to a point in time, once a second.
    pub fn note_time(&mut self, now: UnixMs, out: &mut Vec<u8>) {
        let second = now.0 / 1000;
        if second > self.noted_s {
            self.noted_s = second;
            self.framer.annotate_time(now, out);
        }
    }

    /// Adds the effects of a run, which ends with a whole unit, without messages, which are for those who follow. It is
    /// `now`, and so many bytes of the file are on disk.
    pub fn push_all(&mut self, run: &Run, now: UnixMs, synced: u64, out: &mut Vec<u8>) {
        for (record, text) in run.iter().filter(|(record, _)| !record.is_message) {
            if self.unit != Some(record.unit) {
                self.finish_unit();
                if self.batch.len() >= BATCH_BYTES {
                    self.finish_batch(now, synced, out);
                }
            }
            self.push(record, text);
        }
        self.finish_unit();
        self.finish_batch(now, synced, out);
    }

    /// Adds an effect. If it begins another unit, the one before is finished.
    fn push(&mut self, record: Record, text: &[u8]) {
        if self.unit.replace(record.unit).is_none() {
            self.begin = self.batch.len();
        }
        if self.selected != Some(record.database) {
            let mut number = Vec::new();
            write_i64(&mut number, record.database.0.into());
            write_command(&mut self.batch, &[b"SELECT", &number[..]]);
            self.selected = Some(record.database);
            self.has_left_first |= record.database != DbIndex(0);
        }
        self.batch.extend_from_slice(text);
        self.commands += commands_in(text);
    }

    /// The last unit is complete.
    fn finish_unit(&mut self) {
        if self.commands > 1 {
            // That it is a transaction is known at its end, and is so seldom that moving it costs
            // less than a copy of everything.
            self.batch.splice(self.begin..self.begin, MULTI.iter().copied());
            self.batch.extend_from_slice(EXEC);
        }
        self.commands = 0;
        self.unit = None;
    }

    fn finish_batch(&mut self, now: UnixMs, synced: u64, out: &mut Vec<u8>) {
        if !self.batch.is_empty() {
            self.framer.frame(&self.batch, now, synced, out);
            self.selected = self.selected.filter(|_| !self.has_left_first);
        }
        self.batch.clear();
        self.batch.shrink_to(KEPT_BYTES);
    }

    /// The place in the chain of batches that the next one follows on.
    pub fn chain(&self) -> Chain {
        self.framer.chain()
    }

    /// What follows does not follow on what was written: no batch fits behind it any more.
    pub fn break_chain(&mut self) {
        // A byte that no file has there.
        self.framer.pass(b"\0", &mut Vec::new());
    }

    /// A new file begins: its reader has selected nothing, but the chain of batches goes on.
    pub fn restart(&mut self) {
        debug_assert!(self.unit.is_none(), "a unit does not span two files");
        *self = Self::new(self.framer.chain());
    }
}

#[cfg(test)]
mod tests {
    use keyspace::{Effect, Removal};
    use value::hash::{FieldExpiry, Hash, Settings};
    use value::{StringRef, ValueRef};

    use super::*;
    use crate::encode_effect;

    /// What a writer makes of effects, each with its unit, database and text, at the time 9, when 7 bytes were synced.
    fn written(effects: &[(u64, u16, &str)]) -> Vec<u8> {
        let mut run = Run::default();
        for &(unit, database, text) in effects {
            run.bytes.extend_from_slice(text.as_bytes());
            run.records.push(Record {
                unit,
                database: DbIndex(database),
                end: run.bytes.len(),
                is_message: false,
            });
        }
        let mut out = Vec::new();
        Writer::default().push_all(&run, UnixMs(9), 7, &mut out);
        out
    }

    fn words(out: &[u8]) -> String {
        let text = String::from_utf8_lossy(out);
        text.split("\r\n")
            .filter(|line| !line.starts_with(['*', '$', '#']))
            .collect::<Vec<_>>()
            .join(" ")
            .trim()
            .to_owned()
    }

    #[test]
    fn units_of_several_effects_are_transactions_and_databases_are_selected() {
        let out = written(&[(1, 0, "a\r\n"), (2, 0, "b\r\n"), (2, 3, "c\r\n"), (3, 3, "d\r\n")]);
        assert_eq!(words(&out), "SELECT 0 a MULTI b SELECT 3 c EXEC d");
    }

    #[test]
    fn messages_are_not_in_the_file() {
        let mut run = Run::default();
        for (unit, is_message) in [(1, true), (2, false), (2, true), (3, true)] {
            run.bytes.extend_from_slice(if is_message { b"PUBLISH\r\n" } else { b"a\r\n" });
            run.records.push(Record {
                unit,
                database: DbIndex(unit as u16),
                end: run.bytes.len(),
                is_message,
            });
        }
        let mut out = Vec::new();
        Writer::default().push_all(&run, UnixMs(9), 7, &mut out);
        assert_eq!(words(&out), "SELECT 2 a");
        run.records.truncate(1);
        out.clear();
        Writer::default().push_all(&run, UnixMs(9), 7, &mut out);
        assert!(out.is_empty(), "a batch holds something");
    }

    #[test]
    fn a_batch_ends_with_a_unit() {
        let long = "x".repeat(BATCH_BYTES);
        let out =
            written(&[(1, 0, "a\r\n"), (1, 0, &long), (1, 0, "b\r\n"), (2, 0, "c\r\n"), (3, 0, "d\r\n")]);
        let text = String::from_utf8(out).expect("ASCII");
        let batches: Vec<&str> = text.split("#BATCH:").skip(1).collect();
        assert!(batches[0].starts_with("1 9 7 ") && batches[0].ends_with("EXEC\r\n"));
        assert!(batches[1].starts_with("2 9 7 6 ") && batches[1].ends_with("c\r\nd\r\n"));
    }

    #[test]
    fn each_batch_selects_its_database_once_another_than_the_first_was_used() {
        let mut writer = Writer::default();
        let mut batches = |databases: &[u16]| {
            let mut run = Run::default();
            for (unit, &database) in databases.iter().enumerate() {
                run.bytes.extend_from_slice(b"x\r\n");
                let unit = unit as u64;
                run.records.push(Record {
                    unit,
                    database: DbIndex(database),
                    end: run.bytes.len(),
                    is_message: false,
                });
            }
            let mut out = Vec::new();
            writer.push_all(&run, UnixMs(9), 7, &mut out);
            words(&out)
        };
        assert_eq!(batches(&[0, 0]), "SELECT 0 x x");
        assert_eq!(batches(&[0]), "x");
        assert_eq!(batches(&[0, 3]), "x SELECT 3 x");
        assert_eq!(batches(&[3]), "SELECT 3 x");
        assert_eq!(batches(&[0]), "SELECT 0 x");
        assert_eq!(batches(&[0, 0]), "SELECT 0 x x");
    }

    #[test]
    fn an_effect_of_several_commands_is_a_transaction() {
        let settings =
            Settings { max_packed_entries: 9, max_packed_value: 9, seed: stdx::hash::HashKey([1, 2]) };
        let mut hash = Hash::new();
        hash.edit(&mut Vec::new(), settings, UnixMs::MIN, |edit| edit.set(b"f", b"v", FieldExpiry::Clear));
        let hash = ValueRef::Hash(hash.at(UnixMs(0)));
        let string = ValueRef::String(StringRef::Inline(b"v"));
        for (effect, expected) in [
            (Effect::Delete { key: b"key", reason: Removal::Deleted }, "SELECT 0 DEL key"),
            (
                Effect::SetValue { key: b"key", value: hash, expiry: None },
                "MULTI SELECT 0 DEL key HSET key f v EXEC",
            ),
            (Effect::SetValue { key: b"key", value: string, expiry: None }, "SELECT 0 SET key v"),
        ] {
            let mut text = Vec::new();
            encode_effect(&effect, &mut text);
            let out = written(&[(0, 0, std::str::from_utf8(&text).expect("ASCII"))]);
            assert_eq!(words(&out), expected);
        }
    }

    #[test]
    fn times_are_noted_once_a_second_and_first_in_each_file() {
        let (mut writer, mut out) = (Writer::default(), Vec::new());
        for ms in [5000, 5999, 6000, 4000] {
            writer.note_time(UnixMs(ms), &mut out);
        }
        writer.restart();
        writer.note_time(UnixMs(6500), &mut out);
        assert_eq!(String::from_utf8_lossy(&out), "#TS:5\r\n#TS:6\r\n#TS:6\r\n");
    }
}
