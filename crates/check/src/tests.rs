//! The program in process: every changed bit and every cut of small files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use clap::Parser;
use keyspace::DbIndex;
use node::{Loader, Side};
use persist::aof::{
    ANNOUNCEMENT, Chain, Checksums, End, FileKind, FileReader, Framer, Manifest, ManifestEntry, Part, Tail,
};
use persist::rdb::{Encoder, Notes, WriteOptions};
use persist::{Placement, Reason};
use resp::write_command;
use stdx::rng::Rng;
use stdx::time::UnixMs;
use value::{StringRef, ValueRef};

use crate::options::Options;
use crate::read::WHOLE;
use crate::{Verdict, clock, read, world};

/// Runs the program with these words and then paths; gives the verdict, if there is one, and what it said.
fn run(words: &str, paths: &[&Path]) -> (Option<Verdict>, String) {
    let words = ["rustypotato-check"].into_iter().chain(words.split_whitespace()).map(Into::into);
    let paths = paths.iter().map(|path| path.as_os_str().to_owned());
    let options = Options::try_parse_from(words.chain(paths)).expect("legal options");
    let mut out = Vec::new();
    let result = crate::run(&options, &mut out);
    let said = String::from_utf8(out).expect("text");
    match result {
        Ok(verdict) => (Some(verdict), said),
        Err(failure) => (None, format!("{said}{failure}")),
    }
}

/// Batches as a server writes them, of these commands, the first of them of number 7.
fn batches(batches: &[&[&[&str]]]) -> Vec<u8> {
    let mut framer = Framer::following(Chain { number: 6, link: 99 });
    let mut bytes = Vec::new();
    for (index, batch) in batches.iter().enumerate() {
        let mut commands = Vec::new();
        for command in *batch {
            write_command(&mut commands, command);
        }
        let synced = if index > 1 { 40 } else { 0 };
        framer.frame(&commands, UnixMs(1_700_000_000_000 + 1000 * index as i64), synced, &mut bytes);
    }
    bytes
}

fn sample() -> Vec<u8> {
    batches(&[
        &[&["SELECT", "0"], &["SET", "a", "one"]],
        &[&["MULTI"], &["SET", "b", "two"], &["SET", "c", "three"], &["EXEC"]],
        &[&["SELECT", "3"], &["SET", "a", "four"]],
        &[&["SELECT", "3"], &["SET", "d", "five"]],
        &[&["SELECT", "0"], &["SET", "e", "six"]],
    ])
}

/// The strings of a file, by database and name.
fn content(path: &Path) -> BTreeMap<(u16, String), String> {
    let node = world::node();
    let mut loader = Loader::new(&node, Side::Main, clock::now());
    let mut compile = |_: &[u8]| Err("there are none".to_owned());
    let mut placement = Placement::new(None, &mut compile);
    let reader = FileReader::new(world::read_options(&node));
    let read = read::read(path, reader, WHOLE, &mut |part| match part {
        Part::Item(item) => placement.take(item, loader.access()).map_err(Reason::from),
        Part::Command(buffer, args) => loader.apply(buffer, args),
        Part::Run(_) | Part::Mark(_) => Ok(()),
    });
    read.expect("it can be read").end.expect("it is sound");
    let snapshot = loader.access().snapshot(|_| ());
    let mut found = BTreeMap::new();
    for database in snapshot.databases() {
        for shard in 0..snapshot.shards() {
            snapshot.for_each(shard, database, &mut |seen| {
                let ValueRef::String(value) = seen.value else { panic!("strings only") };
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                found.insert((database.0, text(seen.key)), text(&value.contiguous()));
            });
        }
    }
    found
}

/// What persist's reader says of bytes, when no command is run.
fn judgement(bytes: &[u8]) -> Verdict {
    let node = world::node();
    let mut reader = FileReader::new(world::read_options(&node));
    let whole = reader.read(bytes, &mut |_| Ok(())).and_then(|()| reader.end(&mut |_| Ok(())));
    if whole == Ok(Tail::Whole) { Verdict::Sound } else { Verdict::Damaged }
}

/// Salvage of one in so many variants is tried: it takes several times as long as a check,
/// and this step meets every byte.
const SALVAGE_STEP: usize = 5;

/// Every file with one bit changed, and every beginning of it.
fn variants(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let flipped = (0..8 * bytes.len()).map(|bit| {
        let mut changed = bytes.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        changed
    });
    flipped.chain((0..bytes.len()).map(|end| bytes[..end].to_vec()))
}

#[test]
fn every_changed_bit_of_a_file_of_commands_is_judged_as_by_the_reader_and_never_saved_as_a_wrong_value() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file.aof");
    let bytes = sample();
    fs::write(&path, &bytes).expect("the file can be written");
    let all = content(&path);
    assert_eq!(all.len(), 6);
    assert_eq!(run("", &[&path]).0, Some(Verdict::Sound));
    for (index, changed) in variants(&bytes).enumerate() {
        fs::write(&path, &changed).expect("the file can be written");
        let expected = judgement(&changed);
        let (verdict, said) = run("--quick", &[&path]);
        assert_eq!(verdict, Some(expected), "{said}\n{}", changed.escape_ascii());
        if !index.is_multiple_of(SALVAGE_STEP) {
            continue;
        }
        let saved = folder.path().join("saved");
        let (verdict, said) = run("--salvage", &[&saved, &path]);
        assert_eq!(verdict, Some(Verdict::Sound), "{said}");
        let found = content(&saved.join("file.aof"));
        assert!(found.iter().all(|(key, value)| all.get(key) == Some(value)), "{found:?}\n{said}");
        // One batch is lost at most, which holds two keys at most; a cut costs what was cut off.
        assert!(found.len() >= all.len() - 2 || changed.len() < bytes.len(), "{found:?}\n{said}");
        fs::remove_dir_all(&saved).expect("it is there");
    }
}

fn sample_rdb() -> Vec<u8> {
    let notes = Notes {
        redis_version: "8.0.0",
        own_version: "0.1.0",
        created: UnixMs(1_700_000_000_000),
        used_memory: 0,
        is_aof_base: false,
    };
    let mut out = Vec::new();
    let options = WriteOptions { compression: true, checksum: true, field_expiry: false };
    let mut encoder = Encoder::new(options, &notes, &mut out);
    encoder.database(DbIndex(0), 2, 1, &mut out);
    encoder.entries(&mut out, |entries| {
        entries.push(b"a", ValueRef::String(StringRef::Inline(b"one")), None);
        entries.push(
            b"b",
            ValueRef::String(StringRef::Inline(&[b'x'; 100])),
            Some(UnixMs(1_900_000_000_000)),
        );
    });
    encoder.finish(&mut out);
    out
}

#[test]
fn every_changed_bit_of_an_rdb_file_is_damage() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file.rdb");
    let bytes = sample_rdb();
    fs::write(&path, &bytes).expect("the file can be written");
    let (verdict, said) = run("", &[&path]);
    assert_eq!(verdict, Some(Verdict::Sound));
    assert!(said.contains("Keys: 2; with a time to live: 1, of which 0 are due"), "{said}");
    for (index, changed) in variants(&bytes).enumerate() {
        fs::write(&path, &changed).expect("the file can be written");
        let (verdict, said) = run("", &[&path]);
        assert_eq!(verdict, Some(Verdict::Damaged), "{said}\n{}", changed.escape_ascii());
        if !index.is_multiple_of(SALVAGE_STEP) {
            continue;
        }
        let saved = folder.path().join("saved");
        // What is no RDB data at all cannot be saved; the rest can be read then, whatever it is.
        let (verdict, said) = run("--salvage", &[&saved, &path]);
        assert!(verdict == Some(Verdict::Sound) || !changed.starts_with(b"REDIS0"), "{said}");
        fs::remove_dir_all(&saved).expect("it is there");
    }
}

#[test]
fn every_changed_bit_of_a_manifest_gives_a_verdict_or_a_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.manifest");
    let text = b"file x.1.base.rdb seq 1 type b\nfile x.1.incr.aof seq 1 type i\n";
    fs::write(folder.path().join("x.1.base.rdb"), sample_rdb()).expect("the file can be written");
    fs::write(folder.path().join("x.1.incr.aof"), sample()).expect("the file can be written");
    fs::write(&path, text).expect("the file can be written");
    assert_eq!(run("", &[&path]).0, Some(Verdict::Sound));
    for changed in variants(text) {
        fs::write(&path, &changed).expect("the file can be written");
        let (verdict, said) = run("--quick", &[&path]);
        assert!(verdict.is_some() || said.contains("x.manifest"), "{said}");
    }
}

/// Batches of a key each, some of them long, in several databases.
fn many_batches(rng: &mut Rng) -> Vec<u8> {
    let mut framer = Framer::default();
    let mut bytes = Vec::new();
    let mut commands = Vec::new();
    for number in 0..40_u64 {
        let database = if number > 20 { rng.below(3).to_string() } else { "0".to_owned() };
        commands.clear();
        write_command(&mut commands, &["SELECT", &database]);
        let value = format!("{number}.").repeat(1 + rng.below(400) as usize);
        write_command(&mut commands, &["SET", &format!("key:{number}"), &value]);
        framer.frame(&commands, UnixMs(1000 * number as i64), bytes.len() as u64 / 2, &mut bytes);
    }
    bytes
}

/// Something happens to bytes.
fn spoil(bytes: &mut Vec<u8>, rng: &mut Rng) {
    let from = rng.below(bytes.len() as u64) as usize;
    let until = (from + 1 + rng.below(2000) as usize).min(bytes.len());
    match rng.below(6) {
        0 => bytes[from] ^= 1 << rng.below(8),
        1 => drop(bytes.drain(from..until)),
        2 => bytes[from..until].fill(0),
        3 => bytes[from..until].fill_with(|| rng.next_u64() as u8),
        4 => {
            let copy = bytes[from..until].to_vec();
            bytes.splice(from..from, copy);
        }
        _ => bytes.truncate(until),
    }
}

#[test]
fn whatever_happens_to_a_file_what_is_saved_is_right() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file.aof");
    for seed in 0..150 {
        let mut rng = Rng::from_seed(seed);
        let whole = many_batches(&mut rng);
        fs::write(&path, &whole).expect("the file can be written");
        let all = content(&path);
        let mut bytes = whole.clone();
        let damages = 1 + rng.below(4);
        for _ in 0..damages {
            spoil(&mut bytes, &mut rng);
        }
        fs::write(&path, &bytes).expect("the file can be written");
        assert_eq!(run("--quick", &[&path]).0, Some(judgement(&bytes)), "seed {seed}");
        let saved = folder.path().join("saved");
        let (verdict, said) = run("--salvage", &[&saved, &path]);
        assert_eq!(verdict, Some(Verdict::Sound), "seed {seed}: {said}");
        let found = content(&saved.join("file.aof"));
        let is_right = |(key, value): (&(u16, String), &String)| all.get(key) == Some(value);
        assert!(found.iter().all(is_right), "seed {seed}: {said}");
        fs::remove_dir_all(&saved).expect("it is there");
        // No value here looks like batches.
        let (verdict, said) = run("--doubtful --salvage", &[&saved, &path]);
        assert_eq!(verdict, Some(Verdict::Sound), "seed {seed}: {said}");
        let found = content(&saved.join("file.aof"));
        assert!(found.iter().all(is_right), "seed {seed}: {said}");
        // What holds as many bytes as 2,000 of a file, and one more at each end; and what was cut off.
        let is_whole = |key: &&(u16, String)| {
            let text = format!("\r\n{}\r\n", all[*key]);
            bytes.windows(text.len()).any(|window| window == text.as_bytes())
        };
        let there = all.keys().filter(is_whole).count();
        assert!(
            found.len() + 8 * damages as usize >= there,
            "seed {seed}: {} of {there}\n{said}",
            found.len()
        );
        fs::remove_dir_all(&saved).expect("it is there");
    }
}

#[test]
fn what_makes_no_sense_without_what_is_lost_is_left_out_and_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file.aof");
    let mut bytes = batches(&[
        &[&["SET", "a", "one"]],
        &[&["DEL", "a"]],
        &[&["MULTI"], &["RPUSH", "a", "x"], &["SET", "b", "two"], &["EXEC"]],
        &[&["SET", "c", "three"]],
    ]);
    let at = bytes.windows(3).position(|window| window == b"DEL").expect("it is there");
    bytes[at] ^= 1;
    fs::write(&path, &bytes).expect("the file can be written");
    let saved = folder.path().join("saved");
    let (verdict, said) = run("--salvage", &[&saved, &path]);
    assert_eq!(verdict, Some(Verdict::Sound), "{said}");
    assert!(
        said.contains("1 batches are missing, between batch 7 of 2023-11-14T22:13:20.000Z and batch 9"),
        "{said}"
    );
    assert!(said.contains("left out: batch 9: the command 'RPUSH' is refused: WRONGTYPE"), "{said}");
    let found: Vec<String> = content(&saved.join("file.aof")).into_keys().map(|(_, name)| name).collect();
    assert_eq!(found, ["a", "b", "c"]);
}

#[test]
fn a_value_that_looks_like_batches_is_not_saved_as_some() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file.aof");
    let mut forged = Vec::new();
    let mut framer = Framer::following(Chain { number: 7, link: 1 });
    for _ in 0..3 {
        framer.frame(b"*1\r\n$8\r\nFLUSHALL\r\n", UnixMs(1), 0, &mut forged);
    }
    let forged = String::from_utf8(forged).expect("ASCII");
    for behind in [&[&["SET", "b", "two"][..]][..], &[]] {
        let value = [&["SET", "v", &forged][..]];
        let all = [&[&["SET", "a", "one"][..]][..], &value, behind];
        let count = if behind.is_empty() { 2 } else { 3 };
        let bytes = batches(&all[..count]);
        let line = bytes.windows(8).position(|window| window == b"#BATCH:8").expect("it is there");
        for damaged in [line + 9, line + 2, line + 100] {
            let mut bytes = bytes.clone();
            bytes[damaged] ^= 1;
            fs::write(&path, &bytes).expect("the file can be written");
            let saved = folder.path().join("saved");
            let (verdict, said) = run("--salvage", &[&saved, &path]);
            assert_eq!(verdict, Some(Verdict::Sound), "{said}");
            let found = content(&saved.join("file.aof"));
            let has = |name: &str| found.contains_key(&(0, name.to_owned()));
            assert!(has("a") && has("b") != behind.is_empty(), "{damaged}: {found:?}\n{said}");
            fs::remove_dir_all(&saved).expect("it is there");
        }
    }
}

#[test]
fn a_value_with_the_number_of_its_own_batch_is_not_saved_as_that_batch() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file.aof");
    let saved = folder.path().join("saved");
    for number in [6, 7, 8, 9] {
        let mut forged = b"x\r\n".to_vec();
        let mut framer = Framer::following(Chain { number, link: 1 });
        framer.frame(b"*3\r\n$3\r\nSET\r\n$5\r\nowned\r\n$3\r\nyes\r\n", UnixMs(1), 0, &mut forged);
        let forged = String::from_utf8(forged).expect("ASCII");
        let value = ["SET", "v", &forged];
        let mut bytes =
            batches(&[&[&["SET", "a", "1"]], &[&value], &[&["SET", "b", "2"]], &[&["SET", "c", "3"]]]);
        let line = bytes.windows(8).position(|window| window == b"#BATCH:8").expect("it is there");
        bytes[line + 9] ^= 1;
        fs::write(&path, &bytes).expect("the file can be written");
        let (verdict, said) = run("--salvage", &[&saved, &path]);
        assert_eq!(verdict, Some(Verdict::Sound), "{said}");
        let found: Vec<String> = content(&saved.join("file.aof")).into_keys().map(|(_, name)| name).collect();
        assert_eq!(found, ["a", "b", "c"], "{said}");
        fs::remove_dir_all(&saved).expect("it is there");
    }
}

/// A batch with these bytes of a value is damaged, and long batches follow it: how many of their keys are saved.
fn saved_behind(value: &[u8]) -> (Option<Verdict>, usize, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file.aof");
    let value = std::str::from_utf8(value).expect("ASCII");
    let long = "x".repeat(20_000);
    let names: Vec<String> = (0..40).map(|number| format!("k{number}")).collect();
    let sets: Vec<[&str; 3]> = names.iter().map(|name| ["SET", name, &long]).collect();
    let sets: Vec<[&[&str]; 1]> = sets.iter().map(|set| [&set[..]]).collect();
    let damaged = ["SET", "v", value];
    let damaged = [&damaged[..]];
    let all: Vec<&[&[&str]]> = std::iter::once(&damaged[..]).chain(sets.iter().map(|set| &set[..])).collect();
    let mut bytes = batches(&[&[&[&["SET", "a", "1"][..]][..]][..], &all].concat());
    let line = bytes.windows(8).position(|window| window == b"#BATCH:8").expect("it is there");
    bytes[line + 9] ^= 1;
    fs::write(&path, &bytes).expect("the file can be written");
    let saved = folder.path().join("saved");
    let (verdict, said) = run("--salvage", &[&saved, &path]);
    (verdict, content(&saved.join("file.aof")).len(), said)
}

#[test]
fn lines_without_their_content_do_not_end_the_search_for_batches_or_that_is_told() {
    let lines = |length: usize| {
        let mut lines = Vec::new();
        for number in 100..3100 {
            let mut batch = Vec::new();
            let content = "y".repeat(length);
            Framer::following(Chain { number, link: 0 }).frame(content.as_bytes(), UnixMs(1), 0, &mut batch);
            lines.extend_from_slice(&batch[..batch.len() - length]);
        }
        lines
    };
    let (verdict, keys, said) = saved_behind(&lines(60));
    assert_eq!((verdict, keys), (Some(Verdict::Sound), 41), "{said}");
    // Each claims so much that it costs as much to look at as the file.
    let (verdict, keys, said) = saved_behind(&lines(500_000));
    assert_eq!((verdict, keys), (Some(Verdict::Damaged), 1), "{said}");
    assert!(said.contains("the search for batches was given up"), "{said}");
}

#[test]
fn a_time_does_not_keep_commands_of_which_nothing_tells_when_they_were_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file.aof");
    let mut untimed = Vec::new();
    write_command(&mut untimed, &["SET", "a", "b"]);
    write_command(&mut untimed, &["FLUSHALL"]);
    let into = folder.path().join("into");
    for (bytes, is_told) in [
        (untimed.clone(), false),
        ([&batches(&[&[&["SET", "c", "d"]]])[..], &untimed].concat(), false),
        ([&untimed[..], &batches(&[&[&["SET", "c", "d"]]])].concat(), true),
        ([b"#TS:1700000001\r\n", &untimed[..]].concat(), true),
    ] {
        fs::write(&path, &bytes).expect("the file can be written");
        let (verdict, said) = run("--to-time 1800000000 --into", &[&into, &path]);
        let expected = if is_told { Verdict::Sound } else { Verdict::Damaged };
        assert_eq!(verdict, Some(expected), "{said}");
        assert_eq!(said.contains("--untimed keeps them"), !is_told, "{said}");
        assert_eq!(into.exists(), is_told);
        let _ = fs::remove_dir_all(&into);
        let (verdict, said) = run("--untimed --to-time 1800000000 --into", &[&into, &path]);
        assert_eq!(verdict, Some(Verdict::Sound), "{said}");
        fs::remove_dir_all(&into).expect("it is there");
    }
}

#[test]
fn a_file_is_not_cut_where_nobody_knows_whether_others_follow_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let set = folder.path().join("set");
    fs::create_dir(&set).expect("a folder can be made");
    let (first, manifest) = (set.join("x.1.incr.aof"), set.join("x.manifest"));
    let bytes = sample();
    let torn = &bytes[..bytes.len() - 3];
    fs::write(&first, torn).expect("the file can be written");
    fs::write(set.join("x.2.incr.aof"), &bytes).expect("the file can be written");
    fs::write(&manifest, "file x.1.incr.aof seq 1 type i\nfile x.2.in").expect("the file can be written");
    let (verdict, said) = run("--fix", &[&first]);
    assert_eq!(verdict, None, "{said}");
    assert!(said.contains("x.manifest"), "{said}");
    // By a link from another folder.
    let whole = "file x.1.incr.aof seq 1 type i\nfile x.2.incr.aof seq 2 type i\n";
    fs::write(&manifest, whole).expect("the file can be written");
    let link = folder.path().join("link.aof");
    std::os::unix::fs::symlink(&first, &link).expect("a link can be made");
    let (verdict, said) = run("--fix", &[&link]);
    assert_eq!(verdict, Some(Verdict::Damaged), "{said}");
    assert!(said.contains("because it is not the last file"), "{said}");
    assert_eq!(fs::read(&first).expect("it is there"), torn);
}

#[test]
fn a_closed_increment_that_was_cut_between_two_batches_is_found_and_can_be_taken_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let write = |name: &str, bytes: &[u8]| fs::write(path(name), bytes).expect("the file can be written");
    let whole = sample();
    let mut reader = FileReader::new(world::read_options(&world::node()));
    reader.read(&whole, &mut |_| Ok(())).expect("it is sound");
    let end = End { length: whole.len() as u64, chain: reader.chain().expect("there are batches") };
    let entry = |number: u64| ManifestEntry::new(format!("x.{number}.incr.aof"), number, FileKind::Increment);
    let closed = ManifestEntry { end: Some(end), ..entry(1) };
    let manifest = Manifest { entries: vec![closed, entry(2)], ..Manifest::default() };
    write("x.2.incr.aof", ANNOUNCEMENT);
    write("x.manifest", manifest.format().as_bytes());
    write("x.manifest.checksums", Checksums { manifest, before: None }.format().as_bytes());
    write("x.1.incr.aof", &whole);
    let manifest = path("x.manifest");
    assert_eq!(run("", &[&manifest]).0, Some(Verdict::Sound));
    let last = whole.windows(7).rposition(|bytes| bytes == b"#BATCH:").expect("there are batches");
    write("x.1.incr.aof", &whole[..last]);
    let (verdict, said) = run("", &[&manifest]);
    assert_eq!(verdict, Some(Verdict::Damaged), "{said}");
    let told =
        format!("it ends at byte {last} behind batch 10, and ended at byte {} behind batch 11", whole.len());
    assert!(said.contains(&told), "{said}");
    let (verdict, said) = run("--fix --yes", &[&manifest]);
    assert_eq!(verdict, Some(Verdict::Sound), "{said}");
    assert_eq!(run("", &[&manifest]).0, Some(Verdict::Sound));
}

#[test]
fn a_closed_increment_without_a_batch_is_whole_behind_a_base_and_behind_damage() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let write = |name: &str, bytes: &[u8]| fs::write(path(name), bytes).expect("the file can be written");
    // The base has taken the place of the batches that it follows on.
    let end = End { length: ANNOUNCEMENT.len() as u64, chain: Chain { number: 11, link: 7 } };
    let entry = |number: u64| ManifestEntry::new(format!("x.{number}.incr.aof"), number, FileKind::Increment);
    let closed = ManifestEntry { end: Some(end), ..entry(2) };
    for (first, name, bytes, verdict) in [
        (ManifestEntry::base("x", 1, true), "x.1.base.rdb", sample_rdb(), Verdict::Sound),
        (entry(1), "x.1.incr.aof", [&sample()[..], b"?"].concat(), Verdict::Damaged),
    ] {
        let manifest = Manifest { entries: vec![first, closed.clone(), entry(3)], ..Manifest::default() };
        write(name, &bytes);
        write("x.2.incr.aof", ANNOUNCEMENT);
        write("x.3.incr.aof", ANNOUNCEMENT);
        write("x.manifest", manifest.format().as_bytes());
        write("x.manifest.checksums", Checksums { manifest, before: None }.format().as_bytes());
        let (found, said) = run("", &[&path("x.manifest")]);
        assert_eq!(found, Some(verdict), "{said}");
        assert!(!said.contains("when the next increment was begun"), "{said}");
        // Its length tells that it was cut.
        for left in [0, 5] {
            write("x.2.incr.aof", &ANNOUNCEMENT[..left]);
            let (found, said) = run("", &[&path("x.manifest")]);
            assert_eq!(found, Some(Verdict::Damaged), "{said}");
            assert!(said.contains("it ends at byte 0, and ended at byte 12 behind batch 11"), "{said}");
        }
    }
}

#[test]
fn a_manifest_that_names_a_file_twice_or_itself_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.manifest");
    fs::write(folder.path().join("a"), sample()).expect("the file can be written");
    for (text, told) in [
        ("file x.manifest seq 1 type i\n", "it names itself"),
        ("file a seq 1 type i\nfile a seq 2 type i\n", "line 2: Found a file that is named twice"),
    ] {
        fs::write(&path, text).expect("the file can be written");
        let (verdict, said) = run("--fix --yes", &[&path]);
        assert_eq!(verdict, None, "{said}");
        assert!(said.contains(told), "{said}");
        assert_eq!(fs::read_to_string(&path).expect("it is there"), text);
    }
}

#[test]
fn what_is_saved_is_sound_and_something() {
    let folder = tempfile::tempdir().expect("a folder");
    let saved = folder.path().join("saved");
    let path = folder.path().join("x.rdb");
    fs::write(&path, [sample_rdb(), sample()].concat()).expect("the file can be written");
    assert_eq!(run("", &[&path]).0, Some(Verdict::Damaged));
    let (verdict, said) = run("--salvage", &[&saved, &path]);
    assert_eq!(verdict, Some(Verdict::Sound), "{said}");
    assert!(said.contains("left out: the commands behind the data"), "{said}");
    assert_eq!(fs::read(saved.join("x.rdb")).expect("it is there"), sample_rdb());
    fs::remove_dir_all(&saved).expect("it is there");
    fs::write(&path, [sample_rdb(), vec![0; 9]].concat()).expect("the file can be written");
    let (verdict, said) = run("", &[&path]);
    assert_eq!(verdict, Some(Verdict::Sound), "{said}");
    assert!(said.contains("9 bytes follow the end of the data; a server passes over them"), "{said}");
    let manifest = folder.path().join("x.manifest");
    for text in ["# nothing\n", "file gone seq 1 type i\n"] {
        fs::write(&manifest, text).expect("the file can be written");
        let (verdict, said) = run("--salvage", &[&saved, &manifest]);
        assert_eq!(verdict, None, "{said}");
        assert!(!saved.exists());
    }
}

#[test]
fn commands_behind_half_an_rdb_file_are_left_out_as_behind_a_whole_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let (saved, path) = (folder.path().join("saved"), folder.path().join("x.rdb"));
    let rdb = sample_rdb();
    fs::write(&path, [&rdb[..rdb.len() / 2], &sample()].concat()).expect("the file can be written");
    let (verdict, said) = run("--salvage", &[&saved, &path]);
    assert_eq!(verdict, Some(Verdict::Sound), "{said}");
    assert!(said.contains("left out: the commands behind the data"), "{said}");
}

#[test]
fn nothing_is_written_through_a_link() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.aof");
    let bytes = sample();
    fs::write(&path, &bytes[..bytes.len() - 3]).expect("the file can be written");
    let last = bytes.windows(9).position(|window| window == b"#BATCH:11").expect("it is there");
    let target = folder.path().join("elsewhere");
    let link = folder.path().join(format!("x.aof.torn-{last}"));
    std::os::unix::fs::symlink(&target, &link).expect("a link can be made");
    let (verdict, said) = run("--fix", &[&path]);
    assert_eq!(verdict, Some(Verdict::Sound), "{said}");
    assert!(!target.exists(), "{said}");
    assert!(folder.path().join(format!("x.aof.torn-{last}-2")).exists());
}

#[test]
fn rdb_data_that_is_written_anew_tells_when_it_was_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let saved = folder.path().join("saved");
    let path = folder.path().join("x.rdb");
    let mut bytes = sample_rdb();
    *bytes.last_mut().expect("it ends with a checksum") ^= 1;
    fs::write(&path, bytes).expect("the file can be written");
    let (verdict, said) = run("--salvage", &[&saved, &path]);
    assert_eq!(verdict, Some(Verdict::Sound), "{said}");
    assert!(said.contains("made at 2023-11-14T22:13:20"), "{said}");
}
