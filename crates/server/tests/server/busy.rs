//! What clients of the worker get whose script is busy: the same as from Redis if there is one worker, and never nothing. And that DEBUG SLEEP
//! keeps all workers from answering.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use client::Client;
use resp::Protocol;

use crate::support::{Server, must, run, text, words};

const BUSY: &str = "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
const LOOP: &str = "while true do end";
const KILLED: &str = "ERR Script killed by user with SCRIPT KILL.";

fn options(threads: &str) -> [&str; 6] {
    ["--appendonly", "no", "--threads", threads, "--busy-reply-threshold", "20"]
}

fn start(folder: &std::path::Path, threads: &str) -> Server {
    Server::start(folder, &options(threads))
}

fn ask(client: &mut Client, command: &str) -> String {
    text(&run(client, command))
}

/// Sends a command and does not wait for its reply.
fn send(client: &mut Client, words: &[&str]) {
    client.send(words);
    client.flush().expect("the server reads");
}

fn receive(client: &mut Client) -> String {
    text(&client.receive().expect("a reply"))
}

/// Asks until the script of the worker that serves the client is busy.
fn wait_until_busy(client: &mut Client) {
    while !ask(client, "PING").starts_with("BUSY") {}
}

#[test]
fn a_server_with_one_worker_answers_as_redis_does() {
    let folders = [(); 2].map(|()| tempfile::tempdir().expect("a temporary folder"));
    let servers =
        [start(folders[0].path(), "1"), Server::oracle(folders[1].path(), &["--busy-reply-threshold", "20"])];
    let replies = servers.map(|server| {
        let [mut looping, mut queueing, mut other] = [(); 3].map(|()| server.connect());
        for words in ["MULTI", "SET free 1"] {
            ask(&mut queueing, words);
        }
        send(&mut looping, &["EVAL", LOOP, "1", "held"]);
        wait_until_busy(&mut other);
        let mut replies = Vec::new();
        for words in [
            "PING",
            "ECHO x",
            "GET free",
            "GET held",
            "SET free",
            "NONSENSE",
            "SELECT 0",
            "INFO",
            "CLIENT ID",
            "KEYS *",
            "EVAL x 0",
            "SCRIPT FLUSH",
            "SCRIPT EXISTS x",
            "FLUSHALL",
            "CONFIG GET maxmemory",
            "SUBSCRIBE x",
            "MONITOR",
            "BLPOP free 1",
            "FUNCTION STATS",
            "FUNCTION KILL",
            "FUNCTION LIST",
            "SHUTDOWN",
            "SHUTDOWN SAVE",
            "AUTH a b",
            "HELLO 9",
            "WATCH free",
            "WATCH free held",
            "UNWATCH",
            "REPLCONF listening-port 1",
            "DISCARD",
            "EXEC",
            "MULTI",
            "SET free 1",
            "EXEC",
            "MULTI",
            "PING",
            "DISCARD",
            "MULTI",
            "WATCH free",
            "RESET",
            "EXEC",
            "SCRIPT KILL extra",
        ] {
            replies.push(format!("{words}: {:?}", run(&mut other, words)));
        }
        replies.push(format!("{:?}", run(&mut queueing, "EXEC")));
        let mut late = server.connect();
        replies.push(ask(&mut late, "PING"));
        assert!(run(&mut late, "HELLO 3").error().is_none());
        replies.push(ask(&mut late, "QUIT"));
        assert!(late.receive().is_err(), "it is closed");
        replies.push(ask(&mut other, "SCRIPT KILL"));
        replies.push(receive(&mut looping)[..KILLED.len()].to_owned());
        replies.push(ask(&mut other, "SCRIPT KILL"));
        replies.push(ask(&mut other, "GET free"));
        replies
    });
    assert_eq!(replies[0], replies[1]);
}

#[test]
fn requests_keep_their_order_before_behind_and_beside_the_script() {
    const MANY: usize = 5000;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = start(folder.path(), "1");
    let [mut looping, mut other] = [(); 2].map(|()| server.connect());
    looping.send(&["SET", "before", "1"]);
    looping.send(&["EVAL", LOOP, "1", "held"]);
    looping.send(&["GET", "before"]);
    send(&mut looping, &["PING", "behind"]);
    assert_eq!(receive(&mut looping), "OK", "what has run before is answered before the script has ended");
    for number in 0..MANY {
        other.send(&["MULTI", "extra"]);
        other.send(&["NONSENSE", &number.to_string()]);
    }
    wait_until_busy_behind(&mut other, MANY);
    assert_eq!(ask(&mut other, "SCRIPT KILL"), "OK");
    assert!(receive(&mut looping).starts_with(KILLED));
    assert_eq!([receive(&mut looping), receive(&mut looping)], ["1", "behind"]);
}

/// The replies of a pipeline of so many pairs, and of PING behind it.
fn wait_until_busy_behind(client: &mut Client, pairs: usize) {
    client.flush().expect("the server reads");
    for number in 0..pairs {
        assert_eq!(receive(client), "ERR wrong number of arguments for 'multi' command");
        assert!(receive(client).contains(&format!("'{number}'")));
    }
    wait_until_busy(client);
}

#[test]
fn no_client_of_any_worker_is_left_without_an_answer() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = start(folder.path(), "4");
    // Two for each worker.
    let mut clients: Vec<Client> = (0..8).map(|_| server.connect()).collect();
    clients.iter_mut().for_each(|client| assert_eq!(ask(client, "PING"), "PONG"));
    for is_exclusive in [false, true] {
        for killer in 1..8 {
            let script = if is_exclusive { "redis.call('get', 'far') while true do end" } else { LOOP };
            send(&mut clients[0], &["EVAL", script, "1", "held"]);
            // Whoever wants the key is told, wherever it is served; the others are served, but for those beside the script.
            for client in &mut clients[1..] {
                while ask(client, "GET held") != BUSY {}
            }
            let pings: Vec<String> = clients[1..].iter_mut().map(|client| ask(client, "PING")).collect();
            let mut expected = vec!["PONG"; 7];
            expected[3] = BUSY;
            assert_eq!(pings, expected);
            assert_eq!(ask(&mut clients[killer], "SCRIPT KILL"), "OK");
            assert!(receive(&mut clients[0]).starts_with(KILLED));
        }
    }
}

#[test]
fn what_has_written_ends_only_with_the_server() {
    for threads in ["1", "4"] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let server = start(folder.path(), threads);
        let mut clients: Vec<Client> = (0..5).map(|_| server.connect()).collect();
        clients.iter_mut().for_each(|client| assert_eq!(ask(client, "PING"), "PONG"));
        send(&mut clients[0], &["EVAL", "redis.call('set', KEYS[1], 1) while true do end", "1", "held"]);
        // The last one is served by the worker of the first.
        let [.., other] = &mut clients[..] else { panic!("there are five") };
        wait_until_busy(other);
        assert!(ask(other, "SCRIPT KILL").starts_with("UNKILLABLE Sorry the script already executed write"));
        assert_eq!(ask(other, "SHUTDOWN"), BUSY);
        send(other, &["SHUTDOWN", "NOSAVE"]);
        assert!(other.receive().is_err(), "the server has ended");
        assert!(server.wait().0.success());
    }
}

#[test]
fn a_busy_function_is_killed_by_its_own_command() {
    const BUSY: &str =
        "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.";
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = start(folder.path(), "1");
    let [mut looping, mut other] = [(); 2].map(|()| server.connect());
    let library = "#!lua name=l\nredis.register_function('loop', function() while true do end end)";
    looping.command(&["FUNCTION", "LOAD", library]).expect("a reply");
    send(&mut looping, &["FCALL", "loop", "0"]);
    wait_until_busy(&mut other);
    let statistics = run(&mut other, "FUNCTION STATS");
    let running = statistics.elements().expect("a map")[1].elements().expect("a map");
    assert_eq!((text(&running[0]), text(&running[1])), ("name".to_owned(), "loop".to_owned()));
    assert_eq!(ask(&mut other, "SCRIPT KILL"), BUSY);
    assert_eq!(ask(&mut other, "FUNCTION KILL"), "OK");
    assert!(receive(&mut looping).starts_with("ERR Script killed by user with FUNCTION KILL."));
    assert_eq!(ask(&mut other, "PING"), "PONG");
}

#[test]
fn a_script_in_a_transaction_lets_others_be_served_too() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = start(folder.path(), "1");
    let [mut looping, mut other] = [(); 2].map(|()| server.connect());
    for words in ["MULTI", "SET k 1"] {
        ask(&mut looping, words);
    }
    assert_eq!(text(&looping.command(&["EVAL", LOOP, "0"]).expect("a reply")), "QUEUED");
    looping.send(&["GET", "k"]);
    send(&mut looping, &["EXEC"]);
    wait_until_busy(&mut other);
    assert_eq!(ask(&mut other, "SCRIPT KILL"), "OK");
    assert_eq!(receive(&mut looping), "QUEUED");
    let replies = looping.receive().expect("the replies of the transaction");
    let replies: Vec<String> = replies.elements().expect("an array").iter().map(text).collect();
    assert!(replies[1].starts_with(KILLED), "{replies:?}");
    assert_eq!([&replies[0], &replies[2]], ["OK", "1"]);
}

#[test]
fn monitors_see_what_happens_beside_the_script() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = start(folder.path(), "1");
    let [mut looping, mut other, mut monitor] = [(); 3].map(|()| server.connect());
    assert_eq!(ask(&mut monitor, "MONITOR"), "OK");
    send(&mut looping, &["EVAL", LOOP, "0"]);
    let line = receive(&mut monitor);
    assert!(line.ends_with(r#""EVAL" "while true do end" "0""#), "{line}");
    wait_until_busy(&mut other);
    ask(&mut other, "WATCH seen");
    while !receive(&mut monitor).ends_with(r#""WATCH" "seen""#) {}
    assert_eq!(ask(&mut other, "SCRIPT KILL"), "OK");
}

#[test]
fn messages_come_and_those_of_the_script_come_once_it_has_ended() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = start(folder.path(), "2");
    // The first and the third are served by one worker.
    let mut looping = server.connect_with(Protocol::Resp3);
    assert_eq!(ask(&mut looping, "PING"), "PONG");
    let [mut publisher, mut subscriber] = [(); 2].map(|()| {
        let mut client = server.connect();
        assert_eq!(ask(&mut client, "PING"), "PONG");
        client
    });
    for client in [&mut subscriber, &mut looping] {
        send(client, &["SUBSCRIBE", "news"]);
        assert_eq!(message(client), "1", "it is confirmed");
    }
    let script = "redis.call('publish', 'news', 'own') redis.call('get', 'far') while true do end";
    send(&mut looping, &["EVAL", script, "0"]);
    while ask(&mut publisher, "GET far") != BUSY {}
    assert_eq!(ask(&mut publisher, "PUBLISH news other"), "2");
    for client in [&mut subscriber, &mut looping] {
        assert_eq!(message(client), "other");
    }
    assert_eq!(ask(&mut publisher, "SCRIPT KILL"), "OK");
    assert!(receive(&mut looping).starts_with(KILLED));
    for client in [&mut subscriber, &mut looping] {
        assert_eq!(message(client), "own");
    }
    assert_eq!(ask(&mut publisher, "PUBLISH news last"), "2");
    for client in [&mut subscriber, &mut looping] {
        assert_eq!(message(client), "last", "the run that was undone has published nothing");
    }
}

/// The text of the next message.
fn message(client: &mut Client) -> String {
    let push = client.receive_any().expect("a message");
    text(push.elements().expect("a push").last().expect("the payload"))
}

#[test]
fn clients_that_go_while_the_script_is_busy_are_forgotten() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = start(folder.path(), "1");
    let mut other = server.connect();
    let mut looping = server.connect();
    send(&mut looping, &["EVAL", LOOP, "1", "held"]);
    wait_until_busy(&mut other);
    let gone: Vec<Client> = (0..50).map(|_| server.connect()).collect();
    drop((gone, looping));
    assert_eq!(ask(&mut other, "SCRIPT KILL"), "OK");
    while !ask(&mut other, "INFO clients").contains("connected_clients:1\r\n") {}
    assert_eq!(ask(&mut other, "PING"), "PONG");
}

#[test]
fn the_append_only_file_goes_on_and_replies_that_wait_for_it_come() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options =
        ["--appendonly", "yes", "--appendfsync", "always", "--threads", "1", "--busy-reply-threshold", "20"];
    let server = Server::start(folder.path(), &options);
    let [mut looping, mut other] = [(); 2].map(|()| server.connect());
    looping.send(&["SET", "before", "1"]);
    send(&mut looping, &["EVAL", LOOP, "1", "held"]);
    assert_eq!(receive(&mut looping), "OK");
    wait_until_busy(&mut other);
    assert_eq!(ask(&mut other, "SCRIPT KILL"), "OK");
    assert!(receive(&mut looping).starts_with(KILLED));
    server.kill();
    let (_server, mut client) = Server::start(folder.path(), &options).connect_and_keep();
    assert_eq!(ask(&mut client, "GET before"), "1");
}

/// The time in microseconds at which a transaction runs that reads a key.
fn moment_us(client: &mut Client) -> u64 {
    let commands: Vec<Vec<&str>> = ["MULTI", "GET key", "TIME", "EXEC"].map(words).into();
    let replies = client.pipeline(&commands).expect("replies");
    let results = replies[3].elements().expect("what has run");
    let [seconds, us] = [0, 1].map(|at| text(&results[1].elements().expect("a pair")[at]));
    seconds.parse::<u64>().expect("a number") * 1_000_000 + us.parse::<u64>().expect("a number")
}

#[test]
fn no_worker_touches_data_while_debug_sleep_lasts() {
    const SLEEP_US: u64 = 50_000;
    const WORKERS: usize = 3;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = [&options("3")[..], &["--enable-debug-command", "yes"]].concat();
    let server = Server::start(folder.path(), &options);
    let mut sleeping = server.connect();
    let (begun, is_over) = (mpsc::channel(), AtomicBool::new(false));
    thread::scope(|scope| {
        let clients = [(); WORKERS].map(|()| {
            let (mut client, begun, is_over) = (server.connect(), begun.0.clone(), &is_over);
            scope.spawn(move || {
                let mut times = vec![moment_us(&mut client)];
                begun.send(()).expect("somebody waits");
                while !is_over.load(Ordering::Relaxed) {
                    times.push(moment_us(&mut client));
                }
                times.push(moment_us(&mut client));
                times
            })
        });
        (0..WORKERS).for_each(|_| begun.1.recv().expect("all of them begin"));
        must(&mut sleeping, "DEBUG SLEEP 0.05");
        is_over.store(true, Ordering::Relaxed);
        for client in clients {
            let times = client.join().expect("it has not panicked");
            let longest = times.windows(2).map(|pair| pair[1] - pair[0]).max().expect("there are several");
            assert!(longest >= SLEEP_US, "{longest} of {}", times.len());
        }
    });
}
