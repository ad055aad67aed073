//! Scripts that do not end: others are served, or told that the server is busy, and can kill them.

use client::Client;

use crate::support::{Server, run, text};

/// Two workers; the first connection is served by one of them, the second by the other.
fn start(folder: &std::path::Path) -> (Server, Client, Client) {
    let options = ["--appendonly", "no", "--threads", "2", "--busy-reply-threshold", "50"];
    let server = Server::start(folder, &options);
    let (mut first, mut second) = (server.connect(), server.connect());
    for client in [&mut first, &mut second] {
        assert_eq!(ask(client, "PING"), "PONG");
    }
    (server, first, second)
}

/// A reply as text.
fn ask(client: &mut Client, command: &str) -> String {
    text(&run(client, command))
}

/// Sends a script and does not wait for its reply.
fn begin(client: &mut Client, script: &str, keys: &[&str]) {
    let count = keys.len().to_string();
    client.send(&[&["EVAL", script, &count], keys].concat());
    client.flush().expect("the server reads");
}

const BUSY: &str = "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";

#[test]
fn what_a_busy_script_does_not_hold_is_served_and_it_can_be_killed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (server, mut looping, mut other) = start(folder.path());
    assert_eq!(ask(&mut other, "SCRIPT KILL"), "NOTBUSY No scripts in execution right now.");
    begin(&mut looping, "redis.call('get', KEYS[1]) while true do end", &["held"]);
    // The first one waits until the script has become busy.
    while ask(&mut other, "SET held value") != BUSY {}
    for words in ["GET held", "MGET free held", "FLUSHALL"] {
        assert!(ask(&mut other, words).starts_with("BUSY"), "{words}");
    }
    assert_eq!(ask(&mut other, "MULTI"), "OK");
    assert_eq!(ask(&mut other, "SET free 0"), "QUEUED");
    assert_eq!(run(&mut other, "EXEC").elements().expect("its replies").len(), 1);
    assert_eq!(ask(&mut other, "SET free value"), "OK");
    assert_eq!(ask(&mut other, "GET free"), "value");
    assert_eq!(ask(&mut other, "PING"), "PONG");
    assert!(ask(&mut other, "INFO memory").contains("used_memory"));
    let pipeline: Vec<Vec<&str>> = vec![vec!["GET", "free"], vec!["GET", "held"], vec!["GET", "free"]];
    let replies: Vec<String> = other.pipeline(&pipeline).expect("replies").iter().map(text).collect();
    assert_eq!(replies, ["value", BUSY, "value"]);
    // New clients come to the worker that is free.
    assert_eq!(ask(&mut server.connect(), "SCRIPT KILL"), "OK");
    let killed = text(&looping.receive().expect("the script's reply"));
    assert!(killed.starts_with("ERR Script killed by user with SCRIPT KILL. script: "), "{killed}");
    assert_eq!(ask(&mut other, "SET held value"), "OK");
    assert_eq!(ask(&mut looping, "GET held"), "value");
}

#[test]
fn a_busy_script_with_undeclared_keys_can_be_killed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (server, mut looping, mut other) = start(folder.path());
    begin(&mut looping, "redis.call('get', 'far') while true do pcall(redis.call, 'get', 'far') end", &[]);
    while ask(&mut other, "SET free value") != BUSY {}
    assert_eq!(ask(&mut other, "PING"), "PONG");
    assert!(ask(&mut other, "FLUSHALL").starts_with("BUSY"));
    assert_eq!(ask(&mut server.connect(), "SCRIPT KILL"), "OK");
    assert!(text(&looping.receive().expect("the script's reply")).contains("Script killed by user"));
    assert_eq!(ask(&mut other, "SET free value"), "OK");
}

#[test]
fn a_script_that_has_written_ends_only_with_the_server() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (_server, mut looping, mut other) = start(folder.path());
    begin(&mut looping, "redis.call('set', KEYS[1], 1) while true do end", &["held"]);
    while ask(&mut other, "GET held") != BUSY {}
    assert!(
        ask(&mut other, "SCRIPT KILL")
            .starts_with("UNKILLABLE Sorry the script already executed write commands")
    );
    assert!(ask(&mut other, "GET held").starts_with("BUSY"));
    other.send(&["SHUTDOWN", "NOSAVE"]);
    other.flush().expect("the server reads");
    assert!(other.receive().is_err(), "the server has ended");
}
