//! BACKUP START, SEAL, LIST, STATUS, ABORT and CLEANUP of Redis 8.10: what is asked of the machine, and what it tells.
//!
//! ```text
//!   idle ─START─► pending ─► snapshotting ─► incrementing ─SEAL─► sealed ─CLEANUP─► idle
//!                    └────────────┴───────────────┴─ABORT, or something fails─► failed ─START or CLEANUP─►
//! ```

/// What a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Begin a backup.
    Start,
    /// Freeze the files of the one that is being made.
    Seal,
    /// Give it up.
    Abort,
    /// Remove its files.
    Cleanup,
}

/// How far a backup is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Stage {
    /// There is none.
    #[default]
    Idle,
    /// Something else is being written first.
    Pending,
    /// All data is being written.
    Snapshotting,
    /// What changes is appended.
    Incrementing,
    /// All files are there, and do not change any more.
    Sealed,
    /// It was given up, or something went wrong.
    Failed,
}

impl Stage {
    /// Whether there is one that has neither been sealed nor failed.
    pub fn is_going_on(self) -> bool {
        matches!(self, Self::Pending | Self::Snapshotting | Self::Incrementing)
    }

    /// As clients are told.
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Pending => "pending",
            Self::Snapshotting => "snapshotting",
            Self::Incrementing => "incrementing",
            Self::Sealed => "sealed",
            Self::Failed => "failed",
        }
    }
}

/// What is told of the backup.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// How far it is.
    pub stage: Stage,
    /// Why it has failed; empty otherwise.
    pub error: String,
    /// When it began, in unix seconds; 0 if there is none.
    pub started_s: i64,
    /// When it was sealed, in unix seconds; 0 if it is not.
    pub ended_s: i64,
    /// The paths of its files that do not change any more.
    pub files: Vec<String>,
}
