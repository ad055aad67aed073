//! The keyspace: databases, shards, locks, expiry, snapshots and the log of effects.
//!
//! ```text
//!   Keyspace ─► 1024 shards, each behind one lock ─► databases ─► value::Table ─► pages
//!      │
//!      ├─ gate       operations on everything wait until no worker is in a batch
//!      └─ sequencer  numbers the effects of writes in the order of the locks
//! ```
//! A worker owns one [`Access`]. It begins a batch, locks the shards of a few commands together (in ascending order,
//! so no two workers wait for each other), runs them against [`Db`], and unlocks. [`Db`] is the one door for reads and
//! writes: expired keys are absent there, and every change records its [`Effect`] while the locks are held. What happened to
//! which key is told as an [`Event`] to those who want it.
//!
//! The crate knows no command names and no replies. The text of an effect is made by the function that
//! [`Options::encode`] names; time comes with [`Access::begin`].

mod access;
mod attempt;
mod counters;
mod cut;
mod db;
mod due;
mod effect;
mod event;
mod eviction;
mod expiry;
mod field_times;
mod frequency;
mod gate;
mod key;
mod keyspace;
mod library;
pub mod log;
mod population;
mod random;
mod recorder;
mod scan;
mod shard;
mod sizes;
mod snapshot;

pub use access::{Access, Garbage, Target, WorkerId};
pub use counters::Counters;
pub use cut::{Cut, LeafGroup, MemberCut, MemberPages, Pages, SequenceCut, Witness};
pub use db::{Added, Db, Delivery, Expiry, NotAdded, WrongType, is_set_rebuilt};
pub use due::DueFigures;
pub use effect::{Claim, Count, Effect, Removal, Touched};
pub use event::{Change, Event, Events, Subkeys, Wanted};
pub use eviction::{Evictor, Order, Rule, Victim};
pub use expiry::ExpiryBudget;
pub use frequency::{Frequency, Usage};
pub use gate::Busy;
pub use key::{DbIndex, Key};
pub use keyspace::{Keyspace, Limits, Options, SHARDS};
pub use library::{Function, Libraries, Library};
pub use log::LogPosition;
pub use scan::Seen;
pub use sizes::SizeFigures;
pub use snapshot::{KeyWalk, Snapshot};
/// What a [`Witness`] takes does not count as used.
pub use value::note_copy;
