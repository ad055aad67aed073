//! The bytes of an increment (or of a base of commands) become commands again.
//!
//! A transaction is handed over whole, at its EXEC. Annotation lines (`#...`) are skipped. What the reader has handed
//! over ends at [`Reader::applied`]; bytes behind it are half a command or half a transaction, and a file that ends
//! there was cut by a crash.

use std::fmt;
use std::ops::Range;

use resp::{Decoded, Limits, RequestDecoder};

/// The longest argument that a file may hold.
const LIMITS: Limits = Limits { max_bulk_bytes: 1 << 40, auth_required: false };

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

/// Runs a command: the buffer, and the ranges of the arguments in it.
pub type Apply<'a> = &'a mut dyn FnMut(&[u8], &[Range<usize>]) -> Result<(), String>;

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
}

impl Reader {
    /// A reader at an offset of a file (behind an RDB preamble, say).
    pub fn new(offset: u64) -> Self {
        Self { offset, applied: offset, ..Self::default() }
    }

    /// Reads as many whole commands as `bytes` holds, and returns how many bytes that were. `apply` gets the buffer and
    /// the ranges of the arguments in it; an error of it is damage.
    pub fn read(&mut self, bytes: &[u8], apply: Apply<'_>) -> Result<usize, Damage> {
        let mut at = 0;
        while at < bytes.len() {
            if bytes[at] == b'#' {
                let Some(end) = bytes[at..].iter().position(|&byte| byte == b'\n') else { break };
                self.advance(&mut at, end + 1);
                continue;
            }
            if bytes[at] != b'*' {
                return Err(self.damage(format!("a command cannot begin with byte {:#04x}", bytes[at])));
            }
            let mut args = std::mem::take(&mut self.args);
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

    fn take_command(&mut self, bytes: &[u8], args: &[Range<usize>], apply: Apply<'_>) -> Result<(), Damage> {
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
        file.extend_from_slice(&[0; 16]);
        let error = Reader::new(0).read(&file, &mut |_, _| Ok(())).expect_err("zeros are no command");
        assert_eq!(error.offset, place);
        let error = Reader::new(0).read(&file, &mut |_, _| Err("unknown".to_owned())).expect_err("refused");
        assert_eq!((error.offset, error.reason.as_str()), (0, "unknown"));
    }
}
