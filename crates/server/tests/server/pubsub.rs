//! Publish and subscribe over sockets, on several workers: every subscriber gets every message of a publisher, in order,
//! however large it is and whichever worker serves it.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::Server;

/// Reads so many bytes.
fn read_exactly(socket: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    socket.read_exact(&mut bytes).expect("the server sends as much");
    bytes
}

/// A message on channel `c` in RESP2.
fn message(payload: &str) -> String {
    format!("*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n${}\r\n{payload}\r\n", payload.len())
}

#[test]
fn subscribers_on_all_workers_get_small_and_large_messages_in_order() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), &["--appendonly", "no", "--threads", "3"]);
    let confirmed = "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n";
    let mut subscribers: Vec<TcpStream> = (0..9)
        .map(|_| {
            let mut socket = server.socket();
            socket.write_all(b"SUBSCRIBE c\r\n").expect("the server reads");
            assert_eq!(read_exactly(&mut socket, confirmed.len()), confirmed.as_bytes());
            socket
        })
        .collect();
    let payloads: Vec<String> =
        (0..60).map(|number| format!("{number}:{}", "x".repeat(number * number * 10))).collect();
    let mut publisher = server.socket();
    for payload in &payloads {
        let request = format!("*3\r\n$7\r\nPUBLISH\r\n$1\r\nc\r\n${}\r\n{payload}\r\n", payload.len());
        publisher.write_all(request.as_bytes()).expect("the server reads");
    }
    assert_eq!(read_exactly(&mut publisher, 4 * payloads.len()), ":9\r\n".repeat(payloads.len()).as_bytes());
    let expected: String = payloads.iter().map(|payload| message(payload)).collect();
    for socket in &mut subscribers {
        assert!(read_exactly(socket, expected.len()) == expected.as_bytes(), "all messages in their order");
    }
}

#[test]
fn a_message_is_there_before_whatever_is_asked_behind_the_publisher_s_reply() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), &["--appendonly", "no", "--threads", "3"]);
    let mut publishers: Vec<TcpStream> = (0..3).map(|_| server.socket()).collect();
    let mut subscriber = server.socket();
    subscriber.write_all(b"SUBSCRIBE c\r\n").expect("the server reads");
    read_exactly(&mut subscriber, 30);
    let pong = "*2\r\n$4\r\npong\r\n$0\r\n\r\n";
    for round in 0..300 {
        let publisher = &mut publishers[round % 3];
        publisher.write_all(format!("PUBLISH c {round}\r\n").as_bytes()).expect("the server reads");
        assert_eq!(read_exactly(publisher, 4), b":1\r\n");
        subscriber.write_all(b"PING\r\n").expect("the server reads");
        let expected = message(&round.to_string()) + pong;
        assert_eq!(read_exactly(&mut subscriber, expected.len()), expected.as_bytes(), "round {round}");
    }
}
