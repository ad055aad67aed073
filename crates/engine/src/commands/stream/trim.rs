//! Trimming: XTRIM, and the options that it shares with XADD.

use value::stream::{Reach, References, Trim};

use super::id;
use crate::args::{Args, Cursor};
use crate::command::Outcome;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

/// The most entries that a trim by whole nodes removes if the client does not say: those of a hundred nodes, within bounds.
const NODES: u64 = 100;
const LIMIT_WITHOUT_NODES: u64 = 10_000;
const LIMIT_MAX: u64 = 1_000_000;

/// What is to be trimmed, as far as it has been read.
#[derive(Debug, Default)]
pub(super) struct Options {
    trim: Option<Trim>,
    by_nodes: bool,
    limit: Option<u64>,
    references: Option<References>,
}

/// A trim that is wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) trim: Trim,
    pub(super) reach: Reach,
    pub(super) references: References,
}

impl Options {
    /// Takes the next option if it is one of these.
    pub(super) fn take(&mut self, cursor: &mut Cursor<'_>) -> Result<bool, Error> {
        let has_more = cursor.left() > 1;
        if has_more && cursor.take("MAXLEN") {
            self.begin(cursor)?;
            let length = cursor.integer()?;
            let length =
                u64::try_from(length).map_err(|_| Error::Static("ERR The MAXLEN argument must be >= 0."))?;
            self.trim = Some(Trim::Length(length));
        } else if has_more && cursor.take("MINID") {
            self.begin(cursor)?;
            self.trim = Some(Trim::Before(id(cursor.next_required()?)?));
        } else if has_more && cursor.take("LIMIT") {
            let limit = cursor.integer()?;
            let limit =
                u64::try_from(limit).map_err(|_| Error::Static("ERR The LIMIT argument must be >= 0."))?;
            self.limit = Some(limit);
        } else if let Some(references) = take_references(cursor) {
            if self.references.replace(references).is_some() {
                return Err(Error::Syntax);
            }
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// What stands between the word and its number.
    fn begin(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Error> {
        if self.trim.is_some() {
            return Err(Error::Static(
                "ERR syntax error, MAXLEN and MINID options at the same time are not compatible",
            ));
        }
        let has_sign = cursor.left() > 1;
        self.by_nodes = has_sign && cursor.take("~");
        if has_sign && !self.by_nodes {
            cursor.take("=");
        }
        Ok(())
    }

    /// What all options together mean.
    pub(super) fn finish(self, ctx: &Context<'_, '_>) -> Result<Option<Wanted>, Error> {
        if self.trim.is_none() && self.limit.is_some_and(|limit| limit > 0) {
            return Err(Error::Static(
                "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
            ));
        }
        if self.limit.is_some() && !self.by_nodes {
            return Err(Error::Static("ERR syntax error, LIMIT cannot be used without the special ~ option"));
        }
        let reach = if self.by_nodes {
            Reach::Nodes { limit: self.limit.unwrap_or_else(|| default_limit(ctx)) }
        } else {
            Reach::Exact
        };
        let references = self.references.unwrap_or_default();
        Ok(self.trim.map(|trim| Wanted { trim, reach, references }))
    }
}

fn default_limit(ctx: &Context<'_, '_>) -> u64 {
    let entries = &ctx.shared.keyspace.limits().stream_node_max_entries;
    match entries.load(std::sync::atomic::Ordering::Relaxed) as u64 {
        0 => LIMIT_WITHOUT_NODES,
        entries => entries.saturating_mul(NODES).min(LIMIT_MAX),
    }
}

/// Takes a word that says what becomes of references.
pub(super) fn take_references(cursor: &mut Cursor<'_>) -> Option<References> {
    let words =
        [("KEEPREF", References::Keep), ("DELREF", References::Remove), ("ACKED", References::Respect)];
    words.into_iter().find(|(word, _)| cursor.take(word)).map(|(_, references)| references)
}

pub(super) fn xtrim(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut options = Options::default();
    let mut cursor = args.cursor(2);
    while !cursor.is_done() {
        if !options.take(&mut cursor)? {
            return Err(Error::Syntax);
        }
    }
    let wanted = options.finish(ctx)?;
    let Wanted { trim, reach, references } =
        wanted.ok_or(Error::Static("ERR syntax error, XTRIM must be called with a trimming strategy"))?;
    let key = ctx.key(args, 1);
    let removed = ctx.db().stream_trim(&key, trim, reach, references)?;
    reply.integer(removed as i64);
    Ok(())
}
