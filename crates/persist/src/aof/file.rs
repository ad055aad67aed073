//! A whole file of the append-only set, whatever it is made of: RDB, commands, or RDB and then commands, as Redis 4 to
//! 6 wrote it.

use super::batch::Chain;
use super::part::{Part, Take};
use super::reader::{Damage, LastBatch, Reader, Tail};
use crate::Reason;
use crate::rdb::{Decoder, Error, ReadOptions};

/// Bytes that tell RDB from commands.
const SIGNATURE_BYTES: usize = 6;

/// See the module's text.
#[derive(Debug)]
pub struct FileReader {
    options: ReadOptions,
    stage: Stage,
    /// What the first batch follows on.
    before: Option<Chain>,
    /// Bytes that came and are not read, except in the stage of RDB, whose decoder keeps its own.
    pending: Vec<u8>,
    /// Where the commands begin; none before that is known.
    commands_from: Option<u64>,
    /// How long a run of keys is handed over at once; 0: keys are handed over one by one.
    run_bytes: usize,
    is_snapshot: bool,
}

/// What is said of a file that should be RDB and is not.
const NO_RDB: &str = "this is no RDB file";

#[derive(Debug)]
enum Stage {
    Unknown,
    Rdb(Box<Decoder>),
    Commands(Box<Reader>),
    /// Behind a snapshot.
    PassedOver,
}

impl FileReader {
    /// A reader at the beginning of a file.
    pub fn new(options: ReadOptions) -> Self {
        Self {
            options,
            stage: Stage::Unknown,
            before: None,
            pending: Vec::new(),
            commands_from: None,
            run_bytes: 0,
            is_snapshot: false,
        }
    }

    /// The file is a snapshot: what lies behind the end of its RDB data is passed over,
    /// unless commands seem to begin there.
    #[must_use]
    pub fn of_snapshot(self) -> Self {
        Self { is_snapshot: true, ..self }
    }

    /// A reader that begins at an offset of a file, with commands. The first batch may follow on anything.
    pub fn of_commands(options: ReadOptions, offset: u64) -> Self {
        Self {
            stage: Stage::Commands(Box::new(Reader::new(offset))),
            commands_from: Some(offset),
            ..Self::new(options)
        }
    }

    /// The file's batches follow on those of the file before it.
    #[must_use]
    pub fn following(self, before: Option<Chain>) -> Self {
        let stage = match self.stage {
            Stage::Commands(reader) => Stage::Commands(Box::new(reader.following(before))),
            stage => stage,
        };
        Self { stage, before, ..self }
    }

    /// Keys are handed over undecoded, in runs of about so many bytes, where that is possible.
    #[must_use]
    pub fn in_runs(self, run_bytes: usize) -> Self {
        Self { run_bytes, ..self }
    }

    /// What the batches of the next file have to follow on; none if there was no batch yet.
    pub fn chain(&self) -> Option<Chain> {
        match &self.stage {
            Stage::Unknown | Stage::Rdb(_) | Stage::PassedOver => self.before,
            Stage::Commands(reader) => reader.chain(),
        }
    }

    /// Whether the file has announced batches.
    pub fn is_announced(&self) -> bool {
        match &self.stage {
            Stage::Unknown | Stage::Rdb(_) | Stage::PassedOver => false,
            Stage::Commands(reader) => reader.is_announced(),
        }
    }

    /// Takes bytes that were read from the file and hands over all parts that are whole.
    pub fn read(&mut self, bytes: &[u8], take: &mut Take<'_>) -> Result<(), Damage> {
        if let Stage::Rdb(decoder) = &mut self.stage {
            decoder.feed(bytes);
        } else {
            self.pending.extend_from_slice(bytes);
        }
        if matches!(self.stage, Stage::PassedOver) {
            self.pending.clear();
        }
        self.advance(false, take)
    }

    /// The file has ended. RDB data must be whole; commands may be torn.
    pub fn end(&mut self, take: &mut Take<'_>) -> Result<Tail, Damage> {
        self.advance(true, take)?;
        match &self.stage {
            Stage::Commands(reader) => reader.end(&self.pending),
            Stage::Unknown | Stage::Rdb(_) | Stage::PassedOver => Ok(Tail::Whole),
        }
    }

    /// Where the commands begin, behind the RDB data if there is some; none before that is known.
    pub fn commands_from(&self) -> Option<u64> {
        self.commands_from
    }

    /// The end of the last command or transaction that was handed over.
    pub fn applied(&self) -> u64 {
        match &self.stage {
            Stage::Unknown | Stage::Rdb(_) | Stage::PassedOver => 0,
            Stage::Commands(reader) => reader.applied(),
        }
    }

    /// Whether something was read that is torn or damaged; only the end of the file tells which.
    pub fn is_in_doubt(&self) -> bool {
        match &self.stage {
            Stage::Unknown | Stage::Rdb(_) | Stage::PassedOver => false,
            Stage::Commands(reader) => reader.is_in_doubt(),
        }
    }

    /// After a torn end: the last batch whose line stands in what was not handed over.
    pub fn last_lost(&self) -> Option<LastBatch> {
        match &self.stage {
            Stage::Unknown | Stage::Rdb(_) | Stage::PassedOver => None,
            Stage::Commands(reader) => reader.last_lost(&self.pending),
        }
    }

    fn advance(&mut self, is_last: bool, take: &mut Take<'_>) -> Result<(), Damage> {
        if matches!(self.stage, Stage::Unknown) {
            let is_too_short = self.pending.len() < SIGNATURE_BYTES && !is_last;
            // Nothing at all is a log without commands, but no snapshot.
            if is_too_short || (self.pending.is_empty() && !self.is_snapshot) {
                return Ok(());
            }
            self.stage = if self.pending.starts_with(b"REDIS") || self.pending.starts_with(b"VALKEY") {
                let mut decoder = Box::new(Decoder::new(self.options));
                decoder.feed(&std::mem::take(&mut self.pending));
                Stage::Rdb(decoder)
            } else if self.is_snapshot {
                return Err(Damage { offset: 0, batch: None, reason: NO_RDB.into() });
            } else {
                self.commands_from = Some(0);
                Stage::Commands(Box::new(Reader::new(0).following(self.before)))
            };
        }
        if let Stage::Rdb(decoder) = &mut self.stage {
            if is_last {
                decoder.end_input();
            }
            take_items(decoder, self.run_bytes, take)?;
            if !decoder.is_done() {
                return Ok(());
            }
            self.pending = decoder.rest().to_vec();
            self.commands_from = Some(decoder.offset());
            self.stage = {
                let reader = Reader::new(decoder.offset()).following(self.before);
                Stage::Commands(Box::new(reader))
            };
        }
        if let Stage::Commands(reader) = &mut self.stage {
            let is_behind = self.commands_from.is_some_and(|from| from > 0 && reader.applied() == from);
            if self.is_snapshot && is_behind && !self.pending.is_empty() {
                if !matches!(self.pending[0], b'*' | b'#') {
                    self.pending.clear();
                    self.stage = Stage::PassedOver;
                    return Ok(());
                }
                self.is_snapshot = false;
            }
            let consumed = reader.visit(&self.pending, take)?;
            self.pending.drain(..consumed);
        }
        Ok(())
    }
}

fn take_items(decoder: &mut Decoder, run_bytes: usize, take: &mut Take<'_>) -> Result<(), Damage> {
    loop {
        let offset = decoder.offset();
        if run_bytes > 0
            && let Some(run) = decoder.next_run(run_bytes)
        {
            take(Part::Run(run)).map_err(|reason| Damage { offset, batch: None, reason })?;
            continue;
        }
        match decoder.next_item() {
            Ok(Some(item)) => {
                take(Part::Item(item)).map_err(|reason| Damage { offset, batch: None, reason })?;
            }
            Ok(None) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

impl From<Error> for Damage {
    /// The place is told by the damage; the rest of the text is the problem's.
    fn from(error: Error) -> Self {
        let reason = match (&error.key, error.problem) {
            (None, problem) => problem.into(),
            (Some(key), problem) => Reason::Broken(format!("key '{}': {problem}", key.escape_ascii())),
        };
        Self { offset: error.offset, batch: None, reason }
    }
}

#[cfg(test)]
mod tests {
    use keyspace::DbIndex;
    use resp::write_command;
    use stdx::hash::HashKey;
    use stdx::time::UnixMs;
    use value::{Settings, StringRef, ValueRef, hash, list, set, stream, zset};

    use super::*;
    use crate::rdb::{Encoder, Item, Notes, WriteOptions};

    const OPTIONS: ReadOptions = ReadOptions {
        settings: Settings {
            hash: hash::Settings { max_packed_entries: 8, max_packed_value: 64, seed: HashKey([3, 4]) },
            list: list::Settings::of_parameter(-2),
            set: set::Settings::of_redis(HashKey([3, 4])),
            zset: zset::Settings::of_redis(HashKey([3, 4])),
            stream: stream::Settings::of_parameters(4096, 100),
        },
        max_string_bytes: 1 << 20,
        verify_checksum: true,
        skips_modules: false,
    };

    fn preamble() -> Vec<u8> {
        let notes = Notes {
            redis_version: "8.0.0",
            own_version: "0.1.0",
            created: UnixMs(0),
            used_memory: 0,
            is_aof_base: true,
        };
        let options = WriteOptions { compression: true, checksum: true, field_expiry: false };
        let mut out = Vec::new();
        let mut encoder = Encoder::new(options, &notes, &mut out);
        encoder.database(DbIndex(0), 1, 0, &mut out);
        encoder.entries(&mut out, |entries| {
            entries.push(b"a", ValueRef::String(StringRef::Inline(b"1")), None);
        });
        encoder.finish(&mut out);
        out
    }

    /// The keys of a file, and how it ends.
    fn keys(bytes: &[u8], piece: usize) -> Result<(String, Tail), Damage> {
        let mut reader = FileReader::new(OPTIONS);
        let mut keys = String::new();
        let mut take = |part: Part<'_>| {
            match part {
                Part::Item(Item::Entry(entry)) => keys.push_str(&String::from_utf8_lossy(&entry.key)),
                Part::Item(_) | Part::Run(_) | Part::Mark(_) => {}
                Part::Command(buffer, args) => {
                    keys.push_str(&String::from_utf8_lossy(&buffer[args[1].clone()]));
                }
            }
            Ok(())
        };
        for piece in bytes.chunks(piece) {
            reader.read(piece, &mut take)?;
        }
        let tail = reader.end(&mut take)?;
        Ok((keys, tail))
    }

    #[test]
    fn rdb_and_the_commands_behind_it_are_one_file() {
        let mut bytes = preamble();
        let length = bytes.len() as u64;
        for piece in [1, 7, 1000] {
            assert_eq!(keys(&bytes, piece), Ok(("a".to_owned(), Tail::Whole)));
        }
        write_command(&mut bytes, &["SET", "b", "2"]);
        write_command(&mut bytes, &["SET", "c", "2"]);
        for piece in [1, 7, 1000] {
            assert_eq!(keys(&bytes, piece), Ok(("abc".to_owned(), Tail::Whole)));
            let torn = &bytes[..length as usize + 5];
            assert_eq!(keys(torn, piece), Ok(("a".to_owned(), Tail::Torn(length))));
        }
    }

    #[test]
    fn what_lies_behind_a_snapshot_is_passed_over_unless_it_is_commands() {
        let length = preamble().len() as u64;
        for (behind, is_taken) in [
            (&b"\0\0\0\0"[..], true),
            (b"garbage", true),
            (b"*1\r\n$4\r\nPING\r\n", false),
            (b"#TS:1\r\n*1\r\n$4\r\nPING\r\n", false),
        ] {
            for piece in [1, 7, 1000] {
                let mut reader = FileReader::new(OPTIONS).of_snapshot();
                let mut take = |part: Part<'_>| match part {
                    Part::Command(..) => Err("a command".into()),
                    Part::Item(_) | Part::Run(_) | Part::Mark(_) => Ok(()),
                };
                let bytes = [&preamble(), behind].concat();
                let read = bytes.chunks(piece).try_for_each(|piece| reader.read(piece, &mut take));
                let end = read.and_then(|()| reader.end(&mut take));
                assert_eq!(end == Ok(Tail::Whole), is_taken, "{end:?}");
                assert_eq!(reader.commands_from(), Some(length));
            }
        }
    }

    #[test]
    fn what_begins_otherwise_is_no_snapshot() {
        for bytes in [&b""[..], b"garbage that is long enough", b"x", b"*1\r\n$4\r\nPING\r\n"] {
            let mut reader = FileReader::new(OPTIONS).of_snapshot();
            let read = reader.read(bytes, &mut |_| Ok(()));
            let end = read.and_then(|()| reader.end(&mut |_| Ok(())));
            assert_eq!(end.map_err(|damage| damage.reason), Err(NO_RDB.into()));
        }
    }

    #[test]
    fn a_cut_preamble_is_damage_and_an_empty_file_is_none() {
        let bytes = preamble();
        for end in SIGNATURE_BYTES..bytes.len() {
            let error = keys(&bytes[..end], 16).expect_err("cut");
            assert!(error.to_string().ends_with("the data ends too early"), "{error}");
        }
        assert_eq!(keys(b"", 1), Ok((String::new(), Tail::Whole)));
        assert_eq!(keys(b"*1\r\n", 1), Ok((String::new(), Tail::Torn(0))));
    }
}
