//! Publish and subscribe over several workers: who gets a message, in which order, and who is closed for it.

use crate::world::{Peer, World};

/// A connection that is subscribed to channels, in RESP2 or RESP3.
fn subscriber(world: &mut World, worker: usize, protocol: u8, command: &str) -> Peer {
    let peer = world.connect(worker);
    world.ask(peer, &format!("HELLO {protocol}"));
    world.ask(peer, command);
    peer
}

/// A message as a client of RESP3 gets it.
fn push(words: &[&str]) -> String {
    let mut push = format!(">{}\r\n", words.len());
    words.iter().for_each(|word| push += &format!("${}\r\n{word}\r\n", word.len()));
    push
}

/// The same in RESP2.
fn array(words: &[&str]) -> String {
    push(words).replacen('>', "*", 1)
}

#[test]
fn messages_of_a_publisher_reach_clients_of_all_workers_in_order_and_in_their_protocol() {
    let mut world = World::new(3, &[]);
    let old = subscriber(&mut world, 0, 2, "SUBSCRIBE c");
    let new = subscriber(&mut world, 1, 3, "SUBSCRIBE c");
    let pattern = subscriber(&mut world, 2, 3, "PSUBSCRIBE ?");
    let publisher = world.connect(1);
    assert_eq!(world.ask(publisher, "PUBLISH c 1\r\nPUBLISH c 2\r\nPUBLISH d 3"), ":3\r\n:3\r\n:1\r\n");
    world.settle();
    let texts = |make: fn(&[&str]) -> String| make(&["message", "c", "1"]) + &make(&["message", "c", "2"]);
    assert_eq!(world.read(old), texts(array));
    assert_eq!(world.read(new), texts(push));
    let matched = [["c", "1"], ["c", "2"], ["d", "3"]];
    let told: String =
        matched.iter().map(|[channel, text]| push(&["pmessage", "?", channel, text])).collect();
    assert_eq!(world.read(pattern), told);
}

#[test]
fn own_messages_follow_the_reply_of_their_command_or_transaction() {
    let mut world = World::new(1, &[]);
    let peer = subscriber(&mut world, 0, 3, "SUBSCRIBE c");
    let message = |text| push(&["message", "c", text]);
    assert_eq!(world.ask(peer, "PUBLISH c x\r\nPING"), format!(":1\r\n{}+PONG\r\n", message("x")));
    let reply = world.ask(peer, "MULTI\r\nPUBLISH c y\r\nUNSUBSCRIBE c\r\nPUBLISH c z\r\nEXEC");
    let unsubscribed = ">3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:0\r\n";
    let queued = "+QUEUED\r\n".repeat(3);
    assert_eq!(reply, format!("+OK\r\n{queued}*3\r\n:1\r\n{unsubscribed}:0\r\n{}", message("y")));
}

#[test]
fn who_subscribes_after_a_message_in_the_same_pipeline_does_not_get_it() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    world.ask(peer, "HELLO 3");
    let subscribed = ">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n";
    assert_eq!(world.ask(peer, "PUBLISH c x\r\nSUBSCRIBE c"), format!(":0\r\n{subscribed}"));
}

#[test]
fn a_message_on_its_way_is_not_given_to_who_has_unsubscribed_meanwhile() {
    let mut world = World::new(2, &[]);
    let stays = subscriber(&mut world, 0, 3, "SUBSCRIBE c");
    let leaves = subscriber(&mut world, 0, 3, "SUBSCRIBE c");
    let publisher = world.connect(1);
    assert_eq!(world.ask(publisher, "PUBLISH c x"), ":2\r\n");
    world.ask(leaves, "UNSUBSCRIBE c");
    world.settle();
    assert_eq!(world.read(stays), push(&["message", "c", "x"]));
    assert_eq!(world.read(leaves), "");
}

#[test]
fn clients_that_go_or_reset_are_forgotten() {
    let mut world = World::new(2, &[]);
    let goes = subscriber(&mut world, 0, 3, "SUBSCRIBE a b");
    let resets = subscriber(&mut world, 1, 2, "PSUBSCRIBE a*");
    let shard = subscriber(&mut world, 1, 2, "SSUBSCRIBE s");
    let administrator = world.connect(0);
    let figures = |world: &mut World| {
        let info = world.ask(administrator, "INFO");
        let fields = ["pubsub_channels", "pubsub_patterns", "pubsubshard_channels", "pubsub_clients"];
        fields.map(|field| {
            let line = info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
            line.expect("INFO has the field").parse::<usize>().expect("a number")
        })
    };
    assert_eq!(figures(&mut world), [2, 1, 1, 3]);
    let list = world.ask(administrator, "CLIENT LIST TYPE pubsub");
    assert_eq!(list.matches("flags=P ").count(), 3, "{list}");
    assert!(list.contains("sub=2 psub=0 ssub=0") && list.contains("sub=0 psub=1 ssub=0"), "{list}");
    world.hang_up(goes);
    assert_eq!(world.ask(resets, "RESET"), "+RESET\r\n");
    assert_eq!(figures(&mut world), [0, 0, 1, 1]);
    assert_eq!(world.ask(administrator, "CLIENT KILL TYPE pubsub"), ":1\r\n");
    world.settle();
    assert_eq!(world.closed(1), [shard.number]);
    assert_eq!(figures(&mut world), [0, 0, 0, 0]);
    assert_eq!(world.ask(administrator, "PUBLISH a x"), ":0\r\n");
}

#[test]
fn a_subscriber_that_does_not_read_is_closed_by_the_limits_of_its_class() {
    let large = "x".repeat(10_000);
    for (limits, closed_after_ms) in
        [("normal 5000 0 0 pubsub 15000 0 0", 0), ("normal 5000 0 0 pubsub 0 15000 5", 6000)]
    {
        let mut world = World::new(2, &[("client-output-buffer-limit", limits)]);
        let slow = subscriber(&mut world, 1, 3, "SUBSCRIBE c");
        let quick = subscriber(&mut world, 1, 3, "SUBSCRIBE c");
        let publisher = subscriber(&mut world, 0, 3, "SUBSCRIBE other");
        for _ in 0..2 {
            assert_eq!(world.ask(publisher, &format!("PUBLISH c {large}")), ":2\r\n");
            world.settle();
            assert_eq!(world.read(quick), push(&["message", "c", &large]));
        }
        if closed_after_ms > 0 {
            assert_eq!(world.closed(1), []);
            world.pass_ms(closed_after_ms);
        }
        assert_eq!(world.closed(1), [slow.number], "{limits}");
        assert_eq!(world.ask(publisher, "PUBLISH c x"), ":1\r\n", "only the quick one is left");
    }
}

#[test]
fn who_may_not_use_a_channel_any_more_is_closed() {
    let mut world = World::new(2, &[]);
    let administrator = world.connect(0);
    world.ask(administrator, "ACL SETUSER u on nopass +@all &a &b &p*");
    let connect = |world: &mut World, command: &str| {
        let peer = world.connect(1);
        world.ask(peer, "AUTH u x");
        world.ask(peer, command);
        peer
    };
    let (keeps, loses) = (connect(&mut world, "SUBSCRIBE a"), connect(&mut world, "SUBSCRIBE a b"));
    let pattern = connect(&mut world, "PSUBSCRIBE p*");
    let shard = connect(&mut world, "SSUBSCRIBE b");
    world.ask(administrator, "ACL SETUSER u &c");
    world.settle();
    assert_eq!(world.closed(1), [], "more is allowed, nothing less");
    world.ask(administrator, "ACL SETUSER u resetchannels &a");
    world.settle();
    assert_eq!(world.closed(1), [loses.number, pattern.number, shard.number]);
    assert_eq!(world.ask(administrator, "PUBLISH a x\r\nPUBLISH b x"), ":1\r\n:0\r\n");
    world.ask(administrator, "ACL DELUSER u");
    world.settle();
    assert_eq!(world.closed(1), [keeps.number]);
}

#[test]
fn a_pause_of_writes_holds_messages_back_and_silence_does_not_end_a_subscription() {
    let mut world = World::new(1, &[("timeout", "10")]);
    let sub = subscriber(&mut world, 0, 3, "SUBSCRIBE c");
    let publisher = world.connect(0);
    world.ask(publisher, "CLIENT PAUSE 1000 WRITE");
    assert_eq!(world.ask(publisher, "PUBLISH c x"), "");
    world.pass_ms(1001);
    world.resume(0);
    assert_eq!(world.read(sub), push(&["message", "c", "x"]));
    world.pass_ms(60_000);
    assert_eq!(world.closed(0), [publisher.number]);
}
