//! Keyspace notifications of random commands: a subscriber of this server hears what a subscriber of redis-server hears, in
//! the same order.
//!
//! The commands are those of `differential`, so no time passes and no random choice shows. Behind each of them a mark is
//! published, which ends what the command has told.

use client::Client;
use resp::{Frame, Protocol};
use stdx::rng::Rng;

use crate::differential::command;
use crate::support::{Server, must, words};

/// Commands compared in one run.
const COMMANDS: usize = 4000;
/// Differences shown before a run gives up.
const MAX_SHOWN: usize = 20;
/// The channel of the mark.
const MARK: &str = "__keyevent@mark";

/// A channel and a key.
type Event = (String, String);

/// What a command has told, and whether it was refused.
struct Told {
    events: Vec<Event>,
    is_refused: bool,
}

/// A server with somebody who writes, somebody who listens, and somebody who sets marks.
struct Side {
    writer: Client,
    listener: Client,
    marker: Client,
}

impl Side {
    fn new(server: &Server, protocol: Protocol) -> Self {
        let mut side = Self {
            writer: server.connect_with(protocol),
            listener: server.connect_with(protocol),
            marker: server.connect(),
        };
        must(&mut side.marker, "CONFIG SET notify-keyspace-events EAnm");
        side.listener.send(&words("PSUBSCRIBE __keyevent@*"));
        side.listener.flush().expect("the server reads");
        side.listener.receive_any().expect("the subscription is confirmed");
        side
    }

    /// Runs a command.
    fn tell(&mut self, command: &[String]) -> Told {
        let reply = self.writer.command(command).unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let is_refused = reply.is_error();
        must(&mut self.marker, &format!("PUBLISH {MARK} ."));
        let mut events = Vec::new();
        loop {
            let message = self.listener.receive_any().expect("the mark comes");
            let (Frame::Array(parts) | Frame::Push(parts)) = message else {
                panic!("no message: {message:?}")
            };
            let text = |at: usize| match &parts[at] {
                Frame::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                other => panic!("no text: {other:?}"),
            };
            if text(2) == MARK {
                return Told { events, is_refused };
            }
            events.push((text(2), text(3)));
        }
    }
}

/// Drops what differs on purpose, so that the rest can be compared.
fn comparable(command: &[String], Told { mut events, is_refused }: Told) -> Vec<Event> {
    let mut drop = |ending: &str| events.retain(|(event, _)| !event.ends_with(ending));
    // A claim or read of nothing makes a consumer since Redis 7.2, and then it can be deleted.
    drop("consumer");
    // redis-server does not tell that a string has grown for a number that did not fit.
    let name = command[0].as_str();
    let may_be = |wanted: &str| name == "EXEC" || name.starts_with(wanted);
    if may_be("BITFIELD") && !command.iter().any(|word| word == "GET") {
        drop("setbit");
    }
    // Which keys a command looks for that is refused depends on what is looked at first. What the patterns of SORT name is
    // looked up in an order that nobody knows, or in a snapshot, which tells nothing.
    if is_refused || may_be("SORT") {
        drop("keymiss");
    }
    // redis-server looks twice for what is to be read: at first, and before it would wait.
    if name == "XREAD" {
        let half = events.len() / 2;
        if events[..half] == events[half..] {
            events.truncate(half);
        }
        events.dedup();
    }
    events
}

fn check(protocol: Protocol, seed: u64) {
    let folders = [(); 2].map(|()| tempfile::tempdir().expect("a temporary folder"));
    let servers = [
        Server::start(folders[0].path(), &["--appendonly", "no", "--threads", "2"]),
        Server::oracle(folders[1].path(), &["--appendonly", "no"]),
    ];
    let mut sides = servers.each_ref().map(|server| Side::new(server, protocol));
    let mut rng = Rng::from_seed(seed);
    let (mut told, mut wrong) = (0, Vec::new());
    let mut history = Vec::new();
    for _ in 0..COMMANDS {
        let command = command(&mut rng);
        // Which events are told is not to change.
        if command[0] == "CONFIG" {
            continue;
        }
        let [ours, theirs] = sides.each_mut().map(|side| comparable(&command, side.tell(&command)));
        told += theirs.len();
        history.push(command.join(" "));
        if ours != theirs {
            let before = history[history.len().saturating_sub(6)..].join("; ");
            wrong.push(format!("{before}\n  here  {ours:?}\n  redis {theirs:?}"));
            if wrong.len() == MAX_SHOWN {
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "seed {seed}:\n{}", wrong.join("\n"));
    assert!(told > COMMANDS / 4, "only {told} events");
}

#[test]
fn random_commands_tell_what_redis_tells() {
    check(Protocol::Resp2, 11);
    check(Protocol::Resp3, 12);
}

/// Changes of one key that each writer makes.
const CHANGES: usize = 4000;
/// How many of them it sends together.
const PIPELINE: usize = 100;

/// Writes a key that is not there, removes one that is.
const TURN: &str = "if redis.call('del', KEYS[1]) == 0 then redis.call('set', KEYS[1], 1) end";

#[test]
fn every_subscriber_hears_of_changes_by_all_workers_once_and_in_their_order() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = ["--appendonly", "no", "--threads", "2", "--notify-keyspace-events", "EA"];
    let server = Server::start(folder.path(), &options);
    let mut listeners = [(); 3].map(|()| {
        let mut listener = server.connect();
        listener.send(&words("PSUBSCRIBE __keyevent@*"));
        listener.flush().expect("the server reads");
        listener.receive_any().expect("the subscription is confirmed");
        listener
    });
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let mut writer = server.connect();
            scope.spawn(move || {
                for _ in 0..CHANGES / PIPELINE {
                    (0..PIPELINE).for_each(|_| writer.send(&["EVAL", TURN, "1", "a"]));
                    writer.flush().expect("the server reads");
                    for _ in 0..PIPELINE {
                        assert_eq!(writer.receive_any().expect("the server answers"), Frame::Null);
                    }
                }
            });
        }
    });
    for listener in &mut listeners {
        for number in 0..4 * CHANGES {
            let message = listener.receive_any().expect("each change is told");
            let Frame::Array(parts) = message else { panic!("no message: {message:?}") };
            let expected = if number % 2 == 0 { "__keyevent@0__:set" } else { "__keyevent@0__:del" };
            assert_eq!(parts[2], Frame::Bulk(expected.into()), "event {number}");
        }
    }
}
