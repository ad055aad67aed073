//! Keys that nobody looks up go when they are due.

use crate::world::World;

#[test]
fn a_worker_wakes_when_a_key_is_due() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    world.pass_ms(1);
    world.ask(peer, "SET k v PX 120");
    for waits in [50, 50, 20] {
        assert_eq!(world.idle_ms(0), waits);
        world.pass_ms(waits);
    }
    assert_eq!(world.ask(peer, "DBSIZE"), ":0\r\n", "it went at its time");
    assert_eq!(world.idle_ms(0), 30, "until the next tick");
}

#[test]
fn a_flood_of_due_keys_goes_in_turns_that_follow_at_once() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    world.ask(peer, "DEBUG SET-ACTIVE-EXPIRE 0");
    for number in 0..5000 {
        world.ask(peer, &format!("SET {number} v PX 10"));
    }
    world.pass_ms(100);
    world.ask(peer, "DEBUG SET-ACTIVE-EXPIRE 1");
    world.pass_ms(50);
    let mut turns = 1;
    while world.idle_ms(0) == 0 {
        assert_ne!(world.ask(peer, "DBSIZE"), ":0\r\n", "requests are served in between");
        world.pass_ms(0);
        turns += 1;
    }
    assert_eq!(world.ask(peer, "DBSIZE"), ":0\r\n");
    assert_eq!(turns, 3, "about 2000 a turn");
}

#[test]
fn what_was_due_is_written_without_a_request_unless_the_append_only_file_is_all_that_wants_it() {
    for (appendonly, expected) in [("no", 1), ("yes", 0)] {
        let mut world = World::new(1, &[("appendonly", appendonly)]);
        let peer = world.connect(0);
        world.set_log_waits(true);
        world.send(peer, "SET k v PX 10");
        let wishes = world.log_wishes();
        world.pass_ms(50);
        assert_eq!(world.log_wishes(), wishes + expected, "{appendonly}");
    }
}

#[test]
fn a_key_that_is_due_can_be_looked_at_from_inside_until_somebody_looks_for_it() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    world.ask(peer, "DEBUG SET-ACTIVE-EXPIRE 0\r\nSET key value PX 1");
    world.pass_ms(1000);
    for _ in 0..2 {
        let shown = world.ask(peer, "DEBUG OBJECT key");
        assert!(shown.contains("encoding:embstr serializedlength:5"), "{shown}");
    }
    assert_eq!(world.ask(peer, "EVAL \"return redis.call('EXISTS', KEYS[1])\" 1 key"), ":0\r\n");
    assert_eq!(world.ask(peer, "DEBUG OBJECT key"), "-ERR no such key\r\n");
}
