//! Files are cut: torn ends, damage, moments.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use persist::aof::Manifest;

use crate::support::{
    INCREMENT, SET, Server, batch, check, check_answered, damage, has, keys, make_set, must, run, text,
};

/// The keys that servers find on a set that lies in `folder` under this name.
#[track_caller]
fn found_keys(folder: &Path, name: &str) -> Vec<String> {
    if has("redis-server") {
        let checker = &mut std::process::Command::new("redis-check-aof");
        run(checker.arg(folder.join(name).join("appendonly.aof.manifest")), "").expect(0, &["are valid"]);
        let options = ["--appendonly", "yes", "--save", "", "--appenddirname", name];
        let server = Server::start_program(Path::new("redis-server"), folder, &options);
        let found = keys(&mut server.connect());
        server.stop();
        let server = Server::start_with(folder, &["--appenddirname", name]);
        assert_eq!(keys(&mut server.connect()), found, "both servers find the same");
    }
    let server = Server::start_with(folder, &["--appenddirname", name]);
    keys(&mut server.connect())
}

#[test]
fn a_torn_end_is_cut_without_a_question_and_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    make_set(folder, 5);
    let increment = folder.join(INCREMENT);
    check(&[], folder)
        .expect(0, &["All AOF files and manifest are valid", "Keys: 5;", "from 1 of", "to 5 of"]);
    let whole = fs::read(&increment).expect("it is there");
    let (last, _) = batch(&increment, 5);
    fs::write(&increment, &whole[..whole.len() - 3]).expect("the file can be written");
    let torn = format!("at byte {last}: it is torn there, as by a crash; batch 5 of ");
    check(&[], folder).expect(1, &[&torn, "Use the --fix option", "Keys: 4;"]);
    assert_eq!(fs::read(&increment).expect("it is there").len(), whole.len() - 3, "a check changes nothing");
    check(&["--fix"], folder).expect(0, &["Successfully truncated", "All AOF files and manifest are valid"]);
    assert_eq!(fs::read(&increment).expect("it is there"), whole[..last]);
    let kept = folder.join(format!("{INCREMENT}.torn-{last}"));
    assert_eq!(fs::read(kept).expect("it is kept"), whole[last..whole.len() - 3]);
    check(&["--fix"], folder).expect(0, &["There is nothing to fix"]);
    assert_eq!(found_keys(folder, SET), ["key:1", "key:2", "key:3", "key:4"]);
}

#[test]
fn damage_in_the_last_file_is_cut_off_only_with_a_yes() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    make_set(folder, 5);
    let increment = folder.join(INCREMENT);
    damage(&increment, "value:3", 2);
    let damaged = fs::read(&increment).expect("it is there");
    let (third, _) = batch(&increment, 3);
    let said = format!("{INCREMENT}: at byte {third}: batch 3: its content does not have the checksum");
    check(&[], folder).expect(1, &[&said, "is not valid", "Keys: 2;"]);
    for (words, answer) in
        [(&["--fix"][..], ""), (&["--fix"], "n\n"), (&["--fix"], "\n"), (&["--quick"], "y\n")]
    {
        assert_eq!(check_answered(words, folder, answer).code, 1);
        assert_eq!(fs::read(&increment).expect("it is there"), damaged, "nothing was changed");
    }
    let question = format!("This will shrink the AOF {}", increment.display());
    check_answered(&["--fix"], folder, "y\n").expect(0, &[&question, "Continue? [y/N]: ", "Keys: 2;"]);
    assert_eq!(fs::read(&increment).expect("it is there"), damaged[..third]);
    let kept = folder.join(format!("{INCREMENT}.cut-{third}"));
    assert_eq!(fs::read(&kept).expect("it is kept"), damaged[third..]);
    // Once more, without a question; what was kept before stays.
    fs::write(&increment, &damaged).expect("the file can be written");
    check(&["--fix", "--yes"], &folder.join(SET)).expect(0, &["Successfully truncated AOF"]);
    assert_eq!(
        fs::read(folder.join(format!("{INCREMENT}.cut-{third}-2"))).expect("it is kept"),
        damaged[third..]
    );
    assert_eq!(found_keys(folder, SET), ["key:1", "key:2"]);
}

#[test]
fn only_the_last_file_may_be_cut() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    make_set(folder, 2);
    let base = folder.join(SET).join("appendonly.aof.1.base.rdb");
    damage(&base, "redis-ver", 2);
    let before = fs::read(&base).expect("it is there");
    check(&["--fix", "--yes"], folder).expect(1, &["the checksum is", "--salvage FOLDER"]);
    assert_eq!(fs::read(&base).expect("it is there"), before);
    // A file that belongs to a set is not cut on its own either, if other files follow it.
    let first = folder.join(INCREMENT);
    let second = folder.join(SET).join("appendonly.aof.2.incr.aof");
    let manifest = folder.join(SET).join("appendonly.aof.manifest");
    let mut named = fs::read_to_string(&manifest).expect("it is there");
    named.push_str("file appendonly.aof.2.incr.aof seq 2 type i\n");
    fs::write(&manifest, named).expect("the file can be written");
    let (at, _) = batch(&first, 2);
    let bytes = fs::read(&first).expect("it is there");
    fs::write(&second, &bytes[at..]).expect("the file can be written");
    fs::write(&first, &bytes[..at - 1]).expect("the file can be written");
    let refused = "because it is not the last file";
    check(&["--fix", "--yes"], &first).expect(1, &["Failed to truncate AOF", refused]);
    check(&["--truncate-to-timestamp", "5"], &first).expect(1, &["has nothing before timestamp 5"]);
    check(&["--to-batch", "1", "--in-place"], &second)
        .expect(1, &["Nothing in these files lies before that"]);
    assert_eq!(fs::read(&first).expect("it is there"), bytes[..at - 1]);
}

#[test]
fn a_set_goes_back_to_a_batch_or_to_a_time_in_new_files_or_in_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    make_set(folder, 6);
    let increment = folder.join(INCREMENT);
    let whole = fs::read(&increment).expect("it is there");
    // Damage behind the cut does not matter.
    damage(&increment, "value:6", 2);
    let into = folder.join("batch");
    let words = ["--to-batch", "4", "--into", into.to_str().expect("text")];
    check(&words, folder).expect(0, &["All AOF files and manifest are valid", "Keys: 4;"]);
    check(&words, folder).expect(2, &["it is there already and not empty"]);
    let all = ["key:1", "key:2", "key:3", "key:4", "key:5", "key:6"];
    assert_eq!(found_keys(folder, "batch"), all[..4]);
    assert!(fs::read(&increment).expect("it is there").len() == whole.len(), "these files stay as they are");
    for (batch_number, said) in [("0", "Keys: 0;"), ("5", "Keys: 5;")] {
        let into = folder.join(format!("batch-{batch_number}"));
        check(&["--to-batch", batch_number, "--into", into.to_str().expect("text")], folder)
            .expect(0, &[said]);
    }
    check(&["--to-batch", "9", "--into", "/nowhere/x"], folder).expect(1, &["batch 6", "--salvage"]);
    fs::write(&increment, &whole[..whole.len() - 1]).expect("the file can be written");
    check(&["--to-batch", "6", "--into", "/nowhere/x"], folder)
        .expect(1, &["There is no batch 6: 5 is the last"]);
    fs::write(&increment, &whole).expect("the file can be written");
    check(&["--to-batch", "9", "--into", "/nowhere/x"], folder)
        .expect(1, &["There is no batch 9: 6 is the last one"]);

    let (third, time) = batch(&increment, 3);
    let cut = (1..=6)
        .map(|number| batch(&increment, number))
        .find(|(_, other)| *other > time)
        .map_or(whole.len(), |(at, _)| at);
    let into = folder.join("time");
    let words = ["--to-time", &time.to_string(), "--into", into.to_str().expect("text")];
    check(&words, folder).expect(0, &["All AOF files and manifest are valid"]);
    assert_eq!(fs::read(into.join("appendonly.aof.1.incr.aof")).expect("it is there"), whole[..cut]);
    check(&["--to-time", "5", "--in-place"], folder).expect(1, &["The base was written later than that"]);
    check(&["--to-batch", "2", "--in-place"], folder).expect(0, &["bytes are left", "Keys: 2;"]);
    assert_eq!(fs::read(&increment).expect("it is there"), whole[..third]);
    let kept = folder.join(format!("{INCREMENT}.cut-{third}"));
    assert_eq!(fs::read(kept).expect("it is kept"), whole[third..]);
    assert_eq!(found_keys(folder, SET), all[..2]);
}

#[test]
fn files_behind_a_cut_in_place_are_kept_under_other_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    make_set(folder, 4);
    let first = folder.join(INCREMENT);
    let second = folder.join(SET).join("appendonly.aof.2.incr.aof");
    let manifest = folder.join(SET).join("appendonly.aof.manifest");
    let before = fs::read_to_string(&manifest).expect("it is there");
    let mut named = fs::read_to_string(&manifest).expect("it is there");
    named.push_str("file appendonly.aof.2.incr.aof seq 2 type i\n");
    fs::write(&manifest, named).expect("the file can be written");
    let bytes = fs::read(&first).expect("it is there");
    let (third, _) = batch(&first, 3);
    // The second file has batches that follow on those of the first one.
    fs::write(&second, &bytes[third..]).expect("the file can be written");
    fs::write(&first, &bytes[..third]).expect("the file can be written");
    let into = folder.join("earlier");
    check(&["--to-batch", "3", "--into", into.to_str().expect("text")], folder).expect(0, &["Batches: 3,"]);
    let readable = |mode| fs::Permissions::from_mode(mode);
    fs::set_permissions(&manifest, readable(0o640)).expect("it is ours");
    fs::set_permissions(&second, readable(0o604)).expect("it is ours");
    check(&["--to-batch", "1", "--in-place"], folder)
        .expect(0, &["what lies behind the cut is in", "Batches: 1,"]);
    let names = |text: &str| -> Vec<String> {
        Manifest::parse(text).expect("it is valid").data().map(|entry| entry.name.clone()).collect()
    };
    assert_eq!(names(&fs::read_to_string(&manifest).expect("it is there")), names(&before));
    let kept = folder.join(SET).join("appendonly.aof.2.incr.aof.cut-0");
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&manifest), mode(&kept)), (0o640, 0o604));
    assert_eq!(fs::read(kept).expect("it is kept"), bytes[third..]);
    assert!(!second.exists());
    let server = Server::start(folder);
    let mut client = server.connect();
    assert_eq!(keys(&mut client), ["key:1"]);
    must(&mut client, "SET key:9 value:9");
    server.stop();
    let server = Server::start(folder);
    assert_eq!(text(&must(&mut server.connect(), "GET key:9")), "value:9");
    server.stop();
    check(&[], folder).expect(0, &["Batches: 2, from 1 of"]);
}

#[test]
fn a_manifest_and_its_checksums_are_made_to_fit_each_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    make_set(folder, 3);
    let path = |name: &str| folder.join(SET).join(format!("appendonly.aof.manifest{name}"));
    let (manifest, checksums) = (path(""), path(".checksums"));
    let whole = fs::read(&manifest).expect("it is there");
    let noted = fs::read(&checksums).expect("it is there");
    let refused = "it is not what its file of checksums says";
    for damage in [Some("type i"), Some("seq"), None] {
        let changed = String::from_utf8_lossy(&whole).replace(damage.unwrap_or_default(), "type h");
        match damage {
            Some(_) => fs::write(&manifest, &changed).expect("it can be written"),
            None => fs::remove_file(&manifest).expect("it is there"),
        }
        if damage == Some("type i") {
            assert!(Server::refused(folder, &[]).contains(refused));
            check(&[], folder).expect(2, &[refused, "--fix"]);
        }
        let kept = path(".cut-0");
        check_answered(&["--fix"], folder, "n\n").expect(1, &["Aborting"]);
        assert!(!kept.exists());
        check(&["--fix", "--yes"], folder).expect(0, &["It will say\nfile", "Keys: 3;"]);
        assert_eq!(fs::read(&manifest).expect("it is there"), whole);
        if damage.is_some() {
            assert_eq!(fs::read(&kept).expect("it is kept"), changed.as_bytes());
            fs::remove_file(kept).expect("it is there");
        }
    }
    damage(&checksums, "bytes", 0);
    assert!(Server::refused(folder, &[]).contains("manifest.checksums: the file is damaged"));
    check(&["--fix", "--yes"], folder).expect(0, &["so that the manifest counts as it is", "Keys: 3;"]);
    assert!(!checksums.exists());
    Server::start(folder).stop();
    assert_eq!(
        fs::read(&checksums).expect("it is there again").len(),
        noted.len() + "#before 01234567\n".len()
    );
}
