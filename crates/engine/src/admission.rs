//! Admission: what has to hold before a command runs. The checks stand in one order; the first that fails answers.

use std::sync::atomic::Ordering;

use config::Param;
use resp::Protocol;

use crate::args::Args;
use crate::command::{Flags, Outcome};
use crate::error::Error;
use crate::permission;
use crate::session::Session;
use crate::shared::Shared;
use crate::table::{Row, Table};

/// What a check looks at.
pub(crate) struct Request<'a> {
    pub(crate) row: &'a Row,
    pub(crate) args: &'a Args<'a>,
    pub(crate) session: &'a Session,
    pub(crate) shared: &'a Shared,
    /// Whether no more memory may be used.
    pub(crate) out_of_memory: bool,
    /// Whether a script of the worker is busy.
    pub(crate) beside_script: bool,
}

/// Whether a command may run.
#[inline]
pub(crate) fn check(request: &Request<'_>) -> Outcome {
    if is_ordinary(request) { Ok(()) } else { check_all(request) }
}

/// Whether nothing is so that a check of [`check_all`] could fail: what is true of nearly all requests, told in a few looks.
#[inline]
fn is_ordinary(request: &Request<'_>) -> bool {
    let Request { row, args, session, shared, out_of_memory, beside_script } = *request;
    row.command.accepts(args.len())
        && session.login.is_unrestricted()
        && !session.transaction.is_open()
        && session.subscriptions.is_empty()
        && !(row.command.flags.has(Flags::PROTECTED) | out_of_memory | beside_script)
        && !(shared.loading.load(Ordering::Relaxed) | shared.writes_refused.load(Ordering::Relaxed))
}

#[inline(never)]
fn check_all(request: &Request<'_>) -> Outcome {
    arity(request)?;
    authentication(request)?;
    protected(request)?;
    transaction(request)?;
    permission(request)?;
    memory(request)?;
    subscribed(request)?;
    loading(request)?;
    busy(request)?;
    writable(request)
}

#[inline]
fn arity(request: &Request<'_>) -> Outcome {
    if request.row.command.accepts(request.args.len()) {
        return Ok(());
    }
    Err(Error::WrongArity(Table::full_name(request.row).into()))
}

#[inline]
fn authentication(request: &Request<'_>) -> Outcome {
    let Request { row, session, shared, .. } = request;
    let login = &session.login;
    if login.is_unrestricted()
        || row.command.flags.has(Flags::NO_AUTH)
        || !login.is_needed(&shared.accounts)
        || session.is_loader
    {
        return Ok(());
    }
    Err(Error::Static("NOAUTH Authentication required."))
}

/// What the user may do; see [`mod@permission`].
#[inline]
fn permission(request: &Request<'_>) -> Outcome {
    let Request { row, args, session, shared, .. } = request;
    if session.login.is_unrestricted() {
        return Ok(());
    }
    permission::check(session, shared, row, args)
        .map_err(|denial| permission::error(&session.login, row, denial))
}

/// DEBUG and MODULE change the process itself; by default only clients of this machine may, or none.
fn protected(request: &Request<'_>) -> Outcome {
    if !request.row.command.flags.has(Flags::PROTECTED) {
        return Ok(());
    }
    let is_local = request.session.record.is_local();
    let (name, parameter) = match request.row.container {
        Some(container) if container.name == "MODULE" => ("MODULE", Param::EnableModuleCommand),
        _ => ("DEBUG", Param::EnableDebugCommand),
    };
    if request.shared.config.read().protected(parameter).allows(is_local) {
        return Ok(());
    }
    let option = name.to_lowercase();
    Err(Error::Text(format!(
        "ERR {name} command not allowed. If the enable-{option}-command option is set to \"local\", you can run it from a \
         local connection, otherwise you need to set this option in the configuration file, and then restart the server.",
    )))
}

#[inline]
fn transaction(request: &Request<'_>) -> Outcome {
    if request.session.transaction.is_open() && request.row.command.flags.has(Flags::NO_MULTI) {
        return Err(Error::Static("ERR Command not allowed inside a transaction"));
    }
    Ok(())
}

/// Without memory to use, what might need some is refused, and so is anything to be queued.
#[inline]
fn memory(request: &Request<'_>) -> Outcome {
    if !request.out_of_memory || !needs_memory(request.row, request.session) || request.session.is_loader {
        return Ok(());
    }
    Err(Error::Static(OUT_OF_MEMORY))
}

/// The error of a command that would need more memory than there may be.
pub(crate) const OUT_OF_MEMORY: &str = "OOM command not allowed when used memory > 'maxmemory'.";

/// Whether a command may need memory, now or because it is queued; EXEC does if one of the queued commands does.
pub(crate) fn needs_memory(row: &Row, session: &Session) -> bool {
    match row.command.name {
        "EXEC" => {
            session.transaction.commands().iter().any(|queued| queued.row.command.flags.has(Flags::DENYOOM))
        }
        "DISCARD" | "QUIT" | "RESET" => false,
        _ => session.transaction.is_open() || row.command.flags.has(Flags::DENYOOM),
    }
}

/// A client of RESP2 that is subscribed could not tell replies from messages.
#[inline]
fn subscribed(request: &Request<'_>) -> Outcome {
    let Request { row, session, .. } = request;
    if session.subscriptions.is_empty()
        || session.protocol != Protocol::Resp2
        || row.command.flags.has(Flags::SUBSCRIBED)
    {
        return Ok(());
    }
    Err(Error::Text(format!(
        "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
        Table::full_name(row)
    )))
}

#[inline]
fn loading(request: &Request<'_>) -> Outcome {
    let shared = request.shared;
    if shared.loading.load(Ordering::Relaxed)
        && !request.row.command.flags.has(Flags::LOADING)
        && !request.session.is_loader
    {
        return Err(Error::Static("LOADING Redis is loading the dataset in memory"));
    }
    Ok(())
}

/// While a script is busy, its worker runs what is about connections, and what ends the script.
#[inline]
fn busy(request: &Request<'_>) -> Outcome {
    if request.beside_script && !request.row.command.flags.has(Flags::ALLOW_BUSY) {
        return Err(Error::Static(request.shared.running.busy_text()));
    }
    Ok(())
}

/// After a failed write to disk, changes are refused until writing works again; and so they are while too few replicas follow.
#[inline]
fn writable(request: &Request<'_>) -> Outcome {
    let Request { row, session, shared, .. } = request;
    if !shared.writes_refused.load(Ordering::Relaxed) || session.is_loader || !writes(row, session) {
        return Ok(());
    }
    Err(Error::Text(shared.write_refusal().unwrap_or_default()))
}

/// Whether a command changes data; EXEC does if one of the queued commands does.
fn writes(row: &Row, session: &Session) -> bool {
    match row.command.name {
        "EXEC" => {
            session.transaction.commands().iter().any(|queued| queued.row.command.flags.has(Flags::WRITE))
        }
        _ => row.command.flags.has(Flags::WRITE),
    }
}
