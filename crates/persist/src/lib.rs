//! AOF and RDB as formats: bytes out, bytes in.
//!
//! Nothing here touches a file: writers append to buffers, readers are shown bytes and say how many they are done
//! with, and what belongs on disk in which order is told by the functions' texts and done by the server.

pub mod aof;
pub mod dump;
mod effect;
mod load;
pub mod rdb;
mod snapshot;

pub use effect::{encode_effect, encode_value};
pub use load::{Compile, Loaded, Placement};
pub use snapshot::SnapshotWriter;
