//! What a worker counts while it works; summed over the workers when somebody asks.

/// Counts of one worker, since its start or the last reset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Look-ups for reading that found the key.
    pub hits: u64,
    /// Look-ups for reading that did not.
    pub misses: u64,
    /// Keys that went because their time had come.
    pub expired_keys: u64,
    /// Keys that went because memory was needed.
    pub evicted_keys: u64,
    /// Fields of hashes that went because their time had come.
    pub expired_fields: u64,
    /// Changes of data, as `rdb_changes_since_last_save` counts them.
    pub changes: u64,
    /// Those of them that nobody asked for: what was due went, or memory was needed.
    pub unasked: u64,
}

impl Counters {
    /// Changes that commands were to make.
    pub fn asked(&self) -> u64 {
        self.changes - self.unasked
    }

    /// Adds another worker's counts.
    pub fn add(&mut self, other: &Self) {
        self.hits += other.hits;
        self.misses += other.misses;
        self.expired_keys += other.expired_keys;
        self.evicted_keys += other.evicted_keys;
        self.expired_fields += other.expired_fields;
        self.changes += other.changes;
        self.unasked += other.unasked;
    }
}
