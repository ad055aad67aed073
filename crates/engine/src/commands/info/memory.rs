//! INFO memory: what is allocated, for what, and what the system says of it.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use config::Param;

use super::line;
use crate::context::Context;
use crate::host::MemoryFigures;
use crate::statistics::WorkerStatistics;

pub(super) fn memory(ctx: &Context<'_, '_>, out: &mut String) {
    let memory = ctx.host.memory();
    used(ctx, &memory, out);
    line(out, "allocator_allocated", memory.allocated);
    line(out, "allocator_active", memory.active);
    line(out, "allocator_resident", memory.resident);
    line(out, "allocator_muzzy", 0);
    with_human(out, "total_system_memory", memory.system);
    scripts(ctx, out);
    let config = ctx.shared.config.read();
    with_human(out, "maxmemory", config.size(Param::Maxmemory) as usize);
    line(out, "maxmemory_policy", config.choice(Param::MaxmemoryPolicy));
    fragmentation(&memory, out);
    line(out, "mem_not_counted_for_evict", not_counted(ctx, &memory));
    let (backlog, unsent) = replication_bytes(ctx);
    line(out, "mem_replication_backlog", backlog);
    line(out, "mem_total_replication_buffers", backlog + unsent);
    line(out, "mem_replica_full_sync_buffer", 0);
    let (normal, replicas) = client_bytes(ctx);
    line(out, "mem_clients_slaves", replicas);
    line(out, "mem_clients_normal", normal);
    line(out, "mem_cluster_links", 0);
    line(out, "mem_aof_buffer", ctx.host.persistence().aof_buffered);
    line(out, "mem_allocator", "jemalloc");
    line(out, "mem_overhead_db_hashtable_rehashing", 0);
    line(out, "active_defrag_running", 0);
    let (pending, freed) = ctx.shared.meter.batches();
    line(out, "lazyfree_pending_objects", pending);
    line(out, "lazyfreed_objects", freed);
}

/// What `maxmemory` does not count, as far as it has to be known: the log on its way to the file, and what only a snapshot
/// holds.
fn not_counted(ctx: &Context<'_, '_>, memory: &MemoryFigures) -> usize {
    if ctx.shared.meter.limit().is_none() {
        return ctx.host.persistence().aof_buffered as usize;
    }
    memory.allocated.saturating_sub(ctx.shared.meter.used(&ctx.shared.statistics).max(0) as usize)
}

/// A number of bytes, and the same for people.
fn with_human(out: &mut String, name: &str, bytes: usize) {
    line(out, name, bytes);
    line(out, &format!("{name}_human"), stdx::size::human(bytes as u64));
}

/// What ordinary clients take, and what replicas do.
fn client_bytes(ctx: &Context<'_, '_>) -> (usize, usize) {
    let (mut normal, mut replicas) = (0, 0);
    for record in ctx.shared.clients.all() {
        let is_replica = record.is_replica.load(Relaxed);
        *(if is_replica { &mut replicas } else { &mut normal }) += record.memory();
    }
    (normal, replicas)
}

/// What the backlog takes, and what replicas are still to be sent.
fn replication_bytes(ctx: &Context<'_, '_>) -> (usize, usize) {
    let backlog = ctx.shared.replicas.history().backlog.map_or(0, |(_, length, _)| length as usize);
    (backlog, ctx.shared.replicas.unsent_bytes())
}

/// What is used, in bytes, and for what.
pub(in crate::commands) struct Usage {
    /// The most so far.
    pub(in crate::commands) peak: usize,
    /// What the process needed before it had data.
    pub(in crate::commands) startup: usize,
    /// For the backlog of the stream to replicas.
    pub(in crate::commands) backlog: usize,
    /// For replicas.
    pub(in crate::commands) replicas: usize,
    /// For other connections.
    pub(in crate::commands) clients: usize,
    /// For the log on its way to the file.
    pub(in crate::commands) log: usize,
    /// All of these.
    pub(in crate::commands) overhead: usize,
    /// The rest, which is for data.
    pub(in crate::commands) dataset: usize,
}

impl Usage {
    pub(in crate::commands) fn of(ctx: &Context<'_, '_>, memory: &MemoryFigures) -> Self {
        let peak = ctx.shared.peak_memory.fetch_max(memory.allocated, Relaxed).max(memory.allocated);
        let startup = ctx.shared.startup_memory.load(Relaxed).min(memory.allocated);
        let ((clients, replicas), log) = (client_bytes(ctx), ctx.host.persistence().aof_buffered as usize);
        let (backlog, _) = replication_bytes(ctx);
        let overhead = (startup + backlog + replicas + clients + log).min(memory.allocated);
        let dataset = memory.allocated - overhead;
        Self { peak, startup, backlog, replicas, clients, log, overhead, dataset }
    }
}

fn used(ctx: &Context<'_, '_>, memory: &MemoryFigures, out: &mut String) {
    let percent = |part: usize, whole: usize| format!("{:.2}%", part as f64 / whole.max(1) as f64 * 100.0);
    let Usage { peak, startup, overhead, dataset, .. } = Usage::of(ctx, memory);
    with_human(out, "used_memory", memory.allocated);
    with_human(out, "used_memory_rss", memory.rss);
    with_human(out, "used_memory_peak", peak);
    line(out, "used_memory_peak_perc", percent(memory.allocated, peak));
    line(out, "used_memory_overhead", overhead);
    line(out, "used_memory_startup", startup);
    line(out, "used_memory_dataset", dataset);
    line(out, "used_memory_dataset_perc", percent(dataset, memory.allocated - startup));
}

/// Scripts and libraries of functions, and the interpreters of all workers.
fn scripts(ctx: &Context<'_, '_>, out: &mut String) {
    let known = ctx.shared.scripts.figures();
    let libraries = ctx.shared.keyspace.libraries();
    let sum = |bytes: fn(&WorkerStatistics) -> &AtomicU64| -> usize {
        ctx.shared.statistics.iter().map(|worker| bytes(worker).load(Relaxed) as usize).sum()
    };
    let of_scripts = sum(|worker| &worker.script_bytes);
    let of_functions = sum(|worker| &worker.function_bytes);
    line(out, "used_memory_lua", of_scripts);
    line(out, "used_memory_vm_eval", of_scripts);
    line(out, "used_memory_lua_human", stdx::size::human(of_scripts as u64));
    line(out, "used_memory_scripts_eval", known.memory);
    line(out, "number_of_cached_scripts", known.count);
    line(out, "number_of_functions", libraries.functions());
    line(out, "number_of_libraries", libraries.len());
    line(out, "used_memory_vm_functions", of_functions);
    with_human(out, "used_memory_vm_total", of_scripts + of_functions);
    line(out, "used_memory_functions", libraries.memory());
    with_human(out, "used_memory_scripts", known.memory + libraries.memory());
}

/// How much more the allocator and the process hold than is used.
fn fragmentation(memory: &MemoryFigures, out: &mut String) {
    let mut compare = |name: &str, above: usize, below: usize| {
        line(out, &format!("{name}_ratio"), format!("{:.2}", above as f64 / below.max(1) as f64));
        line(out, &format!("{name}_bytes"), above as i64 - below as i64);
    };
    compare("allocator_frag", memory.active, memory.allocated);
    compare("allocator_rss", memory.resident, memory.active);
    compare("rss_overhead", memory.rss, memory.resident);
    compare("mem_fragmentation", memory.rss, memory.allocated);
}
