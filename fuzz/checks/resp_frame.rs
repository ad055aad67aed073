//! What must hold for any bytes a server may send: no panic, bounded memory and depth, the same outcome whether the bytes
//! arrive at once or one by one, and frames that survive being encoded again.

use resp::frame::FrameLimits;
use resp::{Encoder, Frame, FrameDecoder, Protocol};

const LIMITS: FrameLimits = FrameLimits { max_depth: 16, max_line: 1 << 12, max_bytes: 1 << 20 };

/// Panics if the decoder misbehaves on `stream`.
pub(crate) fn check(stream: &[u8]) {
    let (frames, failed) = decode(stream, stream.len().max(1));
    for step in [1, 7] {
        assert_eq!(text(&decode(stream, step).0), text(&frames));
        assert_eq!(decode(stream, step).1, failed);
    }
    for frame in frames {
        let mut encoded = Vec::new();
        frame.encode(&mut Encoder::new(&mut encoded, Protocol::Resp3));
        let (again, failed) = decode(&encoded, encoded.len());
        assert!(!failed && again.len() == 1, "{frame:?}");
        let mut encoded_again = Vec::new();
        again[0].encode(&mut Encoder::new(&mut encoded_again, Protocol::Resp3));
        assert_eq!(encoded, encoded_again);
    }
}

/// Frames as text, because NaN does not equal itself.
fn text(frames: &[Frame]) -> String {
    format!("{frames:?}")
}

/// Decodes a stream that arrives in pieces of `step` bytes: the frames, and whether it ended in an error.
fn decode(stream: &[u8], step: usize) -> (Vec<Frame>, bool) {
    let mut decoder = FrameDecoder::new(LIMITS);
    let (mut start, mut end, mut frames) = (0, 0, Vec::new());
    while end < stream.len() {
        end = (end + step).min(stream.len());
        loop {
            let Ok(progress) = decoder.decode(&stream[start..end]) else { return (frames, true) };
            start += progress.consumed;
            let Some(frame) = progress.frame else { break };
            frames.push(frame);
        }
    }
    (frames, false)
}
