//! Saving: snapshots in the foreground and in the background, at the end, at save points; who gives way to whom.

use client::Client;

use crate::content::content;
use crate::disk::{APPENDING, SNAPSHOTS, figure, files, limit_files, rewrite, wait_for};
use crate::support::{Server, must, run, text};

/// How often all data was looked at as a whole, for which all clients wait a moment.
fn images_taken(client: &mut Client) -> String {
    let info = text(&must(client, "INFO stats"));
    info.lines().find_map(|line| line.strip_prefix("total_forks:")).expect("INFO counts them").to_owned()
}

#[test]
fn a_save_in_the_background_holds_what_was_there_when_it_was_asked_for() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), SNAPSHOTS);
    let mut client = server.connect();
    assert_eq!(figure(&mut client, "rdb_changes_since_last_save"), "0");
    must(&mut client, "SET a 1");
    assert_eq!(figure(&mut client, "rdb_changes_since_last_save"), "1");
    assert_eq!(figure(&mut client, "rdb_saves"), "0");
    let started = text(&must(&mut client, "LASTSAVE"));
    client.send(&["BGSAVE"]);
    client.send(&["DEL", "a"]);
    client.send(&["SET", "b", "1"]);
    client.flush().expect("the server reads");
    assert_eq!(text(&client.receive().expect("a reply")), "Background saving started");
    client.receive().expect("a reply");
    client.receive().expect("a reply");
    wait_for(&mut client, "rdb_bgsave_in_progress", "0");
    assert_eq!(figure(&mut client, "rdb_saves"), "1");
    assert_eq!(figure(&mut client, "rdb_last_bgsave_status"), "ok");
    assert_eq!(figure(&mut client, "rdb_changes_since_last_save"), "2");
    assert!(text(&must(&mut client, "LASTSAVE")) >= started);
    server.kill();
    let (_server, mut client) = Server::start(folder.path(), SNAPSHOTS).connect_and_keep();
    assert_eq!(text(&must(&mut client, "GET a")), "1");
    assert_eq!(text(&must(&mut client, "EXISTS b")), "0");
}

/// Whatever is changed meanwhile is encoded by whoever changes it, and in the file it is as it was.
#[test]
fn what_is_changed_while_it_is_saved_is_in_the_file_as_it_was() {
    for options in [SNAPSHOTS, APPENDING] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // Some seconds for all keys, if nobody helps.
        let slow = ["--rdb-key-save-delay", "300"];
        let server = Server::start(folder.path(), &[options, &slow].concat());
        let mut client = server.connect();
        change_everything(&mut client, "before", 20_000);
        let before = digest(&mut client);
        let is_snapshot = options == SNAPSHOTS;
        client.send(&[if is_snapshot { "BGSAVE" } else { "BGREWRITEAOF" }]);
        client.flush().expect("the server reads");
        client.receive().expect("a reply");
        change_everything(&mut client, "behind", 30_000);
        must(&mut client, "DEL hash0");
        must(&mut client, "SWAPDB 0 1");
        let (progress, behind) = if is_snapshot {
            ("rdb_bgsave_in_progress", before)
        } else {
            ("aof_rewrite_in_progress", digest(&mut client))
        };
        wait_for(&mut client, progress, "0");
        server.kill();
        let (_server, mut client) = Server::start(folder.path(), options).connect_and_keep();
        assert_eq!(digest(&mut client), behind, "{options:?}");
    }
}

fn digest(client: &mut Client) -> String {
    text(&must(client, "DEBUG DIGEST"))
}

/// Writes so many keys and as many fields of two hashes.
fn change_everything(client: &mut Client, word: &str, count: usize) {
    for number in 0..count {
        let (key, value) = (format!("key:{number}"), format!("{word}{}", number * 7919));
        let hash = ["hash0", "hash1"][number % 2];
        client.send(&["SET", &key, &value]);
        client.send(&["HSET", hash, &key, &value.repeat(5)]);
    }
    client.send(&["SET", "long", &word.repeat(5000)]);
    client.flush().expect("the server reads");
    for _ in 0..=2 * count {
        client.receive().expect("a reply");
    }
}

#[test]
fn one_save_at_a_time_and_a_rewrite_waits_for_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let slow = ["--rdb-key-save-delay", "10000000"];
    let server = Server::start(folder.path(), &[APPENDING, &slow].concat());
    let mut client = server.connect();
    must(&mut client, "SET a 1");
    must(&mut client, "BGSAVE");
    assert_eq!(figure(&mut client, "rdb_bgsave_in_progress"), "1");
    wait_for(&mut client, "current_save_keys_total", "1");
    let images = images_taken(&mut client);
    for command in ["SAVE", "BGSAVE", "BGSAVE SCHEDULE"] {
        assert_eq!(text(&run(&mut client, command)), "ERR Background save already in progress", "{command}");
    }
    assert_eq!(images_taken(&mut client), images, "what is refused costs nobody anything");
    assert_eq!(text(&must(&mut client, "BGREWRITEAOF")), "Background append only file rewriting scheduled");
    assert_eq!(figure(&mut client, "aof_rewrite_scheduled"), "1");
    // The end does not wait for either, and leaves nothing half-written behind.
    let (status, log) = server.stop();
    assert!(status.success(), "{log}");
    assert!(!files(folder.path()).keys().any(|name| name.contains("temp-")));
}

#[test]
fn a_save_waits_for_a_rewrite_only_if_it_may() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let slow = ["--rdb-key-save-delay", "10000000"];
    let server = Server::start(folder.path(), &[APPENDING, &slow].concat());
    let mut client = server.connect();
    must(&mut client, "SET a 1");
    must(&mut client, "BGREWRITEAOF");
    assert_eq!(figure(&mut client, "aof_rewrite_in_progress"), "1");
    let refused = "ERR Background append only file rewriting already in progress";
    assert_eq!(text(&run(&mut client, "BGREWRITEAOF")), refused);
    assert!(text(&run(&mut client, "BGSAVE")).starts_with("ERR Another child process is active (AOF?)"));
    assert_eq!(text(&run(&mut client, "BGSAVE SCHEDULE")), "Background saving scheduled");
    must(&mut client, "SAVE");
    assert_eq!(figure(&mut client, "rdb_saves"), "1");
}

#[test]
fn a_save_that_is_scheduled_begins_when_the_rewrite_is_done() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let slow = ["--rdb-key-save-delay", "300000"];
    let server = Server::start(folder.path(), &[APPENDING, &slow].concat());
    let mut client = server.connect();
    must(&mut client, "SET a 1");
    client.send(&["BGREWRITEAOF"]);
    client.send(&["BGSAVE", "SCHEDULE"]);
    client.flush().expect("the server reads");
    assert_eq!(text(&client.receive().expect("a reply")), "Background append only file rewriting started");
    assert_eq!(text(&client.receive().expect("a reply")), "Background saving scheduled");
    wait_for(&mut client, "rdb_saves", "1");
    wait_for(&mut client, "rdb_bgsave_in_progress", "0");
    assert_eq!(figure(&mut client, "aof_rewrites"), "1");
    assert_eq!(figure(&mut client, "rdb_last_bgsave_status"), "ok");
    // Where nothing is in the way, there is nothing to wait for.
    assert_eq!(text(&must(&mut client, "BGSAVE SCHEDULE")), "Background saving started");
    wait_for(&mut client, "rdb_saves", "2");
}

#[test]
fn the_time_of_the_last_save_is_that_of_the_last_good_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), SNAPSHOTS);
    let mut client = server.connect();
    let last = |client: &mut Client| must(client, "LASTSAVE").integer().expect("a time");
    let started = last(&mut client);
    assert_eq!(figure(&mut client, "rdb_last_save_time"), started.to_string());
    while text(&must(&mut client, "TIME").elements().expect("two numbers")[0]) == started.to_string() {}
    let obstacle = folder.path().join("dump.rdb");
    std::fs::create_dir(&obstacle).expect("the folder can be written");
    assert!(run(&mut client, "SAVE").is_error());
    must(&mut client, "BGSAVE");
    wait_for(&mut client, "rdb_last_bgsave_status", "err");
    assert_eq!(last(&mut client), started);
    std::fs::remove_dir(&obstacle).expect("the folder can be written");
    must(&mut client, "BGSAVE");
    wait_for(&mut client, "rdb_saves", "1");
    assert!(last(&mut client) > started);
    assert_eq!(figure(&mut client, "rdb_last_save_time"), last(&mut client).to_string());
}

#[test]
fn a_file_that_cannot_be_made_is_told_so() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let inner = folder.path().join("inner");
    std::fs::create_dir(&inner).expect("the folder can be written");
    let server = Server::start(&inner, SNAPSHOTS);
    let mut client = server.connect();
    std::fs::remove_dir_all(&inner).expect("the folder can be written");
    let reply = text(&run(&mut client, "SAVE"));
    assert!(reply.contains(".rdb: the file could not be made: No such file or directory"), "{reply}");
    server.kill();
}

#[test]
fn save_points_hold_from_the_moment_they_are_set() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), SNAPSHOTS);
    let mut client = server.connect();
    must(&mut client, "SET a 1");
    let refused = client.command(&["CONFIG", "SET", "save", "1"]).expect("a reply");
    assert!(refused.is_error(), "{refused:?}");
    let set = client.command(&["CONFIG", "SET", "save", "3600 5 1 1"]).expect("a reply");
    assert_eq!(text(&set), "OK");
    wait_for(&mut client, "rdb_saves", "1");
    assert_eq!(figure(&mut client, "rdb_changes_since_last_save"), "0");
}

#[test]
fn a_signal_to_end_saves_if_there_are_save_points() {
    for (save, is_saved) in [("", false), ("3600 1", true)] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let server = Server::start(folder.path(), &["--appendonly", "no", "--save", save]);
        must(&mut server.connect(), "SET a 1");
        let (status, log) = server.stop();
        assert!(status.success(), "{log}");
        assert_eq!(folder.path().join("dump.rdb").exists(), is_saved, "save '{save}'");
    }
}

#[test]
fn snapshots_have_checksums_that_count_unless_they_are_not_wanted() {
    const UNCHECKED: &[&str] = &["--appendonly", "no", "--save", "", "--rdbchecksum", "no"];
    for (options, has_checksum) in [(SNAPSHOTS, true), (UNCHECKED, false)] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (server, mut client) = Server::start(folder.path(), options).connect_and_keep();
        assert!(run(&mut client, "CONFIG SET rdbchecksum yes").is_error(), "it holds from the start");
        must(&mut client, "SET a 1");
        must(&mut client, "SAVE");
        server.kill();
        let path = folder.path().join("dump.rdb");
        let mut bytes = std::fs::read(&path).expect("it was saved");
        assert_eq!(!bytes.ends_with(&[0; 8]), has_checksum);
        for start in [Server::start, Server::oracle] {
            let (_server, mut client) = start(folder.path(), SNAPSHOTS).connect_and_keep();
            assert_eq!(text(&must(&mut client, "GET a")), "1");
        }
        *bytes.last_mut().expect("it is not empty") ^= 1;
        std::fs::write(&path, &bytes).expect("the folder can be written");
        assert!(Server::refused(folder.path(), SNAPSHOTS).contains("checksum"));
        let (_server, mut client) = Server::start(folder.path(), UNCHECKED).connect_and_keep();
        assert_eq!(text(&must(&mut client, "GET a")), "1");
    }
}

#[test]
fn a_broken_payload_is_refused_whatever_is_said_about_sanitizing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (_server, mut client) = Server::start(folder.path(), SNAPSHOTS).connect_and_keep();
    // A hash whose listpack says that it is longer than it is; the checksum of the payload is right.
    let mut payload = b"\x10\x0c\x0d\x00\x00\x00\x02\x00\x81f\x02\x07\x01\xff\x0a\x00".to_vec();
    let checksum = stdx::checksum::crc64(&payload);
    payload.extend_from_slice(&checksum.to_le_bytes());
    for choice in ["no", "yes", "clients"] {
        must(&mut client, &format!("CONFIG SET sanitize-dump-payload {choice}"));
        for user in ["sanitize-payload", "skip-sanitize-payload"] {
            must(&mut client, &format!("ACL SETUSER default {user}"));
            let reply = client.command(&[b"RESTORE", &b"h"[..], b"0", &payload]).expect("a reply");
            assert_eq!(text(&reply), "ERR Bad data format", "{choice} {user}");
        }
    }
}

#[test]
fn a_save_in_the_background_is_given_up_when_all_keys_are_removed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let slow = ["--rdb-key-save-delay", "10000000"];
    let server = Server::start(folder.path(), &[SNAPSHOTS, &slow].concat());
    let mut client = server.connect();
    must(&mut client, "SET a 1");
    must(&mut client, "BGSAVE");
    must(&mut client, "FLUSHALL");
    wait_for(&mut client, "rdb_bgsave_in_progress", "0");
    assert_eq!(figure(&mut client, "rdb_changes_since_last_save"), "2", "nothing has been saved");
    assert_eq!(figure(&mut client, "rdb_last_bgsave_status"), "ok", "and nothing has failed");
    assert!(files(folder.path()).is_empty());
    must(&mut client, "BGSAVE");
    wait_for(&mut client, "rdb_changes_since_last_save", "0");
}

#[test]
fn with_save_points_the_removal_of_all_keys_is_saved_at_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = ["--appendonly", "no", "--save", "3600 1"];
    let server = Server::start(folder.path(), &options);
    let mut client = server.connect();
    must(&mut client, "SET a 1");
    must(&mut client, "SAVE");
    must(&mut client, "FLUSHALL");
    assert_eq!(figure(&mut client, "rdb_changes_since_last_save"), "0");
    assert_eq!(figure(&mut client, "rdb_saves"), "2");
    // In a transaction the disk is not waited for.
    must(&mut client, "SET a 1");
    for command in ["MULTI", "FLUSHALL", "EXEC"] {
        must(&mut client, command);
    }
    wait_for(&mut client, "rdb_saves", "3");
    assert_eq!(figure(&mut client, "rdb_changes_since_last_save"), "0");
    server.kill();
    let (_server, mut client) = Server::start(folder.path(), &options).connect_and_keep();
    assert_eq!(text(&must(&mut client, "DBSIZE")), "0");
}

#[test]
fn nobody_waits_for_a_save_in_the_foreground_but_the_worker_that_runs_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let slow = ["--rdb-key-save-delay", "1000000000", "--threads", "2"];
    let server = Server::start(folder.path(), &[SNAPSHOTS, &slow].concat());
    // Connections are placed on the workers in turn.
    let (mut saving, mut client) = (server.connect(), server.connect());
    must(&mut saving, "PING");
    must(&mut client, "SET a 1");
    saving.send(&["SAVE"]);
    saving.flush().expect("the server reads");
    while files(folder.path()).is_empty() {}
    // What needs everything locked.
    must(&mut client, "SWAPDB 0 1");
    must(&mut client, "SWAPDB 0 1");
    assert_eq!(text(&must(&mut client, "GET a")), "1");
}

#[test]
fn only_a_save_in_the_background_that_fails_refuses_writes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), &["--appendonly", "no", "--save", "3600 1000"]);
    let mut client = server.connect();
    must(&mut client, "SET a 1");
    let obstacle = folder.path().join("dump.rdb");
    std::fs::create_dir(&obstacle).expect("the folder can be written");
    let reply = text(&run(&mut client, "SAVE"));
    assert!(reply.starts_with("ERR ") && reply.contains("dump.rdb"), "{reply}");
    must(&mut client, "SET a 2");
    must(&mut client, "BGSAVE");
    wait_for(&mut client, "rdb_last_bgsave_status", "err");
    let refused = |client: &mut Client| {
        text(&run(client, "SET a 3")).starts_with("MISCONF Redis is configured to save RDB")
    };
    while !refused(&mut client) {}
    std::fs::remove_dir(&obstacle).expect("the folder can be written");
    must(&mut client, "SAVE");
    must(&mut client, "SET a 4");
    assert_eq!(figure(&mut client, "rdb_last_bgsave_status"), "ok");
}

#[test]
fn the_end_saves_if_it_is_told_to_or_if_there_are_save_points() {
    for (save, command, is_saved) in [
        ("", "SHUTDOWN", false),
        ("", "SHUTDOWN SAVE", true),
        ("3600 1", "SHUTDOWN", true),
        ("3600 1", "SHUTDOWN NOSAVE", false),
        ("", "SHUTDOWN NOW", false),
        ("3600 1", "SHUTDOWN NOW", true),
        ("", "SHUTDOWN NOW SAVE", true),
        ("3600 1", "SHUTDOWN NOSAVE NOW FORCE", false),
    ] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let server = Server::start(folder.path(), &["--appendonly", "no", "--save", save]);
        let mut client = server.connect();
        must(&mut client, "SET a 1");
        client.command(&command.split(' ').collect::<Vec<_>>()).expect_err("the connection ends");
        let (status, log) = server.wait();
        assert!(status.success(), "{log}");
        assert_eq!(folder.path().join("dump.rdb").exists(), is_saved, "save '{save}', {command}");
    }
}

#[test]
fn a_server_that_cannot_save_does_not_end_and_says_so() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), SNAPSHOTS);
    let mut client = server.connect();
    must(&mut client, "SET a 1");
    std::fs::create_dir(folder.path().join("dump.rdb")).expect("the folder can be written");
    let refused = "ERR Errors trying to SHUTDOWN. Check logs.";
    assert_eq!(text(&run(&mut client, "SHUTDOWN SAVE")), refused);
    assert_eq!(text(&must(&mut client, "GET a")), "1");
    assert_eq!(text(&run(&mut client, "SHUTDOWN NOW SAVE")), refused, "there is nobody to wait for");
    assert_eq!(text(&run(&mut client, "SHUTDOWN ABORT")), "ERR No shutdown in progress.");
    must(&mut client, "SET a 2");
    client.command(&["SHUTDOWN", "SAVE", "FORCE"]).expect_err("the connection ends");
    assert!(server.wait().0.success());
}

#[test]
fn a_server_does_not_end_before_the_first_base_is_there_unless_it_is_forced_to() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let slow = ["--rdb-key-save-delay", "10000000"];
    let server = Server::start(folder.path(), &[SNAPSHOTS, &slow].concat());
    let mut client = server.connect();
    must(&mut client, "SET a 1");
    must(&mut client, "CONFIG SET appendonly yes");
    wait_for(&mut client, "aof_enabled", "1");
    assert_eq!(text(&run(&mut client, "SHUTDOWN")), "ERR Errors trying to SHUTDOWN. Check logs.");
    client.command(&["SHUTDOWN", "FORCE"]).expect_err("the connection ends");
    let (status, log) = server.wait();
    assert!(!status.success() && log.contains("its first base has not been written to its end"), "{log}");
    assert!(!log.contains("all data is written"), "{log}");
}

#[test]
fn a_server_does_not_end_between_two_tries_of_its_first_base() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), SNAPSHOTS);
    let mut client = server.connect();
    let value: String = (0..5000).map(|number| number.to_string()).collect();
    must(&mut client, &format!("SET a {value}"));
    // No base has room.
    limit_files(&server, Some(4096));
    must(&mut client, "CONFIG SET appendonly yes");
    wait_for(&mut client, "aof_last_bgrewrite_status", "err");
    assert_eq!(text(&run(&mut client, "SHUTDOWN")), "ERR Errors trying to SHUTDOWN. Check logs.");
    must(&mut client, "CONFIG SET appendonly no");
    client.command(&["SHUTDOWN"]).expect_err("the connection ends");
    assert!(server.wait().0.success());
}

#[test]
fn a_save_point_that_is_reached_saves() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), &["--appendonly", "no", "--save", "1 2"]);
    let mut client = server.connect();
    must(&mut client, "MSET a 1 b 2");
    wait_for(&mut client, "rdb_saves", "1");
    must(&mut client, "SET c 3");
    assert_eq!(figure(&mut client, "rdb_changes_since_last_save"), "1");
    server.kill();
    let (_server, mut client) =
        Server::start(folder.path(), &["--appendonly", "no", "--save", ""]).connect_and_keep();
    assert_eq!(text(&must(&mut client, "DBSIZE")), "2");
}

#[test]
fn a_reload_gives_back_what_was_there() {
    for options in [SNAPSHOTS, APPENDING] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let server = Server::start(folder.path(), options);
        let mut client = server.connect();
        for number in 0..1000 {
            must(&mut client, &format!("SET key:{number} {number} PXAT 99999999999999"));
            must(&mut client, &format!("HSET hash f{number} {number}"));
        }
        let before = content(&mut client);
        must(&mut client, "DEBUG RELOAD");
        assert_eq!(content(&mut client), before);
        must(&mut client, "SET later 1");
        must(&mut client, "DEBUG RELOAD NOSAVE NOFLUSH MERGE");
        assert_eq!(text(&must(&mut client, "GET later")), "1");
        must(&mut client, "DEBUG RELOAD NOSAVE");
        assert_eq!(content(&mut client), before);
        let refused = "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.";
        assert_eq!(text(&run(&mut client, "DEBUG RELOAD FAST")), refused);
        must(&mut client, "INCR counter");
        let before = content(&mut client);
        if options == APPENDING {
            must(&mut client, "DEBUG LOADAOF");
            assert_eq!(content(&mut client), before);
            must(&mut client, "INCR counter");
            let before = content(&mut client);
            server.kill();
            let (_server, mut client) = Server::start(folder.path(), options).connect_and_keep();
            assert_eq!(content(&mut client), before);
        }
    }
}

#[test]
fn a_snapshot_is_taken_over_where_there_is_no_append_only_file_yet() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::oracle(folder.path(), &[]);
    let mut client = server.connect();
    must(&mut client, "SET a 1");
    must(&mut client, "SAVE");
    server.kill();
    for round in 1..4 {
        let (server, mut client) = Server::start(folder.path(), APPENDING).connect_and_keep();
        assert_eq!(text(&must(&mut client, "INCR a")), (round + 1).to_string());
        server.kill();
    }
}

#[test]
fn rewrites_are_counted_and_those_that_failed_since_the_last_good_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), APPENDING);
    let mut client = server.connect();
    assert_eq!(figure(&mut client, "aof_rewrites"), "0");
    rewrite(&mut client);
    assert_eq!(figure(&mut client, "aof_rewrites"), "1");
    let aside = folder.path().join("aside");
    std::fs::rename(folder.path().join("appendonlydir"), &aside).expect("the folder can be written");
    rewrite(&mut client);
    assert_eq!(figure(&mut client, "aof_last_bgrewrite_status"), "err");
    assert_ne!(figure(&mut client, "aof_rewrites_consecutive_failures"), "0");
    std::fs::rename(&aside, folder.path().join("appendonlydir")).expect("the folder can be written");
    rewrite(&mut client);
    wait_for(&mut client, "aof_last_bgrewrite_status", "ok");
    assert_eq!(figure(&mut client, "aof_rewrites_consecutive_failures"), "0");
}
