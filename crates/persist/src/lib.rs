//! AOF and RDB as formats: bytes out, bytes in.
//!
//! Nothing here touches a file by itself: writers append to buffers, readers are shown bytes and say how
//! many they are done with, and the steps in which the files of an append-only set change are made on a disk
//! that is given ([`aof::Files`]).

pub mod aof;
pub mod dump;
mod effect;
mod load;
pub mod rdb;
mod reason;
mod snapshot;

pub use effect::{commands_in, encode_effect, encode_value, is_widely_known};
pub use load::{Bucket, Compile, KeyPlacement, Loaded, Placement, SMALL_BYTES};
pub use reason::Reason;
pub use snapshot::{LargeValue, Made, Scribe, SnapshotWriter, Step};
