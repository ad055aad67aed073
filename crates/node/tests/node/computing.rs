//! Results that take many turns: others are served between, and what is stored is what was there at one moment.

use std::collections::{BTreeMap, BTreeSet};

use stdx::rng::Rng;

use crate::world::{Peer, World, slow_down};

/// Members of a large collection.
const MEMBERS: usize = 100_000;
/// The most elements of one step, about: what is merged in a sort is quick.
const STEP: usize = 512;

/// A list, sets and sorted sets with many members. All keys are of one slot.
fn large_world(threads: usize, parameters: &[(&str, &str)]) -> (World, Peer) {
    slow_down();
    let mut world = World::new(threads, parameters);
    let peer = world.connect(0);
    let numbers: Vec<usize> = (0..MEMBERS).map(|at| at * 7919 % MEMBERS).collect();
    for chunk in numbers.chunks(1000) {
        let list = |name: &str, each: &dyn Fn(usize) -> String| {
            chunk.iter().fold(name.to_owned(), |line, &number| line + " " + &each(number))
        };
        world.ask(peer, &list("RPUSH {k}list", &|number| number.to_string()));
        world.ask(peer, &list("SADD {k}set", &|number| format!("m{number}")));
        world.ask(peer, &list("SADD {k}other", &|number| format!("m{}", number + MEMBERS / 2)));
        world.ask(peer, &list("ZADD {k}zset", &|number| format!("{number} m{number}")));
        world.ask(peer, &list("ZADD {k}zother", &|number| format!("1 m{}", number + MEMBERS / 2)));
    }
    (world, peer)
}

/// The same, and as many places of ten degrees of longitude and one of latitude.
fn world_with_places() -> (World, Peer) {
    let (mut world, peer) = large_world(1, &[]);
    for first in (0..MEMBERS).step_by(1000) {
        let latitude = first as f64 / 100_000.0;
        let places: Vec<String> = (0..1000)
            .map(|at| format!("{} {latitude} p{}", f64::from(at) / 100.0, first + at as usize))
            .collect();
        world.ask(peer, &format!("GEOADD {{k}}places {}", places.join(" ")));
    }
    (world, peer)
}

/// Long strings, and two hundred HyperLogLogs, all but one of them dense. Returns the keys of these.
fn add_strings(world: &mut World, peer: Peer) -> String {
    for (key, factor) in [("{k}one", 40_503), ("{k}two", 30_011)] {
        let text: String =
            (0..6000_u32).map(|at| char::from(b'a' + (at.wrapping_mul(factor) >> 7) as u8 % 3)).collect();
        world.ask(peer, &format!("SET {key} {text}\r\nSETRANGE {key}-long 3000000 {text}"));
    }
    let keys: Vec<String> = (0..200).map(|number| format!("{{k}}hll{number}")).collect();
    let elements: Vec<String> = (0..200).map(|number| number.to_string()).collect();
    world.ask(peer, "CONFIG SET hll-sparse-max-bytes 10");
    for key in &keys {
        world.ask(peer, &format!("PFADD {key} {key} {}", elements.join(" ")));
    }
    world.ask(peer, "CONFIG SET hll-sparse-max-bytes 3000\r\nDEL {k}hll0\r\nPFADD {k}hll0 0");
    keys.join(" ")
}

/// The head of a reply: its first line.
fn head(reply: &str) -> &str {
    reply.split("\r\n").next().unwrap_or_default()
}

#[test]
fn between_any_two_steps_of_a_large_result_others_are_served() {
    let (mut world, peer) = world_with_places();
    let other = world.connect(0);
    world.ask(other, "SET {k}key value");
    let merge = format!("PFMERGE {{k}}to {}", add_strings(&mut world, peer));
    for (command, looked_at, reply) in [
        (merge.as_str(), 200 * STEP, "+OK"),
        ("BITOP XOR {k}to {k}one-long {k}two-long", 20 * STEP, ":3006000"),
        ("BITOP NOT {k}to {k}one-long", 10 * STEP, ":3006000"),
        ("SUNIONSTORE {k}to {k}set {k}other", MEMBERS, ":150000"),
        ("SINTERSTORE {k}to {k}set {k}other", MEMBERS, ":50000"),
        ("SDIFFSTORE {k}to {k}set {k}other", MEMBERS, ":50000"),
        ("ZUNIONSTORE {k}to 2 {k}zset {k}zother", 2 * MEMBERS, ":150000"),
        ("ZINTERSTORE {k}to 2 {k}zset {k}other AGGREGATE MAX", MEMBERS, ":50000"),
        ("ZDIFFSTORE {k}to 2 {k}zset {k}zother", MEMBERS, ":50000"),
        ("SORT {k}list STORE {k}to", 8 * MEMBERS, ":100000"),
        ("SORT {k}set ALPHA DESC STORE {k}to", 8 * MEMBERS, ":100000"),
        ("ZRANGESTORE {k}to {k}zset 0 49999", MEMBERS / 2, ":50000"),
        ("GEOSEARCHSTORE {k}to {k}places FROMMEMBER p0 BYBOX 4000 400 km", 2 * MEMBERS, ":100000"),
        ("GEORADIUS {k}places 0 0 9000 km STOREDIST {k}to COUNT 50000", MEMBERS, ":50000"),
        ("GEORADIUSBYMEMBER {k}places p7 9000 km STORE {k}to COUNT 3", MEMBERS, ":3"),
    ] {
        world.send(peer, &format!("{command}\r\nPING"));
        let mut steps = 0;
        while world.is_computing(0) {
            assert_eq!(world.read(peer), "", "{command}: nothing is answered before the end");
            assert_eq!(world.ask_only(other, "GET {k}key"), "$5\r\nvalue\r\n");
            world.step(0);
            steps += 1;
        }
        assert!(steps >= looked_at / STEP, "{command}: {steps} steps");
        world.turn(0);
        assert_eq!(world.read(peer), format!("{reply}\r\n+PONG\r\n"), "{command}");
    }
}

#[test]
fn a_large_answer_is_computed_when_its_turn_to_be_sent_comes() {
    let (mut world, peer) = world_with_places();
    let count = format!("PFCOUNT {}", add_strings(&mut world, peer));
    for (command, looked_at, reply) in [
        (count.as_str(), 200 * STEP, ":402"),
        ("LCS {k}one {k}two LEN", 30 * STEP, ":3637"),
        ("LCS {k}one {k}two", 30 * STEP, "$3637"),
        ("LCS {k}one {k}two IDX", 30 * STEP, "*4"),
        ("SORT {k}list LIMIT 99998 2", 8 * MEMBERS, "*2"),
        ("SORT {k}list LIMIT 10 2 DESC", MEMBERS, "*2"),
        ("SORT {k}set ALPHA GET #", 8 * MEMBERS, "*100000"),
        ("SORT {k}set", MEMBERS, "-ERR One or more scores can't be converted into double"),
        ("SORT_RO {k}zset BY nosort GET # GET none", MEMBERS, "*200000"),
        ("ZUNION 2 {k}zset {k}zother", 2 * MEMBERS, "*150000"),
        ("ZINTER 2 {k}zset {k}zother WITHSCORES", MEMBERS, "*100000"),
        ("ZDIFF 2 {k}zset {k}zother", MEMBERS, "*50000"),
        ("ZINTERCARD 2 {k}zset {k}zother", MEMBERS, ":50000"),
        ("ZINTERCARD 2 {k}zset {k}zother LIMIT 20000", MEMBERS / 3, ":20000"),
        ("SINTERCARD 2 {k}set {k}other", MEMBERS, ":50000"),
        ("GEOSEARCH {k}places FROMLONLAT 0 0 BYRADIUS 9000 km DESC WITHDIST", 2 * MEMBERS, "*100000"),
        ("GEOSEARCH {k}places FROMLONLAT 0 0 BYRADIUS 9000 km COUNT 10", MEMBERS, "*10"),
        ("GEORADIUS {k}places 0 0 9000 km WITHCOORD WITHHASH", MEMBERS, "*100000"),
        ("GEORADIUS_RO {k}places 0 0 9000 km COUNT 30000 ANY", MEMBERS / 4, "*30000"),
        ("GEORADIUSBYMEMBER_RO {k}places p0 9000 km ASC", 2 * MEMBERS, "*100000"),
    ] {
        world.send(peer, &format!("{command}\r\nPING"));
        let (mut reply_bytes, mut steps) = (Vec::new(), 0);
        while let Some(bytes) = world.read_slice(peer) {
            reply_bytes.extend(bytes);
            steps += usize::from(reply_bytes.is_empty());
        }
        let text = String::from_utf8(reply_bytes).expect("text");
        assert!(
            steps >= if reply.starts_with('-') { 1 } else { looked_at / STEP },
            "{command}: {steps} steps"
        );
        assert_eq!(head(&text), reply, "{command}");
        assert!(text.ends_with("+PONG\r\n"), "{command}");
    }
}

#[test]
fn many_members_that_are_popped_are_gone_and_all_others_stay() {
    let (mut world, peer) = large_world(1, &[]);
    let other = world.connect(0);
    let members = |text: &str| -> Vec<String> {
        text.split("\r\n").filter(|line| line.starts_with('m')).map(str::to_owned).collect()
    };
    for (count, encoding) in [(2000, "hashtable"), (50_000, "hashtable"), (99_990, "listpack")] {
        for is_changed in [false, true] {
            world.ask(peer, "COPY {k}set {k}to REPLACE");
            world.send(peer, &format!("SPOP {{k}}to {count}"));
            assert!(world.is_computing(0));
            world.step(0);
            if is_changed {
                assert_eq!(world.ask_only(other, "SADD {k}to more"), ":1\r\n");
            }
            while world.is_computing(0) {
                world.step(0);
            }
            world.turn(0);
            let reply = world.read(peer);
            assert_eq!(head(&reply), format!("*{count}"));
            let popped: BTreeSet<String> = members(&reply).into_iter().collect();
            let rest: BTreeSet<String> = members(&world.ask(peer, "SMEMBERS {k}to")).into_iter().collect();
            assert_eq!((popped.len(), popped.intersection(&rest).count()), (count, 0));
            assert_eq!(popped.len() + rest.len(), MEMBERS + usize::from(is_changed));
            let shown = world.ask(peer, "OBJECT ENCODING {k}to");
            assert!(shown.contains(encoding), "{count}: {shown}");
        }
    }
    world.ask(peer, "COPY {k}set {k}to REPLACE");
    let reply = world.ask(peer, "SPOP {k}to 200000\r\nEXISTS {k}to");
    assert_eq!((head(&reply), members(&reply).len()), ("*100000", MEMBERS));
    assert!(reply.ends_with(":0\r\n"), "the key goes with its last member");
}

#[test]
fn in_steps_or_at_once_the_result_is_the_same() {
    let (mut world, peer) = world_with_places();
    let merge = format!("PFMERGE {{k}}to {}", add_strings(&mut world, peer));
    for command in [
        &merge,
        "BITOP AND {k}to {k}one-long {k}two {k}two-long",
        "BITOP ONE {k}to {k}one {k}two-long {k}one-long",
        "BITOP NOT {k}one-long {k}one-long",
        "SUNIONSTORE {k}to {k}set {k}other {k}set",
        "SDIFFSTORE {k}to {k}other {k}set",
        "ZUNIONSTORE {k}to 3 {k}zset {k}zother {k}other WEIGHTS 2 -1 3",
        "ZUNIONSTORE {k}to 2 {k}zset {k}zother AGGREGATE MIN",
        "ZUNIONSTORE {k}to 2 {k}zset {k}zother AGGREGATE MAX WEIGHTS 1 60000",
        "ZINTERSTORE {k}to 3 {k}zset {k}zother {k}other WEIGHTS inf -inf 1",
        "SORT {k}list ALPHA STORE {k}to",
        "SORT {k}zset BY nosort DESC LIMIT 5 50000 STORE {k}to",
        "SORT {k}set BY nosort GET # GET {k}none STORE {k}to",
        "GEOSEARCHSTORE {k}to {k}places FROMLONLAT 5 0.5 BYBOX 500 90 km",
        "GEOSEARCHSTORE {k}to {k}places FROMLONLAT 5 0.5 BYRADIUS 300 km DESC COUNT 20000 STOREDIST",
        "GEOSEARCHSTORE {k}to {k}places FROMLONLAT 5 0.5 BYRADIUS 300 km ASC COUNT 100",
        "GEORADIUSBYMEMBER {k}places p500 9000 km COUNT 2000 ANY STORE {k}to",
    ] {
        let digest = |world: &mut World| world.ask(peer, "DEBUG DIGEST-VALUE {k}to\r\nOBJECT ENCODING {k}to");
        world.send(peer, command);
        assert!(world.is_computing(0), "{command}");
        world.compute(0);
        let (in_steps, from_steps) = (world.read(peer), digest(&mut world));
        let at_once = world.ask(peer, &format!("MULTI\r\n{command}\r\nEXEC"));
        assert_eq!(at_once, format!("+OK\r\n+QUEUED\r\n*1\r\n{in_steps}"), "{command}");
        assert_eq!(digest(&mut world), from_steps, "{command}");
    }
}

#[test]
fn a_part_of_more_strings_than_a_step_looks_at_is_combined_over_steps() {
    let (mut world, peer) = world_with_places();
    add_strings(&mut world, peer);
    for (operation, count) in [("XOR", 601), ("AND", 600), ("OR", 600)] {
        let look = "STRLEN {k}to\r\nDEBUG DIGEST-VALUE {k}to";
        world.ask(peer, "BITOP OR {k}to {k}one");
        let expected = world.ask(peer, look);
        world.send(peer, &format!("BITOP {operation} {{k}}to {}", "{k}one ".repeat(count)));
        assert!(world.is_computing(0), "{operation}");
        world.compute(0);
        world.read(peer);
        assert_eq!(world.ask(peer, look), expected, "{operation}");
    }
}

/// Changes of a large collection, in steps and at once, which is how a transaction makes them.
#[test]
fn large_collections_are_changed_in_steps_as_at_once() {
    let (mut world, peer) = large_world(1, &[]);
    for number in 0..3000 {
        world.ask(peer, &format!("RPUSH {{k}}list x {number} y"));
    }
    for command in [
        "ZREMRANGEBYRANK {k}copy 100 60000",
        "ZREMRANGEBYRANK {k}copy 0 -1",
        "ZREMRANGEBYSCORE {k}copy (5000 +inf",
        "ZREMRANGEBYSCORE {k}copy 5 10",
        "ZRANGESTORE {k}copy {k}zset 10 -10",
        "ZRANGESTORE {k}copy {k}zset 99000 -inf BYSCORE REV LIMIT 1000 60000",
        "LREM {k}copy 0 x",
        "LREM {k}copy -2500 y",
        "LREM {k}copy 2 y",
        "LREM {k}copy 0 nothing",
        "LREM {k}copy -1 0",
        "LINSERT {k}copy BEFORE y z",
        "LINSERT {k}copy AFTER 77 z",
        "LINSERT {k}copy AFTER nothing z",
    ] {
        let source = if command.starts_with('Z') { "{k}zset" } else { "{k}list" };
        let (copy, digest) = (format!("COPY {source} {{k}}copy REPLACE"), "DEBUG DIGEST-VALUE {k}copy");
        world.ask(peer, &format!("{copy}\r\nPEXPIRE {{k}}copy 1000000"));
        let encoding = world.ask(peer, "OBJECT ENCODING {k}copy");
        let in_steps = world.ask(peer, command);
        let from_steps = world.ask(peer, &format!("{digest}\r\nPTTL {{k}}copy"));
        world.ask(peer, &format!("{copy}\r\nPEXPIRE {{k}}copy 1000000"));
        let at_once = world.ask(peer, &format!("MULTI\r\n{command}\r\nEXEC"));
        assert_eq!(at_once, format!("+OK\r\n+QUEUED\r\n*1\r\n{in_steps}"), "{command}");
        assert_eq!(world.ask(peer, &format!("{digest}\r\nPTTL {{k}}copy")), from_steps, "{command}");
        if in_steps != ":0\r\n" && !command.ends_with("0 -1") {
            assert_eq!(world.ask(peer, "OBJECT ENCODING {k}copy"), encoding, "{command}");
        }
    }
}

#[test]
fn what_is_looked_for_in_large_values_is_found_in_steps() {
    let (mut world, peer) = large_world(1, &[]);
    world.ask(peer, "RPUSH {k}list x y x");
    world.ask(peer, "SETBIT {k}bits 40000000 1\r\nSETBIT {k}bits 40000007 1");
    add_stream(&mut world, peer);
    let positions: String = [MEMBERS, MEMBERS + 2].map(|at| format!(":{at}\r\n")).concat();
    for (command, reply) in [
        ("LPOS {k}list y", format!(":{}\r\n", MEMBERS + 1)),
        ("LPOS {k}list nothing", "$-1\r\n".to_owned()),
        ("LPOS {k}list x COUNT 0", format!("*2\r\n{positions}")),
        ("LPOS {k}list x RANK 2", format!(":{}\r\n", MEMBERS + 2)),
        ("LPOS {k}list 0 RANK -1 MAXLEN 50000", "$-1\r\n".to_owned()),
        ("LPOS {k}list 0 RANK -1 COUNT 2", "*1\r\n:0\r\n".to_owned()),
        ("BITCOUNT {k}bits", ":2\r\n".to_owned()),
        ("BITCOUNT {k}bits 3 40000003 BIT", ":1\r\n".to_owned()),
        ("BITPOS {k}bits 1", ":40000000\r\n".to_owned()),
        ("BITPOS {k}bits 1 40000001 -1 BIT", ":40000007\r\n".to_owned()),
        ("BITPOS {k}bits 1 0 40000 BYTE", ":-1\r\n".to_owned()),
    ] {
        assert_eq!(world.ask(peer, command), reply, "{command}");
        let queued = world.ask(peer, &format!("MULTI\r\n{command}\r\nEXEC"));
        assert_eq!(queued, format!("+OK\r\n+QUEUED\r\n*1\r\n{reply}"), "{command}");
    }
    for (command, numbers) in [
        ("XRANGE {k}stream - +", (0..5000).collect::<Vec<_>>()),
        ("XREVRANGE {k}stream + -", (0..5000).rev().collect()),
        ("XRANGE {k}stream 11 + COUNT 2000", (10..2010).collect()),
        ("XREVRANGE {k}stream 4000 2 COUNT 3000", (1000..4000).rev().collect()),
        ("XRANGE {k}stream 4990 +", (4989..5000).collect()),
    ] {
        assert_eq!(world.ask(peer, command), entries(numbers), "{command}");
    }
}

/// A stream of 5000 entries.
fn add_stream(world: &mut World, peer: Peer) {
    for first in (0..5000).step_by(100) {
        let lines: Vec<String> =
            (first..first + 100).map(|n| format!("XADD {{k}}stream {}-1 f {n}", n + 1)).collect();
        world.ask(peer, &lines.join("\r\n"));
    }
}

/// Some of them in a reply.
fn entries(numbers: impl IntoIterator<Item = usize, IntoIter: ExactSizeIterator>) -> String {
    let numbers = numbers.into_iter();
    let head = format!("*{}\r\n", numbers.len());
    numbers.fold(head, |reply, number| {
        let (id, value) = (format!("{}-1", number + 1), number.to_string());
        let (id_bytes, value_bytes) = (id.len(), value.len());
        reply + &format!("*2\r\n${id_bytes}\r\n{id}\r\n*2\r\n$1\r\nf\r\n${value_bytes}\r\n{value}\r\n")
    })
}

#[test]
fn long_streams_are_read_in_steps_and_shown_as_they_were() {
    let mut world = World::new(1, &[]);
    let (peer, other) = (world.connect(0), world.connect(0));
    add_stream(&mut world, peer);
    world.ask(peer, "XADD {k}next 1-1 f 0\r\nXGROUP CREATE {k}stream g 0");
    let whole = "*1\r\n*2\r\n$9\r\n{k}stream\r\n";
    let next = format!("*2\r\n$7\r\n{{k}}next\r\n{}", entries(0..1));
    for (command, reply) in [
        ("XREAD STREAMS {k}stream 0", format!("{whole}{}", entries(0..5000))),
        ("XREAD BLOCK 0 COUNT 3000 STREAMS {k}stream 1000", format!("{whole}{}", entries(999..3999))),
        ("XREAD MAXCOUNT 5000 STREAMS {k}stream {k}next 0 0", format!("{whole}{}", entries(0..5000))),
        (
            "XREAD STREAMS {k}none {k}next {k}stream 0 0 2500",
            format!("*2\r\n{next}{}{}", &whole[4..], entries(2499..5000)),
        ),
        ("XREADGROUP GROUP g c COUNT 2000 STREAMS {k}stream >", format!("{whole}{}", entries(0..2000))),
        ("XREADGROUP GROUP g c COUNT 500 STREAMS {k}stream >", format!("{whole}{}", entries(2000..2500))),
        ("XREADGROUP GROUP g c NOACK STREAMS {k}stream >", format!("{whole}{}", entries(2500..5000))),
    ] {
        assert_eq!(world.ask(peer, command), reply, "{command}");
    }
    assert!(world.ask(peer, "XPENDING {k}stream g").starts_with("*4\r\n:2500\r\n"));
    world.ask(peer, "XGROUP SETID {k}stream g 0");
    for command in ["XREAD STREAMS {k}stream 0", "XREADGROUP GROUP g c STREAMS {k}stream >"] {
        world.ask(peer, "COPY {k}stream {k}kept REPLACE");
        world.send(peer, command);
        world
            .ask_only(other, "XDEL {k}stream 1-1 7-1\r\nXADD {k}stream * f 5000\r\nRENAME {k}kept {k}stream");
        assert_eq!(world.read(peer), format!("{whole}{}", entries(0..5000)), "{command}");
        world.ask(peer, "XGROUP SETID {k}stream g 0");
        let queued = world.ask(peer, &format!("MULTI\r\n{command}\r\nEXEC"));
        let reply = format!("+OK\r\n+QUEUED\r\n*1\r\n{whole}{}", entries(0..5000));
        assert_eq!(queued, reply, "{command}");
        world.ask(peer, "XGROUP SETID {k}stream g 0");
    }
}

/// Redis gathers such replies before it sends the first byte.
#[test]
fn elements_that_are_chosen_again_and_again_come_in_slices() {
    let (mut world, peer) = large_world(1, &[]);
    world.ask(peer, "HSET {k}hash f1 v1 f2 v2");
    for (command, head) in [
        ("HRANDFIELD {k}hash -4000000000 WITHVALUES", "*8000000000\r\n"),
        ("SRANDMEMBER {k}set -4294967296", "*4294967296\r\n"),
        ("ZRANDMEMBER {k}zset -4000000000 WITHSCORES", "*8000000000\r\n"),
    ] {
        let asking = world.connect(0);
        world.send(asking, command);
        let text = String::from_utf8(world.read_slice(asking).expect("a head")).expect("text");
        assert_eq!(text, head, "{command}");
        for _ in 0..10 {
            let bytes = world.read_slice(asking).expect("more").len();
            assert!((1024..100_000).contains(&bytes), "{command}: {bytes} bytes");
        }
        world.hang_up(asking);
    }
    assert!(world.ask(peer, "SRANDMEMBER {k}set -5000").starts_with("*5000\r\n$"));
}

/// What a test expects of the sets and sorted sets that it changes.
#[derive(Default)]
struct Model {
    sets: [BTreeSet<usize>; 2],
    zsets: [BTreeMap<usize, i64>; 2],
}

const NAMES: [&str; 2] = ["a", "b"];

impl Model {
    /// Makes a random change of a source and gives the command for it.
    fn change(&mut self, rng: &mut Rng) -> String {
        let (at, member) = (rng.below(2) as usize, rng.below(4000) as usize);
        let name = NAMES[at];
        match rng.below(9) {
            0..4 => {
                self.sets[at].insert(member);
                format!("SADD {{k}}s{name} {member}")
            }
            4 => {
                self.sets[at].remove(&member);
                format!("SREM {{k}}s{name} {member}")
            }
            5..8 => {
                let score = rng.below(100) as i64;
                self.zsets[at].insert(member, score);
                format!("ZADD {{k}}z{name} {score} {member}")
            }
            _ if rng.below(20) == 0 => {
                self.sets[at].clear();
                format!("DEL {{k}}s{name}")
            }
            _ => {
                self.zsets[at].remove(&member);
                format!("ZREM {{k}}z{name} {member}")
            }
        }
    }

    /// The members that a command, one of those below, would store now, with their scores.
    fn result(&self, command: usize) -> BTreeMap<usize, i64> {
        let [one, other] = &self.sets;
        let [zone, zother] = &self.zsets;
        let unscored = |members: BTreeSet<usize>| members.into_iter().map(|member| (member, 0)).collect();
        match command {
            0 => unscored(one | other),
            1 => unscored(one & other),
            2 => unscored(one - other),
            3 => {
                let mut sum = zone.clone();
                zother.iter().for_each(|(&member, score)| *sum.entry(member).or_default() += score);
                sum
            }
            4 => zone.iter().filter_map(|(m, s)| Some((*m, *s.max(zother.get(m)?)))).collect(),
            5 => unscored(one.clone()),
            _ => zone.clone(),
        }
    }
}

/// The commands, and what shows their result: members, with scores where they have some.
const COMMANDS: [(&str, &str); 8] = [
    ("SUNIONSTORE {k}to {k}sa {k}sb", "SMEMBERS {k}to"),
    ("SINTERSTORE {k}to {k}sa {k}sb", "SMEMBERS {k}to"),
    ("SDIFFSTORE {k}to {k}sa {k}sb", "SMEMBERS {k}to"),
    ("ZUNIONSTORE {k}to 2 {k}za {k}zb", "ZRANGE {k}to 0 -1 WITHSCORES"),
    ("ZINTERSTORE {k}to 2 {k}za {k}zb AGGREGATE MAX", "ZRANGE {k}to 0 -1 WITHSCORES"),
    ("SORT {k}sa STORE {k}to", "LRANGE {k}to 0 -1"),
    ("ZRANGESTORE {k}to {k}za 0 -1", "ZRANGE {k}to 0 -1 WITHSCORES"),
    ("GEOSEARCHSTORE {k}to {k}za FROMLONLAT -180 -85 BYRADIUS 1000 km", "ZRANGE {k}to 0 -1 WITHSCORES"),
];

/// The members that a reply shows, with their scores if there are some.
fn shown(reply: &str, has_scores: bool) -> BTreeMap<usize, i64> {
    let lines = reply.split("\r\n").skip(1).filter(|line| !line.starts_with('$') && !line.is_empty());
    let numbers: Vec<i64> = lines.map(|line| line.parse().expect("a number")).collect();
    let width = if has_scores { 2 } else { 1 };
    numbers.chunks(width).map(|pair| (pair[0] as usize, if has_scores { pair[1] } else { 0 })).collect()
}

#[test]
fn a_result_is_that_of_the_moment_of_its_reply_whatever_changes_meanwhile() {
    slow_down();
    for seed in 0..12 {
        let mut rng = Rng::from_seed(seed);
        let mut world = World::new(2, &[]);
        world.record();
        let (peer, writer) = (world.connect(0), world.connect(1));
        let mut model = Model::default();
        for _ in 0..8000 {
            let line = model.change(&mut rng);
            world.ask(writer, &line);
        }
        for (at, (command, show)) in COMMANDS.into_iter().enumerate() {
            world.send(peer, command);
            // At times there are more changes than there are attempts.
            let haste = rng.below(12) + 1;
            while world.is_computing(0) {
                if rng.below(haste) == 0 {
                    let line = model.change(&mut rng);
                    world.ask(writer, &line);
                }
                world.step(0);
            }
            world.turn(0);
            let expected = model.result(at);
            assert_eq!(world.read(peer), format!(":{}\r\n", expected.len()), "{command}, seed {seed}");
            assert_eq!(
                shown(&world.ask(peer, show), show.ends_with("WITHSCORES")),
                expected,
                "{command}, seed {seed}"
            );
        }
        // What was recorded, run again, gives the same data.
        let log = world.take_log();
        let mut replayed = World::new(1, &[]);
        let loader = replayed.connect(0);
        replayed.send_bytes(loader, &log);
        while replayed.is_computing(0) {
            replayed.compute(0);
        }
        replayed.read(loader);
        assert_eq!(replayed.ask(loader, "DEBUG DIGEST"), world.ask(peer, "DEBUG DIGEST"), "seed {seed}");
    }
}

#[test]
fn what_is_recorded_of_a_large_result_is_as_short_as_its_command() {
    let (mut world, peer) = world_with_places();
    add_strings(&mut world, peer);
    world.record();
    for command in [
        "SUNIONSTORE {k}to {k}set {k}other",
        "ZUNIONSTORE {k}to 2 {k}zset {k}zother WEIGHTS 1 2",
        "ZRANGESTORE {k}to {k}zset 0 60000",
        "SORT {k}list ALPHA STORE {k}to",
        "GEOSEARCHSTORE {k}to {k}places FROMMEMBER p0 BYBOX 4000 400 km STOREDIST",
        "BITOP NOT {k}to {k}one-long",
    ] {
        for line in [command.to_owned(), format!("MULTI\r\n{command}\r\nEXEC")] {
            world.ask(peer, &line.replace("SORT", "sort"));
            let mut log = Vec::new();
            let words: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
            resp::write_command(&mut log, &words);
            assert_eq!(String::from_utf8_lossy(&world.take_log()), String::from_utf8_lossy(&log), "{line}");
        }
    }
}

#[test]
fn a_client_that_goes_leaves_nothing_behind() {
    let (mut world, peer) = large_world(1, &[]);
    world.send(peer, "SUNIONSTORE {k}to {k}set {k}other");
    world.step(0);
    world.hang_up(peer);
    world.compute(0);
    let other = world.connect(0);
    assert_eq!(world.ask(other, "EXISTS {k}to"), ":0\r\n");
    world.send(other, "SUNIONSTORE {k}to {k}set {k}other");
    world.step(0);
    let killer = world.connect(0);
    assert_eq!(world.ask_only(killer, "CLIENT KILL TYPE normal SKIPME yes"), ":1\r\n");
    world.settle();
    assert_eq!(world.closed(0), [other.number]);
    world.compute(0);
    assert_eq!(world.ask(killer, "EXISTS {k}to"), ":0\r\n");
}

#[test]
fn nothing_is_stored_during_a_pause_of_writes() {
    let (mut world, peer) = large_world(1, &[]);
    let other = world.connect(0);
    world.send(peer, "SUNIONSTORE {k}to {k}set {k}other");
    world.step(0);
    world.ask_only(other, "CLIENT PAUSE 100 WRITE");
    world.compute(0);
    assert_eq!((world.read(peer).as_str(), world.ask_only(other, "EXISTS {k}to").as_str()), ("", ":0\r\n"));
    world.pass_ms(101);
    world.compute(0);
    world.settle();
    world.compute(0);
    assert_eq!(world.read(peer), ":150000\r\n");
}

#[test]
fn rules_that_change_meanwhile_hold_for_the_result() {
    let (mut world, peer) = large_world(1, &[]);
    let admin = world.connect(0);
    world.ask(admin, "ACL SETUSER alice on nopass ~* +@all");
    world.ask(peer, "AUTH alice x");
    world.send(peer, "SUNIONSTORE {k}to {k}set {k}other");
    world.ask_only(admin, "ACL SETUSER alice -sunionstore");
    world.compute(0);
    assert!(world.read(peer).starts_with("-NOPERM"));
    assert_eq!(world.ask(admin, "EXISTS {k}to"), ":0\r\n");
}

#[test]
fn those_who_wait_for_a_sorted_list_are_served() {
    let (mut world, peer) = large_world(2, &[]);
    let waiting = world.connect(1);
    world.send(waiting, "BLPOP {k}to 0");
    world.send(peer, "CLIENT REPLY SKIP\r\nSORT {k}list STORE {k}to\r\nLLEN {k}to");
    world.compute(0);
    world.settle();
    assert_eq!(world.read(waiting), "*2\r\n$5\r\n{k}to\r\n$1\r\n0\r\n");
    assert_eq!(world.read(peer), format!(":{}\r\n", MEMBERS - 1), "the other reply was not wanted");
}
