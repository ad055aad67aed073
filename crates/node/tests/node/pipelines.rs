//! Pipelines: what stands one behind the other in a group.

use std::sync::mpsc;

use keyspace::{Access, DbIndex};
use node::{Input, Side};
use stdx::time::UnixMs;

use crate::world::World;

#[test]
fn requests_in_one_piece_find_their_keys_whatever_stands_before_them() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    // A key is hashed once for the requests of a group that name it one behind the other. What stands before one may name it
    // as well, or another, or have no key there, or be refused.
    let asked = [
        ("ECHO k", "$1\r\nk\r\n"),
        ("SET k a", "+OK\r\n"),
        ("APPEND k b", ":2\r\n"),
        ("GET k x", "-ERR wrong number of arguments for 'get' command\r\n"),
        ("GET k", "$2\r\nab\r\n"),
        ("GET l", "$-1\r\n"),
        ("MSET l c k d", "+OK\r\n"),
        ("GET l", "$1\r\nc\r\n"),
        ("PING l", "$1\r\nl\r\n"),
        ("STRLEN l", ":1\r\n"),
        ("GET k", "$1\r\nd\r\n"),
        ("LPUSH m x y", ":2\r\n"),
        ("RPOP m", "$1\r\nx\r\n"),
        ("RENAME m k", "+OK\r\n"),
        ("LLEN m", ":0\r\n"),
        ("LLEN k", ":1\r\n"),
    ];
    let (requests, replies): (Vec<&str>, Vec<&str>) = asked.into_iter().unzip();
    assert_eq!(world.ask(peer, &requests.join("\r\n")), replies.concat());
}

#[test]
fn time_stands_still_within_a_transaction_or_script_and_nowhere_else() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    let script = "EVAL \"redis.call('GET', KEYS[1]) redis.call('GET', 'k') return {redis.call('TIME')[2], redis.call('TIME')[2]}\" 1 l";
    for (request, stands) in [
        ("TIME\r\nTIME".to_owned(), false),
        ("MULTI\r\nTIME\r\nTIME\r\nEXEC".to_owned(), true),
        (format!("MULTI\r\nTIME\r\n{script}\r\nEXEC"), true),
        (script.to_owned(), true),
        (format!("{script}\r\n{script}"), false),
    ] {
        let reply = world.ask(peer, &request);
        let mut times: Vec<&str> = reply.lines().filter(|line| line.starts_with("1234")).collect();
        assert!(times.len() >= 2, "{reply}");
        times.dedup();
        assert_eq!(times.len() == 1, stands, "{request}: {reply}");
    }
}

#[test]
fn equal_commands_in_one_piece_are_timed_together_unless_somebody_asks_for_short_times() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    let pushes = ["RPUSH l a", "RPUSH l b", "RPUSH l c", "RPUSH l d e", "GET l", "RPUSH l f"].join("\r\n");
    let wrong_type = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
    let replies = format!(":1\r\n:2\r\n:3\r\n:5\r\n{wrong_type}:6\r\n");
    let statistics = |world: &mut World| {
        let text = world.ask(peer, "INFO commandstats");
        let line = text.lines().find(|line| line.starts_with("cmdstat_rpush:")).expect("it has run");
        line.split(',').take(2).collect::<Vec<_>>().join(",")
    };
    // The clock goes on by a microsecond whenever it is read: at the end of the first four, of GET, and of the last.
    assert_eq!(world.ask(peer, &pushes), replies);
    assert_eq!(statistics(&mut world), "cmdstat_rpush:calls=5,usec=2");
    assert!(world.ask(peer, "LATENCY HISTOGRAM rpush").contains("calls\r\n:5\r\n"));
    world.ask(peer, "CONFIG SET slowlog-log-slower-than 0");
    world.ask(peer, "CONFIG RESETSTAT\r\nSLOWLOG RESET\r\nDEL l");
    assert_eq!(world.ask(peer, &pushes), replies);
    assert_eq!(statistics(&mut world), "cmdstat_rpush:calls=5,usec=5");
    let noted = world.ask(peer, "SLOWLOG GET -1");
    assert_eq!(noted.matches("RPUSH").count(), 5, "{noted}");
}

#[test]
fn what_is_timed_together_is_noted_where_somebody_wants_that() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    let sets = ["SET k first", "SET k second", "SET k third"].join("\r\n");
    let noted = |world: &mut World, log: &str| {
        world.ask(peer, &format!("COMMANDLOG RESET {log}"));
        assert_eq!(world.ask(peer, &sets), "+OK\r\n".repeat(3));
        let text = world.ask(peer, &format!("COMMANDLOG GET -1 {log}"));
        ["first", "second", "third"].iter().filter(|value| text.contains(**value)).count()
    };
    world.ask(peer, "CONFIG RESETSTAT");
    assert_eq!(noted(&mut world, "large-request"), 0);
    let statistics = world.ask(peer, "INFO commandstats");
    assert!(statistics.contains("cmdstat_set:calls=3,usec=1,"), "{statistics}");
    world.ask(peer, "CONFIG SET commandlog-request-larger-than 20 commandlog-reply-larger-than 1");
    assert_eq!(noted(&mut world, "large-request"), 3);
    assert_eq!(noted(&mut world, "large-reply"), 3);
    world.ask(peer, "CONFIG SET commandlog-request-larger-than -1 commandlog-reply-larger-than -1");
    let monitor = world.connect(0);
    world.ask(monitor, "MONITOR");
    world.ask(peer, &sets);
    world.settle();
    let seen = world.read(monitor);
    assert_eq!(seen.matches("\"SET\" \"k\"").count(), 3, "{seen}");
}

#[test]
fn requests_with_more_keys_than_are_near_when_they_run_find_them_all() {
    const KEYS: usize = 3000;
    let mut world = World::new(2, &[]);
    let peer = world.connect(0);
    let keys = |step: usize| {
        (0..KEYS).step_by(step).fold(String::new(), |keys, number| keys + &format!(" k{number}"))
    };
    for number in 0..KEYS {
        world.ask(peer, &format!("SET k{number} v"));
    }
    let all = keys(1);
    assert_eq!(world.ask(peer, &format!("EXISTS{all}{all}")), format!(":{}\r\n", 2 * KEYS));
    assert_eq!(world.ask(peer, &format!("TOUCH{all} nobody")), format!(":{KEYS}\r\n"));
    assert_eq!(world.ask(peer, &format!("DEL{}", keys(3))), ":1000\r\n");
    assert_eq!(
        world.ask(peer, &format!("MULTI\r\nDEL{}\r\nEXEC", keys(2))),
        "+OK\r\n+QUEUED\r\n*1\r\n:1000\r\n"
    );
    assert_eq!(world.ask(peer, &format!("UNLINK{all}\r\nDBSIZE")), ":1000\r\n:0\r\n");
}

#[test]
fn members_of_large_values_are_found_however_many_a_group_names() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    // Large and small values of all kinds that have members, due and missing ones, other types, and other databases.
    let many = |command: &str, score: &str| {
        let members = (0..300).map(|number| format!("{score}m{number}")).collect::<Vec<_>>().join(" ");
        format!("{command} {members}")
    };
    for request in
        [many("SADD set", ""), many("ZADD zset", "1 "), many("HSET hash", "v "), many("SADD gone", "")]
    {
        world.ask(peer, &request);
    }
    world.ask(peer, "PEXPIREAT gone 1");
    world.ask(peer, "SADD small a\r\nSET text a\r\nHSET hash f g");
    let asked = [
        ("SISMEMBER set m7", ":1\r\n"),
        ("SISMEMBER set nobody", ":0\r\n"),
        ("SISMEMBER gone m7", ":0\r\n"),
        ("SISMEMBER missing m7", ":0\r\n"),
        ("SISMEMBER small a", ":1\r\n"),
        ("ZSCORE zset m299", "$1\r\n1\r\n"),
        ("ZADD zset NX 2 m299 3 new", ":1\r\n"),
        ("ZSCORE zset new", "$1\r\n3\r\n"),
        ("HGET hash f", "$1\r\ng\r\n"),
        ("HDEL hash f m1", ":1\r\n"),
        ("HGET hash f", "$-1\r\n"),
        ("HGET hash", "-ERR wrong number of arguments for 'hget' command\r\n"),
        ("SELECT 1", "+OK\r\n"),
        ("SISMEMBER set m7", ":0\r\n"),
        ("SELECT 0", "+OK\r\n"),
        ("SADD text a", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
    ];
    let (requests, replies): (Vec<&str>, Vec<&str>) = asked.into_iter().unzip();
    assert_eq!(world.ask(peer, &requests.join("\r\n")), replies.concat());
    let (removals, removed) = (many("SREM set", ""), ":300\r\n:0\r\n");
    assert_eq!(
        world.ask(peer, &format!("{removals}\r\nSADD gone\r\nSISMEMBER set m7")).replacen(
            "-ERR wrong number of arguments for 'sadd' command\r\n",
            "",
            1
        ),
        removed
    );
}

/// How often somebody looks before he gives up: seconds.
const LOOKS: usize = 100_000_000;

#[test]
fn nobody_who_waits_for_a_key_keeps_the_other_keys_of_his_group() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    let node = world.node();
    let (held, is_held) = mpsc::channel();
    let rival = std::thread::spawn(move || {
        let keyspace = &*node.shared.keyspace;
        let [mut holding, mut looking] =
            [Side::Main, Side::Persistence].map(|side| Access::new(keyspace, node.side(side), 1));
        let (taken, free) = (keyspace.key(b"taken"), keyspace.key(b"free"));
        assert_ne!(keyspace.shard_of(&taken), keyspace.shard_of(&free));
        [&mut holding, &mut looking].into_iter().for_each(|access| access.begin(UnixMs(0)));
        holding.lock(&mut [keyspace.shard_of(&taken)]);
        held.send(()).expect("the test waits for it");
        let mut is_there = false;
        for _ in 0..LOOKS {
            if looking.try_hold(keyspace.shard_of(&free)) {
                is_there = looking.db(DbIndex(0)).string(&free).is_ok_and(|value| value.is_some());
                looking.unlock();
            }
            if is_there {
                break;
            }
        }
        holding.unlock();
        [holding, looking].iter_mut().for_each(Access::end);
        is_there
    });
    is_held.recv().expect("it says so");
    let requests = ["SET free a", "APPEND free b", "SET taken c", "APPEND free d", "GET taken", "GET free"];
    let replies = "+OK\r\n:2\r\n+OK\r\n:3\r\n$1\r\nc\r\n$3\r\nabd\r\n";
    for _ in 0..100 {
        assert_eq!(world.ask(peer, &requests.join("\r\n")), replies, "however its locks are taken");
    }
    assert!(rival.join().expect("it ends"), "one key was set while the other was taken");
}

#[test]
fn what_a_connection_left_over_comes_once_when_it_goes_on_in_the_turn_that_reads_more_of_it() {
    let mut world = World::new(1, &[]);
    let (waiting, other) = (world.connect(0), world.connect(0));
    world.send_bytes(waiting, b"BLPOP l 0\r\n*1\r\n$4\r\nPI");
    world.ask(other, "RPUSH l x");
    // It goes on, and its half request has been lifted in front of what was read.
    let (worker, now) = world.worker(0);
    let mut inputs = std::mem::take(worker.inputs());
    assert!(inputs.iter().any(|input| input.connection == waiting.number && input.range.is_empty()));
    let mut arena = *b"__________NG\r\n";
    worker.unfinished_input(waiting.number).expect("it was kept").lift(&mut arena[..10]);
    inputs.push(Input { connection: waiting.number, range: 0..arena.len() });
    worker.execute(now, &arena, &inputs, &mut |_| now);
    assert_eq!(world.read(waiting), "*2\r\n$1\r\nl\r\n$1\r\nx\r\n+PONG\r\n");
    let sent = "BLPOP l 0  *1  $4  PING  RPUSH l x  INFO stats  ".len();
    assert!(world.ask(other, "INFO stats").contains(&format!("total_net_input_bytes:{sent}\r\n")));
}
