//! CLIENT TRACKING and its companions: a client's side of client-side caching. See [`crate::tracking`].

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::ops::Bound;

use crate::args::Args;
use crate::command::Outcome;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;
use crate::tracking::{self, Choice, Mode};

/// Most prefixes that one client may have. When it goes they are forgotten under a lock that all workers take.
const MAX_PREFIXES: usize = 4096;

/// The options of CLIENT TRACKING.
struct Options<'a> {
    mode: Mode,
    opt_in: bool,
    opt_out: bool,
    prefixes: Vec<&'a [u8]>,
}

impl<'a> Options<'a> {
    fn parse(ctx: &Context<'_, '_>, args: &Args<'a>) -> Result<Self, Error> {
        let mut options = Self { mode: Mode::default(), opt_in: false, opt_out: false, prefixes: Vec::new() };
        let mut cursor = args.cursor(3);
        while !cursor.is_done() {
            if cursor.left() >= 2 && cursor.take("REDIRECT") {
                if options.mode.redirect.is_some() {
                    return Err(Error::Static("ERR A client can only redirect to a single other client"));
                }
                let id = cursor.integer()?;
                if !u64::try_from(id).is_ok_and(|id| ctx.shared.clients.get(id).is_some()) {
                    return Err(Error::Static("ERR The client ID you want redirect to does not exist"));
                }
                options.mode.redirect = Some(id as u64);
            } else if cursor.take("BCAST") {
                options.mode.broadcast = true;
            } else if cursor.take("OPTIN") {
                options.opt_in = true;
            } else if cursor.take("OPTOUT") {
                options.opt_out = true;
            } else if cursor.take("NOLOOP") {
                options.mode.no_loop = true;
            } else if cursor.left() >= 2 && cursor.take("PREFIX") {
                options.prefixes.push(cursor.next_required()?);
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(options)
    }

    /// The mode and the prefixes that it adds to those before, if the options fit together and to the mode before.
    fn check(self, before: Option<&Mode>) -> Result<(Mode, BTreeSet<Vec<u8>>), Error> {
        let Self { mut mode, opt_in, opt_out, prefixes } = self;
        if !mode.broadcast && !prefixes.is_empty() {
            return Err(Error::Static("ERR PREFIX option requires BCAST mode to be enabled"));
        }
        if before.is_some_and(|before| before.broadcast != mode.broadcast) {
            return Err(Error::Static(
                "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling \
                 it with a different mode.",
            ));
        }
        if mode.broadcast && (opt_in || opt_out) {
            return Err(Error::Static("ERR OPTIN and OPTOUT are not compatible with BCAST"));
        }
        if opt_in && opt_out {
            return Err(Error::Static("ERR You can't specify both OPTIN mode and OPTOUT mode"));
        }
        let choice_before = before.map(|before| before.choice);
        if opt_in && choice_before == Some(Choice::OptOut) || opt_out && choice_before == Some(Choice::OptIn)
        {
            return Err(Error::Static(
                "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling \
                 it with a different mode.",
            ));
        }
        mode.choice = match (opt_in, opt_out) {
            (true, _) => Choice::OptIn,
            (_, true) => Choice::OptOut,
            _ => Choice::All,
        };
        let added = if mode.broadcast { added_prefixes(before, &prefixes)? } else { BTreeSet::new() };
        Ok((mode, added))
    }
}

/// The prefixes that are added to those of a client; none of all may begin another.
fn added_prefixes(before: Option<&Mode>, given: &[&[u8]]) -> Result<BTreeSet<Vec<u8>>, Error> {
    let none = BTreeSet::new();
    let existing = before.map_or(&none, |before| &before.prefixes);
    let all_keys: &[&[u8]] = &[b""];
    let added = if given.is_empty() { all_keys } else { given };
    // Who has the one of all keys may name no prefix again.
    let is_there = given.is_empty() && existing.contains(&b""[..]);
    if !is_there && existing.len() + added.len() > MAX_PREFIXES {
        return Err(Error::Static("ERR too many prefixes for one client"));
    }
    if let Some((prefix, which, other)) = first_overlap(existing, given) {
        let [prefix, other] = [prefix, other].map(String::from_utf8_lossy);
        return Err(Error::Text(format!(
            "ERR Prefix '{prefix}' overlaps with {which} prefix '{other}'. Prefixes for a single client must not overlap."
        )));
    }
    Ok(added.iter().map(|prefix| prefix.to_vec()).collect())
}

/// The first of the given prefixes that overlaps with any, and what is told of it: one that exists, or else the first of those
/// that are given behind it.
fn first_overlap<'p>(
    existing: &'p BTreeSet<Vec<u8>>,
    given: &[&'p [u8]],
) -> Option<(&'p [u8], &'static str, &'p [u8])> {
    let mut first = None;
    // Of those behind that overlap with each other the shortest, which is all that another one needs to be compared with.
    let mut behind = BTreeSet::new();
    for (at, &prefix) in given.iter().enumerate().rev() {
        if overlapping(existing, prefix).or(overlapping(&behind, prefix)).is_some() {
            first = Some(at);
        }
        while let Some(longer) = first_from(&behind, prefix).filter(|longer| longer.starts_with(prefix)) {
            behind.remove(longer);
        }
        if overlapping(&behind, prefix).is_none() {
            behind.insert(prefix);
        }
    }
    let (prefix, behind) = given[first?..].split_first()?;
    if let Some(other) = overlapping(existing, prefix) {
        return Some((prefix, "an existing", other));
    }
    let other = behind.iter().find(|other| overlap(prefix, other))?;
    Some((prefix, "another provided", other))
}

/// Whether one of two prefixes begins the other.
fn overlap(one: &[u8], other: &[u8]) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

/// The first of some prefixes in their order that is not below this one.
fn first_from<'p>(prefixes: &BTreeSet<&'p [u8]>, prefix: &[u8]) -> Option<&'p [u8]> {
    prefixes.range::<[u8], _>((Bound::Included(prefix), Bound::Unbounded)).next().copied()
}

/// One of the prefixes that begins this one or begins with it. Of those that do not overlap only the neighbours can, and
/// the empty one, which whoever names no prefix has besides others.
fn overlapping<'p, P: Borrow<[u8]> + Ord>(prefixes: &'p BTreeSet<P>, prefix: &[u8]) -> Option<&'p [u8]> {
    let below = prefixes.range::<[u8], _>((Bound::Unbounded, Bound::Included(prefix))).next_back();
    let above = prefixes.range::<[u8], _>((Bound::Excluded(prefix), Bound::Unbounded)).next();
    [prefixes.first(), below, above].into_iter().flatten().map(P::borrow).find(|other| overlap(prefix, other))
}

pub(super) fn tracking(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let options = Options::parse(ctx, args)?;
    if args.is(2, "ON") {
        let (mode, added) = options.check(ctx.session.tracking.as_deref())?;
        tracking::enable(ctx.access, ctx.shared, ctx.session, mode, added);
    } else if args.is(2, "OFF") {
        tracking::disable(ctx.shared, ctx.session);
    } else {
        return Err(Error::Syntax);
    }
    reply.ok();
    Ok(())
}

pub(super) fn caching(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let Some(mode) = ctx.session.tracking.as_mut() else {
        return Err(Error::Static(
            "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
        ));
    };
    let (needed, refusal) = if args.is(2, "YES") {
        (Choice::OptIn, "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.")
    } else if args.is(2, "NO") {
        (Choice::OptOut, "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.")
    } else {
        return Err(Error::Syntax);
    };
    if mode.choice != needed {
        return Err(Error::Static(refusal));
    }
    mode.caching_given = true;
    reply.ok();
    Ok(())
}

/// The client that is told: -1 without tracking, 0 without a redirect.
fn redirect(mode: Option<&Mode>) -> i64 {
    mode.map_or(-1, |mode| mode.redirect.unwrap_or(0) as i64)
}

pub(super) fn get_redirect(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.integer(redirect(ctx.session.tracking.as_deref()));
    Ok(())
}

pub(super) fn info(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mode = ctx.session.tracking.as_deref();
    let words = flags(mode);
    reply.map(3);
    reply.bulk("flags");
    reply.set(words.len());
    words.iter().for_each(|word| reply.bulk(word));
    reply.bulk("redirect");
    reply.integer(redirect(mode));
    reply.bulk("prefixes");
    let prefixes: Vec<&Vec<u8>> = mode.iter().flat_map(|mode| &mode.prefixes).collect();
    reply.array(prefixes.len());
    prefixes.iter().for_each(|prefix| reply.bulk(prefix));
    Ok(())
}

/// The words of a mode in CLIENT TRACKINGINFO.
fn flags(mode: Option<&Mode>) -> Vec<&'static str> {
    let Some(mode) = mode else { return vec!["off"] };
    let (opt_in, opt_out) = (mode.choice == Choice::OptIn, mode.choice == Choice::OptOut);
    let words = [
        (true, "on"),
        (mode.broadcast, "bcast"),
        (opt_in, "optin"),
        (opt_in && mode.caching_given, "caching-yes"),
        (opt_out, "optout"),
        (opt_out && mode.caching_given, "caching-no"),
        (mode.no_loop, "noloop"),
        (mode.redirect_broken, "broken_redirect"),
    ];
    words.into_iter().filter(|(is_set, _)| *is_set).map(|(_, word)| word).collect()
}
