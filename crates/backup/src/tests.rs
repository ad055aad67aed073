//! Backups of a small log on a disk that fails: whatever happens, a backup is whole or refused.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use disk::{Disk, Double, Fault};
use keyspace::DbIndex;
use persist::aof::{Chain, Framer, Manifest};
use persist::rdb::{Encoder, Notes, WriteOptions};
use resp::write_command;
use stdx::rng::Rng;
use stdx::time::UnixMs;
use value::{StringRef, ValueRef};

use super::*;

mod order;
mod pruning;

const EIO: i32 = 5;
const BASE: &str = "appendonly.aof.1.base.rdb";
const FIRST: &str = "appendonly.aof.1.incr.aof";
const SECOND: &str = "appendonly.aof.2.incr.aof";

fn root() -> PathBuf {
    PathBuf::from("/x")
}

fn backups() -> PathBuf {
    root().join("backups")
}

fn data() -> PathBuf {
    root().join("data")
}

fn disk_of(double: &Double) -> Disk {
    Disk::new(Arc::new(double.clone()))
}

/// An RDB file with a key, made at the second 1.
fn base() -> Vec<u8> {
    let notes = Notes {
        redis_version: "8.0.0",
        own_version: "0.1.0",
        created: UnixMs(1000),
        used_memory: 0,
        is_aof_base: true,
    };
    let options = WriteOptions { compression: true, checksum: true, field_expiry: false };
    let mut out = Vec::new();
    let mut encoder = Encoder::new(options, &notes, &mut out);
    encoder.database(DbIndex(0), 1, 0, &mut out);
    encoder.entries(&mut out, |entries| {
        entries.push(b"key", ValueRef::String(StringRef::Inline(b"value")), None);
    });
    encoder.finish(&mut out);
    out
}

/// The log of a server: batch n is written at the second 10 n, and there was a rewrite behind the fourth.
struct Log {
    first: Vec<u8>,
    second: Vec<u8>,
    /// Where batches end in their file.
    ends: Vec<usize>,
}

fn log() -> Log {
    let mut framer = Framer::following(Chain::default());
    let mut log = Log { first: Vec::new(), second: Vec::new(), ends: vec![0] };
    for number in 1..=6 {
        let file = if number <= 4 { &mut log.first } else { &mut log.second };
        let mut command = Vec::new();
        write_command(&mut command, &["SET", "key", &number.to_string()]);
        if number == 3 {
            framer.annotate_time(UnixMs(25_000), file);
        }
        framer.frame(&command, UnixMs(number * 10_000), 0, file);
        log.ends.push(file.len());
    }
    log
}

type Part<'b> = (Role, u64, &'b str, usize, &'b [u8]);

/// Makes a backup of parts of files at a second.
fn write(
    disk: &Disk,
    kind: Kind,
    compression: Compression,
    second: i64,
    after: Option<&Place>,
    files: &[Part<'_>],
) -> Result<Backup, String> {
    let origin = Origin {
        server: "0.1.0".to_owned(),
        set: ("appendonlydir".to_owned(), "appendonly.aof".to_owned()),
        now: UnixMs(second * 1000),
    };
    let mut writer = Writer::begin(disk, &backups(), kind, origin, compression, after.cloned())?;
    for &(role, sequence, name, offset, bytes) in files {
        writer.begin_file(role, sequence, name, offset as u64)?;
        bytes.chunks(50).try_for_each(|piece| writer.write(piece))?;
        writer.end_file()?;
    }
    writer.finish()
}

/// A full backup of the first two batches, and incremental ones up to the third and up to the sixth.
fn write_all(disk: &Disk, compression: Compression) -> Result<[Backup; 3], String> {
    let (base, log) = (base(), log());
    let (first, ends) = (&log.first, &log.ends);
    let set: [Part<'_>; 2] =
        [(Role::Base, 1, BASE, 0, &base), (Role::Increment, 1, FIRST, 0, &first[..ends[2]])];
    let full = write(disk, Kind::Full, compression, 20, None, &set)?;
    let more: [Part<'_>; 1] = [(Role::Increment, 1, FIRST, ends[2], &first[ends[2]..ends[3]])];
    let one = write(disk, Kind::Incremental, compression, 30, full.list.end.as_ref(), &more)?;
    let rest: [Part<'_>; 2] = [
        (Role::Increment, 1, FIRST, ends[3], &first[ends[3]..]),
        (Role::Increment, 2, SECOND, 0, &log.second),
    ];
    let two = write(disk, Kind::Incremental, compression, 60, one.list.end.as_ref(), &rest)?;
    Ok([full, one, two])
}

fn world(compression: Compression) -> (Double, [Backup; 3]) {
    let double = Double::new(&root(), 1);
    let written = write_all(&disk_of(&double), compression).expect("nothing fails");
    (double, written)
}

/// Verifies every backup there is.
fn verify(disk: &Disk) -> Result<Outcome, String> {
    let series = Series::open(disk, &backups())?;
    series.latest()?;
    let mut outcome = Outcome::default();
    for tip in series.tips() {
        let progress = &mut |_| ();
        let reading = Reading { disk, series: &series, until: None, into: None, progress };
        outcome = reading.run(&series.chain(tip)?)?;
    }
    Ok(outcome)
}

fn restore(disk: &Disk, until: Option<Until>) -> Result<Outcome, String> {
    let series = Series::open(disk, &backups())?;
    let chain = match until {
        Some(until) => series.until(until)?,
        None => series.chain(series.latest()?)?,
    };
    Reading { disk, series: &series, until, into: Some(&data()), progress: &mut |_| () }.run(&chain)
}

/// The files of the restored set, without the base; none if there is no manifest.
fn restored(disk: &Disk) -> Option<Vec<Vec<u8>>> {
    let folder = data().join("appendonlydir");
    let manifest = disk.read(&folder.join("appendonly.aof.manifest")).ok()?;
    let manifest = Manifest::parse(std::str::from_utf8(&manifest).expect("text")).expect("a manifest");
    let read = |name: &str| disk.read(&folder.join(name)).expect("the manifest names it");
    assert_eq!(read(&manifest.base().expect("a base").name), base());
    Some(manifest.increments().map(|entry| read(&entry.name)).collect())
}

#[test]
fn what_is_restored_is_what_was_there_whatever_the_compression() {
    for compression in Compression::ALL {
        let (double, written) = world(compression);
        let disk = disk_of(&double);
        let outcome = verify(&disk).expect("whole");
        assert_eq!(outcome.batches.map(|(first, last)| (first.number, last.number)), Some((1, 6)));
        assert_eq!(restore(&disk, None), Ok(outcome));
        let log = log();
        assert_eq!(restored(&disk), Some(vec![log.first, log.second]));
        assert_eq!(Series::open(&disk, &backups()).expect("there").strays, [""; 0]);
        let again = restore(&disk, None).expect_err("there is something");
        assert!(again.contains("holds something already"), "{again}");
        assert_eq!(written[2].id, "19700101T000100Z-incremental");
    }
}

#[test]
fn a_restore_goes_back_to_each_batch_and_each_time() {
    let (double, _) = world(Compression::Zstd);
    let log = log();
    let whole_files = |batches: usize| {
        let ends = &log.ends;
        let first = log.first[..ends[batches.min(4)]].to_vec();
        let second = (batches > 4).then(|| log.second[..ends[batches]].to_vec());
        (first, second.unwrap_or_default())
    };
    let check = |until, batches: usize| {
        let copy = double.copy();
        let disk = disk_of(&copy);
        let outcome = restore(&disk, Some(until)).unwrap_or_else(|reason| panic!("{until:?}: {reason}"));
        assert_eq!(outcome.batches.map_or(0, |(_, last)| last.number), batches as u64, "{until:?}");
        let files = restored(&disk).expect("restored");
        let (first, second) = whole_files(batches);
        assert_eq!((&files[0], files.get(1).cloned().unwrap_or_default()), (&first, second), "{until:?}");
    };
    for batches in 0..=6 {
        check(Until::Batch(batches as u64), batches);
    }
    for (ms, batches) in
        [(1999, 0), (9_999, 0), (10_000, 1), (24_999, 2), (30_000, 3), (49_999, 4), (50_000, 5), (99_000, 6)]
    {
        check(Until::Time(UnixMs(ms)), batches);
    }
    for (until, reason) in [
        (Until::Batch(7), "there is no batch 7"),
        (Until::Time(UnixMs(1998)), "no backup of the log goes back to 1970-01-01T00:00:01.998Z"),
    ] {
        let disk = disk_of(&double.copy());
        let refusal = restore(&disk, Some(until)).expect_err("not there");
        assert!(refusal.contains(reason), "{refusal}");
        assert_eq!(restored(&disk), None);
        assert_eq!(disk.list(&data().join("appendonlydir")).unwrap_or_default(), [""; 0]);
    }
}

#[test]
fn every_changed_bit_is_refused_with_a_reason() {
    for compression in Compression::ALL {
        let (double, _) = world(compression);
        let disk = disk_of(&double);
        for name in disk.list(&backups()).expect("there") {
            let path = backups().join(name);
            let bytes = disk.read(&path).expect("there").len();
            for bit in 0..bytes * 8 {
                let copy = double.copy();
                copy.flip(&path, bit);
                let reason = verify(&disk_of(&copy)).expect_err("damaged");
                assert!(reason.contains(path.to_str().expect("text")), "{reason}");
                if bit % 64 == 0 {
                    assert!(restore(&disk_of(&copy), None).is_err());
                    assert_eq!(restored(&disk_of(&copy)), None);
                }
            }
        }
    }
}

#[test]
fn what_is_cut_missing_or_from_elsewhere_is_refused() {
    let (double, [full, one, two]) = world(Compression::Lz4);
    let path = |backup: &Backup, at: usize| backups().join(backup.stored_name(&backup.list.files[at]));
    let list = |backup: &Backup| backups().join(format!("{}{ENDING}", backup.id));
    let check = |spoil: &dyn Fn(&Disk), reason: &str| {
        let disk = disk_of(&double.copy());
        spoil(&disk);
        let told = verify(&disk).expect_err(reason);
        assert!(told.contains(reason), "{told}");
        assert!(restore(&disk, None).is_err(), "{reason}");
        assert_eq!(restored(&disk), None);
    };
    let replace = |disk: &Disk, from: &Path, to: &Path| {
        let bytes = disk.read(from).expect("there");
        disk.write(to, &bytes).expect("nothing fails");
    };
    check(&|disk| disk.truncate(&path(&full, 0), 50).expect("there"), "it has 50 bytes");
    check(&|disk| disk.remove(&path(&one, 0)).expect("there"), "it is not there");
    check(&|disk| disk.remove(&list(&one)).expect("there"), "what it follows on is not here");
    check(&|disk| disk.truncate(&list(&two), 300).expect("there"), "its own SHA-256 is wrong");
    check(&|disk| replace(disk, &path(&one, 0), &path(&two, 0)), "and the list says");
    // A whole list under the name of another one.
    check(&|disk| replace(disk, &list(&one), &list(&two)), "and the list says");
    // The lists of two increments are exchanged with their files.
    let exchange = |disk: &Disk| {
        let read = |path: &Path| disk.read(path).expect("there");
        let (lists, files) = ([list(&one), list(&two)], [path(&one, 0), path(&two, 0)]);
        let (list, file) = (read(&lists[0]), read(&files[0]));
        replace(disk, &lists[1], &lists[0]);
        replace(disk, &files[1], &files[0]);
        disk.write(&lists[1], &list).expect("nothing fails");
        disk.write(&files[1], &file).expect("nothing fails");
    };
    check(&exchange, "is not there");
    // What an interrupted backup has left harms nobody.
    let disk = disk_of(&double.copy());
    disk.write(&backups().join("20310507T143000Z-full.x.zst"), b"half").expect("nothing fails");
    verify(&disk).expect("whole");
    assert_eq!(
        Series::open(&disk, &backups()).expect("there").strays,
        ["20310507T143000Z-full.x.zst".to_owned()]
    );
}

#[test]
fn another_history_does_not_fit() {
    let double = Double::new(&root(), 1);
    let disk = disk_of(&double);
    let log = log();
    let set: [Part<'_>; 1] = [(Role::Increment, 1, FIRST, 0, &log.first[..log.ends[2]])];
    let full = write(&disk, Kind::Full, Compression::None, 20, None, &set).expect("nothing fails");
    let mut place = full.list.end.expect("it has one");
    place.chain.link ^= 1;
    let more: [Part<'_>; 1] = [(Role::Increment, 1, FIRST, log.ends[2], &log.first[log.ends[2]..])];
    let refusal = write(&disk, Kind::Incremental, Compression::None, 30, Some(&place), &more);
    assert!(refusal.expect_err("another").contains("does not follow on what stands before it"));
    assert_eq!(disk.list(&backups()).expect("there").len(), 2, "nothing is left of it");
}

#[test]
fn what_a_server_could_not_load_is_not_backed_up() {
    let (disk, log) = (disk_of(&Double::new(&root(), 1)), log());
    let mut damaged = log.first.clone();
    damaged[40] ^= 1;
    for bytes in [&damaged[..], &log.first[..log.ends[2] - 3]] {
        let set: [Part<'_>; 1] = [(Role::Increment, 1, FIRST, 0, bytes)];
        let refusal = write(&disk, Kind::Full, Compression::None, 20, None, &set).expect_err("damaged");
        assert!(refusal.contains(&format!("{FIRST} of the server is damaged: at byte")), "{refusal}");
        assert_eq!(disk.list(&backups()).expect("there"), [""; 0]);
    }
}

#[test]
fn a_snapshot_comes_back_under_its_name() {
    let double = Double::new(&root(), 1);
    let (disk, base) = (disk_of(&double), base());
    let file: [Part<'_>; 1] = [(Role::Snapshot, 1, "dump.rdb", 0, &base)];
    write(&disk, Kind::Snapshot, Compression::Gzip, 20, None, &file).expect("nothing fails");
    restore(&disk, None).expect("whole");
    assert_eq!(disk.read(&data().join("dump.rdb")).expect("there"), base);
    assert_eq!(disk.list(&data()).expect("there"), ["dump.rdb"]);
    let refusal = restore(&disk_of(&double.copy()), Some(Until::Batch(1)));
    assert!(refusal.expect_err("no log").contains("no backup of the log"));
}

/// Does something on copies of a disk, one of whose calls goes wrong: each in turn. Gives the disks after it.
fn sweep(
    double: &Double,
    faults: &[Fault],
    act: impl Fn(&Disk) -> Result<(), String>,
    check: impl Fn(&Disk, Result<(), String>, bool),
) {
    for &fault in faults {
        for call in 0.. {
            let copy = double.copy();
            copy.plan(call..call + 1, fault);
            let result = act(&disk_of(&copy));
            if copy.hit().is_none() {
                assert_eq!(result, Ok(()));
                break;
            }
            copy.heal();
            for seed in 0..4 {
                let after = copy.copy();
                if fault == Fault::PowerCut || seed > 0 {
                    after.cut_power(&mut Rng::from_seed(seed));
                }
                check(&disk_of(&after), result.clone(), fault == Fault::PowerCut || seed > 0);
            }
        }
    }
}

const FAULTS: [Fault; 4] = [Fault::Error(EIO), Fault::NoRoom, Fault::Short, Fault::PowerCut];

#[test]
fn whatever_fails_a_backup_is_whole_or_none() {
    let act = |disk: &Disk| write_all(disk, Compression::Zstd).map(drop);
    sweep(&Double::new(&root(), 1), &FAULTS, act, |disk, result, was_cut| {
        let is_there = disk.is_folder(&backups()).expect("nothing fails");
        let series = is_there.then(|| Series::open(disk, &backups()).expect("nothing fails"));
        let backups = series.map_or(0, |series| {
            assert_eq!(series.unusable, []);
            assert!(was_cut || series.strays.is_empty(), "{:?} are left", series.strays);
            series.backups.len()
        });
        assert!(backups == 3 || result.is_err());
        if backups > 0 {
            verify(disk).expect("what is there is whole");
        }
    });
}

#[test]
fn whatever_fails_a_restored_set_is_whole_or_none() {
    let (double, _) = world(Compression::None);
    double.cut_power(&mut Rng::from_seed(1));
    let log = log();
    let act = |disk: &Disk| restore(disk, None).map(drop);
    sweep(&double, &FAULTS, act, |disk, result, was_cut| {
        if let Some(files) = restored(disk) {
            assert_eq!(files, [log.first.clone(), log.second.clone()]);
            assert!(result.is_ok() || was_cut);
            return;
        }
        assert!(result.is_err());
        if !was_cut {
            restore(disk, None).expect("another attempt is not in the way of the first");
        }
    });
}
