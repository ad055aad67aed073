//! What another server has saved is held here with the same digests, and the other way round: values of every type, in every
//! encoding that they have there, in snapshots and in append-only files.
//!
//! The others are `redis-server`, and whatever `RUSTYPOTATO_PEERS` names (paths with colons between). Digests of Redis 7.0 hold scores
//! with seventeen digits, so scores that need as many are left to the others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use client::Client;

use crate::content::{Content, content};
use crate::disk::{APPENDING, SNAPSHOTS, rewrite};
use crate::support::{Server, must, run, text};

const FAR: &str = "60000000000000";
const LIBRARY: &str = "#!lua name=answers\nredis.register_function('answer', function() return 42 end)";

/// The encodings of Redis 7.0, all of which are to be written.
const ENCODINGS: [(&str, &str); 11] = [
    ("hash", "hashtable"),
    ("hash", "listpack"),
    ("list", "quicklist"),
    ("set", "hashtable"),
    ("set", "intset"),
    ("stream", "stream"),
    ("string", "embstr"),
    ("string", "int"),
    ("string", "raw"),
    ("zset", "listpack"),
    ("zset", "skiplist"),
];

fn peers() -> Vec<String> {
    let more = std::env::var("RUSTYPOTATO_PEERS").unwrap_or_default();
    let more = more.split(':').filter(|path| !path.is_empty()).map(str::to_owned);
    std::iter::once("redis-server".to_owned()).chain(more).collect()
}

/// What a server can have in its files.
struct Abilities {
    /// It knows times of fields.
    field_times: bool,
    /// It reads them as Redis writes them and has them in its digests, unlike Valkey.
    field_times_of_redis: bool,
    /// Its digests hold scores with as many digits as they need.
    short_scores: bool,
}

impl Abilities {
    fn of(client: &mut Client) -> Self {
        let info = text(&must(client, "INFO server"));
        let field_times = !run(client, "HPEXPIRETIME none FIELDS 1 f").is_error();
        Self {
            field_times,
            field_times_of_redis: field_times && !info.contains("valkey_version"),
            short_scores: !info.contains("redis_version:7.0"),
        }
    }
}

/// Whether a key of [`fill`] exists with some abilities only.
fn is_possible(key: &[u8], both: &Abilities) -> bool {
    (both.field_times || !key.starts_with(b"times")) && (both.short_scores || !key.starts_with(b"odd scores"))
}

fn send(client: &mut Client, words: &[&str]) {
    let reply = client.command(words).expect("a reply");
    assert!(!reply.is_error(), "{words:?}: {reply:?}");
}

/// Bytes that do not compress.
fn noise(length: u32) -> Vec<u8> {
    (0..length).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

fn strings(client: &mut Client) {
    for (key, value) in [
        ("8 bits", "-7"),
        ("16 bits", "12345"),
        ("32 bits", "-2000000000"),
        ("64 bits", "9223372036854775807"),
    ] {
        send(client, &["SET", key, value]);
    }
    for (key, value) in [("nothing", ""), ("short", "short"), ("repeats", &"z".repeat(5000))] {
        send(client, &["SET", key, value]);
    }
    for (key, length) in [(&b"\x00\xff\r\n"[..], 100), (b"noise", 20_000)] {
        let reply = client.command(&[b"SET", key, &noise(length)]).expect("a reply");
        assert_eq!(text(&reply), "OK");
    }
    send(client, &["SET", "due", "later", "PXAT", FAR]);
    send(client, &["APPEND", "short", "er"]);
}

/// Elements of every form that a listpack has.
fn elements() -> Vec<String> {
    let numbers: [i64; 9] = [0, 127, -1, 4095, -4096, 40_000, -8_000_000, i64::from(i32::MIN), i64::MAX];
    let texts = [0, 1, 63, 64, 70, 4095, 5000].map(|length| "ab".repeat(length)[..length].to_owned());
    numbers.iter().map(i64::to_string).chain(texts).collect()
}

fn lists(client: &mut Client) {
    for element in elements() {
        send(client, &["RPUSH", "elements", &element]);
    }
    for number in 0..3000 {
        send(client, &["RPUSH", "many nodes", &format!("element:{number}")]);
    }
    send(client, &["RPUSH", "one", "1"]);
    // Elements that have a node of their own.
    run(client, "DEBUG QUICKLIST-PACKED-THRESHOLD 1000b");
    send(client, &["RPUSH", "plain nodes", "a", &"b".repeat(3000), "c", &"d".repeat(2000)]);
    run(client, "DEBUG QUICKLIST-PACKED-THRESHOLD 0");
}

fn sets(client: &mut Client) {
    for number in 0..300_i64 {
        send(client, &["SADD", "narrow", &(number - 150).to_string()]);
        send(client, &["SADD", "wide", &(number * 100_000).to_string()]);
        send(client, &["SADD", "widest", &(number * 100_000_000_000).to_string()]);
        send(client, &["SADD", "members", &format!("member:{number}")]);
    }
    send(client, &["SADD", "few members", "a", "7", &"c".repeat(60)]);
    send(client, &["SADD", "long member", "a", &"c".repeat(600)]);
}

fn sorted_sets(client: &mut Client) {
    send(
        client,
        &["ZADD", "few scores", "1", "a", "-2.5", "b", "inf", "c", "-inf", "7", "1", "e", "0.125", "f"],
    );
    send(client, &["ZADD", "long member with score", "3", &"m".repeat(100)]);
    for number in 0..300 {
        send(client, &["ZADD", "many scores", &format!("{}.5", number % 40), &format!("member:{number}")]);
    }
    send(
        client,
        &["ZADD", "odd scores", "82357.257", "a", "0.1", "b", "1e300", "c", "1e-7", "d", "5e-324", "e"],
    );
    send(
        client,
        &["GEOADD", "places", "13.361389", "38.115556", "Palermo", "15.087269", "37.502669", "Catania"],
    );
}

fn hashes(client: &mut Client, with_times: bool) {
    for (number, value) in elements().iter().enumerate() {
        send(client, &["HSET", "values", &format!("f{number}"), value]);
        send(client, &["HSET", "small", &number.to_string(), &value[..value.len().min(60)]]);
    }
    for number in 0..1000 {
        send(client, &["HSET", "fields", &format!("field:{number}"), &(number * number).to_string()]);
    }
    if !with_times {
        return;
    }
    send(client, &["HSET", "times", "a", "1", "b", "2", "c", "3"]);
    send(client, &["HPEXPIREAT", "times", FAR, "FIELDS", "2", "a", "c"]);
    for number in 0..1000 {
        send(client, &["HSET", "times of many", &number.to_string(), "x"]);
        let at = (60_000_000_000_000_u64 + number % 7).to_string();
        if number % 3 == 0 {
            send(client, &["HPEXPIREAT", "times of many", &at, "FIELDS", "1", &number.to_string()]);
        }
    }
}

fn streams(client: &mut Client) {
    for number in 1..500 {
        let id = format!("{number}-{}", number % 3);
        send(client, &["XADD", "events", &id, "name", &number.to_string(), "other", "text"]);
    }
    send(client, &["XADD", "events", "500-0", "different", &"v".repeat(300)]);
    for command in [
        "XDEL events 7-1 8-2 400-1",
        "XTRIM events MAXLEN 450",
        "XGROUP CREATE events readers 0",
        "XGROUP CREATE events others 100-1",
        "XGROUP CREATE events idle $",
        "XREADGROUP GROUP readers anna COUNT 20 STREAMS events >",
        "XREADGROUP GROUP readers bert COUNT 3 STREAMS events >",
        "XREADGROUP GROUP others carl COUNT 5 STREAMS events >",
        "XACK events readers 60-0 61-1",
        "XADD emptied 5-5 a b",
        "XTRIM emptied MAXLEN 0",
        "XGROUP CREATE made group $ MKSTREAM",
    ] {
        must(client, command);
    }
}

/// Values of every type, in three databases, and a library of functions.
fn fill(client: &mut Client, both: &Abilities) {
    send(client, &["FUNCTION", "LOAD", LIBRARY]);
    for command in ["CONFIG SET list-compress-depth 1", "CONFIG SET stream-node-max-entries 100"] {
        must(client, command);
    }
    strings(client);
    lists(client);
    sets(client);
    sorted_sets(client);
    hashes(client, both.field_times);
    streams(client);
    for command in
        ["SELECT 3", "SET other database", "RPUSH list 1 2 3", "SELECT 9", "SET last one PXAT 60000000000000"]
    {
        must(client, command);
    }
    must(client, "SELECT 0");
    for key in ["elements", "members", "many scores", "fields", "events"] {
        send(client, &["PEXPIREAT", key, FAR]);
    }
    if !both.short_scores {
        send(client, &["DEL", "odd scores"]);
    }
}

/// What two servers are compared by.
struct Image {
    digest: String,
    digests: BTreeMap<(u32, Vec<u8>), String>,
    content: Content,
    libraries: String,
    field_times: String,
}

impl Image {
    fn of(client: &mut Client) -> Self {
        let content = content(client);
        let mut digests = BTreeMap::new();
        for (database, key) in content.keys() {
            must(client, &format!("SELECT {database}"));
            let reply = client.command(&[b"DEBUG", &b"DIGEST-VALUE"[..], key]).expect("a reply");
            digests.insert((*database, key.clone()), format!("{reply:?}"));
        }
        must(client, "SELECT 0");
        let mut field_times = String::new();
        for (_, key) in content.keys().filter(|(_, key)| key.starts_with(b"times")) {
            let words: [&[u8]; 8] = [b"HPEXPIRETIME", key, b"FIELDS", b"4", b"a", b"b", b"3", b"999"];
            field_times += &format!("{:?}", client.command(&words).expect("a reply"));
        }
        Self {
            digest: text(&must(client, "DEBUG DIGEST")),
            digests,
            content,
            libraries: format!("{:?}", must(client, "FUNCTION LIST WITHCODE")),
            field_times,
        }
    }

    fn assert_is(&self, other: &Self, both: &Abilities, what: &str) {
        let no_times = both.field_times && !both.field_times_of_redis;
        for (key, digest) in &self.digests {
            if !(no_times && key.1.starts_with(b"times")) {
                assert_eq!(other.digests.get(key), Some(digest), "{what}: {key:?}");
            }
            assert_eq!(other.content[key], self.content[key], "{what}: {key:?}");
        }
        assert!(other.digests.keys().eq(self.digests.keys()), "{what}: there are more keys");
        assert!(no_times || other.digest == self.digest, "{what}: all of it");
        assert_eq!(other.libraries, self.libraries, "{what}");
        assert_eq!(other.field_times, self.field_times, "{what}");
    }
}

/// The types and encodings of all keys in database 0.
fn encodings(client: &mut Client) -> BTreeSet<(String, String)> {
    let keys = must(client, "KEYS *");
    let mut ask = |words: [&[u8]; 3]| {
        let words = if words[0].is_empty() { &words[1..] } else { &words[..] };
        text(&client.command(words).expect("a reply"))
    };
    keys.elements()
        .expect("KEYS replies an array")
        .iter()
        .map(|key| key.bytes().expect("a key is a string"))
        .map(|key| (ask([b"", b"TYPE", key]), ask([b"OBJECT", b"ENCODING", key])))
        .collect()
}

/// Has redis-check-rdb look at a file. That of 7.0 knows no times of fields, so only files without them are shown to it.
fn assert_is_right(file: &Path) {
    let report = Command::new("redis-check-rdb").arg(file).output().expect("redis-check-rdb can be run");
    assert!(report.status.success(), "{}", String::from_utf8_lossy(&report.stdout));
}

/// How a server is started on a folder.
type Start<'s> = &'s dyn Fn(&Path, &[&str]) -> Server;

/// Writes with one server and loads with another, from a snapshot, a base that is one, and a base of commands.
fn check(what: &str, writer: Start<'_>, reader: Start<'_>, both: &Abilities) -> BTreeSet<(String, String)> {
    const COMMANDS: &[&str] = &["--aof-use-rdb-preamble", "no"];
    let mut seen = BTreeSet::new();
    for options in [SNAPSHOTS.to_vec(), APPENDING.to_vec(), [APPENDING, COMMANDS].concat()] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let server = writer(folder.path(), &options);
        let mut client = server.connect();
        fill(&mut client, both);
        if options == SNAPSHOTS {
            must(&mut client, "SAVE");
        } else {
            rewrite(&mut client);
            must(&mut client, "SET behind base");
        }
        let written = Image::of(&mut client);
        assert!(written.content.keys().all(|(_, key)| is_possible(key, both)));
        seen.append(&mut encodings(&mut client));
        assert!(server.stop().0.success(), "{what}");
        if options == SNAPSHOTS && !both.field_times {
            assert_is_right(&folder.path().join("dump.rdb"));
        }
        let server = reader(folder.path(), &options);
        written.assert_is(&Image::of(&mut server.connect()), both, what);
    }
    seen
}

/// How a key is used, as the server tells it that keeps what its policy needs.
const USES: [(&str, &str, &str); 2] =
    [("allkeys-lfu", "FREQ", "OBJECT FREQ used"), ("volatile-lru", "IDLETIME", "OBJECT IDLETIME used")];

/// Saves with one server, loads with another, and asks how a key was used.
fn check_usage(what: &str, writer: Start<'_>, reader: Start<'_>) {
    for (policy, option, question) in USES {
        let options = [SNAPSHOTS, &["--maxmemory-policy", policy, "--lfu-decay-time", "0"]].concat();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let server = writer(folder.path(), &options);
        let mut client = server.connect();
        must(&mut client, "SET value v");
        let payload = must(&mut client, "DUMP value");
        let payload = payload.bytes().expect("a payload");
        let words: [&[u8]; 6] = [b"RESTORE", b"used", b"0", payload, option.as_bytes(), b"200"];
        assert_eq!(text(&client.command(&words).expect("a reply")), "OK");
        must(&mut client, "SAVE");
        assert!(server.stop().0.success());
        let server = reader(folder.path(), &options);
        let told = must(&mut server.connect(), question).integer().expect("a number");
        assert!((200..260).contains(&told), "{what}: {question} says {told}");
    }
}

#[test]
fn how_keys_were_used_goes_both_ways_in_snapshots() {
    for program in peers() {
        let peer = |folder: &Path, options: &[&str]| Server::other(&program, folder, options);
        check_usage(&format!("{program} to here"), &peer, &Server::start);
        check_usage(&format!("here to {program}"), &Server::start, &peer);
    }
}

#[test]
fn values_of_every_type_go_both_ways_with_the_same_digests() {
    for program in peers() {
        let peer = |folder: &Path, options: &[&str]| Server::other(&program, folder, options);
        let there = {
            let folder = tempfile::tempdir().expect("a temporary folder");
            Abilities::of(&mut peer(folder.path(), &[]).connect())
        };
        let written = check(&format!("{program} to here"), &peer, &Server::start, &there);
        if !there.short_scores {
            let all = ENCODINGS.map(|(kind, encoding)| (kind.to_owned(), encoding.to_owned()));
            assert_eq!(written, all.into(), "{program}");
        }
        let back = Abilities { field_times: there.field_times_of_redis, ..there };
        check(&format!("here to {program}"), &Server::start, &peer, &back);
    }
}
