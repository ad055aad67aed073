//! The bytes of an increment (or of a base of commands) become commands again.
//!
//! A transaction is handed over whole, at its EXEC. Annotation lines (`#...`) are skipped. What the reader has handed
//! over ends at [`Reader::applied`]; bytes behind it are half a command or half a transaction, and a file that ends
//! there was cut by a crash. Zeros up to the end of the file are such a tail too: some file systems leave them after a
//! power cut, where the length of a file was durable and its content was not.

use std::fmt;
use std::ops::Range;

use resp::{Decoded, Limits, RequestDecoder};

use super::tail;

/// The longest argument that a file may hold is 4 GiB, far above what a client can send.
pub(super) const LIMITS: Limits = Limits { max_bulk_bytes: 4 << 30, auth_required: false };
/// The longest annotation line; Redis refuses longer ones.
const MAX_ANNOTATION_BYTES: usize = 1024;

/// Takes a command: a buffer, and where in it the arguments are. Its error is damage of the file.
pub type Apply<'f> = dyn FnMut(&[u8], &[Range<usize>]) -> Result<(), String> + 'f;

/// Why a file cannot be read on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Where the bytes begin that cannot be read.
    pub offset: u64,
    /// What is wrong with them.
    pub reason: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: {}", self.offset, self.reason)
    }
}

/// How a file ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// With a whole command or transaction, as it should.
    Whole,
    /// Inside one: a crash cut it. What is worth keeping ends at this offset.
    Torn(u64),
}

/// A command of a transaction that is not complete.
type Queued = (Vec<u8>, Vec<Range<usize>>);

/// See the module's text.
#[derive(Debug, Default)]
pub struct Reader {
    decoder: RequestDecoder,
    args: Vec<Range<usize>>,
    /// Bytes read.
    offset: u64,
    /// Bytes up to which commands were handed over.
    applied: u64,
    transaction: Option<Vec<Queued>>,
    /// Zeros began; nothing else may follow.
    zeros: bool,
}

impl Reader {
    /// A reader at an offset of a file (behind an RDB preamble, say).
    pub fn new(offset: u64) -> Self {
        Self { offset, applied: offset, ..Self::default() }
    }

    /// Reads as many whole commands as `bytes` holds, and returns how many bytes that were. `apply` gets the buffer and
    /// the ranges of the arguments in it; an error of it is damage.
    pub fn read(&mut self, bytes: &[u8], apply: &mut Apply<'_>) -> Result<usize, Damage> {
        let mut at = 0;
        while at < bytes.len() {
            match bytes[at] {
                0 => {
                    let zeros = bytes[at..].iter().take_while(|&&byte| byte == 0).count();
                    self.zeros = true;
                    at += zeros;
                    self.offset += zeros as u64;
                    continue;
                }
                b'#' if !self.zeros => match self.annotation(&bytes[at..])? {
                    Some(length) => {
                        self.advance(&mut at, length);
                        continue;
                    }
                    None => break,
                },
                b'*' if !self.zeros => {}
                byte => return Err(self.damage(format!("a command cannot begin with byte {byte:#04x}"))),
            }
            let mut args = std::mem::take(&mut self.args);
            args.clear();
            let decoded = self.decoder.decode(&bytes[at..], &LIMITS, &mut args);
            let consumed = match decoded {
                Ok(Decoded::Request { consumed }) => consumed,
                Ok(Decoded::Incomplete { .. }) => {
                    self.args = args;
                    break;
                }
                Ok(_) => return Err(self.damage("an empty command".to_owned())),
                Err(error) => return Err(self.damage(error.to_string())),
            };
            self.take_command(&bytes[at..at + consumed], &args, apply)?;
            self.args = args;
            self.advance(&mut at, consumed);
            if self.transaction.is_none() {
                self.applied = self.offset;
            }
        }
        Ok(at)
    }

    /// The file has ended; `rest` is what was not read of it. An error if that is not the trace of a crash: whole
    /// commands behind the place where reading stopped mean that something before them was damaged.
    pub fn end(&self, rest: &[u8]) -> Result<Tail, Damage> {
        if tail::holds_commands(rest) {
            let reason = "a command is broken, and whole commands follow it".to_owned();
            return Err(self.damage(reason));
        }
        let is_whole = rest.is_empty() && !self.zeros && self.transaction.is_none();
        Ok(if is_whole { Tail::Whole } else { Tail::Torn(self.applied) })
    }

    /// The length of the annotation at the beginning of `bytes`, its end included, if it is all there.
    fn annotation(&self, bytes: &[u8]) -> Result<Option<usize>, Damage> {
        let window = &bytes[..bytes.len().min(MAX_ANNOTATION_BYTES)];
        match window.iter().position(|&byte| byte == b'\n') {
            Some(end) => Ok(Some(end + 1)),
            None if window.len() < MAX_ANNOTATION_BYTES => Ok(None),
            None => Err(self.damage("an annotation line has no end".to_owned())),
        }
    }

    /// The end of the last command or transaction that was handed over.
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// Whether the bytes so far end inside a transaction.
    pub fn is_inside_transaction(&self) -> bool {
        self.transaction.is_some()
    }

    fn advance(&mut self, at: &mut usize, count: usize) {
        *at += count;
        self.offset += count as u64;
        if self.transaction.is_none() {
            self.applied = self.offset;
        }
    }

    fn take_command(
        &mut self,
        bytes: &[u8],
        args: &[Range<usize>],
        apply: &mut Apply<'_>,
    ) -> Result<(), Damage> {
        let name = &bytes[args[0].clone()];
        if name.eq_ignore_ascii_case(b"MULTI") {
            if self.transaction.replace(Vec::new()).is_some() {
                return Err(self.damage("a transaction inside a transaction".to_owned()));
            }
        } else if name.eq_ignore_ascii_case(b"EXEC") {
            let Some(queued) = self.transaction.take() else {
                return Err(self.damage("the end of a transaction that never began".to_owned()));
            };
            for (bytes, args) in &queued {
                apply(bytes, args).map_err(|reason| self.damage(reason))?;
            }
        } else if name.eq_ignore_ascii_case(b"DISCARD") && self.transaction.take().is_some() {
            // It never happened.
        } else if let Some(queued) = &mut self.transaction {
            queued.push((bytes.to_vec(), args.to_vec()));
        } else {
            apply(bytes, args).map_err(|reason| self.damage(reason))?;
        }
        Ok(())
    }

    fn damage(&self, reason: String) -> Damage {
        Damage { offset: self.offset, reason }
    }
}

#[cfg(test)]
mod tests {
    use resp::write_command;

    use super::*;

    fn file() -> Vec<u8> {
        let mut bytes = Vec::new();
        write_command(&mut bytes, &["SET", "a", "1"]);
        bytes.extend_from_slice(b"#TS:1700000000\r\n");
        write_command(&mut bytes, &["MULTI"]);
        write_command(&mut bytes, &["SET", "b", "2"]);
        write_command(&mut bytes, &["SET", "c", "3"]);
        write_command(&mut bytes, &["EXEC"]);
        bytes
    }

    /// The keys set by what a reader hands over, and where it stopped.
    fn read(bytes: &[u8], piece: usize) -> (String, u64) {
        let mut reader = Reader::new(0);
        let mut keys = String::new();
        let mut pending = Vec::new();
        for piece in bytes.chunks(piece) {
            pending.extend_from_slice(piece);
            let consumed = reader
                .read(&pending, &mut |buffer, args| {
                    keys.push_str(&String::from_utf8_lossy(&buffer[args[1].clone()]));
                    Ok(())
                })
                .expect("no damage");
            pending.drain(..consumed);
        }
        (keys, reader.applied())
    }

    #[test]
    fn any_way_to_cut_the_file_into_pieces_gives_the_same() {
        let file = file();
        for piece in 1..=file.len() {
            assert_eq!(read(&file, piece), ("abc".to_owned(), file.len() as u64), "pieces of {piece}");
        }
    }

    #[test]
    fn a_torn_file_gives_whole_commands_and_whole_transactions() {
        let file = file();
        for end in 0..file.len() {
            let (keys, applied) = read(&file[..end], 7);
            assert!(keys.is_empty() || keys == "a", "half a transaction is not applied");
            assert!(applied <= end as u64);
        }
    }

    #[test]
    fn damage_is_told_with_its_place() {
        let mut file = file();
        let place = file.len() as u64;
        file.extend_from_slice(b"garbage");
        let error = Reader::new(0).read(&file, &mut |_, _| Ok(())).expect_err("no command");
        assert_eq!(error.offset, place);
        let error = Reader::new(0).read(&file, &mut |_, _| Err("unknown".to_owned())).expect_err("refused");
        assert_eq!((error.offset, error.reason.as_str()), (0, "unknown"));
    }

    /// How a file ends that is read in pieces of 10 bytes.
    fn end(bytes: &[u8]) -> Result<Tail, Damage> {
        let mut reader = Reader::new(0);
        let mut pending = Vec::new();
        for piece in bytes.chunks(10) {
            pending.extend_from_slice(piece);
            let consumed = reader.read(&pending, &mut |_, _| Ok(()))?;
            pending.drain(..consumed);
        }
        reader.end(&pending)
    }

    #[test]
    fn zeros_at_the_end_are_a_torn_tail_and_zeros_before_more_are_damage() {
        let mut file = file();
        let whole = file.len() as u64;
        assert_eq!(end(&file), Ok(Tail::Whole));
        file.extend_from_slice(&[0; 100]);
        assert_eq!(end(&file), Ok(Tail::Torn(whole)));
        file.extend_from_slice(&self::file());
        assert_eq!(end(&file).expect_err("zeros inside").offset, whole + 100);
    }

    #[test]
    fn every_torn_tail_is_known_as_one() {
        let file = file();
        for length in 1..file.len() {
            let torn = end(&file[..length]).expect("torn, not damaged");
            assert!(torn == Tail::Whole || matches!(torn, Tail::Torn(whole) if whole < length as u64));
        }
    }

    #[test]
    fn a_length_that_swallows_what_follows_is_damage() {
        let file = String::from_utf8(file()).expect("ASCII").replacen("$1\r\n1", "$999\r\n1", 1);
        let error = end(file.as_bytes()).expect_err("damaged");
        assert_eq!(error.to_string(), "at byte 0: a command is broken, and whole commands follow it");
    }

    #[test]
    fn a_transaction_that_was_discarded_never_happened() {
        let mut bytes = Vec::new();
        for command in [&["MULTI"][..], &["SET", "a", "1"], &["DISCARD"], &["SET", "b", "1"]] {
            write_command(&mut bytes, command);
        }
        assert_eq!(read(&bytes, 9), ("b".to_owned(), bytes.len() as u64));
    }
}
