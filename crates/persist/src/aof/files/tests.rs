//! Every operation of the file system may fail, and the power may be cut after it: what was acknowledged is there.
//!
//! The data is a count: command `n` sets the key `n` in a batch of its own, a snapshot is all keys so far, so loading all files in
//! order must give 0, 1, 2, .. without a gap or a repetition.

use resp::write_command;
use stdx::rng::Rng;
use stdx::time::UnixMs;

use super::super::batch::{Chain, Framer};
use super::super::double::Double;
use super::super::reader::{Reader, Tail};
use super::*;

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
fn load(disk: &mut Double, files: &Files) -> Result<(u8, Option<Chain>), FilesError> {
    let (mut keys, mut chain) = (Vec::new(), None);
    for entry in files.data().cloned().collect::<Vec<_>>() {
        let bytes = disk.read(&entry.name).map_err(about(&entry.name))?;
        let mut reader = Reader::new(0).following(chain);
        let mut take = |buffer: &[u8], args: &[std::ops::Range<usize>]| {
            keys.push(buffer[args[1].start]);
            Ok(())
        };
        let read = reader.read(&bytes, &mut take).expect("a power cut damages nothing");
        if let Tail::Torn(whole) = reader.end(&bytes[read..]).expect("a power cut damages nothing") {
            assert!(files.may_be_torn(disk, &entry.name).map_err(about(&entry.name))?, "{}", entry.name);
            disk.truncate(&entry.name, whole).map_err(about(&entry.name))?;
            disk.sync(&entry.name).map_err(about(&entry.name))?;
        }
        chain = reader.chain().filter(|_| entry.kind == FileKind::Increment);
    }
    let expected: Vec<u8> = (0..keys.len() as u8).collect();
    assert_eq!(keys, expected, "{:?}", files.manifest);
    Ok((keys.len() as u8, chain))
}

impl Counter {
    fn start(disk: &mut Double) -> Result<Self, FilesError> {
        let mut files = Files::open(disk, "c")?;
        let (count, chain) = load(disk, &files)?;
        let temporary = files.temporary_base();
        if files.is_empty() {
            disk.write(&temporary, b"").map_err(about(&temporary))?;
        }
        let increment = files.start(disk, &temporary, true)?;
        let length = disk.length(&increment).map_err(about(&increment))?.unwrap_or(0);
        let framer = Framer::following(chain.unwrap_or_default());
        Ok(Self { files, increment, framer, length, synced: 0, count, acknowledged: count })
    }

    fn run(&mut self, disk: &mut Double, commands: u8) -> Result<(), FilesError> {
        for _ in 0..commands {
            // A command whose append fails was not run.
            let mut framer = Framer::following(self.framer.chain());
            let mut bytes = Vec::new();
            framer.frame(&command(self.count), UnixMs(0), self.synced, &mut bytes);
            disk.append(&self.increment, &bytes).map_err(about(""))?;
            self.framer = framer;
            self.length += bytes.len() as u64;
            self.count += 1;
        }
        Ok(())
    }

    fn sync(&mut self, disk: &mut Double) -> Result<(), FilesError> {
        disk.sync(&self.increment).map_err(about(""))?;
        self.acknowledged = self.count;
        self.synced = self.length;
        Ok(())
    }

    /// A rewrite with commands between its steps; goes on after errors, as a server would.
    fn rewrite(&mut self, disk: &mut Double) -> Result<(), FilesError> {
        self.run(disk, 2)?;
        self.sync(disk)?;
        self.increment = self.files.begin_rewrite(disk)?;
        (self.length, self.synced) = (0, 0);
        let snapshot: Vec<u8> = (0..self.count).flat_map(command).collect();
        self.run(disk, 2)?;
        let temporary = self.files.temporary_base();
        let written = disk.write(&temporary, &snapshot).map_err(about(""));
        self.run(disk, 1)?;
        self.sync(disk)?;
        let finished = written.and_then(|()| self.files.finish_rewrite(disk, &temporary, true));
        if finished.is_err() && self.files.is_rewriting() {
            self.files.abandon_rewrite(disk, &temporary);
        }
        self.run(disk, 1)?;
        finished
    }
}

#[test]
fn a_power_cut_after_any_operation_loses_nothing_acknowledged() {
    for seed in 0..60 {
        for fuel in 0..75 {
            let mut rng = Rng::from_seed(seed);
            let mut disk = Double::with_fuel(fuel);
            let (mut ran, mut acknowledged) = (0, 0);
            if let Ok(mut counter) = Counter::start(&mut disk) {
                let _ = counter.run(&mut disk, 3);
                let _ = counter.sync(&mut disk);
                let _ = counter.rewrite(&mut disk).and_then(|()| counter.rewrite(&mut disk));
                (ran, acknowledged) = (counter.count, counter.acknowledged);
            }
            disk.cut_power(&mut rng);
            let mut again = Counter::start(&mut disk).expect("what is left can be loaded");
            assert!(
                (acknowledged..=ran).contains(&again.count),
                "seed {seed}, fuel {fuel}: {} of {acknowledged}..={ran}",
                again.count
            );
            // And it can go on from there.
            again.rewrite(&mut disk).expect("nothing fails any more");
            let count = Counter::start(&mut disk).expect("all is well").count;
            assert_eq!(count, again.count);
        }
    }
}

#[test]
fn what_a_killed_server_had_not_synced_is_durable_when_the_next_one_has_started() {
    for seed in 0..60 {
        let mut disk = Double::default();
        let mut killed = Counter::start(&mut disk).expect("nothing fails");
        killed.run(&mut disk, 5).expect("nothing fails");
        // It ends before it syncs the increment that it leaves.
        killed.files.begin_rewrite(&mut disk).expect("nothing fails");
        assert!(killed.files.is_unfinished());

        let mut next = Counter::start(&mut disk).expect("all is there");
        next.run(&mut disk, 3).and_then(|()| next.sync(&mut disk)).expect("nothing fails");
        disk.cut_power(&mut Rng::from_seed(seed));
        assert_eq!(Counter::start(&mut disk).expect("all is there").count, 8, "seed {seed}");
    }
}

#[test]
fn one_failing_operation_does_not_stop_later_ones() {
    for failing in 0..60 {
        let mut rng = Rng::from_seed(failing as u64);
        let mut disk = Double::default();
        let mut counter = Counter::start(&mut disk).expect("nothing fails");
        disk.fuel = Some(failing);
        let _ = counter.rewrite(&mut disk);
        disk.fuel = None;
        counter.rewrite(&mut disk).expect("nothing fails any more");
        counter.sync(&mut disk).expect("nothing fails");
        disk.cut_power(&mut rng);
        let again = Counter::start(&mut disk).expect("all is there");
        assert_eq!(again.count, counter.count, "after failure {failing}");
    }
}

#[test]
fn a_rewrite_leaves_the_files_that_redis_would() {
    let mut disk = Double::default();
    let mut counter = Counter::start(&mut disk).expect("nothing fails");
    assert_eq!(disk.list().unwrap(), ["c.1.base.rdb", "c.1.incr.aof", "c.manifest"]);
    counter.rewrite(&mut disk).expect("nothing fails");
    assert_eq!(disk.list().unwrap(), ["c.2.base.rdb", "c.2.incr.aof", "c.manifest"]);
    let manifest = disk.read("c.manifest").unwrap();
    assert_eq!(manifest, b"file c.2.base.rdb seq 2 type b\nfile c.2.incr.aof seq 2 type i\n");
}

#[test]
fn the_single_file_of_redis_6_becomes_the_base() {
    for fuel in 0..8 {
        let mut disk = Double::with_fuel(fuel);
        disk.outside.insert("c".to_owned(), (0..3).flat_map(command).collect());
        let first = Counter::start(&mut disk).map(|counter| counter.count);
        assert!(first.is_err() || first.is_ok_and(|count| count == 3));
        disk.cut_power(&mut Rng::from_seed(fuel as u64));
        let again = Counter::start(&mut disk).expect("nothing fails any more");
        assert_eq!(again.count, 3, "{fuel}");
        assert!(disk.outside.is_empty());
        assert_eq!(disk.list().unwrap(), ["c", "c.1.incr.aof", "c.manifest"]);
    }
}

#[test]
fn files_that_do_not_fit_are_told() {
    let mut disk = Double::default();
    disk.write("c.manifest", b"file c.1.base.rdb seq 1 type b\n").unwrap();
    let error = Files::open(&mut disk, "c").expect_err("missing").to_string();
    assert!(error.starts_with("c.1.base.rdb is named by the manifest, but not there"), "{error}");

    let mut disk = Double::default();
    disk.write("c.3.incr.aof", b"data").unwrap();
    let error = Files::open(&mut disk, "c").expect_err("orphan").to_string();
    assert!(error.starts_with("c.3.incr.aof: the file holds data"), "{error}");

    disk.write("c.manifest", b"file x\n").unwrap();
    let error = Files::open(&mut disk, "c").expect_err("bad manifest").to_string();
    assert!(error.starts_with("c.manifest: line 1: Invalid AOF manifest file format: 'file x'"), "{error}");
}

#[test]
fn only_a_file_behind_which_nothing_stands_may_be_torn() {
    let mut disk = Double::default();
    disk.write("c.manifest", b"file a seq 1 type i\nfile b seq 2 type i\nfile d seq 3 type i\n").unwrap();
    for (name, bytes) in [("a", &b"x"[..]), ("b", b"y"), ("d", b"")] {
        disk.write(name, bytes).unwrap();
    }
    let files = Files::open(&mut disk, "c").unwrap();
    let torn = ["a", "b", "d"].map(|name| files.may_be_torn(&mut disk, name).unwrap());
    assert_eq!(torn, [false, true, true]);
}
