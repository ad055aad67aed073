//! What serves the sockets: which of them is chosen, what happens where the system refuses it, and what each must hold.
//!
//! All other tests hold for each as well: `RUSTYPOTATO_IO_BACKEND=epoll cargo test -p rustypotato --test server`.

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
fn where_the_system_refuses_io_uring_epoll_serves_and_the_log_tells_whoever_asked_for_it() {
    for (backend, is_told) in [("auto", false), ("io-uring", true)] {
        let folder = folder();
        let options = ["--appendonly", "no", "--io-backend", backend];
        let refusing = ["-e", "trace=io_uring_setup", "-e", "inject=io_uring_setup:error=EPERM"];
        let server = Server::traced(folder.path(), &options, &refusing).expect("the server serves");
        assert_eq!(multiplexing(&server), "epoll");
        assert_eq!(text(&must(&mut server.connect(), "PING")), "PONG");
        // The tracer ends with the server that it runs.
        let mut client = server.connect();
        client.send(&["SHUTDOWN", "NOSAVE"]);
        client.flush().expect("the server reads");
        let (_, log) = server.wait();
        assert_eq!(log.contains("io_uring cannot be used here"), is_told, "{log}");
    }
}

#[test]
fn by_itself_the_server_takes_what_io_uring_takes_if_it_is_asked_for() {
    let folder = folder();
    let default = Server::start(folder.path(), &["--appendonly", "no"]);
    let asked = start(&folder, "io-uring");
    assert_eq!(multiplexing(&default), multiplexing(&asked));
    assert_eq!(multiplexing(&start(&folder, "epoll")), "epoll");
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
fn a_client_that_goes_in_the_middle_of_a_long_request_or_behind_it_is_noticed() {
    let request =
        [&b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$100000\r\n"[..], &vec![b'v'; 100_000], b"\r\n"].concat();
    for backend in BACKENDS {
        let folder = folder();
        let server = start(&folder, backend);
        let mut watcher = server.connect();
        for rest in [0, 10, 5_000, 99_000] {
            let mut client = server.socket();
            for _ in 0..3 {
                client.write_all(&request).expect("the server reads");
                let mut reply = [0; 5];
                client.read_exact(&mut reply).expect("the server replies");
                assert_eq!(&reply, b"+OK\r\n", "{backend}");
            }
            client.write_all(&request[..rest]).expect("the server reads");
            drop(client);
            while !text(&must(&mut watcher, "INFO clients")).contains("connected_clients:1\r") {}
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
fn requests_of_all_lengths_are_read_whole_however_they_are_cut() {
    let lengths = [1, 4_000, 5_000, 16_384, 40_000, 70_000, 130_000, 131_100, 300_000, 3_000_000];
    let value = |length: usize| (0..length).map(|at| (at % 251) as u8).collect::<Vec<u8>>();
    let echo =
        |length| [format!("*2\r\n$4\r\nECHO\r\n${length}\r\n").as_bytes(), &value(length), b"\r\n"].concat();
    let reply = |length| [format!("${length}\r\n").as_bytes(), &value(length), b"\r\n"].concat();
    let (order, pieces) = (lengths.iter().chain(lengths.iter().rev()), [777, 9_001, 65_537, usize::MAX]);
    let requests: Vec<u8> = order.clone().flat_map(|&length| echo(length)).collect();
    let expected: Vec<u8> = order.flat_map(|&length| reply(length)).collect();
    for backend in BACKENDS {
        let folder = folder();
        let server = start(&folder, backend);
        for piece in pieces {
            let (mut reading, mut writing) = {
                let socket = server.socket();
                (socket.try_clone().expect("a second handle"), socket)
            };
            let received = std::thread::scope(|scope| {
                let received = scope.spawn(|| {
                    let mut received = vec![0; expected.len()];
                    reading.read_exact(&mut received).expect("the server replies");
                    received
                });
                requests.chunks(piece).for_each(|piece| writing.write_all(piece).expect("the server reads"));
                received.join().expect("it ends")
            });
            assert!(received == expected, "{backend}, {piece} bytes at a time");
        }
        let bytes = text(&must(&mut server.connect(), "INFO stats"));
        let bytes =
            bytes.lines().find_map(|line| line.strip_prefix("total_net_input_bytes:")).expect("it is told");
        let most = pieces.len() * requests.len() + 200;
        assert!(
            bytes.parse::<usize>().is_ok_and(|bytes| bytes <= most),
            "{bytes} bytes are counted once, {most}"
        );
    }
}

#[test]
fn a_client_that_goes_in_the_middle_of_a_huge_request_is_noticed() {
    for backend in BACKENDS {
        let folder = folder();
        let server = start(&folder, backend);
        let mut watcher = server.connect();
        let mut leaving = server.socket();
        leaving.write_all(b"*2\r\n$4\r\nECHO\r\n$9000000\r\n").expect("the server reads");
        (0..40).for_each(|_| leaving.write_all(&vec![b'x'; 100_000]).expect("the server reads"));
        drop(leaving);
        while !text(&must(&mut watcher, "INFO clients")).contains("connected_clients:1\r") {}
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
