//! Files that go between this crate and real servers: what they write is read here, what is written here they load
//! with equal content, and their checkers find nothing.
//!
//! The servers are `redis-server` on the path, and whatever `RUSTYPOTATO_PEERS` names (paths with colons between). What
//! is not there is left out, and said.

#![expect(clippy::disallowed_methods, reason = "a server that is being started is waited for")]
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "all of this is a test")]

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::ops::Range;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use keyspace::{Access, Count, DbIndex, Expiry, Keyspace, Library, Options, WorkerId};
use persist::aof::{FileReader, Manifest, Part, Tail};
use persist::rdb::{Notes, ReadOptions};
use persist::{Placement, Reason, SnapshotWriter, Step};
use resp::write_command;
use stdx::hash::HashKey;
use stdx::time::UnixMs;
use value::ValueRef;
use value::hash::FieldExpiry;
use value::zset::{End, Rule};

/// Where a server listens in its folder.
const SOCKET: &str = "socket";
/// A time that tests do not reach, in milliseconds.
const LATER: i64 = 4_000_000_000_123;

/// A key as it is compared: database, name, and then its content and time.
type Content = BTreeMap<(u16, Vec<u8>), (String, Option<i64>)>;

/// A server that runs in a folder of its own and listens there, so that no other one can be met in its place.
struct Peer {
    process: Child,
    folder: tempfile::TempDir,
}

impl Peer {
    /// Starts a server on files that are in the folder already.
    fn start(program: &Path, folder: tempfile::TempDir, options: &[&str]) -> Self {
        let process = Command::new(program)
            .args(["--port", "0", "--save", "", "--unixsocket"])
            .arg(folder.path().join(SOCKET))
            .arg("--dir")
            .arg(folder.path())
            .args(options)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let peer = Self { process, folder };
        for _ in 0..200 {
            if peer.connect().is_ok() && peer.call(&["PING"]) == "+PONG\r\n" {
                return peer;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{} does not answer", program.display());
    }

    fn connect(&self) -> io::Result<UnixStream> {
        UnixStream::connect(self.folder.path().join(SOCKET))
    }

    /// Sends one command; returns the reply as text.
    fn call<A: AsRef<[u8]>>(&self, args: &[A]) -> String {
        String::from_utf8_lossy(&self.call_bytes(args)).into_owned()
    }

    /// Sends one command; returns the bytes of the reply.
    fn call_bytes<A: AsRef<[u8]>>(&self, args: &[A]) -> Vec<u8> {
        let mut stream = self.connect().unwrap();
        let mut request = Vec::new();
        write_command(&mut request, args);
        // The end of the reply is told by what follows it.
        write_command(&mut request, &["ECHO", "--end--"]);
        stream.write_all(&request).unwrap();
        let mut reply = Vec::new();
        let mut chunk = [0; 16_384];
        while !reply.ends_with(b"$7\r\n--end--\r\n") {
            let count = stream.read(&mut chunk).unwrap();
            assert!(count > 0, "the server hung up");
            reply.extend_from_slice(&chunk[..count]);
        }
        reply.truncate(reply.len() - 13);
        reply
    }

    /// The same in a database.
    fn call_in<A: AsRef<[u8]>>(&self, database: u16, args: &[A]) -> String {
        let script = "redis.call('SELECT', ARGV[1]) return redis.call(unpack(ARGV, 2))";
        let database = database.to_string();
        let mut words: Vec<&[u8]> = vec![b"EVAL", script.as_bytes(), b"0", database.as_bytes()];
        words.extend(args.iter().map(AsRef::as_ref));
        self.call(&words)
    }

    /// Ends the server and gives its folder.
    fn stop(mut self) -> tempfile::TempDir {
        let mut stream = self.connect().unwrap();
        stream.write_all(b"SHUTDOWN NOSAVE\r\n").unwrap();
        self.process.wait().unwrap();
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The servers that there are.
fn peers() -> Vec<PathBuf> {
    let mut found = Vec::new();
    match Command::new("redis-server").arg("--version").output() {
        Ok(_) => found.push(PathBuf::from("redis-server")),
        Err(error) => println!("left out: redis-server cannot be run: {error}"),
    }
    let more = std::env::var_os("RUSTYPOTATO_PEERS").unwrap_or_default();
    found.extend(std::env::split_paths(&more).filter(|path| !path.as_os_str().is_empty()));
    found
}

fn keyspace() -> Keyspace {
    Keyspace::new(Options {
        databases: 16,
        shards: 16,
        workers: 1,
        hash_key: HashKey([5, 6]),
        encode: persist::encode_effect,
    })
}

/// The library that every file holds.
const LIBRARY: &str = "#!lua name=answers\nredis.register_function('answer', function() return 42 end)";

/// Strings, hashes, sets and sorted sets of every kind, in two databases, and a library of functions.
fn fill(access: &mut Access<'_>) {
    access.with_everything(|access| access.add_library(library(LIBRARY.as_bytes())));
    let long: Vec<u8> = (0..100_000_u32).map(|index| (index / 7 % 251) as u8).collect();
    let noise: Vec<u8> =
        (0..30_000_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for (database, name, text) in [
        (0, "plain", &b"hello"[..]),
        (0, "int8", b"-12"),
        (0, "int16", b"30000"),
        (0, "int32", b"-2000000000"),
        (0, "int64", b"9223372036854775807"),
        (0, "empty", b""),
        (0, "repeats", &[b'z'; 300]),
        (0, "long", &long),
        (0, "noise", &noise),
        (3, "plain", b"other"),
    ] {
        string(access, database, name.as_bytes(), text, Expiry::Clear);
    }
    string(access, 0, b"due", b"later", Expiry::At(UnixMs(LATER)));
    string(access, 0, &[0, 255, 13, 10], &[1, 2, 3, 0], Expiry::Clear);
    for number in 0..300 {
        string(access, 0, format!("key:{number}").as_bytes(), number.to_string().as_bytes(), Expiry::Clear);
    }
    hash(access, b"small", 5);
    hash(access, b"large", 1000);
    set(access, b"narrow integers", 100, |number| format!("-{number}"));
    set(access, b"wide integers", 500, |number| (i64::MAX - number as i64).to_string());
    set(access, b"many integers", 1000, |number| number.to_string());
    set(access, b"small set", 100, |number| format!("member:{number}"));
    set(access, b"large set", 1000, |number| format!("member:{number}"));
    zset(access, b"few scores", 20);
    zset(access, b"many scores", 1000);
    let key = access.keyspace().key(b"small");
    let shard = access.shard_of(&key);
    access.lock(&mut [shard]);
    access.db(DbIndex(0)).set_expiry(&key, UnixMs(LATER));
    access.unlock();
}

fn string(access: &mut Access<'_>, database: u16, name: &[u8], text: &[u8], expiry: Expiry) {
    let key = access.keyspace().key(name);
    let shard = access.shard_of(&key);
    access.lock(&mut [shard]);
    access.db(DbIndex(database)).set_string(&key, text, expiry);
    access.unlock();
}

fn hash(access: &mut Access<'_>, name: &[u8], fields: usize) {
    let key = access.keyspace().key(name);
    let shard = access.shard_of(&key);
    access.lock(&mut [shard]);
    for number in 0..fields {
        let (field, value) = (format!("field:{number}"), format!("{}", number * number));
        let pair: (&[u8], &[u8]) = (field.as_bytes(), value.as_bytes());
        access.db(DbIndex(0)).hash_set(&key, &[pair], FieldExpiry::Clear).unwrap();
    }
    access.unlock();
}

fn set(access: &mut Access<'_>, name: &[u8], members: usize, member: fn(usize) -> String) {
    let key = access.keyspace().key(name);
    let shard = access.shard_of(&key);
    access.lock(&mut [shard]);
    for number in 0..members {
        access.db(DbIndex(0)).set_add(&key, &[member(number).as_bytes()]).unwrap();
    }
    access.unlock();
}

fn zset(access: &mut Access<'_>, name: &[u8], members: usize) {
    let key = access.keyspace().key(name);
    let shard = access.shard_of(&key);
    access.lock(&mut [shard]);
    for number in 0..members {
        let score = match number {
            0 => f64::NEG_INFINITY,
            1 => 1e300,
            2 => 0.1,
            _ => (number % 7) as f64 * 0.25,
        };
        let member = format!("member:{number}");
        access.db(DbIndex(0)).zset_add(&key, &[(score, member.as_bytes())], Rule::default()).unwrap();
    }
    access.unlock();
}

/// Everything in a keyspace.
fn content(access: &mut Access<'_>) -> Content {
    let snapshot = access.snapshot(|_| ());
    let mut content = Content::new();
    for database in snapshot.databases() {
        for shard in 0..snapshot.shards() {
            snapshot.for_each(shard, database, &mut |seen| {
                let text = match seen.value {
                    ValueRef::String(string) => string.contiguous().escape_ascii().to_string(),
                    ValueRef::Hash(hash) => {
                        let mut fields: Vec<String> = hash
                            .iter()
                            .map(|entry| {
                                let at = entry.expiry.map_or(String::new(), |at| format!("@{at}"));
                                format!("{}={}{at}", entry.field.escape_ascii(), entry.value.escape_ascii())
                            })
                            .collect();
                        fields.sort();
                        fields.join(",")
                    }
                    ValueRef::List(list) => list
                        .iter()
                        .map(|element| element.escape_ascii().to_string())
                        .collect::<Vec<_>>()
                        .join(" "),
                    ValueRef::Set(set) => {
                        let mut members: Vec<String> =
                            set.iter().map(|member| member.escape_ascii().to_string()).collect();
                        members.sort();
                        members.join(" ")
                    }
                    ValueRef::ZSet(zset) => zset
                        .iter()
                        .map(|element| format!("{}={}", element.member.escape_ascii(), element.score))
                        .collect::<Vec<_>>()
                        .join(","),
                    ValueRef::Stream(stream) => stream_text(stream),
                };
                content.insert((database.0, seen.key.to_vec()), (text, seen.expiry.map(|at| at.0)));
            });
        }
    }
    content
}

/// Everything that is known of a stream, on one line.
fn stream_text(stream: &value::Stream) -> String {
    let mut text = format!("{:?}", stream.facts());
    for entry in stream.iter() {
        let fields =
            entry.fields().map(|(name, value)| format!("{}={}", name.escape_ascii(), value.escape_ascii()));
        text += &format!(" {} {}", entry.id(), fields.collect::<Vec<_>>().join(","));
    }
    for named in stream.producers().iter().flat_map(|producers| producers.iter()) {
        text += &format!(" {}/{}={}", named.producer.escape_ascii(), named.name.escape_ascii(), named.id);
    }
    for (name, group) in stream.groups() {
        text += &format!(" [{} {} {:?}", name.escape_ascii(), group.last_id, group.entries_read);
        let names = group.names();
        for pending in group.pending.from(value::stream::Id::MIN) {
            let owner = names.get(pending.consumer).escape_ascii();
            text += &format!(" {}:{owner}@{}*{}", pending.id, pending.delivered_ms, pending.deliveries);
        }
        for consumer in group.consumers() {
            let pending = group.pending.len_of(consumer.number);
            text += &format!(" {}:{pending}", consumer.name.escape_ascii());
        }
        text += "]";
    }
    text
}

/// Writes all data as one file.
fn written(access: &mut Access<'_>, is_rdb: bool) -> Vec<u8> {
    let snapshot = access.snapshot(|_| ());
    let notes = Notes {
        redis_version: "8.0.0",
        own_version: "0.1.0",
        created: UnixMs(1_700_000_000_000),
        used_memory: 1,
        is_aof_base: true,
    };
    let mut out = Vec::new();
    let writer = if is_rdb {
        SnapshotWriter::rdb(&snapshot, true, true, &notes, &mut out)
    } else {
        SnapshotWriter::commands(&snapshot, notes.created, true, &mut out)
    };
    let written = writer.write_all(snapshot, |step| {
        if let Step::Bytes(bytes) = step {
            out.extend_from_slice(bytes);
        }
        Ok::<(), ()>(())
    });
    assert_eq!(written, Ok(()));
    out
}

/// The library of a text, which tells its name; what functions it has is not looked at here.
fn library(text: &[u8]) -> Library {
    let head = text.strip_prefix(b"#!lua name=").unwrap();
    let name = head.split(|&byte| byte == b'\n').next().unwrap();
    Library { name: name.into(), text: text.into(), functions: Box::default() }
}

/// Loads one file of a set.
fn load(bytes: &[u8], access: &mut Access<'_>) -> Tail {
    let options = ReadOptions {
        settings: access.keyspace().settings(),
        max_string_bytes: 1 << 30,
        verify_checksum: true,
        skips_modules: false,
    };
    let mut reader = FileReader::new(options);
    let mut compile = |text: &[u8]| Ok(library(text));
    let mut placement = Placement::new(None, &mut compile);
    let mut database = DbIndex(0);
    let mut take = |part: Part<'_>| match part {
        Part::Item(item) => placement.take(item, access).map_err(Reason::from),
        Part::Command(buffer, args) => run(buffer, args, &mut database, access).map_err(Reason::from),
        Part::Run(_) | Part::Mark(_) => Ok(()),
    };
    for piece in bytes.chunks(5000) {
        reader.read(piece, &mut take).unwrap();
    }
    reader.end(&mut take).unwrap()
}

/// Runs the few commands that the files of these tests hold.
fn run(
    buffer: &[u8],
    args: &[Range<usize>],
    database: &mut DbIndex,
    access: &mut Access<'_>,
) -> Result<(), String> {
    let args: Vec<&[u8]> = args.iter().map(|range| &buffer[range.clone()]).collect();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let number = |bytes: &[u8]| text(bytes).parse::<i64>().unwrap();
    let name = text(args[0]).to_ascii_uppercase();
    if name == "FUNCTION" {
        let added = library(args[args.len() - 1]);
        access.with_everything(|access| access.add_library(added));
        return Ok(());
    }
    if name == "SELECT" {
        *database = DbIndex(number(args[1]) as u16);
        return Ok(());
    }
    let key = access.keyspace().key(args[1]);
    let shard = access.shard_of(&key);
    access.lock(&mut [shard]);
    let mut db = access.db(*database);
    match (name.as_str(), &args[2..]) {
        ("SET", [value]) => db.set_string(&key, value, Expiry::Clear),
        ("SET", [value, _, at]) => db.set_string(&key, value, Expiry::At(UnixMs(number(at)))),
        ("APPEND", [suffix]) => drop(db.append(&key, suffix)),
        ("DEL", []) => drop(db.delete(&key)),
        ("PEXPIREAT", [at]) => drop(db.set_expiry(&key, UnixMs(number(at)))),
        ("PERSIST", []) => drop(db.clear_expiry(&key)),
        ("HSET" | "HMSET", pairs) => {
            for pair in pairs.chunks(2) {
                db.hash_set(&key, &[(pair[0], pair[1])], FieldExpiry::Clear).unwrap();
            }
        }
        ("ZADD", pairs) => {
            for pair in pairs.chunks(2) {
                let score = stdx::number::parse_f64(pair[0]).unwrap();
                db.zset_add(&key, &[(score, pair[1])], Rule::default()).unwrap();
            }
        }
        ("HDEL", fields) => drop(db.hash_delete(&key, fields)),
        ("SADD", members) => drop(db.set_add(&key, members)),
        ("SREM", members) => drop(db.set_remove(&key, members)),
        (other, _) => return Err(format!("{other} is not expected here")),
    }
    access.unlock();
    Ok(())
}

/// Everything in a server, asked key by key for the keys that are expected.
fn assert_holds(peer: &Peer, expected: &Content) {
    let mut counts: BTreeMap<u16, usize> = BTreeMap::new();
    for ((database, key), (text, expiry)) in expected {
        *counts.entry(*database).or_default() += 1;
        let name = key.escape_ascii();
        let time = peer.call_in(*database, &[&b"PEXPIRETIME"[..], key]);
        assert_eq!(time, format!(":{}\r\n", expiry.unwrap_or(-1)), "{name}");
        let kind = peer.call_in(*database, &[&b"TYPE"[..], key]);
        if kind == "+zset\r\n" {
            let found = peer.call_in(*database, &[&b"ZRANGE"[..], key, b"0", b"-1", b"WITHSCORES"]);
            let words = found.split("\r\n").skip(1).filter(|word| !word.starts_with('$') && !word.is_empty());
            let words: Vec<&str> = words.collect();
            let number = |text: &str| text.parse::<f64>().unwrap();
            let found: Vec<(&str, f64)> = words.chunks(2).map(|pair| (pair[0], number(pair[1]))).collect();
            let pairs = text.split(',').map(|pair| pair.split_once('=').unwrap());
            let expected: Vec<(&str, f64)> = pairs.map(|(member, score)| (member, number(score))).collect();
            assert_eq!(found, expected, "{name}");
        } else if kind == "+string\r\n" {
            let value = peer.call_in(*database, &[&b"STRLEN"[..], key]);
            let length = unescaped_length(text);
            assert_eq!(value, format!(":{length}\r\n"), "{name}");
            if text.len() < 1000 && text.is_ascii() && !text.contains('\\') {
                let value = peer.call_in(*database, &[&b"GET"[..], key]);
                assert_eq!(value, format!("${}\r\n{text}\r\n", text.len()), "{name}");
            }
        } else if kind == "+set\r\n" {
            let members: Vec<&str> = text.split(' ').collect();
            let count = peer.call_in(*database, &[&b"SCARD"[..], key]);
            assert_eq!(count, format!(":{}\r\n", members.len()), "{name}");
            for member in members {
                let found = peer.call_in(*database, &[&b"SISMEMBER"[..], key, member.as_bytes()]);
                assert_eq!(found, ":1\r\n", "{name} {member}");
            }
        } else {
            for pair in text.split(',') {
                let (field, value) = pair.split_once('=').unwrap();
                let found = peer.call_in(*database, &[&b"HGET"[..], key, field.as_bytes()]);
                assert_eq!(found, format!("${}\r\n{value}\r\n", value.len()), "{name} {field}");
            }
        }
    }
    assert_eq!(peer.call(&["FCALL", "answer", "0"]), ":42\r\n");
    assert!(peer.call(&["FUNCTION", "STATS"]).contains("libraries_count\r\n:1\r\n"));
    for (database, count) in counts {
        assert_eq!(peer.call_in(database, &["DBSIZE"]), format!(":{count}\r\n"), "database {database}");
    }
}

/// Bytes that an escaped text stands for.
fn unescaped_length(text: &str) -> usize {
    let mut rest = text.as_bytes();
    let mut length = 0;
    while let [first, tail @ ..] = rest {
        let skip = match (first, tail.first()) {
            (b'\\', Some(b'x')) => 3,
            (b'\\', _) => 1,
            _ => 0,
        };
        rest = &tail[skip..];
        length += 1;
    }
    length
}

#[test]
fn a_set_of_files_written_here_is_loaded_with_equal_content() {
    for program in peers() {
        for is_rdb in [true, false] {
            let keyspace = keyspace();
            let mut access = Access::new(&keyspace, WorkerId(0), 1);
            access.begin(UnixMs(1_000_000));
            fill(&mut access);
            let folder = tempfile::tempdir().unwrap();
            let files = folder.path().join("appendonlydir");
            std::fs::create_dir(&files).unwrap();
            let ending = if is_rdb { "rdb" } else { "aof" };
            let manifest = format!(
                "file appendonly.aof.1.base.{ending} seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n"
            );
            std::fs::write(files.join("appendonly.aof.manifest"), manifest).unwrap();
            std::fs::write(
                files.join(format!("appendonly.aof.1.base.{ending}")),
                written(&mut access, is_rdb),
            )
            .unwrap();
            std::fs::write(files.join("appendonly.aof.1.incr.aof"), increment(&mut access)).unwrap();
            let checked = Command::new("redis-check-aof").arg(files.join("appendonly.aof.manifest")).output();
            let report = checked.unwrap();
            assert!(report.status.success(), "{}", String::from_utf8_lossy(&report.stdout));
            let peer = Peer::start(&program, folder, &["--appendonly", "yes"]);
            assert_holds(&peer, &content(&mut access));
            access.end();
            peer.stop();
        }
    }
}

/// Changes after the base, recorded as the log would.
fn increment(access: &mut Access<'_>) -> Vec<u8> {
    access.end();
    access.keyspace().set_recording(true);
    access.begin(UnixMs(1_000_001));
    access.start_unit();
    access.with_everything(|access| {
        access.add_library(library(LIBRARY.replace("answer", "other").as_bytes()));
        access.remove_library(b"others");
    });
    access.start_unit();
    string(access, 0, b"plain", b"changed", Expiry::Clear);
    access.start_unit();
    string(access, 5, b"fresh", b"1", Expiry::At(UnixMs(LATER)));
    access.start_unit();
    let key = access.keyspace().key(b"small");
    let shard = access.shard_of(&key);
    access.lock(&mut [shard]);
    let mut db = access.db(DbIndex(0));
    db.hash_delete(&key, &[b"field:1", b"field:2"]).unwrap();
    db.clear_expiry(&key);
    access.unlock();
    let key = access.keyspace().key(b"many scores");
    let shard = access.shard_of(&key);
    access.lock(&mut [shard]);
    let mut db = access.db(DbIndex(0));
    db.zset_add(&key, &[(7.5, b"member:5"), (-1.0 / 3.0, b"new")], Rule::default()).unwrap();
    db.zset_remove(&key, &[b"member:9", b"no member"]).unwrap();
    db.zset_pop(&key, End::Highest, Count::UpTo(2), &mut |_| ()).unwrap();
    db.zset_pop(&key, End::Lowest, Count::One, &mut |_| ()).unwrap();
    db.zset_remove_range(&key, 100..200).unwrap();
    access.unlock();
    let key = access.keyspace().key(b"large");
    let shard = access.shard_of(&key);
    access.lock(&mut [shard]);
    access.db(DbIndex(0)).set_value(&key, value::Value::Hash(two_fields()), None);
    access.unlock();
    access.end();
    access.keyspace().set_recording(false);
    access.begin(UnixMs(1_000_001));
    let mut run = keyspace::log::Run::default();
    access.keyspace().log().take(&mut run);
    let (mut writer, mut out) = (persist::aof::Writer::default(), Vec::new());
    writer.note_time(UnixMs(1_700_000_000_000), &mut out);
    writer.push_all(&run, UnixMs(1_700_000_000_001), 0, &mut out);
    out
}

fn two_fields() -> value::Hash {
    let settings =
        value::hash::Settings { max_packed_entries: 128, max_packed_value: 64, seed: HashKey([5, 6]) };
    let mut hash = value::Hash::new();
    hash.edit(&mut Vec::new(), settings, UnixMs::MIN, |edit| {
        edit.set(b"one", b"1", FieldExpiry::Clear);
        edit.set(b"two", b"2", FieldExpiry::Clear);
    });
    hash
}

#[test]
fn an_rdb_file_written_here_passes_the_check_and_is_loaded() {
    for program in peers() {
        let keyspace = keyspace();
        let mut access = Access::new(&keyspace, WorkerId(0), 1);
        access.begin(UnixMs(1_000_000));
        fill(&mut access);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("dump.rdb");
        std::fs::write(&file, written(&mut access, true)).unwrap();
        let report = Command::new("redis-check-rdb").arg(&file).output().unwrap();
        assert!(report.status.success(), "{}", String::from_utf8_lossy(&report.stdout));
        let peer = Peer::start(&program, folder, &[]);
        assert_holds(&peer, &content(&mut access));
        access.end();
        peer.stop();
    }
}

/// Values of every kind, written by commands.
fn fill_peer(peer: &Peer) {
    assert_eq!(peer.call(&["FUNCTION", "LOAD", LIBRARY]), "$7\r\nanswers\r\n");
    for number in 0..200 {
        peer.call(&["SET", &format!("key:{number}"), &format!("value {number}")]);
    }
    peer.call(&["SET", "due", "x", "PXAT", &LATER.to_string()]);
    peer.call(&["SET", "repeats", &"ab".repeat(5000)]);
    peer.call(&["HSET", "small", "a", "1", "b", "-70000", "c", &"c".repeat(100)]);
    peer.call(&["HSET", "packed", "a", "1", "b", "-70000", "c", "4000", "d", "9000000000", "e", "text"]);
    peer.call(&["ZADD", "few scores", "1", "a", "-70000.25", "b", "inf", "c", "3e20", "d"]);
    for number in 0..1000 {
        peer.call(&["ZADD", "many scores", &(number * number % 77).to_string(), &format!("m{number}")]);
        peer.call(&["HSET", "large", &format!("f{number}"), &number.to_string()]);
    }
    for number in 0..1000 {
        peer.call(&["SADD", "integers", &(number % 300 * 1000).to_string()]);
        peer.call(&["SADD", "members", &format!("member:{number}")]);
        peer.call(&["SADD", "few", &format!("member:{}", number % 20)]);
    }
    peer.call_in(3, &["SET", "other", "db"]);
}

#[test]
fn files_of_a_server_are_read_with_equal_content() {
    for program in peers() {
        for preamble in ["yes", "no"] {
            // With `everysec` a server may hold a write back while a sync is under way, and the file would lack it.
            let options = [
                "--appendonly",
                "yes",
                "--appendfsync",
                "always",
                "--aof-use-rdb-preamble",
                preamble,
                "--aof-timestamp-enabled",
                "yes",
            ];
            let peer = Peer::start(&program, tempfile::tempdir().unwrap(), &options);
            fill_peer(&peer);
            peer.call(&["BGREWRITEAOF"]);
            while !peer
                .call(&["INFO", "persistence"])
                .contains("aof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0")
            {
                std::thread::sleep(Duration::from_millis(20));
            }
            peer.call(&["APPEND", "key:7", " and more"]);
            peer.call(&["HDEL", "packed", "a"]);
            peer.call(&["SREM", "members", "member:7"]);
            peer.call(&["DEL", "key:8"]);
            let keyspace = keyspace();
            let mut access = Access::new(&keyspace, WorkerId(0), 1);
            access.begin_replay(UnixMs(1_000_000));
            let folder = peer.folder.path().join("appendonlydir");
            let text = std::fs::read_to_string(folder.join("appendonly.aof.manifest")).unwrap();
            let manifest = Manifest::parse(&text).unwrap();
            for entry in manifest.data() {
                let bytes = std::fs::read(folder.join(&entry.name)).unwrap();
                assert_eq!(load(&bytes, &mut access), Tail::Whole, "{}", entry.name);
            }
            let texts: Vec<Vec<u8>> =
                keyspace.libraries().iter().map(|library| library.text.to_vec()).collect();
            assert_eq!(texts, [LIBRARY.as_bytes()]);
            let content = content(&mut access);
            assert_eq!(content[&(0, b"key:7".to_vec())].0, "value 7 and more");
            assert!(content[&(0, b"packed".to_vec())].0.starts_with("b=-70000,c=4000,d=9000000000"));
            for (name, count) in [("integers", 300), ("members", 999), ("few", 20)] {
                assert_eq!(content[&(0, name.as_bytes().to_vec())].0.split(' ').count(), count);
            }
            assert_holds(&peer, &content);
            access.end();
            peer.stop();
        }
    }
}

#[test]
fn what_is_written_here_is_read_here() {
    for is_rdb in [true, false] {
        let (first, second) = (keyspace(), keyspace());
        let mut access = Access::new(&first, WorkerId(0), 1);
        access.begin(UnixMs(1_000_000));
        fill(&mut access);
        let bytes = written(&mut access, is_rdb);
        let mut again = Access::new(&second, WorkerId(0), 1);
        again.begin_replay(UnixMs(1_000_000));
        assert_eq!(load(&bytes, &mut again), Tail::Whole);
        assert_eq!(content(&mut again), content(&mut access));
        assert_eq!(second.libraries().get(b"answers"), first.libraries().get(b"answers"));
        again.end();
        access.end();
    }
}

#[test]
fn payloads_of_dump_go_both_ways() {
    for program in peers() {
        let peer = Peer::start(&program, tempfile::tempdir().unwrap(), &[]);
        let keyspace = keyspace();
        let mut access = Access::new(&keyspace, WorkerId(0), 1);
        access.begin(UnixMs(1_000_000));
        fill(&mut access);
        let settings = keyspace.settings();
        let snapshot = access.snapshot(|_| ());
        for shard in 0..snapshot.shards() {
            snapshot.for_each(shard, DbIndex(0), &mut |seen| {
                let payload = persist::dump::encode(seen.value);
                let time = seen.expiry.map_or("0".to_owned(), |at| at.0.to_string());
                let reply = peer.call(&[b"RESTORE", seen.key, time.as_bytes(), &payload, b"ABSTTL"]);
                assert_eq!(reply, "+OK\r\n", "{}", seen.key.escape_ascii());
                let dumped = peer.call_bytes(&[b"DUMP", seen.key]);
                let start = dumped.iter().position(|&byte| byte == b'\n').unwrap() + 1;
                let value = persist::dump::decode(&dumped[start..dumped.len() - 2], settings).unwrap();
                let again = match &value {
                    value::Value::String(blob) => ValueRef::String(value::StringRef::Blob(blob)),
                    value::Value::Hash(hash) => ValueRef::Hash(hash.at(UnixMs::MIN)),
                    value::Value::List(list) => ValueRef::List(list.as_ref()),
                    value::Value::Set(set) => ValueRef::Set(set.as_ref()),
                    value::Value::ZSet(zset) => ValueRef::ZSet(zset.as_ref()),
                    value::Value::Stream(stream) => ValueRef::Stream(stream),
                };
                if matches!(seen.value, ValueRef::String(_)) {
                    assert_eq!(persist::dump::encode(again), payload, "{}", seen.key.escape_ascii());
                }
            });
        }
        let libraries = persist::dump::encode_libraries(&keyspace.libraries());
        assert_eq!(peer.call(&[&b"FUNCTION"[..], b"RESTORE", &libraries]), "+OK\r\n");
        let dumped = peer.call_bytes(&["FUNCTION", "DUMP"]);
        let start = dumped.iter().position(|&byte| byte == b'\n').unwrap() + 1;
        let texts = persist::dump::decode_libraries(&dumped[start..dumped.len() - 2]);
        assert_eq!(texts, Ok(vec![LIBRARY.as_bytes().to_vec()]));
        let mut expected = content(&mut access);
        expected.retain(|(database, _), _| *database == 0);
        assert_holds(&peer, &expected);
        access.end();
        peer.stop();
    }
}
