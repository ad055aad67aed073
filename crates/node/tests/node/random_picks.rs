//! Random picks: each member is as likely as any other, also when most of the collection has gone.

use std::collections::BTreeMap;

use crate::world::{Peer, World};

/// What is there first, and of how many one stays.
const MEMBERS: usize = 5000;
const EVERY: usize = 100;

/// Members that stay, or those that go, as arguments of a command: `each` makes a member one or two of them.
fn arguments(stay: bool, each: impl Fn(usize) -> String) -> Vec<String> {
    let chosen = (0..MEMBERS).filter(|number| (number % EVERY == 0) == stay);
    chosen.map(each).collect::<Vec<_>>().chunks(500).map(|words| words.join(" ")).collect()
}

/// Fills a collection by `add` and empties most of it by `remove`.
fn thinned(add: &str, remove: &str, each: fn(usize) -> String) -> (World, Peer) {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    for stay in [true, false] {
        for words in arguments(stay, each) {
            assert!(!world.ask(peer, &format!("{add} {words}")).starts_with('-'));
        }
    }
    for words in arguments(false, |number| format!("m{number}")) {
        assert!(!world.ask(peer, &format!("{remove} {words}")).starts_with('-'));
    }
    (world, peer)
}

/// The members in a reply.
fn members(reply: &str) -> impl Iterator<Item = &str> {
    reply.lines().filter(|line| line.starts_with('m'))
}

#[track_caller]
fn check_even(counts: &BTreeMap<String, u32>) {
    assert_eq!(counts.len(), MEMBERS / EVERY, "all that is left is picked, and nothing else");
    let expected = f64::from(counts.values().sum::<u32>()) / counts.len() as f64;
    let chi_square: f64 =
        counts.values().map(|&count| (f64::from(count) - expected).powi(2) / expected).sum();
    // 49 degrees of freedom: mean 49, standard deviation 10; the seeds are fixed.
    assert!(chi_square < 95.0, "{chi_square}: {counts:?}");
}

#[track_caller]
fn check_repeated(add: &str, remove: &str, each: fn(usize) -> String, pick: &str) {
    let (mut world, peer) = thinned(add, remove, each);
    let mut counts = BTreeMap::new();
    let reply = world.ask(peer, pick);
    members(&reply).for_each(|member| *counts.entry(member.to_owned()).or_insert(0) += 1);
    check_even(&counts);
}

fn name(number: usize) -> String {
    format!("m{number}")
}

#[test]
fn members_of_sets_hashes_and_sorted_sets_are_picked_evenly() {
    check_repeated("SADD c", "SREM c", name, "SRANDMEMBER c -20000");
    check_repeated("HSET c", "HDEL c", |number| format!("m{number} v"), "HRANDFIELD c -20000");
    check_repeated("ZADD c", "ZREM c", |number| format!("{number} m{number}"), "ZRANDMEMBER c -20000");
}

#[test]
fn different_members_are_picked_evenly() {
    let (mut world, peer) = thinned("SADD c", "SREM c", name);
    let mut counts = BTreeMap::new();
    for _ in 0..2000 {
        let reply = world.ask(peer, "SRANDMEMBER c 5");
        members(&reply).for_each(|member| *counts.entry(member.to_owned()).or_insert(0) += 1);
    }
    check_even(&counts);
}

#[test]
fn members_are_popped_evenly() {
    let (mut world, peer) = thinned("SADD c", "SREM c", name);
    let mut counts = BTreeMap::new();
    for _ in 0..10_000 {
        let reply = world.ask(peer, "SPOP c");
        let member = members(&reply).next().expect("some are there").to_owned();
        world.ask(peer, &format!("SADD c {member}"));
        *counts.entry(member).or_insert(0) += 1;
    }
    check_even(&counts);
}

#[test]
fn keys_are_picked_evenly() {
    let (mut world, peer) = thinned("MSET", "DEL", |number| format!("m{number} v"));
    let mut counts = BTreeMap::new();
    for _ in 0..100 {
        let reply = world.ask(peer, &["RANDOMKEY"; 200].join("\r\n"));
        members(&reply).for_each(|member| *counts.entry(member.to_owned()).or_insert(0) += 1);
    }
    check_even(&counts);
}
