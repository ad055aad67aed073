//! What SCAN, HSCAN, SSCAN and ZSCAN are asked, and how their replies are written.

use resp::write::Aggregate;
use stdx::glob::{self, Case};
use stdx::number::{parse_i64, write_u64};

use crate::args::{Args, Cursor};
use crate::commands::scan::parse_cursor;
use crate::error::Error;
use crate::reply::Reply;

/// How many keys or elements one call may visit: a larger COUNT is no error, but does not hold up the others.
const MAX_SCANNED: i64 = 16_384;

/// What is walked, which decides on options that only one command has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Walked {
    Keys,
    Fields,
    Members,
    Scored,
}

/// The options behind the cursor.
pub(super) struct ScanOptions<'a> {
    pattern: Option<&'a [u8]>,
    /// The type of the keys that are wanted.
    kind: Option<&'a [u8]>,
    pub(super) count: usize,
    /// Whether the values of fields are wanted, or the scores of members.
    pub(super) values: bool,
}

impl<'a> ScanOptions<'a> {
    pub(super) fn parse(mut cursor: Cursor<'a>, walked: Walked) -> Result<Self, Error> {
        let mut options = Self { pattern: None, kind: None, count: 10, values: true };
        while !cursor.is_done() {
            if cursor.take("COUNT") {
                let count = parse_i64(cursor.next_required()?).ok_or(Error::NotInteger)?;
                if count < 1 {
                    return Err(Error::Syntax);
                }
                options.count = count.min(MAX_SCANNED) as usize;
            } else if cursor.take("MATCH") {
                // `*` matches everything; no need to look.
                options.pattern = Some(cursor.next_required()?).filter(|pattern| *pattern != b"*");
            } else if walked == Walked::Keys && cursor.take("TYPE") {
                options.kind = Some(cursor.next_required()?);
            } else if cursor.take("NOVALUES") {
                if walked != Walked::Fields {
                    return Err(Error::Static("ERR NOVALUES option can only be used in HSCAN"));
                }
                options.values = false;
            } else if walked == Walked::Scored && cursor.take("NOSCORES") {
                options.values = false;
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(options)
    }

    /// Whether keys of a type are shown.
    pub(super) fn includes(&self, type_name: &str) -> bool {
        self.kind.is_none_or(|kind| kind.eq_ignore_ascii_case(type_name.as_bytes()))
    }

    /// Whether a key, field or element is shown.
    pub(super) fn matches(&self, element: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| glob::matches(pattern, element, Case::Sensitive))
    }
}

/// The cursor of a call.
pub(super) fn cursor(args: &Args<'_>) -> Result<u64, Error> {
    parse_cursor(args.get(2))
}

/// The reply for a key that is not there; its options are not looked at.
pub(super) fn write_nothing(reply: &mut Reply<'_>) {
    reply.array(2);
    reply.bulk("0");
    reply.array(0);
}

/// Writes what `scan` shows, which returns how many bulk strings it has written and the cursor to go on with.
pub(super) fn write(reply: &mut Reply<'_>, scan: impl FnOnce(&mut Reply<'_>) -> (usize, u64)) {
    reply.array(2);
    let begin = reply.buffer().len();
    let deferred = reply.defer();
    let (shown, next) = scan(reply);
    reply.finish(deferred, Aggregate::Array, shown);
    // The cursor comes first but is known last: it is written behind the elements and rotated to the front.
    let elements_end = reply.buffer().len();
    let mut text = Vec::with_capacity(20);
    write_u64(&mut text, next);
    reply.bulk(text);
    reply.buffer()[begin..].rotate_left(elements_end - begin);
}
