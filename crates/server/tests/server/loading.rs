//! Loading with several threads: what comes of a file is what its order says, and what is wrong with it is told with its place.

use std::path::Path;

use resp::write_command;
use stdx::rng::Rng;

use crate::content::content;
use crate::disk::{APPENDING, SNAPSHOTS};
use crate::support::{Server, must, text};

const INCREMENT: &str = "appendonlydir/appendonly.aof.1.incr.aof";
const MANIFEST: &str = "appendonlydir/appendonly.aof.manifest";

/// A set of one increment.
fn make_set(folder: &Path, increment: &[u8]) {
    std::fs::create_dir(folder.join("appendonlydir")).expect("the folder can be written");
    let manifest = b"file appendonly.aof.1.incr.aof seq 1 type i\n";
    for (name, bytes) in [(INCREMENT, increment), (MANIFEST, &manifest[..])] {
        std::fs::write(folder.join(name), bytes).expect("the folder can be written");
    }
}

/// A command in words.
fn write(out: &mut Vec<u8>, command: &str) {
    write_command(out, &command.split(' ').collect::<Vec<_>>());
}

/// Commands on few keys, so that their order counts, most of them on one key and some on keys of several shards.
fn commands(seed: u64, count: usize) -> Vec<u8> {
    let mut rng = Rng::from_seed(seed);
    let mut out = Vec::new();
    let mut database = 0;
    write(&mut out, "SELECT 0");
    for number in 0..count {
        let mut key = |kind: &str| format!("{kind}:{}", rng.below(8));
        let (string, other) = (key("string"), key("string"));
        let (list, second) = (key("list"), key("list"));
        let (hash, zset) = (key("hash"), key("zset"));
        let (from, to) = (key("set"), key("set"));
        let long = "x".repeat(200);
        let command = match rng.below(200) {
            0..40 => format!("SET {string} {number}-{long}"),
            40..60 => format!("APPEND {string} {number},"),
            60..70 => format!("DEL {string}"),
            70..100 => format!("RPUSH {list} {number} {long}"),
            100..110 => format!("LTRIM {list} -20 -1"),
            110..120 => format!("LREM {list} 1 {long}"),
            120..140 => format!("HSET {hash} f{} {number}", number % 30),
            140..160 => format!("ZADD {zset} {number} m{}", number % 30),
            160..165 => format!("ZREMRANGEBYRANK {zset} 0 2"),
            165..180 => format!("SADD {from} {} m{number}", number % 50),
            180..183 => format!("COPY {string} copy-of-{other} REPLACE"),
            183..186 => format!("LMOVE {list} {second} LEFT RIGHT"),
            186..189 => format!("MSET {string} {number} {other} both-{number}"),
            189..191 => format!("SUNIONSTORE {to} {from} {to}"),
            191..193 => format!("BITOP XOR {other} {string} {other}"),
            193 => format!("MOVE {string} {}", (database + 1) % 3),
            194 => "SWAPDB 0 1".to_owned(),
            195 => format!("DEL {string} {list} {hash} {to}"),
            196 => "FLUSHDB".to_owned(),
            197 => {
                write(&mut out, "MULTI");
                write(&mut out, &format!("SET {string} in-{number}"));
                write(&mut out, &format!("RPUSH {second} in-{number}"));
                "EXEC".to_owned()
            }
            _ => {
                database = rng.below(3);
                format!("SELECT {database}")
            }
        };
        write(&mut out, &command);
    }
    out
}

#[test]
fn commands_have_the_effect_of_their_order_however_many_threads_load() {
    for seed in 1..=2 {
        let folder = tempfile::tempdir().expect("a temporary folder");
        make_set(folder.path(), &commands(seed, 8000));
        let read = |server: Server| {
            let (_server, mut client) = server.connect_and_keep();
            content(&mut client)
        };
        let oracle = read(Server::oracle(folder.path(), APPENDING));
        assert!(oracle.len() > 20, "there is something to compare");
        for threads in ["1", "2", "5"] {
            let own = read(Server::start(folder.path(), &[APPENDING, &["--threads", threads]].concat()));
            assert!(own == oracle, "with {threads} threads and seed {seed}");
        }
    }
}

#[test]
fn the_first_command_that_is_refused_is_named_with_its_place() {
    let mut bytes = Vec::new();
    let mut place = 0;
    for number in 0..6000 {
        if number == 4000 {
            place = bytes.len();
        }
        let key = number % 1000;
        let refused = [4000, 4001, 5000].contains(&number);
        write(&mut bytes, &if refused { format!("INCR k{key}") } else { format!("SET k{key} x") });
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    make_set(folder.path(), &bytes);
    let log = Server::refused(folder.path(), APPENDING);
    let said =
        format!("{INCREMENT}: at byte {place}: the command 'INCR' is refused: ERR value is not an integer");
    assert!(log.contains(&said), "{said}\n{log}");
    assert!(log.contains(&format!("or cut it at byte {place} to keep what lies before")), "{log}");
}

/// An RDB file of strings and of what else is given, without a checksum.
fn rdb(keys: usize, more: &[u8]) -> Vec<u8> {
    let mut bytes = b"REDIS0010\xfe\x00".to_vec();
    for number in 0..keys {
        bytes.extend_from_slice(format!("\x00\x07k{number:06}\x03abc").as_bytes());
    }
    bytes.extend_from_slice(more);
    bytes.extend_from_slice(b"\xff\0\0\0\0\0\0\0\0");
    bytes
}

#[test]
fn keys_that_are_wrong_in_an_rdb_file_are_named_with_their_place() {
    // 13 bytes each behind a head of 11.
    let (keys, end) = (20_000, 11 + 13 * 20_000);
    // Of a key that stands there twice either place may be found to be the second.
    let fifth = 11 + 13 * 5;
    for (more, places, said) in [
        (&b"\x00\x07k000005\x01x"[..], &[end, fifth][..], "key 'k000005': the key stands in the data twice"),
        (b"\x02\x01s\x02\x01x\x01x", &[end], "key 's': a set has the same member twice"),
        (b"\x10\x01h\x03abc", &[end], "key 'h': a listpack is broken"),
        (b"\x63\x01k", &[end], "key 'k': there is no type or opcode 99"),
    ] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("dump.rdb"), rdb(keys, more)).expect("the folder can be written");
        let log = Server::refused(folder.path(), SNAPSHOTS);
        let is_said = places.iter().any(|place| log.contains(&format!("at byte {place}: {said}")));
        assert!(is_said, "{said}\n{log}");
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("dump.rdb"), rdb(keys, b"")).expect("the folder can be written");
    let (_server, mut client) = Server::start(folder.path(), SNAPSHOTS).connect_and_keep();
    assert_eq!(text(&must(&mut client, "DBSIZE")), keys.to_string());
    assert_eq!(text(&must(&mut client, "GET k019999")), "abc");
}

/// Keys of two shards, many more than are gathered before they are placed, short ones and long ones, some of which are due
/// some time and some already, in three databases by turns.
fn keys_in_turns(keys: usize) -> Vec<u8> {
    let mut items = Vec::new();
    for number in 0..keys {
        if number % 700 == 0 {
            items.extend_from_slice(&[0xfe, (number / 700 % 3) as u8]);
        }
        match number % 10 {
            0 => items.extend([&b"\xfc"[..], &4_000_000_000_000_u64.to_le_bytes()].concat()),
            1 => items.extend([&b"\xfd"[..], &1000_i32.to_le_bytes()].concat()),
            _ => {}
        }
        let length: u16 = if number % 100 == 0 { 3000 } else { 60 };
        let tag = if number % 3 == 0 { 'a' } else { 'b' };
        items.extend_from_slice(format!("\x00\x0a{{{tag}}}:{number:06}").as_bytes());
        items.extend_from_slice(&(0x4000 | length).to_be_bytes());
        items.extend_from_slice(&vec![b'a' + (number % 26) as u8; length.into()]);
    }
    items
}

#[test]
fn gathered_keys_of_any_shard_and_database_are_all_there() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("dump.rdb"), rdb(100, &keys_in_turns(15_000)))
        .expect("it can be written");
    let read = |server: Server| {
        let (_server, mut client) = server.connect_and_keep();
        content(&mut client)
    };
    let oracle = read(Server::oracle(folder.path(), SNAPSHOTS));
    for threads in ["1", "2", "5"] {
        let own = read(Server::start(folder.path(), &[SNAPSHOTS, &["--threads", threads]].concat()));
        assert!(own == oracle, "with {threads} threads");
    }
}
