//! Damaged files: each stops the start with one line that names the file, the place and what to do, and stays as it is.

use std::path::Path;

use crate::disk::{APPENDING, SNAPSHOTS, files, rewrite, wait_for};
use crate::support::{Server, make_pipe, must, text};

/// Files, each with a byte that is changed or an end that is cut, and what the one line says.
#[test]
fn a_damaged_file_stops_the_start_with_one_line_and_stays_as_it_is() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let server = Server::start(folder.path(), APPENDING);
    let mut client = server.connect();
    must(&mut client, "SET some-key some-value");
    rewrite(&mut client);
    must(&mut client, "SET first 1");
    must(&mut client, "SET second 2");
    must(&mut client, "SAVE");
    server.kill();
    let base = "appendonlydir/appendonly.aof.2.base.rdb";
    let increment = "appendonlydir/appendonly.aof.2.incr.aof";
    let manifest = "appendonlydir/appendonly.aof.manifest";
    for (options, file, from, to, said) in [
        (APPENDING, base, &b"some-value"[..], &b"some-vAlue"[..], "the checksum is"),
        (APPENDING, base, b"REDIS00", b"REDIS99", "RDB version"),
        (
            APPENDING,
            increment,
            b"$5\r\nfirst",
            b"$9\r\nfirst",
            "at byte 12: batch 2: its content does not have",
        ),
        (APPENDING, increment, b"SET\r\n$6", b"SET\r\n&6", "batch 3: its content does not have"),
        (APPENDING, increment, b"#BATCH:2 ", b"#BATCH:3 ", "at byte 12: its line is damaged"),
        (APPENDING, increment, b"\n#BATCH:3", b"\n!BATCH:3", "a command cannot begin with byte 0x21"),
        (APPENDING, manifest, b" seq ", b" sec ", "line 1"),
        (APPENDING, manifest, b"type i", b"type h", "not what its file of checksums says"),
        (APPENDING, manifest, b"\n", b"\x0b", "not what its file of checksums says"),
        (APPENDING, &format!("{manifest}.checksums"), b"seq 2", b"seq 3", "the file is damaged"),
        (SNAPSHOTS, "dump.rdb", b"second", b"secOnd", "the checksum is"),
        (SNAPSHOTS, "dump.rdb", b"REDIS", b"READS", "at byte 0"),
    ] {
        let path = folder.path().join(file);
        let whole = std::fs::read(&path).expect("the file is there");
        let at = whole.windows(from.len()).position(|window| window == from).expect("the text is there");
        let damaged = [&whole[..at], to, &whole[at + from.len()..]].concat();
        std::fs::write(&path, &damaged).expect("the file can be written");
        let before = files(folder.path());
        let log = Server::refused(folder.path(), options);
        let last = log.lines().last().expect("a reason is told");
        assert!(last.contains(said) && last.contains(path.file_name().unwrap().to_str().unwrap()), "{log}");
        assert_eq!(files(folder.path()), before, "nothing has been changed");
        std::fs::write(&path, &whole).expect("the file can be written");
    }
    let (_server, mut client) = Server::start(folder.path(), APPENDING).connect_and_keep();
    assert_eq!(text(&must(&mut client, "DBSIZE")), "3");
}

#[test]
fn keys_without_an_element_are_left_out_and_some_are_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut bytes = b"REDIS0010\xfe\x00\0\x01k\x01v".to_vec();
    for number in 10..25 {
        bytes.extend_from_slice(format!("\x02\x05set{number}\0").as_bytes());
    }
    bytes.extend_from_slice(b"\xff\0\0\0\0\0\0\0\0");
    std::fs::write(folder.path().join("dump.rdb"), bytes).expect("the folder can be written");
    let log = Server::start(folder.path(), SNAPSHOTS).kill_and_read();
    assert_eq!(log.matches("skipping empty key: set").count(), 10, "{log}");
    assert!(log.contains("empty keys skipped: 15\n"), "{log}");
}

/// Nothing is wrong with the files, so nothing is to be cut or restored.
#[test]
fn files_with_more_databases_are_refused_with_the_number_that_helps() {
    for options in [APPENDING, SNAPSHOTS] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let server = Server::start(folder.path(), &[options, &["--databases", "20"]].concat());
        let mut client = server.connect();
        for command in ["SELECT 17", "SET key value", "SAVE"] {
            must(&mut client, command);
        }
        server.kill();
        let before = files(folder.path());
        let log = Server::refused(folder.path(), options);
        let last = log.lines().last().expect("a reason is told");
        assert!(last.contains("there are 16: start with the parameter databases at least 18"), "{log}");
        assert!(!last.contains("cut") && !last.contains("backup"), "{log}");
        assert_eq!(files(folder.path()), before, "nothing has been changed");
        Server::start(folder.path(), &[options, &["--databases", "18"]].concat()).kill();
    }
}

/// Each base is whole, so only the manifest can tell which one the increments follow.
#[test]
fn an_older_base_in_the_place_of_the_newer_one_stops_the_start() {
    for preamble in ["yes", "no"] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let options = [APPENDING, &["--aof-use-rdb-preamble", preamble]].concat();
        let server = Server::start(folder.path(), &options);
        let mut client = server.connect();
        must(&mut client, "SET counter 1");
        rewrite(&mut client);
        let ending = if preamble == "yes" { "rdb" } else { "aof" };
        let base =
            |number| folder.path().join(format!("appendonlydir/appendonly.aof.{number}.base.{ending}"));
        let older = std::fs::read(base(2)).expect("the base is there");
        must(&mut client, "SET counter 2");
        rewrite(&mut client);
        must(&mut client, "SET other 1");
        server.kill();
        let newer = std::fs::read(base(3)).expect("the base is there");
        std::fs::write(base(3), &older).expect("the file can be written");
        let before = files(folder.path());
        let log = Server::refused(folder.path(), &options);
        let last = log.lines().last().expect("a reason is told");
        assert!(last.contains("this is not the base that the manifest names"), "{log}");
        assert_eq!(files(folder.path()), before, "nothing has been changed");
        std::fs::write(base(3), &newer).expect("the file can be written");
        let (_server, mut client) = Server::start(folder.path(), &options).connect_and_keep();
        assert_eq!(text(&must(&mut client, "GET counter")), "2");
    }
}

/// The commands of an increment that can be read.
const WHOLE: &[u8] = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n";
const INCREMENT: &str = "appendonlydir/appendonly.aof.1.incr.aof";
const BASE: &str = "appendonlydir/appendonly.aof.1.base.aof";
const MANIFEST: &str = "appendonlydir/appendonly.aof.manifest";

/// A set of two files, a base and an increment, each of one command.
fn make_set(folder: &Path) {
    std::fs::create_dir(folder.join("appendonlydir")).expect("the folder can be written");
    let manifest =
        "file appendonly.aof.1.base.aof seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n";
    for (name, bytes) in [(BASE, WHOLE), (INCREMENT, WHOLE), (MANIFEST, manifest.as_bytes())] {
        std::fs::write(folder.join(name), bytes).expect("the folder can be written");
    }
}

/// Starts a server, which must refuse with one line that says all of this, and leave the files as they are.
fn check_refused(folder: &Path, options: &[&str], said: &[&str]) {
    let before = files(folder);
    let log = Server::refused(folder, &[APPENDING, options].concat());
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(" # ")).collect();
    let [line] = lines[..] else { panic!("not one line:\n{log}") };
    for said in said.iter().chain(&["`rustypotato-check --"]) {
        assert!(line.contains(said), "{said:?} is not said:\n{line}");
    }
    assert!(files(folder) == before, "files have been changed");
}

#[test]
fn bytes_that_are_no_commands_are_refused_with_their_place() {
    let cut = "or cut it at byte 27 to keep what lies before";
    for (bytes, place, said) in [
        (&b"garbage\r\n"[..], 27, "a command cannot begin with byte 0x67"),
        (b"SET a 1\r\n", 27, "a command cannot begin with byte 0x53"),
        (b"*-1\r\n", 27, "an empty command"),
        (b"*99999999999999\r\n", 27, "Protocol error: invalid multibulk length"),
        (b"*1\r\n$-5\r\n", 27, "Protocol error: invalid bulk length"),
        (b"*1\r\n$99999999999999\r\n", 27, "Protocol error: invalid bulk length"),
        (b"*1\r\n$5\r\nMULTI\r\n*1\r\n$5\r\nMULTI\r\n", 42, "a transaction inside a transaction"),
        (b"*1\r\n$4\r\nEXEC\r\n", 27, "the end of a transaction that never began"),
        (b"*1\r\n$3\r\nFOO\r\n", 27, "Unknown command 'FOO' reading the append only file"),
        (b"*1\r\n$3\r\nSET\r\n", 27, "the command 'SET' is refused: ERR wrong number of arguments"),
        (b"*1\r\n$8\r\nshutdown\r\n", 27, "the command 'shutdown' has no place in a file of data"),
        (b"*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$3\r\nOFF\r\n", 27, "the command 'CLIENT' has no place"),
        (
            b"*4\r\n$6\r\nCONFIG\r\n$3\r\nSET\r\n$3\r\ndir\r\n$1\r\n/\r\n",
            27,
            "the command 'CONFIG' has no place",
        ),
    ] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        make_set(folder.path());
        std::fs::write(folder.path().join(INCREMENT), [WHOLE, bytes].concat())
            .expect("the file can be written");
        let known = "Bad file format reading the append only file /";
        check_refused(folder.path(), &[], &[&format!("{INCREMENT}: at byte {place}: {said}"), cut, known]);
    }
}

#[test]
fn a_torn_end_is_cut_only_where_nothing_follows_and_only_if_that_is_allowed() {
    for torn in [
        &WHOLE[..20],
        b"*999999\r\n",
        b"*1\r\n$4294967000\r\nabc",
        b"*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$1\r\n1\r\n",
        &[0; 100],
    ] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        make_set(folder.path());
        let bytes = [WHOLE, torn].concat();
        let (base, increment) = (folder.path().join(BASE), folder.path().join(INCREMENT));
        std::fs::write(&base, &bytes).expect("the file can be written");
        let said = ["appendonly.aof.1.base.aof: at byte 27: ", "restore it from a backup"];
        check_refused(folder.path(), &[], &said);
        std::fs::write(&base, WHOLE).expect("the file can be written");
        std::fs::write(&increment, &bytes).expect("the file can be written");
        let said = ["appendonly.aof.1.incr.aof: at byte 27: ", "Set aof-load-truncated yes to cut it there"];
        check_refused(folder.path(), &["--aof-load-truncated", "no"], &said);
        let (_server, mut client) = Server::start(folder.path(), APPENDING).connect_and_keep();
        assert_eq!(text(&must(&mut client, "KEYS *").elements().expect("an array")[0]), "a");
        assert_eq!(std::fs::read(&increment).expect("it is there"), WHOLE);
        let kept = folder.path().join(format!("{INCREMENT}.torn-27"));
        assert_eq!(std::fs::read(kept).expect("what was cut is kept"), torn);
    }
}

/// Makes an increment of three batches: a key, a transaction, and a long value. Returns its bytes.
fn make_batches(folder: &Path) -> Vec<u8> {
    let server = Server::start(folder, APPENDING);
    let mut client = server.connect();
    must(&mut client, "SET a 1");
    for command in ["MULTI", "SET b 1", "SET c 1", "EXEC"] {
        must(&mut client, command);
    }
    must(&mut client, &format!("SET d {}", "x".repeat(2000)));
    server.kill();
    std::fs::read(folder.join(INCREMENT)).expect("it is there")
}

/// The keys that a server finds when it starts with this increment.
fn keys_of(folder: &Path, increment: &[u8]) -> Vec<String> {
    std::fs::write(folder.join(INCREMENT), increment).expect("the file can be written");
    let (_server, mut client) = Server::start(folder, APPENDING).connect_and_keep();
    let mut keys: Vec<String> =
        must(&mut client, "KEYS *").elements().expect("an array").iter().map(text).collect();
    keys.sort();
    keys
}

#[test]
fn a_torn_batch_is_cut_and_kept_and_no_transaction_is_applied_by_half() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let bytes = make_batches(folder);
    let place =
        |text: &[u8]| bytes.windows(text.len()).position(|window| window == text).expect("it is there");
    let (second, third) = (place(b"#BATCH:2"), place(b"#BATCH:3"));
    for (end, keys, kept) in [
        (second + 30, &["a"][..], second),
        (place(b"EXEC"), &["a"], second),
        (third, &["a", "b", "c"], third),
        (third + 500, &["a", "b", "c"], third),
        (bytes.len() - 1, &["a", "b", "c"], third),
        (bytes.len(), &["a", "b", "c", "d"], bytes.len()),
    ] {
        assert_eq!(keys_of(folder, &bytes[..end]), keys, "cut at {end}");
        let left = std::fs::read(folder.join(INCREMENT)).expect("it is there");
        assert!(left == bytes[..kept], "cut at {end}");
        let torn = folder.join(format!("{INCREMENT}.torn-{kept}"));
        assert_eq!(
            std::fs::read(&torn).ok(),
            (kept < end).then(|| bytes[kept..end].to_vec()),
            "cut at {end}"
        );
        // It is in the way of no later start.
        let _ = std::fs::remove_file(torn);
    }
    // A sector of the last batch that never came to the disk; twice, and both are kept.
    let sector = bytes.len() / 512 * 512 - 512;
    assert!(sector > third + 100, "the last batch has whole sectors");
    let torn = [&bytes[..sector], &[0; 512], &bytes[sector + 512..]].concat();
    let first = folder.join(format!("{INCREMENT}.torn-{third}"));
    std::fs::write(&first, "an older end").expect("the folder can be written");
    assert_eq!(keys_of(folder, &torn), ["a", "b", "c"]);
    assert_eq!(std::fs::read(&first).expect("it is there"), b"an older end");
    let second = folder.join(format!("{INCREMENT}.torn-{third}-2"));
    assert!(std::fs::read(second).expect("what was cut is kept") == torn[third..]);
    // The log tells how much is lost, and of what time.
    std::fs::write(folder.join(INCREMENT), &torn).expect("the folder can be written");
    let log = Server::start(folder, APPENDING).kill_and_read();
    let said = format!("; {} bytes are lost, up to batch 3, which was written at 20", torn.len() - third);
    assert!(log.contains(&said), "{said}:\n{log}");
}

#[test]
fn a_batch_in_which_anything_has_changed_stops_the_start_and_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bytes = make_batches(folder.path());
    let place =
        |text: &[u8]| bytes.windows(text.len()).position(|window| window == text).expect("it is there");
    let third = place(b"#BATCH:3");
    for (at, change, said) in [
        (third + 1500, 1, "batch 3: its content does not have the checksum that its line tells"),
        (third + 10, 1, "batch 3: its line is damaged"),
        (place(b"EXEC"), 0x20, "batch 2: its content does not have the checksum that its line tells"),
    ] {
        let mut changed = bytes.clone();
        changed[at] ^= change;
        std::fs::write(folder.path().join(INCREMENT), &changed).expect("the file can be written");
        let start = if at >= third { third } else { place(b"#BATCH:2") };
        check_refused(
            folder.path(),
            &[],
            &[&format!("{INCREMENT}: at byte {start}: {said}"), "or cut it at byte"],
        );
    }
    // A batch that is missing.
    let second = place(b"#BATCH:2");
    std::fs::write(folder.path().join(INCREMENT), [&bytes[..second], &bytes[third..]].concat())
        .expect("the file can be written");
    let said = format!("at byte {second}: batch 3: it stands where batch 2 belongs");
    check_refused(folder.path(), &[], &[&said]);
}

#[test]
fn a_rewrite_that_was_interrupted_begins_again_at_the_start() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    make_set(folder);
    let second = "appendonly.aof.2.incr.aof";
    let manifest = std::fs::read_to_string(folder.join(MANIFEST)).expect("it is there");
    std::fs::write(folder.join(MANIFEST), format!("{manifest}file {second} seq 2 type i\n"))
        .expect("the folder can be written");
    std::fs::write(folder.join("appendonlydir").join(second), WHOLE).expect("the folder can be written");
    let (_server, mut client) = Server::start(folder, APPENDING).connect_and_keep();
    wait_for(&mut client, "aof_rewrite_scheduled", "0");
    wait_for(&mut client, "aof_rewrite_in_progress", "0");
    let manifest = std::fs::read_to_string(folder.join(MANIFEST)).expect("it is there");
    let entry = |line: &'_ str| line.split_inclusive(' ').take(6).collect::<String>().trim_end().to_owned();
    let files: Vec<String> = manifest.lines().map(entry).collect();
    assert_eq!(
        files,
        ["file appendonly.aof.2.base.rdb seq 2 type b", "file appendonly.aof.3.incr.aof seq 3 type i"]
    );
    assert_eq!(text(&must(&mut client, "GET a")), "1");
}

/// What stands in the place of a file.
#[derive(Debug, Clone, Copy)]
enum Instead {
    Nothing,
    Folder,
    Pipe,
    /// A link to itself, which nobody can open.
    Loop,
}

#[test]
fn files_that_are_none_stop_the_start_and_are_named() {
    use Instead::{Folder, Loop, Nothing, Pipe};
    for (name, instead, said) in [
        (BASE, Nothing, "is named by the manifest, but not there"),
        (INCREMENT, Nothing, "is named by the manifest, but not there"),
        (MANIFEST, Nothing, "there is no manifest that names it"),
        (BASE, Folder, "it cannot be read: is a directory"),
        (INCREMENT, Folder, "it cannot be read: is a directory"),
        (MANIFEST, Folder, "is a directory. See that it is a file"),
        (BASE, Pipe, "it cannot be read: it is no file"),
        (INCREMENT, Pipe, "it cannot be read: it is no file"),
        (MANIFEST, Pipe, "it is no file. See that it is a file"),
        (INCREMENT, Loop, "symbolic links"),
        (MANIFEST, Loop, "symbolic links"),
    ] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        make_set(folder.path());
        let path = folder.path().join(name);
        std::fs::remove_file(&path).expect("it is there");
        match instead {
            Nothing => {}
            Folder => std::fs::create_dir(&path).expect("the folder can be written"),
            Pipe => make_pipe(&path),
            Loop => std::os::unix::fs::symlink(&path, &path).expect("a link can be made"),
        }
        let log = Server::refused(folder.path(), APPENDING);
        let line = log.lines().last().expect("a reason is told");
        assert!(
            line.contains("appendonlydir/appendonly.aof.") && line.contains(said),
            "{name}, {instead:?}: {line}"
        );
    }
}
