//! RDB, the snapshot format of Redis: read in every version that Redis and Valkey have published for the types that
//! exist here, written so that the oldest server possible can read it.
//!
//! ```text
//! REDIS0010                                 signature and version
//! 250 name value                            notes
//! 254 database  251 keys expiring           what follows belongs to a database
//! [252 due]  type key value                 a key; the value's form depends on its type
//! 255 crc64                                 the end
//! ```
//! Reading does not trust: lengths are believed when the bytes are there, packed blocks are checked whole before their
//! elements are used, and whatever is wrong is an [`Error`] with place and key.

mod blank;
mod block;
mod cursor;
mod decoder;
mod encoder;
mod error;
mod hash;
mod intset;
mod large;
mod list;
mod listpack;
pub mod lzf;
mod member;
mod module;
mod object;
mod output;
mod producers;
mod reading;
mod run;
mod set;
mod skip;
mod stream;
mod tag;
#[cfg(test)]
mod tests;
mod ziplist;
mod zipmap;
mod zset;

pub use blank::is_blank;
pub use decoder::{Decoder, Entry, Item, MAX_STRING_BYTES, ReadOptions};
pub use encoder::{Encoder, Entries, EntryEncoder, Notes, WriteOptions};
pub use error::{Error, Problem};
pub use large::{Body, LargeMembers, Past, Sequence, SequenceForm, is_large};
pub use member::MemberForm;
pub use object::Object;
pub use run::{Keys, RawKey, Run};
pub use tag::Format;

pub(crate) use cursor::{Cursor, Fault};
pub(crate) use object::{Plan, read};
pub(crate) use output::{Output, pays};
pub(crate) use reading::Reading;
pub(crate) use tag::{FUNCTION2, PLAIN_VERSION, STREAM_2, STRING, block_name};
