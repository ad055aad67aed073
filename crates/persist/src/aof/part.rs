//! What a file is made of, in the order in which it stands there.

use std::ops::Range;

use stdx::time::UnixMs;

use crate::Reason;
use crate::rdb::{Item, Run};

/// One part of a file.
#[derive(Debug)]
pub enum Part<'a> {
    /// A part of the RDB data.
    Item(Item<'a>),
    /// Keys of the RDB data, if they are wanted undecoded.
    Run(Run<'a>),
    /// A command: a buffer, and where in it the arguments are.
    Command(&'a [u8], &'a [Range<usize>]),
    /// What stands between commands. Whoever wants only the data may pass it over.
    Mark(Mark<'a>),
}

/// See [`Part::Mark`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark<'a> {
    /// A batch whose checksums and place are right. Its commands follow.
    Batch(Batch),
    /// The commands of the batch have all been handed over.
    EndOfBatch,
    /// So many commands follow that count together or not at all.
    Transaction(usize),
    /// The line [`super::ANNOUNCEMENT`].
    Announcement,
    /// A line that is neither a command nor part of a batch.
    Annotation {
        /// Where it begins.
        offset: u64,
        /// The line with its end.
        line: &'a [u8],
    },
}

/// A batch, as its line describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// Batches are counted from one.
    pub number: u64,
    /// When it was written.
    pub time: UnixMs,
    /// Where its line begins.
    pub offset: u64,
    /// Bytes of the line and of the commands.
    pub length: u64,
}

impl Mark<'_> {
    /// The time that it tells of what follows: that of a batch, or the second that an annotation of Redis names.
    pub fn time(&self) -> Option<UnixMs> {
        match self {
            Self::Batch(batch) => Some(batch.time),
            Self::EndOfBatch | Self::Transaction(_) | Self::Announcement => None,
            Self::Annotation { line, .. } => {
                let text = std::str::from_utf8(line.strip_prefix(b"#TS:")?).ok()?;
                text.trim_end().parse().ok().map(UnixMs::from_secs_saturating)
            }
        }
    }
}

/// Takes the parts; its error is why one is not taken.
pub type Take<'f> = dyn FnMut(Part<'_>) -> Result<(), Reason> + 'f;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_by_batches_and_by_annotations_of_redis() {
        let batch = Batch { number: 1, time: UnixMs(5), offset: 0, length: 9 };
        assert_eq!(Mark::Batch(batch).time(), Some(UnixMs(5)));
        assert_eq!(Mark::Transaction(2).time(), None);
        for (line, time) in [
            (&b"#TS:17\r\n"[..], Some(17_000)),
            (b"#TS:9223372036854775807\r\n", Some(i64::MAX)),
            (b"#TS:x\r\n", None),
            (b"#TS:\r\n", None),
            (b"#other\r\n", None),
            (b"#TS:\xff\r\n", None),
        ] {
            let mark = Mark::Annotation { offset: 0, line };
            assert_eq!(mark.time(), time.map(UnixMs), "{}", line.escape_ascii());
        }
    }
}
