//! Replicas: what they are sent, byte by byte, how they are shown and limited, and that Debian's redis-server as a replica holds
//! what the server holds.

mod ending;
mod follower;
mod with_redis;

use client::Client;

use crate::disk::{APPENDING, SNAPSHOTS};
use crate::support::{Server, must, run, text, wait_until_due};
use follower::Follower;

/// A field of INFO stats.
fn stat(client: &mut Client, name: &str) -> String {
    let info = text(&must(client, "INFO stats"));
    let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.expect("INFO tells it").to_owned()
}

/// A field of INFO replication.
fn field(client: &mut Client, name: &str) -> String {
    let info = text(&must(client, "INFO replication"));
    let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("INFO has no {name}:\n{info}")).to_owned()
}

fn wait_for(client: &mut Client, name: &str, holds: impl Fn(&str) -> bool) {
    while !holds(&field(client, name)) {}
}

/// Runs a test with a server that has an append-only file, and with one that has none, on one thread and on some.
fn with_each(test: impl Fn(&Server, &mut Client)) {
    for (options, threads) in [(SNAPSHOTS, "1"), (SNAPSHOTS, "3"), (APPENDING, "2")] {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let options = [options, &["--threads", threads, "--repl-ping-replica-period", "3600"]].concat();
        let (server, mut client) = Server::start(folder.path(), &options).connect_and_keep();
        test(&server, &mut client);
        let left: Vec<_> = std::fs::read_dir(folder.path()).expect("the folder is there").flatten().collect();
        let is_temporary = |name: &std::ffi::OsString| name.to_string_lossy().starts_with("temp-");
        assert!(!left.iter().any(|entry| is_temporary(&entry.file_name())), "{left:?}");
    }
}

#[test]
fn a_follower_gets_a_snapshot_and_then_the_effects_of_all_that_changes() {
    with_each(|server, client| {
        must(client, "SET before 1");
        let mut follower = Follower::sync(server);
        assert!(follower.snapshot.starts_with(b"REDIS00") && contains(&follower.snapshot, b"before"));
        for command in [
            "SELECT 9",
            "SET a 1",
            "GET a",
            "INCR a",
            "DEL nothing",
            "MULTI",
            "SET b 1",
            "SET c 1 EX 100",
            "SELECT 2",
            "RPUSH l x y z",
            "EXEC",
            "EVAL return{redis.call('lpop',KEYS[1]),redis.call('set',KEYS[2],7)} 2 l{l} m{l}",
            "RPOP l",
            "MULTI",
            "PEXPIREAT l 33000000000000",
            "EXEC",
            "SADD s one two",
            "SPOP s",
            "SWAPDB 2 3",
            "SELECT 9",
            "PEXPIREAT b 1",
            "FLUSHDB",
            "FLUSHALL",
        ] {
            must(client, command);
        }
        follower.expect(&[
            "SELECT 9",
            "SET a 1",
            "INCR a",
            "MULTI",
            "SET b 1",
            "SET c 1 PXAT *",
            "SELECT 2",
            "RPUSH l x y z",
            "EXEC",
            "SET m{l} 7",
            "RPOP l",
            "PEXPIREAT l 33000000000000",
            "SADD s one two",
            "SREM s *",
            "SWAPDB 2 3",
            "SELECT 9",
            "DEL b",
            "FLUSHDB",
            "FLUSHALL",
        ]);
    });
}

#[test]
fn effects_have_the_form_in_which_redis_tells_them() {
    with_each(|server, client| {
        let mut follower = Follower::sync(server);
        for command in [
            "RPUSH l a b c d e",
            "LMPOP 1 l LEFT",
            "LPOP l",
            "RPOP l 1",
            "BLMPOP 0 1 l RIGHT COUNT 9",
            "ZADD z 1 a 2 b 3 c 4 d",
            "ZMPOP 1 z MIN",
            "ZPOPMAX z",
            "BZMPOP 0 1 z MAX COUNT 9",
            "SADD s a",
            "SPOP s",
            "SADD s a",
            "SPOP s 1",
            "MSET a{t} 1 b{t} 2",
            "MSETNX c{t} 1 d{t} 2",
            "DECR n",
            "INCRBY n 7",
            "DECRBY n 9",
            "INCRBYFLOAT n 0.5",
            "SET n 1 KEEPTTL",
        ] {
            must(client, command);
        }
        follower.expect(&[
            "SELECT 0",
            "RPUSH l a b c d e",
            "LPOP l 1",
            "LPOP l",
            "RPOP l 1",
            "RPOP l 2",
            "ZADD z 1 a 2 b 3 c 4 d",
            "ZPOPMIN z 1",
            "ZPOPMAX z",
            "ZPOPMAX z 2",
            "SADD s a",
            "SREM s a",
            "SADD s a",
            "DEL s",
            "MSET a{t} 1 b{t} 2",
            "MSET c{t} 1 d{t} 2",
            "DECR n",
            "INCRBY n 7",
            "INCRBY n -9",
            "SET n -2.5 KEEPTTL",
            "SET n 1 KEEPTTL",
        ]);
    });
}

#[test]
fn messages_are_passed_on_in_their_place() {
    with_each(|server, client| {
        let mut follower = Follower::sync(server);
        for command in [
            "SET a 1",
            "PUBLISH news one",
            "MULTI",
            "PUBLISH news two",
            "EXEC",
            "MULTI",
            "SET a 2",
            "SPUBLISH news three",
            "EXEC",
            "EVAL return{redis.call('publish','news','four'),redis.call('set',KEYS[1],3)} 1 a",
        ] {
            must(client, command);
        }
        follower.expect(&[
            "SELECT 0",
            "SET a 1",
            "PUBLISH news one",
            "PUBLISH news two",
            "MULTI",
            "SET a 2",
            "SPUBLISH news three",
            "EXEC",
            "MULTI",
            "PUBLISH news four",
            "SET a 3",
            "EXEC",
        ]);
    });
}

#[test]
fn keys_that_are_due_go_for_followers_too() {
    with_each(|server, client| {
        let mut follower = Follower::sync(server);
        must(client, "SET k v PX 1");
        follower.expect(&["SELECT 0", "SET k v PXAT *", "DEL k"]);
    });
}

#[test]
fn what_a_command_finds_due_beside_its_own_keys_goes_by_itself() {
    with_each(|server, client| {
        must(client, "DEBUG SET-ACTIVE-EXPIRE 0");
        let (mut follower, mut waiting) = (Follower::sync(server), server.connect());
        must(client, "MSET a 1 b 1");
        must(client, "PEXPIRE a 1");
        must(client, "PEXPIRE b 1");
        wait_until_due(client);
        must(client, "SCAN 0 COUNT 10000");
        follower.expect(&["SELECT 0", "MSET a 1 b 1", "PEXPIREAT a *", "PEXPIREAT b *", "DEL *", "DEL *"]);
        must(client, "SET c 1 PX 1");
        wait_until_due(client);
        must(client, "RANDOMKEY");
        follower.expect(&["SET c 1 PXAT *", "DEL c"]);
        must(client, "SELECT 1");
        must(client, "RPUSH l x");
        must(client, "PEXPIRE l 1");
        waiting.send(&["BRPOP", "l", "0"]);
        waiting.flush().expect("the request goes");
        while !text(&must(client, "INFO clients")).contains("blocked_clients:1") {}
        wait_until_due(client);
        must(client, "SWAPDB 0 1");
        follower.expect(&["SELECT 1", "RPUSH l x", "PEXPIREAT l *", "SELECT 0", "SWAPDB 0 1", "DEL l"]);
    });
}

#[test]
fn writes_of_several_clients_at_once_come_in_one_order_and_whole() {
    const CLIENTS: usize = 3;
    const WRITES: usize = 400;
    let folder = tempfile::tempdir().expect("a folder can be made");
    let server = Server::start(folder.path(), &[SNAPSHOTS, &["--threads", "3"]].concat());
    let mut follower = Follower::sync(&server);
    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            let mut client = server.connect();
            scope.spawn(move || {
                for write in 0..WRITES {
                    must(&mut client, "MULTI");
                    must(&mut client, &format!("SET own:{number} {write}"));
                    must(&mut client, &format!("RPUSH shared {number}:{write}"));
                    must(&mut client, "EXEC");
                }
            });
        }
        let mut next = [0; CLIENTS];
        assert_eq!(follower.next(), "SELECT 0");
        for _ in 0..CLIENTS * WRITES {
            assert_eq!(follower.next(), "MULTI");
            let own = follower.next();
            let (number, write) =
                own.strip_prefix("SET own:").and_then(|rest| rest.split_once(' ')).expect("a write");
            let number: usize = number.parse().expect("a number");
            assert_eq!(write, next[number].to_string());
            assert_eq!(follower.next(), format!("RPUSH shared {number}:{write}"));
            assert_eq!(follower.next(), "EXEC");
            next[number] += 1;
        }
    });
}

#[test]
fn a_follower_is_told_where_it_begins_and_goes_on_where_it_was() {
    with_each(|server, client| {
        let mut follower = Follower::psync(server, "?", "-1");
        let name = field(client, "master_replid");
        assert_eq!(follower.line, format!("+FULLRESYNC {name} 0"));
        must(client, "SET a 1");
        follower.expect(&["SELECT 0", "SET a 1"]);
        let place = (follower.received + 1).to_string();
        drop(follower);
        wait_for(client, "connected_slaves", |count| count == "0");
        must(client, "SET b 1");
        let mut follower = Follower::psync(server, &name, &place);
        assert_eq!(follower.line, "+CONTINUE");
        must(client, "SET c 1");
        follower.expect(&["SET b 1", "SET c 1"]);
        let mut other = Follower::psync(server, &name, "1000000");
        assert!(other.line.starts_with(&format!("+FULLRESYNC {name} ")), "{}", other.line);
        must(client, "SET d 1");
        other.expect(&["SELECT 0", "SET d 1"]);
        follower.expect(&["SELECT 0", "SET d 1"]);
        let counts = ["sync_full", "sync_partial_ok", "sync_partial_err"];
        assert_eq!(counts.map(|name| stat(client, name)), ["2", "1", "1"]);
        must(client, "CONFIG RESETSTAT");
        assert_eq!(counts.map(|name| stat(client, name)), ["0", "0", "0"]);
    });
}

#[test]
fn a_follower_may_want_functions_alone_or_nothing_and_is_closed_behind_the_snapshot() {
    with_each(|server, client| {
        must(client, "SET a_key 1");
        let library = "#!lua name=lib\nredis.register_function('one', function() return 1 end)";
        client.command(&["FUNCTION", "LOAD", library]).expect("a reply");
        for (filter, has_library) in [("functions", true), ("", false)] {
            let mut follower = Follower::connect(server);
            for words in [&["REPLCONF", "rdb-only", "1"], &["REPLCONF", "rdb-filter-only", filter]] {
                assert_eq!(follower.ask(words), "+OK");
            }
            follower.begin_sync();
            assert!(!contains(&follower.snapshot, b"a_key"));
            assert_eq!(contains(&follower.snapshot, b"name=lib"), has_library);
            assert!(follower.is_closed());
        }
    });
}

#[test]
fn replicas_are_shown_and_can_be_killed() {
    with_each(|server, client| {
        let mut follower = Follower::connect(server);
        assert_eq!(follower.ask(&["REPLCONF", "listening-port", "1234", "ip-address", "10.0.0.7"]), "+OK");
        follower.begin_psync("?", "-1");
        wait_for(client, "slave0", |line| line.contains("state=online"));
        must(client, "SET a 1");
        follower.expect(&["SELECT 0", "SET a 1"]);
        follower.acknowledge();
        let offset = follower.received;
        wait_for(client, "slave0", |line| {
            line == format!("ip=10.0.0.7,port=1234,state=online,offset={offset},lag=0")
        });
        assert_eq!(field(client, "master_repl_offset"), offset.to_string());
        assert_eq!(field(client, "repl_backlog_histlen"), offset.to_string());
        let role = must(client, "ROLE");
        let role = role.elements().expect("an array");
        assert_eq!((text(&role[0]), role[1].integer()), ("master".to_owned(), Some(offset as i64)));
        let replica: Vec<String> =
            role[2].elements().expect("replicas")[0].elements().expect("facts").iter().map(text).collect();
        assert_eq!(replica, ["10.0.0.7".to_owned(), "1234".to_owned(), offset.to_string()]);
        assert!(text(&must(client, "CLIENT LIST TYPE replica")).contains(" flags=S "));
        assert_eq!(must(client, "CLIENT KILL TYPE slave").integer(), Some(1));
        assert!(follower.is_closed());
        wait_for(client, "connected_slaves", |count| count == "0");
    });
}

#[test]
fn a_client_waits_until_replicas_have_acknowledged_what_it_has_changed() {
    with_each(|server, client| {
        let mut followers = [Follower::psync(server, "?", "-1"), Follower::psync(server, "?", "-1")];
        for number in 0..2 {
            wait_for(client, &format!("slave{number}"), |line| line.contains("state=online"));
        }
        must(client, "SET a 1");
        let mut waiter = server.connect();
        waiter.send(&["SET", "b", "2"]);
        waiter.send(&["WAIT", "2", "0"]);
        waiter.flush().expect("it is sent");
        for follower in &mut followers {
            while follower.next() != "REPLCONF GETACK *" {}
            follower.acknowledge();
        }
        assert_eq!(text(&waiter.receive().expect("a reply")), "OK");
        assert_eq!(waiter.receive().expect("a reply").integer(), Some(2));
        assert_eq!(must(&mut waiter, "WAIT 0 0").integer(), Some(2));
        must(&mut waiter, "SET c 1");
        assert_eq!(must(&mut waiter, "WAIT 1 1").integer(), Some(0), "nobody has acknowledged it in time");
    });
}

#[test]
fn writes_are_refused_while_too_few_replicas_follow() {
    with_each(|server, client| {
        must(client, "CONFIG SET min-replicas-to-write 1");
        let refusal = "NOREPLICAS Not enough good replicas to write.";
        assert_eq!(text(&run(client, "SET a 1")), refusal);
        must(client, "GET a");
        must(client, "MULTI");
        assert!(run(client, "SET a 1").is_error());
        assert!(run(client, "EXEC").is_error());
        let mut follower = Follower::psync(server, "?", "-1");
        follower.acknowledge();
        while run(client, "SET a 1").is_error() {}
        follower.expect(&["SELECT 0", "SET a 1"]);
        must(client, "MULTI");
        must(client, "SET b 1");
        drop(follower);
        wait_for(&mut server.connect(), "connected_slaves", |count| count == "0");
        let refused = text(&run(client, "EXEC"));
        assert_eq!(refused, format!("EXECABORT Transaction discarded because of: {refusal}"));
        must(client, "CONFIG SET min-replicas-to-write 0");
        must(client, "SET a 1");
    });
}

#[test]
fn a_replica_that_does_not_read_is_closed() {
    with_each(|server, client| {
        client.command(&["CONFIG", "SET", "client-output-buffer-limit", "replica 4mb 0 0"]).expect("a reply");
        let follower = Follower::sync(server);
        let value = "x".repeat(1 << 20);
        while field(client, "connected_slaves") == "1" {
            client.command(&["SET", "k", &value]).expect("a reply");
        }
        drop(follower);
    });
}

#[test]
fn a_replica_that_goes_on_may_have_missed_more_than_it_may_be_owed_otherwise() {
    with_each(|server, client| {
        client.command(&["CONFIG", "SET", "client-output-buffer-limit", "replica 1kb 0 0"]).expect("a reply");
        let follower = Follower::psync(server, "?", "-1");
        let (name, place) = (field(client, "master_replid"), (follower.received + 1).to_string());
        drop(follower);
        wait_for(client, "connected_slaves", |count| count == "0");
        let values = ["x", "y"].map(|letter| letter.repeat(400 << 10));
        for value in &values {
            client.command(&["SET", "k", value]).expect("a reply");
        }
        let mut follower = Follower::psync(server, &name, &place);
        assert_eq!(follower.line, "+CONTINUE");
        follower.expect(&["SELECT 0", &format!("SET k {}", values[0]), &format!("SET k {}", values[1])]);
    });
}

#[test]
fn a_backlog_may_be_larger_than_the_memory() {
    with_each(|server, client| {
        must(client, "CONFIG SET repl-backlog-size 9000000000000000");
        let mut follower = Follower::psync(server, "?", "-1");
        must(client, "SET a 1");
        follower.expect(&["SELECT 0", "SET a 1"]);
        for size in ["16384", "8000000000000000000"] {
            must(client, &format!("CONFIG SET repl-backlog-size {size}"));
            assert_eq!(field(client, "repl_backlog_size"), size);
            assert_eq!(field(client, "repl_backlog_histlen"), follower.received.to_string());
        }
    });
}

#[test]
fn a_reply_to_a_replica_ends_it_and_signs_of_life_keep_it() {
    with_each(|server, client| {
        must(client, "CONFIG SET repl-ping-replica-period 1");
        let mut follower = Follower::psync(server, "?", "-1");
        follower.expect(&["PING"]);
        must(client, "CONFIG SET repl-ping-replica-period 3600");
        follower.send(&["PING"]);
        assert!(follower.is_closed());
    });
}

#[test]
fn a_replica_that_loads_for_long_is_heard_by_its_empty_lines() {
    with_each(|server, client| {
        let mut follower = Follower::psync(server, "?", "-1");
        wait_for(client, "slave0", |line| line.contains("state=online") && !line.ends_with("lag=0"));
        follower.send_line("");
        wait_for(client, "slave0", |line| line.ends_with("lag=0"));
        must(client, "SET a 1");
        follower.expect(&["SELECT 0", "SET a 1"]);
        for words in [&["CLIENT", "REPLY", "ON"][..], &["RESET"]] {
            follower.send(words);
        }
        assert!(follower.is_closed(), "it can be no ordinary client any more");
    });
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
