//! What servers answer, in either protocol, and what clients send.
//!
//! One `Encoder` call writes one value or one header. A type that RESP2 lacks is written as what Redis writes there: maps
//! and sets as arrays, doubles and big numbers as bulk strings, booleans as integers, pushes as arrays. So a command
//! handler says what it means and does not ask which protocol the client speaks.

use crate::Protocol;
use stdx::long_double::LongDouble;
use stdx::number::{write_f64, write_i64};

/// Writes replies for one connection to the end of a buffer.
#[derive(Debug)]
pub struct Encoder<'a> {
    out: &'a mut Vec<u8>,
    protocol: Protocol,
}

/// The place of a header whose count is not known yet; made by `Encoder::defer`.
#[derive(Debug)]
#[must_use = "the reply is malformed until the header is written"]
pub struct Deferred {
    at: usize,
}

impl<'a> Encoder<'a> {
    /// An encoder that appends to `out`.
    pub const fn new(out: &'a mut Vec<u8>, protocol: Protocol) -> Self {
        Self { out, protocol }
    }

    /// The protocol that is written.
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The buffer that is appended to.
    pub const fn buffer(&mut self) -> &mut Vec<u8> {
        self.out
    }

    /// Appends bytes that are already encoded.
    pub fn raw(&mut self, encoded: &[u8]) {
        self.out.extend_from_slice(encoded);
    }

    /// `+OK`.
    #[inline]
    pub fn ok(&mut self) {
        self.out.extend_from_slice(b"+OK\r\n");
    }

    /// A status of one line. CR and LF become spaces.
    pub fn simple(&mut self, text: impl AsRef<[u8]>) {
        self.line(b'+', text.as_ref());
    }

    /// An error, its code included (`ERR ..`, `WRONGTYPE ..`). CR and LF become spaces, so that text from a client cannot
    /// forge a second reply.
    pub fn error(&mut self, text: impl AsRef<[u8]>) {
        let text = text.as_ref();
        let trimmed = text.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
        self.line(b'-', &text[..trimmed]);
    }

    /// An integer.
    #[inline]
    pub fn integer(&mut self, value: i64) {
        self.header(b':', value);
    }

    /// A string of any bytes.
    #[inline]
    pub fn bulk(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        self.out.reserve(bytes.len() + 32);
        self.header(b'$', bytes.len() as i64);
        self.out.extend_from_slice(bytes);
        self.out.extend_from_slice(b"\r\n");
    }

    /// An integer written as a bulk string, as values that happen to be numbers are.
    pub fn bulk_integer(&mut self, value: i64) {
        self.header(b'$', stdx::number::decimal_len(value) as i64);
        write_i64(self.out, value);
        self.out.extend_from_slice(b"\r\n");
    }

    /// No value.
    #[inline]
    pub fn null(&mut self) {
        self.by_protocol(b"$-1\r\n", b"_\r\n");
    }

    /// No value where an array would stand; RESP3 knows one null only.
    pub fn null_array(&mut self) {
        self.by_protocol(b"*-1\r\n", b"_\r\n");
    }

    /// True or false; 1 or 0 in RESP2.
    pub fn boolean(&mut self, value: bool) {
        if value {
            self.by_protocol(b":1\r\n", b"#t\r\n");
        } else {
            self.by_protocol(b":0\r\n", b"#f\r\n");
        }
    }

    /// A double, as the shortest text that reads back as the same number.
    pub fn double(&mut self, value: f64) {
        self.number_text(|out| write_f64(out, value));
    }

    /// An extended float, with at most seventeen decimals.
    pub fn long_double(&mut self, value: LongDouble) {
        self.number_text(|out| value.write(out));
    }

    /// An integer beyond 64 bits, given as its decimal text. CR and LF become spaces.
    pub fn big_number(&mut self, decimal: impl AsRef<[u8]>) {
        let decimal = decimal.as_ref();
        if self.protocol == Protocol::Resp2 {
            self.header(b'$', decimal.len() as i64);
            self.text(decimal);
        } else {
            self.line(b'(', decimal);
        }
    }

    /// Text with a hint at its format, `txt` or `mkd`.
    pub fn verbatim(&mut self, format: [u8; 3], text: impl AsRef<[u8]>) {
        let text = text.as_ref();
        if self.protocol == Protocol::Resp2 {
            return self.bulk(text);
        }
        self.header(b'=', text.len() as i64 + 4);
        self.out.extend_from_slice(&format);
        self.out.push(b':');
        self.out.extend_from_slice(text);
        self.out.extend_from_slice(b"\r\n");
    }

    /// The header of an array; that many values follow.
    #[inline]
    pub fn array(&mut self, elements: usize) {
        self.header(b'*', elements as i64);
    }

    /// The header of a map; that many keys follow, each with its value.
    pub fn map(&mut self, pairs: usize) {
        self.aggregate(Aggregate::Map, pairs);
    }

    /// The header of a set.
    pub fn set(&mut self, elements: usize) {
        self.aggregate(Aggregate::Set, elements);
    }

    /// The header of a push, which is no reply but an event.
    pub fn push(&mut self, elements: usize) {
        self.aggregate(Aggregate::Push, elements);
    }

    /// The header of attributes about the next value. RESP2 has none: nothing is written, the answer is false, and the
    /// pairs must not be written either.
    pub fn attribute(&mut self, pairs: usize) -> bool {
        if self.protocol == Protocol::Resp3 {
            self.header(b'|', pairs as i64);
        }
        self.protocol == Protocol::Resp3
    }

    /// Marks the place of a header. Write the elements, then `finish` with their number.
    pub fn defer(&mut self) -> Deferred {
        Deferred { at: self.out.len() }
    }

    /// Puts the header in its place; `count` is as for `array`, `map`, `set` or `push`.
    #[expect(clippy::needless_pass_by_value, reason = "taking the token makes a second header impossible")]
    pub fn finish(&mut self, deferred: Deferred, kind: Aggregate, count: usize) {
        let end = self.out.len();
        self.aggregate(kind, count);
        // The header was written behind the elements; rotating brings it to the front.
        let header_bytes = self.out.len() - end;
        self.out[deferred.at..].rotate_right(header_bytes);
    }

    /// The header of any aggregate.
    pub fn aggregate(&mut self, kind: Aggregate, count: usize) {
        let (marker, count) = match (self.protocol, kind) {
            (Protocol::Resp2, Aggregate::Map) => (b'*', count.saturating_mul(2)),
            (Protocol::Resp2, _) | (_, Aggregate::Array) => (b'*', count),
            (Protocol::Resp3, Aggregate::Map) => (b'%', count),
            (Protocol::Resp3, Aggregate::Set) => (b'~', count),
            (Protocol::Resp3, Aggregate::Push) => (b'>', count),
        };
        self.header(marker, count as i64);
    }

    /// A marker, a number and the end of the line.
    #[inline]
    fn header(&mut self, marker: u8, number: i64) {
        if (0..10).contains(&number) {
            self.out.extend_from_slice(&[marker, b'0' + number as u8, b'\r', b'\n']);
            return;
        }
        if (10..100).contains(&number) {
            let digits = number as u8;
            self.out.extend_from_slice(&[marker, b'0' + digits / 10, b'0' + digits % 10, b'\r', b'\n']);
            return;
        }
        self.out.push(marker);
        write_i64(self.out, number);
        self.out.extend_from_slice(b"\r\n");
    }

    fn line(&mut self, marker: u8, text: &[u8]) {
        self.out.reserve(text.len() + 3);
        self.out.push(marker);
        self.text(text);
    }

    /// The rest of a line. CR and LF become spaces.
    fn text(&mut self, text: &[u8]) {
        let start = self.out.len();
        self.out.extend_from_slice(text);
        for byte in &mut self.out[start..] {
            if matches!(byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
        self.out.extend_from_slice(b"\r\n");
    }

    /// A number's text: a bulk string in RESP2, a line in RESP3.
    fn number_text(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if self.protocol == Protocol::Resp3 {
            self.out.push(b',');
            write(self.out);
            self.out.extend_from_slice(b"\r\n");
            return;
        }
        let start = self.out.len();
        write(self.out);
        let end = self.out.len();
        self.header(b'$', (end - start) as i64);
        let header_bytes = self.out.len() - end;
        self.out[start..].rotate_right(header_bytes);
        self.out.extend_from_slice(b"\r\n");
    }

    fn by_protocol(&mut self, resp2: &[u8], resp3: &[u8]) {
        self.out.extend_from_slice(match self.protocol {
            Protocol::Resp2 => resp2,
            Protocol::Resp3 => resp3,
        });
    }
}

/// The values that consist of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// Values in order.
    Array,
    /// Keys, each followed by its value.
    Map,
    /// Values without order and repetition.
    Set,
    /// An event.
    Push,
}

/// Appends a request: an array of bulk strings.
pub fn write_command<A: AsRef<[u8]>>(out: &mut Vec<u8>, args: &[A]) {
    let mut encoder = Encoder::new(out, Protocol::Resp2);
    encoder.array(args.len());
    for arg in args {
        encoder.bulk(arg);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(write: impl Fn(&mut Encoder<'_>), resp2: &str, resp3: &str) {
        for (protocol, expected) in [(Protocol::Resp2, resp2), (Protocol::Resp3, resp3)] {
            let mut out = b"before".to_vec();
            write(&mut Encoder::new(&mut out, protocol));
            assert_eq!(String::from_utf8_lossy(&out), format!("before{expected}"), "{protocol:?}");
        }
    }

    #[test]
    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "a method path is not general over both lifetimes"
    )]
    fn values_are_written_as_redis_writes_them() {
        check(|e| e.ok(), "+OK\r\n", "+OK\r\n");
        check(|e| e.simple("QUEUED"), "+QUEUED\r\n", "+QUEUED\r\n");
        check(|e| e.integer(-42), ":-42\r\n", ":-42\r\n");
        check(|e| e.bulk(b"a\r\nb"), "$4\r\na\r\nb\r\n", "$4\r\na\r\nb\r\n");
        check(|e| e.bulk_integer(-120), "$4\r\n-120\r\n", "$4\r\n-120\r\n");
        check(|e| e.null(), "$-1\r\n", "_\r\n");
        check(|e| e.null_array(), "*-1\r\n", "_\r\n");
        check(|e| e.boolean(true), ":1\r\n", "#t\r\n");
        check(|e| e.boolean(false), ":0\r\n", "#f\r\n");
        check(|e| e.double(3.5), "$3\r\n3.5\r\n", ",3.5\r\n");
        check(|e| e.double(f64::NEG_INFINITY), "$4\r\n-inf\r\n", ",-inf\r\n");
        check(|e| e.long_double(LongDouble::from(7)), "$1\r\n7\r\n", ",7\r\n");
        check(
            |e| e.big_number("12345678901234567890123"),
            "$23\r\n12345678901234567890123\r\n",
            "(12345678901234567890123\r\n",
        );
        check(|e| e.verbatim(*b"txt", "hi"), "$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n");
    }

    #[test]
    fn headers_fall_back_to_arrays() {
        check(|e| e.array(12), "*12\r\n", "*12\r\n");
        check(|e| e.map(12), "*24\r\n", "%12\r\n");
        check(|e| e.set(3), "*3\r\n", "~3\r\n");
        check(|e| e.push(3), "*3\r\n", ">3\r\n");
        check(|e| assert_eq!(e.attribute(1), e.protocol() == Protocol::Resp3), "", "|1\r\n");
    }

    #[test]
    fn text_cannot_break_out_of_its_line() {
        check(|e| e.error("ERR a\r\n+OK\r\n"), "-ERR a  +OK\r\n", "-ERR a  +OK\r\n");
        check(|e| e.error("\r\n"), "-\r\n", "-\r\n");
        check(|e| e.simple("a\nb"), "+a b\r\n", "+a b\r\n");
        check(|e| e.big_number("1\r2"), "$3\r\n1 2\r\n", "(1 2\r\n");
    }

    #[test]
    fn a_deferred_header_lands_before_its_elements() {
        let write = |e: &mut Encoder<'_>| {
            let outer = e.defer();
            e.bulk("k");
            let inner = e.defer();
            for n in 0..11 {
                e.integer(n);
            }
            e.finish(inner, Aggregate::Set, 11);
            e.finish(outer, Aggregate::Map, 1);
        };
        let items = (0..11).map(|n| format!(":{n}\r\n")).collect::<Vec<_>>().concat();
        check(
            write,
            &format!("*2\r\n$1\r\nk\r\n*11\r\n{items}"),
            &format!("%1\r\n$1\r\nk\r\n~11\r\n{items}"),
        );
    }

    #[test]
    fn a_command_is_an_array_of_bulk_strings() {
        let mut out = Vec::new();
        write_command(&mut out, &["GET", "key"]);
        assert_eq!(out, b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n");
    }
}
