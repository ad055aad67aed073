//! The form of the log, which may change while the server runs.

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
    assert!(end.ends_with("\"level\":\"notice\",\"message\":\"all data is written; bye\"}"), "{log}");
}

#[test]
fn a_level_that_is_set_counts_at_once() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let server = Server::start(folder.path(), &["--appendonly", "no"]);
    must(&mut server.connect(), "CONFIG SET loglevel warning");
    let (_, log) = server.stop();
    assert!(!log.contains("shutting down"), "{log}");
}
