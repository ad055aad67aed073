//! The journal on devices that take bytes and cannot be synced, or take none.

use config::Config;
use engine::shared::Identity;
use keyspace::{Access, DbIndex, Expiry, Keyspace, Options, WorkerId};

use super::*;

/// It takes bytes, but cannot be synced.
const UNSYNCED: &str = "/dev/null";
/// It takes no bytes.
const FULL: &str = "/dev/full";

struct World {
    shared: Shared,
    journal: Journal,
    folder: tempfile::TempDir,
}

impl World {
    /// A journal that appends to this file.
    fn new(policy: AppendFsync, path: &str) -> Self {
        let keyspace = Arc::new(Keyspace::new(Options {
            databases: 1,
            shards: 16,
            workers: 1,
            hash_key: stdx::hash::HashKey([1, 2]),
            encode: persist::encode_effect,
        }));
        keyspace.set_recording(true);
        let shared = Shared::new(keyspace, Config::default(), Identity::default(), 1, monotonic_ns);
        let journal = Journal::new(vec![Arc::new(Mailbox::new(|| ()))]);
        journal.configure(policy, false);
        journal.open(open(path), Chain::default(), 0);
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

    /// A rewrite begins and goes on with this file.
    fn begin_rewrite(&self, path: &str) {
        self.journal.cut(self.shared.keyspace.log());
        self.journal.switch(&self.shared, open(path));
    }

    /// The path of a file that takes bytes and can be synced.
    fn good_file(&self) -> String {
        let path = self.folder.path().join("increment");
        std::fs::write(&path, "").expect("the folder can be written");
        path.to_str().expect("the path is text").to_owned()
    }
}

fn open(path: &str) -> Increment {
    Increment::open(path.into()).expect("the file is there")
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
    journal.trust(shared, 0);
    assert_eq!(journal.released(), LogPosition(0));
    assert!(journal.needs_rewrite());
    world.begin_rewrite(&world.good_file());
    assert_eq!(journal.released(), LogPosition(0), "not before the new base is there");
    journal.trust(shared, 0);
    assert_eq!(journal.released(), LogPosition(2));
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

#[test]
fn what_a_full_disk_does_not_take_is_kept_and_not_released() {
    let world = World::new(AppendFsync::EverySecond, FULL);
    let World { shared, journal, .. } = &world;
    let position = world.write();
    assert!(!journal.release(shared, 0, position));
    let (size, buffered) = journal.sizes();
    assert!(size == 0 && buffered > 0);
    let refusal = shared.write_refusal().expect("writes are refused");
    assert_eq!(refusal, "MISCONF Errors writing to the AOF file: No space left on device");
    assert!(!journal.needs_rewrite(), "there may be room again");
    // What a rewrite finds in the buffer is in its snapshot.
    world.begin_rewrite(&world.good_file());
    assert!(!journal.release(shared, 0, position), "the new base is not there yet");
    journal.trust(shared, 0);
    assert_eq!(journal.released(), position);
    assert_eq!(shared.write_refusal(), None);
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
