//! INFO: what the server says of itself, section by section, with Redis's field names.

use std::fmt::Write;
use std::sync::atomic::Ordering::Relaxed;

use config::Param;
use keyspace::DbIndex;

use crate::args::Args;
use crate::command::{Command, Flags, Group, Outcome};
use crate::context::Context;
use crate::reply::Reply;
use crate::statistics::CommandTotals;
use crate::table::{Table, table};

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command::new("INFO", Group::Server, -1, info)
    .flags(Flags::LOADING.and(Flags::STALE).and(Flags::SENTINEL).and(Flags::DANGEROUS).and(Flags::ALONE))
    .doc("1.0.0", "O(1)", "Returns information and statistics about the server.", "[section [section ...]]")];

type Section = fn(&Context<'_, '_>, &mut String);

/// The sections: name, heading, whether it is shown by default.
const SECTIONS: &[(&str, &str, bool, Section)] = &[
    ("server", "Server", true, server),
    ("clients", "Clients", true, clients),
    ("memory", "Memory", true, memory),
    ("persistence", "Persistence", true, persistence),
    ("stats", "Stats", true, stats),
    ("replication", "Replication", true, replication),
    ("cpu", "CPU", true, cpu),
    ("modules", "Modules", true, |_, _| ()),
    ("commandstats", "Commandstats", false, command_stats),
    ("errorstats", "Errorstats", true, error_stats),
    ("latencystats", "Latencystats", false, latency_stats),
    ("cluster", "Cluster", true, |_, out| line(out, "cluster_enabled", 0)),
    ("keyspace", "Keyspace", true, keyspace),
];

fn info(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let wanted: Vec<Vec<u8>> = args.from(1).map(<[u8]>::to_ascii_lowercase).collect();
    let names = |name: &str| wanted.iter().any(|wanted| wanted == name.as_bytes());
    let by_default = wanted.is_empty() || names("default");
    let all = names("all") || names("everything");
    let mut text = String::new();
    for (name, heading, default, write) in SECTIONS {
        if all || by_default && *default || names(name) {
            if !text.is_empty() {
                text.push_str("\r\n");
            }
            let _ = write!(text, "# {heading}\r\n");
            write(ctx, &mut text);
        }
    }
    reply.verbatim(*b"txt", text);
    Ok(())
}

fn line(out: &mut String, name: &str, value: impl std::fmt::Display) {
    let _ = write!(out, "{name}:{value}\r\n");
}

fn server(ctx: &Context<'_, '_>, out: &mut String) {
    let identity = &ctx.shared.identity;
    let uptime_s = (ctx.now().0 - identity.started.0).max(0) / 1000;
    line(out, "redis_version", crate::REDIS_VERSION);
    line(out, "rustypotato_version", crate::VERSION);
    line(out, "redis_git_sha1", "00000000");
    line(out, "redis_git_dirty", 0);
    line(out, "redis_build_id", crate::VERSION);
    line(out, "redis_mode", "standalone");
    line(out, "os", &identity.system);
    line(out, "arch_bits", usize::BITS);
    line(out, "monotonic_clock", "POSIX clock_gettime");
    line(out, "multiplexing_api", "epoll");
    line(out, "process_id", identity.process_id);
    line(out, "process_supervised", "no");
    line(out, "run_id", &identity.run_id);
    line(out, "tcp_port", identity.port);
    line(out, "server_time_usec", ctx.now().0 * 1000);
    line(out, "uptime_in_seconds", uptime_s);
    line(out, "uptime_in_days", uptime_s / 86_400);
    line(out, "hz", ctx.shared.config.read().integer(Param::Hz));
    line(out, "configured_hz", ctx.shared.config.read().integer(Param::Hz));
    line(out, "lru_clock", (ctx.now().0 / 1000) & 0x00ff_ffff);
    line(out, "executable", &identity.executable);
    line(out, "config_file", &identity.config_file);
    line(out, "io_threads_active", identity.threads);
    line(out, "worker_threads", identity.threads);
}

fn clients(ctx: &Context<'_, '_>, out: &mut String) {
    let records = ctx.shared.clients.all();
    let most = |of: fn(&crate::client::ClientRecord) -> usize| {
        records.iter().map(|record| of(record)).max().unwrap_or(0)
    };
    line(out, "connected_clients", records.len());
    line(out, "cluster_connections", 0);
    line(out, "maxclients", ctx.shared.config.read().integer(Param::Maxclients));
    line(out, "client_recent_max_input_buffer", most(|record| record.query_bytes.load(Relaxed)));
    line(out, "client_recent_max_output_buffer", most(|record| record.output_bytes.load(Relaxed)));
    line(out, "blocked_clients", records.iter().filter(|record| record.blocked.load(Relaxed)).count());
    line(out, "tracking_clients", ctx.shared.tracking.totals().clients);
    line(out, "pubsub_clients", 0);
    line(out, "watching_clients", records.iter().filter(|record| record.watching.load(Relaxed) > 0).count());
    line(out, "clients_in_timeout_table", 0);
    line(
        out,
        "total_watched_keys",
        records.iter().map(|record| record.watching.load(Relaxed)).sum::<usize>(),
    );
    line(out, "total_blocking_keys", 0);
    line(out, "total_blocking_keys_on_nokey", 0);
}

fn memory(ctx: &Context<'_, '_>, out: &mut String) {
    let human = |bytes: usize| stdx::size::human(bytes as u64);
    let memory = ctx.host.memory();
    let peak = ctx.shared.peak_memory.fetch_max(memory.allocated, Relaxed).max(memory.allocated);
    let config = ctx.shared.config.read();
    let ratio = |above: usize, below: usize| format!("{:.2}", above as f64 / below.max(1) as f64);
    line(out, "used_memory", memory.allocated);
    line(out, "used_memory_human", human(memory.allocated));
    line(out, "used_memory_rss", memory.rss);
    line(out, "used_memory_rss_human", human(memory.rss));
    line(out, "used_memory_peak", peak);
    line(out, "used_memory_peak_human", human(peak));
    line(
        out,
        "used_memory_peak_perc",
        format!("{:.2}%", memory.allocated as f64 / peak.max(1) as f64 * 100.0),
    );
    line(out, "used_memory_dataset", memory.allocated);
    line(out, "allocator_allocated", memory.allocated);
    line(out, "allocator_active", memory.active);
    line(out, "allocator_resident", memory.resident);
    line(out, "total_system_memory", 0);
    line(out, "used_memory_lua", 0);
    line(out, "used_memory_scripts", 0);
    line(out, "number_of_cached_scripts", 0);
    line(out, "maxmemory", config.size(Param::Maxmemory));
    line(out, "maxmemory_human", human(config.size(Param::Maxmemory) as usize));
    line(out, "maxmemory_policy", config.choice(Param::MaxmemoryPolicy));
    line(out, "allocator_frag_ratio", ratio(memory.active, memory.allocated));
    line(out, "allocator_rss_ratio", ratio(memory.resident, memory.active));
    line(out, "mem_fragmentation_ratio", ratio(memory.rss, memory.allocated));
    line(out, "mem_fragmentation_bytes", memory.rss as i64 - memory.allocated as i64);
    line(out, "mem_not_counted_for_evict", 0);
    let buffers: usize = ctx.shared.clients.all().iter().map(|record| record.memory()).sum();
    line(out, "mem_clients_slaves", 0);
    line(out, "mem_clients_normal", buffers);
    line(out, "mem_aof_buffer", ctx.host.persistence().aof_buffered);
    line(out, "mem_allocator", "jemalloc");
    line(out, "active_defrag_running", 0);
    line(out, "lazyfree_pending_objects", 0);
    line(out, "lazyfreed_objects", 0);
}

fn persistence(ctx: &Context<'_, '_>, out: &mut String) {
    let figures = ctx.host.persistence();
    let ok = |good: bool| if good { "ok" } else { "err" };
    let changes: u64 = ctx.shared.statistics.iter().map(|worker| worker.changes.load(Relaxed)).sum();
    let saved = if figures.last_save.0 == 0 { ctx.shared.identity.started } else { figures.last_save };
    line(out, "loading", u8::from(ctx.shared.loading.load(Relaxed)));
    line(out, "async_loading", 0);
    line(out, "current_cow_peak", 0);
    line(out, "current_cow_size", 0);
    line(out, "rdb_changes_since_last_save", changes);
    line(out, "rdb_bgsave_in_progress", 0);
    line(out, "rdb_last_save_time", saved.0 / 1000);
    line(out, "rdb_last_bgsave_status", "ok");
    line(out, "rdb_last_bgsave_time_sec", -1);
    line(out, "rdb_current_bgsave_time_sec", -1);
    line(out, "rdb_saves", 0);
    line(out, "aof_enabled", u8::from(figures.aof_enabled));
    line(out, "aof_rewrite_in_progress", u8::from(figures.aof_rewriting));
    line(out, "aof_rewrite_scheduled", u8::from(figures.aof_rewrite_scheduled));
    line(out, "aof_last_rewrite_time_sec", figures.aof_rewrite_seconds);
    line(out, "aof_current_rewrite_time_sec", -1);
    line(out, "aof_last_bgrewrite_status", ok(figures.aof_rewrite_ok));
    line(out, "aof_last_write_status", ok(figures.aof_write_ok));
    line(out, "aof_last_cow_size", 0);
    line(out, "module_fork_in_progress", 0);
    line(out, "module_fork_last_cow_size", 0);
    if figures.aof_enabled {
        line(out, "aof_current_size", figures.aof_size);
        line(out, "aof_base_size", figures.aof_base_size);
        line(out, "aof_pending_rewrite", 0);
        line(out, "aof_buffer_length", figures.aof_buffered);
        line(out, "aof_pending_bio_fsync", 0);
        line(out, "aof_delayed_fsync", 0);
    }
}

fn stats(ctx: &Context<'_, '_>, out: &mut String) {
    let sum = |of: fn(&crate::statistics::WorkerStatistics) -> u64| -> u64 {
        ctx.shared.statistics.iter().map(of).sum()
    };
    line(out, "total_connections_received", ctx.shared.connections.load(Relaxed));
    line(out, "total_commands_processed", sum(crate::statistics::WorkerStatistics::total_calls));
    line(out, "instantaneous_ops_per_sec", 0);
    line(out, "total_net_input_bytes", sum(|worker| worker.received.load(Relaxed)));
    line(out, "total_net_output_bytes", sum(|worker| worker.sent.load(Relaxed)));
    line(out, "rejected_connections", ctx.shared.connections_refused.load(Relaxed));
    line(out, "sync_full", 0);
    line(out, "sync_partial_ok", 0);
    line(out, "sync_partial_err", 0);
    line(out, "expired_subkeys", sum(|worker| worker.expired_fields.load(Relaxed)));
    line(out, "expired_keys", sum(|worker| worker.expired_keys.load(Relaxed)));
    line(out, "expired_stale_perc", "0.00");
    line(out, "expired_time_cap_reached_count", 0);
    line(out, "evicted_keys", 0);
    line(out, "evicted_clients", 0);
    line(out, "keyspace_hits", sum(|worker| worker.hits.load(Relaxed)));
    line(out, "keyspace_misses", sum(|worker| worker.misses.load(Relaxed)));
    line(out, "pubsub_channels", 0);
    line(out, "pubsub_patterns", 0);
    line(out, "latest_fork_usec", 0);
    line(out, "total_forks", 0);
    let tracked = ctx.shared.tracking.totals();
    line(out, "tracking_total_keys", tracked.keys);
    line(out, "tracking_total_items", tracked.items);
    line(out, "tracking_total_prefixes", tracked.prefixes);
    line(out, "total_error_replies", sum(|worker| worker.errors.load(Relaxed)));
    line(out, "unexpected_error_replies", 0);
    line(out, "acl_access_denied_auth", 0);
    line(
        out,
        "client_output_buffer_limit_disconnections",
        ctx.shared.clients.output_limit_disconnections.load(Relaxed),
    );
}

fn replication(ctx: &Context<'_, '_>, out: &mut String) {
    line(out, "role", "master");
    line(out, "connected_slaves", 0);
    line(out, "master_failover_state", "no-failover");
    line(out, "master_replid", &ctx.shared.identity.run_id);
    line(out, "master_replid2", "0".repeat(40));
    line(out, "master_repl_offset", 0);
    line(out, "second_repl_offset", -1);
    line(out, "repl_backlog_active", 0);
    line(out, "repl_backlog_size", ctx.shared.config.read().size(Param::ReplBacklogSize));
    line(out, "repl_backlog_first_byte_offset", 0);
    line(out, "repl_backlog_histlen", 0);
}

fn cpu(ctx: &Context<'_, '_>, out: &mut String) {
    let (system, user) = ctx.host.processor_us();
    let seconds = |us: u64| format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
    line(out, "used_cpu_sys", seconds(system));
    line(out, "used_cpu_user", seconds(user));
    line(out, "used_cpu_sys_children", "0.000000");
    line(out, "used_cpu_user_children", "0.000000");
}

/// The commands that were called or refused, with their counts.
fn used(ctx: &Context<'_, '_>) -> Vec<(String, CommandTotals)> {
    table()
        .rows()
        .iter()
        .map(|row| (Table::full_name(row), ctx.shared.totals(row.index)))
        .filter(|(_, totals)| totals.calls + totals.rejected > 0)
        .collect()
}

fn command_stats(ctx: &Context<'_, '_>, out: &mut String) {
    for (name, totals) in used(ctx) {
        let us = totals.nanoseconds / 1000;
        let each = totals.nanoseconds as f64 / 1000.0 / totals.calls.max(1) as f64;
        let text = format!(
            "calls={},usec={us},usec_per_call={each:.2},rejected_calls={},failed_calls={}",
            totals.calls, totals.rejected, totals.failed
        );
        line(out, &format!("cmdstat_{name}"), text);
    }
}

/// Errors are not told apart by their codes yet; the sum is in `total_error_replies`.
fn error_stats(_: &Context<'_, '_>, _: &mut String) {}

fn latency_stats(ctx: &Context<'_, '_>, out: &mut String) {
    let percentiles = ctx.shared.config.read().percentiles().to_vec();
    for (name, totals) in used(ctx).iter().filter(|(_, totals)| totals.tracked() > 0) {
        let buckets = totals.cumulative();
        let at = |percentile: f64| {
            let wanted = (totals.tracked() as f64 * percentile / 100.0).ceil() as u64;
            buckets.iter().find(|(_, count)| *count >= wanted).map_or(0, |(upper_us, _)| *upper_us)
        };
        let texts: Vec<String> =
            percentiles.iter().map(|&percentile| format!("p{percentile}={}.000", at(percentile))).collect();
        line(out, &format!("latency_percentiles_usec_{name}"), texts.join(","));
    }
}

fn keyspace(ctx: &Context<'_, '_>, out: &mut String) {
    let keyspace = &ctx.shared.keyspace;
    for index in 0..keyspace.databases() {
        let database = DbIndex(index);
        let keys = keyspace.len(database);
        if keys > 0 {
            let expires = keyspace.expiring(database);
            line(out, &format!("db{index}"), format!("keys={keys},expires={expires},avg_ttl=0,subexpiry=0"));
        }
    }
}
