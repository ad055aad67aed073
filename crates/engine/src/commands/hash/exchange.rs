//! Values and expiries in one step: HGETDEL, HGETEX, HSETEX.

use std::collections::HashSet;

use stdx::time::UnixMs;
use value::hash::FieldExpiry;

use super::expire::Clock;
use super::fields::Fields;
use super::write::pairs;
use crate::args::Args;
use crate::command::Outcome;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

const CLOCKS: [(&str, Clock); 4] =
    [("EX", Clock::EX), ("PX", Clock::PX), ("EXAT", Clock::EXAT), ("PXAT", Clock::PXAT)];

fn clock_at(args: &Args<'_>, at: usize) -> Option<Clock> {
    CLOCKS.iter().find(|(word, _)| args.is(at, word)).map(|(_, clock)| *clock)
}

pub(super) fn hgetdel(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let hash = db.hash_to_change(&key)?;
    let fields = Fields::parse(args, 2)?;
    let mut taken: HashSet<&[u8]> = HashSet::new();
    reply.array(fields.len());
    for field in fields.iter() {
        // A field is taken once; the same name again finds nothing.
        let value = if taken.contains(field) { None } else { hash.and_then(|hash| hash.get(field)) };
        if value.is_some() {
            taken.insert(field);
        }
        reply.optional(value);
    }
    if !taken.is_empty() {
        let in_order: Vec<&[u8]> = fields.iter().filter(|field| taken.remove(field)).collect();
        db.hash_delete(&key, &in_order)?;
    }
    Ok(())
}

/// What HGETEX does with the expiry of the fields that it returns.
#[derive(Debug, Clone, Copy)]
enum Wish {
    Nothing,
    Persist,
    At(UnixMs),
}

impl Wish {
    /// The option that may stand at an argument, and where the request goes on.
    fn parse(args: &Args<'_>, at: usize, now: UnixMs) -> Result<(Self, usize), Error> {
        if args.is(at, "PERSIST") {
            return Ok((Self::Persist, at + 1));
        }
        match clock_at(args, at) {
            None => Ok((Self::Nothing, at)),
            Some(clock) => Ok((Self::At(clock.time(args.integer(at + 1)?, now, "hgetex")?), at + 2)),
        }
    }
}

pub(super) fn hgetex(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (key, now) = (ctx.key(args, 1), ctx.now());
    let mut db = ctx.db();
    let hash = db.hash(&key)?;
    let (wish, next) = Wish::parse(args, 2, now)?;
    if args.len() < next + 2 {
        return Err(Error::WrongArity("hgetex".into()));
    }
    let fields = Fields::parse(args, next)?;
    let removes = matches!(wish, Wish::At(at) if at <= now);
    let mut seen: HashSet<&[u8]> = HashSet::new();
    let mut found: Vec<&[u8]> = Vec::new();
    reply.array(fields.len());
    for field in fields.iter() {
        let value = hash.and_then(|hash| hash.get(field));
        let is_first = value.is_some() && seen.insert(field);
        if is_first {
            found.push(field);
        }
        reply.optional(value.filter(|_| is_first || !removes));
    }
    if found.is_empty() {
        return Ok(());
    }
    match wish {
        Wish::Nothing => {}
        Wish::At(at) => db.hash_set_expiry(&key, &found, at)?,
        Wish::Persist => {
            let hash = db.hash_to_change(&key)?;
            found.retain(|field| hash.and_then(|hash| hash.entry(field)?.expiry).is_some());
            if !found.is_empty() {
                db.hash_clear_expiry(&key, &found)?;
            }
        }
    }
    Ok(())
}

/// When HSETEX sets, by the fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FieldCondition {
    /// Only if none of them is there.
    NoneThere,
    /// Only if all of them are.
    AllThere,
}

/// When HSETEX sets, by the key, as in Valkey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyCondition {
    Absent,
    There,
}

/// What HSETEX is to do.
#[derive(Debug, Default)]
struct SetOptions {
    key: Option<KeyCondition>,
    fields: Option<FieldCondition>,
    /// A time that cannot be, too: Redis refuses it where it stands, before whatever is wrong behind it, but Valkey only after
    /// the condition on the key, which may be met by leaving everything as it is.
    expiry: Option<Result<FieldExpiry, Error>>,
}

impl SetOptions {
    /// The options, and where the first field stands.
    fn parse(args: &Args<'_>, now: UnixMs) -> Result<(Self, usize), Error> {
        let mut options = Self::default();
        let first_field = options.read(args, now);
        match options {
            Self { key: None, expiry: Some(Err(error)), .. } => Err(error),
            options => Ok((options, first_field?)),
        }
    }

    fn read(&mut self, args: &Args<'_>, now: UnixMs) -> Result<usize, Error> {
        let mut at = 2;
        while at < args.len() && !args.is(at, "FIELDS") {
            at = if self.read_condition(args, at)? { at + 1 } else { self.read_expiry(args, at, now)? };
        }
        if at < args.len() { parse_count(args, at + 1) } else { Err(Error::WrongArity("hsetex".into())) }
    }

    /// Whether the word is a condition, which it then notes.
    fn read_condition(&mut self, args: &Args<'_>, at: usize) -> Result<bool, Error> {
        let by_fields = [("FNX", FieldCondition::NoneThere), ("FXX", FieldCondition::AllThere)];
        if let Some((_, found)) = by_fields.iter().find(|(word, _)| args.is(at, word)) {
            if self.fields.replace(*found).is_some() {
                return Err(Error::Static("ERR Only one of FXX or FNX arguments can be specified"));
            }
            return Ok(true);
        }
        let by_key = [("NX", KeyCondition::Absent), ("XX", KeyCondition::There)];
        let Some((_, found)) = by_key.iter().find(|(word, _)| args.is(at, word)) else { return Ok(false) };
        if self.key.replace(*found).is_some_and(|before| before != *found) {
            return Err(Error::Syntax);
        }
        Ok(true)
    }

    /// Notes the time to live that the word begins, and returns what comes behind it.
    fn read_expiry(&mut self, args: &Args<'_>, at: usize, now: UnixMs) -> Result<usize, Error> {
        let clock = clock_at(args, at);
        if clock.is_none() && !args.is(at, "KEEPTTL") {
            let word = String::from_utf8_lossy(args.get(at));
            return Err(Error::Text(format!("ERR unknown argument: {word}")));
        }
        if self.expiry.is_some() {
            return Err(Error::Static(
                "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified",
            ));
        }
        let Some(clock) = clock else {
            self.expiry = Some(Ok(FieldExpiry::Keep));
            return Ok(at + 1);
        };
        if at + 1 >= args.len() {
            return Err(Error::Syntax);
        }
        let time = args.integer(at + 1).and_then(|number| clock.time(number, now, "hsetex"));
        self.expiry = Some(time.map(FieldExpiry::At));
        Ok(at + 2)
    }

    fn hold_for_key(&self, is_there: bool) -> bool {
        self.key.is_none_or(|condition| (condition == KeyCondition::There) == is_there)
    }

    fn hold_for_fields(&self, pairs: &[(&[u8], &[u8])], is_there: impl Fn(&[u8]) -> bool) -> bool {
        match self.fields {
            None => true,
            Some(FieldCondition::NoneThere) => !pairs.iter().any(|(field, _)| is_there(field)),
            Some(FieldCondition::AllThere) => pairs.iter().all(|(field, _)| is_there(field)),
        }
    }
}

/// Reads `numfields` and checks that as many pairs follow; returns where they begin.
fn parse_count(args: &Args<'_>, at: usize) -> Result<usize, Error> {
    if args.len() < at + 3 {
        return Err(Error::WrongArity("hsetex".into()));
    }
    let count = args.integer(at).ok().filter(|count| (1..=i64::from(i32::MAX)).contains(count));
    let count = count.ok_or(Error::Static("ERR invalid number of fields"))?;
    if args.len() - at - 1 != 2 * count as usize {
        return Err(Error::WrongArity("hsetex".into()));
    }
    Ok(at + 1)
}

pub(super) fn hsetex(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (options, first_field) = SetOptions::parse(args, ctx.now())?;
    let key = ctx.key(args, 1);
    let mut db = ctx.db();
    let hash = db.hash_to_change(&key)?;
    if !options.hold_for_key(hash.is_some()) {
        reply.integer(0);
        return Ok(());
    }
    let pairs = pairs(args, first_field);
    let holds = options.hold_for_fields(&pairs, |field| hash.is_some_and(|hash| hash.contains(field)));
    let expiry = options.expiry.unwrap_or(Ok(FieldExpiry::Clear))?;
    if holds {
        db.hash_set(&key, &pairs, expiry)?;
    }
    reply.integer(i64::from(holds));
    Ok(())
}
