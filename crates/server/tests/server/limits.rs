//! Limits: what a client may announce, send and leave unread before its connection ends, and what is kept secret. Each
//! once was, or could have been, a way to take a server down.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::process::{Resource, Rlimit, prlimit};
use socket2::SockRef;

use crate::support::{Server, must, run, text};

fn start(folder: &Path, options: &[&str]) -> Server {
    Server::start(folder, &[&["--appendonly", "no"], options].concat())
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// A field of INFO as a number.
fn figure(server: &Server, section: &str, name: &str) -> u64 {
    let info = text(&must(&mut server.connect(), &format!("INFO {section}")));
    let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {info}")).trim().parse().expect("the field is a number")
}

/// Writes until the server closes the connection; how many bytes it took.
fn fill_until_closed(socket: &mut impl Write, chunk: &[u8], most: usize) -> usize {
    let mut sent = 0;
    while sent < most && socket.write_all(chunk).is_ok() {
        sent += chunk.len();
    }
    sent
}

#[test]
fn announced_bytes_take_no_memory() {
    let folder = folder();
    let server = start(folder.path(), &["--proto-max-bulk-len", "9223372036854775807"]);
    let before = figure(&server, "memory", "used_memory");
    let mut sockets = Vec::new();
    for _ in 0..50 {
        let mut socket = server.socket();
        socket.write_all(b"*2\r\n$3\r\nGET\r\n$9223372036854775000\r\nabc").expect("the server reads");
        sockets.push(socket);
        let mut socket = server.socket();
        socket.write_all(b"*1000000\r\n$3\r\nDEL\r\n$1\r\n").expect("the server reads");
        sockets.push(socket);
    }
    let grown = figure(&server, "memory", "used_memory").saturating_sub(before);
    assert!(grown < 8 << 20, "a hundred connections that sent 40 bytes each take {grown} bytes");
}

#[test]
fn half_a_request_beyond_its_limit_ends_the_connection() {
    let folder = folder();
    let server = start(folder.path(), &["--client-query-buffer-limit", "1mb"]);
    let mut socket = server.socket();
    socket.write_all(b"*2\r\n$3\r\nGET\r\n$100000000\r\n").expect("the server reads");
    let sent = fill_until_closed(&mut socket, &[b'x'; 8 * 1024], 100_000_000);
    assert!(sent < 50_000_000, "{sent} bytes were taken");
    assert_eq!(figure(&server, "stats", "client_query_buffer_limit_disconnections"), 1);
    let value = "x".repeat(1000 * 1000);
    let mut client = server.connect();
    assert_eq!(text(&client.command(&["SET", "key", &value]).expect("a request below the limit")), "OK");
}

#[test]
fn connections_that_are_reset_at_once_hurt_nobody() {
    let folder = folder();
    let server = start(folder.path(), &[]);
    let mut client = server.connect();
    for _ in 0..500 {
        let socket = server.socket();
        // Closing then sends a reset, often before the server has accepted.
        SockRef::from(&socket).set_linger(Some(std::time::Duration::ZERO)).expect("a socket can be told");
    }
    assert_eq!(text(&run(&mut client, "PING")), "PONG");
    assert_eq!(text(&run(&mut server.connect(), "PING")), "PONG");
}

#[test]
fn hashes_stay_quick_however_many_fields_may_be_packed() {
    let folder = folder();
    let server = start(folder.path(), &["--hash-max-listpack-entries", "9223372036854775807"]);
    let mut client = server.connect();
    for field in 0..20_000 {
        client.send(&["HSET", "hash", &field.to_string(), "value"]);
    }
    client.flush().expect("the server reads");
    for _ in 0..20_000 {
        assert_eq!(client.receive().expect("a reply").integer(), Some(1));
    }
    assert_eq!(text(&run(&mut client, "HGET hash 19999")), "value");
}

#[test]
fn sets_stay_small_and_quick_however_many_integers_may_be_packed() {
    const MEMBERS: i32 = 200_000;
    let folder = folder();
    let server = start(folder.path(), &["--set-max-intset-entries", "9223372036854775807"]);
    let mut client = server.connect();
    let before = figure(&server, "memory", "used_memory");
    // From above, so that each would push all others of a block aside.
    for first in (0..MEMBERS).step_by(1000).rev() {
        let members: Vec<String> = (first..first + 1000).rev().map(|number| number.to_string()).collect();
        must(&mut client, &format!("SADD set {}", members.join(" ")));
    }
    for (command, reply) in [
        ("COPY set copy", 1),
        ("SUNIONSTORE union set copy", MEMBERS),
        ("SINTERSTORE shared set union", MEMBERS),
        ("SDIFFSTORE nothing set union", 0),
        ("SADD copy -9223372036854775808", 1),
        ("SISMEMBER copy 199999", 1),
        ("SREM copy 0", 1),
        ("SCARD copy", MEMBERS),
    ] {
        assert_eq!(must(&mut client, command).integer(), Some(i64::from(reply)), "{command}");
    }
    let taken = figure(&server, "memory", "used_memory") - before;
    assert!(taken < 32 << 20, "four sets take {taken} bytes");
    must(&mut client, "SAVE");
    server.kill();
    let server = start(folder.path(), &["--set-max-intset-entries", "9223372036854775807"]);
    let mut client = server.connect();
    for key in ["set", "copy", "union", "shared"] {
        assert_eq!(must(&mut client, &format!("SCARD {key}")).integer(), Some(MEMBERS.into()), "{key}");
        assert_eq!(text(&must(&mut client, &format!("OBJECT ENCODING {key}"))), "intset", "{key}");
    }
}

#[test]
fn the_unix_socket_never_has_other_permissions_than_asked_for() {
    let folder = folder();
    let path = folder.path().join("socket");
    let name = path.to_str().expect("the folder's name is text");
    let _server = start(folder.path(), &["--unixsocket", name, "--unixsocketperm", "700"]);
    let mode = fs::metadata(&path).expect("the socket is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn passwords_are_shown_neither_by_the_slow_log_nor_by_monitor() {
    let folder = folder();
    let server = start(folder.path(), &["--slowlog-log-slower-than", "0"]);
    let mut client = server.connect();
    let mut monitor = server.socket();
    monitor.write_all(b"MONITOR\r\n").expect("the server reads");
    let mut answer = [0; 5];
    monitor.read_exact(&mut answer).expect("MONITOR is answered");
    for command in [
        "CONFIG SET requirepass hunter2",
        "AUTH hunter2",
        "AUTH default hunter2",
        "HELLO 2 AUTH default hunter2 SETNAME me",
        "MULTI",
        "CONFIG SET masterauth hunter2",
        "EXEC",
        "ECHO end",
    ] {
        must(&mut client, command);
    }
    let log = format!("{:?}", must(&mut client, "SLOWLOG GET -1"));
    let hunted = format!("{:?}", "hunter2".bytes().collect::<Vec<u8>>());
    let hunted = hunted.trim_matches(['[', ']']);
    assert!(!log.contains(hunted), "the slow log shows a password");
    let mut seen = Vec::new();
    while !seen.ends_with(b"\"ECHO\" \"end\"\r\n") {
        let mut byte = [0];
        monitor.read_exact(&mut byte).expect("MONITOR goes on");
        seen.push(byte[0]);
    }
    assert!(!String::from_utf8_lossy(&seen).contains("hunter2"), "MONITOR shows a password");
}

#[test]
fn a_log_is_loaded_although_nobody_may_log_in() {
    let folder = folder();
    let server = Server::start(folder.path(), &["--appendonly", "yes", "--appendfsync", "always"]);
    must(&mut server.connect(), "SET key value");
    server.kill();
    let options = ["--appendonly", "yes", "--requirepass", "secret", "--maxclients", "10"];
    let server = Server::start(folder.path(), &options);
    let mut client = server.connect();
    assert_eq!(text(&run(&mut client, "GET key")), "NOAUTH Authentication required.");
    must(&mut client, "AUTH secret");
    assert_eq!(text(&run(&mut client, "GET key")), "value");
}

#[test]
fn a_line_break_in_a_password_adds_no_line_to_the_configuration() {
    let folder = folder();
    let file = folder.path().join("server.conf");
    fs::write(&file, "appendonly no\n").expect("the folder can be written");
    let name = file.to_str().expect("the folder's name is text");
    let server = Server::start(folder.path(), &[name]);
    let mut client = server.connect();
    let password = "a\nmaxclients 7\n\"";
    client.command(&["CONFIG", "SET", "requirepass", password]).expect("a reply");
    must(&mut client, "CONFIG REWRITE");
    drop(server);
    let server = Server::start(folder.path(), &[name]);
    let mut client = server.connect();
    assert_eq!(text(&client.command(&["AUTH", password]).expect("a reply")), "OK");
    let limit = must(&mut client, "CONFIG GET maxclients");
    assert_eq!(limit.pairs().expect("pairs")[0].1.text(), Some("10000"));
}

#[test]
fn without_descriptors_new_clients_are_closed_and_the_others_served_until_some_leave() {
    let folder = folder();
    let server = start(folder.path(), &[]);
    let mut first = server.connect();
    must(&mut first, "PING");
    let open =
        fs::read_dir(format!("/proc/{}/fd", server.process_id())).expect("Linux lists them").count() as u64;
    let limit = Rlimit { current: Some(open + 8), maximum: Some(open + 8) };
    prlimit(Some(server.process()), Resource::Nofile, limit).expect("the limit can be lowered");

    let is_served = |socket: &mut TcpStream| {
        // A socket that the server has closed may refuse the question already.
        let asked = socket.write_all(b"PING\r\n");
        let mut reply = [0; 7];
        asked.is_ok() && socket.read_exact(&mut reply).is_ok() && reply == *b"+PONG\r\n"
    };
    let (mut served, mut closed) = (Vec::new(), 0);
    for _ in 0..20 {
        let mut socket = server.socket();
        if is_served(&mut socket) {
            served.push(socket);
        } else {
            closed += 1;
        }
    }
    assert!(!served.is_empty() && closed > 0, "{} are served, {closed} were closed", served.len());
    must(&mut first, "PING");
    assert!(served.iter_mut().all(is_served), "those who are in stay");

    drop(served);
    // That they have left is seen by their workers, at their next turn.
    while !is_served(&mut server.socket()) {
        closed += 1;
    }
    must(&mut first, "PING");
    let (_, log) = server.stop();
    assert_eq!(log.matches("cannot accept connections").count(), 1, "{log}");
    // Neither more nor fewer: the server has looked only when somebody came.
    assert!(log.contains(&format!("accepted again; {closed} were closed")), "{closed} closed:\n{log}");
}

#[test]
fn a_limit_a_hundred_kilobytes_above_an_empty_server_is_kept() {
    const ROOM: u64 = 100 * 1024;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), &["--appendonly", "no", "--threads", "2"]);
    let mut client = server.connect();
    for policy in
        ["allkeys-random", "allkeys-lru", "allkeys-lfu", "volatile-lru", "volatile-random", "volatile-ttl"]
    {
        must(&mut client, "FLUSHALL");
        must(&mut client, "SELECT 9");
        // What is on its way back counts as free, and would come on top of the limit.
        while figure(&server, "memory", "lazyfree_pending_objects") > 0 {}
        let limit = figure(&server, "memory", "used_memory") + ROOM;
        must(&mut client, &format!("CONFIG SET maxmemory {limit} maxmemory-policy {policy}"));
        for number in 0..2000 {
            must(&mut client, &format!("SETEX key:{number} 10000 x"));
        }
        let used = figure(&server, "memory", "used_memory");
        // One percent is promised; the connection that asks counts too.
        assert!(used <= limit + limit / 100, "{policy}: {} too many of {limit}", used - limit);
        let keys = must(&mut client, "DBSIZE").integer().expect("a number");
        assert!((20..2000).contains(&keys), "{policy}: {keys} keys are left");
        must(&mut client, "CONFIG SET maxmemory 0");
    }
}
