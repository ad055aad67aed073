//! A node to load into: that of a server with default parameters, and room for every database.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

use acl::Users;
use config::{Config, Param};
use engine::table::Names;
use node::{Identity, Node, Settings};
use persist::rdb::{MAX_STRING_BYTES, ReadOptions};

use crate::clock;
use crate::machine::Quiet;

/// Databases that a file may use. Which ones it does is told, because a server has 16 unless told otherwise.
const DATABASES: &str = "65535";

/// An empty node.
pub(crate) fn node() -> Node {
    let mut config = Config::default();
    config.assign(Param::Databases, &[DATABASES.as_bytes()]).expect("a legal number of databases");
    let identity = Identity { threads: 1, started: clock::now().unix, ..Identity::default() };
    let settings = Settings {
        config,
        names: Names::default(),
        users: Users::new(engine::accounts::setting(false)),
        identity,
        loaders: 1,
        // The standard library seeds its hasher from the system's random source.
        seed: RandomState::new().build_hasher().finish(),
        clock: clock::monotonic_ns,
    };
    Node::new(settings, Arc::new(Quiet))
}

/// How to read RDB: everything is verified.
pub(crate) fn read_options(node: &Node) -> ReadOptions {
    ReadOptions {
        settings: node.shared.keyspace.settings(),
        max_string_bytes: MAX_STRING_BYTES,
        verify_checksum: true,
        skips_modules: false,
    }
}
