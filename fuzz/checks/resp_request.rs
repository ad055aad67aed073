//! What must hold for any bytes a client may send: no panic, no memory that was only announced, and the same outcome
//! whether the bytes arrive at once or one by one (but for lines so long that they must arrive at once).

use resp::{Decoded, Limits, MAX_LINE_BYTES, ProtocolError, RequestDecoder};

/// The requests of a stream and the error that ended it.
type Outcome = (Vec<Vec<Vec<u8>>>, Option<ProtocolError>);

/// Panics if the decoder misbehaves on `stream`.
pub(crate) fn check(stream: &[u8]) {
    for auth_required in [false, true] {
        let limits = Limits { max_bulk_bytes: 1 << 20, auth_required };
        let at_once = decode(stream, stream.len().max(1), &limits);
        let in_steps = [1, 7].map(|step| decode(stream, step, &limits));
        if stream.len() <= MAX_LINE_BYTES {
            assert!(in_steps.iter().all(|outcome| *outcome == at_once));
        }
    }
}

/// Decodes a stream that arrives in pieces of `step` bytes.
fn decode(stream: &[u8], step: usize, limits: &Limits) -> Outcome {
    let mut decoder = RequestDecoder::new();
    let mut args = Vec::new();
    let (mut start, mut end, mut requests) = (0, 0, Vec::new());
    while end < stream.len() {
        end = (end + step).min(stream.len());
        loop {
            let buffer = &stream[start..end];
            args.clear();
            let (consumed, source) = match decoder.decode(buffer, limits, &mut args) {
                Ok(Decoded::Request { consumed }) => (consumed, buffer.to_vec()),
                Ok(Decoded::Inline { consumed, text }) => (consumed, text),
                Ok(Decoded::Empty { consumed }) => {
                    start += consumed;
                    continue;
                }
                Ok(Decoded::Incomplete { needed }) => {
                    assert!(needed > buffer.len());
                    assert!(decoder.heap_bytes() < 1024 + 64 * stream.len());
                    break;
                }
                Err(error) => return (requests, Some(error)),
            };
            assert!(consumed > 0 && !args.is_empty());
            requests.push(args.iter().map(|range| source[range.clone()].to_vec()).collect());
            start += consumed;
        }
    }
    (requests, None)
}
