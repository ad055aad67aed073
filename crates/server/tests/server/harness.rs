//! What the test harnesses of other projects look for in a server's log: its process, and a port that is taken.

use crate::support::{Server, without_settings};

#[test]
fn the_log_names_the_process() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let server = Server::start(folder.path(), &[]);
    let line = format!(" PID: {}\n", server.process_id());
    let (status, log) = server.stop();
    assert!(status.success());
    assert!(log.contains(&line), "no line ends with {line:?}:\n{log}");
}

#[test]
fn the_log_of_a_server_whose_port_is_taken_says_so() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let other = tempfile::tempdir().expect("a folder can be made");
    let server = Server::start(folder.path(), &[]);
    let port = server.port().to_string();
    let output = without_settings(env!("CARGO_BIN_EXE_rustypotato-server"))
        .args(["--port", &port, "--bind", "127.0.0.1", "--dir"])
        .arg(other.path())
        .output()
        .expect("the server can be started");
    let log = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success());
    assert!(log.contains(&format!("Failed listening on port {port}")), "{log}");
    assert!(!log.contains("PID: "), "a harness would take it for started:\n{log}");
}
