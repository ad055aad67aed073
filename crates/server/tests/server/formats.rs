//! Files in common: an append-only file or a snapshot written by this server is loaded by redis-server with the same
//! content, and the other way round; an append-only file with a base of either kind, before and after a rewrite.

use std::path::Path;

use client::Client;

use crate::content::{Content, content};
use crate::disk::{APPENDING, SNAPSHOTS, rewrite};
use crate::support::{Server, must, text};

/// How a server is started on a folder.
type Start = fn(&Path, &[&str]) -> Server;

/// Appending with bases that are commands.
const COMMAND_BASE: &[&str] = &["--appendonly", "yes", "--save", "", "--aof-use-rdb-preamble", "no"];
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
    "SADD integers 1 -70000 9223372036854775807",
    "SADD members one 2 three",
    "SREM members 2",
    "SMOVE members moved three",
    "SADD popped 1 2 3 4 5 6",
    "SPOP popped 2",
    "SPOP popped",
    "SUNIONSTORE union integers members popped",
    "SORT union ALPHA DESC STORE sorted",
    "SINTERSTORE intersection union popped",
    "SDIFFSTORE difference union popped",
    "PEXPIREAT union FAR",
    "DEL stream",
    "XADD stream 1-1 field value other 12",
    "XADD stream 1-2 field value",
    "XADD stream 5-0 different value",
    "XADD stream MAXLEN 3 9-0 field 7",
    "XGROUP CREATE stream group 0",
    "XREADGROUP GROUP group reader COUNT 2 STREAMS stream >",
    "XDEL stream 1-2",
    "DEL emptied",
    "XADD emptied 5-5 a b",
    "XTRIM emptied MAXLEN 0",
    "DEL emptied:group",
    "XGROUP CREATE emptied:group group $ MKSTREAM",
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
    // Bytes of every value, a value beyond a page, a hash and a set beyond a page, and many keys.
    let every_byte: Vec<u8> = (0..=255).collect();
    client.command(&[b"SET".as_slice(), &every_byte, &every_byte.repeat(100)]).expect("a reply");
    for number in 0..2000 {
        client.send(&["SET", &format!("{prefix}:{number}"), &number.to_string()]);
        client.send(&["HSET", &format!("large:{prefix}"), &number.to_string(), prefix]);
        client.send(&["SADD", &format!("large set:{prefix}"), &format!("member:{number}")]);
        client.send(&["XADD", &format!("large stream:{prefix}"), "*", "field", &number.to_string()]);
    }
    client.flush().expect("the server reads");
    for _ in 0..8000 {
        assert!(!client.receive().expect("a reply").is_error());
    }
}

/// Asserts that a server holds what another one held.
fn assert_holds(server: &Server, written: &Content) {
    let read = content(&mut server.connect());
    for (key, value) in written {
        assert_eq!(read.get(key), Some(value), "{key:?} of {} keys", read.len());
    }
    assert_eq!(read.len(), written.len());
}

/// Ends a server; returns what it held.
fn content_and_end(server: Server, client: &mut Client) -> Content {
    // A key whose time has come is gone for both servers, whichever of them notices.
    while text(&must(client, "EXISTS gone")) != "0" {}
    let written = content(client);
    let (status, log) = server.stop();
    assert!(status.success(), "{log}");
    written
}

/// Writes with one server, loads with the other, and compares.
fn check(writer: Start, reader: Start, options: &[&str], rewrites: bool) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = writer(folder.path(), options);
    let mut client = server.connect();
    write(&mut client, "first");
    if rewrites {
        rewrite(&mut client);
        must(&mut client, "DEL first:17");
        write(&mut client, "second");
    }
    let written = content_and_end(server, &mut client);
    assert_holds(&reader(folder.path(), options), &written);
}

#[test]
fn redis_loads_what_this_server_appended() {
    check(Server::start, Server::oracle, APPENDING, false);
    check(Server::start, Server::oracle, COMMAND_BASE, false);
}

#[test]
fn redis_loads_what_this_server_has_rewritten() {
    check(Server::start, Server::oracle, APPENDING, true);
    check(Server::start, Server::oracle, COMMAND_BASE, true);
}

#[test]
fn this_server_loads_what_redis_appended() {
    check(Server::oracle, Server::start, APPENDING, false);
    check(Server::oracle, Server::start, COMMAND_BASE, false);
}

#[test]
fn this_server_loads_what_redis_has_rewritten() {
    check(Server::oracle, Server::start, APPENDING, true);
    check(Server::oracle, Server::start, COMMAND_BASE, true);
}

#[test]
fn this_server_loads_what_it_has_rewritten() {
    check(Server::start, Server::start, APPENDING, true);
    check(Server::start, Server::start, COMMAND_BASE, true);
}

/// Saves with one server, loads with the other, and compares.
fn check_snapshot(writer: Start, reader: Start) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = writer(folder.path(), SNAPSHOTS);
    let mut client = server.connect();
    write(&mut client, "first");
    must(&mut client, "SAVE");
    let written = content_and_end(server, &mut client);
    assert!(folder.path().join("dump.rdb").is_file());
    assert_holds(&reader(folder.path(), SNAPSHOTS), &written);
}

#[test]
fn snapshots_go_both_ways() {
    check_snapshot(Server::start, Server::oracle);
    check_snapshot(Server::oracle, Server::start);
    check_snapshot(Server::start, Server::start);
}

/// Redis 4 to 6 had one file, RDB and commands behind it, beside the folder of today.
#[test]
fn the_single_file_of_redis_6_is_taken_over() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::oracle(folder.path(), APPENDING);
    let mut client = server.connect();
    write(&mut client, "first");
    rewrite(&mut client);
    write(&mut client, "second");
    let written = content_and_end(server, &mut client);
    let files = folder.path().join("appendonlydir");
    let read = |name: &str| std::fs::read(files.join(name)).expect("Redis has written it");
    let single = [read("appendonly.aof.2.base.rdb"), read("appendonly.aof.2.incr.aof")].concat();
    for start in [Server::start as Start, Server::oracle] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("appendonly.aof"), &single).expect("the folder can be written");
        assert_holds(&start(folder.path(), APPENDING), &written);
        assert!(!folder.path().join("appendonly.aof").exists(), "it has moved into the folder");
    }
}

/// Times of fields, which the Redis at hand does not know, survive every way of saving.
#[test]
fn times_of_fields_survive_every_way_of_saving() {
    for options in [APPENDING, COMMAND_BASE, SNAPSHOTS] {
        for saves in [false, true] {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let server = Server::start(folder.path(), options);
            let mut client = server.connect();
            must(&mut client, "HSET small a 1 b 2 c 3");
            must(&mut client, "HPEXPIREAT small 60000000000000 FIELDS 2 a b");
            for number in 0..1000 {
                must(&mut client, &format!("HSET large {number} x"));
            }
            must(&mut client, "HPEXPIREAT large 60000000000001 FIELDS 1 500");
            if options == SNAPSHOTS {
                must(&mut client, "SAVE");
            } else if saves {
                rewrite(&mut client);
            }
            server.kill();
            let server = Server::start(folder.path(), options);
            let mut client = server.connect();
            let times = must(&mut client, "HPEXPIRETIME small FIELDS 3 a b c");
            let times: Vec<String> = times.elements().expect("an array").iter().map(text).collect();
            assert_eq!(times, ["60000000000000", "60000000000000", "-1"], "{options:?}");
            let time = must(&mut client, "HPEXPIRETIME large FIELDS 1 500");
            assert_eq!(text(&time.elements().expect("an array")[0]), "60000000000001");
            assert_eq!(text(&must(&mut client, "HLEN large")), "1000");
        }
    }
}

/// What is told of the producers of a stream, and the IDs that entries get when they are sent again.
fn producers_of(client: &mut Client) -> Vec<String> {
    let info = must(client, "XINFO STREAM sent");
    let mut shown: Vec<String> =
        info.elements().expect("a list").iter().skip(14).take(12).map(text).collect();
    for again in ["IDMP p a", "IDMP p b", "IDMP q a", "IDMPAUTO q"] {
        shown.push(text(&must(client, &format!("XADD sent {again} * f v"))));
    }
    shown
}

/// What producers have sent is known after every way of saving; Redis 7.0 loads the snapshot and knows nothing of it.
#[test]
fn names_of_producers_survive_every_way_of_saving() {
    for options in [APPENDING, COMMAND_BASE, SNAPSHOTS] {
        for saves in [false, true] {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let server = Server::start(folder.path(), options);
            let mut client = server.connect();
            for command in [
                "CONFIG SET stream-idmp-duration 5000",
                "XADD sent IDMP p gone * f v",
                "XCFGSET sent IDMP-MAXSIZE 2 IDMP-DURATION 86400",
                "XADD sent IDMP p before * f v",
                "XADD sent IDMP p a * f v",
                "XADD sent IDMP p b * f v",
                "XADD sent IDMP q a * f v",
                "XADD sent IDMPAUTO q * f v",
                "PEXPIREAT sent 60000000000000",
                "XTRIM sent MAXLEN 1",
            ] {
                must(&mut client, command);
            }
            if options == SNAPSHOTS {
                must(&mut client, "SAVE");
            } else if saves {
                rewrite(&mut client);
            }
            let before = producers_of(&mut client);
            assert_eq!(before[..6], ["idmp-duration", "86400", "idmp-maxsize", "2", "pids-tracked", "2"]);
            server.kill();
            if options == SNAPSHOTS {
                let copy = tempfile::tempdir().expect("a temporary folder");
                std::fs::copy(folder.path().join("dump.rdb"), copy.path().join("dump.rdb"))
                    .expect("it was saved");
                let redis = Server::oracle(copy.path(), options);
                assert_eq!(text(&must(&mut redis.connect(), "XLEN sent")), "1");
            }
            let server = Server::start(folder.path(), options);
            let mut after = producers_of(&mut server.connect());
            // A base that consists of commands says what is remembered, and not what once was.
            if options == COMMAND_BASE && saves {
                after[9].clone_from(&before[9]);
            }
            assert_eq!(after, before, "{options:?} {saves}");
        }
    }
}

/// A type of collections, as one is made and read: `#` stands for a number, `KEY` for the key.
struct Collection {
    add: &'static str,
    length: &'static str,
    read: &'static str,
}

const LISTS: Collection =
    Collection { add: "RPUSH KEY element:#", length: "LLEN KEY", read: "LRANGE KEY 0 -1" };
const SORTED_SETS: Collection =
    Collection { add: "ZADD KEY #.5 member:#", length: "ZCARD KEY", read: "ZRANGE KEY 0 -1 WITHSCORES" };

impl Collection {
    fn fill(&self, client: &mut Client, key: &str, count: usize) {
        for number in 0..count {
            must(client, &self.add.replace("KEY", key).replace('#', &number.to_string()));
        }
    }
}

/// What redis-server dumped is restored, saved, loaded and loaded by redis-server.
fn check_dumped(collection: &Collection) {
    let oracle_folder = tempfile::tempdir().expect("a temporary folder");
    let (_oracle, mut oracle) = Server::oracle(oracle_folder.path(), SNAPSHOTS).connect_and_keep();
    let keys = [("small", 3), ("large", 3000)];
    keys.iter().for_each(|(key, count)| collection.fill(&mut oracle, key, *count));
    let dump =
        |client: &mut Client, key: &str| must(client, &format!("DUMP {key}")).bytes().map(<[u8]>::to_vec);
    let payloads = keys.map(|(key, _)| dump(&mut oracle, key).expect("the key is there"));
    for options in [APPENDING, COMMAND_BASE, SNAPSHOTS] {
        for saves in [false, true] {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let server = Server::start(folder.path(), options);
            let mut client = server.connect();
            for ((key, _), payload) in keys.iter().zip(&payloads) {
                let command: [&[u8]; 5] = [b"RESTORE", key.as_bytes(), b"99999999999999", payload, b"ABSTTL"];
                let reply = client.command(&command).expect("a reply");
                assert_eq!(text(&reply), "OK");
            }
            if options == SNAPSHOTS {
                must(&mut client, "SAVE");
            } else if saves {
                rewrite(&mut client);
            }
            // Payloads of equal lists may differ: what lies together here becomes one node there.
            let read =
                |client: &mut Client| keys.map(|(key, _)| must(client, &collection.read.replace("KEY", key)));
            let written = read(&mut client);
            server.kill();
            let here = Server::start(folder.path(), options);
            let mut client = here.connect();
            assert_eq!(read(&mut client), written, "{options:?}");
            here.kill();
            let there = Server::oracle(folder.path(), options);
            let mut client = there.connect();
            for (key, count) in keys {
                let length = must(&mut client, &collection.length.replace("KEY", key));
                assert_eq!(text(&length), count.to_string(), "{options:?}");
                assert_eq!(text(&must(&mut client, &format!("PEXPIRETIME {key}"))), "99999999999999");
                let both = collection.read.replace("KEY", key);
                assert_eq!(must(&mut client, &both), must(&mut oracle, &both));
            }
        }
    }
}

#[test]
fn lists_that_redis_has_dumped_survive_every_way_of_saving_and_go_back() {
    check_dumped(&LISTS);
}

#[test]
fn sorted_sets_that_redis_has_dumped_survive_every_way_of_saving_and_go_back() {
    check_dumped(&SORTED_SETS);
}

/// A payload of a server.
fn payload_of(client: &mut Client, key: &str) -> Vec<u8> {
    must(client, &format!("DUMP {key}")).bytes().expect("the key is there").to_vec()
}

#[test]
fn what_is_restored_stands_in_the_log_as_it_came() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (server, mut client) = Server::start(folder.path(), APPENDING).connect_and_keep();
    LISTS.fill(&mut client, "list", 3000);
    SORTED_SETS.fill(&mut client, "zset", 3000);
    for command in ["HSET hash f v", "SADD set a 1", "XADD stream 1-1 f v", "SET string text", "SET late x"] {
        must(&mut client, command);
    }
    let keys = ["list", "zset", "hash", "set", "stream", "string"];
    let payloads = keys.map(|key| payload_of(&mut client, key));
    must(&mut client, "SELECT 3");
    let mut restore = |words: &[&[u8]]| {
        let reply = client.command(&[&[&b"RESTORE"[..]], words].concat()).expect("a reply");
        assert_eq!(text(&reply), "OK");
    };
    for (key, payload) in keys.iter().zip(&payloads) {
        restore(&[key.as_bytes(), b"0", payload]);
        restore(&[format!("{key}:due").as_bytes(), b"99999999", payload]);
    }
    restore(&[b"string", b"99999999999999", &payloads[0], b"REPLACE", b"ABSTTL", b"FREQ", b"7"]);
    restore(&[b"list", b"0", &payloads[1], b"IDLETIME", b"1000", b"REPLACE"]);
    restore(&[b"gone", b"1000", &payloads[5], b"ABSTTL"]);
    let log = || std::fs::read(folder.path().join("appendonlydir/appendonly.aof.1.incr.aof")).expect("a log");
    let count = |log: &[u8]| log.windows(7).filter(|bytes| bytes == b"RESTORE").count();
    assert_eq!(count(&log()), 14, "each that has left a key");
    let digest = must(&mut client, "DEBUG DIGEST");
    server.kill();
    for start in [Server::start, Server::oracle] {
        let (server, mut client) = start(folder.path(), APPENDING).connect_and_keep();
        assert_eq!(must(&mut client, "DEBUG DIGEST"), digest);
        server.kill();
    }
    // Redis 7.0 does not know times of fields, so these are told by commands.
    let (server, mut client) = Server::start(folder.path(), APPENDING).connect_and_keep();
    must(&mut client, "HPEXPIREAT hash 4102444800000 FIELDS 1 f");
    let with_time = payload_of(&mut client, "hash");
    let reply = client.command(&[&b"RESTORE"[..], b"times", b"0", &with_time]).expect("a reply");
    assert_eq!(text(&reply), "OK");
    let digest = must(&mut client, "DEBUG DIGEST");
    server.kill();
    assert_eq!(count(&log()), 14);
    let (_server, mut client) = Server::start(folder.path(), APPENDING).connect_and_keep();
    assert_eq!(must(&mut client, "DEBUG DIGEST"), digest);
}

/// One of each effect on a list, on small ones and on large ones.
const LIST_CHANGES: &[&str] = &[
    "RPUSH KEY a b c d e f g h",
    "LPUSH KEY x a b c",
    "LPOP KEY",
    "RPOP KEY 2",
    "LSET KEY -2 new",
    "LINSERT KEY BEFORE a before",
    "LINSERT KEY AFTER a after",
    "LREM KEY 1 a",
    "LREM KEY -1 b",
    "LREM KEY 0 c",
    "LTRIM KEY 1 -2",
    "LMOVE KEY KEY LEFT RIGHT",
    "LMOVE KEY KEY:moved LEFT LEFT",
    "RPOPLPUSH KEY KEY:moved",
    "RPUSHX KEY last",
    "COPY KEY KEY:copy",
    "LTRIM KEY:copy 5 3",
    "LTRIM KEY 1 -2",
];

/// The same for sorted sets.
const SORTED_SET_CHANGES: &[&str] = &[
    "ZADD KEY 1 a 2 b 3 c 4 d 5 e 6 f 7 g",
    "ZADD KEY XX CH GT 10 a 1 b",
    "ZADD KEY NX inf h 5 a",
    "ZINCRBY KEY 0.1 a",
    "ZADD KEY INCR 0.2 a",
    "ZREM KEY b none",
    "ZPOPMIN KEY",
    "ZPOPMAX KEY 2",
    "ZMPOP 1 KEY MIN COUNT 2",
    "ZREMRANGEBYSCORE KEY 6 (7",
    "ZREMRANGEBYRANK KEY -1 -1",
    "ZADD KEY:lex 0 a 0 b 0 c",
    "ZREMRANGEBYLEX KEY:lex [b (c",
    "ZUNIONSTORE KEY:union 2 KEY KEY:lex WEIGHTS 3 1",
    "ZINTERSTORE KEY:inter 2 KEY KEY:union",
    "ZDIFFSTORE KEY:diff 2 KEY KEY:lex",
    "ZRANGESTORE KEY:range KEY 0 3",
    "ZUNIONSTORE KEY:count 2 KEY KEY:lex AGGREGATE COUNT",
    "SET KEY:bits abc",
    "SET KEY:more b",
    "BITOP ONE KEY:one KEY:bits KEY:more",
    "GEOADD KEY:geo 13.36 38.11 palermo 15.08 37.5 catania",
    "GEOSEARCHSTORE KEY:near KEY:geo FROMLONLAT 15 37 BYRADIUS 300 km ASC COUNT 1",
    "GEOSEARCHSTORE KEY:inside KEY:geo BYPOLYGON 3 10 30 20 30 14 45",
    "ZUNIONSTORE KEY:diff 1 KEY:none",
    "COPY KEY KEY:copy",
    "ZREMRANGEBYRANK KEY:copy 0 -1",
];

/// What changes have left is there after a restart, here and in redis-server.
fn check_changes(collection: &Collection, changes: &[&str]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), APPENDING);
    let mut client = server.connect();
    collection.fill(&mut client, "large", 3000);
    for key in ["small", "large"] {
        for change in changes {
            must(&mut client, &change.replace("KEY", key));
        }
    }
    let before = content(&mut client);
    server.kill();
    let here = Server::start(folder.path(), APPENDING);
    assert_eq!(content(&mut here.connect()), before);
    here.kill();
    let there = Server::oracle(folder.path(), APPENDING);
    assert_eq!(content(&mut there.connect()), before);
}

#[test]
fn a_range_of_members_with_several_scores_is_stored_as_it_was_found() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), APPENDING);
    let mut client = server.connect();
    // A large sorted set is searched in another way than a small one, and stays large until it is loaded.
    for number in 0..200 {
        must(&mut client, &format!("ZADD mixed {number} {}", 100 + number * 37 % 200));
    }
    must(&mut client, "ZREMRANGEBYRANK mixed 0 99");
    rewrite(&mut client);
    for number in 100..300 {
        must(&mut client, &format!("ZRANGESTORE range:{number} mixed [{number} [{} BYLEX", number + 50));
    }
    let before = content(&mut client);
    server.kill();
    assert_eq!(content(&mut Server::start(folder.path(), APPENDING).connect()), before);
}

/// One of each effect on a set, on small ones and on large ones.
const SET_CHANGES: &[&str] = &[
    "SADD KEY a b c 1 2 3",
    "SREM KEY a 2",
    "SMOVE KEY KEY:moved b",
    "SPOP KEY",
    "SPOP KEY 2",
    "SADD KEY:other 1 2 3 member:7 element",
    "SINTERSTORE KEY:both KEY KEY:other",
    "SUNIONSTORE KEY:all KEY KEY:other",
    "SDIFFSTORE KEY:rest KEY:all KEY:other",
    "SDIFFSTORE KEY:other KEY:other KEY:other",
    "COPY KEY KEY:copy",
    "SPOP KEY:copy 100000",
];

#[test]
fn every_change_of_a_set_is_in_the_log_for_here_and_for_redis() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), APPENDING);
    let mut client = server.connect();
    for number in 0..3000 {
        must(&mut client, &format!("SADD large member:{number}"));
        must(&mut client, &format!("SADD integers {number}"));
    }
    for key in ["small", "large", "integers"] {
        for change in SET_CHANGES {
            must(&mut client, &change.replace("KEY", key));
        }
    }
    must(&mut client, "SPOP large 2980");
    must(&mut client, "SPOP integers 1500");
    let before = content(&mut client);
    server.kill();
    let here = Server::start(folder.path(), APPENDING);
    assert_eq!(content(&mut here.connect()), before);
    here.kill();
    let there = Server::oracle(folder.path(), APPENDING);
    assert_eq!(content(&mut there.connect()), before);
}

#[test]
fn every_change_of_a_list_is_in_the_log_for_here_and_for_redis() {
    check_changes(&LISTS, LIST_CHANGES);
}

#[test]
fn every_change_of_a_sorted_set_is_in_the_log_for_here_and_for_redis() {
    check_changes(&SORTED_SETS, SORTED_SET_CHANGES);
}

/// One of each effect on a stream.
const STREAM_CHANGES: &[&str] = &[
    "XADD KEY 3000-1 f 1 g 2",
    "XADD KEY 3000-* f 3 g 4",
    "XADD KEY 3001-0 other 5",
    "XADD KEY 3002-0 f 6 g 7",
    "XADD KEY MAXLEN 2900 3003-0 f 8 g 9",
    "XGROUP CREATE KEY behind 0",
    "XGROUP CREATE KEY ahead $ ENTRIESREAD 7",
    "XGROUP CREATE KEY gone 0",
    "XGROUP DESTROY KEY gone",
    "XGROUP CREATECONSUMER KEY behind gone",
    "XREADGROUP GROUP behind reader COUNT 3 STREAMS KEY >",
    "XREADGROUP GROUP behind gone COUNT 1 STREAMS KEY >",
    "XREADGROUP GROUP behind reader NOACK COUNT 1 STREAMS KEY >",
    "XGROUP DELCONSUMER KEY behind gone",
    "XREADGROUP GROUP behind reader STREAMS KEY 0",
    "XADD KEY 4000-0 f 1 g 2",
    "XREADGROUP GROUP ahead reader STREAMS KEY >",
    "XCLAIM KEY behind other 0 3000-1 FORCE RETRYCOUNT 9",
    "XAUTOCLAIM KEY behind third 0 0 COUNT 1",
    "XACK KEY behind 3000-1",
    "XDEL KEY 3001-0 3002-0",
    "XAUTOCLAIM KEY behind third 0 0",
    "XTRIM KEY MAXLEN 2000",
    "XGROUP SETID KEY ahead 3003-0 ENTRIESREAD 3",
    "COPY KEY KEY:copy",
    "XTRIM KEY:copy MAXLEN 0",
    "XSETID KEY:copy 5000-0 ENTRIESADDED 6000 MAXDELETEDID 4500-0",
];

#[test]
fn every_change_of_a_stream_is_in_the_log_for_here_and_for_redis() {
    for options in [APPENDING, COMMAND_BASE] {
        for rewrites in [false, true] {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let server = Server::start(folder.path(), options);
            let mut client = server.connect();
            for number in 0..3000 {
                must(&mut client, &format!("XADD large {}-{} f {number} g x", number / 2 + 1, number % 2));
            }
            for key in ["small", "large"] {
                for change in STREAM_CHANGES {
                    must(&mut client, &change.replace("KEY", key));
                }
            }
            if rewrites {
                rewrite(&mut client);
                must(&mut client, "XADD large 7000-0 f v");
            }
            let before = content(&mut client);
            server.kill();
            let here = Server::start(folder.path(), options);
            assert_eq!(content(&mut here.connect()), before, "{options:?} {rewrites}");
            here.kill();
            let there = Server::oracle(folder.path(), options);
            assert_eq!(content(&mut there.connect()), before, "{options:?} {rewrites}");
        }
    }
}
