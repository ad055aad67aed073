//! Whether a user may run a command: what the command touches, as its row and its arguments tell.
//!
//! Everything that checks goes through here: admission, EXEC before each queued command, ACL DRYRUN. So they agree.

use acl::{Channel, Denial, Key, Permission, Reason, Refusal, Request};
use config::Param;
use smallvec::SmallVec;
use stdx::time::UnixMs;

use crate::accounts::Login;
use crate::args::Args;
use crate::command::{Channels, Command, Databases, Flags};
use crate::error::Error;
use crate::session::Session;
use crate::shared::Shared;
use crate::statistics::add;
use crate::table::{Row, Table};

/// Whether the user of a session may run a command now.
pub(crate) fn check(session: &Session, shared: &Shared, row: &Row, args: &Args<'_>) -> Result<(), Denial> {
    if session.login.is_unrestricted() || session.is_loader {
        return Ok(());
    }
    check_user(session.login.user(), database_of(session), shared, row, args)
}

/// The error of a refused command.
pub(crate) fn error(login: &Login, row: &Row, denial: Denial) -> Error {
    let text = denial.reply(login.user().name(), &Table::full_name(row));
    Error::NoPermission(denial, format!("NOPERM {text}"))
}

/// Whether a user may run a command in a database.
pub(crate) fn check_user(
    user: &acl::User,
    database: u32,
    shared: &Shared,
    row: &Row,
    args: &Args<'_>,
) -> Result<(), Denial> {
    with_request(database, shared, row, args, |request| user.check(request))
}

/// Whether the user of a session may run a command and read every key besides, as SORT does with patterns of keys.
pub fn may_read_every_key(session: &Session, shared: &Shared, row: &Row, args: &Args<'_>) -> bool {
    session.login.is_unrestricted()
        || session.is_loader
        || with_request(database_of(session), shared, row, args, |request| {
            session.login.user().check_with_every_key(request, Permission::READ)
        })
}

/// Describes to `judge` what a command touches.
fn with_request<R>(
    selected: u32,
    shared: &Shared,
    row: &Row,
    args: &Args<'_>,
    judge: impl FnOnce(&Request<'_>) -> R,
) -> R {
    let command = row.command;
    let mut keys: SmallVec<[Key<'_>; 4]> = SmallVec::new();
    let known = command.access_by.map(|access_by| access_by(args));
    command.for_each_key(args, |at, most| {
        keys.push(Key { at, name: args.get(at), wanted: known.unwrap_or(most).permission() });
    });
    let mut channels: SmallVec<[Channel<'_>; 4]> = SmallVec::new();
    command.for_each_channel(args, |at, is_pattern| {
        channels.push(Channel { at, name: args.get(at), is_pattern });
    });
    let mut databases: SmallVec<[(usize, u32); 2]> = SmallVec::new();
    let count = u32::from(shared.keyspace.databases());
    command.for_each_database(args, |at| {
        // What is no database is refused by the command.
        if let Ok(Ok(number)) = args.integer(at).map(u32::try_from)
            && number < count
        {
            databases.push((at, number));
        }
    });
    if uses_selected(command, !keys.is_empty()) {
        databases.push((0, selected));
    }
    let first = 1 + usize::from(row.container.is_some());
    judge(&Request {
        command: row.index,
        is_open: command.flags.has(Flags::NO_AUTH),
        first_argument: args.get_optional(first),
        keys: &keys,
        channels: &channels,
        databases: match command.databases {
            Databases::All => acl::Databases::All(count),
            _ => acl::Databases::Some(&databases),
        },
    })
}

/// Whether a command concerns the selected database: one with keys, or about keys or data as a whole.
fn uses_selected(command: &Command, has_keys: bool) -> bool {
    let about_data = || {
        let categories = crate::commands::categories(command);
        ["keyspace", "read", "write"].iter().any(|category| categories.contains(category))
    };
    has_keys || command.databases == Databases::Selected && about_data()
}

/// The database in which a command runs. Inside a transaction that is the one selected last, if one is.
fn database_of(session: &Session) -> u32 {
    let queued = session.transaction.commands().iter().rev();
    let selected = queued
        .filter(|queued| queued.row.command.name == "SELECT")
        .find_map(|queued| queued.args.as_args().integer(1).ok())
        .and_then(|number| u32::try_from(number).ok());
    selected.unwrap_or(u32::from(session.database.0))
}

/// Notes that a command was refused: in the counts and in ACL LOG.
pub(crate) fn note_refusal(
    session: &Session,
    shared: &Shared,
    (row, args): (&Row, &Args<'_>),
    denial: Denial,
    place: acl::Place,
    now: UnixMs,
) {
    let name = Table::full_name(row);
    let object = if denial.at == 0 { name.as_bytes() } else { args.get(denial.at) };
    note(session, shared, denial.reason, place, object, session.login.user().name(), now);
}

/// Notes that a log-in was refused.
pub(crate) fn note_login(session: &Session, shared: &Shared, command: &[u8], user: &[u8], now: UnixMs) {
    note(session, shared, Reason::Login, place_of(session), command, user, now);
}

/// Where a session's command is refused, outside scripts.
pub(crate) fn place_of(session: &Session) -> acl::Place {
    if session.transaction.is_open() { acl::Place::Transaction } else { acl::Place::TopLevel }
}

fn note(
    session: &Session,
    shared: &Shared,
    reason: Reason,
    place: acl::Place,
    object: &[u8],
    user: &[u8],
    now: UnixMs,
) {
    if let Some(statistics) = shared.statistics.get(session.record.worker) {
        add(&statistics.denied[reason as usize], 1);
    }
    let limit = shared.config.read().integer(Param::AcllogMaxLen) as usize;
    let client = session.record.line(now);
    let refusal = Refusal { reason, place, object, user, client: &client };
    shared.accounts.log.lock().add(&refusal, now, limit);
}

impl Command {
    /// Calls `each` with the position of every channel in the arguments and whether it is a pattern.
    fn for_each_channel(&self, args: &Args<'_>, mut each: impl FnMut(usize, bool)) {
        match self.channels {
            Channels::None => {}
            Channels::First | Channels::Shard { last: 1, .. } if args.len() < 2 => {}
            Channels::First => each(1, false),
            Channels::All => (1..args.len()).for_each(|at| each(at, false)),
            Channels::Patterns => (1..args.len()).for_each(|at| each(at, true)),
            Channels::Shard { is_checked: false, .. } => {}
            Channels::Shard { last: 1, .. } => each(1, false),
            Channels::Shard { .. } => (1..args.len()).for_each(|at| each(at, false)),
        }
    }

    /// Calls `each` with the position of every argument that names a database.
    pub(crate) fn for_each_database(&self, args: &Args<'_>, each: impl FnMut(usize)) {
        match self.databases {
            Databases::Selected | Databases::All => {}
            Databases::At(positions) => {
                positions.iter().copied().filter(|&at| at < args.len()).for_each(each);
            }
            // Every one counts: which of two is meant is up to the command.
            Databases::Option { after } => {
                (after + 1..args.len()).filter(|&at| args.is(at - 1, "DB")).for_each(each);
            }
        }
    }
}
