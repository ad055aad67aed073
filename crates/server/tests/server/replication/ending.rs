//! The end of a server with replicas that lag: it waits for them, and can be called off.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use client::Client;
use rustix::process::{Signal, kill_process};

use super::follower::Follower;
use super::with_each;
use crate::disk::SNAPSHOTS;
use crate::support::{Server, must, run, text};

/// A connection that has sent a command, of whose answer nothing is known.
struct Caller(TcpStream);

impl Caller {
    fn new(server: &Server, command: &str) -> Self {
        let mut stream = server.socket();
        stream.write_all(format!("{command}\r\n").as_bytes()).expect("it is sent");
        Self(stream)
    }

    /// The line that it is answered; empty if the server ended instead.
    fn answer(mut self) -> String {
        let mut line = Vec::new();
        let mut byte = [0];
        while !line.ends_with(b"\r\n") && self.0.read(&mut byte).is_ok_and(|count| count > 0) {
            line.push(byte[0]);
        }
        String::from_utf8_lossy(&line).trim_end().to_owned()
    }
}

fn wait_until_ending(client: &mut Client, callers: usize) {
    let blocked = format!("blocked_clients:{callers}\r\n");
    while !text(&must(client, "INFO server")).contains("\nshutdown_in_milliseconds:") {}
    while !text(&must(client, "INFO clients")).contains(&blocked) {}
}

/// A server with a replica that has not acknowledged a change.
fn with_lagging(options: &[&str], test: impl FnOnce(Server, Client, Follower)) {
    with_lagging_in(options, |_, server, client, follower| test(server, client, follower));
}

/// The same with the server's folder.
fn with_lagging_in(options: &[&str], test: impl FnOnce(&Path, Server, Client, Follower)) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let options = [SNAPSHOTS, &["--threads", "2", "--repl-ping-replica-period", "3600"], options].concat();
    let (server, mut client) = Server::start(folder.path(), &options).connect_and_keep();
    let follower = Follower::psync(&server, "?", "-1");
    must(&mut client, "SET k 1");
    test(folder.path(), server, client, follower);
}

const LONG: &[&str] = &["--shutdown-timeout", "1000000"];

#[test]
fn the_end_waits_for_a_replica_that_lags() {
    for signal in [None, Some(Signal::TERM)] {
        with_lagging(LONG, |server, mut client, mut follower| {
            let caller = signal.is_none().then(|| Caller::new(&server, "SHUTDOWN NOSAVE"));
            if let Some(signal) = signal {
                kill_process(server.process(), signal).expect("the server runs");
            }
            wait_until_ending(&mut client, usize::from(caller.is_some()));
            let write = Caller::new(&server, "SET k 2");
            follower.expect(&["SELECT 0", "SET k 1", "REPLCONF GETACK *"]);
            assert_eq!(text(&must(&mut client, "GET k")), "1", "writes are held");
            follower.acknowledge();
            assert_eq!(write.answer(), "");
            assert_eq!(caller.map_or_else(String::new, Caller::answer), "");
            let (status, log) = server.wait();
            assert!(status.success() && log.contains("1 of 1 replicas are in sync"), "{log}");
        });
    }
}

#[test]
fn the_end_waits_no_longer_than_it_may() {
    with_lagging(&["--shutdown-timeout", "1"], |server, _, _follower| {
        assert_eq!(Caller::new(&server, "SHUTDOWN NOSAVE").answer(), "");
        let (status, log) = server.wait();
        assert!(status.success() && log.contains("0 of 1 replicas are in sync"), "{log}");
        assert!(log.contains("lags: it may lack the last"), "{log}");
    });
}

#[test]
fn the_end_does_not_wait_if_nobody_wants_that() {
    for (options, command) in
        [(LONG, "SHUTDOWN NOSAVE NOW"), (&["--shutdown-timeout", "0"], "SHUTDOWN NOSAVE")]
    {
        with_lagging(options, |server, _, _follower| {
            assert_eq!(Caller::new(&server, command).answer(), "");
            assert!(server.wait().0.success());
        });
    }
    // Whoever has everything is not waited for, and neither is one that never says what it has.
    with_each(|server, client| {
        let mut follower = Follower::psync(server, "?", "-1");
        let _mute = Follower::sync(server);
        must(client, "SET k 1");
        follower.expect(&["SELECT 0", "SET k 1"]);
        follower.acknowledge();
        must(client, "WAIT 1 0");
        assert_eq!(Caller::new(server, "SHUTDOWN NOSAVE").answer(), "");
    });
}

#[test]
fn a_second_wish_ends_the_wait() {
    for signal in [None, Some(Signal::INT)] {
        with_lagging(LONG, |server, mut client, _follower| {
            let first = Caller::new(&server, "SHUTDOWN NOSAVE");
            wait_until_ending(&mut client, 1);
            if let Some(signal) = signal {
                kill_process(server.process(), signal).expect("the server runs");
            } else {
                assert_eq!(Caller::new(&server, "SHUTDOWN NOSAVE NOW").answer(), "");
            }
            assert_eq!(first.answer(), "");
            assert!(server.wait().0.success());
        });
    }
}

const REFUSED: &str = "-ERR Errors trying to SHUTDOWN. Check logs.";

#[test]
fn a_wait_for_the_end_is_called_off() {
    with_lagging(LONG, |server, mut client, mut follower| {
        assert_eq!(text(&run(&mut client, "SHUTDOWN ABORT")), "ERR No shutdown in progress.");
        let callers = [(); 2].map(|()| Caller::new(&server, "SHUTDOWN NOSAVE"));
        wait_until_ending(&mut client, 2);
        let write = Caller::new(&server, "SET k 2");
        must(&mut client, "SHUTDOWN ABORT");
        assert_eq!(callers.map(Caller::answer), [REFUSED; 2]);
        assert_eq!(write.answer(), "+OK");
        assert!(!text(&must(&mut client, "INFO server")).contains("shutdown_in"));
        follower.expect(&["SELECT 0", "SET k 1", "REPLCONF GETACK *", "SET k 2"]);
        kill_process(server.process(), Signal::TERM).expect("the server runs");
        wait_until_ending(&mut client, 0);
        must(&mut client, "SHUTDOWN ABORT");
        must(&mut client, "SET k 3");
        follower.expect(&["REPLCONF GETACK *", "SET k 3"]);
    });
}

#[test]
fn who_cannot_save_does_not_end_after_the_wait_either() {
    let options = [LONG, &["--dbfilename", "taken"]].concat();
    with_lagging_in(&options, |folder, server, mut client, mut follower| {
        std::fs::create_dir(folder.join("taken")).expect("a folder can be made");
        let caller = Caller::new(&server, "SHUTDOWN SAVE");
        wait_until_ending(&mut client, 1);
        follower.expect(&["SELECT 0", "SET k 1", "REPLCONF GETACK *"]);
        follower.acknowledge();
        assert_eq!(caller.answer(), REFUSED);
        must(&mut client, "SET k 2");
        assert!(server.kill_and_read().contains("Error trying to save the DB, can't exit"));
    });
}
