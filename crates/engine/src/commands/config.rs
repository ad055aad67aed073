//! CONFIG: the parameters of the running server.

use config::{Appended, ConfigError, Param, Permissions};

use crate::args::Args;
use crate::command::{Command, Flags, Group, Outcome};
use crate::context::Context;
use crate::error::Error;
use crate::reply::Reply;
use crate::tips;

const FLAGS: Flags = Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE);

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[Command::new("CONFIG", Group::Server, -2, container)
    .doc("2.0.0", "Depends on subcommand.", "A container for server configuration commands.", "")
    .subcommands(SUBCOMMANDS)];

const SUBCOMMANDS: &[Command] = &[
    Command::new("GET", Group::Server, -3, get)
        .flags(FLAGS)
        .doc(
            "2.0.0",
            "O(N) in the number of parameters",
            "Returns the values of parameters.",
            "parameter [parameter ...]",
        )
        .history(&[("7.0.0", "Several patterns may be given.")]),
    Command::new("SET", Group::Server, -4, set)
        .tips(tips::ALL_NODES)
        .flags(FLAGS.and(Flags::ALONE))
        .doc(
            "2.0.0",
            "O(N) in the number of parameters given",
            "Sets parameters, all or none.",
            "<parameter value ...>",
        )
        .history(&[("7.0.0", "Several parameters may be set at once.")]),
    Command::new("RESETSTAT", Group::Server, 2, reset_statistics).tips(tips::ALL_NODES).flags(FLAGS).doc(
        "2.0.0",
        "O(1)",
        "Sets the statistics to zero.",
        "",
    ),
    Command::new("REWRITE", Group::Server, 2, rewrite).tips(tips::ALL_NODES).flags(FLAGS).doc(
        "2.8.0",
        "O(1)",
        "Writes the parameters to the configuration file.",
        "",
    ),
    Command::new("HELP", Group::Server, 2, help).flags(Flags::LOADING.and(Flags::STALE)).doc(
        "5.0.0",
        "O(1)",
        "Returns the subcommands.",
        "",
    ),
];

fn container(_: &mut Context<'_, '_>, _: &Args<'_>, _: &mut Reply<'_>) -> Outcome {
    Err(Error::WrongArity("config".into()))
}

fn get(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    let found = ctx.shared.config.read().matching(args.from(2));
    reply.map(found.len());
    for (name, value) in found {
        reply.bulk(name);
        reply.bulk(value);
    }
    Ok(())
}

fn set(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if !args.len().is_multiple_of(2) {
        return Err(Error::Syntax);
    }
    let words: Vec<&[u8]> = args.from(2).collect();
    let pairs: Vec<(&[u8], &[u8])> = words.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
    let is_local = ctx.session.record.is_local();
    let permissions = Permissions {
        protected: ctx.shared.config.read().protected(Param::EnableProtectedConfigs).allows(is_local),
        loading: ctx.shared.loading.load(std::sync::atomic::Ordering::Relaxed),
    };
    let (old, new, changed) = {
        let mut config = ctx.shared.config.write();
        let old = config.clone();
        let changed = config.set_all(&pairs, permissions).map_err(|error| refusal(&error))?;
        (old, config.clone(), changed)
    };
    if let Err((param, reason)) = ctx.host.apply_config(ctx.access, &old, &new) {
        // Only these: another client may have changed others meanwhile.
        ctx.shared.config.write().restore(&changed, &old);
        return Err(refusal(&ConfigError::refused(param.name(), reason)));
    }
    if changed.contains(&Param::TrackingTableMaxKeys) {
        ctx.trim_remembered();
    }
    reply.ok();
    Ok(())
}

fn refusal(error: &ConfigError) -> Error {
    let code = if matches!(error, ConfigError::Loading) { "LOADING" } else { "ERR" };
    Error::Text(format!("{code} {error}"))
}

fn reset_statistics(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    use std::sync::atomic::Ordering::Relaxed;
    ctx.shared.statistics.iter().for_each(crate::statistics::WorkerStatistics::reset);
    ctx.shared.delayed_syncs.store(0, Relaxed);
    ctx.shared.connections.store(0, Relaxed);
    ctx.shared.connections_refused.store(0, Relaxed);
    ctx.shared.clients.output_limit_disconnections.store(0, Relaxed);
    ctx.shared.clients.query_limit_disconnections.store(0, Relaxed);
    ctx.shared.meter.reset();
    ctx.shared.replicas.begun.reset();
    ctx.shared.clients.evicted.store(0, Relaxed);
    ctx.shared.rates.lock().reset();
    ctx.shared.latency.lock().reset_all();
    reply.ok();
    Ok(())
}

fn rewrite(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    rewrite_file(ctx, Appended::Changed)?;
    reply.ok();
    Ok(())
}

/// Writes parameters and users into the configuration file.
pub(super) fn rewrite_file(ctx: &Context<'_, '_>, appended: Appended) -> Outcome {
    let config = ctx.shared.config.read().clone();
    // Users stand in the ACL file, if there is one.
    let has_file = !config.text(Param::Aclfile).is_empty();
    let users = if has_file {
        Vec::new()
    } else {
        ctx.shared.accounts.all().iter().map(|user| user.line()).collect()
    };
    ctx.host.rewrite_config(&config, &users, appended).map_err(|reason| Error::Text(format!("ERR {reason}")))
}

fn help(_: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.help("CONFIG", super::help::CONFIG);
    Ok(())
}
