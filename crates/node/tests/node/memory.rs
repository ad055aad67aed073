//! Memory against its limit: what is refused, which keys go, and who waits.

use crate::world::{Peer, World, slow_down};

const OOM: &str = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
/// What is used without data, in the tests' machine.
const EMPTY: usize = 4_000_000;

/// A node with some room for data, and a connection.
fn world(policy: &str, room: usize, parameters: &[(&str, &str)]) -> (World, Peer) {
    let limit = (EMPTY + room).to_string();
    let own = [("maxmemory", limit.as_str()), ("maxmemory-policy", policy)];
    let mut world = World::with_counted_data(&[&own, parameters].concat());
    let peer = world.connect(0);
    world.pass_ms(50);
    (world, peer)
}

/// Keys of a hundred bytes.
fn fill(world: &mut World, peer: Peer, prefix: &str, keys: usize) -> String {
    let value = "v".repeat(100);
    let lines: Vec<String> = (0..keys).map(|number| format!("SET {prefix}:{number} {value}")).collect();
    lines.chunks(16).map(|lines| world.ask(peer, &lines.join("\r\n"))).collect()
}

fn figure(world: &mut World, peer: Peer, name: &str) -> usize {
    let text = world.ask(peer, "INFO everything");
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name}:")).map(str::to_owned));
    line.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no {name} in {text}"))
}

#[test]
fn without_a_policy_what_needs_memory_is_refused_and_the_rest_is_not() {
    let (mut world, peer) = world("noeviction", 1_000_000, &[]);
    let waiting = world.connect(0);
    world.ask(waiting, "MULTI\r\nSET a 1");
    let reading = world.connect(0);
    world.ask(reading, "MULTI\r\nGET key:1");
    let replies = fill(&mut world, peer, "key", 12_000);
    assert!(replies.ends_with(OOM) && replies.starts_with("+OK\r\n"));
    assert!(figure(&mut world, peer, "used_memory") < (EMPTY + 1_000_000) / 100 * 101);
    assert_eq!(world.ask(peer, "INCR a"), OOM);
    assert_eq!(world.ask(peer, "STRLEN key:1\r\nEXPIRE key:1 100"), ":100\r\n:1\r\n");
    assert_eq!(
        world.ask(peer, "MULTI\r\nGET a\r\nDISCARD"),
        format!("+OK\r\n{OOM}+OK\r\n"),
        "the queue takes memory"
    );
    let aborted = "-EXECABORT Transaction discarded because of: OOM command not allowed when used memory > 'maxmemory'.\r\n";
    assert_eq!(world.ask(waiting, "EXEC"), aborted);
    assert!(world.ask(reading, "EXEC").starts_with("*1\r\n$100\r\n"), "it needs none");
    assert!(world.ask(peer, "INFO errorstats").contains("errorstat_OOM:count="));
    world.ask(peer, "FLUSHALL\r\nSET a 1");
    assert_eq!(world.ask(peer, "GET a"), "$1\r\n1\r\n");
    assert_eq!(world.ask(peer, "CONFIG SET maxmemory 0\r\nINCR a"), "+OK\r\n:2\r\n");
}

#[test]
fn used_memory_stays_below_the_limit_by_every_policy() {
    for policy in [
        "allkeys-lru",
        "allkeys-lfu",
        "allkeys-lrm",
        "allkeys-random",
        "volatile-lru",
        "volatile-lfu",
        "volatile-lrm",
        "volatile-random",
        "volatile-ttl",
    ] {
        let (mut world, peer) = world(policy, 1_000_000, &[]);
        let time = if policy.starts_with("volatile") { " EX 1000" } else { "" };
        let kept = fill(&mut world, peer, "kept", 1000);
        assert!(!kept.contains(OOM));
        for number in 0..600 {
            let lines: Vec<String> =
                (0..16).map(|key| format!("SET key:{number}:{key} {:0>100}{time}", 1)).collect();
            assert_eq!(world.ask(peer, &lines.join("\r\n")), "+OK\r\n".repeat(16), "{policy}");
        }
        let used = figure(&mut world, peer, "used_memory");
        assert!(used > EMPTY + 900_000 && used < (EMPTY + 1_000_000) / 1000 * 1005, "{policy}: {used}");
        assert!(figure(&mut world, peer, "evicted_keys") > 1000);
        let left =
            (0..1000).filter(|number| world.ask(peer, &format!("EXISTS kept:{number}")) == ":1\r\n").count();
        assert!(if policy.starts_with("volatile") { left == 1000 } else { left < 900 }, "{policy}: {left}");
        if policy.starts_with("volatile") {
            let replies = fill(&mut world, peer, "more", 10_000);
            assert!(replies.ends_with(OOM), "nothing is left that may go");
        }
    }
}

/// Of how many of a hundred old keys are left when others have pushed a part of all keys out.
fn survivors(policy: &str, use_it: &str) -> usize {
    let (mut world, peer) = world(policy, 1_650_000, &[("lfu-log-factor", "0")]);
    fill(&mut world, peer, "key", 8000);
    assert_eq!(figure(&mut world, peer, "evicted_keys"), 0, "they have been used before any goes");
    for _ in 0..5 {
        world.pass_ms(1000);
        for number in 0..100 {
            world.ask(peer, &use_it.replace("KEY", &format!("key:{number}")));
        }
    }
    fill(&mut world, peer, "new", 4000);
    let text = (0..100).map(|number| world.ask(peer, &format!("EXISTS key:{number}"))).collect::<String>();
    text.matches(":1").count()
}

#[test]
fn keys_that_are_used_stay() {
    assert!(survivors("allkeys-random", "GET KEY") < 90);
    assert!(survivors("allkeys-lru", "GET KEY") > 95);
    assert!(survivors("allkeys-lfu", "GET KEY") > 95);
    assert!(survivors("allkeys-lrm", "GET KEY") < 90, "reading is no change");
    assert!(survivors("allkeys-lrm", "SETRANGE KEY 0 w") > 95);
}

#[test]
fn those_go_first_that_are_due_first() {
    let (mut world, peer) = world("volatile-ttl", 1_500_000, &[]);
    for number in 0..8000 {
        world.ask(peer, &format!("SET key:{number} {:0>100} EX {}", 1, 10_000 + number));
    }
    fill(&mut world, peer, "new", 4000);
    let mut left = |range: std::ops::Range<usize>| {
        range.filter(|number| world.ask(peer, &format!("EXISTS key:{number}")) == ":1\r\n").count()
    };
    assert!(left(0..1000) < 100 && left(7000..8000) > 950);
}

#[test]
fn a_key_that_goes_is_told_to_those_who_watch_or_cache_it() {
    let (mut world, peer) = world("allkeys-random", 600_000, &[]);
    let (watching, caching) = (world.connect(0), world.connect(0));
    world.ask(peer, "SET watched 1");
    world.ask(watching, "WATCH watched\r\nMULTI\r\nGET x");
    world.ask(caching, "HELLO 3\r\nCLIENT TRACKING ON\r\nGET watched");
    let mut rounds = 0..1000;
    while world.ask(peer, "EXISTS watched") == ":1\r\n" {
        fill(&mut world, peer, &rounds.next().expect("it goes some time").to_string(), 100);
    }
    world.settle();
    assert!(world.read(caching).contains("invalidate"));
    assert_eq!(world.ask(watching, "EXEC"), "*-1\r\n");
}

#[test]
fn a_lower_limit_is_reached_while_requests_are_answered() {
    let (mut world, peer) = world("allkeys-lru", 2_000_000, &[("maxmemory-eviction-tenacity", "0")]);
    let (writer, reader) = (world.connect(0), world.connect(0));
    fill(&mut world, peer, "key", 10_000);
    world.ask(peer, &format!("CONFIG SET maxmemory {}", EMPTY + 500_000));
    assert_eq!(world.ask(writer, "SET a 1\r\nSET b 1\r\nGET a"), "+OK\r\n+OK\r\n$1\r\n1\r\n");
    assert_eq!(world.ask(reader, "STRLEN key:9999"), ":100\r\n");
    assert_eq!(world.idle_ms(0), 0);
    for _ in 0..2000 {
        world.pass_ms(0);
    }
    assert!(world.idle_ms(0) > 0);
    assert!(figure(&mut world, peer, "used_memory") <= EMPTY + 501_000);
    assert!(figure(&mut world, peer, "total_eviction_exceeded_time") > 0);
}

#[test]
fn what_needs_memory_waits_where_keys_come_faster_than_they_go() {
    let (mut world, peer) = world("allkeys-lru", 2_000_000, &[("maxmemory-eviction-tenacity", "0")]);
    let (writer, reader) = (world.connect(0), world.connect(0));
    fill(&mut world, peer, "key", 10_000);
    world.ask(peer, &format!("CONFIG SET maxmemory {}", EMPTY + 500_000));
    let value = "v".repeat(200);
    let lines: Vec<String> = (0..1000).map(|number| format!("SET more:{number} {value}")).collect();
    world.send(writer, &lines.join("\r\n"));
    let answered = world.read(writer).matches("+OK").count();
    assert!((50..500).contains(&answered), "{answered}: the rest waits");
    assert_eq!(world.ask(reader, "STRLEN key:9999"), ":100\r\n");
    let mut rounds = 0..10_000;
    let mut all = answered;
    while all < lines.len() {
        rounds.next().expect("all are answered some time");
        world.pass_ms(0);
        world.turn(0);
        all += world.read(writer).matches("+OK").count();
    }
}

#[test]
fn a_lower_limit_is_reached_while_clients_write_as_much_as_there_was() {
    let (mut world, peer) = world("allkeys-lru", 2_000_000, &[("maxmemory-eviction-tenacity", "0")]);
    let writer = world.connect(0);
    fill(&mut world, peer, "key", 10_000);
    world.ask(peer, &format!("CONFIG SET maxmemory {}", EMPTY + 500_000));
    let value = "v".repeat(100);
    let mut turns = 0..20_000;
    for round in 0..50 {
        let lines: Vec<String> = (0..200).map(|number| format!("SET new:{round}:{number} {value}")).collect();
        world.send(writer, &lines.join("\r\n"));
        let mut answered = world.read(writer).matches("+OK").count();
        while answered < lines.len() {
            turns.next().expect("all are answered some time");
            world.pass_ms(0);
            world.turn(0);
            answered += world.read(writer).matches("+OK").count();
        }
    }
    let used = figure(&mut world, peer, "used_memory");
    assert!(used <= (EMPTY + 500_000) / 100 * 101, "{used}");
}

#[test]
fn evicting_ends_when_its_time_is_over_whatever_is_left() {
    let (mut world, peer) = world("allkeys-random", 2_000_000, &[]);
    fill(&mut world, peer, "key", 10_000);
    slow_down(); // the next look at the clock finds the time over
    world.ask(peer, &format!("CONFIG SET maxmemory {}", EMPTY + 200_000));
    let mut before = figure(&mut world, peer, "evicted_keys");
    for _ in 0..20 {
        let after = figure(&mut world, peer, "evicted_keys");
        assert!(after > before && after - before <= 16, "a request waits for {} evictions", after - before);
        before = after;
    }
    assert!(figure(&mut world, peer, "used_memory") > EMPTY + 300_000, "there is more to evict");
}

#[test]
fn a_waiting_command_that_needs_memory_is_refused_when_it_is_served_without_any() {
    let (mut world, peer) = world("noeviction", 1_000_000, &[]);
    world.ask(peer, "RPUSH list v");
    let mover = world.connect(0);
    assert_eq!(world.ask(mover, "BLMOVE from to LEFT RIGHT 0"), "");
    assert!(fill(&mut world, peer, "key", 12_000).ends_with(OOM));
    assert_eq!(world.ask(peer, "RENAME list from"), "+OK\r\n");
    world.settle();
    assert_eq!(world.read(mover), OOM, "as Redis 8.0 has it");
    assert_eq!(world.ask(mover, "BLPOP from 0"), "*2\r\n$4\r\nfrom\r\n$1\r\nv\r\n", "it is not lost");
}

#[test]
fn what_a_worker_holds_while_it_is_at_work_is_not_taken_for_data() {
    let limit = (EMPTY + 1_000_000).to_string();
    let mut world = World::new(2, &[("maxmemory", &limit)]);
    let peers = [world.connect(0), world.connect(1)];
    world.pass_ms(50);
    for (busy, peer) in peers.into_iter().enumerate() {
        for _ in 0..100 {
            world.pass_ms_at_work(50, busy, 2_000_000);
            assert_eq!(world.ask(peer, "SET a 1"), "+OK\r\n");
        }
        // A new limit is seen by the other worker while this one is at work.
        let limit = EMPTY + 1_000_000 + busy + 1;
        assert_eq!(world.ask(peer, &format!("CONFIG SET maxmemory {limit}")), "+OK\r\n");
        world.pass_ms_at_work(50, busy, 2_000_000);
        assert_eq!(world.ask(peer, "SET a 1"), "+OK\r\n");
    }
}

#[test]
fn what_takes_long_to_free_is_freed_elsewhere_and_nothing_else_is() {
    let (mut world, peer) = world("noeviction", 4_000_000, &[]);
    let many: Vec<String> = (0..2000).map(|number| number.to_string()).collect();
    for (command, freed) in [
        ("XADD k * f v\r\nXGROUP CREATE k g 0\r\nXGROUP DESTROY k g".to_owned(), 0),
        ("XADD k * f v\r\nXGROUP CREATE k g 0".to_owned(), 1),
        (format!("RPUSH k {}", many.join(" ")), 1),
        (format!("SADD k a {}", many.join(" ")), 1),
    ] {
        let before = figure(&mut world, peer, "lazyfree_pending_objects");
        world.ask(peer, &format!("{command}\r\nUNLINK k"));
        assert_eq!(figure(&mut world, peer, "lazyfree_pending_objects") - before, freed, "{command}");
    }
}
