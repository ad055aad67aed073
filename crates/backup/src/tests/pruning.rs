//! What is superfluous, and what stays when it goes, also beside a backup that is being made.

use std::num::NonZeroUsize;

use super::order::full;
use super::*;

/// The last so many stay; it is the second 1000.
fn keep(number: usize) -> Keep<'static> {
    Keep { last: NonZeroUsize::new(number).expect("not none"), made: None, latest: UnixMs(1_000_000) }
}

/// The names of what would go.
fn superfluous(disk: &Disk, keep: &Keep<'_>) -> Result<Vec<String>, String> {
    let series = Series::open(disk, &backups())?;
    let superfluous = series.superfluous(disk, keep)?;
    Ok(superfluous.into_iter().map(|backup| backup.id.clone()).collect())
}

/// Begins a backup of the second 200 that follows on another.
fn follow(disk: &Disk, backup: &Backup) -> Writer {
    let origin = Origin {
        server: "0.1.0".to_owned(),
        set: ("appendonlydir".to_owned(), "appendonly.aof".to_owned()),
        now: UnixMs(200_000),
    };
    let after = backup.list.end.clone();
    Writer::begin(disk, &backups(), Kind::Incremental, origin, Compression::None, after)
        .expect("nothing fails")
}

/// Gives it what the log holds from a batch on, and finishes it.
fn go_on(mut writer: Writer, log: &Log, from: usize) -> Result<Backup, String> {
    writer.begin_file(Role::Increment, 1, FIRST, log.ends[from] as u64)?;
    writer.write(&log.first[log.ends[from]..])?;
    writer.end_file()?;
    writer.finish()
}

#[test]
fn none_goes_while_one_is_of_the_future() {
    let (double, log) = (Double::new(&root(), 1), log());
    let disk = disk_of(&double);
    let old = full(&disk, 900_000, &log.first[..log.ends[1]]);
    let new = full(&disk, 900, &log.first);
    let refusal = superfluous(&disk, &keep(1)).expect_err("which is the last one?");
    assert!(
        refusal.contains(&old.id) && refusal.contains("which backups are the last ones is not known"),
        "{refusal}"
    );
    // When the time has come, the one that has just been made is still not the last one, but stays.
    let later = Keep { latest: UnixMs(900_000_000), ..keep(1) };
    assert_eq!(superfluous(&disk, &later), Ok(vec![new.id.clone()]));
    assert_eq!(superfluous(&disk, &Keep { made: Some(&new.id), ..later }), Ok(Vec::new()));
    let refusal = superfluous(&disk, &Keep { made: Some("another"), ..later });
    assert!(refusal.expect_err("it has gone").contains("there is no such backup"));
}

#[test]
fn none_goes_while_what_stays_lacks_a_file() {
    let (double, log) = (Double::new(&root(), 1), log());
    let disk = disk_of(&double);
    let old = full(&disk, 100, &log.first[..log.ends[1]]);
    let new = full(&disk, 200, &log.first);
    assert_eq!(superfluous(&disk, &keep(1)), Ok(vec![old.id]));
    for file in &new.list.files {
        let path = backups().join(new.stored_name(file));
        let bytes = disk.read(&path).expect("there");
        let check = |reason: &str| {
            let refusal = superfluous(&disk, &keep(1)).expect_err(reason);
            assert!(refusal.contains(path.to_str().expect("text")) && refusal.contains(reason), "{refusal}");
        };
        disk.write(&path, &bytes[1..]).expect("nothing fails");
        check("bytes, and the list says");
        disk.remove(&path).expect("nothing fails");
        check("it is not there");
        disk.write(&path, &bytes).expect("nothing fails");
    }
}

#[test]
fn what_a_backup_follows_on_that_is_being_made_stays() {
    let (double, log) = (Double::new(&root(), 1), log());
    let disk = disk_of(&double);
    let old = full(&disk, 100, &log.first[..log.ends[2]]);
    let writer = follow(&disk, &old);
    full(&disk, 300, &log.first);
    assert_eq!(superfluous(&disk, &keep(1)), Ok(Vec::new()));
    let made = go_on(writer, &log, 2).expect("nothing fails");
    verify(&disk).expect("whole");
    assert_eq!(superfluous(&disk, &keep(1)), Ok(vec![made.id, old.id]));
}

#[test]
fn what_a_killed_process_has_begun_keeps_nothing() {
    let (double, log) = (Double::new(&root(), 1), log());
    double.begin_locking();
    let disk = disk_of(&double);
    let old = full(&disk, 100, &log.first[..log.ends[2]]);
    full(&disk, 300, &log.first);
    let writer = follow(&disk, &old);
    assert_eq!(superfluous(&disk, &keep(1)), Ok(Vec::new()), "it is being made");
    let begun = backups().join("19700101T000320Z-incremental.backup.unfinished");
    let left = disk.read(&begun).expect("it is there");
    drop(writer);
    // A writer that ends removes its list; one that was killed does not.
    disk.write(&begun, &left).expect("nothing fails");
    assert_eq!(superfluous(&disk, &keep(1)), Ok(vec![old.id.clone()]));
    let series = Series::open(&disk, &backups()).expect("there");
    series.delete(&disk, &old).expect("nobody needs it");
    assert_eq!(series.strays, ["19700101T000320Z-incremental.backup.unfinished"], "verify tells it");
}

#[test]
fn what_has_been_begun_behind_the_look_keeps_what_it_follows_on() {
    let (double, log) = (Double::new(&root(), 1), log());
    let disk = disk_of(&double);
    let old = full(&disk, 100, &log.first[..log.ends[2]]);
    full(&disk, 300, &log.first);
    let series = Series::open(&disk, &backups()).expect("there");
    let check = || {
        let refusal = series.delete(&disk, &old).expect_err("it is needed");
        assert!(refusal.contains("it stays, for 19700101T000320Z-incremental has been begun"), "{refusal}");
    };
    let writer = follow(&disk, &old);
    check();
    let made = go_on(writer, &log, 2).expect("what it follows on has come back");
    check();
    verify(&disk).expect("whole");
    let series = Series::open(&disk, &backups()).expect("there");
    for backup in [&made, &old] {
        series.delete(&disk, backup).expect("nothing is new");
    }
    assert_eq!(disk.list(&backups()).expect("there").len(), 3, "the list and two files of the other");
}

#[test]
fn a_backup_fails_if_what_it_follows_on_has_gone_meanwhile() {
    let (double, log) = (Double::new(&root(), 1), log());
    let disk = disk_of(&double);
    let old = full(&disk, 100, &log.first[..log.ends[2]]);
    let writer = follow(&disk, &old);
    // Whoever deletes it knows of no others, or has not waited for their answer.
    disk.remove(&backups().join(format!("{}{ENDING}", old.id))).expect("there");
    let refusal = go_on(writer, &log, 2).expect_err("it would be worth nothing");
    assert!(refusal.contains("what it follows on is not here"), "{refusal}");
    let series = Series::open(&disk, &backups()).expect("there");
    assert_eq!((series.backups.len(), series.strays.len()), (0, 2), "only the files of the other");
}

#[test]
fn what_the_last_backups_need_stays_and_the_rest_goes() {
    let (double, [full_one, first, second]) = world(Compression::None);
    let disk = disk_of(&double);
    let ids = |number| superfluous(&disk, &keep(number)).expect("whole");
    assert_eq!(ids(1), Vec::<String>::new(), "the last one needs both others");
    let newer = full(&disk, 100, &log().first);
    assert_eq!(ids(1), [&*second.id, &first.id, &full_one.id]);
    assert_eq!(ids(2), Vec::<String>::new());
    let stray = backups().join("mine");
    disk.write(&stray, b"x").expect("nothing fails");
    let series = Series::open(&disk, &backups()).expect("there");
    for backup in series.superfluous(&disk, &keep(1)).expect("whole") {
        series.delete(&disk, backup).expect("nothing fails");
        let left = Series::open(&disk, &backups()).expect("there");
        for tip in left.tips() {
            left.chain(tip).expect("whatever is left is whole");
        }
    }
    let left = Series::open(&disk, &backups()).expect("there");
    let names: Vec<&str> = left.backups.iter().map(|backup| &*backup.id).collect();
    assert_eq!((names, left.strays), (vec![&*newer.id], vec!["mine".to_owned()]));
}

#[test]
fn nothing_is_superfluous_where_a_list_or_a_backup_is_missing() {
    let (double, [full_one, first, _]) = world(Compression::None);
    let disk = disk_of(&double);
    let path = backups().join(format!("{}{ENDING}", first.id));
    let whole = disk.read(&path).expect("there");
    disk.write(&path, &whole[1..]).expect("nothing fails");
    assert!(superfluous(&disk, &keep(1)).expect_err("it might be needed").contains(&first.id));
    disk.remove(&path).expect("nothing fails");
    assert!(superfluous(&disk, &keep(1)).expect_err("it is needed").contains("is not here"));
    let series = Series::open(&disk, &backups()).expect("there");
    assert!(series.backups.iter().any(|backup| backup.id == full_one.id));
}

#[test]
fn a_deletion_that_is_cut_short_leaves_whole_backups() {
    let mut call = 0;
    loop {
        let (double, [_, first, second]) = world(Compression::None);
        let disk = disk_of(&double);
        double.plan(double.calls() + call..usize::MAX, Fault::PowerCut);
        let deleted = Series::open(&disk, &backups()).and_then(|series| {
            let tip = series.find(&second.id)?;
            series.delete(&disk, tip)
        });
        for seed in 0..4 {
            let copy = double.copy();
            copy.cut_power(&mut Rng::from_seed(seed));
            let disk = disk_of(&copy);
            let series = Series::open(&disk, &backups()).expect("there");
            assert!(series.unusable.is_empty() && series.find(&first.id).is_ok(), "call {call}");
            restore(&disk, None).expect("whatever counts is whole");
        }
        if deleted.is_ok() {
            return;
        }
        call += 1;
    }
}
