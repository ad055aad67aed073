//! Replies that wait for the log: which of them, until when, and what becomes of them when it cannot be written.

use crate::world::{Peer, World};

/// A node whose replies wait, with a client that has written, one that has read and one that has done both.
fn world() -> (World, [Peer; 3]) {
    let mut world = World::new(1, &[("appendonly", "yes"), ("appendfsync", "always")]);
    let peers = [(); 3].map(|()| world.connect(0));
    world.set_log_waits(true);
    world.send(peers[0], "SET k 1");
    world.send(peers[1], "GET k");
    world.send(peers[2], "GET k\r\nINCR k");
    for peer in peers {
        assert_eq!(world.read(peer), "", "nothing goes before the log is on disk");
    }
    (world, peers)
}

#[test]
fn all_replies_go_once_the_log_is_where_it_should_be() {
    let (mut world, peers) = world();
    world.set_log_waits(false);
    assert_eq!(peers.map(|peer| world.read(peer)), ["+OK\r\n", "$1\r\n1\r\n", "$1\r\n1\r\n:2\r\n"]);
}

#[test]
fn replies_that_only_show_data_go_when_the_log_fails() {
    let (mut world, [writer, reader, both]) = world();
    world.fail_log();
    assert_eq!(world.read(reader), "$1\r\n1\r\n", "as a read that comes now");
    assert_eq!(world.ask(reader, "GET k"), "$1\r\n2\r\n");
    assert_eq!(world.ask(reader, "SET k 3"), "-MISCONF it fails\r\n");
    assert_eq!((world.read(writer), world.read(both)), (String::new(), String::new()));
    world.set_log_waits(false);
    assert_eq!((world.read(writer), world.read(both)), ("+OK\r\n".into(), "$1\r\n1\r\n:2\r\n".into()));
}
