//! Libraries of functions survive what keys survive, all workers have them, and busy functions can be killed.

use client::Client;

use crate::disk::rewrite;
use crate::support::{Server, must, run, text};

/// A library whose function of the same name answers with a number.
fn library(name: &str, answer: u32) -> String {
    format!("#!lua name={name}\nredis.register_function('{name}', function() return {answer} end)")
}

fn load(client: &mut Client, name: &str, answer: u32) {
    let reply = client.command(&["FUNCTION", "LOAD", "REPLACE", &library(name, answer)]);
    assert_eq!(text(&reply.expect("a reply")), name);
}

/// What each function answers.
fn answers<const N: usize>(client: &mut Client, names: [&str; N]) -> [String; N] {
    names.map(|name| text(&run(client, &format!("FCALL {name} 0"))))
}

const GONE: &str = "ERR Function not found";

#[test]
fn libraries_survive_crashes_rewrites_and_restarts() {
    for preamble in ["yes", "no"] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let options = ["--appendonly", "yes", "--aof-use-rdb-preamble", preamble];
        let server = Server::start(folder.path(), &options);
        let mut client = server.connect();
        load(&mut client, "kept", 1);
        load(&mut client, "replaced", 1);
        load(&mut client, "gone", 1);
        load(&mut client, "replaced", 2);
        must(&mut client, "FUNCTION DELETE gone");
        must(&mut client, "FLUSHALL");
        server.kill();
        let (server, mut client) = Server::start(folder.path(), &options).connect_and_keep();
        let names = ["kept", "replaced", "gone"];
        assert_eq!(answers(&mut client, names), ["1", "2", GONE], "from the log");
        rewrite(&mut client);
        load(&mut client, "kept", 3);
        server.kill();
        let (server, mut client) = Server::start(folder.path(), &options).connect_and_keep();
        assert_eq!(answers(&mut client, names), ["3", "2", GONE], "from a base and what follows it");
        must(&mut client, "MULTI");
        client.command(&["FUNCTION", "LOAD", &library("gone", 4)]).expect("it is queued");
        must(&mut client, "FUNCTION DELETE kept");
        must(&mut client, "EXEC");
        server.kill();
        let (server, mut client) = Server::start(folder.path(), &options).connect_and_keep();
        assert_eq!(answers(&mut client, names), [GONE, "2", "4"], "from a transaction");
        must(&mut client, "FUNCTION FLUSH");
        server.kill();
        let (_server, mut client) = Server::start(folder.path(), &options).connect_and_keep();
        assert_eq!(answers(&mut client, names), [GONE; 3]);
    }
}

#[test]
fn a_function_that_moves_to_another_library_is_replayed_in_an_order_that_fits() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), &["--appendonly", "yes"]);
    let mut client = server.connect();
    let pair = |name: &str, function: &str| {
        format!("#!lua name={name}\nredis.register_function('{function}', function() return '{name}' end)")
    };
    for (name, function) in [("a", "f"), ("b", "g")] {
        client.command(&["FUNCTION", "LOAD", &pair(name, function)]).expect("a reply");
    }
    let payload = must(&mut client, "FUNCTION DUMP");
    must(&mut client, "FUNCTION FLUSH");
    for (name, function) in [("a", "g"), ("b", "f")] {
        client.command(&["FUNCTION", "LOAD", &pair(name, function)]).expect("a reply");
    }
    let payload = payload.bytes().expect("a bulk string");
    let restored = client.command(&[b"FUNCTION", &b"RESTORE"[..], payload, b"REPLACE"]).expect("a reply");
    assert_eq!(text(&restored), "OK");
    assert_eq!(answers(&mut client, ["f", "g"]), ["a", "b"]);
    server.kill();
    let (_server, mut client) = Server::start(folder.path(), &["--appendonly", "yes"]).connect_and_keep();
    assert_eq!(answers(&mut client, ["f", "g"]), ["a", "b"]);
}

#[test]
fn libraries_are_in_dumps_and_reloads() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = ["--appendonly", "no", "--enable-debug-command", "yes"];
    let server = Server::start(folder.path(), &options);
    let mut client = server.connect();
    load(&mut client, "first", 1);
    let digest = text(&must(&mut client, "DEBUG DIGEST"));
    must(&mut client, "DEBUG RELOAD");
    assert_eq!(answers(&mut client, ["first"]), ["1"]);
    load(&mut client, "second", 2);
    must(&mut client, "DEBUG RELOAD NOSAVE");
    assert_eq!(answers(&mut client, ["first", "second"]), ["1", GONE], "what the file has");
    load(&mut client, "second", 2);
    let refused = text(&run(&mut client, "DEBUG RELOAD NOSAVE NOFLUSH"));
    assert_eq!(refused, "ERR Error trying to load the RDB dump, check server logs.");
    must(&mut client, "DEBUG RELOAD NOSAVE NOFLUSH MERGE");
    assert_eq!(answers(&mut client, ["first", "second"]), ["1", "2"]);
    assert_eq!(text(&must(&mut client, "DEBUG DIGEST")), digest, "libraries are no keys");
    must(&mut client, "SAVE");
    server.kill();
    let (_server, mut client) = Server::start(folder.path(), &options).connect_and_keep();
    assert_eq!(answers(&mut client, ["first", "second"]), ["1", "2"]);
}

#[test]
fn files_with_libraries_go_both_ways() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (server, mut client) = Server::start(folder.path(), &["--appendonly", "no"]).connect_and_keep();
    load(&mut client, "here", 1);
    must(&mut client, "SAVE");
    server.kill();
    let (oracle, mut client) = Server::oracle(folder.path(), &[]).connect_and_keep();
    assert_eq!(answers(&mut client, ["here"]), ["1"]);
    load(&mut client, "there", 2);
    must(&mut client, "SAVE");
    oracle.kill();
    let (_server, mut client) = Server::start(folder.path(), &["--appendonly", "no"]).connect_and_keep();
    assert_eq!(answers(&mut client, ["here", "there"]), ["1", "2"]);
}

/// Two workers; the first connection is served by one of them, the second by the other.
fn start_two(folder: &std::path::Path) -> (Server, Client, Client) {
    let options = ["--appendonly", "no", "--threads", "2", "--busy-reply-threshold", "50"];
    let server = Server::start(folder, &options);
    let (first, second) = (server.connect(), server.connect());
    (server, first, second)
}

#[test]
fn all_workers_see_every_change_at_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (_server, mut first, mut second) = start_two(folder.path());
    for round in 0..20 {
        load(&mut first, "shared", round);
        assert_eq!(answers(&mut second, ["shared"]), [round.to_string()]);
    }
    must(&mut second, "FUNCTION FLUSH");
    assert_eq!(answers(&mut first, ["shared"]), [GONE]);
}

#[test]
fn a_library_that_does_not_end_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (_server, mut client, _) = start_two(folder.path());
    let endless = "#!lua name=endless\nlocal a = 1 while true do a = a + 1 end";
    let reply = client.command(&["FUNCTION", "LOAD", endless]).expect("a reply");
    assert_eq!(text(&reply), "ERR Error registering functions: ERR FUNCTION LOAD timeout");
    load(&mut client, "next", 1);
}

#[test]
fn a_busy_function_is_told_of_and_killed_by_its_own_command() {
    const BUSY: &str =
        "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.";
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (_server, mut looping, mut other) = start_two(folder.path());
    let endless = "#!lua name=l\nredis.register_function('loop', function() while true do end end)";
    looping.command(&["FUNCTION", "LOAD", endless]).expect("a reply");
    looping.send(&["FCALL", "loop", "1", "held"]);
    looping.flush().expect("the server reads");
    while text(&run(&mut other, "SET held value")) != BUSY {}
    let statistics = run(&mut other, "FUNCTION STATS");
    let running = statistics.elements().expect("a map")[1].elements().expect("a map");
    assert_eq!((text(&running[0]), text(&running[1])), ("name".to_owned(), "loop".to_owned()));
    let command: Vec<String> = running[3].elements().expect("words").iter().map(text).collect();
    assert_eq!(command, ["FCALL", "loop", "1", "held"]);
    assert_eq!(text(&run(&mut other, "SCRIPT KILL")), BUSY);
    assert_eq!(text(&run(&mut other, "FUNCTION KILL")), "OK");
    let killed = text(&looping.receive().expect("the function's reply"));
    assert_eq!(
        killed, "ERR Script killed by user with FUNCTION KILL. script: loop, on @user_function:2.",
        "as Redis says it"
    );
    assert_eq!(text(&run(&mut other, "SET held value")), "OK");
}
