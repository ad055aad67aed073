//! The append-only file in the layout of Redis 7: a manifest that names a base and increments.
//!
//! ```text
//!   appendonlydir/
//!     appendonly.aof.manifest             which files, in which order
//!     appendonly.aof.manifest.checksums   that, with checksums
//!     appendonly.aof.2.base.aof           all data at one place in the log
//!     appendonly.aof.3.incr.aof           the commands after it
//! ```
//! A rewrite opens the next increment at an exact place in the log, writes everything before that place as a new base,
//! and then replaces the manifest by one that names the two. Until the manifest is replaced the old files are the
//! truth, and a crash at any step leaves a manifest whose files exist.

mod batch;
mod checksums;
mod doubt;
mod file;
mod files;
mod folder;
mod manifest;
mod part;
mod reader;
mod search;
mod tail;
mod writer;

pub use batch::{ANNOUNCEMENT, BATCH_BYTES, Chain, Framer};
pub use checksums::{Checked, Checksums, name_beside};
pub use file::FileReader;
pub use files::{Files, FilesError, Kept, OTHER_BASE};
pub use folder::holds_data;
pub use manifest::{
    End, FileKind, Fingerprint, Lease, MAX_LEASES, Manifest, ManifestEntry, ManifestError, Seal,
};
pub use part::{Batch, Mark, Part, Take};
pub use reader::{Apply, Damage, LastBatch, Reader, Tail};
pub use search::Search;
pub use writer::Writer;
