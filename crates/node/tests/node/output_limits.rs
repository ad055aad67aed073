//! `client-output-buffer-limit`: clients that do not read.

use crate::world::World;

/// A reply of some thousand bytes.
const LARGE: &str = "SETRANGE large 9999 x";

fn world(limits: &str) -> World {
    let mut world = World::new(1, &[("client-output-buffer-limit", limits)]);
    let writer = world.connect(0);
    world.send(writer, LARGE);
    world
}

#[test]
fn a_client_over_the_hard_limit_is_closed_at_once_and_the_log_says_so() {
    let mut world = world("normal 15000 0 0");
    let reader = world.connect(0);
    world.send(reader, "GET large");
    assert_eq!(world.closed(0), []);
    world.send(reader, "GET large");
    assert_eq!(world.closed(0), [1]);
    let warnings = world.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("Client id=2 addr=127.0.0.1:1000 "), "{warnings:?}");
    assert!(warnings[0].ends_with(" closed for overcoming of output buffer limits."), "{warnings:?}");
}

#[test]
fn a_client_over_the_soft_limit_is_closed_after_its_seconds_although_it_sends_nothing() {
    let mut world = world("normal 0 5000 10");
    let reader = world.connect(0);
    world.send(reader, "GET large");
    world.pass_ms(10_000);
    assert_eq!(world.closed(0), []);
    world.pass_ms(1000);
    assert_eq!(world.closed(0), [1]);
    assert_eq!(world.warnings().len(), 1);
}

#[test]
fn a_client_that_reads_in_time_stays() {
    let mut world = world("normal 0 5000 10");
    let reader = world.connect(0);
    for _ in 0..5 {
        world.send(reader, "GET large");
        world.pass_ms(8000);
        assert!(world.read(reader).starts_with("$10000\r\n"));
        world.pass_ms(8000);
    }
    assert_eq!(world.closed(0), []);
    assert!(world.warnings().is_empty());
}

#[test]
fn limits_hold_from_the_moment_they_are_set() {
    let mut world = world("normal 0 0 0");
    let reader = world.connect(0);
    let administrator = world.connect(0);
    world.send(reader, "GET large");
    world.pass_ms(60_000);
    assert_eq!(world.closed(0), []);
    world.send(administrator, "CONFIG SET client-output-buffer-limit \"normal 0 5000 1\"");
    assert_eq!(world.read(administrator), "+OK\r\n");
    world.pass_ms(1000);
    world.pass_ms(2000);
    assert_eq!(world.closed(0), [1]);
}
