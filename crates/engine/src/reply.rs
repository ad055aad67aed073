//! The reply of a command, written straight into the output of its connection.

use std::ops::{Deref, DerefMut, Range};

use resp::{Encoder, Protocol};
use value::{Blob, StringRef};

use crate::execute::Written;
use crate::slices::{Excerpt, MANY_ELEMENTS, Part, Producer, Progress, Slices};

/// A reply in the making: an encoder, and what values need.
pub struct Reply<'a> {
    encoder: Encoder<'a>,
    /// Where long parts are left for later; `None` where the bytes are needed at once.
    slices: Option<&'a mut Slices>,
}

impl<'a> Reply<'a> {
    /// A reply at the end of a buffer, whole when its handler returns.
    pub fn new(out: &'a mut Vec<u8>, protocol: Protocol) -> Self {
        Self { encoder: Encoder::new(out, protocol), slices: None }
    }

    /// A reply at the end of a buffer, long parts of which are written later.
    pub fn sliced(out: &'a mut Vec<u8>, protocol: Protocol, slices: &'a mut Slices) -> Self {
        Self { encoder: Encoder::new(out, protocol), slices: Some(slices) }
    }

    /// A reply within this one, for a command of a transaction. The protocol may be another, since a HELLO before it may
    /// have changed it.
    pub fn inner(&mut self, protocol: Protocol) -> Reply<'_> {
        Reply { encoder: Encoder::new(self.encoder.buffer(), protocol), slices: self.slices.as_deref_mut() }
    }

    /// Takes back everything behind a length of the buffer.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.encoder.buffer().truncate(length);
        if let Some(slices) = &mut self.slices {
            slices.truncate(length);
        }
    }

    /// Where the reply stands: its bytes, and its parts that are written later.
    pub(crate) fn mark(&mut self) -> (usize, usize) {
        (self.encoder.buffer().len(), self.slices.as_ref().map_or(0, |slices| slices.len()))
    }

    /// What has been written since then.
    pub(crate) fn written(&mut self, (bytes, slices): (usize, usize)) -> Written<'_> {
        let end = self.encoder.buffer().len();
        match &mut self.slices {
            Some(all) => Written::since(bytes, end, all, slices),
            None => Written::whole(end.saturating_sub(bytes)),
        }
    }

    /// Whether so many elements are better left to [`Reply::produce`].
    #[inline]
    pub(crate) fn leaves(&self, elements: usize) -> bool {
        elements >= MANY_ELEMENTS && self.slices.is_some()
    }

    /// Whether long parts may be written later.
    pub(crate) fn is_sliced(&self) -> bool {
        self.slices.is_some()
    }

    /// Leaves the rest of the reply, whose head is written, to a producer; where the bytes are needed at once, it writes
    /// them now.
    pub(crate) fn produce(&mut self, mut producer: impl Producer + 'static) {
        let out = self.encoder.buffer();
        match &mut self.slices {
            Some(slices) => slices.push(out.len(), Part::Later(Box::new(producer))),
            None => while producer.produce(out) == Progress::More {},
        }
    }

    /// A string value.
    #[inline]
    pub fn string(&mut self, value: StringRef<'_>) {
        match value {
            StringRef::Inline(bytes) => self.encoder.bulk(bytes),
            StringRef::Blob(blob) => self.blob(blob, 0..blob.len()),
        }
    }

    /// A part of a long string: not copied if that pays, unless the bytes are needed at once.
    pub(crate) fn blob(&mut self, blob: &Blob, range: Range<usize>) {
        self.bulk_head(range.len());
        let out = self.encoder.buffer();
        match &mut self.slices {
            Some(slices) if Excerpt::pays(blob, &range) => {
                slices.push(out.len(), Part::Excerpt(Excerpt::new(blob.clone(), range)));
            }
            _ => {
                out.reserve(range.len() + 2);
                blob.chunks(range).for_each(|piece| out.extend_from_slice(piece));
            }
        }
        out.extend_from_slice(b"\r\n");
    }

    /// What stands before the bytes of a string.
    pub(crate) fn bulk_head(&mut self, length: usize) {
        let out = self.encoder.buffer();
        out.push(b'$');
        stdx::number::write_u64(out, length as u64);
        out.extend_from_slice(b"\r\n");
    }

    /// A value or null.
    pub fn optional(&mut self, value: Option<&[u8]>) {
        match value {
            Some(bytes) => self.encoder.bulk(bytes),
            None => self.encoder.null(),
        }
    }

    /// Lines of help, as every container command answers HELP.
    pub fn help(&mut self, command: &str, lines: &[&str]) {
        const LAST: [&str; 2] = ["HELP", "    Print this help."];
        self.encoder.array(lines.len() + 3);
        self.encoder.simple(format!("{command} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
        for line in lines.iter().chain(&LAST) {
            self.encoder.simple(line);
        }
    }
}

impl<'a> Deref for Reply<'a> {
    type Target = Encoder<'a>;

    fn deref(&self) -> &Self::Target {
        &self.encoder
    }
}

impl DerefMut for Reply<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.encoder
    }
}
