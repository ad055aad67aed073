//! Backups: copies of data files that say themselves whether they are whole, and what they follow on.
//!
//! ```text
//!   20310507T143000Z-full.appendonly.aof.2.base.rdb.zst          what the files of the server held, compressed
//!   20310507T143000Z-full.appendonly.aof.3.incr.aof.zst
//!   20310507T143000Z-full.backup                                 the list: from its being there on the backup counts
//!   20310507T150000Z-incremental.appendonly.aof.3.incr.aof.zst   the same file from where the other one ends
//!   20310507T150000Z-incremental.backup
//! ```
//! A [`List`] tells the length and the SHA-256 of each file, and at which place of the chain of batches the backup
//! begins and ends; it has a SHA-256 of its own. So a backup can be judged alone, and one follows on another if the
//! places meet ([`Series`]). What is copied goes through the reader that a server starts with, when it is written
//! ([`Writer`]) and when it is verified or restored ([`Reading`]): damage is found when the backup is made, and not
//! when it is needed.

mod compression;
mod inspector;
mod list;
pub mod moment;
mod pruning;
mod reading;
mod series;
mod stored;
mod verify;
mod writer;

#[cfg(test)]
mod tests;

pub use compression::Compression;
pub use list::{ENDING, File, Kind, List, Place, Role};
pub use pruning::Keep;
pub use reading::{Outcome, Reading, Until};
pub use series::{Backup, Series, is_list};
pub use verify::{Finding, verify};
pub use writer::{Origin, Writer, prepare};
