//! The limit of open files: every client takes a descriptor.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Descriptors that are not clients': listeners, polls, files.
const RESERVED: u64 = 64;

/// Raises the limit as far as `clients` clients need; `Err` says for how many it is enough.
pub fn allow_clients(clients: u64) -> Result<(), u64> {
    let wanted = clients.saturating_add(RESERVED);
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let before = limit;
    limit.current = Some(wanted);
    limit.maximum = limit.maximum.map(|maximum| maximum.max(wanted));
    if setrlimit(Resource::Nofile, limit).is_ok() {
        return Ok(());
    }
    // Only the soft limit may be raised, up to the hard one.
    limit = before;
    limit.current = Some(before.maximum.map_or(wanted, |maximum| wanted.min(maximum)));
    let possible = if setrlimit(Resource::Nofile, limit).is_ok() { limit.current } else { before.current };
    match possible {
        Some(possible) if possible < wanted => Err(possible.saturating_sub(RESERVED)),
        _ => Ok(()),
    }
}
