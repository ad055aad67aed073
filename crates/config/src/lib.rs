//! Every configuration parameter in one table, and the sources they are read from.
//!
//! ```text
//!   table.rs ----> Param, Parameter         one line a parameter; all else derives from it
//!                     |
//!   command line      v
//!   environment  -> load -> Loaded { Config, origins, users, .. }  -> CONFIG GET, SET -> rewrite -> the file again
//!   file, stdin
//! ```
//!
//! The crate is pure: it gets the arguments, the environment and two closures that read files and list directories, and it
//! returns values. It never looks at the process or the disk.

mod arguments;
mod choices;
mod conf_file;
mod config;
mod document;
mod error;
mod keyspace_events;
mod kind;
mod lack;
mod load;
mod output_limits;
mod parameter;
mod rewrite;
mod source;
mod split;
mod table;
mod title_template;
mod toml_file;
mod value;

pub use choices::{AppendFsync, LogLevel, MaxmemoryPolicy, OomScoreAdj, Protected};
pub use config::{Config, Permissions};
pub use document::markdown;
pub use error::ConfigError;
pub use keyspace_events::KeyspaceEvents;
pub use kind::{Kind, TextRule};
pub use lack::Lack;
pub use load::{Action, ENVIRONMENT_PREFIX, Inputs, Loaded, RenamedCommand, load};
pub use output_limits::{OutputLimit, OutputLimits};
pub use parameter::{Change, Effect, Parameter, is_sensitive};
pub use rewrite::{Appended, UnsupportedFormat, rewrite};
pub use source::{LoadError, Place};
pub use table::{Param, TABLE};
pub use title_template::expand_title;
pub use value::{MemoryLimit, SavePoint};
