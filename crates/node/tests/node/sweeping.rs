//! The sweep that moves what lies in sparse memory: while it goes on, clients see what they would see without it.

use crate::world::{Peer, World};

/// Adds to large values of every type, and takes away from them.
fn change(world: &mut World, peer: Peer, round: usize) {
    let long = "v".repeat(700);
    let lines: Vec<String> = (0..50)
        .flat_map(|number| {
            let (one, other) = (round * 50 + number, round * 31 + number);
            [
                format!("SET text:{one} {long}{one}\r\nDEL text:{other}"),
                format!("HSET hash {one} {long}{one}\r\nHDEL hash {other}"),
                format!("RPUSH list {one}:{long}\r\nLPOP list"),
                format!("SADD set {one}:{long} {other}\r\nSREM set {other}"),
                format!("ZADD zset {other} member:{one}\r\nZREM zset member:{other}"),
                format!("XADD stream {}-1 field {one}\r\nXDEL stream {}-1", one + 1, other + 1),
                format!("SETRANGE blob {} {long}", one * 1000),
            ]
        })
        .collect();
    world.ask(peer, &lines.join("\r\n"));
}

fn figure(world: &mut World, peer: Peer, name: &str) -> u64 {
    let text = world.ask(peer, "INFO everything");
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name}:")).map(str::to_owned));
    line.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no {name} in {text}"))
}

#[test]
fn data_that_is_moved_stays_what_it_is() {
    let (mut swept, mut still) = (World::new(1, &[]), World::new(1, &[]));
    let peers = (swept.connect(0), still.connect(0));
    swept.waste(100_000_000);
    for round in 0..40 {
        for (world, peer) in [(&mut swept, peers.0), (&mut still, peers.1)] {
            world.ask(peer, &format!("SELECT {}", round % 3));
            change(world, peer, round);
        }
        (0..20).for_each(|_| swept.pass_ms(20));
    }
    for database in 0..3 {
        let ask = format!("SELECT {database}\r\nDBSIZE\r\nDEBUG DIGEST");
        assert_eq!(swept.ask(peers.0, &ask), still.ask(peers.1, &ask), "database {database}");
    }
    let moved = figure(&mut swept, peers.0, "active_defrag_hits");
    assert!(moved > 1000);
    assert!(figure(&mut still, peers.1, "active_defrag_hits") * 10 < moved, "nothing lies waste there");

    swept.waste(0);
    (0..600).for_each(|_| swept.pass_ms(100));
    let before = figure(&mut swept, peers.0, "active_defrag_hits");
    (0..20).for_each(|_| swept.pass_ms(20));
    assert_eq!(figure(&mut swept, peers.0, "active_defrag_hits"), before, "it ends when it has helped");
}

#[test]
fn pages_from_which_much_was_removed_become_smaller_though_no_memory_is_sparse() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    let lines = |of: &dyn Fn(usize) -> String| (0..20_000).map(of).collect::<Vec<_>>().join("\r\n");
    world.ask(peer, &lines(&|number| format!("SET key:{number} value:{number}")));
    let hits = |world: &mut World| {
        (0..600).for_each(|_| world.pass_ms(100));
        figure(world, peer, "active_defrag_hits")
    };
    let loaded = hits(&mut world);
    world.ask(peer, &lines(&|number| format!("DEL key:{}", number / 5 * 5 + number % 2)));
    let removed = hits(&mut world);
    assert!(removed - loaded > 200, "{loaded} blocks before, {removed} behind it");
    assert_eq!(hits(&mut world), removed, "once is enough");
}
