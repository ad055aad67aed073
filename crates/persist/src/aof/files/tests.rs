//! Every operation of the file system may fail, and the power may be cut after it: what was acknowledged is there.
//!
//! The data is a count: command `n` sets the key `n` in a batch of its own, a snapshot is all keys so far, so loading
//! all files in order must give 0, 1, 2, .. without a gap or a repetition.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use disk::{Call, Double, Fault};
use resp::write_command;
use stdx::rng::Rng;
use stdx::time::UnixMs;

use super::super::batch::{ANNOUNCEMENT, Chain, Framer};
use super::super::manifest::{Lease, MAX_LEASES, Seal};
use super::super::reader::{Reader, Tail};
use super::*;

/// Where the data of all servers here is.
const DATA: &str = "/data";

/// An error of the double is none of the files'.
fn io(error: io::Error) -> FilesError {
    FilesError::Io(String::new(), error)
}

fn path(name: &str) -> PathBuf {
    Path::new(DATA).join("set").join(name)
}

/// A double, and the disk that it is.
fn world(seed: u64) -> (Double, Disk) {
    let double = Double::new(Path::new(DATA), seed);
    (double.clone(), disk_of(double))
}

fn disk_of(double: Double) -> Disk {
    Disk::new(Arc::new(double))
}

fn open(disk: &Disk) -> Result<Files, FilesError> {
    let folder = Path::new(DATA).join("set");
    disk.make_folder(&folder).map_err(io)?;
    Files::open(disk.clone(), folder, "c")
}

/// The names in the folder of the set, without that of the file which is locked.
fn names(disk: &Disk) -> Vec<String> {
    let names = disk.list(&Path::new(DATA).join("set")).expect("nothing fails");
    names.into_iter().filter(|name| name != "c.lock").collect()
}

/// A server that does nothing but count.
struct Counter {
    files: Files,
    increment: String,
    framer: Framer,
    /// Bytes of the increment, and those that are on disk.
    length: u64,
    synced: u64,
    /// Commands run.
    count: u8,
    /// Commands known to be durable.
    acknowledged: u8,
}

/// A command, of a length that puts batches across pages.
fn command(number: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let value = "x".repeat(usize::from(number) * 331 % 2500);
    write_command(&mut bytes, &[b"SET", &[number][..], value.as_bytes()]);
    bytes
}

/// Loads all files, cuts what is torn, and returns how many commands there are and what the next batch follows on.
fn load(disk: &Disk, files: &Files) -> Result<(u8, Option<Chain>), FilesError> {
    let (mut keys, mut chain) = (Vec::new(), None);
    for entry in files.data().cloned().collect::<Vec<_>>() {
        let bytes = disk.read(&path(&entry.name)).map_err(io)?;
        let mut reader = Reader::new(0).following(chain);
        let mut take = |buffer: &[u8], args: &[std::ops::Range<usize>]| {
            keys.push(buffer[args[1].start]);
            Ok(())
        };
        let read = reader.read(&bytes, &mut take).expect("a power cut damages nothing");
        let tail = reader.end(&bytes[read..]).expect("a power cut damages nothing");
        let mut length = bytes.len() as u64;
        if let Tail::Torn(whole) = tail {
            length = whole;
            assert!(files.may_be_torn(&entry.name)?, "{}", entry.name);
            disk.truncate(&path(&entry.name), whole).map_err(io)?;
            disk.sync(&path(&entry.name)).map_err(io)?;
        }
        files.see_end(&entry, length, reader.chain()).expect("what was noted is on disk");
        chain = reader.chain().filter(|_| entry.kind == FileKind::Increment);
    }
    let expected: Vec<u8> = (0..keys.len() as u8).collect();
    assert_eq!(keys, expected, "{:?}", files.manifest);
    Ok((keys.len() as u8, chain))
}

impl Counter {
    fn start(disk: &Disk) -> Result<Self, FilesError> {
        let mut files = open(disk)?;
        let (count, chain) = load(disk, &files)?;
        let temporary = files.temporary_base();
        if files.is_empty() {
            disk.write(&path(&temporary), b"").map_err(io)?;
        }
        let increment = files.start(&temporary, false)?;
        let length = disk.length(&path(&increment)).map_err(io)?.unwrap_or(0);
        let framer = Framer::following(chain.unwrap_or_default());
        Ok(Self { files, increment, framer, length, synced: 0, count, acknowledged: count })
    }

    fn run(&mut self, disk: &Disk, commands: u8) -> Result<(), FilesError> {
        for _ in 0..commands {
            // A command whose append fails was not run.
            let mut framer = Framer::following(self.framer.chain());
            let mut bytes = Vec::new();
            framer.frame(&command(self.count), UnixMs(0), self.synced, &mut bytes);
            disk.open_to_append(&path(&self.increment)).and_then(|file| file.append(&bytes)).map_err(io)?;
            self.framer = framer;
            self.length += bytes.len() as u64;
            self.count += 1;
        }
        Ok(())
    }

    /// Where the increment ends.
    fn end(&self) -> End {
        End { length: self.length, chain: self.framer.chain() }
    }

    fn sync(&mut self, disk: &Disk) -> Result<(), FilesError> {
        disk.sync(&path(&self.increment)).map_err(io)?;
        self.acknowledged = self.count;
        self.synced = self.length;
        Ok(())
    }

    /// The increment is closed, all of which is on disk, and the next one begins.
    fn begin_rewrite(&mut self) -> Result<(), FilesError> {
        let closed = (self.increment.clone(), self.end());
        self.increment = self.files.begin_rewrite()?;
        let _ = self.files.note_end(&closed.0, closed.1);
        self.length = ANNOUNCEMENT.len() as u64;
        self.synced = self.length;
        Ok(())
    }

    /// A rewrite with commands between its steps; goes on after errors, as a server would.
    fn rewrite(&mut self, disk: &Disk) -> Result<(), FilesError> {
        self.run(disk, 2)?;
        self.sync(disk)?;
        self.begin_rewrite()?;
        let snapshot: Vec<u8> = (0..self.count).flat_map(command).collect();
        self.run(disk, 2)?;
        let temporary = self.files.temporary_base();
        let written = disk.write(&path(&temporary), &snapshot).map_err(io);
        self.run(disk, 1)?;
        self.sync(disk)?;
        let finished = written.and_then(|()| self.files.finish_rewrite(&temporary, false));
        if finished.is_err() && self.files.is_rewriting() {
            self.files.abandon_rewrite(&temporary, false);
        }
        self.run(disk, 1)?;
        finished
    }
}

#[test]
fn the_end_of_an_increment_is_noted_while_nobody_writes_to_it() {
    let (_, disk) = world(1);
    let mut counter = Counter::start(&disk).expect("nothing fails");
    counter.run(&disk, 3).and_then(|()| counter.sync(&disk)).expect("nothing fails");
    let (name, end) = (counter.increment.clone(), counter.end());
    counter.files.begin_rewrite().and_then(|_| counter.files.note_end(&name, end)).expect("nothing fails");
    let first = |files: &Files| files.manifest.increments().next().cloned().expect("there is one");
    let files = open(&disk).expect("nothing fails");
    let entry = first(&files);
    assert_eq!(entry.end, Some(end));
    assert!(files.see_end(&entry, end.length, Some(end.chain)).is_ok());
    assert!(files.see_end(&entry, end.length, None).is_ok());
    let Chain { number, link } = end.chain;
    for (length, chain) in [
        (end.length - 1, Some(end.chain)),
        (end.length + 1, Some(end.chain)),
        (end.length - 1, None),
        (end.length, Some(Chain { number: number - 1, link })),
        (end.length, Some(Chain { number, link: link ^ 1 })),
    ] {
        let error = files.see_end(&entry, length, chain).expect_err("it ends elsewhere");
        assert!(
            error.to_string().contains(&format!("ended at byte {} behind batch 3", end.length)),
            "{error}"
        );
    }
    // The rewrite fails, and the increment goes on.
    counter.files.abandon_rewrite("temp-nothing", true);
    let files = open(&disk).expect("nothing fails");
    assert_eq!(first(&files).end, None);
    // What the last one is to end with is noted by nobody.
    counter.files.note_end(&name, end).expect("nothing fails");
    assert_eq!(first(&open(&disk).expect("nothing fails")).end, None);
}

#[test]
fn an_increment_that_is_closed_behind_a_new_base_may_hold_no_batch() {
    let (_, disk) = world(1);
    let mut counter = Counter::start(&disk).expect("nothing fails");
    counter.run(&disk, 3).and_then(|()| counter.sync(&disk)).expect("nothing fails");
    counter.begin_rewrite().expect("nothing fails");
    let snapshot: Vec<u8> = (0..counter.count).flat_map(command).collect();
    let temporary = counter.files.temporary_base();
    disk.write(&path(&temporary), &snapshot).expect("nothing fails");
    counter.files.finish_rewrite(&temporary, false).expect("nothing fails");
    // The chain goes on behind the base, which holds its batches; and the rewrite that closes the increment never ends.
    counter.begin_rewrite().expect("nothing fails");
    let files = open(&disk).expect("nothing fails");
    let closed = files.manifest.increments().next().cloned().expect("there are two");
    let noted = End { length: ANNOUNCEMENT.len() as u64, chain: counter.framer.chain() };
    assert_eq!((closed.end, noted.chain.number), (Some(noted), 3));
    assert_eq!(load(&disk, &files).expect("it is sound"), (3, None));
}

#[test]
fn a_power_cut_after_any_operation_loses_nothing_acknowledged() {
    for seed in 0..60 {
        for call in 0.. {
            let (double, disk) = world(seed);
            double.plan(call..usize::MAX, Fault::PowerCut);
            let (mut ran, mut acknowledged) = (0, 0);
            if let Ok(mut counter) = Counter::start(&disk) {
                let _ = counter.run(&disk, 3);
                let _ = counter.sync(&disk);
                let _ = counter.rewrite(&disk).and_then(|()| counter.rewrite(&disk));
                (ran, acknowledged) = (counter.count, counter.acknowledged);
            }
            let is_over = double.hit().is_none();
            double.cut_power(&mut Rng::from_seed(seed));
            let mut again = Counter::start(&disk).expect("what is left can be loaded");
            // The command may be there whose append was cut short.
            assert!(
                (acknowledged..=ran + 1).contains(&again.count),
                "seed {seed}, call {call}: {} of {acknowledged}..={ran}",
                again.count
            );
            // And it can go on from there.
            again.rewrite(&disk).expect("nothing fails any more");
            let count = Counter::start(&disk).expect("all is well").count;
            assert_eq!(count, again.count);
            if is_over {
                assert!(call > 100, "every call has been the last one");
                break;
            }
        }
    }
}

#[test]
fn what_a_killed_server_had_not_synced_is_durable_when_the_next_one_has_started() {
    for seed in 0..60 {
        let (double, disk) = world(seed);
        let mut killed = Counter::start(&disk).expect("nothing fails");
        killed.run(&disk, 5).expect("nothing fails");
        // It ends before it syncs the increment that it leaves.
        killed.files.begin_rewrite().expect("nothing fails");
        assert!(killed.files.is_unfinished());

        let mut next = Counter::start(&disk).expect("all is there");
        next.run(&disk, 3).and_then(|()| next.sync(&disk)).expect("nothing fails");
        double.cut_power(&mut Rng::from_seed(seed));
        assert_eq!(Counter::start(&disk).expect("all is there").count, 8, "seed {seed}");
    }
}

#[test]
fn one_failing_call_does_not_stop_later_ones() {
    for error in [5, 28] {
        for failing in 0.. {
            let (double, disk) = world(failing as u64);
            let mut counter = Counter::start(&disk).expect("nothing fails");
            let call = double.calls() + failing;
            double.plan(call..call + 1, Fault::Error(error));
            let _ = counter.rewrite(&disk);
            let Some(hit) = double.hit() else { break };
            if hit == Call::Sync {
                // Nobody knows what is in that file: only the journal can tell what follows.
                continue;
            }
            counter.rewrite(&disk).expect("nothing fails any more");
            counter.sync(&disk).expect("nothing fails");
            double.cut_power(&mut Rng::from_seed(failing as u64));
            let again = Counter::start(&disk).expect("all is there");
            assert_eq!(again.count, counter.count, "after failure {failing}");
        }
    }
}

#[test]
fn a_power_cut_after_a_step_that_failed_loses_nothing() {
    for failing in 0.. {
        for call in 0.. {
            let seed = (failing * 100 + call) as u64;
            let (double, disk) = world(seed);
            let mut counter = Counter::start(&disk).expect("nothing fails");
            let first = double.calls() + failing;
            double.plan(first..first + 1, Fault::Error(5));
            let _ = counter.rewrite(&disk);
            let hit = double.hit();
            if !matches!(hit, None | Some(Call::Rename | Call::SyncFolder)) {
                break; // what stands there by which name is known
            }
            let next = double.calls() + call;
            double.plan(next..usize::MAX, Fault::PowerCut);
            let _ = counter.rewrite(&disk);
            let is_over = !double.is_off();
            double.cut_power(&mut Rng::from_seed(seed));
            let again = Counter::start(&disk).expect("what is left can be loaded");
            assert!(again.count >= counter.acknowledged, "failure {failing}, call {call}");
            if hit.is_none() {
                return;
            }
            if is_over {
                break;
            }
        }
    }
}

#[test]
fn a_rewrite_leaves_the_files_that_redis_would() {
    let (_, disk) = world(1);
    let mut counter = Counter::start(&disk).expect("nothing fails");
    assert_eq!(names(&disk), ["c.1.base.aof", "c.1.incr.aof", "c.manifest", "c.manifest.checksums"]);
    counter.rewrite(&disk).expect("nothing fails");
    assert_eq!(names(&disk), ["c.2.base.aof", "c.2.incr.aof", "c.manifest", "c.manifest.checksums"]);
    let manifest = String::from_utf8(disk.read(&path("c.manifest")).unwrap()).unwrap();
    assert_eq!(manifest, "file c.2.base.aof seq 2 type b\nfile c.2.incr.aof seq 2 type i\n");
}

#[test]
fn the_single_file_of_redis_6_becomes_the_base() {
    for call in 0.. {
        let (double, disk) = world(call as u64);
        let outside = Path::new(DATA).join("c");
        let bytes: Vec<u8> = (0..3).flat_map(command).collect();
        disk.write(&outside, &bytes).and_then(|()| disk.sync(&outside)).expect("nothing fails");
        disk.sync_folder(Path::new(DATA)).expect("nothing fails");
        let call = double.calls() + call;
        double.plan(call..usize::MAX, Fault::PowerCut);
        let first = Counter::start(&disk).map(|counter| counter.count);
        assert!(first.is_err() || first.is_ok_and(|count| count == 3));
        let is_over = double.hit().is_none();
        double.cut_power(&mut Rng::from_seed(call as u64));
        let again = Counter::start(&disk).expect("nothing fails any more");
        assert_eq!(again.count, 3, "{call}");
        assert_eq!(disk.length(&outside).expect("nothing fails"), None);
        assert_eq!(names(&disk), ["c", "c.1.incr.aof", "c.manifest", "c.manifest.checksums"]);
        if is_over {
            break;
        }
    }
}

/// A folder with such files.
fn files(files: &[(&str, &[u8])]) -> Disk {
    let (_, disk) = world(1);
    disk.make_folder(&Path::new(DATA).join("set")).unwrap();
    for (name, bytes) in files {
        disk.write(&path(name), bytes).unwrap();
    }
    disk
}

#[test]
fn files_that_do_not_fit_are_told() {
    let disk = files(&[("c.manifest", b"file c.1.base.rdb seq 1 type b\n")]);
    let error = open(&disk).expect_err("missing").to_string();
    assert!(error.starts_with("c.1.base.rdb is named by the manifest, but not there"), "{error}");

    let disk = files(&[("c.3.incr.aof", b"data")]);
    let error = open(&disk).expect_err("orphan").to_string();
    assert!(error.starts_with("c.3.incr.aof: the file holds data"), "{error}");

    let base = ("c.1.base.rdb", &b""[..]);
    let disk = files(&[base, ("c.manifest", b"file c.1.base.rdb seq 1 type b\n")]);
    let error = open(&disk).expect_err("empty").to_string();
    assert!(error.starts_with("c.1.base.rdb: the file is empty"), "{error}");

    let disk = files(&[("c.3.incr.aof", b"data"), ("c.manifest", b"file x\n")]);
    let error = open(&disk).expect_err("bad manifest").to_string();
    assert!(error.starts_with("c.manifest: line 1: Invalid AOF manifest file format: 'file x'"), "{error}");
}

#[test]
fn only_a_base_without_keys_is_blank() {
    let blank = b"REDIS0011\xfa\x03abc\x03def\xff\0\0\0\0\0\0\0\0";
    let one_key = b"REDIS0011\xfe\0\0\x01k\x01v\xff\0\0\0\0\0\0\0\0";
    open(&files(&[("c.1.base.rdb", blank)])).expect("it is what a first start leaves that is interrupted");
    for base in [&one_key[..], &one_key[..14], &blank[..20], b"*1\r\n$4\r\nPING\r\n"] {
        let error = open(&files(&[("c.1.base.rdb", base)])).expect_err("orphan").to_string();
        assert!(error.starts_with("c.1.base.rdb: the file holds data"), "{error}");
    }
}

#[test]
fn nothing_is_written_over_data_that_the_manifest_does_not_name() {
    let manifest: &[u8] = b"file c.1.base.aof seq 1 type b\nfile c.1.incr.aof seq 1 type i\n";
    let lost: [(&str, &[u8]); 2] = [("c.2.incr.aof", b"increment"), ("c.2.base.aof", b"base")];
    let disk =
        files(&[("c.manifest", manifest), ("c.1.base.aof", b"x"), ("c.1.incr.aof", b"y"), lost[0], lost[1]]);
    let mut files = open(&disk).expect("what is named is there");
    assert_eq!(files.unnamed(), ["c.2.base.aof", "c.2.incr.aof"]);
    files.start("", false).expect("nothing fails");
    assert_eq!(files.begin_rewrite().expect("nothing fails"), "c.3.incr.aof");
    disk.write(&path(&files.temporary_base()), b"z").unwrap();
    files.finish_rewrite(&files.temporary_base(), false).expect("nothing fails");
    let expected = [
        "c.2.base.aof",
        "c.2.incr.aof",
        "c.3.base.aof",
        "c.3.incr.aof",
        "c.manifest",
        "c.manifest.checksums",
    ];
    assert_eq!(names(&disk), expected);
    for (name, bytes) in lost {
        assert_eq!(disk.read(&path(name)).unwrap(), bytes);
    }
}

/// What a start makes of a manifest with this text, if it takes it.
fn taken(disk: &Disk, manifest: &[u8]) -> Result<Manifest, String> {
    disk.write(&path("c.manifest"), manifest).expect("nothing fails");
    open(disk).map(|files| files.manifest).map_err(|error| error.to_string())
}

#[test]
fn no_bit_and_no_line_of_a_manifest_or_of_its_checksums_changes_unseen() {
    let (double, disk) = world(1);
    let mut files = empty_set(&disk);
    for step in 0..4 {
        match step {
            1 => {
                assert_eq!(files.begin_rewrite().expect("nothing fails"), "c.2.incr.aof");
                disk.write(&path("c.2.incr.aof"), b"data").expect("nothing fails");
            }
            2 => assert_eq!(files.keep("me", UnixMs(5)).expect("nothing fails"), None),
            3 => {
                disk.write(&path(&files.temporary_base()), b"new").expect("nothing fails");
                files.finish_rewrite(&files.temporary_base(), false).expect("nothing fails");
            }
            _ => {}
        }
        let whole = disk.read(&path("c.manifest")).expect("it is there");
        let expected = files.manifest.clone();
        for name in ["c.manifest", "c.manifest.checksums"] {
            let length = disk.length(&path(name)).expect("nothing fails").expect("it is there");
            for bit in 0..length as usize * 8 {
                let double = double.copy();
                double.flip(&path(name), bit);
                let read = open(&disk_of(double));
                match read {
                    Err(error) => assert!(error.to_string().contains("manifest"), "{error}"),
                    // Words may be written in capitals.
                    Ok(files) => assert_eq!(files.manifest, expected, "step {step}, bit {bit} of {name}"),
                }
            }
        }
        let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
        for lost in 0..lines.len() {
            let rest = [&lines[..lost], &lines[lost + 1..]].concat().concat();
            // Redis leaves comments out: it is only the lease that is lost then.
            let read = taken(&disk_of(double.copy()), &rest);
            assert!(read.is_err() || lines[lost][0] == b'#', "step {step}: {read:?}");
        }
        assert_eq!(taken(&disk, &whole), Ok(expected));
    }
}

#[test]
fn what_another_server_makes_of_the_set_is_taken_and_nothing_else_is() {
    let (double, disk) = world(1);
    let mut files = empty_set(&disk);
    files.begin_rewrite().expect("nothing fails");
    for name in ["c.2.incr.aof", "c.3.incr.aof", "c.1.base.aof", "c.4.base.aof", "c.9.incr.aof", "x"] {
        disk.write(&path(name), b"data").expect("nothing fails");
    }
    let (base, first, second) = (
        "file c.1.base.rdb seq 1 type b\n",
        "file c.1.incr.aof seq 1 type i\n",
        "file c.2.incr.aof seq 2 type i\n",
    );
    let (third, ninth) = ("file c.3.incr.aof seq 3 type i\n", "file c.9.incr.aof seq 9 type i\n");
    let new_base = "file c.4.base.aof seq 4 type b\n";
    let history = "file c.1.incr.aof seq 1 type h\nfile c.2.incr.aof seq 2 type h\n";
    let old_base = "file c.1.base.rdb seq 1 type h\n";
    for (text, is_taken) in [
        ([base, first, second].concat(), true),
        ([base, first, second, third].concat(), true),
        ([base, first, second, third, ninth].concat(), true),
        ([new_base, third].concat(), true),
        ([new_base, ninth].concat(), true),
        ([new_base, second].concat(), true),
        ([new_base, old_base, history, third].concat(), true),
        (["file c.1.base.aof seq 1 type b\n", first, third].concat(), true),
        ([base, first].concat(), false),
        ([base, second].concat(), false),
        ([first, second].concat(), false),
        ([base, history].concat(), false),
        ([base, first, second, "file x seq 3 type i\n"].concat(), false),
        ([base, first, second, "file c.3.incr.aof seq 4 type i\n"].concat(), false),
        ([base, first, second, third, "# a comment\n"].concat(), false),
        (["file x seq 4 type b\n", third].concat(), false),
        (["file c.4.base.aof seq 5 type b\n", third].concat(), false),
        (["file c.1.base.rdb seq 2 type b\n", first, second].concat(), false),
    ] {
        let disk = disk_of(double.copy());
        let read = taken(&disk, text.as_bytes());
        assert_eq!(read.is_ok(), is_taken, "{text}{read:?}");
        match read {
            Err(error) => assert!(error.contains("it is not what its file of checksums says"), "{error}"),
            Ok(read) => {
                let is_old = read.base().is_some_and(|base| base.name == "c.1.base.rdb");
                assert_eq!(read.base().and_then(|base| base.fingerprint).is_some(), is_old);
                // The next start has checksums of it.
                open(&disk).and_then(|mut files| files.start("", true)).expect("nothing fails");
                let files = open(&disk).expect("nothing fails");
                assert!(
                    files.is_noted && files.manifest.base().is_some_and(|base| base.fingerprint.is_some())
                );
            }
        }
        // Who has changed it on purpose says so.
        disk.remove(&path("c.manifest.checksums")).expect("nothing fails");
        assert!(taken(&disk, text.as_bytes()).is_ok(), "{text}");
    }
}

#[test]
fn a_sealed_copy_counts_whatever_lay_beside_it() {
    let (_, disk) = world(1);
    let files = empty_set(&disk);
    disk.write(&path("c.7.base.rdb"), b"sealed").expect("nothing fails");
    let base = ManifestEntry::base("c", 7, true);
    let seal = Some(Seal { started_s: 1, ended_s: 2, lengths: vec![6] });
    let sealed = Manifest { entries: vec![base], seal, ..Manifest::default() };
    assert_eq!(taken(&disk, sealed.format_checked().as_bytes()), Ok(sealed));
    drop(files);
    let mut files = open(&disk).expect("nothing fails");
    files.start("", true).expect("nothing fails");
    assert!(open(&disk).expect("nothing fails").is_noted);
}

#[test]
fn an_older_base_is_not_taken_for_the_one_that_the_increments_follow() {
    let (_, disk) = world(1);
    let mut files = open(&disk).expect("nothing fails");
    disk.write(&path("first"), b"the first base").expect("nothing fails");
    files.start("first", false).expect("nothing fails");
    let older = disk.read(&path("c.1.base.aof")).expect("it is there");
    files.begin_rewrite().expect("nothing fails");
    disk.write(&path(&files.temporary_base()), b"a later base").expect("nothing fails");
    files.finish_rewrite(&files.temporary_base(), false).expect("nothing fails");
    drop(files);
    let meant = || {
        let files = open(&disk).expect("all files are there");
        let base = files.data().next().expect("there is a base").clone();
        files.see_meant(&base).map_err(|error| error.to_string())
    };
    assert_eq!(meant(), Ok(()));
    let newer = disk.read(&path("c.2.base.aof")).expect("it is there");
    let mut longer = vec![b'x'; 2 << 20];
    longer.extend_from_slice(&newer);
    for other in [&older[..], &newer[1..], b"A later base", &longer] {
        disk.write(&path("c.2.base.aof"), other).expect("nothing fails");
        let error = meant().expect_err("it is another one");
        assert!(error.starts_with("c.2.base.aof: this is not the base that the manifest names"), "{error}");
    }
    disk.write(&path("c.2.base.aof"), &newer).expect("nothing fails");
    assert_eq!(meant(), Ok(()));
}

#[test]
fn only_a_file_behind_which_nothing_stands_may_be_torn() {
    let manifest = b"file a seq 1 type i\nfile b seq 2 type i\nfile d seq 3 type i\n";
    for (last, may_be_torn) in [
        (&b""[..], [false, true, true]),
        (ANNOUNCEMENT, [false, true, true]),
        (b"#BATCHES:0\r\n", [false, false, true]),
        (b"z", [false, false, true]),
    ] {
        let disk = files(&[("c.manifest", manifest), ("a", b"x"), ("b", b"y"), ("d", last)]);
        let files = open(&disk).unwrap();
        assert_eq!(["a", "b", "d"].map(|name| files.may_be_torn(name).unwrap()), may_be_torn);
    }
}

#[test]
fn rewrites_that_fail_leave_no_more_files_each_time() {
    let (double, disk) = world(1);
    let mut counter = Counter::start(&disk).expect("nothing fails");
    counter.run(&disk, 3).and_then(|()| counter.sync(&disk)).expect("nothing fails");
    let before = names(&disk);
    for _ in 0..5 {
        counter.files.begin_rewrite().expect("nothing fails");
        let temporary = counter.files.temporary_base();
        counter.files.abandon_rewrite(&temporary, true);
        assert_eq!(names(&disk), before);
    }
    // Where even the manifest cannot be replaced, every try takes the same name.
    double.spoil(Call::Rename, Fault::Error(5));
    for _ in 0..5 {
        counter.files.begin_rewrite().expect_err("it has no name yet");
    }
    assert!(names(&disk).len() <= before.len() + 2, "{:?}", names(&disk));
    double.heal();
    counter.rewrite(&disk).and_then(|()| counter.sync(&disk)).expect("nothing fails any more");
    assert_eq!(Counter::start(&disk).expect("all is there").count, counter.count);
}

#[test]
fn history_is_kept_for_those_who_have_a_lease_and_no_longer() {
    let (_, disk) = world(1);
    let mut files = open(&disk).expect("nothing fails");
    disk.write(&path(&files.temporary_base()), b"").expect("nothing fails");
    files.start(&files.temporary_base(), true).expect("nothing fails");
    let rewrite = |files: &mut Files| {
        files.begin_rewrite().expect("nothing fails");
        disk.write(&path(&files.temporary_base()), b"").expect("nothing fails");
        files.finish_rewrite(&files.temporary_base(), false).expect("nothing fails");
    };
    let kept = |files: &Files| -> Vec<u64> { files.history().iter().map(|entry| entry.sequence).collect() };
    rewrite(&mut files);
    assert_eq!(kept(&files), [0; 0]);
    assert_eq!(files.keep("slow", UnixMs(100)).expect("nothing fails"), None);
    rewrite(&mut files);
    assert_eq!(files.keep("quick", UnixMs(200)).expect("nothing fails"), None);
    rewrite(&mut files);
    assert_eq!(kept(&files), [2, 3]);
    assert!(
        names(&disk).contains(&"c.2.incr.aof".to_owned())
            && !names(&disk).contains(&"c.1.incr.aof".to_owned())
    );
    // A lease that goes on keeps what it had, and a start changes nothing.
    assert_eq!(files.keep("slow", UnixMs(500)).expect("nothing fails"), None);
    files = open(&disk).expect("nothing fails");
    assert_eq!(kept(&files), [2, 3]);
    files.pass_on(lease("slow", 150, 4)).expect("nothing fails");
    assert_eq!(kept(&files), [3]);
    files.pass_on(lease("slow", 150, 2)).expect("nothing fails");
    assert_eq!(
        (kept(&files), files.kept().expect("nothing fails").leases),
        (vec![3], 2),
        "nothing comes back"
    );
    assert_eq!(files.end_leases(UnixMs(150)).expect("nothing fails"), [""; 0]);
    assert_eq!(files.end_leases(UnixMs(201)).expect("nothing fails"), ["slow", "quick"]);
    assert_eq!(kept(&files), [0; 0]);
    assert!(!names(&disk).contains(&"c.3.incr.aof".to_owned()));
    for number in 0..MAX_LEASES {
        let until = UnixMs(100 - number as i64 % 7);
        assert_eq!(files.keep(&number.to_string(), until).expect("nothing fails"), None);
    }
    assert_eq!(
        files.keep("one more", UnixMs(99)).expect("nothing fails").as_deref(),
        Some("6"),
        "it ends first"
    );
    assert_eq!(files.keep("3", UnixMs(1)).expect("nothing fails"), None, "it has one");
    assert_eq!(files.kept().expect("nothing fails").leases, MAX_LEASES);
    // What a file holds that was off does not follow on what was before.
    rewrite(&mut files);
    assert_eq!(kept(&files), [4]);
    files.begin_anew().expect("nothing fails");
    disk.write(&path(&files.temporary_base()), b"").expect("nothing fails");
    files.finish_rewrite(&files.temporary_base(), false).expect("nothing fails");
    assert_eq!(kept(&files), [0; 0]);
    assert!(files.end_all_leases().expect("nothing fails").is_empty());
    assert_eq!(files.keep("me", UnixMs(1)).expect("nothing fails"), None);
    rewrite(&mut files);
    assert_eq!(files.end_all_leases().expect("nothing fails"), ["me"]);
    assert_eq!(
        (kept(&files), names(&disk).len()),
        (vec![], 4),
        "a manifest with its checksums, a base and an increment are left"
    );
}

fn lease(name: &str, until: i64, from: u64) -> Lease {
    Lease { name: name.to_owned(), until: UnixMs(until), from }
}

/// A set whose rewrites have nothing to write.
fn empty_set(disk: &Disk) -> Files {
    let mut files = open(disk).expect("nothing fails");
    disk.write(&path(&files.temporary_base()), b"base").expect("nothing fails");
    files.start(&files.temporary_base(), true).expect("nothing fails");
    files
}

fn rewrite_empty(disk: &Disk, files: &mut Files) {
    files.begin_rewrite().expect("nothing fails");
    disk.write(&path(&files.temporary_base()), b"").expect("nothing fails");
    files.finish_rewrite(&files.temporary_base(), false).expect("nothing fails");
}

#[test]
fn who_never_has_what_he_comes_for_keeps_nothing_for_ever() {
    let (_, disk) = world(1);
    let mut files = empty_set(&disk);
    for hour in 0..48 {
        assert_eq!(files.end_leases(UnixMs(hour)).expect("nothing fails"), [""; 0]);
        assert_eq!(files.keep("fails", UnixMs(hour + 47)).expect("nothing fails"), None);
        rewrite_empty(&disk, &mut files);
    }
    assert_eq!(files.history().len(), 48);
    assert_eq!(files.end_leases(UnixMs(48)).expect("nothing fails"), ["fails"]);
    assert_eq!(files.history().len(), 0);
}

#[test]
fn a_lease_that_ends_during_a_backup_goes_on_if_nothing_has_gone() {
    let (_, disk) = world(1);
    let mut files = empty_set(&disk);
    files.keep("slow", UnixMs(10)).expect("nothing fails");
    assert_eq!(files.end_leases(UnixMs(11)).expect("nothing fails"), ["slow"]);
    files.pass_on(lease("slow", 99, 1)).expect("nothing fails");
    rewrite_empty(&disk, &mut files);
    assert_eq!(files.kept().expect("nothing fails").files, 1);
    assert_eq!(files.end_leases(UnixMs(100)).expect("nothing fails"), ["slow"]);
    files.pass_on(lease("slow", 199, 1)).expect("nothing fails");
    assert_eq!(
        files.kept().expect("nothing fails"),
        Kept::default(),
        "what he has not got is not there any more"
    );
}

#[test]
fn what_is_kept_is_bounded() {
    let (_, disk) = world(1);
    let mut files = empty_set(&disk);
    for name in ["old", "new"] {
        files.keep(name, UnixMs(1)).expect("nothing fails");
        for _ in 0..3 {
            rewrite_empty(&disk, &mut files);
        }
    }
    let all = files.kept().expect("nothing fails");
    let length = ANNOUNCEMENT.len() as u64;
    assert_eq!(all, Kept { leases: 2, files: 6, bytes: 6 * length });
    assert_eq!(files.end_leases_beyond(6, 6 * length).expect("nothing fails"), [""; 0]);
    assert_eq!(files.end_leases_beyond(6, 6 * length - 1).expect("nothing fails"), ["old"]);
    assert_eq!(files.kept().expect("nothing fails"), Kept { leases: 1, files: 3, bytes: 3 * length });
    assert_eq!(files.end_leases_beyond(3, u64::MAX).expect("nothing fails"), [""; 0]);
    assert_eq!(files.end_leases_beyond(2, u64::MAX).expect("nothing fails"), ["new"]);
    assert_eq!(files.kept().expect("nothing fails"), Kept::default());
}

#[test]
fn two_sets_in_one_folder_leave_each_other_alone() {
    let (double, disk) = world(1);
    double.begin_locking();
    let folder = Path::new(DATA).join("set");
    disk.make_folder(&folder).expect("nothing fails");
    let open = |prefix: &str| Files::open(disk.clone(), folder.clone(), prefix);
    let mut first = open("c").expect("nobody uses it");
    let temporary = first.temporary_base();
    disk.write(&path(&temporary), b"").expect("nothing fails");
    let lines: [&str; 3] = ["temp-c.manifest", "temp-c.manifest.checksums", "temp-rewriteaof-increment.c"];
    lines.iter().for_each(|name| disk.write(&path(name), b"").expect("nothing fails"));
    let there = names(&disk);
    let second = open("c.2").expect("its names are other ones");
    assert!(there.iter().all(|name| names(&disk).contains(name)), "they are not its own");
    assert!(matches!(open("c"), Err(FilesError::Locked)));
    assert!(matches!(open("c.2"), Err(FilesError::Locked)));
    first.start(&temporary, false).expect("nothing fails");
    drop((first, second));
    open("c.2").expect("nobody uses it");
    open("c").expect("nobody uses it");
    assert_eq!(names(&disk).iter().filter(|name| name.starts_with("temp-")).count(), 0);
}

#[test]
fn whoever_has_the_whole_folder_is_told_from_another_server_of_the_set() {
    let (double, disk) = world(1);
    double.begin_locking();
    let folder = Path::new(DATA).join("set");
    disk.make_folder(&folder).expect("nothing fails");
    let refusal = || open(&disk).expect_err("it is taken").within(&folder);
    let whole = disk.lock(&folder).expect("nobody has it");
    let told = refusal();
    assert!(told.starts_with("/data/set: somebody has the whole folder") && told.contains("--fix"), "{told}");
    drop(whole);
    let files = open(&disk).expect("nobody uses it");
    let told = refusal();
    assert!(told.starts_with("/data/set: another server uses this folder"), "{told}");
    drop(files);
}

#[test]
fn a_lock_that_cannot_be_taken_refuses_the_set_and_is_told() {
    let (double, disk) = world(1);
    let folder = Path::new(DATA).join("set");
    disk.make_folder(&folder).expect("nothing fails");
    double.begin_locking();
    // The folder is shared first.
    for (turn, path) in [(0, "/data/set"), (1, "/data/set/c.lock")] {
        let (watched, turns) = (double.clone(), AtomicUsize::new(0));
        double.watch(move |call| {
            if call == Call::Lock && turns.fetch_add(1, Ordering::Relaxed) == turn {
                watched.spoil(Call::Lock, Fault::Error(5));
            }
        });
        let told = open(&disk).expect_err("whether it is used is not known").within(&folder);
        let begin = format!("{path}: the lock that keeps other servers off cannot be taken: ");
        assert!(told.starts_with(&begin), "{told}");
        double.heal();
    }
}

#[test]
fn a_name_is_refused_for_which_the_lines_of_the_manifest_have_no_room() {
    let (_, disk) = world(1);
    let folder = Path::new(DATA).join("set");
    disk.make_folder(&folder).expect("nothing fails");
    let open = |prefix: &str| Files::open(disk.clone(), folder.clone(), prefix);
    let refusal = open(&"\u{1}".repeat(222)).expect_err("it is too long").within(&folder);
    assert!(refusal.starts_with("/data/set: `appendfilename` is too long"), "{refusal}");
    let longest = "\u{1}".repeat(221);
    let mut files = open(&longest).expect("it has room");
    disk.write(&path(&files.temporary_base()), b"base").expect("nothing fails");
    files.last_increment = u64::MAX - 2;
    let name = files.start(&files.temporary_base(), true).expect("nothing fails");
    files.begin_rewrite().expect("nothing fails");
    let end = End { length: u64::MAX, chain: Chain { number: u64::MAX, link: u32::MAX } };
    files.note_end(&name, end).expect("nothing fails");
    drop(files);
    let files = open(&longest).expect("all lines can be read");
    assert_eq!(files.manifest.increments().next().and_then(|entry| entry.end), Some(end));
}

#[test]
fn what_no_step_has_left_is_no_leftover() {
    let others =
        ["temp-rewriteaof-+5.c", "temp-rewriteaof-.c", "temp-rewriteaof-05.c", "temp-rewriteaof-5.d"];
    let left = ["temp-rewriteaof-5.c", "temp-rewriteaof-increment.c"];
    let there: Vec<(&str, &[u8])> = others.iter().chain(&left).map(|&name| (name, &b""[..])).collect();
    let disk = files(&there);
    open(&disk).expect("nothing fails");
    let mut names = names(&disk);
    names.sort_unstable();
    assert_eq!(names, others);
}
