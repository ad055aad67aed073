//! Turns within a turn, in which a script is busy: who is served in them, and in which order.

use node::{Input, Worker};

use crate::world::{Peer, World, slow_down};

const BUSY: &str =
    "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n";
const KILLED: &str = "-ERR Script killed by user with SCRIPT KILL.";

/// A node of one worker, a client whose script does not end, and others.
fn world<const N: usize>() -> (World, Peer, [Peer; N]) {
    let mut world = World::new(1, &[("busy-reply-threshold", "1")]);
    let looping = world.connect(0);
    let others = [(); N].map(|()| world.connect(0));
    (world, looping, others)
}

/// Runs the requests of one turn. When the script is busy, `within` is called with the number of the turn within, from 0.
fn turn(world: &mut World, requests: &[(Peer, &str)], mut within: impl FnMut(&mut Worker<'static>, usize)) {
    let mut arena = Vec::new();
    let inputs: Vec<Input> = requests
        .iter()
        .map(|(peer, text)| {
            let begin = arena.len();
            arena.extend_from_slice(text.as_bytes());
            Input { connection: peer.number, range: begin..arena.len() }
        })
        .collect();
    let (worker, now) = world.worker(0);
    let mut turns = 0;
    worker.execute(now, &arena, &inputs, &mut |worker| {
        turns += 1;
        within(worker, turns - 1);
        now
    });
    assert!(turns > 0, "the script was busy");
}

/// A turn within: what waits to run and what a connection sends now.
fn send(worker: &mut Worker<'static>, now: node::Now, peer: Peer, text: &str) {
    let mut inputs = std::mem::take(worker.inputs());
    inputs.push(Input { connection: peer.number, range: 0..text.len() });
    worker.execute(now, text.as_bytes(), &inputs, &mut |_| panic!("no script runs beside a script"));
}

#[test]
fn what_was_read_behind_the_script_runs_beside_it_and_what_had_run_is_answered() {
    let (mut world, looping, [before, behind, killer]) = world();
    let now = world.worker(0).1;
    let script = "SET k 1\r\nEVAL \"while true do end\" 0\r\nGET k\r\n";
    let requests = [(before, "SET a 1\r\n"), (looping, script), (behind, "GET a\r\nMULTI\r\nSET a 2\r\n")];
    let mut writable = Vec::new();
    turn(&mut world, &requests, |worker, turns| {
        if turns == 0 {
            send(worker, now, behind, "");
            writable = worker.take_writable();
            assert!(!worker.wants_input(looping.number), "its requests have to wait");
        }
        send(worker, now, killer, "SCRIPT KILL\r\n");
    });
    writable.sort_unstable();
    assert_eq!(writable, [looping.number, before.number, behind.number]);
    assert_eq!(world.read(before), "+OK\r\n");
    assert_eq!(world.read(behind), format!("{BUSY}+OK\r\n{BUSY}"));
    assert_eq!(world.read(killer), "+OK\r\n");
    let replies = world.read(looping);
    assert!(
        replies.starts_with(&format!("+OK\r\n{KILLED}")) && replies.ends_with("\r\n$1\r\n1\r\n"),
        "{replies}"
    );
    assert_eq!(world.ask(behind, "EXEC"), "-EXECABORT Transaction discarded because of previous errors.\r\n");
}

#[test]
fn a_client_that_goes_is_forgotten_when_its_script_has_ended() {
    let (mut world, looping, [killer]) = world();
    let now = world.worker(0).1;
    turn(&mut world, &[(looping, "EVAL \"while true do end\" 0\r\n")], |worker, turns| {
        if turns == 0 {
            worker.peer_closed(looping.number);
            assert_eq!(worker.next_finished(), None, "its command runs");
        }
        send(worker, now, killer, "SCRIPT KILL\r\n");
    });
    assert_eq!(world.closed(0), [looping.number]);
    assert_eq!(world.ask(killer, "PING"), "+OK\r\n+PONG\r\n");
}

#[test]
fn a_panic_within_comes_out_when_the_script_has_ended() {
    let (mut world, looping, []) = world();
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        turn(&mut world, &[(looping, "EVAL \"while true do pcall(function() end) end\" 0\r\n")], |_, _| {
            panic!("as a test");
        });
    }));
    // The command's own net has caught it: the client is told and closed, and the worker goes on.
    assert!(outcome.is_ok());
    let replies = world.read(looping);
    assert_eq!(replies, "-ERR internal error; the connection is closed\r\n");
}

/// A client that watches `k` while a script holds it, and what its transaction is answered after `then` and some time.
fn watches_beside(script: &str, then: &str) -> String {
    let (mut world, looping, [watching, other]) = world();
    let now = world.worker(0).1;
    world.ask(other, "SET k 1 PX 100");
    turn(&mut world, &[(looping, &format!("EVAL \"{script}\" 1 k\r\n"))], |worker, turns| {
        if turns == 0 {
            send(worker, now, watching, "WATCH k free\r\n");
        }
    });
    assert_eq!(world.read(watching), "+OK\r\n");
    match then {
        "wait" => world.pass_ms(200),
        line => assert!(!world.ask(other, line).starts_with('-')),
    }
    world.ask(watching, "MULTI\r\nGET k");
    world.ask(watching, "EXEC")
}

#[test]
fn a_key_that_the_script_holds_is_watched_from_then_on() {
    const LONG: &str = "for i = 1, 1000000 do end";
    const TOUCHED: &str = "*-1\r\n";
    slow_down(); // so that it is busy soon
    let write = "redis.call('set', KEYS[1], 2)";
    assert_eq!(watches_beside(&format!("{LONG} {write}"), "PING"), TOUCHED);
    let exclusive = format!("redis.call('get', 'far') {LONG} {write}");
    assert_eq!(watches_beside(&exclusive, "PING"), TOUCHED);
    assert_eq!(watches_beside(LONG, "PING"), "*1\r\n$1\r\n1\r\n");
    // What the script did before counts as done before, as in Redis.
    assert_eq!(watches_beside(&format!("{write} {LONG}"), "PING"), "*1\r\n$1\r\n2\r\n");
    for then in ["SET k 3", "FLUSHALL", "wait", "SET free 1"] {
        assert_eq!(watches_beside(LONG, then), TOUCHED, "{then}");
    }
}
