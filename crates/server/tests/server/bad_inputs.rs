//! Hostile and odd inputs: flaws found in servers of this protocol over the years, as things to send.
//!
//! Each row is sent to the server and, where it is well defined there, to redis-server. After it the server answers on
//! a new connection, and the reply is the one that the row names.

use std::io::{Read, Write};

use client::Client;

use crate::support::{Server, run, text, words};

/// Bytes that end their connection, and what the client is told before.
const GARBAGE: &[(&str, &[u8], &str)] = &[
    ("a number of arguments beyond 32 bits", b"*2147483648\r\n", "invalid multibulk length"),
    ("a number of arguments beyond 64 bits", b"*99999999999999999999\r\n", "invalid multibulk length"),
    ("a number of arguments that is no number", b"*x\r\n", "invalid multibulk length"),
    ("an argument longer than 512 MiB", b"*1\r\n$536870913\r\n", "invalid bulk length"),
    ("an argument near 2^31", b"*1\r\n$2147483648\r\n", "invalid bulk length"),
    ("an argument near 2^63", b"*1\r\n$9223372036854775807\r\n", "invalid bulk length"),
    ("an argument of negative length", b"*1\r\n$-1\r\n", "invalid bulk length"),
    ("an argument whose length is no number", b"*1\r\n$1x\r\n", "invalid bulk length"),
    ("an argument without its dollar", b"*1\r\nPING\r\n", "expected '$', got 'P'"),
    ("a quote that is never closed", b"SET key \"value\r\n", "unbalanced quotes in request"),
    ("a letter behind a closing quote", b"SET key \"value\"x\r\n", "unbalanced quotes in request"),
];

/// Commands, the last of which gets a reply, and whether redis-server gives the same.
const COMMANDS: &[(&str, &[&str], &str, bool)] = &[
    // Offsets in bits and bytes.
    ("a bit beyond 512 MiB", &["SETBIT k 4294967296 1"], BIT_OFFSET, true),
    ("a bit near 2^63", &["GETBIT k 9223372036854775807"], BIT_OFFSET, true),
    ("a bit before the first", &["SETBIT k -1 1"], BIT_OFFSET, true),
    ("a field at a bit near 2^63", &["BITFIELD k SET u8 9223372036854775807 1"], BIT_OFFSET, true),
    ("a field whose position overflows", &["BITFIELD k GET i64 #1152921504606846975"], BIT_OFFSET, true),
    ("a field of 64 bits without sign", &["BITFIELD k GET u64 0"], FIELD_TYPE, true),
    ("a field without bits", &["BITFIELD k GET i0 0"], FIELD_TYPE, true),
    ("a range at the last byte of all", &["SETRANGE k 9223372036854775807 A"], TOO_LONG, true),
    ("a range just beyond 512 MiB", &["SETRANGE k 536870912 A"], TOO_LONG, true),
    ("a range before the first byte", &["SETRANGE k -1 A"], "ERR offset is out of range", true),
    (
        "bounds at both ends of 64 bits",
        &["SET k abc", "GETRANGE k -9223372036854775808 9223372036854775807"],
        "abc",
        true,
    ),
    (
        "bits counted between extremes",
        &["SET k abc", "BITCOUNT k -9223372036854775808 9223372036854775807"],
        "10",
        true,
    ),
    (
        "the position of a bit between extremes",
        &["SET k abc", "BITPOS k 1 -9223372036854775808 9223372036854775807"],
        "1",
        true,
    ),
    // Numbers.
    ("an increment beyond 64 bits", &["SET k 9223372036854775807", "INCR k"], OVERFLOW, true),
    ("a decrement beyond 64 bits", &["SET k -9223372036854775808", "DECR k"], OVERFLOW, true),
    (
        "the negative of the least number",
        &["DECRBY k -9223372036854775808"],
        "ERR decrement would overflow",
        true,
    ),
    ("a number with blanks", &["SET k 1", "INCRBY k 1e3"], NOT_INTEGER, true),
    ("an infinite increment", &["INCRBYFLOAT k inf"], "ERR increment would produce NaN or Infinity", true),
    ("an increment that is no number", &["INCRBYFLOAT k nan"], "ERR value is not a valid float", true),
    // Times.
    (
        "an expiry in seconds that overflows in milliseconds",
        &["SET k v EX 9223372036854775807"],
        SET_TIME,
        true,
    ),
    ("an expiry that overflows when now is added", &["SET k v PX 9223372036854775807"], SET_TIME, true),
    ("an expiry of nothing", &["SET k v EX 0"], SET_TIME, true),
    ("a far time for a key", &["SET k v", "EXPIRE k 9223372036854775807"], EXPIRE_TIME, true),
    ("a far past for a key", &["SET k v", "PEXPIRE k -9223372036854775808"], "1", false),
    ("a missing key and a far time", &["GETEX none EX 9223372036854775807"], "Null", false),
    // Arguments that name one thing twice.
    ("one key twice", &["MSETNX k 1 k 2"], "1", true),
    ("one key renamed to itself", &["SET k v", "RENAME k k"], "OK", true),
    (
        "one key copied to itself",
        &["SET k v", "COPY k k"],
        "ERR source and destination objects are the same",
        true,
    ),
    ("one key as source and target", &["SET k ab", "BITOP NOT k k"], "2", true),
    // Hashes.
    (
        "the least count of random fields",
        &["HSET h f v", "HRANDFIELD h -9223372036854775808"],
        COUNT_RANGE,
        true,
    ),
    (
        "a count of pairs whose double overflows",
        &["HSET h f v", "HRANDFIELD h -9223372036854770000 WITHVALUES"],
        OUT_OF_RANGE,
        true,
    ),
    ("an increment of nothing to infinity", &["HINCRBYFLOAT h f inf"], "ERR value is NaN or Infinity", true),
    ("the field that such an increment left", &["HINCRBYFLOAT h f inf", "EXISTS h"], "0", true),
    ("a field's number beyond 64 bits", &["HSET h f 9223372036854775807", "HINCRBY h f 1"], OVERFLOW, true),
    (
        "a scan of a hash with a count beyond 64 bits",
        &["HSET h f v", "HSCAN h 0 COUNT 9223372036854775808"],
        NOT_INTEGER,
        true,
    ),
    (
        "a field time beyond 64 bits",
        &["HSET h f v", "HPEXPIREAT h 9223372036854775808 FIELDS 1 f"],
        NOT_INTEGER,
        false,
    ),
    // Sets.
    (
        "the least count of random members",
        &["SADD s a", "SRANDMEMBER s -9223372036854775808"],
        COUNT_RANGE,
        true,
    ),
    (
        "a count of repeated members near it",
        &["SADD s a", "SRANDMEMBER s -9223372036854770000"],
        OUT_OF_RANGE,
        false,
    ),
    (
        "a count of repeated members with their scores near it",
        &["ZADD z 1 a", "ZRANDMEMBER z -9223372036854770000 WITHSCORES"],
        OUT_OF_RANGE,
        true,
    ),
    (
        "a pop of fewer than none",
        &["SADD s a", "SPOP s -1"],
        "ERR value is out of range, must be positive",
        true,
    ),
    ("a pop of more than all", &["SADD s a", "SPOP s 9223372036854775807", "EXISTS s"], "0", true),
    (
        "more keys than there are arguments",
        &["SADD s a", "SINTERCARD 9223372036854775807 s"],
        "ERR Number of keys can't be greater than number of args",
        true,
    ),
    ("a set moved onto itself", &["SADD s a", "SMOVE s s a", "SCARD s"], "1", true),
    ("a difference of a set and itself", &["SADD s a", "SDIFFSTORE s s s", "EXISTS s"], "0", true),
    (
        "intsets without a limit",
        &[
            "CONFIG SET set-max-intset-entries 9223372036854775807",
            "SADD s 1",
            "SUNIONSTORE t s s",
            "COPY t u",
        ],
        "1",
        true,
    ),
    // Sorting.
    (
        "a slice to the end of all, unsorted",
        &["RPUSH l 2 1", "SORT_RO l BY a LIMIT 1 9223372036854775807"],
        "Array([Bulk([49])])",
        true,
    ),
    (
        "a slice from the end of all on",
        &["RPUSH l 2 1", "SORT l LIMIT 9223372036854775807 9223372036854775807"],
        "Array([])",
        true,
    ),
    (
        "a slice from before the first",
        &["RPUSH l 2 1", "SORT l LIMIT -9223372036854775808 1"],
        "Array([Bulk([49])])",
        true,
    ),
    (
        "one element that is not a number",
        &["RPUSH l 1 x", "SORT l STORE l"],
        "ERR One or more scores can't be converted into double",
        true,
    ),
    // Streams.
    (
        "a claim of what was deleted",
        &[
            "XADD x 1-0 a b",
            "XADD x 2-0 a b",
            "XGROUP CREATE x g 0",
            "XREADGROUP GROUP g anna STREAMS x >",
            "XDEL x 1-0 2-0",
            "XAUTOCLAIM x g bert 0 0 COUNT 1",
            "XAUTOCLAIM x g bert 0 0 COUNT 3",
            "XLEN x",
        ],
        "0",
        true,
    ),
    (
        "a claim of more than memory holds",
        &["XGROUP CREATE x g 0 MKSTREAM", "XAUTOCLAIM x g bert 0 3-0 COUNT 8070450532247928833"],
        "ERR COUNT must be > 0",
        true,
    ),
    (
        "an ID behind the last one",
        &["XADD x 18446744073709551615-18446744073709551615 a b", "XADD x * a b"],
        "ERR The stream has exhausted the last possible ID, unable to add more items",
        true,
    ),
    ("an ID beyond 64 bits", &["XADD x 18446744073709551616-0 a b"], BAD_STREAM_ID, true),
    ("a range of nothing but a sign", &["XRANGE x ( +"], BAD_STREAM_ID, true),
    (
        "more IDs than there are",
        &["XADD x 1-0 a b", "XDELEX x IDS 9223372036854775807 1-0"],
        "ERR The `numids` parameter must match the number of arguments",
        false,
    ),
    (
        "a count of entries beyond 63 bits",
        &["XADD x 1-0 a b", "XSETID x 1-0 ENTRIESADDED 9223372036854775808"],
        NOT_INTEGER,
        true,
    ),
    // Databases.
    ("a database below the first", &["SELECT -1"], "ERR DB index is out of range", true),
    (
        "a database beyond 64 bits",
        &["SELECT 99999999999999999999"],
        "ERR value is not an integer or out of range",
        false,
    ),
    (
        "a move to a database that is not there",
        &["SET k v", "MOVE k 99"],
        "ERR DB index is out of range",
        true,
    ),
    (
        "an exchange with a database beyond 32 bits",
        &["SWAPDB 0 9999999999"],
        "ERR invalid second DB index",
        true,
    ),
    (
        "a copy that names its database twice",
        &["SET k v", "COPY k k DB 1 REPLACE DB 0"],
        "ERR source and destination objects are the same",
        true,
    ),
    ("a copy that replaces twice", &["SET k v", "COPY k x REPLACE REPLACE"], "1", true),
    ("a copy to a database beyond all", &["COPY k x DB 16"], "ERR DB index is out of range", true),
    ("a copy to no database", &["COPY k x DB"], "ERR syntax error", true),
    // Cursors and patterns.
    ("a cursor that is no number", &["SCAN x"], "ERR invalid cursor", true),
    ("a scan of nothing", &["SCAN 0 COUNT 0"], "ERR syntax error", true),
    ("a scan with a count beyond 64 bits", &["SCAN 0 COUNT 9223372036854775808"], NOT_INTEGER, true),
    ("a cursor beyond 64 bits", &["SCAN 18446744073709551616"], "ERR invalid cursor", true),
    // Counts of arguments that are not there.
    (
        "more fields than arguments",
        &["HSET h f v", "HEXPIRE h 10 FIELDS 9223372036854775807 f"],
        "ERR The `numfields` parameter must match the number of arguments",
        false,
    ),
    (
        "more fields and values than arguments",
        &["HSETEX h FIELDS 9223372036854775807 f v"],
        "ERR invalid number of fields",
        false,
    ),
    (
        "fewer fields than one",
        &["HEXPIRE h 10 FIELDS -1 f"],
        "ERR Parameter `numFields` should be greater than 0",
        false,
    ),
    ("more keys than arguments", &["COMMAND GETKEYS MSETEX 1000 k v"], NO_KEYS, false),
    ("as many keys as fit into 64 bits", &["COMMAND GETKEYS MSETEX 9223372036854775807 k v"], NO_KEYS, false),
    ("a script's keys beyond its arguments", &["COMMAND GETKEYS EVAL s 1000 k"], "Array([])", true),
    ("a script without keys", &["COMMAND GETKEYS EVAL s 0 k"], "Array([])", false),
    ("a union of more keys than arguments", &["COMMAND GETKEYS ZUNIONSTORE d 1000 a"], NO_KEYS, true),
    (
        "a migration of one key and of others",
        &["COMMAND GETKEYS MIGRATE h 1 k 0 10 KEYS a b"],
        "ERR Invalid arguments specified for command",
        true,
    ),
    (
        "slots of databases that the user does not name",
        &["CLUSTER FLUSHSLOT 0"],
        "ERR This instance has cluster support disabled",
        false,
    ),
    (
        "a debugger that would run beside others",
        &["SCRIPT DEBUG SYNC"],
        "ERR the Lua debugger is not supported",
        false,
    ),
    (
        "a position of a list beyond 32 bits",
        &["RPUSH l a b", "LSET l 4294967296 x"],
        "ERR index out of range",
        true,
    ),
    ("a position beyond 64 bits", &["RPUSH l a", "LSET l 9223372036854775808 x"], NOT_INTEGER, true),
    (
        "a move of more elements than there can be",
        &["RPUSH l a b", "LMOVEM l l LEFT RIGHT COUNT 9223372036854775807 OBO", "LLEN l"],
        "2",
        false,
    ),
    (
        "a move of no elements",
        &["LMOVEM l l LEFT RIGHT COUNT 0 OBO"],
        "ERR count should be greater than 0",
        false,
    ),
    (
        "what was pending before time began",
        &["XGROUP CREATE x g 0 MKSTREAM", "XREADGROUP GROUP g a CLAIM 9223372036854775807 STREAMS x >"],
        "NullArray",
        false,
    ),
    (
        "more to give back than there is",
        &["XGROUP CREATE x g 0 MKSTREAM", "XNACK x g FAIL IDS 9223372036854775807 1-0"],
        "ERR The `numids` parameter must match the number of arguments",
        false,
    ),
    (
        "a file synced more than once",
        &["WAITAOF 9223372036854775807 0 0"],
        "ERR value is out of range, value must between 0 and 1",
        false,
    ),
    ("a wait without end", &["WAITAOF 0 1 9223372036854775807"], "ERR timeout is out of range", false),
    ("keys below zero", &["COMMAND GETKEYS MSETEX -1 k v"], NO_KEYS, false),
    // What redis-server does not survive.
    (
        "keys without end",
        &["DEBUG POPULATE 9223372036854775807"],
        "ERR value is out of range, must be positive",
        false,
    ),
    ("samples without end", &["MEMORY USAGE none SAMPLES 9223372036854775807"], "Null", false),
    // Sizes and times of the server's own.
    ("a size beyond 64 bits", &["CONFIG SET maxmemory 999999999999gb"], NO_MEMORY_VALUE, false),
    ("a pause without end", &["CLIENT PAUSE 9223372036854775807"], "ERR timeout is out of range", false),
    ("a client beyond 64 bits", &["CLIENT KILL ID 18446744073709551616"], CLIENT_ID, true),
    // Rules of users.
    (
        "a permission without letters",
        &["ACL SETUSER foo %~x"],
        "ERR Error in ACL SETUSER modifier '%~x': Syntax error",
        true,
    ),
    (
        "the same in a selector",
        &["ACL SETUSER foo (%~)"],
        "ERR Error in ACL SETUSER modifier '(%~)': Syntax error",
        true,
    ),
    (
        "a letter twice",
        &["ACL SETUSER foo %RWR~x"],
        "ERR Error in ACL SETUSER modifier '%RWR~x': Syntax error",
        true,
    ),
    ("a selector that is not closed", &["ACL SETUSER foo ("], UNCLOSED, true),
    (
        "a selector in a selector",
        &["ACL SETUSER foo ((+get))"],
        "ERR Error in ACL SETUSER modifier '((+get))': Syntax error",
        true,
    ),
    (
        "a user in a selector",
        &["ACL SETUSER foo (on)"],
        "ERR Error in ACL SETUSER modifier '(on)': Syntax error",
        true,
    ),
    (
        "a first argument of nothing",
        &["ACL SETUSER foo +get|"],
        "ERR Error in ACL SETUSER modifier '+get|': Syntax error",
        true,
    ),
    ("a user that no rule has made", &["ACL SETUSER foo ~a %~", "ACL GETUSER foo"], "Null", true),
    ("a password of no bits", &["ACL GENPASS 0"], PASSWORD_BITS, true),
    ("a password without end", &["ACL GENPASS 9223372036854775807"], PASSWORD_BITS, true),
    ("a dry run with more keys than arguments", &["ACL DRYRUN default MSETEX 1000 k v"], "OK", false),
    // Dumps.
    ("a dump with a time before all", &["RESTORE k -1 xx"], "ERR Invalid TTL value, must be >= 0", true),
    // Words where others belong.
    ("a subcommand of nothing", &["OBJECT"], "ERR wrong number of arguments for 'object' command", true),
    (
        "a protocol that is none",
        &["HELLO 99999999999999999999"],
        "ERR Protocol version is not an integer or out of range",
        true,
    ),
    ("a protocol to come", &["HELLO 4"], "NOPROTO unsupported protocol version", true),
];

const UNCLOSED: &str = "ERR Unmatched parenthesis in acl selector starting at '('.";
const PASSWORD_BITS: &str = "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096";
const NO_KEYS: &str = "ERR Invalid arguments specified for command";
const NO_MEMORY_VALUE: &str =
    "ERR CONFIG SET failed (possibly related to argument 'maxmemory') - argument must be a memory value";
const CLIENT_ID: &str = "ERR client-id should be greater than 0";
const BIT_OFFSET: &str = "ERR bit offset is not an integer or out of range";
const FIELD_TYPE: &str =
    "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.";
const TOO_LONG: &str = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
const OVERFLOW: &str = "ERR increment or decrement would overflow";
const BAD_STREAM_ID: &str = "ERR Invalid stream ID specified as stream command argument";
const NOT_INTEGER: &str = "ERR value is not an integer or out of range";
const OUT_OF_RANGE: &str = "ERR value is out of range";
const COUNT_RANGE: &str =
    "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807";
const SET_TIME: &str = "ERR invalid expire time in 'set' command";
const EXPIRE_TIME: &str = "ERR invalid expire time in 'expire' command";

fn assert_alive(server: &Server, after: &str) {
    assert_eq!(text(&run(&mut server.connect(), "PING")), "PONG", "after {after}");
}

/// The last reply of a row.
fn last_reply(client: &mut Client, commands: &[&str]) -> String {
    run(client, "FLUSHALL");
    let replies: Vec<String> = commands.iter().map(|command| text(&run(client, command))).collect();
    replies.last().expect("a row has a command").clone()
}

/// Both servers with an empty folder each.
fn servers() -> ([tempfile::TempDir; 2], [Server; 2]) {
    let folders = [(); 2].map(|()| tempfile::tempdir().expect("a temporary folder"));
    let server = Server::start(folders[0].path(), &["--appendonly", "no", "--enable-debug-command", "yes"]);
    let oracle = Server::oracle(folders[1].path(), &[]);
    (folders, [server, oracle])
}

#[test]
fn protocol_garbage_ends_its_own_connection_with_the_error_of_redis() {
    let (_folders, servers) = servers();
    for (what, bytes, error) in GARBAGE {
        for server in &servers {
            let mut socket = server.socket();
            socket.write_all(bytes).expect("the server reads");
            let mut reply = String::new();
            socket.read_to_string(&mut reply).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(reply, format!("-ERR Protocol error: {error}\r\n"), "{what}");
            assert_alive(server, what);
        }
    }
}

/// Bytes that are not quite a request, and the end of what they are answered.
const TOLERATED: &[(&str, &[u8], &str)] = &[
    ("other bytes behind an argument", b"*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n", "+PONG\r\n+PONG\r\n"),
    ("other bytes behind lengths", b"*2\rx$4\rxECHO\r\n$2\rxhi\r\n", "$2\r\nhi\r\n"),
];

#[test]
fn bytes_in_the_place_of_line_ends_are_not_looked_at() {
    let (_folders, servers) = servers();
    for (what, bytes, expected) in TOLERATED {
        for server in &servers {
            let mut socket = server.socket();
            socket.write_all(bytes).expect("the server reads");
            let mut reply = vec![0; expected.len()];
            socket.read_exact(&mut reply).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(String::from_utf8_lossy(&reply), *expected, "{what}");
        }
    }
}

#[test]
fn a_line_may_be_as_long_as_what_arrives_with_its_end() {
    let (_folders, servers) = servers();
    // Longer than 64 KiB, but by less than what a read that stops there would leave.
    let line = format!("STRLEN {}\r\n", "a".repeat(65_600));
    for server in &servers {
        let mut socket = server.socket();
        socket.write_all(line.as_bytes()).expect("the server reads");
        let mut reply = [0; 4];
        socket.read_exact(&mut reply).expect("a reply");
        assert_eq!(&reply, b":0\r\n");
        // A line without an end is another matter.
        let endless = vec![b'a'; 90_000];
        let mut said = String::new();
        // The server may close while the rest is still being sent.
        let _ = socket.write_all(&endless);
        let _ = socket.read_to_string(&mut said);
        assert!(said.is_empty() || said == "-ERR Protocol error: too big inline request\r\n", "{said}");
        assert_alive(server, "an endless line");
    }
}

#[test]
fn who_speaks_http_is_cut_off_before_the_commands_behind_its_head() {
    let (_folders, servers) = servers();
    for server in &servers {
        for (before, head) in [
            ("", "POST / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            ("", "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"),
            ("PING\r\n", "post\r\n"),
            ("MULTI\r\nPING\r\n", "HOST: localhost\r\n"),
            ("SUBSCRIBE c\r\n", "Post /\r\n"),
            ("", "*1\r\n$4\r\nPOST\r\n"),
        ] {
            let mut socket = server.socket();
            let bytes = format!("{before}{head}SET stolen 1\r\n");
            socket.write_all(bytes.as_bytes()).expect("the server reads");
            let mut reply = Vec::new();
            // A connection that is closed with bytes unread may be reset.
            let _ = socket.read_to_end(&mut reply);
            let refused = b"-ERR wrong number of arguments for 'get' command\r\n";
            assert!(reply.is_empty() || reply == refused, "{head:?}: {}", String::from_utf8_lossy(&reply));
            assert_eq!(text(&run(&mut server.connect(), "EXISTS stolen")), "0", "{head:?}");
        }
        let known = run(&mut server.connect(), "COMMAND INFO post host:");
        assert_eq!(text(&known), "Array([Null, Null])");
    }
    let [server, _] = servers;
    let (_, log) = server.stop();
    assert_eq!(log.matches("Possible attack").count(), 1, "{log}");
    assert!(log.contains("127.0.0.1:"), "{log}");
}

#[test]
fn odd_commands_get_a_reply_and_harm_nothing() {
    let (_folders, [server, oracle]) = servers();
    let (mut client, mut peer) = (server.connect(), oracle.connect());
    let mut wrong = Vec::new();
    for (what, commands, reply, redis_agrees) in COMMANDS {
        let got = last_reply(&mut client, commands);
        if got != *reply {
            wrong.push(format!("{what}: {got:?} instead of {reply:?}"));
        }
        if *redis_agrees {
            let got = last_reply(&mut peer, commands);
            if got != *reply {
                wrong.push(format!("redis-server, {what}: {got:?} instead of {reply:?}"));
            }
        }
        assert_alive(&server, what);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_pattern_of_many_stars_is_matched_in_bounded_time() {
    let (_folders, [server, _oracle]) = servers();
    let mut client = server.connect();
    let key = "a".repeat(40);
    run(&mut client, &format!("SET {key} v"));
    // A matcher that backtracks over every star would not come back within a lifetime.
    for pattern in ["a*".repeat(20) + "b", "*?".repeat(50_000), "[a-".repeat(20_000), "\\".repeat(9)] {
        for command in ["KEYS", "SCAN 0 COUNT 10 MATCH", "CONFIG GET", "COMMAND LIST FILTERBY PATTERN"] {
            let mut request = words(command);
            request.push(&pattern);
            let reply = client.command(&request).expect("a reply");
            // SCAN gives a cursor first, CONFIG GET pairs, the others what they have found.
            let found = reply.elements().and_then(<[_]>::last).map_or(&reply, |last| last);
            let length = found.elements().map(<[_]>::len);
            assert_eq!(length, Some(0), "{command} {}", &pattern[..pattern.len().min(20)]);
        }
    }
}

#[test]
fn a_long_key_is_matched_against_a_long_pattern_in_bounded_time() {
    let (_folders, [server, _oracle]) = servers();
    let mut client = server.connect();
    let key = "a".repeat(50_000);
    run(&mut client, &format!("SET {key} v"));
    for (pattern, is_match) in [
        ("*?".repeat(50_000), true),
        ("*?".repeat(50_001), false),
        ("a*".repeat(25_000) + "b", false),
        ("*a".repeat(25_000), true),
        ("[a-b]*".repeat(10_000) + "c", false),
        ("*".repeat(50_000) + "b", false),
    ] {
        for command in [&["KEYS"][..], &["SCAN", "0", "COUNT", "10", "MATCH"]] {
            let reply = client.command(&[command, &[&pattern]].concat()).expect("a reply");
            let found =
                reply.elements().and_then(<[_]>::last).filter(|_| command.len() > 1).unwrap_or(&reply);
            let count = found.elements().map(<[_]>::len);
            assert_eq!(count, Some(usize::from(is_match)), "{command:?} {}", &pattern[..6]);
        }
    }
}

#[test]
fn patterns_of_many_stars_are_subscribed_to_and_given_to_users_in_bounded_time() {
    let (_folders, [server, _oracle]) = servers();
    let (mut client, mut subscriber) = (server.connect(), server.connect());
    let name = "a".repeat(40);
    let patterns = ["a*".repeat(20) + "b", "*?".repeat(20_000), "[a-".repeat(10_000)];
    for pattern in &patterns {
        subscriber.command(&["PSUBSCRIBE", pattern]).expect("a reply");
        assert_eq!(text(&run(&mut client, &format!("PUBLISH {name} x"))), "0");
        subscriber.command(&["PUNSUBSCRIBE", pattern]).expect("a reply");
        let (keys, channels) = (format!("~{pattern}"), format!("&{pattern}"));
        let set = client
            .command(&["ACL", "SETUSER", "starred", "reset", "on", "nopass", &keys, &channels, "+@all"]);
        assert_eq!(text(&set.expect("a reply")), "OK");
        let listed = run(&mut client, "ACL LIST");
        assert!(listed.elements().is_some_and(|users| users.iter().any(|user| text(user).contains(pattern))));
        for command in [format!("GET {name}"), format!("PUBLISH {name} x")] {
            let verdict = text(&run(&mut client, &format!("ACL DRYRUN starred {command}")));
            assert!(verdict.contains("has no permissions"), "{verdict}");
        }
        for command in ["PUBSUB CHANNELS", "ACL GETUSER", "CLIENT KILL ADDR"] {
            let mut request = words(command);
            request.push(pattern);
            client.command(&request).expect("a reply");
        }
    }
    assert_alive(&server, "patterns of stars");
}

#[test]
fn every_command_takes_wrong_numbers_of_arguments() {
    let (_folders, [server, _oracle]) = servers();
    for command in
        "SET GET MSET APPEND SETRANGE BITFIELD BITOP BITPOS LCS SCAN EXPIRE COPY RESTORE HELLO".split(' ')
    {
        for count in [0, 1, 7, 2000] {
            let mut client = server.connect();
            let mut request = words(command);
            request.resize(1 + count, "x");
            client
                .command(&request)
                .unwrap_or_else(|error| panic!("{command} with {count} arguments: {error}"));
        }
        assert_alive(&server, command);
    }
}
