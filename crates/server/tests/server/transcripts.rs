//! Transcripts: the server over TCP, in both protocols, and Debian's redis-server give the replies that
//! `tests/transcripts` has written down. The third judge, the node in process, is a test of that crate.

use client::Options;
use resp::Protocol;
use transcript::{Judge, Remote};

use crate::support::Server;

/// Judges a server by every transcript and fails with all that differs.
fn check(server: &Server) {
    let mut wrong = Vec::new();
    let mut judged = 0;
    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        let mut stand =
            Remote::new(Options::tcp("127.0.0.1", server.port()), None).expect("the server answers");
        for (name, transcript) in transcript::all() {
            let verdict = Judge { protocol }.judge(&transcript, &mut stand);
            judged += verdict.judged;
            wrong.extend(
                verdict.differences.iter().map(|difference| format!("{protocol:?} {name}: {difference}")),
            );
        }
    }
    assert!(wrong.is_empty(), "{} of {judged} replies differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_server_replies_as_written_in_both_protocols() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), &["--appendonly", "no", "--enable-debug-command", "yes"]);
    check(&server);
}

#[test]
fn redis_replies_as_written_in_both_protocols() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::oracle(folder.path(), &[]);
    check(&server);
}
