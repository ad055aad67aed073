//! Users that change while clients are connected, on whichever worker.

use crate::world::{Peer, World};

/// A world of two workers; an administrator on the first and `alice` on the second.
fn world(rules: &str) -> (World, Peer, Peer) {
    let mut world = World::new(2, &[]);
    let admin = world.connect(0);
    let alice = world.connect(1);
    assert_eq!(world.ask(admin, &format!("ACL SETUSER alice on nopass {rules}")), "+OK\r\n");
    assert_eq!(world.ask(alice, "AUTH alice x"), "+OK\r\n");
    (world, admin, alice)
}

#[test]
fn a_connected_client_goes_on_under_the_new_rules_on_any_worker() {
    let (mut world, admin, alice) = world("+get ~*");
    assert_eq!(world.ask(alice, "GET a"), "$-1\r\n");
    assert_eq!(world.ask(admin, "ACL SETUSER alice -get +set"), "+OK\r\n");
    assert_eq!(
        world.ask(alice, "GET a"),
        "-NOPERM User alice has no permissions to run the 'get' command\r\n"
    );
    assert_eq!(world.ask(alice, "SET a 1"), "+OK\r\n");
    assert_eq!(world.ask(admin, "ACL SETUSER alice +@all &*"), "+OK\r\n");
    assert_eq!(world.ask(alice, "GET a"), "$1\r\n1\r\n", "unrestricted now");
    assert_eq!(world.ask(admin, "ACL SETUSER alice resetkeys ~b"), "+OK\r\n");
    assert_eq!(world.ask(alice, "GET a"), "-NOPERM No permissions to access a key\r\n");
}

#[test]
fn the_default_user_is_restricted_like_any_other() {
    let (mut world, admin, alice) = world("+@all ~* &*");
    assert_eq!(world.ask(admin, "ACL SETUSER default -flushall"), "+OK\r\n");
    assert_eq!(
        world.ask(admin, "FLUSHALL"),
        "-NOPERM User default has no permissions to run the 'flushall' command\r\n"
    );
    assert_eq!(world.ask(alice, "ACL SETUSER default off"), "+OK\r\n");
    assert_eq!(world.ask(admin, "PING"), "+PONG\r\n", "who is logged in stays");
    let late = world.connect(0);
    assert_eq!(world.ask(late, "PING"), "-NOAUTH Authentication required.\r\n");
    assert_eq!(world.ask(late, "AUTH default x"), WRONG);
    assert_eq!(world.ask(late, "AUTH alice x"), "+OK\r\n");
    assert_eq!(world.ask(late, "PING"), "+PONG\r\n");
}

const WRONG: &str = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";

#[test]
fn clients_of_a_removed_user_are_closed_on_every_worker() {
    let (mut world, admin, alice) = world("+@all ~* &*");
    let other = world.connect(0);
    assert_eq!(world.ask(other, "AUTH alice x"), "+OK\r\n");
    world.send(alice, "MULTI");
    assert_eq!(world.ask(admin, "ACL DELUSER alice nobody"), ":1\r\n");
    // Before the letter arrives the user is gone already: what is left is the default one, which needs no password here.
    world.send(alice, "ACL WHOAMI");
    world.settle();
    assert_eq!(world.closed(0), [other.number]);
    assert_eq!(world.closed(1), [alice.number]);
    assert_eq!(world.ask(admin, "ACL WHOAMI"), "$7\r\ndefault\r\n");
}

#[test]
fn who_removes_his_own_user_is_answered_and_closed() {
    let (mut world, admin, alice) = world("+@all ~* &*");
    assert_eq!(world.ask(alice, "ACL DELUSER alice"), ":1\r\n");
    assert_eq!(world.closed(1), [alice.number]);
    assert_eq!(world.ask(admin, "PING"), "+PONG\r\n");
}

#[test]
fn a_removed_user_that_comes_back_does_not_bring_its_clients_back() {
    let (mut world, admin, alice) = world("+@all ~* &*");
    world.send(admin, "ACL DELUSER alice");
    world.send(admin, "ACL SETUSER alice on nopass +@all ~* &*");
    world.settle();
    assert_eq!(world.closed(1), [alice.number]);
}

#[test]
fn users_are_saved_and_loaded_as_a_whole() {
    let mut world = World::with_acl_file("user alice on nopass ~a* +@all\nuser bob on nopass +@all ~*");
    let (admin, alice, bob) = (world.connect(0), world.connect(1), world.connect(1));
    assert_eq!(world.ask(admin, "ACL LOAD"), "+OK\r\n");
    assert_eq!(world.ask(alice, "AUTH alice x"), "+OK\r\n");
    assert_eq!(world.ask(bob, "AUTH bob x"), "+OK\r\n");
    assert_eq!(world.ask(alice, "GET b"), "-NOPERM No permissions to access a key\r\n");

    world.set_acl_file("user alice on nopass ~* +@all\nuser bob on nonsense");
    let refused = world.ask(admin, "ACL LOAD");
    assert!(refused.contains("/users.acl:2: Syntax error. WARNING: ACL errors detected"), "{refused}");
    assert_eq!(
        world.ask(alice, "GET b"),
        "-NOPERM No permissions to access a key\r\n",
        "nothing has changed"
    );

    world.set_acl_file("user alice on nopass ~* +@all");
    assert_eq!(world.ask(admin, "ACL LOAD"), "+OK\r\n");
    assert_eq!(world.ask(alice, "GET b"), "$-1\r\n");
    world.settle();
    assert_eq!(world.closed(1), [bob.number]);

    assert_eq!(world.ask(admin, "ACL SETUSER carol on >x"), "+OK\r\n");
    assert_eq!(world.ask(admin, "ACL SAVE"), "+OK\r\n");
    let digits = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
    assert_eq!(
        world.acl_file(),
        format!(
            "user alice on nopass sanitize-payload ~* resetchannels +@all\n\
             user carol on sanitize-payload #{digits} resetchannels -@all\n\
             user default on nopass sanitize-payload ~* &* +@all\n"
        )
    );
}

#[test]
fn a_file_that_does_not_name_the_default_user_leaves_it_its_password() {
    let mut world = World::with_acl_file("user alice on nopass ~* +@all");
    let admin = world.connect(0);
    world.send(admin, "CONFIG SET requirepass secret");
    world.read(admin);
    assert_eq!(world.ask(admin, "ACL LOAD"), "+OK\r\n");
    let late = world.connect(1);
    assert_eq!(world.ask(late, "PING"), "-NOAUTH Authentication required.\r\n");
    assert_eq!(world.ask(late, "AUTH secret"), "+OK\r\n");
}

#[test]
fn refusals_are_counted_by_their_reason() {
    let (mut world, admin, alice) = world("+@all -incr ~a db=0");
    for command in ["GET b", "INCR a", "SELECT 1", "AUTH alice", "AUTH nobody x", "GET b"] {
        world.ask(alice, command);
    }
    let info = world.ask(admin, "INFO stats");
    for field in ["auth:1", "cmd:1", "key:2", "channel:0", "db:1"] {
        assert!(info.contains(&format!("acl_access_denied_{field}\r\n")), "{field} in {info}");
    }
    let log = world.ask(admin, "ACL LOG");
    assert!(log.starts_with("*4\r\n"), "the same twice is one entry: {log}");
    world.ask(admin, "CONFIG SET acllog-max-len 1");
    world.ask(alice, "INCR a");
    assert!(world.ask(admin, "ACL LOG").starts_with("*1\r\n"));
    assert!(world.ask(admin, "CLIENT LIST").contains(" user=alice "));
}

#[test]
fn the_log_shows_which_command_the_client_had_sent() {
    for (request, sent) in
        [("EVAL \"return redis.pcall('GET', 'b')\" 0", "eval"), ("MULTI\r\nGET b", "get"), ("GET b", "get")]
    {
        let (mut world, admin, alice) = world("+@all ~a");
        world.ask(alice, request);
        let log = world.ask(admin, "ACL LOG");
        assert!(log.contains(&format!(" cmd={sent} ")), "{request}: {log}");
    }
    let (mut world, admin, alice) = world("+@all ~a");
    world.ask(alice, "MULTI\r\nGET a");
    world.ask(admin, "ACL SETUSER alice resetkeys");
    world.ask(alice, "EXEC");
    let log = world.ask(admin, "ACL LOG");
    assert!(log.contains(" cmd=exec "), "{log}");
}

#[test]
fn a_command_that_waits_for_the_end_of_a_pause_is_not_noted_as_refused_twice() {
    let (mut world, admin, alice) = world("+@all -incr ~a");
    world.ask(admin, "CLIENT PAUSE 1000 WRITE");
    assert!(world.ask(alice, "INCR a").starts_with("-NOPERM"), "a refusal does not wait");
    let log = world.ask(admin, "ACL LOG");
    assert!(log.contains("count\r\n:1\r\n"), "{log}");
}

#[test]
fn broadcasts_of_changed_keys_name_only_those_that_the_user_may_read() {
    let (mut world, admin, alice) = world("+@all %R~a* %W~w*");
    assert!(world.ask(alice, "HELLO 3").starts_with("%7\r\n"));
    assert_eq!(world.ask(alice, "CLIENT TRACKING ON BCAST"), "+OK\r\n");
    world.send(admin, "MSET a1 1 a2 1 secret 1 w1 1");
    world.settle();
    assert_eq!(world.read(alice), ">2\r\n$10\r\ninvalidate\r\n*2\r\n$2\r\na1\r\n$2\r\na2\r\n");
    world.send(admin, "SET secret 2");
    world.settle();
    assert_eq!(world.read(alice), "");
    // New rules count although the client has sent nothing since.
    world.send(admin, "ACL SETUSER alice resetkeys ~secret");
    world.send(admin, "MSET a1 1 secret 1");
    world.settle();
    assert_eq!(world.read(alice), ">2\r\n$10\r\ninvalidate\r\n*1\r\n$6\r\nsecret\r\n");
}

#[test]
fn broadcasts_of_changed_keys_leave_out_databases_that_the_user_may_not_use() {
    let (mut world, admin, alice) = world("+@all ~* resetdbs db=0,2");
    assert!(world.ask(alice, "HELLO 3").starts_with("%7\r\n"));
    assert_eq!(world.ask(alice, "CLIENT TRACKING ON BCAST"), "+OK\r\n");
    for (database, key, is_told) in [(1, "a", false), (2, "b", true), (0, "c", true)] {
        world.ask(admin, &format!("SELECT {database}\r\nSET {key} 1"));
        world.settle();
        let expected = format!(">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\n{key}\r\n");
        assert_eq!(world.read(alice), if is_told { expected } else { String::new() }, "{database}");
    }
}
