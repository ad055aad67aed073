//! What serves the sockets: which of them is chosen, what happens where the system refuses it, and what each must hold.
//!
//! All other tests hold for each as well: `RUSTYPOTATO_IO_BACKEND=io-uring cargo test -p rustypotato --test server`.

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use crate::support::{Server, must, text};

const BACKENDS: [&str; 2] = ["epoll", "io-uring"];

fn start(folder: &tempfile::TempDir, backend: &str) -> Server {
    Server::start(folder.path(), &["--appendonly", "no", "--threads", "1", "--io-backend", backend])
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn multiplexing(server: &Server) -> String {
    let info = text(&must(&mut server.connect(), "INFO server"));
    info.lines().find_map(|line| line.strip_prefix("multiplexing_api:")).expect("it is told").to_owned()
}

#[test]
fn where_the_system_refuses_io_uring_the_log_says_so_and_epoll_serves() {
    let folder = folder();
    let options = ["--appendonly", "no", "--io-backend", "io-uring"];
    let refusing = ["-e", "trace=io_uring_setup", "-e", "inject=io_uring_setup:error=EPERM"];
    let server = Server::traced(folder.path(), &options, &refusing).expect("the server serves");
    assert_eq!(multiplexing(&server), "epoll");
    assert_eq!(text(&must(&mut server.connect(), "PING")), "PONG");
    // The tracer ends with the server that it runs.
    let mut client = server.connect();
    client.send(&["SHUTDOWN", "NOSAVE"]);
    client.flush().expect("the server reads");
    let (_, log) = server.wait();
    assert!(log.contains("io_uring cannot be used here"), "{log}");
}

#[test]
fn a_client_that_goes_while_its_command_waits_is_noticed_whatever_it_has_sent_behind() {
    for backend in BACKENDS {
        let folder = folder();
        let server = start(&folder, backend);
        let mut watcher = server.connect();
        for behind in ["", "PING\r\nSET never run\r\n"] {
            let mut waiting = server.socket();
            waiting.write_all(format!("BLPOP list 0\r\n{behind}").as_bytes()).expect("the server reads");
            while !text(&must(&mut watcher, "INFO clients")).contains("blocked_clients:1") {}
            waiting.write_all(behind.as_bytes()).expect("the server reads");
            drop(waiting);
            while !text(&must(&mut watcher, "INFO clients")).contains("connected_clients:1\r") {}
            assert_eq!(text(&must(&mut watcher, "EXISTS never")), "0");
        }
    }
}

#[test]
fn what_is_sent_behind_a_command_that_waits_runs_once_it_has_its_answer() {
    for backend in BACKENDS {
        let folder = folder();
        let server = start(&folder, backend);
        let (mut watcher, mut waiting) = (server.connect(), server.socket());
        waiting.write_all(b"BLPOP list 0\r\n").expect("the server reads");
        while !text(&must(&mut watcher, "INFO clients")).contains("blocked_clients:1") {}
        // More than a turn reads, in many pieces.
        let echoes = 20_000;
        for _ in 0..echoes {
            waiting.write_all(b"*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n").expect("the server's system keeps it");
        }
        must(&mut watcher, "PING");
        must(&mut watcher, "RPUSH list item");
        let expected = format!("*2\r\n$4\r\nlist\r\n$4\r\nitem\r\n{}", "$2\r\nhi\r\n".repeat(echoes));
        let mut received = vec![0; expected.len()];
        waiting.read_exact(&mut received).expect("the server replies");
        assert!(received == expected.as_bytes(), "{backend}");
    }
}

#[test]
fn more_clients_than_a_ring_has_buffers_are_served_with_long_requests_and_replies() {
    for backend in BACKENDS {
        let folder = folder();
        let server = start(&folder, backend);
        let value = vec![b'v'; 40_000];
        let mut clients: Vec<_> = (0..300).map(|_| server.connect()).collect();
        for (number, client) in clients.iter_mut().enumerate() {
            client.send(&[b"SET".as_slice(), number.to_string().as_bytes(), &value]);
            client.send(&[b"GET".as_slice(), number.to_string().as_bytes()]);
            client.flush().expect("the server reads");
        }
        for client in &mut clients {
            assert_eq!(text(&client.receive().expect("a reply")), "OK");
            assert_eq!(client.receive().expect("a reply").bytes(), Some(&value[..]), "{backend}");
        }
        // Each connection's number is given away again.
        drop(clients);
        let mut watcher = server.connect();
        while !text(&must(&mut watcher, "INFO clients")).contains("connected_clients:1\r") {}
        let mut clients: Vec<_> = (0..300).map(|_| server.connect()).collect();
        clients.iter_mut().for_each(|client| assert_eq!(text(&must(client, "PING")), "PONG"));
    }
}

#[test]
fn what_comes_for_a_connection_that_was_closed_reaches_no_other_with_its_number() {
    for backend in BACKENDS {
        let folder = folder();
        let server = start(&folder, backend);
        let mut watcher = server.connect();
        let behind = "SET late x\r\n".repeat(1000);
        for _ in 0..100 {
            let mut leaving = server.socket();
            leaving.write_all(b"QUIT\r\n").expect("the server reads");
            // It may have closed by now, which is the point.
            let _ = leaving.write_all(behind.as_bytes());
            let mut next = server.socket();
            next.write_all(b"PING\r\n").expect("the server reads");
            let mut received = [0; 7];
            next.read_exact(&mut received).expect("the server replies");
            assert_eq!(&received, b"+PONG\r\n", "{backend}");
            let _ = leaving.write_all(behind.as_bytes());
            next.write_all(b"PING\r\n").expect("the server reads");
            next.read_exact(&mut received).expect("the server replies");
            assert_eq!(&received, b"+PONG\r\n", "{backend}");
        }
        assert_eq!(text(&must(&mut watcher, "EXISTS late")), "0", "{backend}");
    }
}

#[test]
fn a_client_that_is_closed_while_it_sends_notices_soon() {
    for backend in BACKENDS {
        let folder = folder();
        let limited = ["--appendonly", "no", "--client-query-buffer-limit", "1mb", "--io-backend", backend];
        let server = Server::start(folder.path(), &limited);
        for _ in 0..5 {
            let mut socket = server.socket();
            socket.set_write_timeout(Some(Duration::from_secs(20))).expect("a socket can be told");
            socket.write_all(b"*2\r\n$3\r\nGET\r\n$100000000\r\n").expect("the server reads");
            let error = (0..100_000).find_map(|_| socket.write_all(&[b'x'; 8 * 1024]).err());
            let kind = error.expect("that is more than the limit").kind();
            assert!(matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{backend}: {kind}");
        }
    }
}
