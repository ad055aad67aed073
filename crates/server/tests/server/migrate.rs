//! MIGRATE to redis-server, to nobody, and to somebody who does not answer.

use std::net::{TcpListener, TcpStream};

use crate::support::{Server, must, run, text};

/// The server, redis-server with a password, and their folders.
fn servers() -> ([tempfile::TempDir; 2], [Server; 2]) {
    let folders = [(); 2].map(|()| tempfile::tempdir().expect("a temporary folder"));
    let server = Server::start(folders[0].path(), &["--appendonly", "no", "--io-threads", "1"]);
    let oracle = Server::oracle(folders[1].path(), &["--requirepass", "secret"]);
    (folders, [server, oracle])
}

#[test]
fn keys_of_every_type_move_to_redis_and_keep_their_times() {
    let (_folders, [server, oracle]) = servers();
    let (mut client, mut there) = (server.connect(), oracle.connect());
    must(&mut there, "AUTH secret");
    for command in [
        "SET string value",
        "SET due value PX 100000",
        "RPUSH list a b c",
        "HSET hash f v",
        "SADD set a b",
        "SADD numbers 1 2 3",
        "ZADD zset 1.5 a",
        "XADD stream 1-0 f v",
        "PFADD hll a b c",
    ] {
        must(&mut client, command);
    }
    let keys = "string due list hash set numbers zset stream hll";
    let to = format!("MIGRATE 127.0.0.1 {}", oracle.port());
    let refused = "ERR Target instance replied with error: NOAUTH Authentication required.";
    assert_eq!(text(&run(&mut client, &format!("{to} string 2 5000"))), refused);
    // An empty argument cannot be written without quotes.
    let mut request: Vec<&str> = to.split(' ').collect();
    request.extend(["", "2", "5000", "AUTH", "secret", "KEYS"]);
    request.extend(keys.split(' ').chain(["none"]));
    assert_eq!(text(&client.command(&request).expect("a reply")), "OK");
    assert_eq!(text(&must(&mut client, "DBSIZE")), "0");
    must(&mut there, "SELECT 2");
    assert_eq!(text(&must(&mut there, "DBSIZE")), "9");
    for (command, reply) in [
        ("GET string", "value"),
        ("LINDEX list 2", "c"),
        ("HGET hash f", "v"),
        ("SISMEMBER set b", "1"),
        ("SISMEMBER numbers 3", "1"),
        ("ZSCORE zset a", "1.5"),
        ("XLEN stream", "1"),
        ("PFCOUNT hll", "3"),
        ("PTTL string", "-1"),
    ] {
        assert_eq!(text(&must(&mut there, command)), reply, "{command}");
    }
    let ttl_ms: i64 = text(&must(&mut there, "PTTL due")).parse().expect("a number");
    assert!((1..=100_000).contains(&ttl_ms), "{ttl_ms}");
    // What is there stays there, unless it may go.
    must(&mut client, "SET string other");
    let busy = "ERR Target instance replied with error: BUSYKEY Target key name already exists.";
    let move_it = format!("{to} string 2 5000 AUTH2 default secret");
    assert_eq!(text(&run(&mut client, &move_it)), busy);
    assert_eq!(text(&must(&mut client, "GET string")), "other");
    assert_eq!(text(&run(&mut client, &format!("{move_it} COPY REPLACE"))), "OK");
    assert_eq!(text(&must(&mut client, "GET string")), "other");
    assert_eq!(text(&must(&mut there, "GET string")), "other");
    let wrong = "ERR Target instance replied with error: ERR DB index is out of range";
    assert_eq!(text(&run(&mut client, &format!("{to} string 99 5000 AUTH secret"))), wrong);
}

#[test]
fn who_does_not_answer_holds_up_nobody_else() {
    let (_folders, [server, _oracle]) = servers();
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = silent.local_addr().expect("it listens").port();
    let (mut waiting, mut client) = (server.connect(), server.connect());
    must(&mut client, "SET k v");
    waiting.send(&["MIGRATE", "127.0.0.1", &port.to_string(), "k", "0", "500"]);
    waiting.flush().expect("the server reads");
    let (_held, _) = silent.accept().expect("the server has connected");
    // It waits, and the one worker serves others.
    for round in 0..100 {
        must(&mut client, &format!("SET other {round}"));
    }
    let reply = waiting.receive().expect("its time is up");
    assert_eq!(text(&reply), "IOERR error or timeout reading to target instance");
    // Nobody listens on the port from which a connection was opened, and no other test can meanwhile.
    let opened = TcpStream::connect(("127.0.0.1", server.port())).expect("the server listens");
    let deaf = opened.local_addr().expect("it is connected").port();
    let refused = run(&mut client, &format!("MIGRATE 127.0.0.1 {deaf} k 0 500"));
    assert_eq!(text(&refused), "IOERR error or timeout connecting to the client");
    let onto_itself = format!("MIGRATE 127.0.0.1 {} k 0 500 REPLACE", server.port());
    assert_eq!(text(&run(&mut client, &onto_itself)), "IOERR error or timeout reading to target instance");
    assert_eq!(text(&must(&mut client, "GET k")), "v");
}
