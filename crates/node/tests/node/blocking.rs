//! Commands that wait: who is served, in which order, across workers; and how a wait ends otherwise.

use crate::world::{Peer, World};

/// What BLPOP and its kin answer.
fn popped(key: &str, element: &str) -> String {
    format!("*2\r\n${}\r\n{key}\r\n${}\r\n{element}\r\n", key.len(), element.len())
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

/// A field of INFO clients.
fn figure(world: &mut World, name: &str) -> String {
    let peer = world.connect(0);
    let info = world.ask(peer, "INFO clients");
    world.hang_up(peer);
    let line = info.lines().find_map(|line| line.strip_prefix(&format!("{name}:")).map(str::to_owned));
    line.expect("INFO has the field")
}

/// Lets letters arrive, and those go on that waited.
fn settle(world: &mut World) {
    world.settle();
    world.turn(0);
    world.turn(1);
    world.settle();
}

/// A client of a worker that has sent a command which waits.
fn waiter(world: &mut World, worker: usize, line: &str) -> Peer {
    let peer = world.connect(worker);
    let replies = world.ask(peer, line);
    assert_eq!(replies, "+OK\r\n".repeat(replies.len() / 5), "{line} waits");
    peer
}

#[test]
fn clients_are_served_in_the_order_in_which_they_came_whatever_their_workers() {
    let mut world = World::new(2, &[]);
    let waiters = [0, 1, 0, 1].map(|worker| waiter(&mut world, worker, "BLPOP k 0"));
    let pusher = world.connect(1);
    assert_eq!(world.ask(pusher, "RPUSH k a b\r\nRPUSH k c"), ":2\r\n:1\r\n", "two are taken at once");
    settle(&mut world);
    for (peer, element) in waiters.iter().zip(["a", "b", "c"]) {
        assert_eq!(world.read(*peer), popped("k", element));
    }
    assert_eq!(world.read(waiters[3]), "");
    assert_eq!(world.ask(pusher, "EXISTS k"), ":0\r\n");
    assert_eq!(figure(&mut world, "blocked_clients"), "1");
}

#[test]
fn who_waits_for_several_keys_is_served_once() {
    let mut world = World::new(2, &[]);
    let first = waiter(&mut world, 0, "BLPOP a b a 0");
    let pushers = [world.connect(0), world.connect(1)];
    assert_eq!(figure(&mut world, "total_blocking_keys"), "2");
    world.ask(pushers[1], "RPUSH b 1");
    world.ask(pushers[0], "RPUSH a 2");
    settle(&mut world);
    assert_eq!(world.read(first), popped("b", "1"));
    assert_eq!(world.ask(pushers[0], "LRANGE a 0 -1"), format!("*1\r\n{}", bulk("2")));
    assert_eq!(figure(&mut world, "total_blocking_keys"), "0");
    assert_eq!(figure(&mut world, "blocked_clients"), "0");
}

#[test]
fn of_several_keys_that_a_transaction_makes_ready_the_first_one_named_is_taken() {
    let mut world = World::new(2, &[]);
    let first = waiter(&mut world, 0, "BRPOP a b c 0");
    let pusher = world.connect(1);
    world.ask(pusher, "MULTI\r\nRPUSH c 1\r\nRPUSH b 2 3\r\nEXEC");
    settle(&mut world);
    assert_eq!(world.read(first), popped("b", "3"));
}

#[test]
fn what_was_sent_behind_a_command_that_waits_runs_when_it_is_answered() {
    let mut world = World::new(2, &[]);
    let first = waiter(&mut world, 0, "BLPOP k 0\r\nPING\r\nBLPOP k 0\r\nECHO end");
    let pusher = world.connect(1);
    world.ask(pusher, "RPUSH k 1");
    settle(&mut world);
    assert_eq!(world.read(first), format!("{}+PONG\r\n", popped("k", "1")));
    world.ask(pusher, "RPUSH k 2");
    settle(&mut world);
    assert_eq!(world.read(first), format!("{}{}", popped("k", "2"), bulk("end")));
}

#[test]
fn half_a_request_behind_a_command_that_waits_is_kept() {
    let mut world = World::new(2, &[]);
    let first = world.connect(0);
    world.send_bytes(first, b"BLPOP k 0\r\n*1\r\n$4\r\nPI");
    let pusher = world.connect(1);
    world.ask(pusher, "RPUSH k 1");
    settle(&mut world);
    assert_eq!(world.read(first), popped("k", "1"));
    world.send_bytes(first, b"NG\r\n");
    assert_eq!(world.read(first), "+PONG\r\n");
}

#[test]
fn a_time_limit_is_kept_to_the_millisecond() {
    let mut world = World::new(2, &[]);
    let lines = ["BLPOP k 0.1", "BLMOVE k l LEFT RIGHT 0.1", "BRPOPLPUSH k l 0.1", "BLMPOP 0.1 1 k LEFT"];
    let waiters = lines.map(|line| waiter(&mut world, 1, line));
    assert!(world.idle_ms(1) <= 100);
    assert_eq!(figure(&mut world, "clients_in_timeout_table"), "4");
    world.pass_ms(99);
    assert!(world.idle_ms(1) <= 1);
    assert_eq!(world.read(waiters[0]), "");
    world.pass_ms(1);
    for peer in waiters {
        assert_eq!(world.read(peer), "*-1\r\n");
        assert_eq!(world.ask(peer, "PING"), "+PONG\r\n");
    }
    assert_eq!(figure(&mut world, "clients_in_timeout_table"), "0");
    // Nobody is served any more.
    assert_eq!(world.ask(waiters[0], "RPUSH k 1\r\nLLEN k"), ":1\r\n:1\r\n");
}

#[test]
fn inside_a_transaction_nothing_waits() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    let reply = world.ask(
        peer,
        "MULTI\r\nBLPOP k 0\r\nBLMOVE k l LEFT LEFT 0\r\nBLMPOP 0 1 k LEFT\r\nBRPOPLPUSH k l 0\r\nEXEC",
    );
    assert!(reply.ends_with("*4\r\n*-1\r\n$-1\r\n*-1\r\n$-1\r\n"), "{reply}");
}

#[test]
fn a_transaction_is_seen_as_a_whole() {
    let mut world = World::new(2, &[]);
    let first = waiter(&mut world, 0, "BLPOP k 0");
    let pusher = world.connect(1);
    world.ask(pusher, "MULTI\r\nRPUSH k 1\r\nDEL k\r\nEXEC");
    settle(&mut world);
    assert_eq!(world.read(first), "");
    world.ask(pusher, "MULTI\r\nRPUSH k 1\r\nDEL k\r\nRPUSH k 2\r\nLPUSH k 3\r\nSELECT 1\r\nEXEC");
    settle(&mut world);
    assert_eq!(world.read(first), popped("k", "3"));
}

#[test]
fn a_transaction_that_takes_everything_serves_too() {
    let mut world = World::new(2, &[]);
    let first = waiter(&mut world, 0, "BLPOP k 0");
    let pusher = world.connect(1);
    assert!(world.ask(pusher, "MULTI\r\nFLUSHALL\r\nRPUSH k 1\r\nLLEN k\r\nEXEC").ends_with(":1\r\n:1\r\n"));
    settle(&mut world);
    assert_eq!(world.read(first), popped("k", "1"));
}

#[test]
fn a_key_of_another_type_is_no_reason_to_end() {
    let mut world = World::new(2, &[]);
    let first = waiter(&mut world, 0, "BLPOP k other 0");
    let writer = world.connect(1);
    world.ask(writer, "SET k v\r\nAPPEND k w\r\nHSET other f v");
    settle(&mut world);
    assert_eq!(world.read(first), "");
    world.ask(writer, "DEL k\r\nRPUSH k 1");
    settle(&mut world);
    assert_eq!(world.read(first), popped("k", "1"));
    let late = world.connect(0);
    let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
    assert_eq!(world.ask(late, "BLPOP other k 0"), wrong);
    assert_eq!(world.ask(late, "BLMOVE other k LEFT LEFT 0"), wrong);
}

#[test]
fn every_way_in_which_a_list_comes_under_a_key_serves() {
    let ways = [
        "RPUSH k 1",
        "LPUSH k 1",
        "RPUSH other 1\r\nRENAME other k",
        "RPUSH other 1\r\nCOPY other k",
        "RPUSH other 1\r\nLMOVE other k LEFT LEFT",
        "RPUSH other 1\r\nRPOPLPUSH other k",
        "SELECT 1\r\nRPUSH k 1\r\nMOVE k 0",
        "SELECT 1\r\nRPUSH k 1\r\nSWAPDB 0 1",
        "SELECT 1\r\nRPUSH k 1\r\nMULTI\r\nSWAPDB 0 1\r\nEXEC",
        "SELECT 1\r\nRPUSH other 1\r\nCOPY other k DB 0",
    ];
    for way in ways {
        let mut world = World::new(2, &[]);
        let first = waiter(&mut world, 0, "BLPOP k 0");
        let elsewhere = waiter(&mut world, 0, "SELECT 7\r\nBLPOP k 0").number;
        let writer = world.connect(1);
        world.ask(writer, way);
        settle(&mut world);
        assert_eq!(world.read(first), popped("k", "1"), "{way}");
        assert_eq!(elsewhere, 1);
        assert_eq!(figure(&mut world, "blocked_clients"), "1", "another database is another key");
    }
}

#[test]
fn a_served_move_serves_the_next_one() {
    let mut world = World::new(2, &[]);
    let lines = ["BLMOVE a b LEFT RIGHT 0", "BLMOVE b c LEFT RIGHT 0", "BRPOPLPUSH c a 0", "BLPOP c 0"];
    let waiters: Vec<Peer> =
        lines.iter().enumerate().map(|(at, line)| waiter(&mut world, at % 2, line)).collect();
    let pusher = world.connect(1);
    world.ask(pusher, "RPUSH a x");
    settle(&mut world);
    for peer in &waiters[..3] {
        assert_eq!(world.read(*peer), bulk("x"));
    }
    assert_eq!(world.read(waiters[3]), "");
    assert_eq!(world.ask(pusher, "LRANGE a 0 -1"), format!("*1\r\n{}", bulk("x")));
}

#[test]
fn a_move_to_a_key_of_another_type_fails_and_leaves_the_element_to_the_next() {
    let mut world = World::new(2, &[]);
    let first = waiter(&mut world, 0, "BLMOVE a b LEFT RIGHT 0");
    let second = waiter(&mut world, 1, "BLPOP a 0");
    let pusher = world.connect(1);
    world.ask(pusher, "SET b v\r\nRPUSH a x");
    settle(&mut world);
    assert_eq!(world.read(first), "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
    assert_eq!(world.read(second), popped("a", "x"));
}

#[test]
fn a_client_can_be_unblocked() {
    let mut world = World::new(2, &[]);
    let [late, refused] = [0, 0].map(|worker| waiter(&mut world, worker, "BLPOP k 0\r\nPING"));
    let boss = world.connect(1);
    assert_eq!(world.ask(boss, "CLIENT UNBLOCK 3\r\nCLIENT UNBLOCK 99"), ":0\r\n:0\r\n");
    assert_eq!(world.ask(boss, "CLIENT UNBLOCK 1\r\nCLIENT UNBLOCK 1"), ":1\r\n:0\r\n", "only once");
    assert_eq!(world.ask(boss, "CLIENT UNBLOCK 2 ERROR"), ":1\r\n");
    settle(&mut world);
    assert_eq!(world.read(late), "*-1\r\n+PONG\r\n");
    assert_eq!(world.read(refused), "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n+PONG\r\n");
    assert_eq!(world.ask(boss, "RPUSH k 1\r\nLLEN k"), ":1\r\n:1\r\n");
    // Who waits for the end of a pause does not wait for a key.
    world.ask(boss, "CLIENT PAUSE 1000 WRITE");
    assert_eq!(world.ask(late, "BLPOP k 0"), "");
    assert_eq!(world.ask(boss, "CLIENT UNBLOCK 1"), ":0\r\n");
}

#[test]
fn a_command_that_waits_is_counted_when_it_ends() {
    let mut world = World::new(2, &[]);
    let boss = world.connect(1);
    let calls = |world: &mut World| {
        let info = world.ask(boss, "INFO commandstats");
        let line = info.lines().find(|line| line.starts_with("cmdstat_blpop")).unwrap_or_default();
        let figures = line.split([':', ',']).filter(|figure| figure.contains("calls="));
        figures.map(str::to_owned).collect::<Vec<_>>().join(" ")
    };
    let late = waiter(&mut world, 0, "BLPOP k 0");
    waiter(&mut world, 0, "BLPOP k 0");
    let served = waiter(&mut world, 0, "BLPOP k 0");
    assert_eq!(calls(&mut world), "");
    world.ask(boss, "CLIENT UNBLOCK 2");
    settle(&mut world);
    assert_eq!(calls(&mut world), "calls=1 rejected_calls=0 failed_calls=0");
    world.ask(boss, "CLIENT UNBLOCK 3 ERROR");
    settle(&mut world);
    assert_eq!(calls(&mut world), "calls=2 rejected_calls=0 failed_calls=1");
    assert!(world.ask(boss, "INFO errorstats").contains("errorstat_UNBLOCKED:count=1"));
    world.ask(boss, "CONFIG SET slowlog-log-slower-than 0\r\nSLOWLOG RESET\r\nRPUSH k a");
    settle(&mut world);
    assert_eq!(world.read(served), popped("k", "a"));
    assert_eq!(calls(&mut world), "calls=3 rejected_calls=0 failed_calls=1");
    assert!(world.ask(boss, "SLOWLOG GET 9").contains("BLPOP"));
    assert_eq!(world.read(late), "*-1\r\n");
}

#[test]
fn an_unblocked_client_is_passed_by_before_it_knows() {
    let mut world = World::new(2, &[]);
    let first = waiter(&mut world, 0, "BLPOP k 0");
    let second = waiter(&mut world, 1, "BLPOP k 0");
    let boss = world.connect(1);
    assert_eq!(world.ask(boss, "CLIENT UNBLOCK 1\r\nRPUSH k 1"), ":1\r\n:1\r\n");
    settle(&mut world);
    assert_eq!(world.read(first), "*-1\r\n");
    assert_eq!(world.read(second), popped("k", "1"));
}

#[test]
fn clients_that_go_take_nothing_along() {
    let mut world = World::new(2, &[]);
    let goes = waiter(&mut world, 0, "BLPOP k 0.5");
    waiter(&mut world, 1, "BLPOP k 0");
    let boss = world.connect(0);
    world.hang_up(goes);
    assert_eq!(world.ask(boss, "CLIENT KILL ID 2"), ":1\r\n");
    world.settle();
    assert_eq!(world.closed(1), [0]);
    assert_eq!(world.ask(boss, "RPUSH k 1\r\nLLEN k"), ":1\r\n:1\r\n");
    assert_eq!(figure(&mut world, "total_blocking_keys"), "0");
    assert_eq!(figure(&mut world, "clients_in_timeout_table"), "0");
    world.pass_ms(500);
}

#[test]
fn an_answer_does_not_reach_another_client_with_the_same_number() {
    let mut world = World::new(2, &[]);
    let goes = waiter(&mut world, 0, "BLPOP k 0");
    let pusher = world.connect(1);
    world.ask(pusher, "RPUSH k 1");
    world.hang_up(goes);
    let comes = waiter(&mut world, 0, "BLPOP k 0");
    assert_eq!(comes, goes);
    settle(&mut world);
    assert_eq!(world.read(comes), "");
}

#[test]
fn rules_are_looked_at_again_when_a_client_is_served() {
    let mut world = World::new(2, &[]);
    let boss = world.connect(1);
    world.ask(boss, "ACL SETUSER u on nopass ~* +@all");
    let first = waiter(&mut world, 0, "AUTH u x\r\nBLPOP k 0");
    let second = waiter(&mut world, 0, "BLPOP k 0");
    world.ask(boss, "ACL SETUSER u resetkeys\r\nRPUSH k 1");
    settle(&mut world);
    assert!(world.read(first).starts_with("-NOPERM No permissions to access a key"));
    assert_eq!(world.read(second), popped("k", "1"));
    assert!(world.ask(boss, "ACL LOG 1").contains("blpop"));
}

#[test]
fn the_state_of_the_client_holds_for_its_answer() {
    let mut world = World::new(2, &[]);
    let newer = world.connect(0);
    world.ask(newer, "HELLO 3");
    assert_eq!(world.ask(newer, "BLPOP k 0.01"), "");
    world.pass_ms(10);
    assert_eq!(world.read(newer), "_\r\n");
    let silent = waiter(&mut world, 0, "CLIENT REPLY OFF\r\nBLPOP k 0\r\nCLIENT REPLY ON");
    let pusher = world.connect(1);
    assert_eq!(world.ask(pusher, "RPUSH k 1\r\nLLEN k"), ":1\r\n:0\r\n");
    settle(&mut world);
    assert_eq!(world.read(silent), "+OK\r\n");
}

#[test]
fn who_is_served_hears_of_its_own_change_behind_the_answer() {
    let mut world = World::new(2, &[]);
    let tracker = world.connect(0);
    world.ask(tracker, "HELLO 3\r\nCLIENT TRACKING ON");
    world.ask(tracker, "LLEN to");
    assert_eq!(world.ask(tracker, "BLMOVE from to LEFT RIGHT 0"), "");
    let pusher = world.connect(1);
    world.ask(pusher, "RPUSH from 1");
    settle(&mut world);
    assert_eq!(world.read(tracker), format!("{}>2\r\n$10\r\ninvalidate\r\n*1\r\n{}", bulk("1"), bulk("to")));
}

#[test]
fn a_paused_command_waits_for_its_key_after_the_pause() {
    let mut world = World::new(2, &[]);
    let boss = world.connect(0);
    world.ask(boss, "CLIENT PAUSE 1000 WRITE");
    let first = waiter(&mut world, 1, "BLPOP k 0");
    world.ask(boss, "CLIENT UNPAUSE");
    settle(&mut world);
    assert_eq!(world.ask(boss, "RPUSH k 1"), ":1\r\n");
    settle(&mut world);
    assert_eq!(world.read(first), popped("k", "1"));
}

#[test]
fn the_list_of_clients_tells_who_waits() {
    let mut world = World::new(2, &[]);
    waiter(&mut world, 1, "BLPOP k 0");
    let boss = world.connect(0);
    assert!(world.ask(boss, "CLIENT LIST ID 1").contains(" flags=b "));
    world.ask(boss, "RPUSH k 1");
    settle(&mut world);
    assert!(world.ask(boss, "CLIENT LIST ID 1").contains(" flags=N "));
}

#[test]
fn very_many_are_served_in_their_order() {
    const CLIENTS: usize = 1000;
    let mut world = World::new(2, &[]);
    let waiters: Vec<Peer> = (0..CLIENTS).map(|at| waiter(&mut world, at % 2, "BLPOP k 0")).collect();
    let pusher = world.connect(1);
    let elements: Vec<String> = (0..CLIENTS).map(|at| at.to_string()).collect();
    world.ask(pusher, &format!("RPUSH k {}", elements.join(" ")));
    for _ in 0..10 {
        world.pass_ms(0);
        settle(&mut world);
    }
    for (peer, element) in waiters.iter().zip(&elements) {
        assert_eq!(world.read(*peer), popped("k", element));
    }
}

#[test]
fn an_answer_waits_for_the_log_like_the_reply_of_a_write() {
    let mut world = World::new(2, &[("appendonly", "yes")]);
    let first = waiter(&mut world, 0, "BLPOP k 0");
    let pusher = world.connect(1);
    world.set_log_waits(true);
    world.send(pusher, "RPUSH k 1");
    world.settle();
    assert_eq!(world.writable(0), [] as [usize; 0]);
    world.set_log_waits(false);
    assert_eq!(world.writable(0), [first.number]);
    assert_eq!(world.read(first), popped("k", "1"));
}

/// What XREAD and XREADGROUP answer that have got one entry `f v`.
fn entry(key: &str, id: &str) -> String {
    format!("*1\r\n*2\r\n{}*1\r\n*2\r\n{}*2\r\n{}{}", bulk(key), bulk(id), bulk("f"), bulk("v"))
}

fn no_group(key: &str) -> String {
    format!("-NOGROUP No such key '{key}' or consumer group 'g' in XREADGROUP with GROUP option\r\n")
}

#[test]
fn an_entry_reaches_all_who_read_and_one_consumer_of_a_group() {
    let mut world = World::new(2, &[]);
    let writer = world.connect(1);
    world.ask(writer, "XADD s 1-0 f v\r\nXGROUP CREATE s g $");
    let readers = [0, 1].map(|worker| waiter(&mut world, worker, "XREAD BLOCK 0 STREAMS s other s $ 0 9"));
    let consumers = [0, 1, 0].map(|worker| {
        let line = format!("XREADGROUP GROUP g c{worker} COUNT 1 BLOCK 0 STREAMS s >");
        waiter(&mut world, worker, &line)
    });
    world.ask(writer, "MULTI\r\nXADD s 2-0 f v\r\nXDEL s 1-0\r\nEXEC");
    settle(&mut world);
    for peer in readers.iter().chain(&consumers[..1]) {
        assert_eq!(world.read(*peer), entry("s", "2-0"));
    }
    assert_eq!(world.read(consumers[1]), "");
    world.ask(writer, "MULTI\r\nXADD s 3-0 f v\r\nXADD s 4-0 f v\r\nEXEC");
    settle(&mut world);
    assert_eq!(world.read(consumers[1]), entry("s", "3-0"));
    assert_eq!(world.read(consumers[2]), entry("s", "4-0"));
    let pending = world.ask(writer, "XPENDING s g - + 10 c0");
    assert!(pending.starts_with("*2\r\n") && pending.contains("2-0") && pending.contains("4-0"), "{pending}");
    assert_eq!(figure(&mut world, "blocked_clients"), "0");
    assert_eq!(figure(&mut world, "total_blocking_keys"), "0");
}

#[test]
fn a_reader_waits_for_an_entry_behind_its_id_however_the_stream_comes() {
    let ways = [
        "XADD s 6-0 f v",
        "XADD s 1-0 f v\r\nXADD s 5-0 f v\r\nXADD s 6-0 f v",
        "XADD other 6-0 f v\r\nRENAME other s",
        "XADD other 6-0 f v\r\nCOPY other s",
        "SELECT 1\r\nXADD s 6-0 f v\r\nSWAPDB 0 1",
        "SET s v\r\nDEL s\r\nXADD s 6-0 f v",
    ];
    for way in ways {
        let mut world = World::new(2, &[]);
        let reader = waiter(&mut world, 0, "XREAD BLOCK 0 STREAMS missing s 0 5");
        let writer = world.connect(1);
        world.ask(
            writer,
            "MULTI\r\nXADD s 7-0 f v\r\nDEL s\r\nEXEC\r\nXADD s 4-0 f v\r\nXADD s 5-0 f v\r\nDEL s",
        );
        settle(&mut world);
        assert_eq!(world.read(reader), "");
        world.ask(writer, way);
        settle(&mut world);
        assert_eq!(world.read(reader), entry("s", "6-0"), "{way}");
    }
}

#[test]
fn a_consumer_hears_what_has_become_of_its_stream() {
    let wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n".to_owned();
    let ways = [
        ("DEL s", no_group("s")),
        ("XGROUP DESTROY s g", no_group("s")),
        ("FLUSHALL", no_group("s")),
        ("PEXPIRE s 0", no_group("s")),
        ("RENAME s other", no_group("s")),
        ("SWAPDB 0 1", no_group("s")),
        ("XADD other 1-0 f v\r\nRENAME other s", no_group("s")),
        ("SET s v", wrong.clone()),
        ("MULTI\r\nDEL s\r\nLPUSH s v\r\nEXEC", wrong.clone()),
        ("SELECT 1\r\nLPUSH s v\r\nSWAPDB 0 1", wrong),
        ("XADD t 1-0 f v", entry("t", "1-0")),
        ("XADD o 1-0 f v\r\nXGROUP CREATE o g 0\r\nRENAME o t", entry("t", "1-0")),
    ];
    for (way, answer) in ways {
        let mut world = World::new(2, &[]);
        let writer = world.connect(1);
        world.ask(writer, "XGROUP CREATE s g $ MKSTREAM\r\nXGROUP CREATE t g $ MKSTREAM");
        let consumer = waiter(&mut world, 0, "XREADGROUP GROUP g c BLOCK 0 STREAMS t s > >");
        assert_eq!(figure(&mut world, "total_blocking_keys_on_nokey"), "2");
        world.ask(writer, "XGROUP CREATE s another 0\r\nXGROUP SETID s g $\r\nEXPIRE t 100");
        settle(&mut world);
        assert_eq!(world.read(consumer), "");
        world.ask(writer, way);
        settle(&mut world);
        // Of several keys that go at once, the one that is seen first is named.
        let heard = world.read(consumer).replace("'t'", "'s'");
        assert_eq!(heard, answer, "{way}");
        assert_eq!(figure(&mut world, "total_blocking_keys_on_nokey"), "0");
    }
}

#[test]
fn a_consumer_hears_that_its_stream_was_due_although_nobody_asks() {
    let mut world = World::new(2, &[]);
    let boss = world.connect(1);
    world.ask(boss, "XGROUP CREATE s g $ MKSTREAM\r\nPEXPIRE s 1000");
    let consumer = waiter(&mut world, 0, "XREADGROUP GROUP g c BLOCK 0 STREAMS s >");
    world.pass_ms(999);
    assert_eq!(world.read(consumer), "");
    // Whichever worker finds it due has something to do then, and does it in the turn that follows.
    world.pass_ms(100);
    assert!([0, 1].iter().any(|&worker| world.idle_ms(worker) == 0));
    world.pass_ms(0);
    settle(&mut world);
    assert_eq!(world.read(consumer), no_group("s"));
}

#[test]
fn waiting_for_entries_has_an_end() {
    let mut world = World::new(2, &[]);
    let boss = world.connect(1);
    world.ask(boss, "XGROUP CREATE s g $ MKSTREAM");
    let reader = waiter(&mut world, 0, "XREAD BLOCK 100 STREAMS s $");
    let consumer = waiter(&mut world, 0, "XREADGROUP GROUP g c BLOCK 100 STREAMS s >");
    let refused = waiter(&mut world, 0, "XREAD BLOCK 0 STREAMS s $");
    assert_eq!(world.ask(boss, "CLIENT UNBLOCK 4 ERROR"), ":1\r\n");
    settle(&mut world);
    assert_eq!(world.read(refused), "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
    world.pass_ms(99);
    assert_eq!(world.read(reader), "");
    world.pass_ms(1);
    assert_eq!(world.read(reader), "*-1\r\n");
    assert_eq!(world.read(consumer), "*-1\r\n");
    // The consumer is there, and has nothing.
    assert_eq!(
        world.ask(boss, "XADD s 1-0 f v\r\nXPENDING s g"),
        format!("{}*4\r\n:0\r\n$-1\r\n$-1\r\n*-1\r\n", bulk("1-0"))
    );
    let history = world.ask(consumer, "XREADGROUP GROUP g c BLOCK 0 STREAMS s 0");
    assert_eq!(history, format!("*1\r\n*2\r\n{}*0\r\n", bulk("s")), "its own past is there at once");
}

#[test]
fn a_move_of_several_elements_waits_until_there_are_enough() {
    let mut world = World::new(2, &[]);
    let exact = waiter(&mut world, 0, "BLMOVEM a b LEFT RIGHT 0 EXACTLY 2 BULK");
    let some = waiter(&mut world, 1, "BLMOVEM a b LEFT RIGHT 0 COUNT 2 BULK");
    let pusher = world.connect(1);
    assert_eq!(world.ask(pusher, "RPUSH a 1"), ":1\r\n");
    settle(&mut world);
    assert_eq!(world.read(exact), "", "one is not enough");
    assert_eq!(world.read(some), format!("*1\r\n{}", bulk("1")), "and the next one takes it");
    assert_eq!(world.ask(pusher, "RPUSH a 2 3 4"), ":3\r\n");
    settle(&mut world);
    assert_eq!(world.read(exact), format!("*2\r\n{}{}", bulk("2"), bulk("3")));
    assert_eq!(world.ask(pusher, "LRANGE a 0 -1"), format!("*1\r\n{}", bulk("4")));
}

#[test]
fn waitaof_is_answered_as_soon_as_the_file_has_been_synced() {
    let mut world = World::new(2, &[("appendonly", "yes")]);
    world.set_log_waits(false);
    world.set_synced(Some(0));
    let peer = world.connect(0);
    assert_eq!(world.ask(peer, "WAITAOF 1 0 0"), "*2\r\n:1\r\n:0\r\n", "it has changed nothing");
    assert_eq!(world.ask(peer, "SET k 1\r\nWAITAOF 1 0 0\r\nPING"), "+OK\r\n");
    world.set_synced(Some(0));
    assert_eq!(world.read(peer), "");
    let other = world.connect(1);
    assert_eq!(world.ask(other, "SET k 2"), "+OK\r\n", "what others change is not waited for");
    world.set_synced(Some(1));
    assert_eq!(world.read(peer), "*2\r\n:1\r\n:0\r\n");
    world.turn(0);
    assert_eq!(world.read(peer), "+PONG\r\n");
    assert_eq!(world.ask(peer, "WAITAOF 1 0 0"), "*2\r\n:1\r\n:0\r\n");
    assert_eq!(world.ask(other, "WAITAOF 1 0 0"), "");
    world.set_synced(Some(2));
    assert_eq!(world.read(other), "*2\r\n:1\r\n:0\r\n");
    assert_eq!(figure(&mut world, "blocked_clients"), "0");
}

#[test]
fn waitaof_ends_by_its_time_by_a_command_and_with_the_file() {
    let mut world = World::new(2, &[("appendonly", "yes")]);
    world.set_log_waits(false);
    world.set_synced(Some(0));
    let peers = [0, 1, 0, 1].map(|worker| world.connect(worker));
    for (peer, timeout) in peers.into_iter().zip([20, 0, 0, 0]) {
        assert_eq!(world.ask(peer, &format!("SET k 1\r\nWAITAOF 1 0 {timeout}")), "+OK\r\n");
    }
    world.pass_ms(19);
    assert_eq!(world.read(peers[0]), "");
    world.pass_ms(1);
    assert_eq!(world.read(peers[0]), "*2\r\n:0\r\n:0\r\n");
    let asker = world.connect(0);
    for (peer, way) in [(1, "TIMEOUT"), (2, "ERROR")] {
        assert_eq!(world.ask(asker, &format!("CLIENT UNBLOCK {} {way}", peer + 1)), ":1\r\n");
        world.settle();
        let expected = if way == "ERROR" {
            "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n"
        } else {
            "*2\r\n:0\r\n:0\r\n"
        };
        assert_eq!(world.read(peers[peer]), expected);
    }
    assert_eq!(world.ask(asker, "WAITAOF 0 1 10"), "", "there are no replicas");
    world.pass_ms(10);
    assert_eq!(world.read(asker), "*2\r\n:1\r\n:0\r\n", "but here all is synced that it has changed");
    assert_eq!(world.ask(asker, "CONFIG SET appendonly no"), "+OK\r\n");
    world.set_synced(None);
    let refusal = "-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.\r\n";
    assert_eq!(world.read(peers[3]), refusal);
    assert_eq!(world.ask(asker, "WAITAOF 1 0 0"), refusal);
}

#[test]
fn a_group_that_waits_gets_what_another_consumer_has_had_for_too_long() {
    let mut world = World::new(2, &[]);
    let first = world.connect(1);
    world
        .ask(first, "XGROUP CREATE s g $ MKSTREAM\r\nXADD s 1-0 f v\r\nXREADGROUP GROUP g first STREAMS s >");
    world.pass_ms(30);
    let waiting = waiter(&mut world, 0, "XREADGROUP GROUP g second BLOCK 0 CLAIM 100 STREAMS s >");
    assert!(world.idle_ms(0) <= 70);
    world.pass_ms(69);
    assert_eq!(world.read(waiting), "");
    world.pass_ms(1);
    let delivered = |idle_ms: usize, times: usize| {
        let head = format!("*1\r\n*2\r\n{}*1\r\n*4\r\n{}*2\r\n", bulk("s"), bulk("1-0"));
        format!("{head}{}{}:{idle_ms}\r\n:{times}\r\n", bulk("f"), bulk("v"))
    };
    assert_eq!(world.read(waiting), delivered(100, 1));
    world.turn(0);
    // What was delivered anew in between is waited for anew.
    world.send(waiting, "XREADGROUP GROUP g second BLOCK 0 CLAIM 100 STREAMS s >");
    world.pass_ms(50);
    world.ask(first, "XCLAIM s g first 0 1-0 JUSTID");
    world.pass_ms(50);
    world.pass_ms(49);
    assert_eq!(world.read(waiting), "");
    world.pass_ms(1);
    assert_eq!(world.read(waiting), delivered(100, 2));
    world.turn(0);
    // What is given back is there at once.
    world.send(waiting, "XREADGROUP GROUP g second BLOCK 0 CLAIM 100 STREAMS s >");
    assert_eq!(world.ask(first, "XNACK s g FAIL IDS 1 1-0"), ":1\r\n");
    settle(&mut world);
    assert!(world.read(waiting).ends_with(":3\r\n"));
}
