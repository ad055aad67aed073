//! Backups of a running server: made under load while rewrites go on, verified, damaged, and
//! restored as they were at any batch.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use client::Client;

use crate::support::{Outcome, SET, Server, check, has, must, run, text};

/// The client of this workspace, which is built together with the program.
fn cli(words: &[&str]) -> Outcome {
    let path = Path::new(env!("CARGO_BIN_EXE_rustypotato-check")).with_file_name("rustypotato-cli");
    assert!(path.exists(), "{} is missing: cargo build --workspace --bins", path.display());
    run(Command::new(path).args(words), "")
}

/// Makes a backup of a server.
fn backup(server: &Server, to: &Path, words: &[&str]) -> Outcome {
    let port = server.port().to_string();
    cli(&[&["-p", &port, "backup", "--dir", to.to_str().expect("text")], words].concat())
}

fn restore(from: &Path, to: &Path, words: &[&str]) -> Outcome {
    let folders = ["--from", from.to_str().expect("text"), "--dir", to.to_str().expect("text")];
    cli(&[&["restore"], &folders[..], words].concat())
}

/// How far two counters have come that one transaction counts up together, on a server of restored files.
fn counted(folder: &Path) -> u64 {
    let server = Server::start(folder);
    let mut client = server.connect();
    let [one, other] = ["one", "other"].map(|key| text(&must(&mut client, &format!("GET {key}"))));
    assert_eq!(one, other, "a transaction is whole");
    must(&mut client, "SET goes on");
    server.stop();
    one.parse().unwrap_or(0)
}

/// Counts until it is told to end.
fn count(server: &Server, ends: &Arc<AtomicBool>) -> std::thread::JoinHandle<u64> {
    let (mut client, ends) = (server.connect(), Arc::clone(ends));
    std::thread::spawn(move || {
        let mut counted = 0;
        while !ends.load(Ordering::Relaxed) {
            for command in ["MULTI", "INCR one", "INCR other", "EXEC"] {
                must(&mut client, command);
            }
            counted += 1;
        }
        counted
    })
}

fn value(server: &Server) -> u64 {
    text(&must(&mut server.connect(), "GET one")).parse().unwrap_or(0)
}

fn rewrite(server: &Server) {
    let mut client = server.connect();
    must(&mut client, "BGREWRITEAOF");
    wait_while(&mut client, &["aof_rewrite_in_progress:1", "aof_rewrite_scheduled:1"]);
}

/// Waits as long as the server says one of these.
fn wait_while(client: &mut Client, lines: &[&str]) {
    let is_said = |info: &str| lines.iter().any(|line| info.contains(line));
    while is_said(&text(&must(client, "INFO persistence"))) {
        std::thread::yield_now();
    }
}

/// The lists in a folder, in order.
fn lists(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).expect("it is there").map(|entry| entry.expect("it can be read").path());
    let mut lists: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "backup")).collect();
    // Names of one second are in no order.
    lists.sort_by_key(|list| number(list, "made"));
    lists
}

/// The number behind a word in a list.
fn number(list: &Path, word: &str) -> u64 {
    let text = fs::read_to_string(list).expect("it is there");
    let line = text.lines().find(|line| line.starts_with(word)).expect("it is told");
    line.split(' ').nth(1).expect("a number").parse().expect("a number")
}

#[test]
fn a_server_under_load_is_backed_up_over_rewrites_and_restored_to_any_batch() {
    let world = tempfile::tempdir().expect("a folder");
    let (data, backups) = (world.path().join("data"), world.path().join("backups"));
    fs::create_dir(&data).expect("the folder can be written");
    let server = Server::start(&data);
    let ends = Arc::new(AtomicBool::new(false));
    let counting = count(&server, &ends);
    // Nothing follows on a backup without a batch.
    while value(&server) == 0 {
        std::thread::yield_now();
    }
    // What stands in each backup is at least what was there when it began.
    let mut least = Vec::new();
    for (compress, rewrites) in [("zstd", 0), ("lz4", 0), ("gzip", 1), ("none", 3), ("zstd", 0)] {
        for _ in 0..rewrites {
            rewrite(&server);
        }
        least.push(value(&server));
        let made = backup(&server, &backups, &["--incremental", "--compress", compress]);
        made.expect(0, &["batches "]);
        assert_eq!(made.said.contains("A full one is made"), least.len() == 1, "{}", made.said);
    }
    ends.store(true, Ordering::Relaxed);
    let total = counting.join().expect("the server answers");
    backup(&server, &backups, &["--incremental"]).expect(0, &["batches "]);
    backup(&server, &backups, &["--incremental"]).expect(0, &["Nothing has changed since the last backup"]);
    server.stop();

    let lists = lists(&backups);
    assert_eq!(lists.len(), 6);
    let folder = backups.to_str().expect("text");
    cli(&["verify", "--dir", folder]).expect(0, &["whole   "]);
    check(&[], &backups).expect(0, &["All backups are whole"]);
    check(&["--fix"], &backups).expect(2, &["a backup is never changed"]);

    let into = |name: &str| world.path().join(name);
    restore(&backups, &into("last"), &[]).expect(0, &["restored from", "--appendonly yes"]);
    check(&[], &into("last")).expect(0, &[]);
    assert_eq!(counted(&into("last")), total);
    restore(&backups, &into("last"), &[]).expect(1, &["holds something already"]);
    for (at, least) in least.iter().enumerate() {
        let name = lists[at].file_stem().expect("a name").to_str().expect("text");
        let to = into(name);
        restore(&backups, &to, &["--backup", name]).expect(0, &[]);
        let counted = counted(&to);
        assert!((*least..=total).contains(&counted), "{counted} of {total} in {name}");
    }
    // Every batch is one transaction, or some of them: more of one never counts less.
    let (first, last) = (number(&lists[0], "first"), number(&lists[5], "last"));
    let mut before = 0;
    for step in 0..4 {
        let batch = first + (last - first) * step / 3;
        let to = into(&format!("batch-{batch}"));
        restore(&backups, &to, &["--to-batch", &batch.to_string()])
            .expect(0, &[&format!("up to batch {batch} ")]);
        let counted = counted(&to);
        assert!(before <= counted && counted <= total, "{before} {counted} {total}");
        before = counted;
    }
    assert_eq!(before, total);
    let beyond = (last + 1).to_string();
    restore(&backups, &into("beyond"), &["--to-batch", &beyond]).expect(1, &["there is no batch"]);
    restore(&backups, &into("before"), &["--to-time", "1000"])
        .expect(1, &["no backup of the log goes back to"]);
    // To the second after which the third backup has its last batch.
    let text = fs::read_to_string(&lists[2]).expect("it is there");
    let time =
        text.lines().find_map(|line| line.strip_prefix("last ")).and_then(|line| line.split(' ').nth(1));
    let time = time.expect("a time");
    restore(&backups, &into("time"), &["--to-time", time]).expect(0, &["up to batch"]);
    assert!((least[2]..=total).contains(&counted(&into("time"))));

    let damaged = fs::read_dir(&backups).expect("it is there").flatten().map(|entry| entry.path());
    let damaged =
        damaged.filter(|path| path.extension().is_none_or(|end| end != "backup")).min().expect("a file");
    let mut bytes = fs::read(&damaged).expect("it is there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&damaged, bytes).expect("the folder can be written");
    cli(&["verify", "--dir", folder]).expect(1, &["DAMAGED ", "its SHA-256 is not the one in the list"]);
    check(&[], &backups).expect(1, &["Not all backups are whole"]);
    check(&[], &lists[0]).expect(1, &["its SHA-256 is not the one"]);
    restore(&backups, &into("damaged"), &[]).expect(1, &["its SHA-256 is not the one in the list"]);
    let left = fs::read_dir(into("damaged").join(SET)).expect("it is there").count();
    assert_eq!(left, 0, "nothing is left of what is refused");
}

#[test]
fn a_backup_that_comes_too_late_or_from_elsewhere_is_a_full_one() {
    let world = tempfile::tempdir().expect("a folder");
    let (data, backups) = (world.path().join("data"), world.path().join("backups"));
    fs::create_dir(&data).expect("the folder can be written");
    let server = Server::start(&data);
    let mut client = server.connect();
    must(&mut client, "SET k 1");
    backup(&server, &backups, &["--keep", "0"]).expect(0, &["-full", ": batches 1 to 1"]);
    must(&mut client, "SET k 2");
    rewrite(&server);
    backup(&server, &backups, &["--incremental"])
        .expect(0, &["the log does not go on where the last one ends", "-full"]);
    // There was no batch in it, so that nothing follows on it.
    must(&mut client, "SET k 2");
    let made = backup(&server, &backups, &["--incremental"]);
    made.expect(0, &["no backup in the folder that it could follow on", "-full", ": batches 3 to 3"]);
    must(&mut client, "SET k 3");
    rewrite(&server);
    backup(&server, &backups, &["--incremental"]).expect(0, &["-incremental", ": batches 4 to 4"]);
    // Where a backup ends in an increment that is still empty, the next one begins there.
    must(&mut client, "SET k 3");
    rewrite(&server);
    backup(&server, &backups, &["--incremental"]).expect(0, &["-incremental", ": batches 5 to 5"]);
    must(&mut client, "SET k 3");
    backup(&server, &backups, &["--incremental"]).expect(0, &["-incremental", ": batches 6 to 6"]);
    // While the file is off nothing stands in it: what follows does not follow.
    must(&mut client, "CONFIG SET appendonly no");
    wait_while(&mut client, &["aof_enabled:1"]);
    must(&mut client, "SET k 4");
    must(&mut client, "CONFIG SET appendonly yes");
    wait_while(&mut client, &["aof_enabled:0", "aof_rewrite_in_progress:1", "aof_rewrite_scheduled:1"]);
    must(&mut client, "SET other 1");
    backup(&server, &backups, &["--incremental"]).expect(0, &["A full one is made"]);
    let to = world.path().join("new");
    restore(&backups, &to, &[]).expect(0, &[]);
    server.stop();
    let server = Server::start(&to);
    assert_eq!(text(&must(&mut server.connect(), "GET k")), "4");
    server.stop();
}

#[test]
fn the_log_of_other_data_does_not_follow_on_a_backup_without_a_batch() {
    let world = tempfile::tempdir().expect("a folder");
    let [one, other, backups, to] = ["one", "other", "backups", "to"].map(|name| world.path().join(name));
    for (folder, who) in [(&one, "one"), (&other, "other")] {
        fs::create_dir(folder).expect("the folder can be written");
        let server = Server::start_with(folder, &["--appendonly", "no"]);
        must(&mut server.connect(), &format!("SET who {who}"));
        must(&mut server.connect(), "SAVE");
        server.stop();
        // Its log begins with this data and no batch.
        let server = Server::start(folder);
        if who == "other" {
            must(&mut server.connect(), "SET new 1");
        }
        let made = backup(&server, &backups, &["--incremental"]);
        made.expect(0, &["there is no backup in the folder that it could follow on", "-full"]);
        server.stop();
    }
    restore(&backups, &to, &[]).expect(0, &[]);
    let server = Server::start(&to);
    assert_eq!(text(&must(&mut server.connect(), "GET who")), "other");
    server.stop();
}

#[test]
fn a_restore_tells_how_the_server_finds_its_files() {
    let world = tempfile::tempdir().expect("a folder");
    for (words, told) in [
        (
            &["--appendonly", "yes", "--appenddirname", "logs", "--appendfilename", "log.aof"][..],
            "--appendonly yes --appenddirname logs --appendfilename log.aof",
        ),
        (&["--appendonly", "no", "--dbfilename", "all.rdb"], "--appendonly no --dbfilename all.rdb"),
    ] {
        let [data, backups, to] =
            ["data", "backups", "to"].map(|name| world.path().join(words[1]).join(name));
        fs::create_dir_all(&data).expect("the folder can be written");
        let server = Server::start_with(&data, words);
        must(&mut server.connect(), "SET k 1");
        backup(&server, &backups, &[]).expect(0, &[]);
        server.stop();
        let restored = restore(&backups, &to, &[]);
        restored.expect(0, &[&format!("Start with: rustypotato-server --dir {} {told}\n", to.display())]);
        let told: Vec<&str> = told.split(' ').collect();
        let server = Server::start_with(&to, &told);
        assert_eq!(text(&must(&mut server.connect(), "GET k")), "1");
        server.stop();
    }
}

#[test]
fn files_that_are_only_named_like_backups_are_none() {
    let world = tempfile::tempdir().expect("a folder");
    let (data, backups) = (world.path().join("data"), world.path().join("backups"));
    fs::create_dir(&data).expect("the folder can be written");
    let server = Server::start(&data);
    must(&mut server.connect(), "SET k 1");
    backup(&server, &backups, &[]).expect(0, &[]);
    must(&mut server.connect(), "SAVE");
    server.stop();
    let copy = data.join("dump.rdb.backup");
    fs::rename(data.join("dump.rdb"), &copy).expect("it is there");
    for path in [&data, &copy] {
        let checked = check(&[], path);
        checked.expect(0, &[]);
        assert!(!checked.said.contains("backups are whole"), "{}", checked.said);
    }
    // Even a real list does not hide data.
    let list = lists(&backups).remove(0);
    fs::copy(&list, data.join(list.file_name().expect("a name"))).expect("the folder can be written");
    let checked = check(&[], &data);
    checked.expect(0, &[]);
    assert!(!checked.said.contains("backups are whole"), "{}", checked.said);
    check(&[], &backups).expect(0, &["All backups are whole"]);
    check(&[], &list).expect(0, &["All backups are whole"]);
    // A device has no length.
    std::os::unix::fs::symlink("/dev/zero", backups.join("zero.backup")).expect("the folder can be written");
    check(&[], &backups).expect(1, &["bytes are too many for a list"]);
}

#[test]
fn a_server_without_a_log_gives_a_snapshot() {
    let world = tempfile::tempdir().expect("a folder");
    let (data, backups, to) =
        (world.path().join("data"), world.path().join("backups"), world.path().join("new"));
    fs::create_dir(&data).expect("the folder can be written");
    let server = Server::start_with(&data, &["--appendonly", "no"]);
    must(&mut server.connect(), "SET k 1");
    backup(&server, &backups, &["--incremental"]).expect(1, &["this server has none (appendonly no)"]);
    backup(&server, &backups, &["--compress", "gzip"]).expect(0, &["-snapshot", ": data of"]);
    server.stop();
    cli(&["verify", "--dir", backups.to_str().expect("text")]).expect(0, &["whole   "]);
    restore(&backups, &to, &["--to-batch", "1"]).expect(1, &["no backup of the log"]);
    restore(&backups, &to, &[]).expect(0, &["--appendonly no"]);
    check(&[], &to).expect(0, &[]);
    let server = Server::start_with(&to, &["--appendonly", "no"]);
    assert_eq!(text(&must(&mut server.connect(), "GET k")), "1");
    server.stop();
}

#[test]
fn redis_loads_what_is_restored() {
    const REDIS: &str = "redis-server";
    if !has(REDIS) {
        return;
    }
    let world = tempfile::tempdir().expect("a folder");
    let (data, backups, to) =
        (world.path().join("data"), world.path().join("backups"), world.path().join("new"));
    fs::create_dir(&data).expect("the folder can be written");
    let server = Server::start(&data);
    let mut client = server.connect();
    must(&mut client, "SET first 1");
    backup(&server, &backups, &[]).expect(0, &[]);
    rewrite(&server);
    must(&mut client, "SET second 2");
    backup(&server, &backups, &["--incremental"]).expect(0, &["-incremental"]);
    server.stop();
    restore(&backups, &to, &[]).expect(0, &[]);
    let redis = Server::start_program(Path::new(REDIS), &to, &["--appendonly", "yes", "--save", ""]);
    let mut client = redis.connect();
    assert_eq!(text(&must(&mut client, "GET first")), "1");
    assert_eq!(text(&must(&mut client, "GET second")), "2");
    redis.stop();
}

#[test]
fn a_quiet_server_keeps_the_log_as_long_as_somebody_comes() {
    let world = tempfile::tempdir().expect("a folder");
    let (data, backups) = (world.path().join("data"), world.path().join("backups"));
    fs::create_dir(&data).expect("the folder can be written");
    let server = Server::start(&data);
    must(&mut server.connect(), "SET one 1");
    must(&mut server.connect(), "SET other 1");
    backup(&server, &backups, &["--incremental", "--keep", "1"]).expect(0, &["full"]);
    let manifest = data.join("appendonlydir/appendonly.aof.manifest");
    let lease = || {
        let text = fs::read_to_string(&manifest).expect("it is there");
        let line = text.lines().find(|line| line.starts_with("#keep")).expect("it is kept").to_owned();
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        (words[3].parse::<i64>().expect("a time"), words[5].clone())
    };
    let (until, from) = lease();
    // Rewrites of data that does not change.
    for _ in 0..3 {
        rewrite(&server);
        let made = backup(&server, &backups, &["--incremental", "--keep", "2"]);
        made.expect(0, &["Nothing has changed since the last backup"]);
    }
    let (later, same) = lease();
    assert!(later > until + 3_000_000 && same == from, "{later} {until} {same} {from}");
    must(&mut server.connect(), "INCR one");
    must(&mut server.connect(), "INCR other");
    let made = backup(&server, &backups, &["--incremental"]);
    made.expect(0, &["batches "]);
    assert!(!made.said.contains("A full one is made"), "{}", made.said);
    server.stop();
    let restored = world.path().join("restored");
    restore(&backups, &restored, &[]).expect(0, &[]);
    assert_eq!(counted(&restored), 2);
}

#[test]
fn later_increments_are_taken_if_their_batches_fit() {
    let world = tempfile::tempdir().expect("a folder");
    let (data, backups) = (world.path().join("data"), world.path().join("backups"));
    fs::create_dir(&data).expect("the folder can be written");
    let server = Server::start(&data);
    for key in ["one", "other"] {
        must(&mut server.connect(), &format!("SET {key} 1"));
    }
    // Nothing is kept, and nothing has changed before the rewrite.
    backup(&server, &backups, &["--keep", "0"]).expect(0, &["full"]);
    rewrite(&server);
    let made = backup(&server, &backups, &["--incremental", "--keep", "0"]);
    made.expect(0, &["no batch tells that it does", "A full one is made", "full"]);
    for list in lists(&backups).iter().skip(1) {
        fs::remove_file(list).expect("it is there");
    }
    for key in ["one", "other"] {
        must(&mut server.connect(), &format!("INCR {key}"));
    }
    let made = backup(&server, &backups, &["--incremental", "--keep", "0"]);
    made.expect(0, &["incremental", "batches "]);
    // Now something is missing in between.
    must(&mut server.connect(), "INCR one");
    rewrite(&server);
    for key in ["other", "more"] {
        must(&mut server.connect(), &format!("INCR {key}"));
    }
    let made = backup(&server, &backups, &["--incremental", "--keep", "0"]);
    made.expect(0, &["the log does not go on where the last one ends", "A full one is made"]);
    server.stop();
    let restored = world.path().join("restored");
    restore(&backups, &restored, &[]).expect(0, &[]);
    assert_eq!(counted(&restored), 3);
}

#[test]
fn backups_that_nobody_wants_any_more_are_deleted() {
    let world = tempfile::tempdir().expect("a folder");
    let (data, backups) = (world.path().join("data"), world.path().join("backups"));
    fs::create_dir(&data).expect("the folder can be written");
    let server = Server::start(&data);
    for round in 0..4 {
        must(&mut server.connect(), "INCR one");
        must(&mut server.connect(), "INCR other");
        let words: &[&str] = if round == 2 { &[] } else { &["--incremental"] };
        backup(&server, &backups, words).expect(0, &["batches "]);
    }
    let folder = backups.to_str().expect("text");
    cli(&["prune", "--dir", folder, "--keep-last", "3"]).expect(0, &[""]);
    assert_eq!(lists(&backups).len(), 4, "the third last needs the first");
    cli(&["prune", "--dir", folder, "--keep-last", "2", "--dry-run"]).expect(0, &["would be deleted: "]);
    assert_eq!(lists(&backups).len(), 4);
    must(&mut server.connect(), "INCR one");
    must(&mut server.connect(), "INCR other");
    backup(&server, &backups, &["--incremental", "--keep-last", "1"]).expect(0, &["batches ", "deleted: "]);
    assert_eq!(lists(&backups).len(), 3, "the last one needs a full one and an incremental one");
    server.stop();
    cli(&["verify", "--dir", folder]).expect(0, &["whole   "]);
    let restored = world.path().join("restored");
    restore(&backups, &restored, &[]).expect(0, &[]);
    assert_eq!(counted(&restored), 5);
}

#[test]
fn nothing_is_deleted_by_a_wrong_clock_or_for_what_is_not_whole() {
    let world = tempfile::tempdir().expect("a folder");
    let (data, backups) = (world.path().join("data"), world.path().join("backups"));
    fs::create_dir(&data).expect("the folder can be written");
    let server = Server::start(&data);
    let folder = backups.to_str().expect("text");
    must(&mut server.connect(), "SET key value");
    backup(&server, &backups, &[]).expect(0, &["batches "]);
    // As a server with a wrong clock makes it.
    let first = lists(&backups).remove(0);
    let right = fs::read(&first).expect("it is there");
    let mut list = ::backup::List::parse(&right).expect("a list");
    list.made.0 += 30 * 24 * 3600 * 1000;
    fs::write(&first, list.format()).expect("it can be written");
    let made = backup(&server, &backups, &["--keep-last", "1"]);
    made.expect(1, &["batches ", "which backups are the last ones is not known"]);
    cli(&["prune", "--dir", folder, "--keep-last", "1"])
        .expect(1, &["which backups are the last ones is not known"]);
    assert_eq!(lists(&backups).len(), 2);
    fs::write(&first, right).expect("it can be written");
    // The base of the newer one gets lost.
    let newer = lists(&backups).remove(1);
    let id = newer.file_stem().and_then(|stem| stem.to_str()).expect("text").to_owned();
    let mut files =
        fs::read_dir(&backups).expect("it is there").map(|entry| entry.expect("it can be read").path());
    let is_base = |path: &PathBuf| {
        path.file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.starts_with(&format!("{id}.")))
            && path.to_str().is_some_and(|path| path.contains(".base."))
    };
    let base = files.find(is_base).expect("it has one");
    fs::remove_file(base).expect("it is there");
    cli(&["prune", "--dir", folder, "--keep-last", "1"]).expect(1, &["but it is not there"]);
    assert_eq!(lists(&backups).len(), 2);
    let made = backup(&server, &backups, &["--incremental"]);
    made.expect(0, &["No incremental backup is possible: ", "but it is not there. A full one is made"]);
    cli(&["prune", "--dir", folder, "--keep-last", "1"]).expect(0, &["deleted: "]);
    cli(&["verify", "--dir", folder]).expect(0, &["whole   "]);
    server.stop();
}
