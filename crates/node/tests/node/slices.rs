//! Long replies are written in slices: they show what was there when the command ran, in their place among the others.

use crate::world::{Peer, World};

const ITEMS: usize = 5000;

/// A list, a hash, a sorted set and a string that are long, and many keys.
fn long_world() -> (World, Peer) {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    let numbers: Vec<String> = (0..ITEMS).map(|number| number.to_string()).collect();
    for chunk in numbers.chunks(500) {
        world.ask(peer, &format!("RPUSH list {}", chunk.join(" ")));
        let fields: Vec<String> = chunk.iter().map(|number| format!("f{number} v{number}")).collect();
        world.ask(peer, &format!("HSET hash {}", fields.join(" ")));
        let members: Vec<String> = chunk.iter().map(|number| format!("{number} {number}")).collect();
        world.ask(peer, &format!("ZADD zset {}", members.join(" ")));
    }
    world.ask(peer, "SETRANGE string 299999 z");
    (world, peer)
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

fn numbers(range: std::ops::Range<usize>) -> String {
    range.map(|number| number.to_string()).fold(String::new(), |all, number| all + &bulk(&number))
}

#[test]
fn a_long_list_is_shown_as_it_was_and_later_replies_come_behind() {
    let (mut world, peer) = long_world();
    world.send(peer, "LRANGE list 0 -1\r\nLSET list 4000 changed\r\nLRANGE list 3000 -1\r\nLLEN list");
    let changed = [numbers(3000..4000), bulk("changed"), numbers(4001..ITEMS)].concat();
    let expected = format!("*{ITEMS}\r\n{}+OK\r\n*2000\r\n{changed}:{ITEMS}\r\n", numbers(0..ITEMS));
    assert_eq!(world.read(peer), expected);
}

#[test]
fn a_long_string_is_shown_as_it_was_by_every_command_that_shows_it() {
    let (mut world, peer) = long_world();
    let before = "\0".repeat(299_999) + "z";
    let after = "\0".repeat(100_000) + "xyz" + &before[100_003..];
    world.send(
        peer,
        "GET string\r\nSETRANGE string 100000 xyz\r\nMGET string none string\r\nGETRANGE string 99999 199999\r\n\
         MULTI\r\nGET string\r\nSTRLEN string\r\nEXEC\r\nGETEX string PERSIST\r\nSET string short GET\r\nGETDEL string",
    );
    let (before, after, part) = (bulk(&before), bulk(&after), bulk(&after[99_999..200_000]));
    let expected = [
        &before[..],
        ":300000\r\n*3\r\n",
        &after,
        "$-1\r\n",
        &after,
        &part,
        "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n",
        &after,
        ":300000\r\n",
        &after,
        &after,
        "$5\r\nshort\r\n",
    ];
    assert!(world.read(peer) == expected.concat());
}

/// What the first client's output takes, as another one sees it.
fn output_memory(world: &mut World, watcher: Peer) -> usize {
    let line = world.ask(watcher, "CLIENT LIST ID 1");
    let field = line.split(' ').find_map(|field| field.strip_prefix("omem="));
    field.and_then(|bytes| bytes.parse().ok()).expect("a number of bytes")
}

#[test]
fn what_a_slow_reader_holds_of_a_string_counts_as_his() {
    let (mut world, slow) = long_world();
    let watcher = world.connect(0);
    world.send(slow, "GET string\r\nDEL string");
    assert!((300_000..301_000).contains(&output_memory(&mut world, watcher)));
    assert_eq!(world.read(slow).len(), 300_000 + 11 + 4);
    assert!(output_memory(&mut world, watcher) < 1000);
    world.ask(watcher, "CONFIG SET client-output-buffer-limit 'normal 500000 0 0'");
    world.ask(watcher, "SETRANGE string 299999 z");
    world.send(slow, "GET string\r\nGET string");
    assert_eq!(world.closed(0), [slow.number], "it is owed more than it may be");
}

#[test]
fn a_long_hash_shows_each_field_once_although_it_is_gone_before_it_is_read() {
    let (mut world, peer) = long_world();
    world.send(peer, "HGETALL hash\r\nHKEYS hash\r\nHVALS hash\r\nDEL hash");
    let text = world.read(peer);
    let mut lines: Vec<&str> = text.split("\r\n").filter(|line| line.starts_with(['f', 'v'])).collect();
    lines.sort_unstable();
    let mut expected: Vec<String> = (0..ITEMS).flat_map(|n| [format!("f{n}"), format!("v{n}")]).collect();
    expected.extend(expected.clone());
    expected.sort_unstable();
    assert_eq!(lines, expected);
    assert!(text.starts_with("*10000\r\n") && text.ends_with(":1\r\n"));
}

#[test]
fn long_sets_and_what_is_made_of_them_are_shown_as_they_were() {
    let (mut world, peer) = long_world();
    for (key, numbers) in [("set", 0..ITEMS), ("other", ITEMS / 2..ITEMS * 3 / 2)] {
        let members: Vec<String> = numbers.map(|number| format!("m{number}")).collect();
        for chunk in members.chunks(500) {
            world.ask(peer, &format!("SADD {key} {}", chunk.join(" ")));
        }
    }
    let sorted: String = (0..ITEMS).rev().map(|number| bulk(&number.to_string())).collect();
    for (command, range) in [
        ("SMEMBERS set", 0..ITEMS),
        ("SINTER set other", ITEMS / 2..ITEMS),
        ("SUNION set other", 0..ITEMS * 3 / 2),
        ("SUNION set other set none set other", 0..ITEMS * 3 / 2),
        ("SDIFF set other", 0..ITEMS / 2),
    ] {
        let copies = "COPY set kept\r\nCOPY other kept:2";
        let restore = "RENAME kept set\r\nRENAME kept:2 other";
        world.ask(peer, copies);
        world.send(peer, &format!("{command}\r\nDEL set other\r\nSORT list DESC"));
        let text = world.read(peer);
        let mut members: Vec<&str> = text.split("\r\n").filter(|line| line.starts_with('m')).collect();
        members.sort_unstable();
        let mut expected: Vec<String> = range.map(|number| format!("m{number}")).collect();
        expected.sort_unstable();
        assert_eq!(members, expected, "{command}");
        assert!(text.starts_with(&format!("*{}\r\n", expected.len())), "{command}");
        assert!(text.ends_with(&format!(":2\r\n*{ITEMS}\r\n{sorted}")), "{command}");
        world.ask(peer, restore);
    }
    assert_eq!(world.ask(peer, "SDIFFSTORE set set other\r\nSCARD set"), ":2500\r\n:2500\r\n");
}

#[test]
fn a_long_sorted_set_is_shown_from_either_side_as_it_was() {
    let (mut world, peer) = long_world();
    world.send(
        peer,
        "ZRANGE zset 1000 3999\r\nZRANGE zset 0 2999 REV\r\nZREMRANGEBYRANK zset 0 4998\r\nZCARD zset",
    );
    world.compute(0);
    let reversed: Vec<String> = (2000..ITEMS).rev().map(|number| bulk(&number.to_string())).collect();
    let forward = numbers(1000..4000);
    let expected = format!("*3000\r\n{forward}*3000\r\n{}:4999\r\n:1\r\n", reversed.concat());
    assert_eq!(world.read(peer), expected);
}

#[test]
fn long_members_come_with_their_scores() {
    let (mut world, peer) = long_world();
    world.send(peer, "ZUNION 1 zset WEIGHTS 2 WITHSCORES");
    let pairs = (0..ITEMS).map(|number| bulk(&number.to_string()) + &bulk(&(2 * number).to_string()));
    assert_eq!(world.read(peer), format!("*10000\r\n{}", pairs.collect::<String>()));
}

/// As many members as it takes for more than a thousand to be few of them.
const MANY: usize = 10_000;

#[test]
fn many_chosen_elements_are_different_and_from_everywhere() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    let numbers: Vec<usize> = (0..MANY).collect();
    for chunk in numbers.chunks(500) {
        let words = |each: &dyn Fn(usize) -> String| -> String { chunk.iter().map(|&at| each(at)).collect() };
        world.ask(peer, &format!("SADD set{}", words(&|number| format!(" m{number:05}"))));
        world.ask(peer, &format!("HSET hash{}", words(&|number| format!(" m{number:05} v"))));
        world.ask(peer, &format!("ZADD zset{}", words(&|number| format!(" {number} m{number:05}"))));
    }
    for command in ["SRANDMEMBER set", "HRANDFIELD hash", "ZRANDMEMBER zset"] {
        for wanted in [1100, 4000, MANY, 2 * MANY] {
            let expected = wanted.min(MANY);
            world.send(peer, &format!("{command} {wanted}\r\nPING"));
            let mut slices = 0;
            let mut bytes = Vec::new();
            while let Some(slice) = world.read_slice(peer) {
                bytes.extend(slice);
                slices += 1;
            }
            let text = String::from_utf8(bytes).expect("text");
            assert!(text.starts_with(&format!("*{expected}\r\n")), "{command} {wanted}");
            assert!(slices > expected / 2048, "{command} {wanted}: {slices} slices");
            let mut chosen: Vec<&str> = text.split("\r\n").filter(|line| line.starts_with('m')).collect();
            chosen.sort_unstable();
            chosen.dedup();
            assert_eq!(chosen.len(), expected, "{command} {wanted}: each comes once");
            let low = chosen.iter().filter(|&&member| member < "m05000").count();
            assert!(
                low.abs_diff(expected / 2) <= expected / 10,
                "{command} {wanted}: {low} of the lower half"
            );
        }
    }
}

#[test]
fn a_long_string_comes_whole() {
    let (mut world, peer) = long_world();
    let zeros = "\0".repeat(299_999);
    world.send(peer, "GETDEL string\r\nGET string");
    assert_eq!(world.read(peer), format!("$300000\r\n{zeros}z\r\n$-1\r\n"));
}

#[test]
fn transactions_hold_long_replies_in_their_order() {
    let (mut world, peer) = long_world();
    world.send(peer, "MULTI\r\nLRANGE list 0 1999\r\nLTRIM list 0 0\r\nLRANGE list 0 -1\r\nEXEC");
    let queued = "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n";
    let expected = format!("{queued}*3\r\n*2000\r\n{}+OK\r\n*1\r\n$1\r\n0\r\n", numbers(0..2000));
    assert_eq!(world.read(peer), expected);
}

#[test]
fn keys_are_those_of_the_moment_of_the_command() {
    let (mut world, peer) = long_world();
    for first in (0..3000).step_by(500) {
        let pairs: Vec<String> = (first..first + 500).map(|number| format!("key:{number} x")).collect();
        world.ask(peer, &format!("MSET {}", pairs.join(" ")));
    }
    world.send(peer, "KEYS key:*\r\nFLUSHALL\r\nKEYS *");
    let text = world.read(peer);
    let mut found: Vec<&str> = text.split("\r\n").filter(|line| line.starts_with("key:")).collect();
    found.sort_unstable();
    let mut expected: Vec<String> = (0..3000).map(|number| format!("key:{number}")).collect();
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert!(text.starts_with("*3000\r\n") && text.ends_with("+OK\r\n*0\r\n"));
}

#[test]
fn a_client_that_wants_no_replies_gets_none() {
    let (mut world, peer) = long_world();
    world.send(peer, "CLIENT REPLY SKIP\r\nLRANGE list 0 -1\r\nPING");
    assert_eq!(world.read(peer), "+PONG\r\n");
    world.send(peer, "CLIENT REPLY OFF\r\nHGETALL hash\r\nCLIENT REPLY ON");
    assert_eq!(world.read(peer), "+OK\r\n");
}

#[test]
fn what_is_not_made_yet_counts_as_owed() {
    let mut world = World::new(1, &[("client-output-buffer-limit", "normal 20000 0 0")]);
    let peer = world.connect(0);
    let numbers: Vec<String> = (0..ITEMS).map(|number| number.to_string()).collect();
    world.ask(peer, &format!("RPUSH list {}", numbers.join(" ")));
    world.send(peer, "LRANGE list 0 -1");
    assert_eq!(world.closed(0), [peer.number]);
}

/// The values of the log of large replies, newest first.
fn large_replies(world: &mut World, peer: Peer) -> Vec<usize> {
    let text = world.ask(peer, "COMMANDLOG GET -1 large-reply");
    let lines: Vec<&str> = text.split("\r\n").collect();
    let entries = lines.iter().enumerate().filter(|(_, line)| **line == "*6");
    entries.map(|(at, _)| lines[at + 3][1..].parse().expect("a size")).collect()
}

#[test]
fn long_replies_are_noted_with_all_their_bytes_when_they_have_been_made() {
    let (mut world, peer) = long_world();
    world.ask(peer, "CONFIG SET commandlog-reply-larger-than 10000");
    let mut expected = Vec::new();
    for command in
        ["LRANGE list 0 -1", "HGETALL hash", "GET string", "SORT list DESC", "ZUNION 1 zset WITHSCORES"]
    {
        world.send(peer, command);
        world.compute(0);
        expected.push(world.read(peer).len());
    }
    expected.reverse();
    assert_eq!(large_replies(&mut world, peer), expected);
    world.ask(peer, "COMMANDLOG RESET large-reply");
    // The parts of a transaction count for the commands that they belong to, not for EXEC.
    world.send(peer, "MULTI\r\nLRANGE list 0 1999\r\nGET string\r\nLRANGE list 0 500\r\nEXEC");
    world.read(peer);
    let list = format!("*2000\r\n{}", numbers(0..2000)).len();
    assert_eq!(large_replies(&mut world, peer), [list, 300_000 + 11], "the string was there already");
    world.ask(peer, "COMMANDLOG RESET large-reply");
    world.ask(peer, "CLIENT REPLY SKIP\r\nLRANGE list 0 -1\r\nPING");
    assert_eq!(large_replies(&mut world, peer), []);
}

#[test]
fn a_reply_that_nobody_wants_any_more_is_noted_with_what_was_made_of_it() {
    let (mut world, peer) = long_world();
    let gone = world.connect(0);
    world.ask(peer, "CONFIG SET commandlog-reply-larger-than 0");
    world.ask(peer, "COMMANDLOG RESET large-reply");
    world.send(gone, "LRANGE list 0 -1");
    world.hang_up(gone);
    world.bury();
    let text = world.ask(peer, "COMMANDLOG GET -1 large-reply");
    assert!(text.contains("LRANGE"), "{text}");
}
