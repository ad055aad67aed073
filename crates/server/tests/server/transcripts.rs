//! Transcripts: the server over TCP, in both protocols, and Debian's redis-server give the replies that
//! `tests/transcripts` has written down.
//!
//! The judge is `oracle.py` beside the transcripts, which people run against any server by hand as well.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::Server;

/// What this server does not pass yet, and why.
const WAITING: &[(&str, &str)] = &[("generic.txt", "RESTORE reads no dumps yet")];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/transcripts")
}

/// Every transcript, in the order of their names.
fn transcripts() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder())
        .expect("the transcripts are in the tree")
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "no transcript in {}", folder().display());
    found
}

/// Runs the judge and fails with what it prints.
fn check(server: &Server, protocol: &str, left_out: &[(&str, &str)]) {
    let output = Command::new("python3")
        .arg(folder().join("oracle.py"))
        .arg(server.address())
        .args(transcripts().iter().filter(|path| !left_out.iter().any(|(name, _)| path.ends_with(name))))
        .args(["--resp", protocol])
        .output()
        .expect("python3 is installed");
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complained}");
}

#[test]
fn the_server_replies_as_written_in_both_protocols() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), &["--appendonly", "no"]);
    check(&server, "2", WAITING);
    check(&server, "3", WAITING);
}

#[test]
fn redis_replies_as_written_in_both_protocols() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::oracle(folder.path(), &[]);
    check(&server, "2", &[]);
    check(&server, "3", &[]);
}
