//! The arguments of a request, and a cursor that reads options from them.

use std::ops::Range;

use stdx::number::{parse_f64, parse_i64};

use crate::error::Error;

/// The arguments, the command's name first, as slices of the bytes that came from the socket.
#[derive(Debug, Clone, Copy)]
pub struct Args<'a> {
    buffer: &'a [u8],
    ranges: &'a [Range<usize>],
}

impl<'a> Args<'a> {
    /// Arguments that lie at `ranges` of a buffer.
    pub fn new(buffer: &'a [u8], ranges: &'a [Range<usize>]) -> Self {
        Self { buffer, ranges }
    }

    /// How many, the name included.
    #[inline]
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Whether there is not even a name.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// An argument.
    ///
    /// # Panics
    /// If there is none; the arity has been checked.
    #[inline]
    pub fn get(&self, index: usize) -> &'a [u8] {
        &self.buffer[self.ranges[index].clone()]
    }

    /// An argument, if there is one.
    pub fn get_optional(&self, index: usize) -> Option<&'a [u8]> {
        self.ranges.get(index).map(|range| &self.buffer[range.clone()])
    }

    /// All arguments from an index on.
    pub fn from(&self, index: usize) -> impl ExactSizeIterator<Item = &'a [u8]> + Clone + use<'a> {
        let (buffer, ranges) = (self.buffer, self.ranges);
        ranges[index.min(ranges.len())..].iter().map(move |range| &buffer[range.clone()])
    }

    /// An argument that must be an integer.
    pub fn integer(&self, index: usize) -> Result<i64, Error> {
        parse_i64(self.get(index)).ok_or(Error::NotInteger)
    }

    /// An argument that must be a number.
    pub fn float(&self, index: usize) -> Result<f64, Error> {
        parse_f64(self.get(index)).ok_or(Error::NotFloat)
    }

    /// Whether an argument is this word, in any case.
    pub fn is(&self, index: usize, word: &str) -> bool {
        self.get_optional(index).is_some_and(|argument| argument.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// A cursor at an argument.
    pub fn cursor(&self, at: usize) -> Cursor<'a> {
        Cursor { args: *self, at }
    }

    /// Bytes of the request, as a client sends it in RESP.
    pub fn request_bytes(&self) -> usize {
        let digits = |number: usize| number.checked_ilog10().unwrap_or(0) as usize + 1;
        let head = |number| 1 + digits(number) + 2;
        head(self.len()) + self.ranges.iter().map(|range| head(range.len()) + range.len() + 2).sum::<usize>()
    }

    /// A bound of [`Args::request_bytes`] that takes no look at each argument: they lie in their buffer in order.
    #[inline]
    pub fn most_request_bytes(&self) -> usize {
        const MOST_BESIDES: usize = 1 + 20 + 2 + 2;
        self.ranges.last().map_or(0, |last| last.end) + MOST_BESIDES * (self.len() + 1)
    }

    /// Bytes of all arguments.
    pub fn bytes(&self) -> usize {
        self.ranges.iter().map(ExactSizeIterator::len).sum()
    }
}

/// Arguments that outlive the buffer of the socket: a queued command, or one that the server makes itself.
#[derive(Debug, Clone, Default)]
pub struct OwnedArgs {
    buffer: Vec<u8>,
    ranges: Vec<Range<usize>>,
}

impl OwnedArgs {
    /// A copy of arguments.
    pub fn copy(args: &Args<'_>) -> Self {
        let mut copy =
            Self { buffer: Vec::with_capacity(args.bytes()), ranges: Vec::with_capacity(args.len()) };
        args.from(0).for_each(|word| copy.push(word));
        copy
    }

    fn push(&mut self, word: &[u8]) {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(word);
        self.ranges.push(start..self.buffer.len());
    }

    /// To be read.
    pub fn as_args(&self) -> Args<'_> {
        Args::new(&self.buffer, &self.ranges)
    }
}

impl<A: AsRef<[u8]>> FromIterator<A> for OwnedArgs {
    fn from_iter<I: IntoIterator<Item = A>>(words: I) -> Self {
        let mut owned = Self::default();
        words.into_iter().for_each(|word| owned.push(word.as_ref()));
        owned
    }
}

/// Reads arguments one by one; a missing one is a syntax error.
#[derive(Debug, Clone, Copy)]
pub struct Cursor<'a> {
    args: Args<'a>,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// The next argument, if there is one.
    pub fn next_optional(&mut self) -> Option<&'a [u8]> {
        let argument = self.args.get_optional(self.at)?;
        self.at += 1;
        Some(argument)
    }

    /// The next argument.
    pub fn next_required(&mut self) -> Result<&'a [u8], Error> {
        self.next_optional().ok_or(Error::Syntax)
    }

    /// The next argument, an integer.
    pub fn integer(&mut self) -> Result<i64, Error> {
        parse_i64(self.next_required()?).ok_or(Error::NotInteger)
    }

    /// Takes the next argument if it is this word, in any case.
    pub fn take(&mut self, word: &str) -> bool {
        let found = self.args.is(self.at, word);
        self.at += usize::from(found);
        found
    }

    /// Whether all arguments have been read.
    pub fn is_done(&self) -> bool {
        self.at >= self.args.len()
    }

    /// Arguments left.
    pub fn left(&self) -> usize {
        self.args.len() - self.at
    }

    /// The index of the next argument.
    pub fn position(&self) -> usize {
        self.at
    }

    /// An error if arguments are left.
    pub fn finish(&self) -> Result<(), Error> {
        if self.is_done() { Ok(()) } else { Err(Error::Syntax) }
    }
}
