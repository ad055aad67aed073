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
fn a_worker_that_is_told_too_early_asks_again_for_the_log_to_be_written() {
    let (mut world, peers) = world();
    let wishes = world.log_wishes();
    world.tell_released();
    assert_eq!((world.log_wishes(), world.read(peers[0])), (wishes + 1, String::new()));
    world.set_log_waits(false);
    world.tell_released();
    assert_eq!((world.log_wishes(), world.read(peers[0])), (wishes + 1, "+OK\r\n".into()), "nobody waits");
}

#[test]
fn a_worker_that_is_told_writes_a_log_for_which_nobody_waits() {
    let mut world = World::new(1, &[("appendonly", "no")]);
    let peer = world.connect(0);
    world.set_log_waits(true);
    assert_eq!(world.ask(peer, "SET k 1"), "+OK\r\n");
    let wishes = world.log_wishes();
    world.tell_released();
    assert_eq!(world.log_wishes(), wishes + 1);
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

/// A node whose replies go, with three clients.
fn world_without_trouble() -> (World, [Peer; 3]) {
    let (mut world, peers) = world();
    world.set_log_waits(false);
    for peer in peers {
        world.read(peer);
    }
    (world, peers)
}

/// A node whose log fails, with keys and a field that are due in 10 ms, and two clients.
fn failing() -> (World, [Peer; 2]) {
    let (mut world, [_, first, second]) = world_without_trouble();
    for line in ["DEBUG SET-ACTIVE-EXPIRE 0", "HSET hash due 1", "HPEXPIRE hash 10 FIELDS 1 due"] {
        world.ask(first, line);
    }
    for key in ["a", "b", "c", "d", "e"] {
        world.ask(first, &format!("SET {key} 1 PX 10"));
    }
    world.set_log_waits(true);
    world.fail_log();
    (world, [first, second])
}

#[test]
fn reads_go_on_when_what_they_look_for_is_due() {
    let (mut world, [reader, other]) = failing();
    world.pass_ms(20);
    for (line, reply) in [
        ("GET a", "$-1\r\n"),
        ("HGET hash due", "$-1\r\n"),
        ("MULTI\r\nGET b\r\nEXEC", "+OK\r\n+QUEUED\r\n*1\r\n$-1\r\n"),
        ("EVAL \"return redis.call('GET', KEYS[1])\" 1 c", "$-1\r\n"),
        ("DEL d", "-MISCONF it fails\r\n"),
    ] {
        assert_eq!(world.ask(reader, line), reply, "{line}");
    }
    world.send_together(&[(reader, "GET e"), (other, "GET k")]);
    assert_eq!((world.read(reader), world.read(other)), ("$-1\r\n".into(), "$1\r\n2\r\n".into()));
}

#[test]
fn who_has_waited_in_vain_learns_it_while_the_log_fails() {
    let (mut world, [list, stream, writer]) = world_without_trouble();
    world.send(list, "BLPOP list 0.01");
    world.send(stream, "XREAD BLOCK 10 STREAMS s 0");
    world.set_log_waits(true);
    world.send(writer, "SET k 1");
    world.fail_log();
    world.pass_ms(20);
    assert_eq!((world.read(list), world.read(stream)), ("*-1\r\n".into(), "*-1\r\n".into()));
    assert_eq!(world.read(writer), "");
}

#[test]
fn a_wait_that_ends_does_not_acknowledge_what_was_changed_before() {
    let mut world = World::new(1, &[("appendonly", "yes")]);
    let peer = world.connect(0);
    world.set_log_waits(true);
    world.send(peer, "SET k 1\r\nBLPOP list 0.01");
    world.pass_ms(20);
    world.fail_log();
    assert_eq!(world.read(peer), "", "the first reply is a promise");
    world.set_log_waits(false);
    assert_eq!(world.read(peer), "+OK\r\n*-1\r\n");
}

#[test]
fn replies_wait_for_the_log_when_only_saving_fails() {
    let (mut world, [_, reader, _]) = world();
    world.fail_save();
    assert_eq!(world.read(reader), "");
    world.set_log_waits(false);
    assert_eq!(world.ask(reader, "SET k 3"), "$1\r\n1\r\n-MISCONF it fails\r\n");
}
