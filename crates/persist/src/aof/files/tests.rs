//! Every operation of the file system may fail, and the power may be cut after it: what was acknowledged is there.
//!
//! The data is a count: command `n` appends the byte `n`, a snapshot is all bytes so far, so loading all files in
//! order must give 0, 1, 2, .. without a gap or a repetition.

use stdx::rng::Rng;

use super::super::double::Double;
use super::*;

/// A server that does nothing but count.
struct Counter {
    files: Files,
    increment: String,
    /// Commands run.
    count: u8,
    /// Commands known to be durable.
    acknowledged: u8,
}

impl Counter {
    fn start(disk: &mut Double) -> Result<Self, FilesError> {
        let mut files = Files::open(disk, "c")?;
        let mut data = Vec::new();
        let names: Vec<String> = files.data().map(|entry| entry.name.clone()).collect();
        for name in &names {
            data.extend(disk.read(name).map_err(about(name))?);
        }
        let expected: Vec<u8> = (0..data.len() as u8).collect();
        assert_eq!(data, expected, "{:?}", files.manifest);
        let temporary = files.temporary_base();
        if files.is_empty() {
            disk.write(&temporary, b"").map_err(about(&temporary))?;
        }
        let increment = files.start(disk, &temporary, true)?;
        let count = data.len() as u8;
        Ok(Self { files, increment, count, acknowledged: count })
    }

    fn run(&mut self, disk: &mut Double, commands: u8) -> Result<(), FilesError> {
        for _ in 0..commands {
            // A command whose append fails was not run.
            disk.append(&self.increment, &[self.count]).map_err(about(""))?;
            self.count += 1;
        }
        Ok(())
    }

    fn sync(&mut self, disk: &mut Double) -> Result<(), FilesError> {
        disk.sync(&self.increment).map_err(about(""))?;
        self.acknowledged = self.count;
        Ok(())
    }

    /// A rewrite with commands between its steps; goes on after errors, as a server would.
    fn rewrite(&mut self, disk: &mut Double) -> Result<(), FilesError> {
        self.run(disk, 2)?;
        self.sync(disk)?;
        self.increment = self.files.begin_rewrite(disk)?;
        let snapshot: Vec<u8> = (0..self.count).collect();
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
        disk.outside.insert("c".to_owned(), vec![0, 1, 2]);
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
