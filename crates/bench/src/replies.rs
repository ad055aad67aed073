//! Counting replies without building them.
//!
//! A load generator only has to know how many replies have arrived and how many of them were errors. The counter
//! walks RESP2 and RESP3 bytes, keeps its place between reads, and holds no reply. The depth of nesting and
//! the lengths are bounded, so a hostile server cannot make it grow.

/// The deepest nesting of aggregates that is followed.
const MAX_DEPTH: usize = 64;
/// The longest line of a reply's header.
const MAX_LINE: usize = 64 * 1024;

/// Why a stream of replies cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// A byte that begins no reply.
    Type(u8),
    /// A length that is no number.
    Length,
    /// Nesting deeper than [`MAX_DEPTH`].
    Depth,
    /// A header longer than [`MAX_LINE`].
    Line,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Type(byte) => write!(f, "a reply cannot begin with {:?}", char::from(*byte)),
            Self::Length => f.write_str("a reply has a length that is no number"),
            Self::Depth => f.write_str("a reply is nested too deeply"),
            Self::Line => f.write_str("a reply has an endless header"),
        }
    }
}

/// Error replies.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Errors {
    /// How many.
    pub count: u64,
    /// The text of the first.
    pub first: Option<String>,
}

impl Errors {
    /// Adds errors that came later.
    pub fn add(&mut self, later: Self) {
        self.count += later.count;
        self.first = self.first.take().or(later.first);
    }
}

/// The place in a stream of replies.
#[derive(Debug, Default)]
pub struct ReplyCounter {
    /// Elements still to come on each open level.
    open: Vec<u64>,
    /// Bytes of a bulk (with its line end) still to come.
    bulk: u64,
    /// The beginning of a header line that was cut by the end of a read.
    line: Vec<u8>,
    /// Replies that were errors, and the text of the first, since they were last taken.
    errors: Errors,
    /// Whether the bulk that is being walked is an error, and what of its text has come.
    bulk_error: Option<Vec<u8>>,
    /// Whether an attribute or push is being walked, which is no reply of its own.
    aside: bool,
}

impl ReplyCounter {
    /// Walks `bytes` and returns how many replies ended in them.
    pub fn count(&mut self, mut bytes: &[u8]) -> Result<u64, Broken> {
        let mut replies = 0;
        while !bytes.is_empty() {
            if self.bulk > 0 {
                let (passed, rest) = bytes.split_at(self.bulk.min(bytes.len() as u64) as usize);
                bytes = rest;
                replies += self.pass_bulk(passed);
                continue;
            }
            let Some(end) = bytes.iter().position(|&byte| byte == b'\n') else {
                self.line.extend_from_slice(bytes);
                return if self.line.len() > MAX_LINE { Err(Broken::Line) } else { Ok(replies) };
            };
            let (line, rest) = bytes.split_at(end + 1);
            bytes = rest;
            if self.line.is_empty() {
                replies += self.header(line)?;
            } else {
                let mut whole = std::mem::take(&mut self.line);
                whole.extend_from_slice(line);
                replies += self.header(&whole)?;
            }
        }
        Ok(replies)
    }

    /// The error replies since the last call.
    pub fn take_errors(&mut self) -> Errors {
        std::mem::take(&mut self.errors)
    }

    /// Bytes of a bulk; returns the replies that end with them.
    fn pass_bulk(&mut self, bytes: &[u8]) -> u64 {
        self.bulk -= bytes.len() as u64;
        if let Some(text) = &mut self.bulk_error {
            let room = MAX_LINE - text.len();
            text.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
        if self.bulk > 0 {
            return 0;
        }
        if let Some(text) = self.bulk_error.take() {
            self.note_error(text.trim_ascii_end());
        }
        self.end_element()
    }

    /// An error that is a reply of its own is counted; one inside an array, as EXEC gives it, is an element.
    fn note_error(&mut self, text: &[u8]) {
        if self.open.is_empty() {
            let first = self.errors.first.is_none().then(|| String::from_utf8_lossy(text).into_owned());
            self.errors.add(Errors { count: 1, first });
        }
    }

    /// A header line, its line end included; returns the replies that end with it.
    fn header(&mut self, line: &[u8]) -> Result<u64, Broken> {
        let text = line.strip_suffix(b"\r\n").or_else(|| line.strip_suffix(b"\n")).unwrap_or(line);
        let (&kind, text) = text.split_first().ok_or(Broken::Type(b'\n'))?;
        match kind {
            b'-' => {
                self.note_error(text);
                Ok(self.end_element())
            }
            b'+' | b':' | b'_' | b'#' | b',' | b'(' => Ok(self.end_element()),
            b'$' | b'=' | b'!' => match number(text)? {
                None => Ok(self.end_element()),
                Some(length) => {
                    self.bulk = length.saturating_add(2);
                    self.bulk_error = (kind == b'!').then(Vec::new);
                    Ok(0)
                }
            },
            b'*' | b'~' => self.aggregate(number(text)?, 1),
            b'%' => self.aggregate(number(text)?, 2),
            b'>' => {
                self.aside |= self.open.is_empty();
                self.aggregate(number(text)?, 1)
            }
            b'|' => {
                self.aside |= self.open.is_empty();
                self.aggregate(number(text)?, 2)
            }
            other => Err(Broken::Type(other)),
        }
    }

    fn aggregate(&mut self, count: Option<u64>, width: u64) -> Result<u64, Broken> {
        match count {
            None | Some(0) => Ok(self.end_element()),
            Some(_) if self.open.len() == MAX_DEPTH => Err(Broken::Depth),
            Some(count) => {
                self.open.push(count.saturating_mul(width));
                Ok(0)
            }
        }
    }

    /// One element is complete, and with it perhaps the levels above; 1 if a whole reply is.
    fn end_element(&mut self) -> u64 {
        while let Some(left) = self.open.last_mut() {
            *left -= 1;
            if *left > 0 {
                return 0;
            }
            self.open.pop();
        }
        u64::from(!std::mem::take(&mut self.aside))
    }
}

/// A length; `None` for the null forms `-1`.
fn number(text: &[u8]) -> Result<Option<u64>, Broken> {
    let text = std::str::from_utf8(text).map_err(|_| Broken::Length)?;
    if text == "-1" {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| Broken::Length)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] =
        b"+OK\r\n:5\r\n$3\r\na\r\n\r\n$-1\r\n*2\r\n$1\r\nx\r\n*1\r\n:1\r\n-ERR no\r\n%1\r\n+k\r\n,1.5\r\n>2\r\n+a\r\n+b\r\n*0\r\n_\r\n";

    #[test]
    fn replies_are_counted_and_pushes_are_not() {
        let mut counter = ReplyCounter::default();
        assert_eq!(counter.count(STREAM), Ok(9));
        assert_eq!(counter.take_errors(), Errors { count: 1, first: Some("ERR no".to_owned()) });
        assert_eq!(counter.take_errors(), Errors::default());
    }

    #[test]
    fn errors_are_counted_one_by_one_and_those_inside_an_array_are_not() {
        let mut counter = ReplyCounter::default();
        assert_eq!(counter.count(b"-ERR a\r\n*1\r\n-ERR b\r\n!5\r\nER"), Ok(2));
        assert_eq!(counter.count(b"R c\r\n-ERR d\r\n"), Ok(2));
        assert_eq!(counter.take_errors(), Errors { count: 3, first: Some("ERR a".to_owned()) });
        assert_eq!(counter.count(b"!5\r\nERR e\r\n"), Ok(1));
        assert_eq!(counter.take_errors().first.as_deref(), Some("ERR e"));
    }

    #[test]
    fn every_way_to_cut_the_stream_counts_the_same() {
        for cut in 0..STREAM.len() {
            let mut counter = ReplyCounter::default();
            let first = counter.count(&STREAM[..cut]).expect("valid");
            let second = counter.count(&STREAM[cut..]).expect("valid");
            assert_eq!(first + second, 9, "cut at {cut}");
        }
    }

    #[test]
    fn nesting_without_end_is_refused() {
        let mut counter = ReplyCounter::default();
        assert_eq!(counter.count(&b"*1\r\n".repeat(MAX_DEPTH + 1)), Err(Broken::Depth));
        assert_eq!(ReplyCounter::default().count(b"$x\r\n"), Err(Broken::Length));
        assert_eq!(ReplyCounter::default().count(b"?\r\n"), Err(Broken::Type(b'?')));
    }
}
