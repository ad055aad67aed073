//! Why a rule is refused, in Redis's words.

use std::fmt;

/// What is wrong with a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleError {
    /// It is no rule.
    Syntax,
    /// No command and no category has this name.
    UnknownCommand,
    /// A key pattern comes after `~*`.
    AfterAllKeys,
    /// A channel pattern comes after `&*`.
    AfterAllChannels,
    /// The user has no such password.
    UnknownPassword,
    /// Not a hash of a password.
    BadHash,
    /// A first argument of a subcommand.
    FirstArgumentOfSubcommand,
    /// More first arguments of one command than are kept.
    TooManyFirstArguments,
    /// No number of a database.
    DatabaseOutOfRange,
}

impl RuleError {
    /// Whether the rule may be right where other commands exist.
    pub fn is_unknown_command(self) -> bool {
        self == Self::UnknownCommand
    }
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Syntax => "Syntax error",
            Self::UnknownCommand => "Unknown command or category name in ACL",
            Self::AfterAllKeys => {
                "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any \
                 effect. Try 'resetkeys' to start with an empty list of patterns"
            }
            Self::AfterAllChannels => {
                "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any \
                 effect. Try 'resetchannels' to start with an empty list of channels"
            }
            Self::UnknownPassword => "The password you are trying to remove from the user does not exist",
            Self::BadHash => {
                "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
            }
            Self::FirstArgumentOfSubcommand => "Allowing first-arg of a subcommand is not supported",
            Self::TooManyFirstArguments => "Too many first arguments of one command",
            Self::DatabaseOutOfRange => "The provided database ID is out of range",
        })
    }
}

impl std::error::Error for RuleError {}
