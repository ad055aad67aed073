//! Files of redis-server, and what its own checkers say of files.

use std::fs;
use std::path::Path;
use std::process::Command;

use resp::write_command;

use crate::support::{Outcome, Server, check, has, keys, must, run};

const REDIS: &str = "redis-server";

/// What redis-check-aof says.
fn redis_check_aof(words: &[&str], path: &Path, answer: &str) -> Outcome {
    run(Command::new("redis-check-aof").args(words).arg(path), answer)
}

#[test]
fn a_set_and_a_snapshot_of_redis_are_sound_and_counted() {
    if !has(REDIS) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let options = [
        "--appendonly",
        "yes",
        "--save",
        "",
        "--aof-timestamp-enabled",
        "yes",
        "--aof-use-rdb-preamble",
        "no",
    ];
    let server = Server::start_program(Path::new(REDIS), folder, &options);
    let mut client = server.connect();
    for command in [
        "SET string 1",
        "RPUSH list 1 2 3",
        "SADD set a b",
        "ZADD zset 1 a",
        "HSET hash f v",
        "XADD stream 1-1 f v",
        "EXPIRE string 1000",
        "SELECT 5",
        "SET other 1",
        "BGREWRITEAOF",
    ] {
        must(&mut client, command);
    }
    while crate::support::text(&must(&mut client, "INFO persistence")).contains("aof_rewrite_in_progress:1") {
    }
    must(&mut client, "SET behind 1");
    must(&mut client, "SAVE");
    server.stop();
    let said = [
        "Start to check BASE AOF (RESP format).",
        "All AOF files and manifest are valid",
        "Times noted: from",
        "Keys: 8; with a time to live: 1, of which 0 are due",
        "Databases and their keys: 0 (6), 5 (2)",
        "Large list: 'list' in database 0: elements 3,",
    ];
    check(&[], &folder.join("appendonlydir")).expect(0, &said);
    check(&[], &folder.join("dump.rdb"))
        .expect(0, &["Keys: 8; with a time to live: 1", "RDB data: redis-ver 7."]);
}

/// Whole commands, for files as Redis writes them.
fn commands(commands: &[&[&str]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for command in commands {
        write_command(&mut bytes, command);
    }
    bytes
}

#[test]
fn verdicts_are_those_of_redis_check_aof_where_both_have_one() {
    if !has(REDIS) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file.aof");
    let set = commands(&[&["SET", "a", "1"]]);
    let multi = commands(&[&["MULTI"], &["SET", "b", "1"], &["EXEC"]]);
    let behind = |bytes: &[u8]| [&set[..], bytes].concat();
    for (bytes, is_sound) in [
        (Vec::new(), true),
        (set.clone(), true),
        (behind(&multi), true),
        (behind(b"#TS:1628217470\r\n"), true),
        (behind(b"# anything\r\n"), true),
        (behind(b"!!!"), false),
        (behind(&[0; 20]), false),
        (behind(&set[..9]), false),
        (behind(&multi[..multi.len() - 1]), false),
        (behind(&multi[..20]), false),
        (behind(&commands(&[&["EXEC"]])), false),
        (behind(b"*1\r\n$99999999999999\r\n"), false),
        (behind(b"*99999999999\r\n"), false),
        (behind(b"*1\r\n$-5\r\n"), false),
        (behind(b"SET a 1\r\n"), false),
        (b"REDIS0009".to_vec(), false),
        (b"\xff\xfe".to_vec(), false),
    ] {
        fs::write(&path, &bytes).expect("the file can be written");
        let (theirs, ours) = (redis_check_aof(&[], &path, ""), check(&["--quick"], &path));
        let text = bytes.escape_ascii();
        assert_eq!(theirs.code == 0, is_sound, "redis-check-aof: {text}\n{}", theirs.said);
        assert_eq!(ours.code == 0, is_sound, "{text}\n{}", ours.said);
        // Where it says up to where the file is sound, that is the same place.
        let place = |said: &str| {
            said.lines().find_map(|line| Some(line.split_once("ok_up_to=")?.1.split(',').next()?.to_owned()))
        };
        if let Some(theirs) = place(&theirs.said) {
            assert_eq!(place(&ours.said).or(Some("0".to_owned())), Some(theirs), "{text}\n{}", ours.said);
        }
    }
    // A command that no server takes is no matter of redis-check-aof.
    fs::write(&path, behind(&commands(&[&["SETT", "a"]]))).expect("the file can be written");
    assert_eq!(redis_check_aof(&[], &path, "").code, 0);
    check(&["--quick"], &path).expect(0, &[]);
    check(&[], &path).expect(1, &["at byte 27: Unknown command 'SETT' reading the append only file"]);
}

#[test]
fn verdicts_on_rdb_files_are_those_of_redis_check_rdb() {
    if !has(REDIS) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start_program(Path::new(REDIS), folder.path(), &["--save", ""]);
    let mut client = server.connect();
    must(&mut client, "SET a 1");
    must(&mut client, "RPUSH list 1 2 3");
    must(&mut client, "SAVE");
    server.stop();
    let path = folder.path().join("dump.rdb");
    let whole = fs::read(&path).expect("it is there");
    for byte in 0..=whole.len() {
        let mut bytes = whole.clone();
        if let Some(byte) = bytes.get_mut(byte) {
            *byte ^= 4;
        }
        fs::write(&path, &bytes).expect("the file can be written");
        let theirs = run(Command::new("redis-check-rdb").arg(&path), "");
        let ours = check(&[], &path);
        // Theirs may also die of a file.
        assert_eq!(theirs.code == 0, ours.code == 0, "byte {byte}: {}\n{}", theirs.said, ours.said);
    }
}

#[test]
fn a_timestamp_cuts_as_with_redis_check_aof() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file.aof");
    let mut bytes = Vec::new();
    for (second, key) in [(100, "a"), (200, "b"), (300, "c")] {
        bytes.extend_from_slice(format!("#TS:{second}\r\n").as_bytes());
        write_command(&mut bytes, &["SET", key, "1"]);
    }
    for (second, said) in [
        ("300", "Truncate nothing in AOF"),
        ("299", "Successfully truncated AOF"),
        ("200", "Successfully truncated AOF"),
        ("100", "Successfully truncated AOF"),
        ("99", "has nothing before timestamp 99, aborting..."),
    ] {
        fs::write(&path, &bytes).expect("the file can be written");
        let ours = check(&["--truncate-to-timestamp", second], &path);
        ours.expect(i32::from(second == "99"), &["Start checking Old-Style AOF", said]);
        let cut = fs::read(&path).expect("it is there");
        let kept = folder.path().join(format!("file.aof.cut-{}", cut.len()));
        if cut.len() < bytes.len() {
            assert_eq!(fs::read(&kept).expect("it is kept"), bytes[cut.len()..]);
            fs::remove_file(kept).expect("it is there");
        }
        if has("redis-check-aof") {
            fs::write(&path, &bytes).expect("the file can be written");
            let theirs = redis_check_aof(&["--truncate-to-timestamp", second], &path, "");
            assert_eq!(theirs.code, ours.code);
            assert!(theirs.said.contains(said), "{}", theirs.said);
            assert_eq!(fs::read(&path).expect("it is there"), cut, "{second}");
        }
    }
}

#[test]
fn what_redis_appends_behind_batches_is_checked_and_cut_with_them() {
    if !has(REDIS) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    crate::support::make_set(folder, 2);
    let options = ["--appendonly", "yes", "--save", ""];
    let server = Server::start_program(Path::new(REDIS), folder, &options);
    must(&mut server.connect(), "SET redis 1");
    server.stop();
    let server = Server::start(folder);
    must(&mut server.connect(), "SET key:3 value:3");
    server.stop();
    check(&[], folder).expect(0, &["Keys: 4;", "Batches: 3,"]);
    let into = folder.join("earlier");
    check(&["--to-batch", "2", "--into", into.to_str().expect("text")], folder).expect(0, &["Keys: 2;"]);
    let server = Server::start_with(folder, &["--appenddirname", "earlier"]);
    assert_eq!(keys(&mut server.connect()), ["key:1", "key:2"]);
}
