//! Effects in the order of the log become the bytes of an increment.
//!
//! The writer knows which database the reader of the file has selected, and holds a unit back until it knows whether
//! it has more than one effect; then it stands between MULTI and EXEC, so that a reader applies all of it or nothing.

use keyspace::DbIndex;
use keyspace::log::Record;
use resp::write_command;
use stdx::number::write_i64;

/// See the module's text.
#[derive(Debug, Default)]
pub struct Writer {
    selected: Option<DbIndex>,
    unit: Option<(u64, u64)>,
    effects: usize,
    /// The commands of the unit, SELECTs included.
    pending: Vec<u8>,
}

impl Writer {
    /// A writer at the beginning of a file.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an effect. The bytes of the unit before it are appended to `out` if this one begins another.
    pub fn push(&mut self, record: Record, text: &[u8], out: &mut Vec<u8>) {
        let unit = (record.stamp, record.unit);
        if self.unit != Some(unit) {
            self.finish_unit(out);
            self.unit = Some(unit);
        }
        if self.selected != Some(record.database) {
            let mut number = Vec::new();
            write_i64(&mut number, record.database.0.into());
            write_command(&mut self.pending, &[b"SELECT", &number[..]]);
            self.selected = Some(record.database);
        }
        self.pending.extend_from_slice(text);
        self.effects += 1;
    }

    /// Appends the last unit, which is complete.
    pub fn finish_unit(&mut self, out: &mut Vec<u8>) {
        if self.effects > 1 {
            write_command(out, &[b"MULTI"]);
            out.extend_from_slice(&self.pending);
            write_command(out, &[b"EXEC"]);
        } else {
            out.extend_from_slice(&self.pending);
        }
        self.pending.clear();
        self.effects = 0;
        self.unit = None;
    }

    /// A new file begins: its reader has selected nothing.
    pub fn restart(&mut self) {
        debug_assert!(self.pending.is_empty(), "a unit does not span two files");
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let mut push = |writer: &mut Writer, stamp, unit, database, text: &str| {
            let record = Record { stamp, unit, database: DbIndex(database), end: 0 };
            writer.push(record, format!("{text}\r\n").as_bytes(), &mut out);
        };
        push(&mut writer, 0, 1, 0, "a");
        push(&mut writer, 0, 2, 0, "b");
        push(&mut writer, 0, 2, 3, "c");
        push(&mut writer, 1, 2, 3, "d");
        writer.finish_unit(&mut out);
        assert_eq!(words(&out), "SELECT 0 a MULTI b SELECT 3 c EXEC d");
    }
}
