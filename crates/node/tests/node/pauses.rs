//! CLIENT PAUSE: what is held back, what is not, and what INFO says of it; and how long appends may be held up.

use crate::world::{Peer, World};

/// How many clients INFO calls blocked.
fn blocked(world: &mut World, peer: Peer) -> String {
    let info = world.ask(peer, "INFO clients");
    let count = info.lines().find_map(|line| line.strip_prefix("blocked_clients:"));
    count.expect("INFO has the field").to_owned()
}

#[test]
fn writes_wait_for_the_end_of_a_pause_and_are_counted() {
    let mut world = World::new(1, &[]);
    let [boss, first, second] = [(); 3].map(|()| world.connect(0));
    assert_eq!(world.ask(boss, "CLIENT PAUSE 60000 WRITE"), "+OK\r\n");
    assert_eq!(world.ask(first, "SET k 1"), "");
    assert_eq!(world.ask(second, "GET k"), "$-1\r\n");
    assert_eq!(blocked(&mut world, boss), "1");
    assert_eq!(world.ask(second, "INCR k"), "");
    assert_eq!(blocked(&mut world, boss), "2");
    world.hang_up(second);
    assert_eq!(blocked(&mut world, boss), "1");
    assert_eq!(world.ask(boss, "CLIENT UNPAUSE"), "+OK\r\n");
    world.settle();
    world.resume(0);
    assert_eq!(world.read(first), "+OK\r\n");
    assert_eq!(blocked(&mut world, boss), "0");
}

#[test]
fn a_pause_of_writes_holds_back_transactions_that_write_and_no_others() {
    let mut world = World::new(1, &[]);
    let [boss, reader, writer, late] = [(); 4].map(|()| world.connect(0));
    world.ask(writer, "MULTI\r\nSET k 1");
    assert_eq!(world.ask(boss, "CLIENT PAUSE 60000 WRITE"), "+OK\r\n");
    assert_eq!(
        world.ask(reader, "MULTI\r\nGET k\r\nEXEC"),
        "+OK\r\n+QUEUED\r\n*1\r\n$-1\r\n",
        "it only reads"
    );
    assert_eq!(world.ask(writer, "EXEC"), "");
    assert_eq!(world.ask(late, "MULTI\r\nSET k 2"), "+OK\r\n", "a write waits before it is queued");
    assert_eq!(blocked(&mut world, boss), "2");
}

#[test]
fn what_would_be_refused_does_not_wait() {
    let mut world = World::new(1, &[("requirepass", "secret")]);
    let [boss, client] = [(); 2].map(|()| world.connect(0));
    world.ask(boss, "AUTH secret");
    assert_eq!(world.ask(boss, "CLIENT PAUSE 60000 ALL"), "+OK\r\n");
    assert_eq!(world.ask(client, "SET k 1"), "-NOAUTH Authentication required.\r\n");
    assert_eq!(world.ask(boss, "SET k"), "-ERR wrong number of arguments for 'set' command\r\n");
}

#[test]
fn keys_that_are_due_stay_until_the_end_of_a_pause() {
    for mode in ["WRITE", "ALL"] {
        let mut world = World::new(1, &[("notify-keyspace-events", "Ex")]);
        let [boss, reader] = [(); 2].map(|()| world.connect(0));
        world.record();
        let set = "SET looked-at v PX 10\r\nSET left v PX 10\r\nSET later v PX 300000";
        assert_eq!(world.ask(boss, set), "+OK\r\n+OK\r\n+OK\r\n");
        world.take_log();
        assert_eq!(world.ask(boss, &format!("CLIENT PAUSE 5000 {mode}")), "+OK\r\n");
        world.pass_ms(1000);
        if mode == "WRITE" {
            assert_eq!(world.ask(reader, "GET looked-at\r\nTTL looked-at"), "$-1\r\n:-2\r\n", "it is absent");
            assert_eq!(world.ask(reader, "DBSIZE"), ":3\r\n");
            assert_eq!(world.ask(reader, "KEYS *"), "*1\r\n$5\r\nlater\r\n");
        }
        world.pass_ms(1000);
        assert_eq!(world.take_log(), b"");
        world.pass_ms(4000);
        assert_eq!(world.ask(boss, "DBSIZE"), ":1\r\n", "its time is over");
        let log = String::from_utf8(world.take_log()).expect("text");
        assert!(log.contains("looked-at") && log.contains("left"), "{log}");
    }
}

#[test]
fn a_write_within_a_pause_takes_the_place_of_a_key_that_is_due() {
    let mut world = World::new(1, &[]);
    let boss = world.connect(0);
    world.ask(boss, "SET k v PX 10\r\nSET other v PX 10\r\nSET from v");
    world.pass_ms(5);
    world.ask(boss, "DEBUG SET-ACTIVE-EXPIRE 0");
    world.pass_ms(1000);
    let script = "MULTI\r\nCLIENT PAUSE 60000 WRITE\r\nSET k new\r\nRENAME from other\r\nDBSIZE\r\nEXEC";
    assert!(world.ask(boss, script).ends_with("*4\r\n+OK\r\n+OK\r\n+OK\r\n:2\r\n"));
    assert_eq!(world.ask(boss, "CLIENT UNPAUSE\r\nGET k\r\nGET other"), "+OK\r\n$3\r\nnew\r\n$1\r\nv\r\n");
}

#[test]
fn nothing_is_evicted_during_a_pause() {
    let mut world = World::with_counted_data(&[("maxmemory-policy", "allkeys-random")]);
    let [boss, reader] = [(); 2].map(|()| world.connect(0));
    for number in 0..100 {
        world.ask(boss, &format!("SET key:{number} {}", "v".repeat(1000)));
    }
    world.ask(boss, "CLIENT PAUSE 60000 WRITE\r\nCONFIG SET maxmemory 1000");
    world.pass_ms(1000);
    assert_eq!(world.ask(reader, "DBSIZE"), ":100\r\n");
    world.ask(boss, "CLIENT UNPAUSE");
    world.pass_ms(1000);
    assert_ne!(world.ask(reader, "DBSIZE"), ":100\r\n");
}

#[test]
fn appends_are_delayed_by_an_hour_at_most() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    for (asked, told) in [
        ("250", 250),
        ("3600000000", 3_600_000_000),
        ("3600000001", 3_600_000_000),
        ("9223372036854775807", 3_600_000_000),
        ("-1", 0),
    ] {
        assert_eq!(world.ask(peer, &format!("DEBUG AOF-FLUSH-SLEEP {asked}")), "+OK\r\n");
        assert_eq!(world.append_delay_us(), told, "{asked}");
    }
}
