//! SORT where a transcript would be too long: sources and numbers of other keys that are too many for one lock.

use crate::world::{Peer, World};

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
