//! A payload in the making, some kilobytes a step.
//!
//! ```text
//!   members, nodes   head │ step │ step │ … │ foot        what has been written is let go of
//!   long string      compress, compress, … │ head │ bytes │ bytes │ … │ foot
//! ```
//! A long string is compressed in pieces, none of which refers to another: one after the other they are the stream of
//! the whole. How long that is stands before it, so it is kept until it is known.

use stdx::checksum::Crc64;
use stdx::time::UnixMs;
use value::members::Remains;
use value::{Blob, Value};

use crate::rdb::lzf::Compressor;
use crate::rdb::{self, Body, LargeMembers, MemberForm, Output, Plan, Sequence};

/// Values and strings of fewer bytes are written at once.
const LARGE_BYTES: usize = 16 * 1024;
/// A step ends when it has written so many bytes.
const STEP_BYTES: usize = 8 * 1024;
/// How much of a string is compressed at a time: twice as far as a reference can lead.
const PIECE_BYTES: usize = 16 * 1024;

/// See the module's text.
#[derive(Debug)]
pub struct Encoder {
    rest: Rest,
    version: u32,
    checksum: Crc64,
    compressor: Compressor,
}

/// What is still to be written before the foot.
#[derive(Debug)]
enum Rest {
    Whole(Value, UnixMs),
    /// A type, and what stands behind it.
    Begun(u8, Body),
    Members(MemberForm, Remains),
    Sequence(Box<Sequence>),
    Text(Text),
    Nothing,
}

/// A long string.
#[derive(Debug)]
struct Text {
    blob: Blob,
    /// Bytes of it that are compressed, or written as they are.
    at: usize,
    /// The compressed pieces; once all are there, those that are not written yet, the next one last.
    pieces: Vec<Vec<u8>>,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Compress,
    /// Compressing does not pay.
    WritePlain,
    WritePieces,
}

impl Encoder {
    /// Begins the payload of a value as it is at a time.
    pub fn new(value: Value, now: UnixMs) -> Self {
        let is_large = rdb::is_large(value.at(now), LARGE_BYTES);
        let plan = if is_large { Plan::of_large(value.at(now)) } else { Plan::of(value.at(now)) };
        let (version, tag) = (plan.version(), plan.tag());
        let begun = if is_large { Body::of(plan) } else { None };
        let rest = match (begun, value) {
            (Some(body), _) => Rest::Begun(tag, body),
            (None, Value::String(blob)) if blob.len() >= LARGE_BYTES => {
                Rest::Text(Text { blob, at: 0, pieces: Vec::new(), stage: Stage::Compress })
            }
            (None, value) => Rest::Whole(value, now),
        };
        Self { rest, version, checksum: Crc64::new(), compressor: Compressor::default() }
    }

    /// Writes what stands next; false: that was all.
    pub fn step(&mut self, out: &mut Vec<u8>) -> bool {
        let Self { rest, version, checksum, compressor } = self;
        let start = out.len();
        let has_more = rest.write_next(&mut Output::new(out, Some(compressor)));
        if !has_more {
            out.extend_from_slice(&(*version as u16).to_le_bytes());
        }
        checksum.update(&out[start..]);
        if !has_more {
            out.extend_from_slice(&checksum.value().to_le_bytes());
        }
        has_more
    }
}

impl Rest {
    /// False: there is nothing left.
    fn write_next(&mut self, output: &mut Output<'_>) -> bool {
        match self {
            Self::Whole(value, now) => {
                let plan = Plan::of(value.at(*now));
                output.tag(plan.tag());
                plan.write(output);
                return false;
            }
            Self::Begun(..) => {
                if let Self::Begun(tag, body) = std::mem::replace(self, Self::Nothing) {
                    output.tag(tag);
                    body.write_head(output);
                    *self = Self::behind_head(body);
                }
            }
            Self::Members(form, remains) => {
                let start = output.written();
                while output.written() - start < STEP_BYTES {
                    let Some(part) = remains.next() else { return false };
                    part.iter().for_each(|member| form.write(&member, output));
                }
            }
            Self::Sequence(sequence) => return sequence.write_next(output),
            Self::Text(text) => return text.step(output),
            Self::Nothing => return false,
        }
        true
    }

    fn behind_head(body: Body) -> Self {
        match body {
            Body::Members(LargeMembers { members, form }) => Self::Members(form, members.into_remains()),
            Body::Sequence(sequence) => Self::Sequence(sequence),
        }
    }
}

impl Text {
    /// False: all of it is written.
    fn step(&mut self, output: &mut Output<'_>) -> bool {
        let Self { blob, at, pieces, stage } = self;
        if *stage == Stage::WritePieces {
            output.bytes(&pieces.pop().unwrap_or_default());
            return !pieces.is_empty();
        }
        let next = *at..blob.len().min(*at + PIECE_BYTES);
        *at = next.end;
        if *stage == Stage::WritePlain {
            blob.chunks(next).for_each(|bytes| output.bytes(bytes));
            return *at < blob.len();
        }
        let plain: Vec<u8> = blob.chunks(next).flatten().copied().collect();
        pieces.push(output.compress(&plain));
        if *at == blob.len() {
            self.begin_to_write(output);
        }
        true
    }

    /// Everything is compressed.
    fn begin_to_write(&mut self, output: &mut Output<'_>) {
        let Self { blob, at, pieces, stage } = self;
        let compressed = pieces.iter().map(Vec::len).sum();
        output.tag(rdb::STRING);
        if rdb::pays(compressed, blob.len()) {
            output.compressed_head(compressed, blob.len());
            pieces.reverse();
            *stage = Stage::WritePieces;
        } else {
            output.length(blob.len() as u64);
            pieces.clear();
            (*at, *stage) = (0, Stage::WritePlain);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_that_becomes_shorter_is_compressed_in_pieces() {
        let repeated = b"round and round it goes ".repeat(10_000);
        let mut encoder = Encoder::new(Value::String(Blob::from_bytes(&repeated)), UnixMs(0));
        let (mut payload, mut steps) = (Vec::new(), 1);
        while encoder.step(&mut payload) {
            steps += 1;
        }
        assert!(payload.len() < repeated.len() / 50 && steps > 2 * (repeated.len() / PIECE_BYTES));
    }
}
