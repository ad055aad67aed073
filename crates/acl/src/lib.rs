//! Access control: who may run which commands on which keys, channels and databases, and what was refused.
//!
//! ```text
//!   words ─► User::apply ─► User ── Selector (the root one) ── CommandRules: allowed commands, and the rules as given
//!   "+@read ~k* >pw"         │        │                     ── KeyPatterns:  patterns with read and write permission
//!                            │        └ Selector "( … )" ..  ── Channels, Databases
//!                            └ flags, password hashes
//!   request ─► User::check ─► Ok, or a Denial: the reason and the argument it concerns
//!                                      └─► AuditLog (ACL LOG)
//! ```
//! The texts of rules, descriptions and errors are those of Redis 8; rules for databases are those of Valkey 9.1. The
//! crate knows no command: a [`Catalogue`] made from the command table tells it their names and categories. It has no
//! clock and does no I/O: times are arguments, and a file of users is a text that comes in and goes out.
//!
//! Invariants: [`Users`] always has the user `default`. A change of a user takes effect as a whole or not at all. What a
//! user's description says, read back, gives the same user.

mod audit;
mod catalogue;
mod categories;
mod channels;
mod command_rules;
mod databases;
mod error;
mod file;
mod keys;
mod password;
mod request;
mod selector;
mod user;
mod users;
mod words;

pub use audit::{AuditLog, Place, Record, Refusal};
pub use catalogue::{Catalogue, Facts};
pub use categories::{CATEGORIES, Categories};
pub use error::RuleError;
pub use keys::Permission;
pub use request::{Channel, Databases, Denial, Key, Reason, Request};
pub use selector::Selector;
pub use user::{Setting, User};
pub use users::{DEFAULT, Users};
