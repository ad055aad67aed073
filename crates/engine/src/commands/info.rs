//! INFO: what the server says of itself, section by section, with Redis's field names.

use std::fmt::Write;
use std::sync::atomic::Ordering::Relaxed;

use config::Param;
use keyspace::DbIndex;

use crate::args::Args;
use crate::client::ClientRecord;
use crate::command::{Command, Flags, Group, Outcome};
use crate::context::Context;
use crate::replication::Phase;
use crate::reply::Reply;

pub(super) use memory::Usage;

mod memory;
mod stats;

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command::new("INFO", Group::Server, -1, info)
    .tips(crate::tips::ALL_SHARDS_REPORT)
    .flags(Flags::LOADING.and(Flags::STALE).and(Flags::SENTINEL).and(Flags::DANGEROUS).and(Flags::ALONE))
    .doc("1.0.0", "O(1)", "Returns information and statistics about the server.", "[section [section ...]]")
    .history(&[("7.0.0", "Several sections may be given.")])];

type Section = fn(&Context<'_, '_>, &mut String);

/// The sections: name, heading, whether it is shown by default.
const SECTIONS: &[(&str, &str, bool, Section)] = &[
    ("server", "Server", true, server),
    ("clients", "Clients", true, clients),
    ("memory", "Memory", true, memory::memory),
    ("persistence", "Persistence", true, persistence),
    ("threads", "Threads", true, threads),
    ("stats", "Stats", true, stats::stats),
    ("replication", "Replication", true, replication),
    ("cpu", "CPU", true, cpu),
    ("modules", "Modules", true, |_, _| ()),
    ("commandstats", "Commandstats", false, stats::command_stats),
    ("errorstats", "Errorstats", true, stats::error_stats),
    ("latencystats", "Latencystats", false, stats::latency_stats),
    ("cluster", "Cluster", true, |_, out| line(out, "cluster_enabled", 0)),
    ("keyspace", "Keyspace", true, keyspace),
    ("keysizes", "Keysizes", true, key_sizes),
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
    line(out, "multiplexing_api", identity.multiplexing);
    // The atomics are those of Rust's core library, and no C compiler has built the server.
    line(out, "atomicvar_api", "rust-core");
    line(out, "gcc_version", "0.0.0");
    line(out, "process_id", identity.process_id);
    line(out, "process_supervised", identity.supervisor);
    line(out, "run_id", &identity.run_id);
    line(out, "tcp_port", ctx.shared.config.read().integer(Param::Port));
    line(out, "server_time_usec", ctx.now().0 * 1000);
    line(out, "uptime_in_seconds", uptime_s);
    line(out, "uptime_in_days", uptime_s / 86_400);
    line(out, "hz", ctx.shared.config.read().integer(Param::Hz));
    line(out, "configured_hz", ctx.shared.config.read().integer(Param::Hz));
    line(out, "lru_clock", (ctx.now().0 / 1000) & 0x00ff_ffff);
    line(out, "executable", &identity.executable);
    line(out, "config_file", &identity.config_file);
    line(out, "io_threads_active", 0);
    if let Some(wait) = ctx.shared.ending.current() {
        line(out, "shutdown_in_milliseconds", (wait.until.0.saturating_sub(ctx.now().0)).max(0));
    }
    line(out, "worker_threads", identity.threads);
    let config = ctx.shared.config.read();
    let port = config.integer(Param::Port);
    let mut listeners = 0..;
    let mut listener = |text: String| line(out, &format!("listener{}", listeners.next().unwrap_or(0)), text);
    if port != 0 {
        let mut text = "name=tcp".to_owned();
        for word in config.words(Param::Bind) {
            text += &format!(",bind={}", String::from_utf8_lossy(word));
        }
        listener(format!("{text},port={port}"));
    }
    let path = config.text_lossy(Param::Unixsocket);
    if !path.is_empty() {
        listener(format!("name=unix,bind={path}"));
    }
}

fn clients(ctx: &Context<'_, '_>, out: &mut String) {
    let records = ctx.shared.clients.all();
    let most = |of: fn(&ClientRecord) -> usize| records.iter().map(|record| of(record)).max().unwrap_or(0);
    line(out, "connected_clients", records.len());
    line(out, "cluster_connections", 0);
    line(out, "maxclients", ctx.shared.config.read().integer(Param::Maxclients));
    let input =
        |record: &ClientRecord| record.query_bytes.load(Relaxed) + record.argument_bytes.load(Relaxed);
    line(out, "client_recent_max_input_buffer", most(input));
    line(out, "client_recent_max_output_buffer", most(|record| record.output_bytes.load(Relaxed)));
    line(out, "blocked_clients", records.iter().filter(|record| record.blocked.load(Relaxed)).count());
    line(out, "tracking_clients", ctx.shared.tracking.totals().clients);
    line(out, "pubsub_clients", ctx.shared.pubsub.clients.load(Relaxed));
    line(out, "watching_clients", records.iter().filter(|record| record.watching.load(Relaxed) > 0).count());
    let blocking = &ctx.shared.blocking;
    line(out, "clients_in_timeout_table", blocking.timed.load(Relaxed));
    line(
        out,
        "total_watched_keys",
        records.iter().map(|record| record.watching.load(Relaxed)).sum::<usize>(),
    );
    line(out, "total_blocking_keys", blocking.keys.load(Relaxed));
    line(out, "total_blocking_keys_on_nokey", blocking.minded.load(Relaxed));
}

fn persistence(ctx: &Context<'_, '_>, out: &mut String) {
    let figures = ctx.host.persistence();
    let ok = |good: bool| if good { "ok" } else { "err" };
    let changes = ctx.shared.changes().saturating_sub(figures.saved_changes);
    let saved = if figures.last_save.0 == 0 { ctx.shared.identity.started } else { figures.last_save };
    line(out, "loading", u8::from(ctx.shared.loading.load(Relaxed)));
    line(out, "async_loading", 0);
    line(out, "current_cow_peak", 0);
    line(out, "current_cow_size", 0);
    line(out, "current_cow_size_age", 0);
    let (done, all) = figures.current_save;
    line(out, "current_fork_perc", format!("{:.2}", done as f64 * 100.0 / all.max(1) as f64));
    line(out, "current_save_keys_processed", figures.current_save.0);
    line(out, "current_save_keys_total", figures.current_save.1);
    line(out, "rdb_changes_since_last_save", changes);
    line(out, "rdb_bgsave_in_progress", u8::from(figures.saving));
    line(out, "rdb_last_save_time", saved.0 / 1000);
    line(out, "rdb_last_bgsave_status", ok(figures.save_ok));
    line(out, "rdb_last_bgsave_time_sec", figures.save_seconds);
    line(out, "rdb_current_bgsave_time_sec", figures.current_save_seconds);
    line(out, "rdb_saves", figures.saves);
    line(out, "rdb_last_cow_size", 0);
    line(out, "rdb_last_load_keys_expired", figures.loaded_expired);
    line(out, "rdb_last_load_keys_loaded", figures.loaded_keys);
    line(out, "aof_enabled", u8::from(figures.aof_enabled));
    line(out, "aof_rewrite_in_progress", u8::from(figures.aof_rewriting));
    line(out, "aof_rewrite_scheduled", u8::from(figures.aof_rewrite_scheduled));
    line(out, "aof_last_rewrite_time_sec", figures.aof_rewrite_seconds);
    line(out, "aof_current_rewrite_time_sec", figures.aof_current_rewrite_seconds);
    line(out, "aof_last_bgrewrite_status", ok(figures.aof_rewrite_ok));
    line(out, "aof_rewrites", figures.aof_rewrites);
    line(out, "aof_rewrites_consecutive_failures", figures.aof_rewrites_failed);
    line(out, "aof_last_write_status", ok(figures.aof_write_ok));
    line(out, "aof_last_cow_size", 0);
    line(out, "module_fork_in_progress", 0);
    line(out, "module_fork_last_cow_size", 0);
    let backup = ctx.host.backup();
    line(out, "backup_in_progress", u8::from(backup.stage.is_going_on()));
    line(out, "backup_state", backup.stage.name());
    line(out, "backup_start_time", backup.started_s);
    line(out, "backup_end_time", backup.ended_s);
    line(out, "backup_leases", figures.backups.leases);
    line(out, "backup_kept_files", figures.backups.kept_files);
    line(out, "backup_kept_bytes", figures.backups.kept_bytes);
    line(out, "backup_open_copies", figures.backups.open_copies);
    if figures.aof_enabled {
        line(out, "aof_current_size", figures.aof_size);
        line(out, "aof_base_size", figures.aof_base_size);
        line(out, "aof_pending_rewrite", u8::from(figures.aof_rewrite_scheduled));
        line(out, "aof_buffer_length", figures.aof_buffered);
        line(out, "aof_write_failures", figures.aof_write_failures);
        line(out, "aof_oldest_unsynced_ms", figures.aof_unsynced_ms);
        line(out, "aof_pending_bio_fsync", u8::from(figures.aof_syncing));
        line(out, "aof_delayed_fsync", ctx.shared.delayed_syncs.load(Relaxed));
    }
}

/// Connections and system calls of each worker.
fn threads(ctx: &Context<'_, '_>, out: &mut String) {
    let records = ctx.shared.clients.all();
    for (index, worker) in ctx.shared.statistics.iter().enumerate().take(ctx.shared.identity.threads) {
        let clients = records.iter().filter(|record| record.worker == index).count();
        let (reads, writes) = (worker.reads.load(Relaxed), worker.writes.load(Relaxed));
        line(out, &format!("io_thread_{index}"), format!("clients={clients},reads={reads},writes={writes}"));
    }
}

fn replication(ctx: &Context<'_, '_>, out: &mut String) {
    let (replicas, history) = (ctx.shared.replicas.all(), ctx.shared.replicas.history());
    let config = ctx.shared.config.read();
    line(out, "role", "master");
    line(out, "connected_slaves", replicas.len());
    let (wanted, max_lag_s) =
        (config.integer(Param::MinReplicasToWrite), config.integer(Param::MinReplicasMaxLag));
    if wanted > 0 && max_lag_s > 0 {
        line(out, "min_slaves_good_slaves", ctx.shared.replicas.good(max_lag_s, ctx.now()));
    }
    for (number, replica) in replicas.iter().enumerate() {
        let (address, port) = replica.address();
        let lag = if replica.phase() == Phase::Online { replica.lag_s(ctx.now()) } else { 0 };
        let state = replica.phase().name();
        let offset = replica.acknowledged();
        let text = format!("ip={address},port={port},state={state},offset={offset},lag={lag}");
        line(out, &format!("slave{number}"), text);
    }
    let (first, length, _) = history.backlog.unwrap_or_default();
    line(out, "master_failover_state", "no-failover");
    line(out, "master_replid", &history.name);
    line(out, "master_replid2", "0".repeat(40));
    line(out, "master_repl_offset", history.offset);
    line(out, "second_repl_offset", -1);
    line(out, "repl_backlog_active", u8::from(history.backlog.is_some()));
    line(out, "repl_backlog_size", config.size(Param::ReplBacklogSize));
    line(out, "repl_backlog_first_byte_offset", first);
    line(out, "repl_backlog_histlen", length);
}

fn cpu(ctx: &Context<'_, '_>, out: &mut String) {
    let (system, user) = ctx.host.processor_us();
    let seconds = |us: u64| format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
    line(out, "used_cpu_sys", seconds(system));
    line(out, "used_cpu_user", seconds(user));
    line(out, "used_cpu_sys_children", "0.000000");
    line(out, "used_cpu_user_children", "0.000000");
    // The threads that serve clients do what Redis's main thread does.
    let (system, user) = ctx.host.workers_us();
    line(out, "used_cpu_sys_main_thread", seconds(system));
    line(out, "used_cpu_user_main_thread", seconds(user));
}

fn keyspace(ctx: &Context<'_, '_>, out: &mut String) {
    let keyspace = &ctx.shared.keyspace;
    for index in 0..keyspace.databases() {
        let database = DbIndex(index);
        let keys = keyspace.len(database);
        if keys > 0 {
            let expires = keyspace.expiring(database);
            let due = ctx.access.due_figures(database);
            let text = format!(
                "keys={keys},expires={expires},avg_ttl={},subexpiry={}",
                due.average_ttl_ms, due.hashes_with_due_fields
            );
            line(out, &format!("db{index}"), text);
        }
    }
}

/// How large values are, by powers of two: exact in a small database, an estimate in a large one.
fn key_sizes(ctx: &Context<'_, '_>, out: &mut String) {
    for index in 0..ctx.shared.keyspace.databases() {
        if ctx.shared.keyspace.len(DbIndex(index)) == 0 {
            continue;
        }
        for figures in ctx.access.size_figures(DbIndex(index)) {
            let classes: Vec<String> =
                figures.classes().map(|(least, count)| format!("{}={count}", short(least))).collect();
            line(out, &format!("db{index}_distrib_{}", figures.name), classes.join(","));
        }
    }
}

/// A power of two with the largest unit that divides it.
fn short(size: u64) -> String {
    let units = [(60, 'E'), (50, 'P'), (40, 'T'), (30, 'G'), (20, 'M'), (10, 'K')];
    let unit = units.into_iter().find(|&(bits, _)| size >> bits > 0);
    unit.map_or_else(|| size.to_string(), |(bits, letter)| format!("{}{letter}", size >> bits))
}
