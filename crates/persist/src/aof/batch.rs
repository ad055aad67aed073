//! Batches: what was appended at once, behind a line that tells how to check it.
//!
//! ```text
//!   #BATCH:<number> <time> <synced> <length> <link> <content> <line>\r\n    then <length> bytes of whole commands
//! ```
//! The line is an annotation, which Redis and Valkey skip. Numbers are decimal, checksums eight hexadecimal digits of
//! CRC-32C. `content` is that of the commands, `line` that of the line before itself, and `link` is the `line` of the
//! batch before this one; annotations and commands that stand between the two are counted in, as if they followed that
//! line. So each line can be trusted on its own, and none can be missing, repeated or from another file. `synced` is
//! how many bytes of this file were known to be on disk when the batch was written: what is damaged before that place
//! was not torn by a crash.
//!
//! A file says that it has batches before it has any, by the line [`ANNOUNCEMENT`]. It is on disk before the first
//! batch is written, so that what a power cut leaves of that is known as what it is. Since a file begins before anybody
//! knows which batch will be its first, the line belongs to no chain.

use stdx::checksum::{crc32c, crc32c_of_more};
use stdx::number::{parse_i64, parse_u64, write_i64, write_u64};
use stdx::time::UnixMs;

/// A writer ends a batch with the unit that reaches this many bytes, for a reader has to hold all of it.
pub const BATCH_BYTES: usize = 256 << 10;
/// Says that batches follow, of the form that is told here.
pub const ANNOUNCEMENT: &[u8] = b"#BATCHES:1\r\n";
/// How the line of any form begins.
const ANNOUNCEMENT_NAME: &[u8] = b"#BATCHES:";
/// How the line of a batch begins.
const NAME: &[u8] = b"#BATCH:";
/// The longest line, its end included: four numbers, three checksums.
pub(super) const MAX_HEAD_BYTES: usize = NAME.len() + 4 * 21 + 3 * 9 + 2;

/// Whether a line announces batches; `None` if it is another one, and an error if they are of another form.
pub(super) fn announces(line: &[u8]) -> Option<Result<(), &'static str>> {
    line.starts_with(ANNOUNCEMENT_NAME).then(|| {
        (line == ANNOUNCEMENT).then_some(()).ok_or("it announces batches of a form that is not known here")
    })
}

/// Whether this is what a power cut may have left of an announcement: where its bytes have not come to the disk stand
/// zeros, or the file ends. Nothing else that is worth keeping is as short: not the line of a batch, and no command.
pub(super) fn is_left_of_announcement(bytes: &[u8]) -> bool {
    let is_left = |(&byte, &announced): (&u8, &u8)| byte == 0 || byte == announced;
    bytes.len() <= ANNOUNCEMENT.len() && bytes.iter().zip(ANNOUNCEMENT).all(is_left)
}

/// The place in the chain of batches that the next one follows on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Chain {
    /// The number of the last batch; 0 before the first.
    pub number: u64,
    /// What the next batch has to say of it.
    pub link: u32,
}

impl Chain {
    /// Counts in what stands between two batches.
    pub(super) fn pass(&mut self, bytes: &[u8]) {
        self.link = crc32c_of_more(self.link, bytes);
    }
}

/// What the line tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// Batches are counted from one.
    pub(super) number: u64,
    /// When it was written.
    pub(super) time: UnixMs,
    /// Bytes of the file that were on disk for sure.
    pub(super) synced: u64,
    /// Bytes of the commands.
    pub(super) length: u64,
    /// What the batch follows on.
    pub(super) link: u32,
    /// The checksum of the commands.
    pub(super) content: u32,
}

impl Head {
    /// Appends the line and returns its checksum.
    pub(super) fn write(&self, out: &mut Vec<u8>) -> u32 {
        let start = out.len();
        out.extend_from_slice(NAME);
        write_u64(out, self.number);
        out.push(b' ');
        write_i64(out, self.time.0);
        for number in [self.synced, self.length] {
            out.push(b' ');
            write_u64(out, number);
        }
        for checksum in [self.link, self.content] {
            out.push(b' ');
            write_hex(out, checksum);
        }
        let line = crc32c(&out[start..]);
        out.push(b' ');
        write_hex(out, line);
        out.extend_from_slice(b"\r\n");
        line
    }

    /// Reads a line with its end; `None` if it is another annotation, and an error if it is damaged. Gives the line's
    /// checksum, too.
    pub(super) fn parse(line: &[u8]) -> Option<Result<(Self, u32), &'static str>> {
        let fields = line.strip_prefix(NAME)?;
        Some(parse_fields(line, fields).ok_or("its line is damaged"))
    }
}

fn parse_fields(line: &[u8], fields: &[u8]) -> Option<(Head, u32)> {
    let fields = fields.strip_suffix(b"\r\n")?;
    let mut words = fields.split(|&byte| byte == b' ');
    let mut word = || words.next();
    let head = Head {
        number: parse_u64(word()?)?,
        time: UnixMs(parse_i64(word()?)?),
        synced: parse_u64(word()?)?,
        length: parse_u64(word()?)?,
        link: parse_hex(word()?)?,
        content: parse_hex(word()?)?,
    };
    let checksum = parse_hex(word()?)?;
    let checked = line.len() - " 01234567\r\n".len();
    (words.next().is_none() && crc32c(&line[..checked]) == checksum).then_some((head, checksum))
}

fn write_hex(out: &mut Vec<u8>, value: u32) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend((0..8).rev().map(|place| DIGITS[(value >> (4 * place) & 15) as usize]));
}

/// Exactly what [`write_hex`] writes.
fn parse_hex(text: &[u8]) -> Option<u32> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(u32::from(byte - b'0')),
        b'a'..=b'f' => Some(u32::from(byte - b'a') + 10),
        _ => None,
    };
    let whole = (text.len() == 8).then_some(0_u32)?;
    text.iter().try_fold(whole, |value, &byte| Some(value << 4 | digit(byte)?))
}

/// Puts lines before batches, and links them.
#[derive(Debug, Default)]
pub struct Framer {
    chain: Chain,
}

impl Framer {
    /// The first batch follows on this place.
    pub fn following(chain: Chain) -> Self {
        Self { chain }
    }

    /// The place that the next batch follows on.
    pub fn chain(&self) -> Chain {
        self.chain
    }

    /// Appends the annotation that tells a time to the second, as Redis writes it for recovery to a point
    /// in time. It belongs to no batch.
    pub fn annotate_time(&mut self, time: UnixMs, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(b"#TS:");
        write_i64(out, time.0 / 1000);
        out.extend_from_slice(b"\r\n");
        self.chain.pass(&out[start..]);
    }

    /// Appends what stands in no batch: whole commands and annotations.
    pub fn pass(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(bytes);
        self.chain.pass(bytes);
    }

    /// Appends whole commands as a batch. So many bytes of the file are on disk for sure.
    pub fn frame(&mut self, commands: &[u8], time: UnixMs, synced: u64, out: &mut Vec<u8>) {
        let Chain { number, link } = self.chain;
        let number = number + 1;
        let content = crc32c(commands);
        let length = commands.len() as u64;
        out.reserve(MAX_HEAD_BYTES + commands.len());
        let link = Head { number, time, synced, length, link, content }.write(out);
        out.extend_from_slice(commands);
        self.chain = Chain { number, link };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Head = Head {
        number: 7,
        time: UnixMs(1_700_000_000_123),
        synced: 400,
        length: 27,
        link: 0xff,
        content: 0xe306_9283,
    };

    #[test]
    fn a_line_survives_reading_and_writing() {
        for head in [
            HEAD,
            Head {
                number: u64::MAX,
                time: UnixMs(i64::MIN),
                synced: u64::MAX,
                length: u64::MAX,
                link: u32::MAX,
                content: 0,
            },
        ] {
            let mut line = Vec::new();
            let checksum = head.write(&mut line);
            assert!(line.len() <= MAX_HEAD_BYTES);
            assert_eq!(Head::parse(&line), Some(Ok((head, checksum))));
        }
        let mut line = Vec::new();
        HEAD.write(&mut line);
        let text = String::from_utf8(line).expect("ASCII");
        assert_eq!(text, "#BATCH:7 1700000000123 400 27 000000ff e3069283 914b59b6\r\n");
    }

    #[test]
    fn a_line_with_any_bit_changed_is_no_line_or_a_damaged_one() {
        let mut line = Vec::new();
        HEAD.write(&mut line);
        for bit in 0..8 * line.len() {
            let mut changed = line.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!matches!(Head::parse(&changed), Some(Ok(_))), "{}", changed.escape_ascii());
        }
        assert_eq!(Head::parse(b"#TS:1700000000\r\n"), None);
    }
}
