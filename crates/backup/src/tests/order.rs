//! Which backups follow on which, and which of them tell what was at a moment.

use super::*;

/// A full backup of the log's first file up to a batch.
pub(super) fn full(disk: &Disk, second: i64, bytes: &[u8]) -> Backup {
    let base = base();
    let set: [Part<'_>; 2] = [(Role::Base, 1, BASE, 0, &base), (Role::Increment, 1, FIRST, 0, bytes)];
    write(disk, Kind::Full, Compression::None, second, None, &set).expect("nothing fails")
}

fn chain(disk: &Disk, until: Until) -> Result<Vec<String>, String> {
    let series = Series::open(disk, &backups())?;
    let chain = series.until(until)?;
    Ok(chain.into_iter().map(|backup| backup.id.clone()).collect())
}

#[test]
fn nothing_follows_on_a_place_before_the_first_batch() {
    let (disk, log) = (disk_of(&Double::new(&root(), 1)), log());
    let empty = full(&disk, 5, b"");
    let place = empty.list.end.expect("it has one");
    assert_eq!((place.chain.number, place.is_distinct()), (0, false));
    let series = Series::open(&disk, &backups()).expect("there");
    let refusal = series.last_place(&disk).expect_err("the log of any server seems to go on here");
    assert!(refusal.contains("there is no backup"), "{refusal}");
    let before = disk.list(&backups()).expect("there");
    let more: [Part<'_>; 1] = [(Role::Increment, 1, FIRST, 0, &log.first)];
    let refusal = write(&disk, Kind::Incremental, Compression::None, 20, Some(&place), &more);
    assert!(refusal.expect_err("of any server").contains("before the first batch"));
    assert_eq!(disk.list(&backups()).expect("there"), before);
}

#[test]
fn where_the_log_forks_a_time_is_told_by_what_was_made_first() {
    let (double, log) = (Double::new(&root(), 1), log());
    let disk = disk_of(&double);
    let ends = &log.ends;
    let begin = full(&disk, 20, &log.first[..ends[2]]);
    let more: [Part<'_>; 1] = [(Role::Increment, 1, FIRST, ends[2], &log.first[ends[2]..])];
    let after = begin.list.end.as_ref();
    let old = write(&disk, Kind::Incremental, Compression::None, 40, after, &more).expect("nothing fails");
    // A server goes on with what was restored of the first.
    let mut other = log.first[..ends[2]].to_vec();
    let mut framer = Framer::following(begin.list.end.as_ref().expect("it has one").chain);
    framer.frame(b"*1\r\n$8\r\nFLUSHALL\r\n", UnixMs(50_000), 0, &mut other);
    let new = full(&disk, 60, &other);
    for (ms, wanted) in [
        (15_000, vec![&begin.id]),
        (35_000, vec![&begin.id, &old.id]),
        (45_000, vec![&new.id]),
        (99_000, vec![&new.id]),
    ] {
        let found = chain(&disk, Until::Time(UnixMs(ms))).expect("it is told");
        assert_eq!(found.iter().collect::<Vec<_>>(), wanted, "{ms}");
    }
    restore(&disk, Some(Until::Time(UnixMs(35_000)))).expect("whole");
    assert_eq!(restored(&disk), Some(vec![log.first[..ends[3]].to_vec()]));
}

#[test]
fn a_moment_in_a_gap_is_refused() {
    let (double, [_, one, _]) = world(Compression::None);
    let disk = disk_of(&double);
    disk.remove(&backups().join(format!("{}{ENDING}", one.id))).expect("there");
    for until in [Until::Time(UnixMs(45_000)), Until::Time(UnixMs(25_000)), Until::Batch(3), Until::Batch(5)]
    {
        let refusal = restore(&disk, Some(until)).expect_err("a backup is missing");
        assert!(refusal.contains("what it follows on is not here"), "{until:?}: {refusal}");
    }
    let outcome = restore(&disk, Some(Until::Time(UnixMs(15_000)))).expect("the full one tells it");
    assert_eq!(outcome.batches.map(|(_, last)| last.number), Some(1));
}

#[test]
fn clocks_that_go_wrong_do_not_change_the_order() {
    let (disk, log) = (disk_of(&Double::new(&root(), 1)), log());
    let ends = &log.ends;
    let begin = full(&disk, 20, &log.first[..ends[2]]);
    let more: [Part<'_>; 1] = [(Role::Increment, 1, FIRST, ends[2], &log.first[ends[2]..ends[3]])];
    let after = begin.list.end.as_ref();
    // Whoever makes it believes that it is earlier.
    let next = write(&disk, Kind::Incremental, Compression::None, 2, after, &more).expect("nothing fails");
    // And whoever makes this does not know the time at all, but it holds what was written at the second 40.
    let last = full(&disk, 0, &log.first);
    let series = Series::open(&disk, &backups()).expect("there");
    let ids: Vec<_> = series.backups.iter().map(|backup| &backup.id).collect();
    assert_eq!(ids, [&begin.id, &next.id, &last.id]);
}

#[test]
fn backups_that_are_made_at_once_have_names_of_their_own() {
    let (disk, log, base) = (disk_of(&Double::new(&root(), 1)), log(), base());
    let begin = || {
        let origin = Origin {
            server: "0.1.0".to_owned(),
            set: ("appendonlydir".to_owned(), "appendonly.aof".to_owned()),
            now: UnixMs(20_000),
        };
        Writer::begin(&disk, &backups(), Kind::Full, origin, Compression::Zstd, None).expect("nothing fails")
    };
    let mut writers = [begin(), begin(), begin()];
    for (role, name, bytes) in [(Role::Base, BASE, &base), (Role::Increment, FIRST, &log.first)] {
        for writer in &mut writers {
            writer.begin_file(role, 1, name, 0).expect("nothing fails");
        }
        for piece in bytes.chunks(50) {
            for writer in &mut writers {
                writer.write(piece).expect("nothing fails");
            }
        }
        for writer in &mut writers {
            writer.end_file().expect("nothing fails");
        }
    }
    let [one, given_up, two] = writers;
    let one = one.finish().expect("nothing fails");
    drop(given_up);
    let two = two.finish().expect("nothing fails");
    assert_eq!([one.id.as_str(), &two.id], ["19700101T000020Z-full", "19700101T000020Z-full-3"]);
    verify(&disk).expect("both are whole");
    let series = Series::open(&disk, &backups()).expect("there");
    assert_eq!((series.backups.len(), series.strays.len()), (2, 0));
    drop(begin());
    assert_eq!(disk.list(&backups()).expect("there").len(), 6, "nothing is left of what was given up");
}

#[test]
fn nothing_follows_on_what_is_not_whole() {
    let (double, [full_one, _, two]) = world(Compression::None);
    let disk = disk_of(&double);
    let series = Series::open(&disk, &backups()).expect("there");
    assert_eq!(series.last_place(&disk).ok(), two.list.end.as_ref());
    let path = series.path(&full_one, &full_one.list.files[0]);
    disk.truncate(&path, 50).expect("there");
    let refusal = series.last_place(&disk).expect_err("its base is cut");
    assert!(refusal.contains("it has 50 bytes"), "{refusal}");
}
