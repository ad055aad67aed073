//! Walking the keys of a database: SCAN, KEYS, RANDOMKEY.
//!
//! They take the locks of one shard after the other by themselves, so they run alone, with nothing locked before.

use std::collections::VecDeque;

use keyspace::KeyWalk;
use resp::Protocol;
use resp::write::Aggregate;
use stdx::glob::{self, Case};
use stdx::number::parse_u64;

use crate::args::Args;
use crate::command::{Command, Flags, Group, Outcome};
use crate::commands::scan_options::{ScanOptions, Walked};
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;
use crate::slices::{Producer, Progress};
use crate::tips;

const FLAGS: Flags = Flags::READONLY.and(Flags::ALONE);

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command::new("SCAN", Group::Generic, -2, scan)
        .tips(tips::WALK)
        .flags(FLAGS)
        .doc(
            "2.8.0",
            "O(1) for every call. O(N) for a complete iteration.",
            "Iterates over the key names in the database.",
            "cursor [MATCH pattern] [COUNT count] [TYPE type@6.0.0]",
        )
        .history(&[("6.0.0", "The option `TYPE`.")]),
    Command::new("KEYS", Group::Generic, 2, keys)
        .tips(tips::ALL_SHARDS_LISTS)
        .flags(FLAGS.and(Flags::DANGEROUS))
        .doc(
            "1.0.0",
            "O(N) with N being the number of keys in the database.",
            "Returns all key names that match a pattern.",
            "pattern",
        ),
    Command::new("RANDOMKEY", Group::Generic, 1, randomkey).tips(tips::ALL_SHARDS_PICK).flags(FLAGS).doc(
        "1.0.0",
        "O(1)",
        "Returns a random key name from the database.",
        "",
    ),
];

/// How many pages KEYS looks at in a slice: some hundred keys, some tens of microseconds.
const PAGES_OF_A_SLICE: usize = 16;

/// A cursor, which may have blanks and a sign in front, as in Redis 8.
pub(super) fn parse_cursor(text: &[u8]) -> Result<u64, Error> {
    let text = text.trim_ascii_start();
    parse_u64(text.strip_prefix(b"+").unwrap_or(text)).ok_or(Error::Static("ERR invalid cursor"))
}

fn scan(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let cursor = parse_cursor(args.get(1))?;
    let options = ScanOptions::parse(args.cursor(2), Walked::Keys)?;
    let mut found: Vec<Vec<u8>> = Vec::new();
    let next = ctx.access.scan(ctx.session.database, cursor, options.count, &mut |seen| {
        if options.includes(seen.kind.type_name()) && options.matches(seen.key) {
            found.push(seen.key.to_vec());
        }
    });
    reply.array(2);
    let mut text = Vec::new();
    stdx::number::write_u64(&mut text, next);
    reply.bulk(text);
    reply.array(found.len());
    for key in &found {
        reply.bulk(key);
    }
    Ok(())
}

fn keys(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let pattern = args.get(1);
    let database = ctx.session.database;
    if reply.leaves(ctx.shared.keyspace.len(database)) {
        let walk = ctx.access.walk(database);
        reply.produce(MatchingKeys::new(walk, pattern, reply.protocol()));
        return Ok(());
    }
    let deferred = reply.defer();
    let mut count = 0;
    ctx.access.for_each_key(database, &mut |seen| {
        if pattern == b"*" || glob::matches(pattern, seen.key, Case::Sensitive) {
            reply.bulk(seen.key);
            count += 1;
        }
    });
    reply.finish(deferred, Aggregate::Array, count);
    Ok(())
}

/// The reply of KEYS for many keys: they are gathered page by page, and written when it is known how many they are.
#[derive(Debug)]
struct MatchingKeys {
    walk: KeyWalk,
    pattern: Vec<u8>,
    protocol: Protocol,
    /// The keys found, as they are written, in pieces that are handed on as they are.
    found: VecDeque<Vec<u8>>,
    found_bytes: usize,
    count: usize,
    /// How many they are has been written.
    is_gathered: bool,
}

impl MatchingKeys {
    fn new(walk: KeyWalk, pattern: &[u8], protocol: Protocol) -> Self {
        Self {
            walk,
            pattern: pattern.to_vec(),
            protocol,
            found: VecDeque::new(),
            found_bytes: 0,
            count: 0,
            is_gathered: false,
        }
    }

    /// Gathers the keys of some pages; false at the end.
    fn gather(&mut self) -> bool {
        let Self { walk, pattern, protocol, count, .. } = self;
        let mut piece = Vec::new();
        let more = (0..PAGES_OF_A_SLICE).all(|_| {
            walk.step(&mut |seen| {
                if pattern == b"*" || glob::matches(pattern, seen.key, Case::Sensitive) {
                    Reply::new(&mut piece, *protocol).bulk(seen.key);
                    *count += 1;
                }
            })
        });
        self.found_bytes += piece.len();
        self.found.push_back(piece);
        more
    }
}

impl Producer for MatchingKeys {
    fn produce(&mut self, out: &mut Vec<u8>) -> Progress {
        if !self.is_gathered {
            self.is_gathered = !self.gather();
            if self.is_gathered {
                Reply::new(out, self.protocol).array(self.count);
            }
            return Progress::More;
        }
        let Some(piece) = self.found.pop_front() else { return Progress::Done };
        self.found_bytes -= piece.len();
        out.extend_from_slice(&piece);
        Progress::More
    }

    fn remaining_bytes(&self) -> usize {
        self.found_bytes
    }
}

fn randomkey(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut key = Vec::new();
    if ctx.access.random_key(ctx.session.database, &mut key) {
        reply.bulk(key);
    } else {
        reply.null();
    }
    Ok(())
}
