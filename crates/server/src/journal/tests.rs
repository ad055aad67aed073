//! The journal on devices that take bytes and cannot be synced, or take none.

use std::path::{Path, PathBuf};

use config::Config;
use disk::{Disk, Double};
use engine::shared::Identity;
use keyspace::{Access, DbIndex, Expiry, Keyspace, Options, WorkerId};
use node::Mail;

use super::state::QUICK_SYNC_NS;
use super::*;

mod crowd;

/// It takes bytes, but cannot be synced.
const UNSYNCED: &str = "/dev/null";
/// It takes no bytes.
const FULL: &str = "/dev/full";
/// It takes no bytes, for a reason that has nothing to do with room.
const REFUSING: &str = "/proc/self/oom_score_adj";

struct World {
    shared: Shared,
    journal: Journal,
    folder: tempfile::TempDir,
}

impl World {
    /// A journal that appends to this file.
    fn new(policy: AppendFsync, path: &str) -> Self {
        Self::with(policy, open(path))
    }

    fn with(policy: AppendFsync, increment: Increment) -> Self {
        Self::of(vec![Arc::new(Mailbox::new(|| ()))], policy, increment)
    }

    /// That of the workers with these mailboxes.
    fn of(mailboxes: Vec<Arc<Mailbox<Letter>>>, policy: AppendFsync, increment: Increment) -> Self {
        let workers = mailboxes.len();
        let keyspace = Arc::new(Keyspace::new(Options {
            databases: 1,
            shards: 16,
            workers,
            hash_key: stdx::hash::HashKey([1, 2]),
            encode: persist::encode_effect,
        }));
        keyspace.set_recording(true);
        let shared = Shared::new(keyspace, Config::default(), Identity::default(), workers, monotonic_ns);
        let journal = Journal::new(mailboxes, Arc::new(Replication::new(Vec::new())));
        journal.configure(policy, false);
        journal.open(increment, Place { is_announced: true, ..Place::default() }, 0);
        Self { shared, journal, folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// Sets a key; gives the place in the log behind that.
    fn write(&self) -> LogPosition {
        let keyspace = &self.shared.keyspace;
        let mut access = Access::new(keyspace, WorkerId(0), 1);
        let key = keyspace.key(b"key");
        access.begin(stdx::time::UnixMs(1));
        access.lock(&mut [access.shard_of(&key)]);
        access.db(DbIndex(0)).set_string(&key, b"value", Expiry::Clear);
        access.unlock();
        access.end();
        access.last_effect()
    }

    /// A rewrite begins and goes on with this file; false: it does not go on.
    fn begins_rewrite(&self, path: &str) -> bool {
        self.journal.cut(self.shared.keyspace.log());
        matches!(self.journal.switch(&self.shared, open(path)), Switched::Done(_))
    }

    fn begin_rewrite(&self, path: &str) {
        assert!(self.begins_rewrite(path));
    }

    /// The path of a file that takes bytes and can be synced.
    fn good_file(&self) -> String {
        let path = self.good_file_path();
        std::fs::write(&path, "").expect("the folder can be written");
        path.to_str().expect("the path is text").to_owned()
    }

    fn good_file_path(&self) -> PathBuf {
        self.folder.path().join("increment")
    }
}

fn open(path: &str) -> Increment {
    Increment::open(&Disk::native(), path.into()).expect("the file is there")
}

#[test]
fn after_a_failed_sync_nothing_is_released_until_a_rewrite_that_began_later() {
    let world = World::new(AppendFsync::Always, UNSYNCED);
    let World { shared, journal, .. } = &world;
    world.write();
    journal.advance(shared);
    assert_eq!(journal.released(), LogPosition(0));
    assert!(journal.needs_rewrite());
    let refusal = shared.write_refusal().expect("writes are refused");
    assert_eq!(refusal, "MISCONF Errors writing to the AOF file: Invalid argument");
    // The increment of this one cannot be synced either, so its end helps nobody.
    world.begin_rewrite(UNSYNCED);
    world.write();
    journal.advance(shared);
    assert_eq!((journal.released(), journal.synced()), (LogPosition(0), Some(LogPosition(0))));
    journal.trust(shared, 0);
    assert_eq!(journal.released(), LogPosition(1), "the new base holds the first");
    journal.advance(shared);
    assert_eq!((journal.released(), journal.synced()), (LogPosition(1), Some(LogPosition(1))));
    assert!(journal.needs_rewrite());
    world.begin_rewrite(&world.good_file());
    let third = world.write();
    journal.advance(shared);
    assert_eq!(journal.released(), LogPosition(1), "not before the new base is there");
    let written = std::fs::read(world.good_file_path()).expect("it is there");
    assert_eq!(written, b"", "what follows would stand behind a gap");
    journal.trust(shared, 0);
    assert_eq!(journal.released(), LogPosition(2));
    journal.advance(shared);
    assert_eq!(journal.released(), third);
    assert_eq!(shared.write_refusal(), None);
    let position = world.write();
    journal.advance(shared);
    assert_eq!(journal.released(), position);
}

#[test]
fn what_was_only_written_is_released_until_a_sync_fails() {
    let world = World::new(AppendFsync::EverySecond, UNSYNCED);
    let World { shared, journal, .. } = &world;
    let first = world.write();
    assert!(journal.release(shared, 0, first));
    journal.sync(shared);
    let second = world.write();
    assert!(!journal.release(shared, 0, second));
    journal.advance(shared);
    assert_eq!(journal.released(), first);
}

/// A journal on a disk in memory.
fn on_double(policy: AppendFsync) -> (Double, Disk, PathBuf, World) {
    let (path, double) = (PathBuf::from("/data/increment"), Double::new(Path::new("/data"), 1));
    let disk = Disk::new(Arc::new(double.clone()));
    disk.write(&path, b"").expect("nothing fails");
    let increment = Increment::open(&disk, path.clone()).expect("it is there");
    (double, disk, path, World::with(policy, increment))
}

/// A journal with `everysec` whose increment takes no bytes.
fn failing(fault: disk::Fault) -> (Double, Disk, PathBuf, World) {
    let (double, disk, path, world) = on_double(AppendFsync::EverySecond);
    double.spoil(disk::Call::Append, fault);
    (double, disk, path, world)
}

/// A clock that each sync of a disk turns on by so much.
fn clock_of_syncs(double: &Double) -> Arc<AtomicU64> {
    let (hand, sync_ns) = (crate::clock::hand::Hand::new(), Arc::new(AtomicU64::new(0)));
    hand.take();
    let turned = Arc::clone(&sync_ns);
    double.watch(move |call| {
        if call == disk::Call::Sync {
            hand.turn(turned.load(Ordering::Relaxed));
        }
    });
    sync_ns
}

#[test]
fn a_worker_syncs_while_that_is_quick_and_leaves_it_to_the_thread_while_not() {
    let (double, _, _, world) = on_double(AppendFsync::Always);
    let World { shared, journal, .. } = &world;
    let sync_ns = clock_of_syncs(&double);
    sync_ns.store(QUICK_SYNC_NS / 2, Ordering::Relaxed);
    for _ in 0..100 {
        let position = world.write();
        assert!(journal.release(shared, 0, position) && !journal.wants_thread());
        assert_eq!(journal.synced(), Some(position));
    }
    sync_ns.store(100 * QUICK_SYNC_NS, Ordering::Relaxed);
    let last = world.write();
    assert!(journal.release(shared, 0, last), "nobody knew before that the disk has become slow");
    assert!(journal.wants_thread(), "others may have asked in vain");
    let next = world.write();
    assert!(!journal.release(shared, 0, next) && journal.wants_thread());
    assert_eq!((journal.released(), journal.synced()), (last, Some(last)));
    sync_ns.store(0, Ordering::Relaxed);
    let mut is_there = false;
    for _ in 0..100 {
        journal.advance(shared);
        is_there = journal.release(shared, 0, world.write());
    }
    assert!(is_there, "it has become quick again");
}

#[test]
fn a_sync_that_comes_too_late_is_counted_once_and_only_with_everysec() {
    const SECOND_NS: u64 = 1_000_000_000;
    for (policy, syncs_ns, delayed) in [
        (AppendFsync::EverySecond, [SECOND_NS / 4, SECOND_NS], 0),
        (AppendFsync::EverySecond, [SECOND_NS + 1, 5 * SECOND_NS], 2),
        (AppendFsync::Always, [SECOND_NS + 1, 5 * SECOND_NS], 0),
        (AppendFsync::Never, [SECOND_NS + 1, 5 * SECOND_NS], 0),
    ] {
        let (double, _, _, world) = on_double(policy);
        let World { shared, journal, .. } = &world;
        let sync_ns = clock_of_syncs(&double);
        for ns in syncs_ns {
            sync_ns.store(ns, Ordering::Relaxed);
            let position = world.write();
            journal.release(shared, 0, position);
            journal.advance(shared);
            journal.sync(shared);
            assert!(journal.release(shared, 0, position) && !journal.figures().is_syncing);
        }
        assert_eq!(shared.delayed_syncs.load(Ordering::Relaxed), delayed, "{policy:?}");
    }
}

#[test]
fn replies_that_wait_for_a_late_sync_are_told_while_it_goes_on_and_count_once() {
    const SECOND_NS: u64 = 1_000_000_000;
    let (double, _, _, world) = on_double(AppendFsync::EverySecond);
    let hand = crate::clock::hand::Hand::new();
    hand.take();
    let world = Arc::new(world);
    let delayed = |world: &World| world.shared.delayed_syncs.load(Ordering::Relaxed);
    let during = Arc::clone(&world);
    double.watch(move |call| {
        if call == disk::Call::Sync {
            let World { shared, journal, .. } = &*during;
            assert!(journal.figures().is_syncing);
            assert!(journal.release(shared, 0, during.write()), "there is still time");
            hand.turn(SECOND_NS + 1);
            assert_eq!(delayed(&during), 0);
            for _ in 0..3 {
                assert!(!journal.release(shared, 0, during.write()), "nobody is promised more than a second");
                assert_eq!(delayed(&during), 1);
            }
        }
    });
    world.journal.release(&world.shared, 0, world.write());
    world.journal.sync(&world.shared);
    assert_eq!(delayed(&world), 2, "what came meanwhile has waited as long, for the next one");
    double.watch(|_| {});
    world.journal.advance(&world.shared);
    assert!(world.journal.release(&world.shared, 0, world.write()));
    assert_eq!(delayed(&world), 2, "its end is not another one");
}

#[test]
fn appends_and_syncs_that_take_long_show_in_the_latency_monitor_while_it_is_on() {
    const MS_NS: u64 = 1_000_000;
    let events = |shared: &Shared| {
        let latency = shared.latency.lock();
        latency.events().map(|(cause, event)| (cause.name(), event.longest_ms)).collect::<Vec<_>>()
    };
    let (double, _, _, world) = on_double(AppendFsync::Always);
    let World { shared, journal, .. } = &world;
    let hand = crate::clock::hand::Hand::new();
    hand.take();
    double.watch(move |call| match call {
        disk::Call::Append => hand.turn(7 * MS_NS),
        disk::Call::Sync => hand.turn(9 * MS_NS),
        _ => {}
    });
    for (threshold_ns, shown) in [
        (u64::MAX, &[][..]),
        (10 * MS_NS, &[]),
        (8 * MS_NS, &[("aof-fsync-always", 9)]),
        (7 * MS_NS, &[("aof-fsync-always", 9), ("aof-write", 7), ("aof-write-alone", 7)]),
    ] {
        shared.hot.latency_nanoseconds.store(threshold_ns, Ordering::Relaxed);
        world.write();
        journal.advance(shared);
        assert_eq!(events(shared), shown);
    }
    journal.configure(AppendFsync::EverySecond, false);
    shared.latency.lock().reset_all();
    journal.state.lock().begin_sync();
    world.write();
    journal.advance(shared);
    assert_eq!(events(shared), [("aof-write", 7), ("aof-write-pending-fsync", 7)]);
}

#[test]
fn a_worker_does_not_wait_for_a_sync_that_goes_on() {
    let (.., world) = on_double(AppendFsync::Always);
    let World { shared, journal, .. } = &world;
    let position = world.write();
    {
        let _turn = journal.syncing.lock();
        assert!(!journal.release(shared, 0, position));
        assert_eq!(journal.released(), LogPosition(0));
    }
    assert!(journal.wants_thread());
    journal.advance(shared);
    assert_eq!(journal.released(), position);
}

#[test]
fn a_sync_of_a_worker_that_fails_releases_nothing() {
    let (double, _, _, world) = on_double(AppendFsync::Always);
    let World { shared, journal, .. } = &world;
    double.spoil(disk::Call::Sync, disk::Fault::Error(5));
    let position = world.write();
    assert!(!journal.release(shared, 0, position) && journal.wants_thread());
    assert!(journal.needs_rewrite() && shared.write_refusal().is_some());
    double.heal();
    assert!(!journal.release(shared, 0, position), "what a later sync says is not believed");
    journal.advance(shared);
    world.begin_rewrite(&world.good_file());
    journal.trust(shared, 0);
    assert_eq!((journal.released(), journal.synced()), (position, Some(position)));
}

#[test]
fn what_gathers_while_nothing_can_be_written_is_bounded() {
    const MOST: usize = 1000;
    for fault in [disk::Fault::NoRoom, disk::Fault::Error(27), disk::Fault::Error(5)] {
        let (double, _, _, world) = failing(fault);
        let World { shared, journal, .. } = &world;
        world.write();
        journal.advance(shared);
        let waited = journal.sizes().1 as usize;
        journal.state.lock().max_gathered_bytes = MOST;
        let gather = |bytes: usize| {
            let mut last = LogPosition(0);
            for _ in 0..bytes / 20 {
                last = world.write();
                journal.advance(shared);
                assert!(journal.sizes().1 as usize <= waited + MOST, "{fault:?}");
            }
            last
        };
        gather(100);
        assert!(journal.sizes().1 as usize > waited, "a little is kept");
        // Beyond the limit before a rewrite, and while one goes on that therefore does not help.
        gather(3 * MOST);
        assert!(journal.needs_rewrite() && !journal.is_full());
        world.begin_rewrite(&world.good_file());
        gather(3 * MOST);
        journal.trust(shared, 0);
        assert!(
            journal.needs_rewrite() && shared.write_refusal().is_some(),
            "{fault:?}: it lacks some of it"
        );
        double.heal();
        world.begin_rewrite(&world.good_file());
        let last = gather(100);
        journal.trust(shared, 0);
        assert_eq!((journal.released(), shared.write_refusal()), (last, None), "{fault:?}");
        let written = std::fs::read(world.good_file_path()).expect("it is there");
        assert_eq!(written.windows(3).filter(|bytes| bytes == b"SET").count(), 5);
    }
}

#[test]
fn a_file_that_must_not_grow_any_more_is_replaced_by_a_rewrite() {
    const TOO_LARGE: i32 = 27;
    let (_, _, _, world) = failing(disk::Fault::Error(TOO_LARGE));
    let World { shared, journal, .. } = &world;
    let position = world.write();
    assert!(!journal.release(shared, 0, position));
    assert!(journal.needs_rewrite() && !journal.is_full() && journal.next_advance_ns().is_some());
    world.begin_rewrite(&world.good_file());
    assert!(!journal.release(shared, 0, position), "the new base is not there yet");
    journal.trust(shared, 0);
    assert_eq!((journal.released(), shared.write_refusal()), (position, None));
    // What comes while the base is written follows in the new file, once.
    let (_, _, _, world) = failing(disk::Fault::Error(TOO_LARGE));
    let World { shared, journal, .. } = &world;
    world.write();
    journal.advance(shared);
    world.begin_rewrite(&world.good_file());
    let behind = world.write();
    journal.advance(shared);
    assert_eq!(journal.next_advance_ns(), None, "the rewrite is waited for");
    journal.trust(shared, 0);
    assert_eq!(journal.released(), behind);
    let written = std::fs::read(world.good_file_path()).expect("it is there");
    assert_eq!(written.windows(3).filter(|bytes| bytes == b"SET").count(), 1);
    assert!(written.windows(6).any(|bytes| bytes == b"SELECT"), "a file begins with the database");
    // Or the base is too long as well, and the limit is raised.
    let (double, _, _, world) = failing(disk::Fault::Error(TOO_LARGE));
    let World { shared, journal, .. } = &world;
    world.write();
    journal.advance(shared);
    world.begin_rewrite(&world.good_file());
    let position = world.write();
    assert!(journal.abandon_switch(), "nothing is written to the new increment");
    assert!(journal.next_advance_ns().is_some(), "it is tried again");
    double.heal();
    journal.state.lock().try_at_once();
    journal.advance(shared);
    assert_eq!((journal.released(), journal.needs_rewrite()), (position, false));
    assert_eq!(std::fs::read(world.good_file_path()).expect("it is there"), b"");
}

#[test]
fn what_a_full_disk_does_not_take_is_kept_and_not_released() {
    let (double, disk, path, world) = failing(disk::Fault::NoRoom);
    let World { shared, journal, .. } = &world;
    let position = world.write();
    assert!(!journal.release(shared, 0, position));
    let (size, buffered) = journal.sizes();
    assert!(size == 0 && buffered > 0);
    let refusal = shared.write_refusal().expect("writes are refused");
    assert_eq!(refusal, "MISCONF Errors writing to the AOF file: No space left on device");
    assert!(!journal.needs_rewrite(), "there may be room again");
    // A rewrite cannot go on without what waits.
    assert!(!world.begins_rewrite(&world.good_file()));
    assert!(journal.is_full() && !journal.release(shared, 0, position));
    assert!(journal.next_advance_ns().is_some(), "it is tried again");
    assert_eq!(journal.sizes().1, buffered);
    double.heal();
    journal.state.lock().try_at_once();
    journal.advance(shared);
    assert_eq!((journal.released(), shared.write_refusal()), (position, None));
    assert_eq!(disk.length(&path).expect("nothing fails"), Some(buffered));
}

#[test]
fn after_an_append_that_failed_for_another_reason_only_new_files_help() {
    let world = World::new(AppendFsync::EverySecond, REFUSING);
    let World { shared, journal, .. } = &world;
    let position = world.write();
    assert!(!journal.release(shared, 0, position));
    assert!(journal.needs_rewrite());
    let refusal = shared.write_refusal().expect("writes are refused");
    assert_eq!(refusal, "MISCONF Errors writing to the AOF file: Invalid argument");
    // It is not tried again.
    journal.advance(shared);
    assert_eq!(journal.figures().failures, 1);
    world.begin_rewrite(&world.good_file());
    journal.trust(shared, 0);
    assert_eq!((journal.released(), journal.synced()), (position, Some(position)));
    assert_eq!(shared.write_refusal(), None);
    assert!(!journal.figures().has_trouble);
}

#[test]
fn replies_wait_for_a_disk_that_takes_longer_than_a_second() {
    let world = World::new(AppendFsync::EverySecond, "/dev/null");
    let World { shared, journal, .. } = &world;
    world.begin_rewrite(&world.good_file());
    assert_eq!(journal.next_advance_ns(), None, "nothing waits for one");
    let first = world.write();
    assert!(journal.release(shared, 0, first));
    assert!(journal.wants_thread() && !journal.wants_thread(), "the thread is told once");
    assert!(journal.next_advance_ns().expect("the write waits for one") <= monotonic_ns() + 500_000_000);
    // As if it had been written when the machine was started.
    journal.state.lock().unsynced_since_ns = Some(0);
    let second = world.write();
    assert!(!journal.release(shared, 0, second));
    assert!(journal.figures().unsynced_ms > 0);
    journal.advance(shared);
    assert_eq!((journal.released(), journal.synced()), (second, Some(second)));
    assert_eq!((journal.figures().unsynced_ms, journal.next_advance_ns()), (0, None));
}

#[test]
fn a_journal_that_is_switched_off_lets_everything_go() {
    for path in [UNSYNCED, FULL] {
        let world = World::new(AppendFsync::Always, path);
        let World { shared, journal, .. } = &world;
        let position = world.write();
        journal.advance(shared);
        assert_eq!(journal.released(), LogPosition(0));
        journal.close(shared);
        assert_eq!(journal.released(), position);
        assert_eq!(shared.write_refusal(), None);
    }
}

#[test]
fn a_full_disk_is_not_asked_again_at_every_turn() {
    let world = World::new(AppendFsync::EverySecond, FULL);
    let World { shared, journal, .. } = &world;
    let position = world.write();
    let before = monotonic_ns();
    for _ in 0..3 {
        assert!(!journal.release(shared, 0, position));
        journal.advance(shared);
    }
    assert!(journal.is_full());
    assert_eq!(journal.figures().failures, 1);
    assert!(journal.next_advance_ns().expect("it is tried again") >= before + 1_000_000_000);
    journal.state.lock().try_at_once();
    journal.advance(shared);
    assert_eq!(journal.figures().failures, 2, "once more when it is time");
}

#[test]
fn what_is_not_on_disk_grows_older_until_the_new_base_is_there() {
    let world = World::new(AppendFsync::EverySecond, REFUSING);
    let World { shared, journal, .. } = &world;
    world.write();
    journal.advance(shared);
    // As if it had been written when the machine was started.
    journal.state.lock().unsynced_since_ns = Some(0);
    let lacks = journal.finish(shared).expect_err("the file cannot be trusted");
    assert!(lacks.contains("may lack the last changes"), "{lacks}");
    world.begin_rewrite(&world.good_file());
    let age_ms = journal.figures().unsynced_ms;
    assert!(age_ms >= journal.state.lock().cut_ns / 1_000_000, "{age_ms} ms");
    world.write();
    journal.trust(shared, 0);
    journal.advance(shared);
    assert!(journal.figures().unsynced_ms < age_ms, "as old as the snapshot at most");
    assert_eq!(journal.finish(shared), Ok(()));
    assert_eq!(journal.figures().unsynced_ms, 0);
}

#[test]
fn what_is_written_behind_the_end_of_redis_is_announced_for_a_backup_too() {
    let world = World::new(AppendFsync::EverySecond, UNSYNCED);
    let World { shared, journal, .. } = &world;
    let path = world.good_file();
    std::fs::write(&path, "*1\r\n$4\r\nPING\r\n").expect("the folder can be written");
    journal.open(open(&path), Place::default(), 0);
    world.write();
    let length = journal.settle(shared).expect("it can be written");
    let written = std::fs::read(&path).expect("it is there");
    assert_eq!(written.len() as u64, length);
    let text = String::from_utf8(written).expect("ASCII");
    assert!(text.starts_with("*1\r\n$4\r\nPING\r\n#BATCHES:1\r\n#BATCH:1 "), "{text}");
    assert_eq!(journal.settle(shared), Ok(length), "there is nothing more");
}

#[test]
fn no_batch_is_written_before_its_announcement_is_on_disk() {
    for policy in [AppendFsync::Always, AppendFsync::EverySecond, AppendFsync::Never] {
        let (path, double) = (PathBuf::from("/data/increment"), Double::new(Path::new("/data"), 1));
        let disk = Disk::new(Arc::new(double.clone()));
        disk.write(&path, b"").expect("nothing fails");
        let world = World::with(policy, Increment::open(&disk, path.clone()).expect("it is there"));
        world.journal.open(Increment::open(&disk, path.clone()).expect("it is there"), Place::default(), 0);
        double.spoil(disk::Call::Sync, disk::Fault::Error(5));
        world.write();
        world.journal.advance(&world.shared);
        assert_eq!(disk.read(&path).expect("it is there"), ANNOUNCEMENT, "{policy:?}");
        assert!(world.journal.needs_rewrite());
    }
}

/// A journal that is off, and then writes aside.
fn aside(path: &str) -> World {
    let world = World::new(AppendFsync::Always, "/dev/null");
    world.journal.close(&world.shared);
    world.journal.cut(world.shared.keyspace.log());
    world.journal.open_aside(&world.shared, open(path));
    world
}

#[test]
fn workers_write_what_goes_aside_and_nothing_gathers() {
    let world = aside(UNSYNCED);
    let World { shared, journal, .. } = &world;
    let position = world.write();
    assert!(journal.release(shared, 0, position), "with `always`, too: nobody waits for the sync");
    assert_eq!(
        journal.finish_aside(shared),
        Err("syncing /dev/null up to byte 112 failed: Invalid argument (os error 22)".to_owned())
    );
    // It has ended all the same, and what follows is let go.
    let position = world.write();
    assert!(journal.release(shared, 0, position));
    assert_eq!((journal.is_on(), journal.lost()), (false, None));
    assert_eq!(shared.write_refusal(), None);
}

#[test]
fn what_was_lost_of_one_log_aside_is_not_told_of_the_next() {
    let world = aside(FULL);
    let World { shared, journal, .. } = &world;
    let position = world.write();
    assert!(journal.release(shared, 0, position), "it is let go");
    journal.end_aside(shared);
    assert_eq!(journal.lost(), None);
    world.write();
    journal.cut(shared.keyspace.log());
    journal.open_aside(shared, open(FULL));
    world.write();
    let reason = journal.finish_aside(shared).expect_err("it takes no bytes");
    assert!(reason.contains("/dev/full"), "{reason}");
}

#[test]
fn an_append_that_is_delayed_takes_no_wake_up_from_the_persistence_thread() {
    // As long as a thread parks that nobody has woken.
    const LONG_NS: u64 = 60_000_000_000;
    let world = World::new(AppendFsync::EverySecond, UNSYNCED);
    let World { shared, journal, .. } = &world;
    let position = world.write();
    journal.delay_appends(1000);
    std::thread::current().unpark();
    let before_ns = monotonic_ns();
    journal.advance(shared);
    assert!(monotonic_ns() - before_ns >= 1_000_000);
    assert_eq!(journal.released(), position);
    let before_ns = monotonic_ns();
    std::thread::park_timeout(std::time::Duration::from_nanos(LONG_NS));
    assert!(monotonic_ns() - before_ns < LONG_NS);
}
