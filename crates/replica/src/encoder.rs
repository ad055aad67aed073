//! Effects in the order of the log become the stream that followers of Redis read.
//!
//! It is plain commands. A unit of several of them stands between MULTI and EXEC, so that a follower shows all of it or nothing; the
//! database is selected before a command in another than the one before, and the first time before MULTI, as Redis does it. Commands that
//! Redis has only since 8.6 are left out: a follower that refused one would refuse all that stands in a transaction with it.

use keyspace::DbIndex;
use keyspace::log::Run;
use persist::{commands_in, is_widely_known};
use resp::write_command;
use stdx::number::write_i64;

/// Buffers that grew beyond this many bytes are given back.
const KEPT_BYTES: usize = 1 << 20;

/// See the module's text.
#[derive(Debug, Default)]
pub struct Encoder {
    /// What followers have selected; `None`: they may differ.
    selected: Option<DbIndex>,
    /// The commands of the unit at hand behind its first SELECT, with the other SELECTs.
    unit: Vec<u8>,
}

impl Encoder {
    /// Somebody begins to follow who has selected nothing.
    pub fn forget_selected(&mut self) {
        self.selected = None;
    }

    /// Appends the effects of a run, which ends with a whole unit.
    pub fn push_all(&mut self, run: &Run, out: &mut Vec<u8>) {
        let mut at_hand = None;
        let mut commands = 0;
        for (record, text) in run.iter().filter(|(_, text)| is_widely_known(text)) {
            if at_hand != Some(record.unit) {
                self.finish_unit(commands, out);
                (at_hand, commands) = (Some(record.unit), 0);
            }
            if self.selected != Some(record.database) {
                self.selected = Some(record.database);
                let into = if self.unit.is_empty() { &mut *out } else { &mut self.unit };
                let mut number = Vec::new();
                write_i64(&mut number, record.database.0.into());
                write_command(into, &[b"SELECT", &number[..]]);
            }
            self.unit.extend_from_slice(text);
            commands += commands_in(text);
        }
        self.finish_unit(commands, out);
        self.unit.shrink_to(KEPT_BYTES);
    }

    fn finish_unit(&mut self, commands: usize, out: &mut Vec<u8>) {
        if commands > 1 {
            write_command(out, &[b"MULTI"]);
        }
        out.extend_from_slice(&self.unit);
        if commands > 1 {
            write_command(out, &[b"EXEC"]);
        }
        self.unit.clear();
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use keyspace::log::Record;

    use super::*;

    /// A run of effects, each with its unit, database and the words of its command.
    pub(crate) fn run(effects: &[(u64, u16, &str)]) -> Run {
        let mut run = Run::default();
        for &(unit, database, words) in effects {
            let words: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
            write_command(&mut run.bytes, &words);
            run.records.push(Record {
                unit,
                database: DbIndex(database),
                end: run.bytes.len(),
                is_message: false,
            });
        }
        run
    }

    /// The words of commands, which are not as long as a number has digits.
    pub(crate) fn words(bytes: &[u8]) -> String {
        let text = String::from_utf8_lossy(bytes);
        let lines = text.split("\r\n").filter(|line| !line.starts_with(['*', '$']));
        lines.collect::<Vec<_>>().join(" ").trim().to_owned()
    }

    fn check(effects: &[(u64, u16, &str)], expected: &str) {
        let mut out = Vec::new();
        Encoder::default().push_all(&run(effects), &mut out);
        assert_eq!(words(&out), expected);
    }

    #[test]
    fn a_database_is_selected_before_the_first_command_and_when_it_changes() {
        check(
            &[(1, 9, "SET a 1"), (2, 9, "SET b 1"), (3, 0, "DEL a")],
            "SELECT 9 SET a 1 SET b 1 SELECT 0 DEL a",
        );
    }

    #[test]
    fn a_unit_of_several_commands_is_a_transaction_behind_its_first_select() {
        check(
            &[(1, 9, "SET a 1"), (1, 9, "SET b 2"), (2, 9, "DEL b")],
            "SELECT 9 MULTI SET a 1 SET b 2 EXEC DEL b",
        );
        check(
            &[(1, 1, "SET a 1"), (1, 2, "SET b 2"), (1, 3, "SET c 3")],
            "SELECT 1 MULTI SET a 1 SELECT 2 SET b 2 SELECT 3 SET c 3 EXEC",
        );
    }

    #[test]
    fn what_followers_may_not_know_is_left_out() {
        check(
            &[
                (1, 9, "XADD s 1-0 a b"),
                (1, 9, "XIDMPRECORD s p n 1-0"),
                (2, 9, "XCFGSET s IDMP-DURATION 1 IDMP-MAXSIZE 2"),
            ],
            "SELECT 9 XADD s 1-0 a b",
        );
    }

    #[test]
    fn an_effect_of_several_commands_is_a_transaction() {
        let mut run = run(&[(1, 0, "DEL a")]);
        write_command(&mut run.bytes, &[&b"RPUSH"[..], b"a", b"x"]);
        run.records[0].end = run.bytes.len();
        let mut out = Vec::new();
        Encoder::default().push_all(&run, &mut out);
        assert_eq!(words(&out), "SELECT 0 MULTI DEL a RPUSH a x EXEC");
    }

    #[test]
    fn what_is_selected_is_known_from_run_to_run_until_somebody_new_follows() {
        let (mut encoder, mut out) = (Encoder::default(), Vec::new());
        encoder.push_all(&run(&[(1, 3, "SET a 1")]), &mut out);
        encoder.push_all(&run(&[(2, 3, "SET b 1")]), &mut out);
        encoder.forget_selected();
        encoder.push_all(&run(&[(3, 3, "SET c 1")]), &mut out);
        encoder.push_all(&Run::default(), &mut out);
        assert_eq!(words(&out), "SELECT 3 SET a 1 SET b 1 SELECT 3 SET c 1");
    }
}
