//! What durability needs of a file system.
//!
//! ```text
//!   server, persist ─► Disk, DiskFile ─► System, SystemFile ─► Native    the machine's own
//!                                                          └─► Double    in memory: it fails, and loses power
//! ```
//! A [`System`] answers calls as an operating system does: each may be interrupted, take fewer bytes than it was given,
//! or fail. A [`Disk`] goes on after what is no failure, and is what everybody uses. Nothing here promises more than it
//! keeps: after [`DiskFile::sync`] the bytes of a file survive a power cut, after [`Disk::sync_folder`] the names do,
//! and nothing else does for sure.

mod about;
mod disk;
mod double;
mod folders;
mod kept;
mod native;
mod system;

pub use about::about;
pub use disk::{Disk, DiskFile};
pub use double::{Call, Double, Fault};
pub use folders::{around, make_folders};
pub use kept::{copy, create_beside, keep_end};
pub use native::Native;
pub use system::{Lock, System, SystemFile};
