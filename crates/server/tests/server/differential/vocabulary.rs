//! Random words for the places of patterns.

use stdx::rng::Rng;

/// Keys of every type but HyperLogLogs and places, of which redis-server reads strange ones in strange ways.
const ANY_KEY: &[&str] = &["k1", "k2", "l1", "l2", "s1", "s2", "z1", "z2", "x1", "x2"];

/// Scripts of one key.
const SCRIPTS: &[&str] = &[
    "return redis.call('incr', KEYS[1])",
    "return redis.pcall('lpush', KEYS[1], 'a', '1')",
    "return redis.call('type', KEYS[1])",
    "local t = redis.call('get', KEYS[1]) if t then return #t end return redis.call('set', KEYS[1], 'v')",
    "return cjson.encode(redis.call('lrange', KEYS[1], 0, -1))",
    "redis.setresp(3) return redis.call('zrange', KEYS[1], 0, -1, 'withscores')",
    "return redis.call('zrange', KEYS[1], 0, -1, 'withscores')",
    "redis.setresp(3) return redis.pcall('zscore', KEYS[1], 'a')",
    "return redis.call('hmget', KEYS[1], 'f1', 'f2')",
    "redis.call('set', KEYS[1], 'x') error('stop')",
    "redis.call('rpush', KEYS[1], 'x') return redis.call('incr', KEYS[1])",
    "return {redis.call('exists', KEYS[1]), redis.call('del', KEYS[1])}",
    "return redis.pcall('nonsense')",
    "return redis.call('set', KEYS[1])",
    "return redis.call('scard', KEYS[1]) + 0.9",
    "return #KEYS .. #ARGV",
];

/// Scripts without a key.
const COMPUTATIONS: &[&str] = &[
    "return 1",
    "return {1, 2.9, 'x', false, true, {ok = 'fine'}, {err = 'ERR bad'}, nil, 4}",
    "return cjson.encode({1, 'a', 2.5, {b = cjson.null}})",
    "return cjson.decode('[1, 2.5, {\"a\": [null, true]}, \"\\\\u00e9\"]')[4]",
    "return cjson.decode('[1,')",
    "return cmsgpack.pack({1, -1, 'a', 2.5, {a = 1}})",
    "return {cmsgpack.unpack(cmsgpack.pack(1, 300, -70000, 'x', 1e300))}",
    "return struct.pack('>I4hb', 1, 2, 3) .. bit.tohex(-1)",
    "return {struct.unpack('<i2s', struct.pack('<i2s', -5, 'abc'))}",
    "return tostring(tonumber('0x10')) .. string.format('%.14g %5s %q', 1/3, 'x', 'a\\n')",
    "return redis.status_reply('x\\r\\ny')",
    "return redis.error_reply('MY error')",
    "return redis.sha1hex('')",
    "return redis.call('ping')",
    "return {string.gsub('hello world', '(o)', '<%1>')}",
    "return table.concat({1, 2, 3}, ',')",
    "return unpack({1, 2, 3}, -2, 2147483647)",
    "return nosuch",
    "nosuch = 1",
    "return {1, {2, {3, {}}}}",
    "return 2^53",
    "return -0.5",
    "return 'a' ..",
    "return math.floor(-3.5) .. ' ' .. math.fmod(7, -3) .. ' ' .. (7 % -3)",
];

/// Places of keys, of which one of another type is chosen now and then.
const KEYS: &[&str] = &["key", "list", "set", "zset", "stream"];

/// What places are filled with.
const CHOICES: &[(&str, &[&str])] = &[
    ("key", &["k1", "k2", "k3", "k4", "k5", "k6"]),
    ("list", &["l1", "l2", "l3"]),
    ("set", &["s1", "s2", "s3", "s4"]),
    ("zset", &["z1", "z2", "z3"]),
    ("stream", &["x1", "x2"]),
    ("geo", &["g1", "g2"]),
    // Only HyperLogLog commands write them: redis-server decodes damaged ones as far as it comes.
    ("registers", &["h1", "h2"]),
    // All members have the same score, as ranges of names want it.
    ("even", &["e1", "e2"]),
    // Always a list.
    ("queue", &["q1", "q2"]),
    ("field", &["f1", "f2", "f3", "f4", ""]),
    ("value", &["", "a", "abc", "xyzabcxyz", "ohmytext", "mynewtext", "0", "3.5", "\u{e9}", "A\u{7f}b"]),
    ("scored", &["a", "b", "c", "d", "e", "f", "0", "10", "aa"]),
    ("group", &["g1", "g2"]),
    ("consumer", &["anna", "bert"]),
    ("script", SCRIPTS),
    ("computation", COMPUTATIONS),
    ("side", &["LEFT", "RIGHT", "left"]),
    ("radius", &["0", "10", "500", "3000", "9000", "30000", "1e6", "-1", "x"]),
    ("unit", &["km", "km", "M", "mi", "ft", "x"]),
    ("order", &["ASC", "DESC", "asc"]),
    (
        "score",
        &["0", "1", "1", "2", "-1", "2.5", "-2.5", "1e3", "inf", "-inf", "-0", "nan", "1e308", "-1e308", "x"],
    ),
    ("from", &["0", "1", "(1", "2", "(2", "-inf", "+inf", "(2.5", "[1", "x"]),
    ("first", &["-", "+", "[a", "(a", "[b", "(c", "[d", "[", "x"]),
    ("rule", &["NX", "XX", "GT", "LT", "CH"]),
    ("end", &["MIN", "MAX", "LEFT"]),
    ("aggregate", &["SUM", "MIN", "MAX", "AVG"]),
    ("condition", &["NX", "XX"]),
    ("limit", &["NX", "XX", "GT", "LT"]),
    ("bit", &["0", "1", "0", "1", "2"]),
    ("overflow", &["WRAP", "SAT", "FAIL"]),
    ("type", &["u1", "i5", "u8", "i16", "u31", "i64", "u63"]),
    ("database", &["0", "1", "2"]),
    ("half", &["0.5", "-0.5", "1.25", "3", "-10", "1e2", "nan", "inf", "", "x"]),
    ("far", &["99999999999999", "88888888888888"]),
    ("time", &["99999999999999", "88888888888888", "1"]),
    ("time_out", &["-1", "x", "nan", "-inf", ""]),
    ("overlong", &["9223372036854775807", "9223372036854775806", "-9223372036854775808", "-1", "0", "1.5"]),
    ("count", &["0", "-0", "x", "9223372036854775808"]),
    ("all", &["4294967296", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "x"]),
    (
        "integer",
        &[
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
        ],
    ),
    ("wide", &["9223372036854775807", "-9223372036854775808", "4611686018427387904", "-1", "1"]),
    (
        "huge",
        &[
            "9223372036854775807",
            "-9223372036854775808",
            "9223372036854775806",
            "-9223372036854775807",
            "18446744073709551615",
            "4611686018427387904",
            "-1",
            "1.5",
            "",
        ],
    ),
    // No string is so long.
    (
        "beyond",
        &["4294967296", "-1", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "x"],
    ),
];

/// A random word for a place of a pattern.
pub(super) fn word(place: &str, rng: &mut Rng) -> String {
    if KEYS.contains(&place) && rng.below(16) == 0 {
        return pick(ANY_KEY, rng);
    }
    match CHOICES.iter().find(|(name, _)| *name == place) {
        Some((_, choices)) => pick(choices, rng),
        None => made(place, rng),
    }
}

fn pick(choices: &[&str], rng: &mut Rng) -> String {
    choices[rng.below(choices.len() as u64) as usize].to_owned()
}

/// A word for a place that takes more than can be listed.
fn made(place: &str, rng: &mut Rng) -> String {
    match place {
        "member" => match rng.below(3) {
            0 => format!("m{}", rng.below(8)),
            1 => "long".repeat(5 * rng.below(6) as usize),
            _ => rng.below(12).to_string(),
        },
        "ms" => rng.below(60).to_string(),
        "id" => format!("{}-{}", rng.below(60), rng.below(3)),
        "few" => rng.below(5).to_string(),
        // So many digits that distances differ, and what is found has one order.
        "longitude" => format!("{:.4}", rng.below(3_600_000) as f64 / 10_000.0 - 180.0),
        "latitude" => format!("{:.4}", rng.below(1_760_000) as f64 / 10_000.0 - 88.0),
        "small" => rng.below(40).to_string(),
        "offset" => rng.below(300).to_string(),
        "index" => (rng.below(60) as i64 - 30).to_string(),
        other => panic!("a pattern names {other}"),
    }
}
