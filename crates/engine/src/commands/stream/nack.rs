//! What a consumer gives back: XNACK.
//!
//! It stays pending, belongs to nobody, and counts as delivered when time began, so whoever claims gets it first.

use keyspace::Db;
use value::stream::{ConsumerNumber, Id, Pending};

use super::delete::counted_ids;
use super::{find_group, integer, no_key_or_group};
use crate::args::Args;
use crate::command::Outcome;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

/// How often an entry counts as delivered that nobody can process.
const NEVER_AGAIN: u64 = i64::MAX as u64;

/// Why it is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// It does not count as delivered.
    Silent,
    /// It counts.
    Fail,
    /// It is not to be delivered again.
    Fatal,
}

struct Wanted {
    mode: Mode,
    ids: Vec<Id>,
    deliveries: Option<u64>,
    /// Entries that are not pending become so.
    is_forced: bool,
}

impl Wanted {
    fn parse(args: &Args<'_>) -> Result<Self, Error> {
        let mut cursor = args.cursor(3);
        let mode = if cursor.take("SILENT") {
            Mode::Silent
        } else if cursor.take("FAIL") {
            Mode::Fail
        } else if cursor.take("FATAL") {
            Mode::Fatal
        } else {
            return Err(Error::Static("ERR Invalid mode: must be SILENT, FAIL, or FATAL"));
        };
        let mut wanted = Self { mode, ids: Vec::new(), deliveries: None, is_forced: false };
        while !cursor.is_done() {
            if wanted.ids.is_empty() && cursor.take("IDS") {
                wanted.ids = counted_ids(&mut cursor)?;
            } else if cursor.take("FORCE") {
                wanted.is_forced = true;
            } else if cursor.left() > 1 && cursor.take("RETRYCOUNT") {
                const BAD: &str = "ERR Invalid RETRYCOUNT value, must be >= 0";
                let count = integer(cursor.next_required()?, BAD)?;
                wanted.deliveries = Some(u64::try_from(count).map_err(|_| Error::Static(BAD))?);
            } else {
                return Err(Error::Syntax);
            }
        }
        if wanted.ids.is_empty() { Err(Error::Syntax) } else { Ok(wanted) }
    }

    /// How often an entry counts as delivered from now on.
    fn deliveries(&self, before: Option<Pending>) -> u64 {
        let before = before.map_or(0, |before| before.deliveries);
        self.deliveries.unwrap_or(match self.mode {
            Mode::Silent => before.saturating_sub(1),
            Mode::Fail => before,
            Mode::Fatal => NEVER_AGAIN,
        })
    }
}

pub(super) fn xnack(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let wanted = Wanted::parse(args)?;
    let (key, name) = (ctx.key(args, 1), args.get(2));
    let mut db: Db<'_, '_> = ctx.db();
    find_group(&mut db, &key, name, no_key_or_group)?;
    let mut given_back = 0;
    for &id in &wanted.ids {
        let Some(stream) = db.stream_to_change(&key)? else { break };
        let before = stream.group(name).and_then(|group| group.pending.get(id));
        if before.is_none() && !(wanted.is_forced && stream.contains(id)) {
            continue;
        }
        let deliveries = wanted.deliveries(before);
        let pending = Pending { id, consumer: ConsumerNumber::NOBODY, delivered_ms: 0, deliveries };
        db.stream_claim(&key, name, b"", &[pending])?;
        given_back += 1;
    }
    if given_back > 0 {
        ctx.make_ready(&key); // somebody may wait for what is pending and nobody's
    }
    reply.integer(given_back);
    Ok(())
}
