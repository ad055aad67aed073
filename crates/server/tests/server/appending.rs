//! The append-only file while the server runs: switched on and off, rewritten, on a disk that is full.

use rustix::process::{Resource, Rlimit, prlimit};

use crate::content::content;
use crate::disk::{APPENDING, SNAPSHOTS, figure, wait_for};
use crate::support::{Server, must, run, text};

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
