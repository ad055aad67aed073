//! Client-side caching over sockets, on several workers.
//!
//! What clients are told in each mode is tested in the `node` crate; here, that nothing is told too late: once a writer has
//! its reply, whatever the caching client asks next is answered behind the invalidation.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::Server;

/// Sends a command in one piece.
fn send(socket: &mut TcpStream, line: &str) {
    socket.write_all(format!("{line}\r\n").as_bytes()).expect("the server reads");
}

/// Reads once more.
fn read_some(socket: &mut TcpStream, text: &mut String) {
    let mut buffer = [0; 4096];
    let count = socket.read(&mut buffer).expect("the server answers");
    assert!(count > 0, "closed after {text}");
    text.push_str(std::str::from_utf8(&buffer[..count]).expect("replies are text"));
}

/// Reads until the text ends in `end`.
fn read_until(socket: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(end) {
        read_some(socket, &mut text);
    }
    text
}

#[test]
fn an_invalidation_comes_before_all_replies_that_the_writer_has_waited_for() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for append_only in ["no", "yes"] {
        let server = Server::start(folder.path(), &["--appendonly", append_only, "--threads", "3"]);
        let mut caching = server.socket();
        send(&mut caching, "HELLO 3");
        send(&mut caching, "CLIENT TRACKING ON");
        read_until(&mut caching, "+OK\r\n");
        let mut writers: Vec<TcpStream> = (0..3).map(|_| server.socket()).collect();
        for round in 0..300 {
            send(&mut caching, "GET key");
            send(&mut caching, "PING");
            read_until(&mut caching, "+PONG\r\n");
            let writer = &mut writers[round % 3];
            send(writer, &format!("SET key {round}"));
            read_until(writer, "+OK\r\n");
            send(&mut caching, "PING");
            let told = read_until(&mut caching, "+PONG\r\n");
            assert_eq!(told, ">2\r\n$10\r\ninvalidate\r\n*1\r\n$3\r\nkey\r\n+PONG\r\n", "round {round}");
        }
    }
}

#[test]
fn a_client_that_pipelines_while_others_write_meets_an_end_behind_every_old_value() {
    const ROUNDS: usize = 2000;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), &["--appendonly", "no", "--threads", "3"]);
    let mut caching = server.socket();
    send(&mut caching, "HELLO 3");
    send(&mut caching, "CLIENT TRACKING ON");
    read_until(&mut caching, "+OK\r\n");
    let writers: Vec<_> = (0..2)
        .map(|_| {
            let mut socket = server.socket();
            std::thread::spawn(move || {
                for _ in 0..ROUNDS {
                    send(&mut socket, "INCR counter");
                    read_until(&mut socket, "\r\n");
                }
            })
        })
        .collect();
    let mut text = String::new();
    for round in 1..=ROUNDS / 10 {
        for _ in 0..10 {
            send(&mut caching, "GET counter");
        }
        send(&mut caching, "PING");
        // An invalidation may follow at once, so the end of the text tells nothing.
        while text.matches("+PONG").count() < round {
            read_some(&mut caching, &mut text);
        }
    }
    for writer in writers {
        writer.join().expect("a writer ends well");
    }
    send(&mut caching, "ECHO end");
    while !text.ends_with("$3\r\nend\r\n") {
        read_some(&mut caching, &mut text);
    }
    let last_value = text.rfind("counter\r\n").map_or("", |end| &text[end..]);
    let final_value = (2 * ROUNDS).to_string();
    // Behind the last invalidation stands nothing but the last value.
    for value in last_value.lines().filter(|line| line.parse::<usize>().is_ok()) {
        assert_eq!(value, final_value);
    }
    assert!(text.contains("invalidate"), "the client was told");
}
