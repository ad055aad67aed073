//! Files in common: an append-only file written by this server is loaded by redis-server with the same content, and the
//! other way round, with and without a rewrite in between.

use client::Client;

use crate::content::content;
use crate::support::{Server, must, text};

const APPEND_ONLY: [&str; 6] =
    ["--appendonly", "yes", "--aof-use-rdb-preamble", "no", "--auto-aof-rewrite-percentage", "0"];

/// Writes of every kind that leave something behind; `FAR` is an expiry that no test lives to see.
const WRITES: &[&str] = &[
    "SET plain value",
    "SET number 12345",
    "SET expiring value PXAT FAR",
    "APPEND grown abc",
    "APPEND grown def",
    "SETRANGE sparse 40 x",
    "SETBIT bits 77 1",
    "BITFIELD fields SET i16 #3 -300 INCRBY u8 100 7",
    "BITOP XOR combined bits fields",
    "MSET {t}a 1 {t}b 2 {t}c 3",
    "INCRBY number 5",
    "INCRBYFLOAT float 0.5",
    "GETEX {t}a PXAT FAR",
    "PEXPIREAT {t}b FAR",
    "GETDEL {t}c",
    "RENAME grown renamed",
    "COPY renamed copied",
    "COPY renamed other DB 3",
    "MOVE plain 5",
    "HSET hash field value other 12",
    "HINCRBY hash other 30",
    "HDEL hash field",
    "HSET hash late value",
    "PEXPIREAT hash FAR",
    "HINCRBYFLOAT sums sum 0.25",
    "MULTI",
    "HSET transaction:c field value",
    "SET transaction:a 1",
    "INCR transaction:b",
    "EXEC",
    "SELECT 7",
    "SET seventh database",
    "PEXPIREAT seventh 1",
    "SET left behind",
    "SELECT 0",
    "SET gone soon PX 1",
];

fn write(client: &mut Client, prefix: &str) {
    for command in WRITES {
        let command = command.replace("FAR", "99999999999999");
        must(client, &command);
    }
    // Bytes of every value, a value beyond a page, a hash beyond a page, and many keys.
    let every_byte: Vec<u8> = (0..=255).collect();
    client.command(&[b"SET".as_slice(), &every_byte, &every_byte.repeat(100)]).expect("a reply");
    for number in 0..2000 {
        client.send(&["SET", &format!("{prefix}:{number}"), &number.to_string()]);
        client.send(&["HSET", &format!("large:{prefix}"), &number.to_string(), prefix]);
    }
    client.flush().expect("the server reads");
    for _ in 0..4000 {
        assert!(!client.receive().expect("a reply").is_error());
    }
}

/// Rewrites the append-only file and waits until the new one is in use.
fn rewrite(client: &mut Client) {
    must(client, "BGREWRITEAOF");
    while !text(&must(client, "INFO persistence")).contains("aof_rewrite_in_progress:0") {}
}

/// Writes with one server, loads with the other, and compares.
fn check(
    writer: fn(&std::path::Path, &[&str]) -> Server,
    reader: fn(&std::path::Path, &[&str]) -> Server,
    rewrites: bool,
) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = writer(folder.path(), &APPEND_ONLY);
    let mut client = server.connect();
    write(&mut client, "first");
    if rewrites {
        rewrite(&mut client);
        must(&mut client, "DEL first:17");
        write(&mut client, "second");
    }
    // A key whose time has come is gone for both, whichever of them notices.
    while text(&must(&mut client, "EXISTS gone")) != "0" {}
    let written = content(&mut client);
    let (status, log) = server.stop();
    assert!(status.success(), "{log}");

    let server = reader(folder.path(), &APPEND_ONLY);
    let read = content(&mut server.connect());
    for (key, value) in &written {
        assert_eq!(read.get(key), Some(value), "{key:?} of {} keys", read.len());
    }
    assert_eq!(read.len(), written.len());
}

#[test]
fn redis_loads_what_this_server_appended() {
    check(Server::start, Server::oracle, false);
}

#[test]
fn redis_loads_what_this_server_has_rewritten() {
    check(Server::start, Server::oracle, true);
}

#[test]
fn this_server_loads_what_redis_appended() {
    check(Server::oracle, Server::start, false);
}

#[test]
fn this_server_loads_what_redis_has_rewritten() {
    check(Server::oracle, Server::start, true);
}

#[test]
fn this_server_loads_what_it_has_rewritten() {
    check(Server::start, Server::start, true);
}
