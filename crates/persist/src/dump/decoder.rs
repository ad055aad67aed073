//! A payload that is read bit by bit: its checksum first, then its value.

use stdx::checksum::Crc64;
use value::{Settings, Value};

use super::{CHECKSUM_BYTES, MAX_STRING_BYTES, RestoreError, split};
use crate::rdb::{Cursor, Reading};

/// How much of a payload is summed up in a step.
const SUM_BYTES: usize = 256 * 1024;

/// See the module's text.
#[derive(Debug)]
pub struct Decoder {
    settings: Settings,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// So much of it is summed up.
    Sum(usize, Crc64),
    Begin,
    /// So much of the body is read.
    Read(usize, Reading),
    Nothing,
}

impl Decoder {
    /// Begins with a payload whose checksum has to be right, if it is to be `verified`.
    pub fn new(settings: Settings, verified: bool) -> Self {
        let stage = if verified { Stage::Sum(0, Crc64::new()) } else { Stage::Begin };
        Self { settings, stage }
    }

    /// Works for some tens of microseconds. The payload is the same each time; its value comes out at the end.
    pub fn step(&mut self, payload: &[u8]) -> Result<Option<Value>, RestoreError> {
        match std::mem::replace(&mut self.stage, Stage::Nothing) {
            Stage::Sum(at, sum) => self.sum(payload, at, sum),
            Stage::Begin => self.begin(payload),
            Stage::Read(at, reading) => self.read(payload, at, reading),
            Stage::Nothing => Err(RestoreError::Format("nothing is left to be read".to_owned())),
        }
    }

    fn sum(&mut self, payload: &[u8], at: usize, mut sum: Crc64) -> Result<Option<Value>, RestoreError> {
        let (content, checksum) = payload.split_last_chunk::<CHECKSUM_BYTES>().ok_or(RestoreError::Foot)?;
        let end = content.len().min(at + SUM_BYTES);
        sum.update(&content[at..end]);
        if end == content.len() && sum.value() != u64::from_le_bytes(*checksum) {
            return Err(RestoreError::Foot);
        }
        self.stage = if end < content.len() { Stage::Sum(end, sum) } else { Stage::Begin };
        Ok(None)
    }

    fn begin(&mut self, payload: &[u8]) -> Result<Option<Value>, RestoreError> {
        let (format, body) = split(payload).ok_or(RestoreError::Foot)?;
        let mut cursor = Cursor::new(body, MAX_STRING_BYTES);
        let kind = cursor.byte().map_err(|fault| RestoreError::of_fault(0, fault))?;
        let reading = Reading::begin(kind, format, &mut cursor, self.settings)
            .map_err(|fault| RestoreError::of_fault(kind, fault))?;
        self.stage = Stage::Read(cursor.position(), reading);
        Ok(None)
    }

    fn read(
        &mut self,
        payload: &[u8],
        at: usize,
        mut reading: Reading,
    ) -> Result<Option<Value>, RestoreError> {
        let (_, body) = split(payload).ok_or(RestoreError::Foot)?;
        let mut cursor = Cursor::at(body, at, MAX_STRING_BYTES);
        let step = reading.step(&mut cursor);
        if step.map_err(|fault| RestoreError::of_fault(body[0], fault))? {
            self.stage = Stage::Read(cursor.position(), reading);
            return Ok(None);
        }
        let value = reading.finish().filter(|_| cursor.is_at_end());
        value.map(Some).ok_or_else(|| RestoreError::of_value(cursor.is_at_end()))
    }
}
