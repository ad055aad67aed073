//! SUBSCRIBE, PUBLISH and their kin. See [`mod@crate::pubsub`].

use crate::args::Args;
use crate::command::{Channels, Command, Flags, Group, Outcome};
use crate::context::Context;
use crate::error::Error;
use crate::pubsub::{self, Kind, MAX_SUBSCRIPTIONS, Name};
use crate::reply::Reply;

/// Confirmations are pushes, not replies, and may be asked for by a client that is subscribed already.
const SUBSCRIBING: Flags = Flags::PUBSUB
    .and(Flags::NOSCRIPT)
    .and(Flags::LOADING)
    .and(Flags::STALE)
    .and(Flags::PUSHES)
    .and(Flags::SUBSCRIBED)
    .and(Flags::SENTINEL);
const PUBLISHING: Flags = Flags::PUBSUB
    .and(Flags::LOADING)
    .and(Flags::STALE)
    .and(Flags::FAST)
    .and(Flags::MAY_REPLICATE)
    .and(Flags::SENTINEL);
const LOOKING: Flags = Flags::PUBSUB.and(Flags::LOADING).and(Flags::STALE);

/// The rows of this file.
pub(super) const COMMANDS: &[Command] = &[
    Command::new("SUBSCRIBE", Group::PubSub, -2, subscribe).channels(Channels::All).flags(SUBSCRIBING).doc(
        "2.0.0",
        "O(N) in the number of channels",
        "Subscribes to channels.",
        "channel [channel ...]",
    ),
    Command::new("UNSUBSCRIBE", Group::PubSub, -1, unsubscribe).flags(SUBSCRIBING).doc(
        "2.0.0",
        "O(N) in the number of channels",
        "Ends subscriptions to channels, or to all.",
        "[channel [channel ...]]",
    ),
    Command::new("PSUBSCRIBE", Group::PubSub, -2, pattern_subscribe)
        .channels(Channels::Patterns)
        .flags(SUBSCRIBING)
        .doc(
            "2.0.0",
            "O(N) in the number of patterns",
            "Subscribes to all channels that match one of the patterns.",
            "pattern [pattern ...]",
        ),
    Command::new("PUNSUBSCRIBE", Group::PubSub, -1, pattern_unsubscribe).flags(SUBSCRIBING).doc(
        "2.0.0",
        "O(N) in the number of patterns",
        "Ends subscriptions to patterns, or to all.",
        "[pattern [pattern ...]]",
    ),
    Command::new("SSUBSCRIBE", Group::PubSub, -2, shard_subscribe)
        .channels(Channels::Shard { last: -1, is_checked: true })
        .flags(SUBSCRIBING)
        .doc(
            "7.0.0",
            "O(N) in the number of channels",
            "Subscribes to shard channels.",
            "shardchannel [shardchannel ...]",
        ),
    Command::new("SUNSUBSCRIBE", Group::PubSub, -1, shard_unsubscribe)
        .channels(Channels::Shard { last: -1, is_checked: false })
        .flags(SUBSCRIBING)
        .doc(
            "7.0.0",
            "O(N) in the number of channels",
            "Ends subscriptions to shard channels, or to all.",
            "[shardchannel [shardchannel ...]]",
        ),
    Command::new("PUBLISH", Group::PubSub, 3, publish).channels(Channels::First).flags(PUBLISHING).doc(
        "2.0.0",
        "O(N+M) in the number of subscribers and of all patterns",
        "Sends a message to all subscribers of a channel.",
        "channel message",
    ),
    Command::new("SPUBLISH", Group::PubSub, 3, shard_publish)
        .channels(Channels::Shard { last: 1, is_checked: true })
        .flags(PUBLISHING)
        .doc(
            "7.0.0",
            "O(N) in the number of subscribers",
            "Sends a message to all subscribers of a shard channel.",
            "shardchannel message",
        ),
    Command::new("PUBSUB", Group::PubSub, -2, container)
        .doc("2.8.0", "Depends on subcommand.", "A container for commands that tell who is subscribed.", "")
        .subcommands(SUBCOMMANDS),
];

const SUBCOMMANDS: &[Command] = &[
    Command::new("CHANNELS", Group::PubSub, -2, channels).flags(LOOKING).doc(
        "2.8.0",
        "O(N) in the number of channels",
        "Returns the channels with subscribers.",
        "[pattern]",
    ),
    Command::new("NUMPAT", Group::PubSub, 2, pattern_count).flags(LOOKING).doc(
        "2.8.0",
        "O(1)",
        "Returns the number of different patterns that are subscribed to.",
        "",
    ),
    Command::new("NUMSUB", Group::PubSub, -2, subscriber_counts).flags(LOOKING).doc(
        "2.8.0",
        "O(N) in the number of requested channels",
        "Returns how many subscribers channels have, not counting patterns.",
        "[channel [channel ...]]",
    ),
    Command::new("SHARDCHANNELS", Group::PubSub, -2, shard_channels).flags(LOOKING).doc(
        "7.0.0",
        "O(N) in the number of channels",
        "Returns the shard channels with subscribers.",
        "[pattern]",
    ),
    Command::new("SHARDNUMSUB", Group::PubSub, -2, shard_subscriber_counts).flags(LOOKING).doc(
        "7.0.0",
        "O(N) in the number of requested channels",
        "Returns how many subscribers shard channels have.",
        "[shardchannel [shardchannel ...]]",
    ),
    Command::new("HELP", Group::PubSub, 2, help).flags(Flags::LOADING.and(Flags::STALE)).doc(
        "6.2.0",
        "O(1)",
        "Returns the subcommands.",
        "",
    ),
];

fn subscribe(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    add(ctx, args, reply, Kind::Channel)
}

fn pattern_subscribe(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    add(ctx, args, reply, Kind::Pattern)
}

/// Unlike its older kin it is not let into transactions.
fn shard_subscribe(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    if ctx.in_transaction {
        return Err(Error::Static("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client"));
    }
    add(ctx, args, reply, Kind::Shard)
}

fn unsubscribe(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    remove(ctx, args, reply, Kind::Channel)
}

fn pattern_unsubscribe(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    remove(ctx, args, reply, Kind::Pattern)
}

fn shard_unsubscribe(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    remove(ctx, args, reply, Kind::Shard)
}

/// Subscribes to the arguments; each is confirmed on its own.
fn add(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>, kind: Kind) -> Outcome {
    if ctx.session.subscriptions.count(kind) + args.len() > MAX_SUBSCRIPTIONS {
        return Err(Error::Static("ERR too many subscriptions for one client"));
    }
    for name in args.from(1) {
        pubsub::subscribe(ctx.shared, ctx.desk, ctx.session, kind, name);
        confirm(ctx, reply, kind, kind.subscribed(), Some(name));
    }
    Ok(())
}

/// Ends the subscriptions to the arguments, or to all of a kind; each is confirmed on its own.
fn remove(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>, kind: Kind) -> Outcome {
    let all: Vec<Name> =
        if args.len() > 1 { Vec::new() } else { ctx.session.subscriptions.names(kind).cloned().collect() };
    if args.len() == 1 && all.is_empty() {
        confirm(ctx, reply, kind, kind.unsubscribed(), None);
    }
    for name in args.from(1).chain(all.iter().map(|name| &**name)) {
        pubsub::unsubscribe(ctx.shared, ctx.desk, ctx.session, kind, name);
        confirm(ctx, reply, kind, kind.unsubscribed(), Some(name));
    }
    Ok(())
}

fn confirm(ctx: &Context<'_, '_>, reply: &mut Reply<'_>, kind: Kind, word: &str, name: Option<&[u8]>) {
    reply.push(3);
    reply.bulk(word);
    reply.optional(name);
    reply.integer(ctx.session.subscriptions.confirmed(kind) as i64);
}

fn publish(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    send(ctx, args, reply, false);
    Ok(())
}

fn shard_publish(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    send(ctx, args, reply, true);
    Ok(())
}

fn send(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>, is_shard: bool) {
    let worker = ctx.session.record.worker;
    let message = (args.get(1), args.get(2));
    let receivers = ctx.desk.publish(&ctx.shared.pubsub, worker, is_shard, message);
    reply.integer(receivers as i64);
    if ctx.shared.replicas.are_there() {
        ctx.access.pass_on(ctx.session.database, message.0, message.1, is_shard);
    }
}

fn container(_: &mut Context<'_, '_>, _: &Args<'_>, _: &mut Reply<'_>) -> Outcome {
    Err(Error::WrongArity("pubsub".into()))
}

fn channels(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    list(ctx, args, reply, Kind::Channel)
}

fn shard_channels(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    list(ctx, args, reply, Kind::Shard)
}

fn list(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>, kind: Kind) -> Outcome {
    if args.len() > 3 {
        let name = String::from_utf8_lossy(args.get(1)).into_owned();
        return Err(Error::SubcommandArguments(name, "PUBSUB"));
    }
    let names = ctx.shared.pubsub.names(kind, args.get_optional(2));
    reply.array(names.len());
    names.iter().for_each(|name| reply.bulk(&**name));
    Ok(())
}

fn pattern_count(ctx: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.integer(ctx.shared.pubsub.count(Kind::Pattern) as i64);
    Ok(())
}

fn subscriber_counts(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    counts(ctx, args, reply, Kind::Channel);
    Ok(())
}

fn shard_subscriber_counts(ctx: &mut Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    counts(ctx, args, reply, Kind::Shard);
    Ok(())
}

fn counts(ctx: &Context<'_, '_>, args: &Args<'_>, reply: &mut Reply<'_>, kind: Kind) {
    reply.array(2 * (args.len() - 2));
    for name in args.from(2) {
        reply.bulk(name);
        reply.integer(ctx.shared.pubsub.subscribers(kind, name) as i64);
    }
}

fn help(_: &mut Context<'_, '_>, _: &Args<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.help("PUBSUB", super::help::PUBSUB);
    Ok(())
}
