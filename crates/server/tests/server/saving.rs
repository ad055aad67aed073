//! Saving: snapshots in the foreground and in the background, at the end, at save points; files that are damaged; disks
//! that are full.

use std::collections::BTreeMap;
use std::path::Path;

use client::Client;
use rustix::process::{Resource, Rlimit, prlimit};

use crate::content::content;
use crate::support::{Server, must, run, text};

const SNAPSHOTS: &[&str] = &["--appendonly", "no", "--save", "", "--enable-debug-command", "yes"];
const APPENDING: &[&str] = &["--appendonly", "yes", "--save", "", "--enable-debug-command", "yes"];

/// A field of INFO persistence.
fn figure(client: &mut Client, name: &str) -> String {
    let info = text(&must(client, "INFO persistence"));
    let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("INFO has no {name}:\n{info}")).to_owned()
}

fn wait_for(client: &mut Client, name: &str, value: &str) {
    while figure(client, name) != value {}
}

/// The files of a folder with their contents.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("it can be read on").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.display().to_string(), std::fs::read(&path).expect("the file can be read"));
        }
    }
    found
}

#[test]
fn a_save_in_the_background_holds_what_was_there_when_it_was_asked_for() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), SNAPSHOTS);
    let mut client = server.connect();
    assert_eq!(figure(&mut client, "rdb_changes_since_last_save"), "0");
    must(&mut client, "SET a 1");
    assert_eq!(figure(&mut client, "rdb_changes_since_last_save"), "1");
    assert_eq!(figure(&mut client, "rdb_saves"), "0");
    let started = text(&must(&mut client, "LASTSAVE"));
    client.send(&["BGSAVE"]);
    client.send(&["FLUSHALL"]);
    client.send(&["SET", "b", "1"]);
    client.flush().expect("the server reads");
    assert_eq!(text(&client.receive().expect("a reply")), "Background saving started");
    client.receive().expect("a reply");
    client.receive().expect("a reply");
    wait_for(&mut client, "rdb_bgsave_in_progress", "0");
    assert_eq!(figure(&mut client, "rdb_saves"), "1");
    assert_eq!(figure(&mut client, "rdb_last_bgsave_status"), "ok");
    assert_eq!(figure(&mut client, "rdb_changes_since_last_save"), "2");
    assert!(text(&must(&mut client, "LASTSAVE")) >= started);
    server.kill();
    let (_server, mut client) = Server::start(folder.path(), SNAPSHOTS).connect_and_keep();
    assert_eq!(text(&must(&mut client, "GET a")), "1");
    assert_eq!(text(&must(&mut client, "EXISTS b")), "0");
}

#[test]
fn one_save_at_a_time_and_a_rewrite_waits_for_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let slow = ["--rdb-key-save-delay", "10000000"];
    let server = Server::start(folder.path(), &[APPENDING, &slow].concat());
    let mut client = server.connect();
    must(&mut client, "SET a 1");
    must(&mut client, "BGSAVE");
    assert_eq!(figure(&mut client, "rdb_bgsave_in_progress"), "1");
    for command in ["SAVE", "BGSAVE", "BGSAVE SCHEDULE"] {
        assert_eq!(text(&run(&mut client, command)), "ERR Background save already in progress", "{command}");
    }
    assert_eq!(text(&must(&mut client, "BGREWRITEAOF")), "Background append only file rewriting scheduled");
    assert_eq!(figure(&mut client, "aof_rewrite_scheduled"), "1");
    // The end does not wait for either, and leaves nothing half-written behind.
    let (status, log) = server.stop();
    assert!(status.success(), "{log}");
    assert!(!files(folder.path()).keys().any(|name| name.contains("temp-")));
}

#[test]
fn a_save_waits_for_a_rewrite_only_if_it_may() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let slow = ["--rdb-key-save-delay", "10000000"];
    let server = Server::start(folder.path(), &[APPENDING, &slow].concat());
    let mut client = server.connect();
    must(&mut client, "SET a 1");
    must(&mut client, "BGREWRITEAOF");
    assert_eq!(figure(&mut client, "aof_rewrite_in_progress"), "1");
    let refused = "ERR Background append only file rewriting already in progress";
    assert_eq!(text(&run(&mut client, "BGREWRITEAOF")), refused);
    assert!(text(&run(&mut client, "BGSAVE")).starts_with("ERR Another child process is active (AOF?)"));
    assert_eq!(text(&run(&mut client, "BGSAVE SCHEDULE")), "Background saving scheduled");
    must(&mut client, "SAVE");
    assert_eq!(figure(&mut client, "rdb_saves"), "1");
}

#[test]
fn the_end_saves_if_it_is_told_to_or_if_there_are_save_points() {
    for (save, command, is_saved) in [
        ("", "SHUTDOWN", false),
        ("", "SHUTDOWN SAVE", true),
        ("3600 1", "SHUTDOWN", true),
        ("3600 1", "SHUTDOWN NOSAVE", false),
    ] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let server = Server::start(folder.path(), &["--appendonly", "no", "--save", save]);
        let mut client = server.connect();
        must(&mut client, "SET a 1");
        client.command(&command.split(' ').collect::<Vec<_>>()).expect_err("the connection ends");
        let (status, log) = server.wait();
        assert!(status.success(), "{log}");
        assert_eq!(folder.path().join("dump.rdb").exists(), is_saved, "save '{save}', {command}");
    }
}

#[test]
fn a_server_that_cannot_save_does_not_end_and_says_so() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), SNAPSHOTS);
    let mut client = server.connect();
    must(&mut client, "SET a 1");
    std::fs::create_dir(folder.path().join("dump.rdb")).expect("the folder can be written");
    let refused = "ERR Errors trying to SHUTDOWN. Check logs.";
    assert_eq!(text(&run(&mut client, "SHUTDOWN SAVE")), refused);
    assert_eq!(text(&must(&mut client, "GET a")), "1");
    client.command(&["SHUTDOWN", "SAVE", "FORCE"]).expect_err("the connection ends");
    assert!(server.wait().0.success());
}

#[test]
fn a_save_point_that_is_reached_saves() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), &["--appendonly", "no", "--save", "1 2"]);
    let mut client = server.connect();
    must(&mut client, "MSET a 1 b 2");
    wait_for(&mut client, "rdb_saves", "1");
    must(&mut client, "SET c 3");
    assert_eq!(figure(&mut client, "rdb_changes_since_last_save"), "1");
    server.kill();
    let (_server, mut client) =
        Server::start(folder.path(), &["--appendonly", "no", "--save", ""]).connect_and_keep();
    assert_eq!(text(&must(&mut client, "DBSIZE")), "2");
}

#[test]
fn a_reload_gives_back_what_was_there() {
    for options in [SNAPSHOTS, APPENDING] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let server = Server::start(folder.path(), options);
        let mut client = server.connect();
        for number in 0..1000 {
            must(&mut client, &format!("SET key:{number} {number} PXAT 99999999999999"));
            must(&mut client, &format!("HSET hash f{number} {number}"));
        }
        let before = content(&mut client);
        must(&mut client, "DEBUG RELOAD");
        assert_eq!(content(&mut client), before);
        must(&mut client, "SET later 1");
        must(&mut client, "DEBUG RELOAD NOSAVE NOFLUSH MERGE");
        assert_eq!(text(&must(&mut client, "GET later")), "1");
        must(&mut client, "DEBUG RELOAD NOSAVE");
        assert_eq!(content(&mut client), before);
        let refused = "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.";
        assert_eq!(text(&run(&mut client, "DEBUG RELOAD FAST")), refused);
        must(&mut client, "INCR counter");
        let before = content(&mut client);
        if options == APPENDING {
            must(&mut client, "DEBUG LOADAOF");
            assert_eq!(content(&mut client), before);
            must(&mut client, "INCR counter");
            let before = content(&mut client);
            server.kill();
            let (_server, mut client) = Server::start(folder.path(), options).connect_and_keep();
            assert_eq!(content(&mut client), before);
        }
    }
}

#[test]
fn appending_may_be_switched_while_the_server_runs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), SNAPSHOTS);
    let mut client = server.connect();
    must(&mut client, "SET a 1");
    must(&mut client, "CONFIG SET appendonly yes");
    must(&mut client, "SET b 1");
    wait_for(&mut client, "aof_enabled", "1");
    wait_for(&mut client, "aof_rewrite_in_progress", "0");
    must(&mut client, "SET c 1");
    must(&mut client, "CONFIG SET appendonly no");
    must(&mut client, "SET lost 1");
    wait_for(&mut client, "aof_enabled", "0");
    // What is in the folder is old now, and must not come back.
    must(&mut client, "DEL a");
    must(&mut client, "CONFIG SET appendonly yes");
    wait_for(&mut client, "aof_enabled", "1");
    wait_for(&mut client, "aof_rewrite_in_progress", "0");
    must(&mut client, "SET d 1");
    let before = content(&mut client);
    server.kill();
    let (_server, mut client) = Server::start(folder.path(), APPENDING).connect_and_keep();
    assert_eq!(content(&mut client), before);
}

#[test]
fn a_snapshot_is_taken_over_where_there_is_no_append_only_file_yet() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::oracle(folder.path(), &[]);
    let mut client = server.connect();
    must(&mut client, "SET a 1");
    must(&mut client, "SAVE");
    server.kill();
    for round in 1..4 {
        let (server, mut client) = Server::start(folder.path(), APPENDING).connect_and_keep();
        assert_eq!(text(&must(&mut client, "INCR a")), (round + 1).to_string());
        server.kill();
    }
}

#[test]
fn a_file_that_has_grown_is_rewritten() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let growth = ["--auto-aof-rewrite-percentage", "100", "--auto-aof-rewrite-min-size", "10kb"];
    let server = Server::start(folder.path(), &[APPENDING, &growth].concat());
    let mut client = server.connect();
    for _ in 0..1000 {
        must(&mut client, "SET key value");
    }
    while figure(&mut client, "aof_current_size").parse::<u64>().expect("a number") > 10_240 {}
    let folder = folder.path().join("appendonlydir");
    assert!(!folder.join("appendonly.aof.1.base.rdb").exists());
}

#[test]
fn a_full_disk_refuses_writes_and_loses_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), APPENDING);
    let mut client = server.connect();
    must(&mut client, "SET a 1");
    let limit = |bytes| Rlimit { current: bytes, maximum: None };
    prlimit(Some(server.process()), Resource::Fsize, limit(Some(1))).expect("the limit can be set");
    // This one is not acknowledged before it is written.
    let mut waiting = server.connect();
    waiting.send(&["SET", "b", "1"]);
    waiting.flush().expect("the server reads");
    wait_for(&mut client, "aof_last_write_status", "err");
    let refused = text(&run(&mut client, "SET c 1"));
    assert!(refused.starts_with("MISCONF Errors writing to the AOF file: "), "{refused}");
    assert_eq!(text(&must(&mut client, "GET a")), "1");
    prlimit(Some(server.process()), Resource::Fsize, limit(None)).expect("the limit can be set");
    assert_eq!(text(&waiting.receive().expect("a reply")), "OK");
    while run(&mut client, "SET d 1").is_error() {}
    let before = content(&mut client);
    server.kill();
    let (_server, mut client) = Server::start(folder.path(), APPENDING).connect_and_keep();
    assert_eq!(content(&mut client), before);
    assert_eq!(before.len(), 3);
}

/// Files, each with a byte that is changed or an end that is cut, and what the one line says.
#[test]
fn a_damaged_file_stops_the_start_with_one_line_and_stays_as_it_is() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), APPENDING);
    let mut client = server.connect();
    must(&mut client, "SET some-key some-value");
    must(&mut client, "BGREWRITEAOF");
    wait_for(&mut client, "aof_rewrite_in_progress", "0");
    must(&mut client, "SET first 1");
    must(&mut client, "SET second 2");
    must(&mut client, "SAVE");
    server.kill();
    let base = "appendonlydir/appendonly.aof.2.base.rdb";
    let increment = "appendonlydir/appendonly.aof.2.incr.aof";
    let manifest = "appendonlydir/appendonly.aof.manifest";
    for (options, file, from, to, said) in [
        (APPENDING, base, &b"some-value"[..], &b"some-vAlue"[..], "the checksum is"),
        (APPENDING, base, b"REDIS00", b"REDIS99", "RDB version"),
        (APPENDING, increment, b"$5\r\nfirst", b"$9\r\nfirst", "at byte"),
        (APPENDING, increment, b"*3\r\n$3\r\nSET\r\n$6", b"x3\r\n$3\r\nSET\r\n$6", "at byte"),
        (APPENDING, increment, b"SET\r\n$6", b"SAT\r\n$6", "the command 'SAT' is refused"),
        (APPENDING, manifest, b" seq ", b" sec ", "line 1"),
        (SNAPSHOTS, "dump.rdb", b"second", b"secOnd", "the checksum is"),
        (SNAPSHOTS, "dump.rdb", b"REDIS", b"READS", "at byte 0"),
    ] {
        let path = folder.path().join(file);
        let whole = std::fs::read(&path).expect("the file is there");
        let at = whole.windows(from.len()).position(|window| window == from).expect("the text is there");
        let damaged = [&whole[..at], to, &whole[at + from.len()..]].concat();
        std::fs::write(&path, &damaged).expect("the file can be written");
        let before = files(folder.path());
        let log = Server::refused(folder.path(), options);
        let last = log.lines().last().expect("a reason is told");
        assert!(last.contains(said) && last.contains(path.file_name().unwrap().to_str().unwrap()), "{log}");
        assert_eq!(files(folder.path()), before, "nothing has been changed");
        std::fs::write(&path, &whole).expect("the file can be written");
    }
    let (_server, mut client) = Server::start(folder.path(), APPENDING).connect_and_keep();
    assert_eq!(text(&must(&mut client, "DBSIZE")), "3");
}
