//! The verdict is that of a server's start: sound files are loaded, torn ones are cut and
//! loaded, damaged ones are refused.

use std::fs;
use std::path::Path;

use persist::aof::{Manifest, ManifestEntry, Seal};

use crate::support::{INCREMENT, SET, Server, batch, check, make_set, must, text};

/// How a start goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    Sound,
    Torn,
    Refused,
}

/// Starts a server on a copy of the folder and compares with what the check says of the folder itself.
#[track_caller]
fn compare(folder: &Path, expected: Start) {
    let copy = tempfile::tempdir().expect("a folder");
    fs::create_dir(copy.path().join(SET)).expect("the folder can be written");
    for entry in fs::read_dir(folder.join(SET)).expect("it can be read") {
        let path = entry.expect("it can be read on").path();
        fs::copy(&path, copy.path().join(SET).join(path.file_name().expect("a name")))
            .expect("it can be copied");
    }
    let outcome = check(&[], folder);
    assert_eq!(outcome.code, i32::from(expected != Start::Sound), "{}", outcome.said);
    assert_eq!(
        outcome.said.contains("it is torn there, as by a crash"),
        expected == Start::Torn,
        "{}",
        outcome.said
    );
    if expected == Start::Refused {
        Server::refused(copy.path(), &[]);
        return;
    }
    Server::start(copy.path()).stop();
    let is_torn = |path: &Path| path.to_string_lossy().contains(".torn-");
    let mut entries = fs::read_dir(copy.path().join(SET)).expect("it can be read");
    let has_torn = entries.any(|entry| is_torn(&entry.expect("it can be read on").path()));
    assert_eq!(has_torn, expected == Start::Torn);
    // The fix leaves what the server has left.
    if expected == Start::Torn {
        check(&["--fix"], folder).expect(0, &[]);
        let left = |folder: &Path| fs::read(folder.join(INCREMENT)).expect("it is there");
        assert!(left(copy.path()).starts_with(&left(folder)));
    }
}

#[test]
fn what_a_server_uses_is_looked_at_and_not_changed() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    make_set(folder, 4);
    let server = Server::start(folder);
    check(&[], folder).expect(0, &[]);
    check(&["--fix"], folder).expect(2, &["a running server uses this folder"]);
    check(&["--to-batch", "2", "--in-place"], folder).expect(2, &["a running server uses this folder"]);
    server.stop();
    check(&["--fix"], folder).expect(0, &["nothing to fix"]);
}

#[test]
fn verdicts_are_those_of_a_start() {
    use Start::{Refused, Sound, Torn};
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    make_set(folder, 4);
    let increment = folder.join(INCREMENT);
    let whole = fs::read(&increment).expect("it is there");
    let (second, _) = batch(&increment, 2);
    let (third, _) = batch(&increment, 3);
    let (last, _) = batch(&increment, 4);
    let with = |behind: &[u8]| [&whole[..], behind].concat();
    let changed = |at: usize, bit: u8| {
        let mut bytes = whole.clone();
        bytes[at] ^= bit;
        bytes
    };
    for (bytes, expected) in [
        (whole.clone(), Sound),
        (Vec::new(), Sound),
        (whole[..last].to_vec(), Sound),
        (whole[..last + 5].to_vec(), Torn),
        (whole[..whole.len() - 1].to_vec(), Torn),
        (with(&[0; 600]), Torn),
        (with(b"*3\r\n$3\r\nSET\r\n$1\r\nr\r\n$1\r\n1\r\n"), Sound),
        (with(b"*3\r\n$3\r\nSET\r\n$1\r\nr"), Torn),
        (with(b"*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$1\r\nr\r\n$1\r\n1\r\n"), Torn),
        (with(b"#TS:17\r\n"), Sound),
        (with(b"#TS:17"), Torn),
        (with(b"!"), Refused),
        (with(b"*2\r\n$3\r\nFOO\r\n$1\r\na\r\n"), Refused),
        (with(b"*2\r\n$6\r\nLRANGE\r\n$1\r\na\r\n"), Refused),
        (with(b"*1\r\n$4\r\nEXEC\r\n"), Refused),
        (changed(second + 9, 1), Refused),
        (changed(third - 3, 1), Refused),
        (changed(last + 60, 1), Refused),
        (changed(whole.len() - 1, 4), Refused),
        ([&whole[..second], &whole[third..]].concat(), Refused),
        ([&whole[..third], &whole[second..]].concat(), Refused),
        (whole[second..].to_vec(), Sound),
    ] {
        fs::write(&increment, &bytes).expect("the file can be written");
        compare(folder, expected);
        for entry in fs::read_dir(folder.join(SET)).expect("it can be read") {
            let path = entry.expect("it can be read on").path();
            if path.to_string_lossy().contains(".torn-") {
                fs::remove_file(path).expect("it is there");
            }
        }
    }
}

#[test]
fn keys_that_are_due_count_in_a_base_but_not_in_an_rdb_file_alone() {
    let world = tempfile::tempdir().expect("a folder");
    let due = b"\xfc\x01\0\0\0\0\0\0\0\0\x01k\x03one";
    let bytes = [&b"REDIS0010\xfe\x00"[..], due, due, b"\xff\0\0\0\0\0\0\0\0"].concat();
    let set = world.path().join(SET);
    fs::create_dir(&set).expect("the folder can be written");
    fs::write(set.join("appendonly.aof.1.base.rdb"), &bytes).expect("the folder can be written");
    let manifest = "file appendonly.aof.1.base.rdb seq 1 type b\n";
    fs::write(set.join("appendonly.aof.manifest"), manifest).expect("the folder can be written");
    for words in [&["--quick"][..], &[]] {
        check(words, world.path()).expect(1, &["stands in the data twice"]);
    }
    assert!(Server::refused(world.path(), &[]).contains("the key stands in the data twice"));
    fs::write(world.path().join("dump.rdb"), &bytes).expect("the folder can be written");
    check(&[], &world.path().join("dump.rdb")).expect(0, &["dump.rdb is valid"]);
}

#[test]
fn a_copy_of_a_sealed_backup_that_is_not_whole_is_found_and_can_be_fixed() {
    let folder = tempfile::tempdir().expect("a folder");
    make_set(folder.path(), 4);
    let (increment, set) = (folder.path().join(INCREMENT), folder.path().join(SET));
    let manifest = set.join("appendonly.aof.manifest");
    let whole = fs::read(&increment).expect("it is there");
    let text = fs::read_to_string(&manifest).expect("it is there");
    let mut sealed = Manifest::parse(&text).expect("it is valid");
    let length = |entry: &ManifestEntry| fs::metadata(set.join(&entry.name)).expect("it is there").len();
    let lengths = sealed.data().map(length).collect();
    sealed.seal = Some(Seal { started_s: 1, ended_s: 2, lengths });
    fs::write(&manifest, sealed.format_checked()).expect("it can be written");
    compare(folder.path(), Start::Sound);
    let (last, _) = batch(&increment, 4);
    for length in [last, last + 5] {
        fs::write(&increment, &whole[..length]).expect("it can be written");
        compare(folder.path(), Start::Refused);
    }
    check(&[], folder.path()).expect(1, &["it is torn there, and was whole when the backup was sealed"]);
    fs::write(&increment, &whole[..last]).expect("it can be written");
    check(&[], folder.path()).expect(1, &["when the backup was sealed: the copy is not whole"]);
    check(&["--fix", "--yes"], folder.path()).expect(0, &[]);
    compare(folder.path(), Start::Sound);
}

#[test]
fn an_older_base_is_refused_as_by_a_server_and_saved_if_that_is_wanted() {
    let world = tempfile::tempdir().expect("a folder");
    let server = Server::start(world.path());
    let mut client = server.connect();
    let base = |number| world.path().join(SET).join(format!("appendonly.aof.{number}.base.rdb"));
    let older = fs::read(base(1)).expect("it is there");
    must(&mut client, "SET k 1");
    must(&mut client, "BGREWRITEAOF");
    while !base(2).exists() || base(1).exists() {
        must(&mut client, "PING");
    }
    server.stop();
    compare(world.path(), Start::Sound);
    fs::write(base(2), older).expect("it can be written");
    compare(world.path(), Start::Refused);
    let said = "this is not the base that the manifest names";
    check(&["--fix", "--yes"], world.path()).expect(1, &[said, "cannot be fixed by cutting it"]);
    let saved = world.path().join("saved");
    check(&["--salvage", saved.join(SET).to_str().expect("text")], world.path()).expect(0, &["Keys: 0;"]);
    Server::start(&saved).stop();
}

#[test]
fn values_of_modules_are_refused_as_by_a_server_and_left_out_of_what_is_saved() {
    let world = tempfile::tempdir().expect("a folder");
    let options = ["--appendonly", "no"];
    let path = world.path().join("dump.rdb");
    // Nine letters of six bits and a version: ReJSON-RL 3; and parts: a number, a text, the end.
    let module = |parts: &[u8]| [&b"\x81\x45\xe2\x52\x38\xdf\x91\x2c\x03"[..], parts].concat();
    let value = module(b"\x02\x07\x05\x02hi\x00");
    let beside = module(b"\x02\x02\x05\x02hi\x00");
    let bytes = [
        &b"REDIS0010\xf7"[..],
        &beside,
        b"\xfe\x00\0\x01a\x03one\x07\x01m",
        &value,
        b"\xfc\xff\xff\xff\xff\xff\xff\xff\x0f\x07\x01n",
        &value,
        b"\0\x01b\x03two\xff\0\0\0\0\0\0\0\0",
    ]
    .concat();
    fs::write(&path, &bytes).expect("the folder can be written");
    let reason = "key 'm': values of the module type ReJSON-RL (RDB type 7) are not supported by this server";
    check(&[], &path).expect(1, &[reason, "--salvage"]);
    assert!(Server::refused(world.path(), &options).contains("the module type ReJSON-RL"));
    let saved = world.path().join("saved");
    let said = [
        "left out: what the module with the type ReJSON-RL has kept beside the keys",
        "left out: key 'm', a value of the module type ReJSON-RL",
        "left out: key 'n', a value of the module type ReJSON-RL",
        "left out: 3 altogether",
        "Keys: 2;",
    ];
    check(&["--salvage", saved.to_str().expect("text")], &path).expect(0, &said);
    let server = Server::start_with(&saved, &options);
    let mut client = server.connect();
    assert_eq!(text(&must(&mut client, "GET b")), "two");
    assert_eq!(text(&must(&mut client, "EXISTS a m n")), "1");
    server.stop();
}

#[test]
fn a_key_that_stands_twice_is_found_as_by_a_server_and_the_later_one_is_saved() {
    let world = tempfile::tempdir().expect("a folder");
    let options = ["--appendonly", "no"];
    let path = world.path().join("dump.rdb");
    let write = |entries: &[u8]| {
        let bytes = [&b"REDIS0010\xfe\x00"[..], entries, b"\xff\0\0\0\0\0\0\0\0"].concat();
        fs::write(&path, bytes).expect("the folder can be written");
    };
    write(b"\0\x01k\x03one\0\x01l\x01x\0\x01k\x03two");
    let reason = "the key 'k' of database 0 stands in the data twice";
    check(&[], &path).expect(1, &["dump.rdb: at byte ", reason, "--salvage"]);
    assert!(Server::refused(world.path(), &options).contains("the key stands in the data twice"));
    let saved = world.path().join("saved");
    check(&["--salvage", saved.to_str().expect("text")], &path)
        .expect(0, &["the key stands in the data twice"]);
    let server = Server::start_with(&saved, &options);
    assert_eq!(text(&must(&mut server.connect(), "GET k")), "two");
    server.stop();
    // Other databases, and keys that are due, are nobody's second.
    write(b"\0\x01k\x03one\xfc\x01\0\0\0\0\0\0\0\0\x01k\x03two\xfe\x01\0\x01k\x03two");
    check(&[], &path).expect(0, &["dump.rdb is valid"]);
    Server::start_with(world.path(), &options).stop();
}
