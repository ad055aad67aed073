//! Many entries on their way to a client. How many they are is known when the last one is written.

use resp::Protocol;
use resp::write::Aggregate;
use value::Stream;
use value::stream::{Entry, Id};

use super::write_entry;
use crate::command::Outcome;
use crate::computing::Answer;
use crate::reply::Reply;
use crate::slices::{Pieces, Progress};

/// Entries that are written in one step.
const STEP_ENTRIES: usize = 256;

/// The IDs from which entries are shown, both included, and the direction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) first: Id,
    pub(super) last: Id,
    pub(super) is_backward: bool,
}

/// See the module's text.
#[derive(Debug)]
pub(super) struct Gathering {
    stream: Stream,
    /// What has still to be shown, and how many of it.
    span: Option<Span>,
    left: usize,
    protocol: Protocol,
    /// Those that are written, and how many they are.
    entries: Pieces,
    written: usize,
}

impl Gathering {
    /// Up to `count` entries of a span, as they are now.
    pub(super) fn new(stream: &Stream, span: Span, count: usize, protocol: Protocol) -> Self {
        let (stream, span) = (stream.clone(), Some(span));
        Self { stream, span, left: count, protocol, entries: Pieces::default(), written: 0 }
    }

    /// Writes some entries; the ID of the last one, if there may be more.
    fn write_some(&mut self, span: Span) -> Option<Id> {
        let count = self.left.min(STEP_ENTRIES);
        let mut reply = Reply::new(self.entries.last(), self.protocol);
        let (mut written, mut last) = (0, None);
        let mut write = |entry: Entry<'_>| {
            write_entry(&mut reply, &entry);
            written += 1;
            last = Some(entry.id());
        };
        if span.is_backward {
            self.stream.range_back(span.first, span.last).take(count).for_each(&mut write);
        } else {
            self.stream.range(span.first, span.last).take(count).for_each(&mut write);
        }
        self.written += written;
        self.left -= written;
        last.filter(|_| written == count && self.left > 0)
    }
}

impl Answer for Gathering {
    fn step(&mut self) -> Progress {
        let Some(span) = self.span else { return Progress::Done };
        self.span = self.write_some(span).and_then(|id| {
            Some(if span.is_backward {
                Span { last: id.previous()?, ..span }
            } else {
                Span { first: id.next()?, ..span }
            })
        });
        if self.span.is_some() { Progress::More } else { Progress::Done }
    }

    fn write(&mut self, reply: &mut Reply<'_>) -> Outcome {
        reply.array(self.written);
        self.entries.write(reply);
        Ok(())
    }
}

/// The entries of several streams, in one reply.
#[derive(Debug)]
pub(super) struct Reading {
    /// Each with its key.
    streams: Vec<(Vec<u8>, Gathering)>,
    /// The stream that is read.
    at: usize,
    /// Entries that may still come.
    left: usize,
}

impl Reading {
    /// Up to so many entries of all streams together; each has some.
    pub(super) fn new(streams: Vec<(Vec<u8>, Gathering)>, most: usize) -> Self {
        Self { streams, at: 0, left: most }
    }
}

impl Answer for Reading {
    fn step(&mut self) -> Progress {
        let Some((_, stream)) = self.streams.get_mut(self.at).filter(|_| self.left > 0) else {
            return Progress::Done;
        };
        stream.left = stream.left.min(self.left - stream.written);
        if stream.step() == Progress::Done {
            self.left -= stream.written;
            self.at += 1;
        }
        Progress::More
    }

    fn write(&mut self, reply: &mut Reply<'_>) -> Outcome {
        self.streams.truncate(self.at);
        let kind = if reply.protocol() == Protocol::Resp2 { Aggregate::Array } else { Aggregate::Map };
        reply.aggregate(kind, self.streams.len());
        for (key, stream) in &mut self.streams {
            begin_stream(reply, key);
            stream.write(reply)?;
        }
        Ok(())
    }
}

/// The header of one stream's part of a reply.
pub(super) fn begin_stream(reply: &mut Reply<'_>, key: &[u8]) {
    if reply.protocol() == Protocol::Resp2 {
        reply.array(2);
    }
    reply.bulk(key);
}
