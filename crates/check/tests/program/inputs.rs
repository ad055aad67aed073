//! Odd and hostile inputs: each gets a verdict or a reason, and the exit status that belongs to it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use crate::support::check;

/// Makes a file and checks it.
#[track_caller]
fn expect(name: &str, bytes: &[u8], code: i32, parts: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    fs::write(&path, bytes).expect("the file can be written");
    let name = path.display().to_string();
    check(&[], &path).expect(code, &[&[name.as_str()], parts].concat());
}

#[test]
fn files_of_every_bad_kind_are_named_with_what_is_wrong() {
    expect("empty.aof", b"", 0, &["is empty"]);
    expect("empty.rdb", b"", 1, &["at byte 0: this is no RDB file"]);
    expect("no.rdb", b"hello", 1, &["at byte 0: this is no RDB file"]);
    expect("no.aof", b"hello", 1, &["at byte 0: a command cannot begin with byte 0x68"]);
    expect("zeros", &[0; 4096], 1, &["at byte 0: it is torn there"]);
    expect("huge.aof", b"*1\r\n$4294967296\r\nx", 1, &["at byte 0: "]);
    expect("many.aof", b"*1048576\r\n$1\r\na\r\n", 1, &["at byte 0: "]);
    expect(
        "batch.aof",
        b"#BATCH:1 1 0 18446744073709551615 00000000 00000000 00000000\r\n",
        1,
        &["its line is damaged"],
    );
    expect("line.aof", &b"#x".repeat(2000), 1, &["an annotation line has no end"]);
    expect("long.rdb", b"REDIS0011\x00\x81\xff\xff\xff\xff\xff\xff\xff\xff", 1, &["is too long"]);
    expect("99.rdb", b"REDIS0099", 1, &["RDB version 99 is not known here"]);
    expect(
        "list.rdb",
        b"REDIS0011\x01\x01a\x81\x00\xff\xff\xff\xff\xff\xff\xff",
        1,
        &["the data ends too early"],
    );
    let behind = b"REDIS0004\xff*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n";
    expect("behind.rdb", behind, 1, &["commands follow the data"]);
    let passed_over = "at byte 10: 7 bytes follow the end of the data; a server passes over them";
    expect("rubbish.rdb", b"REDIS0004\xffrubbish", 0, &[passed_over, "rubbish.rdb is valid"]);
    expect("behind.aof", behind, 0, &["RDB preamble is OK, proceeding with AOF tail"]);
    expect(
        "shutdown.aof",
        b"*1\r\n$8\r\nSHUTDOWN\r\n",
        1,
        &["the command 'SHUTDOWN' has no place in a file of data"],
    );
}

#[test]
fn manifests_of_every_bad_kind_are_named_with_what_is_wrong() {
    expect("x.manifest", b"", 2, &["Found an empty AOF manifest"]);
    expect("x.manifest", b"file x seq 1\n", 2, &["line 1: Invalid AOF manifest file format", "repair it"]);
    expect("x.manifest", b"file ../x seq 1 type i\n", 2, &["File can't be a path, just a filename"]);
    expect("x.manifest", &b"file x\xff seq 1 type i\n"[..], 1, &["it is not there"]);
    expect("x.manifest", b"file x seq 1 type i\n", 1, &["x: the manifest names it, but it is not there"]);
    expect(
        "other",
        b"file x seq 1 type b\nfile y seq 1 type i\n",
        1,
        &["Start checking Multi Part AOF", "y: the manifest"],
    );
    expect("x.manifest", &vec![b'#'; 17 << 20], 2, &["are too many for a manifest"]);
}

#[test]
fn what_is_no_file_is_told_with_its_path() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let refused = |path: &Path, said: &str| check(&[], path).expect(2, &[&path.display().to_string(), said]);
    refused(&at("missing"), "No such file or directory");
    refused(folder.path(), "there is no manifest, no appendonly.aof and no dump.rdb in this folder");
    symlink(at("loop"), at("loop")).expect("a link can be made");
    refused(&at("loop"), "symbolic links");
    rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0)
        .expect("a pipe can be made");
    refused(&at("pipe"), "it is no file");
    refused(Path::new("/dev/null"), "it is no file");
    refused(&at(&"x/".repeat(3000)), "too long");
    refused(&at(&"x".repeat(300)), "too long");
    // A data file that is none of them.
    fs::write(at("x.manifest"), "file inside seq 1 type i\n").expect("the file can be written");
    fs::create_dir(at("inside")).expect("the folder can be written");
    check(&[], folder.path()).expect(2, &["inside: at byte 0: it cannot be read: is a directory"]);
    fs::remove_dir(at("inside")).expect("it is there");
    symlink("inside", at("inside")).expect("a link can be made");
    check(&[], folder.path()).expect(2, &["inside: at byte 0: it cannot be read", "symbolic links"]);
    fs::write(at("y.manifest"), "file inside seq 1 type i\n").expect("the file can be written");
    check(&[], folder.path()).expect(2, &["there are several manifests; name one"]);
    fs::write(at("secret.aof"), "").expect("the file can be written");
    fs::set_permissions(at("secret.aof"), fs::Permissions::from_mode(0o0)).expect("it is ours");
    // The superuser may read everything.
    if fs::File::open(at("secret.aof")).is_err() {
        refused(&at("secret.aof"), "ermission denied");
    }
}

#[test]
fn wrong_command_lines_are_told_and_exit_with_2() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.aof");
    fs::write(&path, b"").expect("the file can be written");
    for words in [
        &["--nonsense"][..],
        &["--to-batch", "x"],
        &["--to-batch", "1"],
        &["--to-time", "1"],
        &["--to-time", "soon", "--in-place"],
        &["--into", "y"],
        &["--fix", "--salvage", "y"],
        &["--truncate-to-timestamp", "x"],
        &["a", "b"],
    ] {
        check(words, &path).expect(2, &[]);
    }
    check(&["--to-batch", "1", "--into", "/proc/x/y"], &path)
        .expect(1, &["There are no batches in these files"]);
    check(&["--salvage", "/proc/x/y"], &path).expect(2, &["/proc/x"]);
    check(&["--help"], &path).expect(0, &["Usage: rustypotato-check", "Exit status"]);
    check(&["--version"], &path).expect(0, &["rustypotato-check 0."]);
    let rdb = folder.path().join("x.rdb");
    fs::write(&rdb, b"REDIS0004\xff").expect("the file can be written");
    check(&["--to-time", "1", "--in-place"], &rdb).expect(2, &["cannot be cut"]);
    check(&["--fix"], &rdb).expect(0, &["There is nothing to fix"]);
    fs::write(&rdb, b"REDIS0004").expect("the file can be written");
    check(&["--fix", "--yes"], &rdb).expect(1, &["cannot be fixed by cutting it; --salvage FOLDER"]);
}

#[test]
fn a_folder_is_looked_into_as_a_server_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let write = |name: &str, bytes: &[u8]| fs::write(at(name), bytes).expect("the folder can be written");
    let command = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n";
    let checked = |code, said: &str| check(&[], folder.path()).expect(code, &[said]);
    fs::create_dir(at("appendonlydir")).expect("the folder can be written");
    // The other way round: what comes later here comes first.
    write("dump.rdb", b"REDIS0004\xff");
    checked(0, "Start checking RDB file");
    write("appendonlydir/appendonly.aof.1.incr.aof", b"");
    write("appendonlydir/appendonly.aof.1.base.rdb", b"REDIS0004\xff");
    checked(0, "Start checking RDB file");
    write("appendonlydir/appendonly.aof.1.incr.aof", command);
    checked(2, "appendonly.aof.1.incr.aof: the file holds data, but there is no manifest");
    write("appendonly.aof", command);
    checked(0, "Start checking Old-Style AOF");
    let manifest =
        "file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n";
    write("appendonlydir/appendonly.aof.manifest", manifest.as_bytes());
    checked(0, "Start checking Multi Part AOF");
}
