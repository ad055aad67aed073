//! Clients that wait for lists, on four workers: what is pushed is popped once, in the order of arrival, also where a
//! worker has to put off what it cannot lock; and what they have got is in the log.

use std::collections::BTreeMap;

use client::Client;
use resp::Frame;
use stdx::rng::Rng;

use crate::content::content;
use crate::support::{Server, must, run, text, words};

const LISTS: u64 = 3;
/// What tells a client that nothing follows.
const END: &str = "end";

fn start(folder: &std::path::Path, options: &[&str]) -> Server {
    Server::start(folder, &[&["--threads", "4"], options].concat())
}

/// Sends a command that waits.
fn begin(client: &mut Client, command: &str) {
    client.send(&words(command));
    client.flush().expect("the server reads");
}

/// Returns when so many clients wait.
fn until_waiting(client: &mut Client, clients: usize) {
    let line = format!("blocked_clients:{clients}\r\n");
    while !text(&must(client, "INFO clients")).contains(&line) {}
}

/// The last element of a reply, or the reply itself: what a command has moved or popped.
fn element(reply: &Frame) -> String {
    reply.elements().and_then(<[Frame]>::last).map_or_else(|| text(reply), text)
}

/// Pushes numbers that nobody else pushes, alone, in transactions and in scripts.
fn push(mut client: Client, number: u64, count: u64) {
    let mut rng = Rng::from_seed(number);
    for value in (0..count).map(|value| number * count + value) {
        let list = format!("in:{}", rng.below(LISTS));
        match rng.below(3) {
            0 => run(&mut client, &format!("RPUSH {list} {value}")),
            1 => {
                let push = format!("RPUSH {list} {value}");
                let lines = ["MULTI", "PING", &push, "EXEC"].map(words);
                client.pipeline(&lines).expect("replies").pop().expect("EXEC is answered")
            }
            _ => {
                let script = "return redis.call('RPUSH', KEYS[1], ARGV[1])";
                let value = value.to_string();
                client.command(&["EVAL", script, "1", &list, &value]).expect("a reply")
            }
        };
    }
}

/// Repeats a command that waits until it brings the end; what it brought before.
fn take(mut client: Client, command: &str) -> Vec<String> {
    let mut taken = Vec::new();
    loop {
        let got = element(&run(&mut client, command));
        if got == END {
            return taken;
        }
        taken.push(got);
    }
}

#[test]
fn nothing_that_is_waited_for_is_lost_or_given_twice() {
    const PUSHERS: u64 = 4;
    const COUNT: u64 = 400;
    const MOVERS: usize = 6;
    const POPPERS: usize = 4;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = start(folder.path(), &["--appendonly", "no"]);
    let mut client = server.connect();
    let mut found: Vec<String> = std::thread::scope(|scope| {
        // Each list has movers of its own, so that each of them gets an end.
        let movers: Vec<_> = (0..MOVERS as u64)
            .map(|number| {
                let connection = server.connect();
                let command =
                    format!("BLMOVE in:{} out:{} LEFT RIGHT 0", number % LISTS, (number + 1) % LISTS);
                scope.spawn(move || take(connection, &command))
            })
            .collect();
        let poppers: Vec<_> = (0..POPPERS)
            .map(|_| {
                let connection = server.connect();
                scope.spawn(move || take(connection, "BLPOP out:2 out:0 out:1 0"))
            })
            .collect();
        let pushers: Vec<_> = (0..PUSHERS)
            .map(|number| {
                let connection = server.connect();
                scope.spawn(move || push(connection, number, COUNT))
            })
            .collect();
        pushers.into_iter().for_each(|pusher| pusher.join().expect("a pusher succeeds"));
        for number in 0..MOVERS as u64 {
            must(&mut client, &format!("RPUSH in:{} {END}", number % LISTS));
        }
        // What movers take they leave for the poppers, the ends as well, of which there are enough.
        movers.into_iter().for_each(|mover| drop(mover.join().expect("a mover succeeds")));
        poppers.into_iter().flat_map(|popper| popper.join().expect("a popper succeeds")).collect()
    });
    for list in 0..LISTS {
        let left = must(&mut client, &format!("LRANGE out:{list} 0 -1"));
        found.extend(left.elements().expect("a list").iter().map(text).filter(|element| element != END));
        assert_eq!(must(&mut client, &format!("EXISTS in:{list}")).integer(), Some(0), "all is moved");
    }
    let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
    for element in &found {
        *counts.entry(element.parse().expect("a number")).or_default() += 1;
    }
    let wrong: Vec<u64> = (0..PUSHERS * COUNT).filter(|value| counts.get(value) != Some(&1)).collect();
    assert!(wrong.is_empty() && counts.len() as u64 == PUSHERS * COUNT, "lost or given twice: {wrong:?}");
}

#[test]
fn clients_of_all_workers_are_served_in_the_order_in_which_they_came() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = start(folder.path(), &["--appendonly", "no"]);
    let mut pushers: Vec<Client> = (0..4).map(|_| server.connect()).collect();
    let mut waiting: Vec<Client> = (0..8).map(|_| server.connect()).collect();
    let mut rng = Rng::from_seed(1);
    for round in 0..30 {
        let mut order: Vec<usize> = (0..waiting.len()).collect();
        for last in (1..order.len()).rev() {
            order.swap(last, rng.below(last as u64 + 1) as usize);
        }
        for (before, &client) in order.iter().enumerate() {
            begin(
                &mut waiting[client],
                ["BLPOP a b 0", "BLMOVE b c LEFT RIGHT 0"][usize::from(round % 3 == 0)],
            );
            until_waiting(&mut pushers[0], before + 1);
        }
        for value in 0..order.len() {
            let pusher = &mut pushers[rng.below(4) as usize];
            must(pusher, &format!("RPUSH b {round}:{value}"));
        }
        for (value, &client) in order.iter().enumerate() {
            let got = element(&waiting[client].receive().expect("it is served"));
            assert_eq!(got, format!("{round}:{value}"), "round {round}, order {order:?}");
        }
    }
}

#[test]
fn a_move_to_a_list_that_a_busy_script_holds_is_put_off() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = ["--appendonly", "no", "--threads", "2", "--busy-reply-threshold", "50"];
    let server = Server::start(folder.path(), &options);
    // The first connection is served by one worker, the second by the other, and so on.
    let (mut looping, mut other) = (server.connect(), server.connect());
    let mut waiting = [server.connect(), server.connect()];
    for (before, client) in waiting.iter_mut().enumerate() {
        begin(client, "BLMOVE in out LEFT RIGHT 0");
        until_waiting(&mut other, before + 1);
    }
    let script = "redis.call('GET', KEYS[1]) while true do end";
    looping.send(&["EVAL", script, "1", "out"]);
    looping.flush().expect("the server reads");
    while !text(&run(&mut other, "EXISTS out")).starts_with("BUSY") {}
    assert_eq!(must(&mut other, "RPUSH in first").integer(), Some(1), "who pushes does not wait");
    assert_eq!(must(&mut other, "RPUSH in second third").integer(), Some(3));
    assert_eq!(must(&mut other, "LLEN in").integer(), Some(3), "the target is locked");
    assert_eq!(text(&must(&mut other, "SCRIPT KILL")), "OK");
    assert!(text(&looping.receive().expect("the script's reply")).contains("killed"));
    for (client, value) in waiting.iter_mut().zip(["first", "second"]) {
        assert_eq!(text(&client.receive().expect("it is served")), value);
    }
    let moved = must(&mut other, "LRANGE out 0 -1");
    assert_eq!(moved.elements().expect("a list").iter().map(text).collect::<Vec<_>>(), ["first", "second"]);
    assert_eq!(must(&mut other, "LLEN in").integer(), Some(1));
}

#[test]
fn what_clients_have_waited_for_is_in_the_log_for_here_and_for_redis() {
    const APPENDING: &[&str] = &["--appendonly", "yes"];
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = start(folder.path(), APPENDING);
    let mut client = server.connect();
    for (command, feeding) in [
        ("BLPOP a b 0", "RPUSH b 1 2 3"),
        ("BRPOP c 0", "RPUSH c 1 2 3"),
        ("BLMOVE d e LEFT RIGHT 0", "RPUSH d 1 2 3"),
        ("BRPOPLPUSH f e 0", "RPUSH f 4 5"),
        ("BLMPOP 0 2 g h RIGHT COUNT 2", "RPUSH h 1 2 3"),
        ("BZPOPMIN z 0", "ZADD z 1 one 2 two"),
        ("BZMPOP 0 1 y MAX COUNT 2", "ZADD y 1 one 2 two 3 three"),
        ("BLPOP whole 0", "RPUSH whole 1"),
    ] {
        let mut waiting = server.connect();
        begin(&mut waiting, command);
        until_waiting(&mut client, 1);
        must(&mut client, feeding);
        assert!(!waiting.receive().expect("it is served").is_error(), "{command}");
    }
    let written = content(&mut client);
    assert!(server.stop().0.success());
    let log = std::fs::read(folder.path().join("appendonlydir/appendonly.aof.1.incr.aof")).expect("a log");
    let log = String::from_utf8_lossy(&log).into_owned();
    for (name, is_there) in
        [("\r\nLPOP\r\n", true), ("\r\nRPOP\r\n", true), ("\r\nBL", false), ("\r\nBR", false)]
    {
        assert_eq!(log.contains(name), is_there, "{name:?}");
    }
    for load in [Server::start, Server::oracle] {
        assert_eq!(content(&mut load(folder.path(), APPENDING).connect()), written);
    }
}
