//! Choices that code branches on, as enums. The variants stand in the order of the names in the table.

/// When written changes are forced to the disk (`appendfsync`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendFsync {
    /// Once a second.
    EverySecond,
    /// Before the reply.
    Always,
    /// When the operating system likes.
    Never,
}

/// How the score by which Linux chooses a process to end is adjusted (`oom-score-adj`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OomScoreAdj {
    /// Not at all.
    No,
    /// By the value that is set.
    Relative,
    /// To that value.
    Absolute,
}

/// Which keys are evicted when memory is full (`maxmemory-policy`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxmemoryPolicy {
    /// Keys with an expiry, the longest unused first.
    VolatileLru,
    /// Keys with an expiry, the least used first.
    VolatileLfu,
    /// Keys with an expiry, any.
    VolatileRandom,
    /// Keys with an expiry, the next to expire first.
    VolatileTtl,
    /// All keys, the longest unused first.
    AllkeysLru,
    /// All keys, the least used first.
    AllkeysLfu,
    /// All keys, any.
    AllkeysRandom,
    /// Keys with an expiry, the longest unchanged first.
    VolatileLrm,
    /// All keys, the longest unchanged first.
    AllkeysLrm,
    /// None: writes that need memory are refused.
    NoEviction,
}

impl MaxmemoryPolicy {
    /// Whether it goes by how often keys are used rather than when they were last.
    pub fn counts_accesses(self) -> bool {
        matches!(self, Self::VolatileLfu | Self::AllkeysLfu)
    }

    /// Whether it goes by when keys were last used.
    pub fn evicts_by_time(self) -> bool {
        matches!(self, Self::VolatileLru | Self::AllkeysLru)
    }

    /// Whether each key has to have a note of its own of when or how often it was used.
    pub fn notes_accesses(self) -> bool {
        self.evicts_by_time() || self.counts_accesses() || self.notes_writes_only()
    }

    /// Whether it goes by when keys were last changed rather than used.
    pub fn notes_writes_only(self) -> bool {
        matches!(self, Self::VolatileLrm | Self::AllkeysLrm)
    }
}

/// How much is logged (`loglevel`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// Much.
    Verbose,
    /// What an operator wants to know.
    Notice,
    /// Only what matters.
    Warning,
    /// Nothing.
    Nothing,
}

/// Who may use something dangerous (`enable-debug-command` and its like).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protected {
    /// Nobody.
    Nobody,
    /// Everybody.
    Everybody,
    /// Clients on this host.
    Local,
}

impl Protected {
    /// Whether a client may use it.
    pub fn allows(self, client_is_local: bool) -> bool {
        match self {
            Self::Nobody => false,
            Self::Everybody => true,
            Self::Local => client_is_local,
        }
    }
}

pub(crate) const APPEND_FSYNC: [AppendFsync; 3] =
    [AppendFsync::EverySecond, AppendFsync::Always, AppendFsync::Never];
pub(crate) const MAXMEMORY_POLICY: [MaxmemoryPolicy; 10] = [
    MaxmemoryPolicy::VolatileLru,
    MaxmemoryPolicy::VolatileLfu,
    MaxmemoryPolicy::VolatileRandom,
    MaxmemoryPolicy::VolatileTtl,
    MaxmemoryPolicy::AllkeysLru,
    MaxmemoryPolicy::AllkeysLfu,
    MaxmemoryPolicy::AllkeysRandom,
    MaxmemoryPolicy::VolatileLrm,
    MaxmemoryPolicy::AllkeysLrm,
    MaxmemoryPolicy::NoEviction,
];
pub(crate) const LOG_LEVEL: [LogLevel; 5] =
    [LogLevel::Debug, LogLevel::Verbose, LogLevel::Notice, LogLevel::Warning, LogLevel::Nothing];
pub(crate) const OOM_SCORE_ADJ: [OomScoreAdj; 4] =
    [OomScoreAdj::No, OomScoreAdj::Relative, OomScoreAdj::Relative, OomScoreAdj::Absolute];
pub(crate) const PROTECTED: [Protected; 3] = [Protected::Nobody, Protected::Everybody, Protected::Local];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table;
    use crate::{Config, Param};

    #[test]
    fn variants_match_the_names_of_the_table() {
        assert_eq!(APPEND_FSYNC.len(), table::APPEND_FSYNC.len());
        assert_eq!(MAXMEMORY_POLICY.len(), table::MAXMEMORY_POLICY.len());
        assert_eq!(LOG_LEVEL.len(), table::LOG_LEVEL.len());
        assert_eq!(OOM_SCORE_ADJ.len(), table::OOM_SCORE.len());
        assert_eq!(PROTECTED.len(), table::PROTECTED.len());
        let mut config = Config::default();
        for (text, policy) in
            [("allkeys-lfu", MaxmemoryPolicy::AllkeysLfu), ("noeviction", MaxmemoryPolicy::NoEviction)]
        {
            config.set("maxmemory-policy", text.as_bytes()).unwrap();
            assert_eq!(config.maxmemory_policy(), policy);
        }
        for (text, shown, mode) in [
            ("RELATIVE", "yes", OomScoreAdj::Relative),
            ("yes", "yes", OomScoreAdj::Relative),
            ("absolute", "absolute", OomScoreAdj::Absolute),
            ("no", "no", OomScoreAdj::No),
        ] {
            config.set("oom-score-adj", text.as_bytes()).unwrap();
            assert_eq!((config.oom_score_adj(), config.choice(Param::OomScoreAdj)), (mode, shown));
        }
        config.set("appendfsync", b"no").unwrap();
        assert_eq!(config.append_fsync(), AppendFsync::Never);
        config.set("loglevel", b"warning").unwrap();
        assert_eq!(config.log_level(), LogLevel::Warning);
        assert_eq!(config.protected(Param::EnableDebugCommand), Protected::Nobody);
    }
}
