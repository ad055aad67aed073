//! LATENCY: spikes by event, and histograms by command.

use crate::args::Args;
use crate::command::{Command, Flags, Group, Outcome};
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;
use crate::table::{Row, Table, table};
use crate::tips;

const FLAGS: Flags = Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE);

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command::new("LATENCY", Group::Server, -2, container)
    .doc("2.8.13", "Depends on subcommand.", "A container for latency diagnostics commands.", "")
    .subcommands(SUBCOMMANDS)];

const SUBCOMMANDS: &[Command] = &[
    Command::new("LATEST", Group::Server, 2, latest).tips(tips::ALL_NODES_REPORT).flags(FLAGS).doc(
        "2.8.13",
        "O(1)",
        "Returns the latest spike of every event.",
        "",
    ),
    Command::new("HISTORY", Group::Server, 3, history).tips(tips::ALL_NODES_REPORT).flags(FLAGS).doc(
        "2.8.13",
        "O(1)",
        "Returns the spikes of an event.",
        "event",
    ),
    Command::new("RESET", Group::Server, -2, reset).tips(tips::ALL_NODES_SUM).flags(FLAGS).doc(
        "2.8.13",
        "O(1)",
        "Forgets events.",
        "[event [event ...]]",
    ),
    Command::new("HISTOGRAM", Group::Server, -2, histogram).tips(tips::ALL_NODES_REPORT).flags(FLAGS).doc(
        "7.0.0",
        "O(N) in the number of commands",
        "Returns how long commands took.",
        "[command [command ...]]",
    ),
    Command::new("GRAPH", Group::Server, 3, graph).tips(tips::ALL_NODES_REPORT).flags(FLAGS).doc(
        "2.8.13",
        "O(1)",
        "Draws the spikes of an event.",
        "event",
    ),
    Command::new("DOCTOR", Group::Server, 2, doctor).tips(tips::ALL_NODES_REPORT).flags(FLAGS).doc(
        "2.8.13",
        "O(1)",
        "Returns a report about latency.",
        "",
    ),
    Command::new("HELP", Group::Server, 2, help).flags(Flags::LOADING.and(Flags::STALE)).doc(
        "2.8.13",
        "O(1)",
        "Returns the subcommands.",
        "",
    ),
];

fn container(_: &mut Context<'_, '_>, _: &Args<'_>, _: &mut Reply<'_>) -> Outcome {
    Err(Error::WrongArity("latency".into()))
}

fn latest(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let latency = ctx.shared.latency.lock();
    reply.array(latency.events().len());
    for (cause, event) in latency.events() {
        let (time_s, duration_ms) = event.samples.back().copied().unwrap_or_default();
        reply.array(4);
        reply.bulk(cause.name());
        reply.integer(time_s);
        reply.integer(duration_ms as i64);
        reply.integer(event.longest_ms as i64);
    }
    Ok(())
}

fn history(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let latency = ctx.shared.latency.lock();
    let samples = latency.event(args.get(2)).map(|event| event.samples.clone()).unwrap_or_default();
    reply.array(samples.len());
    for (time_s, duration_ms) in samples {
        reply.array(2);
        reply.integer(time_s);
        reply.integer(duration_ms as i64);
    }
    Ok(())
}

fn reset(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let mut latency = ctx.shared.latency.lock();
    let forgotten = if args.len() == 2 {
        latency.reset_all()
    } else {
        args.from(2).filter(|name| latency.reset(name)).count()
    };
    reply.integer(forgotten as i64);
    Ok(())
}

fn histogram(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let names = &ctx.shared.names;
    let wanted: Vec<Row> = if args.len() == 2 {
        table().rows().to_vec()
    } else {
        args.from(2).filter_map(|name| names.by_full_name(name)).flat_map(Row::with_subcommands).collect()
    };
    let found: Vec<_> = wanted
        .iter()
        .map(|row| (row, ctx.shared.totals(row.index)))
        .filter(|(_, totals)| totals.times.count() > 0)
        .collect();
    reply.map(found.len());
    for (row, totals) in found {
        reply.bulk(Table::full_name(row));
        reply.map(2);
        reply.bulk("calls");
        reply.integer(totals.times.count() as i64);
        reply.bulk("histogram_usec");
        let buckets = totals.times.cumulative();
        reply.map(buckets.len());
        for (upper_us, count) in buckets {
            reply.integer(upper_us as i64);
            reply.integer(count as i64);
        }
    }
    Ok(())
}

fn graph(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    const LEVELS: &[u8] = b"_.-=#";
    let latency = ctx.shared.latency.lock();
    let Some(event) = latency.event(args.get(2)) else {
        let name = String::from_utf8_lossy(args.get(2)).into_owned();
        return Err(Error::Text(format!("ERR No samples available for event '{name}'")));
    };
    let durations: Vec<u64> = event.samples.iter().map(|(_, duration)| *duration).collect();
    let (low, high) =
        (durations.iter().min().copied().unwrap_or(0), durations.iter().max().copied().unwrap_or(0));
    let line: String = durations
        .iter()
        .map(|duration| {
            let level = (duration - low) as usize * (LEVELS.len() - 1) / (high - low).max(1) as usize;
            char::from(LEVELS[level])
        })
        .collect();
    let name = String::from_utf8_lossy(args.get(2));
    let all = event.longest_ms;
    reply.verbatim(
        *b"txt",
        format!("{name} - high {high} ms, low {low} ms (all time high {all} ms)\n{line}\n"),
    );
    Ok(())
}

fn doctor(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let latency = ctx.shared.latency.lock();
    let mut text = String::new();
    if latency.events().len() == 0 {
        text.push_str(
            "No latency spike was seen. Spikes are recorded while latency-monitor-threshold is above 0.\n",
        );
    }
    for (cause, event) in latency.events() {
        let count = event.samples.len() as u64;
        let sum: u64 = event.samples.iter().map(|(_, duration)| duration).sum();
        text.push_str(&format!(
            "{}: {count} spikes, {} ms on average, {} ms at worst. {}\n",
            cause.name(),
            sum / count.max(1),
            event.longest_ms,
            cause.advice()
        ));
    }
    reply.verbatim(*b"txt", text);
    Ok(())
}

fn help(_: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.help("LATENCY", super::help::LATENCY);
    Ok(())
}
