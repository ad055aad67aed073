//! Effects in the order of the log become the bytes of an increment.
//!
//! The writer knows which database the reader of the file has selected, and holds a unit back until it knows whether
//! it has more than one command (several effects, or one that takes several); then it stands between MULTI and EXEC, so
//! that a reader applies all of it or nothing.

use keyspace::DbIndex;
use keyspace::log::{Record, Run};
use resp::write_command;
use stdx::number::{parse_i64, write_i64};
use stdx::time::UnixMs;

/// See the module's text.
#[derive(Debug, Default)]
pub struct Writer {
    selected: Option<DbIndex>,
    unit: Option<u64>,
    /// The commands among them that change data, counted up to two.
    commands: usize,
    /// The commands of the unit, SELECTs included.
    pending: Vec<u8>,
    /// The last second that was noted.
    noted_s: i64,
}

impl Writer {
    /// A writer at the beginning of a file.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes the time of what follows in an annotation, as Redis does for recovery to a point in time, once a second.
    pub fn note_time(&mut self, now: UnixMs, out: &mut Vec<u8>) {
        let second = now.0 / 1000;
        if second > self.noted_s {
            self.noted_s = second;
            out.extend_from_slice(b"#TS:");
            write_i64(out, second);
            out.extend_from_slice(b"\r\n");
        }
    }

    /// Adds the effects of a run, which ends with a whole unit.
    pub fn push_all(&mut self, run: &Run, out: &mut Vec<u8>) {
        run.iter().for_each(|(record, text)| self.push(record, text, out));
        self.finish_unit(out);
    }

    /// Adds an effect. The bytes of the unit before it are appended to `out` if this one begins another.
    fn push(&mut self, record: Record, text: &[u8], out: &mut Vec<u8>) {
        if self.unit != Some(record.unit) {
            self.finish_unit(out);
            self.unit = Some(record.unit);
        }
        if self.selected != Some(record.database) {
            let mut number = Vec::new();
            write_i64(&mut number, record.database.0.into());
            write_command(&mut self.pending, &[b"SELECT", &number[..]]);
            self.selected = Some(record.database);
        }
        self.pending.extend_from_slice(text);
        self.commands += commands(text);
    }

    /// Appends the last unit, which is complete.
    fn finish_unit(&mut self, out: &mut Vec<u8>) {
        if self.commands > 1 {
            write_command(out, &[b"MULTI"]);
            out.extend_from_slice(&self.pending);
            write_command(out, &[b"EXEC"]);
        } else {
            out.extend_from_slice(&self.pending);
        }
        self.pending.clear();
        self.commands = 0;
        self.unit = None;
    }

    /// A new file begins: its reader has selected nothing.
    pub fn restart(&mut self) {
        debug_assert!(self.pending.is_empty(), "a unit does not span two files");
        *self = Self::default();
    }
}

/// Commands in the text of an effect: one, or two for "more". Only a value that is written anew, which begins by removing
/// the old one, takes more than one.
fn commands(text: &[u8]) -> usize {
    const REMOVAL: &[u8] = b"*2\r\n$3\r\nDEL\r\n$";
    let Some(key) = text.strip_prefix(REMOVAL) else { return 1 };
    let digits = key.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let length = parse_i64(&key[..digits]).expect("the text of an effect is well-formed");
    // The digits, the key, and a line end behind each.
    if digits + length as usize + 4 == key.len() { 1 } else { 2 }
}

#[cfg(test)]
mod tests {
    use keyspace::{Effect, Removal};
    use value::hash::{FieldExpiry, Hash, Settings};
    use value::{StringRef, ValueRef};

    use super::*;
    use crate::encode_effect;

    fn words(out: &[u8]) -> String {
        let text = String::from_utf8_lossy(out);
        text.split("\r\n")
            .filter(|line| !line.starts_with(['*', '$']))
            .collect::<Vec<_>>()
            .join(" ")
            .trim()
            .to_owned()
    }

    #[test]
    fn units_of_several_effects_are_transactions_and_databases_are_selected() {
        let mut writer = Writer::new();
        let mut out = Vec::new();
        let mut push = |writer: &mut Writer, unit, database, text: &str| {
            let record = Record { unit, database: DbIndex(database), end: 0 };
            writer.push(record, format!("{text}\r\n").as_bytes(), &mut out);
        };
        push(&mut writer, 1, 0, "a");
        push(&mut writer, 2, 0, "b");
        push(&mut writer, 2, 3, "c");
        push(&mut writer, 3, 3, "d");
        writer.finish_unit(&mut out);
        assert_eq!(words(&out), "SELECT 0 a MULTI b SELECT 3 c EXEC d");
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
            let (mut text, mut out) = (Vec::new(), Vec::new());
            encode_effect(&effect, &mut text);
            let mut writer = Writer::new();
            let end = text.len();
            writer.push(Record { unit: 0, database: DbIndex(0), end }, &text, &mut out);
            writer.finish_unit(&mut out);
            assert_eq!(words(&out), expected);
        }
    }

    #[test]
    fn times_are_noted_once_a_second_and_first_in_each_file() {
        let (mut writer, mut out) = (Writer::new(), Vec::new());
        for ms in [5000, 5999, 6000, 4000] {
            writer.note_time(UnixMs(ms), &mut out);
        }
        writer.restart();
        writer.note_time(UnixMs(6500), &mut out);
        assert_eq!(String::from_utf8_lossy(&out), "#TS:5\r\n#TS:6\r\n#TS:6\r\n");
    }
}
