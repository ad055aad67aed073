//! The append-only file while the server runs: switched on and off, rewritten, on disks that fail.

use std::path::Path;

use client::Client;
use disk::Disk;
use resp::Frame;

use crate::content::content;
use crate::disk::{APPENDING, SNAPSHOTS, figure, files, limit_files, rewrite, wait_for};
use crate::support::{Server, free_port, must, run, text, wait_until_due, words};

#[test]
fn appending_may_be_switched_while_the_server_runs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), SNAPSHOTS);
    let mut client = server.connect();
    must(&mut client, "SET a 1");
    must(&mut client, "CONFIG SET appendonly yes");
    must(&mut client, "SET b 1");
    wait_for(&mut client, "aof_enabled", "1");
    wait_for(&mut client, "aof_rewrite_in_progress", "0");
    must(&mut client, "SET c 1");
    must(&mut client, "CONFIG SET appendonly no");
    must(&mut client, "SET lost 1");
    wait_for(&mut client, "aof_enabled", "0");
    // What is in the folder is old now, and must not come back.
    must(&mut client, "DEL a");
    must(&mut client, "CONFIG SET appendonly yes");
    wait_for(&mut client, "aof_enabled", "1");
    wait_for(&mut client, "aof_rewrite_in_progress", "0");
    must(&mut client, "SET d 1");
    let before = content(&mut client);
    server.kill();
    let (_server, mut client) = Server::start(folder.path(), APPENDING).connect_and_keep();
    assert_eq!(content(&mut client), before);
}

#[test]
fn what_was_counted_comes_back_with_its_time_to_live_or_without() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (server, mut client) = Server::start(folder.path(), APPENDING).connect_and_keep();
    must(&mut client, "DEBUG SET-ACTIVE-EXPIRE 0");
    for command in [
        "SET lasting 5 EX 1000",
        "INCR lasting",
        "SET persistent 5 EX 1000",
        "INCRBY persistent 10",
        "PERSIST persistent",
        "DECR persistent",
        "SET fraction 5 EX 1000",
        "INCRBYFLOAT fraction 0.5",
        "SET due 5 PX 1",
    ] {
        must(&mut client, command);
    }
    wait_until_due(&mut client);
    must(&mut client, "INCR due");
    let told = |client: &mut Client| {
        ["lasting", "persistent", "fraction", "due"].map(|key| {
            let (value, expiry) =
                (must(client, &format!("GET {key}")), must(client, &format!("PEXPIRETIME {key}")));
            (text(&value), format!("{expiry:?}"))
        })
    };
    let before = told(&mut client);
    assert_eq!(before.each_ref().map(|(value, _)| value.as_str()), ["6", "14", "5.5", "1"]);
    server.kill();
    let (_server, mut client) = Server::start(folder.path(), APPENDING).connect_and_keep();
    assert_eq!(told(&mut client), before);
}

/// Whether none is in progress and none is to follow.
fn no_rewrite_is_left(client: &mut Client) -> bool {
    let figures = text(&must(client, "INFO persistence"));
    ["aof_rewrite_in_progress:0\r\n", "aof_rewrite_scheduled:0\r\n"].iter().all(|line| figures.contains(line))
}

#[test]
fn who_switches_appending_on_can_wait_for_the_file_and_who_switches_it_off_for_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), SNAPSHOTS);
    let mut client = server.connect();
    for _ in 0..100 {
        must(&mut client, "CONFIG SET appendonly yes");
        // Not a moment passes in which it seems that the rewrite is over; but one that was given up may end before it begins.
        while !no_rewrite_is_left(&mut client) {}
        assert_eq!(figure(&mut client, "aof_enabled"), "1");
        must(&mut client, "INCR key");
        let before = content(&mut client);
        must(&mut client, "DEBUG LOADAOF");
        assert_eq!(content(&mut client), before);
        must(&mut client, "CONFIG SET appendonly no");
    }
    // Ten minutes behind each key.
    must(&mut client, "CONFIG SET rdb-key-save-delay 600000000");
    must(&mut client, "CONFIG SET appendonly yes");
    must(&mut client, "CONFIG SET appendonly no");
    wait_for(&mut client, "aof_rewrite_in_progress", "0");
    assert_eq!(figure(&mut client, "aof_last_bgrewrite_status"), "ok");
}

#[test]
fn a_file_that_has_grown_is_rewritten() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let growth = ["--auto-aof-rewrite-percentage", "100", "--auto-aof-rewrite-min-size", "10kb"];
    let server = Server::start(folder.path(), &[APPENDING, &growth].concat());
    let mut client = server.connect();
    for _ in 0..1000 {
        must(&mut client, "SET key value");
    }
    while figure(&mut client, "aof_current_size").parse::<u64>().expect("a number") > 10_240 {}
    let folder = folder.path().join("appendonlydir");
    assert!(!folder.join("appendonly.aof.1.base.rdb").exists());
}

#[test]
fn times_are_noted_in_the_file_if_that_is_wanted() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = [APPENDING, &["--aof-timestamp-enabled", "yes"]].concat();
    let server = Server::start(folder.path(), &options);
    let mut client = server.connect();
    let second = || text(&must(&mut server.connect(), "TIME").elements().expect("a pair")[0].clone());
    let before = second();
    must(&mut client, "SET a 1");
    must(&mut client, "CONFIG SET aof-timestamp-enabled no");
    let after = second();
    must(&mut client, "SET b 1");
    server.kill();
    let file = std::fs::read_to_string(folder.path().join("appendonlydir/appendonly.aof.1.incr.aof"));
    let file = file.expect("the file is text");
    let noted: Vec<&str> = file.lines().filter_map(|line| line.strip_prefix("#TS:")).collect();
    assert!(noted.len() == 1 && *noted[0] >= *before && *noted[0] <= *after, "{before} {after}:\n{file}");
    let (_server, mut client) = Server::start(folder.path(), &options).connect_and_keep();
    assert_eq!(text(&must(&mut client, "DBSIZE")), "2");
}

#[test]
fn a_full_disk_refuses_writes_and_loses_nothing() {
    for policy in ["everysec", "no"] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let server = Server::start(folder.path(), &[APPENDING, &["--appendfsync", policy]].concat());
        let mut client = server.connect();
        must(&mut client, "SET a 1");
        limit_files(&server, Some(1));
        // This one is not acknowledged before it is written.
        let mut waiting = server.connect();
        waiting.send(&["SET", "b", "1"]);
        waiting.flush().expect("the server reads");
        wait_for(&mut client, "aof_last_write_status", "err");
        let refused = text(&run(&mut client, "SET c 1"));
        assert_eq!(refused, "MISCONF Errors writing to the AOF file: File too large", "{policy}");
        assert_eq!(text(&must(&mut client, "GET a")), "1");
        limit_files(&server, None);
        assert_eq!(text(&waiting.receive().expect("a reply")), "OK");
        while run(&mut client, "SET d 1").is_error() {}
        assert_ne!(figure(&mut client, "aof_write_failures"), "0");
        let before = content(&mut client);
        let log = server.kill_and_read();
        let line = "appendonly.aof.1.incr.aof at byte ";
        let lines = log.lines().filter(|text| text.contains("appending to ") && text.contains(line));
        assert_eq!(lines.count(), 1, "{log}");
        let (_server, mut client) = Server::start(folder.path(), APPENDING).connect_and_keep();
        assert_eq!(content(&mut client), before);
        assert_eq!(before.len(), 3);
    }
}

#[test]
fn a_file_that_must_not_grow_any_more_is_replaced_by_shorter_ones() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), APPENDING);
    let mut client = server.connect();
    limit_files(&server, Some(4096));
    for number in 0..100 {
        // It is answered, even if it has to wait for a rewrite.
        while run(&mut client, &format!("SET key value:{number}")).is_error() {}
    }
    assert_ne!(figure(&mut client, "aof_rewrites"), "0");
    assert_ne!(figure(&mut client, "aof_write_failures"), "0");
    server.kill();
    let (_server, mut client) = Server::start(folder.path(), APPENDING).connect_and_keep();
    assert_eq!(text(&must(&mut client, "GET key")), "value:99");
}

/// Gives a server an increment that takes bytes and cannot be synced.
fn make_unsynced(folder: &Path) {
    Server::start(folder, APPENDING).kill();
    let increment = folder.join("appendonlydir/appendonly.aof.1.incr.aof");
    std::fs::remove_file(&increment).expect("the server has made it");
    std::os::unix::fs::symlink("/dev/null", &increment).expect("the folder can be written");
}

#[test]
fn what_cannot_be_synced_is_acknowledged_when_it_is_in_new_files() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    make_unsynced(folder.path());
    let server = Server::start(folder.path(), &[APPENDING, &["--appendfsync", "always"]].concat());
    // New files cannot be written either.
    let obstacle = folder.path().join("appendonlydir/temp-rewriteaof-2.appendonly.aof");
    std::fs::create_dir(&obstacle).expect("the folder can be written");
    let mut client = server.connect();
    let mut waiting = server.connect();
    waiting.send(&["SET", "a", "1"]);
    waiting.flush().expect("the server reads");
    // Whoever asks before the sync has failed waits with the one who writes.
    while !folder.path().join("appendonlydir/appendonly.aof.2.incr.aof").exists() {}
    wait_for(&mut client, "aof_last_write_status", "err");
    wait_for(&mut client, "aof_last_bgrewrite_status", "err");
    let refused = text(&run(&mut client, "SET c 1"));
    assert_eq!(refused, "MISCONF Errors writing to the AOF file: Invalid argument");
    std::fs::remove_dir(&obstacle).expect("it is there");
    assert_eq!(text(&waiting.receive().expect("a reply")), "OK");
    wait_for(&mut client, "aof_last_write_status", "ok");
    must(&mut client, "SET b 1");
    let log = server.kill_and_read();
    assert!(log.contains("appendonly.aof.1.incr.aof up to byte "), "{log}");
    let (_server, mut client) = Server::start(folder.path(), APPENDING).connect_and_keep();
    assert_eq!(content(&mut client).len(), 2);
}

#[test]
fn the_policy_of_syncs_may_be_changed_while_the_server_runs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    make_unsynced(folder.path());
    let server = Server::start(folder.path(), &[APPENDING, &["--appendfsync", "no"]].concat());
    let mut client = server.connect();
    must(&mut client, "SET a 1");
    assert_eq!(figure(&mut client, "aof_last_write_status"), "ok", "nobody has asked for a sync");
    must(&mut client, "CONFIG SET appendfsync always");
    // What was written before cannot be synced, so writes are refused until all is in a new file.
    while run(&mut client, "SET b 1").is_error() {}
    let log = server.kill_and_read();
    assert!(log.contains("appendonly.aof.1.incr.aof up to byte "), "{log}");
    let (_server, mut client) = Server::start(folder.path(), APPENDING).connect_and_keep();
    assert_eq!(content(&mut client).len(), 2);
}

#[test]
fn what_is_written_is_soon_on_disk() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), APPENDING);
    let mut client = server.connect();
    must(&mut client, "SET a 1");
    must(&mut client, "WAITAOF 1 0 0");
    assert_eq!(figure(&mut client, "aof_oldest_unsynced_ms"), "0");
    must(&mut client, "SET b 1");
    let age: u64 = figure(&mut client, "aof_oldest_unsynced_ms").parse().expect("a number");
    assert!(age <= 1000, "{age}");
    // From here on the file says that its first batch was on disk.
    server.kill();
    let file = std::fs::read_to_string(folder.path().join("appendonlydir/appendonly.aof.1.incr.aof"));
    let file = file.expect("the file is text");
    let synced: Vec<&str> =
        file.lines().filter_map(|line| line.strip_prefix("#BATCH:")?.split(' ').nth(2)).collect();
    assert!(synced[0] == "12" && synced[1] == file.rfind("#BATCH").expect("a batch").to_string(), "{file}");
}

#[test]
fn what_is_not_on_disk_is_told_with_its_age_until_it_is() {
    /// It takes seconds to ask so often, and it grows within a millisecond.
    const TRIES: usize = 200_000;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = [APPENDING, &["--appendfsync", "no"]].concat();
    let (_server, mut client) = Server::start(folder.path(), &options).connect_and_keep();
    must(&mut client, "SET a 1");
    // Nobody asks for a sync, and it grows older.
    let mut last = 0;
    for _ in 0..3 {
        let age = |client: &mut _| figure(client, "aof_oldest_unsynced_ms").parse::<u64>().expect("a number");
        last = (0..TRIES).map(|_| age(&mut client)).find(|&age| age > last).expect("it grows");
    }
    must(&mut client, "CONFIG SET appendfsync everysec");
    wait_for(&mut client, "aof_oldest_unsynced_ms", "0");
}

#[test]
fn flushes_of_databases_without_keys_are_in_the_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), APPENDING);
    let mut client = server.connect();
    let commands = "SET a 1,FLUSHDB,FLUSHDB,SET a 2,FLUSHALL,FLUSHALL,FLUSHDB";
    commands.split(',').for_each(|command| drop(must(&mut client, command)));
    server.kill();
    let file = std::fs::read_to_string(folder.path().join("appendonlydir/appendonly.aof.1.incr.aof"));
    let file = file.expect("the file is text");
    let words: Vec<&str> = file.lines().filter(|line| !line.starts_with(['#', '*', '$'])).collect();
    let expected = "SELECT 0 SET a 1 FLUSHDB FLUSHDB SET a 2 FLUSHALL FLUSHALL FLUSHDB";
    assert_eq!(words.join(" "), expected);
}

#[test]
fn the_end_does_not_wait_for_a_rewrite_and_loses_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), &[APPENDING, &["--enable-debug-command", "yes"]].concat());
    let mut client = server.connect();
    must(&mut client, "DEBUG POPULATE 20000");
    must(&mut client, "BGREWRITEAOF");
    must(&mut client, "SET last 1");
    let before = must(&mut client, "DBSIZE");
    client.command(&["SHUTDOWN"]).expect_err("the connection ends");
    let (status, log) = server.wait();
    assert!(status.success(), "{log}");
    let (_server, mut client) = Server::start(folder.path(), APPENDING).connect_and_keep();
    assert_eq!(must(&mut client, "DBSIZE"), before);
    // What was begun and not ended begins again.
    wait_for(&mut client, "aof_rewrite_scheduled", "0");
    wait_for(&mut client, "aof_rewrite_in_progress", "0");
    assert_eq!(files(folder.path()).len(), 4, "a base, an increment, the manifest and its checksums");
}

#[test]
fn whoever_asks_for_the_end_learns_of_it_when_port_and_files_are_free() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (end, options) in [("SHUTDOWN", APPENDING), ("SHUTDOWN NOSAVE", &["--io-backend", "epoll"][..])] {
        let server = Server::start(folder.path(), &[APPENDING, options].concat());
        let mut client = server.connect();
        must(&mut client, "SET a 1");
        client.command(&words(end)).expect_err("the connection ends");
        std::net::TcpListener::bind(("127.0.0.1", server.port())).expect("the port is free");
        let increment = folder.path().join("appendonlydir");
        Disk::native().lock(&increment).expect("nobody uses the files");
        let (status, log) = server.wait();
        assert!(status.success(), "{log}");
    }
}

#[test]
fn servers_whose_files_have_other_names_share_a_folder() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // The names of one begin like those of the other, and one stands in lists in quotes.
    let names = ["appendonly.aof", "appendonly.aof2", " of three\n\nlines\r "];
    let options = |name: &'static str| [APPENDING, &["--appendfilename", name]].concat();
    for round in ["1", "2"] {
        let mut servers =
            names.map(|name| (name, Server::start(folder.path(), &options(name)).connect_and_keep()));
        for (name, (_, client)) in &mut servers {
            assert_eq!(text(&must(client, "DBSIZE")), if round == "1" { "0" } else { "1" }, "{name}");
            let set = ["SET", &format!("{name}."), round];
            assert_eq!(text(&client.command(&set).expect("a reply")), "OK");
            must(client, "BGREWRITEAOF");
            wait_for(client, "aof_rewrite_in_progress", "0");
            assert_eq!(figure(client, "aof_last_bgrewrite_status"), "ok");
        }
        // A start removes what is left of its own set alone.
        for (name, (server, mut client)) in servers {
            let value = client.command(&["GET", &format!("{name}.")]).expect("a reply");
            assert_eq!(text(&value), round);
            client.command(&["SHUTDOWN"]).expect_err("the connection ends");
            let (status, log) = server.wait();
            assert!(status.success(), "{log}");
        }
    }
}

#[test]
fn a_folder_that_another_server_appends_to_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (server, mut client) = Server::start(folder.path(), APPENDING).connect_and_keep();
    must(&mut client, "SET a 1");
    let log = Server::refused(folder.path(), APPENDING);
    assert!(
        log.contains("/appendonlydir: another server uses this folder with the same `appendfilename`"),
        "{log}"
    );
    // Nor can one begin to append there later.
    let (_other, mut other) = Server::start(folder.path(), &["--appendonly", "no"]).connect_and_keep();
    let refusal = text(&run(&mut other, "CONFIG SET appendonly yes"));
    assert!(refusal.contains("Unable to turn on AOF"), "{refusal}");
    assert_eq!(figure(&mut other, "aof_enabled"), "0");
    // Nor is anything else that was asked for with it done.
    let port = free_port();
    let refusal = text(&run(&mut other, &format!("CONFIG SET port {port} appendonly yes")));
    assert!(refusal.contains("Unable to turn on AOF"), "{refusal}");
    std::net::TcpListener::bind(("127.0.0.1", port)).expect("nobody listens there");
    must(&mut client, "SET b 2");
    server.kill();
    let (_server, mut client) = Server::start(folder.path(), APPENDING).connect_and_keep();
    assert_eq!(text(&must(&mut client, "DBSIZE")), "2");
}

#[test]
fn a_rewrite_for_which_there_is_no_room_leaves_the_files_in_force() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), APPENDING);
    let mut client = server.connect();
    let value: String = (0..5000).map(|number| number.to_string()).collect();
    must(&mut client, &format!("SET large {value}"));
    limit_files(&server, Some(4096));
    for round in 0..3 {
        must(&mut client, "BGREWRITEAOF");
        wait_for(&mut client, "aof_rewrite_in_progress", "0");
        assert_eq!(figure(&mut client, "aof_last_bgrewrite_status"), "err");
        must(&mut client, &format!("SET small:{round} 1"));
    }
    assert!(!files(folder.path()).keys().any(|name| name.contains("temp-")));
    limit_files(&server, None);
    rewrite(&mut client);
    assert_eq!(figure(&mut client, "aof_last_bgrewrite_status"), "ok");
    assert_eq!(files(folder.path()).len(), 4, "a base, an increment, the manifest and its checksums");
    let before = content(&mut client);
    let log = server.kill_and_read();
    assert!(log.contains("temp-rewriteaof-2.appendonly.aof: at byte 0: File too large"), "{log}");
    let (_server, mut client) = Server::start(folder.path(), APPENDING).connect_and_keep();
    assert_eq!(content(&mut client), before);
    assert_eq!(before.len(), 4);
}

#[test]
fn waitaof_comes_back_when_the_disk_has_what_the_client_has_written() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for policy in ["everysec", "always"] {
        let (server, mut client) =
            Server::start(folder.path(), &[APPENDING, &["--appendfsync", policy]].concat())
                .connect_and_keep();
        for round in 0..3 {
            must(&mut client, &format!("SET key {policy}{round}"));
            let reply = must(&mut client, "WAITAOF 1 0 0");
            assert_eq!(format!("{reply:?}"), "Array([Integer(1), Integer(0)])");
        }
        // In one pipeline as well, where the write is behind nothing yet.
        let commands =
            ["SET key last", "WAITAOF 1 0 0", "GET key"].map(|command| command.split(' ').collect());
        let replies = client.pipeline::<&str>(&commands).expect("three replies");
        assert_eq!(text(&replies[2]), "last");
        assert_eq!(format!("{:?}", replies[1]), "Array([Integer(1), Integer(0)])");
        server.kill();
    }
}

#[test]
fn clients_are_told_that_the_file_is_being_loaded_even_if_a_single_thread_serves_them() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), &[APPENDING, &["--threads", "1"]].concat());
    let (mut client, mut other) = (server.connect(), server.connect());
    let script = "redis.call('SET', KEYS[1], 'y') for i = 1, 300000 do redis.call('PING') end";
    let command = format!("*4\r\n$4\r\nEVAL\r\n${}\r\n{script}\r\n$1\r\n1\r\n$1\r\nx\r\n", script.len());
    let path = folder.path().join("appendonlydir/appendonly.aof.1.incr.aof");
    std::fs::write(path, command).expect("the file can be written");
    client.send(&["DEBUG", "LOADAOF"]);
    client.flush().expect("the server is there");
    let is_told = |_| text(&run(&mut other, "PING")).starts_with("LOADING");
    assert!((0..100_000).any(is_told));
    assert_eq!(text(&client.receive().expect("it answers")), "OK");
    assert_eq!(text(&must(&mut other, "GET x")), "y");
    must(&mut client, "MULTI");
    must(&mut client, "DEBUG LOADAOF");
    let Frame::Array(replies) = must(&mut client, "EXEC") else { panic!("a reply for each command") };
    assert_eq!(text(&replies[0]), "ERR DEBUG LOADAOF cannot be run inside a transaction");
}
