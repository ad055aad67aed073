//! What a command asks the machine to do with files, and what comes back: the client waits, its worker does not.
//!
//! ```text
//!   BACKUP ─► Errand ─► the machine, on another thread ─► Errand's end ─► the client's worker: the reply
//! ```

use std::sync::Arc;

use crate::error::Error;
use crate::reply::Reply;
use crate::sealing::Step;
use crate::tracking::Place;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Errand {
    /// Hold files open, or hold them no longer.
    Lend(Lending),
    /// Make a backup in a folder of the machine's.
    Backup(Step),
    /// Forget everything and load the append-only file.
    LoadAof,
    /// End the server when this wait for replicas is over.
    End {
        /// The number of the wait.
        wait: u64,
    },
    /// Read a part of a file that is held open.
    Read {
        /// Who holds it.
        token: u64,
        /// Its place among the files.
        file: usize,
        /// Where the part begins.
        offset: u64,
        /// Its length, unless the file ends before.
        length: usize,
    },
}

/// What is to be done with all data files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lending {
    /// Hold them open as they are, up to what is synced now, as long as the client stays.
    Open {
        /// Somebody who will come back for what is appended from now on.
        keep: Option<Keep>,
    },
    /// Hold them no longer.
    Close {
        /// Who holds them.
        token: u64,
        /// What has become of them.
        outcome: Outcome,
    },
}

/// What has become of files that were held open to be copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// They were not copied.
    GivenUp,
    /// What they hold is safe elsewhere, so that nobody has to come back for it.
    Done,
    /// They hold nothing new, and whoever looked comes back for all that he wanted.
    Unchanged,
}

/// Increments are kept although they are history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keep {
    /// For whom.
    pub name: String,
    /// For how long.
    pub seconds: u64,
}

/// Files that are held open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Whoever knows it may read them.
    pub token: u64,
    /// The name of their folder.
    pub folder: String,
    /// How their names begin.
    pub prefix: String,
    /// In the order in which they were written: what is history first.
    pub files: Vec<OpenFile>,
}

/// What a file is among the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// An increment that a base has replaced.
    History,
    /// All data at one place of the log.
    Base,
    /// What has been appended since.
    Increment,
    /// An RDB file, where nothing is appended.
    Snapshot,
}

impl Role {
    /// As clients are told.
    pub fn name(self) -> &'static str {
        match self {
            Self::History => "history",
            Self::Base => "base",
            Self::Increment => "increment",
            Self::Snapshot => "snapshot",
        }
    }
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenFile {
    /// What it is.
    pub role: Role,
    /// Its number.
    pub sequence: u64,
    /// Its name.
    pub name: String,
    /// So many bytes of it are on disk.
    pub length: u64,
}

/// What has been done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// What was asked for.
    Ok,
    /// Files are held open.
    Opened(Opened),
    /// Bytes were read.
    Bytes(Arc<[u8]>),
}

/// How it has ended.
#[derive(Debug)]
pub struct Ended {
    /// What has been done, or why it has not.
    pub result: Result<Done, String>,
    /// The client that waits.
    pub to: Place,
    /// The number of its wait.
    pub waiter: u64,
}

impl Ended {
    /// Writes what the client is told, up to its [`Ended::bulk`].
    pub fn write(&self, reply: &mut Reply<'_>) -> Result<(), Error> {
        match &self.result {
            Ok(done) => {
                done.write(reply);
                Ok(())
            }
            Err(reason) => Err(Error::Text(format!("ERR {reason}"))),
        }
    }

    /// Bytes that end the reply and need not be copied. A line end follows them.
    pub fn bulk(&self) -> Option<&Arc<[u8]>> {
        match &self.result {
            Ok(Done::Bytes(bytes)) => Some(bytes),
            _ => None,
        }
    }
}

impl Done {
    fn write(&self, reply: &mut Reply<'_>) {
        match self {
            Self::Ok => reply.ok(),
            Self::Bytes(bytes) => reply.bulk_head(bytes.len()),
            Self::Opened(opened) => opened.write(reply),
        }
    }
}

impl Opened {
    fn write(&self, reply: &mut Reply<'_>) {
        reply.map(5);
        reply.bulk("token");
        reply.integer(self.token.cast_signed());
        for (name, value) in [("version", crate::VERSION), ("folder", &self.folder), ("prefix", &self.prefix)]
        {
            reply.bulk(name);
            reply.bulk(value);
        }
        reply.bulk("files");
        reply.array(self.files.len());
        for file in &self.files {
            reply.array(4);
            reply.bulk(file.role.name());
            reply.integer(file.sequence.cast_signed());
            reply.bulk(&file.name);
            reply.integer(file.length.cast_signed());
        }
    }
}
