//! What a client wants to do, as far as access is concerned, and why it may not.

use crate::keys::Permission;

/// A command with everything that it touches.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Its place in the catalogue.
    pub command: usize,
    /// Everybody may run it, as he must to log in.
    pub is_open: bool,
    /// The argument behind its name, and behind its subcommand's.
    pub first_argument: Option<&'a [u8]>,
    /// Its keys.
    pub keys: &'a [Key<'a>],
    /// Its channels.
    pub channels: &'a [Channel<'a>],
    /// Its databases.
    pub databases: Databases<'a>,
}

/// A key of a request.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a> {
    /// Which argument it is.
    pub at: usize,
    /// The key.
    pub name: &'a [u8],
    /// What is done with it.
    pub wanted: Permission,
}

/// A channel of a request.
#[derive(Debug, Clone, Copy)]
pub struct Channel<'a> {
    /// Which argument it is.
    pub at: usize,
    /// The channel.
    pub name: &'a [u8],
    /// It is a pattern of channels.
    pub is_pattern: bool,
}

/// The databases of a request.
#[derive(Debug, Clone, Copy)]
pub enum Databases<'a> {
    /// These, each with the argument that names it; 0 for the selected one.
    Some(&'a [(usize, u32)]),
    /// All there are, so many.
    All(u32),
}

/// What is missing. Where several selectors deny, the greatest is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// A database.
    Database,
    /// The command.
    Command,
    /// A key.
    Key,
    /// A channel.
    Channel,
    /// The log-in itself has failed.
    Login,
}

impl Reason {
    /// Its name in ACL LOG.
    pub fn name(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Command => "command",
            Self::Key => "key",
            Self::Channel => "channel",
            Self::Login => "auth",
        }
    }
}

/// A request is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Denial {
    /// Why.
    pub reason: Reason,
    /// The argument that is concerned; 0 for the command.
    pub at: usize,
}

impl Denial {
    /// The reply to the client, which does not tell what it may not know.
    pub fn reply(&self, user: &[u8], command: &str) -> String {
        match self.reason {
            Reason::Command | Reason::Login => self.explain(user, command, b""),
            Reason::Database => "No permissions to access database".to_owned(),
            Reason::Key => "No permissions to access a key".to_owned(),
            Reason::Channel => "No permissions to access a channel".to_owned(),
        }
    }

    /// The reply of ACL DRYRUN, which names the argument.
    pub fn explain(&self, user: &[u8], command: &str, argument: &[u8]) -> String {
        let (user, argument) = (String::from_utf8_lossy(user), String::from_utf8_lossy(argument));
        match self.reason {
            Reason::Command | Reason::Login => {
                format!("User {user} has no permissions to run the '{command}' command")
            }
            Reason::Database => format!("User {user} has no permissions to access database {argument}"),
            Reason::Key => format!("User {user} has no permissions to access the '{argument}' key"),
            Reason::Channel => format!("User {user} has no permissions to access the '{argument}' channel"),
        }
    }

    /// The reason that EXEC gives for a command that was allowed when it was queued.
    pub fn since_queued(&self) -> &'static str {
        match self.reason {
            Reason::Command | Reason::Login => "no permission to execute the command or subcommand",
            Reason::Key => "no permission to touch the specified keys",
            Reason::Channel => "no permission to access one of the channels used as argument to the command",
            Reason::Database => "no permission",
        }
    }
}
