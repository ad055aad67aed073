//! DEBUG OBJECT and its kin: how a value is kept, and what clients take.

use std::fmt::Write;

use keyspace::{Db, Key};
use value::ValueRef;

use config::MemoryLimit;

use crate::args::Args;
use crate::command::Outcome;
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;

/// The bounds of Redis's classes of clients, as powers of two.
const CLIENT_CLASSES: std::ops::RangeInclusive<u32> = 15..=32;

pub(super) fn object(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key_of(args.get(2));
    // As in Redis, this shows a key that is due as well, which stays.
    let (idle, found) = ctx.with_key(&key, |ctx| {
        let database = ctx.session.database;
        ctx.access.with_nothing_due(|access| {
            let mut db = access.db(database);
            (db.idle_seconds(&key), describe(&mut db, &key))
        })
    });
    let Some((encoding, length)) = found else { return Err(Error::NoSuchKey) };
    reply.simple(format!(
        "Value at:0x0 refcount:1 encoding:{encoding} serializedlength:{length} lru:0 lru_seconds_idle:{}",
        idle.unwrap_or(0)
    ));
    Ok(())
}

/// The encoding of a value and the bytes of its content.
fn describe(db: &mut Db<'_, '_>, key: &Key<'_>) -> Option<(&'static str, usize)> {
    let changed = db.string_is_changed(key);
    Some(match db.peek(key)? {
        ValueRef::String(string) => (string.encoding(changed).name(), string.len()),
        ValueRef::Hash(hash) => {
            (hash.encoding().name(), hash.iter().map(|entry| entry.field.len() + entry.value.len()).sum())
        }
        ValueRef::List(list) => (list.encoding().name(), list.data_bytes()),
        ValueRef::Set(set) => (set.encoding().name(), set.data_bytes()),
        ValueRef::ZSet(zset) => (zset.encoding().name(), zset.data_bytes()),
        ValueRef::Stream(stream) => ("stream", stream.allocated_bytes()),
    })
}

/// HTSTATS-KEY: a value that Redis would keep in a hash table.
pub(super) fn expect_table(ctx: &mut Context<'_, '_>, name: &[u8]) -> Outcome {
    let key = ctx.key_of(name);
    let (encoding, _) = ctx.with_key(&key, |ctx| describe(&mut ctx.db(), &key)).ok_or(Error::NoSuchKey)?;
    if !matches!(encoding, "hashtable" | "skiplist") {
        return Err(Error::Static(
            "ERR The value stored at the specified key is not represented using an hash table",
        ));
    }
    Ok(())
}

/// LISTPACK and QUICKLIST: what a value of that encoding holds.
pub(super) fn collection(
    ctx: &mut Context<'_, '_>,
    args: &Args<'_>,
    wanted: &'static str,
    reply: &mut Reply<'_>,
) -> Outcome {
    let key = ctx.key_of(args.get(2));
    let found = ctx.with_key(&key, |ctx| {
        let (encoding, bytes) = describe(&mut ctx.db(), &key)?;
        Some((encoding, bytes, ctx.db().peek(&key).map_or(0, |value| elements(&value))))
    });
    let (encoding, bytes, elements) = found.ok_or(Error::NoSuchKey)?;
    if encoding != wanted {
        return Err(Error::Text(format!("ERR Not a {wanted} encoded object.")));
    }
    reply.simple(format!("{wanted} of {elements} elements with {bytes} bytes of content"));
    Ok(())
}

/// The elements that Redis counts in the one block of a value.
fn elements(value: &ValueRef<'_>) -> usize {
    match value {
        ValueRef::String(_) | ValueRef::Stream(_) => 0,
        ValueRef::Hash(hash) => hash.len() * 2,
        ValueRef::List(list) => list.len(),
        ValueRef::Set(set) => set.len(),
        ValueRef::ZSet(zset) => zset.len() * 2,
    }
}

/// SDSLEN: lengths of a key and its string. Neither has room to grow that it does not use.
pub(super) fn string_lengths(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let key = ctx.key_of(args.get(2));
    let found = ctx.with_key(&key, |ctx| {
        let (encoding, length) = describe(&mut ctx.db(), &key)?;
        Some((encoding, length, ctx.db().memory_bytes(&key).unwrap_or(0)))
    });
    let (encoding, length, all) = found.ok_or(Error::NoSuchKey)?;
    if !["raw", "embstr"].contains(&encoding) {
        return Err(Error::Static("ERR Not an sds encoded string."));
    }
    let own = args.get(2).len();
    reply.simple(format!(
        "key_sds_len:{own}, key_sds_avail:0, key_zmalloc: {own}, val_sds_len:{length}, val_sds_avail:0, val_zmalloc: {}",
        all.saturating_sub(own)
    ));
    Ok(())
}

/// CLIENT-EVICTION: how much memory clients take, by powers of two.
pub(super) fn client_classes(ctx: &Context<'_, '_>, reply: &mut Reply<'_>) -> Outcome {
    if matches!(ctx.shared.config.read().maxmemory_clients(), MemoryLimit::Bytes(0) | MemoryLimit::Percent(0))
    {
        return Err(Error::Static("ERR maxmemory-clients is disabled."));
    }
    let sizes: Vec<usize> = ctx.shared.clients.all().iter().map(|record| record.memory()).collect();
    let mut text = String::new();
    let mut least = 0_usize;
    for class in CLIENT_CLASSES {
        let next = if class == *CLIENT_CLASSES.end() { usize::MAX } else { 1 << class };
        let (mut clients, mut bytes) = (0, 0);
        for size in sizes.iter().filter(|&&size| (least..next).contains(&size)) {
            clients += 1;
            bytes += size;
        }
        let bound = if next == usize::MAX { "+".to_owned() } else { format!(" - {:>10}", next - 1) };
        let _ = writeln!(text, "bucket {least:>10}{bound:<13}: tot-mem: {bytes:>10}, clients: {clients}");
        least = next;
    }
    reply.verbatim(*b"txt", text);
    Ok(())
}
