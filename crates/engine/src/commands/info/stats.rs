//! INFO stats, commandstats, errorstats and latencystats: what was counted.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use acl::Reason;

use super::line;
use crate::context::Context;
use crate::pubsub::Kind;
use crate::statistics::{CommandTotals, WorkerStatistics};
use crate::table::{Table, table};

pub(super) fn stats(ctx: &Context<'_, '_>, out: &mut String) {
    let shared = ctx.shared;
    line(out, "total_connections_received", shared.connections.load(Relaxed));
    line(out, "total_commands_processed", sum(ctx, WorkerStatistics::total_calls));
    traffic(ctx, out);
    line(out, "rejected_connections", shared.connections_refused.load(Relaxed));
    line(out, "sync_full", shared.replicas.begun.full.load(Relaxed));
    line(out, "sync_partial_ok", shared.replicas.begun.partial.load(Relaxed));
    line(out, "sync_partial_err", shared.replicas.begun.partial_refused.load(Relaxed));
    keys(ctx, out);
    for (field, kind) in [
        ("pubsub_channels", Kind::Channel),
        ("pubsub_patterns", Kind::Pattern),
        ("pubsubshard_channels", Kind::Shard),
    ] {
        line(out, field, shared.pubsub.count(kind));
    }
    // What takes the place of a fork here.
    line(out, "latest_fork_usec", shared.snapshot_us.load(Relaxed));
    line(out, "total_forks", shared.snapshots.load(Relaxed));
    line(out, "migrate_cached_sockets", ctx.host.kept_connections());
    zeros(out, &["slave_expires_tracked_keys"]);
    line(out, "active_defrag_hits", total(ctx, |worker| &worker.blocks_moved));
    line(out, "active_defrag_misses", total(ctx, |worker| &worker.blocks_left));
    zeros(out, &["active_defrag_key_hits", "active_defrag_key_misses"]);
    line(out, "total_active_defrag_time", total(ctx, |worker| &worker.sweep_ns) / 1_000_000);
    zeros(out, &["current_active_defrag_time"]);
    let tracked = shared.tracking.totals();
    line(out, "tracking_total_keys", tracked.keys);
    line(out, "tracking_total_items", tracked.items);
    line(out, "tracking_total_prefixes", tracked.prefixes);
    line(out, "unexpected_error_replies", 0);
    line(out, "total_error_replies", total(ctx, |worker| &worker.errors));
    line(out, "dump_payload_sanitizations", 0);
    line(out, "total_reads_processed", total(ctx, |worker| &worker.reads));
    line(out, "total_writes_processed", total(ctx, |worker| &worker.writes));
    zeros(out, &["io_threaded_reads_processed", "io_threaded_writes_processed"]);
    let disconnections = shared.clients.query_limit_disconnections.load(Relaxed);
    line(out, "client_query_buffer_limit_disconnections", disconnections);
    let disconnections = shared.clients.output_limit_disconnections.load(Relaxed);
    line(out, "client_output_buffer_limit_disconnections", disconnections);
    zeros(out, &["reply_buffer_shrinks", "reply_buffer_expands"]);
    event_loop(ctx, out);
    for (field, reason) in [
        ("auth", Reason::Login),
        ("cmd", Reason::Command),
        ("key", Reason::Key),
        ("channel", Reason::Channel),
        ("db", Reason::Database),
    ] {
        let denied = total(ctx, |worker| &worker.denied[reason as usize]);
        line(out, &format!("acl_access_denied_{field}"), denied);
    }
}

/// The sum over the workers.
fn sum(ctx: &Context<'_, '_>, of: impl Fn(&WorkerStatistics) -> u64) -> u64 {
    ctx.shared.statistics.iter().map(of).sum()
}

fn total(ctx: &Context<'_, '_>, of: impl Fn(&WorkerStatistics) -> &AtomicU64) -> u64 {
    sum(ctx, |worker| of(worker).load(Relaxed))
}

/// What cannot happen here yet, or never.
fn zeros(out: &mut String, names: &[&str]) {
    names.iter().for_each(|name| line(out, name, 0));
}

/// Commands and bytes, in all and a second.
fn traffic(ctx: &Context<'_, '_>, out: &mut String) {
    let rates = ctx.shared.rates.lock().per_second();
    let kilobytes = |bytes: f64| format!("{:.2}", bytes / 1024.0);
    line(out, "instantaneous_ops_per_sec", rates.commands.round());
    line(out, "total_net_input_bytes", total(ctx, |worker| &worker.received));
    line(out, "total_net_output_bytes", total(ctx, |worker| &worker.sent));
    zeros(out, &["total_net_repl_input_bytes", "total_net_repl_output_bytes"]);
    line(out, "instantaneous_input_kbps", kilobytes(rates.received));
    line(out, "instantaneous_output_kbps", kilobytes(rates.sent));
    line(out, "instantaneous_input_repl_kbps", "0.00");
    line(out, "instantaneous_output_repl_kbps", "0.00");
}

/// Keys that were found and that went.
fn keys(ctx: &Context<'_, '_>, out: &mut String) {
    line(out, "expired_subkeys", sum(ctx, |worker| worker.expired_fields.get()));
    line(out, "expired_keys", sum(ctx, |worker| worker.expired_keys.get()));
    // The search for due keys finds all that are due, so none are left behind.
    line(out, "expired_stale_perc", "0.00");
    line(out, "expired_time_cap_reached_count", total(ctx, |worker| &worker.expiry_cut_short));
    line(out, "expire_cycle_cpu_milliseconds", total(ctx, |worker| &worker.expiry_ns) / 1_000_000);
    line(out, "evicted_keys", sum(ctx, |worker| worker.evicted_keys.get()));
    line(out, "evicted_clients", ctx.shared.clients.evicted.load(Relaxed));
    line(out, "evicted_scripts", ctx.shared.scripts.figures().evicted);
    let (current, all) = ctx.shared.meter.exceeded_ms((ctx.shared.clock)());
    line(out, "total_eviction_exceeded_time", all);
    line(out, "current_eviction_exceeded_time", current);
    line(out, "keyspace_hits", sum(ctx, |worker| worker.hits.get()));
    line(out, "keyspace_misses", sum(ctx, |worker| worker.misses.get()));
}

/// Turns of the workers' loops that ran commands.
fn event_loop(ctx: &Context<'_, '_>, out: &mut String) {
    let rates = ctx.shared.rates.lock().per_second();
    line(out, "eventloop_cycles", total(ctx, |worker| &worker.turns));
    line(out, "eventloop_duration_sum", total(ctx, |worker| &worker.turn_ns) / 1000);
    line(out, "eventloop_duration_cmd_sum", sum(ctx, WorkerStatistics::total_nanoseconds) / 1000);
    line(out, "instantaneous_eventloop_cycles_per_sec", rates.turns.round());
    line(out, "instantaneous_eventloop_duration_usec", (rates.turn_ns / 1000.0).round());
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

pub(super) fn command_stats(ctx: &Context<'_, '_>, out: &mut String) {
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

pub(super) fn error_stats(ctx: &Context<'_, '_>, out: &mut String) {
    let mut codes = BTreeMap::new();
    ctx.shared.statistics.iter().for_each(|worker| worker.add_errors_to(&mut codes));
    for (code, count) in codes {
        line(out, &format!("errorstat_{code}"), format!("count={count}"));
    }
}

pub(super) fn latency_stats(ctx: &Context<'_, '_>, out: &mut String) {
    let percentiles = ctx.shared.config.read().percentiles().to_vec();
    for (name, totals) in used(ctx).iter().filter(|(_, totals)| totals.times.count() > 0) {
        let at = |percentile: f64| totals.times.percentile(percentile) as f64 / 1000.0;
        let texts: Vec<String> =
            percentiles.iter().map(|&percentile| format!("p{percentile}={:.3}", at(percentile))).collect();
        line(out, &format!("latency_percentiles_usec_{name}"), texts.join(","));
    }
}
