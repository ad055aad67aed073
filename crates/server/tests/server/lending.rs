//! BACKUP OPEN of clients that go, come back too seldom or are too many, and of a server that may open no more files.

use std::path::Path;

use client::Client;
use resp::Frame;
use rustix::process::{Resource, Rlimit, getrlimit, prlimit};

use crate::disk::{APPENDING, figure, rewrite, wait_for};
use crate::support::{Server, must, run, text};

/// The token of files that are opened, and their roles.
fn open(client: &mut Client, words: &str) -> (i64, Vec<String>) {
    let reply = must(client, &format!("BACKUP OPEN {words}"));
    let pairs = reply.pairs().expect("a map");
    let field = |name: &str| pairs.iter().find(|(key, _)| text(key) == name).map(|(_, value)| *value);
    let files = field("files").and_then(Frame::elements).expect("a list");
    let roles = files.iter().map(|file| text(&file.elements().expect("a list")[0]));
    (field("token").and_then(Frame::integer).expect("a number"), roles.collect())
}

/// The lines of leases in the manifest.
fn leases(folder: &Path) -> Vec<String> {
    let manifest = folder.join("appendonlydir/appendonly.aof.manifest");
    let manifest = std::fs::read_to_string(manifest).expect("it is there");
    manifest.lines().filter(|line| line.starts_with("#keep")).map(str::to_owned).collect()
}

#[test]
fn files_are_let_go_when_the_connection_of_their_reader_ends() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), APPENDING);
    let mut client = server.connect();
    let readers: Vec<Client> = (0..16)
        .map(|_| {
            let mut reader = server.connect();
            open(&mut reader, "");
            reader
        })
        .collect();
    assert_eq!(figure(&mut client, "backup_open_copies"), "16");
    let refusal = run(&mut client, "BACKUP OPEN");
    assert!(text(&refusal).contains("too many copies"), "{refusal:?}");
    drop(readers);
    wait_for(&mut client, "backup_open_copies", "0");
    let (token, _) = open(&mut client, "");
    must(&mut client, &format!("BACKUP CLOSE {token}"));
    assert_eq!(figure(&mut client, "backup_open_copies"), "0");
}

#[test]
fn a_lease_is_renewed_only_by_who_is_done_and_the_first_of_too_many_gives_way() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), APPENDING);
    let mut client = server.connect();
    must(&mut client, "SET key value");
    open(&mut client, "KEEP me 1000");
    let before = leases(folder.path());
    assert!(
        matches!(&before[..], [line] if line.starts_with("#keep me until ") && line.ends_with(" from 1"))
    );
    rewrite(&mut client);
    let (token, roles) = open(&mut client, "KEEP me 100000");
    assert_eq!(roles, ["history", "base", "increment"]);
    assert_eq!(leases(folder.path()), before);
    let kept =
        ["leases", "kept_files", "open_copies"].map(|name| figure(&mut client, &format!("backup_{name}")));
    assert_eq!(kept, ["1", "1", "2"]);
    assert_ne!(figure(&mut client, "backup_kept_bytes"), "0");
    must(&mut client, &format!("BACKUP CLOSE {token} DONE"));
    let after = leases(folder.path());
    assert!(after != before && after[0].ends_with(" from 2"), "{after:?}");
    assert_eq!(figure(&mut client, "backup_kept_files"), "0");
    for number in 0..17 {
        let (token, _) = open(&mut client, &format!("KEEP /backup/{number} {}", 2000 - number));
        must(&mut client, &format!("BACKUP CLOSE {token} DONE"));
    }
    assert_eq!(figure(&mut client, "backup_leases"), "16");
    let names = leases(folder.path()).join("\n");
    let has = |name: &str| names.contains(&format!("#keep {name} "));
    assert!(has("me") && has("/backup/0") && has("/backup/16") && !has("/backup/14") && !has("/backup/15"));
    let log = server.kill_and_read();
    assert!(
        log.contains("no log is kept any more for the backups of /backup/15: too many others have come"),
        "{log}"
    );
}

#[test]
fn history_is_not_lost_when_no_more_files_can_be_opened() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), APPENDING);
    let mut client = server.connect();
    open(&mut client, "KEEP me 1000");
    for key in ["a", "b"] {
        must(&mut client, &format!("SET {key} value"));
        rewrite(&mut client);
    }
    let limit = |current| {
        let maximum = getrlimit(Resource::Nofile).maximum;
        prlimit(Some(server.process()), Resource::Nofile, Rlimit { current, maximum })
            .expect("the limit can be set")
            .current
    };
    let before = limit(Some(3));
    let refusal = run(&mut client, "BACKUP OPEN KEEP me 1000");
    assert!(text(&refusal).contains("Too many open files"), "{refusal:?}");
    limit(before);
    assert_eq!(open(&mut client, "KEEP me 1000").1, ["history", "history", "base", "increment"]);
}
