//! What commands are like.

/// A set of flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(pub u32);

impl Flags {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// Changes data.
    pub const WRITE: Self = Self(1);
    /// Reads data only.
    pub const READONLY: Self = Self(1 << 1);
    /// Refused when memory is short.
    pub const DENYOOM: Self = Self(1 << 2);
    /// For administrators.
    pub const ADMIN: Self = Self(1 << 3);
    /// Not from scripts.
    pub const NOSCRIPT: Self = Self(1 << 4);
    /// Served while data is loaded.
    pub const LOADING: Self = Self(1 << 5);
    /// Served by a replica without its primary.
    pub const STALE: Self = Self(1 << 6);
    /// Takes constant or logarithmic time.
    pub const FAST: Self = Self(1 << 7);
    /// Served before authentication.
    pub const NO_AUTH: Self = Self(1 << 8);
    /// Served while a script is busy.
    pub const ALLOW_BUSY: Self = Self(1 << 9);
    /// Not inside a transaction.
    pub const NO_MULTI: Self = Self(1 << 10);
    /// Not shown to MONITOR.
    pub const SKIP_MONITOR: Self = Self(1 << 11);
    /// Not in the slow log.
    pub const SKIP_SLOWLOG: Self = Self(1 << 12);
    /// Only where `enable-debug-command` and the like allow it.
    pub const PROTECTED: Self = Self(1 << 13);
    /// Known to Sentinel.
    pub const SENTINEL: Self = Self(1 << 14);
    /// Runs with nothing locked and takes what it needs by itself.
    pub const ALONE: Self = Self(1 << 15);
    /// Not during an asynchronous load.
    pub const NO_ASYNC_LOADING: Self = Self(1 << 16);
    /// Dangerous although neither administrative nor a write.
    pub const DANGEROUS: Self = Self(1 << 17);
    /// About publishing and subscribing.
    pub const PUBSUB: Self = Self(1 << 18);
    /// Has an effect that replicas must see although it changes no data, so a pause of writes holds it back.
    pub const MAY_REPLICATE: Self = Self(1 << 19);
    /// Answers with pushes, which CLIENT REPLY does not silence.
    pub const PUSHES: Self = Self(1 << 20);
    /// Allowed to a client of RESP2 that is subscribed.
    pub const SUBSCRIBED: Self = Self(1 << 21);
    /// Its keys may be none.
    pub const NO_MANDATORY_KEYS: Self = Self(1 << 22);
    /// May have to wait for a key or for the log.
    pub const BLOCKING: Self = Self(1 << 23);
    /// For keys of slots that are on their way to this node of a cluster.
    pub const ASKING: Self = Self(1 << 24);
    /// With more arguments than it needs it takes the locks of its keys itself, like [`Flags::ALONE`].
    pub const ALONE_WITH_MORE: Self = Self(1 << 25);
    /// May run a script, which may take for ever: the other clients of its worker are served meanwhile. It runs alone.
    pub const RUNS_SCRIPTS: Self = Self(1 << 26);
    /// Runs at once where a transaction is open, instead of being queued.
    pub const NOT_QUEUED: Self = Self(1 << 27);
    /// Leaves a trace on its keys, whatever the client wants of its commands (CLIENT NO-TOUCH).
    pub const TOUCHES: Self = Self(1 << 28);
    /// Has something done elsewhere, and its connection waits for that; clients are not told that it blocks.
    pub const ERRAND: Self = Self(1 << 29);
    /// Takes as little time as one that is [`Flags::FAST`], which clients are not told of it.
    pub const BRIEF: Self = Self(1 << 30);

    /// Both sets together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The names that COMMAND INFO prints.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        const NAMES: &[(Flags, &str)] = &[
            (Flags::WRITE, "write"),
            (Flags::READONLY, "readonly"),
            (Flags::DENYOOM, "denyoom"),
            (Flags::ADMIN, "admin"),
            (Flags::PUBSUB, "pubsub"),
            (Flags::NOSCRIPT, "noscript"),
            (Flags::BLOCKING, "blocking"),
            (Flags::LOADING, "loading"),
            (Flags::STALE, "stale"),
            (Flags::SKIP_MONITOR, "skip_monitor"),
            (Flags::SKIP_SLOWLOG, "skip_slowlog"),
            (Flags::ASKING, "asking"),
            (Flags::FAST, "fast"),
            (Flags::NO_AUTH, "no_auth"),
            (Flags::ALLOW_BUSY, "allow_busy"),
            (Flags::NO_MULTI, "no_multi"),
            (Flags::NO_ASYNC_LOADING, "no_async_loading"),
            (Flags::NO_MANDATORY_KEYS, "no_mandatory_keys"),
        ];
        NAMES.iter().filter(move |(flag, _)| self.has(*flag)).map(|(_, name)| *name)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_flag_has_a_bit_of_its_own() {
        let flags = include_str!("flags.rs").lines().filter_map(|line| line.split_once("Self = Self(1"));
        let mut bits: Vec<&str> = flags.map(|(_, bit)| bit).collect();
        let count = bits.len();
        assert!(count > 25, "only {count} flags are found");
        bits.sort_unstable();
        bits.dedup();
        assert_eq!(bits.len(), count, "two flags share a bit");
    }
}
