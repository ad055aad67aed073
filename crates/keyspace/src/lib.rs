//! The keyspace: databases, shards, locks, expiry, snapshots and the log of effects.
