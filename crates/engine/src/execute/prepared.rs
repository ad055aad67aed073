//! A request that has been looked up, and what is to be known of it before it runs.

use std::ops::Range;

use keyspace::Keyspace;

use crate::admission::{self, Request};
use crate::args::Args;
use crate::client::PauseMode;
use crate::command::{Flags, Group, Keys};
use crate::error::Error;
use crate::scripting::{ScriptFlags, declared};
use crate::session::Session;
use crate::shared::Shared;
use crate::table::{Names, Row};

/// First words of lines that no HTTP request with a body can do without.
const HTTP_WORDS: [&[u8]; 2] = [b"post", b"host:"];

/// A request that has been looked up.
#[derive(Debug)]
pub struct Prepared {
    pub(super) row: Result<Row, Box<Error>>,
    /// Hash and slot of the first key.
    pub(super) first_key: Option<(u64, u16)>,
    /// Where those of its other keys are in the list of the group.
    pub(super) hashed: Range<usize>,
    /// Whether it runs with nothing locked.
    pub(super) alone: bool,
    /// Whether the same command stands behind it in its group.
    pub(super) is_followed_by_equal: bool,
}

impl Prepared {
    /// Looks a request up.
    #[inline]
    pub fn new(names: &Names, args: &Args<'_>) -> Self {
        let row = names.look_up(args).map_err(Box::new);
        let alone = row.as_ref().is_ok_and(|row| row.command.runs_alone(args));
        Self { row, first_key: None, hashed: 0..0, alone, is_followed_by_equal: false }
    }

    /// Whether there is no such command.
    #[inline]
    pub fn is_unknown(&self) -> bool {
        self.row.is_err()
    }

    /// Whether it is a line of an HTTP request that makes a browser's user send commands without knowing. Whoever sends one
    /// is no client of ours, and what follows must not be executed.
    pub fn is_http(&self, args: &Args<'_>) -> bool {
        self.row.is_err() && HTTP_WORDS.iter().any(|word| word.eq_ignore_ascii_case(args.get(0)))
    }

    /// Whether it names what is inside of a value.
    #[inline]
    pub fn names_members(&self) -> bool {
        self.row.as_ref().is_ok_and(|row| row.command.members.is_some())
    }

    /// Whether it must not be leased together with others.
    pub fn is_alone(&self) -> bool {
        self.alone
    }

    /// Whether it may run a script, and so take long. In a transaction that is EXEC, if a script is queued.
    pub fn may_run_scripts(&self, session: &Session) -> bool {
        let transaction = &session.transaction;
        self.row.as_ref().is_ok_and(|row| row.command.flags.has(Flags::RUNS_SCRIPTS))
            && (!transaction.is_open() || transaction.runs_scripts())
    }

    /// Whether the machine does something with files for it.
    pub fn is_errand(&self) -> bool {
        self.row.as_ref().is_ok_and(|row| row.command.flags.has(Flags::ERRAND))
    }

    /// Whether its connection may have to wait behind it.
    pub fn may_wait(&self) -> bool {
        self.row.as_ref().is_ok_and(|row| {
            let waits = |flag| row.command.flags.has(flag);
            waits(Flags::BLOCKING) || waits(Flags::ERRAND) || matches!(row.command.keys, Keys::Migrated)
        })
    }

    /// Whether it may come out of a file: it is about data, and not about the server or the connection. What is unknown is
    /// refused when it runs.
    pub fn is_about_data(&self) -> bool {
        let Ok(row) = &self.row else { return true };
        let command = row.command;
        !command.flags.has(Flags::ADMIN)
            && command.group != Group::PubSub
            && (command.group != Group::Connection || command.name == "SELECT")
    }

    /// The lane of its keys, where `lanes` share the shards among themselves: it changes these keys and looks at nothing but them, so
    /// it may run beside commands of other lanes. None: its keys are of several lanes, or it concerns more than keys that it names.
    pub fn lane(&self, args: &Args<'_>, keyspace: &Keyspace, lanes: usize) -> Option<usize> {
        let command = self.row.as_ref().ok()?.command;
        if !command.flags.has(Flags::WRITE) || !command.accepts(args.len()) || command.needs_everything(args)
        {
            return None;
        }
        let (mut lane, mut is_one) = (None, true);
        command.for_each_key(args, |at, _| {
            let its = keyspace.shard_of(&keyspace.key(args.get(at))) % lanes;
            is_one &= lane.replace(its).is_none_or(|other| other == its);
        });
        lane.filter(|_| is_one)
    }

    /// Whether a pause holds it back: not what is refused at once. Requests before it have run.
    pub fn is_paused(&self, mode: PauseMode, args: &Args<'_>, session: &Session, shared: &Shared) -> bool {
        let Ok(row) = &self.row else { return false };
        let writes = |row: &Row, args: &Args<'_>| may_write(shared, row, args);
        let is_held = mode == PauseMode::All
            || writes(row, args)
            || row.command.name == "EXEC"
                && session
                    .transaction
                    .commands()
                    .iter()
                    .any(|queued| writes(&queued.row, &queued.args.as_args()));
        is_held
            && admission::check(&Request {
                row,
                args,
                session,
                shared,
                out_of_memory: false,
                beside_script: false,
            })
            .is_ok()
    }

    /// Whether it may need memory.
    pub fn needs_memory(&self, session: &Session) -> bool {
        self.row.as_ref().is_ok_and(|row| admission::needs_memory(row, session))
    }
}

/// Whether a command may have an effect that a pause of writes is to hold back. A script that declares something says so itself.
fn may_write(shared: &Shared, row: &Row, args: &Args<'_>) -> bool {
    match declared(shared, row, args) {
        Some(flags) => !flags.has(ScriptFlags::NO_WRITES),
        None => row.command.flags.has(Flags::WRITE) || row.command.flags.has(Flags::MAY_REPLICATE),
    }
}
