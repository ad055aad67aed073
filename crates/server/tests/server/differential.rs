//! Random commands sent to this server and to redis-server: the same replies, and the same content at the end.
//!
//! Commands come from patterns with places for random words; few keys and short values make them meet. Expiries are
//! points in time, far off, or past for commands that remove the key at once, so that nothing depends on when a command
//! runs or an expired key is swept. Where a reply has no order it is sorted.

mod patterns;
mod vocabulary;

use client::Client;
use resp::{Frame, Protocol};
use stdx::rng::Rng;

use crate::content::{Content, content};
use crate::support::{Server, must};
use patterns::PATTERNS;
use vocabulary::word;

/// Commands compared in one run; `DIFFERENTIAL_COMMANDS=1000000` in the environment makes it a long one.
const COMMANDS: usize = 4000;
/// Commands shown before one whose replies differ.
const MAX_BEFORE: usize = 40;
/// Differences shown before a run gives up.
const MAX_SHOWN: usize = 20;

/// Commands whose replies have no order.
const UNORDERED: &[&str] = &[
    "KEYS",
    "HGETALL",
    "HKEYS",
    "HVALS",
    "SMEMBERS",
    "SPOP",
    "SRANDMEMBER",
    "SINTER",
    "SUNION",
    "SDIFF",
    "HRANDFIELD",
    "ZRANDMEMBER",
    "FUNCTION",
    "CONFIG",
];

/// A pattern with its places filled, word by word.
pub(crate) fn command(rng: &mut Rng) -> Vec<String> {
    let pattern = PATTERNS[rng.below(PATTERNS.len() as u64) as usize];
    pattern.split(' ').map(|word| filled(word, rng)).collect()
}

/// A word of a pattern with its places filled.
fn filled(pattern: &str, rng: &mut Rng) -> String {
    let mut text = String::new();
    for piece in pattern.split('{') {
        match piece.split_once('}') {
            Some((place, rest)) => text += &(word(place, rng) + rest),
            None => text += piece,
        }
    }
    text
}

/// A reply with what has no order put into one; in the reply of a transaction that is any array, because the commands
/// it belongs to are not known here.
fn ordered(command: &[String], reply: Frame) -> Frame {
    let name = command[0].as_str();
    match as_here(reply) {
        Frame::Array(replies) if name == "EXEC" => {
            Frame::Array(replies.into_iter().map(|reply| sorted(within(reply))).collect())
        }
        other if name.ends_with("SCAN") => within(other),
        other if UNORDERED.contains(&name) => sorted(other),
        other => other,
    }
}

/// A reply with what is in the arrays within it sorted.
fn within(reply: Frame) -> Frame {
    match reply {
        Frame::Array(elements) => Frame::Array(elements.into_iter().map(sorted).collect()),
        other => other,
    }
}

/// A reply with numbers as they are here: without a sign at zero, which redis-server drops only where it packs a sorted
/// set, and long ones in as few digits as they need, which Redis does from 7.2 on.
fn as_here(reply: Frame) -> Frame {
    match reply {
        Frame::Bulk(text) if text == b"-0" => Frame::Bulk(b"0".to_vec()),
        Frame::Bulk(text) if text.len() > 16 => {
            let number: Option<f64> = std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok());
            Frame::Bulk(number.map_or(text, |number| format!("{number:e}").into_bytes()))
        }
        Frame::Array(elements) => Frame::Array(elements.into_iter().map(as_here).collect()),
        other => other,
    }
}

/// Content with scores as they are here: without a sign at zero.
fn with_scores_as_here(mut content: Content) -> Content {
    for (kind, _, value) in content.values_mut() {
        if kind == "zset" {
            // Behind each member stands its score.
            let scores = value.iter_mut().skip(1).step_by(2);
            scores.filter(|score| **score == (-0.0_f64).to_be_bytes()).for_each(|score| score.fill(0));
        }
    }
    content
}

fn sorted(reply: Frame) -> Frame {
    let text = |frame: &Frame| format!("{frame:?}");
    match reply {
        Frame::Array(mut elements) => {
            elements.sort_by_key(text);
            Frame::Array(elements)
        }
        Frame::Set(mut elements) => {
            elements.sort_by_key(text);
            Frame::Set(elements)
        }
        Frame::Map(mut pairs) => {
            pairs.sort_by_key(|(key, _)| text(key));
            Frame::Map(pairs)
        }
        other => other,
    }
}

/// The last commands that share a key with the last one; for EXEC those that share one with the last WATCH.
fn concerning(history: &[Vec<String>]) -> String {
    let (last, before) = history.split_last().expect("a command");
    let watch = before.iter().rfind(|command| command[0] == "WATCH");
    let keys = &watch.filter(|_| last[0] == "EXEC").unwrap_or(last)[1..];
    let concerns = |command: &&Vec<String>| {
        matches!(command[0].as_str(), "SELECT" | "SWAPDB" | "MULTI" | "EXEC" | "DISCARD" | "UNWATCH")
            || command[1..].iter().any(|word| keys.contains(word))
    };
    let commands = before.iter().rev().filter(concerns).take(MAX_BEFORE);
    let mut commands: Vec<String> = commands.map(|command| command.join(" ")).collect();
    commands.reverse();
    commands.push(last.join(" "));
    commands.join("; ")
}

/// The first parts of two different replies that differ.
fn narrowed(ours: Frame, theirs: Frame) -> (Frame, Frame) {
    match (ours, theirs) {
        (Frame::Array(ours), Frame::Array(theirs)) if ours.len() == theirs.len() => {
            let parts = ours.into_iter().zip(theirs).find(|(ours, theirs)| ours != theirs);
            parts.map(|(ours, theirs)| narrowed(ours, theirs)).expect("they differ")
        }
        whole => whole,
    }
}

/// How many commands to compare.
fn commands() -> usize {
    let told = std::env::var("DIFFERENTIAL_COMMANDS").ok();
    told.map_or(COMMANDS, |number| number.parse().expect("DIFFERENTIAL_COMMANDS is a number"))
}

/// Both servers' replies to a command.
fn ask(clients: &mut [Client; 2], command: &[String]) -> [Frame; 2] {
    clients.each_mut().map(|client| {
        let reply = client.command(command).unwrap_or_else(|error| panic!("{command:?}: {error}"));
        ordered(command, reply)
    })
}

fn check(protocol: Protocol, seed: u64) {
    let folders = [(); 2].map(|()| tempfile::tempdir().expect("a temporary folder"));
    let servers = [
        Server::start(folders[0].path(), &["--save", "", "--appendonly", "no"]),
        Server::oracle(folders[1].path(), &["--appendonly", "no"]),
    ];
    let mut clients = servers.each_ref().map(|server| server.connect_with(protocol));
    let mut rng = Rng::from_seed(seed);
    let mut wrong = Vec::new();
    let mut history = Vec::new();
    for _ in 0..commands() {
        let command = command(&mut rng);
        let [ours, theirs] = ask(&mut clients, &command);
        history.push(command);
        if ours != theirs {
            let before = concerning(&history);
            let (ours, theirs) = narrowed(ours, theirs);
            wrong.push(format!("{before}\n  here  {ours:?}\n  redis {theirs:?}"));
            if wrong.len() == MAX_SHOWN {
                break;
            }
            // What follows shall not differ for the same reason.
            for client in &mut clients {
                run_quietly(client, "DISCARD");
                must(client, "FLUSHALL");
                run_quietly(client, "UNWATCH");
                run_quietly(client, "FUNCTION FLUSH");
            }
            history.clear();
        }
    }
    assert!(wrong.is_empty(), "seed {seed}:\n{}", wrong.join("\n"));
    let [ours, theirs] = clients.each_mut().map(|client| {
        run_quietly(client, "DISCARD");
        with_scores_as_here(content(client))
    });
    assert_eq!(ours, theirs, "seed {seed}: the content at the end");
}

/// Runs a command whose error does not matter.
fn run_quietly(client: &mut Client, command: &str) {
    let _ = crate::support::run(client, command);
}

#[test]
fn random_commands_get_the_replies_of_redis() {
    check(Protocol::Resp2, 1);
    check(Protocol::Resp2, 2);
}

#[test]
fn random_commands_get_the_replies_of_redis_in_its_newer_protocol() {
    check(Protocol::Resp3, 3);
}
