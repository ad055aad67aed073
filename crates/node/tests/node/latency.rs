//! What takes long without being asked for shows in the latency monitor while that is on.

use crate::world::{World, slow_down};

/// The events that are there after keys were due, others were evicted, and blocks were looked at, on a slow machine.
fn events(threshold_ms: u64) -> (Vec<String>, String) {
    let threshold_ms = threshold_ms.to_string();
    let parameters = [
        ("latency-monitor-threshold", threshold_ms.as_str()),
        ("maxmemory", "5000000"),
        ("maxmemory-policy", "allkeys-random"),
    ];
    let mut world = World::with_counted_data(&parameters);
    let peer = world.connect(0);
    world.pass_ms(50);
    slow_down();
    world.ask(peer, "SET due value PX 10");
    world.pass_ms(2000); // the sweep has rested
    let value = "v".repeat(1000);
    for number in 0..2000 {
        world.ask(peer, &format!("SET key:{number} {value}"));
    }
    let latest = world.ask(peer, "LATENCY LATEST");
    let names = latest.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_lowercase()));
    (names.map(str::to_owned).collect(), world.ask(peer, "LATENCY DOCTOR"))
}

#[test]
fn what_is_done_unasked_is_recorded_from_the_threshold_on() {
    let (names, told) = events(1);
    let unasked = ["active-defrag-cycle", "eviction-cycle", "eviction-del", "expire-cycle"];
    for name in unasked {
        assert!(names.iter().any(|there| there == name), "{name}: {names:?}");
        assert!(told.contains(&format!("{name}: ")), "{told}");
    }
    assert!(told.contains("maxmemory-eviction-tenacity"), "{told}");
    for threshold_ms in [0, 100_000] {
        assert_eq!(events(threshold_ms).0, [""; 0], "{threshold_ms}");
    }
}
