//! SORT where a transcript would be too long: sources and numbers of other keys that are too many for one lock.

use crate::world::{Peer, World, slow_down};

/// A connection to a node whose lists and sets have many elements: numbers, their weights in reverse, and their names.
fn filled(elements: usize) -> (World, Peer) {
    let mut world = World::new(2, &[]);
    let peer = world.connect(0);
    for number in 0..elements {
        let commands = format!(
            "RPUSH list {number}\r\nSADD set {number}\r\nHSET weights:{number} w {}\r\nSET name:{number} n{number}",
            elements - number
        );
        world.ask(peer, &commands);
    }
    (world, peer)
}

/// The elements of an array of bulk strings.
fn elements(reply: &str) -> Vec<&str> {
    reply.split("\r\n").skip(1).filter(|line| !line.starts_with('$') && !line.is_empty()).collect()
}

/// Few looks into other keys, more than are locked one by one, and as many as take a snapshot give the same.
#[test]
fn however_many_other_keys_there_are_they_are_found() {
    for count in [20, 300, 3000] {
        let (mut world, peer) = filled(count);
        let expected: Vec<String> = (0..count).rev().map(|number| format!("n{number}")).collect();
        for key in ["list", "set"] {
            let reply = world.ask(peer, &format!("SORT {key} BY weights:*->w GET name:*"));
            assert_eq!(elements(&reply), expected, "{key} of {count}");
            let reply = world.ask(peer, &format!("SORT_RO {key} BY weights:*->w LIMIT 3 2"));
            assert_eq!(elements(&reply), [(count - 4).to_string(), (count - 5).to_string()]);
            world.ask(peer, &format!("SORT {key} BY weights:*->w GET name:* STORE target"));
            assert_eq!(
                elements(&world.ask(peer, "LRANGE target 0 -1")),
                expected,
                "stored, {key} of {count}"
            );
        }
    }
}

#[test]
fn a_snapshot_shows_no_key_that_is_due() {
    let (mut world, peer) = filled(5000);
    world.ask(peer, "DEBUG SET-ACTIVE-EXPIRE 0");
    world.ask(peer, "PEXPIRE name:0 1\r\nHPEXPIRE weights:1 1 FIELDS 1 w");
    world.pass_ms(2);
    let reply = world.ask(peer, "SORT list BY weights:*->w LIMIT 0 1 GET # GET name:1 GET name:*");
    assert_eq!(reply, "*3\r\n$1\r\n1\r\n$-1\r\n$2\r\nn1\r\n", "without a weight it comes first");
    assert_eq!(world.ask(peer, "SORT list LIMIT 0 1 GET name:*"), "*1\r\n$-1\r\n");
    world.ask(peer, "PEXPIRE list 1");
    world.pass_ms(2);
    assert_eq!(world.ask(peer, "SORT list BY weights:*->w"), "*0\r\n");
}

#[test]
fn a_transaction_sorts_what_it_has_written() {
    let (mut world, peer) = filled(300);
    let reply = world.ask(
        peer,
        "MULTI\r\nSET name:0 other\r\nSORT list LIMIT 0 1 GET name:*\r\nRPUSH list -1\r\nSORT list LIMIT 0 1\r\nEXEC",
    );
    assert!(reply.ends_with("*4\r\n+OK\r\n*1\r\n$5\r\nother\r\n:301\r\n*1\r\n$2\r\n-1\r\n"), "{reply}");
}

/// Whoever caches a source hears of its next change, and who watches a target of what is stored there.
#[test]
fn sources_are_remembered_and_targets_are_touched() {
    let (mut world, peer) = filled(20);
    let cacher = world.connect(1);
    world.ask(cacher, "HELLO 3\r\nCLIENT TRACKING ON");
    world.ask(cacher, "SORT_RO list LIMIT 0 1");
    world.ask(cacher, "WATCH target");
    world.ask(peer, "RPUSH list x");
    world.settle();
    assert!(world.read(cacher).contains("invalidate"));
    world.ask(peer, "SORT list ALPHA STORE target");
    world.settle();
    world.ask(cacher, "MULTI");
    assert_eq!(world.ask(cacher, "EXEC"), "_\r\n");
}

#[test]
fn an_error_that_comes_late_is_counted_like_any_other() {
    let (mut world, peer) = filled(0);
    for chunk in 0..4 {
        world.ask(peer, &format!("RPUSH words {}", format!("w{chunk} ").repeat(500)));
    }
    let errors = |world: &mut World| {
        let text = world.ask(peer, "INFO errorstats");
        text.lines().find(|line| line.starts_with("errorstat_ERR:")).map(str::to_owned)
    };
    assert_eq!(errors(&mut world), None);
    let reply = world.ask(peer, "SORT words");
    assert_eq!(reply, "-ERR One or more scores can't be converted into double\r\n");
    assert_eq!(errors(&mut world).as_deref(), Some("errorstat_ERR:count=1"));
}

/// A node whose turns have time for one step, with a list of so many numbers and their weights in reverse.
fn sorted_in_steps(parameters: &[(&str, &str)]) -> (World, Peer, Peer) {
    slow_down();
    let mut world = World::new(2, parameters);
    let (peer, other) = (world.connect(0), world.connect(1));
    for number in 0..NUMBERS {
        world.ask(
            peer,
            &format!(
                "RPUSH list {number}\r\nSET weight:{number} {}\r\nSET name:{number} n",
                NUMBERS - number
            ),
        );
    }
    (world, peer, other)
}

/// More than are locked together with the list.
const NUMBERS: usize = 5000;
const STORE: &str = "SORT list BY weight:* STORE target";

/// The steps that the first worker takes until it is done; before each but the first, `each` is done.
fn steps(world: &mut World, mut each: impl FnMut(&mut World, usize)) -> usize {
    let mut steps = 0;
    while world.is_computing(0) {
        if steps > 0 {
            each(world, steps);
        }
        world.step(0);
        steps += 1;
    }
    world.turn(0);
    steps
}

/// The first and the last element of the target, and how many it has.
fn ends(world: &mut World, peer: Peer) -> String {
    world.ask(peer, "LINDEX target 0\r\nLINDEX target -1\r\nLLEN target").replace("\r\n", " ")
}

#[test]
fn a_result_of_many_other_keys_is_stored_in_steps_while_others_are_served() {
    let (mut world, peer, other) = sorted_in_steps(&[]);
    world.send(peer, STORE);
    assert!(world.is_computing(0));
    let taken = steps(&mut world, |world, step| {
        // It does not depend on these: nothing is computed anew.
        assert_eq!(world.ask_only(other, &format!("SET other:{step} 1")), "+OK\r\n");
        assert_eq!(world.ask_only(other, "SELECT 1\r\nSET weight:7 0\r\nSELECT 0"), "+OK\r\n+OK\r\n+OK\r\n");
    });
    assert!((NUMBERS / 32..NUMBERS / 8).contains(&taken), "{taken} steps");
    assert_eq!(world.read(peer), format!(":{NUMBERS}\r\n"));
    assert_eq!(ends(&mut world, peer), "$4 4999 $1 0 :5000 ");
    // Nobody watches any more.
    world.bury();
    assert!(!world.node().shared.keyspace.is_observed());
}

#[test]
fn a_stored_result_fits_what_it_is_stored_beside() {
    let (mut world, peer, other) = sorted_in_steps(&[]);
    // Whatever changes while the keys are named, while they are sorted, or just before the result is stored.
    for (at, change, shown) in [
        (3, "SET weight:7 0", "$1 7 $1 0 :5000 "),
        (100, "SET weight:8 -1", "$1 8 $1 0 :5000 "),
        (100, "DEL weight:9", "$1 8 $1 0 :5000 "),
        (150, "RPUSH list -5", "$1 8 $1 0 :5001 "),
        (150, "RENAME weight:10 weight:0", "$1 8 $1 1 :5001 "),
        (150, "PEXPIRE weight:8 1", "$2 -5 $1 1 :5001 "),
    ] {
        world.send(peer, STORE);
        let taken = steps(&mut world, |world, step| {
            if step == at {
                world.send(other, change);
                world.read(other);
                if change.starts_with("PEXPIRE") {
                    world.pass_ms(2);
                    assert_eq!(world.ask_only(other, "GET weight:8"), "$-1\r\n");
                }
            }
        });
        assert!(taken > at, "{change}: {taken} steps");
        assert_eq!(world.read(peer), format!("{}\r\n", &shown[shown.find(':').unwrap_or(0)..].trim()));
        assert_eq!(ends(&mut world, peer), shown, "{change}");
    }
    world.send(peer, "SORT list BY weight:* GET name:* STORE target");
    steps(&mut world, |world, step| {
        if step == 100 {
            world.send(other, "FLUSHALL");
        }
    });
    assert_eq!(world.read(peer), ":0\r\n");
    assert_eq!(world.ask(peer, "EXISTS target"), ":0\r\n");
}

#[test]
fn a_result_is_stored_however_often_what_it_depends_on_changes() {
    let (mut world, peer, other) = sorted_in_steps(&[]);
    world.send(peer, STORE);
    steps(&mut world, |world, step| {
        world.send(other, &format!("SET weight:7 {}", -(step as i64)));
        world.read(other);
    });
    assert_eq!(world.read(peer), format!(":{NUMBERS}\r\n"));
    assert_eq!(ends(&mut world, peer), "$1 7 $1 0 :5000 ");
    // Who goes before the end leaves nobody watching.
    world.send(peer, STORE);
    for _ in 0..NUMBERS / 32 {
        world.step(0);
    }
    assert!(world.node().shared.keyspace.is_observed());
    world.hang_up(peer);
    assert!(!world.is_computing(0));
    world.bury();
    assert!(!world.node().shared.keyspace.is_observed());
}

#[test]
fn an_error_of_a_stored_result_stores_nothing() {
    let (mut world, peer, other) = sorted_in_steps(&[]);
    world.ask(peer, "SET target old\r\nSET weight:5 word");
    let refused = "-ERR One or more scores can't be converted into double\r\n";
    assert_eq!(world.ask(peer, STORE), refused);
    assert_eq!(world.ask(peer, "GET target"), "$3\r\nold\r\n");
    world.send(peer, STORE);
    steps(&mut world, |world, step| {
        if step == 10 {
            world.send(other, "DEL list\r\nSET list text");
        }
    });
    assert!(world.read(peer).starts_with("-WRONGTYPE"));
}

#[test]
fn near_the_limit_of_memory_nothing_is_evicted_for_a_snapshot() {
    slow_down();
    let mut world = World::with_counted_data(&[("maxmemory-policy", "allkeys-lru"), ("maxmemory", "1gb")]);
    let peer = world.connect(0);
    for number in 0..NUMBERS {
        world.ask(peer, &format!("RPUSH list {number}\r\nSET weight:{number} {}", NUMBERS - number));
    }
    world.pass_ms(50);
    let used = world.node().shared.meter.used(&world.node().shared.statistics);
    for (limit, is_computed) in [(100 * used, true), (used + used / 10, false)] {
        world.ask(peer, &format!("CONFIG SET maxmemory {limit}"));
        for command in [STORE, "SORT list BY weight:*"] {
            world.send(peer, command);
            assert_eq!(world.is_computing(0), is_computed, "{command} with {limit} of {used}");
            world.compute(0);
            assert!(!world.read(peer).starts_with('-'));
        }
        assert_eq!(ends(&mut world, peer), "$4 4999 $1 0 :5000 ");
        assert!(world.ask(peer, "INFO stats").contains("evicted_keys:0\r\n"));
    }
}
