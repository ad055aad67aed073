//! The log: what several workers append is read once, and in the order of its numbers. `tests/concurrency.rs` has them on threads.

use super::*;

fn run(texts: &[&str]) -> Run {
    let mut run = Run::default();
    for text in texts {
        run.bytes.extend_from_slice(text.as_bytes());
        run.records.push(Record { unit: 0, database: DbIndex(0), end: run.bytes.len(), is_message: false });
    }
    run
}

fn texts(run: &Run) -> Vec<String> {
    run.iter().map(|(_, text)| String::from_utf8(text.to_vec()).expect("text")).collect()
}

fn taken(log: &Log) -> (u64, Vec<String>) {
    let mut taken = Run::default();
    let position = log.take(&mut taken).0;
    (position, texts(&taken))
}

fn words(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

#[test]
fn effects_are_taken_once_and_in_the_order_in_which_they_came() {
    let log = Log::new(1);
    assert_eq!(log.append(0, &mut run(&["a", "bc"])), LogPosition(2));
    let mut second = run(&["", "d"]);
    log.append(0, &mut second);
    assert!(second.is_empty(), "its buffers can be used again");
    assert_eq!(taken(&log), (4, words(&["a", "bc", "", "d"])));
    assert_eq!(taken(&log), (4, words(&[])));
}

#[test]
fn the_effects_of_several_workers_are_put_together_by_their_numbers() {
    let log = Log::new(3);
    for (worker, texts) in
        [(2, &["a", "b"][..]), (0, &["c"]), (0, &["d"]), (2, &["e"]), (1, &["f", "g"]), (0, &["h"])]
    {
        log.append(worker, &mut run(texts));
    }
    assert_eq!(taken(&log), (8, words(&["a", "b", "c", "d", "e", "f", "g", "h"])));
    log.append(1, &mut run(&["i"]));
    assert_eq!(taken(&log), (9, words(&["i"])));
}

/// What stands beyond a number that has been drawn, and not been appended when its lane was taken, waits.
#[test]
fn nothing_is_read_before_what_has_an_earlier_number() {
    let log = Log::new(2);
    log.append(0, &mut run(&["a"]));
    // Worker 0 has drawn 1, as it does with its lane locked: the reader has been there before.
    log.position.fetch_add(1, Ordering::AcqRel);
    log.append(1, &mut run(&["c"]));
    log.append(1, &mut run(&["d"]));
    let mut reader = log.reader.lock().expect(UNBROKEN);
    let mut into = Run::default();
    let mut look = |into: &mut Run| {
        for (lane, taken) in log.lanes.iter().zip(&mut reader.taken) {
            taken.refill(&mut lane.lock().expect(UNBROKEN));
        }
        reader.read(into);
        reader.position
    };
    assert_eq!(look(&mut into), 1);
    assert_eq!(texts(&into), ["a"]);
    log.append(1, &mut run(&["e"]));
    assert_eq!(look(&mut into), 1);
    let mut lane = log.lanes[0].lock().expect(UNBROKEN);
    lane.append(&mut run(&["b"]));
    lane.number(2);
    drop(lane);
    assert_eq!(look(&mut into), 5);
    assert_eq!(texts(&into), ["a", "b", "c", "d", "e"]);
}
