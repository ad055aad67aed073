//! The bytes of an increment (or of a base of commands) become commands again.
//!
//! A batch is handed over when its checksum has been found right, a transaction outside of batches at its EXEC. Other
//! annotation lines (`#...`) are passed over. What the reader has handed over ends at [`Reader::applied`]; what lies
//! behind it is half of something, and a file that ends there was cut by a crash. Commands that stand in no batch, as
//! Redis writes them, count as they are, before and behind those in batches.
//!
//! From the first thing on that cannot be read nothing is handed over; `doubt.rs` tells how it is known
//! whether a power cut has torn it.

use std::fmt;
use std::ops::Range;

use resp::{Decoded, Limits, RequestDecoder};
use stdx::checksum::crc32c;
use stdx::time::UnixMs;

use super::batch::{self, Chain, Head};
use super::doubt::Doubt;
use super::part::{Batch, Mark, Part, Take};
use super::tail;
use crate::Reason;

/// The longest argument that a file may hold is 4 GiB, far above what a client can send.
pub(super) const LIMITS: Limits = Limits { max_bulk_bytes: 4 << 30, auth_required: false };
/// The longest annotation line; Redis refuses longer ones.
const MAX_ANNOTATION_BYTES: usize = 1024;

/// Takes a command: a buffer, and where in it the arguments are. Its error is damage of the file.
pub type Apply<'f> = dyn FnMut(&[u8], &[Range<usize>]) -> Result<(), Reason> + 'f;

/// Why a file cannot be read on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Where the bytes begin that cannot be read.
    pub offset: u64,
    /// The number of the batch they belong to.
    pub batch: Option<u64>,
    /// What is wrong with them.
    pub reason: Reason,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: ", self.offset)?;
        self.batch.map_or(Ok(()), |number| write!(f, "batch {number}: "))?;
        self.reason.fmt(f)
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

impl Tail {
    /// Where what is worth keeping ends, in a file of so many bytes.
    pub fn place(self, length: u64) -> u64 {
        match self {
            Self::Whole => length,
            Self::Torn(whole) => whole,
        }
    }
}

/// What is known of the last batch that a crash has cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastBatch {
    /// Its number.
    pub number: u64,
    /// When it was written.
    pub time: UnixMs,
}

impl LastBatch {
    pub(super) fn of(head: &Head) -> Self {
        Self { number: head.number, time: head.time }
    }
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
    /// The chain of batches at these two places; none before the first batch, which may follow on anything.
    read_chain: Option<Chain>,
    applied_chain: Option<Chain>,
    /// Whether it is known that there are batches.
    is_announced: bool,
    /// The batch that is being handed over.
    batch: Option<u64>,
    transaction: Option<Vec<Queued>>,
    /// What cannot be read began; nothing is handed over any more.
    doubt: Option<Doubt>,
}

impl Reader {
    /// A reader at an offset of a file (behind an RDB preamble, say).
    pub fn new(offset: u64) -> Self {
        Self { offset, applied: offset, ..Self::default() }
    }

    /// The batches follow on those of the file before.
    #[must_use]
    pub fn following(mut self, chain: Option<Chain>) -> Self {
        (self.read_chain, self.applied_chain) = (chain, chain);
        self
    }

    /// Reads as much of `bytes` as is whole, and returns how many bytes that were. `apply` gets the buffer and the
    /// ranges of the arguments in it; an error of it is damage.
    pub fn read(&mut self, bytes: &[u8], apply: &mut Apply<'_>) -> Result<usize, Damage> {
        self.visit(bytes, &mut |part| match part {
            Part::Command(buffer, args) => apply(buffer, args),
            Part::Item(_) | Part::Run(_) | Part::Mark(_) => Ok(()),
        })
    }

    /// As [`Reader::read`], with what stands between the commands.
    pub fn visit(&mut self, bytes: &[u8], take: &mut Take<'_>) -> Result<usize, Damage> {
        let mut at = 0;
        while at < bytes.len() && self.doubt.is_none() {
            let rest = &bytes[at..];
            let length = match rest[0] {
                0 => {
                    self.suspect("zeros stand where a command should begin", None);
                    break;
                }
                b'#' => self.line(rest, take)?,
                b'*' => self.command(rest, take)?,
                byte => return Err(self.damage(format!("a command cannot begin with byte {byte:#04x}"))),
            };
            let Some(length) = length else { break };
            at += length;
        }
        if let Some(doubt) = &mut self.doubt {
            doubt.look(&bytes[at..]);
            at = bytes.len();
        }
        Ok(at)
    }

    /// The file has ended; `rest` is what was not read of it. An error if that is not the trace of a crash.
    pub fn end(&self, rest: &[u8]) -> Result<Tail, Damage> {
        if let Some(doubt) = &self.doubt {
            return doubt.end().map(|()| Tail::Torn(self.applied));
        }
        // Half a batch may end with whole commands; how long it was to be is known for sure.
        if half_batch(rest).is_none() && tail::holds_commands(rest) {
            return Err(self.damage("a command is broken, and whole commands follow it"));
        }
        let is_whole = rest.is_empty() && self.transaction.is_none();
        Ok(if is_whole { Tail::Whole } else { Tail::Torn(self.applied) })
    }

    /// The last batch whose line stands in what was not handed over, of which `rest` was not read.
    pub fn last_lost(&self, rest: &[u8]) -> Option<LastBatch> {
        match &self.doubt {
            Some(doubt) => doubt.last(),
            None => half_batch(rest).as_ref().map(LastBatch::of),
        }
    }

    /// The end of the last batch, command or transaction that was handed over.
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// Whether batches were announced, so that what a power cut leaves of the first one is known as what it is.
    pub fn is_announced(&self) -> bool {
        self.is_announced
    }

    /// What the next batch behind that place has to follow on; none if there was no batch.
    pub fn chain(&self) -> Option<Chain> {
        self.applied_chain
    }

    /// Whether something was read that is torn or damaged; only the end of the file tells which.
    pub fn is_in_doubt(&self) -> bool {
        self.doubt.is_some()
    }

    /// Reads an annotation, and the batch behind it if it announces one. Returns its length, if it is all there.
    fn line(&mut self, rest: &[u8], take: &mut Take<'_>) -> Result<Option<usize>, Damage> {
        let window = &rest[..rest.len().min(MAX_ANNOTATION_BYTES)];
        let end = line_end(window);
        if window[..end.unwrap_or(window.len())].contains(&0) {
            self.suspect("an annotation holds zeros", None);
            return Ok(None);
        }
        let Some(end) = end else {
            return match window.len() {
                MAX_ANNOTATION_BYTES => Err(self.damage("an annotation line has no end")),
                _ => Ok(None),
            };
        };
        match Head::parse(&rest[..end]) {
            None => self.annotation(&rest[..end], take).map(|()| Some(end)),
            Some(Err(reason)) => {
                self.suspect(reason, None);
                Ok(None)
            }
            Some(Ok((head, line))) => self.take_batch(rest, end, head, line, take),
        }
    }

    /// Takes a line that is not that of a batch.
    fn annotation(&mut self, line: &[u8], take: &mut Take<'_>) -> Result<(), Damage> {
        let (offset, announced) = (self.offset, batch::announces(line));
        let mark = match announced {
            Some(Ok(())) => Mark::Announcement,
            Some(Err(reason)) => return Err(self.damage(reason)),
            None => Mark::Annotation { offset, line },
        };
        take(Part::Mark(mark)).map_err(|reason| self.damage(reason))?;
        if announced.is_none() {
            self.pass(line);
            return Ok(());
        }
        self.is_announced = true;
        self.offset += line.len() as u64;
        self.settle();
        Ok(())
    }

    fn take_batch(
        &mut self,
        rest: &[u8],
        start: usize,
        head: Head,
        line: u32,
        take: &mut Take<'_>,
    ) -> Result<Option<usize>, Damage> {
        self.batch = Some(head.number);
        self.check_place(head)?;
        let end = start.saturating_add(usize::try_from(head.length).unwrap_or(usize::MAX));
        let Some(commands) = rest.get(start..end) else {
            self.batch = None;
            return Ok(None);
        };
        if crc32c(commands) != head.content {
            self.suspect("its content does not have the checksum that its line tells", Some((head, end)));
            return Ok(None);
        }
        let batch = Batch { number: head.number, time: head.time, offset: self.offset, length: end as u64 };
        take(Part::Mark(Mark::Batch(batch))).map_err(|reason| self.damage(reason))?;
        self.offset += start as u64;
        self.take_commands(commands, take)?;
        take(Part::Mark(Mark::EndOfBatch)).map_err(|reason| self.damage(reason))?;
        self.read_chain = Some(Chain { number: head.number, link: line });
        self.batch = None;
        self.settle();
        Ok(Some(end))
    }

    /// A batch must follow on what was read before it.
    fn check_place(&self, head: Head) -> Result<(), Damage> {
        if self.transaction.is_some() {
            return Err(self.damage("it begins inside a transaction"));
        }
        match self.read_chain {
            Some(chain) if head.number != chain.number.wrapping_add(1) => {
                Err(self.damage(format!("it stands where batch {} belongs", chain.number.wrapping_add(1))))
            }
            Some(chain) if head.link != chain.link => {
                Err(self.damage("it does not follow on what stands before it"))
            }
            _ => Ok(()),
        }
    }

    /// Hands over the commands of a batch.
    fn take_commands(&mut self, commands: &[u8], take: &mut Take<'_>) -> Result<(), Damage> {
        let mut at = 0;
        while at < commands.len() {
            let Some(length) = self.take_next(&commands[at..], take)? else { break };
            at += length;
            self.offset += length as u64;
        }
        let is_whole = at == commands.len() && self.transaction.is_none();
        if is_whole { Ok(()) } else { Err(self.damage("it ends inside a command or a transaction")) }
    }

    /// Reads a command that stands in no batch. Returns its length, if it is all there.
    fn command(&mut self, rest: &[u8], take: &mut Take<'_>) -> Result<Option<usize>, Damage> {
        let length = self.take_next(rest, take)?;
        if let Some(length) = length {
            self.pass(&rest[..length]);
        }
        Ok(length)
    }

    /// Counts in what stands in no batch and has been read.
    fn pass(&mut self, bytes: &[u8]) {
        if let Some(chain) = &mut self.read_chain {
            chain.pass(bytes);
        }
        self.offset += bytes.len() as u64;
        self.settle();
    }

    /// What has been read has been handed over, unless it is half a transaction.
    fn settle(&mut self) {
        if self.transaction.is_none() {
            self.applied = self.offset;
            self.applied_chain = self.read_chain;
        }
    }

    fn take_next(&mut self, bytes: &[u8], take: &mut Take<'_>) -> Result<Option<usize>, Damage> {
        let mut args = std::mem::take(&mut self.args);
        args.clear();
        let result = match self.decoder.decode(bytes, &LIMITS, &mut args) {
            Ok(Decoded::Request { consumed }) => {
                self.take_command(&bytes[..consumed], &args, take).map(|()| Some(consumed))
            }
            Ok(Decoded::Incomplete { .. }) => Ok(None),
            Ok(_) => Err(self.damage("an empty command")),
            Err(error) => Err(self.damage(error.to_string())),
        };
        self.args = args;
        result
    }

    fn take_command(
        &mut self,
        bytes: &[u8],
        args: &[Range<usize>],
        take: &mut Take<'_>,
    ) -> Result<(), Damage> {
        let name = &bytes[args[0].clone()];
        if name.eq_ignore_ascii_case(b"MULTI") {
            if self.transaction.replace(Vec::new()).is_some() {
                return Err(self.damage("a transaction inside a transaction"));
            }
        } else if name.eq_ignore_ascii_case(b"EXEC") {
            let Some(queued) = self.transaction.take() else {
                return Err(self.damage("the end of a transaction that never began"));
            };
            take(Part::Mark(Mark::Transaction(queued.len()))).map_err(|reason| self.damage(reason))?;
            for (bytes, args) in &queued {
                take(Part::Command(bytes, args)).map_err(|reason| self.damage(reason))?;
            }
        } else if name.eq_ignore_ascii_case(b"DISCARD") && self.transaction.take().is_some() {
            // It never happened.
        } else if let Some(queued) = &mut self.transaction {
            queued.push((bytes.to_vec(), args.to_vec()));
        } else {
            take(Part::Command(bytes, args)).map_err(|reason| self.damage(reason))?;
        }
        Ok(())
    }

    fn damage(&self, reason: impl Into<Reason>) -> Damage {
        Damage { offset: self.offset, batch: self.batch, reason: reason.into() }
    }

    /// What follows cannot be read. `batch` is what its line tells of the batch in doubt, and its length with
    /// the line, if the line is sound.
    fn suspect(&mut self, reason: &str, batch: Option<(Head, usize)>) {
        let before = self.read_chain.map(|chain| chain.number);
        let expected = before.map(|number| number.wrapping_add(1));
        let damage = Damage { batch: self.batch.or(expected), ..self.damage(reason) };
        let batch = batch.map(|(head, length)| (head, self.offset + length as u64));
        let before = before.or(self.is_announced.then_some(0));
        self.doubt = Some(Doubt::new(damage, batch, before));
    }
}

/// What the line tells that bytes begin with, if they begin with that of a batch.
fn half_batch(rest: &[u8]) -> Option<Head> {
    let line = &rest[..line_end(rest)?];
    Head::parse(line)?.ok().map(|(head, _)| head)
}

/// Where the first line ends, its end included.
fn line_end(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|&byte| byte == b'\n').map(|end| end + 1)
}

#[cfg(test)]
mod tests;
