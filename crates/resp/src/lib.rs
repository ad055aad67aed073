//! RESP2 and RESP3: bytes to frames and back, without I/O and without knowing any command.
//!
//! ```text
//! server:  bytes -> request::RequestDecoder -> argument ranges        write::Encoder -> bytes
//! client:  write::write_command -> bytes                      bytes -> frame::FrameDecoder -> Frame
//! ```
//!
//! Both decoders are incremental machines: they are shown the bytes that have arrived, say how many they are done with, and
//! remember where they stand. The result never depends on how the stream was cut into pieces. The server side borrows
//! (arguments are ranges of the caller's buffer), the client side owns.
//!
//! Invariants: no input panics, no byte is looked at more than a constant number of times, and memory is taken for bytes
//! that have arrived, never for bytes that were announced.

pub mod frame;
pub mod request;
pub mod write;

pub use frame::{Frame, FrameDecoder, FrameError, FrameLimits};
pub use request::{Decoded, Limits, MAX_LINE_BYTES, ProtocolError, RequestDecoder};
pub use write::{Encoder, write_command};

/// The version of the protocol that a connection speaks; `HELLO` changes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// Strings, integers, arrays, errors: what every client knows.
    #[default]
    Resp2,
    /// Adds maps, sets, doubles, booleans, pushes and more.
    Resp3,
}
