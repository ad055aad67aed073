//! The byte streams of connections: pipelines of any depth, requests that arrive in pieces, readers that do not read,
//! and the limits at which a connection is closed.
//!
//! "Piece by piece" is made sure of without waiting: with one worker, a reply on a second connection proves that what
//! was sent before on the first has been read.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::path::Path;

use client::{Client, Error, Options};

use crate::support::{Server, must, run, text};

/// A server without a file, in a folder that lives as long as the test.
fn start(folder: &Path, options: &[&str]) -> Server {
    Server::start(folder, &[&["--appendonly", "no"], options].concat())
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// Everything that a connection gives until the server closes it, for whatever reason.
fn until_closed(socket: &mut impl Read) -> Vec<u8> {
    let mut received = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = socket.read(&mut buffer) {
        received.extend_from_slice(&buffer[..count]);
    }
    received
}

/// Sends bytes on a connection of their own and compares all that comes back until the server closes it.
fn check_refused(server: &Server, bytes: &[u8], reply: &str) {
    let mut socket = server.socket();
    socket.write_all(bytes).expect("the server reads");
    let received = until_closed(&mut socket);
    assert_eq!(String::from_utf8_lossy(&received), reply, "for {:?}", String::from_utf8_lossy(bytes));
}

#[test]
fn a_hundred_thousand_requests_are_answered_in_order_though_nobody_reads_meanwhile() {
    let folder = folder();
    let server = start(folder.path(), &["--threads", "2"]);
    let mut client = server.connect();
    for _ in 0..100_000 {
        client.send(&["INCR", "count"]);
    }
    client.flush().expect("the server reads all requests before a reply is taken");
    for expected in 1..=100_000 {
        assert_eq!(client.receive().expect("a reply").integer(), Some(expected));
    }
}

#[test]
fn requests_cut_at_any_byte_are_answered_as_if_they_came_whole() {
    let folder = folder();
    let server = start(folder.path(), &["--threads", "1"]);
    let requests =
        b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\na\r\nb\r\nget \"k\"\r\n\r\n*0\r\n*1\r\n$4\r\nPING\r\n";
    let replies = b"+OK\r\n$4\r\na\r\nb\r\n+PONG\r\n";
    let (mut socket, mut other) = (server.socket(), server.connect());
    for cut in 1..requests.len() {
        socket.write_all(&requests[..cut]).expect("the server reads");
        must(&mut other, "PING");
        socket.write_all(&requests[cut..]).expect("the server reads");
        let mut received = vec![0; replies.len()];
        socket.read_exact(&mut received).expect("the server replies");
        assert_eq!(received, replies, "cut at {cut}");
    }
}

#[test]
fn a_request_that_comes_byte_by_byte_is_answered() {
    let folder = folder();
    let server = start(folder.path(), &["--threads", "1"]);
    let (mut socket, mut other) = (server.socket(), server.connect());
    for byte in b"*2\r\n$4\r\nECHO\r\n$3\r\nx\ry\r\n" {
        socket.write_all(&[*byte]).expect("the server reads");
        must(&mut other, "PING");
    }
    let mut received = [0; 9];
    socket.read_exact(&mut received).expect("the server replies");
    assert_eq!(&received, b"$3\r\nx\ry\r\n");
}

#[test]
fn a_client_that_does_not_read_is_closed_at_its_output_limit_and_hurts_nobody() {
    let folder = folder();
    let server = start(folder.path(), &["--client-output-buffer-limit", "normal 1mb 0 0", "--threads", "1"]);
    let mut other = server.connect();
    let value = vec![b'v'; 512 * 1024];
    other.command(&[b"SET".as_slice(), b"large", &value]).expect("a reply");
    let mut slow = server.socket();
    let requests = 400;
    slow.write_all(&b"GET large\r\n".repeat(requests)).expect("the requests fit into the socket");
    must(&mut other, "PING");
    let received = until_closed(&mut slow).len();
    assert!(
        received < requests * value.len() / 2,
        "{received} bytes were kept for a client that did not read"
    );
    must(&mut other, "PING");
}

#[test]
fn a_client_that_has_not_logged_in_may_send_little() {
    let folder = folder();
    let server = start(folder.path(), &["--requirepass", "secret"]);
    let cases = [
        (&b"*11\r\n"[..], "-ERR Protocol error: unauthenticated multibulk length\r\n"),
        (b"*2\r\n$4\r\nAUTH\r\n$16385\r\n", "-ERR Protocol error: unauthenticated bulk length\r\n"),
        (b"*2147483647\r\n", "-ERR Protocol error: unauthenticated multibulk length\r\n"),
    ];
    for (bytes, reply) in cases {
        check_refused(&server, bytes, reply);
    }
    let mut client = server.connect();
    assert_eq!(text(&run(&mut client, "GET key")), "NOAUTH Authentication required.");
    must(&mut client, "AUTH secret");
    must(&mut client, "MSET a 1 b 2 c 3 d 4 e 5 f 6");
}

#[test]
fn requests_without_words_leave_nothing_behind_for_the_next_one() {
    let folder = folder();
    let server = start(folder.path(), &["--requirepass", "secret"]);
    let mut socket = server.socket();
    socket.write_all(b"*0\r\n\r\n*-1\r\nPING\r\nAUTH secret\r\n*0\r\nPING\r\n").expect("the server reads");
    socket.shutdown(Shutdown::Write).expect("the connection is open");
    let received = until_closed(&mut socket);
    assert_eq!(String::from_utf8_lossy(&received), "-NOAUTH Authentication required.\r\n+OK\r\n+PONG\r\n");
}

#[test]
fn a_client_too_many_is_told_so_and_the_others_are_served() {
    let folder = folder();
    let server = start(folder.path(), &["--maxclients", "2"]);
    let mut clients = [server.connect(), server.connect()];
    for client in &mut clients {
        must(client, "PING");
    }
    check_refused(&server, b"", "-ERR max number of clients reached\r\n");
    for client in &mut clients {
        must(client, "PING");
    }
}

#[test]
fn a_silent_client_is_closed_after_the_timeout() {
    let folder = folder();
    let server = start(folder.path(), &["--timeout", "1"]);
    check_refused(&server, b"PING\r\n", "+PONG\r\n");
}

#[test]
fn a_unix_socket_serves_like_a_port() {
    let folder = folder();
    let path = folder.path().join("server.sock");
    let server = start(folder.path(), &["--unixsocket", path.to_str().expect("a path is text")]);
    let mut client = Client::connect(&Options::unix(&path)).expect("the socket is there");
    must(&mut client, "SET key value");
    assert_eq!(text(&run(&mut server.connect(), "GET key")), "value");
}

#[test]
fn a_client_of_another_worker_can_be_killed() {
    let folder = folder();
    let server = start(folder.path(), &["--threads", "2"]);
    // Connections go to the least loaded worker, so among four there are neighbours and strangers.
    let mut clients: Vec<Client> = (0..4).map(|_| server.connect()).collect();
    let ids: Vec<i64> = clients
        .iter_mut()
        .map(|client| must(client, "CLIENT ID").integer().expect("an id is a number"))
        .collect();
    let mut killer = clients.remove(0);
    for (victim, id) in clients.iter_mut().zip(&ids[1..]) {
        assert_eq!(must(&mut killer, &format!("CLIENT KILL ID {id}")).integer(), Some(1));
        assert!(matches!(victim.receive(), Err(Error::Closed)), "client {id} is still connected");
    }
    must(&mut killer, "PING");
}
