//! BACKUP: the machine does what is asked for, and the client and what he has sent behind it wait for that.

use std::sync::Arc;

use engine::errand::{Done, Ended, Errand, Lending, OpenFile, Opened, Outcome, Role};
use engine::sealing::{Stage, Status, Step};

use crate::world::World;

#[test]
fn what_stands_behind_an_errand_waits_for_its_end() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    assert_eq!(world.ask(peer, "BACKUP READ 7 1 2 3\r\nBACKUP CLOSE 7 DONE\r\nPING"), "");
    let (errand, to, waiter) = world.take_errand().expect("it was asked for");
    assert_eq!(errand, Errand::Read { token: 7, file: 1, offset: 2, length: 3 });
    assert!(world.take_errand().is_none(), "the next one waits");
    world.end_errand(Ended { result: Ok(Done::Bytes(b"abc"[..].into())), to, waiter });
    assert_eq!(world.read(peer), "$3\r\nabc\r\n");
    world.turn(0);
    let (errand, to, waiter) = world.take_errand().expect("it was asked for");
    assert_eq!(errand, Errand::Lend(Lending::Close { token: 7, outcome: Outcome::Done }));
    world.end_errand(Ended { result: Err("no".to_owned()), to, waiter });
    assert_eq!(world.read(peer), "-ERR no\r\n");
    world.turn(0);
    assert_eq!(world.read(peer), "+PONG\r\n");
}

#[test]
fn open_files_are_told_as_a_map() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    assert_eq!(world.ask(peer, "BACKUP OPEN KEEP me 60"), "");
    let (errand, to, waiter) = world.take_errand().expect("it was asked for");
    let Errand::Lend(Lending::Open { keep: Some(keep) }) = errand else { panic!("it is kept") };
    assert_eq!((&*keep.name, keep.seconds), ("me", 60));
    let file = OpenFile { role: Role::Base, sequence: 2, name: "a.rdb".to_owned(), length: 9 };
    let opened = Opened { token: 5, folder: "d".to_owned(), prefix: "a".to_owned(), files: vec![file] };
    world.end_errand(Ended { result: Ok(Done::Opened(opened)), to, waiter });
    let told = world.read(peer);
    assert!(told.starts_with("*10\r\n$5\r\ntoken\r\n:5\r\n$7\r\nversion\r\n"), "{told}");
    assert!(told.ends_with("$5\r\nfiles\r\n*1\r\n*4\r\n$4\r\nbase\r\n:2\r\n$5\r\na.rdb\r\n:9\r\n"), "{told}");
}

#[test]
fn whoever_is_unblocked_does_not_get_it() {
    let mut world = World::new(1, &[]);
    let (peer, other) = (world.connect(0), world.connect(0));
    let id = world.ask(peer, "CLIENT ID");
    assert_eq!(world.ask(peer, "BACKUP OPEN"), "");
    let (_, to, waiter) = world.take_errand().expect("it was asked for");
    let unblock = format!("CLIENT UNBLOCK {}", id.trim().trim_start_matches(':'));
    assert_eq!(world.ask(other, &unblock), ":1\r\n");
    world.settle();
    assert_eq!(world.read(peer), "-ERR it goes on, but nobody waits for it any more\r\n");
    world.end_errand(Ended { result: Ok(Done::Ok), to, waiter });
    assert_eq!(world.read(peer), "");
}

#[test]
fn nothing_is_read_for_a_client_that_does_not_take_what_it_is_owed() {
    const READS: usize = 200;
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    world.send(peer, &"BACKUP READ 7 1 2 3000000\r\n".repeat(READS));
    let bytes: Arc<[u8]> = vec![b'x'; 3_000_000].into();
    let (mut read, mut taken) = (0, 0);
    while read < READS {
        let before = read;
        while let Some((_, to, waiter)) = world.take_errand() {
            read += 1;
            world.end_errand(Ended { result: Ok(Done::Bytes(Arc::clone(&bytes))), to, waiter });
            world.turn(0);
        }
        assert_eq!(read - before, 2, "beyond 4 MiB the next one waits");
        assert_eq!(Arc::strong_count(&bytes), 3, "nothing is copied");
        for _ in 0..3 {
            world.turn(0);
        }
        assert!(world.take_errand().is_none());
        taken += world.read_bytes(peer).len();
        world.turn(0);
    }
    assert_eq!(taken, READS * (3_000_000 + "$3000000\r\n\r\n".len()));
    assert_eq!(world.ask(peer, "PING"), "+PONG\r\n");
}

#[test]
fn whoever_wants_no_replies_gets_no_bytes() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    assert_eq!(world.ask(peer, "CLIENT REPLY OFF\r\nBACKUP READ 7 1 2 3"), "");
    let (_, to, waiter) = world.take_errand().expect("it was asked for");
    world.end_errand(Ended { result: Ok(Done::Bytes(b"abc"[..].into())), to, waiter });
    assert_eq!(world.read(peer), "");
    assert_eq!(world.ask(peer, "CLIENT REPLY ON"), "+OK\r\n");
}

#[test]
fn the_steps_of_a_backup_are_errands_and_what_is_told_of_it_is_not() {
    let mut world = World::new(1, &[]);
    let peer = world.connect(0);
    for (word, step) in
        [("START", Step::Start), ("SEAL", Step::Seal), ("ABORT", Step::Abort), ("CLEANUP", Step::Cleanup)]
    {
        assert_eq!(world.ask(peer, &format!("BACKUP {word}")), "");
        let (errand, to, waiter) = world.take_errand().expect("it was asked for");
        assert_eq!(errand, Errand::Backup(step));
        world.end_errand(Ended { result: Ok(Done::Ok), to, waiter });
        assert_eq!(world.read(peer), "+OK\r\n");
    }
    let files = vec!["/data/backupdir/a".to_owned(), "/data/backupdir/b".to_owned()];
    let error = String::from("no room");
    world.set_backup(Status { stage: Stage::Failed, error, started_s: 5, ended_s: 0, files });
    assert_eq!(
        world.ask(peer, "BACKUP STATUS"),
        "*8\r\n$5\r\nstate\r\n$6\r\nfailed\r\n$5\r\nerror\r\n$7\r\nno room\r\n$10\r\nstart_time\r\n$1\r\n5\r\n\
         $8\r\nend_time\r\n$1\r\n0\r\n"
    );
    let list = "*2\r\n$17\r\n/data/backupdir/a\r\n$17\r\n/data/backupdir/b\r\n";
    assert_eq!(world.ask(peer, "BACKUP LIST"), list);
    let told = "backup_in_progress:0\r\nbackup_state:failed\r\nbackup_start_time:5\r\n";
    assert!(world.ask(peer, "INFO persistence").contains(told));
    world.set_backup(Status { stage: Stage::Incrementing, ..Status::default() });
    assert!(
        world.ask(peer, "INFO persistence").contains("backup_in_progress:1\r\nbackup_state:incrementing\r\n")
    );
    assert!(world.take_errand().is_none());
}
