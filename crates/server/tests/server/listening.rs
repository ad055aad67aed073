//! `port`, `bind` and `maxclients` while the server runs.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use client::{Client, Options};
use resp::Frame;

use crate::support::{Server, must, run, text};

fn start() -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let server = Server::start(folder.path(), &["--appendonly", "no", "--threads", "2"]);
    (folder, server)
}

/// A port that is free now.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("some port is free");
    listener.local_addr().expect("it is bound").port()
}

fn answers_at(host: &str, port: u16) -> bool {
    let Ok(mut client) = Client::connect(&Options::tcp(host, port)) else { return false };
    text(&run(&mut client, "PING")) == "PONG"
}

#[test]
fn the_port_can_be_changed_and_connections_stay() {
    let (_folder, server) = start();
    let mut client = server.connect();
    let (old, new) = (server.port(), free_port());
    must(&mut client, &format!("CONFIG SET port {new}"));
    assert!(answers_at("127.0.0.1", new));
    assert!(!answers_at("127.0.0.1", old));
    assert_eq!(text(&run(&mut client, "PING")), "PONG");
    must(&mut client, "CONFIG SET port 0");
    assert!(!answers_at("127.0.0.1", new));
    must(&mut client, &format!("CONFIG SET port {old}"));
    assert!(answers_at("127.0.0.1", old));
}

#[test]
fn clients_come_in_however_long_the_keep_alive_time_is() {
    let (_folder, server) = start();
    let mut client = server.connect();
    for seconds in ["32768", "2147483647", "0", "1"] {
        must(&mut client, &format!("CONFIG SET tcp-keepalive {seconds}"));
        assert!(answers_at("127.0.0.1", server.port()), "{seconds} seconds");
    }
}

#[test]
fn a_port_that_is_taken_is_refused_and_the_old_one_goes_on() {
    let (_folder, server) = start();
    let mut client = server.connect();
    let taken = TcpListener::bind(("127.0.0.1", 0)).expect("some port is free");
    let port = taken.local_addr().expect("it is bound").port();
    assert_eq!(
        text(&run(&mut client, &format!("CONFIG SET slowlog-max-len 3 port {port}"))),
        "ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port. Check server logs."
    );
    assert!(answers_at("127.0.0.1", server.port()));
    let length = must(&mut client, "CONFIG GET slowlog-max-len");
    assert_eq!(text(&length.elements().expect("a pair")[1]), "128");
}

#[test]
fn port_and_folder_change_together_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let server = Server::start(folder.path(), &["--appendonly", "no", "--enable-protected-configs", "yes"]);
    let mut client = server.connect();
    let new = free_port();
    let reply = text(&run(&mut client, &format!("CONFIG SET port {new} dir /no/such/folder")));
    assert!(reply.starts_with("ERR CONFIG SET failed (possibly related to argument 'dir')"), "{reply}");
    assert!(!answers_at("127.0.0.1", new));
    assert!(answers_at("127.0.0.1", server.port()));

    let taken = TcpListener::bind(("127.0.0.1", 0)).expect("some port is free");
    let port = taken.local_addr().expect("it is bound").port();
    let other = tempfile::tempdir().expect("a folder can be made");
    let reply = text(&run(&mut client, &format!("CONFIG SET dir {} port {port}", other.path().display())));
    assert!(reply.starts_with("ERR CONFIG SET failed (possibly related to argument 'port')"), "{reply}");
    must(&mut client, "SAVE");
    assert!(folder.path().join("dump.rdb").exists(), "data is saved where it was");
}

#[test]
fn addresses_can_be_changed_and_wrong_ones_are_refused() {
    let (_folder, server) = start();
    let mut client = server.connect();
    let port = server.port();
    let set = |client: &mut Client, value: &str| -> Frame {
        client.command(&["CONFIG", "SET", "bind", value]).expect("the server answers")
    };
    for wrong in ["999.1.1.1", "203.0.113.1", "127.0.0.1 203.0.113.1"] {
        assert_eq!(
            text(&set(&mut client, wrong)),
            "ERR CONFIG SET failed (possibly related to argument 'bind') - Failed to bind to specified addresses."
        );
        assert!(answers_at("127.0.0.1", port), "after {wrong}");
    }
    assert_eq!(text(&set(&mut client, "127.0.0.2 -203.0.113.1")), "OK");
    assert!(answers_at("127.0.0.2", port));
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    assert_eq!(text(&set(&mut client, "127.0.0.1")), "OK");
    assert!(answers_at("127.0.0.1", port));
}

#[test]
fn clients_that_come_all_at_once_are_counted_before_their_worker_has_seen_them() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let options =
        ["--appendonly", "no", "--threads", "1", "--maxclients", "5", "--busy-reply-threshold", "0"];
    let server = Server::start(folder.path(), &options);
    let mut client = server.connect();
    client.send(&["EVAL", "for _ = 1, 10000000 do end", "0"]);
    client.flush().expect("the server reads");
    let sockets: Vec<TcpStream> = (0..10).map(|_| server.socket()).collect();
    client.receive().expect("the script ends");
    let is_served = |mut socket: &TcpStream| {
        let mut reply = [0; 7];
        // A socket that the server has closed may refuse the question already.
        socket.write_all(b"PING\r\n").is_ok()
            && socket.read_exact(&mut reply).is_ok()
            && reply == *b"+PONG\r\n"
    };
    assert_eq!(sockets.iter().filter(|socket| is_served(socket)).count(), 4);
}

#[test]
fn more_clients_than_the_system_has_files_for_are_refused() {
    let (_folder, server) = start();
    let mut client = server.connect();
    let refusal = text(&run(&mut client, "CONFIG SET maxclients 4294967295"));
    assert!(
        refusal.starts_with(
            "ERR CONFIG SET failed (possibly related to argument 'maxclients') - The operating system is not able to \
             handle the specified number of clients, try with "
        ),
        "{refusal}"
    );
    must(&mut client, "CONFIG SET maxclients 1");
    let mut second = server.socket();
    let mut said = String::new();
    second.read_to_string(&mut said).expect("the server says why");
    assert_eq!(said, "-ERR max number of clients reached\r\n");
}
