//! CLIENT PAUSE, CLIENT KILL and what CLIENT LIST says.

use crate::world::World;

/// A field of CLIENT LIST for one client.
fn field(world: &mut World, id: u64, name: &str) -> String {
    let watcher = world.connect(0);
    let line = world.ask(watcher, &format!("CLIENT LIST ID {id}"));
    world.hang_up(watcher);
    let start = format!(" {name}=");
    let at = line.find(&start).unwrap_or_else(|| panic!("{name} in {line}"));
    line[at + start.len()..].split_whitespace().next().unwrap_or_default().to_owned()
}

#[test]
fn a_pause_of_writes_holds_writes_and_transactions_that_write() {
    let mut world = World::new(1, &[]);
    let (administrator, client) = (world.connect(0), world.connect(0));
    assert_eq!(world.ask(administrator, "CLIENT PAUSE 1000 WRITE"), "+OK\r\n");
    assert_eq!(world.ask(client, "GET k"), "$-1\r\n");
    assert_eq!(world.ask(client, "MULTI\r\nGET k\r\nEXEC"), "+OK\r\n+QUEUED\r\n*1\r\n$-1\r\n");
    assert_eq!(world.ask(client, "SET k 1\r\nGET k"), "", "what stands behind a held command waits too");
    assert_eq!(field(&mut world, 2, "flags"), "b");
    assert!(world.ask(administrator, "INFO clients").contains("blocked_clients:1\r\n"));
    world.pass_ms(1001);
    world.turn(0);
    assert_eq!(world.read(client), "+OK\r\n$1\r\n1\r\n");
    assert_eq!(field(&mut world, 2, "flags"), "N");
}

#[test]
fn a_pause_of_everything_holds_even_its_end_and_a_shorter_one_does_not_shorten_it() {
    let mut world = World::new(1, &[]);
    let (first, second) = (world.connect(0), world.connect(0));
    assert_eq!(
        world
            .ask(first, "MULTI\r\nCLIENT PAUSE 1000 ALL\r\nCLIENT PAUSE 10 ALL\r\nEXEC")
            .matches("OK")
            .count(),
        3
    );
    assert_eq!(world.ask(second, "CLIENT UNPAUSE"), "");
    assert_eq!(world.ask(first, "PING"), "");
    world.pass_ms(500);
    world.turn(0);
    assert_eq!(world.read(first), "");
    world.pass_ms(501);
    world.turn(0);
    assert_eq!(world.read(first), "+PONG\r\n");
    assert_eq!(world.read(second), "+OK\r\n");
}

#[test]
fn the_end_of_a_pause_lets_all_workers_go_on() {
    let mut world = World::new(2, &[]);
    let (administrator, client) = (world.connect(0), world.connect(1));
    world.ask(administrator, "CLIENT PAUSE 100000 WRITE");
    assert_eq!(world.ask(client, "SET k 1"), "");
    assert_eq!(world.ask(administrator, "CLIENT UNPAUSE"), "+OK\r\n");
    world.settle();
    world.turn(1);
    assert_eq!(world.read(client), "+OK\r\n");
}

#[test]
fn a_killed_client_is_closed_and_runs_nothing_more() {
    let mut world = World::new(2, &[]);
    let (administrator, client) = (world.connect(0), world.connect(1));
    world.ask(client, "PING");
    assert_eq!(world.ask(administrator, "CLIENT KILL ID 2"), ":1\r\n");
    world.settle();
    world.send(client, "SET k 1");
    assert_eq!(world.closed(1), [0]);
    assert_eq!(world.ask(administrator, "GET k"), "$-1\r\n");
    assert_eq!(world.ask(administrator, "CLIENT KILL ID 2"), ":0\r\n");
}

#[test]
fn who_kills_itself_is_answered_before_it_is_closed() {
    let mut world = World::new(1, &[]);
    let client = world.connect(0);
    assert_eq!(world.ask(client, "CLIENT KILL ID 1 SKIPME NO\r\nPING"), ":1\r\n");
    assert_eq!(world.closed(0), [0]);
}

#[test]
fn age_selects_those_who_have_been_there_as_long() {
    let mut world = World::new(1, &[]);
    world.connect(0);
    world.pass_ms(5000);
    let young = world.connect(0);
    assert_eq!(world.ask(young, "CLIENT KILL MAXAGE 6"), ":0\r\n");
    assert_eq!(world.ask(young, "CLIENT KILL MAXAGE 5 SKIPME NO"), ":1\r\n");
    world.settle();
    assert_eq!(world.closed(0), [0]);
    world.ask(young, "PING");
}

#[test]
fn the_list_tells_what_clients_owe_and_are_owed() {
    let mut world = World::new(1, &[]);
    let client = world.connect(0);
    world.send(client, "SETRANGE k 9999 x\r\nGET k");
    assert_eq!(field(&mut world, 1, "events"), "rw");
    assert!(field(&mut world, 1, "obl").parse::<usize>().is_ok_and(|bytes| bytes > 10_000));
    let sent = world.read(client).len();
    assert_eq!(field(&mut world, 1, "obl"), "0");
    assert_eq!(field(&mut world, 1, "omem"), "0");
    assert_eq!(field(&mut world, 1, "tot-net-out"), sent.to_string());
    world.ask(client, "MULTI\r\nSET k 1");
    assert_eq!(field(&mut world, 1, "multi"), "1");
    assert_eq!(field(&mut world, 1, "multi-mem"), "5");
    world.ask(client, "DISCARD");
    assert_eq!(field(&mut world, 1, "multi-mem"), "0");
}
