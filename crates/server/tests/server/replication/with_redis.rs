//! Debian's redis-server as a replica.

use client::Client;
use stdx::rng::Rng;

use super::wait_for;
use crate::disk::{APPENDING, SNAPSHOTS};
use crate::support::{Server, must, text};

const WRITERS: u64 = 3;
const WRITES: u64 = 1500;

/// A command that changes data, of a kind that Redis 7.0 knows.
fn write(rng: &mut Rng) -> String {
    let mut number = |below: u64| rng.next_u64() % below;
    let (key, other, n, m) = (number(20), number(20), number(50), number(1_000_000));
    match number(34) {
        0 => format!("SET string:{key} {m}"),
        // Later than the test: a key that is due counts for the digest of Redis until it is removed.
        1 => format!("SET string:{key} {m} PX 100000000"),
        2 => format!("INCRBY counter:{key} {n}"),
        3 => format!("INCRBYFLOAT counter:{key} 0.5"),
        4 => format!("APPEND text:{key} {m}"),
        5 => format!("SETRANGE text:{key} {n} {m}"),
        6 => format!("SETBIT bits:{key} {n} 1"),
        7 => format!("GETDEL string:{key}"),
        8 => format!("EXPIRE text:{key} 1000000"),
        9 => format!("RPUSH list:{key} {m} {n} x"),
        10 => format!("LPOP list:{key}"),
        11 => format!("LMOVE list:{key} list:{other} LEFT RIGHT"),
        12 => format!("LREM list:{key} 1 x"),
        13 => format!("LTRIM list:{key} 0 30"),
        14 => format!("SADD set:{key} {n} {m}"),
        15 => format!("SPOP set:{key}"),
        16 => format!("SMOVE set:{key} set:{other} {n}"),
        17 => format!("SUNIONSTORE set:{key} set:{other} set:{n}"),
        18 => format!("ZADD zset:{key} {n} {m} {m} {n}"),
        19 => format!("ZINCRBY zset:{key} 2 {n}"),
        20 => format!("ZPOPMAX zset:{key}"),
        21 => format!("ZUNIONSTORE zset:{key} 2 zset:{other} set:{n}"),
        22 => format!("HSET hash:{key} {n} {m} {m} {n}"),
        23 => format!("HINCRBYFLOAT hash:{key} f 1.25"),
        24 => format!("HDEL hash:{key} {n}"),
        25 => format!("XADD stream:{key} MAXLEN 20 * field {m}"),
        26 => format!("XTRIM stream:{key} MAXLEN {n}"),
        27 => format!("PFADD hll:{key} {m}"),
        28 => format!("RENAMENX list:{key} list:{n}"),
        29 => format!("COPY hash:{key} hash:{other} REPLACE"),
        30 => format!("DEL set:{key} zset:{other}"),
        31 => format!(
            "EVAL redis.call('INCR',KEYS[1]);return(redis.call('RPUSH',KEYS[2],{m})) 2 a:{key} list:{other}"
        ),
        32 => format!("SORT list:{key} ALPHA STORE sorted:{other}"),
        _ => format!("SELECT {}", n % 3),
    }
}

fn load(client: &mut Client, seed: u64) {
    let mut rng = Rng::from_seed(seed);
    for number in 0..WRITES {
        let is_unit = number % 10 == 0;
        let commands = if is_unit { 3 } else { 1 };
        if is_unit {
            must(client, "MULTI");
        }
        for _ in 0..commands {
            let command = write(&mut rng);
            let words: Vec<&str> = command.split(' ').collect();
            client.command(&words).expect("a reply, be it an error");
        }
        if is_unit {
            client.command(&["EXEC"]).expect("a reply");
        }
    }
}

#[test]
fn redis_as_a_replica_holds_what_the_server_holds() {
    for (options, threads) in [(SNAPSHOTS, "3"), (APPENDING, "2")] {
        let folders = [(); 2].map(|()| tempfile::tempdir().expect("a folder can be made"));
        let options = [options, &["--threads", threads, "--enable-debug-command", "yes"]].concat();
        let (server, mut client) = Server::start(folders[0].path(), &options).connect_and_keep();
        load(&mut client, 1);
        let port = server.port().to_string();
        let following = ["--appendonly", "no", "--replicaof", "127.0.0.1", &port];
        let replica = std::thread::scope(|scope| {
            for writer in 0..WRITERS {
                let mut client = server.connect();
                scope.spawn(move || load(&mut client, 2 + writer));
            }
            Server::oracle(folders[1].path(), &following)
        });
        wait_for(&mut client, "connected_slaves", |count| count == "1");
        wait_for(&mut client, "slave0", |line| line.contains("state=online"));
        must(&mut client, "SELECT 0");
        let mut there = replica.connect();
        must(&mut client, "SET last 1");
        assert_eq!(must(&mut client, "WAIT 1 0").integer(), Some(1));
        let digest = text(&must(&mut client, "DEBUG DIGEST"));
        assert_eq!(text(&must(&mut there, "DEBUG DIGEST")), digest);
        assert_eq!(must(&mut there, "DBSIZE").integer(), must(&mut client, "DBSIZE").integer());
        let info = text(&must(&mut there, "INFO replication"));
        assert!(info.contains("master_link_status:up") && info.contains("role:slave"), "{info}");
    }
}
