//! What keys note of accesses: OBJECT FREQ, OBJECT IDLETIME, CLIENT NO-TOUCH.

use crate::world::World;

#[test]
fn under_an_lfu_policy_accesses_are_counted_and_forgotten_with_time() {
    let settings = [("maxmemory-policy", "allkeys-lfu"), ("lfu-log-factor", "0"), ("lfu-decay-time", "1")];
    let mut world = World::new(1, &settings);
    let peer = world.connect(0);
    let mut after = |command: &str| {
        world.ask(peer, command);
        world.ask(peer, "OBJECT FREQ k")
    };
    // The counts are those of Redis 8.0.6 for the same commands.
    assert_eq!(after("PING"), "$-1\r\n");
    assert_eq!(after("SET k v"), ":5\r\n");
    assert_eq!(after("GET k\r\nGET k\r\nGET k"), ":8\r\n");
    assert_eq!(after("SET k w"), ":9\r\n");
    assert_eq!(after("APPEND k w"), ":10\r\n");
    assert_eq!(after("TOUCH k"), ":11\r\n");
    assert_eq!(after("CLIENT NO-TOUCH ON\r\nGET k\r\nSET k x"), ":11\r\n");
    assert_eq!(after("TOUCH k"), ":12\r\n");
    world.pass_ms(120_000);
    assert_eq!(world.ask(peer, "OBJECT FREQ k"), ":10\r\n");
    assert!(
        world
            .ask(peer, "OBJECT IDLETIME k")
            .starts_with("-ERR An LFU maxmemory policy is selected, idle time not")
    );
    world.ask(peer, "CONFIG SET maxmemory-policy noeviction");
    assert!(
        world.ask(peer, "OBJECT FREQ k").starts_with("-ERR An LFU maxmemory policy is not selected, access")
    );
}

#[test]
fn without_a_touch_the_idle_time_goes_on() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    world.ask(peer, "SET k v\r\nCLIENT NO-TOUCH ON");
    world.pass_ms(5000);
    assert_eq!(world.ask(peer, "GET k\r\nOBJECT IDLETIME k"), "$1\r\nv\r\n:5\r\n");
    assert_eq!(world.ask(peer, "TOUCH k\r\nOBJECT IDLETIME k"), ":1\r\n:0\r\n");
    world.pass_ms(5000);
    assert_eq!(
        world.ask(peer, "CLIENT NO-TOUCH OFF\r\nGET k\r\nOBJECT IDLETIME k"),
        "+OK\r\n$1\r\nv\r\n:0\r\n"
    );
}

#[test]
fn a_huge_count_of_scan_is_done_in_several_calls() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    for block in 0..30 {
        let pairs: Vec<String> = (0..1000).map(|key| format!("{block}:{key} x")).collect();
        world.ask(peer, &format!("MSET {}", pairs.join(" ")));
    }
    let (mut cursor, mut calls, mut keys) = ("0".to_owned(), 0, 0);
    while calls == 0 || cursor != "0" {
        let reply = world.ask(peer, &format!("SCAN {cursor} COUNT 1000000000"));
        let mut lines = reply.lines().skip(2);
        lines.next().expect("the cursor").clone_into(&mut cursor);
        let found: usize = lines.next().and_then(|line| line[1..].parse().ok()).expect("a list");
        assert!(found < 20_000, "{found} in one call");
        keys += found;
        calls += 1;
    }
    assert_eq!((calls, keys), (2, 30_000));
}
