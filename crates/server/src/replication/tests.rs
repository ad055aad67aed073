//! When snapshots begin, and which acknowledgement stands for which place in the log.

use std::sync::atomic::AtomicUsize;

use config::Config;
use disk::{Call, Disk, Double};
use engine::Shared;
use engine::client::ClientRecord;
use engine::replication::Facts;
use engine::shared::Identity;
use keyspace::{Access, DbIndex, Expiry, Keyspace, Options, WorkerId};
use node::Side;
use stdx::time::UnixMs;

use super::*;
use crate::laboratory::plant::{Plant, config, empty_disk, path};
use crate::snapshot_file::{Form, Manner};

/// The bytes of the question what a replica has.
const QUESTION: u64 = 37;

struct World {
    shared: Shared,
    replication: Replication,
}

impl World {
    fn new() -> Self {
        let keyspace = Arc::new(Keyspace::new(Options {
            databases: 1,
            shards: 16,
            workers: 1,
            hash_key: stdx::hash::HashKey([1, 2]),
            encode: persist::encode_effect,
        }));
        let shared = Shared::new(keyspace, Config::default(), Identity::default(), 1, clock::monotonic_ns);
        let replication = Replication::new(vec![Arc::new(Mailbox::new(|| ()))]);
        replication.introduce(&shared.replicas);
        Self { shared, replication }
    }

    /// A replica asks to follow. True: a snapshot is to begin for it.
    fn attach(&self, id: u64) -> bool {
        let record = Arc::new(ClientRecord { id, ..ClientRecord::default() });
        let replica = self.shared.replicas.join(&record, Facts::default(), true, UnixMs(0));
        self.replication.attach(&replica, None)
    }

    /// One that is online.
    fn follow(&self, id: u64) {
        assert!(self.attach(id));
        self.shared.keyspace.set_recording(true);
        assert_eq!(self.replication.cut(self.shared.keyspace.position()), Some(Content::All));
        let disk = Disk::new(Arc::new(Double::new("/data".as_ref(), 1)));
        let path = "/data/snapshot".as_ref();
        disk.write(path, b"REDIS").expect("nothing fails");
        let file = Arc::new(disk.open(path).expect("it is there"));
        self.replication.end_snapshot(Some(&Written { file, length: 5 }), 0);
        self.shared.replicas.get(id).expect("it has joined").set_phase(Phase::Online);
    }

    /// Sets a key; gives the place in the log behind that.
    fn write(&self) -> LogPosition {
        let mut access = Access::new(&self.shared.keyspace, WorkerId(0), 1);
        let key = self.shared.keyspace.key(b"key");
        access.begin(UnixMs(1));
        access.lock(&mut [access.shard_of(&key)]);
        access.db(DbIndex(0)).set_string(&key, b"value", Expiry::Clear);
        access.unlock();
        access.end();
        access.last_effect()
    }

    /// The stream is told what the log holds.
    fn feed(&self) {
        let mut run = Run::default();
        let position = self.shared.keyspace.log().take(&mut run);
        self.replication.feed(&run, position);
    }

    fn offset(&self) -> u64 {
        self.shared.replicas.history().offset
    }
}

#[test]
fn what_is_answered_to_the_question_behind_a_change_acknowledges_the_change() {
    let world = World::new();
    world.follow(1);
    let place = world.write();
    world.replication.ask(place);
    assert_eq!(world.offset(), QUESTION, "it is asked for what it has already");
    world.feed();
    let before_question = world.offset() - QUESTION;
    world.shared.replicas.acknowledge(1, before_question - 1, UnixMs(0));
    assert_eq!(world.shared.replicas.acknowledged(place), 0);
    world.shared.replicas.acknowledge(1, before_question, UnixMs(0));
    assert_eq!(world.shared.replicas.acknowledged(place), 1);
}

#[test]
fn a_question_that_waits_for_a_change_is_not_forgotten_over_another_one() {
    let offsets = [false, true].map(|is_asked_again| {
        let world = World::new();
        world.follow(1);
        let before = world.shared.keyspace.position();
        let place = world.write();
        world.replication.ask(place);
        if is_asked_again {
            world.replication.ask(before);
        }
        world.feed();
        world.offset()
    });
    assert_eq!(offsets[1], offsets[0] + QUESTION, "both are asked behind it");
}

#[test]
fn after_a_snapshot_that_failed_the_next_one_begins_a_second_later() {
    let world = World::new();
    let replication = &world.replication;
    assert!(!replication.wants_snapshot(0));
    assert!(world.attach(1) && replication.wants_snapshot(0));
    assert!(replication.cut(LogPosition(0)).is_some());
    world.attach(2);
    replication.end_snapshot(None, 5);
    assert!(!replication.wants_snapshot(5) && !replication.wants_snapshot(SECOND_NS + 4));
    assert!(replication.wants_snapshot(SECOND_NS + 5));

    assert!(replication.cut(LogPosition(0)).is_some());
    replication.detach(2);
    replication.end_snapshot(None, 2 * SECOND_NS);
    world.attach(3);
    assert!(replication.wants_snapshot(2 * SECOND_NS), "nothing was wrong, for nobody wanted it any more");
}

#[test]
fn the_file_of_a_snapshot_has_no_name_while_it_is_written() {
    let double = empty_disk(1);
    let plant = Plant::start(&double, config(&[("appendonly", "no")])).expect("there is nothing to load");
    let node = &plant.node;
    let disk = Disk::new(Arc::new(double.clone()));
    for content in [Content::All, Content::Libraries, Content::Nothing] {
        let mut access = Access::new(&node.shared.keyspace, node.side(Side::Persistence), 1);
        access.begin(UnixMs(1));
        let image = node.image(&mut access, || ());
        access.end();
        let path = path("temp-replica.rdb");
        let (appends, watched) = (Arc::new(AtomicUsize::new(0)), (disk.clone(), path.clone()));
        let counter = Arc::clone(&appends);
        double.watch(move |call| {
            if call == Call::Append {
                assert_eq!(watched.0.length(&watched.1).expect("nothing fails"), None, "it has its name");
                counter.fetch_add(1, Ordering::Relaxed);
            }
        });
        let (replication, form) = (Replication::new(Vec::new()), Form::dump(&Config::default()));
        let written = write((&replication, &disk), &path, (image, content), form, Manner::Alone);
        let Written { file, length } = written.expect("nothing fails");
        assert!(appends.load(Ordering::Relaxed) > 0);
        let mut bytes = vec![0; length as usize];
        assert_eq!(file.read_at(0, &mut bytes).expect("nothing fails"), bytes.len());
        assert!(bytes.starts_with(b"REDIS"), "{content:?}");
    }
}
