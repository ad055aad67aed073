//! Payloads of DUMP, written and read by the format's crate, as the commands want them: bit by bit, or at once.

use engine::host::{BadPayload, ForFiles, Restored, Restoring};
use engine::slices::{Producer, Progress};
use persist::dump::{self, Decoder, Encoder, RestoreError};
use stdx::time::UnixMs;
use value::{Settings, Value};

/// A payload that is being written.
#[derive(Debug)]
pub(crate) struct Dumping {
    encoder: Encoder,
    /// About how many bytes are still to come.
    remaining: usize,
}

impl Dumping {
    pub(crate) fn new(value: Value, now: UnixMs) -> Self {
        Self { remaining: value.weight(), encoder: Encoder::new(value, now) }
    }
}

impl Producer for Dumping {
    fn produce(&mut self, out: &mut Vec<u8>) -> Progress {
        let start = out.len();
        let has_more = self.encoder.step(out);
        self.remaining = self.remaining.saturating_sub(out.len() - start);
        if has_more { Progress::More } else { Progress::Done }
    }

    fn remaining_bytes(&self) -> usize {
        self.remaining
    }
}

/// A value that is being read, and written anew if files need it in another form.
#[derive(Debug)]
pub(crate) struct Making {
    stage: Stage,
    /// Whether the payload itself is no mistake, so that it can stand in a file.
    verified: bool,
    is_recorded: bool,
}

#[derive(Debug)]
enum Stage {
    Read(Decoder),
    Write(Value, Encoder, Vec<u8>),
    Done,
}

impl Making {
    /// A value whose payload's checksum has to be right, if it is to be `verified`.
    pub(crate) fn new(settings: Settings, verified: bool, is_recorded: bool) -> Self {
        Self { stage: Stage::Read(Decoder::new(settings, verified)), verified, is_recorded }
    }

    fn read(&mut self, value: Value, payload: &[u8]) -> Option<Restored> {
        if self.verified && dump::is_plain(payload) {
            return Some(Restored { value, for_files: ForFiles::Same });
        }
        if !self.is_recorded {
            return Some(Restored { value, for_files: ForFiles::Missing });
        }
        // Fields that are due stand in it as well, or it could be without any, which no payload may be.
        let encoder = Encoder::new(value.clone(), UnixMs::MIN);
        self.stage = Stage::Write(value, encoder, Vec::new());
        None
    }
}

impl Restoring for Making {
    fn step(&mut self, payload: &[u8]) -> Result<Option<Restored>, BadPayload> {
        let (value, mut encoder, mut anew) = match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Read(mut decoder) => {
                let value = decoder.step(payload).map_err(bad)?;
                let Some(value) = value else {
                    self.stage = Stage::Read(decoder);
                    return Ok(None);
                };
                return Ok(self.read(value, payload));
            }
            Stage::Write(value, encoder, anew) => (value, encoder, anew),
            Stage::Done => return Err(BadPayload::Format("it has been restored".to_owned())),
        };
        if encoder.step(&mut anew) {
            self.stage = Stage::Write(value, encoder, anew);
            return Ok(None);
        }
        Ok(Some(Restored { value, for_files: ForFiles::Other(anew) }))
    }
}

/// The value of a payload, at once.
pub(crate) fn restore(payload: &[u8], settings: Settings, verified: bool) -> Result<Restored, BadPayload> {
    let decode = if verified { dump::decode } else { dump::decode_unverified };
    let value = decode(payload, settings).map_err(bad)?;
    let is_for_files = verified && dump::is_plain(payload);
    Ok(Restored { value, for_files: if is_for_files { ForFiles::Same } else { ForFiles::Missing } })
}

fn bad(error: RestoreError) -> BadPayload {
    match error {
        RestoreError::Foot => BadPayload::Checksum,
        RestoreError::Format(reason) => BadPayload::Format(reason),
    }
}
