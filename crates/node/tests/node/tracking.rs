//! Client-side caching as clients see it, push by push. `caches.rs` checks that no client keeps a value too long.

use crate::world::{Peer, World};

/// A connection that speaks RESP3, with the options of CLIENT TRACKING ON.
fn tracker(world: &mut World, worker: usize, options: &str) -> Peer {
    let peer = world.connect(worker);
    world.send(peer, "HELLO 3");
    world.read(peer);
    let line = format!("CLIENT TRACKING ON {options}");
    assert_eq!(world.ask(peer, &line), "+OK\r\n", "{line}");
    peer
}

/// The push that ends these keys.
fn invalidate(keys: &[&str]) -> String {
    let mut push = format!(">2\r\n$10\r\ninvalidate\r\n*{}\r\n", keys.len());
    keys.iter().for_each(|key| push += &format!("${}\r\n{key}\r\n", key.len()));
    push
}

/// The push that ends all keys.
const EVERYTHING: &str = ">2\r\n$10\r\ninvalidate\r\n_\r\n";

#[test]
fn a_key_that_was_read_is_invalidated_once_whichever_worker_changes_it() {
    for writer_worker in [0, 1] {
        let mut world = World::new(2, &[]);
        let (reader, writer) = (tracker(&mut world, 0, ""), world.connect(writer_worker));
        world.ask(reader, "GET k");
        world.ask(writer, "SET k 1");
        world.ask(writer, "SET k 2");
        world.ask(writer, "SET other 1");
        world.settle();
        assert_eq!(world.read(reader), invalidate(&["k"]));
    }
}

#[test]
fn whoever_tracks_hears_of_what_comes_behind_in_one_piece_of_a_pipeline_or_transaction() {
    for (first, last) in [("CLIENT TRACKING ON", ""), ("MULTI\r\nCLIENT TRACKING ON", "EXEC")] {
        let mut world = World::new(1, &[]);
        let (peer, other) = (world.connect(0), world.connect(0));
        world.ask(peer, "HELLO 3");
        let request = format!("{first}\r\nGET k\r\nSET k 1\r\n{last}");
        let reply = world.ask(peer, request.trim_end());
        assert!(reply.ends_with(&invalidate(&["k"])), "{reply}");
        world.ask(peer, "CLIENT TRACKING OFF");
        // The first to track again, in one turn with another client's change.
        world.send_together(&[(peer, "CLIENT TRACKING ON\r\nGET k"), (other, "SET k 2")]);
        world.turn(0);
        world.settle();
        let told = world.read(peer);
        assert!(told.ends_with(&invalidate(&["k"])), "{told}");
    }
}

#[test]
fn own_changes_follow_the_reply_of_their_command_and_noloop_leaves_them_out() {
    let mut world = World::new(1, &[]);
    let (loops, silent) = (tracker(&mut world, 0, ""), tracker(&mut world, 0, "NOLOOP"));
    for peer in [loops, silent] {
        world.ask(peer, "MGET a b");
    }
    world.send(loops, "MSET a 1 b 2\r\nPING");
    let pushes = format!("{}{}", invalidate(&["a"]), invalidate(&["b"]));
    assert_eq!(world.read(loops), format!("+OK\r\n{pushes}+PONG\r\n"));
    assert_eq!(world.read(silent), pushes, "others' changes are told");
    world.ask(silent, "GET a");
    assert_eq!(world.ask(silent, "SET a 1"), "+OK\r\n");
}

#[test]
fn a_transaction_is_answered_before_its_invalidations() {
    let mut world = World::new(1, &[]);
    let peer = tracker(&mut world, 0, "");
    world.ask(peer, "GET a");
    world.send(peer, "MULTI\r\nSET a 1\r\nGET a\r\nSET a 2\r\nEXEC");
    let reply = "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n+OK\r\n$1\r\n1\r\n+OK\r\n";
    // Read again between the two changes, it is remembered again.
    assert_eq!(world.read(peer), format!("{reply}{}", invalidate(&["a"]).repeat(2)));
}

#[test]
fn what_a_transaction_reads_after_its_own_change_stays_good() {
    let mut world = World::new(1, &[]);
    let (peer, writer) = (tracker(&mut world, 0, ""), world.connect(0));
    let reply = world.ask(peer, "MULTI\r\nSET a 1\r\nGET a\r\nEXEC");
    assert!(reply.ends_with("*2\r\n+OK\r\n$1\r\n1\r\n"), "{reply}");
    world.ask(writer, "SET a 2");
    assert_eq!(world.read(peer), invalidate(&["a"]));
}

#[test]
fn opting_in_and_out_is_for_one_command_or_one_transaction() {
    let mut world = World::new(1, &[]);
    let (opted_in, opted_out) = (tracker(&mut world, 0, "OPTIN"), tracker(&mut world, 0, "OPTOUT"));
    let writer = world.connect(0);
    world.ask(opted_in, "CLIENT CACHING YES\r\nGET a\r\nGET b\r\nCLIENT CACHING YES\r\nMULTI\r\nGET c\r\nGET d\r\nEXEC\r\nGET e");
    world.ask(opted_out, "CLIENT CACHING NO\r\nGET a\r\nGET b");
    world.ask(writer, "MSET a 1 b 1 c 1 d 1 e 1");
    let told = |keys: &[&str]| -> String { keys.iter().map(|key| invalidate(&[key])).collect() };
    assert_eq!(world.read(opted_in), told(&["a", "c", "d"]));
    assert_eq!(world.read(opted_out), told(&["b"]));
}

#[test]
fn a_broadcast_names_all_keys_of_a_turn_under_a_prefix_in_order() {
    let mut world = World::new(2, &[]);
    let all = tracker(&mut world, 1, "BCAST");
    let some = tracker(&mut world, 0, "BCAST PREFIX user: PREFIX group:");
    let silent = tracker(&mut world, 0, "BCAST NOLOOP");
    world.send(silent, "MSET user:2 x user:1 x other x group:1 x");
    world.settle();
    assert_eq!(world.read(all), invalidate(&["group:1", "other", "user:1", "user:2"]));
    assert_eq!(
        world.read(some),
        format!("{}{}", invalidate(&["group:1"]), invalidate(&["user:1", "user:2"]))
    );
    assert_eq!(world.read(silent), "+OK\r\n");
}

#[test]
fn a_client_has_up_to_so_many_prefixes_and_no_two_that_overlap() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    let numbered = |numbers: std::ops::Range<u32>| -> String {
        numbers.map(|number| format!(" PREFIX {number:05}")).collect::<Vec<_>>().concat()
    };
    let overlaps = |prefix: &str, which: &str, other: &str| {
        let rule = "Prefixes for a single client must not overlap.";
        format!("-ERR Prefix '{prefix}' overlaps with {which} prefix '{other}'. {rule}\r\n")
    };
    let too_many = "-ERR too many prefixes for one client\r\n";
    for (prefixes, reply) in [
        (numbered(0..4097), too_many.to_owned()),
        (" PREFIX ab PREFIX c PREFIX a".to_owned(), overlaps("ab", "another provided", "a")),
        (" PREFIX a PREFIX c PREFIX ab".to_owned(), overlaps("a", "another provided", "ab")),
        (" PREFIX a PREFIX a".to_owned(), overlaps("a", "another provided", "a")),
        (" PREFIX a PREFIX b PREFIX bb PREFIX aa".to_owned(), overlaps("a", "another provided", "aa")),
        (" PREFIX ab PREFIX abc PREFIX a".to_owned(), overlaps("ab", "another provided", "abc")),
        (numbered(0..4000), "+OK\r\n".to_owned()),
        (" PREFIX 0".to_owned(), overlaps("0", "an existing", "00000")),
        (" PREFIX 00017x".to_owned(), overlaps("00017x", "an existing", "00017")),
        (" PREFIX x PREFIX 03999".to_owned(), overlaps("03999", "an existing", "03999")),
        (" PREFIX x PREFIX 00001 PREFIX xx".to_owned(), overlaps("x", "another provided", "xx")),
        (" PREFIX 00001 PREFIX 000010".to_owned(), overlaps("00001", "an existing", "00001")),
        (numbered(4000..4096), "+OK\r\n".to_owned()),
        (" PREFIX x".to_owned(), too_many.to_owned()),
        (String::new(), too_many.to_owned()),
    ] {
        assert_eq!(world.ask(peer, &format!("CLIENT TRACKING ON BCAST{prefixes}")), reply);
    }
    let stats = world.ask(peer, "INFO stats");
    assert!(stats.contains("tracking_total_prefixes:4096\r\n"), "{stats}");
    let one_fewer = format!("CLIENT TRACKING ON BCAST{}", numbered(0..4095));
    for command in
        ["CLIENT TRACKING OFF", one_fewer.as_str(), "CLIENT TRACKING ON BCAST", "CLIENT TRACKING ON BCAST"]
    {
        assert_eq!(world.ask(peer, command), "+OK\r\n", "{command}");
    }
    let reply = world
        .ask(peer, "CLIENT TRACKING OFF\r\nCLIENT TRACKING ON BCAST\r\nCLIENT TRACKING ON BCAST PREFIX b");
    assert_eq!(
        reply,
        format!("+OK\r\n+OK\r\n{}", overlaps("b", "an existing", "")),
        "no prefix is the one of all keys"
    );
}

#[test]
fn flushing_ends_all_keys_of_all_clients() {
    for flush in ["FLUSHALL", "FLUSHDB", "MULTI\r\nFLUSHALL\r\nEXEC"] {
        let mut world = World::new(2, &[]);
        let peers =
            [tracker(&mut world, 0, ""), tracker(&mut world, 1, "BCAST"), tracker(&mut world, 0, "NOLOOP")];
        world.send(peers[0], flush);
        world.settle();
        assert!(world.read(peers[0]).ends_with(&format!("+OK\r\n{EVERYTHING}")));
        assert_eq!(world.read(peers[1]), EVERYTHING);
        assert_eq!(world.read(peers[2]), EVERYTHING);
    }
}

#[test]
fn keys_that_are_due_are_invalidated_without_a_command() {
    let mut world = World::new(1, &[]);
    let (reader, broadcast) = (tracker(&mut world, 0, ""), tracker(&mut world, 0, "BCAST"));
    world.ask(reader, "SET k v PX 100\r\nGET k");
    world.read(broadcast);
    world.pass_ms(101);
    assert_eq!(world.read(reader), invalidate(&["k"]));
    assert_eq!(world.read(broadcast), invalidate(&["k"]));
}

#[test]
fn a_redirect_tells_the_other_client_and_its_loss_is_told_once_it_matters() {
    let mut world = World::new(2, &[]);
    let target = world.connect(1);
    world.ask(target, "HELLO 3");
    let reader = tracker(&mut world, 0, "REDIRECT 1");
    let writer = world.connect(1);
    assert_eq!(world.ask(reader, "CLIENT GETREDIR"), ":1\r\n");
    world.ask(reader, "GET k");
    world.ask(writer, "SET k 1");
    world.settle();
    assert_eq!(world.read(target), invalidate(&["k"]));
    assert_eq!(world.read(reader), "");
    world.ask(reader, "GET k");
    world.hang_up(target);
    world.ask(writer, "SET k 2");
    world.settle();
    assert_eq!(world.read(reader), ">2\r\n$21\r\ntracking-redir-broken\r\n:1\r\n");
    assert!(world.ask(reader, "CLIENT TRACKINGINFO").contains("broken_redirect"));
}

#[test]
fn who_has_said_quit_is_gone_for_others_before_the_reply_has_been_read() {
    let mut world = World::new(2, &[]);
    let target = world.connect(1);
    world.ask(target, "HELLO 3");
    let reader = tracker(&mut world, 0, "REDIRECT 1");
    let writer = world.connect(1);
    world.ask(reader, "GET k");
    world.send(target, "QUIT");
    world.ask(writer, "SET k 1");
    world.settle();
    assert_eq!(world.read(reader), ">2\r\n$21\r\ntracking-redir-broken\r\n:1\r\n");
    assert!(!world.ask(writer, "CLIENT LIST").contains("id=1 "));
    assert_eq!(world.read(target), "+OK\r\n");
}

#[test]
fn a_redirect_tells_a_client_of_resp2_while_it_is_subscribed_to_something() {
    let mut world = World::new(2, &[]);
    let (target, writer) = (world.connect(1), world.connect(0));
    let reader = world.connect(0);
    assert_eq!(world.ask(reader, "CLIENT TRACKING ON REDIRECT 1"), "+OK\r\n");
    let change = |world: &mut World, line: &str| {
        world.ask(reader, "GET k");
        world.ask(writer, line);
        world.settle();
        world.read(target)
    };
    assert_eq!(change(&mut world, "SET k 1"), "", "it could not tell this from a reply");
    world.ask(target, "SUBSCRIBE __redis__:invalidate");
    let message = "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n";
    assert_eq!(change(&mut world, "SET k 2"), format!("{message}*1\r\n$1\r\nk\r\n"));
    assert_eq!(change(&mut world, "FLUSHALL"), format!("{message}$-1\r\n"));
}

#[test]
fn a_subscriber_of_resp2_is_not_told_what_it_has_read_itself() {
    let mut world = World::new(1, &[]);
    let (reader, writer) = (world.connect(0), world.connect(0));
    world.ask(reader, "CLIENT TRACKING ON\r\nGET k\r\nSUBSCRIBE c");
    world.ask(writer, "SET k 1");
    assert_eq!(world.read(reader), "");
}

#[test]
fn remembered_keys_beyond_the_limit_are_dropped_and_told() {
    let mut world = World::new(1, &[("tracking-table-max-keys", "2")]);
    let (reader, administrator) = (tracker(&mut world, 0, ""), world.connect(0));
    let reply = world.ask(reader, "MGET a b c");
    assert_eq!(reply.matches("invalidate").count(), 1, "{reply}");
    assert!(
        world
            .ask(administrator, "INFO stats")
            .contains("tracking_total_keys:2\r\ntracking_total_items:2\r\n")
    );
    world.ask(administrator, "CONFIG SET tracking-table-max-keys 1");
    assert_eq!(world.read(reader).matches("invalidate").count(), 1);
    assert!(world.ask(administrator, "INFO stats").contains("tracking_total_keys:1\r\n"));
}

#[test]
fn clients_that_stop_or_go_are_forgotten() {
    let mut world = World::new(1, &[]);
    let (stops, goes) = (tracker(&mut world, 0, ""), tracker(&mut world, 0, "BCAST PREFIX a PREFIX b"));
    let administrator = world.connect(0);
    let info = |world: &mut World| world.ask(administrator, "INFO");
    assert!(info(&mut world).contains("tracking_clients:2\r\n"));
    assert!(info(&mut world).contains("tracking_total_prefixes:2\r\n"));
    world.ask(stops, "GET k\r\nCLIENT TRACKING OFF");
    world.hang_up(goes);
    world.ask(administrator, "SET k 1");
    assert_eq!(world.read(stops), "");
    let figures = info(&mut world);
    for expected in
        ["tracking_clients:0", "tracking_total_keys:0", "tracking_total_items:0", "tracking_total_prefixes:0"]
    {
        assert!(figures.contains(expected), "{expected} in {figures}");
    }
}

#[test]
fn of_a_script_the_keys_are_remembered_that_its_commands_read_and_not_those_that_it_declares() {
    for eval in ["EVAL", "EVAL_RO"] {
        let mut world = World::new(1, &[]);
        let (reader, writer) = (tracker(&mut world, 0, ""), world.connect(0));
        world.ask(reader, &format!("{eval} \"return redis.call('GET', KEYS[1])\" 2 read declared"));
        world.ask(writer, "SET declared 1");
        world.settle();
        assert_eq!(world.read(reader), "", "{eval}");
        world.ask(writer, "SET read 1");
        world.settle();
        assert_eq!(world.read(reader), invalidate(&["read"]), "{eval}");
    }
    let mut world = World::new(1, &[]);
    let (reader, writer) = (tracker(&mut world, 0, ""), world.connect(0));
    let library = "#!lua name=l\nredis.register_function{function_name='f', callback=function() end, flags={'no-writes'}}";
    world.send_bytes(
        writer,
        format!("*3\r\n$8\r\nFUNCTION\r\n$4\r\nLOAD\r\n${}\r\n{library}\r\n", library.len()).as_bytes(),
    );
    world.ask(reader, "FCALL_RO f 1 declared");
    world.ask(writer, "SET declared 1");
    world.settle();
    assert_eq!(world.read(reader), "");
}
