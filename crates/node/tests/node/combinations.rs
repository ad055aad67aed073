//! Combinations of sorted sets that are made without locks, and those that have to be made under them.

use crate::world::{Peer, World};

/// Two sorted sets with many members, half of which they share.
fn large_world() -> (World, Peer) {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    for (key, first) in [("{k}one", 0), ("{k}other", 1500)] {
        for begin in (first..first + 3000).step_by(500) {
            let pairs: Vec<String> = (begin..begin + 500).map(|number| format!("1 {number}")).collect();
            world.ask(peer, &format!("ZADD {key} {}", pairs.join(" ")));
        }
    }
    (world, peer)
}

#[test]
fn results_of_large_inputs_are_stored() {
    let (mut world, peer) = large_world();
    assert_eq!(world.ask(peer, "ZUNIONSTORE {k}to 2 {k}one {k}other"), ":4500\r\n");
    assert_eq!(world.ask(peer, "ZCOUNT {k}to 2 2"), ":1500\r\n");
    assert_eq!(world.ask(peer, "ZINTERSTORE {k}to 2 {k}one {k}other"), ":1500\r\n");
    assert_eq!(world.ask(peer, "ZDIFFSTORE {k}to 2 {k}one {k}other"), ":1500\r\n");
    assert_eq!(world.ask(peer, "ZRANK {k}to 1499"), format!(":{}\r\n", rank_of("1499")));
    assert_eq!(world.ask(peer, "ZUNIONSTORE {k}one 2 {k}one {k}other"), ":4500\r\n");
    assert_eq!(world.ask(peer, "ZINTERCARD 2 {k}one {k}other LIMIT 2000"), ":2000\r\n");
}

/// The place of a member among `0` to `1499`, sorted as texts.
fn rank_of(member: &str) -> usize {
    (0..1500).map(|number: u32| number.to_string()).filter(|other| other.as_str() < member).count()
}

#[test]
fn transactions_and_scripts_hold_their_locks_meanwhile() {
    let (mut world, peer) = large_world();
    world.send(
        peer,
        "MULTI\r\nZUNIONSTORE {k}to 2 {k}one {k}other\r\nZREM {k}to 0\r\nZINTERCARD 2 {k}to {k}one\r\nEXEC",
    );
    assert_eq!(world.read(peer), "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n:4500\r\n:1\r\n:2999\r\n");
    world.send(
        peer,
        "EVAL \"return redis.call('ZDIFFSTORE', KEYS[1], 2, KEYS[2], KEYS[3])\" 3 {k}to {k}one {k}other",
    );
    assert_eq!(world.read(peer), ":1500\r\n");
}
