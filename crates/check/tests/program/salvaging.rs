//! What can be read of damaged files is saved, and servers start on it.

use std::fs;
use std::path::Path;

use crate::support::{INCREMENT, SET, Server, batch, check, damage, has, keys, make_set, must, run, text};

/// Saves a set and gives the keys that servers find on what was saved.
#[track_caller]
fn saved_keys(folder: &Path, said: &[&str]) -> Vec<String> {
    let into = folder.join("saved");
    let before = files(&folder.join(SET));
    check(&["--salvage", into.to_str().expect("text")], &folder.join(SET)).expect(0, said);
    assert!(files(&folder.join(SET)) == before, "the files themselves stay as they are");
    let server = Server::start_with(folder, &["--appenddirname", "saved"]);
    let mut client = server.connect();
    let found = keys(&mut client);
    must(&mut client, "SET another 1");
    server.stop();
    if has("redis-server") {
        let checker = &mut std::process::Command::new("redis-check-aof");
        run(checker.arg(into.join("appendonly.aof.manifest")), "").expect(0, &["are valid"]);
        let options = ["--appendonly", "yes", "--save", "", "--appenddirname", "saved"];
        let server = Server::start_program(Path::new("redis-server"), folder, &options);
        assert_eq!(keys(&mut server.connect()).len(), found.len() + 1);
        server.stop();
    }
    check(&[], &into).expect(0, &["All AOF files and manifest are valid"]);
    found
}

/// The files of a folder with their contents.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<(String, Vec<u8>)> = fs::read_dir(folder)
        .expect("it can be read")
        .map(|entry| entry.expect("it can be read on").path())
        .map(|path| (path.display().to_string(), fs::read(&path).expect("it can be read")))
        .collect();
    found.sort();
    found
}

#[test]
fn batches_before_and_behind_damage_are_saved_and_what_is_missing_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    make_set(folder, 9);
    let increment = folder.join(INCREMENT);
    let (third, _) = batch(&increment, 3);
    let (fourth, _) = batch(&increment, 4);
    let (sixth, _) = batch(&increment, 6);
    damage(&increment, "value:3", 2);
    damage(&increment, "#BATCH:6", 9);
    damage(&increment, "value:7", 1);
    let bytes = fs::read(&increment).expect("it is there");
    fs::write(&increment, &bytes[..bytes.len() - 4]).expect("the file can be written");
    let said = [
        &format!("bytes {third} to {fourth} are missing"),
        "1 batches are missing, between batch 2 of",
        &format!("bytes {sixth} to "),
        "2 batches are missing, between batch 5 of",
        "what came behind batch 8 of",
        "appendonly.aof.1.base.rdb: everything can be read",
        "Keys: 5;",
    ];
    assert_eq!(saved_keys(folder, &said), ["key:1", "key:2", "key:4", "key:5", "key:8"]);
}

#[test]
fn keys_are_saved_in_the_databases_in_which_they_were() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let server = Server::start(folder);
    let mut client = server.connect();
    for command in
        ["SET a 1", "SELECT 3", "SET lost 1", "SET c 1", "SET d 1", "SELECT 0", "SET e 1", "SET f 1"]
    {
        must(&mut client, command);
    }
    server.stop();
    damage(&folder.join(INCREMENT), "lost", 1);
    assert_eq!(saved_keys(folder, &["Databases and their keys: 0 (3), 3 (2)"]), ["a", "e", "f"]);
    let server = Server::start_with(folder, &["--appenddirname", "saved"]);
    let mut client = server.connect();
    must(&mut client, "SELECT 3");
    assert_eq!(keys(&mut client), ["c", "d"]);
}

#[test]
fn keys_of_a_damaged_base_are_saved_with_the_batches_behind_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let server = Server::start(folder);
    let mut client = server.connect();
    must(&mut client, "SET first some-value");
    must(&mut client, "BGREWRITEAOF");
    while !text(&must(&mut client, "INFO persistence")).contains("aof_rewrite_in_progress:0") {}
    must(&mut client, "SET second other-value");
    server.stop();
    let base = folder.join(SET).join("appendonly.aof.2.base.rdb");
    damage(&base, "some-value", 6);
    check(&[], folder).expect(1, &["the checksum is", "appendonly.aof.2.base.rdb is not valid"]);
    let said = ["the checksum is", "The 1 keys that could be read are saved; any of them may be damaged"];
    assert_eq!(saved_keys(folder, &said), ["first", "second"]);
    fs::remove_dir_all(folder.join("saved")).expect("it is there");
    // Without a base.
    fs::remove_file(&base).expect("it is there");
    check(&[], folder).expect(1, &["the manifest names it, but it is not there"]);
    assert_eq!(saved_keys(folder, &["it is missing, and with it all that it held"]), ["second"]);
}

#[test]
fn a_set_whose_manifest_is_lost_is_saved_by_its_checksums_or_by_the_names_of_its_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    make_set(folder, 3);
    let manifest = folder.join(SET).join("appendonly.aof.manifest");
    fs::write(&manifest, "file").expect("the file can be written");
    let said = ["Its file of checksums tells what it should say", "Keys: 3;"];
    assert_eq!(saved_keys(folder, &said), ["key:1", "key:2", "key:3"]);
    fs::remove_dir_all(folder.join("saved")).expect("it is there");
    fs::remove_file(folder.join(SET).join("appendonly.aof.manifest.checksums")).expect("it is there");
    for text in [Some("file appendonly.aof.1.base.rdb sec"), None] {
        match text {
            Some(text) => fs::write(&manifest, text).expect("the file can be written"),
            None => fs::remove_file(&manifest).expect("it is there"),
        }
        assert_eq!(check(&[], folder).code, 2);
        let said = ["The names of the files tell what it should say", "Keys: 3;"];
        assert_eq!(saved_keys(folder, &said), ["key:1", "key:2", "key:3"]);
        fs::remove_dir_all(folder.join("saved")).expect("it is there");
    }
    // Two increments may be one too many.
    fs::write(folder.join(SET).join("appendonly.aof.2.incr.aof"), b"").expect("the file can be written");
    let into = folder.join("saved");
    let said = ["do not tell which files belong together: write a manifest"];
    check(&["--salvage", into.to_str().expect("text")], &folder.join(SET)).expect(2, &said);
}

#[test]
fn the_command_that_a_refused_start_names_helps() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    make_set(folder, 3);
    damage(&folder.join(INCREMENT), "value:2", 2);
    for (flag, found) in [("--salvage", &["key:1", "key:3"][..]), ("--fix", &["key:1"])] {
        let log = Server::refused(folder, &[]);
        let commands: Vec<&str> =
            log.split('`').filter(|part| part.starts_with("rustypotato-check ")).collect();
        let command = commands.iter().find(|command| command.contains(flag)).expect("it is named");
        let into = folder.join("new");
        let command = command.replace("NEW-FOLDER", into.to_str().expect("text"));
        let words: Vec<&str> = command.split(' ').skip(1).collect();
        let (path, words) = words.split_last().expect("a path");
        let outcome = crate::support::check_answered(words, Path::new(path), "y\n");
        outcome.expect(0, &["are valid"]);
        let name = if flag == "--salvage" { "new" } else { SET };
        let server = Server::start_with(folder, &["--appenddirname", name]);
        assert_eq!(keys(&mut server.connect()), found, "{flag}");
    }
}
