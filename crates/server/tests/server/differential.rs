//! Random commands sent to this server and to redis-server: the same replies, and the same content at the end.
//!
//! Commands come from patterns with places for random words; few keys and short values make them meet. Expiries are
//! points in time, far off, or past for commands that remove the key at once, so that nothing depends on when a command
//! runs or an expired key is swept. Where a reply has no order it is sorted.

use client::Client;
use resp::{Frame, Protocol};
use stdx::rng::Rng;

use crate::content::content;
use crate::support::{Server, must, words};

/// Commands compared in one run; `DIFFERENTIAL_COMMANDS=1000000` in the environment makes it a long one.
const COMMANDS: usize = 4000;
/// Differences shown before a run gives up.
const MAX_SHOWN: usize = 20;

/// Words in braces are filled in; see `word`.
///
/// Left out because the servers differ on purpose: OBJECT ENCODING of strings (redis-server remembers that a string was
/// appended to or written to and says `raw`, here the encoding follows from the value alone), SET with a past time
/// (redis-server 7.0 counts the key until it is swept), whether a claim of nothing makes a consumer (not in 7.0). Left out because the reply is not determined: RANDOMKEY, SCAN.
const PATTERNS: &[&str] = &[
    "SET {key} {value}",
    "SET {key} {integer}",
    "SET {key} {value} PXAT {far}",
    "SET {key} {value} EXAT 9999999999 {condition}",
    "SET {key} {value} KEEPTTL GET",
    "SET {key} {value} {condition} GET",
    "SETNX {key} {value}",
    "GETSET {key} {value}",
    "GETDEL {key}",
    "GETEX {key} PXAT {time}",
    "GETEX {key} PERSIST",
    "GET {key}",
    "MGET {key} {key} {key}",
    "MSET {key} {value} {key} {value}",
    "MSETNX {key} {value} {key} {value}",
    "APPEND {key} {value}",
    "STRLEN {key}",
    "SETRANGE {key} {small} {value}",
    "GETRANGE {key} {index} {index}",
    "SUBSTR {key} {index} {index}",
    "INCR {key}",
    "DECR {key}",
    "INCRBY {key} {integer}",
    "DECRBY {key} {integer}",
    "INCRBYFLOAT {key} {half}",
    "LCS {key} {key}",
    "LCS {key} {key} LEN",
    "LCS {key} {key} IDX WITHMATCHLEN MINMATCHLEN {small}",
    "SETBIT {key} {offset} {bit}",
    "GETBIT {key} {offset}",
    "BITCOUNT {key}",
    "BITCOUNT {key} {index} {index}",
    "BITCOUNT {key} {index} {index} BIT",
    "BITPOS {key} {bit}",
    "BITPOS {key} {bit} {index}",
    "PFADD {key} {value} {integer}",
    "PFADD {key}",
    "PFCOUNT {key}",
    "PFCOUNT {key} {key}",
    "PFMERGE {key} {key} {key}",
    "PFADD {registers} {value} {integer}",
    "PFDEBUG DECODE {registers}",
    "PFDEBUG TODENSE {key}",
    "BITPOS {key} {bit} {index} {index} BIT",
    "BITOP AND {key} {key} {key}",
    "BITOP OR {key} {key} {key}",
    "BITOP XOR {key} {key} {key}",
    "BITOP NOT {key} {key}",
    "BITFIELD {key} GET {type} {offset} SET {type} #{small} {integer}",
    "BITFIELD {key} OVERFLOW {overflow} INCRBY {type} {offset} {integer}",
    "BITFIELD_RO {key} GET {type} {offset}",
    "DEL {key} {key}",
    "UNLINK {key}",
    "EXISTS {key} {key}",
    "TOUCH {key}",
    "TYPE {key}",
    "RENAME {key} {key}",
    "RENAMENX {key} {key}",
    "COPY {key} {key}",
    "COPY {key} {key} REPLACE",
    "COPY {key} {key} DB {database}",
    "MOVE {key} {database}",
    "DBSIZE",
    "KEYS *",
    "KEYS k[2-4]",
    "PEXPIREAT {key} {time}",
    "PEXPIREAT {key} {time} {limit}",
    "EXPIREAT {key} 9999999999 {limit}",
    "EXPIRE {key} -1",
    "PEXPIRE {key} {integer} ABC",
    "PERSIST {key}",
    "EXPIRETIME {key}",
    "PEXPIRETIME {key}",
    "HSET {key} {field} {value}",
    "HSET {key} {field} {value} {field} {integer}",
    "HSET {key} {field}",
    "HMSET {key} {field} {value} {field} {half}",
    "HSETNX {key} {field} {value}",
    "HGET {key} {field}",
    "HMGET {key} {field} {field}",
    "HGETALL {key}",
    "HKEYS {key}",
    "HVALS {key}",
    "HLEN {key}",
    "HEXISTS {key} {field}",
    "HSTRLEN {key} {field}",
    "HDEL {key} {field} {field}",
    "HINCRBY {key} {field} {integer}",
    "HINCRBYFLOAT {key} {field} {half}",
    "HRANDFIELD {key} {count}",
    "HSCAN {key} x",
    "LPUSH {list} {value} {integer}",
    "LPUSH {list} {value} {value} {value} {value} {value}",
    "RPUSH {list} {value} {value} {value}",
    "RPUSH {key} {value}",
    "LPUSHX {list} {value}",
    "RPUSHX {list} {value} {value}",
    "LPOP {list}",
    "RPOP {key}",
    "LPOP {list} {few}",
    "RPOP {list} {count}",
    "LLEN {list}",
    "LRANGE {list} {index} {index}",
    "LRANGE {list} 0 -1",
    "LRANGE {list} {integer} {integer}",
    "LINDEX {list} {index}",
    "LSET {list} {index} {value}",
    "LINSERT {list} BEFORE {value} {value}",
    "LINSERT {list} AFTER {value} {value}",
    "LREM {list} {index} {value}",
    "LTRIM {list} {index} {index}",
    "LPOS {list} {value}",
    "LPOS {list} {value} RANK {index} COUNT {few} MAXLEN {small}",
    "LPOS {list} {value} COUNT {integer}",
    "LMOVE {list} {list} {side} {side}",
    "LMOVE {key} {list} {side} {side}",
    "RPOPLPUSH {list} {list}",
    "LMPOP 2 {list} {list} {side} COUNT {few}",
    "LMPOP {few} {list} {list} {side}",
    "TYPE {list}",
    "DEL {list}",
    "RENAME {list} {list}",
    "COPY {list} {list} REPLACE",
    "RENAME {list} {key}",
    "SADD {set} {member} {member}",
    "SADD {set} {member} {value} {integer}",
    "SADD {key} {member}",
    "SREM {set} {member} {member}",
    "SREM {key} {member}",
    "SMOVE {set} {set} {member}",
    "SMOVE {key} {set} {member}",
    "SCARD {set}",
    "SISMEMBER {set} {member}",
    "SMISMEMBER {set} {member} {integer}",
    "SMEMBERS {set}",
    "SMEMBERS {key}",
    "SPOP {set} 1000",
    "SPOP {set} 0",
    "SPOP {key} {count}",
    "SRANDMEMBER {set} 1000",
    "SRANDMEMBER {set} {count}",
    "SSCAN {set} x",
    "SINTER {set} {set}",
    "SINTER {set} {set} {set}",
    "SUNION {set} {set} {set}",
    "SUNION {set} {set} {set} {set} {set} {key}",
    "SDIFF {set} {set} {set}",
    "SINTERSTORE {set} {set} {set}",
    "SUNIONSTORE {set} {set} {set}",
    "SUNIONSTORE {key} {set}",
    "SDIFFSTORE {set} {set} {set}",
    "SINTERCARD 2 {set} {set}",
    "SINTERCARD 2 {set} {set} LIMIT {few}",
    "SINTERCARD {few} {set} {set}",
    "TYPE {set}",
    "DEL {set}",
    "COPY {set} {set} REPLACE",
    "RENAME {set} {key}",
    "ZADD {zset} {score} {scored} {score} {scored}",
    "ZADD {zset} {score} {scored} {score} {scored} {score} {scored} {score} {scored}",
    "ZADD {key} {score} {scored}",
    "ZADD {zset} {rule} {score} {scored} {score} {scored}",
    "ZADD {zset} {rule} {rule} {score} {scored}",
    "ZADD {zset} INCR {rule} {score} {scored}",
    "ZINCRBY {zset} {score} {scored}",
    "ZREM {zset} {scored} {scored}",
    "ZREM {key} {scored}",
    "ZCARD {zset}",
    "ZSCORE {zset} {scored}",
    "ZMSCORE {zset} {scored} {scored} {scored}",
    "ZRANK {zset} {scored}",
    "ZREVRANK {zset} {scored}",
    "ZCOUNT {zset} {from} {from}",
    "ZLEXCOUNT {zset} {first} {first}",
    "ZRANGE {zset} 0 -1 WITHSCORES",
    "ZRANGE {zset} {index} {index}",
    "ZRANGE {zset} {index} {index} REV WITHSCORES",
    "ZRANGE {zset} {integer} {integer}",
    "ZRANGE {zset} {from} {from} BYSCORE LIMIT {few} {few}",
    "ZRANGE {zset} {first} {first} BYLEX REV",
    "ZREVRANGE {zset} {few} {few}",
    "ZRANGEBYSCORE {zset} {from} {from} WITHSCORES",
    "ZRANGEBYSCORE {zset} -inf +inf LIMIT {few} {index}",
    "ZREVRANGEBYSCORE {zset} {from} {from} LIMIT {few} {few}",
    "ZREVRANGEBYSCORE {zset} +inf -inf WITHSCORES LIMIT {few} {few}",
    "ZRANGEBYLEX {zset} {first} {first}",
    "ZRANGEBYLEX {zset} - + LIMIT {few} {few}",
    "ZREVRANGEBYLEX {zset} {first} {first}",
    "ZRANGESTORE {zset} {zset} {few} {index}",
    "ZRANGESTORE {zset} {zset} {from} {from} BYSCORE",
    "ZRANGESTORE {key} {zset} {few} {few} REV",
    "ZREMRANGEBYRANK {zset} {index} {index}",
    "ZREMRANGEBYSCORE {zset} {from} {from}",
    "ZREMRANGEBYLEX {zset} {first} {first}",
    "ZPOPMIN {zset}",
    "ZPOPMAX {zset} {few}",
    "ZPOPMIN {key} {count}",
    "ZMPOP 2 {zset} {zset} {end} COUNT {few}",
    "ZMPOP {few} {zset} {zset} {end}",
    "ZRANDMEMBER {zset} {count}",
    "ZSCAN {zset} 0",
    "ZUNION 2 {zset} {zset} WITHSCORES",
    "ZUNION {few} {zset} {zset} {zset}",
    "ZUNION 2 {zset} {zset} WEIGHTS {score} {score} WITHSCORES",
    "ZUNIONSTORE {zset} 2 {zset} {zset} AGGREGATE {aggregate}",
    "ZUNIONSTORE {key} 1 {zset}",
    "ZINTER 2 {zset} {zset} WITHSCORES AGGREGATE {aggregate}",
    "ZINTERSTORE {zset} 2 {zset} {zset} WEIGHTS {score} {score}",
    "ZINTERCARD 2 {zset} {zset} LIMIT {few}",
    "ZINTERCARD {few} {zset} {zset}",
    "ZDIFF 2 {zset} {zset} WITHSCORES",
    "ZDIFFSTORE {zset} 2 {zset} {zset}",
    "TYPE {zset}",
    "DEL {zset}",
    "OBJECT ENCODING {zset}",
    "COPY {zset} {zset} REPLACE",
    "RENAME {zset} {key}",
    "SORT {set}",
    "SORT {set} ALPHA DESC",
    "SORT {list} ALPHA LIMIT {index} {few}",
    "SORT {list}",
    "SORT {list} BY {key} DESC LIMIT {few} {few}",
    "SORT {list} BY *{few} GET # GET k*",
    "SORT {set} BY k*->f1 GET # LIMIT 0 1",
    "SORT {set} BY h* GET k*->f2",
    "SORT_RO {list} BY nosort GET *",
    "SORT {set} BY nosort STORE {list}",
    "SORT {list} ALPHA STORE {list}",
    "SORT {set} ALPHA LIMIT {few} {index} STORE {key}",
    "SORT {key} STORE {list}",
    "ZUNION 2 {zset} {set} WITHSCORES",
    "ZINTERSTORE {zset} 2 {set} {set} AGGREGATE {aggregate}",
    "ZDIFF 2 {set} {zset}",
    "ZUNIONSTORE {zset} 2 {set} {zset} WEIGHTS {score} {score}",
    "GEOADD {geo} {longitude} {latitude} {scored} {longitude} {latitude} {scored} {longitude} {latitude} {scored}",
    "GEOADD {geo} {longitude} {latitude} {scored}",
    "GEOADD {geo} {rule} {longitude} {latitude} {scored}",
    "GEOADD {key} {longitude} {latitude} {scored}",
    "GEODIST {geo} {scored} {scored}",
    "GEODIST {geo} {scored} {scored} {unit}",
    "GEOHASH {geo} {scored} {scored}",
    "GEOHASH {zset} {scored}",
    "GEOSEARCH {geo} FROMLONLAT {longitude} {latitude} BYRADIUS {radius} {unit}",
    "GEOSEARCH {geo} FROMLONLAT {longitude} {latitude} BYRADIUS {radius} {unit} {order} WITHDIST",
    "GEOSEARCH {geo} FROMLONLAT {longitude} {latitude} BYBOX {radius} {radius} {unit} WITHHASH",
    "GEOSEARCH {geo} FROMMEMBER {scored} BYBOX {radius} {radius} {unit} {order} COUNT {few}",
    "GEOSEARCH {geo} FROMMEMBER {scored} BYRADIUS {radius} {unit} COUNT {few} ANY",
    "GEOSEARCH {zset} FROMMEMBER {scored} BYRADIUS {radius} {unit}",
    "GEOSEARCHSTORE {geo} {geo} FROMLONLAT {longitude} {latitude} BYBOX {radius} {radius} {unit}",
    "GEOSEARCHSTORE distances {geo} FROMMEMBER {scored} BYRADIUS {radius} {unit} STOREDIST",
    "GEORADIUS {geo} {longitude} {latitude} {radius} {unit} {order}",
    "GEORADIUS {geo} {longitude} {latitude} {radius} {unit} STORE {geo}",
    "GEORADIUSBYMEMBER {geo} {scored} {radius} {unit} WITHHASH WITHDIST {order}",
    "GEORADIUSBYMEMBER {geo} {scored} {radius} {unit} STOREDIST distances",
    "GEORADIUS_RO {geo} {longitude} {latitude} {radius} {unit} COUNT {few} ANY",
    "ZRANGE {geo} 0 -1 WITHSCORES",
    "XADD {stream} {id} {field} {value}",
    "XADD {stream} {id} {field} {value} {field} {integer}",
    "XADD {stream} {ms}-* {field} {value}",
    "XADD {stream} MAXLEN {few} {id} {field} {value}",
    "XADD {stream} MINID = {id} {id} {field} {value}",
    "XADD {stream} NOMKSTREAM {id} {field} {value}",
    "XADD {key} {id} {field} {value}",
    "XLEN {stream}",
    "XRANGE {stream} - +",
    "XRANGE {stream} {id} {id} COUNT {few}",
    "XRANGE {stream} ({ms} +",
    "XREVRANGE {stream} + {id} COUNT {few}",
    "XREVRANGE {stream} {ms} {ms}",
    "XDEL {stream} {id} {id}",
    "XTRIM {stream} MAXLEN {few}",
    "XTRIM {stream} MINID {id}",
    "XTRIM {stream} MAXLEN ~ {few}",
    "XSETID {stream} 200-0",
    "XREAD COUNT {few} STREAMS {stream} {stream} {id} {id}",
    "XREAD STREAMS {stream} {key} $ {id}",
    "XGROUP CREATE {stream} {group} {id}",
    "XGROUP CREATE {stream} {group} $ MKSTREAM",
    "XGROUP SETID {stream} {group} {id}",
    "XGROUP DESTROY {stream} {group}",
    "XGROUP CREATECONSUMER {stream} {group} carl",
    "XGROUP DELCONSUMER {stream} {group} {consumer}",
    "XREADGROUP GROUP {group} {consumer} COUNT {few} STREAMS {stream} >",
    "XREADGROUP GROUP {group} {consumer} STREAMS {stream} {stream} > >",
    "XREADGROUP GROUP {group} {consumer} NOACK STREAMS {stream} >",
    "XREADGROUP GROUP {group} {consumer} STREAMS {stream} {id}",
    "XACK {stream} {group} {id} {id}",
    "XPENDING {stream} {group}",
    "XCLAIM {stream} {group} {consumer} 0 {id} {id}",
    "XCLAIM {stream} {group} {consumer} 0 {id} FORCE JUSTID",
    "XCLAIM {stream} {group} {consumer} 0 {id} RETRYCOUNT {few} LASTID {id}",
    "XAUTOCLAIM {stream} {group} {consumer} 0 {id} COUNT {few}",
    "XAUTOCLAIM {stream} {group} {consumer} 0 - JUSTID",
    "DEL {stream}",
    "COPY {stream} {stream} REPLACE",
    "RENAME {stream} {key}",
    "SELECT {database}",
    "SWAPDB {database} {database}",
    "ECHO {value}",
    "MULTI",
    "EXEC",
    "EXEC",
    "DISCARD",
    "NONSENSE {value}",
    "GET",
    "SET {key}",
];

/// Commands whose replies have no order.
const UNORDERED: &[&str] =
    &["KEYS", "HGETALL", "HKEYS", "HVALS", "SMEMBERS", "SPOP", "SRANDMEMBER", "SINTER", "SUNION", "SDIFF"];

/// A random word for a place of a pattern.
fn word(place: &str, rng: &mut Rng) -> String {
    let mut pick = |choices: &[&str]| choices[rng.below(choices.len() as u64) as usize].to_owned();
    match place {
        "key" => pick(&["k1", "k2", "k3", "k4", "k5", "k6"]),
        "list" => pick(&["l1", "l2", "l3"]),
        // Only HyperLogLog commands write them: redis-server decodes damaged ones as far as it comes.
        "registers" => pick(&["h1", "h2"]),
        "set" => pick(&["s1", "s2", "s3", "s4"]),
        "member" => match rng.below(3) {
            0 => format!("m{}", rng.below(8)),
            1 => "long".repeat(5 * rng.below(6) as usize),
            _ => rng.below(12).to_string(),
        },
        "stream" => pick(&["x1", "x2"]),
        "group" => pick(&["g1", "g2"]),
        "consumer" => pick(&["anna", "bert"]),
        "ms" => rng.below(60).to_string(),
        "id" => format!("{}-{}", rng.below(60), rng.below(3)),
        "side" => pick(&["LEFT", "RIGHT", "left"]),
        "few" => rng.below(5).to_string(),
        "zset" => pick(&["z1", "z2", "z3"]),
        "geo" => pick(&["g1", "g2"]),
        // So many digits that distances differ, and what is found has one order.
        "longitude" => format!("{:.4}", rng.below(3_600_000) as f64 / 10_000.0 - 180.0),
        "latitude" => format!("{:.4}", rng.below(1_760_000) as f64 / 10_000.0 - 88.0),
        "radius" => pick(&["0", "10", "500", "3000", "9000", "30000", "1e6", "-1", "x"]),
        "unit" => pick(&["km", "km", "M", "mi", "ft", "x"]),
        "order" => pick(&["ASC", "DESC", "asc"]),
        "scored" => pick(&["a", "b", "c", "d", "e", "f", "0", "10", "aa"]),
        "score" => pick(&["0", "1", "1", "2", "-1", "2.5", "-2.5", "1e3", "inf", "-inf", "x"]),
        "from" => pick(&["0", "1", "(1", "2", "(2", "-inf", "+inf", "(2.5", "[1", "x"]),
        "first" => pick(&["-", "+", "[a", "(a", "[b", "(c", "[d", "[", "x"]),
        "rule" => pick(&["NX", "XX", "GT", "LT", "CH"]),
        "end" => pick(&["MIN", "MAX", "LEFT"]),
        "aggregate" => pick(&["SUM", "MIN", "MAX", "AVG"]),
        "value" => {
            pick(&["a", "abc", "xyzabcxyz", "ohmytext", "mynewtext", "0", "3.5", "\u{e9}", "A\u{7f}b"])
        }
        "integer" => pick(&[
            "0",
            "1",
            "-1",
            "7",
            "255",
            "-32768",
            "9223372036854775807",
            "-9223372036854775808",
            "+5",
            "007",
            "9223372036854775808",
        ]),
        "half" => pick(&["0.5", "-0.5", "1.25", "3", "-10", "1e2", "x"]),
        "far" => pick(&["99999999999999", "88888888888888"]),
        "time" => pick(&["99999999999999", "88888888888888", "1"]),
        "field" => pick(&["f1", "f2", "f3", "f4"]),
        "count" => pick(&["0", "-0", "x", "9223372036854775808"]),
        "condition" => pick(&["NX", "XX"]),
        "limit" => pick(&["NX", "XX", "GT", "LT"]),
        "bit" => pick(&["0", "1", "0", "1", "2"]),
        "overflow" => pick(&["WRAP", "SAT", "FAIL"]),
        "type" => pick(&["u1", "i5", "u8", "i16", "u31", "i64", "u63"]),
        "database" => pick(&["0", "1", "2"]),
        "small" => rng.below(40).to_string(),
        "offset" => rng.below(300).to_string(),
        "index" => (rng.below(60) as i64 - 30).to_string(),
        other => panic!("a pattern names {other}"),
    }
}

/// A pattern with its places filled.
pub(crate) fn command(rng: &mut Rng) -> String {
    let pattern = PATTERNS[rng.below(PATTERNS.len() as u64) as usize];
    let mut command = String::new();
    for piece in pattern.split('{') {
        match piece.split_once('}') {
            Some((place, rest)) => command += &(word(place, rng) + rest),
            None => command += piece,
        }
    }
    command
}

/// A reply with what has no order put into one; in the reply of a transaction that is any array, because the commands
/// it belongs to are not known here.
fn ordered(command: &str, reply: Frame) -> Frame {
    let name = command.split(' ').next().unwrap_or_default();
    match reply {
        Frame::Array(replies) if name == "EXEC" => Frame::Array(replies.into_iter().map(sorted).collect()),
        other if UNORDERED.contains(&name) => sorted(other),
        other => other,
    }
}

fn sorted(reply: Frame) -> Frame {
    let text = |frame: &Frame| format!("{frame:?}");
    match reply {
        Frame::Array(mut elements) => {
            elements.sort_by_key(text);
            Frame::Array(elements)
        }
        Frame::Set(mut elements) => {
            elements.sort_by_key(text);
            Frame::Set(elements)
        }
        Frame::Map(mut pairs) => {
            pairs.sort_by_key(|(key, _)| text(key));
            Frame::Map(pairs)
        }
        other => other,
    }
}

/// How many commands to compare.
fn commands() -> usize {
    let told = std::env::var("DIFFERENTIAL_COMMANDS").ok();
    told.map_or(COMMANDS, |number| number.parse().expect("DIFFERENTIAL_COMMANDS is a number"))
}

/// Both servers' replies to a command.
fn ask(clients: &mut [Client; 2], command: &str) -> [Frame; 2] {
    clients.each_mut().map(|client| {
        let reply = client.command(&words(command)).unwrap_or_else(|error| panic!("{command}: {error}"));
        ordered(command, reply)
    })
}

fn check(protocol: Protocol, seed: u64) {
    let folders = [(); 2].map(|()| tempfile::tempdir().expect("a temporary folder"));
    let servers = [
        Server::start(folders[0].path(), &["--appendonly", "no"]),
        Server::oracle(folders[1].path(), &["--appendonly", "no"]),
    ];
    let mut clients = servers.each_ref().map(|server| server.connect_with(protocol));
    let mut rng = Rng::from_seed(seed);
    let mut wrong = Vec::new();
    let mut history = Vec::new();
    for _ in 0..commands() {
        let command = command(&mut rng);
        let [ours, theirs] = ask(&mut clients, &command);
        history.push(command.clone());
        if ours != theirs {
            let before = history[history.len().saturating_sub(6)..].join("; ");
            wrong.push(format!("{before}\n  here  {ours:?}\n  redis {theirs:?}"));
            if wrong.len() == MAX_SHOWN {
                break;
            }
            // What follows shall not differ for the same reason.
            for client in &mut clients {
                run_quietly(client, "DISCARD");
                must(client, "FLUSHALL");
            }
        }
    }
    assert!(wrong.is_empty(), "seed {seed}:\n{}", wrong.join("\n"));
    let [ours, theirs] = clients.each_mut().map(|client| {
        run_quietly(client, "DISCARD");
        content(client)
    });
    assert_eq!(ours, theirs, "seed {seed}: the content at the end");
}

/// Runs a command whose error does not matter.
fn run_quietly(client: &mut Client, command: &str) {
    let _ = crate::support::run(client, command);
}

#[test]
fn random_commands_get_the_replies_of_redis() {
    check(Protocol::Resp2, 1);
    check(Protocol::Resp2, 2);
}

#[test]
fn random_commands_get_the_replies_of_redis_in_its_newer_protocol() {
    check(Protocol::Resp3, 3);
}
