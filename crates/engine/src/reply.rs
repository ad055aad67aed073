//! The reply of a command, written straight into the output of its connection.

use std::ops::{Deref, DerefMut};

use resp::{Encoder, Protocol};
use value::StringRef;

/// A reply in the making: an encoder, and what values need.
pub struct Reply<'a> {
    encoder: Encoder<'a>,
}

impl<'a> Reply<'a> {
    /// A reply at the end of a buffer.
    pub fn new(out: &'a mut Vec<u8>, protocol: Protocol) -> Self {
        Self { encoder: Encoder::new(out, protocol) }
    }

    /// A string value.
    #[inline]
    pub fn string(&mut self, value: StringRef<'_>) {
        match value {
            StringRef::Inline(bytes) => self.encoder.bulk(bytes),
            StringRef::Blob(blob) => {
                let out = self.encoder.buffer();
                out.push(b'$');
                stdx::number::write_u64(out, blob.len() as u64);
                out.extend_from_slice(b"\r\n");
                value.append_to(out);
                out.extend_from_slice(b"\r\n");
            }
        }
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
