//! Many workers that write at the same time.

use std::sync::mpsc::{Receiver, channel};

use super::*;

const WORKERS: usize = 4;
const WRITES: usize = 300;
const KEYS: usize = 3;

/// A worker: what it waits on, its letters, and the journal.
struct Member<'w> {
    index: usize,
    woken: Receiver<()>,
    mailbox: Arc<Mailbox<Letter>>,
    world: &'w World,
    /// How often each key has been set; counted with the shard of the key locked.
    counts: &'w [AtomicU64; KEYS],
}

impl Member<'_> {
    /// Sets a key to what it was set to so often; gives the place behind that, and the value.
    fn write(&self, access: &mut Access<'_>, key: usize) -> (LogPosition, String) {
        let name = format!("key{key}");
        let name = self.world.shared.keyspace.key(name.as_bytes());
        access.begin(stdx::time::UnixMs(1));
        access.lock(&mut [access.shard_of(&name)]);
        let value = format!("<{key}:{}>", self.counts[key].fetch_add(1, Ordering::Relaxed));
        access.db(DbIndex(0)).set_string(&name, value.as_bytes(), Expiry::Clear);
        access.unlock();
        access.end();
        (access.last_effect(), value)
    }

    /// Waits until a reply may go, as a worker does.
    fn wait(&self, position: LogPosition) {
        let World { shared, journal, .. } = self.world;
        let mut is_there = journal.release(shared, self.index, position);
        while !is_there {
            if journal.wants_thread() {
                journal.advance(shared);
            }
            self.woken.recv().expect("a letter comes");
            self.mailbox.take(&mut Vec::new());
            is_there = journal.released() >= position || journal.release(shared, self.index, position);
        }
    }

    fn run(&self) {
        let mut access = Access::new(&self.world.shared.keyspace, WorkerId(self.index), 1);
        for number in 0..WRITES {
            let (position, value) = self.write(&mut access, (number + self.index) % KEYS);
            self.wait(position);
            assert!(self.world.written().contains(&value), "{value} was acknowledged before it was written");
        }
    }
}

impl World {
    fn written(&self) -> String {
        let bytes = std::fs::read(self.good_file_path()).expect("it is there");
        String::from_utf8(bytes).expect("all values are text")
    }
}

#[test]
fn all_are_answered_behind_their_effects_and_the_file_has_the_order_of_the_locks() {
    check(AppendFsync::EverySecond);
}

/// Whoever finds that the persistence thread is wanted takes its place.
#[test]
fn so_it_is_when_they_wait_for_syncs_however_long_these_take() {
    check(AppendFsync::Always);
}

fn check(policy: AppendFsync) {
    let (mailboxes, woken): (Vec<_>, Vec<_>) = (0..WORKERS)
        .map(|_| {
            let (wake, woken) = channel();
            (Arc::new(Mailbox::new(move || wake.send(()).unwrap_or_default())), woken)
        })
        .unzip();
    let world = World::of(mailboxes.clone(), policy, open("/dev/null"));
    world.begin_rewrite(&world.good_file());
    world.journal.trust(&world.shared, 0);
    let counts = std::array::from_fn(|_| AtomicU64::new(0));
    std::thread::scope(|scope| {
        for (index, (mailbox, woken)) in mailboxes.into_iter().zip(woken).enumerate() {
            let member = Member { index, woken, mailbox, world: &world, counts: &counts };
            scope.spawn(move || member.run());
        }
    });
    let written = world.written();
    for (key, count) in counts.iter().enumerate() {
        let begin = format!("<{key}:");
        let values = written.split(&begin).skip(1).map(|rest| rest.split('>').next().expect("one part"));
        let values: Vec<u64> = values.map(|value| value.parse().expect("a number")).collect();
        assert_eq!(values, (0..count.load(Ordering::Relaxed)).collect::<Vec<_>>());
    }
}

/// As if the persistence thread had the journal: nobody waits for it but one.
#[test]
fn one_who_finds_another_writing_goes_on_and_is_told() {
    let mailboxes: Vec<_> = (0..2).map(|_| Arc::new(Mailbox::new(|| ()))).collect();
    let world = World::of(mailboxes.clone(), AppendFsync::EverySecond, open("/dev/null"));
    world.begin_rewrite(&world.good_file());
    let World { shared, journal, .. } = &world;
    let first = world.write();
    let mut second = None;
    let mut letters = Vec::new();
    let outcome = journal.pen.write_or_ask(&journal.promises, 0, first, || {
        let effort = journal.write_as_worker(shared);
        if second.is_none() {
            let position = world.write();
            assert!(!journal.release(shared, 1, position), "another one has the pen");
            mailboxes[1].take(&mut letters);
            assert!(letters.is_empty());
            second = Some(position);
        }
        effort
    });
    assert_eq!((outcome, Some(journal.released())), (Outcome::Wrote, second));
    mailboxes[1].take(&mut letters);
    assert!(matches!(letters[..], [Letter::Node(Mail::Released)]));
    assert!(
        !journal.wants_thread() || journal.next_advance_ns().is_some(),
        "the thread has nothing to write"
    );
}
