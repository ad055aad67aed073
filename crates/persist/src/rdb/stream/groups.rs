//! The groups of a stream: how far each has read, what is pending, and for whom. They are written and read some
//! kilobytes a step, for what is pending may be as much as the entries are.
//!
//! What a consumer has given back belongs to nobody, which this form cannot say. It is written for a consumer without a
//! name who was never seen, so that Redis 7.0 reads it too, and read as what it is.

mod reading;
mod writing;

pub(crate) use reading::Reader;
pub(crate) use writing::Writer;

/// When he was seen for whom it is written what belongs to nobody.
const NEVER: i64 = -1;
/// What stands where the number of entries that a group has read is not known.
const UNKNOWN: u64 = u64::MAX;
/// Parts of a step: groups, entries that are pending, consumers.
const STEP_PARTS: usize = 512;
