//! MEMORY STATS: what is used and for what, by the names that Redis gives it.
//!
//! Where Redis counts the tables beside its data, here is nothing to count: keys lie with their values in pages, and times to
//! live have no index.

use keyspace::DbIndex;

use crate::args::Args;
use crate::command::Outcome;
use crate::commands::info::Usage;
use crate::context::Context;
use crate::reply::Reply;

/// A value of the report.
enum Figure {
    Number(i64),
    Share(f64),
    /// Of a database: the bytes of its table and of its index of times.
    Tables,
}

use Figure::{Number, Share, Tables};

pub(super) fn stats(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let figures = figures(ctx);
    reply.map(figures.len());
    for (name, figure) in figures {
        reply.bulk(name);
        match figure {
            Number(number) => reply.integer(number),
            Share(share) => reply.double(share),
            Tables => {
                reply.map(2);
                for name in ["overhead.hashtable.main", "overhead.hashtable.expires"] {
                    reply.bulk(name);
                    reply.integer(0);
                }
            }
        }
    }
    Ok(())
}

fn figures(ctx: &Context<'_, '_>) -> Vec<(String, Figure)> {
    let memory = ctx.host.memory();
    let Usage { peak, startup, backlog, replicas, clients, log, overhead, dataset } = Usage::of(ctx, &memory);
    let keyspace = &ctx.shared.keyspace;
    let databases = (0..keyspace.databases()).map(DbIndex).filter(|&index| keyspace.len(index) > 0);
    let keys: usize = databases.clone().map(|index| keyspace.len(index)).sum();
    let net = memory.allocated - startup;
    let ratio = |above: usize, below: usize| Share(above as f64 / below.max(1) as f64);
    let percent = |part: usize, whole: usize| Share(part as f64 / whole.max(1) as f64 * 100.0);
    let bytes = |bytes: usize| Number(bytes as i64);
    let more = |above: usize, below: usize| Number(above as i64 - below as i64);

    let mut figures: Vec<(String, Figure)> = Vec::new();
    let mut add = |rows: Vec<(&str, Figure)>| {
        figures.extend(rows.into_iter().map(|(name, figure)| (name.to_owned(), figure)));
    };
    add(vec![
        ("peak.allocated", bytes(peak)),
        ("total.allocated", bytes(memory.allocated)),
        ("startup.allocated", bytes(startup)),
        ("replication.backlog", bytes(backlog)),
        ("replica.fullsync.buffer", Number(0)),
        ("clients.slaves", bytes(replicas)),
        ("clients.normal", bytes(clients)),
        ("cluster.links", Number(0)),
        ("aof.buffer", bytes(log)),
        ("lua.caches", bytes(ctx.shared.scripts.figures().memory)),
        ("functions.caches", bytes(keyspace.libraries().memory())),
        ("script.VMs", Number(0)),
    ]);
    for index in databases {
        add(vec![(&format!("db.{}", index.0), Tables)]);
    }
    add(vec![
        ("overhead.db.hashtable.lut", Number(0)),
        ("overhead.db.hashtable.rehashing", Number(0)),
        ("overhead.total", bytes(overhead)),
        ("db.dict.rehashing.count", Number(0)),
        ("keys.count", bytes(keys)),
        ("keys.bytes-per-key", bytes(net.checked_div(keys).unwrap_or(0))),
        ("dataset.bytes", bytes(dataset)),
        ("dataset.percentage", percent(dataset, net)),
        ("peak.percentage", percent(memory.allocated, peak)),
        ("allocator.allocated", bytes(memory.allocated)),
        ("allocator.active", bytes(memory.active)),
        ("allocator.resident", bytes(memory.resident)),
        ("allocator.muzzy", Number(0)),
        ("allocator-fragmentation.ratio", ratio(memory.active, memory.allocated)),
        ("allocator-fragmentation.bytes", more(memory.active, memory.allocated)),
        ("allocator-rss.ratio", ratio(memory.resident, memory.active)),
        ("allocator-rss.bytes", more(memory.resident, memory.active)),
        ("rss-overhead.ratio", ratio(memory.rss, memory.resident)),
        ("rss-overhead.bytes", more(memory.rss, memory.resident)),
        ("fragmentation", ratio(memory.rss, memory.allocated)),
        ("fragmentation.bytes", more(memory.rss, memory.allocated)),
    ]);
    figures
}
