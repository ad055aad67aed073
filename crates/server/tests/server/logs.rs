//! The form of the log, which may change while the server runs.

use std::io::{Read, Write};

use crate::support::{Server, must};

#[test]
fn lines_have_the_form_and_the_levels_of_now() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let server = Server::start(folder.path(), &["--appendonly", "no"]);
    let process_id = server.process_id();
    let mut client = server.connect();
    must(&mut client, "CONFIG SET log-format json log-timestamp-format milliseconds");
    let (status, log) = server.stop();
    assert!(status.success());
    let (begin, end) = (log.lines().next().unwrap_or_default(), log.lines().last().unwrap_or_default());
    assert!(begin.starts_with(&format!("{process_id}:M ")) && begin.contains(" * RustyPotato "), "{log}");
    assert!(
        end.starts_with(&format!("{{\"pid\":{process_id},\"role\":\"primary\",\"timestamp\":\"1")),
        "{log}"
    );
    assert!(
        end.ends_with("\"level\":\"notice\",\"message\":\"all data is written; ready to exit, bye bye\"}"),
        "{log}"
    );
}

#[test]
fn the_log_says_what_harnesses_wait_for_in_the_order_in_which_redis_does() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let server = Server::start(folder.path(), &["--appendonly", "no"]);
    let process_id = server.process_id();
    let (_, log) = server.stop();
    let at = |text: &str| log.find(text).unwrap_or_else(|| panic!("{text:?} in {log}"));
    let order = [&format!(" PID: {process_id}"), "Server initialized", "Ready to accept connections"].map(at);
    assert!(order.is_sorted(), "{log}");
}

#[test]
fn a_level_that_is_set_counts_at_once() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let server = Server::start(folder.path(), &["--appendonly", "no"]);
    must(&mut server.connect(), "CONFIG SET loglevel warning");
    let (_, log) = server.stop();
    assert!(!log.contains("shutting down"), "{log}");
}

#[test]
fn what_users_have_named_can_be_kept_out_of_the_log() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let options = ["--appendonly", "no", "--client-query-buffer-limit", "1mb"];
    for (hides, shown) in [("no", true), ("yes", false)] {
        let server =
            Server::start(folder.path(), &[&options[..], &["--hide-user-data-from-log", hides]].concat());
        let mut socket = server.socket();
        let head = b"CLIENT SETNAME secretive\r\n*2\r\n$4\r\nECHO\r\n$9999999\r\n";
        // The server closes when it has had enough.
        let _ = socket.write_all(head).and_then(|()| socket.write_all(&vec![b'x'; 9_000_000]));
        let _ = socket.read_to_end(&mut Vec::new());
        let (_, log) = server.stop();
        assert!(log.contains("max query buffer length") && log.contains(" addr=127.0.0.1:"), "{log}");
        assert_eq!(log.contains("name=secretive"), shown, "{log}");
        assert_eq!(log.contains("name=*redacted*") && log.contains("user=*redacted*"), !shown, "{log}");
    }
}
