//! MIGRATE: what is handed to the machine, and what becomes of the keys when it has come back.

use engine::migration::{Arrival, Failure};

use crate::world::{Peer, World};

/// A client that has sent a command and waits.
fn sender(world: &mut World, line: &str) -> Peer {
    let peer = world.connect(0);
    assert_eq!(world.ask(peer, line), "", "{line} waits");
    peer
}

/// What is under way has ended: of these keys the values are there.
fn arrive(world: &mut World, arrived: &[bool], failure: Option<Failure>) {
    let (migration, to, waiter) = world.take_migration();
    assert_eq!(migration.parcels.len(), arrived.len());
    world.arrive(Arrival { migration, arrived: arrived.to_vec(), failure, to, waiter });
}

#[test]
fn keys_are_gone_when_they_have_arrived_and_not_before() {
    let mut world = World::new(2, &[]);
    let other = world.connect(1);
    world.ask(other, "MSET a 1 b 2\r\nPEXPIRE b 5000");
    let peer =
        sender(&mut world, "MIGRATE there 7000 \"\" 3 250 REPLACE AUTH2 me secret KEYS a none b\r\nPING");
    let (migration, to, waiter) = world.take_migration();
    let keys: Vec<&[u8]> = migration.parcels.iter().map(|parcel| &*parcel.key).collect();
    assert_eq!(keys, [b"a", b"b"]);
    assert_eq!((&*migration.host, migration.port, migration.database), ("there", 7000, 3));
    assert_eq!((migration.timeout_ms, migration.replaces, migration.keeps), (250, true, false));
    assert_eq!(migration.login, Some((Some(b"me".to_vec()), b"secret".to_vec())));
    assert_eq!(
        migration.parcels.iter().map(|parcel| parcel.expiry.is_some()).collect::<Vec<_>>(),
        [false, true]
    );
    assert_eq!(world.ask(other, "EXISTS a b"), ":2\r\n");
    world.arrive(Arrival { migration, arrived: vec![true, true], failure: None, to, waiter });
    assert_eq!(world.read(peer), "+OK\r\n");
    assert_eq!(world.ask(other, "EXISTS a b"), ":0\r\n");
    world.turn(0);
    assert_eq!(world.read(peer), "+PONG\r\n");
}

#[test]
fn what_has_not_arrived_or_has_changed_stays() {
    let mut world = World::new(2, &[]);
    let other = world.connect(1);
    world.ask(other, "MSET a 1 b 2\r\nRPUSH c 1");
    let peer = sender(&mut world, "MIGRATE there 7000 \"\" 0 0 KEYS a b c");
    let refusal = Failure::Refused("BUSYKEY Target key name already exists.".to_owned());
    arrive(&mut world, &[true, false, true], Some(refusal));
    let error = "-ERR Target instance replied with error: BUSYKEY Target key name already exists.\r\n";
    assert_eq!(world.read(peer), error);
    assert_eq!(world.ask(other, "EXISTS a\r\nEXISTS b\r\nEXISTS c"), ":0\r\n:1\r\n:0\r\n");
    for (change, stays) in [("APPEND b x", 1), ("PEXPIRE b 10000", 1), ("DEL b", 0)] {
        let peer = sender(&mut world, "MIGRATE there 7000 b 0 0");
        world.ask(other, change);
        arrive(&mut world, &[true], None);
        assert_eq!(world.read(peer).starts_with("-ERR a key has changed"), stays == 1, "{change}");
        assert_eq!(world.ask(other, "EXISTS b"), format!(":{stays}\r\n"), "{change}");
    }
}

#[test]
fn a_client_that_goes_or_is_told_to_go_on_leaves_no_key_twice() {
    let mut world = World::new(2, &[]);
    let other = world.connect(1);
    world.ask(other, "MSET a 1 b 2 c 3");
    let peer = sender(&mut world, "MIGRATE there 7000 a 0 0");
    world.hang_up(peer);
    arrive(&mut world, &[true], None);
    let peer = sender(&mut world, "MIGRATE there 7000 b 0 0");
    assert_eq!(world.ask(other, "CLIENT UNBLOCK 3"), ":1\r\n");
    world.settle();
    assert_eq!(world.read(peer), "-IOERR error or timeout reading to target instance\r\n");
    arrive(&mut world, &[true], None);
    assert_eq!(world.read(peer), "");
    let peer = sender(&mut world, "MIGRATE there 7000 c 0 0 COPY");
    arrive(&mut world, &[true], None);
    assert_eq!(world.read(peer), "+OK\r\n");
    assert_eq!(world.ask(other, "EXISTS a b\r\nEXISTS c"), ":0\r\n:1\r\n");
}

#[test]
fn some_migrations_end_before_they_begin() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    world.ask(peer, "SET k v");
    for (line, reply) in [
        ("MIGRATE there 7000 none 0 0", "+NOKEY\r\n"),
        ("MIGRATE there 7000 \"\" 0 0 KEYS none", "+NOKEY\r\n"),
        ("MIGRATE there 7000 \"\" 0 0", "+NOKEY\r\n"),
        ("MIGRATE there 7000 k x 0", "-ERR value is not an integer or out of range\r\n"),
        ("MIGRATE there 7000 k 0 x", "-ERR value is not an integer or out of range\r\n"),
        ("MIGRATE there 7000 k 0 0 AUTH", "-ERR syntax error\r\n"),
        ("MIGRATE there 7000 k 0 0 AUTH2 me", "-ERR syntax error\r\n"),
        ("MIGRATE there 7000 k 0 0 MOVE", "-ERR syntax error\r\n"),
        (
            "MIGRATE there 7000 k 0 0 KEYS k",
            "-ERR When using MIGRATE KEYS option, the key argument must be set to the empty string\r\n",
        ),
        (
            "MULTI\r\nMIGRATE there 7000 k 0 0\r\nEXEC",
            "+OK\r\n+QUEUED\r\n*1\r\n-ERR MIGRATE cannot be run inside a transaction or a script\r\n",
        ),
        ("EXISTS k", ":1\r\n"),
    ] {
        assert_eq!(world.ask(peer, line), reply, "{line}");
    }
}
