//! CLIENT PAUSE: what is held back, what is not, and what INFO says of it.

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
