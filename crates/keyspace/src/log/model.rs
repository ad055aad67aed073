//! The log in every interleaving of workers and a reader.

use loom::sync::Arc;
use loom::thread;

use super::*;

/// The effect of a worker that has counted so far, under a lock that orders it.
fn append(log: &Log, worker: usize, count: &Mutex<u8>) {
    let mut count = count.lock().expect("no panic");
    let record = Record { unit: worker as u64, database: DbIndex(0), end: 1, is_message: false };
    log.append(worker, &mut Run { bytes: vec![*count], records: vec![record] });
    *count += 1;
}

/// Reads what is there; all that was appended before must be.
fn take(log: &Log, read: &mut Vec<u8>) {
    let before = log.position();
    let mut into = Run::default();
    let behind = log.take(&mut into);
    assert!(behind >= before, "what was there is read");
    read.extend_from_slice(&into.bytes);
    assert_eq!(behind.0 as usize, read.len(), "without a gap");
}

#[test]
fn log_has_the_order_of_the_locks_and_everything_that_was_seen() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let state = Arc::new((Log::new(2), Mutex::new(0)));
        let workers: Vec<_> = (0..2)
            .map(|worker| {
                let state = Arc::clone(&state);
                thread::spawn(move || append(&state.0, worker, &state.1))
            })
            .collect();
        let mut read = Vec::new();
        take(&state.0, &mut read);
        workers.into_iter().for_each(|worker| worker.join().expect("it ends"));
        take(&state.0, &mut read);
        assert_eq!(read, [0, 1]);
    });
}

/// Without a lock that orders them: any order is right, but whoever has appended finds it read.
#[test]
fn worker_that_reads_finds_its_own() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let log = Arc::new(Log::new(2));
        let other = Arc::clone(&log);
        let worker = thread::spawn(move || {
            append(&other, 1, &Mutex::new(1));
        });
        append(&log, 0, &Mutex::new(0));
        let mut read = Vec::new();
        take(&log, &mut read);
        assert!(read.contains(&0));
        worker.join().expect("it ends");
        take(&log, &mut read);
        read.sort_unstable();
        assert_eq!(read, [0, 1]);
    });
}
