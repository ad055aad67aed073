//! Pipelines: what stands one behind the other in a group.

use std::sync::mpsc;

use keyspace::{Access, DbIndex};
use node::Side;
use stdx::time::UnixMs;

use crate::world::World;

#[test]
fn requests_in_one_piece_find_their_keys_whatever_stands_before_them() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    // A key is hashed once for the requests of a group that name it one behind the other. What stands before one may name it
    // as well, or another, or have no key there, or be refused.
    let asked = [
        ("ECHO k", "$1\r\nk\r\n"),
        ("SET k a", "+OK\r\n"),
        ("APPEND k b", ":2\r\n"),
        ("GET k x", "-ERR wrong number of arguments for 'get' command\r\n"),
        ("GET k", "$2\r\nab\r\n"),
        ("GET l", "$-1\r\n"),
        ("MSET l c k d", "+OK\r\n"),
        ("GET l", "$1\r\nc\r\n"),
        ("PING l", "$1\r\nl\r\n"),
        ("STRLEN l", ":1\r\n"),
        ("GET k", "$1\r\nd\r\n"),
        ("LPUSH m x y", ":2\r\n"),
        ("RPOP m", "$1\r\nx\r\n"),
        ("RENAME m k", "+OK\r\n"),
        ("LLEN m", ":0\r\n"),
        ("LLEN k", ":1\r\n"),
    ];
    let (requests, replies): (Vec<&str>, Vec<&str>) = asked.into_iter().unzip();
    assert_eq!(world.ask(peer, &requests.join("\r\n")), replies.concat());
}

/// How often somebody looks before he gives up: seconds.
const LOOKS: usize = 100_000_000;

#[test]
fn nobody_who_waits_for_a_key_keeps_the_other_keys_of_his_group() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    let node = world.node();
    let (held, is_held) = mpsc::channel();
    let rival = std::thread::spawn(move || {
        let keyspace = &*node.shared.keyspace;
        let [mut holding, mut looking] =
            [Side::Main, Side::Persistence].map(|side| Access::new(keyspace, node.side(side), 1));
        let (taken, free) = (keyspace.key(b"taken"), keyspace.key(b"free"));
        assert_ne!(keyspace.shard_of(&taken), keyspace.shard_of(&free));
        [&mut holding, &mut looking].into_iter().for_each(|access| access.begin(UnixMs(0)));
        holding.lock(&mut [keyspace.shard_of(&taken)]);
        held.send(()).expect("the test waits for it");
        let mut is_there = false;
        for _ in 0..LOOKS {
            if looking.try_hold(keyspace.shard_of(&free)) {
                is_there = looking.db(DbIndex(0)).string(&free).is_ok_and(|value| value.is_some());
                looking.unlock();
            }
            if is_there {
                break;
            }
        }
        holding.unlock();
        [holding, looking].iter_mut().for_each(Access::end);
        is_there
    });
    is_held.recv().expect("it says so");
    let requests = ["SET free a", "APPEND free b", "SET taken c", "APPEND free d", "GET taken", "GET free"];
    let replies = "+OK\r\n:2\r\n+OK\r\n:3\r\n$1\r\nc\r\n$3\r\nabd\r\n";
    for _ in 0..100 {
        assert_eq!(world.ask(peer, &requests.join("\r\n")), replies, "however its locks are taken");
    }
    assert!(rival.join().expect("it ends"), "one key was set while the other was taken");
}
